//! Values of a type, as server-side apply sees them: what is one field, what its items are called, what two values differ in.
//!
//! Mirrors sigs.k8s.io/structured-merge-diff/v6/typed.

mod compare;
mod merge;
mod remove;
mod validate;

use seatrial_api::schema::{Field, Ownership, Type, TypeRef};
use serde_json::{Map, Value};

use super::field_set::{FieldSet, PathElement, Scalar};

pub(crate) use compare::{Comparison, compare};
pub(crate) use merge::merge;
pub(crate) use remove::remove;
pub(crate) use validate::{go_text, validate};

/// How a value is split into fields.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape<'a> {
    /// One field: a scalar, or what is owned as a whole.
    Leaf(&'a Type),
    /// A struct that is owned as a whole.
    AtomicStruct(TypeRef),
    /// A map that is owned as a whole.
    AtomicMap(&'a Type),
    /// A list that is owned as a whole.
    AtomicList(&'a Type),
    /// A struct, field by field.
    Struct(TypeRef),
    /// A map, key by key.
    Map(&'a Type),
    /// A list of values, each by itself.
    Set(&'a Type),
    /// A list of objects, by their keys.
    Keyed(&'a Type, &'a [String]),
}

impl<'a> Shape<'a> {
    /// The shape of a whole object.
    pub(crate) fn of_type(ty: TypeRef) -> Self {
        if ty.is_atomic() { Self::AtomicStruct(ty) } else { Self::Struct(ty) }
    }

    pub(crate) fn of_field(field: &'a Field) -> Self {
        match field.ty.target() {
            Type::Slice(item) => match &field.ownership {
                Ownership::Keys(keys) => Self::Keyed(item, keys),
                Ownership::Set => Self::Set(item),
                _ => Self::AtomicList(item),
            },
            Type::Map(item) if field.ownership == Ownership::Atomic => Self::AtomicMap(item),
            other => Self::of(other),
        }
    }

    /// The shape of an item, or of anything that no field says more about.
    pub(crate) fn of(ty: &'a Type) -> Self {
        match ty.target() {
            Type::Struct(inner) => Self::of_type(*inner),
            Type::Map(item) => Self::Map(item),
            Type::Slice(item) => Self::AtomicList(item),
            other => Self::Leaf(other),
        }
    }

    fn is_leaf(self) -> bool {
        matches!(self, Self::Leaf(_) | Self::AtomicStruct(_) | Self::AtomicMap(_) | Self::AtomicList(_))
    }

    /// The shape of what is behind a key; `None` where the type has no such field.
    pub(crate) fn child(self, key: &str) -> Option<Shape<'a>> {
        match self {
            Self::Struct(ty) | Self::AtomicStruct(ty) => ty.field(key).map(Shape::of_field),
            Self::Map(item) | Self::AtomicMap(item) => Some(Shape::of(item)),
            _ => None,
        }
    }

    pub(crate) fn item(self) -> Option<Shape<'a>> {
        match self {
            Self::Set(item) | Self::Keyed(item, _) | Self::AtomicList(item) => Some(Shape::of(item)),
            _ => None,
        }
    }

    /// What an item of the list is called.
    ///
    /// # Errors
    /// Why it cannot be named.
    pub(crate) fn name_item(self, index: usize, item: &Value) -> Result<PathElement, String> {
        match self {
            Self::Keyed(ty, keys) => keyed(ty, keys, item),
            Self::Set(_) => match item {
                Value::Object(_) => Err("associative list without keys has an element that's a map type".to_owned()),
                Value::Array(_) => Err("not supported: associative list with lists as elements".to_owned()),
                Value::Null => Err("associative list without keys has an element that's an explicit null".to_owned()),
                value => Ok(PathElement::Value(Scalar::of(value))),
            },
            _ => Ok(PathElement::Index(index)),
        }
    }
}

fn keyed(ty: &Type, keys: &[String], item: &Value) -> Result<PathElement, String> {
    let Value::Object(map) = item else {
        let what = if item.is_null() { "a null element" } else { "non-map elements" };
        return Err(format!("associative list with keys may not have {what}"));
    };
    let value_of = |key: &String| map.get(key).map(Scalar::of).or_else(|| key_default(ty, key));
    let mut pairs: Vec<(String, Scalar)> = keys.iter().filter_map(|key| Some((key.clone(), value_of(key)?))).collect();
    if pairs.is_empty() {
        let quoted: Vec<String> = keys.iter().map(|k| format!("\"{k}\"")).collect();
        return Err(format!(
            "associative list with keys has an element that omits all key fields [{}] (and doesn't have default values for any key fields)",
            quoted.join(" ")
        ));
    }
    pairs.sort();
    Ok(PathElement::Key(pairs))
}

/// What a key is where it is not given. The schema has the zero value of keys that Go always writes, and TCP.
fn key_default(ty: &Type, key: &str) -> Option<Scalar> {
    let Type::Struct(inner) = ty.target() else { return None };
    if key == "protocol" {
        return Some(Scalar::String("TCP".to_owned()));
    }
    if inner.name() == "ObjectReference" {
        return None;
    }
    match inner.field(key)?.ty.target() {
        Type::String => Some(Scalar::String(String::new())),
        Type::Int32 | Type::Int64 => Some(Scalar::Number(0)),
        _ => None,
    }
}

/// The fields that a value mentions. Mirrors `ToFieldSet`.
pub(crate) fn field_set(value: &Value, shape: Shape<'_>) -> FieldSet {
    let mut set = FieldSet::default();
    collect(value, shape, &mut Vec::new(), &mut set);
    set
}

fn collect(value: &Value, shape: Shape<'_>, path: &mut Vec<PathElement>, set: &mut FieldSet) {
    if shape.is_leaf() {
        set.insert(path);
        return;
    }
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                let Some(inner) = shape.child(key) else { continue };
                path.push(PathElement::Field(key.clone()));
                collect(value, inner, path, set);
                let empty = value.is_null() || value.as_object().is_some_and(Map::is_empty);
                if empty || matches!(shape, Shape::Map(_)) {
                    set.insert(path);
                }
                path.pop();
            }
        }
        Value::Array(items) => {
            let Some(inner) = shape.item() else { return };
            let mut seen: Vec<PathElement> = Vec::new();
            for (index, item) in items.iter().enumerate() {
                let Ok(name) = shape.name_item(index, item) else { continue };
                let repeated = seen.contains(&name);
                path.push(name.clone());
                if !repeated {
                    collect(item, inner, path, set);
                    seen.push(name);
                }
                set.insert(path);
                path.pop();
            }
        }
        _ => {}
    }
}

