//! What the scheduler knows of a node: what it offers, and what its pods take.
//!
//! Mirrors pkg/scheduler/framework/types.go (`NodeInfo`) (v1.36).

use std::ops::Deref;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Taint;
use seatrial_api::quantity::Quantity;
use seatrial_api::{Node, Pod, PodRequests, PodSpec, ResourceAmounts, Str, StrMap, Uid};

use crate::terms::PodTerms;

/// How many kinds of pods are kept to be shared.
const KINDS_MAX: usize = 64;

/// A node in the scheduler's cache.
#[derive(Debug, Default)]
pub(crate) struct NodeInfo {
    /// A number that no other node has or had.
    pub(crate) id: u32,
    pub(crate) name: Str,
    pub(crate) labels: StrMap,
    pub(crate) taints: Vec<Taint>,
    pub(crate) unschedulable: bool,
    pub(crate) allocatable: ResourceAmounts,
    pub(crate) allowed_pods: i64,
    pub(crate) requested: ResourceAmounts,
    pub(crate) non_zero_milli_cpu: i64,
    pub(crate) non_zero_memory: i64,
    pub(crate) pod_count: i64,
    /// The images that the node has, by name, and their sizes in bytes.
    pub(crate) images: Vec<(Str, i64)>,
    /// Host ports in use as (address, protocol, port).
    pub(crate) host_ports: Vec<HostPort>,
    /// The pods by uid, each with the spec it is counted by.
    pub(crate) pods: PodTable,
}

/// The pods of a node in the order of their uids. There are few on each, and many nodes.
#[derive(Debug, Default)]
pub(crate) struct PodTable(Vec<(Uid, CountedPod)>);

impl PodTable {
    fn place(&self, uid: &Uid) -> Result<usize, usize> {
        self.0.binary_search_by(|(other, _)| other.cmp(uid))
    }

    pub(crate) fn get(&self, uid: &Uid) -> Option<&CountedPod> {
        self.place(uid).ok().map(|at| &self.0[at].1)
    }

    pub(crate) fn insert(&mut self, uid: Uid, pod: CountedPod) -> Option<CountedPod> {
        match self.place(&uid) {
            Ok(at) => Some(std::mem::replace(&mut self.0[at].1, pod)),
            Err(at) => {
                self.0.insert(at, (uid, pod));
                None
            }
        }
    }

    pub(crate) fn remove(&mut self, uid: &Uid) -> Option<CountedPod> {
        self.place(uid).ok().map(|at| self.0.remove(at).1)
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Uid, &CountedPod)> {
        self.0.iter().map(|(uid, pod)| (uid, pod))
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &CountedPod> {
        self.0.iter().map(|(_, pod)| pod)
    }
}

/// A pod as its node counts it: there is one for every pod, so that what siblings have in common is shared.
#[derive(Clone, Debug)]
pub(crate) struct CountedPod {
    kind: Arc<PodKind>,
    pub(crate) name: Str,
}

/// What pods of one template have in common for the scheduler.
#[derive(Debug)]
pub(crate) struct PodKind {
    pub(crate) spec: Arc<PodSpec>,
    pub(crate) namespace: Str,
    pub(crate) labels: StrMap,
    pub(crate) is_deleting: bool,
    /// What they say about other pods.
    pub(crate) terms: Option<Arc<PodTerms>>,
}

impl CountedPod {
    /// What it has in common with others.
    pub(crate) fn kind(&self) -> &Arc<PodKind> {
        &self.kind
    }
}

impl Deref for CountedPod {
    type Target = PodKind;

    fn deref(&self) -> &PodKind {
        &self.kind
    }
}

/// The kinds of pods that were counted last, the latest in front.
#[derive(Debug, Default)]
pub(crate) struct PodKinds(Vec<Arc<PodKind>>);

impl PodKinds {
    /// A pod as it is to be counted.
    pub(crate) fn count(&mut self, pod: &Pod, terms: impl FnOnce() -> Option<Arc<PodTerms>>) -> CountedPod {
        match self.0.iter().position(|kind| kind.is_of(pod) && kind.namespace == pod.meta.namespace) {
            Some(0) => {}
            Some(place) => self.0[..=place].rotate_right(1),
            None => {
                self.0.truncate(KINDS_MAX - 1);
                self.0.insert(
                    0,
                    Arc::new(PodKind {
                        spec: Arc::clone(&pod.spec),
                        namespace: pod.meta.namespace.clone(),
                        labels: pod.meta.labels.clone(),
                        is_deleting: pod.meta.is_deleting(),
                        terms: terms(),
                    }),
                );
            }
        }
        CountedPod { kind: Arc::clone(&self.0[0]), name: pod.meta.name.clone() }
    }
}

impl PodKind {
    /// Whether a pod would be counted as this.
    pub(crate) fn is_of(&self, pod: &Pod) -> bool {
        Arc::ptr_eq(&self.spec, &pod.spec)
            && self.is_deleting == pod.meta.is_deleting()
            && self.labels == pod.meta.labels
    }
}

/// A port of the node that a pod takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HostPort {
    pub(crate) ip: Str,
    pub(crate) protocol: Str,
    pub(crate) port: i32,
}

