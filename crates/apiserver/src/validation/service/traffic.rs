//! Traffic policies and health check ports of Services.
//!
//! Mirrors `validateServiceExternalTrafficPolicy` and its neighbours in pkg/apis/core/validation (v1.36).

use k8s_openapi::api::core::v1::ServiceSpec;
use seatrial_api::field::{Error, ErrorList, Path};
use seatrial_api::names::is_valid_port_num;

use crate::service::{externally_accessible, needs_health_check};
use crate::validation::{invalid_number_each, text, validate_required_supported, validate_supported};

const SPEC: Path<'static> = Path::new("spec");
const TRAFFIC_POLICIES: [&str; 2] = ["Cluster", "Local"];
const TRAFFIC_DISTRIBUTIONS: [&str; 3] = ["PreferClose", "PreferSameNode", "PreferSameZone"];

/// Mirrors `validateServiceExternalTrafficPolicy`.
pub(super) fn validate_service_external_traffic_policy(errs: &mut ErrorList, spec: &ServiceSpec) {
    let path = SPEC.child("externalTrafficPolicy");
    let policy = text(&spec.external_traffic_policy);
    if externally_accessible(spec) {
        validate_required_supported(errs, policy, &TRAFFIC_POLICIES, &path);
    } else if !policy.is_empty() {
        errs.push(Error::invalid(&path, policy, "may only be set for externally-accessible services"));
    }
    let path = SPEC.child("healthCheckNodePort");
    let port = spec.health_check_node_port.unwrap_or_default();
    match (needs_health_check(spec), port) {
        (false, 0) => {}
        (false, _) => {
            let detail = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
            errs.push(Error::invalid(&path, port, detail));
        }
        (true, 0) => errs.push(Error::required(&path, "")),
        (true, _) => invalid_number_each(errs, &path, i64::from(port), is_valid_port_num(port)),
    }
}

/// Mirrors `validateServiceExternalTrafficFieldsUpdate`.
pub(super) fn validate_service_external_traffic_fields_update(
    errs: &mut ErrorList,
    new: &ServiceSpec,
    old: &ServiceSpec,
) {
    let is_changed = new.health_check_node_port != old.health_check_node_port;
    if needs_health_check(old) && needs_health_check(new) && is_changed {
        errs.push(Error::forbidden(&SPEC.child("healthCheckNodePort"), "field is immutable"));
    }
}

/// Mirrors `validateServiceInternalTrafficFieldsValue`.
pub(super) fn validate_service_internal_traffic_fields_value(errs: &mut ErrorList, spec: &ServiceSpec) {
    let path = SPEC.child("internalTrafficPolicy");
    match &spec.internal_traffic_policy {
        Some(policy) => validate_supported(errs, policy, &TRAFFIC_POLICIES, &path),
        None if matches!(text(&spec.type_), "NodePort" | "LoadBalancer" | "ClusterIP") => {
            errs.push(Error::required(&path, ""));
        }
        None => {}
    }
}

/// Mirrors `validateServiceTrafficDistribution`.
pub(super) fn validate_service_traffic_distribution(errs: &mut ErrorList, spec: &ServiceSpec) {
    if let Some(distribution) = &spec.traffic_distribution {
        validate_supported(errs, distribution, &TRAFFIC_DISTRIBUTIONS, &SPEC.child("trafficDistribution"));
    }
}
