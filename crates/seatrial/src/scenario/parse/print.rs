//! The step `print`.

use super::{leaf, read};
use crate::manifest::InputError;
use crate::manifest::node::{Data, Node};
use crate::scenario::model::Print;

/// Which modifiers go with which form.
const MODIFIERS: &[(&str, &str)] = &[
    ("wide", "get"),
    ("revision", "history"),
    ("container", "logs"),
    ("previous", "logs"),
    ("tail", "logs"),
    ("since", "logs"),
    ("timestamps", "logs"),
];

pub(super) fn prints(node: &Node) -> Result<Vec<Print>, InputError> {
    read::one_or_many(node).iter().map(print).collect()
}

fn print(node: &Node) -> Result<Print, InputError> {
    if matches!(node.data, Data::Text(_)) {
        return Ok(Print::Get { query: leaf::query(node)?, wide: false });
    }
    for (modifier, form) in MODIFIERS {
        if let (Some(value), None) = (node.get(modifier), node.get(form)) {
            return Err(InputError::at(value.position, format!("`{modifier}` goes with `{form}` only")));
        }
    }
    let form = |key: &str| node.get(key);
    if let Some(query) = form("get") {
        let wide = read::flag(node, "wide").unwrap_or(false);
        Ok(Print::Get { query: leaf::query(query)?, wide })
    } else if let Some(query) = form("yaml") {
        Ok(Print::Yaml(leaf::query(query)?))
    } else if let Some(query) = form("describe") {
        Ok(Print::Describe(leaf::query(query)?))
    } else if let Some(target) = form("history") {
        Ok(Print::History { target: leaf::target(target)?, revision: read::number(node, "revision") })
    } else if let Some(target) = form("status") {
        Ok(Print::Status(leaf::target(target)?))
    } else if let Some(target) = form("logs") {
        Ok(Print::Logs {
            target: leaf::target(target)?,
            container: read::text(node, "container"),
            previous: read::flag(node, "previous").unwrap_or(false),
            tail: read::number(node, "tail"),
            since: read::duration(node, "since")?,
            timestamps: read::flag(node, "timestamps").unwrap_or(false),
        })
    } else if read::flag(node, "events") == Some(true) {
        Ok(Print::Events)
    } else {
        Err(InputError::at(node.position, "`events` is `true` or not there"))
    }
}
