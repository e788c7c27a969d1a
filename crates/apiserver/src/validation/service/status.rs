//! The status of Services.
//!
//! Mirrors `ValidateServiceStatusUpdate` and `ValidateLoadBalancerStatus` in pkg/apis/core/validation (v1.36).

use k8s_openapi::api::core::v1::{LoadBalancerIngress, Service};
use seatrial_api::field::{Error, ErrorList, Path};
use seatrial_api::names::is_dns1123_subdomain;

use crate::validation::ip::{parse_ip_sloppy, validate_ip};
use crate::validation::{invalid_each, items, text, validate_object_meta_update, validate_supported};

const METADATA: Path<'static> = Path::new("metadata");
const STATUS: Path<'static> = Path::new("status");
const IP_MODES: [&str; 2] = ["Proxy", "VIP"];

/// A Service whose status is to be replaced. Mirrors `ValidateServiceStatusUpdate`.
#[must_use]
pub fn validate_service_status_update(new: &Service, old: &Service) -> ErrorList {
    let mut errs = validate_object_meta_update(&new.metadata, &old.metadata, &METADATA);
    let kind = new.spec.as_ref().map(|spec| text(&spec.type_)).unwrap_or_default();
    let balancer = new.status.as_ref().and_then(|status| status.load_balancer.as_ref());
    let ingress = balancer.map(|balancer| items(&balancer.ingress)).unwrap_or_default();
    let path = STATUS.child("loadBalancer");
    let path = path.child("ingress");
    if kind != "LoadBalancer" && !ingress.is_empty() {
        errs.push(Error::forbidden(&path, "may only be used when `spec.type` is 'LoadBalancer'"));
        return errs;
    }
    for (index, entry) in ingress.iter().enumerate() {
        validate_ingress(&mut errs, entry, &path.index(index));
    }
    errs
}

fn validate_ingress(errs: &mut ErrorList, entry: &LoadBalancerIngress, path: &Path<'_>) {
    let ip = text(&entry.ip);
    let mode_path = path.child("ipMode");
    if !ip.is_empty() {
        validate_ip(errs, ip, &path.child("ip"));
    }
    match (&entry.ip_mode, ip.is_empty()) {
        (None, false) => errs.push(Error::required(&mode_path, "must be specified when `ip` is set")),
        (Some(_), true) => errs.push(Error::forbidden(&mode_path, "may not be specified when `ip` is not set")),
        (Some(mode), false) => validate_supported(errs, mode, &IP_MODES, &mode_path),
        (None, true) => {}
    }
    let hostname = text(&entry.hostname);
    if !hostname.is_empty() {
        let path = path.child("hostname");
        invalid_each(errs, &path, hostname, is_dns1123_subdomain(hostname));
        if parse_ip_sloppy(hostname).is_some() {
            errs.push(Error::invalid(&path, hostname, "must be a DNS name, not an IP address"));
        }
    }
}
