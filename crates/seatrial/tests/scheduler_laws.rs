//! Laws over random clusters and pods, looked at after every write: no node holds more than it has, no two pods share a
//! host port, whoever asked for distance has it, no pod was placed beyond a hard skew, and who could be placed was.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use proptest::prelude::*;
use seatrial::{Cluster, Node};
use serde_json::{Value, json};

const ZONES: [&str; 3] = ["x", "y", ""];
const ZONE: &str = "zone";
const HOSTNAME: &str = "kubernetes.io/hostname";

/// A pod: how many tenths of a CPU, whether it takes port 8080, its app, at a distance from which app by which key, within
/// which skew over zones, and its class.
#[derive(Clone, Debug)]
struct Wish {
    tenths: u32,
    has_port: bool,
    app: usize,
    away: Option<(usize, bool)>,
    skew: Option<i32>,
    is_high: bool,
}

#[derive(Clone, Debug)]
enum Op {
    Create(Wish),
    Delete(usize),
    Cordon(usize, bool),
    AddNode(u32, usize),
    Advance(u64),
}

fn wish() -> impl Strategy<Value = Wish> {
    let away = prop::option::weighted(0.4, (0..3_usize, any::<bool>()));
    let skew = prop::option::weighted(0.4, 1..3);
    (1..12_u32, prop::bool::weighted(0.2), 0..3_usize, away, skew, prop::bool::weighted(0.2))
        .prop_map(|(tenths, has_port, app, away, skew, is_high)| Wish { tenths, has_port, app, away, skew, is_high })
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        8 => wish().prop_map(Op::Create),
        2 => (0..16_usize).prop_map(Op::Delete),
        1 => (0..6_usize, any::<bool>()).prop_map(|(node, on)| Op::Cordon(node, on)),
        1 => (1..4_u32, 0..3_usize).prop_map(|(cpu, zone)| Op::AddNode(cpu, zone)),
        2 => (1..60_u64).prop_map(Op::Advance),
    ]
}

fn node(index: usize, cpu: u32, zone: usize) -> Node {
    let mut node = Node::named(format!("node-{index}"));
    node.capacity.insert("cpu".to_owned(), cpu.to_string());
    node.capacity.insert("pods".to_owned(), "6".to_owned());
    if !ZONES[zone].is_empty() {
        node.labels.insert(ZONE.to_owned(), ZONES[zone].to_owned());
    }
    node
}

