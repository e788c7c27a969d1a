//! What Go prints although it was never set: a time that is no pointer is `null`.

use serde_json::Value;

use super::{Type, TypeRef};

/// The type whose empty name is left out.
pub(super) const LOCAL_OBJECT_REFERENCE: &str = "LocalObjectReference";

/// Go's zero time, as text.
const ZERO_TIME: &str = "0001-01-01T00:00:00Z";
/// The type whose time k8s-openapi cannot leave out.
const CONDITION: &str = "Condition";

/// Gives the conditions that were sent without a time the zero time, which [`print_zero_times`] prints as Go does.
pub fn fill_zero_times(value: &mut Value, ty: TypeRef) {
    let Value::Object(map) = value else { return };
    for field in ty.fields().iter().filter(|f| f.ty.holds_times(TypeRef::holds_times)) {
        match &field.ty {
            Type::Time if ty.name() == CONDITION => {
                let time = map.entry(field.json_name.as_str()).or_insert(Value::Null);
                if time.is_null() {
                    *time = ZERO_TIME.into();
                }
            }
            inner => {
                if let Some(value) = map.get_mut(&field.json_name) {
                    in_all(value, inner, fill_zero_times);
                }
            }
        }
    }
}

/// Adds the `null` of every time that Go's encoder prints and the value does not have.
pub fn print_zero_times(value: &mut Value, ty: TypeRef) {
    let Value::Object(map) = value else { return };
    if ty.name() == LOCAL_OBJECT_REFERENCE && map.get("name").and_then(Value::as_str) == Some("") {
        map.remove("name");
    }
    for field in ty.fields().iter().filter(|f| f.ty.holds_times(TypeRef::holds_times)) {
        match &field.ty {
            // A creation time is left out where it is zero, unlike all others.
            Type::Time | Type::MicroTime if field.json_name != "creationTimestamp" => {
                let time = map.entry(field.json_name.as_str()).or_insert(Value::Null);
                if ty.name() == CONDITION && time.as_str() == Some(ZERO_TIME) {
                    *time = Value::Null;
                }
            }
            Type::Struct(inner) if field.json_name.is_empty() => {
                let mut parent = Value::Object(std::mem::take(map));
                print_zero_times(&mut parent, *inner);
                if let Value::Object(filled) = parent {
                    *map = filled;
                }
            }
            inner => {
                if let Some(value) = map.get_mut(&field.json_name) {
                    in_all(value, inner, print_zero_times);
                }
            }
        }
    }
}

/// Does something with every struct in a value.
fn in_all(value: &mut Value, ty: &Type, each: fn(&mut Value, TypeRef)) {
    match (ty.target(), value) {
        (Type::Struct(inner), value) => each(value, *inner),
        (Type::Slice(item), Value::Array(list)) => list.iter_mut().for_each(|v| in_all(v, item, each)),
        (Type::Map(item), Value::Object(map)) => map.values_mut().for_each(|v| in_all(v, item, each)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::type_named;
    use serde_json::json;

    #[test]
    fn times_that_are_no_pointers_are_printed() {
        let mut pod = json!({"metadata": {"name": "p"}, "spec": {"containers": []}, "status": {
            "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [{"name": "c", "state": {"running": {}}}]}});
        super::print_zero_times(&mut pod, type_named("Pod").expect("Pod"));
        let want = json!({"metadata": {"name": "p"}, "spec": {"containers": []}, "status": {
            "conditions": [{"type": "Ready", "status": "True", "lastProbeTime": null, "lastTransitionTime": null}],
            "containerStatuses": [{"name": "c", "state": {"running": {"startedAt": null}}}]}});
        assert_eq!(pod, want);
    }

    #[test]
    fn a_condition_without_a_time_has_none() {
        let sent = json!({"status": {"conditions": [{"type": "A"}, {"type": "B", "lastTransitionTime": null},
            {"type": "C", "lastTransitionTime": "2024-01-01T00:00:00Z"}]}});
        let ty = type_named("Service").expect("Service");
        let mut service = sent.clone();
        super::fill_zero_times(&mut service, ty);
        let read: k8s_openapi::api::core::v1::Service = serde_json::from_value(service.clone()).expect("a Service");
        assert_eq!(read.status.and_then(|status| status.conditions).map(|c| c.len()), Some(3));
        super::print_zero_times(&mut service, ty);
        let want = json!({"status": {"conditions": [{"type": "A", "lastTransitionTime": null}, sent["status"]["conditions"][1],
            sent["status"]["conditions"][2]]}});
        assert_eq!(service, want);
    }

    #[test]
    fn an_empty_reference_is_printed_empty() {
        let mut pod = json!({"spec": {"imagePullSecrets": [{"name": "a"}, {"name": ""}]}});
        super::print_zero_times(&mut pod, type_named("Pod").expect("Pod"));
        assert_eq!(pod, json!({"spec": {"imagePullSecrets": [{"name": "a"}, {}]}}));
    }
}
