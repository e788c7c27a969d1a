//! CEL over objects: the variables are `object` and its parts.

use std::sync::Arc;

use cel::Context;
use cel::objects::{Key, Map};
use serde_json::Value;

use crate::scenario::model::Cel;

/// The parts of an object that expressions may name by themselves.
const PARTS: [&str; 5] = ["metadata", "spec", "status", "data", "type"];

/// Evaluates an expression for an object.
///
/// # Errors
/// What CEL says, as of a field that is not there; a result that is no boolean.
pub(super) fn holds(expression: &Cel, object: &Value) -> Result<bool, String> {
    let mut context = Context::default();
    context.add_variable_from_value("object", value_of(object));
    context.add_variable_from_value("self", value_of(object));
    for part in PARTS {
        let value = object.get(part).map_or_else(|| value_of(&serde_json::json!({})), value_of);
        context.add_variable_from_value(part, value);
    }
    match expression.program().execute(&context) {
        Ok(cel::Value::Bool(result)) => Ok(result),
        Ok(other) => Err(format!("`{}` gave {other:?} and not true or false", expression.text)),
        Err(error) => Err(format!("`{}`: {error}", expression.text)),
    }
}

/// JSON as CEL sees it: whole numbers are ints.
fn value_of(value: &Value) -> cel::Value {
    match value {
        Value::Null => cel::Value::Null,
        Value::Bool(b) => cel::Value::Bool(*b),
        Value::Number(n) => n.as_i64().map_or_else(|| cel::Value::Float(n.as_f64().unwrap_or(0.0)), cel::Value::Int),
        Value::String(s) => cel::Value::String(Arc::new(s.clone())),
        Value::Array(list) => cel::Value::List(Arc::new(list.iter().map(value_of).collect())),
        Value::Object(map) => {
            let pairs = map.iter().map(|(k, v)| (Key::String(Arc::new(k.clone())), value_of(v)));
            // CEL's own maps have no order; what a boolean expression makes of them does not depend on one.
            cel::Value::Map(Map { map: Arc::new(pairs.collect()) })
        }
    }
}
