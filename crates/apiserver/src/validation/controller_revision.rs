//! Validation of ControllerRevisions.
//!
//! Mirrors `ValidateControllerRevision` in pkg/apis/apps/validation (v1.36).

use k8s_openapi::api::apps::v1::ControllerRevision;
use seatrial_api::field::{BadValue, Error, ErrorList, Path};
use seatrial_api::names::name_is_dns_subdomain;
use serde_json::Value;

use super::meta::{Scope, validate_object_meta, validate_object_meta_update};
use super::{FIELD_IMMUTABLE_ERROR_MSG, validate_nonnegative_field};

const METADATA: Path<'static> = Path::new("metadata");
const DATA: Path<'static> = Path::new("data");

/// A ControllerRevision to be created. Mirrors `ValidateControllerRevisionCreate`.
#[must_use]
pub fn validate_controller_revision(revision: &ControllerRevision) -> ErrorList {
    let mut errs = validate_number_and_name(revision);
    match revision.data.as_ref().map(|data| &data.0) {
        None | Some(Value::Null) => errs.push(Error::required(&DATA, "data is mandatory")),
        Some(Value::Object(_)) => {}
        Some(_) => errs.push(Error::required(&DATA, "data must be a valid JSON object")),
    }
    errs
}

fn validate_number_and_name(revision: &ControllerRevision) -> ErrorList {
    let mut errs = validate_object_meta(&revision.metadata, Scope::Namespaced, name_is_dns_subdomain, &METADATA);
    validate_nonnegative_field(&mut errs, revision.revision, &Path::new("revision"));
    errs
}

/// A ControllerRevision to be replaced: what it keeps is not to change. Mirrors `ValidateControllerRevisionUpdate`.
#[must_use]
pub fn validate_controller_revision_update(new: &ControllerRevision, old: &ControllerRevision) -> ErrorList {
    let mut errs = validate_object_meta_update(&new.metadata, &old.metadata, &METADATA);
    errs.extend(validate_number_and_name(new));
    if new.data != old.data {
        errs.push(Error::invalid(&DATA, BadValue::json(&new.data), FIELD_IMMUTABLE_ERROR_MSG));
    }
    errs
}
