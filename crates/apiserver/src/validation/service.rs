//! Validation of Services.
//!
//! Mirrors `ValidateService` and what it calls in pkg/apis/core/validation (v1.36).

mod cluster_ips;
mod status;
mod traffic;
mod warnings;

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use seatrial_api::field::{BadValue, Error, ErrorList, Path};
use seatrial_api::names::{
    NameUse, is_dns1123_label, is_dns1123_subdomain, is_qualified_name, is_valid_port_name, is_valid_port_num,
    name_is_dns_label,
};

use super::ip::{validate_cidr, validate_ip, validate_non_special_ip};
use super::meta::{Scope, validate_labels, validate_object_meta, validate_object_meta_update};
use super::{invalid_each, invalid_number_each, items, text, validate_required_supported};
pub(crate) use cluster_ips::validate_service_cluster_ips_related_fields;
pub use status::validate_service_status_update;
pub use warnings::warnings_for_service;
use warnings::{TOPOLOGY_AWARE_HINTS_ANNOTATION, TOPOLOGY_MODE_ANNOTATION};

const METADATA: Path<'static> = Path::new("metadata");
const SPEC: Path<'static> = Path::new("spec");
/// The `clusterIP` of a Service that has none and wants none.
pub(crate) const CLUSTER_IP_NONE: &str = "None";
const SERVICE_TYPES: [&str; 4] = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
const SESSION_AFFINITIES: [&str; 2] = ["ClientIP", "None"];
const PROTOCOLS: [&str; 3] = ["SCTP", "TCP", "UDP"];
const CLIENT_IP_SERVICE_AFFINITY_SECONDS_MAX: i32 = 86_400;
const SOURCE_RANGES_ANNOTATION: &str = "service.beta.kubernetes.io/load-balancer-source-ranges";
const ONLY_FOR_LOAD_BALANCERS: &str = "may only be used when `type` is 'LoadBalancer'";

/// Whether the one cluster IP is `None`. Mirrors `isHeadlessService`.
fn is_headless_service(spec: &ServiceSpec) -> bool {
    matches!(items(&spec.cluster_ips), [only] if only == CLUSTER_IP_NONE)
}

/// The name is a DNS label; a dot has words of its own.
fn validate_service_name(name: &str, name_use: NameUse) -> seatrial_api::names::Messages {
    if name.contains('.') { vec!["must not contain dots".into()] } else { name_is_dns_label(name, name_use) }
}

/// A Service to be created. Mirrors `ValidateServiceCreate`.
#[must_use]
pub fn validate_service(service: &Service) -> ErrorList {
    let meta = &service.metadata;
    let mut errs = validate_object_meta(meta, Scope::Namespaced, validate_service_name, &METADATA);
    validate_service_spec(&mut errs, service);
    errs
}

/// A Service to be replaced. Mirrors `ValidateServiceUpdate`.
#[must_use]
pub fn validate_service_update(new: &Service, old: &Service) -> ErrorList {
    let mut errs = validate_object_meta_update(&new.metadata, &old.metadata, &METADATA);
    let (new_spec, old_spec) = (new.spec.clone().unwrap_or_default(), old.spec.clone().unwrap_or_default());
    cluster_ips::validate_upgrade_downgrade_cluster_ips(&mut errs, &new_spec, &old_spec);
    cluster_ips::validate_upgrade_downgrade_ip_families(&mut errs, &new_spec, &old_spec);
    validate_load_balancer_class_field(&mut errs, &new_spec, Some(&old_spec));
    traffic::validate_service_external_traffic_fields_update(&mut errs, &new_spec, &old_spec);
    validate_service_spec(&mut errs, new);
    errs
}

/// Mirrors the check of both names of the annotation in `ValidateService`.
fn validate_topology_annotations(errs: &mut ErrorList, service: &Service) {
    let annotation = |key: &str| service.metadata.annotations.as_ref()?.get(key);
    let both = annotation(TOPOLOGY_MODE_ANNOTATION).zip(annotation(TOPOLOGY_AWARE_HINTS_ANNOTATION));
    if let Some((mode, _)) = both.filter(|(mode, hints)| mode != hints) {
        let path = METADATA.child("annotations");
        let detail = format!("must match annotations[{TOPOLOGY_AWARE_HINTS_ANNOTATION}] when both are specified");
        errs.push(Error::invalid(&path.key(TOPOLOGY_MODE_ANNOTATION), mode, detail));
    }
}

