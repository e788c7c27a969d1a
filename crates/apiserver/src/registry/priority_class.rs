//! PriorityClasses. Mirrors pkg/registry/scheduling/priorityclass/strategy.go (v1.36).

use k8s_openapi::api::scheduling::v1::PriorityClass as Api;
use seatrial_api::PriorityClass;
use seatrial_api::field::ErrorList;

use crate::strategy::Strategy;
use crate::{defaults, validation};

impl Strategy for PriorityClass {
    fn set_defaults(api: &mut Api) {
        defaults::set_defaults_priority_class(api);
    }

    fn prepare_for_create(&mut self) {
        self.meta.generation = 1;
    }

    fn prepare_for_update(&mut self, old: &Self) {
        if self.body != old.body {
            self.meta.generation += 1;
        }
    }

    fn validate(api: &Api) -> ErrorList {
        validation::validate_priority_class(api)
    }

    fn validate_update(new: &Api, old: &Api) -> ErrorList {
        validation::validate_priority_class_update(new, old)
    }
}