const ANY_ADDRESS: &str = "0.0.0.0";

impl HostPort {
    /// Whether both cannot be on one node.
    pub(crate) fn conflicts_with(&self, other: &Self) -> bool {
        self.port == other.port
            && self.protocol == other.protocol
            && (self.ip == other.ip || self.ip == ANY_ADDRESS || other.ip == ANY_ADDRESS)
    }
}

/// The host ports a pod takes.
pub(crate) fn host_ports(spec: &PodSpec) -> Vec<HostPort> {
    let spec = spec.api();
    let sidecars = spec.init_containers.iter().flatten().filter(|c| c.restart_policy.as_deref() == Some("Always"));
    let containers = spec.containers.iter().chain(sidecars);
    containers
        .flat_map(|c| c.ports.iter().flatten())
        .filter_map(|p| Some((p, p.host_port.filter(|n| *n > 0)?)))
        .map(|(p, port)| HostPort {
            ip: p.host_ip.as_deref().filter(|ip| !ip.is_empty()).unwrap_or(ANY_ADDRESS).into(),
            protocol: p.protocol.as_deref().unwrap_or("TCP").into(),
            port,
        })
        .collect()
}

impl NodeInfo {
    /// Takes a Node over; its pods stay. Returns what it was, without pods, if anything changed that placement depends on.
    pub(crate) fn set_node(&mut self, node: &Node) -> Option<Self> {
        let new = Self::facts(node);
        let is_same = self.name == new.name
            && self.labels == new.labels
            && self.taints == new.taints
            && self.unschedulable == new.unschedulable
            && self.allocatable == new.allocatable
            && self.allowed_pods == new.allowed_pods;
        if is_same {
            return None;
        }
        let mut old = Self { unschedulable: self.unschedulable, allowed_pods: self.allowed_pods, ..Self::default() };
        self.name = new.name;
        old.labels = std::mem::replace(&mut self.labels, new.labels);
        old.taints = std::mem::replace(&mut self.taints, new.taints);
        old.allocatable = std::mem::replace(&mut self.allocatable, new.allocatable);
        (self.unschedulable, self.allowed_pods) = (new.unschedulable, new.allowed_pods);
        Some(old)
    }

    /// What a Node says of itself.
    fn facts(node: &Node) -> Self {
        let spec = node.body.spec.as_ref();
        let allocatable = node.body.status.as_ref().and_then(|s| s.allocatable.as_ref());
        let pods = allocatable.and_then(|a| a.get("pods")).and_then(|q| Quantity::parse(&q.0).ok());
        Self {
            name: node.meta.name.clone(),
            labels: node.meta.labels.clone(),
            taints: spec.and_then(|s| s.taints.clone()).unwrap_or_default(),
            unschedulable: spec.is_some_and(|s| s.unschedulable == Some(true)),
            allocatable: ResourceAmounts::from_list(allocatable),
            allowed_pods: pods.map_or(0, |q| q.value()),
            ..Self::default()
        }
    }

    /// Counts a pod, instead of what was counted of it before, which is returned.
    pub(crate) fn put_pod(&mut self, uid: &Uid, pod: CountedPod) -> Option<CountedPod> {
        let spec = Arc::clone(&pod.spec);
        let old = self.pods.insert(uid.clone(), pod);
        if let Some(old) = &old {
            if Arc::ptr_eq(&old.spec, &spec) {
                return Some(old.clone());
            }
            self.count(old.spec.requests(), -1);
            self.free_host_ports(&old.spec);
        }
        self.count(spec.requests(), 1);
        self.host_ports.extend(host_ports(&spec));
        old
    }

    /// Counts a pod no more; returns what was counted.
    pub(crate) fn remove_pod(&mut self, uid: &Uid) -> Option<CountedPod> {
        let old = self.pods.remove(uid)?;
        self.count(old.spec.requests(), -1);
        self.free_host_ports(&old.spec);
        Some(old)
    }

    /// One for each that the pod took: a pod that room is kept for may be counted beside the holder of its port.
    fn free_host_ports(&mut self, spec: &PodSpec) {
        if self.host_ports.is_empty() {
            return;
        }
        for gone in host_ports(spec) {
            if let Some(at) = self.host_ports.iter().position(|p| *p == gone) {
                self.host_ports.swap_remove(at);
            }
        }
    }

    fn count(&mut self, requests: &PodRequests, by: i64) {
        if by > 0 {
            self.requested.add(&requests.requests);
        } else {
            self.requested.sub(&requests.requests);
        }
        self.non_zero_milli_cpu += by * requests.non_zero_milli_cpu;
        self.non_zero_memory += by * requests.non_zero_memory;
        self.pod_count += by;
    }
}
