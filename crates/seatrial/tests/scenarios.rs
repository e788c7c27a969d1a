//! Every scenario of the repository does what it says it does, and does the same twice. The recorded cases have their own
//! test.

use std::fs;
use std::path::{Path, PathBuf};

use seatrial::runner::{Report, RunOptions, Runner};
use seatrial::scenario;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios")
}

/// All `.yaml` files below the folder of the scenarios but the recorded cases, by path.
fn files() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() && !path.ends_with("conformance") {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "yaml") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn run(path: &Path) -> Report {
    let text = fs::read_to_string(path).expect("the scenario can be read");
    let scenario = scenario::parse(&text, &path.to_string_lossy()).expect("it is a scenario");
    let mut silent = |_: &seatrial::runner::Line| {};
    Runner::new(&scenario, RunOptions::default(), &mut silent).run(&scenario).0
}

#[test]
fn every_scenario_holds_and_is_the_same_twice() {
    let files = files();
    assert!(files.len() >= 10, "only {} scenarios were found", files.len());
    let mut problems = Vec::new();
    for path in &files {
        let (first, second) = (run(path), run(path));
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        problems.extend(first.failures.iter().chain(&first.broken).map(|f| format!("{}: {}", f.place, f.message)));
        if first.trace_hash != second.trace_hash {
            problems.push(format!("{name} is not the same twice"));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
