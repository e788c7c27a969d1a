//! Jobs. Mirrors pkg/registry/batch/job/strategy.go (v1.36).

use k8s_openapi::api::batch::v1::Job as Api;
use seatrial_api::Job;
use seatrial_api::field::{ErrorList, Path};

use crate::strategy::Strategy;
use crate::validation;

impl Strategy for Job {
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
        let name = seatrial_api::names::name_is_dns_subdomain;
        validation::validate_object_meta(&api.metadata, validation::Scope::Namespaced, name, &Path::new("metadata"))
    }

    fn validate_update(new: &Api, old: &Api) -> ErrorList {
        validation::validate_object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"))
    }
}
