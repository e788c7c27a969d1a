//! One value of a YAML document with its place: what the scenario parser and the manifest loader read.

use serde_json::{Map, Number, Value};

use super::error::Position;

/// A value and where it starts.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Node {
    pub(crate) data: Data,
    pub(crate) position: Position,
}

/// The value itself, as JSON has it; mappings keep the order of the file.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Data {
    #[default]
    Null,
    Bool(bool),
    Number(Number),
    /// An integer beyond 64 bits, by its digits: the API server has an error of its own for it.
    Huge(String),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key of a mapping, the key's place, and its value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) position: Position,
    pub(crate) node: Node,
}

impl Node {
    /// Whether it is null: an empty document, a key without a value.
    pub(crate) fn is_null(&self) -> bool {
        self.data == Data::Null
    }

    /// The entries of a mapping; none for anything else.
    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.data {
            Data::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The items of a list; none for anything else.
    pub(crate) fn items(&self) -> &[Node] {
        match &self.data {
            Data::List(items) => items,
            _ => &[],
        }
    }

    /// The value of a key, unless it is absent or null.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        let entry = self.entries().iter().find(|entry| entry.key == key)?;
        match entry.node.data {
            Data::Null => None,
            _ => Some(&entry.node),
        }
    }

    /// The text, if it is text.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.data {
            Data::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The value without positions.
    pub(crate) fn to_json(&self) -> Value {
        match &self.data {
            Data::Null => Value::Null,
            Data::Bool(value) => Value::Bool(*value),
            Data::Number(value) => Value::Number(value.clone()),
            Data::Huge(digits) => digits.parse().ok().and_then(Number::from_f64).map_or(Value::Null, Value::Number),
            Data::Text(text) => Value::String(text.clone()),
            Data::List(items) => Value::Array(items.iter().map(Node::to_json).collect()),
            Data::Map(entries) => {
                let map: Map<String, Value> =
                    entries.iter().map(|entry| (entry.key.clone(), entry.node.to_json())).collect();
                Value::Object(map)
            }
        }
    }

    /// The value as JSON text, with every digit of its numbers.
    pub(crate) fn to_json_text(&self) -> String {
        let mut text = String::new();
        self.write_json(&mut text);
        text
    }

    fn write_json(&self, out: &mut String) {
        match &self.data {
            Data::Huge(digits) => out.push_str(digits),
            Data::List(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    out.push_str(if index > 0 { "," } else { "" });
                    item.write_json(out);
                }
                out.push(']');
            }
            Data::Map(entries) => {
                out.push('{');
                for (index, entry) in entries.iter().enumerate() {
                    out.push_str(if index > 0 { "," } else { "" });
                    out.push_str(&Value::from(entry.key.as_str()).to_string());
                    out.push(':');
                    entry.node.write_json(out);
                }
                out.push('}');
            }
            _ => out.push_str(&self.to_json().to_string()),
        }
    }

    /// What it is, for "wanted this, got that".
    pub(crate) fn describe(&self) -> String {
        match &self.data {
            Data::Null => "nothing".to_owned(),
            Data::Bool(value) => format!("`{value}`"),
            Data::Number(value) => format!("the number `{value}`"),
            Data::Huge(digits) => format!("the number `{digits}`"),
            Data::Text(text) => format!("the text `{}`", shorten(text)),
            Data::List(_) => "a list".to_owned(),
            Data::Map(entries) if entries.is_empty() => "an empty mapping".to_owned(),
            Data::Map(_) => "a mapping".to_owned(),
        }
    }
}

/// Long or many-line texts are cut for messages.
fn shorten(text: &str) -> String {
    const CHARS_MAX: usize = 40;
    let line = text.lines().next().unwrap_or_default();
    match line.chars().count() > CHARS_MAX || line.len() < text.trim_end().len() {
        true => format!("{}...", line.chars().take(CHARS_MAX).collect::<String>()),
        false => line.to_owned(),
    }
}
