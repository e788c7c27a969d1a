//! Endpoints. Mirrors pkg/registry/core/endpoint/strategy.go (v1.36).

use k8s_openapi::api::core::v1::Endpoints as Api;
use seatrial_api::Endpoints;
use seatrial_api::field::ErrorList;

use crate::strategy::Strategy;
use crate::{defaults, validation};

impl Strategy for Endpoints {
    const ALLOW_CREATE_ON_UPDATE: bool = true;
    const VALIDATES_AS_PREPARED: bool = true;

    fn set_defaults(api: &mut Api) {
        defaults::set_defaults_endpoints(api);
    }

    fn validate(api: &Api) -> ErrorList {
        validation::validate_endpoints(api)
    }

    fn validate_update(new: &Api, old: &Api) -> ErrorList {
        validation::validate_endpoints_update(new, old)
    }
}
