//! Which changes of a Service its load balancer has to follow, and what is said of them.
//!
//! Mirrors k8s.io/cloud-provider/controllers/service/controller.go (`needsUpdate`, `needsCleanup`) (v1.36).

use k8s_openapi::api::core::v1::{ServicePort, ServiceSpec};
use seatrial_api::Service;

use crate::endpoint_util::spec_of;

pub(super) const FINALIZER: &str = "service.kubernetes.io/load-balancer-cleanup";

/// Mirrors `wantsLoadBalancer`.
pub(super) fn wants_load_balancer(service: &Service) -> bool {
    let spec = spec_of(service);
    spec.type_.as_deref() == Some("LoadBalancer") && spec.load_balancer_class.is_none()
}

/// Mirrors `needsCleanup`.
pub(super) fn needs_cleanup(service: &Service) -> bool {
    let is_balancer = spec_of(service).type_.as_deref() == Some("LoadBalancer");
    service.meta.has_finalizer(FINALIZER) && (service.meta.is_deleting() || !is_balancer)
}

/// Whether a load balancer has to be looked at, and the event about what changed: reason and message.
pub(super) fn needs_update(old: &Service, new: &Service) -> (bool, Option<(&'static str, String)>) {
    let (wanted, wants) = (wants_load_balancer(old), wants_load_balancer(new));
    if !wanted && !wants {
        return (false, None);
    }
    let (a, b) = (spec_of(old), spec_of(new));
    let text = |t: &Option<String>| t.clone().unwrap_or_default();
    if wanted != wants {
        return (true, Some(("Type", format!("{} -> {}", text(&a.type_), text(&b.type_)))));
    }
    if a.load_balancer_source_ranges != b.load_balancer_source_ranges {
        let list = |spec: &ServiceSpec| spec.load_balancer_source_ranges.clone().unwrap_or_default().join(" ");
        return (true, Some(("LoadBalancerSourceRanges", format!("[{}] -> [{}]", list(a), list(b)))));
    }
    if !ports_equal_for_lb(a, b)
        || a.session_affinity != b.session_affinity
        || a.session_affinity_config != b.session_affinity_config
    {
        return (true, None);
    }
    if a.load_balancer_ip != b.load_balancer_ip {
        let message = format!("{} -> {}", text(&a.load_balancer_ip), text(&b.load_balancer_ip));
        return (true, Some(("LoadbalancerIP", message)));
    }
    let external = |spec: &ServiceSpec| spec.external_ips.clone().unwrap_or_default();
    let (old_ips, new_ips) = (external(a), external(b));
    if old_ips.len() != new_ips.len() {
        return (true, Some(("ExternalIP", format!("Count: {} -> {}", old_ips.len(), new_ips.len()))));
    }
    if let Some((_, added)) = old_ips.iter().zip(&new_ips).find(|(old, new)| old != new) {
        return (true, Some(("ExternalIP", format!("Added: {added}"))));
    }
    if old.meta.annotations != new.meta.annotations {
        return (true, None);
    }
    if old.meta.uid != new.meta.uid {
        return (true, Some(("UID", format!("{} -> {}", old.meta.uid, new.meta.uid))));
    }
    if a.external_traffic_policy != b.external_traffic_policy {
        let message = format!("{} -> {}", text(&a.external_traffic_policy), text(&b.external_traffic_policy));
        return (true, Some(("ExternalTrafficPolicy", message)));
    }
    let (old_port, new_port) = (a.health_check_node_port.unwrap_or(0), b.health_check_node_port.unwrap_or(0));
    if old_port != new_port {
        return (true, Some(("HealthCheckNodePort", format!("{old_port} -> {new_port}"))));
    }
    let count = |spec: &ServiceSpec| spec.ip_families.as_ref().map_or(0, Vec::len);
    let (before, after) = (count(a), count(b));
    (before != after, (before != after).then(|| ("IPFamilies", format!("Count: {before} -> {after}"))))
}

fn ports_equal_for_lb(a: &ServiceSpec, b: &ServiceSpec) -> bool {
    let row = |p: &ServicePort| (p.name.clone(), p.protocol.clone(), p.port, p.node_port, p.target_port.clone());
    a.ports.iter().flatten().map(row).eq(b.ports.iter().flatten().map(row))
}
