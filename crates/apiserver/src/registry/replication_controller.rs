//! ReplicationControllers. Mirrors pkg/registry/core/replicationcontroller/strategy.go (v1.36).

use k8s_openapi::api::core::v1::ReplicationController as Api;
use seatrial_api::ReplicationController;
use seatrial_api::field::ErrorList;

use crate::strategy::Strategy;
use crate::validation;

impl Strategy for ReplicationController {
    const HAS_STATUS: bool = true;
    const DEFAULT_PROPAGATION: crate::strategy::DefaultPropagation = crate::strategy::DefaultPropagation::Orphan;

    fn prepare_for_create(&mut self) {
        self.body.status = Some(Default::default());
        self.meta.generation = 1;
    }

    fn prepare_for_update(&mut self, old: &Self) {
        self.body.status.clone_from(&old.body.status);
        if self.body.spec != old.body.spec {
            self.meta.generation += 1;
        }
    }

    fn prepare_for_status_update(&mut self, old: &Self) {
        self.body.spec.clone_from(&old.body.spec);
    }

    fn validate(api: &Api) -> ErrorList {
        validation::validate_replication_controller(api)
    }

    fn validate_update(new: &Api, old: &Api) -> ErrorList {
        validation::validate_replication_controller_update(new, old)
    }
}
