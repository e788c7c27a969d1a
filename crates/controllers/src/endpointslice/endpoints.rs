//! A pod's endpoint, and when two endpoints are one.
//!
//! Mirrors k8s.io/endpointslice/utils.go (`podToEndpoint`), util/endpointset.go and util (`EndpointsEqualBeyondHash`)
//! (v1.36).

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointConditions};
use seatrial_api::{Node, Pod, Service};

use crate::endpoint_util::{pod_ips, should_set_hostname, spec_of};

const LABEL_ZONE: &str = "topology.kubernetes.io/zone";

/// The zone of a node, if it is told.
pub(super) fn zone_of(node: &Node) -> Option<&str> {
    node.meta.labels.get(LABEL_ZONE).filter(|zone| !zone.is_empty())
}

/// What a slice shows of a pod. Mirrors `podToEndpoint`.
pub(super) fn pod_to_endpoint(pod: &Pod, node: Option<&Node>, service: &Service, address_type: &str) -> Endpoint {
    let serving = pod.is_ready();
    let terminating = pod.meta.is_deleting();
    let published = spec_of(service).publish_not_ready_addresses == Some(true);
    let ready = published || (serving && !terminating);
    let mut addresses: Vec<String> =
        pod_ips(pod).filter(|ip| ip.is_ipv4() == (address_type == "IPv4")).map(|ip| ip.to_string()).collect();
    addresses.sort();
    Endpoint {
        addresses,
        conditions: Some(EndpointConditions {
            ready: Some(ready),
            serving: Some(serving),
            terminating: Some(terminating),
        }),
        deprecated_topology: None,
        hints: None,
        hostname: pod.hostname().filter(|_| should_set_hostname(pod, service)).map(str::to_owned),
        node_name: (!pod.node_name.is_empty()).then(|| pod.node_name.to_string()),
        target_ref: Some(ObjectReference {
            kind: Some("Pod".to_owned()),
            namespace: Some(pod.meta.namespace.to_string()),
            name: Some(pod.meta.name.to_string()),
            uid: Some(pod.meta.uid.to_string()),
            ..ObjectReference::default()
        }),
        zone: node.and_then(zone_of).map(str::to_owned),
    }
}

/// The name of the pod that an endpoint shows.
pub(super) fn pod_name_of(endpoint: &Endpoint) -> Option<&str> {
    endpoint.target_ref.as_ref()?.name.as_deref()
}

/// Whether both are in the same place of a set: addresses, hostname, and the pod's name. Mirrors `hashEndpoint`.
pub(super) fn same_endpoint(a: &Endpoint, b: &Endpoint) -> bool {
    let place = |e: &Endpoint| e.target_ref.as_ref().map(|r| (r.namespace.clone(), r.name.clone())).unwrap_or_default();
    a.addresses == b.addresses
        && a.hostname.as_deref().unwrap_or_default() == b.hostname.as_deref().unwrap_or_default()
        && place(a) == place(b)
}

/// Whether two endpoints of one place differ in nothing that is worth a write. Mirrors `EndpointsEqualBeyondHash`.
pub(super) fn endpoints_equal_beyond_hash(a: &Endpoint, b: &Endpoint) -> bool {
    let condition = |e: &Endpoint| e.conditions.clone().unwrap_or_default();
    let reference = |e: &Endpoint| e.target_ref.clone().map(|r| ObjectReference { resource_version: None, ..r });
    a.node_name == b.node_name && a.zone == b.zone && condition(a) == condition(b) && reference(a) == reference(b)
}
