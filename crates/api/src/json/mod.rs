//! JSON as it was sent: keys in their order, keys that are there twice, and every digit of a number.
//!
//! `serde_json::Value` keeps none of these, and the strict decoder reports all of them.

mod reader;

use serde_json::{Map, Number, Value};

pub use reader::parse;

/// How deep a document is kept. Deeper values are read for their syntax and then stand as [`Node::TooDeep`]: no type of the
/// API is that deep, and every walk over a value recurses.
pub const DEPTH_KEPT_MAX: usize = 500;

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// A number, as it was written.
    Number(String),
    /// A string.
    String(String),
    /// A list.
    Array(Vec<Node>),
    /// An object; keys may repeat.
    Object(Vec<(String, Node)>),
    /// A list or an object below [`DEPTH_KEPT_MAX`] others.
    TooDeep,
}

impl Node {
    /// The value without what a `Value` cannot hold: the last of repeated keys counts.
    pub fn to_value(&self) -> Value {
        match self {
            Self::Null | Self::TooDeep => Value::Null,
            Self::Bool(value) => Value::Bool(*value),
            Self::Number(text) => Value::Number(number(text)),
            Self::String(text) => Value::String(text.clone()),
            Self::Array(items) => Value::Array(items.iter().map(Self::to_value).collect()),
            Self::Object(entries) => {
                Value::Object(entries.iter().map(|(key, value)| (key.clone(), value.to_value())).collect::<Map<_, _>>())
            }
        }
    }

    /// The node of a value; keys come in the order of the map.
    pub fn from_value(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(*value),
            Value::Number(number) => Self::Number(number.to_string()),
            Value::String(text) => Self::String(text.clone()),
            Value::Array(items) => Self::Array(items.iter().map(Self::from_value).collect()),
            Value::Object(map) => {
                Self::Object(map.iter().map(|(key, value)| (key.clone(), Self::from_value(value))).collect())
            }
        }
    }

    /// The last value of a key.
    pub fn get(&self, key: &str) -> Option<&Node> {
        match self {
            Self::Object(entries) => entries.iter().rev().find(|(k, _)| k == key).map(|(_, value)| value),
            _ => None,
        }
    }

    /// The text, if it is a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// Whether a part of it was too deep to be kept.
    pub fn is_cut(&self) -> bool {
        match self {
            Self::TooDeep => true,
            Self::Array(items) => items.iter().any(Self::is_cut),
            Self::Object(entries) => entries.iter().any(|(_, value)| value.is_cut()),
            _ => false,
        }
    }

    /// Go's word for the kind of value.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "bool",
            Self::Number(_) => "number",
            Self::String(_) => "string",
            Self::Array(_) => "array",
            Self::Object(_) | Self::TooDeep => "object",
        }
    }

    /// The keys that are there twice, as `duplicate field "a.b"`, in the order of the text; for documents without a type.
    pub fn duplicates(&self) -> Vec<String> {
        let mut found = Vec::new();
        collect_duplicates(self, &mut String::new(), &mut found);
        found
    }
}

fn collect_duplicates(node: &Node, path: &mut String, found: &mut Vec<String>) {
    let length = path.len();
    match node {
        Node::Object(entries) => {
            let mut seen = std::collections::BTreeSet::new();
            for (key, value) in entries {
                if length > 0 {
                    path.push('.');
                }
                path.push_str(key);
                if !seen.insert(key) {
                    found.push(format!("duplicate field {}", crate::field::quote(path)));
                }
                collect_duplicates(value, path, found);
                path.truncate(length);
            }
        }
        Node::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                path.push_str(&format!("[{index}]"));
                collect_duplicates(item, path, found);
                path.truncate(length);
            }
        }
        _ => {}
    }
}

/// A number as exact as 64 bits allow.
fn number(text: &str) -> Number {
    if let Ok(integer) = text.parse::<i64>() {
        return integer.into();
    }
    if let Ok(integer) = text.parse::<u64>() {
        return integer.into();
    }
    let float = text.parse::<f64>().unwrap_or_default();
    let bounded = float.clamp(f64::MIN, f64::MAX);
    Number::from_f64(bounded).unwrap_or_else(|| 0.into())
}
