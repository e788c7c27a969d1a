//! The YAML reader: documents as trees in which every key and value knows its line and column.
//!
//! serde_yaml reads the values, saphyr-parser (which reports spans) says where each of them stands and
//! whether it was quoted; the two walk the same document side by side. This is the only module of the
//! crate that reads YAML, and neither crate's types leave it. Anchors, aliases and merge keys (`<<`) work
//! as in kubectl; a key that is there twice is an error.

use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle};
use serde::Deserialize;
use serde::de::{self, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor};
use serde_json::{Number, Value};

use super::error::{InputError, Position};
use super::node::{Data, Entry, Node};
use super::scalar::{float_number, resolve_text};

/// Which plain words are booleans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// A scenario: `true` and `false` only, so that a node may be called `n`.
    Scenario,
    /// A manifest: also `yes`, `on`, `y` and their negations, as kubectl has it.
    Manifest,
}

/// Reads every document of `text`. Empty documents are there, as null.
pub(crate) fn read_documents(text: &str, dialect: Dialect) -> Result<Vec<Node>, InputError> {
    check_depth(text)?;
    let mut values = Vec::new();
    for document in serde_yaml::Deserializer::from_str(text) {
        values.push(Plain::deserialize(document).map_err(|error| yaml_error(&error))?);
    }
    let marks = read_marks(text)?;
    if marks.is_empty() {
        // serde_yaml takes a text without any document for one that is null.
        return Ok(Vec::new());
    }
    let mut nodes = Vec::new();
    for (index, value) in values.into_iter().enumerate() {
        let mark = marks.get(index).cloned().unwrap_or_default();
        nodes.push(join(value, dialect, &mark)?);
    }
    Ok(nodes)
}

/// How many brackets may be open at once: the scanner's time grows with the square of their number.
const OPEN_BRACKETS_MAX: usize = 2_000;

/// Refuses what only an attack is: thousands of brackets one inside the other. Those in strings are counted too, but no
/// text leaves so many open.
fn check_depth(text: &str) -> Result<(), InputError> {
    let mut open = 0usize;
    for (index, line) in text.lines().enumerate() {
        for (column, byte) in line.bytes().enumerate() {
            match byte {
                b'[' | b'{' => open += 1,
                b']' | b'}' => open = open.saturating_sub(1),
                _ => continue,
            }
            if open > OPEN_BRACKETS_MAX {
                let position = Position::new(index + 1, column + 1);
                return Err(InputError::at(position, "not valid YAML: recursion limit exceeded"));
            }
        }
    }
    Ok(())
}

fn yaml_error(error: &serde_yaml::Error) -> InputError {
    let position = error.location().map_or(Position::new(1, 1), |at| Position::new(at.line(), at.column()));
    let text = error.to_string();
    let message = text.split(" at line ").next().unwrap_or(&text);
    let problem = InputError::at(position, format!("not valid YAML: {message}"));
    if text.contains("cannot start any token") {
        return problem.hint("indent with spaces: YAML allows no tabs there");
    }
    problem
}

/// A value as serde_yaml reads it; mappings keep their order and their duplicates.
enum Plain {
    Null,
    Bool(bool),
    Number(Number),
    Huge(String),
    Text(String),
    List(Vec<Plain>),
    Map(Vec<(Plain, Plain)>),
    Tagged(String),
}

impl<'de> Deserialize<'de> for Plain {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PlainVisitor)
    }
}

struct PlainVisitor;

impl<'de> Visitor<'de> for PlainVisitor {
    type Value = Plain;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Plain, E> {
        Ok(Plain::Null)
    }

