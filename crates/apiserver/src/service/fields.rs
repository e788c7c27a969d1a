//! What a changed Service takes over from the stored one, and what it loses when its type changes.
//!
//! Mirrors pkg/registry/core/service/storage/storage.go and pkg/registry/core/service/strategy.go (v1.36).

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ServiceSpec;

use super::{externally_accessible, items, needs_cluster_ip, needs_health_check, needs_node_port};

/// Keeps `clusterIP` and `clusterIPs` in step for clients that know only one of them. Mirrors `normalizeClusterIPs`.
pub(super) fn normalize_cluster_ips(new: &mut ServiceSpec, old: Option<&ServiceSpec>) {
    let ip = |spec: &ServiceSpec| spec.cluster_ip.clone().unwrap_or_default();
    let new_ip = ip(new);
    let Some(old) = old else {
        if !new_ip.is_empty() && items(&new.cluster_ips).is_empty() {
            new.cluster_ips = Some(vec![new_ip]);
        }
        return;
    };
    let old_ip = ip(old);
    if !items(&old.cluster_ips).is_empty() && items(&new.cluster_ips).is_empty() && old_ip == new_ip {
        new.cluster_ips.clone_from(&old.cluster_ips);
    }
    if old_ip != new_ip && items(&new.cluster_ips) == items(&old.cluster_ips) {
        new.cluster_ips = (!new_ip.is_empty()).then(|| vec![new_ip]);
    }
}

/// A client that sends what it sent when it made the Service means no change. Mirrors `patchAllocatedValues`.
pub(super) fn patch_allocated_values(new: &mut ServiceSpec, old: &ServiceSpec) {
    if needs_cluster_ip(old) && needs_cluster_ip(new) {
        if new.cluster_ip.as_deref().is_none_or(str::is_empty) {
            new.cluster_ip.clone_from(&old.cluster_ip);
        }
        if items(&new.cluster_ips).is_empty() {
            new.cluster_ips.clone_from(&old.cluster_ips);
        }
    }
    if needs_node_port(old) && needs_node_port(new) {
        patch_node_ports(new, old);
    }
    if needs_health_check(old) && needs_health_check(new) && new.health_check_node_port.unwrap_or_default() == 0 {
        new.health_check_node_port = old.health_check_node_port;
    }
}

/// Ports without a number get that of the old port with their name, unless another port has it.
fn patch_node_ports(new: &mut ServiceSpec, old: &ServiceSpec) {
    let numbers = |spec: &ServiceSpec| -> Vec<i32> {
        items(&spec.ports).iter().filter_map(|port| port.node_port).filter(|number| *number != 0).collect()
    };
    let used: Vec<i32> = numbers(new).into_iter().filter(|number| numbers(old).contains(number)).collect();
    let by_name: BTreeMap<Option<&str>, Option<i32>> =
        items(&old.ports).iter().map(|port| (port.name.as_deref(), port.node_port)).collect();
    for port in new.ports.iter_mut().flatten().filter(|port| port.node_port.unwrap_or_default() == 0) {
        let number = by_name.get(&port.name.as_deref()).copied().flatten();
        port.node_port = number.filter(|number| !used.contains(number));
    }
}

/// Drops what the new type does not have, if the user did not change it. Mirrors `dropTypeDependentFields`.
pub(crate) fn drop_type_dependent_fields(new: &mut ServiceSpec, old: &ServiceSpec) {
    if needs_cluster_ip(old) && !needs_cluster_ip(new) {
        if items(&new.cluster_ips) == items(&old.cluster_ips) {
            new.cluster_ip = None;
            new.cluster_ips = None;
        }
        if items(&new.ip_families) == items(&old.ip_families) {
            new.ip_families = None;
        }
        if new.ip_family_policy == old.ip_family_policy {
            new.ip_family_policy = None;
        }
    }
    if needs_node_port(old) && !needs_node_port(new) && has_same_node_ports(new, old) {
        new.ports.iter_mut().flatten().for_each(|port| port.node_port = None);
    }
    let is_balancer = |spec: &ServiceSpec| spec.type_.as_deref() == Some("LoadBalancer");
    if needs_health_check(old) && !needs_health_check(new) && new.health_check_node_port == old.health_check_node_port {
        new.health_check_node_port = None;
    }
    if is_balancer(old) && !is_balancer(new) {
        if new.allocate_load_balancer_node_ports == old.allocate_load_balancer_node_ports {
            new.allocate_load_balancer_node_ports = None;
        }
        if new.load_balancer_class == old.load_balancer_class {
            new.load_balancer_class = None;
        }
    }
    if externally_accessible(old)
        && !externally_accessible(new)
        && new.external_traffic_policy == old.external_traffic_policy
    {
        new.external_traffic_policy = None;
    }
}

/// Whether the numbers are the same set, 0 left out. Mirrors `sameNodePorts`.
fn has_same_node_ports(new: &ServiceSpec, old: &ServiceSpec) -> bool {
    let numbers = |spec: &ServiceSpec| -> std::collections::BTreeSet<i32> {
        items(&spec.ports).iter().filter_map(|port| port.node_port).filter(|number| *number != 0).collect()
    };
    numbers(new) == numbers(old)
}
