//! JSON patch, RFC 6902, as the server understands it.
//!
//! Mirrors gopkg.in/evanphx/json-patch.v4 with its liberties: `replace` adds a key that is not there, a path without a leading
//! slash loses its first part, indexes may be negative. Why a patch does not apply is not told.

use seatrial_api::ApiError;
use serde_json::{Map, Value};

/// How much `copy` may copy in all, in bytes. Mirrors `JSONPatchMaxCopyBytes`.
const COPY_BYTES_MAX: usize = 3 * 1024 * 1024;
/// How many operations a patch may have. Mirrors `maxJSONPatchOperations`.
const OPERATIONS_MAX: usize = 10_000;

/// Applies a patch. `None` where it does not apply.
///
/// # Errors
/// 413 for too many operations.
pub(super) fn apply(current: &Value, operations: &[Value]) -> Result<Option<Value>, ApiError> {
    if operations.len() > OPERATIONS_MAX {
        let count = operations.len();
        let text = format!("The allowed maximum operations in a JSON patch is {OPERATIONS_MAX}, got {count}");
        return Err(ApiError::request_entity_too_large(OPERATIONS_MAX as u64)
            .with_message(format!("Request entity too large: {text}")));
    }
    let mut document = current.clone();
    let mut copied = 0;
    for operation in operations {
        let done = operation.as_object().and_then(|operation| apply_one(&mut document, operation, &mut copied));
        if done.is_none() {
            return Ok(None);
        }
    }
    Ok(Some(document))
}

/// What the strict decoder finds in a patch: fields that operations do not have, and keys that are there twice.
///
/// # Errors
/// Go's text for what is no list of operations.
pub(super) fn check(patch: &seatrial_api::json::Node) -> Result<Vec<String>, String> {
    use seatrial_api::json::Node;
    let Node::Array(operations) = patch else {
        if *patch == Node::Null {
            return Ok(Vec::new());
        }
        return Err(format!("json: cannot unmarshal {} into Go value of type []handlers.jsonPatchOp", patch.word()));
    };
    let mut found = Vec::new();
    for (index, operation) in operations.iter().enumerate() {
        let Node::Object(entries) = operation else {
            if *operation == Node::Null {
                continue;
            }
            return Err(format!(
                "json: cannot unmarshal {} into Go value of type handlers.jsonPatchOp",
                operation.word()
            ));
        };
        let mut seen = std::collections::BTreeSet::new();
        for (key, value) in entries {
            match key.as_str() {
                "value" => {}
                "op" | "path" | "from" if matches!(value, Node::String(_) | Node::Null) => {}
                "op" | "path" | "from" => {
                    let word = value.word();
                    return Err(format!(
                        "json: cannot unmarshal {word} into Go struct field jsonPatchOp.{key} of type string"
                    ));
                }
                _ => {
                    found.push(format!("json patch unknown field \"[{index}].{key}\""));
                    continue;
                }
            }
            if !seen.insert(key) {
                found.push(format!("json patch duplicate field \"[{index}].{key}\""));
            }
        }
    }
    Ok(found)
}

fn apply_one(document: &mut Value, operation: &Map<String, Value>, copied: &mut usize) -> Option<()> {
    let text = |key: &str| operation.get(key).and_then(Value::as_str);
    let path = text("path")?;
    // Without a value, it is null.
    let value = operation.get("value").unwrap_or(&Value::Null);
    match text("op")? {
        "add" => add(document, path, value.clone()),
        "remove" => remove(document, path).map(|_| ()),
        "replace" if path.is_empty() => {
            *document = Some(value).filter(|v| v.is_object() || v.is_array())?.clone();
            Some(())
        }
        "replace" => replace(document, path, value.clone()),
        "move" => {
            let from = text("from")?;
            let moved = get(document, from)?.unwrap_or(Value::Null);
            remove(document, from)?;
            add(document, path, moved)
        }
        "copy" => {
            let value = get(document, text("from")?)?.unwrap_or(Value::Null);
            *copied += value.to_string().len();
            (*copied <= COPY_BYTES_MAX).then(|| add(document, path, value)).flatten()
        }
        "test" if path.is_empty() => (document == value).then_some(()),
        "test" => {
            let there = get(document, path)?.unwrap_or(Value::Null);
            (there == *value).then_some(())
        }
        _ => None,
    }
}

fn decoded(part: &str) -> String {
    part.replace("~1", "/").replace("~0", "~")
}

/// The list or object that holds what a path names, and its last part.
fn container<'v>(document: &'v mut Value, path: &str) -> Option<(&'v mut Value, String)> {
    let parts: Vec<&str> = path.split('/').collect();
    let (last, way) = parts.split_last().filter(|(_, way)| !way.is_empty())?;
    let mut place = document;
    for part in way.iter().skip(1) {
        place = match place {
            Value::Object(map) => map.get_mut(&decoded(part))?,
            Value::Array(items) => {
                let at = index(part, items.len())?;
                items.get_mut(at)?
            }
            _ => return None,
        };
    }
    matches!(place, Value::Object(_) | Value::Array(_)).then(|| (place, decoded(last)))
}

