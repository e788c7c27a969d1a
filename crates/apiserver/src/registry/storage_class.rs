//! StorageClasses. Mirrors pkg/registry/storage/storageclass/strategy.go (v1.36).

use k8s_openapi::api::storage::v1::StorageClass as Api;
use seatrial_api::StorageClass;
use seatrial_api::field::{ErrorList, Path};

use crate::strategy::Strategy;
use crate::validation;

impl Strategy for StorageClass {
    const RETURN_DELETED_OBJECT: bool = true;

    fn validate(api: &Api) -> ErrorList {
        let name = seatrial_api::names::name_is_dns_subdomain;
        validation::validate_object_meta(&api.metadata, validation::Scope::Cluster, name, &Path::new("metadata"))
    }

    fn validate_update(new: &Api, old: &Api) -> ErrorList {
        validation::validate_object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"))
    }
}
