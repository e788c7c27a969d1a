//! Defaults of lists of quantities.
//!
//! Mirrors `SetDefaults_ResourceList` and the copying of limits to requests in
//! pkg/apis/core/v1/defaults.go (v1.36).

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{PodSpec, ResourceRequirements};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use seatrial_api::quantity;

/// Quantities by the name of the resource.
type ResourceList = BTreeMap<String, Quantity>;

/// Adds the entries of `from` which `list` does not have.
pub(super) fn fill_resource_list(list: &mut Option<ResourceList>, from: Option<&ResourceList>) {
    for (name, quantity) in from.into_iter().flatten() {
        let list = list.get_or_insert_default();
        if !list.contains_key(name) {
            list.insert(name.clone(), quantity.clone());
        }
    }
}

/// A limit without a request is also the request; only for Pods, not for templates.
pub(super) fn requests_from_limits(resources: &mut ResourceRequirements) {
    let ResourceRequirements { limits, requests, .. } = resources;
    fill_resource_list(requests, limits.as_ref());
}

/// Rounds each quantity up to thousandths and writes it in its canonical form.
/// Mirrors `SetDefaults_ResourceList`.
pub(super) fn set_defaults_resource_list(list: Option<&mut ResourceList>) {
    for quantity in list.into_iter().flat_map(BTreeMap::values_mut) {
        if let Ok(parsed) = quantity::Quantity::try_from(&*quantity) {
            *quantity = parsed.round_up_milli().into();
        }
    }
}

/// Writes a quantity in its canonical form, as decoding does.
pub(super) fn canonicalize(quantity: &mut Quantity) {
    if let Ok(parsed) = quantity::Quantity::try_from(&*quantity) {
        *quantity = parsed.into();
    }
}

/// Pod-level requests, where pod-level limits are given: what the containers request together,
/// else the limit. Mirrors `defaultPodRequests`.
pub(super) fn set_defaults_pod_requests(spec: &mut PodSpec) {
    let Some(limits) = spec.resources.as_ref().and_then(|resources| resources.limits.clone()) else {
        return;
    };
    if limits.is_empty() {
        return;
    }
    let containers = aggregate_container_requests(spec);
    let requests = &mut spec.resources.get_or_insert_default().requests;
    for (name, quantity) in containers.iter().chain(&limits) {
        let list = requests.get_or_insert_default();
        if is_supported_pod_level_resource(name) && !list.contains_key(name) {
            list.insert(name.clone(), quantity.clone());
        }
    }
    if requests.as_ref().is_some_and(BTreeMap::is_empty) {
        *requests = None;
    }
}

fn is_supported_pod_level_resource(name: &str) -> bool {
    matches!(name, "cpu" | "memory") || name.starts_with("hugepages-")
}

/// What the containers of a pod request at most at one time: all containers with all sidecars, or
/// an init container with the sidecars before it. Mirrors `AggregateContainerRequests`.
fn aggregate_container_requests(spec: &PodSpec) -> ResourceList {
    let mut total = Amounts::new();
    let mut sidecars = Amounts::new();
    let mut init_peak = Amounts::new();
    for container in &spec.containers {
        add(&mut total, container.resources.as_ref());
    }
    for container in spec.init_containers.iter().flatten() {
        let mut needed = sidecars.clone();
        add(&mut needed, container.resources.as_ref());
        if container.restart_policy.as_deref() == Some("Always") {
            add(&mut total, container.resources.as_ref());
            sidecars = needed.clone();
        }
        raise(&mut init_peak, &needed);
    }
    raise(&mut total, &init_peak);
    total.into_iter().map(|(name, quantity)| (name, quantity.into())).collect()
}

/// Parsed quantities by the name of the resource.
type Amounts = BTreeMap<String, quantity::Quantity>;

fn add(amounts: &mut Amounts, resources: Option<&ResourceRequirements>) {
    let requests = resources.and_then(|resources| resources.requests.as_ref());
    for (name, quantity) in requests.into_iter().flatten() {
        let Ok(quantity) = quantity::Quantity::try_from(quantity) else { continue };
        let sum = amounts.get(name).map_or(quantity, |amount| amount.add(&quantity));
        amounts.insert(name.clone(), sum);
    }
}

fn raise(amounts: &mut Amounts, to: &Amounts) {
    for (name, quantity) in to {
        if amounts.get(name).is_none_or(|amount| amount.cmp_value(quantity).is_lt()) {
            amounts.insert(name.clone(), *quantity);
        }
    }
}
