//! Validation of StorageClasses.
//!
//! Mirrors pkg/apis/storage/validation (v1.36).

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{TopologySelectorLabelRequirement, TopologySelectorTerm};
use k8s_openapi::api::storage::v1::StorageClass;
use seatrial_api::field::{BadValue, Error, ErrorList, Path};
use seatrial_api::names::{is_qualified_name, name_is_dns_subdomain};

use super::meta::{Scope, validate_label_name, validate_object_meta, validate_object_meta_update};
use super::{invalid_each, items, text, validate_immutable_field, validate_supported};

const METADATA: Path<'static> = Path::new("metadata");
const RECLAIM_POLICIES: [&str; 2] = ["Delete", "Retain"];
const VOLUME_BINDING_MODES: [&str; 2] = ["Immediate", "WaitForFirstConsumer"];
const PARAMETERS_MAX: usize = 512;
const PARAMETERS_BYTES_MAX: usize = 256 * 1024;

/// A StorageClass to be created. Mirrors `ValidateStorageClass`.
#[must_use]
pub fn validate_storage_class(class: &StorageClass) -> ErrorList {
    let mut errs = validate_object_meta(&class.metadata, Scope::Cluster, name_is_dns_subdomain, &METADATA);
    let path = Path::new("provisioner");
    if class.provisioner.is_empty() {
        errs.push(Error::required(&path, ""));
    } else {
        let name = class.provisioner.to_lowercase();
        invalid_each(&mut errs, &path, &name, is_qualified_name(&name));
    }
    validate_parameters(&mut errs, class.parameters.as_ref(), &Path::new("parameters"));
    let policy = text(&class.reclaim_policy);
    if !policy.is_empty() {
        validate_supported(&mut errs, policy, &RECLAIM_POLICIES, &Path::new("reclaimPolicy"));
    }
    let path = Path::new("volumeBindingMode");
    match &class.volume_binding_mode {
        None => errs.push(Error::required(&path, "")),
        Some(mode) => validate_supported(&mut errs, mode, &VOLUME_BINDING_MODES, &path),
    }
    validate_allowed_topologies(&mut errs, items(&class.allowed_topologies), &Path::new("allowedTopologies"));
    errs
}

/// A StorageClass to be replaced. Mirrors `ValidateStorageClassUpdate`.
#[must_use]
pub fn validate_storage_class_update(new: &StorageClass, old: &StorageClass) -> ErrorList {
    let mut errs = validate_object_meta_update(&new.metadata, &old.metadata, &METADATA);
    let parameters = |class: &StorageClass| class.parameters.clone().unwrap_or_default();
    let path = Path::new("parameters");
    validate_immutable_field(&mut errs, &parameters(new), &parameters(old), &path, |value| {
        if value.is_empty() { BadValue::Bare("null".to_owned()) } else { BadValue::json(value) }
    });
    for (field, new, old) in [
        ("provisioner", new.provisioner.as_str(), old.provisioner.as_str()),
        ("reclaimPolicy", text(&new.reclaim_policy), text(&old.reclaim_policy)),
        ("volumeBindingMode", text(&new.volume_binding_mode), text(&old.volume_binding_mode)),
    ] {
        validate_immutable_field(&mut errs, &new, &old, &Path::new(field), |&value| value.into());
    }
    errs
}

fn validate_parameters(errs: &mut ErrorList, parameters: Option<&BTreeMap<String, String>>, path: &Path<'_>) {
    let Some(parameters) = parameters else { return };
    if parameters.len() > PARAMETERS_MAX {
        errs.push(Error::too_long(path, PARAMETERS_MAX));
        return;
    }
    if parameters.contains_key("") {
        errs.push(Error::invalid(path, "", "field can not be empty."));
    }
    let size: usize = parameters.iter().map(|(key, value)| key.len() + value.len()).sum();
    if size > PARAMETERS_BYTES_MAX {
        errs.push(Error::too_long(path, PARAMETERS_BYTES_MAX));
    }
}

/// Mirrors `validateAllowedTopologies`.
fn validate_allowed_topologies(errs: &mut ErrorList, terms: &[TopologySelectorTerm], path: &Path<'_>) {
    let mut seen: Vec<BTreeMap<&str, BTreeSet<&str>>> = Vec::new();
    for (index, term) in terms.iter().enumerate() {
        let path = path.index(index);
        let path = path.child("matchLabelExpressions");
        let values_by_key = validate_topology_selector_term(errs, term, &path);
        for _ in seen.iter().filter(|other| **other == values_by_key) {
            errs.push(Error::duplicate(&path, ""));
        }
        seen.push(values_by_key);
    }
}

/// Mirrors `ValidateTopologySelectorTerm`.
fn validate_topology_selector_term<'a>(
    errs: &mut ErrorList,
    term: &'a TopologySelectorTerm,
    path: &Path<'_>,
) -> BTreeMap<&'a str, BTreeSet<&'a str>> {
    let mut values_by_key = BTreeMap::new();
    for (index, requirement) in items(&term.match_label_expressions).iter().enumerate() {
        let path = path.index(index);
        if values_by_key.contains_key(requirement.key.as_str()) {
            errs.push(Error::duplicate(&path.child("key"), &requirement.key));
        }
        let values = validate_topology_selector_label_requirement(errs, requirement, &path);
        values_by_key.insert(requirement.key.as_str(), values);
    }
    values_by_key
}

fn validate_topology_selector_label_requirement<'a>(
    errs: &mut ErrorList,
    requirement: &'a TopologySelectorLabelRequirement,
    path: &Path<'_>,
) -> BTreeSet<&'a str> {
    let values_path = path.child("values");
    let mut values = BTreeSet::new();
    if requirement.values.is_empty() {
        errs.push(Error::required(&values_path, ""));
    }
    for (index, value) in requirement.values.iter().enumerate() {
        if !values.insert(value.as_str()) {
            errs.push(Error::duplicate(&values_path.index(index), value));
        }
    }
    validate_label_name(errs, &requirement.key, &path.child("key"));
    values
}

#[cfg(test)]
mod tests;
