//! Strategic merge patch: lists of objects merge by their keys, and directives say what else to do.
//!
//! Mirrors apimachinery util/strategicpatch/patch.go (`StrategicMergeMapPatch`) (v1.36).

use seatrial_api::ApiError;
use seatrial_api::schema::{Field, Type, TypeRef};
use serde_json::{Map, Value};

const DIRECTIVE: &str = "$patch";
const RETAIN_KEYS: &str = "$retainKeys";
const SET_ELEMENT_ORDER: &str = "$setElementOrder/";
const DELETE_FROM_PRIMITIVE_LIST: &str = "$deleteFromPrimitiveList/";

/// Applies a strategic merge patch to an object of a type.
///
/// # Errors
/// 400 for a directive that is not known, or an item of a merged list without its key.
pub fn apply_strategic_merge_patch(current: &Value, patch: &Value, ty: TypeRef) -> Result<Value, ApiError> {
    let (Value::Object(current), Value::Object(patch)) = (current, patch) else {
        return Err(bad(format!("cannot unmarshal {} into Go value of type map[string]interface {{}}", word(patch))));
    };
    merge_map(current, patch, Some(ty)).map(Value::Object)
}

fn bad(text: String) -> ApiError {
    ApiError::bad_request(text)
}

/// Go's word for a JSON value.
pub(super) fn word(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn merge_map(
    current: &Map<String, Value>,
    patch: &Map<String, Value>,
    ty: Option<TypeRef>,
) -> Result<Map<String, Value>, ApiError> {
    match patch.get(DIRECTIVE).map(|d| d.as_str().unwrap_or_default()) {
        None | Some("merge") => {}
        Some("replace") => return Ok(without_directives(patch)),
        Some("delete") => return Ok(Map::new()),
        Some(other) => return Err(bad(format!("Unknown patch type found: {other}"))),
    }
    let mut merged = current.clone();
    if let Some(keys) = patch.get(RETAIN_KEYS) {
        retain_keys(&mut merged, patch, keys)?;
    }
    for (key, value) in patch {
        if key == DIRECTIVE
            || key == RETAIN_KEYS
            || key.starts_with(SET_ELEMENT_ORDER)
            || key.starts_with(DELETE_FROM_PRIMITIVE_LIST)
        {
            continue;
        }
        if value.is_null() {
            merged.remove(key);
            continue;
        }
        let field = ty.and_then(|t| t.field(key));
        let next = merge_value(merged.get(key), value, field)?;
        merged.insert(key.clone(), next);
    }
    for (key, items) in patch {
        if let Some(name) = key.strip_prefix(DELETE_FROM_PRIMITIVE_LIST) {
            delete_from_primitive_list(&mut merged, name, items);
        }
    }
    for (key, order) in patch {
        if let Some(name) = key.strip_prefix(SET_ELEMENT_ORDER) {
            set_element_order(&mut merged, patch, name, order, ty.and_then(|t| t.field(name)))?;
        }
    }
    Ok(merged)
}

fn merge_value(current: Option<&Value>, patch: &Value, field: Option<&'static Field>) -> Result<Value, ApiError> {
    let inner = field.and_then(|f| struct_of(&f.ty));
    match (current, patch) {
        (Some(Value::Object(current)), Value::Object(patch)) => merge_map(current, patch, inner).map(Value::Object),
        (_, Value::Object(patch)) => merge_map(&Map::new(), patch, inner).map(Value::Object),
        (current, Value::Array(patch)) => {
            let current = current.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
            merge_list(current, patch, field).map(Value::Array)
        }
        _ => Ok(patch.clone()),
    }
}

fn struct_of(ty: &Type) -> Option<TypeRef> {
    match ty.target() {
        Type::Struct(inner) => Some(*inner),
        Type::Slice(item) => struct_of(item),
        _ => None,
    }
}

fn merge_list(current: &[Value], patch: &[Value], field: Option<&'static Field>) -> Result<Vec<Value>, ApiError> {
    let merge = field.filter(|f| f.merge.merge);
    let Some(field) = merge else {
        return Ok(patch.iter().filter(|item| item.get(DIRECTIVE).is_none()).map(strip).collect());
    };
    let Some(key) = field.merge.key.as_deref() else {
        let mut merged = current.to_vec();
        merged.extend(patch.iter().filter(|item| !current.contains(item)).cloned());
        return Ok(merged);
    };
    if patch.iter().any(|item| item.get(DIRECTIVE).and_then(Value::as_str) == Some("replace")) {
        return Ok(patch.iter().filter(|item| item.get(DIRECTIVE).is_none()).map(strip).collect());
    }
    let inner = struct_of(&field.ty);
    let mut merged = current.to_vec();
    for item in patch {
        let Value::Object(item) = item else {
            return Err(bad("invalid patch: list of objects expected".to_owned()));
        };
        let Some(id) = item.get(key) else {
            let text = format!("map: {} does not contain declared merge key: {key}", go_map(item));
            return Err(ApiError::unknown(text));
        };
        let place = merged.iter().position(|m| m.get(key) == Some(id));
        if item.get(DIRECTIVE).and_then(Value::as_str) == Some("delete") {
            merged.retain(|m| m.get(key) != Some(id));
            continue;
        }
        match place {
            Some(index) => {
                let empty = Map::new();
                let old = merged[index].as_object().unwrap_or(&empty);
                merged[index] = Value::Object(merge_map(old, item, inner)?);
            }
            None => merged.push(Value::Object(merge_map(&Map::new(), item, inner)?)),
        }
    }
    Ok(merged)
}

/// A map as Go prints it.
fn go_map(map: &Map<String, Value>) -> String {
    let mut pairs: Vec<String> =
        map.iter().map(|(k, v)| format!("{k}:{}", v.as_str().map_or_else(|| v.to_string(), str::to_owned))).collect();
    pairs.sort();
    format!("map[{}]", pairs.join(" "))
}

fn strip(value: &Value) -> Value {
    match value {
        Value::Object(map) => Value::Object(without_directives(map)),
        other => other.clone(),
    }
}

fn without_directives(map: &Map<String, Value>) -> Map<String, Value> {
    map.iter()
        .filter(|(key, value)| !key.starts_with('$') && !value.is_null())
        .map(|(k, v)| (k.clone(), strip(v)))
        .collect()
}

/// Drops the keys that the patch neither names nor sets.
fn retain_keys(merged: &mut Map<String, Value>, patch: &Map<String, Value>, keys: &Value) -> Result<(), ApiError> {
    let keys: Vec<&str> = keys.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let set = patch.iter().filter(|(key, value)| !key.starts_with('$') && !value.is_null());
    if let Some((key, _)) = set.into_iter().find(|(key, _)| !keys.contains(&key.as_str())) {
        return Err(bad(format!("Key {key} is not in $retainKeys")));
    }
    merged.retain(|key, _| keys.contains(&key.as_str()));
    Ok(())
}

fn delete_from_primitive_list(merged: &mut Map<String, Value>, name: &str, items: &Value) {
    if let (Some(Value::Array(list)), Some(items)) = (merged.get_mut(name), items.as_array()) {
        list.retain(|item| !items.contains(item));
    }
}

/// Orders a merged list as the directive says; items of the server's that it does not name keep their neighbours.
fn set_element_order(
    merged: &mut Map<String, Value>,
    patch: &Map<String, Value>,
    name: &str,
    order: &Value,
    field: Option<&'static Field>,
) -> Result<(), ApiError> {
    let Some(order) = order.as_array() else { return Ok(()) };
    let key = field.and_then(|f| f.merge.key.as_deref());
    let id = |item: &Value| key.map_or_else(|| item.clone(), |key| item.get(key).cloned().unwrap_or(Value::Null));
    let ids: Vec<Value> = order.iter().map(id).collect();
    for item in patch.get(name).and_then(Value::as_array).into_iter().flatten() {
        let deleted = item.get(DIRECTIVE).and_then(Value::as_str) == Some("delete");
        if !deleted && item.get(DIRECTIVE).is_none() && !ids.contains(&id(item)) {
            return Err(bad(format!(
                "The order in patch list:\n{} doesn't match $setElementOrder list:\n{}\n",
                go_list(patch.get(name)),
                go_list(Some(&Value::Array(order.clone())))
            )));
        }
    }
    let Some(Value::Array(list)) = merged.get_mut(name) else { return Ok(()) };
    let rank = |item: &Value| ids.iter().position(|i| *i == id(item));
    // Named items take their places in order; each other item stays behind the item it followed.
    let mut named: Vec<Value> = list.iter().filter(|item| rank(item).is_some()).cloned().collect();
    named.sort_by_key(|item| rank(item));
    let mut result: Vec<Value> = Vec::with_capacity(list.len());
    let mut named = named.into_iter().peekable();
    let mut last_rank = None;
    for item in list.iter() {
        if rank(item).is_some() {
            last_rank = rank(item).max(last_rank);
            continue;
        }
        while let Some(next) = named.peek().filter(|n| rank(n) <= last_rank).cloned() {
            result.push(next);
            named.next();
        }
        result.push(item.clone());
    }
    result.extend(named);
    *list = result;
    Ok(())
}

fn go_list(list: Option<&Value>) -> String {
    let items = list.and_then(Value::as_array).into_iter().flatten();
    let texts: Vec<String> = items.map(|v| v.as_object().map_or_else(|| v.to_string(), go_map)).collect();
    format!("[{}]", texts.join(" "))
}

#[cfg(test)]
mod tests {
    use seatrial_api::schema::type_named;
    use serde_json::{Value, json};

    fn check(current: Value, patch: Value, want: Value) {
        let got = super::apply_strategic_merge_patch(&current, &patch, type_named("PodSpec").expect("PodSpec"));
        assert_eq!(got.expect("the patch applies"), want);
    }

    #[test]
    fn lists_merge_by_key_and_directives_hold() {
        let containers = json!({"containers": [{"name": "a", "image": "1"}, {"name": "b", "image": "1"}]});
        check(
            containers.clone(),
            json!({"containers": [{"name": "b", "image": "2"}]}),
            json!({"containers": [{"name": "a", "image": "1"}, {"name": "b", "image": "2"}]}),
        );
        check(
            containers.clone(),
            json!({"containers": [{"name": "a", "$patch": "delete"}]}),
            json!({"containers": [{"name": "b", "image": "1"}]}),
        );
        check(
            containers.clone(),
            json!({"containers": [{"$patch": "replace"}, {"name": "z"}]}),
            json!({"containers": [{"name": "z"}]}),
        );
        check(
            containers,
            json!({"$setElementOrder/containers": [{"name": "c"}, {"name": "a"}], "containers": [{"name": "c"}]}),
            json!({"containers": [{"name": "c"}, {"name": "a", "image": "1"}, {"name": "b", "image": "1"}]}),
        );
        check(
            json!({"nodeSelector": {"a": "1", "b": "2"}}),
            json!({"nodeSelector": {"a": null, "c": "3"}}),
            json!({"nodeSelector": {"b": "2", "c": "3"}}),
        );
        check(
            json!({"tolerations": [{"key": "a"}]}),
            json!({"tolerations": [{"key": "b"}]}),
            json!({"tolerations": [{"key": "b"}]}),
        );
        check(
            json!({"volumes": [{"name": "v", "emptyDir": {}}]}),
            json!({"volumes": [{"name": "v", "$retainKeys": ["name", "hostPath"], "hostPath": {"path": "/x"}}]}),
            json!({"volumes": [{"name": "v", "hostPath": {"path": "/x"}}]}),
        );
    }
}
