//! Endpoints. Mirrors pkg/registry/core/endpoints/strategy.go (v1.36).

use k8s_openapi::api::core::v1::Endpoints as Api;
use seatrial_api::Endpoints;
use seatrial_api::field::{ErrorList, Path};

use crate::strategy::Strategy;
use crate::validation;

impl Strategy for Endpoints {
    const ALLOW_CREATE_ON_UPDATE: bool = true;

    fn validate(api: &Api) -> ErrorList {
        let name = seatrial_api::names::name_is_dns_subdomain;
        validation::validate_object_meta(&api.metadata, validation::Scope::Namespaced, name, &Path::new("metadata"))
    }

    fn validate_update(new: &Api, old: &Api) -> ErrorList {
        validation::validate_object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"))
    }
}
