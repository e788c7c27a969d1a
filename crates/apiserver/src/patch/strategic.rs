//! Strategic merge patch: lists of objects merge by their keys, and directives say what else to do.
//!
//! Mirrors apimachinery util/strategicpatch/patch.go (`StrategicMergeMapPatch`) (v1.36).

use seatrial_api::ApiError;
use seatrial_api::error::{StatusDetails, StatusReason};
use seatrial_api::schema::{Field, Type, TypeRef};
use serde_json::{Map, Value};

use crate::managedfields::go_text;

pub(super) const DIRECTIVE: &str = "$patch";
pub(super) const RETAIN_KEYS: &str = "$retainKeys";
pub(super) const SET_ELEMENT_ORDER: &str = "$setElementOrder/";
pub(super) const DELETE_FROM_PRIMITIVE_LIST: &str = "$deleteFromPrimitiveList/";

type Object = Map<String, Value>;

/// Applies a strategic merge patch to an object of a type.
///
/// # Errors
/// 400 for a directive in a wrong shape, 422 for lists of lists, and 500 (as upstream) for the rest: a directive that is not
/// known, or an item of a merged list without its key.
pub fn apply_strategic_merge_patch(current: &Value, patch: &Value, ty: TypeRef) -> Result<Value, ApiError> {
    let patch = match patch {
        Value::Object(patch) => patch,
        Value::Null => return Ok(current.clone()),
        other => {
            let word = seatrial_api::json::Node::from_value(other).word();
            let text = format!("json: cannot unmarshal {word} into Go value of type map[string]interface {{}}");
            return Err(ApiError::bad_request(text));
        }
    };
    let empty = Object::new();
    merge_map(current.as_object().unwrap_or(&empty), patch, Some(ty)).map(Value::Object)
}

fn no_merge_key(item: &Value, key: &str) -> ApiError {
    ApiError::unknown(format!("map: {} does not contain declared merge key: {key}", go_text(item)))
}

fn unknown_directive(directive: &Value, patch: &Object) -> ApiError {
    let map = go_text(&Value::Object(patch.clone()));
    ApiError::unknown(format!("unknown patch type: {} in map: {map}", go_text(directive)))
}

fn no_list_of_lists() -> ApiError {
    ApiError::new(422, StatusReason::Invalid, "the server rejected our request due to an error in our request")
        .with_details(StatusDetails::default())
}

fn merge_map(current: &Object, patch: &Object, ty: Option<TypeRef>) -> Result<Object, ApiError> {
    if let Some(directive) = patch.get(DIRECTIVE) {
        return match directive.as_str() {
            Some("replace") => {
                let mut replaced = patch.clone();
                replaced.remove(DIRECTIVE);
                Ok(replaced)
            }
            Some("delete") => Ok(Object::new()),
            _ => Err(unknown_directive(directive, patch)),
        };
    }
    let mut merged = current.clone();
    let mut patch = patch.clone();
    if let Some(keys) = patch.remove(RETAIN_KEYS) {
        retain_keys(&mut merged, &patch, &keys)?;
    }
    let orders: Vec<String> = patch.keys().filter(|key| key.starts_with(SET_ELEMENT_ORDER)).cloned().collect();
    for key in orders {
        if let Some(order) = patch.remove(&key) {
            set_element_order(&mut merged, &mut patch, (&key[SET_ELEMENT_ORDER.len()..], &order), ty)?;
        }
    }
    for (key, value) in &patch {
        match key.strip_prefix(DELETE_FROM_PRIMITIVE_LIST) {
            Some(name) => delete_from_primitive_list(&mut merged, name, value)?,
            None => merge_key(&mut merged, key, value, ty)?,
        }
    }
    Ok(merged)
}

fn merge_key(merged: &mut Object, key: &str, value: &Value, ty: Option<TypeRef>) -> Result<(), ApiError> {
    if value.is_null() {
        merged.remove(key);
        return Ok(());
    }
    let field = ty.and_then(|t| t.field(key));
    let next = match (merged.get(key), value) {
        (None, value) => without_directives(value),
        (Some(Value::Object(current)), Value::Object(patch)) => {
            Value::Object(merge_map(current, patch, field.and_then(|f| struct_of(&f.ty)))?)
        }
        (Some(Value::Array(current)), Value::Array(patch)) => Value::Array(merge_list(current, patch, field)?),
        (Some(_), value) => value.clone(),
    };
    merged.insert(key.to_owned(), next);
    Ok(())
}

pub(super) fn struct_of(ty: &Type) -> Option<TypeRef> {
    match ty.target() {
        Type::Struct(inner) => Some(*inner),
        Type::Slice(item) => struct_of(item),
        _ => None,
    }
}

/// A value that is new: its directives and nulls say nothing.
fn without_directives(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let plain = map.iter().filter(|(key, value)| !is_directive(key) && !value.is_null());
            Value::Object(plain.map(|(key, value)| (key.clone(), without_directives(value))).collect())
        }
        Value::Array(items) => {
            let plain = items.iter().filter(|item| item.get(DIRECTIVE).is_none());
            Value::Array(plain.map(without_directives).collect())
        }
        other => other.clone(),
    }
}

