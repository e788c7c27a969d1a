//! PriorityClasses. Mirrors pkg/registry/scheduling/priorityclass/strategy.go (v1.36).

use k8s_openapi::api::scheduling::v1::PriorityClass as Api;
use seatrial_api::field::ErrorList;
use seatrial_api::{ApiError, Kind, PriorityClass};

use crate::admission::{AdmissionState, check_priority_class};
use crate::bootstrap::SYSTEM_PRIORITY_CLASSES;
use crate::store::Store;
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

    fn check_create(&self, store: &Store, _state: &mut AdmissionState) -> Result<(), ApiError> {
        check_priority_class(self, None, store)
    }

    fn check_update(&self, old: &Self, store: &Store) -> Result<(), ApiError> {
        check_priority_class(self, Some(old), store)
    }

    fn check_delete(&self) -> Result<(), ApiError> {
        if SYSTEM_PRIORITY_CLASSES.iter().any(|(name, ..)| *name == self.meta.name) {
            let text = "this is a system priority class and cannot be deleted";
            return Err(ApiError::forbidden(&Kind::PriorityClass.resource(), &self.meta.name, text));
        }
        Ok(())
    }
}
