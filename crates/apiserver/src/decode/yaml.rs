//! YAML bodies: what the server reads them as, and goyaml's words for what is wrong with them.
//!
//! Mirrors sigs.k8s.io/yaml (`YAMLToJSON`, goyaml.v2), which turns the first document into JSON with sorted keys.
//! saphyr-parser gives the events; where it finds the text broken, libyaml's port is asked for the words, as goyaml is a port too.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, StrInput, Tag};
use seatrial_api::field::quote;
use seatrial_api::json::{DEPTH_KEPT_MAX, Node};
use serde::de::{Deserialize, IgnoredAny};

use super::scalar;

/// How deep a document may be. Mirrors `max_flow_level` and `max_indents`.
const DEPTH_MAX: usize = 10_000;

/// A document, and which keys it has twice.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) node: Node,
    /// `line 7: key "k" already set in map`, in the order of the text.
    pub(super) duplicates: Vec<String>,
}

/// Reads the first document of a text.
///
/// # Errors
/// goyaml's text, with `yaml: ` before it.
pub(super) fn parse(bytes: &[u8]) -> Result<Document, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let what =
            if error.error_len().is_none() { "incomplete UTF-8 octet sequence" } else { "invalid leading UTF-8 octet" };
        format!("yaml: {what}")
    })?;
    if text.chars().any(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{85}')) {
        return Err("yaml: control characters are not allowed".to_owned());
    }
    let mut reader = Reader {
        parser: Parser::new_from_str(text),
        anchors: BTreeMap::new(),
        duplicates: Vec::new(),
        decoded: 0,
        aliased: 0,
    };
    match reader.document() {
        Ok(node) => Ok(Document { node, duplicates: reader.duplicates }),
        Err(Failure::Text(text)) => Err(format!("yaml: {text}")),
        Err(Failure::Scan(error)) => Err(format!("yaml: {}", words_for(text, &error))),
    }
}

enum Failure {
    Scan(ScanError),
    Text(String),
}

/// What goyaml says of a text that saphyr-parser does not read. Only the text up to the place is shown to libyaml, whose cost
/// grows with the square of the depth.
fn words_for(text: &str, error: &ScanError) -> String {
    if error.info().contains("recursion limit") {
        return format!("exceeded max depth of {DEPTH_MAX}");
    }
    if error.info().contains("unknown anchor") {
        let at = text.char_indices().nth(error.marker().index()).map_or(0, |(at, _)| at);
        let from = text[at..].trim_start_matches('*');
        let name = from.split(|c: char| c.is_whitespace() || ",[]{}".contains(c)).next().unwrap_or_default();
        return format!("unknown anchor '{name}' referenced");
    }
    let lines = error.marker().line() + 1;
    let end = text.match_indices('\n').nth(lines).map_or(text.len(), |(at, _)| at + 1);
    match IgnoredAny::deserialize(serde_yaml::Deserializer::from_str(&text[..end])) {
        Err(error) => go_words(&error.to_string()),
        Ok(_) => format!("line {}: {}", error.marker().line(), error.info()),
    }
}

/// libyaml's `PROBLEM at line 2 column 3, CONTEXT at line 1 column 1` in goyaml's shape: `line 2: PROBLEM`.
fn go_words(text: &str) -> String {
    let (first, context) = match text.split_once(", while ") {
        Some((first, context)) => (first, Some(context)),
        None => (text, None),
    };
    let place = |text: &str| -> Option<(String, usize)> {
        let (what, place) = text.rsplit_once(" at line ")?;
        let line = place.split(' ').next()?.parse().ok()?;
        Some((what.to_owned(), line))
    };
    let (problem, problem_line) = place(first).unwrap_or_else(|| (first.to_owned(), 1));
    let context_line = context.and_then(place).map_or(1, |(_, line)| line);
    // goyaml counts from zero and adds one for errors of the scanner only.
    let is_parser = problem.starts_with("did not find expected")
        && ["node content", "key", "'-'", "',' or", "<document start>", "<stream-start>"]
            .iter()
            .any(|w| problem.contains(w));
    let line = if context_line > 1 { context_line } else { problem_line };
    match (line, is_parser) {
        (0 | 1, _) => problem,
        (line, true) => format!("line {}: {problem}", line - 1),
        (line, false) => format!("line {line}: {problem}"),
    }
}

struct Reader<'t> {
    parser: Parser<'t, StrInput<'t>>,
    /// The value of each anchor, and how many nodes it has.
    anchors: BTreeMap<usize, (Node, u64)>,
    duplicates: Vec<String>,
    decoded: u64,
    aliased: u64,
}

/// A list or a mapping that is not closed yet.
enum Open {
    List { items: Vec<Node>, anchor: usize, start: u64 },
    Map { map: Mapping, anchor: usize, start: u64 },
}

