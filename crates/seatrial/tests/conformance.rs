//! The recorded cases: what Kubernetes v1.36.2 settled on, and what the simulator settles on.
//!
//! Every case is run twice, and both runs have to have the same trace hash. Cases that do not agree yet are listed in
//! `conformance/pending.txt`: the test fails when a listed one starts to agree or another one stops.

#[path = "conformance/compare.rs"]
mod compare;
#[path = "conformance/normalize.rs"]
mod normalize;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use seatrial::runner::{Report, RunOptions, Runner};
use seatrial::scenario;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../scenarios/conformance")
}

fn run(text: &str, file: &str) -> Report {
    let scenario = scenario::parse(text, file).expect("a recorded case can be read");
    let mut silent = |_: &seatrial::runner::Line| {};
    Runner::new(&scenario, RunOptions::default(), &mut silent).run(&scenario).0
}

fn case_names() -> Vec<String> {
    let entries = fs::read_dir(folder()).expect("the cases are there");
    let files = entries.filter_map(|e| e.ok()?.file_name().into_string().ok());
    let mut names: Vec<String> = files.filter_map(|f| f.strip_suffix(".yaml").map(str::to_owned)).collect();
    names.sort();
    names
}

/// What a case differs in.
fn check(name: &str) -> Vec<String> {
    let path = folder().join(format!("{name}.yaml"));
    let text = fs::read_to_string(&path).expect("the case can be read");
    let file = path.to_string_lossy();
    let (first, second) = (run(&text, &file), run(&text, &file));
    assert_eq!(first.trace_hash, second.trace_hash, "{name} is not the same twice");
    let golden = fs::read_to_string(folder().join(format!("golden/{name}.json"))).expect("the golden is there");
    let golden = serde_json::from_str(&golden).expect("the golden is JSON");
    let errors: Vec<_> = first.errors.iter().map(|e| e.to_json()).collect();
    compare::compare(&golden, &first.snapshots, &errors)
}

#[test]
fn recorded_cases_agree_but_for_those_that_are_listed() {
    let list = fs::read_to_string(folder().join("pending.txt")).expect("the list is there");
    let pending: BTreeSet<&str> = list.lines().filter(|l| !l.is_empty() && !l.starts_with('#')).collect();
    let names = case_names();
    let mut problems = Vec::new();
    let mut agreeing = 0;
    for name in &names {
        let differences = check(name);
        agreeing += usize::from(differences.is_empty());
        match (differences.is_empty(), pending.contains(name.as_str())) {
            (true, true) => problems.push(format!("{name} agrees now: take it off pending.txt")),
            (false, false) => problems.push(format!("{name} differs:\n    {}", differences.join("\n    "))),
            _ => {}
        }
    }
    for name in pending.iter().filter(|p| !names.iter().any(|n| n == *p)) {
        problems.push(format!("{name} is listed and is no case"));
    }
    assert!(problems.is_empty(), "{}\n{agreeing} of {} cases agree", problems.join("\n"), names.len());
}
