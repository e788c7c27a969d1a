//! LimitRanges. Mirrors pkg/registry/core/limitrange/strategy.go (v1.36).

use k8s_openapi::api::core::v1::LimitRange as Api;
use seatrial_api::LimitRange;
use seatrial_api::field::ErrorList;

use crate::strategy::Strategy;
use crate::{defaults, validation};

impl Strategy for LimitRange {
    const ALLOW_CREATE_ON_UPDATE: bool = true;

    fn set_defaults(api: &mut Api) {
        defaults::set_defaults_limit_range(api);
    }

    fn validate(api: &Api) -> ErrorList {
        validation::validate_limit_range(api)
    }

    fn validate_update(new: &Api, old: &Api) -> ErrorList {
        validation::validate_limit_range_update(new, old)
    }
}
