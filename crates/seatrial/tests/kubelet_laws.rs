//! Laws that hold for every pod, whatever its containers do: random pods, behaviors and deletions.

use std::collections::BTreeMap;

use seatrial::runner::{RunOptions, Runner};
use seatrial::scenario;
use seatrial_engine::Rng;
use serde_json::Value;

const SEEDS: u64 = 60;
const SECONDS: u64 = 400;

/// One of the texts.
fn pick<'t>(rng: &mut Rng, texts: &[&'t str]) -> &'t str {
    let count = u64::try_from(texts.len()).expect("a small number");
    texts[usize::try_from(rng.below(count)).expect("a small number")]
}

fn container(rng: &mut Rng, name: &str, is_init: bool) -> String {
    let probes = if is_init {
        ""
    } else {
        pick(
            rng,
            &[
                "",
                "",
                ", readinessProbe: {tcpSocket: {port: 80}, periodSeconds: 3}",
                ", livenessProbe: {httpGet: {port: 80}, periodSeconds: 4, failureThreshold: 2}",
                ", startupProbe: {exec: {command: [check]}, periodSeconds: 2}",
                ", readinessProbe: {grpc: {port: 80}}, livenessProbe: {tcpSocket: {port: 80}, initialDelaySeconds: 9}",
                ", lifecycle: {postStart: {exec: {command: [check]}}}",
                ", lifecycle: {preStop: {sleep: {seconds: 3}}}",
            ],
        )
    };
    let own = if is_init { pick(rng, &["", "", ", restartPolicy: Always"]) } else { "" };
    format!("{{name: {name}, image: 'app:{}'{probes}{own}}}", rng.below(2))
}

fn behavior(rng: &mut Rng, name: &str) -> String {
    let keys = [
        pick(rng, &["", "", "start: 1s", "start: {fail: no such file, failTimes: 2}"]),
        pick(rng, &["", "", "pull: {after: 3s}", "pull: {after: 1s, fail: unavailable, failTimes: 2}"]),
        pick(
            rng,
            &[
                "",
                "exit: {after: 7s, code: 0}",
                "exit: {after: 3s, code: 1}",
                "exit: [{after: 20s, code: 2}, {after: 4s, code: 0}]",
                "oom: {after: 11s}",
            ],
        ),
        pick(
            rng,
            &[
                "",
                "healthy: [{port: 80, from: 4s, to: 40s}, {exec: check, from: 1s, takes: 500ms}]",
                "healthy: [{port: 80}]",
            ],
        ),
        pick(rng, &["", "terminate: {after: 2s, exitCode: 0}", "terminate: {ignore: true}"]),
    ];
    let keys: Vec<&str> = keys.into_iter().filter(|key| !key.is_empty()).collect();
    let comma = if keys.is_empty() { "" } else { ", " };
    format!("{{match: {{container: {name}}}{comma}{}}}", keys.join(", "))
}

/// A few pods on one node, some of them deleted on the way.
fn random_scenario(seed: u64) -> String {
    let mut rng = Rng::from_seed(seed);
    let names = ["i", "j", "a", "b"];
    let behaviors: Vec<String> = names.iter().map(|name| behavior(&mut rng, name)).collect();
    let mut steps = String::new();
    for pod in ["p", "q", "r"] {
        let init: Vec<String> = names[..usize::try_from(rng.below(3)).expect("small")]
            .iter()
            .map(|name| container(&mut rng, name, true))
            .collect();
        let main: Vec<String> = names[2..=2 + usize::try_from(rng.below(2)).expect("small")]
            .iter()
            .map(|name| container(&mut rng, name, false))
            .collect();
        let policy = pick(&mut rng, &["Always", "OnFailure", "Never"]);
        let other = pick(&mut rng, &["", "", ", activeDeadlineSeconds: 60", ", terminationGracePeriodSeconds: 4"]);
        steps += &format!(
            "  - create: {{apiVersion: v1, kind: Pod, metadata: {{name: {pod}}}, spec: {{restartPolicy: {policy}, \
             initContainers: [{}], containers: [{}]{other}}}}}\n  - advance: {}ms\n",
            init.join(", "),
            main.join(", "),
            rng.below(9_000),
        );
    }
    if rng.below(2) == 0 {
        steps += &format!("  - advance: {}s\n  - delete: {{target: pod/q}}\n", rng.below(90));
    }
    format!(
        "apiVersion: seatrial.dev/v1alpha1\nkind: Scenario\nmetadata: {{name: laws}}\nspec:\n  \
         cluster: {{nodes: [{{name: node, count: 1}}]}}\n  behaviors: [{}]\n  steps:\n{steps}  - advance: {SECONDS}s\n",
        behaviors.join(", ")
    )
}

