//! Lists that Go prints as `null` where they are empty, since their fields say nothing of leaving them out.

use serde_json::Value;

use crate::Kind;

/// Adds the `null` of each such list of a kind.
pub(crate) fn print_nil_lists(kind: Kind, value: &mut Value) {
    let (parent, fields): (&str, &[&str]) = match kind {
        Kind::EndpointSlice => ("", &["endpoints", "ports"]),
        Kind::HorizontalPodAutoscaler => ("/status", &["currentMetrics"]),
        _ => return,
    };
    let Some(Value::Object(map)) = value.pointer_mut(parent) else { return };
    for field in fields {
        let list = map.entry(*field).or_insert(Value::Null);
        if list.as_array().is_some_and(Vec::is_empty) {
            *list = Value::Null;
        }
    }
}
