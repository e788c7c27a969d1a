//! One value laid over another.

use serde_json::{Map, Value};

use super::super::field_set::PathElement;
use super::Shape;
use super::compare::named_items;

/// The first value with what the second says: its leaves win, items are merged by name. Nothing is removed.
pub(crate) fn merge(live: &Value, config: &Value, shape: Shape<'_>) -> Value {
    walk(Some(live), Some(config), shape).unwrap_or_else(|| Value::Object(Map::new()))
}

fn walk(live: Option<&Value>, config: Option<&Value>, shape: Shape<'_>) -> Option<Value> {
    let Some(over) = config else { return live.cloned() };
    let is_bare = |value: Option<&Value>| match value {
        Some(Value::Object(map)) => map.is_empty(),
        Some(Value::Array(items)) => items.is_empty(),
        _ => true,
    };
    if shape.is_leaf() || (is_bare(live) && is_bare(config)) {
        return Some(over.clone());
    }
    match shape {
        Shape::Set(_) | Shape::Keyed(..) => merge_list(live, config, shape),
        _ => merge_map(live, config, shape),
    }
}

fn merge_map(live: Option<&Value>, config: Option<&Value>, shape: Shape<'_>) -> Option<Value> {
    let empty = Map::new();
    let live = live.and_then(Value::as_object).unwrap_or(&empty);
    let config = config.and_then(Value::as_object).unwrap_or(&empty);
    let added = config.keys().filter(|key| !live.contains_key(*key));
    let mut merged = Map::new();
    for key in live.keys().chain(added) {
        let value = match shape.child(key) {
            Some(inner) => walk(live.get(key), config.get(key), inner),
            None => live.get(key).cloned(),
        };
        if let Some(value) = value {
            merged.insert(key.clone(), value);
        }
    }
    (!merged.is_empty()).then_some(Value::Object(merged))
}

/// Items that both have come in the order of the second; those of the first alone stay where they are between them.
fn merge_list(live: Option<&Value>, config: Option<&Value>, shape: Shape<'_>) -> Option<Value> {
    let inner = shape.item()?;
    let (left, right) = (named_items(live, shape), named_items(config, shape));
    let find = |items: &[(PathElement, &Value)], name: &PathElement| items.iter().position(|(n, _)| n == name);
    let mut shared = right.iter().map(|(name, _)| name).filter(|name| find(&left, name).is_some()).peekable();
    let mut merged = Vec::new();
    let (mut l, mut r) = (0, 0);
    while l < left.len() || r < right.len() {
        if let (Some((mine, value)), Some((theirs, over))) = (left.get(l), right.get(r)) {
            if mine == theirs {
                merged.extend(walk(Some(value), Some(over), inner));
                (l, r) = (l + 1, r + 1);
                shared.next();
                continue;
            }
            if find(&right, mine).is_some() && shared.peek().is_some_and(|next| *next != mine) {
                // It is shared, but its turn is later.
                l += 1;
                continue;
            }
        }
        if let Some((mine, value)) = left.get(l)
            && find(&right, mine).is_none()
        {
            merged.push((*value).clone());
            l += 1;
            continue;
        }
        if let Some((theirs, over)) = right.get(r) {
            let below = find(&left, theirs).map(|index| left[index].1);
            merged.extend(walk(below, Some(over), inner));
            r += 1;
            if shared.peek() == Some(&theirs) {
                shared.next();
            }
        } else {
            l += 1;
        }
    }
    (!merged.is_empty()).then_some(Value::Array(merged))
}