fn validate_service_spec(errs: &mut ErrorList, service: &Service) {
    validate_topology_annotations(errs, service);
    let spec = &service.spec.clone().unwrap_or_default();
    let ports = items(&spec.ports);
    let ports_path = SPEC.child("ports");
    let kind = text(&spec.type_);
    if ports.is_empty() && !is_headless_service(spec) && kind != "ExternalName" {
        errs.push(Error::required(&ports_path, ""));
    }
    validate_type_fields(errs, spec);
    let mut names = BTreeSet::new();
    for (index, port) in ports.iter().enumerate() {
        validate_service_port(errs, port, ports.len() > 1, &mut names, &ports_path.index(index));
    }
    validate_labels(errs, spec.selector.as_ref(), &SPEC.child("selector"));
    validate_session_affinity(errs, spec);
    validate_service_cluster_ips_related_fields(errs, spec);
    let external_ips_path = SPEC.child("externalIPs");
    for (index, address) in items(&spec.external_ips).iter().enumerate() {
        let path = external_ips_path.index(index);
        if validate_ip(errs, address, &path) {
            validate_non_special_ip(errs, address, &path);
        }
    }
    validate_required_supported(errs, kind, &SERVICE_TYPES, &SPEC.child("type"));
    validate_node_ports(errs, spec);
    validate_ports_are_unique(errs, ports, &ports_path);
    validate_source_ranges(errs, service, spec);
    validate_allocate_load_balancer_node_ports(errs, spec);
    validate_load_balancer_class_field(errs, spec, None);
    traffic::validate_service_external_traffic_policy(errs, spec);
    traffic::validate_service_internal_traffic_fields_value(errs, spec);
    traffic::validate_service_traffic_distribution(errs, spec);
}

fn validate_type_fields(errs: &mut ErrorList, spec: &ServiceSpec) {
    let kind = text(&spec.type_);
    match kind {
        "LoadBalancer" | "NodePort" if is_headless_service(spec) => {
            let path = SPEC.child("clusterIPs");
            let detail = format!("may not be set to 'None' for {kind} services");
            errs.push(Error::invalid(&path.index(0), CLUSTER_IP_NONE, detail));
        }
        "ExternalName" => {
            for (field, is_set) in [
                ("clusterIPs", !items(&spec.cluster_ips).is_empty()),
                ("ipFamilies", !items(&spec.ip_families).is_empty()),
                ("ipFamilyPolicy", spec.ip_family_policy.is_some()),
            ] {
                if is_set {
                    errs.push(Error::forbidden(&SPEC.child(field), "may not be set for ExternalName services"));
                }
            }
            let path = SPEC.child("externalName");
            let name = text(&spec.external_name);
            let name = name.strip_suffix('.').unwrap_or(name);
            if name.is_empty() {
                errs.push(Error::required(&path, ""));
            } else {
                invalid_each(errs, &path, name, is_dns1123_subdomain(name));
            }
        }
        _ => {}
    }
}

/// Mirrors `validateServicePort`.
fn validate_service_port<'a>(
    errs: &mut ErrorList,
    port: &'a ServicePort,
    requires_name: bool,
    names: &mut BTreeSet<&'a str>,
    path: &Path<'_>,
) {
    let name = text(&port.name);
    let name_path = path.child("name");
    if !name.is_empty() {
        invalid_each(errs, &name_path, name, is_dns1123_label(name));
        if !names.insert(name) {
            errs.push(Error::duplicate(&name_path, name));
        }
    } else if requires_name {
        errs.push(Error::required(&name_path, ""));
    }
    invalid_number_each(errs, &path.child("port"), i64::from(port.port), is_valid_port_num(port.port));
    validate_required_supported(errs, text(&port.protocol), &PROTOCOLS, &path.child("protocol"));
    let target_path = path.child("targetPort");
    match port.target_port.as_ref().unwrap_or(&IntOrString::Int(0)) {
        IntOrString::Int(number) => {
            invalid_number_each(errs, &target_path, i64::from(*number), is_valid_port_num(*number));
        }
        IntOrString::String(name) => invalid_each(errs, &target_path, name, is_valid_port_name(name)),
    }
    if let Some(protocol) = &port.app_protocol {
        invalid_each(errs, &path.child("appProtocol"), protocol, is_qualified_name(protocol));
    }
}

fn validate_session_affinity(errs: &mut ErrorList, spec: &ServiceSpec) {
    let affinity = text(&spec.session_affinity);
    validate_required_supported(errs, affinity, &SESSION_AFFINITIES, &SPEC.child("sessionAffinity"));
    let path = SPEC.child("sessionAffinityConfig");
    match (affinity, &spec.session_affinity_config) {
        ("ClientIP", config) => {
            let client_ip = config.as_ref().and_then(|config| config.client_ip.as_ref());
            let path = path.child("clientIP");
            let seconds_path = path.child("timeoutSeconds");
            match client_ip.and_then(|client_ip| client_ip.timeout_seconds) {
                None => errs.push(Error::required(&seconds_path, "")),
                Some(1..=CLIENT_IP_SERVICE_AFFINITY_SECONDS_MAX) => {}
                Some(seconds) => {
                    let detail =
                        format!("must be greater than 0 and less than {CLIENT_IP_SERVICE_AFFINITY_SECONDS_MAX}");
                    errs.push(Error::invalid(&seconds_path, seconds, detail));
                }
            }
        }
        ("None", Some(_)) => {
            errs.push(Error::forbidden(&path, "must not be set when session affinity is None"));
        }
        _ => {}
    }
}

