//! Events. Mirrors pkg/registry/core/event/strategy.go (v1.36).

use k8s_openapi::api::core::v1::Event as Api;
use seatrial_api::Event;
use seatrial_api::field::ErrorList;

use crate::strategy::Strategy;
use crate::{defaults, validation};

impl Strategy for Event {
    const ALLOW_CREATE_ON_UPDATE: bool = true;

    fn set_defaults(api: &mut Api) {
        defaults::set_defaults_event(api);
    }

    fn validate(api: &Api) -> ErrorList {
        validation::validate_event_create(api)
    }

    fn validate_strict(api: &Api) -> ErrorList {
        validation::validate_event_create_strict(api)
    }

    fn validate_update_strict(new: &Api, old: &Api) -> ErrorList {
        validation::validate_event_update_strict(new, old)
    }

    fn validate_update(new: &Api, _old: &Api) -> ErrorList {
        validation::validate_event_update(new)
    }
}
