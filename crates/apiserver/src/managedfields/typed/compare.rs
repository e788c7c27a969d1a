//! What two values differ in.

use serde_json::{Map, Value};

use super::super::field_set::{FieldSet, PathElement};
use super::Shape;

/// The fields in which a second value differs from a first.
#[derive(Debug, Default)]
pub(crate) struct Comparison {
    /// Only in the second.
    pub(crate) added: FieldSet,
    /// In both, with other values.
    pub(crate) modified: FieldSet,
    /// Only in the first.
    pub(crate) removed: FieldSet,
}

impl Comparison {
    pub(crate) fn is_same(&self) -> bool {
        self.added.is_empty() && self.modified.is_empty() && self.removed.is_empty()
    }

    /// Without fields that are of no interest, and what is below them.
    pub(crate) fn without(self, ignored: &FieldSet) -> Self {
        Self {
            added: self.added.recursive_difference(ignored),
            modified: self.modified.recursive_difference(ignored),
            removed: self.removed.recursive_difference(ignored),
        }
    }
}

/// Compares two values of a shape. A null is there; an absent value is not.
pub(crate) fn compare(old: &Value, new: &Value, shape: Shape<'_>) -> Comparison {
    let mut comparison = Comparison::default();
    walk((Some(old), Some(new)), shape, &mut Vec::new(), &mut comparison);
    comparison
}

type Pair<'v> = (Option<&'v Value>, Option<&'v Value>);

fn walk((old, new): Pair<'_>, shape: Shape<'_>, path: &mut Vec<PathElement>, found: &mut Comparison) {
    if shape.is_leaf() || (is_bare(old) && is_bare(new)) {
        match (old, new) {
            (None, Some(_)) => found.added.insert(path),
            (Some(_), None) => found.removed.insert(path),
            (Some(old), Some(new)) if old != new => found.modified.insert(path),
            _ => {}
        }
        return;
    }
    match shape {
        Shape::Set(_) | Shape::Keyed(..) => walk_list((old, new), shape, path, found),
        _ => walk_map((old, new), shape, path, found),
    }
    match (old, new) {
        (None, Some(_)) => found.added.insert(path),
        (Some(_), None) => found.removed.insert(path),
        _ => {}
    }
}

/// Whether nothing is inside: then the value itself is the field.
fn is_bare(value: Option<&Value>) -> bool {
    match value {
        Some(Value::Object(map)) => map.is_empty(),
        Some(Value::Array(items)) => items.is_empty(),
        _ => true,
    }
}

fn walk_map((old, new): Pair<'_>, shape: Shape<'_>, path: &mut Vec<PathElement>, found: &mut Comparison) {
    let empty = Map::new();
    let old = old.and_then(Value::as_object).unwrap_or(&empty);
    let new = new.and_then(Value::as_object).unwrap_or(&empty);
    let added = new.keys().filter(|key| !old.contains_key(*key));
    for key in old.keys().chain(added) {
        let Some(inner) = shape.child(key) else { continue };
        path.push(PathElement::Field(key.clone()));
        walk((old.get(key), new.get(key)), inner, path, found);
        path.pop();
    }
}

fn walk_list((old, new): Pair<'_>, shape: Shape<'_>, path: &mut Vec<PathElement>, found: &mut Comparison) {
    let Some(inner) = shape.item() else { return };
    let (old, new) = (named_items(old, shape), named_items(new, shape));
    let get = |items: &[(PathElement, &Value)], name: &PathElement| {
        items.iter().find(|(n, _)| n == name).map(|(_, value)| (*value).clone())
    };
    let added = new.iter().filter(|(name, _)| !old.iter().any(|(n, _)| n == name));
    for (name, _) in old.iter().chain(added) {
        let (before, after) = (get(&old, name), get(&new, name));
        path.push(name.clone());
        walk((before.as_ref(), after.as_ref()), inner, path, found);
        path.pop();
    }
}

/// The items of a list with their names; of those that are called the same, the first.
pub(super) fn named_items<'v>(list: Option<&'v Value>, shape: Shape<'_>) -> Vec<(PathElement, &'v Value)> {
    let mut named: Vec<(PathElement, &Value)> = Vec::new();
    for (index, item) in list.and_then(Value::as_array).into_iter().flatten().enumerate() {
        if let Ok(name) = shape.name_item(index, item)
            && !named.iter().any(|(n, _)| *n == name)
        {
            named.push((name, item));
        }
    }
    named
}
