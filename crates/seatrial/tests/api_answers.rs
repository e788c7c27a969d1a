//! Raw calls: what the Kubernetes v1.36.2 API server answered to each, and what the simulator answers.
//!
//! Every case is run twice with equal traces and answers. Calls that do not agree yet are listed in
//! `conformance/api/pending.txt`, one `CASE STEP` a line with the reason behind it: the test fails when a listed one starts
//! to agree or another one stops.

#[path = "api_answers/normalize.rs"]
mod normalize;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use seatrial::runner::{Report, RunOptions, Runner};
use seatrial::scenario;
use serde_json::Value;

use normalize::{Normal, differ};

/// How many differences of a call are shown.
const DIFFERENCES_SHOWN: usize = 5;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../scenarios/conformance/api")
}

fn case_names() -> Vec<String> {
    let entries = fs::read_dir(folder()).expect("the cases are there");
    let files = entries.filter_map(|e| e.ok()?.file_name().into_string().ok());
    let mut names: Vec<String> = files.filter_map(|f| f.strip_suffix(".yaml").map(str::to_owned)).collect();
    names.sort();
    names
}

fn run(text: &str, file: &str) -> Report {
    let scenario = scenario::parse(text, file).expect("a recorded case can be read");
    let mut silent = |_: &seatrial::runner::Line| {};
    Runner::new(&scenario, RunOptions::default(), &mut silent).run(&scenario).0
}

/// What each recorded call of a case differs in: the step, and the differences.
fn check(name: &str) -> Vec<(u64, Vec<String>)> {
    let path = folder().join(format!("{name}.yaml"));
    let sent = fs::read_to_string(&path).expect("the case can be read");
    let file = path.to_string_lossy();
    let (first, second) = (run(&sent, &file), run(&sent, &file));
    assert_eq!(first.trace_hash, second.trace_hash, "{name} is not the same twice");
    assert_eq!(first.responses, second.responses, "{name} is not answered the same twice");
    let golden = fs::read_to_string(folder().join(format!("golden/{name}.json"))).expect("the golden is there");
    let golden: Value = serde_json::from_str(&golden).expect("the golden is JSON");
    let mut normal = Normal::new(name, &sent);
    let answers: Vec<Value> = first.responses.iter().map(|r| normal.answer(r)).collect();
    let recorded = golden["responses"].as_array().expect("recorded answers");
    recorded
        .iter()
        .map(|want| {
            let step = want["step"].as_u64().unwrap_or(0);
            let mut differences = Vec::new();
            match answers.iter().find(|a| a["step"] == want["step"]) {
                None => differences.push("no answer".to_owned()),
                Some(got) => {
                    for key in ["code", "warnings", "body"] {
                        differ(key, Some(&want[key]), Some(&got[key]), &mut differences);
                    }
                }
            }
            (step, differences)
        })
        .collect()
}

#[test]
fn recorded_calls_agree_but_for_those_that_are_listed() {
    let list = fs::read_to_string(folder().join("pending.txt")).expect("the list is there");
    let pending: BTreeSet<(&str, u64)> = list
        .lines()
        .filter(|l| !l.is_empty() && !l.starts_with('#'))
        .filter_map(|l| {
            let mut words = l.split(' ');
            Some((words.next()?, words.next()?.parse().ok()?))
        })
        .collect();
    let (mut problems, mut agreeing, mut count) = (Vec::new(), 0, 0);
    for name in &case_names() {
        for (step, differences) in check(name) {
            count += 1;
            agreeing += usize::from(differences.is_empty());
            match (differences.is_empty(), pending.contains(&(name.as_str(), step))) {
                (true, true) => problems.push(format!("{name} {step} agrees now: take it off pending.txt")),
                (false, false) => {
                    let shown = &differences[..differences.len().min(DIFFERENCES_SHOWN)];
                    problems.push(format!("{name} {step}\n    {}", shown.join("\n    ")));
                }
                _ => {}
            }
        }
    }
    assert!(problems.is_empty(), "{}\n{agreeing} of {count} calls agree", problems.join("\n"));
}

/// A comparer that cannot fail is worthless: each of these changes of a recorded answer has to be seen.
#[test]
fn the_comparer_sees_what_is_changed() {
    let golden = fs::read_to_string(folder().join("golden/deletion.json")).expect("the golden is there");
    let golden: Value = serde_json::from_str(&golden).expect("the golden is JSON");
    let sees = |change: fn(&mut Value)| {
        golden["responses"].as_array().expect("answers").iter().any(|want| {
            let mut got = want.clone();
            change(&mut got);
            let mut differences = Vec::new();
            differ("", Some(want), Some(&got), &mut differences);
            !differences.is_empty()
        })
    };
    assert!(!sees(|_| {}));
    assert!(sees(|a| a["code"] = 299.into()));
    assert!(sees(|a| a["body"]["message"] = "another".into()));
    assert!(sees(|a| drop(a["body"].as_object_mut().and_then(|b| b.remove("spec")))));
    assert!(sees(|a| a["warnings"] = serde_json::json!(["more"])));
}
