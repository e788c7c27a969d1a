//! What Services warn of.
//!
//! Mirrors pkg/api/service/warnings.go (v1.36).

use std::net::IpAddr;

use k8s_openapi::api::core::v1::{Service, ServiceSpec};
use seatrial_api::field::{Path, quote};

use super::CLUSTER_IP_NONE;
use crate::validation::ip::parse_ip_sloppy;
use crate::validation::{items, text};

const SPEC: Path<'static> = Path::new("spec");
pub(super) const TOPOLOGY_AWARE_HINTS_ANNOTATION: &str = "service.kubernetes.io/topology-aware-hints";
pub(super) const TOPOLOGY_MODE_ANNOTATION: &str = "service.kubernetes.io/topology-mode";

/// What creating or changing the Service warns of. Mirrors `GetWarningsForService`.
#[must_use]
pub fn warnings_for_service(service: &Service) -> Vec<String> {
    let mut warnings = Vec::new();
    let annotations = service.metadata.annotations.as_ref();
    if annotations.is_some_and(|a| a.contains_key(TOPOLOGY_AWARE_HINTS_ANNOTATION)) {
        warnings.push(format!(
            "annotation {TOPOLOGY_AWARE_HINTS_ANNOTATION} is deprecated, please use {TOPOLOGY_MODE_ANNOTATION} instead"
        ));
    }
    let spec = &service.spec.clone().unwrap_or_default();
    let is_headless = text(&spec.type_) == "ClusterIP" && text(&spec.cluster_ip) == CLUSTER_IP_NONE;
    let external_ips = items(&spec.external_ips);
    if !text(&spec.cluster_ip).is_empty() && !is_headless {
        warn_of_ips(&mut warnings, items(&spec.cluster_ips), &SPEC.child("clusterIPs"));
    }
    if is_headless {
        warn_of_headless(&mut warnings, spec);
    }
    warn_of_ips(&mut warnings, external_ips, &SPEC.child("externalIPs"));
    let is_external_name = text(&spec.type_) == "ExternalName";
    if !external_ips.is_empty() && !is_headless && !is_external_name {
        warnings.push("spec.externalIPs is deprecated and may no longer be implemented in some clusters".to_owned());
    }
    warn_of_ip(&mut warnings, text(&spec.load_balancer_ip), &SPEC.child("loadBalancerIP"));
    if is_external_name && !external_ips.is_empty() {
        warnings.push("spec.externalIPs is ignored when spec.type is \"ExternalName\"".to_owned());
    }
    if !is_external_name && !text(&spec.external_name).is_empty() {
        warnings.push("spec.externalName is ignored when spec.type is not \"ExternalName\"".to_owned());
    }
    if spec.traffic_distribution.as_deref() == Some("PreferClose") {
        warnings.push("spec.trafficDistribution: \"PreferClose\" is deprecated; use \"PreferSameZone\"".to_owned());
    }
    warnings
}

fn warn_of_headless(warnings: &mut Vec<String>, spec: &ServiceSpec) {
    for (field, is_set) in [
        ("loadBalancerIP", !text(&spec.load_balancer_ip).is_empty()),
        ("externalIPs", !items(&spec.external_ips).is_empty()),
        ("SessionAffinity", text(&spec.session_affinity) != "None"),
    ] {
        if is_set {
            warnings.push(format!("spec.{field} is ignored for headless services"));
        }
    }
}

fn warn_of_ips(warnings: &mut Vec<String>, ips: &[String], path: &Path<'_>) {
    for (index, ip) in ips.iter().enumerate() {
        warn_of_ip(warnings, ip, &path.index(index));
    }
}

/// Mirrors `GetWarningsForIP`: an address that is not spelled as it is printed.
fn warn_of_ip(warnings: &mut Vec<String>, ip: &str, path: &Path<'_>) {
    let Some(address) = parse_ip_sloppy(ip) else { return };
    let printed = address.to_string();
    match address {
        IpAddr::V4(_) if printed != ip => warnings.push(format!(
            "{path}: non-standard IP address {} will be considered invalid in a future Kubernetes release: use {}",
            quote(ip),
            quote(&printed)
        )),
        IpAddr::V6(_) if printed != ip => warnings.push(format!(
            "{path}: IPv6 address {} should be in RFC 5952 canonical format ({})",
            quote(ip),
            quote(&printed)
        )),
        _ => {}
    }
}
