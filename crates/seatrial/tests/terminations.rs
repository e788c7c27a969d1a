//! How pods end: hooks, SIGTERM, SIGKILL and the order of sidecars, at their exact virtual times.
//!
//! Every pod is created at 0 s, its containers start at 0.1 s, and it is deleted at 10 s.

use seatrial::runner::{RunOptions, Runner};
use seatrial::scenario;

struct Row {
    /// The pod's spec.
    pod: &'static str,
    behaviors: &'static str,
    /// The events of its end and that it is gone, with their seconds.
    want: &'static str,
    why: &'static str,
}

const fn row(pod: &'static str, behaviors: &'static str, want: &'static str, why: &'static str) -> Row {
    Row { pod, behaviors, want, why }
}

/// What happens from 10 s on.
fn story(row: &Row) -> String {
    let Row { pod, behaviors, .. } = row;
    let text = format!(
        "apiVersion: seatrial.dev/v1alpha1\nkind: Scenario\nmetadata: {{name: ends}}\nspec:\n  \
         cluster: {{nodes: [{{name: node, count: 1}}]}}\n  behaviors: [{behaviors}]\n  steps:\n  \
         - create: {{apiVersion: v1, kind: Pod, metadata: {{name: p}}, spec: {{{pod}}}}}\n  - advance: 10s\n  \
         - delete: {{target: pod/p}}\n  - advance: 100s\n"
    );
    let scenario = scenario::parse(&text, "ends.yaml").unwrap_or_else(|error| panic!("{error}\n{text}"));
    let mut silent = |_: &seatrial::runner::Line| {};
    let options = RunOptions { keep_changes: true, ..RunOptions::default() };
    let report = Runner::new(&scenario, options, &mut silent).run(&scenario).0;
    let mut out = Vec::new();
    for change in report.changes.iter().map(|c| c.to_json()) {
        let (object, at) = (&change["object"], change["time"].as_f64().expect("a time"));
        if at < 10.0 {
            continue;
        }
        if object["kind"] == "Pod" && change["type"] == "DELETED" {
            out.push(format!("gone {at}"));
        } else if object["kind"] == "Event" {
            let message = object["message"].as_str().unwrap_or_default();
            let path = object["involvedObject"]["fieldPath"].as_str().unwrap_or_default();
            let name = path.split(['{', '}']).nth(1).unwrap_or_default();
            match object["reason"].as_str().unwrap_or_default() {
                "Killing" if message == format!("Stopping container {name}") => out.push(format!("stop {name} {at}")),
                "FailedPreStopHook" if message == "PreStopHook failed" => out.push(format!("hook {name} {at}")),
                other => out.push(format!("{other} {at}")),
            }
        }
    }
    out.join(", ")
}

