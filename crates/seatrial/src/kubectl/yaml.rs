//! Objects as `kubectl get -o yaml` prints them.
//!
//! Mirrors goyaml.v2 of sigs.k8s.io/yaml: sorted keys, lists that are not indented, quotes round whatever YAML 1.1 would not
//! read as a text, lines folded once they are longer than 80.

use std::cmp::Ordering;

use serde_json::Value;

use super::yaml_scalar::is_text_when_plain;

const INDENT: usize = 2;
/// A line is broken at the first blank after so many characters.
const BEST_WIDTH: usize = 80;

/// An object as YAML. What keeps track of who owns which field is left out, as kubectl does.
pub(crate) fn to_yaml(object: &Value) -> String {
    let mut object = object.clone();
    if let Some(Value::Object(meta)) = object.get_mut("metadata") {
        meta.remove("managedFields");
    }
    let mut out = Emitter::default();
    out.node(&object, 0);
    out.text
}

#[derive(Default)]
struct Emitter {
    text: String,
    column: usize,
}

impl Emitter {
    fn put(&mut self, text: &str) {
        self.text.push_str(text);
        self.column += text.chars().count();
    }

    fn line_break(&mut self, indent: usize) {
        self.text.push('\n');
        self.text.extend(std::iter::repeat_n(' ', indent));
        self.column = indent;
    }

    fn new_line(&mut self, indent: usize) {
        if !self.text.is_empty() && self.column > indent {
            self.line_break(indent);
        }
    }

    /// A value whose own lines begin at `indent`, and which begins on a line of its own.
    fn node(&mut self, value: &Value, indent: usize) {
        match value {
            Value::Object(map) if !map.is_empty() => {
                let mut entries: Vec<(&String, &Value)> = map.iter().collect();
                entries.sort_by(|(a, _), (b, _)| compare_keys(a, b));
                for (index, (key, value)) in entries.into_iter().enumerate() {
                    if index > 0 {
                        self.new_line(indent);
                    }
                    self.scalar(key, indent, true);
                    self.put(":");
                    self.value(value, indent);
                }
            }
            Value::Array(items) if !items.is_empty() => {
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        self.new_line(indent);
                    }
                    self.put("- ");
                    self.node(item, indent + INDENT);
                }
            }
            leaf => self.leaf(leaf, indent.saturating_sub(INDENT)),
        }
        if indent == 0 {
            self.text.push('\n');
        }
    }

    /// What follows a key.
    fn value(&mut self, value: &Value, indent: usize) {
        match value {
            Value::Object(map) if !map.is_empty() => {
                self.line_break(indent + INDENT);
                self.node(value, indent + INDENT);
            }
            Value::Array(items) if !items.is_empty() => {
                for item in items {
                    self.line_break(indent);
                    self.put("- ");
                    self.node(item, indent + INDENT);
                }
            }
            leaf => {
                self.put(" ");
                self.leaf(leaf, indent);
            }
        }
    }

    fn leaf(&mut self, value: &Value, indent: usize) {
        match value {
            Value::String(text) => self.scalar(text, indent, false),
            Value::Object(_) => self.put("{}"),
            Value::Array(_) => self.put("[]"),
            other => self.put(&other.to_string()),
        }
    }

    /// Mirrors `stringv` and `yaml_emitter_select_scalar_style`.
    fn scalar(&mut self, text: &str, indent: usize, is_key: bool) {
        let facts = Facts::of(text);
        let indent = indent + INDENT;
        if text.contains('\n') && facts.block_allowed && !is_key {
            self.literal(text, indent);
        } else if text.contains('\n') || !is_text_when_plain(text) {
            self.double_quoted(text, indent, is_key);
        } else if facts.plain_allowed {
            self.folded(text, indent, is_key, |c| c.to_string(), false);
        } else if facts.single_quoted_allowed {
            self.put("'");
            self.folded(text, indent, is_key, |c| if c == '\'' { "''".to_owned() } else { c.to_string() }, true);
            self.put("'");
        } else {
            self.double_quoted(text, indent, is_key);
        }
    }

    /// A text in which a single blank may become the end of a line.
    fn folded(&mut self, text: &str, indent: usize, is_key: bool, write: fn(char) -> String, is_quoted: bool) {
        let chars: Vec<char> = text.chars().collect();
        let mut after_blank = false;
        for (index, &c) in chars.iter().enumerate() {
            let is_inside = !is_quoted || (index > 0 && index + 1 < chars.len());
            let breaks = !is_key && !after_blank && self.column > BEST_WIDTH && is_inside;
            if c == ' ' && breaks && chars.get(index + 1) != Some(&' ') {
                self.line_break(indent);
            } else {
                self.put(&write(c));
            }
            after_blank = c == ' ';
        }
    }

    fn double_quoted(&mut self, text: &str, indent: usize, is_key: bool) {
        let chars: Vec<char> = text.chars().collect();
        let mut after_blank = false;
        self.put("\"");
        for (index, &c) in chars.iter().enumerate() {
            let is_inside = index > 0 && index + 1 < chars.len();
            if c == ' ' && !is_key && !after_blank && self.column > BEST_WIDTH && is_inside {
                self.line_break(indent);
                if chars.get(index + 1) == Some(&' ') {
                    self.put("\\");
                }
            } else {
                self.put(&escaped(c));
            }
            after_blank = c == ' ';
        }
        self.put("\"");
    }

    /// Mirrors `yaml_emitter_write_literal_scalar`.
    fn literal(&mut self, text: &str, indent: usize) {
        self.put("|");
        if text.starts_with([' ', '\n']) {
            self.put(&INDENT.to_string());
        }
        let body = text.strip_suffix('\n');
        match body {
            None => self.put("-"),
            Some(body) if body.is_empty() || body.ends_with('\n') => self.put("+"),
            Some(_) => {}
        }
        for line in body.unwrap_or(text).split('\n') {
            self.line_break(if line.is_empty() { 0 } else { indent });
            self.put(line);
        }
        // What follows begins a line in any case.
        self.column = usize::MAX / 2;
    }
}

