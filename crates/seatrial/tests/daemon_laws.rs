//! Laws of DaemonSets over random histories: who runs where, how many are missing, and what the counts say. What is expected
//! is computed here, from the API's objects, by a walk over all of them.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::apps::v1::DaemonSet;
use k8s_openapi::api::core::v1 as corev1;
use proptest::prelude::*;
use seatrial::kubelet::{Behavior, Match, When};
use seatrial::{Cluster, Node};
use serde_json::{Value, json};

const NODES: usize = 4;
const DAEMON_SET: &str = "daemonset/agent";
/// What daemon pods tolerate.
const TOLERATED: [(&str, &str); 6] = [
    ("node.kubernetes.io/not-ready", "NoExecute"),
    ("node.kubernetes.io/unreachable", "NoExecute"),
    ("node.kubernetes.io/disk-pressure", "NoSchedule"),
    ("node.kubernetes.io/memory-pressure", "NoSchedule"),
    ("node.kubernetes.io/pid-pressure", "NoSchedule"),
    ("node.kubernetes.io/unschedulable", "NoSchedule"),
];
const EFFECTS: [&str; 4] = ["", "NoSchedule", "NoExecute", "PreferNoSchedule"];
/// The last one never becomes ready.
const IMAGES: [&str; 3] = ["agent:1", "agent:2", "agent:bad"];

/// Something that happens; nodes, pods and images are meant by number.
#[derive(Clone, Debug)]
enum Op {
    Label(usize, bool),
    Taint(usize, usize),
    Cordon(usize, bool),
    Fail(usize),
    Recover(usize),
    Remove(usize),
    Add(usize),
    Image(usize),
    Undo,
    Restart,
    MinReadySeconds(i32),
    DeletePod(usize),
    FailPod(usize),
    Advance(u64),
}

fn of_nodes() -> impl Strategy<Value = Op> {
    prop_oneof![
        (0..NODES, any::<bool>()).prop_map(|(node, on)| Op::Label(node, on)),
        (0..NODES, 0..EFFECTS.len()).prop_map(|(node, effect)| Op::Taint(node, effect)),
        (0..NODES, any::<bool>()).prop_map(|(node, on)| Op::Cordon(node, on)),
        (0..NODES).prop_map(Op::Fail),
        (0..NODES).prop_map(Op::Recover),
        (0..NODES).prop_map(Op::Remove),
        (0..NODES).prop_map(Op::Add),
    ]
}

fn of_the_set() -> impl Strategy<Value = Op> {
    prop_oneof![
        3 => (0..IMAGES.len()).prop_map(Op::Image),
        1 => Just(Op::Undo),
        1 => Just(Op::Restart),
        1 => (0..4).prop_map(Op::MinReadySeconds),
        4 => (0..20_u64).prop_map(Op::Advance),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => of_nodes(),
        2 => of_the_set(),
        1 => (0..8_usize).prop_map(Op::DeletePod),
        1 => (0..8_usize).prop_map(Op::FailPod),
        2 => (30..120_u64).prop_map(Op::Advance),
    ]
}

