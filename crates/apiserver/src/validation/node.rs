//! Validation of Nodes: names, taints, amounts, addresses.
//!
//! Mirrors `ValidateNode`, `ValidateNodeUpdate` and `validateNodeTaints` in pkg/apis/core/validation (v1.36).

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Node, Taint};
use seatrial_api::field::{BadValue, Error, ErrorList, Path};
use seatrial_api::names::{is_valid_label_value, name_is_dns_subdomain};

use super::ip::validate_cidr;
use super::meta::{Scope, validate_label_name, validate_object_meta, validate_object_meta_update};
use super::resources::{parsed, validate_resource_quantity_value};
use super::scheduling::TAINT_EFFECTS;
use super::{items, joined, text, validate_required_supported};

const METADATA: Path<'static> = Path::new("metadata");
const STATUS: Path<'static> = Path::new("status");

/// A Node to be created. Mirrors `ValidateNode`; upstream reports taints below `metadata`.
#[must_use]
pub fn validate_node(node: &Node) -> ErrorList {
    let meta = &node.metadata;
    let mut errs = validate_object_meta(meta, Scope::Cluster, name_is_dns_subdomain, &METADATA);
    let taints = node.spec.as_ref().map(|spec| items(&spec.taints)).unwrap_or_default();
    validate_node_taints(&mut errs, taints, &METADATA.child("taints"));
    validate_node_resources(&mut errs, node);
    let cidrs = node.spec.as_ref().map(|spec| items(&spec.pod_cidrs)).unwrap_or_default();
    let path = Path::new("spec.podCIDRs");
    for (index, cidr) in cidrs.iter().enumerate() {
        validate_cidr(&mut errs, cidr, &path.index(index));
    }
    let is_dual_stack = cidrs.iter().any(|cidr| cidr.contains(':')) && cidrs.iter().any(|cidr| !cidr.contains(':'));
    if cidrs.len() > 2 || (cidrs.len() == 2 && !is_dual_stack) {
        let detail = "may specify no more than one CIDR for each IP family";
        errs.push(Error::invalid(&path, BadValue::json(&cidrs), detail));
    }
    errs
}

/// Mirrors `ValidateNodeResources`.
fn validate_node_resources(errs: &mut ErrorList, node: &Node) {
    let Some(status) = &node.status else { return };
    for (field, list) in [("capacity", &status.capacity), ("allocatable", &status.allocatable)] {
        let list_path = STATUS.child(field);
        for (name, quantity) in parsed(list.as_ref()) {
            validate_resource_quantity_value(errs, name, quantity, &list_path.child(name));
        }
    }
}

/// A Node to be replaced. Mirrors `ValidateNodeUpdate`.
#[must_use]
pub fn validate_node_update(new: &Node, old: &Node) -> ErrorList {
    let mut errs = validate_object_meta_update(&new.metadata, &old.metadata, &METADATA);
    validate_node_resources(&mut errs, new);
    let addresses = new.status.as_ref().map(|status| items(&status.addresses)).unwrap_or_default();
    let list_path = STATUS.child("addresses");
    for (index, address) in addresses.iter().enumerate().filter(|(index, a)| addresses[..*index].contains(a)) {
        errs.push(Error::duplicate(&list_path.index(index), BadValue::json(address)));
    }
    let cidrs = |node: &Node| node.spec.as_ref().map(|spec| items(&spec.pod_cidrs).to_vec()).unwrap_or_default();
    let (new_cidrs, old_cidrs) = (cidrs(new), cidrs(old));
    let detail = "node updates may not change podCIDR except from \"\" to valid";
    let path = Path::new("spec.podCIDRs");
    if new_cidrs.len() != old_cidrs.len() && !old_cidrs.is_empty() {
        errs.push(Error::forbidden(&path, detail));
    } else {
        let changed = old_cidrs.iter().zip(&new_cidrs).filter(|(old, new)| old != new);
        errs.extend(changed.map(|_| Error::forbidden(&path, detail)));
    }
    let provider = |node: &Node| node.spec.as_ref().map(|s| text(&s.provider_id).to_owned()).unwrap_or_default();
    let old_provider = provider(old);
    if !old_provider.is_empty() && provider(new) != old_provider {
        let detail = "node updates may not change providerID except from \"\" to valid";
        errs.push(Error::forbidden(&Path::new("spec.providerID"), detail));
    }
    let taints = new.spec.as_ref().map(|spec| items(&spec.taints)).unwrap_or_default();
    validate_node_taints(&mut errs, taints, &METADATA.child("taints"));
    errs
}

/// Mirrors `validateNodeTaints`.
fn validate_node_taints(errs: &mut ErrorList, taints: &[Taint], path: &Path<'_>) {
    let mut seen = BTreeSet::new();
    for (index, taint) in taints.iter().enumerate() {
        let path = path.index(index);
        validate_label_name(errs, &taint.key, &path.child("key"));
        let value = text(&taint.value);
        let messages = is_valid_label_value(value);
        if !messages.is_empty() {
            errs.push(Error::invalid(&path.child("value"), value, joined(&messages)));
        }
        validate_required_supported(errs, &taint.effect, &TAINT_EFFECTS, &path.child("effect"));
        if !seen.insert((taint.key.as_str(), taint.effect.as_str())) {
            let mut duplicate = Error::duplicate(&path, BadValue::json(taint));
            duplicate.detail = "taints must be unique by key and effect pair".to_owned();
            errs.push(duplicate);
        }
    }
}
