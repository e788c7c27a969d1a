//! Objects for tests, from JSON.

use std::cell::Cell;
use std::sync::Arc;

use seatrial_api::{Deletion, Node, Pod, PodRequests, Slot, Time};
use serde_json::{Value, json};

use crate::cache::Cache;
use crate::node_info::NodeInfo;
use crate::plugins::PodInfo;

/// A pod named `name` with this spec and these labels.
pub(crate) fn pod(name: &str, labels: Value, spec: Value) -> Arc<Pod> {
    let meta = json!({"name": name, "namespace": "default", "uid": name, "labels": labels});
    let mut spec = spec;
    if spec.get("containers").is_none() {
        spec["containers"] = json!([{"name": "c", "image": "app:1"}]);
    }
    let pod = json!({"metadata": meta, "spec": spec});
    let mut pod = Pod::from_api(serde_json::from_value(pod).expect("a pod")).expect("valid metadata");
    pod.meta.slot = next_slot();
    Arc::new(pod)
}

/// A slot that no other pod of the test has.
pub(crate) fn next_slot() -> Slot {
    thread_local!(static NEXT: Cell<usize> = const { Cell::new(0) });
    Slot::at(NEXT.replace(NEXT.get() + 1))
}

/// A node named `name` with labels, its name as its hostname added, and this spec; 4 CPUs, 32Gi, 110 pods.
pub(crate) fn node(name: &str, labels: Value, spec: Value) -> Node {
    let mut labels = labels;
    labels["kubernetes.io/hostname"] = json!(name);
    let allocatable = json!({"cpu": "4", "memory": "32Gi", "ephemeral-storage": "10Gi", "pods": "110"});
    let node =
        json!({"metadata": {"name": name, "labels": labels}, "spec": spec, "status": {"allocatable": allocatable}});
    Node::from_api(serde_json::from_value(node).expect("a node")).expect("valid metadata")
}

/// What the scheduler knows of a node without pods.
pub(crate) fn node_info(name: &str, labels: Value, spec: Value) -> NodeInfo {
    let mut info = NodeInfo::default();
    info.set_node(&node(name, labels, spec));
    info
}

/// A cache of nodes, each with its labels.
pub(crate) fn cache(nodes: &[(&str, Value)]) -> Cache {
    let mut cache = Cache::default();
    for (name, labels) in nodes {
        cache.set_node(&node(name, labels.clone(), json!({})), Vec::new);
    }
    cache
}

/// What a container requests.
pub(crate) fn requests(cpu: &str, memory: &str) -> Value {
    json!({"containers": [{"name": "c", "image": "app:1", "resources": {"requests": {"cpu": cpu, "memory": memory}}}]})
}

/// A pod as plugins see it.
pub(crate) fn info(pod: &Pod) -> PodInfo<'_> {
    let _: &PodRequests = pod.spec.requests();
    PodInfo::of(pod)
}

/// The same pod, being deleted.
pub(crate) fn deleting(pod: &Pod) -> Pod {
    let mut going = Pod::clone(pod);
    let timestamp = Time::from_unix(0);
    going.meta.deletion = Some(Box::new(Deletion { timestamp, grace_period_seconds: None }));
    going
}
