//! When probes find what: every change of a pod's readiness and every restart, at its exact virtual time.
//!
//! The pod is bound at 0 s, and its probes' workers begin then; its container starts at 0.1 s. Liveness and startup probes
//! tick from 0 s, whatever happens; readiness probes tick from the last moment at which a sync asked a container that was
//! not ready: its start, and half a second later once more if it had been asked at its start in vain.

use seatrial::runner::{RunOptions, Runner};
use seatrial::scenario;

/// What is asked, what answers, how long to watch, what happens, and why.
struct Row {
    /// Keys of the container.
    probes: &'static str,
    /// Keys of its behavior.
    behavior: &'static str,
    /// Keys of the pod's spec.
    pod: &'static str,
    seconds: u32,
    /// `+` becomes ready, `-` is not ready any more, `x` is restarted; and the second.
    want: &'static str,
    why: &'static str,
}

const fn row(probes: &'static str, behavior: &'static str, seconds: u32, want: &'static str, why: &'static str) -> Row {
    Row { probes, behavior, pod: "", seconds, want, why }
}

const fn with_pod(pod: &'static str, row: Row) -> Row {
    Row { pod, ..row }
}

/// What happens, as the rows write it.
fn story(row: &Row) -> String {
    let Row { probes, behavior, pod, seconds, .. } = row;
    let (comma, other) = (if pod.is_empty() { "" } else { ", " }, if probes.is_empty() { "" } else { ", " });
    let text = format!(
        "apiVersion: seatrial.dev/v1alpha1\nkind: Scenario\nmetadata: {{name: probes}}\nspec:\n  cluster: {{nodes: [{{name: node, count: 1}}]}}\n  \
         behaviors: [{{{behavior}}}]\n  steps:\n  - create: {{apiVersion: v1, kind: Pod, metadata: {{name: p}}, \
         spec: {{{pod}{comma}containers: [{{name: c, image: 'app:1'{other}{probes}}}]}}}}\n  - advance: {seconds}s\n"
    );
    let scenario = scenario::parse(&text, "probes.yaml").unwrap_or_else(|error| panic!("{error}\n{text}"));
    let mut silent = |_: &seatrial::runner::Line| {};
    let options = RunOptions { keep_changes: true, ..RunOptions::default() };
    let report = Runner::new(&scenario, options, &mut silent).run(&scenario).0;
    let (mut was_ready, mut restarts, mut out) = (false, 0, Vec::new());
    for change in report.changes.iter().map(|c| c.to_json()).filter(|c| c["object"]["kind"] == "Pod") {
        let status = &change["object"]["status"];
        let at = change["time"].as_f64().expect("a time");
        let mut conditions = status["conditions"].as_array().into_iter().flatten();
        let is_ready = conditions.any(|c| c["type"] == "Ready" && c["status"] == "True");
        if is_ready != was_ready {
            out.push(format!("{}{at}", if is_ready { '+' } else { '-' }));
            was_ready = is_ready;
        }
        let count = status["containerStatuses"][0]["restartCount"].as_i64().unwrap_or(0);
        if count != restarts {
            out.push(format!("x{at}"));
            restarts = count;
        }
    }
    out.join(" ")
}

