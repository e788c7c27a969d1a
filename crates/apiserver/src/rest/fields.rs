//! Which fields of a kind a field selector knows, and how they read.
//!
//! Mirrors the `addFieldLabelConversion` functions of pkg/apis/*/v1 and the `GetAttrs` of pkg/registry (v1.36).

use seatrial_api::selector::FieldSelector;
use seatrial_api::{ApiError, Kind, Object};
use serde_json::Value;

use super::path::Target;
use super::view::View;

/// The fields of a kind beyond `metadata.name` and `metadata.namespace`.
fn known(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Pod => &[
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.podIPs",
            "status.nominatedNodeName",
        ],
        Kind::Node => &["spec.unschedulable"],
        Kind::Namespace => &["status.phase"],
        Kind::Secret => &["type"],
        Kind::Service => &["spec.clusterIP", "spec.type"],
        Kind::ReplicationController | Kind::ReplicaSet => &["status.replicas"],
        Kind::Job => &["status.successful"],
        Kind::Event => &[
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "source",
            "type",
        ],
        _ => &[],
    }
}

/// The fields of Events as `events.k8s.io/v1` names them.
const EVENTS_V1_FIELDS: &[&str] = &[
    "regarding.kind",
    "regarding.namespace",
    "regarding.name",
    "regarding.uid",
    "regarding.apiVersion",
    "regarding.resourceVersion",
    "regarding.fieldPath",
    "reason",
    "reportingController",
    "type",
];

/// Checks that a kind knows the fields of a selector.
///
/// # Errors
/// 400 with upstream's text, which differs between kinds that have fields of their own and those that have none.
pub(crate) fn check(target: &Target, selector: &FieldSelector) -> Result<(), ApiError> {
    let own = match target.view {
        View::EventsV1 => EVENTS_V1_FIELDS,
        _ => known(target.kind),
    };
    for term in &selector.terms {
        let field = term.field.as_str();
        if matches!(field, "metadata.name" | "metadata.namespace") || own.contains(&field) {
            continue;
        }
        let text = if own.is_empty() {
            format!("{field:?} is not a known field selector: only \"metadata.name\", \"metadata.namespace\"")
        } else {
            format!("field label not supported: {field}")
        };
        return Err(ApiError::bad_request(text));
    }
    Ok(())
}

/// Whether an object has the values that a selector asks for.
pub(crate) fn matches(object: &Object, selector: &FieldSelector) -> bool {
    if selector.is_everything() {
        return true;
    }
    let values: Vec<(String, String)> =
        selector.terms.iter().map(|t| (t.field.clone(), read(object, &t.field))).collect();
    selector.matches(|field| values.iter().find(|(f, _)| f == field).map(|(_, v)| v.as_str()))
}

/// A field's value as text.
fn read(object: &Object, field: &str) -> String {
    match (object, field) {
        (_, "metadata.name") => object.meta().name.to_string(),
        (_, "metadata.namespace") => object.meta().namespace.to_string(),
        // The fields that many clients ask for are read without making JSON of the object.
        (Object::Pod(pod), "spec.nodeName") => pod.node_name.to_string(),
        (Object::Pod(pod), "status.phase") => pod.status.phase.as_str().to_owned(),
        (Object::Pod(_), "status.podIPs") => read_path(object, "status.podIP", ""),
        (Object::Pod(_), "spec.hostNetwork") => read_path(object, field, "false"),
        (Object::Node(_), "spec.unschedulable") => read_path(object, field, "false"),
        (Object::Job(_), "status.successful") => read_path(object, "status.succeeded", "0"),
        (Object::ReplicaSet(_) | Object::ReplicationController(_), "status.replicas") => read_path(object, field, "0"),
        (Object::Event(_), "reportingController") => read_path(object, "reportingComponent", ""),
        (Object::Event(_), field) if field.starts_with("regarding.") => {
            read_path(object, &field.replacen("regarding", "involvedObject", 1), "")
        }
        (Object::Event(_), "source") => match read_path(object, "source.component", "") {
            source if source.is_empty() => read_path(object, "reportingComponent", ""),
            source => source,
        },
        _ => read_path(object, field, ""),
    }
}

fn read_path(object: &Object, field: &str, absent: &str) -> String {
    let value = object.to_json();
    match value.pointer(&format!("/{}", field.replace('.', "/"))) {
        None | Some(Value::Null) => absent.to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}
