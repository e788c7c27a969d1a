//! What the API server itself does with Services: cluster IPs and node ports.
//!
//! Mirrors pkg/registry/core/service and pkg/api/service (v1.36).

mod alloc;
mod allocators;
mod families;
mod fields;
mod ports;

use k8s_openapi::api::core::v1::ServiceSpec;

pub(crate) use alloc::{allocate_create, allocate_update};
pub(crate) use allocators::ServiceAllocators;
pub(crate) use fields::drop_type_dependent_fields;

/// The network of cluster IPs, as `--service-cluster-ip-range`.
pub(crate) const SERVICE_CLUSTER_IP_RANGE: &str = "10.96.0.0/16";

/// Whether something outside the cluster can get at the Service. Mirrors `ExternallyAccessible`.
pub(crate) fn externally_accessible(spec: &ServiceSpec) -> bool {
    match spec.type_.as_deref() {
        Some("LoadBalancer" | "NodePort") => true,
        Some("ClusterIP") => spec.external_ips.as_ref().is_some_and(|ips| !ips.is_empty()),
        _ => false,
    }
}

/// Whether a load balancer asks each node if it has endpoints. Mirrors `NeedsHealthCheck`.
pub(crate) fn needs_health_check(spec: &ServiceSpec) -> bool {
    spec.type_.as_deref() == Some("LoadBalancer") && spec.external_traffic_policy.as_deref() == Some("Local")
}

fn needs_cluster_ip(spec: &ServiceSpec) -> bool {
    spec.type_.as_deref() != Some("ExternalName")
}

fn needs_node_port(spec: &ServiceSpec) -> bool {
    matches!(spec.type_.as_deref(), Some("NodePort" | "LoadBalancer"))
}

/// Whether `clusterIP` is `None`.
fn is_headless(spec: &ServiceSpec) -> bool {
    spec.cluster_ip.as_deref() == Some(crate::validation::CLUSTER_IP_NONE)
}

/// The items of an optional list, none if absent.
fn items<T>(list: &Option<Vec<T>>) -> &[T] {
    list.as_deref().unwrap_or_default()
}

#[cfg(test)]
mod tests;
