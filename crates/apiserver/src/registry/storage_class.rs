//! StorageClasses. Mirrors pkg/registry/storage/storageclass/strategy.go (v1.36).

use k8s_openapi::api::storage::v1::StorageClass as Api;
use seatrial_api::StorageClass;
use seatrial_api::field::ErrorList;

use crate::strategy::Strategy;
use crate::{defaults, validation};

impl Strategy for StorageClass {
    const RETURN_DELETED_OBJECT: bool = true;
    const VALIDATES_AS_PREPARED: bool = true;

    fn set_defaults(api: &mut Api) {
        defaults::set_defaults_storage_class(api);
    }

    fn validate(api: &Api) -> ErrorList {
        validation::validate_storage_class(api)
    }

    fn validate_update(new: &Api, old: &Api) -> ErrorList {
        validation::validate_storage_class_update(new, old)
    }
}
