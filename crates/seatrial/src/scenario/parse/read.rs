//! Small readers over a checked document: what is absent or null is `None`.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use super::leaf;
use crate::manifest::InputError;
use crate::manifest::node::{Data, Node};

/// Where the files that steps name are.
pub(super) struct Files<'a> {
    /// The scenario's file, as the user named it.
    pub(super) scenario: &'a str,
    /// The scenario's folder.
    pub(super) folder: &'a Path,
}

/// A key that the tables demand. Its absence is an error and never a panic, should they disagree.
pub(super) fn child<'n>(node: &'n Node, key: &str) -> Result<&'n Node, InputError> {
    node.get(key).ok_or_else(|| InputError::at(node.position, format!("`{key}` is missing")))
}

pub(super) fn items<'n>(node: &'n Node, key: &str) -> &'n [Node] {
    node.get(key).map_or(&[], Node::items)
}

pub(super) fn text(node: &Node, key: &str) -> Option<String> {
    node.get(key).and_then(Node::text).map(str::to_owned)
}

/// A text that the tables demand.
pub(super) fn required_text(node: &Node, key: &str) -> Result<String, InputError> {
    let value = child(node, key)?;
    value.text().map(str::to_owned).ok_or_else(|| InputError::at(value.position, format!("`{key}` must be text")))
}

pub(super) fn flag(node: &Node, key: &str) -> Option<bool> {
    match node.get(key)?.data {
        Data::Bool(value) => Some(value),
        _ => None,
    }
}

/// A whole number of a type that the tables' range fits.
pub(super) fn number<N: TryFrom<i64>>(node: &Node, key: &str) -> Option<N> {
    match &node.get(key)?.data {
        Data::Number(value) => value.as_i64().and_then(|value| N::try_from(value).ok()),
        _ => None,
    }
}

pub(super) fn duration(node: &Node, key: &str) -> Result<Option<Duration>, InputError> {
    node.get(key).map(leaf::duration).transpose()
}

/// Text to text.
pub(super) fn texts(node: &Node, key: &str) -> BTreeMap<String, String> {
    changes(node, key).into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
}

/// Text to text or null.
pub(super) fn changes(node: &Node, key: &str) -> BTreeMap<String, Option<String>> {
    let entries = node.get(key).map_or(&[][..], Node::entries);
    entries.iter().map(|entry| (entry.key.clone(), entry.node.text().map(str::to_owned))).collect()
}

/// Resource to quantity.
pub(super) fn quantities(node: &Node, key: &str) -> Result<BTreeMap<String, String>, InputError> {
    let entries = node.get(key).map_or(&[][..], Node::entries);
    entries.iter().map(|entry| Ok((entry.key.clone(), leaf::quantity(&entry.node)?))).collect()
}

/// A list, or one thing that stands for a list of one.
pub(super) fn one_or_many(node: &Node) -> &[Node] {
    match &node.data {
        Data::List(items) => items,
        _ => std::slice::from_ref(node),
    }
}
