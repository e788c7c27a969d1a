//! ServiceAccounts. Mirrors pkg/registry/core/serviceaccount/strategy.go (v1.36).

use k8s_openapi::api::core::v1::ServiceAccount as Api;
use seatrial_api::field::{ErrorList, Path};
use seatrial_api::{ServiceAccount, names};

use crate::strategy::Strategy;
use crate::validation::{self, Scope};

impl Strategy for ServiceAccount {
    const RETURN_DELETED_OBJECT: bool = true;

    fn validate(api: &Api) -> ErrorList {
        validation::validate_object_meta(
            &api.metadata,
            Scope::Namespaced,
            names::name_is_dns_subdomain,
            &Path::new("metadata"),
        )
    }

    fn validate_update(new: &Api, old: &Api) -> ErrorList {
        validation::validate_object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"))
    }
}
