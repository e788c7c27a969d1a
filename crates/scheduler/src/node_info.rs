//! What the scheduler knows of a node: what it offers, and what its pods take.
//!
//! Mirrors pkg/scheduler/framework/types.go (`NodeInfo`) (v1.36).

use std::sync::Arc;

use k8s_openapi::api::core::v1::Taint;
use rustc_hash::FxHashMap;
use seatrial_api::{Node, Pod, PodRequests, PodSpec, ResourceAmounts, Str, StrMap, Uid};

/// A node in the scheduler's cache.
#[derive(Debug, Default)]
pub(crate) struct NodeInfo {
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
    /// Host ports in use as (address, protocol, port).
    pub(crate) host_ports: Vec<HostPort>,
    /// The pods by uid, each with the spec it is counted by.
    pub(crate) pods: FxHashMap<Uid, Arc<PodSpec>>,
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
    let containers = spec.containers.iter().chain(spec.init_containers.iter().flatten());
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
    /// Takes a Node over; its pods stay.
    pub(crate) fn set_node(&mut self, node: &Node) {
        let spec = node.body.spec.as_ref();
        let status = node.body.status.as_ref();
        self.name = node.meta.name.clone();
        self.labels = node.meta.labels.clone();
        self.taints = spec.and_then(|s| s.taints.clone()).unwrap_or_default();
        self.unschedulable = spec.is_some_and(|s| s.unschedulable == Some(true));
        let allocatable = status.and_then(|s| s.allocatable.as_ref());
        self.allocatable = ResourceAmounts::from_list(allocatable);
        let pods =
            allocatable.and_then(|a| a.get("pods")).and_then(|q| seatrial_api::quantity::Quantity::parse(&q.0).ok());
        self.allowed_pods = pods.map_or(0, |q| q.value());
    }

    /// Counts a pod; returns whether that changed anything.
    pub(crate) fn add_pod(&mut self, pod: &Arc<Pod>) -> bool {
        if let Some(old) = self.pods.insert(pod.meta.uid.clone(), Arc::clone(&pod.spec)) {
            if Arc::ptr_eq(&old, &pod.spec) {
                return false;
            }
            self.count(old.requests(), -1);
            self.free_host_ports(&old);
        }
        self.count(pod.spec.requests(), 1);
        self.host_ports.extend(host_ports(&pod.spec));
        true
    }

    /// Counts a pod no more; returns whether it was there.
    pub(crate) fn remove_pod(&mut self, uid: &Uid) -> bool {
        let Some(old) = self.pods.remove(uid) else { return false };
        self.count(old.requests(), -1);
        self.free_host_ports(&old);
        true
    }

    fn free_host_ports(&mut self, spec: &PodSpec) {
        if !self.host_ports.is_empty() {
            let gone = host_ports(spec);
            self.host_ports.retain(|p| !gone.contains(p));
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
