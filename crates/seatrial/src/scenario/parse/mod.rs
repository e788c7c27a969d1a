//! From the text of a scenario file to its model.
//!
//! Two passes over one tree: [`validate`] checks every key and value against the tables of keys, with
//! positions; then the tree, known to be well formed, is read into the model.

mod behavior;
mod cluster;
mod expect;
mod kinds;
pub(crate) mod leaf;
mod print;
mod provisioner;
mod read;
mod step;
mod validate;

use std::path::Path;

use chrono::{DateTime, Utc};

use super::keys::{SCENARIO, Type};
use super::model::{Invariant, Scenario};
use crate::manifest::node::Node;
use crate::manifest::{Dialect, InputError, Position, read_documents, suggest};

/// Reads a scenario from its text.
///
/// `file` is the name for messages; the files that steps name are looked for relative to its folder.
///
/// # Errors
/// The first thing that is wrong in the file, or in a manifest that it names.
pub fn parse(text: &str, file: &str) -> Result<Scenario, InputError> {
    let documents = read_documents(text, Dialect::Scenario).map_err(|error| error.in_file(file))?;
    parse_documents(&documents, file)
}

/// Reads a scenario from the documents of its file.
pub(crate) fn parse_documents(documents: &[Node], file: &str) -> Result<Scenario, InputError> {
    let mut documents = documents.iter().filter(|node| !node.is_null());
    let first = documents.next().ok_or_else(|| {
        InputError::at(Position::FILE, "the file is empty")
            .hint("a scenario starts with `apiVersion: seatrial.dev/v1alpha1` and `kind: Scenario`")
            .in_file(file)
    })?;
    match documents.next() {
        None => scenario_from_node(first, file),
        Some(second) => Err(InputError::at(second.position, "a scenario file holds one document")
            .hint("put manifests into a file of their own and name it: `apply: {file: NAME}`")
            .in_file(file)),
    }
}

/// Reads a scenario from its document.
fn scenario_from_node(node: &Node, file: &str) -> Result<Scenario, InputError> {
    check_head(node)
        .and_then(|()| validate::validate(node, &Type::Map(&SCENARIO), ""))
        .and_then(|()| read_scenario(node, file))
        .map_err(|error| error.in_file(file))
}

/// A file of another kind gets one error about that, not one about its keys.
fn check_head(node: &Node) -> Result<(), InputError> {
    let kind = node.get("kind");
    let (Some(place), Some(text)) = (kind, kind.and_then(Node::text)) else {
        return Ok(());
    };
    if text == "Scenario" {
        return Ok(());
    }
    let error = InputError::at(place.position, format!("this is a {text}, not a Scenario"));
    match suggest::nearest(text, ["Scenario"]) {
        Some(_) => Err(error.hint("did you mean `kind: Scenario`?")),
        None => Err(error.hint("manifests are run as they are, or named by a step: `apply: {file: NAME}`")),
    }
}

fn read_scenario(node: &Node, file: &str) -> Result<Scenario, InputError> {
    let spec = read::child(node, "spec")?;
    let cx = read::Files { scenario: file, folder: Path::new(file).parent().unwrap_or(Path::new("")) };
    let mut warnings = Vec::new();
    let steps = step::steps(spec, &cx, &mut warnings)?;
    Ok(Scenario {
        name: node.get("metadata").and_then(|metadata| read::text(metadata, "name")).unwrap_or_else(|| stem(file)),
        file: file.to_owned(),
        seed: read::number(spec, "seed").unwrap_or(0),
        start: spec.get("start").map_or_else(|| Ok(default_start()), leaf::time)?,
        cluster: cluster::cluster(spec.get("cluster"))?,
        behaviors: behavior::behaviors(spec.get("behaviors"))?,
        provisioners: provisioner::provisioners(spec.get("provisioners"))?,
        always: read::items(spec, "always").iter().map(invariant).collect::<Result<_, _>>()?,
        steps,
        from_full_minute: read::flag(spec, "fromFullMinute").unwrap_or(false),
        exclusive: read::flag(spec, "exclusive").unwrap_or(false),
        warnings,
    })
}

fn stem(file: &str) -> String {
    Path::new(file).file_stem().map_or_else(|| "scenario".to_owned(), |stem| stem.to_string_lossy().into_owned())
}

fn default_start() -> DateTime<Utc> {
    const SECONDS: i64 = 1_704_067_200;
    DateTime::from_timestamp(SECONDS, 0).unwrap_or_default()
}

fn invariant(node: &Node) -> Result<Invariant, InputError> {
    Ok(Invariant {
        name: read::text(node, "name").unwrap_or_default(),
        target: leaf::query(read::child(node, "target")?)?,
        that: leaf::cel(read::child(node, "that")?)?,
        position: node.position,
    })
}

#[cfg(test)]
mod tests;
