//! PodTemplates. Mirrors pkg/registry/core/podtemplate/strategy.go (v1.36).

use k8s_openapi::api::core::v1::PodTemplate as Api;
use seatrial_api::PodTemplate;
use seatrial_api::field::{ErrorList, Path};

use crate::strategy::Strategy;
use crate::validation;

impl Strategy for PodTemplate {
    const RETURN_DELETED_OBJECT: bool = true;

    fn prepare_for_create(&mut self) {
        self.meta.generation = 1;
    }

    fn prepare_for_update(&mut self, old: &Self) {
        if self.body != old.body {
            self.meta.generation += 1;
        }
    }

    fn validate(api: &Api) -> ErrorList {
        let name = seatrial_api::names::name_is_dns_subdomain;
        validation::validate_object_meta(&api.metadata, validation::Scope::Namespaced, name, &Path::new("metadata"))
    }

    fn validate_update(new: &Api, old: &Api) -> ErrorList {
        validation::validate_object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"))
    }
}
