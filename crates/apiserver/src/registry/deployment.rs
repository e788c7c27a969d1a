//! Deployments. Mirrors pkg/registry/apps/deployment/strategy.go (v1.36).

use std::sync::Arc;

use k8s_openapi::api::apps::v1::Deployment as Api;
use seatrial_api::Deployment;
use seatrial_api::field::ErrorList;
use serde_json::Value;

use crate::endpoints::Scale;
use crate::strategy::Strategy;
use crate::{defaults, validation};

impl Strategy for Deployment {
    const HAS_STATUS: bool = true;
    const HAS_SCALE: bool = true;

    fn after_decode(raw: &Value, api: &mut Api) {
        if let Some(spec) = &mut api.spec {
            validation::keep_empty_selector(raw.pointer("/spec/selector"), &mut spec.selector);
        }
    }

    fn conversion_error(api: &Api) -> Option<String> {
        validation::deployment_conversion_error(api)
    }

    fn set_defaults(api: &mut Api) {
        defaults::set_defaults_deployment(api);
    }

    fn prepare_for_create(&mut self) {
        self.status = Default::default();
        self.meta.generation = 1;
    }

    /// Annotations bump the generation too: the controller has to copy them to its ReplicaSet.
    fn prepare_for_update(&mut self, old: &Self) {
        self.status.clone_from(&old.status);
        if (!Arc::ptr_eq(&self.spec, &old.spec) && self.spec != old.spec)
            || self.meta.annotations != old.meta.annotations
        {
            self.meta.generation += 1;
        }
    }

    fn prepare_for_status_update(&mut self, old: &Self) {
        self.spec.clone_from(&old.spec);
        self.meta.labels = old.meta.labels.clone();
    }

    fn validate(api: &Api) -> ErrorList {
        validation::validate_deployment(api)
    }

    fn validate_update(new: &Api, old: &Api) -> ErrorList {
        validation::validate_deployment_update(new, old)
    }

    fn validate_status_update(new: &Api, old: &Api) -> ErrorList {
        validation::validate_deployment_status_update(new, old)
    }

    fn warnings_on_create(api: &Api) -> Vec<String> {
        validation::warnings_for_deployment(api)
    }

    fn warnings_on_update(new: &Api, old: &Api) -> Vec<String> {
        validation::warnings_for_changed_deployment(new, old)
    }

    fn scale(&self) -> Scale {
        Scale {
            replicas: self.spec.replicas,
            status_replicas: self.status.replicas,
            selector: self.spec.selector.compiled().to_string(),
        }
    }

    fn set_replicas(&mut self, replicas: i32) {
        Arc::make_mut(&mut self.spec).replicas = replicas;
    }
}
