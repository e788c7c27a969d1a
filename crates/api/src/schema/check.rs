//! Whether JSON decodes into a type, and which fields it does not know or has twice.
//!
//! Mirrors sigs.k8s.io/json (`UnmarshalStrict`): Go's `UnmarshalTypeError` and the strict errors, in the order of the text.

use std::collections::BTreeSet;
use std::fmt;

use super::go_time::time_error;
use super::{Field, Type, TypeRef};
use crate::field::quote;
use crate::json::Node;
use crate::quantity::Quantity;

/// How many strict errors are reported. Mirrors `maxStrictErrors`.
const STRICT_ISSUES_MAX: usize = 100;

/// Something about a value that a decoder reports.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Issue {
    /// A field the type does not have, with its path.
    UnknownField(String),
    /// A key that is there again, with its path.
    DuplicateField(String),
    /// A value of the wrong type, as Go words it; decoding stops there.
    Type(String),
}

impl fmt::Display for Issue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownField(path) => write!(f, "unknown field {}", quote(path)),
            Self::DuplicateField(path) => write!(f, "duplicate field {}", quote(path)),
            Self::Type(text) => f.write_str(text),
        }
    }
}

/// Checks a value against a type: unknown and repeated fields in the order of the text, and the first wrong type.
pub fn check(value: &Node, ty: TypeRef) -> Vec<Issue> {
    let mut checker = Checker { issues: Vec::new(), seen: BTreeSet::new(), failed: false };
    let root = Place { path: String::new(), go_path: String::new(), owner: "", go_type: ty.name() };
    checker.structure(value, ty, &root);
    checker.issues
}

/// Checks one value of a type that decodes itself: a quantity, a time, bytes; the first issue.
pub fn check_value(value: &Node, ty: &Type) -> Option<Issue> {
    let mut checker = Checker { issues: Vec::new(), seen: BTreeSet::new(), failed: false };
    checker.value(value, ty, &Place { path: String::new(), go_path: String::new(), owner: "", go_type: "" });
    checker.issues.into_iter().next()
}

struct Checker {
    issues: Vec<Issue>,
    seen: BTreeSet<Issue>,
    failed: bool,
}

/// Where the checker is.
struct Place<'a> {
    /// The path with list indexes.
    path: String,
    /// The path as Go words it: without indexes, with the names of embedded structs.
    go_path: String,
    /// The struct the field is in.
    owner: &'a str,
    /// The field's Go type.
    go_type: &'a str,
}

