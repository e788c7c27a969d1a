//! One scenario that uses every key, and what becomes of it.

use std::time::Duration;

use serde_json::json;

use super::parse;
use crate::scenario::Scenario;
use crate::scenario::model::*;

const HEAD: &str = "apiVersion: seatrial.dev/v1alpha1\nkind: Scenario\nmetadata: {name: all}\nspec:\n";

fn scenario(spec: &str) -> Scenario {
    match parse(&format!("{HEAD}{spec}"), "all.yaml") {
        Ok(scenario) => scenario,
        Err(error) => panic!("{error}"),
    }
}

/// The verb of a step.
fn verb(step: &str) -> Verb {
    scenario(&format!("  steps:\n  - {step}\n")).steps.remove(0).verb
}

fn behavior(text: &str) -> Behavior {
    scenario(&format!("  steps: []\n  behaviors:\n  - {text}\n")).behaviors.remove(0)
}

fn target(kind: &str, name: &str) -> Target {
    Target { kind: kind.to_owned(), name: name.to_owned() }
}

fn query(kind: &str, name: Option<&str>) -> Query {
    Query { kind: kind.to_owned(), name: name.map(str::to_owned) }
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn defaults() {
    let scenario = scenario("  steps: []\n");
    assert_eq!((scenario.name.as_str(), scenario.seed), ("all", 0));
    assert_eq!(scenario.start.to_rfc3339(), "2024-01-01T00:00:00+00:00");
    let names: Vec<_> = scenario.cluster.nodes.iter().map(|node| node.name.as_str()).collect();
    assert_eq!(names, ["node-0", "node-1", "node-2"]);
    assert_eq!(json!(scenario.cluster.nodes[0].capacity), json!({"cpu": "8", "memory": "32Gi", "pods": "110"}));
    assert_eq!(scenario.cluster.controllers, Controllers::All);
    assert!(!scenario.from_full_minute && !scenario.exclusive);
}

#[test]
fn the_head_of_spec() {
    let scenario = scenario(
        "  seed: 7\n  start: 2024-02-29T23:59:59.5+01:00\n  fromFullMinute: true\n  exclusive: true\n  behaviors:\n  \
         always:\n  - {name: three, target: deploy/web, that: object.status.replicas >= 3}\n  steps: []\n",
    );
    assert_eq!(scenario.seed, 7);
    assert_eq!(scenario.start.to_rfc3339(), "2024-02-29T22:59:59.500+00:00");
    assert!(scenario.from_full_minute && scenario.exclusive);
    let invariant = &scenario.always[0];
    assert_eq!((invariant.name.as_str(), &invariant.target), ("three", &query("deploy", Some("web"))));
    assert_eq!(invariant.that.text, "object.status.replicas >= 3");
}

#[test]
fn nodes_and_classes() {
    let scenario = scenario(
        "  steps: []\n  cluster:\n    controllers: none\n    defaults: {capacity: {cpu: 2}}\n    nodes:\n    \
         - {name: w, count: 2, labels: {a: b}}\n    - {name: n, capacity: {pods: 5}, \
         taints: [{key: k, effect: NoExecute}]}\n    storageClasses: [fast, {name: slow, provisioner: p, \
         default: true, reclaimPolicy: Retain, volumeBindingMode: WaitForFirstConsumer, allowVolumeExpansion: true}]\n",
    );
    let cluster = &scenario.cluster;
    assert_eq!(cluster.controllers, Controllers::None);
    let rows: Vec<_> =
        cluster.nodes.iter().map(|node| (node.name.as_str(), json!(node.capacity), json!(node.labels))).collect();
    let capacity = |pods: &str| json!({"cpu": "2", "memory": "32Gi", "pods": pods});
    assert_eq!(
        rows,
        [
            ("w-0", capacity("110"), json!({"a": "b"})),
            ("w-1", capacity("110"), json!({"a": "b"})),
            ("n", capacity("5"), json!({})),
        ]
    );
    let taint = Taint { key: "k".to_owned(), value: String::new(), effect: "NoExecute".to_owned() };
    assert_eq!(cluster.nodes[2].taints, [taint]);
    let [fast, slow] = cluster.storage_classes.as_slice() else { panic!("two classes") };
    assert_eq!((fast.name.as_str(), fast.provisioner.as_str()), ("fast", "sim.seatrial.dev/disk"));
    assert!(!fast.is_default && !fast.allow_volume_expansion);
    assert_eq!((fast.reclaim_policy, fast.binding_mode), (ReclaimPolicy::Delete, BindingMode::Immediate));
    assert!(slow.is_default && slow.allow_volume_expansion && slow.provisioner == "p");
    assert_eq!(slow.reclaim_policy, ReclaimPolicy::Retain);
    assert_eq!(slow.binding_mode, BindingMode::WaitForFirstConsumer);
}

#[test]
fn behaviors_of_both_dialects() {
    let shorthand = behavior(
        "{match: {image: 'app:*', labels: {a: b}}, start: 2s, ready: {after: 3s}, exit: {after: 1m}, terminate: {after: 0s}}",
    );
    assert_eq!(shorthand.matches.image.as_deref(), Some("app:*"));
    assert_eq!(json!(shorthand.matches.labels), json!({"a": "b"}));
    assert_eq!(shorthand.start, Some(Start { after: Some(When::After(seconds(2))), ..Start::default() }));
    assert_eq!(shorthand.ready, Some(When::After(seconds(3))));
    assert_eq!(shorthand.exit, [Exit { after: When::After(seconds(60)), code: 0 }]);
    assert_eq!(shorthand.terminate, Some(Terminate::Ends { after: seconds(0), exit_code: 143 }));
    assert_eq!(behavior("ready: false").ready, Some(When::Never));
    assert_eq!(behavior("ready: {after: never}").ready, Some(When::Never));
    assert_eq!(behavior("message: m").ready, None);
    let model = behavior(
        "{match: {container: c, pod: p}, pull: {after: 1s, fail: no, failTimes: 2}, start: {fail: bad}, \
         exit: [{after: 1s, code: 1}, {after: never}], oom: {after: 5s}, terminate: {ignore: true}, message: m, \
         log: [a, {line: b, after: 1s, every: 2s}], \
         usage: [{cpu: 250m}, {from: 1m, memory: 1Gi, shared: true, custom: {hits: 3}}]}",
    );
    assert_eq!(
        model.pull,
        Some(Pull { after: Some(When::After(seconds(1))), fail: Some("no".to_owned()), fail_times: Some(2) })
    );
    assert_eq!(model.start, Some(Start { fail: Some("bad".to_owned()), ..Start::default() }));
    assert_eq!(model.exit, [Exit { after: When::After(seconds(1)), code: 1 }, Exit { after: When::Never, code: 0 }]);
    assert_eq!((model.oom, model.terminate), (Some(When::After(seconds(5))), Some(Terminate::Ignores)));
    assert_eq!(model.message.as_deref(), Some("m"));
    let log: Vec<_> = model.log.iter().map(|entry| (entry.line.as_str(), entry.after, entry.every)).collect();
    assert_eq!(log, [("a", seconds(0), None), ("b", seconds(1), Some(seconds(2)))]);
    let usage: Vec<_> = model.usage.iter().map(|u| (u.from, u.shared, json!(u.resources))).collect();
    let second = (seconds(60), true, json!({"memory": "1Gi", "hits": "3"}));
    assert_eq!(usage, [(seconds(0), false, json!({"cpu": "250m"})), second]);
}

#[test]
fn healthy_windows() {
    let windows = behavior(
        "healthy: [{port: 80}, {port: 81, path: /ok, status: 503, from: 1s, to: 2s, takes: 3s, restarts: 1}, \
         {exec: check, code: 4, to: never}]",
    )
    .healthy;
    let window = |endpoint| Window { endpoint, from: seconds(0), to: None, takes: seconds(0), restarts: None };
    assert_eq!(
        windows,
        [
            window(Endpoint::Port { port: 80, path: None, status: 200 }),
            Window {
                endpoint: Endpoint::Port { port: 81, path: Some("/ok".to_owned()), status: 503 },
                from: seconds(1),
                to: Some(seconds(2)),
                takes: seconds(3),
                restarts: Some(1),
            },
            window(Endpoint::Exec { word: "check".to_owned(), code: 4 }),
        ]
    );
}

#[test]
fn writes() {
    let Verb::Create(objects) = verb("create: [{apiVersion: v1, kind: Pod}, {kind: Secret}]") else {
        panic!("it creates");
    };
    assert_eq!(objects[1].object, json!({"kind": "Secret"}));
    assert_eq!(objects[0].source.to_string(), "all.yaml:6:14");
    assert_eq!(
        verb("patch: {target: po/w-*, type: json, patch: [{op: remove, path: /a}], subresource: status}"),
        Verb::Patch(Patch {
            target: target("po", "w-*"),
            patch_type: PatchType::Json,
            patch: json!([{"op": "remove", "path": "/a"}]),
            subresource: Some("status".to_owned()),
        })
    );
    assert_eq!(
        verb("scale: {target: deploy/web, replicas: -1}"),
        Verb::Scale(Scale { target: target("deploy", "web"), replicas: -1 })
    );
    assert_eq!(
        verb("delete: {target: pod/a, propagation: orphan, gracePeriod: 0s}"),
        Verb::Delete(Delete {
            target: target("pod", "a"),
            propagation: Propagation::Orphan,
            grace_period: Some(seconds(0)),
        })
    );
    assert_eq!(
        verb("rollout: {action: undo, target: sts/db, toRevision: 2}"),
        Verb::Rollout(Rollout { action: RolloutAction::Undo, target: target("sts", "db"), to_revision: Some(2) })
    );
    assert_eq!(
        verb("call: {method: POST, path: /api, body: {n: 99999999999999999999, a: [1, 'x']}}"),
        Verb::Call(Call {
            method: "POST".to_owned(),
            path: "/api".to_owned(),
            query: [].into(),
            content_type: "application/json".to_owned(),
            headers: [].into(),
            body: Some("{\"n\":99999999999999999999,\"a\":[1,\"x\"]}".to_owned()),
            raw: None,
        })
    );
    let labels = [("a".to_owned(), Some("b".to_owned())), ("c".to_owned(), None)].into();
    assert_eq!(
        verb("label: {target: pod/a, labels: {a: b, c: null}}"),
        Verb::Label(Label { target: target("pod", "a"), labels })
    );
}

#[test]
fn nodes_faults_and_time() {
    let node = |action| Verb::Node(NodeStep { name: "n".to_owned(), action });
    assert_eq!(verb("node: {action: cordon, name: n}"), node(NodeAction::Cordon));
    assert_eq!(verb("node: {action: taint, name: n, taints: []}"), node(NodeAction::Taint(Vec::new())));
    assert_eq!(
        verb("node: {action: label, name: n, labels: {a: null}}"),
        node(NodeAction::Label([("a".to_owned(), None)].into()))
    );
    assert_eq!(
        verb("node: {action: add, name: n, labels: {a: b}}"),
        node(NodeAction::Add {
            capacity: NodeSpec::default_capacity(),
            labels: [("a".to_owned(), "b".to_owned())].into(),
            taints: Vec::new(),
        })
    );
    let settled = Verb::Settle(Settle { quiet: seconds(4), timeout: seconds(240) });
    assert_eq!((verb("settle: {}"), verb("settle:")), (settled.clone(), settled));
    assert_eq!(verb("advance: 1h30m"), Verb::Advance(seconds(5400)));
    assert_eq!(
        verb("drain: {name: n, timeout: 1m, force: true}"),
        Verb::Drain(Drain {
            name: "n".to_owned(),
            grace_period: None,
            timeout: Some(seconds(60)),
            force: true,
            ignore_daemon_sets: true,
            delete_empty_dir_data: false,
        })
    );
    assert_eq!(
        verb("fault: {type: lag, controller: deployment, kind: pods, delay: 2s, for: 1m, count: 3, percent: 50}"),
        Verb::Fault(Fault {
            kind: FaultKind::Lag,
            controller: Some("deployment".to_owned()),
            object_kind: Some("pods".to_owned()),
            delay: Some(seconds(2)),
            lasts: Some(seconds(60)),
            count: Some(3),
            percent: 50,
        })
    );
    let fault = |kind, lasts| Verb::NodeFault(NodeFault { node: "n".to_owned(), kind, lasts });
    assert_eq!(verb("fault: {node: n}"), fault(NodeFaultKind::Down, None));
    assert_eq!(verb("fault: {node: n, type: partition, for: 1m}"), fault(NodeFaultKind::Partition, Some(seconds(60))));
    assert_eq!(verb("fault: {node: n, type: restart}"), fault(NodeFaultKind::Restart, Some(seconds(10))));
    assert_eq!(verb("fault: {node: n, type: recover}"), fault(NodeFaultKind::Recover, None));
}

#[test]
fn checks() {
    let Verb::Expect(all) = verb(
        "expect: [{kind: pods, selector: {a: b}, count: 3, match: {x: 1}, that: 'true'}, {target: pod/a, absent: true}]",
    ) else {
        panic!("it expects");
    };
    let subject = Subject::Kind { kind: "pods".to_owned(), selector: [("a".to_owned(), "b".to_owned())].into() };
    assert_eq!((&all[0].subject, all[0].count, &all[0].matches), (&subject, Some(3), &Some(json!({"x": 1}))));
    assert_eq!(all[0].that.as_ref().map(|cel| cel.text.as_str()), Some("true"));
    assert_eq!((&all[1].subject, all[1].absent), (&Subject::Target(target("pod", "a")), true));
    for (word, expected) in [
        ("rollout", WaitFor::Rollout),
        ("deleted", WaitFor::Deleted),
        ("Complete", WaitFor::Condition("Complete".to_owned())),
    ] {
        let wait = Wait { target: target("job", "j"), wait_for: expected, timeout: Some(seconds(1)) };
        assert_eq!(verb(&format!("wait: {{target: job/j, for: {word}, timeout: 1s}}")), Verb::Wait(wait));
    }
    let Verb::Wait(wait) = verb("wait: {target: job/j, for: object.spec.suspend == true}") else {
        panic!("it waits");
    };
    assert!(matches!(wait.wait_for, WaitFor::That(cel) if cel.text == "object.spec.suspend == true"));
}

#[test]
fn prints() {
    let get = |kind: &str, name, wide| Print::Get { query: query(kind, name), wide };
    for (text, expected) in [
        ("deployment/web", vec![get("deployment", Some("web"), false)]),
        ("[deploy, {get: rs, wide: true}]", vec![get("deploy", None, false), get("rs", None, true)]),
        ("{yaml: pod/a}", vec![Print::Yaml(query("pod", Some("a")))]),
        ("{describe: pods}", vec![Print::Describe(query("pods", None))]),
        ("{status: sts/a}", vec![Print::Status(target("sts", "a"))]),
        ("{events: true}", vec![Print::Events]),
        (
            "{history: deploy/web, revision: 2}",
            vec![Print::History { target: target("deploy", "web"), revision: Some(2) }],
        ),
        (
            "{logs: pod/a, container: c, previous: true}",
            vec![Print::Logs {
                target: target("pod", "a"),
                container: Some("c".to_owned()),
                previous: true,
                tail: None,
                since: None,
                timestamps: false,
            }],
        ),
    ] {
        assert_eq!(verb(&format!("print: {text}")), Verb::Print(expected), "{text}");
    }
}

#[test]
fn a_scenario_can_go_to_another_thread() {
    const fn check<T: Send + Sync>() {}
    check::<Scenario>();
}
