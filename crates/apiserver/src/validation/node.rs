//! Validation of Nodes: names and taints.
//!
//! Mirrors `ValidateNode` and `validateNodeTaints` in pkg/apis/core/validation (v1.36).

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Node, Taint};
use seatrial_api::field::{BadValue, Error, ErrorList, Path};
use seatrial_api::names::{is_valid_label_value, name_is_dns_subdomain};

use super::meta::{Scope, validate_label_name, validate_object_meta, validate_object_meta_update};
use super::scheduling::TAINT_EFFECTS;
use super::{items, joined, text, validate_required_supported};

const METADATA: Path<'static> = Path::new("metadata");

/// A Node to be created. Mirrors `ValidateNode`; upstream reports taints below `metadata`.
#[must_use]
pub fn validate_node(node: &Node) -> ErrorList {
    let meta = &node.metadata;
    let mut errs = validate_object_meta(meta, Scope::Cluster, name_is_dns_subdomain, &METADATA);
    let taints = node.spec.as_ref().map(|spec| items(&spec.taints)).unwrap_or_default();
    validate_node_taints(&mut errs, taints, &METADATA.child("taints"));
    errs
}

/// A Node to be replaced. Mirrors `ValidateNodeUpdate`.
#[must_use]
pub fn validate_node_update(new: &Node, old: &Node) -> ErrorList {
    let mut errs = validate_object_meta_update(&new.metadata, &old.metadata, &METADATA);
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