/// Which styles a text may be written in, in a block. Mirrors `yaml_emitter_analyze_scalar`.
struct Facts {
    plain_allowed: bool,
    single_quoted_allowed: bool,
    block_allowed: bool,
}

impl Facts {
    fn of(text: &str) -> Self {
        let chars: Vec<char> = text.chars().collect();
        let mut indicators = text.starts_with("---") || text.starts_with("...");
        let (mut space_break, mut break_space, mut special) = (false, false, false);
        for (index, &c) in chars.iter().enumerate() {
            let next = chars.get(index + 1).copied();
            let before = index.checked_sub(1).and_then(|i| chars.get(i)).copied();
            let is_blank = |c: Option<char>| c.is_none_or(|c| matches!(c, ' ' | '\t' | '\n' | '\r'));
            indicators |= match c {
                '#' | ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`' => {
                    index == 0 || (c == '#' && is_blank(before))
                }
                '?' | '-' => index == 0 && is_blank(next),
                ':' => is_blank(next),
                _ => false,
            };
            special |= !is_printable(c);
            space_break |= c == ' ' && next == Some('\n');
            break_space |= c == '\n' && next == Some(' ');
        }
        let at_edge = text.starts_with([' ', '\n']) || text.ends_with([' ', '\n']);
        let is_bad = space_break || special;
        Self {
            plain_allowed: !(indicators || at_edge || is_bad || break_space || text.contains('\n')),
            single_quoted_allowed: !(break_space || is_bad),
            block_allowed: !(text.ends_with(' ') || is_bad),
        }
    }
}

fn is_printable(c: char) -> bool {
    matches!(c, '\n' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}') && c != '\u{feff}'
        || c > '\u{ffff}'
}

fn escaped(c: char) -> String {
    match c {
        '"' => "\\\"".to_owned(),
        '\\' => "\\\\".to_owned(),
        '\n' => "\\n".to_owned(),
        '\t' => "\\t".to_owned(),
        '\r' => "\\r".to_owned(),
        '\0' => "\\0".to_owned(),
        '\u{7}' => "\\a".to_owned(),
        '\u{8}' => "\\b".to_owned(),
        '\u{b}' => "\\v".to_owned(),
        '\u{c}' => "\\f".to_owned(),
        '\u{1b}' => "\\e".to_owned(),
        c if is_printable(c) => c.to_string(),
        c if c <= '\u{ff}' => format!("\\x{:02X}", u32::from(c)),
        c => format!("\\u{:04X}", u32::from(c)),
    }
}

/// Numbers in keys count as numbers, and what is no letter comes before letters. Mirrors `keyList.Less`.
fn compare_keys(a: &str, b: &str) -> Ordering {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let Some(at) = a.iter().zip(&b).position(|(a, b)| a != b) else { return a.len().cmp(&b.len()) };
    let (x, y) = (a[at], b[at]);
    match (x.is_alphabetic(), y.is_alphabetic()) {
        (true, true) => return x.cmp(&y),
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        (false, false) => {}
    }
    // A zero inside of a number counts as a digit of it.
    let inside = a[..at].iter().rev().take_while(|c| c.is_ascii_digit()).any(|c| *c != '0');
    let lead = if (x == '0' || y == '0') && inside { "1" } else { "" };
    let number = |chars: &[char]| {
        let digits: String = chars[at..].iter().take_while(|c| c.is_ascii_digit()).collect();
        let length = digits.len();
        (format!("{lead}{digits}").parse::<u64>().unwrap_or(if length == 0 { 0 } else { u64::MAX }), length)
    };
    number(&a).cmp(&number(&b)).then(x.cmp(&y))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_object_is_printed_as_kubectl_prints_it() {
        let object = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "web-0", "creationTimestamp": "2024-01-01T00:00:00Z", "resourceVersion": "12",
                "annotations": {"pv.kubernetes.io/bind-completed": "yes", "many": "a\n  b\n\n", "json": "{\"a\":1}\n"},
                "labels": {"a10": "1", "a2": "true", "a": ""}, "managedFields": [{"manager": "x"}]},
            "spec": {"containers": [{"args": ["-c", "*/3 * * * *", "- x", "a: b", "it's: 'so'"], "name": "c", "resources": {},
                "env": [], "ports": [{"containerPort": 80}]}], "nested": [[1, [2.5]], []]},
            "status": {"conditions": [{"lastProbeTime": null, "status": "True",
                "message": "0/3 nodes are available: 3 Insufficient cpu. preemption: 0/3 nodes are available: 3 No preemption victims found for incoming pod."}]}});
        let want = "\
apiVersion: v1
kind: Pod
metadata:
  annotations:
    json: |
      {\"a\":1}
    many: |+
      a
        b

    pv.kubernetes.io/bind-completed: \"yes\"
  creationTimestamp: \"2024-01-01T00:00:00Z\"
  labels:
    a: \"\"
    a2: \"true\"
    a10: \"1\"
  name: web-0
  resourceVersion: \"12\"
spec:
  containers:
  - args:
    - -c
    - '*/3 * * * *'
    - '- x'
    - 'a: b'
    - 'it''s: ''so'''
    env: []
    name: c
    ports:
    - containerPort: 80
    resources: {}
  nested:
  - - 1
    - - 2.5
  - []
status:
  conditions:
  - lastProbeTime: null
    message: '0/3 nodes are available: 3 Insufficient cpu. preemption: 0/3 nodes are
      available: 3 No preemption victims found for incoming pod.'
    status: \"True\"
";
        assert_eq!(to_yaml(&object), want);
    }

    #[test]
    fn what_is_printed_reads_as_what_it_was() {
        // Between dots, so that a row is a line.
        let texts = "· ·a b·a · a·\n·a\n·a\nb·\na· a\nb·a \nb·a\n\n·a\n b·# a·a #b·a#b·'·\"·\\·\t·a\tb·é☃·\u{1f600}·\u{7}·---·--- a·...\
            ·-·?·:·a:·:a·@a·`a·%a·!a·&a·*a·|·>·{}·[]·[a·a]·a, b·null·~·yes·No·on·y·1·-1·+1·0x1f·0b1·0o7·017·08·1_000·1.5·.5·1.·1e3·1e+3\
            ·.inf·-.INF·.nan·12:30·1:2:3.5·2024-01-01·2024-01-01T00:00:00Z·2024-1-1 1:2:3·<<·=·0·1Gi·100m·50%";
        for text in texts.split('·') {
            for object in [json!({"k": text, "l": [text, text], "m": 1}), json!({text: {"a": 1}})] {
                let printed = to_yaml(&object);
                let read: Value = serde_yaml::from_str(&printed).expect(&printed);
                assert_eq!(read, object, "{text:?}\n{printed}");
            }
        }
        let long = "word ".repeat(60) + "and  two blanks  now and then: '\"";
        for text in [long.clone(), format!("a: {long}"), format!("{long}\u{7}"), format!("{long}\nnext {long}")] {
            let printed = to_yaml(&json!({"a": [{"k": text}]}));
            let read: Value = serde_yaml::from_str(&printed).expect(&printed);
            assert_eq!(read, json!({"a": [{"k": text}]}), "{printed}");
        }
    }
}
