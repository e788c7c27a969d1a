//! Secrets. Mirrors pkg/registry/core/secret/strategy.go (v1.36).

use k8s_openapi::api::core::v1::Secret as Api;
use seatrial_api::Secret;
use seatrial_api::field::ErrorList;

use crate::strategy::Strategy;
use crate::{defaults, validation};

impl Strategy for Secret {
    fn set_defaults(api: &mut Api) {
        defaults::set_defaults_secret(api);
    }

    fn validate(api: &Api) -> ErrorList {
        validation::validate_secret(api)
    }

    fn warnings_on_create(api: &Api) -> Vec<String> {
        validation::warnings_for_secret(api)
    }

    fn validate_update(new: &Api, old: &Api) -> ErrorList {
        validation::validate_secret_update(new, old)
    }
}
