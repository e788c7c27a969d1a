//! Sets of fields: paths into an object, as managers own them, and their JSON (`FieldsV1`).
//!
//! Mirrors sigs.k8s.io/structured-merge-diff/v6/fieldpath.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use seatrial_api::field::quote;
use serde_json::{Map, Value};

/// A step of a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum PathElement {
    /// A field of a struct or a key of a map.
    Field(String),
    /// An item of a list of objects, by its keys, sorted by name.
    Key(Vec<(String, Scalar)>),
    /// An item of a list of values.
    Value(Scalar),
    /// An item of another list.
    Index(usize),
}

/// A value inside a path: ordered as upstream orders them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scalar {
    Number(i64),
    /// What is no whole number, by its text.
    Other(String),
    String(String),
    Bool(bool),
    Null,
}

impl Scalar {
    pub(crate) fn of(value: &Value) -> Self {
        match value {
            Value::Number(number) => number.as_i64().map_or_else(|| Self::Other(number.to_string()), Self::Number),
            Value::String(text) => Self::String(text.clone()),
            Value::Bool(value) => Self::Bool(*value),
            Value::Null => Self::Null,
            other => Self::Other(other.to_string()),
        }
    }

    fn to_value(&self) -> Value {
        match self {
            Self::Number(number) => (*number).into(),
            Self::Other(text) => serde_json::from_str(text).unwrap_or_default(),
            Self::String(text) => text.as_str().into(),
            Self::Bool(value) => (*value).into(),
            Self::Null => Value::Null,
        }
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Other(text) => f.write_str(text),
            Self::String(text) => f.write_str(&quote(text)),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Null => f.write_str("null"),
        }
    }
}

impl fmt::Display for PathElement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(name) => write!(f, ".{name}"),
            Self::Key(keys) => {
                let pairs: Vec<String> = keys.iter().map(|(name, value)| format!("{name}={value}")).collect();
                write!(f, "[{}]", pairs.join(","))
            }
            Self::Value(value) => write!(f, "[={value}]"),
            Self::Index(index) => write!(f, "[{index}]"),
        }
    }
}

impl PathElement {
    /// `f:name`, `k:{"name":"c"}`, `v:"x"`, `i:0`
    fn serialized(&self) -> String {
        match self {
            Self::Field(name) => format!("f:{name}"),
            Self::Key(keys) => {
                let map: Map<String, Value> =
                    keys.iter().map(|(name, value)| (name.clone(), value.to_value())).collect();
                format!("k:{}", Value::Object(map))
            }
            Self::Value(value) => format!("v:{}", value.to_value()),
            Self::Index(index) => format!("i:{index}"),
        }
    }

    fn deserialized(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once(':')?;
        match kind {
            "f" => Some(Self::Field(rest.to_owned())),
            "k" => {
                let map: Map<String, Value> = serde_json::from_str(rest).ok()?;
                let mut keys: Vec<(String, Scalar)> = map.iter().map(|(k, v)| (k.clone(), Scalar::of(v))).collect();
                keys.sort();
                Some(Self::Key(keys))
            }
            "v" => Some(Self::Value(Scalar::of(&serde_json::from_str(rest).ok()?))),
            "i" => rest.parse().ok().map(Self::Index),
            _ => None,
        }
    }
}

/// A set of paths. A path being in it says nothing of the paths above and below.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FieldSet {
    pub(crate) members: BTreeSet<PathElement>,
    pub(crate) children: BTreeMap<PathElement, FieldSet>,
}

impl FieldSet {
    /// A set of paths of plain fields.
    pub(crate) fn of_fields(paths: &[&[&str]]) -> Self {
        let mut set = Self::default();
        for path in paths {
            let path: Vec<PathElement> = path.iter().map(|name| PathElement::Field((*name).to_owned())).collect();
            set.insert(&path);
        }
        set
    }

    /// Adds a path; nobody owns the object as a whole, so the empty path is none.
    pub(crate) fn insert(&mut self, path: &[PathElement]) {
        let Some((last, way)) = path.split_last() else { return };
        let mut set = self;
        for element in way {
            set = set.children.entry(element.clone()).or_default();
        }
        set.members.insert(last.clone());
    }