fn validate_node_ports(errs: &mut ErrorList, spec: &ServiceSpec) {
    let ports_path = SPEC.child("ports");
    let ports = || {
        let numbers = items(&spec.ports).iter().map(|port| port.node_port.unwrap_or_default());
        numbers.enumerate().filter(|(_, number)| *number != 0)
    };
    if text(&spec.type_) == "ClusterIP" {
        for (index, _) in ports() {
            let path = ports_path.index(index);
            errs.push(Error::forbidden(&path.child("nodePort"), "may not be used when `type` is 'ClusterIP'"));
        }
    }
    let mut seen = BTreeSet::new();
    for (index, number) in ports() {
        let protocol = text(&items(&spec.ports)[index].protocol);
        if !seen.insert((protocol, number)) {
            let path = ports_path.index(index);
            errs.push(Error::duplicate(&path.child("nodePort"), number));
        }
    }
}

/// The port as upstream's internal type prints itself when only what has to be unique is set.
#[derive(serde::Serialize)]
#[serde(rename_all = "PascalCase")]
struct GoServicePort<'a> {
    name: &'static str,
    protocol: &'a str,
    app_protocol: Option<()>,
    port: i32,
    target_port: i32,
    node_port: i32,
}

fn validate_ports_are_unique(errs: &mut ErrorList, ports: &[ServicePort], path: &Path<'_>) {
    let mut seen = BTreeSet::new();
    for (index, port) in ports.iter().enumerate() {
        let protocol = text(&port.protocol);
        if !seen.insert((protocol, port.port)) {
            let key =
                GoServicePort { name: "", protocol, app_protocol: None, port: port.port, target_port: 0, node_port: 0 };
            errs.push(Error::duplicate(&path.index(index), BadValue::json(&key)));
        }
    }
}

/// The ranges in the field, or else those in the annotation, which came first.
fn validate_source_ranges(errs: &mut ErrorList, service: &Service, spec: &ServiceSpec) {
    let is_balancer = text(&spec.type_) == "LoadBalancer";
    let ranges = items(&spec.load_balancer_source_ranges);
    let annotation = service.metadata.annotations.as_ref().and_then(|a| a.get(SOURCE_RANGES_ANNOTATION));
    if !ranges.is_empty() {
        let path = SPEC.child("LoadBalancerSourceRanges");
        if !is_balancer {
            errs.push(Error::forbidden(&path, ONLY_FOR_LOAD_BALANCERS));
        }
        for (index, range) in ranges.iter().enumerate() {
            validate_cidr(errs, range.trim(), &path.index(index));
        }
    } else if let Some(annotation) = annotation {
        let path = METADATA.child("annotations");
        let path = path.key(SOURCE_RANGES_ANNOTATION);
        if !is_balancer {
            errs.push(Error::forbidden(&path, ONLY_FOR_LOAD_BALANCERS));
        }
        if !annotation.trim().is_empty() {
            annotation.trim().split(',').for_each(|range| validate_cidr(errs, range.trim(), &path));
        }
    }
}

fn validate_allocate_load_balancer_node_ports(errs: &mut ErrorList, spec: &ServiceSpec) {
    let field = "allocateLoadBalancerNodePorts";
    match (text(&spec.type_) == "LoadBalancer", spec.allocate_load_balancer_node_ports) {
        (false, Some(_)) => errs.push(Error::forbidden(&SPEC.child(field), ONLY_FOR_LOAD_BALANCERS)),
        (true, None) => errs.push(Error::required(&Path::new(field), "")),
        _ => {}
    }
}

/// Mirrors `validateLoadBalancerClassField`.
fn validate_load_balancer_class_field(errs: &mut ErrorList, new: &ServiceSpec, old: Option<&ServiceSpec>) {
    let path = SPEC.child("loadBalancerClass");
    let is_balancer = |spec: &ServiceSpec| text(&spec.type_) == "LoadBalancer";
    let class = &new.load_balancer_class;
    if old.is_some_and(|old| is_balancer(old) && is_balancer(new) && old.load_balancer_class != *class) {
        let value = class.as_ref().map_or(BadValue::Null, BadValue::from);
        errs.push(Error::invalid(&path, value, "may not change once set"));
    }
    match class {
        Some(class) if is_balancer(new) => invalid_each(errs, &path, class, is_qualified_name(class)),
        Some(_) => errs.push(Error::forbidden(&path, ONLY_FOR_LOAD_BALANCERS)),
        None => {}
    }
}

#[cfg(test)]
mod tests;