impl<'a> Place<'a> {
    /// The same place for what is inside a pointer, a list or a map.
    fn inside(&self, path: String, go_type: &'a str) -> Place<'a> {
        Place { path, go_path: self.go_path.clone(), owner: self.owner, go_type }
    }
}

/// The field of a key, and the embedded structs on the way to it.
fn find_field(ty: TypeRef, key: &str, way: &mut Vec<&'static str>) -> Option<&'static Field> {
    for field in ty.fields() {
        match &field.ty {
            Type::Struct(inner) if field.json_name.is_empty() => {
                way.push(&field.go_name);
                if let Some(found) = find_field(*inner, key, way) {
                    return Some(found);
                }
                way.pop();
            }
            _ if field.json_name == key => return Some(field),
            _ => {}
        }
    }
    None
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

impl Checker {
    fn structure(&mut self, value: &Node, ty: TypeRef, place: &Place<'_>) {
        let Node::Object(entries) = value else {
            if *value != Node::Null {
                self.wrong_type(value, place);
            }
            return;
        };
        let mut keys = BTreeSet::new();
        for (key, value) in entries {
            if self.failed {
                return;
            }
            let path = join(&place.path, key);
            let mut way = Vec::new();
            let Some(field) = find_field(ty, key, &mut way) else {
                self.strict(Issue::UnknownField(path));
                continue;
            };
            if !keys.insert(key) {
                self.strict(Issue::DuplicateField(path.clone()));
            }
            let embedded = way.iter().fold(place.go_path.clone(), |path, name| join(&path, name));
            let go_path = join(&embedded, key);
            let inner = Place { path, go_path, owner: ty.name(), go_type: &field.go_type };
            self.value(value, &field.ty, &inner);
        }
    }

    fn value(&mut self, value: &Node, ty: &Type, place: &Place<'_>) {
        if self.failed {
            return;
        }
        match (ty, value) {
            (Type::Raw, _) if value.is_cut() => self.fail("invalid character '{' exceeded max depth".to_owned()),
            (_, Node::Null) | (Type::Raw, _) => {}
            (Type::Pointer(target), _) => {
                self.value(value, target, &place.inside(place.path.clone(), place.go_type.trim_start_matches('*')));
            }
            (Type::Struct(inner), _) => self.structure(value, *inner, place),
            (Type::Slice(item), Node::Array(list)) => {
                let go_type = place.go_type.strip_prefix("[]").unwrap_or(place.go_type);
                for (index, value) in list.iter().enumerate() {
                    self.value(value, item, &place.inside(format!("{}[{index}]", place.path), go_type));
                }
            }
            (Type::Map(item), Node::Object(entries)) => self.map(entries, item, place),
            (Type::Quantity, Node::String(text) | Node::Number(text)) => self.quantity(text),
            (Type::Quantity, Node::Bool(_)) => self.quantity("true"),
            (Type::Quantity, _) => self.quantity("{}"),
            (Type::Bytes, Node::String(text)) => self.bytes(text),
            (Type::String, Node::String(_)) | (Type::Bool, Node::Bool(_)) | (Type::IntOrString, Node::String(_)) => {}
            (Type::Time, Node::String(text)) => self.time(text, false),
            (Type::MicroTime, Node::String(text)) => self.time(text, true),
            (Type::Int32 | Type::IntOrString, Node::Number(text)) if text.parse::<i32>().is_ok() => {}
            (Type::Int64, Node::Number(text)) if text.parse::<i64>().is_ok() => {}
            // These decode themselves, from a number and from a string.
            (Type::IntOrString, _) => self.wrong_type(value, &place.inside(String::new(), "int32")),
            (Type::Time | Type::MicroTime, _) => self.wrong_type(value, &place.inside(String::new(), "string")),
            _ => self.wrong_type(value, place),
        }
    }

    fn map(&mut self, entries: &[(String, Node)], item: &Type, place: &Place<'_>) {
        let go_type = match item {
            Type::String => "string",
            Type::Bytes => "[]uint8",
            _ => "resource.Quantity",
        };
        let mut keys = BTreeSet::new();
        for (key, value) in entries {
            let path = join(&place.path, key);
            if !keys.insert(key) {
                self.strict(Issue::DuplicateField(path.clone()));
            }
            self.value(value, item, &place.inside(path, go_type));
        }
    }

    fn quantity(&mut self, text: &str) {
        if let Err(error) = Quantity::parse(text.trim()) {
            self.fail(error.to_string());
        }
    }

    fn bytes(&mut self, text: &str) {
        if let Some(at) = base64_error(text) {
            self.fail(format!("illegal base64 data at input byte {at}"));
        }
    }

    fn time(&mut self, text: &str, micro: bool) {
        if let Some(error) = time_error(text, micro) {
            self.fail(error);
        }
    }

    fn wrong_type(&mut self, value: &Node, place: &Place<'_>) {
        let word = match value {
            Node::Number(text) if matches!(place.go_type, "int32" | "int64") => format!("number {text}"),
            _ => value.word().to_owned(),
        };
        let text = if place.owner.is_empty() {
            let package = if matches!(place.go_type, "int32" | "string") { "" } else { "v1." };
            format!("json: cannot unmarshal {word} into Go value of type {package}{}", place.go_type)
        } else {
            format!(
                "json: cannot unmarshal {word} into Go struct field {}.{} of type {}",
                place.owner, place.go_path, place.go_type
            )
        };
        self.fail(text);
    }

    /// Notes a strict issue: each once, and not too many.
    fn strict(&mut self, issue: Issue) {
        if self.seen.len() < STRICT_ISSUES_MAX && self.seen.insert(issue.clone()) {
            self.issues.push(issue);
        }
    }

    fn fail(&mut self, text: String) {
        if !self.failed {
            self.issues.push(Issue::Type(text));
            self.failed = true;
        }
    }
}

/// Where a text stops being base64, counted as Go counts; `None` when all of it is.
fn base64_error(text: &str) -> Option<usize> {
    const QUANTUM: usize = 4;
    let is_digit = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/');
    let bytes: Vec<(usize, u8)> = text.bytes().enumerate().filter(|(_, b)| !matches!(b, b'\r' | b'\n')).collect();
    for (place, quantum) in bytes.chunks(QUANTUM).enumerate() {
        for (index, (at, byte)) in quantum.iter().enumerate() {
            if is_digit(*byte) {
                continue;
            }
            let padded = *byte == b'=' && index >= 2;
            let rest = &quantum[index..];
            if !padded {
                return Some(*at);
            }
            if index + rest.len() < QUANTUM {
                return Some(text.len());
            }
            if let Some((at, _)) = rest.iter().find(|(_, b)| *b != b'=') {
                return Some(*at);
            }
            let behind = bytes.get((place + 1) * QUANTUM);
            return behind.map(|(at, _)| *at);
        }
        if quantum.len() < QUANTUM {
            return Some(text.len() - quantum.len());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::type_named;
    use crate::json::parse;

    fn issues(text: &str, kind: &str) -> Vec<String> {
        let node = parse(text.as_bytes()).expect("JSON");
        super::check(&node, type_named(kind).expect(kind)).iter().map(ToString::to_string).collect()
    }

    /// `>` stands for Go's words between the value and the field.
    fn expanded(want: &str) -> String {
        match want.split_once(" > ") {
            Some((word, field)) => format!("json: cannot unmarshal {word} into Go struct field {field}"),
            None => want.to_owned(),
        }
    }

    #[test]
    fn issues_are_worded_as_go_words_them() {
        let rows = [
            ("Deployment", r#"{"spec":{"replicas":"3"}}"#, "string > DeploymentSpec.spec.replicas of type int32"),
            ("Deployment", r#"{"spec":{"replicas":1.5}}"#, "number 1.5 > DeploymentSpec.spec.replicas of type int32"),
            ("Deployment", r#"{"spec":{"replicas":1.0}}"#, "number 1.0 > DeploymentSpec.spec.replicas of type int32"),
            (
                "Deployment",
                r#"{"spec":{"replicas":99999999999}}"#,
                "number 99999999999 > DeploymentSpec.spec.replicas of type int32",
            ),
            ("Deployment", r#"{"spec":{"replica":3}}"#, "unknown field \"spec.replica\""),
            ("Deployment", r#"{"spec":{"Replicas":3}}"#, "unknown field \"spec.Replicas\""),
            ("Pod", r#"{"spec":{"containers":[{"imagee":"x"}]}}"#, "unknown field \"spec.containers[0].imagee\""),
            (
                "Pod",
                r#"{"spec":{"containers":[{"image":5}]}}"#,
                "number > Container.spec.containers.image of type string",
            ),
            ("Pod", r#"{"spec":{"containers":{}}}"#, "object > PodSpec.spec.containers of type []v1.Container"),
            ("Pod", r#"{"metadata":{"labels":{"a":1}}}"#, "number > ObjectMeta.metadata.labels of type string"),
            (
                "Pod",
                r#"{"metadata":{"creationTimestamp":1}}"#,
                "number > ObjectMeta.metadata.creationTimestamp of type string",
            ),
            ("Deployment", r#"{"spec":[]}"#, "array > Deployment.spec of type v1.DeploymentSpec"),
            (
                "HorizontalPodAutoscaler",
                r#"{"spec":{"metrics":{}}}"#,
                "object > HorizontalPodAutoscalerSpec.spec.metrics of type []v2.MetricSpec",
            ),
            ("Secret", r#"{"data":{"a":"!"}}"#, "illegal base64 data at input byte 0"),
        ];
        for (kind, text, want) in rows {
            assert_eq!(issues(text, kind), [expanded(want)], "{text}");
        }
        let path = "HTTPGetAction.spec.containers.livenessProbe.ProbeHandler.httpGet.port of type int32";
        for (port, word) in [("true", "bool"), ("3000000000", "number 3000000000")] {
            let text = format!(r#"{{"spec":{{"containers":[{{"livenessProbe":{{"httpGet":{{"port":{port}}}}}}}]}}}}"#);
            assert_eq!(issues(&text, "Pod"), [expanded(&format!("{word} > {path}"))]);
        }
        let text = r#"{"spec":{"containers":[{"resources":{"limits":{"cpu":true}}}]}}"#;
        assert!(issues(text, "Pod")[0].starts_with("quantities must match the regular expression"));
    }

    #[test]
    fn strict_issues_come_in_the_order_of_the_text_and_once() {
        let text = r#"{"zeta":1,"metadata":{"name":"a","name":"b","x":{"y":1,"y":2}},"data":{"k":"1","k":"2","k":"3"},"alpha":1,"alpha":2}"#;
        let want = [
            "unknown field \"zeta\"",
            "duplicate field \"metadata.name\"",
            "unknown field \"metadata.x\"",
            "duplicate field \"data.k\"",
            "unknown field \"alpha\"",
        ];
        assert_eq!(issues(text, "ConfigMap"), want);
    }

    #[test]
    fn base64_errors_count_as_go_counts() {
        for (text, want) in [
            ("YWJj", None),
            ("YWI=", None),
            ("YQ==", None),
            ("Y\nWJj", None),
            ("a-b=", Some(1)),
            ("YQ==YQ==", Some(4)),
            ("YQ=a", Some(3)),
        ] {
            assert_eq!(super::base64_error(text), want, "{text}");
        }
    }
}