/// How a set is rolled: the strategy, how many nodes may be without a pod, and how many more pods than one a node may have.
fn strategy() -> impl Strategy<Value = (Value, usize, usize)> {
    let rolling = |unavailable: Value, surge: Value| json!({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": unavailable, "maxSurge": surge}});
    prop_oneof![
        Just((rolling(json!(1), json!(0)), 1, 0)),
        Just((rolling(json!(2), json!(0)), 2, 0)),
        // Of four nodes, rounded up.
        Just((rolling(json!("26%"), json!(0)), 2, 0)),
        Just((rolling(json!(0), json!(1)), 0, 1)),
        Just((rolling(json!(0), json!("60%")), 0, 1)),
        Just((json!({"type": "OnDelete"}), 0, 0)),
    ]
}

fn node(index: usize) -> Node {
    let mut node = Node::named(format!("node-{index}"));
    node.labels.insert("role".to_owned(), "worker".to_owned());
    node
}

fn cluster(strategy: &Value) -> Cluster {
    let ready = |image: &str, ready: When| Behavior {
        matches: Match { image: Some(image.to_owned()), ..Match::default() },
        ready: Some(ready),
        ..Behavior::default()
    };
    let behaviors = vec![ready("agent:bad", When::Never), ready("agent:*", When::After(Duration::from_secs(2)))];
    let mut cluster = Cluster::builder().with_nodes((0..NODES).map(node).collect()).behaviors(behaviors).build();
    let set = json!({"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "agent"}, "spec": {
        "updateStrategy": strategy, "selector": {"matchLabels": {"app": "agent"}},
        "template": {"metadata": {"labels": {"app": "agent"}},
            "spec": {"nodeSelector": {"role": "worker"}, "terminationGracePeriodSeconds": 1, "containers": [{"name": "c", "image": "agent:1"}]}}}});
    cluster.create(&set).expect("the API server takes it");
    cluster.advance(Duration::from_secs(10)).expect("time passes");
    cluster
}

fn apply(cluster: &mut Cluster, op: &Op) {
    let name = |node: &usize| format!("node-{node}");
    let is_there = |cluster: &Cluster, node: &usize| cluster.get_json(&format!("node/node-{node}")).is_ok();
    match op {
        Op::Label(node, on) if is_there(cluster, node) => {
            let labels = BTreeMap::from([("role".to_owned(), on.then(|| "worker".to_owned()))]);
            cluster.label_node(&name(node), &labels).expect("the node is there");
        }
        Op::Taint(node, effect) if is_there(cluster, node) => {
            let taints = [("test".to_owned(), String::new(), EFFECTS[*effect].to_owned())];
            let taints = if *effect == 0 { &[][..] } else { &taints[..] };
            cluster.taint(&name(node), taints).expect("the node is there");
        }
        Op::Cordon(node, on) if is_there(cluster, node) => {
            cluster.cordon(&name(node), *on).expect("the node is there");
        }
        Op::Fail(node) if is_there(cluster, node) => cluster.fail_node(&name(node)),
        Op::Recover(node) if is_there(cluster, node) => cluster.recover_node(&name(node)),
        Op::Remove(node) if is_there(cluster, node) => {
            cluster.delete(&format!("node/node-{node}")).expect("it is there");
        }
        Op::Add(index) if !is_there(cluster, index) => cluster.add_node(&node(*index)).expect("there is none"),
        Op::Label(..) | Op::Taint(..) | Op::Cordon(..) | Op::Fail(_) | Op::Recover(_) | Op::Remove(_) | Op::Add(_) => {}
        Op::Image(image) => cluster.set_image(DAEMON_SET, "c", IMAGES[*image]).expect("it is there"),
        // There may be nothing to go back to, and a restart within a second of the last is refused.
        Op::Undo => drop(cluster.rollout_undo(DAEMON_SET, None)),
        Op::Restart => drop(cluster.rollout_restart(DAEMON_SET)),
        Op::MinReadySeconds(seconds) => patch(cluster, DAEMON_SET, &json!({"spec": {"minReadySeconds": seconds}})),
        Op::DeletePod(index) | Op::FailPod(index) => {
            let pods = cluster.pods();
            let Some(pod) = pods.get(index % pods.len().max(1)) else { return };
            let target = format!("pod/{}", pod.metadata.name.as_deref().unwrap_or_default());
            match op {
                Op::DeletePod(_) => cluster.delete(&target).expect("it is there"),
                // An image that the kubelet would never have: the pod waits, and is deleted by who watches over it.
                _ => patch(cluster, &target, &json!({"spec": {"activeDeadlineSeconds": 1}})),
            }
        }
        Op::Advance(seconds) => cluster.advance(Duration::from_secs(*seconds)).expect("no law is broken"),
    }
}

fn patch(cluster: &mut Cluster, target: &str, body: &Value) {
    cluster.patch(target, seatrial::PatchType::Strategic, body).expect("a valid patch");
}

fn is_true(pod: &corev1::Pod, type_: &str) -> Option<i64> {
    let conditions = pod.status.iter().flat_map(|s| s.conditions.iter().flatten());
    let found = conditions.into_iter().find(|c| c.type_ == type_ && c.status == "True")?;
    found.last_transition_time.as_ref().map(|t| t.0.as_second())
}

fn is_available(pod: &corev1::Pod, min_ready_seconds: i32, now: i64) -> bool {
    is_true(pod, "Ready").is_some_and(|since| since + i64::from(min_ready_seconds) <= now)
}

fn target_node(pod: &corev1::Pod) -> String {
    let spec = pod.spec.as_ref().expect("a spec");
    spec.node_name.clone().unwrap_or_else(|| {
        let affinity = spec.affinity.as_ref().and_then(|a| a.node_affinity.as_ref()).expect("a daemon pod's affinity");
        let required = affinity.required_during_scheduling_ignored_during_execution.as_ref().expect("its node");
        let fields = required.node_selector_terms[0].match_fields.as_ref().expect("by its name");
        fields[0].values.as_ref().expect("one name")[0].clone()
    })
}

fn is_deleting(pod: &corev1::Pod) -> bool {
    pod.metadata.deletion_timestamp.is_some()
}

fn is_ended(pod: &corev1::Pod) -> bool {
    matches!(pod.status.as_ref().and_then(|s| s.phase.as_deref()), Some("Failed" | "Succeeded"))
}

fn label<'p>(pod: &'p corev1::Pod, name: &str) -> &'p str {
    pod.metadata.labels.as_ref().and_then(|l| l.get(name)).map_or("", String::as_str)
}

