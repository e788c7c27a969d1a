//! ConfigMaps. Mirrors pkg/registry/core/configmap/strategy.go (v1.36).

use k8s_openapi::api::core::v1::ConfigMap as Api;
use seatrial_api::ConfigMap;
use seatrial_api::field::ErrorList;

use crate::strategy::Strategy;
use crate::validation;

impl Strategy for ConfigMap {
    fn validate(api: &Api) -> ErrorList {
        validation::validate_config_map(api)
    }

    fn validate_update(new: &Api, old: &Api) -> ErrorList {
        validation::validate_config_map_update(new, old)
    }
}
