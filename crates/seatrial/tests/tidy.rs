//! The repository's own rules: who imports whom, file heads, sizes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const FILE_LINES_MAX: usize = 700;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: impl AsRef<Path>) -> String {
    let path = path.as_ref();
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The allowed edges, from docs/architecture.md.
fn edges_of_the_docs() -> BTreeMap<String, BTreeSet<String>> {
    let text = read(root().join("docs/architecture.md"));
    let table = text.split("| crate | may import |").nth(1).expect("the table of edges");
    let rows = table.lines().skip(2).take_while(|l| l.starts_with('|'));
    rows.map(|row| {
        let mut cells = row.trim_matches('|').split('|').map(str::trim);
        let name = cells.next().unwrap_or_default().to_owned();
        let imports = cells.next().unwrap_or_default().split(',').map(str::trim).filter(|i| !i.is_empty());
        (name, imports.map(str::to_owned).collect())
    })
    .collect()
}

/// The edges of the manifests: dependencies, not those of tests.
fn edges_of_the_manifests() -> BTreeMap<String, BTreeSet<String>> {
    let mut edges = BTreeMap::new();
    let crates = fs::read_dir(root().join("crates")).expect("the crates");
    let folders = crates.map(|e| e.expect("a folder").path()).chain([root().join("benches")]);
    for folder in folders {
        let name = folder.file_name().and_then(|n| n.to_str()).expect("a name").to_owned();
        let text = read(folder.join("Cargo.toml"));
        let dependencies = text.split("[dependencies]").nth(1).unwrap_or_default();
        let dependencies = dependencies.split("\n[").next().unwrap_or_default();
        let own = dependencies.lines().filter_map(|l| l.split(['=', '.', ' ']).next());
        let own = own.filter_map(|d| if d == "seatrial" { Some(d) } else { d.strip_prefix("seatrial-") });
        edges.insert(name, own.map(str::to_owned).collect());
    }
    edges
}

#[test]
fn crates_import_only_what_the_architecture_allows() {
    let (allowed, actual) = (edges_of_the_docs(), edges_of_the_manifests());
    for (name, imports) in &actual {
        let allowed = allowed.get(name).unwrap_or_else(|| panic!("docs/architecture.md has no row for {name}"));
        let extra: Vec<_> = imports.difference(allowed).collect();
        assert!(extra.is_empty(), "{name} imports {extra:?}, which docs/architecture.md does not allow");
    }
    assert_eq!(allowed.keys().collect::<Vec<_>>(), actual.keys().collect::<Vec<_>>());
}

fn sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join("crates"), root().join("benches")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

#[test]
fn every_file_says_what_it_does_and_none_is_too_long() {
    let files = sources();
    assert!(files.len() > 100, "only {} files were found", files.len());
    for path in files {
        let text = read(&path);
        let is_test = path.file_name().is_some_and(|n| n.to_str().is_some_and(|n| n.contains("tests")));
        let own = text.split("#[cfg(test)]").next().unwrap_or_default().lines().count();
        assert!(is_test || text.starts_with("//! "), "{} does not say what it does", path.display());
        assert!(is_test || own <= FILE_LINES_MAX, "{} has {own} lines without its tests", path.display());
        for mark in ["todo!(", "unimplemented!(", "FIXME"] {
            let is_here = path.ends_with("tests/tidy.rs");
            assert!(is_here || !text.contains(mark), "{} has a {mark} left", path.display());
        }
    }
}

#[test]
fn every_page_is_in_the_list_of_pages() {
    let list = read(root().join("docs/README.md"));
    for entry in fs::read_dir(root().join("docs")).expect("docs") {
        let name = entry.expect("a page").file_name().into_string().expect("a name");
        assert!(name == "README.md" || list.contains(&format!("({name})")), "docs/README.md does not name {name}");
    }
}
