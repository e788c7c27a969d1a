//! Validation of resource requirements.
//!
//! Mirrors `ValidateContainerResourceRequirements` in pkg/apis/core/validation and the names in
//! pkg/apis/core/helper (v1.36).

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{PodSpec, ResourceRequirements};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as ApiQuantity;
use seatrial_api::field::{Error, ErrorList, Path};
use seatrial_api::names::is_qualified_name;
use seatrial_api::quantity::Quantity;

use crate::pod_resources::{Part, is_supported_pod_level_resource, of_containers};

use super::container::ContainerContext;
use super::{IS_NEGATIVE_ERROR_MSG, IS_NOT_INTEGER_ERROR_MSG, invalid_each, items};

/// Quantities by the name of the resource.
pub(super) type ResourceList = BTreeMap<String, ApiQuantity>;

const HUGE_PAGES_PREFIX: &str = "hugepages-";
/// Resources that are counted in whole objects.
const INTEGER_RESOURCES: [&str; 9] = [
    "configmaps",
    "persistentvolumeclaims",
    "pods",
    "replicationcontrollers",
    "resourcequotas",
    "secrets",
    "services",
    "services.loadbalancers",
    "services.nodeports",
];
/// Resources that may be limited without being countable objects.
const COMPUTE_RESOURCES: [&str; 9] = [
    "cpu",
    "ephemeral-storage",
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
];

/// Mirrors `IsStandardResourceName`.
fn is_standard_resource_name(name: &str) -> bool {
    is_standard_quota_resource_name(name) || name == "storage"
}

/// Mirrors `IsStandardQuotaResourceName`.
pub(super) fn is_standard_quota_resource_name(name: &str) -> bool {
    INTEGER_RESOURCES.contains(&name)
        || COMPUTE_RESOURCES.contains(&name)
        || name == "requests.storage"
        || name.starts_with(HUGE_PAGES_PREFIX)
        || name.starts_with("requests.hugepages-")
}

fn is_standard_container_resource_name(name: &str) -> bool {
    matches!(name, "cpu" | "memory" | "ephemeral-storage") || name.starts_with(HUGE_PAGES_PREFIX)
}

fn is_native_resource(name: &str) -> bool {
    !name.contains('/') || name.contains("kubernetes.io/")
}

/// Mirrors `IsExtendedResourceName`.
pub(crate) fn is_extended_resource_name(name: &str) -> bool {
    !is_native_resource(name)
        && !name.starts_with("requests.")
        && is_qualified_name(&format!("requests.{name}")).is_empty()
}

pub(super) fn is_overcommit_allowed(name: &str) -> bool {
    is_native_resource(name) && !name.starts_with(HUGE_PAGES_PREFIX)
}

/// Mirrors `validateResourceName`.
pub(super) fn validate_resource_name(errs: &mut ErrorList, name: &str, path: &Path<'_>) {
    let messages = is_qualified_name(name);
    if messages.is_empty() && !name.contains('/') && !is_standard_resource_name(name) {
        let detail = "must be a standard resource type or fully qualified";
        errs.push(Error::invalid(path, name, detail));
    }
    invalid_each(errs, path, name, messages);
}

/// Mirrors `validateContainerResourceName`.
fn validate_container_resource_name(errs: &mut ErrorList, name: &str, path: &Path<'_>) {
    validate_resource_name(errs, name, path);
    if !name.contains('/') {
        if !is_standard_container_resource_name(name) {
            let detail = "must be a standard resource for containers";
            errs.push(Error::invalid(path, name, detail));
        }
    } else if !is_native_resource(name) && !is_extended_resource_name(name) {
        let detail = "doesn't follow extended resource name standard";
        errs.push(Error::invalid(path, name, detail));
    }
}

/// Mirrors `validatePodResourceName`.
fn validate_pod_resource_name(errs: &mut ErrorList, name: &str, path: &Path<'_>) {
    let count = errs.len();
    validate_resource_name(errs, name, path);
    if errs.len() == count && !is_supported_pod_level_resource(name) {
        errs.push(Error::not_supported(path, name, &["cpu", "hugepages-", "memory"]));
    }
}

/// Mirrors `ValidateResourceQuantityValue`.
pub(super) fn validate_resource_quantity_value(errs: &mut ErrorList, name: &str, value: Quantity, path: &Path<'_>) {
    if value.sign() < 0 {
        errs.push(Error::invalid(path, value.to_string(), IS_NEGATIVE_ERROR_MSG));
    }
    let is_integer = INTEGER_RESOURCES.contains(&name) || is_extended_resource_name(name);
    if is_integer && value.milli_value() % 1000 != 0 {
        errs.push(Error::invalid(path, value.to_string(), IS_NOT_INTEGER_ERROR_MSG));
    }
}

/// The parsed entries of a list; decoding has refused what cannot be parsed.
pub(super) fn parsed(list: Option<&ResourceList>) -> impl Iterator<Item = (&str, Quantity)> {
    list.into_iter()
        .flatten()
        .filter_map(|(name, quantity)| Quantity::try_from(quantity).ok().map(|quantity| (name.as_str(), quantity)))
}

