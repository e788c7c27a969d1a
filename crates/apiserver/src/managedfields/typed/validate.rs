//! Whether an applied configuration fits its type.

use std::collections::BTreeSet;

use seatrial_api::field::quote;
use seatrial_api::schema::Type;
use serde_json::Value;

use super::super::field_set::{PathElement, path_text};
use super::Shape;

/// Checks a value.
///
/// # Errors
/// Upstream's text: one error, or `errors:` and one a line.
pub(crate) fn validate(value: &Value, shape: Shape<'_>) -> Result<(), String> {
    let mut errors = Vec::new();
    walk(value, shape, &mut Vec::new(), &mut errors);
    match errors.as_slice() {
        [] => Ok(()),
        [error] => Err(error.clone()),
        errors => Err(format!("errors:\n  {}", errors.join("\n  "))),
    }
}

fn walk(value: &Value, shape: Shape<'_>, path: &mut Vec<PathElement>, errors: &mut Vec<String>) {
    let error = |text: String| if path.is_empty() { text } else { format!("{}: {text}", path_text(path)) };
    if value.is_null() {
        return;
    }
    match shape {
        Shape::Leaf(ty) => {
            if let Some(text) = scalar_error(value, ty) {
                errors.push(error(text));
            }
        }
        Shape::Struct(_) | Shape::AtomicStruct(_) | Shape::Map(_) | Shape::AtomicMap(_) => {
            let Value::Object(map) = value else {
                errors.push(error(format!("expected map, got &{{{}}}", go_text(value))));
                return;
            };
            for (key, value) in map {
                path.push(PathElement::Field(key.clone()));
                let Some(inner) = shape.child(key) else {
                    errors.push(format!("{}: field not declared in schema", path_text(path)));
                    path.pop();
                    return;
                };
                walk(value, inner, path, errors);
                path.pop();
            }
        }
        _ => {
            let Value::Array(items) = value else {
                errors.push(error(format!("expected list, got &{{{}}}", go_text(value))));
                return;
            };
            walk_list(items, shape, path, errors);
        }
    }
}

fn walk_list(items: &[Value], shape: Shape<'_>, path: &mut Vec<PathElement>, errors: &mut Vec<String>) {
    let Some(inner) = shape.item() else { return };
    let place = path_text(path);
    let mut seen = BTreeSet::new();
    for (index, item) in items.iter().enumerate() {
        let name = match shape.name_item(index, item) {
            Ok(name) => name,
            Err(why) => {
                errors.push(format!("{place}: element {index}: {why}"));
                return;
            }
        };
        if !seen.insert(name.clone()) {
            errors.push(format!("{place}: duplicate entries for key {name}"));
        }
        path.push(name);
        walk(item, inner, path, errors);
        path.pop();
    }
}

fn scalar_error(value: &Value, ty: &Type) -> Option<String> {
    match (ty, value) {
        (Type::Raw, _) | (Type::Int32 | Type::Int64, Value::Number(_)) | (Type::Bool, Value::Bool(_)) => None,
        (Type::String | Type::Bytes, Value::String(_)) => None,
        (Type::Int32 | Type::Int64, _) => Some(format!("expected numeric (int or float), got {}", go_type(value))),
        (Type::Bool, _) => Some(format!("expected boolean, got &{{{}}}", go_text(value))),
        (Type::String | Type::Bytes, _) => {
            Some(format!("expected string, got &value.valueUnstructured{{Value:{}}}", go_syntax(value)))
        }
        (_, Value::Object(_) | Value::Array(_)) => Some(format!("expected any scalar, got &{{{}}}", go_text(value))),
        _ => None,
    }
}

/// A value as Go's `%T` names its type.
fn go_type(value: &Value) -> &'static str {
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

/// A value as Go's `%v` prints it.
pub(crate) fn go_text(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(go_text).collect::<Vec<_>>().join(" ")),
        Value::Object(map) => {
            let mut pairs: Vec<String> = map.iter().map(|(k, v)| format!("{k}:{}", go_text(v))).collect();
            pairs.sort();
            format!("map[{}]", pairs.join(" "))
        }
    }
}

/// A value as Go's `%#v` prints it.
fn go_syntax(value: &Value) -> String {
    match value {
        Value::Null => "interface {}(nil)".to_owned(),
        Value::String(text) => quote(text),
        Value::Array(items) => {
            format!("[]interface {{}}{{{}}}", items.iter().map(go_syntax).collect::<Vec<_>>().join(", "))
        }
        Value::Object(map) => {
            let mut pairs: Vec<String> = map.iter().map(|(k, v)| format!("{}:{}", quote(k), go_syntax(v))).collect();
            pairs.sort();
            format!("map[string]interface {{}}{{{}}}", pairs.join(", "))
        }
        scalar => scalar.to_string(),
    }
}