/// The set with the struct fields on the way to its members. Mirrors `EnsureNamedFieldsAreMembers`.
pub(crate) fn with_named_fields(set: &FieldSet, shape: Shape<'_>) -> FieldSet {
    let mut result = set.clone();
    result.children.clear();
    for (element, below) in &set.children {
        let inner = match element {
            PathElement::Field(name) => {
                if matches!(shape, Shape::Struct(_)) && shape.child(name).is_some() {
                    result.members.insert(element.clone());
                }
                shape.child(name)
            }
            _ => shape.item(),
        };
        let below = inner.map_or_else(|| below.clone(), |inner| with_named_fields(below, inner));
        result.children.insert(element.clone(), below);
    }
    result
}

/// Adds what Go writes of structs that are not there: `{}`, and null for some lists.
pub(crate) fn fill_like_go(value: &mut Value, ty: TypeRef) {
    let Value::Object(map) = value else { return };
    for field in ty.fields() {
        match &field.ty {
            Type::Struct(inner) if field.json_name.is_empty() => {
                let mut embedded = Value::Object(std::mem::take(map));
                fill_like_go(&mut embedded, *inner);
                if let Value::Object(filled) = embedded {
                    *map = filled;
                }
            }
            Type::Struct(_) => {
                let inner = map.entry(field.json_name.clone()).or_insert_with(|| Value::Object(Map::new()));
                fill_type(inner, &field.ty);
            }
            _ => {
                if let Some(inner) = map.get_mut(&field.json_name) {
                    fill_type(inner, &field.ty);
                } else if field.always_written {
                    map.insert(field.json_name.clone(), Value::Null);
                }
            }
        }
    }
}

fn fill_type(value: &mut Value, ty: &Type) {
    match (ty.target(), value) {
        (Type::Struct(inner), value) => fill_like_go(value, *inner),
        (Type::Slice(item), Value::Array(items)) => items.iter_mut().for_each(|i| fill_type(i, item)),
        (Type::Map(item), Value::Object(map)) => map.values_mut().for_each(|v| fill_type(v, item)),
        _ => {}
    }
}
