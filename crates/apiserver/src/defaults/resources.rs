//! Defaults of lists of quantities.
//!
//! Mirrors `SetDefaults_ResourceList` and the copying of limits to requests in
//! pkg/apis/core/v1/defaults.go (v1.36).

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{PodSpec, ResourceRequirements};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use seatrial_api::quantity;

use crate::pod_resources::{Part, is_supported_pod_level_resource, of_containers};

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

/// Rounds each quantity up to thousandths and writes it as upstream prints it.
/// Mirrors `SetDefaults_ResourceList`.
pub(super) fn set_defaults_resource_list(list: Option<&mut ResourceList>) {
    for quantity in list.into_iter().flat_map(BTreeMap::values_mut) {
        if let Ok(text) = quantity::canonicalize_round_up_milli(&quantity.0) {
            quantity.0 = text;
        }
    }
}

/// Writes a quantity in its canonical form, as decoding does.
pub(super) fn canonicalize(quantity: &mut Quantity) {
    if let Ok(text) = quantity::canonicalize(&quantity.0) {
        quantity.0 = text;
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
    let containers: ResourceList =
        of_containers(spec, Part::Requests).into_iter().map(|(name, amount)| (name, amount.into())).collect();
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