fn is_directive(key: &str) -> bool {
    key == DIRECTIVE
        || key == RETAIN_KEYS
        || key.starts_with(SET_ELEMENT_ORDER)
        || key.starts_with(DELETE_FROM_PRIMITIVE_LIST)
}

/// What an item of a merged list is known by: the value of its key, or itself.
fn id<'v>(item: &'v Value, key: Option<&str>) -> &'v Value {
    key.map_or(item, |key| item.get(key).unwrap_or(&Value::Null))
}

fn merge_list(current: &[Value], patch: &[Value], field: Option<&'static Field>) -> Result<Vec<Value>, ApiError> {
    let Some(field) = field.filter(|f| f.merge.merge) else { return Ok(patch.to_vec()) };
    if current.iter().chain(patch).any(Value::is_array) {
        return Err(no_list_of_lists());
    }
    let key = field.merge.key.as_deref();
    let mut merged = current.to_vec();
    let mut items: Vec<Value> = Vec::new();
    match key {
        None => {
            merged.extend(patch.iter().cloned());
            let mut unique: Vec<Value> = Vec::new();
            for item in merged {
                if !unique.contains(&item) {
                    unique.push(item);
                }
            }
            merged = unique;
            items.extend(patch.iter().cloned());
        }
        Some(key) => {
            if apply_list_directives(&mut merged, patch, key, &mut items)? {
                return Ok(items);
            }
            for item in &items {
                let id = item.get(key).ok_or_else(|| no_merge_key(item, key))?;
                match (merged.iter().position(|m| m.get(key) == Some(id)), item) {
                    (Some(index), Value::Object(over)) => {
                        let empty = Object::new();
                        let below = merged[index].as_object().unwrap_or(&empty);
                        merged[index] = Value::Object(merge_map(below, over, struct_of(&field.ty))?);
                    }
                    _ => merged.push(without_directives(item)),
                }
            }
        }
    }
    Ok(ordered(&merged, &items, current, key))
}

/// Takes the directives out of a list: deletes what they name from the merged list, and leaves the other items. True when the
/// list is to be replaced by these.
fn apply_list_directives(
    merged: &mut Vec<Value>,
    patch: &[Value],
    key: &str,
    items: &mut Vec<Value>,
) -> Result<bool, ApiError> {
    let mut replace = false;
    for item in patch {
        let Value::Object(map) = item else { return Err(no_merge_key(item, key)) };
        let Some(directive) = map.get(DIRECTIVE) else {
            items.push(item.clone());
            continue;
        };
        match directive.as_str() {
            Some("delete") => {
                let id = map.get(key).ok_or_else(|| no_merge_key(item, key))?;
                merged.retain(|m| m.get(key) != Some(id));
            }
            Some("replace") => replace = true,
            Some("merge") => return Err(ApiError::unknown("merging lists cannot yet be specified in the patch")),
            _ => return Err(unknown_directive(directive, map)),
        }
    }
    Ok(replace)
}

/// Puts a merged list in order: the items that `order` names as it names them, and each of the server's own before the first
/// that it stood before. Mirrors `normalizeElementOrder`.
fn ordered(merged: &[Value], order: &[Value], server_order: &[Value], key: Option<&str>) -> Vec<Value> {
    let rank = |list: &[Value], item: &Value| list.iter().position(|o| id(o, key) == id(item, key));
    let (mut named, mut own): (Vec<&Value>, Vec<&Value>) = merged.iter().partition(|item| rank(order, item).is_some());
    named.sort_by_key(|item| rank(order, item));
    own.sort_by_key(|item| rank(server_order, item));
    let mut result = Vec::with_capacity(merged.len());
    let mut own = own.into_iter().peekable();
    for item in named {
        while let Some(mine) = own.peek() {
            let before = match (rank(server_order, mine), rank(server_order, item)) {
                (Some(mine), Some(named)) => mine < named,
                _ => false,
            };
            if !before {
                break;
            }
            result.extend(own.next().cloned());
        }
        result.push(item.clone());
    }
    result.extend(own.cloned());
    result
}

/// Drops the keys that the patch neither names nor sets.
fn retain_keys(merged: &mut Object, patch: &Object, keys: &Value) -> Result<(), ApiError> {
    let bad = || ApiError::bad_request("invalid patch format of retainKeys");
    let keys: Vec<&str> = keys.as_array().ok_or_else(bad)?.iter().filter_map(Value::as_str).collect();
    let mut set = patch.iter().filter(|(key, value)| !is_directive(key) && !value.is_null());
    if set.any(|(key, _)| !keys.contains(&key.as_str())) {
        return Err(bad());
    }
    merged.retain(|key, _| keys.contains(&key.as_str()));
    Ok(())
}

