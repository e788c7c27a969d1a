//! What storing does to JSON: a decode into Go's types and an encode back.

use serde_json::{Map, Value};

use super::{Type, TypeRef};
use crate::json::Node;
use crate::quantity;

/// A document that decodes into a type, as a value of that type: quantities are texts with all their digits, and nulls in lists
/// and maps are the zero values that Go makes of them. Unknown fields are dropped.
pub fn to_typed_value(node: &Node, ty: TypeRef) -> Value {
    let Node::Object(entries) = node else { return Value::Object(Map::new()) };
    let typed = entries.iter().filter_map(|(key, value)| Some((key.clone(), typed_value(value, &ty.field(key)?.ty))));
    Value::Object(typed.collect())
}

fn typed_value(node: &Node, ty: &Type) -> Value {
    match (ty.target(), node) {
        (Type::Struct(inner), Node::Object(_)) => to_typed_value(node, *inner),
        (Type::Slice(item), Node::Array(items)) => Value::Array(items.iter().map(|i| item_value(i, item)).collect()),
        (Type::Map(item), Node::Object(entries)) => {
            Value::Object(entries.iter().map(|(key, value)| (key.clone(), item_value(value, item))).collect())
        }
        (Type::Quantity, Node::Number(text)) => Value::String(text.clone()),
        _ => node.to_value(),
    }
}

fn item_value(node: &Node, ty: &Type) -> Value {
    match (ty, node) {
        (Type::Struct(_), Node::Null) => Value::Object(Map::new()),
        (Type::String | Type::Bytes, Node::Null) => Value::String(String::new()),
        (Type::Int32 | Type::Int64, Node::Null) => 0.into(),
        (Type::Quantity, Node::Null) => Value::String("0".to_owned()),
        _ => typed_value(node, ty),
    }
}

/// Makes a value what the API server would print after decoding it as `ty`.
///
/// Nulls, empty lists and maps, and zero values that Go omits are dropped; unknown fields too; quantities get their canonical
/// text. Values of a wrong type are left alone: [`super::check`] reports them.
pub fn canonicalize(value: &mut Value, ty: TypeRef) {
    let Value::Object(map) = value else { return };
    map.retain(|key, value| {
        let Some(field) = ty.field(key) else { return false };
        canonicalize_type(value, &field.ty, field.go_type == "v1.ResourceList");
        !is_omitted(value, &field.ty)
    });
}

fn canonicalize_type(value: &mut Value, ty: &Type, round_up: bool) {
    match (ty, value) {
        (Type::Pointer(target), value) => canonicalize_type(value, target, round_up),
        (Type::Struct(inner), value) => canonicalize(value, *inner),
        (Type::Slice(item), Value::Array(list)) => list.iter_mut().for_each(|v| canonicalize_type(v, item, false)),
        (Type::Map(item), Value::Object(map)) => map.values_mut().for_each(|v| canonicalize_type(v, item, round_up)),
        (Type::Quantity, value) => {
            let text = match &*value {
                Value::String(text) => text.clone(),
                Value::Number(number) => number.to_string(),
                _ => return,
            };
            let canonical = if round_up { quantity::canonicalize_round_up_milli } else { quantity::canonicalize };
            if let Ok(text) = canonical(&text) {
                *value = Value::String(text);
            }
        }
        _ => {}
    }
}

/// Whether Go's encoder leaves a value out.
fn is_omitted(value: &Value, ty: &Type) -> bool {
    match (ty, value) {
        (_, Value::Null) => true,
        (Type::Slice(_), Value::Array(list)) => list.is_empty(),
        (Type::Map(_), Value::Object(map)) => map.is_empty(),
        (Type::String, Value::String(text)) => text.is_empty(),
        (Type::Bool, Value::Bool(set)) => !set,
        (Type::Int32 | Type::Int64, Value::Number(number)) => number.as_i64() == Some(0),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::type_named;
    use serde_json::json;

    #[test]
    fn zero_values_go_and_quantities_become_canonical() {
        let mut value = json!({
            "replicas": 0, "paused": false, "minReadySeconds": 0, "selector": {"matchLabels": {}},
            "strategy": {}, "foo": 1,
            "template": {"metadata": {"labels": {"a": "b"}, "creationTimestamp": null}, "spec": {
                "securityContext": {}, "volumes": [], "hostNetwork": false, "enableServiceLinks": false, "nodeName": "",
                "containers": [{"name": "c", "resources": {"limits": {"cpu": 0.5, "memory": "1024Ki"}, "requests": {"cpu": "0.0001"}}, "env": [{"name": "A", "value": ""}],
                  "volumeMounts": null}]}}
        });
        super::canonicalize(&mut value, type_named("DeploymentSpec").expect("DeploymentSpec"));
        let want = json!({
            "replicas": 0, "selector": {}, "strategy": {},
            "template": {"metadata": {"labels": {"a": "b"}}, "spec": {
                "securityContext": {}, "enableServiceLinks": false,
                "containers": [{"name": "c", "resources": {"limits": {"cpu": "500m", "memory": "1Mi"}, "requests": {"cpu": "1m"}}, "env": [{"name": "A"}]}]}}
        });
        assert_eq!(value, want);
    }
}
