//! Nodes that fail, to the second: when it is noticed, how fast they are tainted, when pods go. Each moment is explained.

use std::time::Duration;

use seatrial::api::Node as ApiNode;
use seatrial::{Cluster, DrainOptions, Node};
use serde_json::json;

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A cluster whose nodes are spread over zones: `zones[i]` nodes `z<i>-<n>` in zone `z<i>`.
fn zones(zones: &[usize]) -> Cluster {
    let mut nodes = Vec::new();
    for (zone, count) in zones.iter().enumerate() {
        for index in 0..*count {
            let mut node = Node::named(format!("z{zone}-{index}"));
            node.labels.insert("topology.kubernetes.io/zone".to_owned(), format!("z{zone}"));
            nodes.push(node);
        }
    }
    let mut cluster = Cluster::builder().with_nodes(nodes).build();
    // Every node has been welcomed at 5 s, and renews its lease at 10 s.
    cluster.advance(secs(11)).expect("time passes");
    cluster
}

fn fail(cluster: &mut Cluster, zone: usize, count: usize) {
    for index in 0..count {
        cluster.fail_node(&format!("z{zone}-{index}"));
    }
}

fn has_taint(node: &k8s_openapi::api::core::v1::Node, effect: &str) -> bool {
    node.spec.iter().flat_map(|s| s.taints.iter().flatten()).any(|t| t.effect == effect)
}

/// How many nodes have a NoSchedule and a NoExecute taint.
fn tainted(cluster: &Cluster) -> (usize, usize) {
    let nodes = cluster.list::<ApiNode>();
    let count = |effect: &str| nodes.iter().filter(|n| has_taint(n, effect)).count();
    (count("NoSchedule"), count("NoExecute"))
}

/// How many nodes are tainted at moments since the start.
fn check(mut cluster: Cluster, moments: &[(u64, (usize, usize))]) {
    for (at, want) in moments {
        let now = cluster.now();
        cluster.advance(secs(*at) - now).expect("time passes");
        assert_eq!(tainted(&cluster), *want, "at {at} s");
    }
}

/// The last renewal at 10 s is seen at once, so the grace period of 50 s is over at 60 s. A node is told from the others at
/// the next look, at 65 s, and from then on one node is tainted every ten seconds, 100 ms after the look.
#[test]
fn nodes_are_given_up_together_and_tainted_one_by_one() {
    let mut cluster = zones(&[10]);
    fail(&mut cluster, 0, 3);
    check(cluster, &[(59, (0, 0)), (60, (3, 0)), (65, (3, 0)), (66, (3, 1)), (75, (3, 1)), (76, (3, 2)), (86, (3, 3))]);
}

/// 6 of 10 nodes are more than 55 %: a small zone is left alone until enough of them are back.
#[test]
fn a_small_zone_of_which_too_much_is_lost_is_left_alone() {
    let mut cluster = zones(&[10]);
    fail(&mut cluster, 0, 6);
    cluster.advance(secs(600)).expect("time passes");
    assert_eq!(tainted(&cluster), (6, 0));
    cluster.recover_node("z0-5");
    // Five of ten are less than 55 %: evictions begin at the next look and its first token, ten seconds later.
    cluster.advance(secs(5)).expect("time passes");
    assert_eq!(tainted(&cluster), (5, 0));
    cluster.advance(secs(10)).expect("time passes");
    assert_eq!(tainted(&cluster), (5, 1));
    cluster.advance(secs(40)).expect("time passes");
    assert_eq!(tainted(&cluster), (5, 5));
}

/// In a zone of more than 50 nodes one node every 100 s is tainted. The slower rate is set at 60 s, when nobody had waited
/// yet, so that the first has its turn at once.
#[test]
fn a_large_zone_of_which_too_much_is_lost_is_evicted_slowly() {
    let mut cluster = zones(&[60]);
    fail(&mut cluster, 0, 40);
    check(cluster, &[(60, (40, 0)), (66, (40, 1)), (165, (40, 1)), (166, (40, 2)), (266, (40, 3))]);
}

/// A zone without a ready node is evicted at the normal rate as long as another zone has one.
#[test]
fn a_lost_zone_is_evicted_while_another_lives() {
    let mut cluster = zones(&[3, 3]);
    fail(&mut cluster, 0, 3);
    check(cluster, &[(60, (3, 0)), (66, (3, 1)), (76, (3, 2)), (86, (3, 3))]);
}

