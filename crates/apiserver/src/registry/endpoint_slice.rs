//! EndpointSlices. Mirrors pkg/registry/discovery/endpointslice/strategy.go (v1.36).

use k8s_openapi::api::discovery::v1::{Endpoint, EndpointSlice as Api};
use seatrial_api::field::ErrorList;
use seatrial_api::{EndpointSlice, Shared};

use crate::strategy::Strategy;
use crate::{defaults, validation};

impl Strategy for EndpointSlice {
    const VALIDATES_AS_PREPARED: bool = true;

    fn set_defaults(api: &mut Api) {
        defaults::set_defaults_endpoint_slice(api);
    }

    /// The topology of older versions is dropped without a word.
    fn prepare_for_create(&mut self) {
        self.meta.generation = 1;
        if self.endpoints.iter().any(|endpoint| endpoint.deprecated_topology.is_some()) {
            let plain =
                |e: &Shared<Endpoint>| Shared::new(Endpoint { deprecated_topology: None, ..Endpoint::clone(e) });
            self.endpoints = self.endpoints.iter().map(plain).collect();
        }
    }

    fn prepare_for_update(&mut self, old: &Self) {
        let same = self.endpoints == old.endpoints && self.ports == old.ports && self.address_type == old.address_type;
        if !same || self.meta.labels != old.meta.labels {
            self.meta.generation += 1;
        }
    }

    fn validate(api: &Api) -> ErrorList {
        validation::validate_endpoint_slice(api)
    }

    fn validate_update(new: &Api, old: &Api) -> ErrorList {
        validation::validate_endpoint_slice_update(new, old)
    }

    fn warnings_on_create(api: &Api) -> Vec<String> {
        validation::warnings_for_endpoint_slice(api)
    }

    fn warnings_on_update(new: &Api, _old: &Api) -> Vec<String> {
        validation::warnings_for_endpoint_slice(new)
    }
}
