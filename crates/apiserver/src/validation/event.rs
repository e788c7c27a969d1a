//! Validation of Events.
//!
//! Mirrors `legacyValidateEvent`, `ValidateEventCreate` and `ValidateEventUpdate` in pkg/apis/core/validation (v1.36).

use k8s_openapi::api::core::v1::Event;
use seatrial_api::field::{BadValue, Error, ErrorList, Path};
use seatrial_api::names::{is_dns1123_subdomain, is_qualified_name, name_is_dns_subdomain};

use super::meta::{Scope, validate_object_meta, validate_object_meta_update};
use super::{FIELD_IMMUTABLE_ERROR_MSG, invalid_each, text};

/// What an update through events.k8s.io/v1 may not change: the field in the error, and in core/v1.
const IMMUTABLE_FIELDS: [(&str, &str); 13] = [
    ("involvedObject", "involvedObject"),
    ("reason", "reason"),
    ("message", "message"),
    ("source", "source"),
    ("firstTimestamp", "firstTimestamp"),
    ("lastTimestamp", "lastTimestamp"),
    ("count", "count"),
    ("type", "type"),
    ("eventTime", "eventTime"),
    ("action", "action"),
    ("related", "related"),
    ("reportingController", "reportingComponent"),
    ("reportingInstance", "reportingInstance"),
];
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

/// An Event to be replaced through core/v1. Mirrors `ValidateEventUpdate`.
#[must_use]
pub fn validate_event_update(new: &Event) -> ErrorList {
    validate_event_create(new)
}

/// What an Event that is created through events.k8s.io/v1 must also obey. Mirrors the strict part of `ValidateEventCreate`.
#[must_use]
pub fn validate_event_create_strict(event: &Event) -> ErrorList {
    let mut errs = validate_event_create(event);
    let metadata = Path::new("metadata");
    errs.extend(validate_object_meta(&event.metadata, Scope::Namespaced, name_is_dns_subdomain, &metadata));
    validate_series(&mut errs, event);
    if event.event_time.is_none() {
        errs.push(Error::required(&Path::new("eventTime"), ""));
    }
    let type_ = text(&event.type_);
    if !matches!(type_, "Normal" | "Warning") {
        errs.push(Error::invalid(&Path::new("type"), "", format!("has invalid value: {type_}")));
    }
    let source = event.source.as_ref();
    for (field, is_set) in [
        ("firstTimestamp", event.first_timestamp.is_some()),
        ("lastTimestamp", event.last_timestamp.is_some()),
        ("count", event.count.is_some_and(|count| count != 0)),
        ("source", source.is_some_and(|source| !text(&source.component).is_empty() || !text(&source.host).is_empty())),
    ] {
        if is_set {
            errs.push(Error::invalid(&Path::new(field), "", "needs to be unset"));
        }
    }
    errs
}

/// What an Event that is replaced through events.k8s.io/v1 must also obey: only the series may change. Mirrors the strict part of
/// `ValidateEventUpdate`.
#[must_use]
pub fn validate_event_update_strict(new: &Event, old: &Event) -> ErrorList {
    let mut errs = validate_event_update(new);
    errs.extend(validate_object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata")));
    if new.series != old.series {
        validate_series(&mut errs, new);
    }
    let fields = |event: &Event| {
        let mut value = serde_json::to_value(event).unwrap_or_default();
        IMMUTABLE_FIELDS.map(|(_, name)| value.get_mut(name).map(serde_json::Value::take).unwrap_or_default())
    };
    for ((field, _), (new, old)) in IMMUTABLE_FIELDS.into_iter().zip(fields(new).into_iter().zip(fields(old))) {
        if new != old {
            errs.push(Error::invalid(&Path::new(field), BadValue::json(&new), FIELD_IMMUTABLE_ERROR_MSG));
        }
    }
    errs
}

/// Mirrors `validateV1EventSeries`.
fn validate_series(errs: &mut ErrorList, event: &Event) {
    let Some(series) = &event.series else { return };
    if series.count.unwrap_or(0) < 2 {
        errs.push(Error::invalid(&Path::new("series.count"), "", "should be at least 2"));
    }
    if series.last_observed_time.is_none() {
        errs.push(Error::required(&Path::new("series.lastObservedTime"), ""));
    }
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
