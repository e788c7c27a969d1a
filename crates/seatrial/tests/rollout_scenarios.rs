//! The scenarios in `scenarios/rollouts/`: each holds what it says, and twice the same.

use std::fs;
use std::path::PathBuf;

use seatrial::runner::{Report, RunOptions, Runner};
use seatrial::scenario;

fn run(text: &str, file: &str) -> Report {
    let scenario = scenario::parse(text, file).unwrap_or_else(|error| panic!("{file}: {error:?}"));
    let mut silent = |_: &seatrial::runner::Line| {};
    Runner::new(&scenario, RunOptions::default(), &mut silent).run(&scenario).0
}

#[test]
fn rollout_scenarios_hold() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../scenarios/rollouts");
    let entries = fs::read_dir(folder).expect("the scenarios are there");
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "yaml"));
    paths.sort();
    assert!(!paths.is_empty());
    for path in paths {
        let text = fs::read_to_string(&path).expect("a scenario can be read");
        let file = path.to_string_lossy();
        let (first, second) = (run(&text, &file), run(&text, &file));
        assert_eq!(first.trace_hash, second.trace_hash, "{file} is not the same twice");
        assert!(first.failures.is_empty() && first.passed > 0, "{file}: {:#?}", first.failures);
    }
}
