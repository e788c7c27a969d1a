//! Cost follows change, not size: what is looked at is counted, not timed.

use std::time::Duration;

use seatrial::cluster::LookedAt;
use seatrial::{Cluster, Node};

const MINUTE: Duration = Duration::from_secs(60);

fn cluster(nodes: usize, pods: i32) -> Cluster {
    let node = |index: usize| {
        let mut node = Node::named(format!("node-{index}"));
        node.capacity.insert("pods".to_owned(), "110".to_owned());
        node.capacity.insert("cpu".to_owned(), "64".to_owned());
        node
    };
    let mut cluster = Cluster::builder().with_nodes((0..nodes).map(node).collect()).build();
    let manifest = format!(
        "{{apiVersion: apps/v1, kind: Deployment, metadata: {{name: web}}, spec: {{replicas: {pods}, \
         selector: {{matchLabels: {{app: web}}}}, template: {{metadata: {{labels: {{app: web}}}}, \
         spec: {{containers: [{{name: c, image: 'app:1'}}]}}}}}}}}"
    );
    cluster.create_yaml(&manifest).expect("the API server takes it");
    cluster
}

/// (reconciles, writes, objects looked at)
type Cost = (u64, u64, LookedAt);

fn cost(cluster: &mut Cluster, work: impl FnOnce(&mut Cluster)) -> Cost {
    let before = (cluster.reconcile_count(), cluster.write_count(), cluster.looked_at());
    work(cluster);
    let looked_at = cluster.looked_at();
    let looked_at = LookedAt { pods: looked_at.pods - before.2.pods, nodes: looked_at.nodes - before.2.nodes };
    (cluster.reconcile_count() - before.0, cluster.write_count() - before.1, looked_at)
}

/// The last of so many pods becomes ready: the set and the Deployment are synced and their counts written.
fn readiness_of_one_among(pods: i32) -> Cost {
    // So many pods a node that the last one finds its image there.
    let nodes = usize::try_from(pods).unwrap_or(0).div_ceil(100);
    let mut cluster = cluster(nodes, pods);
    cluster.run_until(|c| c.available("web") == pods - 1, MINUTE).expect("all but one");
    cost(&mut cluster, |c| c.run_until(|c| c.available("web") == pods, MINUTE).expect("all"))
}

#[test]
fn readiness_of_one_pod_costs_the_same_among_10_and_10_000() {
    let few = readiness_of_one_among(10);
    assert_eq!(few.2, LookedAt { pods: 0, nodes: 0 });
    assert_eq!(readiness_of_one_among(10_000), few);
}

#[test]
fn scheduling_one_pod_looks_at_no_more_nodes_than_upstream_samples() {
    // (nodes, pods there before, what numFeasibleNodesToFind says)
    for (nodes, pods, most) in [(50, 0, 50), (5000, 0, 500), (5000, 30, 500)] {
        let mut cluster = cluster(nodes, pods);
        cluster.settle().expect("it settles");
        let (.., looked_at) = cost(&mut cluster, |c| c.scale("deployment/web", pods + 1).expect("it scales"));
        assert!((1..=most).contains(&looked_at.nodes), "{nodes} nodes, {pods} pods: {looked_at:?}");
    }
}

/// The last of so many pods, which keep to this.
fn scheduling_one_that_keeps_to(spec: &str, nodes: usize, pods: i32) -> LookedAt {
    let node = |index: usize| {
        let mut node = Node::named(format!("node-{index}"));
        node.labels.insert("zone".to_owned(), format!("zone-{}", index % 3));
        node
    };
    let mut cluster = Cluster::builder().with_nodes((0..nodes).map(node).collect()).build();
    let manifest = format!(
        "{{apiVersion: apps/v1, kind: Deployment, metadata: {{name: web}}, spec: {{replicas: {pods}, \
         selector: {{matchLabels: {{app: web}}}}, template: {{metadata: {{labels: {{app: web}}}}, \
         spec: {{{spec}, containers: [{{name: c, image: 'app:1'}}]}}}}}}}}"
    );
    cluster.create_yaml(&manifest).expect("the API server takes it");
    cluster.settle().expect("it settles");
    cost(&mut cluster, |c| c.scale("deployment/web", pods + 1).expect("it scales")).2
}

#[test]
fn affinity_and_spread_walk_over_no_pods() {
    let selector = "labelSelector: {matchLabels: {app: web}}";
    let specs = [
        format!(
            "affinity: {{podAntiAffinity: {{requiredDuringSchedulingIgnoredDuringExecution: \
             [{{topologyKey: kubernetes.io/hostname, {selector}}}]}}}}"
        ),
        format!(
            "topologySpreadConstraints: [{{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: DoNotSchedule, {selector}}}]"
        ),
        "priority: 0".to_owned(),
    ];
    for spec in specs {
        for pods in [10, 1000] {
            let looked_at = scheduling_one_that_keeps_to(&spec, 2000, pods);
            // 34 % of 2,000 nodes are enough, some of which may be taken.
            assert_eq!(looked_at.pods, 0, "{spec}");
            assert!(looked_at.nodes <= 2 * 680, "{spec} {looked_at:?}");
        }
    }
}

#[test]
fn choosing_the_pods_of_a_rolling_update_walks_over_none() {
    let mut cluster = cluster(20, 200);
    cluster.settle().expect("it settles");
    cluster.set_image("deployment/web", "c", "app:2").expect("it is patched");
    let (.., looked_at) = cost(&mut cluster, |c| {
        // All but the last step of the old set, which takes what is left.
        c.run_until(|c| c.available("web") >= 150 && c.rolled_out("web"), MINUTE).expect("it rolls");
    });
    assert!(looked_at.pods <= 200, "each old pod at most once: {looked_at:?}");
}

fn daemon_set(nodes: usize) -> Cluster {
    let mut cluster = Cluster::builder().nodes(nodes).build();
    let manifest = "{apiVersion: apps/v1, kind: DaemonSet, metadata: {name: agent}, spec: {selector: {matchLabels: {app: agent}}, \
         template: {metadata: {labels: {app: agent}}, spec: {containers: [{name: c, image: 'app:1'}]}}}}";
    cluster.create_yaml(manifest).expect("the API server takes it");
    cluster
}

fn daemons_available(cluster: &Cluster) -> usize {
    let set = cluster.get::<seatrial::api::DaemonSet>("default", "agent").expect("the DaemonSet");
    let available = set.status.and_then(|s| s.number_available).unwrap_or(0);
    usize::try_from(available).unwrap_or(0)
}

/// The last daemon pod of so many becomes ready.
fn readiness_of_one_daemon_among(nodes: usize) -> Cost {
    let mut cluster = daemon_set(nodes);
    cluster.run_until(|c| daemons_available(c) == nodes - 1, MINUTE).expect("all but one");
    cost(&mut cluster, |c| c.run_until(|c| daemons_available(c) == nodes, MINUTE).expect("all"))
}

#[test]
fn readiness_of_one_daemon_pod_costs_the_same_on_10_and_2_000_nodes() {
    let few = readiness_of_one_daemon_among(10);
    assert_eq!(few.2, LookedAt { pods: 0, nodes: 0 });
    assert_eq!(readiness_of_one_daemon_among(2000), few);
}

#[test]
fn a_daemon_pod_is_tried_on_its_own_node_alone() {
    let mut cluster = Cluster::builder().nodes(1).build();
    let (.., looked_at) = cost(&mut cluster, |c| {
        *c = daemon_set(500);
        c.run_until(|c| daemons_available(c) == 500, MINUTE).expect("all");
    });
    assert_eq!(looked_at.nodes, 500);
}