fn pod(index: usize, wish: &Wish) -> Value {
    let app = format!("app-{}", wish.app);
    let mut container =
        json!({"name": "c", "image": "app:1", "resources": {"requests": {"cpu": format!("{}m", 100 * wish.tenths)}}});
    if wish.has_port {
        container["ports"] = json!([{"containerPort": 80, "hostPort": 8080}]);
    }
    let mut spec = json!({"containers": [container], "terminationGracePeriodSeconds": 1});
    if wish.is_high {
        spec["priorityClassName"] = json!("high");
    }
    if let Some((other, by_zone)) = wish.away {
        let key = if by_zone { ZONE } else { HOSTNAME };
        let term = json!({"topologyKey": key, "labelSelector": {"matchLabels": {"app": format!("app-{other}")}}});
        spec["affinity"] = json!({"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}});
    }
    if let Some(skew) = wish.skew {
        spec["topologySpreadConstraints"] = json!([{"maxSkew": skew, "topologyKey": ZONE, "whenUnsatisfiable": "DoNotSchedule",
            "labelSelector": {"matchLabels": {"app": app}}}]);
    }
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": format!("pod-{index}"), "labels": {"app": app}}, "spec": spec})
}

fn node_of(pod: &Pod) -> &str {
    pod.spec.as_ref().and_then(|s| s.node_name.as_deref()).unwrap_or_default()
}

fn app_of(pod: &Pod) -> &str {
    pod.metadata.labels.iter().flatten().find(|(key, _)| *key == "app").map_or("", |(_, value)| value)
}

fn milli_cpu(pod: &Pod) -> i64 {
    let requests =
        pod.spec.iter().flat_map(|s| &s.containers).filter_map(|c| c.resources.as_ref()?.requests.as_ref()?.get("cpu"));
    requests
        .map(|q| {
            q.0.strip_suffix('m').map_or_else(|| 1000 * q.0.parse::<i64>().unwrap_or(0), |m| m.parse().unwrap_or(0))
        })
        .sum()
}

fn takes_port(pod: &Pod) -> bool {
    pod.spec
        .iter()
        .flat_map(|s| &s.containers)
        .flat_map(|c| c.ports.iter().flatten())
        .any(|p| p.host_port == Some(8080))
}

/// What a cluster looks like at one moment.
struct Picture {
    pods: Vec<Pod>,
    /// The CPU and the zone of every node.
    nodes: BTreeMap<String, (i64, Option<String>)>,
}

impl Picture {
    fn of(cluster: &Cluster) -> Self {
        let nodes = cluster.list::<seatrial::api::Node>().into_iter().map(|node| {
            let cpu = node
                .status
                .as_ref()
                .and_then(|s| s.allocatable.as_ref()?.get("cpu"))
                .map_or(0, |q| q.0.parse().unwrap_or(0));
            let zone =
                node.metadata.labels.iter().flatten().find(|(key, _)| *key == ZONE).map(|(_, value)| value.clone());
            (node.metadata.name.unwrap_or_default(), (1000 * cpu, zone))
        });
        Self { pods: cluster.pods(), nodes: nodes.collect() }
    }

    fn placed(&self) -> impl Iterator<Item = &Pod> {
        self.pods.iter().filter(|p| !node_of(p).is_empty())
    }

    fn on<'a>(&'a self, node: &'a str) -> impl Iterator<Item = &'a Pod> {
        self.placed().filter(move |p| node_of(p) == node)
    }

    /// The domain of a pod's node.
    fn domain(&self, pod: &Pod, key: &str) -> Option<String> {
        let node = node_of(pod);
        if key == HOSTNAME { Some(node.to_owned()) } else { self.nodes.get(node)?.1.clone() }
    }

    fn check_nodes(&self) {
        for (node, (cpu, _)) in &self.nodes {
            let wanted: i64 = self.on(node).map(milli_cpu).sum();
            assert!(wanted <= *cpu, "{node} has {cpu}m and holds {wanted}m");
            assert!(self.on(node).count() <= 6, "{node} holds too many pods");
            assert!(self.on(node).filter(|p| takes_port(p)).count() <= 1, "a port of {node} is taken twice");
        }
    }

    fn check_distances(&self) {
        for pod in self.placed() {
            let affinity = pod.spec.as_ref().and_then(|s| s.affinity.as_ref()?.pod_anti_affinity.as_ref());
            for term in
                affinity.iter().flat_map(|a| a.required_during_scheduling_ignored_during_execution.iter().flatten())
            {
                let other =
                    term.label_selector.as_ref().and_then(|s| s.match_labels.as_ref()?.get("app")).map_or("", |v| v);
                let Some(domain) = self.domain(pod, &term.topology_key) else { continue };
                let near = self.placed().find(|p| {
                    p.metadata.uid != pod.metadata.uid
                        && app_of(p) == other
                        && self.domain(p, &term.topology_key).as_ref() == Some(&domain)
                });
                assert!(near.is_none(), "{:?} is too near to {:?}", near.map(|p| &p.metadata.name), pod.metadata.name);
            }
        }
    }

    /// The skew at the moment in which a pod comes to its node.
    fn check_skew(&self, pod: &Pod) {
        let constraints = pod.spec.iter().flat_map(|s| s.topology_spread_constraints.iter().flatten());
        for constraint in constraints {
            let domains: BTreeSet<&String> = self.nodes.values().filter_map(|(_, zone)| zone.as_ref()).collect();
            let count = |domain: &String| {
                let counts = |p: &&Pod| p.metadata.deletion_timestamp.is_none() && app_of(p) == app_of(pod);
                self.placed().filter(counts).filter(|p| self.domain(p, ZONE).as_ref() == Some(domain)).count() as i32
            };
            let here = self.domain(pod, ZONE).expect("a node without the label is none");
            let fewest = domains.iter().map(|d| count(d)).min().unwrap_or(0);
            assert!(
                count(&here) - fewest <= constraint.max_skew,
                "{:?}: {} and {fewest}",
                pod.metadata.name,
                count(&here)
            );
        }
    }

    /// A pod that waits without relations to others has no node with room.
    fn check_nobody_waits_in_vain(&self, cordoned: &BTreeSet<String>) {
        let is_free = |p: &&Pod| {
            p.spec.as_ref().is_some_and(|s| s.affinity.is_none() && s.topology_spread_constraints.is_none())
                && p.metadata.deletion_timestamp.is_none()
        };
        let is_loner = |p: &Pod| p.spec.as_ref().is_some_and(|s| s.affinity.is_some());
        for pod in self.pods.iter().filter(|p| node_of(p).is_empty()).filter(is_free) {
            for (node, (cpu, _)) in self.nodes.iter().filter(|(name, _)| !cordoned.contains(*name)) {
                let wanted: i64 = self.on(node).map(milli_cpu).sum();
                let has_room = wanted + milli_cpu(pod) <= *cpu
                    && self.on(node).count() < 6
                    && !(takes_port(pod) && self.on(node).any(takes_port));
                assert!(!has_room || self.placed().any(is_loner), "{:?} would fit on {node}", pod.metadata.name);
            }
        }
    }
}

fn cluster() -> Cluster {
    let mut cluster = Cluster::builder().with_nodes((0..3).map(|i| node(i, 2, i)).collect()).build();
    let high = json!({"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": "high"}, "value": 1000});
    cluster.create(&high).expect("the API server takes it");
    cluster.advance(Duration::from_secs(5)).expect("time passes");
    let seen = RefCell::new(BTreeSet::new());
    cluster.always("the laws of placement", move |cluster| {
        let picture = Picture::of(cluster);
        picture.check_nodes();
        picture.check_distances();
        for pod in picture.placed() {
            if seen.borrow_mut().insert(pod.metadata.uid.clone()) {
                picture.check_skew(pod);
            }
        }
        true
    });
    cluster
}

fn apply(cluster: &mut Cluster, (step, op): (usize, &Op), cordoned: &mut BTreeSet<String>) {
    match op {
        Op::Create(wish) => drop(cluster.create(&pod(step, wish)).expect("the API server takes it")),
        Op::Delete(index) => {
            let pods = cluster.pods();
            let Some(name) = pods.get(index % pods.len().max(1)).and_then(|p| p.metadata.name.as_deref()) else {
                return;
            };
            cluster.delete(&format!("pod/{name}")).expect("it is there");
        }
        Op::Cordon(index, on) => {
            let nodes: Vec<String> = Picture::of(cluster).nodes.into_keys().collect();
            let name = &nodes[index % nodes.len()];
            cluster.cordon(name, *on).expect("it is there");
            if *on {
                cordoned.insert(name.clone())
            } else {
                cordoned.remove(name)
            };
        }
        Op::AddNode(cpu, zone) => cluster.add_node(&node(100 + step, *cpu, *zone)).expect("it joins"),
        Op::Advance(seconds) => cluster.advance(Duration::from_secs(*seconds)).expect("time passes"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn placements_keep_to_what_nodes_have_and_pods_ask_for(ops in prop::collection::vec(op(), 1..40)) {
        let (mut cluster, mut cordoned) = (cluster(), BTreeSet::new());
        for op in ops.iter().enumerate() {
            apply(&mut cluster, op, &mut cordoned);
        }
        // Six minutes later even what no event moved was tried again.
        cluster.advance(Duration::from_secs(360)).expect("time passes");
        Picture::of(&cluster).check_nobody_waits_in_vain(&cordoned);
    }
}
