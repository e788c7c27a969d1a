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
    let looked_at = LookedAt {
        pods: looked_at.pods - before.2.pods,
        nodes: looked_at.nodes - before.2.nodes,
        replicas: looked_at.replicas - before.2.replicas,
        volumes: looked_at.volumes - before.2.volumes,
    };
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
    assert_eq!(few.2, LookedAt::default());
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
    assert_eq!(few.2, LookedAt::default());
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

/// A StatefulSet of so many pods, each with a claim.
fn stateful_set(pods: i32, policy: &str) -> Cluster {
    let nodes = usize::try_from(pods).unwrap_or(0).div_ceil(100);
    let node = |index: usize| {
        let mut node = Node::named(format!("node-{index}"));
        node.capacity.insert("pods".to_owned(), "110".to_owned());
        node
    };
    let mut cluster = Cluster::builder().with_nodes((0..nodes).map(node).collect()).build();
    let manifest = format!(
        "{{apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {{name: disk}}, provisioner: sim.seatrial.dev/disk}}\n\
         ---\n\
         {{apiVersion: apps/v1, kind: StatefulSet, metadata: {{name: db}}, spec: {{replicas: {pods}, \
         podManagementPolicy: {policy}, serviceName: db, selector: {{matchLabels: {{app: db}}}}, \
         template: {{metadata: {{labels: {{app: db}}}}, spec: {{containers: [{{name: c, image: 'db:1', \
         volumeMounts: [{{name: data, mountPath: /data}}]}}]}}}}, \
         volumeClaimTemplates: [{{metadata: {{name: data}}, spec: {{accessModes: [ReadWriteOnce], \
         storageClassName: disk, resources: {{requests: {{storage: 1Gi}}}}}}}}]}}}}"
    );
    cluster.create_yaml(&manifest).expect("the API server takes it");
    cluster
}

fn replicas_available(cluster: &Cluster) -> i32 {
    let set = cluster.get::<seatrial::api::StatefulSet>("default", "db").expect("the StatefulSet");
    set.status.and_then(|s| s.available_replicas).unwrap_or(0)
}

/// The last but one of so many pods becomes ready; where they come in order, the last one is made then.
fn readiness_of_one_replica_among(pods: i32, policy: &str) -> Cost {
    let mut cluster = stateful_set(pods, policy);
    cluster.run_until(|c| replicas_available(c) == pods - 2, 24 * 60 * MINUTE).expect("all but two");
    cost(&mut cluster, |c| c.run_until(|c| replicas_available(c) == pods - 1, MINUTE).expect("all but one"))
}

#[test]
fn readiness_of_one_replica_costs_the_same_among_10_and_1_000() {
    for policy in ["Parallel", "OrderedReady"] {
        let few = readiness_of_one_replica_among(10, policy);
        assert_eq!((few.2.pods, few.2.volumes), (0, 0), "{policy}");
        assert!(few.2.replicas <= 10, "{policy}: {few:?}");
        let many = readiness_of_one_replica_among(1000, policy);
        assert_eq!((many.0, LookedAt { nodes: 0, ..many.2 }), (few.0, LookedAt { nodes: 0, ..few.2 }), "{policy}");
        // Of the events about a set that has had many no more are kept.
        assert!(many.1 <= few.1, "{policy}: {many:?} {few:?}");
        // The next pod has ten times as many nodes to choose from.
        assert!(many.2.nodes <= 20, "{policy}: {many:?}");
    }
}

/// A claim comes to so many volumes that are free, and gets one of them, or one that is made for it.
fn a_claim_among(volumes: usize, size: &str) -> Cost {
    let mut cluster = Cluster::builder().nodes(1).build();
    let class = "{apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {name: disk}, provisioner: sim.seatrial.dev/disk}";
    cluster.create_yaml(class).expect("the API server takes it");
    for index in 0..volumes {
        let volume = format!(
            "{{apiVersion: v1, kind: PersistentVolume, metadata: {{name: pv-{index:04}}}, spec: {{storageClassName: disk, \
             capacity: {{storage: 1Gi}}, accessModes: [ReadWriteOnce], hostPath: {{path: /data}}}}}}"
        );
        cluster.create_yaml(&volume).expect("the API server takes it");
    }
    cost(&mut cluster, |c| {
        let claim = format!(
            "{{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {{name: data}}, spec: {{storageClassName: disk, \
             accessModes: [ReadWriteOnce], resources: {{requests: {{storage: {size}}}}}}}}}"
        );
        c.create_yaml(&claim).expect("the API server takes it");
        c.settle().expect("it settles");
        let claim = c.get::<seatrial::api::PersistentVolumeClaim>("default", "data").expect("the claim");
        assert_eq!(claim.status.and_then(|s| s.phase).as_deref(), Some("Bound"));
    })
}

#[test]
fn a_claim_costs_the_same_among_10_and_1_000_volumes() {
    // One that fits, and none.
    for (size, tried) in [("1Gi", 1), ("2Gi", 0)] {
        let few = a_claim_among(10, size);
        assert_eq!(few.2, LookedAt { volumes: tried, ..LookedAt::default() }, "{size}");
        assert_eq!(a_claim_among(1000, size), few, "{size}");
    }
}