    fn visit_none<E>(self) -> Result<Plain, E> {
        Ok(Plain::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Plain, E> {
        Ok(Plain::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Plain, E> {
        Ok(Plain::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Plain, E> {
        Ok(Plain::Number(value.into()))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Plain, E> {
        Ok(Plain::Huge(value.to_string()))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Plain, E> {
        Ok(Plain::Huge(value.to_string()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Plain, E> {
        match float_number(value) {
            Some(number) => Ok(Plain::Number(number)),
            None => Err(E::custom("a number has to be finite")),
        }
    }

    fn visit_str<E>(self, value: &str) -> Result<Plain, E> {
        Ok(Plain::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Plain, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Plain::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Plain, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Plain::Map(entries))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<Plain, A::Error> {
        let (tag, content): (String, A::Variant) = data.variant()?;
        content.newtype_variant::<de::IgnoredAny>()?;
        Ok(Plain::Tagged(tag))
    }
}

/// Where a value stands and how it was written.
#[derive(Clone, Default)]
struct Mark {
    position: Position,
    shape: Shape,
}

#[derive(Clone, Default)]
enum Shape {
    /// A scalar without quotes and tag.
    Plain,
    /// Any other scalar.
    #[default]
    Quoted,
    List(Rc<Vec<Mark>>),
    Map(Rc<Vec<(Mark, Mark)>>),
}

fn read_marks(text: &str) -> Result<Vec<Mark>, InputError> {
    let mut reader = MarkReader { parser: Parser::new_from_str(text), anchors: BTreeMap::new() };
    let mut documents = Vec::new();
    loop {
        match reader.next()? {
            (Event::StreamEnd, _) => return Ok(documents),
            (Event::DocumentStart(_), _) => {
                reader.anchors.clear();
                let (event, start) = reader.next()?;
                documents.push(reader.mark(event, start)?);
            }
            _ => {}
        }
    }
}

struct MarkReader<'t> {
    parser: Parser<'t, saphyr_parser::StrInput<'t>>,
    anchors: BTreeMap<usize, Mark>,
}

impl<'t> MarkReader<'t> {
    fn next(&mut self) -> Result<(Event<'t>, Marker), InputError> {
        match self.parser.next_event() {
            None => Ok((Event::StreamEnd, Marker::default())),
            Some(Ok((event, span))) => Ok((event, span.start)),
            Some(Err(error)) => {
                Err(InputError::at(place(*error.marker()), format!("not valid YAML: {}", error.info())))
            }
        }
    }

    /// serde_yaml has read the text before and bounds the depth of the recursion.
    fn mark(&mut self, event: Event<'t>, start: Marker) -> Result<Mark, InputError> {
        let position = place(start);
        let (shape, anchor) = match event {
            Event::Alias(anchor) => {
                let shape = self.anchors.get(&anchor).map_or(Shape::Quoted, |mark| mark.shape.clone());
                return Ok(Mark { position, shape });
            }
            Event::Scalar(_, ScalarStyle::Plain, anchor, None) => (Shape::Plain, anchor),
            Event::SequenceStart(anchor, _) => (self.list()?, anchor),
            Event::MappingStart(anchor, _) => (self.map()?, anchor),
            Event::Scalar(_, _, anchor, _) => (Shape::Quoted, anchor),
            _ => (Shape::Quoted, 0),
        };
        let mark = Mark { position, shape };
        if anchor > 0 {
            self.anchors.insert(anchor, mark.clone());
        }
        Ok(mark)
    }

    fn list(&mut self) -> Result<Shape, InputError> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd | Event::StreamEnd, _) => {
                    return Ok(Shape::List(Rc::new(items)));
                }
                (event, start) => items.push(self.mark(event, start)?),
            }
        }
    }

    fn map(&mut self) -> Result<Shape, InputError> {
        let mut entries = Vec::new();
        loop {
            match self.next()? {
                (Event::MappingEnd | Event::StreamEnd, _) => {
                    return Ok(Shape::Map(Rc::new(entries)));
                }
                (event, start) => {
                    let key = self.mark(event, start)?;
                    let (event, start) = self.next()?;
                    entries.push((key, self.mark(event, start)?));
                }
            }
        }
    }
}

fn place(marker: Marker) -> Position {
    Position::new(marker.line().max(1), marker.col() + 1)
}

/// Joins a value with the marks of the same document. Where they should ever differ in shape the
/// position of the parent stands for the children.
fn join(value: Plain, dialect: Dialect, mark: &Mark) -> Result<Node, InputError> {
    let position = mark.position;
    let data = match value {
        Plain::Null => Data::Null,
        Plain::Bool(value) => Data::Bool(value),
        Plain::Number(value) => Data::Number(value),
        Plain::Huge(digits) => Data::Huge(digits),
        Plain::Text(text) if matches!(mark.shape, Shape::Plain) => match resolve_text(&text) {
            Value::Bool(value) if dialect == Dialect::Manifest => Data::Bool(value),
            Value::Number(value) => Data::Number(value),
            _ => Data::Text(text),
        },
        Plain::Text(text) => Data::Text(text),
        Plain::List(items) => Data::List(join_list(items, dialect, mark)?),
        Plain::Map(entries) => Data::Map(join_map(entries, dialect, mark)?),
        Plain::Tagged(tag) => {
            return Err(
                InputError::at(position, format!("unknown YAML tag `{tag}`")).hint("if it is text, put it in quotes")
            );
        }
    };
    Ok(Node { data, position })
}

fn join_list(items: Vec<Plain>, dialect: Dialect, mark: &Mark) -> Result<Vec<Node>, InputError> {
    let lost = Mark { position: mark.position, shape: Shape::Quoted };
    let known = match &mark.shape {
        Shape::List(items) => items.as_slice(),
        _ => &[],
    };
    items.into_iter().enumerate().map(|(index, item)| join(item, dialect, known.get(index).unwrap_or(&lost))).collect()
}

fn join_map(entries: Vec<(Plain, Plain)>, dialect: Dialect, mark: &Mark) -> Result<Vec<Entry>, InputError> {
    let lost = (Mark { position: mark.position, shape: Shape::Quoted }, mark.clone());
    let known = match &mark.shape {
        Shape::Map(entries) => entries.as_slice(),
        _ => &[],
    };
    let mut joined: Vec<Entry> = Vec::with_capacity(entries.len());
    let mut merged: Vec<Entry> = Vec::new();
    let mut seen: BTreeMap<String, Position> = BTreeMap::new();
    for (index, (key, value)) in entries.into_iter().enumerate() {
        let (key_mark, value_mark) = known.get(index).unwrap_or(&lost);
        let is_merge = matches!(&key, Plain::Text(text) if text == "<<") && matches!(key_mark.shape, Shape::Plain);
        let value = join(value, dialect, value_mark)?;
        if is_merge {
            collect_merged(value, &mut merged)?;
            continue;
        }
        let key = key_text(key, dialect, key_mark)?;
        let position = key_mark.position;
        if let Some(first) = seen.insert(key.clone(), position) {
            return Err(InputError::at(position, format!("key `{key}` is already set"))
                .hint(format!("it is first set in line {}", first.line)));
        }
        joined.push(Entry { key, position, node: value });
    }
    for entry in merged {
        if !seen.contains_key(&entry.key) {
            seen.insert(entry.key.clone(), entry.position);
            joined.push(entry);
        }
    }
    Ok(joined)
}

/// What `<<` brings in: a mapping, or a list of mappings of which the earlier win.
fn collect_merged(value: Node, merged: &mut Vec<Entry>) -> Result<(), InputError> {
    let position = value.position;
    match value.data {
        Data::Map(entries) => merged.extend(entries),
        Data::List(items) if items.iter().all(|item| matches!(item.data, Data::Map(_))) => {
            for item in items {
                collect_merged(item, merged)?;
            }
        }
        _ => {
            return Err(InputError::at(position, "map merge (`<<`) requires a mapping or a list of mappings"));
        }
    }
    Ok(())
}

/// A key as JSON spells it: numbers and booleans become text.
fn key_text(key: Plain, dialect: Dialect, mark: &Mark) -> Result<String, InputError> {
    let node = join(key, dialect, mark)?;
    match node.data {
        Data::Text(text) => Ok(text),
        Data::Bool(value) => Ok(value.to_string()),
        Data::Number(value) => Ok(value.to_string()),
        Data::Huge(digits) => Ok(digits),
        Data::Null => Ok("null".to_owned()),
        Data::List(_) | Data::Map(_) => {
            Err(InputError::at(node.position, "a key has to be text, not a list or a mapping"))
        }
    }
}

#[cfg(test)]
mod tests;