fn delete_from_primitive_list(merged: &mut Object, name: &str, items: &Value) -> Result<(), ApiError> {
    let items = items.as_array().ok_or_else(|| ApiError::bad_request("invalid patch format of primitive list"))?;
    if let Some(Value::Array(list)) = merged.get_mut(name) {
        list.retain(|item| !items.contains(item));
    }
    Ok(())
}

/// Merges a list of the patch together with the order it is to have. The list is taken out of the patch.
fn set_element_order(
    merged: &mut Object,
    patch: &mut Object,
    (name, order): (&str, &Value),
    ty: Option<TypeRef>,
) -> Result<(), ApiError> {
    let list = |value: Option<&Value>| match value {
        None => Ok(None),
        Some(Value::Array(items)) => Ok(Some(items.clone())),
        Some(other) => {
            Err(ApiError::unknown(format!("expected a []interface {{}}, but received a {}", go_kind(other))))
        }
    };
    let order = list(Some(order))?.unwrap_or_default();
    let (current, items) = (list(merged.get(name))?, list(patch.get(name))?);
    let field = ty.and_then(|t| t.field(name));
    let key = field.and_then(|f| f.merge.key.as_deref());
    if let Some(items) = &items {
        check_order(items, &order, key)?;
    }
    let both = match (&current, &items) {
        (Some(current), None) => current.clone(),
        (None, Some(_)) => match without_directives(&patch[name]) {
            Value::Array(items) => items,
            _ => Vec::new(),
        },
        (Some(current), Some(items)) => merge_list(current, items, field)?,
        (None, None) => return Ok(()),
    };
    let result = ordered(&both, &order, &current.unwrap_or_default(), key);
    merged.insert(name.to_owned(), Value::Array(result));
    patch.remove(name);
    Ok(())
}

/// A list has to be in the order that the directive says. Mirrors `validatePatchWithSetOrderList`.
fn check_order(items: &[Value], order: &[Value], key: Option<&str>) -> Result<(), ApiError> {
    let is_deletion = |item: &&Value| key.is_some() && item.get(DIRECTIVE).and_then(Value::as_str) == Some("delete");
    let mut kept = items.iter().filter(|item| !is_deletion(item)).peekable();
    for named in order {
        if kept.peek().is_some_and(|item| id(item, key) == id(named, key)) {
            kept.next();
        }
    }
    match kept.peek() {
        None => Ok(()),
        Some(_) => Err(ApiError::unknown(format!(
            "The order in patch list:\n{}\n doesn't match $setElementOrder list:\n{}\n",
            go_text(&Value::Array(items.to_vec())),
            go_text(&Value::Array(order.to_vec()))
        ))),
    }
}

fn go_kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "<nil>",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float64",
        Value::Number(_) => "int64",
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    }
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

    #[test]
    fn what_is_new_comes_first_unless_an_order_is_sent() {
        check(
            json!({"containers": [{"name": "a"}]}),
            json!({"containers": [{"name": "n", "env": [{"name": "gone", "$patch": "delete"}], "tty": null}]}),
            json!({"containers": [{"name": "n", "env": []}, {"name": "a"}]}),
        );
    }

    #[test]
    fn bad_directives_are_told_in_upstreams_words() {
        let ty = type_named("PodSpec").expect("PodSpec");
        let current = json!({"containers": [{"name": "a"}], "nodeSelector": {"k": "v"}});
        let rows = [
            (
                json!({"containers": [{"image": "x"}]}),
                500,
                "map: map[image:x] does not contain declared merge key: name",
            ),
            (
                json!({"containers": [{"name": "a", "$patch": "shred"}]}),
                500,
                "unknown patch type: shred in map: map[$patch:shred name:a]",
            ),
            (
                json!({"containers": [{"name": "a", "$patch": "merge"}]}),
                500,
                "merging lists cannot yet be specified in the patch",
            ),
            (json!({"nodeSelector": {"$patch": "merge"}}), 500, "unknown patch type: merge in map: map[$patch:merge]"),
            (json!({"nodeSelector": {"$retainKeys": 1}}), 400, "invalid patch format of retainKeys"),
            (json!({"nodeSelector": {"$retainKeys": ["a"], "b": "c"}}), 400, "invalid patch format of retainKeys"),
            (json!({"$deleteFromPrimitiveList/x": 1}), 400, "invalid patch format of primitive list"),
            (
                json!({"$setElementOrder/containers": [{"name": "a"}], "containers": [{"name": "b"}]}),
                500,
                "The order in patch list:\n[map[name:b]]\n doesn't match $setElementOrder list:\n[map[name:a]]\n",
            ),
            (json!(5), 400, "json: cannot unmarshal number into Go value of type map[string]interface {}"),
        ];
        for (patch, code, want) in rows {
            let error = super::apply_strategic_merge_patch(&current, &patch, ty).expect_err(want);
            assert_eq!((error.code(), error.message()), (code, want), "{patch}");
        }
    }
}
