//! What the kubelet of Kubernetes v1.36.2 did with a pod over time, and what the mock kubelet does.
//!
//! Every case is run twice, and both runs have to have the same trace hash. The sequence of states that last has to be the
//! recorded one, field by field; the time between two states has to lie within the recorded range, widened by its own
//! width and by what loops that look once a second may add.

#[path = "timelines/reduce.rs"]
mod reduce;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use reduce::{Reduced, Timeline, reduce};
use seatrial::runner::{RunOptions, Runner};
use seatrial::scenario;
use serde_json::Value;

const SLACK: f64 = 1.6;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../scenarios/conformance/kubelet")
}

fn run(name: &str) -> (u64, Reduced) {
    let path = folder().join(format!("{name}.yaml"));
    let text = fs::read_to_string(&path).expect("the case can be read");
    let scenario = scenario::parse(&text, &path.to_string_lossy()).expect("the case is a scenario");
    let mut silent = |_: &seatrial::runner::Line| {};
    let options = RunOptions { keep_changes: true, ..RunOptions::default() };
    let report = Runner::new(&scenario, options, &mut silent).run(&scenario).0;
    let lines: Vec<Value> = report.changes.iter().map(|c| c.to_json()).collect();
    (report.trace_hash, reduce(&lines))
}

fn golden(name: &str) -> Value {
    let text = fs::read_to_string(folder().join(format!("golden/{name}.json"))).expect("the golden is there");
    serde_json::from_str(&text).expect("the golden is JSON")
}

/// What a pod's timeline differs in: the first difference, since what follows follows from it.
fn compare_pod(want: &Value, passing: &Value, got: &Timeline) -> Option<String> {
    let want = want.as_array().expect("states");
    let is_passing = |state: &Value| {
        passing.as_array().into_iter().flatten().any(|p| p == state) && !want.iter().any(|w| w["state"] == *state)
    };
    let got: Vec<_> = got.iter().filter(|(_, state)| !is_passing(state)).collect();
    let mut before = 0.0;
    for (index, row) in want.iter().enumerate() {
        let what = format!("state {} of {}", index + 1, want.len());
        let Some((at, state)) = got.get(index) else { return Some(format!("{what} is absent: {}", row["state"])) };
        if row["state"] != *state {
            return Some(format!("{what} at {at} s:\n      want {}\n      got  {state}", row["state"]));
        }
        let bound = |i: usize| row["after"][i].as_f64().expect("a number");
        let (low, high) = (bound(0), bound(1));
        let slack = SLACK + (high - low);
        let after = ((at - before) * 100.0).round() / 100.0;
        if after < (low - slack).max(0.0) || after > high + slack {
            return Some(format!("{what} comes {after} s after the one before, not {low} to {high} s"));
        }
        before = *at;
    }
    got.get(want.len()).map(|(at, state)| format!("one state too many at {at} s: {state}"))
}

fn texts(list: &Value) -> BTreeSet<String> {
    list.as_array().into_iter().flatten().map(Value::to_string).collect()
}

fn compare(golden: &Value, got: &Reduced) -> Vec<String> {
    let mut out = Vec::new();
    for (name, want) in golden["pods"].as_object().expect("pods") {
        match got.pods.get(name) {
            None => out.push(format!("pod {name} is absent")),
            Some(row) => {
                out.extend(compare_pod(want, &golden["passing"][name], row).map(|text| format!("pod {name}, {text}")))
            }
        }
    }
    let surplus = got.pods.keys().filter(|name| golden["pods"].get(name.as_str()).is_none());
    out.extend(surplus.map(|name| format!("pod {name} is one too many")));
    let (must, may) = (texts(&golden["events"]), texts(&golden["eventsMay"]));
    out.extend(must.difference(&got.events).map(|event| format!("no event {event}")));
    let known: BTreeSet<String> = must.union(&may).cloned().collect();
    out.extend(got.events.difference(&known).map(|event| format!("an event too many: {event}")));
    out
}

#[test]
fn every_recorded_timeline_agrees() {
    let entries = fs::read_dir(folder()).expect("the cases are there");
    let files = entries.filter_map(|e| e.ok()?.file_name().into_string().ok());
    let mut names: Vec<String> = files.filter_map(|f| f.strip_suffix(".yaml").map(str::to_owned)).collect();
    names.sort();
    assert_eq!(names.len(), 35);
    let mut problems = Vec::new();
    for name in &names {
        let ((hash, got), (again, _)) = (run(name), run(name));
        assert_eq!(hash, again, "{name} is not the same twice");
        let differences = compare(&golden(name), &got);
        if !differences.is_empty() {
            problems.push(format!("{name}:\n    {}", differences.join("\n    ")));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// A comparison that cannot fail is worth nothing: a late, a lost and a changed state, and a lost event are seen.
#[test]
fn what_differs_is_seen() {
    let golden = golden("crash-loop");
    let rows = golden["pods"]["p"].as_array().expect("states");
    let mut at = 0.0;
    let mut same: Timeline = Vec::new();
    for row in rows {
        at += (row["after"][0].as_f64().unwrap_or(0.0) + row["after"][1].as_f64().unwrap_or(0.0)) / 2.0;
        same.push((at, row["state"].clone()));
    }
    let run = |row: Timeline, events: BTreeSet<String>| {
        compare(&golden, &Reduced { pods: [("p".to_owned(), row)].into(), events }).len()
    };
    let events = texts(&golden["events"]);
    assert_eq!(run(same.clone(), events.clone()), 0);
    let mut late = same.clone();
    late.iter_mut().skip(3).for_each(|(at, _)| *at += 2.0);
    let mut other = same.clone();
    other[2].1["phase"] = "Pending".into();
    for (what, row) in [("late", late), ("lost", same[1..].to_vec()), ("other", other), ("short", same[..8].to_vec())] {
        assert_eq!(run(row, events.clone()), 1, "{what}");
    }
    assert_eq!(run(same, events.into_iter().skip(1).collect()), 1);
}
