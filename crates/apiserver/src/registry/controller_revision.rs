//! ControllerRevisions. Mirrors pkg/registry/apps/controllerrevision/strategy.go (v1.36).

use k8s_openapi::api::apps::v1::ControllerRevision as Api;
use seatrial_api::ControllerRevision;
use seatrial_api::field::ErrorList;

use crate::strategy::Strategy;
use crate::validation;

impl Strategy for ControllerRevision {
    fn validate(api: &Api) -> ErrorList {
        validation::validate_controller_revision(api)
    }

    fn validate_update(new: &Api, old: &Api) -> ErrorList {
        validation::validate_controller_revision_update(new, old)
    }
}
