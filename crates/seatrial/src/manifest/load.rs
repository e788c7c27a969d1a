//! Files, folders and patterns to objects.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::convert::convert;
use super::error::{InputError, Position, Source};
use super::glob;
use super::node::{Data, Entry, Node};
use super::suggest;
use super::yaml::{Dialect, read_documents};
use crate::scenario::{Scenario, parse_documents};

/// The endings of manifest files in a folder, as kubectl has them.
const ENDINGS: &[&str] = &["json", "yaml", "yml"];

/// An object and where it is written.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// The object as JSON.
    pub object: Value,
    /// Its place.
    pub source: Source,
    /// What the user should know: it was converted from a removed API version.
    pub warning: Option<String>,
}

impl Manifest {
    /// The warning with its place, if there is one.
    pub fn warning_line(&self) -> Option<String> {
        self.warning.as_ref().map(|warning| format!("{}: {warning}", self.source))
    }
}

/// What a file on the command line holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// A scenario.
    Scenario(Box<Scenario>),
    /// Plain manifests: apply all of them, settle, report.
    Manifests(Vec<Manifest>),
}

/// Reads a file (or a folder of manifests, or a pattern such as `deploy/*.yaml`) from the command line.
///
/// # Errors
/// What cannot be read or is wrong in it.
pub fn load_file(path: &str) -> Result<Input, InputError> {
    if !Path::new(path).is_file() {
        return load_path(path).map(Input::Manifests);
    }
    let text = read(Path::new(path), path)?;
    if text.contains("seatrial.dev/") || text.contains("Scenario") {
        let documents = read_documents(&text, Dialect::Scenario).map_err(|error| error.in_file(path))?;
        let mut filled = documents.iter().filter(|node| !node.is_null());
        if filled.next().is_some_and(is_scenario) {
            return parse_documents(&documents, path).map(|scenario| Input::Scenario(Box::new(scenario)));
        }
        if let Some(scenario) = filled.find(|node| is_scenario(node)) {
            return Err(InputError::at(scenario.position, "a scenario has a file of its own")
                .hint("move the manifests to another file and name it: `apply: {file: NAME}`")
                .in_file(path));
        }
    }
    let manifests = parse_manifests(&text, path)?;
    not_empty(manifests, path).map(Input::Manifests).map_err(|error| error.in_file(path))
}

fn is_scenario(node: &Node) -> bool {
    let version = node.get("apiVersion").and_then(Node::text).unwrap_or_default();
    version.starts_with("seatrial.dev/") || node.get("kind").and_then(Node::text) == Some("Scenario")
}

/// Reads the manifests of a file, a folder, or all files of a pattern.
///
/// # Errors
/// What cannot be read or is wrong in it.
pub fn load_path(path: &str) -> Result<Vec<Manifest>, InputError> {
    load_all(path, Path::new("")).map_err(|error| error.in_file(path))
}

/// Reads what a step's `file` names, relative to the scenario's folder.
pub(crate) fn load_pattern(pattern: &Node, folder: &Path) -> Result<Vec<Manifest>, InputError> {
    let text = pattern
        .text()
        .ok_or_else(|| InputError::at(pattern.position, format!("`file` must be text, not {}", pattern.describe())))?;
    load_all(text, folder).map_err(|error| error.at_if_file(pattern.position))
}

fn load_all(pattern: &str, folder: &Path) -> Result<Vec<Manifest>, InputError> {
    let mut manifests = Vec::new();
    for path in find(pattern, folder)? {
        let name = path.to_string_lossy().into_owned();
        let text = read(&path, &name)?;
        manifests.extend(parse_manifests(&text, &name)?);
    }
    not_empty(manifests, pattern)
}

fn not_empty(manifests: Vec<Manifest>, path: &str) -> Result<Vec<Manifest>, InputError> {
    match manifests.is_empty() {
        true => Err(InputError::at(Position::FILE, format!("`{path}` holds no objects"))),
        false => Ok(manifests),
    }
}

fn read(path: &Path, name: &str) -> Result<String, InputError> {
    let bytes = fs::read(path)
        .map_err(|error| InputError::at(Position::FILE, format!("cannot be read: {}", reason(&error))).in_file(name))?;
    String::from_utf8(bytes).map_err(|_| InputError::at(Position::FILE, "is not a text file (UTF-8)").in_file(name))
}

/// Texts of our own, as the system's differ between platforms.
fn reason(error: &std::io::Error) -> &'static str {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file",
        std::io::ErrorKind::PermissionDenied => "permission denied",
        std::io::ErrorKind::IsADirectory => "it is a folder",
        _ => "the system reports an error",
    }
}

/// The files that a path or pattern names, in the order of their names.
fn find(pattern: &str, folder: &Path) -> Result<Vec<PathBuf>, InputError> {
    let path = folder.join(pattern);
    if path.is_file() {
        return Ok(vec![path]);
    }
    if path.is_dir() {
        let files: Vec<PathBuf> = entries(&path).into_iter().filter(|path| is_manifest(path)).collect();
        return match files.is_empty() {
            true => Err(InputError::at(Position::FILE, format!("the folder `{pattern}` holds no manifests"))
                .hint("their names end in .yaml, .yml or .json")),
            false => Ok(files),
        };
    }
    let files = if pattern.contains('*') { expand(pattern, folder) } else { Vec::new() };
    match files.is_empty() {
        false => Ok(files),
        true if pattern.contains('*') => Err(InputError::at(Position::FILE, format!("no file matches `{pattern}`"))),
        true => Err(missing(pattern, &path)),
    }
}