/// Without any ready node nothing is evicted, and taints that were put before are taken back.
#[test]
fn a_lost_cluster_is_left_alone() {
    let mut cluster = zones(&[2, 2]);
    fail(&mut cluster, 0, 2);
    cluster.advance(secs(70)).expect("time passes");
    assert_eq!(tainted(&cluster), (2, 2));
    fail(&mut cluster, 1, 2);
    cluster.advance(secs(60)).expect("time passes");
    assert_eq!(tainted(&cluster), (4, 0));
}

#[test]
fn a_cluster_of_one_node_never_evicts() {
    let mut cluster = zones(&[1]);
    fail(&mut cluster, 0, 1);
    check(cluster, &[(60, (1, 0)), (3_600, (1, 0))]);
}

/// Nodes that renew their leases cause nothing but a look now and then.
#[test]
fn healthy_nodes_change_nothing() {
    let mut cluster = zones(&[20]);
    let before: Vec<_> = cluster.list::<ApiNode>().into_iter().map(|n| n.metadata.resource_version).collect();
    cluster.advance(secs(3_600)).expect("time passes");
    let after: Vec<_> = cluster.list::<ApiNode>().into_iter().map(|n| n.metadata.resource_version).collect();
    assert_eq!(before, after);
}

/// A node that was removed can join again under its name, and lives.
#[test]
fn a_removed_node_joins_again() {
    let mut cluster = zones(&[2]);
    cluster.delete("node/z0-0").expect("the node is there");
    cluster.advance(secs(30)).expect("time passes");
    cluster.add_node(&Node::named("z0-0")).expect("the name is free");
    cluster.advance(secs(300)).expect("time passes");
    assert_eq!((cluster.list::<ApiNode>().len(), tainted(&cluster)), (2, (0, 0)));
}

/// The words of kubectl, from the first to the last.
#[test]
fn a_drain_says_what_kubectl_says() {
    let mut cluster = Cluster::builder().nodes(1).build();
    let pod = |name: &str, volumes: serde_json::Value| {
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": name}},
            "spec": {"volumes": volumes, "containers": [{"name": "c", "image": "app:1"}]}})
    };
    cluster.create(&pod("bare", json!([]))).expect("a pod");
    cluster.create(&pod("data", json!([{"name": "v", "emptyDir": {}}]))).expect("a pod");
    let budget = json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "bare"},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "bare"}}}});
    cluster.create(&budget).expect("a budget");
    cluster.settle().expect("it settles");

    let refused = cluster.drain("node-0", &DrainOptions::default()).expect("the node is there");
    let error = "[Pods with local storage (use --delete-emptydir-data to override): default/data, \
                 cannot delete Pods that declare no controller (use --force to override): default/bare]";
    let error = error.replace("[Pods", "[cannot delete Pods");
    assert_eq!(refused.error.as_deref(), Some(error.as_str()));
    assert_eq!(refused.lines[0], "node/node-0 cordoned");

    let options =
        DrainOptions { force: true, delete_empty_dir_data: true, timeout: Some(secs(7)), ..DrainOptions::default() };
    let drained = cluster.drain("node-0", &options).expect("the node is there");
    let error = "error when evicting pods/\"bare\" -n \"default\": global timeout reached: 7s";
    let again = "error when evicting pods/\"bare\" -n \"default\" (will retry after 5s): \
                 Cannot evict pod as it would violate the pod's disruption budget.";
    let pending = format!("There are pending pods in node \"node-0\" when an error occurred: {error}");
    let last = format!("error: unable to drain node \"node-0\" due to error: {error}, continuing command...");
    assert_eq!(
        drained.lines,
        [
            "node/node-0 already cordoned",
            "Warning: deleting Pods that declare no controller: default/bare, default/data",
            "evicting pod default/bare",
            again,
            "evicting pod default/data",
            "pod/data evicted",
            "evicting pod default/bare",
            again,
            "evicting pod default/bare",
            &pending,
            "pod/bare",
            &last,
            "There are pending nodes to be drained:",
            " node-0",
        ]
    );
    assert_eq!(drained.error.as_deref(), Some(error));

    cluster.delete("pdb/bare").expect("a budget");
    let drained = cluster.drain("node-0", &options).expect("the node is there");
    assert_eq!((drained.error, drained.lines.last().map(String::as_str)), (None, Some("node/node-0 drained")));
    assert!(cluster.pods().is_empty());
    assert!(cluster.drain("nobody", &options).is_err());
}
