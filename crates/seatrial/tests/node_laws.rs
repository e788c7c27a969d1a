//! Laws over random histories of nodes: no eviction violates a budget, NoExecute is obeyed, phases never go back.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use proptest::prelude::*;
use seatrial::Cluster;
use serde_json::json;

const NODES: usize = 3;
const MIN_AVAILABLE: usize = 2;

/// Something that happens; nodes and pods are meant by number.
#[derive(Clone, Debug)]
enum Op {
    Fail(usize),
    Recover(usize),
    Taint(usize, bool),
    Cordon(usize, bool),
    Evict(usize),
    Scale(i32),
    Advance(u64),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        (0..NODES).prop_map(Op::Fail),
        (0..NODES).prop_map(Op::Recover),
        (0..NODES, any::<bool>()).prop_map(|(node, on)| Op::Taint(node, on)),
        (0..NODES, any::<bool>()).prop_map(|(node, on)| Op::Cordon(node, on)),
        (0..8_usize).prop_map(Op::Evict),
        (1..7).prop_map(Op::Scale),
        (1..120_u64).prop_map(Op::Advance),
        (100..700_u64).prop_map(Op::Advance),
    ]
}

fn cluster() -> Cluster {
    let mut cluster = Cluster::builder().nodes(NODES).build();
    let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {"replicas": 4, "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "c", "image": "app:1"}]}}}});
    let budget = json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "web"},
        "spec": {"minAvailable": MIN_AVAILABLE, "selector": {"matchLabels": {"app": "web"}}}});
    for object in [deployment, budget] {
        cluster.create(&object).expect("the API server takes it");
    }
    cluster.advance(Duration::from_secs(5)).expect("time passes");
    cluster
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.iter().flat_map(|s| s.conditions.iter().flatten());
    pod.metadata.deletion_timestamp.is_none()
        && conditions.into_iter().any(|c| c.type_ == "Ready" && c.status == "True")
}

fn ready(cluster: &Cluster) -> usize {
    cluster.pods().iter().filter(|p| is_ready(p)).count()
}

fn apply(cluster: &mut Cluster, op: &Op) {
    let name = |node: &usize| format!("node-{node}");
    match op {
        Op::Fail(node) => cluster.fail_node(&name(node)),
        Op::Recover(node) => cluster.recover_node(&name(node)),
        Op::Cordon(node, on) => cluster.cordon(&name(node), *on).expect("the node is there"),
        Op::Taint(node, on) => {
            let taints = [("repair".to_owned(), String::new(), "NoExecute".to_owned())];
            cluster.taint(&name(node), if *on { &taints[..] } else { &[] }).expect("the node is there");
        }
        Op::Evict(index) => {
            let pods = cluster.pods();
            let Some(pod) = pods.get(index % pods.len().max(1)) else { return };
            let before = ready(cluster);
            let target = format!("pod/{}", pod.metadata.name.as_deref().unwrap_or_default());
            if cluster.evict(&target, None).is_ok() && is_ready(pod) {
                assert!(before > MIN_AVAILABLE, "an eviction left {} of {MIN_AVAILABLE} pods", before - 1);
            }
        }
        Op::Scale(replicas) => cluster.scale("deployment/web", *replicas).expect("it is there"),
        Op::Advance(seconds) => cluster.advance(Duration::from_secs(*seconds)).expect("time passes"),
    }
}

/// Pods do not tolerate the taint of the test: they are being deleted as soon as it is there.
fn check_no_execute(cluster: &Cluster) {
    let nodes = cluster.list::<seatrial::api::Node>();
    let tainted: Vec<_> = nodes
        .iter()
        .filter(|n| n.spec.iter().flat_map(|s| s.taints.iter().flatten()).any(|t| t.key == "repair"))
        .filter_map(|n| n.metadata.name.as_deref())
        .collect();
    for pod in cluster.pods() {
        let node = pod.spec.as_ref().and_then(|s| s.node_name.as_deref()).unwrap_or_default();
        let stays = pod.metadata.deletion_timestamp.is_none();
        assert!(!stays || !tainted.contains(&node), "{:?} stays on {node}", pod.metadata.name);
    }
}

/// Pending, then Running, then an end.
fn check_phases(cluster: &Cluster, seen: &mut BTreeMap<String, usize>) {
    const PHASES: [&str; 4] = ["Pending", "Running", "Succeeded", "Failed"];
    for pod in cluster.pods() {
        let phase = pod.status.as_ref().and_then(|s| s.phase.clone()).unwrap_or_default();
        let rank = PHASES.iter().position(|p| *p == phase).expect("a phase");
        let before = seen.insert(pod.metadata.uid.clone().unwrap_or_default(), rank).unwrap_or(0);
        assert!(rank == before || rank > before && before < 2, "{:?} went back to {phase}", pod.metadata.name);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn budgets_taints_and_phases_are_respected(ops in prop::collection::vec(op(), 1..30)) {
        let mut cluster = cluster();
        let mut seen = BTreeMap::new();
        for op in &ops {
            apply(&mut cluster, op);
            check_no_execute(&cluster);
            check_phases(&cluster, &mut seen);
        }
        // All is well again once everybody is back.
        for node in 0..NODES {
            cluster.taint(&format!("node-{node}"), &[]).expect("the node is there");
            cluster.cordon(&format!("node-{node}"), false).expect("the node is there");
            cluster.recover_node(&format!("node-{node}"));
        }
        cluster.scale("deployment/web", 5).expect("it is there");
        cluster.advance(Duration::from_secs(120)).expect("time passes");
        prop_assert_eq!((ready(&cluster), cluster.pods().len()), (5, 5));
    }
}