#[derive(Default)]
struct Mapping {
    entries: BTreeMap<String, Node>,
    merged: Vec<Node>,
    /// The key that waits for its value: its text, how Go prints it, and whether it is `<<`.
    key: Option<(String, String, bool)>,
}

impl<'t> Reader<'t> {
    fn next(&mut self) -> Result<(Event<'t>, usize), Failure> {
        match self.parser.next_event() {
            None => Ok((Event::StreamEnd, 0)),
            Some(Ok((event, span))) => Ok((event, span.start.line())),
            Some(Err(error)) => Err(Failure::Scan(error)),
        }
    }

    fn document(&mut self) -> Result<Node, Failure> {
        loop {
            match self.next()?.0 {
                Event::StreamEnd => return Ok(Node::Null),
                Event::DocumentStart(_) => break,
                _ => {}
            }
        }
        let node = self.root()?;
        loop {
            if matches!(self.next()?.0, Event::StreamEnd | Event::DocumentStart(_)) {
                return Ok(node);
            }
        }
    }

    fn root(&mut self) -> Result<Node, Failure> {
        let mut stack: Vec<Open> = Vec::new();
        loop {
            let (event, line) = self.next()?;
            self.decoded += 1;
            let mut complete = match event {
                Event::SequenceStart(anchor, _) => {
                    stack.push(Open::List { items: Vec::new(), anchor, start: self.decoded });
                    None
                }
                Event::MappingStart(anchor, _) => {
                    stack.push(Open::Map { map: Mapping::default(), anchor, start: self.decoded });
                    None
                }
                Event::SequenceEnd | Event::MappingEnd => Some(self.close(&mut stack)?),
                Event::Scalar(text, style, anchor, tag) => {
                    let node = scalar_node(&text, style, tag.as_deref())?;
                    if anchor > 0 {
                        self.anchors.insert(anchor, (node.clone(), 1));
                    }
                    let plain = style == ScalarStyle::Plain && tag.is_none();
                    key_or_value(&mut stack, node, plain && text == "<<")?
                }
                Event::Alias(anchor) => {
                    let node = self.alias(anchor)?;
                    key_or_value(&mut stack, node, false)?
                }
                _ => return Ok(Node::Null),
            };
            if stack.len() > DEPTH_MAX {
                return Err(Failure::Text(format!("exceeded max depth of {DEPTH_MAX}")));
            }
            if let Some(node) = complete.take() {
                match stack.last_mut() {
                    None => return Ok(node),
                    Some(Open::List { items, .. }) => items.push(node),
                    Some(Open::Map { map, .. }) => put(map, node, line, &mut self.duplicates)?,
                }
            }
        }
    }

    fn close(&mut self, stack: &mut Vec<Open>) -> Result<Node, Failure> {
        let depth = stack.len();
        let (node, anchor, start) = match stack.pop() {
            Some(Open::List { items, anchor, start }) => (Node::Array(items), anchor, start),
            Some(Open::Map { map, anchor, start }) => (map.finish()?, anchor, start),
            None => return Ok(Node::Null),
        };
        let node = if depth > DEPTH_KEPT_MAX { Node::TooDeep } else { node };
        if anchor > 0 {
            self.anchors.insert(anchor, (node.clone(), self.decoded - start + 1));
        }
        if let Some(Open::Map { map, .. }) = stack.last()
            && map.key.is_none()
        {
            return Err(Failure::Text("invalid map key".to_owned()));
        }
        Ok(node)
    }

    /// The value of an anchor, unless aliases have made too much of too little. Mirrors goyaml's `allowedAliasRatio`.
    fn alias(&mut self, anchor: usize) -> Result<Node, Failure> {
        let Some((node, size)) = self.anchors.get(&anchor) else {
            return Err(Failure::Text("unknown anchor referenced".to_owned()));
        };
        self.decoded += size;
        self.aliased += size;
        if self.aliased > 100
            && self.decoded > 1000
            && ratio(self.aliased, self.decoded) > allowed_alias_ratio(self.decoded)
        {
            return Err(Failure::Text("document contains excessive aliasing".to_owned()));
        }
        Ok(node.clone())
    }
}

/// A scalar is a key where a mapping waits for one.
fn key_or_value(stack: &mut [Open], node: Node, merge: bool) -> Result<Option<Node>, Failure> {
    if let Some(Open::Map { map, .. }) = stack.last_mut()
        && map.key.is_none()
    {
        let (text, shown) = key_text(&node)?;
        map.key = Some((text, shown, merge));
        return Ok(None);
    }
    Ok(Some(node))
}

/// In thousandths, so that no float decides.
fn ratio(part: u64, whole: u64) -> u64 {
    part.saturating_mul(1000) / whole.max(1)
}

