//! The JSON schema of the scenario file, for editors: made from the tables the parser checks with.

use serde_json::{Map, Value, json};

use super::keys::{SCENARIO, Shape, Type, all_shapes};
use super::parse::leaf;

/// The schema (draft 2020-12) of a scenario file.
pub fn json_schema() -> Value {
    let definitions: Map<String, Value> =
        all_shapes().iter().skip(1).map(|shape| (shape.name.to_owned(), of_shape(shape))).collect();
    let mut root = of_shape(&SCENARIO);
    root["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    root["$id"] = json!("https://seatrial.dev/v1alpha1/scenario.json");
    root["title"] = json!(SCENARIO.doc);
    root["$defs"] = Value::Object(definitions);
    root
}

fn of_shape(shape: &Shape) -> Value {
    let mut properties = Map::new();
    for key in shape.keys {
        let mut value = of_type(&key.kind);
        value["description"] = json!(key.doc);
        properties.insert(key.name.to_owned(), value);
    }
    let required: Vec<&str> = shape.keys.iter().filter(|key| key.required).map(|key| key.name).collect();
    let mut schema = json!({
        "type": "object",
        "description": shape.doc,
        "properties": properties,
        "additionalProperties": false,
    });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    if !shape.choose.is_empty() {
        let one: Vec<Value> = shape.choose.iter().map(|name| json!({ "required": [name] })).collect();
        schema["oneOf"] = json!(one);
    }
    schema
}

fn of_type(kind: &Type) -> Value {
    match kind {
        Type::Any => json!({}),
        Type::Mapping | Type::Manifest => json!({ "type": "object" }),
        Type::Text | Type::Cel | Type::WaitFor => json!({ "type": "string" }),
        Type::Name => json!({ "type": "string", "pattern": leaf::NAME_PATTERN }),
        Type::Bool => json!({ "type": "boolean" }),
        Type::Int(minimum, maximum) => {
            json!({ "type": "integer", "minimum": minimum, "maximum": maximum })
        }
        Type::Duration => json!({ "type": "string", "pattern": leaf::DURATION_PATTERN }),
        Type::When => {
            json!({ "type": "string", "pattern": format!("^never$|{}", leaf::DURATION_PATTERN) })
        }
        Type::Time => json!({ "type": "string", "format": "date-time" }),
        Type::Target => json!({ "type": "string", "pattern": "^[^/]+/[^/]+$" }),
        Type::Query => json!({ "type": "string", "pattern": "^[^/]+(/[^/]+)?$" }),
        Type::Kind => json!({ "type": "string", "pattern": "^[^/]+$" }),
        Type::Quantity => json!({ "type": ["string", "number"] }),
        Type::Choice(choices) => json!({ "enum": choices }),
        Type::Texts => json!({ "type": "object", "additionalProperties": { "type": "string" } }),
        Type::Changes => {
            json!({ "type": "object", "additionalProperties": { "type": ["string", "null"] } })
        }
        Type::Quantities => {
            json!({ "type": "object", "additionalProperties": { "type": ["string", "number"] } })
        }
        Type::Map(shape) => json!({ "$ref": format!("#/$defs/{}", shape.name) }),
        Type::List(item) => json!({ "type": "array", "items": of_type(item) }),
        Type::OneOf(kinds) => json!({ "anyOf": kinds.iter().map(of_type).collect::<Vec<_>>() }),
    }
}
