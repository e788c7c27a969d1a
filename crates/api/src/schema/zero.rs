//! What Go prints although it was never set: a time that is no pointer is `null`.

use serde_json::Value;

use super::{Type, TypeRef};

/// The type whose empty name is left out.
pub(super) const LOCAL_OBJECT_REFERENCE: &str = "LocalObjectReference";

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
                map.entry(field.json_name.as_str()).or_insert(Value::Null);
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
                    print_in(value, inner);
                }
            }
        }
    }
}

fn print_in(value: &mut Value, ty: &Type) {
    match (ty.target(), value) {
        (Type::Struct(inner), value) => print_zero_times(value, *inner),
        (Type::Slice(item), Value::Array(list)) => list.iter_mut().for_each(|v| print_in(v, item)),
        (Type::Map(item), Value::Object(map)) => map.values_mut().for_each(|v| print_in(v, item)),
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
    fn an_empty_reference_is_printed_empty() {
        let mut pod = json!({"spec": {"imagePullSecrets": [{"name": "a"}, {"name": ""}]}});
        super::print_zero_times(&mut pod, type_named("Pod").expect("Pod"));
        assert_eq!(pod, json!({"spec": {"imagePullSecrets": [{"name": "a"}, {}]}}));
    }
}