/// Mirrors `ValidateContainerResourceRequirements`.
pub(super) fn validate_container_resource_requirements(
    errs: &mut ErrorList,
    cx: &ContainerContext<'_>,
    resources: Option<&ResourceRequirements>,
    path: &Path<'_>,
) {
    let Some(resources) = resources else { return };
    validate_limits_and_requests(errs, resources, validate_container_resource_name, path);
    let claims_path = path.child("claims");
    let mut seen = BTreeSet::new();
    for (index, claim) in items(&resources.claims).iter().enumerate() {
        let path = claims_path.index(index);
        if claim.name.is_empty() {
            errs.push(Error::required(&path.child("name"), ""));
            continue;
        }
        if !seen.insert((claim.name.as_str(), claim.request.as_deref())) {
            errs.push(Error::duplicate(&path, &claim.name));
        }
        if !cx.resource_claims.iter().any(|known| known.name == claim.name) {
            errs.push(Error::not_found(&path.child("name"), &claim.name));
        }
    }
}

fn validate_limits_and_requests(
    errs: &mut ErrorList,
    resources: &ResourceRequirements,
    validate_name: fn(&mut ErrorList, &str, &Path<'_>),
    path: &Path<'_>,
) {
    let limits_path = path.child("limits");
    let requests_path = path.child("requests");
    for (name, quantity) in parsed(resources.limits.as_ref()) {
        let path = limits_path.key(name);
        validate_name(errs, name, &path);
        validate_resource_quantity_value(errs, name, quantity, &path);
    }
    for (name, quantity) in parsed(resources.requests.as_ref()) {
        let path = requests_path.key(name);
        validate_name(errs, name, &path);
        validate_resource_quantity_value(errs, name, quantity, &path);
        let limit = parsed(resources.limits.as_ref()).find(|(limited, _)| *limited == name);
        match limit {
            Some((_, limit)) => validate_request_fits(errs, name, quantity, limit, &requests_path),
            None if is_overcommit_allowed(name) => {}
            None => {
                let detail = "Limit must be set for non overcommitable resources";
                errs.push(Error::required(&limits_path, detail));
            }
        }
    }
    let names: Vec<&str> =
        parsed(resources.limits.as_ref()).chain(parsed(resources.requests.as_ref())).map(|(name, _)| name).collect();
    let has_huge_pages = names.iter().any(|name| name.starts_with(HUGE_PAGES_PREFIX));
    if has_huge_pages && !names.iter().any(|name| matches!(*name, "cpu" | "memory")) {
        errs.push(Error::forbidden(path, "HugePages require cpu or memory"));
    }
}

/// What cannot be overcommitted has to be requested in full.
fn validate_request_fits(errs: &mut ErrorList, name: &str, request: Quantity, limit: Quantity, path: &Path<'_>) {
    let order = request.cmp_value(&limit);
    let relation = if order.is_ne() && !is_overcommit_allowed(name) {
        "equal to"
    } else if order.is_gt() {
        "less than or equal to"
    } else {
        return;
    };
    let detail = format!("must be {relation} {name} limit of {limit}");
    errs.push(Error::invalid(path, request.to_string(), detail));
}

/// Mirrors `validateOverhead`.
pub(super) fn validate_overhead(errs: &mut ErrorList, overhead: Option<&ResourceList>, path: &Path<'_>) {
    let Some(overhead) = overhead else { return };
    let resources = ResourceRequirements { limits: Some(overhead.clone()), ..ResourceRequirements::default() };
    validate_limits_and_requests(errs, &resources, validate_container_resource_name, path);
}

/// Mirrors `validatePodResources`: pod-level names, quantities, and what containers may exceed.
pub(super) fn validate_pod_resources(errs: &mut ErrorList, spec: &PodSpec, path: &Path<'_>) {
    let Some(resources) = &spec.resources else { return };
    if resources.claims.is_some() {
        let detail = "claims cannot be set for Resources at pod-level";
        errs.push(Error::forbidden(&path.child("claims"), detail));
    }
    validate_limits_and_requests(errs, resources, validate_pod_resource_name, path);
    let requests_path = path.child("requests");
    let zero = Quantity::ZERO;
    for (name, needed) in of_containers(spec, Part::Requests) {
        let given =
            parsed(resources.requests.as_ref()).find(|(other, _)| *other == name).map_or(zero, |(_, given)| given);
        if is_supported_pod_level_resource(&name) && needed.cmp_value(&given).is_gt() {
            let detail = format!("must be greater than or equal to aggregate container requests of {needed}");
            errs.push(Error::invalid(&requests_path.key(&name), given.to_string(), detail));
        }
    }
    let containers_path = path.child("containers");
    for (index, container) in spec.containers.iter().enumerate() {
        let limits = container.resources.as_ref().and_then(|r| r.limits.as_ref());
        for (name, limit) in parsed(limits) {
            let pod_limit = parsed(resources.limits.as_ref()).find(|(other, _)| *other == name);
            let Some((_, pod_limit)) = pod_limit else { continue };
            if limit.cmp_value(&pod_limit).is_gt() {
                let detail = format!("must be less than or equal to pod limits of {pod_limit}");
                let container_path = containers_path.index(index);
                let key_path = container_path.key(name);
                errs.push(Error::invalid(&key_path.child("limits"), limit.to_string(), detail));
            }
        }
    }
}
