//! A value without some of its fields.

use serde_json::{Map, Value};

use super::super::field_set::{FieldSet, PathElement};
use super::Shape;

/// The value without the items of a set. A list or map that loses all is null.
pub(crate) fn remove(value: &Value, gone: &FieldSet, shape: Shape<'_>) -> Value {
    if matches!(shape, Shape::Leaf(_)) {
        return value.clone();
    }
    match value {
        Value::Object(map) if !shape.is_leaf() => remove_from_map(map, gone, shape),
        Value::Array(items) if !shape.is_leaf() => remove_from_list(items, gone, shape),
        _ => Value::Null,
    }
}

fn remove_from_map(map: &Map<String, Value>, gone: &FieldSet, shape: Shape<'_>) -> Value {
    let mut kept = Map::new();
    for (key, value) in map {
        let element = PathElement::Field(key.clone());
        if gone.members.contains(&element) {
            continue;
        }
        let value = match (below(gone, &element), shape.child(key)) {
            (Some(set), Some(inner)) => remove(value, set, inner),
            _ => value.clone(),
        };
        kept.insert(key.clone(), value);
    }
    if kept.is_empty() { Value::Null } else { Value::Object(kept) }
}

fn remove_from_list(items: &[Value], gone: &FieldSet, shape: Shape<'_>) -> Value {
    let mut kept = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let name = shape.name_item(index, item).ok();
        if name.as_ref().is_some_and(|name| gone.members.contains(name)) {
            continue;
        }
        let set = name.as_ref().and_then(|name| below(gone, name));
        kept.push(match (set, shape.item()) {
            (Some(set), Some(inner)) => remove(item, set, inner),
            _ => item.clone(),
        });
    }
    if kept.is_empty() { Value::Null } else { Value::Array(kept) }
}

fn below<'s>(set: &'s FieldSet, element: &PathElement) -> Option<&'s FieldSet> {
    set.children.get(element).filter(|set| !set.is_empty())
}
