//! EndpointSlices. Mirrors pkg/registry/discovery/endpointslice/strategy.go (v1.36).

use k8s_openapi::api::discovery::v1::EndpointSlice as Api;
use seatrial_api::EndpointSlice;
use seatrial_api::field::ErrorList;

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
        self.body.endpoints.iter_mut().flatten().for_each(|endpoint| endpoint.deprecated_topology = None);
    }

    fn prepare_for_update(&mut self, old: &Self) {
        if self.body != old.body || self.meta.labels != old.meta.labels {
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
