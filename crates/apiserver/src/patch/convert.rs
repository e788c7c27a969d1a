//! Whether the result of a strategic merge patch fits its Go type: it is converted without going through JSON text, and says so
//! in other words than the decoder.
//!
//! Mirrors apimachinery runtime/converter.go (`fromUnstructured`) (v1.36).

use seatrial_api::json::Node;
use seatrial_api::schema::{Issue, Type, TypeRef, check_value};
use serde_json::Value;

/// Checks a value.
///
/// # Errors
/// Upstream's text for the first field, in the order of the Go type, that does not fit.
pub(super) fn from_unstructured(value: &Value, ty: TypeRef) -> Result<(), String> {
    structure(value, ty)
}

fn structure(value: &Value, ty: TypeRef) -> Result<(), String> {
    let Value::Object(map) = value else {
        return Err(format!("cannot restore struct from: {}", kind(value)));
    };
    for field in ty.fields() {
        match &field.ty {
            Type::Struct(inner) if field.json_name.is_empty() => structure(value, *inner)?,
            _ => {
                if let Some(value) = map.get(&field.json_name) {
                    convert(value, &field.ty)?;
                }
            }
        }
    }
    Ok(())
}

fn convert(value: &Value, ty: &Type) -> Result<(), String> {
    match (ty.target(), value) {
        (_, Value::Null) | (Type::Raw, _) => Ok(()),
        (Type::Struct(inner), _) => structure(value, *inner),
        (Type::Slice(item), Value::Array(items)) => items.iter().try_for_each(|item_value| convert(item_value, item)),
        (Type::Slice(_), _) => Err(format!("cannot restore slice from {}", kind(value))),
        (Type::Map(item), Value::Object(map)) => map.values().try_for_each(|item_value| convert(item_value, item)),
        (Type::Map(_), _) => Err(format!("cannot restore map from {}", kind(value))),
        (Type::String, Value::String(_)) | (Type::Bool, Value::Bool(_)) => Ok(()),
        (Type::String, Value::Number(_)) => Err(format!("cannot convert {} to string", kind(value))),
        (Type::String, _) => Err("unrecognized type: string".to_owned()),
        (Type::Bool, _) => Err("unrecognized type: bool".to_owned()),
        (Type::Int32, _) => integer(value, "int32"),
        (Type::Int64, _) => integer(value, "int64"),
        (Type::Bytes, Value::String(_)) => itself(value, ty).map_err(|why| format!("error decoding from json: {why}")),
        (Type::Bytes, _) => Err(format!("cannot restore slice from {}", kind(value))),
        _ => itself(value, ty),
    }
}

fn integer(value: &Value, go_type: &str) -> Result<(), String> {
    match value {
        Value::Number(number) if number.as_f64().is_some_and(|f| f.fract() == 0.0) => Ok(()),
        Value::Number(_) => Err(format!("cannot convert {} to {go_type}", kind(value))),
        _ => Err(format!("unrecognized type: {go_type}")),
    }
}

/// Floats without a fraction become integers, which this way of converting takes for them.
pub(super) fn whole_numbers(value: &mut Value) {
    match value {
        Value::Number(number) => {
            let whole = number.as_f64().filter(|f| number.is_f64() && f.fract() == 0.0);
            if let Some(integer) = whole.and_then(|f| format!("{f:.0}").parse::<i64>().ok()) {
                *value = integer.into();
            }
        }
        Value::Array(items) => items.iter_mut().for_each(whole_numbers),
        Value::Object(map) => map.values_mut().for_each(whole_numbers),
        _ => {}
    }
}

/// Quantities, times and the like decode themselves from JSON.
fn itself(value: &Value, ty: &Type) -> Result<(), String> {
    match check_value(&Node::from_value(value), ty.target()) {
        Some(Issue::Type(text)) => Err(text),
        _ => Ok(()),
    }
}

/// Go's word for the kind of a value.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "invalid",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float64",
        Value::Number(_) => "int64",
        Value::String(_) => "string",
        Value::Array(_) => "slice",
        Value::Object(_) => "map",
    }
}

#[cfg(test)]
mod tests {
    use seatrial_api::schema::type_named;
    use serde_json::json;

    #[test]
    fn errors_are_worded_as_the_converter_words_them() {
        let ty = type_named("Deployment").expect("Deployment");
        let rows = [
            (json!({"spec": {"replicas": 3}}), None),
            (json!({"spec": {"replicas": 3.0}}), None),
            (json!({"spec": {"replicas": "5"}}), Some("unrecognized type: int32")),
            (json!({"spec": {"replicas": 1.5}}), Some("cannot convert float64 to int32")),
            (json!({"spec": {"paused": "yes"}}), Some("unrecognized type: bool")),
            (json!({"spec": "x"}), Some("cannot restore struct from: string")),
            (json!({"metadata": {"labels": []}}), Some("cannot restore map from slice")),
            (json!({"metadata": {"labels": {"a": 1}}}), Some("cannot convert int64 to string")),
            (json!({"metadata": {"labels": {"a": true}}}), Some("unrecognized type: string")),
            (json!({"spec": {"template": {"spec": {"containers": "only"}}}}), Some("cannot restore slice from string")),
            (
                json!({"spec": {"strategy": {"rollingUpdate": {"maxSurge": true}}}}),
                Some("json: cannot unmarshal bool into Go value of type int32"),
            ),
        ];
        for (value, want) in rows {
            let got = super::from_unstructured(&value, ty).err();
            assert_eq!(got.as_deref(), want, "{value}");
        }
    }
}
