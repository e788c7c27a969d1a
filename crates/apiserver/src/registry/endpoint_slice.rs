//! EndpointSlices. Mirrors pkg/registry/discovery/endpointslice/strategy.go (v1.36).

use k8s_openapi::api::discovery::v1::EndpointSlice as Api;
use seatrial_api::EndpointSlice;
use seatrial_api::field::{ErrorList, Path};

use crate::strategy::Strategy;
use crate::validation;

impl Strategy for EndpointSlice {
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
