//! DaemonSets. Mirrors pkg/registry/apps/daemonset/strategy.go (v1.36).
//!
//! The internal `spec.templateGeneration` is an annotation in v1, which only the API server writes.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::DaemonSet as Api;
use seatrial_api::DaemonSet;
use seatrial_api::field::ErrorList;
use serde_json::Value;

use crate::strategy::Strategy;
use crate::{defaults, validation};

impl Strategy for DaemonSet {
    const HAS_STATUS: bool = true;
    const VALIDATES_AS_PREPARED: bool = true;

    fn after_decode(raw: &Value, api: &mut Api) {
        if let Some(spec) = &mut api.spec {
            validation::keep_empty_selector(raw.pointer("/spec/selector"), &mut spec.selector);
        }
    }

    fn conversion_error(api: &Api) -> Option<String> {
        validation::daemon_set_conversion_error(api)
    }

    fn set_defaults(api: &mut Api) {
        defaults::set_defaults_daemon_set(api);
    }

    fn prepare_for_create(&mut self) {
        self.status = Default::default();
        self.meta.generation = 1;
        let generation = template_generation(self);
        set_template_generation(self, generation.max(1));
    }

    fn prepare_for_update(&mut self, old: &Self) {
        self.status.clone_from(&old.status);
        let changed = self.spec.template != old.spec.template;
        set_template_generation(self, template_generation(old) + i64::from(changed));
        if self.spec == old.spec {
            self.spec = Arc::clone(&old.spec);
        } else {
            self.meta.generation += 1;
        }
    }

    fn prepare_for_status_update(&mut self, old: &Self) {
        self.spec = Arc::clone(&old.spec);
        set_template_generation(self, template_generation(old));
    }

    fn validate(api: &Api) -> ErrorList {
        validation::validate_daemon_set(api)
    }

    fn validate_update(new: &Api, old: &Api) -> ErrorList {
        validation::validate_daemon_set_update(new, old)
    }

    fn validate_status_update(new: &Api, old: &Api) -> ErrorList {
        validation::validate_daemon_set_status_update(new, old)
    }

    fn warnings_on_create(api: &Api) -> Vec<String> {
        validation::warnings_for_daemon_set(api, None)
    }

    fn warnings_on_update(new: &Api, old: &Api) -> Vec<String> {
        validation::warnings_for_daemon_set(new, Some(old))
    }
}

fn template_generation(set: &DaemonSet) -> i64 {
    let annotation = set.meta.annotations.get(validation::TEMPLATE_GENERATION);
    annotation.and_then(|text| text.parse().ok()).unwrap_or_default()
}

fn set_template_generation(set: &mut DaemonSet, generation: i64) {
    if set.meta.annotations.get(validation::TEMPLATE_GENERATION) != Some(&generation.to_string()) {
        set.meta.annotations.insert(validation::TEMPLATE_GENERATION, generation.to_string());
    }
}
