//! Restarts, image pulls and init containers to the second, as `kubectl get pods` shows them; and the scenarios that
//! show them.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use seatrial::runner::{LineKind, Report, RunOptions, Runner};
use seatrial::scenario;

fn run(text: &str, file: &str) -> (Report, Vec<String>) {
    let scenario = scenario::parse(text, file).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let mut printed = Vec::new();
    let mut keep = |line: &seatrial::runner::Line| {
        if line.kind == LineKind::Print {
            printed.push(line.text.clone());
        }
    };
    let report = Runner::new(&scenario, RunOptions::default(), &mut keep).run(&scenario).0;
    (report, printed)
}

/// READY, STATUS and RESTARTS of the only row of a table.
fn columns(table: &str) -> String {
    let mut lines = table.lines();
    let (head, row) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let (from, to) = (head.find("READY").expect("a column"), head.find("AGE").expect("a column"));
    row[from..to].split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A pod's spec, its behaviors, and what kubectl shows at which second.
type Row = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

const ONE: &str = "containers: [{name: c, image: 'app:1'}]";

/// Containers start 0.1 s after the pod is bound. Where upstream adds up to a half to a wait, a quarter is added.
const ROWS: &[Row] = &[
    // Lives of 2 s: ends at 2.1 (started again at once), 4.1 (12.5 s later, at 16.6), 18.6 (25 s), 45.6 (50 s), 97.6. The
    // wait of 80 s is looked at after 75 s, at 172.6: 5 s are left, and a quarter of that; then it is 178.85.
    (
        ONE,
        "{exit: {after: 2s, code: 1}}",
        &[
            ("2s", "1/1 Running 0"),
            ("3s", "1/1 Running 1 (1s ago)"),
            ("5s", "0/1 Error 1 (3s ago)"),
            ("16500ms", "0/1 Error 1 (14s ago)"),
            ("16600ms", "1/1 Running 2 (12s ago)"),
            ("19s", "0/1 Error 2 (15s ago)"),
            ("43500ms", "0/1 Error 2 (39s ago)"),
            ("43600ms", "1/1 Running 3 (25s ago)"),
            ("95500ms", "0/1 Error 3 (77s ago)"),
            ("95600ms", "1/1 Running 4 (50s ago)"),
            ("172500ms", "0/1 Error 4 (2m7s ago)"),
            ("172600ms", "0/1 CrashLoopBackOff 4 (75s ago)"),
            ("178800ms", "0/1 CrashLoopBackOff 4 (81s ago)"),
            ("178900ms", "1/1 Running 5 (81s ago)"),
        ],
    ),
    // The third life ends at 617.6 s, more than ten minutes after the restart at 16.6 s: a fresh start, without a wait.
    // The fourth ends at 622.6 s; 10 s and a quarter are 12.5.
    (
        ONE,
        "{exit: [{after: 2s, code: 1}, {after: 2s, code: 1}, {after: 601s, code: 1}, {after: 5s, code: 1}]}",
        &[
            ("17s", "1/1 Running 2 (13s ago)"),
            ("617s", "1/1 Running 2 (10m ago)"),
            ("618s", "1/1 Running 3 (1s ago)"),
            ("623s", "0/1 Error 3 (6s ago)"),
            ("635s", "0/1 Error 3 (18s ago)"),
            ("636s", "1/1 Running 4 (14s ago)"),
        ],
    ),
    // An end with 0 is an end.
    (
        ONE,
        "{exit: {after: 5s, code: 0}}",
        &[("6s", "1/1 Running 1 (1s ago)"), ("11s", "0/1 Completed 1 (6s ago)"), ("23s", "1/1 Running 2 (13s ago)")],
    ),
    (ONE, "{oom: {after: 5s}}", &[("6s", "1/1 Running 1 (1s ago)"), ("11s", "0/1 OOMKilled 1 (6s ago)")]),
    (
        "restartPolicy: OnFailure, containers: [{name: c, image: 'app:1'}]",
        "{exit: [{after: 3s, code: 2}, {after: 3s, code: 0}]}",
        &[("4s", "1/1 Running 1 (1s ago)"), ("7s", "0/1 Completed 1 (4s ago)"), ("1h", "0/1 Completed 1 (59m ago)")],
    ),
    (
        "restartPolicy: Never, containers: [{name: c, image: 'app:1'}]",
        "{exit: {after: 3s, code: 2}}",
        &[("3s", "1/1 Running 0"), ("4s", "0/1 Error 0")],
    ),
    // A container may have its own policy.
    (
        "restartPolicy: Never, containers: [{name: c, image: 'app:1', restartPolicy: Never, \
         restartPolicyRules: [{action: Restart, exitCodes: {operator: In, values: [42]}}]}]",
        "{exit: [{after: 3s, code: 42}, {after: 3s, code: 1}]}",
        &[("4s", "1/1 Running 1 (1s ago)"), ("7s", "0/1 Error 1 (4s ago)")],
    ),
    // Two tries at 0.1 s, the third 12.5 s later.
    (
        ONE,
        "{start: {fail: 'exec: \"x\": not found', failTimes: 2}}",
        &[("1s", "0/1 RunContainerError 1 (1s ago)"), ("13s", "1/1 Running 2 (13s ago)")],
    ),
    // The hook takes 2 s and fails, the end 100 ms: tries at 0.1 and 2.2 s, the third 12.5 s after 4.3 s.
    (
        "containers: [{name: c, image: 'app:1', lifecycle: {postStart: {exec: {command: [hi]}}}}]",
        "{healthy: [{exec: hi, code: 1, takes: 2s}]}",
        &[
            ("1s", "0/1 ContainerCreating 0"),
            ("3s", "0/1 PostStartHookError 0"),
            ("5s", "0/1 CrashLoopBackOff 1 (1s ago)"),
            ("16s", "0/1 CrashLoopBackOff 1 (12s ago)"),
            ("19s", "0/1 CrashLoopBackOff 2 (1s ago)"),
        ],
    ),
    // Failures at 1.1, 14.6 and 40.6 s, waits of 10, 20 and 40 s; what a sync finds is shown by the next one.
    (
        ONE,
        "{pull: {after: 1s, fail: manifest unknown}}",
        &[
            ("1s", "0/1 ContainerCreating 0"),
            ("2s", "0/1 ErrImagePull 0"),
            ("13500ms", "0/1 ErrImagePull 0"),
            ("13600ms", "0/1 ImagePullBackOff 0"),
            ("27s", "0/1 ImagePullBackOff 0"),
            ("27100ms", "0/1 ErrImagePull 0"),
            ("39600ms", "0/1 ImagePullBackOff 0"),
            ("53100ms", "0/1 ErrImagePull 0"),
            ("65600ms", "0/1 ImagePullBackOff 0"),
        ],
    ),
    (
        ONE,
        "{pull: {after: 2s, fail: registry unavailable, failTimes: 1}}",
        &[("3s", "0/1 ErrImagePull 0"), ("16s", "0/1 ImagePullBackOff 0"), ("17s", "1/1 Running 0")],
    ),
    (
        "containers: [{name: c, image: 'app:1', imagePullPolicy: Never}]",
        "{}",
        &[("1s", "0/1 ErrImageNeverPull 0"), ("60s", "0/1 ErrImageNeverPull 0")],
    ),
    ("containers: [{name: c, image: 'app::1'}]", "{}", &[("1s", "0/1 InvalidImageName 0")]),
    (
        "containers: [{name: c, image: 'app:1', env: [{name: A, valueFrom: {secretKeyRef: {name: s, key: k}}}]}]",
        "{}",
        &[("1s", "0/1 CreateContainerConfigError 0")],
    ),
    // The end is not said before nothing runs any more.
    (
        "activeDeadlineSeconds: 10, terminationGracePeriodSeconds: 3, containers: [{name: c, image: 'app:1'}]",
        "{terminate: {ignore: true}}",
        &[("9s", "1/1 Running 0"), ("12s", "1/1 Running 0"), ("13s", "0/1 Error 0")],
    ),
    // Lives of 2 s: ends at 2.1, 4.1 and 18.6 s, the last one well.
    (
        "initContainers: [{name: i, image: 'app:1'}, {name: j, image: 'app:1'}], containers: [{name: c, image: 'app:1'}]",
        "{match: {container: i}, exit: [{after: 2s, code: 1}, {after: 2s, code: 1}, {after: 2s, code: 0}]}, \
         {match: {container: j}, exit: {after: 4s, code: 0}}",
        &[
            ("1s", "0/1 Init:0/2 0"),
            ("3s", "0/1 Init:0/2 1 (1s ago)"),
            ("5s", "0/1 Init:Error 1 (3s ago)"),
            ("17s", "0/1 Init:0/2 2 (13s ago)"),
            ("19s", "0/1 Init:1/2 2 (15s ago)"),
            ("23s", "1/1 Running 0"),
        ],
    ),
    (
        "restartPolicy: Never, initContainers: [{name: i, image: 'app:1'}], containers: [{name: c, image: 'app:1'}]",
        "{match: {container: i}, exit: {after: 3s, code: 5}}",
        &[("3s", "0/1 Init:0/1 0"), ("4s", "0/1 Init:Error 0")],
    ),
    // A sidecar counts for READY and RESTARTS, and is started again whatever its pod's policy is; kubectl takes the
    // STATUS from it while it does not run.
    (
        "restartPolicy: Never, initContainers: [{name: s, image: 'app:1', restartPolicy: Always}], \
         containers: [{name: c, image: 'app:1'}]",
        "{match: {container: s}, exit: [{after: 5s, code: 1}, {after: 5s, code: 1}, {after: never}]}, \
         {match: {container: c}, exit: {after: 30s, code: 0}}",
        &[
            ("5s", "2/2 Running 0"),
            ("6s", "2/2 Running 1 (1s ago)"),
            ("11s", "1/2 Init:Error 1 (6s ago)"),
            ("23s", "2/2 Running 2 (13s ago)"),
            ("31s", "0/2 Completed 2 (21s ago)"),
        ],
    ),
];

#[test]
fn kubectl_shows_restarts_and_pulls_to_the_second() {
    let mut problems = Vec::new();
    for (pod, behaviors, moments) in ROWS {
        let mut text = format!(
            "apiVersion: seatrial.dev/v1alpha1\nkind: Scenario\nmetadata: {{name: restarts}}\nspec:\n  \
             cluster: {{nodes: [{{name: node, count: 1}}]}}\n  behaviors: [{behaviors}]\n  steps:\n  \
             - create: {{apiVersion: v1, kind: Pod, metadata: {{name: p}}, spec: {{{pod}}}}}\n"
        );
        let mut before = std::time::Duration::ZERO;
        for (at, _) in *moments {
            let at = duration(at);
            let _ = write!(text, "  - advance: {}ms\n  - print: pod/p\n", (at - before).as_millis());
            before = at;
        }
        let (_, printed) = run(&text, "restarts.yaml");
        assert_eq!(printed.len(), moments.len(), "{pod} {behaviors}");
        for ((at, want), table) in moments.iter().zip(&printed) {
            let got = columns(table);
            if got != *want {
                problems.push(format!("{pod} {behaviors}\n  at {at}: {got}, not {want}"));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

fn duration(text: &str) -> std::time::Duration {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let millis = match &text[digits.len()..] {
        "ms" => 1,
        "s" => 1_000,
        "h" => 3_600_000,
        unit => panic!("{unit} is no unit"),
    };
    std::time::Duration::from_millis(digits.parse::<u64>().expect("a number") * millis)
}

#[test]
fn the_scenarios_of_nodes_are_as_they_expect_and_the_same_twice() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../scenarios/nodes");
    let entries = fs::read_dir(folder).expect("the scenarios are there");
    let mut paths: Vec<PathBuf> = entries.filter_map(|e| Some(e.ok()?.path())).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "yaml"));
    paths.sort();
    assert!(paths.len() >= 3);
    for path in paths {
        let file = path.to_string_lossy();
        let text = fs::read_to_string(&path).expect("a text");
        let (first, second) = (run(&text, &file).0, run(&text, &file).0);
        assert!(first.is_success() && first.passed > 0, "{file}: {:?}", first.failures);
        assert_eq!(first.trace_hash, second.trace_hash, "{file} is not the same twice");
    }
}

/// Another image is another try: what failed with the one before is no reason to wait.
#[test]
fn a_new_image_is_started_at_once() {
    let rows = [
        ("{match: {image: 'app:1'}, exit: {after: 2s, code: 1}}", "0/1 Error 1 (3s ago)", "1/1 Running 2 (1s ago)"),
        ("{match: {image: 'app:1'}, pull: {fail: unknown}}", "0/1 ErrImagePull 0", "1/1 Running 0"),
        ("{match: {image: 'app:1'}, terminate: {after: 500ms}}", "1/1 Running 0", "1/1 Running 1 (0s ago)"),
    ];
    for (behavior, before, after) in rows {
        let text = format!(
            "apiVersion: seatrial.dev/v1alpha1\nkind: Scenario\nmetadata: {{name: image}}\nspec:\n  \
             cluster: {{nodes: [{{name: node, count: 1}}]}}\n  behaviors: [{behavior}]\n  steps:\n  \
             - create: {{apiVersion: v1, kind: Pod, metadata: {{name: p}}, spec: {{{ONE}}}}}\n  \
             - advance: 5s\n  - print: pod/p\n  \
             - patch: {{target: pod/p, patch: {{spec: {{containers: [{{name: c, image: 'app:2'}}]}}}}}}\n  \
             - advance: 600ms\n  - print: pod/p\n"
        );
        let (report, printed) = run(&text, "image.yaml");
        assert!(report.errors.is_empty(), "{:?}", report.errors);
        let shown: Vec<String> = printed.iter().map(|table| columns(table)).collect();
        assert_eq!(shown, [before, after], "{behavior}");
    }
}