/// An index that may count from the end.
fn index(part: &str, length: usize) -> Option<usize> {
    let number: i64 = part.parse().ok()?;
    let length = i64::try_from(length).ok()?;
    let number = if number < 0 { number + length } else { number };
    usize::try_from(number).ok()
}

/// The value at a path: `Some(None)` where an object lacks the key.
fn get(document: &mut Value, path: &str) -> Option<Option<Value>> {
    let (place, key) = container(document, path)?;
    match place {
        Value::Object(map) => Some(map.get(&key).cloned()),
        Value::Array(items) => items.get(index(&key, items.len())?).cloned().map(Some),
        _ => None,
    }
}

fn add(document: &mut Value, path: &str, value: Value) -> Option<()> {
    let (place, key) = container(document, path)?;
    match place {
        Value::Object(map) => {
            map.insert(key, value);
        }
        Value::Array(items) if key == "-" => items.push(value),
        Value::Array(items) => {
            let at = index(&key, items.len() + 1).filter(|at| *at <= items.len())?;
            items.insert(at, value);
        }
        _ => return None,
    }
    Some(())
}

fn replace(document: &mut Value, path: &str, value: Value) -> Option<()> {
    let (place, key) = container(document, path)?;
    match place {
        Value::Object(map) => {
            map.insert(key, value);
        }
        Value::Array(items) => {
            let at = index(&key, items.len())?;
            *items.get_mut(at)? = value;
        }
        _ => return None,
    }
    Some(())
}

fn remove(document: &mut Value, path: &str) -> Option<Value> {
    let (place, key) = container(document, path)?;
    match place {
        Value::Object(map) => map.remove(&key),
        Value::Array(items) => {
            let at = index(&key, items.len()).filter(|at| *at < items.len())?;
            Some(items.remove(at))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn operations_do_what_evanphx_does() {
        let document = json!({"a": {"b": 1, "x/y": 2}, "l": [1, 2, 3]});
        let rows = [
            (
                json!([{"op": "add", "path": "/a/c", "value": 3}]),
                Some(json!({"a": {"b": 1, "x/y": 2, "c": 3}, "l": [1, 2, 3]})),
            ),
            (
                json!([{"op": "replace", "path": "/a/none", "value": 3}]),
                Some(json!({"a": {"b": 1, "x/y": 2, "none": 3}, "l": [1, 2, 3]})),
            ),
            (
                json!([{"op": "add", "path": "a/c", "value": 3}]),
                Some(json!({"a": {"b": 1, "x/y": 2}, "l": [1, 2, 3], "c": 3})),
            ),
            (json!([{"op": "remove", "path": "/a/x~1y"}]), Some(json!({"a": {"b": 1}, "l": [1, 2, 3]}))),
            (
                json!([{"op": "add", "path": "/l/-", "value": 4}, {"op": "add", "path": "/l/0", "value": 0}]),
                Some(json!({"a": {"b": 1, "x/y": 2}, "l": [0, 1, 2, 3, 4]})),
            ),
            (json!([{"op": "remove", "path": "/l/-1"}]), Some(json!({"a": {"b": 1, "x/y": 2}, "l": [1, 2]}))),
            (
                json!([{"op": "move", "from": "/a/b", "path": "/l/1"}]),
                Some(json!({"a": {"x/y": 2}, "l": [1, 1, 2, 3]})),
            ),
            (
                json!([{"op": "copy", "from": "/l", "path": "/m"}]),
                Some(json!({"a": {"b": 1, "x/y": 2}, "l": [1, 2, 3], "m": [1, 2, 3]})),
            ),
            (json!([{"op": "test", "path": "/a/none", "value": null}]), Some(document.clone())),
            (json!([{"op": "replace", "path": "", "value": {}}]), Some(json!({}))),
            (json!([{"op": "test", "path": "", "value": document}]), Some(document.clone())),
            (json!([{"op": "test", "path": "", "value": {}}]), None),
            (json!([{"op": "add", "path": "", "value": {}}]), None),
            (json!([{"op": "add", "path": "a", "value": 1}]), None),
            (json!([{"op": "copy", "from": "a", "path": "/b"}]), None),
            (json!([{"op": "remove", "path": "/a/none"}]), None),
            (json!([{"op": "remove", "path": "/l/3"}]), None),
            (json!([{"op": "add", "path": "/l/4", "value": 1}]), None),
            (json!([{"op": "add", "path": "/none/a", "value": 1}]), None),
            (json!([{"op": "test", "path": "/a/b", "value": 2}]), None),
            (json!([{"op": "add", "path": "/a"}]), Some(json!({"a": null, "l": [1, 2, 3]}))),
            (json!([{"op": "add", "value": 1}]), None),
            (json!([{"op": "shred", "path": "/a"}]), None),
            (json!([1]), None),
        ];
        for (patch, want) in rows {
            let operations = patch.as_array().expect("a list");
            assert_eq!(super::apply(&document, operations).expect("few operations"), want, "{patch}");
        }
    }
}