fn check(rows: &[Row]) {
    let mut problems = Vec::new();
    for row in rows {
        let got = story(row);
        if got != row.want {
            let Row { probes, behavior, pod, want, why, .. } = row;
            problems.push(format!("{probes} {pod} | {behavior}\n  want {want}\n  got  {got}\n  {why}"));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

const READINESS: &[Row] = &[
    row("readinessProbe: {tcpSocket: {port: 80}}", "", 30, "+0.1", "what is not described answers at once"),
    row(
        "readinessProbe: {tcpSocket: {port: 80}}",
        "healthy: [{port: 80}]",
        30,
        "+0.6",
        "refused at the very start, asked again half a second later",
    ),
    row(
        "ports: [{name: web, containerPort: 80}], readinessProbe: {tcpSocket: {port: web}}",
        "healthy: [{port: 80}]",
        30,
        "+0.6",
        "a port by its name",
    ),
    row(
        "readinessProbe: {tcpSocket: {port: 80}, periodSeconds: 4}",
        "healthy: [{port: 80, from: 6s}]",
        30,
        "+8.6",
        "ticks at 0.6, 4.6 and 8.6; at 8.6 the container is 8.5 s old",
    ),
    row(
        "readinessProbe: {tcpSocket: {port: 80}, periodSeconds: 4}",
        "healthy: [{port: 80, from: 6s, to: 20s}]",
        60,
        "+8.6 -28.6",
        "failures at 20.6, 24.6 and 28.6 make three",
    ),
    row(
        "readinessProbe: {tcpSocket: {port: 80}, periodSeconds: 4, failureThreshold: 1}",
        "healthy: [{port: 80, from: 6s, to: 20s}]",
        60,
        "+8.6 -20.6",
        "one failure is enough",
    ),
    row(
        "readinessProbe: {tcpSocket: {port: 80}, periodSeconds: 4, successThreshold: 2}",
        "healthy: [{port: 80, from: 6s}]",
        30,
        "+12.6",
        "successes at 8.6 and 12.6",
    ),
    row(
        "readinessProbe: {tcpSocket: {port: 80}, periodSeconds: 4, successThreshold: 3}",
        "healthy: [{port: 80, from: 6s}]",
        30,
        "+16.6",
        "successes at 8.6, 12.6 and 16.6",
    ),
    row(
        "readinessProbe: {tcpSocket: {port: 80}, periodSeconds: 4}",
        "healthy: [{port: 80, to: 12s}, {port: 80, from: 15s}]",
        40,
        "+0.6",
        "one failure at 12.6 is less than three",
    ),
    row(
        "readinessProbe: {tcpSocket: {port: 80}, periodSeconds: 4, failureThreshold: 2}",
        "healthy: [{port: 80, to: 12s}, {port: 80, from: 20s}]",
        40,
        "+0.6 -16.6 +20.6",
        "failures at 12.6 and 16.6; one success is enough again",
    ),
    row(
        "readinessProbe: {tcpSocket: {port: 80}, periodSeconds: 30}",
        "healthy: [{port: 80, from: 78s}]",
        120,
        "+105.1",
        "ticks at 0.6, 30.6 and 60.6; the resync at 75.1 asks out of turn, and ticks count from there",
    ),
];

#[test]
fn readiness_ticks_from_the_start_and_counts_runs() {
    check(READINESS);
}

const INITIAL_DELAYS: &[Row] = &[
    row(
        "readinessProbe: {tcpSocket: {port: 80}, initialDelaySeconds: 11, periodSeconds: 20}",
        "",
        60,
        "+20.1",
        "at 0.1 the container is too young: the next tick is a period later",
    ),
    row(
        "readinessProbe: {tcpSocket: {port: 80}, initialDelaySeconds: 10, periodSeconds: 10}",
        "",
        60,
        "+10.1",
        "10.1 s after second 0 are 10 whole seconds",
    ),
    row(
        "readinessProbe: {tcpSocket: {port: 80}, initialDelaySeconds: 11, periodSeconds: 10}",
        "",
        60,
        "+20.1",
        "10 whole seconds at 10.1 are too few",
    ),
    row(
        "readinessProbe: {tcpSocket: {port: 80}, initialDelaySeconds: 3, periodSeconds: 5, failureThreshold: 2}",
        "healthy: [{port: 80, from: 7s, to: 24s}, {port: 80, from: 38s}]",
        60,
        "+10.1 -30.1 +40.1",
        "ticks from 0.1: refused at 5.1, 25.1, 30.1 and 35.1",
    ),
    row(
        "livenessProbe: {tcpSocket: {port: 80}, initialDelaySeconds: 20, periodSeconds: 5}",
        "healthy: [{port: 81}]",
        65,
        "+0.1 x30.1 x60.1",
        "failures at 20, 25, 30; the second life began in second 30, so failures at 50, 55, 60",
    ),
    row(
        "startupProbe: {tcpSocket: {port: 80}, initialDelaySeconds: 5, periodSeconds: 2}",
        "healthy: [{port: 80}]",
        30,
        "+6",
        "ticks at 2 and 4 are too early",
    ),
];

#[test]
fn initial_delays_are_compared_in_whole_seconds() {
    check(INITIAL_DELAYS);
}

const HTTP: &[Row] = &[
    row(
        "readinessProbe: {httpGet: {port: 80, path: /ok}, periodSeconds: 4, successThreshold: 2}",
        "healthy: [{port: 80, path: /ok, to: 9s, status: 503}, {port: 80, path: /ok, from: 9s}]",
        40,
        "+16.6",
        "503 up to 8.6, 200 at 12.6 and 16.6",
    ),
    row("readinessProbe: {httpGet: {port: 80, path: /no}}", "healthy: [{port: 80, path: /ok}]", 60, "", "404"),
    row(
        "readinessProbe: {httpGet: {port: 80}}",
        "healthy: [{port: 80, status: 302}]",
        60,
        "+0.6",
        "200 to 399 are success",
    ),
    row("readinessProbe: {httpGet: {port: 80}}", "healthy: [{port: 80, status: 400}]", 60, "", "400 is none"),
    row(
        "readinessProbe: {httpGet: {port: 80}, timeoutSeconds: 2}",
        "healthy: [{port: 80, takes: 1s}]",
        30,
        "+1.6",
        "asked at 0.6, answered a second later",
    ),
    row(
        "readinessProbe: {httpGet: {port: 80}, timeoutSeconds: 2}",
        "healthy: [{port: 80, takes: 2s}]",
        60,
        "",
        "an answer at the end of the timeout is too late",
    ),
    row(
        "readinessProbe: {httpGet: {port: 80}, timeoutSeconds: 2, periodSeconds: 5}",
        "healthy: [{port: 80, to: 10s, takes: 3s}, {port: 80, from: 10s, takes: 1s}]",
        30,
        "+11.6",
        "too slow at 0.6 and 5.6, asked at 10.6 and answered a second later",
    ),
    row(
        "readinessProbe: {httpGet: {port: 80}, timeoutSeconds: 5, periodSeconds: 1, successThreshold: 2}",
        "healthy: [{port: 80, takes: 2500ms}]",
        30,
        "+5.6",
        "asked at 0.6 and, as a tick had passed meanwhile, at once at 3.1",
    ),
    row(
        "livenessProbe: {httpGet: {port: 80}, periodSeconds: 5, failureThreshold: 2}",
        "healthy: [{port: 80, to: 10s}, {port: 80, from: 10s, status: 500, restarts: 0}, {port: 80, restarts: 1}]",
        40,
        "+0.1 x20.1",
        "200 at 5 and 10 (9.9 s old), 500 at 15 and 20",
    ),
    row(
        "livenessProbe: {httpGet: {port: 80}, periodSeconds: 10, timeoutSeconds: 3, failureThreshold: 1}",
        "healthy: [{port: 80, takes: 4s, restarts: 0}, {port: 80, restarts: 1}]",
        40,
        "+0.1 x13.1",
        "asked at 10, given up at 13, ended 100 ms later",
    ),
];

#[test]
fn http_answers_count_by_status_path_and_time() {
    check(HTTP);
}

const COMMANDS_AND_GRPC: &[Row] = &[
    row(
        "readinessProbe: {exec: {command: [check, now]}, periodSeconds: 4}",
        "healthy: [{exec: check, from: 6s, to: 20s}]",
        60,
        "+8.6 -28.6",
        "outside of its windows a command that is named ends with 1",
    ),
    row(
        "readinessProbe: {exec: {command: [check]}}",
        "healthy: [{exec: other}]",
        30,
        "+0.1",
        "a command that is not named ends with 0 at once",
    ),
    row("readinessProbe: {exec: {command: [check]}}", "healthy: [{exec: check, code: 3}]", 60, "", "it ends with 3"),
    row(
        "readinessProbe: {exec: {command: [check]}, timeoutSeconds: 1}",
        "healthy: [{exec: check, takes: 2s}]",
        60,
        "",
        "it is given up after a second",
    ),
    row(
        "livenessProbe: {exec: {command: [check]}, periodSeconds: 3, failureThreshold: 2}",
        "healthy: [{exec: check, to: 7s, restarts: 0}, {exec: check, restarts: 1}]",
        40,
        "+0.1 x12.1",
        "success at 3 and 6, failures at 9 and 12",
    ),
    row(
        "readinessProbe: {grpc: {port: 80}}",
        "healthy: [{port: 80}]",
        30,
        "+0.1",
        "the client tries until it can connect",
    ),
    row(
        "readinessProbe: {grpc: {port: 80}, periodSeconds: 4}",
        "healthy: [{port: 80, from: 3s}]",
        30,
        "+4.1",
        "asked at 0.1, given up at 1.1; asked at 4.1",
    ),
    row(
        "readinessProbe: {grpc: {port: 80}, periodSeconds: 4}",
        "healthy: [{port: 80, from: 8500ms}]",
        30,
        "+8.6",
        "asked at 8.1, connected as the port opens at 8.6",
    ),
    row(
        "readinessProbe: {grpc: {port: 80}, periodSeconds: 4}",
        "healthy: [{port: 80, takes: 2s}]",
        60,
        "",
        "an answer of 2 s is too slow for a second",
    ),
];

#[test]
fn commands_and_grpc_services_are_asked_in_their_own_ways() {
    check(COMMANDS_AND_GRPC);
}

const LIVENESS_AND_STARTUP: &[Row] = &[
    row(
        "livenessProbe: {tcpSocket: {port: 80}, periodSeconds: 4}",
        "healthy: [{port: 80, to: 12s, restarts: 0}, {port: 80, restarts: 1}]",
        60,
        "+0.1 x24.1",
        "success at 12 (11.9 s old), failures at 16, 20, 24, ended 100 ms later",
    ),
    row(
        "livenessProbe: {tcpSocket: {port: 80}, periodSeconds: 4, failureThreshold: 1}",
        "healthy: [{port: 80, to: 12s, restarts: 0}, {port: 80, restarts: 1}]",
        60,
        "+0.1 x16.1",
        "one failure is enough",
    ),
    row(
        "livenessProbe: {tcpSocket: {port: 80}, periodSeconds: 5, failureThreshold: 1, \
             terminationGracePeriodSeconds: 6}",
        "terminate: {ignore: true}, healthy: [{port: 80, to: 5s, restarts: 0}, {port: 80, restarts: 1}]",
        60,
        "+0.1 x16",
        "a failure at 10, SIGKILL at the end of the probe's own grace period",
    ),
    row(
        "livenessProbe: {tcpSocket: {port: 80}, periodSeconds: 5, failureThreshold: 1}",
        "terminate: {ignore: true}, healthy: [{port: 80, to: 5s, restarts: 0}, {port: 80, restarts: 1}]",
        60,
        "+0.1 x40",
        "SIGKILL at the end of the pod's grace period of 30 s",
    ),
    row(
        "livenessProbe: {tcpSocket: {port: 80}, periodSeconds: 1, failureThreshold: 1}",
        "healthy: [{port: 81}]",
        17,
        "+0.1 x1.1 x2.1 -3.1 +15.6 x15.6 -16.1",
        "the wait counts from the end of the life before the one that is stopped: none, none (now 10 s), 10 s from 3.1",
    ),
    with_pod(
        "restartPolicy: Never",
        row(
            "livenessProbe: {tcpSocket: {port: 80}, periodSeconds: 4, failureThreshold: 1}",
            "healthy: [{port: 80, to: 6s}]",
            40,
            "+0.1 -8.1",
            "ended for good: the pod has failed",
        ),
    ),
    with_pod(
        "restartPolicy: OnFailure",
        row(
            "livenessProbe: {tcpSocket: {port: 80}, periodSeconds: 4, failureThreshold: 1}",
            "terminate: {after: 100ms, exitCode: 0}, \
                 healthy: [{port: 80, to: 6s, restarts: 0}, {port: 80, restarts: 1}]",
            40,
            "+0.1 x8.1",
            "what a probe stopped is started again even if it ended with 0",
        ),
    ),
    row(
        "livenessProbe: {tcpSocket: {port: 80}, initialDelaySeconds: 42}, \
             readinessProbe: {tcpSocket: {port: 80}, initialDelaySeconds: 11}",
        "healthy: [{port: 80, from: 16s, to: 60s}]",
        115,
        "+20.1 -80.1 x90.1 +110.1",
        "readiness fails at 60.1, 70.1, 80.1, liveness at 70, 80, 90; both begin anew with the second life",
    ),
    row(
        "startupProbe: {tcpSocket: {port: 80}, periodSeconds: 4, failureThreshold: 10}",
        "healthy: [{port: 80, from: 13s}]",
        40,
        "+16",
        "without a readiness probe ready means started: ticks at 4, 8 and 12 are refused",
    ),
    row(
        "startupProbe: {tcpSocket: {port: 80}, periodSeconds: 4, failureThreshold: 10}, \
             readinessProbe: {tcpSocket: {port: 80}, periodSeconds: 5}, \
             livenessProbe: {tcpSocket: {port: 80}, periodSeconds: 5, failureThreshold: 1}",
        "healthy: [{port: 80, from: 13s}]",
        40,
        "+16",
        "liveness and readiness wait for startup, readiness is asked at once then",
    ),
    row(
        "startupProbe: {tcpSocket: {port: 80}, periodSeconds: 4}",
        "healthy: [{port: 80, restarts: 1}]",
        40,
        "x12.1 +16",
        "failures at 4, 8, 12; the ticks keep their phase in the second life",
    ),
    row(
        "startupProbe: {tcpSocket: {port: 80}, periodSeconds: 4, failureThreshold: 1, \
             terminationGracePeriodSeconds: 3}",
        "terminate: {ignore: true}, healthy: [{port: 80, restarts: 1}]",
        40,
        "x7 +8",
        "a failure at 4, SIGKILL at 7, success at 8",
    ),
];

#[test]
fn liveness_restarts_and_startup_gates() {
    check(LIVENESS_AND_STARTUP);
}

const NEW_LIVES: &[Row] = &[
    row(
        "startupProbe: {tcpSocket: {port: 80}, periodSeconds: 4}",
        "healthy: [{port: 80, from: 1s}], exit: [{after: 10s, code: 1}, {after: never}]",
        40,
        "+4 -10.1 x10.1 +12",
        "the second life has not started up before the tick at 12",
    ),
    row(
        "readinessProbe: {tcpSocket: {port: 80}, periodSeconds: 4, successThreshold: 2}",
        "healthy: [{port: 80}], exit: [{after: 10s, code: 1}, {after: never}]",
        40,
        "+4.6 -10.1 x10.1 +14.6",
        "refused at its start at 10.1, successes at 10.6 and 14.6",
    ),
    row(
        "readinessProbe: {tcpSocket: {port: 80}, periodSeconds: 4, successThreshold: 2}",
        "exit: [{after: 10s, code: 1}, {after: never}]",
        40,
        "+0.6 -10.1 +10.1 x10.1",
        "the run of successes goes on in the second life: one more is enough",
    ),
    row(
        "readinessProbe: {tcpSocket: {port: 80}}",
        "healthy: [{port: 80, restarts: 1}], exit: [{after: 5s, code: 1}, {after: never}]",
        40,
        "x5.1 +5.6",
        "only the second life opens its port",
    ),
    row(
        "readinessProbe: {tcpSocket: {port: 80}, periodSeconds: 5}",
        "healthy: [{port: 80}], exit: [{after: 3s, code: 1}, {after: 3s, code: 1}, {after: never}]",
        40,
        "+0.6 -3.1 x3.1 +3.6 -6.1 x18.6 +19.1",
        "the first restart is immediate, the second 10 s later and a quarter of that for the jitter",
    ),
    with_pod(
        "terminationGracePeriodSeconds: 2",
        row(
            "livenessProbe: {tcpSocket: {port: 80}, periodSeconds: 6, failureThreshold: 1}",
            "terminate: {after: 9s}, healthy: [{port: 80, to: 7s, restarts: 0}, {port: 80, restarts: 1}]",
            40,
            "+0.1 x14",
            "a failure at 12, and SIGKILL before the container would have ended by itself",
        ),
    ),
];

#[test]
fn a_new_life_is_asked_anew() {
    check(NEW_LIVES);
}