const ROWS: &[Row] = &[
    row("containers: [{name: c, image: a}]", "{}", "stop c 10, gone 10.1", "SIGTERM takes 100 ms"),
    row(
        "containers: [{name: c, image: a}]",
        "{terminate: {after: 4s}}",
        "stop c 10, gone 14",
        "as long as the container takes",
    ),
    row("containers: [{name: c, image: a}]", "{terminate: {ignore: true}}", "stop c 10, gone 40", "SIGKILL after 30 s"),
    row(
        "terminationGracePeriodSeconds: 8, containers: [{name: c, image: a}]",
        "{terminate: {after: 20s}}",
        "stop c 10, gone 18",
        "SIGKILL at the end of the pod's own grace period",
    ),
    row(
        "terminationGracePeriodSeconds: 1, containers: [{name: c, image: a}]",
        "{terminate: {ignore: true}}",
        "stop c 10, gone 12",
        "the runtime gives at least 2 s",
    ),
    row(
        "containers: [{name: c, image: a}, {name: d, image: a}]",
        "{match: {container: c}, terminate: {after: 3s}}",
        "stop c 10, stop d 10, gone 13",
        "containers end side by side, the slowest counts",
    ),
    row(
        "containers: [{name: c, image: a, lifecycle: {preStop: {exec: {command: [bye]}}}}]",
        "{healthy: [{exec: bye, takes: 4s}], terminate: {after: 3s}}",
        "stop c 10, gone 17",
        "4 s of hook, then 3 s",
    ),
    row(
        "containers: [{name: c, image: a, lifecycle: {preStop: {exec: {command: [bye]}}}}]",
        "{healthy: [{exec: bye, takes: 4s, code: 1}], terminate: {after: 3s}}",
        "stop c 10, hook c 14, gone 17",
        "a hook that fails changes nothing",
    ),
    row(
        "containers: [{name: c, image: a, lifecycle: {preStop: {sleep: {seconds: 5}}}}]",
        "{}",
        "stop c 10, gone 15.1",
        "a hook may sleep",
    ),
    row(
        "containers: [{name: c, image: a, lifecycle: {preStop: {httpGet: {port: 80, path: /bye}}}}]",
        "{healthy: [{port: 80, status: 500, takes: 2s}]}",
        "stop c 10, gone 12.1",
        "whatever the answer is, it is one",
    ),
    row(
        "containers: [{name: c, image: a, lifecycle: {preStop: {httpGet: {port: 80, path: /bye}}}}]",
        "{healthy: [{port: 81}]}",
        "stop c 10, hook c 10, gone 10.1",
        "nobody listens",
    ),
    row(
        "terminationGracePeriodSeconds: 6, containers: [{name: c, image: a, \
         lifecycle: {preStop: {exec: {command: [bye]}}}}]",
        "{healthy: [{exec: bye, takes: 60s}]}",
        "stop c 10, hook c 16.1, gone 16.1",
        "SIGTERM at the end of the grace period; the hook ends with the container",
    ),
    row(
        "terminationGracePeriodSeconds: 6, containers: [{name: c, image: a, \
         lifecycle: {preStop: {exec: {command: [bye]}}}}]",
        "{healthy: [{exec: bye, takes: 3500ms}], terminate: {ignore: true}}",
        "stop c 10, gone 16.5",
        "3 whole seconds of the 6 are spent when the hook ends at 13.5",
    ),
    row(
        "initContainers: [{name: r, image: a, restartPolicy: Always}, {name: s, image: a, restartPolicy: Always}], \
         containers: [{name: c, image: a}]",
        "{match: {container: c}, terminate: {after: 5s}}, {match: {container: s}, terminate: {after: 3s}}, \
         {match: {container: r}, terminate: {after: 1s}}",
        "stop r 10, stop s 10, stop c 10, gone 19",
        "the pod's own, then the sidecars in reverse order: 5 + 3 + 1 s",
    ),
    row(
        "terminationGracePeriodSeconds: 6, initContainers: [{name: s, image: a, restartPolicy: Always}], \
         containers: [{name: c, image: a}]",
        "{match: {container: c}, terminate: {ignore: true}}, {match: {container: s}, terminate: {ignore: true}}",
        "stop s 10, stop c 10, gone 18",
        "both wait 6 s; the sidecar has 2 s more from the runtime",
    ),
    row(
        "terminationGracePeriodSeconds: 9, initContainers: [{name: s, image: a, restartPolicy: Always, \
         lifecycle: {preStop: {exec: {command: [bye]}}}}], containers: [{name: c, image: a}]",
        "{match: {container: s}, healthy: [{exec: bye, takes: 4s}], terminate: {after: 1s}}, \
         {match: {container: c}, terminate: {after: 2s}}",
        "stop s 10, stop c 10, gone 15",
        "the sidecar's hook begins at once, its SIGTERM is at 14",
    ),
    row(
        "initContainers: [{name: i, image: a}], containers: [{name: c, image: a}]",
        "{match: {container: i}, exit: {after: 60s, code: 0}, terminate: {after: 2s}}",
        "stop i 10, gone 12",
        "an init container that runs is stopped, the others never started",
    ),
    row(
        "containers: [{name: c, image: a}]",
        "{start: never}",
        "gone 10",
        "a pod whose sandbox never comes has nothing to stop",
    ),
    row(
        "containers: [{name: c, image: a}]",
        "{pull: {after: 14s}, terminate: {after: 3s}}",
        "Pulled 14.1, Created 14.1, Started 14.1, stop c 14.1, gone 17.1",
        "a sync under way is not broken off",
    ),
    row("containers: [{name: c, image: a}]", "{pull: {after: never}}", "gone 10", "but for one that would never end"),
    row(
        "containers: [{name: c, image: a}]",
        "{pull: {fail: manifest unknown}}",
        "gone 10",
        "what only waits has nothing to stop",
    ),
    row(
        "containers: [{name: c, image: a}]",
        "{exit: {after: 12s, code: 3}, terminate: {after: 20s}}",
        "stop c 10, gone 12.1",
        "a container that is being stopped may end by itself",
    ),
];

#[test]
fn pods_end_as_their_hooks_and_containers_let_them() {
    let mut problems = Vec::new();
    for row in ROWS {
        let got = story(row);
        if got != row.want {
            let Row { pod, behaviors, want, why } = row;
            problems.push(format!("{pod} | {behaviors}\n  want {want}\n  got  {got}\n  {why}"));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
