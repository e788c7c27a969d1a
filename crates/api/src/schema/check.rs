//! Whether JSON decodes into a type, and which fields it does not know.
//!
//! Mirrors encoding/json's `UnmarshalTypeError` and sigs.k8s.io/json's strict errors.

use std::fmt;

use serde_json::Value;

use super::{Type, TypeRef};
use crate::quantity::Quantity;

/// Something about a value that a decoder reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Issue {
    /// A field the type does not have, with its path.
    UnknownField(String),
    /// A value of the wrong type, as Go words it; decoding stops there.
    Type(String),
}

impl fmt::Display for Issue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownField(path) => write!(f, "unknown field \"{path}\""),
            Self::Type(text) => f.write_str(text),
        }
    }
}

/// Checks a value against a type: unknown fields in the order of the text, and the first wrong type.
pub fn check(value: &Value, ty: TypeRef) -> Vec<Issue> {
    let mut checker = Checker { issues: Vec::new(), failed: false };
    let root = Place { path: String::new(), go_path: String::new(), owner: "", go_type: ty.name() };
    checker.structure(value, ty, &root);
    checker.issues
}

struct Checker {
    issues: Vec<Issue>,
    failed: bool,
}

/// Where the checker is.
struct Place<'a> {
    /// The path with list indexes.
    path: String,
    /// The path as Go words it, without them.
    go_path: String,
    /// The struct the field is in.
    owner: &'a str,
    /// The field's Go type.
    go_type: &'a str,
}

impl Checker {
    fn structure(&mut self, value: &Value, ty: TypeRef, place: &Place<'_>) {
        let Value::Object(map) = value else {
            if !value.is_null() {
                self.wrong_type(value, place);
            }
            return;
        };
        for (key, value) in map {
            if self.failed {
                return;
            }
            let join = |path: &str| if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            let Some(field) = ty.field(key) else {
                self.issues.push(Issue::UnknownField(join(&place.path)));
                continue;
            };
            let inner = Place {
                path: join(&place.path),
                go_path: join(&place.go_path),
                owner: ty.name(),
                go_type: &field.go_type,
            };
            self.value(value, &field.ty, &inner);
        }
    }

    fn value(&mut self, value: &Value, ty: &Type, place: &Place<'_>) {
        if self.failed {
            return;
        }
        match (ty, value) {
            (_, Value::Null) | (Type::Raw, _) => {}
            (Type::Pointer(target), _) => {
                let inner = Place {
                    path: place.path.clone(),
                    go_path: place.go_path.clone(),
                    owner: place.owner,
                    go_type: place.go_type.trim_start_matches('*'),
                };
                self.value(value, target, &inner);
            }
            (Type::Struct(inner), _) => self.structure(value, *inner, place),
            (Type::Slice(item), Value::Array(list)) => {
                for (index, value) in list.iter().enumerate() {
                    let path = format!("{}[{index}]", place.path);
                    let inner = Place {
                        path,
                        go_path: place.go_path.clone(),
                        owner: place.owner,
                        go_type: place.go_type.trim_start_matches("[]"),
                    };
                    self.value(value, item, &inner);
                }
            }
            (Type::Map(item), Value::Object(map)) => {
                for (key, value) in map {
                    let path = format!("{}.{key}", place.path);
                    let go_type = if **item == Type::String { "string" } else { "[]uint8" };
                    self.value(
                        value,
                        item,
                        &Place { path, go_path: place.go_path.clone(), owner: place.owner, go_type },
                    );
                }
            }
            (Type::Quantity, Value::String(text)) => self.quantity(text),
            (Type::Quantity, Value::Number(_))
            | (Type::String | Type::Bytes, Value::String(_))
            | (Type::Bool, Value::Bool(_)) => {}
            (Type::Time | Type::MicroTime, Value::String(text)) => self.time(text),
            (Type::IntOrString, Value::String(_) | Value::Number(_)) => {}
            (Type::Int32, Value::Number(n)) if n.as_i64().is_some_and(|n| i32::try_from(n).is_ok()) => {}
            (Type::Int64, Value::Number(n)) if n.is_i64() => {}
            _ => self.wrong_type(value, place),
        }
    }

    fn quantity(&mut self, text: &str) {
        if let Err(error) = Quantity::parse(text.trim()) {
            self.fail(error.to_string());
        }
    }

    fn time(&mut self, text: &str) {
        if crate::Time::parse(text).is_none() {
            self.fail(format!(
                "parsing time {text:?} as \"2006-01-02T15:04:05Z07:00\": cannot parse {text:?} as \"2006\""
            ));
        }
    }

    fn wrong_type(&mut self, value: &Value, place: &Place<'_>) {
        let word = match value {
            Value::Null => "null".to_owned(),
            Value::Bool(_) => "bool".to_owned(),
            Value::Number(n) if matches!(place.go_type, "int32" | "int64") => format!("number {n}"),
            Value::Number(_) => "number".to_owned(),
            Value::String(_) => "string".to_owned(),
            Value::Array(_) => "array".to_owned(),
            Value::Object(_) => "object".to_owned(),
        };
        let text = if place.owner.is_empty() {
            format!("json: cannot unmarshal {word} into Go value of type v1.{}", place.go_type)
        } else {
            format!(
                "json: cannot unmarshal {word} into Go struct field {}.{} of type {}",
                place.owner, place.go_path, place.go_type
            )
        };
        self.fail(text);
    }

    fn fail(&mut self, text: String) {
        self.issues.push(Issue::Type(text));
        self.failed = true;
    }
}

#[cfg(test)]
mod tests {
    use super::super::type_named;
    use serde_json::json;

    #[test]
    fn issues_are_worded_as_go_words_them() {
        let rows = [
            (
                json!({"spec": {"replicas": "3"}}),
                "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32",
            ),
            (
                json!({"spec": {"replicas": 1.5}}),
                "json: cannot unmarshal number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32",
            ),
            (json!({"spec": {"replica": 3}}), "unknown field \"spec.replica\""),
            (
                json!({"spec": {"template": {"spec": {"containers": [{"imagee": "x"}]}}}}),
                "unknown field \"spec.template.spec.containers[0].imagee\"",
            ),
            (
                json!({"spec": {"template": {"spec": {"containers": [{"image": 5}]}}}}),
                "json: cannot unmarshal number into Go struct field Container.spec.template.spec.containers.image of type string",
            ),
            (
                json!({"spec": {"template": {"spec": {"containers": {}}}}}),
                "json: cannot unmarshal object into Go struct field PodSpec.spec.template.spec.containers of type []v1.Container",
            ),
            (
                json!({"metadata": {"labels": {"a": 1}}}),
                "json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type string",
            ),
            (
                json!({"spec": []}),
                "json: cannot unmarshal array into Go struct field Deployment.spec of type v1.DeploymentSpec",
            ),
        ];
        for (value, want) in rows {
            let issues = super::check(&value, type_named("Deployment").expect("Deployment"));
            assert_eq!(issues.iter().map(ToString::to_string).collect::<Vec<_>>(), [want], "{value}");
        }
    }
}
