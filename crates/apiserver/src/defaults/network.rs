//! Defaults of Services, Endpoints and EndpointSlices.
//!
//! Mirrors pkg/apis/core/v1/defaults.go and pkg/apis/discovery/v1/defaults.go (v1.36).

use k8s_openapi::api::core::v1::{Endpoints, Service, ServicePort, ServiceSpec};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::default_text;
use crate::service::externally_accessible;

/// Seconds for which a client stays with its endpoint.
const CLIENT_IP_SERVICE_AFFINITY_SECONDS: i32 = 10_800;

/// Mirrors `SetDefaults_Service`.
pub fn set_defaults_service(service: &mut Service) {
    let spec = service.spec.get_or_insert_default();
    default_text(&mut spec.session_affinity, "None");
    set_defaults_session_affinity_config(spec);
    default_text(&mut spec.type_, "ClusterIP");
    spec.ports.iter_mut().flatten().for_each(set_defaults_service_port);
    if externally_accessible(spec) {
        default_text(&mut spec.external_traffic_policy, "Cluster");
    }
    if matches!(spec.type_.as_deref(), Some("NodePort" | "LoadBalancer" | "ClusterIP")) {
        spec.internal_traffic_policy.get_or_insert_with(|| "Cluster".to_owned());
    }
    let is_balancer = spec.type_.as_deref() == Some("LoadBalancer");
    if is_balancer {
        spec.allocate_load_balancer_node_ports.get_or_insert(true);
    }
    let balancer = service.status.get_or_insert_default().load_balancer.get_or_insert_default();
    for entry in balancer.ingress.iter_mut().flatten().filter(|_| is_balancer) {
        if entry.ip.as_deref().is_some_and(|ip| !ip.is_empty()) {
            entry.ip_mode.get_or_insert_with(|| "VIP".to_owned());
        }
    }
}

fn set_defaults_session_affinity_config(spec: &mut ServiceSpec) {
    match spec.session_affinity.as_deref() {
        Some("None") => spec.session_affinity_config = None,
        Some("ClientIP") => {
            let config = spec.session_affinity_config.get_or_insert_default();
            let client_ip = config.client_ip.get_or_insert_default();
            client_ip.timeout_seconds.get_or_insert(CLIENT_IP_SERVICE_AFFINITY_SECONDS);
        }
        _ => {}
    }
}

fn set_defaults_service_port(port: &mut ServicePort) {
    default_text(&mut port.protocol, "TCP");
    let is_unset = match &port.target_port {
        None | Some(IntOrString::Int(0)) => true,
        Some(IntOrString::String(name)) => name.is_empty(),
        Some(IntOrString::Int(_)) => false,
    };
    if is_unset {
        port.target_port = Some(IntOrString::Int(port.port));
    }
}

/// Mirrors `SetDefaults_Endpoints`.
pub fn set_defaults_endpoints(endpoints: &mut Endpoints) {
    for port in endpoints.subsets.iter_mut().flatten().flat_map(|subset| subset.ports.iter_mut().flatten()) {
        default_text(&mut port.protocol, "TCP");
    }
}

/// Mirrors `SetDefaults_EndpointPort`; `conditions` is always printed.
pub fn set_defaults_endpoint_slice(slice: &mut EndpointSlice) {
    for port in slice.ports.iter_mut().flatten() {
        port.name.get_or_insert_default();
        port.protocol.get_or_insert_with(|| "TCP".to_owned());
    }
    for endpoint in slice.endpoints.iter_mut().flatten() {
        endpoint.conditions.get_or_insert_default();
    }
}
