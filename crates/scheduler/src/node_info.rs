//! What the scheduler knows of a node: what it offers, and what its pods take.
//!
//! Mirrors pkg/scheduler/framework/types.go (`NodeInfo`) (v1.36).

use std::sync::Arc;

use k8s_openapi::api::core::v1::Taint;
use seatrial_api::quantity::Quantity;
use seatrial_api::{Node, Pod, PodRequests, PodSpec, ResourceAmounts, Slot, Str, StrMap};

use crate::identity::{are_siblings, shared_labels};
use crate::pod_index::group_hash;
use crate::terms::PodTerms;

/// How many kinds of pods are kept to be shared.
const KINDS_MAX: usize = 64;
/// So many of the latest kinds are looked at one by one: those of the old and the new pods of a rollout, and of those
/// that go.
const KINDS_AT_HAND: usize = 4;

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
    /// The pods that are counted here, in no order.
    pub(crate) pods: Vec<Slot>,
}

/// What pods of one template have in common for the scheduler.
#[derive(Debug)]
pub(crate) struct PodKind {
    /// Of its namespace, labels and whether it is deleting: see [`group_hash`].
    pub(crate) hash: u64,
    pub(crate) spec: Arc<PodSpec>,
    pub(crate) namespace: Str,
    /// Their labels; of siblings those that they have in common.
    pub(crate) labels: StrMap,
    /// Whether pods that differ in who they are alone are one kind.
    is_of_siblings: bool,
    pub(crate) is_deleting: bool,
    /// What they say about other pods.
    pub(crate) terms: Option<Arc<PodTerms>>,
    /// The host ports that each takes.
    host_ports: Vec<HostPort>,
}

/// The kinds of pods that were counted last. The latest of those that were not at hand is in front.
#[derive(Debug, Default)]
pub(crate) struct PodKinds(Vec<Arc<PodKind>>);

impl PodKinds {
    /// The kind of a pod. Siblings are one kind, unless somebody asks who they are, or they may say it themselves.
    pub(crate) fn of(
        &mut self,
        pod: &Pod,
        tells_siblings_apart: bool,
        terms: impl FnOnce() -> Option<Arc<PodTerms>>,
    ) -> Arc<PodKind> {
        // The pods of most templates share their labels. Where each has labels of its own, their hash says that none of
        // the kinds is theirs.
        let is_likely = |kind: &&Arc<PodKind>| kind.is_of_siblings || kind.labels.ptr_eq(&pod.meta.labels);
        let mut at_hand = self.0.iter().take(KINDS_AT_HAND);
        if let Some(kind) = at_hand.find(|kind| is_likely(kind) && kind.is_of(pod)) {
            return Arc::clone(kind);
        }
        let is_of_siblings = !tells_siblings_apart && !PodTerms::may_have(pod);
        let labels = if is_of_siblings { shared_labels(&pod.meta.labels) } else { pod.meta.labels.clone() };
        let hash = group_hash(&pod.meta.namespace, &labels, pod.meta.is_deleting());
        match self.0.iter().position(|kind| kind.hash == hash && kind.is_of(pod)) {
            Some(place) => self.0[..=place].rotate_right(1),
            None => {
                self.0.truncate(KINDS_MAX - 1);
                self.0.insert(
                    0,
                    Arc::new(PodKind {
                        hash,
                        spec: Arc::clone(&pod.spec),
                        namespace: pod.meta.namespace.clone(),
                        labels,
                        is_of_siblings,
                        is_deleting: pod.meta.is_deleting(),
                        terms: terms(),
                        host_ports: host_ports(&pod.spec),
                    }),
                );
            }
        }
        Arc::clone(&self.0[0])
    }
}

impl PodKind {
    /// Whether a pod would be counted as this.
    pub(crate) fn is_of(&self, pod: &Pod) -> bool {
        self.is_of_version(pod, false)
    }

    /// The same for a version of a pod of which it may be known that it has the labels of one that is counted as this.
    pub(crate) fn is_of_version(&self, pod: &Pod, has_labels: bool) -> bool {
        let has_its = || match self.is_of_siblings {
            true => are_siblings(&self.labels, &pod.meta.labels),
            false => self.labels == pod.meta.labels,
        };
        Arc::ptr_eq(&self.spec, &pod.spec)
            && self.is_deleting == pod.meta.is_deleting()
            && (has_labels || has_its())
            && self.namespace == pod.meta.namespace
    }

    /// The kind of one of the pods of this kind, told apart from its siblings; `None` where this kind does so.
    pub(crate) fn with_labels(&self, labels: &StrMap) -> Option<Self> {
        self.is_of_siblings.then(|| Self {
            hash: group_hash(&self.namespace, labels, self.is_deleting),
            spec: Arc::clone(&self.spec),
            namespace: self.namespace.clone(),
            labels: labels.clone(),
            is_of_siblings: false,
            is_deleting: self.is_deleting,
            terms: self.terms.clone(),
            host_ports: self.host_ports.clone(),
        })
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

    /// Takes over that a pod of this kind came.
    pub(crate) fn add(&mut self, kind: &PodKind) {
        self.count(kind.spec.requests(), 1);
        self.host_ports.extend_from_slice(&kind.host_ports);
    }

    /// Takes over that a pod of this kind went. Its ports are freed once: a pod that room is kept for may be counted beside
    /// the holder of its port.
    pub(crate) fn sub(&mut self, kind: &PodKind) {
        self.count(kind.spec.requests(), -1);
        for gone in &kind.host_ports {
            if let Some(at) = self.host_ports.iter().position(|p| p == gone) {
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