fn rank(phase: &str) -> u8 {
    match phase {
        "Pending" => 0,
        "Running" => 1,
        "Succeeded" | "Failed" => 2,
        other => panic!("{other} is no phase of a kubelet"),
    }
}

fn statuses(status: &Value) -> impl Iterator<Item = &Value> {
    let lists = ["initContainerStatuses", "containerStatuses"];
    lists.into_iter().flat_map(|list| status[list].as_array().into_iter().flatten())
}

fn is_true(status: &Value, type_: &str) -> bool {
    let mut conditions = status["conditions"].as_array().into_iter().flatten();
    conditions.any(|c| c["type"] == type_ && c["status"] == "True")
}

/// What is wrong with a status, and with it after the one before.
fn check(before: &Value, status: &Value, is_deleting: bool) -> Result<(), String> {
    let phase = |status: &Value| status["phase"].as_str().unwrap_or("Pending").to_owned();
    let (old, new) = (phase(before), phase(status));
    if rank(&old) > rank(&new) || (rank(&old) == 2 && old != new) {
        return Err(format!("the phase went from {old} to {new}"));
    }
    let running = statuses(status).filter(|s| !s["state"]["running"].is_null()).count();
    if rank(&new) == 2 && running > 0 {
        return Err(format!("{new} while {running} containers run"));
    }
    if rank(&new) == 2 && is_true(status, "Ready") {
        return Err(format!("{new} and ready"));
    }
    let mut own = status["containerStatuses"].as_array().into_iter().flatten();
    if is_true(status, "ContainersReady") && !own.all(|s| s["ready"] == true) {
        return Err("ContainersReady while a container is not".to_owned());
    }
    for s in statuses(status) {
        let name = &s["name"];
        let ends_well = s["state"]["terminated"]["exitCode"] == 0;
        if s["ready"] == true && s["state"]["running"].is_null() && !ends_well {
            return Err(format!("{name} is ready and does not run"));
        }
        if s["ready"] == true && s["started"] != true && !ends_well {
            return Err(format!("{name} is ready and has not started up"));
        }
        let Some(was) = statuses(before).find(|b| b["name"] == *name) else { continue };
        let count = |s: &Value| s["restartCount"].as_i64().unwrap_or(0);
        if count(was) > count(s) {
            return Err(format!("{name} was restarted {} times and then {}", count(was), count(s)));
        }
        if is_deleting && count(was) + 1 < count(s) {
            return Err(format!("{name} was restarted while its pod ends"));
        }
    }
    Ok(())
}

#[test]
fn phases_restarts_and_readiness_obey_their_laws() {
    for seed in 0..SEEDS {
        let text = random_scenario(seed);
        let scenario = scenario::parse(&text, "laws.yaml").unwrap_or_else(|error| panic!("{error}\n{text}"));
        let run = || {
            let mut silent = |_: &seatrial::runner::Line| {};
            let options = RunOptions { keep_changes: true, ..RunOptions::default() };
            Runner::new(&scenario, options, &mut silent).run(&scenario).0
        };
        let (report, again) = (run(), run());
        assert_eq!(report.trace_hash, again.trace_hash, "seed {seed} is not the same twice");
        assert!(report.errors.is_empty(), "{:?}\n{text}", report.errors);
        let mut last: BTreeMap<String, Value> = BTreeMap::new();
        for change in report.changes.iter().map(|c| c.to_json()).filter(|c| c["object"]["kind"] == "Pod") {
            let object = &change["object"];
            let name = object["metadata"]["name"].as_str().expect("a name").to_owned();
            let before = last.get(&name).cloned().unwrap_or_default();
            let is_deleting = !object["metadata"]["deletionTimestamp"].is_null();
            if let Err(why) = check(&before, &object["status"], is_deleting) {
                panic!(
                    "seed {seed}, {} s, {name}: {why}\nfrom {before}\nto {}\n{text}",
                    change["time"], object["status"]
                );
            }
            last.insert(name, object["status"].clone());
        }
        assert_eq!(last.len(), 3, "seed {seed}");
    }
}