fn missing(pattern: &str, path: &Path) -> InputError {
    let error = InputError::at(Position::FILE, format!("there is no file `{pattern}`"));
    let wanted = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let parent = path.parent().unwrap_or(Path::new(""));
    let names: Vec<String> = entries(parent)
        .iter()
        .filter_map(|path| path.file_name().map(|name| name.to_string_lossy().into_owned()))
        .collect();
    let near = suggest::nearest(&wanted, names.iter().map(String::as_str));
    error.maybe_hint(near.map(|name| format!("did you mean `{name}`?")))
}

fn is_manifest(path: &Path) -> bool {
    path.is_file() && path.extension().is_some_and(|ending| ENDINGS.iter().any(|known| ending == *known))
}

/// A folder's entries by name; none if it cannot be read.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let Ok(read) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = read.filter_map(Result::ok).map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

/// The files of a pattern: `*` in any part of the path stands for any letters of that part.
fn expand(pattern: &str, folder: &Path) -> Vec<PathBuf> {
    let mut found = match pattern.starts_with('/') {
        true => vec![PathBuf::from("/")],
        false => vec![folder.to_path_buf()],
    };
    for part in pattern.split('/').filter(|part| !part.is_empty()) {
        found = found
            .iter()
            .flat_map(|folder| match part.contains('*') {
                false => vec![folder.join(part)],
                true => entries(folder)
                    .into_iter()
                    .filter_map(|path| path.file_name().map(|name| name.to_string_lossy().into_owned()))
                    .filter(|name| glob::matches(part, name))
                    .map(|name| folder.join(name))
                    .collect(),
            })
            .collect();
    }
    found.retain(|path| path.is_file());
    found
}

/// Reads the objects of a manifest's text: every document, lists taken apart, removed versions converted.
///
/// # Errors
/// The first thing that is wrong: YAML, or an object without `apiVersion`, `kind` or a name.
pub fn parse_manifests(text: &str, file: &str) -> Result<Vec<Manifest>, InputError> {
    let mut manifests = Vec::new();
    read_documents(text, Dialect::Manifest)
        .and_then(|documents| documents.iter().try_for_each(|node| collect(node, file, &mut manifests)))
        .map_err(|error| error.in_file(file))?;
    Ok(manifests)
}

fn collect(node: &Node, file: &str, manifests: &mut Vec<Manifest>) -> Result<(), InputError> {
    if node.is_null() {
        return Ok(());
    }
    if node.entries().is_empty() {
        return Err(InputError::at(node.position, format!("wanted a Kubernetes object, got {}", node.describe()))
            .hint("an object has `apiVersion`, `kind` and `metadata`"));
    }
    for key in ["apiVersion", "kind"] {
        check_text(node, key)?;
    }
    let kind = node.get("kind").and_then(Node::text).unwrap_or_default();
    if let (Some(item_kind), Some(Data::List(items))) =
        (kind.strip_suffix("List"), node.get("items").map(|items| &items.data))
    {
        // The depth of lists in lists is bounded by that of a YAML document.
        let typed = |item: &Node| with_type(item, node.get("apiVersion"), item_kind);
        return items.iter().try_for_each(|item| collect(&typed(item), file, manifests));
    }
    if kind == "Scenario" {
        return Err(InputError::at(node.position, "this is a scenario, not a manifest"));
    }
    let (object, warning) = convert(node.to_json());
    let source = Source { file: file.to_owned(), position: node.position };
    manifests.push(Manifest { object, source, warning });
    Ok(())
}

/// Items of a PodList need not say that they are Pods.
fn with_type(item: &Node, api_version: Option<&Node>, kind: &str) -> Node {
    let mut item = item.clone();
    let position = item.position;
    let is_typed = item.get("kind").is_some() || item.get("apiVersion").is_some();
    if let (Data::Map(entries), Some(version), false, false) = (&mut item.data, api_version, is_typed, kind.is_empty())
    {
        let kind = Node { data: Data::Text(kind.to_owned()), position };
        let version = version.clone();
        entries.push(Entry { key: "apiVersion".to_owned(), position, node: version });
        entries.push(Entry { key: "kind".to_owned(), position, node: kind });
    }
    item
}

fn check_text(node: &Node, key: &str) -> Result<(), InputError> {
    match node.get(key) {
        Some(value) if value.text().is_some_and(|text| !text.is_empty()) => Ok(()),
        Some(value) if value.text().is_some() => Err(InputError::at(value.position, format!("`{key}` is empty"))),
        Some(value) => Err(InputError::at(value.position, format!("`{key}` must be text, not {}", value.describe()))),
        None => {
            let keys = node.entries().iter().map(|entry| entry.key.as_str()).filter(|name| *name != key);
            let near = suggest::nearest(key, keys).map(|near| format!("did you mean `{key}` by `{near}`?"));
            Err(InputError::at(node.position, format!("the object has no `{key}`"))
                .hint("an object starts with `apiVersion`, such as `apps/v1`, and `kind`, such as `Deployment`")
                .maybe_hint(near))
        }
    }
}

#[cfg(test)]
#[path = "load_tests.rs"]
mod tests;