/// Whether a pod belongs on a node, and whether one that is there may stay.
fn wanted(node: &corev1::Node) -> (bool, bool) {
    let is_worker = node.metadata.labels.iter().flatten().any(|(k, v)| k == "role" && v == "worker");
    let taints = node.spec.iter().flat_map(|s| s.taints.iter().flatten());
    let bad: Vec<&str> = taints
        .filter(|t| !TOLERATED.contains(&(t.key.as_str(), t.effect.as_str())))
        .map(|t| t.effect.as_str())
        .collect();
    let should_run = is_worker && !bad.contains(&"NoSchedule") && !bad.contains(&"NoExecute");
    (should_run, is_worker && !bad.contains(&"NoExecute"))
}

fn set(cluster: &Cluster) -> DaemonSet {
    cluster.get::<seatrial::api::DaemonSet>("default", "agent").expect("the DaemonSet")
}

/// The hash of the latest revision.
fn current_hash(cluster: &Cluster) -> String {
    let revisions = cluster.list::<seatrial::api::ControllerRevision>();
    let latest = revisions.iter().max_by_key(|r| r.revision).expect("a revision");
    latest.metadata.labels.as_ref().expect("labels")["controller-revision-hash"].clone()
}

/// desired, current, misscheduled, ready, available, updated: by a walk over all nodes and pods.
fn counts(cluster: &Cluster) -> [i32; 6] {
    let (set, hash, now) = (set(cluster), current_hash(cluster), cluster.time().timestamp());
    let generation =
        set.metadata.annotations.as_ref().expect("annotations")["deprecated.daemonset.template.generation"].clone();
    let seconds = set.spec.as_ref().and_then(|s| s.min_ready_seconds).unwrap_or(0);
    let pods = cluster.pods();
    let mut counts = [0; 6];
    for node in cluster.list::<seatrial::api::Node>() {
        let name = node.metadata.name.clone().unwrap_or_default();
        let mut mine: Vec<&corev1::Pod> =
            pods.iter().filter(|p| target_node(p) == name && !(is_deleting(p) && is_ended(p))).collect();
        mine.sort_by_key(|p| {
            let unbound = p.spec.as_ref().is_none_or(|s| s.node_name.is_none());
            (unbound, p.metadata.creation_timestamp.as_ref().map(|t| t.0.as_second()), p.metadata.name.clone())
        });
        let Some(first) = mine.first() else {
            counts[0] += i32::from(wanted(&node).0);
            continue;
        };
        if !wanted(&node).0 {
            counts[2] += 1;
            continue;
        }
        let updated =
            label(first, "controller-revision-hash") == hash || label(first, "pod-template-generation") == generation;
        let flags = [true, true, false, is_true(first, "Ready").is_some(), is_available(first, seconds, now), updated];
        counts.iter_mut().zip(flags).for_each(|(count, flag)| *count += i32::from(flag));
    }
    counts
}

/// The same as the status tells them.
fn told(set: &DaemonSet) -> [i32; 6] {
    let s = set.status.clone().unwrap_or_default();
    assert_eq!(
        s.number_unavailable.unwrap_or(0),
        s.desired_number_scheduled - s.number_available.unwrap_or(0),
        "{s:?}"
    );
    let (available, updated) = (s.number_available.unwrap_or(0), s.updated_number_scheduled.unwrap_or(0));
    [s.desired_number_scheduled, s.current_number_scheduled, s.number_misscheduled, s.number_ready, available, updated]
}

