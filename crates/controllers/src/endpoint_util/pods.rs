//! What Endpoints ask of a pod.
//!
//! Mirrors k8s.io/endpointslice/util/controller_utils.go and k8s.io/endpointslice/utils.go (`FindPort`) (v1.36).

use std::net::IpAddr;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Container, ServicePort};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use seatrial_api::{Pod, Service, Time, pod_condition};

const TCP: &str = "TCP";

/// Whether a pod is in Endpoints at all: it has not ended and has an address.
pub(crate) fn should_pod_be_in_endpoints(pod: &Pod, include_terminating: bool) -> bool {
    !pod.status.phase.is_terminal() && pod_ips(pod).next().is_some() && (include_terminating || !pod.meta.is_deleting())
}

/// The pod's addresses.
pub(crate) fn pod_ips(pod: &Pod) -> impl Iterator<Item = IpAddr> {
    let several = pod.status.other.as_deref().and_then(|other| other.pod_ips.as_deref());
    let one = pod.status.pod_ip.filter(|_| several.is_none());
    several.into_iter().flatten().filter_map(|ip| ip.ip.parse().ok()).chain(one)
}

/// Whether the pod answers to its hostname below the Service's name.
pub(crate) fn should_set_hostname(pod: &Pod, service: &Service) -> bool {
    pod.hostname().is_some_and(|name| !name.is_empty())
        && pod.spec.api().subdomain.as_deref() == Some(service.meta.name.as_str())
        && service.meta.namespace == pod.meta.namespace
}

/// The number of a Service's port in a pod: the target's, or that of the container port with the target's name.
pub(crate) fn find_port(pod: &Pod, port: &ServicePort) -> Option<i32> {
    let name = match &port.target_port {
        Some(IntOrString::Int(number)) => return Some(*number),
        Some(IntOrString::String(name)) => name,
        None => return Some(port.port),
    };
    let spec = pod.spec.api();
    let sidecars = spec.init_containers.iter().flatten().filter(|c| c.restart_policy.as_deref() == Some("Always"));
    let protocol = port.protocol.as_deref().unwrap_or(TCP);
    spec.containers.iter().chain(sidecars).find_map(|container| named_port(container, name, protocol))
}

fn named_port(container: &Container, name: &str, protocol: &str) -> Option<i32> {
    let ports = container.ports.iter().flatten();
    let mut fitting =
        ports.filter(|p| p.name.as_deref() == Some(name) && p.protocol.as_deref().unwrap_or(TCP) == protocol);
    fitting.next().map(|p| p.container_port)
}

/// When the Ready condition became what it is. Mirrors `getPodTriggerTime`.
pub(super) fn pod_trigger_time(pod: &Pod) -> Option<Time> {
    pod.status.conditions.get(pod_condition::READY)?.last_transition_time
}

/// How a pod differs from before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PodChange {
    /// What Endpoints show of the pod is other. Mirrors the first answer of `podEndpointsChanged`.
    pub(super) pod: bool,
    /// Other Services may select the pod.
    pub(super) labels: bool,
    /// Nobody is woken for it, but the next sync sees it.
    pub(super) silent: bool,
}

impl PodChange {
    pub(super) fn of(old: &Pod, new: &Pod) -> Self {
        // Upstream compares the deletion's pointers, so that every change of a pod on its way out counts.
        let deleting = old.meta.is_deleting() || new.meta.is_deleting();
        let pod = deleting || old.is_ready() != new.is_ready() || !pod_ips(old).eq(pod_ips(new));
        let silent = old.status.phase.is_terminal() != new.status.phase.is_terminal()
            || old.node_name != new.node_name
            || pod_trigger_time(old) != pod_trigger_time(new)
            || !(Arc::ptr_eq(&old.spec, &new.spec) || old.spec == new.spec);
        Self { pod, labels: old.meta.labels != new.meta.labels, silent }
    }

    pub(super) fn is_any(self) -> bool {
        self.pod || self.labels || self.silent
    }
}
