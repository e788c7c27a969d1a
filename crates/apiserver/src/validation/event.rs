//! Validation of Events.
//!
//! Mirrors `legacyValidateEvent` in pkg/apis/core/validation (v1.36).

use k8s_openapi::api::core::v1::Event;
use seatrial_api::field::{Error, ErrorList, Path};
use seatrial_api::names::{is_dns1123_subdomain, is_qualified_name};

use super::{invalid_each, text};

const REPORTING_INSTANCE_LENGTH_MAX: usize = 128;
const ACTION_LENGTH_MAX: usize = 128;
const REASON_LENGTH_MAX: usize = 128;
const NOTE_LENGTH_MAX: usize = 1024;

/// An Event to be created through core/v1. Mirrors `ValidateEventCreate`.
#[must_use]
pub fn validate_event_create(event: &Event) -> ErrorList {
    let mut errs = ErrorList::new();
    let namespace = text(&event.metadata.namespace);
    let involved = text(&event.involved_object.namespace);
    let is_old = event.event_time.is_none();
    let fits = if involved.is_empty() {
        namespace == "default" || (!is_old && namespace == "kube-system") || namespace.is_empty()
    } else {
        !is_old || namespace == involved
    };
    if !fits {
        let path = Path::new("involvedObject.namespace");
        errs.push(Error::invalid(&path, involved, "does not match event.namespace"));
    }
    if !is_old {
        validate_new_fields(&mut errs, event);
    }
    let messages = is_dns1123_subdomain(namespace);
    invalid_each(&mut errs, &Path::new("namespace"), namespace, messages);
    errs
}

/// Fields that must be there once the event has an `eventTime`.
fn validate_new_fields(errs: &mut ErrorList, event: &Event) {
    let component = text(&event.reporting_component);
    let path = Path::new("reportingComponent");
    if component.is_empty() {
        errs.push(Error::required(&path, ""));
    }
    invalid_each(errs, &path, component, is_qualified_name(component));
    for (field, value, max) in [
        ("reportingInstance", &event.reporting_instance, REPORTING_INSTANCE_LENGTH_MAX),
        ("action", &event.action, ACTION_LENGTH_MAX),
        ("reason", &event.reason, REASON_LENGTH_MAX),
    ] {
        let path = Path::new(field);
        if text(value).is_empty() {
            errs.push(Error::required(&path, ""));
        } else if text(value).len() > max {
            errs.push(Error::invalid(&path, "", format!("can have at most {max} characters")));
        }
    }
    if text(&event.message).len() > NOTE_LENGTH_MAX {
        let detail = format!("can have at most {NOTE_LENGTH_MAX} characters");
        errs.push(Error::invalid(&Path::new("message"), "", detail));
    }
}