/// Pods that are there to stay, by node.
fn staying(cluster: &Cluster) -> BTreeMap<String, Vec<corev1::Pod>> {
    let mut by_node: BTreeMap<String, Vec<corev1::Pod>> = BTreeMap::new();
    for pod in cluster.pods().into_iter().filter(|p| !is_deleting(p) && !is_ended(p)) {
        by_node.entry(target_node(&pod)).or_default().push(pod);
    }
    by_node
}

/// A node has at most one pod of a revision, and one more than one pod only within the surge.
fn check_one_of_a_revision(cluster: &Cluster, surge: usize) {
    for (node, pods) in staying(cluster) {
        let mut hashes: Vec<&str> = pods.iter().map(|p| label(p, "controller-revision-hash")).collect();
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), pods.len(), "{node} has two pods of one revision");
        assert!(pods.len() <= 1 + surge, "{node} has {} pods", pods.len());
    }
}

/// All nodes are there and well again.
fn heal(cluster: &mut Cluster) {
    for index in 0..NODES {
        apply(cluster, &Op::Add(index));
        apply(cluster, &Op::Recover(index));
        apply(cluster, &Op::Taint(index, 0));
        apply(cluster, &Op::Cordon(index, false));
        apply(cluster, &Op::Label(index, true));
    }
    cluster.advance(Duration::from_secs(120)).expect("time passes");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn pods_are_where_they_belong_and_counted((strategy, _, surge) in strategy(), ops in prop::collection::vec(op(), 1..24)) {
        let mut cluster = cluster(&strategy);
        for op in &ops {
            apply(&mut cluster, op);
            check_one_of_a_revision(&cluster, surge);
            told(&set(&cluster));
        }
        // A write of the set makes it look again: the counts are those of a walk over everything, as the last sync saw it.
        cluster.advance(Duration::from_secs(300)).expect("time passes");
        patch(&mut cluster, DAEMON_SET, &json!({"metadata": {"labels": {"look": "again"}}}));
        cluster.advance(Duration::from_millis(1)).expect("time passes");
        prop_assert_eq!(told(&set(&cluster)), counts(&cluster), "after {:?}", ops);

        // At rest exactly the nodes that should have a pod have one; a pod may stay where none would be made.
        let by_node = staying(&cluster);
        for node in cluster.list::<seatrial::api::Node>() {
            let name = node.metadata.name.clone().unwrap_or_default();
            let count = by_node.get(&name).map_or(0, Vec::len);
            let (should_run, should_continue) = wanted(&node);
            // Beside an old pod a new one may wait for ever to become ready.
            prop_assert!(!should_run || (1..=1 + surge).contains(&count), "{} has {} pods", name, count);
            prop_assert!(should_run || should_continue || count == 0, "{} has {} pods", name, count);
        }

        heal(&mut cluster);
        apply(&mut cluster, &Op::Image(0));
        if strategy["type"] == "OnDelete" {
            // What somebody deletes comes back from the template as it is.
            for pod in cluster.pods() {
                cluster.delete(&format!("pod/{}", pod.metadata.name.unwrap_or_default())).expect("it is there");
            }
        }
        cluster.advance(Duration::from_secs(200)).expect("time passes");
        let nodes: Vec<usize> = staying(&cluster).values().map(Vec::len).collect();
        prop_assert_eq!(nodes, vec![1; NODES]);
        let all = i32::try_from(NODES).unwrap_or(0);
        prop_assert_eq!(told(&set(&cluster)), [all, all, 0, all, all, all]);
    }

    /// Nothing but the set's own updates happens: then no more nodes are without an available pod than may be.
    #[test]
    fn updates_keep_enough_pods((strategy, unavailable, surge) in strategy(), ops in prop::collection::vec(of_the_set(), 1..24)) {
        let mut cluster = cluster(&strategy);
        let seconds_of = |c: &Cluster| set(c).spec.and_then(|s| s.min_ready_seconds).unwrap_or(0);
        cluster.always("enough nodes have a pod that is available", move |c| {
            let (seconds, now) = (seconds_of(c), c.time().timestamp());
            let serving = |pods: &Vec<corev1::Pod>| pods.iter().any(|p| is_available(p, seconds, now));
            NODES - staying(c).values().filter(|pods| serving(pods)).count() <= unavailable
        });
        for op in &ops {
            // With another minReadySeconds pods stop to be available without anybody's doing.
            if !matches!(op, Op::MinReadySeconds(_)) {
                apply(&mut cluster, op);
            }
            check_one_of_a_revision(&cluster, surge);
        }
        cluster.advance(Duration::from_secs(100)).expect("no law is broken");
    }
}
