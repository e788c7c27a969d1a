//! ReplicationControllers. Mirrors pkg/registry/core/replicationcontroller/strategy.go (v1.36).

use k8s_openapi::api::core::v1::ReplicationController as Api;
use seatrial_api::ReplicationController;
use seatrial_api::field::ErrorList;

use crate::endpoints::Scale;
use crate::strategy::{DefaultPropagation, Strategy};
use crate::{defaults, validation};

impl Strategy for ReplicationController {
    const HAS_STATUS: bool = true;
    const HAS_SCALE: bool = true;
    const DEFAULT_PROPAGATION: DefaultPropagation = DefaultPropagation::Orphan;

    fn set_defaults(api: &mut Api) {
        defaults::set_defaults_replication_controller(api);
    }

    fn prepare_for_create(&mut self) {
        self.status = Default::default();
        self.meta.generation = 1;
    }

    fn prepare_for_update(&mut self, old: &Self) {
        self.status.clone_from(&old.status);
        if self.spec != old.spec {
            self.meta.generation += 1;
        }
    }

    fn prepare_for_status_update(&mut self, old: &Self) {
        self.spec.clone_from(&old.spec);
    }

    fn validate(api: &Api) -> ErrorList {
        validation::validate_replication_controller(api)
    }

    fn validate_update(new: &Api, old: &Api) -> ErrorList {
        validation::validate_replication_controller_update(new, old)
    }

    fn validate_status_update(new: &Api, old: &Api) -> ErrorList {
        validation::validate_replication_controller_status_update(new, old)
    }

    fn warnings_on_create(api: &Api) -> Vec<String> {
        validation::warnings_for_replication_controller(api, None)
    }

    fn warnings_on_update(new: &Api, old: &Api) -> Vec<String> {
        validation::warnings_for_replication_controller(new, Some(old))
    }

    fn scale(&self) -> Scale {
        Scale {
            replicas: self.spec.replicas,
            status_replicas: self.status.replicas,
            selector: self.spec.selector.compiled().to_string(),
        }
    }

    fn set_replicas(&mut self, replicas: i32) {
        self.spec.replicas = replicas;
    }
}