fn allowed_alias_ratio(decoded: u64) -> u64 {
    const LOW: u64 = 400_000;
    const HIGH: u64 = 4_000_000;
    match decoded {
        0..=LOW => 990,
        HIGH.. => 100,
        _ => 990 - 890 * (decoded - LOW) / (HIGH - LOW),
    }
}

fn put(map: &mut Mapping, node: Node, line: usize, duplicates: &mut Vec<String>) -> Result<(), Failure> {
    let Some((key, shown, merge)) = map.key.take() else { return Ok(()) };
    if merge {
        match node {
            Node::Object(_) => map.merged.push(node),
            Node::Array(items) if items.iter().all(|i| matches!(i, Node::Object(_))) => map.merged.extend(items),
            _ => return Err(Failure::Text("map merge requires map or sequence of maps as the value".to_owned())),
        }
        return Ok(());
    }
    if map.entries.insert(key, node).is_some() {
        duplicates.push(format!("line {line}: key {shown} already set in map"));
    }
    Ok(())
}

impl Mapping {
    /// The entries, sorted by key as Go writes maps, with what `<<` brings in behind what is there.
    fn finish(mut self) -> Result<Node, Failure> {
        for merged in self.merged {
            if let Node::Object(entries) = merged {
                for (key, value) in entries {
                    self.entries.entry(key).or_insert(value);
                }
            }
        }
        Ok(Node::Object(self.entries.into_iter().collect()))
    }
}

/// A key as JSON spells it, and as Go prints it in errors.
fn key_text(node: &Node) -> Result<(String, String), Failure> {
    match node {
        Node::String(text) => Ok((text.clone(), quote(text))),
        Node::Number(text) => Ok((text.clone(), text.clone())),
        Node::Bool(value) => Ok((value.to_string(), value.to_string())),
        Node::Null => Ok(("null".to_owned(), "<nil>".to_owned())),
        _ => Err(Failure::Text(format!("invalid map key: {}", node.to_value()))),
    }
}

fn scalar_node(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Result<Node, Failure> {
    let suffix = tag.filter(|t| t.is_yaml_core_schema()).map(|t| t.suffix.as_str());
    let node = match suffix {
        Some("str" | "binary" | "timestamp") => Node::String(text.to_owned()),
        Some("int" | "float" | "bool" | "null") => scalar::resolve(text),
        _ if style == ScalarStyle::Plain && tag.is_none() => scalar::resolve(text),
        _ => Node::String(text.to_owned()),
    };
    match &node {
        Node::Number(number) if matches!(number.as_str(), "+Inf" | "-Inf" | "NaN") => {
            Err(Failure::Text(format!("json: unsupported value: {number}")))
        }
        _ => Ok(node),
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn errors_are_worded_as_goyaml_words_them() {
        let rows = [
            ("a: b: c", "yaml: mapping values are not allowed in this context"),
            ("a: 1\nb: c: d", "yaml: line 2: mapping values are not allowed in this context"),
            ("a: 1\n\tb: 2", "yaml: line 2: found a tab character that violates indentation"),
            ("a: [1, 2", "yaml: line 1: did not find expected ',' or ']'"),
            ("a: *x", "yaml: unknown anchor 'x' referenced"),
            ("a: \"x", "yaml: found unexpected end of stream"),
        ];
        let mut wrong = Vec::new();
        for (text, want) in rows {
            let got = parse(text.as_bytes()).map(|d| format!("{:?}", d.node)).expect_err(text);
            if got != want {
                wrong.push((text, got, want));
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    }

    #[test]
    fn the_first_document_with_sorted_keys_and_its_duplicates() {
        let document = parse(b"b: 1\na: {x: yes, 'y': 'yes', z: 010}\nb: 2\n---\nc: 3\n").expect("YAML");
        assert_eq!(document.node.to_value().to_string(), r#"{"a":{"x":true,"y":"yes","z":8},"b":2}"#);
        assert_eq!(document.duplicates, ["line 3: key \"b\" already set in map"]);
        let merged = parse(b"base: &b {x: 1, z: 2}\nc: {<<: *b, z: 3}\n").expect("YAML");
        assert_eq!(merged.node.to_value().to_string(), r#"{"base":{"x":1,"z":2},"c":{"x":1,"z":3}}"#);
    }

    #[test]
    fn hostile_documents_end() {
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let row = vec![format!("*a{}", level - 1); 10].join(", ");
            bomb.push_str(&format!("a{level}: &a{level} [{row}]\n"));
        }
        assert_eq!(parse(bomb.as_bytes()).expect_err("a bomb"), "yaml: document contains excessive aliasing");
        let deep = vec![b'['; 1_000_000];
        assert_eq!(parse(&deep).expect_err("deep"), "yaml: exceeded max depth of 10000");
        let broken = [b"%x\n".to_vec(), vec![b'['; 1_000_000]].concat();
        assert!(parse(&broken).is_err());
    }
}
