//! Logs of mock containers: lines at their times, lives, and what is said where there are none.

use std::time::Duration;

use seatrial::cluster::LogOptions;
use seatrial::kubelet::{Behavior, Exit, Failure, LogEntry, Match, Pull, When};
use seatrial::{Cluster, Error};
use serde_json::json;

fn entry(line: &str, after: u64, every: Option<u64>) -> LogEntry {
    LogEntry { line: line.to_owned(), after: Duration::from_secs(after), every: every.map(Duration::from_secs) }
}

fn cluster(behavior: Behavior, pod: serde_json::Value) -> Cluster {
    let mut cluster = Cluster::builder().nodes(1).behaviors(vec![behavior]).build();
    cluster.create(&pod).expect("a valid pod");
    cluster
}

fn pod() -> serde_json::Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {"containers": [{"name": "c", "image": "x:1"}]}})
}

fn logs(cluster: &Cluster, options: LogOptions) -> String {
    match cluster.logs("pod/a", &options) {
        Ok(text) => text,
        Err(Error::Api(error)) => format!("{}: {}", error.code(), error.message()),
        Err(other) => other.to_string(),
    }
}

fn pass(cluster: &mut Cluster, seconds: u64) {
    cluster.advance(Duration::from_secs(seconds)).expect("time passes");
}

#[test]
fn lines_come_as_time_passes() {
    let log = vec![LogEntry::at_start("starting"), entry("listening", 3, None), entry("alive", 10, Some(10))];
    let mut cluster = cluster(Behavior { log, ..Behavior::default() }, pod());
    let all = LogOptions::default;
    // The kubelet has not told of the container yet, then that it makes it.
    assert_eq!(logs(&cluster, all()), "400: container \"c\" in pod \"a\" is not available");
    cluster.advance(Duration::from_millis(50)).expect("time passes");
    assert_eq!(logs(&cluster, all()), "400: container \"c\" in pod \"a\" is waiting to start: ContainerCreating");
    pass(&mut cluster, 1);
    assert_eq!(logs(&cluster, all()), "starting\n");
    pass(&mut cluster, 34);
    assert_eq!(logs(&cluster, all()), "starting\nlistening\nalive\nalive\nalive\n");
    assert_eq!(logs(&cluster, LogOptions { tail: Some(2), ..all() }), "alive\nalive\n");
    assert_eq!(logs(&cluster, LogOptions { tail: Some(0), ..all() }), "");
    let since = LogOptions { since: Some(Duration::from_secs(15)), timestamps: true, ..all() };
    // The container runs since 0.1 s.
    assert_eq!(logs(&cluster, since), "2024-01-01T00:00:20.100000000Z alive\n2024-01-01T00:00:30.100000000Z alive\n");
}

#[test]
fn each_life_has_its_own() {
    let exit = vec![Exit { after: When::After(Duration::from_secs(5)), code: 1 }];
    let log = vec![entry("tick", 0, Some(2))];
    let mut cluster = cluster(Behavior { exit, log, ..Behavior::default() }, pod());
    pass(&mut cluster, 2);
    let previous = || LogOptions { previous: true, ..LogOptions::default() };
    assert_eq!(logs(&cluster, previous()), "400: previous terminated container \"c\" in pod \"a\" not found");
    // The second life begins when the first is over.
    pass(&mut cluster, 4);
    assert_eq!(logs(&cluster, previous()), "tick\ntick\ntick\n");
    assert_eq!(logs(&cluster, LogOptions::default()), "tick\n");
    // It ends, and while the third is waited for, its log is still there.
    pass(&mut cluster, 8);
    assert_eq!(logs(&cluster, LogOptions::default()), "tick\ntick\ntick\n");
}

#[test]
fn pods_that_never_began() {
    let failure = Some(Failure { text: "no such image".to_owned(), times: None });
    let pull = Some(Pull { after: When::After(Duration::ZERO), failure });
    let mut cluster = cluster(Behavior { pull, ..Behavior::default() }, pod());
    pass(&mut cluster, 1);
    assert_eq!(
        logs(&cluster, LogOptions::default()),
        "400: container \"c\" in pod \"a\" is waiting to start: image can't be pulled"
    );
    pass(&mut cluster, 30);
    let text = logs(&cluster, LogOptions::default());
    assert!(
        text.ends_with("is waiting to start: trying and failing to pull image")
            || text.ends_with("image can't be pulled"),
        "{text}"
    );
    // A pod without a node has nothing to say.
    let big = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "big"}, "spec": {"containers": [
        {"name": "c", "image": "x:1", "resources": {"requests": {"cpu": "1000"}}}]}});
    cluster.create(&big).expect("a valid pod");
    assert_eq!(cluster.logs("pod/big", &LogOptions::default()).expect("nothing is no error"), "");
    assert_eq!(
        cluster.logs("pod/nobody", &LogOptions::default()).expect_err("404").to_string(),
        "pods \"nobody\" not found"
    );
}

#[test]
fn containers_have_to_be_named_where_there_are_several() {
    let two = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {
        "initContainers": [{"name": "init", "image": "x:1"}],
        "containers": [{"name": "c", "image": "x:1"}, {"name": "d", "image": "x:1"}]}});
    let behaviors = |container: &str, exit: Vec<Exit>| Behavior {
        matches: Match { container: Some(container.to_owned()), ..Match::default() },
        log: vec![LogEntry::at_start(format!("I am {container}"))],
        exit,
        ..Behavior::default()
    };
    let done = vec![Exit { after: When::After(Duration::from_secs(1)), code: 0 }];
    let all = vec![behaviors("init", done), behaviors("c", Vec::new()), behaviors("d", Vec::new())];
    let mut cluster = Cluster::builder().nodes(1).behaviors(all).build();
    cluster.create(&two).expect("a valid pod");
    pass(&mut cluster, 5);
    let of = |name: &str| LogOptions { container: Some(name.to_owned()), ..LogOptions::default() };
    assert_eq!(
        logs(&cluster, LogOptions::default()),
        "400: a container name must be specified for pod a, choose one of: [c d] or one of the init containers: [init]"
    );
    assert_eq!(logs(&cluster, of("e")), "400: container e is not valid for pod a");
    for name in ["init", "c", "d"] {
        assert_eq!(logs(&cluster, of(name)), format!("I am {name}\n"));
    }
}

#[test]
fn a_node_that_does_not_answer_tells_nothing() {
    let log = vec![LogEntry::at_start("starting")];
    let mut cluster = cluster(Behavior { log, ..Behavior::default() }, pod());
    pass(&mut cluster, 1);
    cluster.fail_node("node-0");
    let want = "500: Get \"https://10.0.0.1:10250/containerLogs/default/a/c\": dial tcp 10.0.0.1:10250: connect: no route to host";
    assert_eq!(logs(&cluster, LogOptions::default()), want);
    let other = LogOptions { container: Some("d".to_owned()), ..LogOptions::default() };
    assert_eq!(logs(&cluster, other), "400: container d is not valid for pod a");
    cluster.recover_node("node-0");
    assert_eq!(logs(&cluster, LogOptions::default()), "starting\n");
}
