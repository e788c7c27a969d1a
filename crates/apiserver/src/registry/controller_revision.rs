//! ControllerRevisions. Mirrors pkg/registry/apps/controllerrevision/strategy.go (v1.36).

use k8s_openapi::api::apps::v1::ControllerRevision as Api;
use seatrial_api::ControllerRevision;
use seatrial_api::field::{ErrorList, Path};

use crate::strategy::Strategy;
use crate::validation;

impl Strategy for ControllerRevision {
    fn validate(api: &Api) -> ErrorList {
        let name = seatrial_api::names::name_is_dns_subdomain;
        validation::validate_object_meta(&api.metadata, validation::Scope::Namespaced, name, &Path::new("metadata"))
    }

    fn validate_update(new: &Api, old: &Api) -> ErrorList {
        validation::validate_object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"))
    }
}