    pub(crate) fn has(&self, path: &[PathElement]) -> bool {
        match path {
            [] => false,
            [last] => self.members.contains(last),
            [first, rest @ ..] => self.children.get(first).is_some_and(|set| set.has(rest)),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.members.is_empty() && self.children.values().all(Self::is_empty)
    }

    pub(crate) fn union(&self, other: &Self) -> Self {
        let mut union = self.clone();
        union.members.extend(other.members.iter().cloned());
        for (element, set) in &other.children {
            let merged = union.children.get(element).map_or_else(|| set.clone(), |mine| mine.union(set));
            union.children.insert(element.clone(), merged);
        }
        union
    }

    pub(crate) fn intersection(&self, other: &Self) -> Self {
        let both = |(element, set): (&PathElement, &FieldSet)| {
            let common = set.intersection(other.children.get(element)?);
            (!common.is_empty()).then(|| (element.clone(), common))
        };
        Self {
            members: self.members.intersection(&other.members).cloned().collect(),
            children: self.children.iter().filter_map(both).collect(),
        }
    }

    /// What is here and not there. A path there takes nothing below it away.
    pub(crate) fn difference(&self, other: &Self) -> Self {
        let kept = |(element, set): (&PathElement, &FieldSet)| {
            let rest = other.children.get(element).map_or_else(|| set.clone(), |theirs| set.difference(theirs));
            (!rest.is_empty()).then(|| (element.clone(), rest))
        };
        Self {
            members: self.members.difference(&other.members).cloned().collect(),
            children: self.children.iter().filter_map(kept).collect(),
        }
    }

    /// What is here and neither there nor below a path there.
    pub(crate) fn recursive_difference(&self, other: &Self) -> Self {
        let kept = |(element, set): (&PathElement, &FieldSet)| {
            if other.members.contains(element) {
                return None;
            }
            let rest =
                other.children.get(element).map_or_else(|| set.clone(), |theirs| set.recursive_difference(theirs));
            (!rest.is_empty()).then(|| (element.clone(), rest))
        };
        Self {
            members: self.members.difference(&other.members).cloned().collect(),
            children: self.children.iter().filter_map(kept).collect(),
        }
    }

    /// All paths: members first, then those below them.
    pub(crate) fn paths(&self) -> Vec<Vec<PathElement>> {
        let mut paths = Vec::new();
        self.collect_paths(&mut Vec::new(), &mut paths);
        paths
    }

    fn collect_paths(&self, prefix: &mut Vec<PathElement>, paths: &mut Vec<Vec<PathElement>>) {
        for element in &self.members {
            let mut path = prefix.clone();
            path.push(element.clone());
            paths.push(path);
        }
        for (element, set) in &self.children {
            prefix.push(element.clone());
            set.collect_paths(prefix, paths);
            prefix.pop();
        }
    }

    /// The set as `FieldsV1` has it.
    pub(crate) fn to_json(&self) -> Value {
        let mut map = Map::new();
        for element in &self.members {
            map.insert(element.serialized(), Value::Object(Map::new()));
        }
        for (element, set) in self.children.iter().filter(|(_, set)| !set.is_empty()) {
            let mut below = set.to_json();
            if let (true, Value::Object(below)) = (self.members.contains(element), &mut below) {
                below.insert(".".to_owned(), Value::Object(Map::new()));
            }
            map.insert(element.serialized(), below);
        }
        Value::Object(map)
    }

    /// Reads `FieldsV1`; `None` for what is none.
    pub(crate) fn from_json(value: &Value) -> Option<Self> {
        let mut set = Self::default();
        for (key, below) in value.as_object()? {
            if key == "." {
                continue;
            }
            let element = PathElement::deserialized(key)?;
            let children = below.as_object()?;
            if children.is_empty() || children.contains_key(".") {
                set.members.insert(element.clone());
            }
            let inner = Self::from_json(below)?;
            if !inner.is_empty() {
                set.children.insert(element, inner);
            }
        }
        Some(set)
    }
}

/// `.spec.containers[name="c"].image`
pub(crate) fn path_text(path: &[PathElement]) -> String {
    path.iter().map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{FieldSet, path_text};

    #[test]
    fn sets_go_to_json_and_back() {
        let fields = json!({
            "f:metadata": {"f:labels": {".": {}, "f:a": {}}, "f:finalizers": {"v:\"x\"": {}}},
            "f:spec": {"f:containers": {"k:{\"name\":\"c\"}": {".": {}, "f:image": {}, "f:ports": {"k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {}}}}, "f:replicas": {}}
        });
        let set = FieldSet::from_json(&fields).expect("fields");
        assert_eq!(set.to_json(), fields);
        let texts: Vec<String> = set.paths().iter().map(|p| path_text(p)).collect();
        assert_eq!(
            texts,
            [
                ".metadata.labels",
                ".metadata.finalizers[=\"x\"]",
                ".metadata.labels.a",
                ".spec.replicas",
                ".spec.containers[name=\"c\"]",
                ".spec.containers[name=\"c\"].image",
                ".spec.containers[name=\"c\"].ports[containerPort=80,protocol=\"TCP\"]",
            ]
        );
    }

    #[test]
    fn differences_stop_at_members_or_go_below_them() {
        let set = |v| FieldSet::from_json(&v).expect("fields");
        let all = set(json!({"f:a": {".": {}, "f:b": {}}, "f:c": {}}));
        let a = set(json!({"f:a": {}}));
        assert_eq!(all.difference(&a).to_json(), json!({"f:a": {"f:b": {}}, "f:c": {}}));
        assert_eq!(all.recursive_difference(&a).to_json(), json!({"f:c": {}}));
        assert_eq!(all.intersection(&a).to_json(), json!({"f:a": {}}));
        assert_eq!(all.difference(&a).union(&a), all);
    }
}
