//! Validation of PersistentVolumeClaims.
//!
//! Mirrors `ValidatePersistentVolumeClaim` in pkg/apis/core/validation (v1.36).
//! Differs: a refused change of the spec does not show the difference, which only Go's types can spell.

use k8s_openapi::api::core::v1::{PersistentVolumeClaim, PersistentVolumeClaimSpec, TypedObjectReference};
use seatrial_api::field::{Error, ErrorList, Path};
use seatrial_api::names::{NameUse, is_dns1123_subdomain, is_qualified_name, name_is_dns_label, name_is_dns_subdomain};
use seatrial_api::quantity::{Format, Quantity};

use super::meta::{Scope, validate_object_meta, validate_object_meta_update};
use super::persistent_volume::{VOLUME_MODES, validate_access_modes, validate_class_name};
use super::resources::{ResourceList, parsed};
use super::{
    FIELD_IMMUTABLE_ERROR_MSG, IS_NEGATIVE_ERROR_MSG, IS_NOT_POSITIVE_ERROR_MSG, invalid_each, items,
    semantically_equal, text, validate_immutable_field, validate_label_selector, validate_supported,
};

const METADATA: Path<'static> = Path::new("metadata");
const SPEC: Path<'static> = Path::new("spec");
/// Where the class was named before there was a field for it.
pub(crate) const BETA_STORAGE_CLASS_ANNOTATION: &str = "volume.beta.kubernetes.io/storage-class";
const RESIZE_STATUSES: [&str; 5] = [
    "ControllerResizeInProgress",
    "ControllerResizeInfeasible",
    "NodeResizeInProgress",
    "NodeResizeInfeasible",
    "NodeResizePending",
];

/// A PersistentVolumeClaim to be created. Mirrors `ValidatePersistentVolumeClaim`.
#[must_use]
pub fn validate_persistent_volume_claim(claim: &PersistentVolumeClaim) -> ErrorList {
    let meta = &claim.metadata;
    let mut errs = validate_object_meta(meta, Scope::Namespaced, name_is_dns_subdomain, &METADATA);
    validate_persistent_volume_claim_spec(&mut errs, &claim.spec.clone().unwrap_or_default(), &SPEC);
    errs
}

/// Mirrors `ValidatePersistentVolumeClaimSpec`.
pub(super) fn validate_persistent_volume_claim_spec(
    errs: &mut ErrorList,
    spec: &PersistentVolumeClaimSpec,
    path: &Path<'_>,
) {
    let modes_path = path.child("accessModes");
    if items(&spec.access_modes).is_empty() {
        errs.push(Error::required(&modes_path, "at least 1 access mode is required"));
    }
    if let Some(selector) = &spec.selector {
        validate_label_selector(errs, selector, &path.child("selector"));
    }
    validate_access_modes(errs, items(&spec.access_modes), &modes_path);
    let resources_path = path.child("resources");
    let storage_path = resources_path.key("storage");
    match storage(requests(spec)) {
        None => errs.push(Error::required(&storage_path, "")),
        Some(size) if size.sign() <= 0 => {
            errs.push(Error::invalid(&storage_path, size.to_string(), IS_NOT_POSITIVE_ERROR_MSG));
        }
        Some(_) => {}
    }
    validate_class_name(errs, text(&spec.storage_class_name), &path.child("storageClassName"));
    if let Some(mode) = &spec.volume_mode {
        validate_supported(errs, mode, &VOLUME_MODES, &path.child("volumeMode"));
    }
    validate_data_sources(errs, spec, path);
    let class = text(&spec.volume_attributes_class_name);
    validate_class_name(errs, class, &path.child("volumeAttributesClassName"));
}

fn validate_data_sources(errs: &mut ErrorList, spec: &PersistentVolumeClaimSpec, path: &Path<'_>) {
    let local = spec.data_source.as_ref().map(|source| TypedObjectReference {
        api_group: source.api_group.clone(),
        kind: source.kind.clone(),
        name: source.name.clone(),
        namespace: None,
    });
    for (field, source) in [("dataSource", local.as_ref()), ("dataSourceRef", spec.data_source_ref.as_ref())] {
        if let Some(source) = source {
            validate_data_source(errs, source, &path.child(field));
        }
    }
    let Some((local, other)) = local.as_ref().zip(spec.data_source_ref.as_ref()) else { return };
    let why = if other.namespace.as_ref().is_some_and(|namespace| !namespace.is_empty()) {
        "may not be specified when dataSourceRef.namespace is specified"
    } else if (&local.api_group, &local.kind, &local.name) != (&other.api_group, &other.kind, &other.name) {
        "must match dataSourceRef"
    } else {
        return;
    };
    // Upstream's bad value is the path itself.
    errs.push(Error::invalid(path, path.child("dataSource").to_string(), why));
}

/// Mirrors `validateDataSource` and `validateDataSourceRef`.
fn validate_data_source(errs: &mut ErrorList, source: &TypedObjectReference, path: &Path<'_>) {
    for (field, value) in [("name", &source.name), ("kind", &source.kind)] {
        if value.is_empty() {
            errs.push(Error::required(&path.child(field), ""));
        }
    }
    let group = text(&source.api_group);
    if group.is_empty() && source.kind != "PersistentVolumeClaim" {
        let detail = "must be 'PersistentVolumeClaim' when referencing the default apiGroup";
        errs.push(Error::invalid(path, &source.kind, detail));
    }
    if !group.is_empty() {
        invalid_each(errs, &path.child("apiGroup"), group, is_dns1123_subdomain(group));
    }
    let namespace = text(&source.namespace);
    if !namespace.is_empty() {
        invalid_each(errs, &path.child("namespace"), namespace, name_is_dns_label(namespace, NameUse::Name));
    }
}

fn requests(spec: &PersistentVolumeClaimSpec) -> Option<&ResourceList> {
    spec.resources.as_ref().and_then(|resources| resources.requests.as_ref())
}

fn storage(list: Option<&ResourceList>) -> Option<Quantity> {
    parsed(list).find(|(name, _)| *name == "storage").map(|(_, quantity)| quantity)
}

/// A PersistentVolumeClaim to be replaced. Mirrors the strategy's `ValidateUpdate`, which validates the claim twice.
#[must_use]
pub fn validate_persistent_volume_claim_update(new: &PersistentVolumeClaim, old: &PersistentVolumeClaim) -> ErrorList {
    let mut errs = validate_object_meta_update(&new.metadata, &old.metadata, &METADATA);
    errs.extend(validate_persistent_volume_claim(new));
    errs.extend(validate_persistent_volume_claim(new));
    let (new_spec, old_spec) = (new.spec.clone().unwrap_or_default(), old.spec.clone().unwrap_or_default());
    validate_class_annotation_is_kept(&mut errs, new, old);
    if !semantically_equal(&comparable(new, old), &comparable_old(&new_spec, &old_spec)) {
        let detail = "spec is immutable after creation except resources.requests and volumeAttributesClassName for \
                      bound claims";
        errs.push(Error::forbidden(&SPEC, detail));
    }
    let zero = Quantity::from_i64(0, Format::BinarySi);
    let (new_size, old_size) =
        (storage(requests(&new_spec)).unwrap_or(zero), storage(requests(&old_spec)).unwrap_or(zero));
    let capacity = old.status.as_ref().and_then(|status| storage(status.capacity.as_ref())).unwrap_or(zero);
    if new_size.cmp_value(&old_size).is_lt() && new_size.cmp_value(&capacity).is_le() {
        let path = SPEC.child("resources.requests.storage");
        errs.push(Error::forbidden(&path, "field can not be less than status.capacity"));
    }
    let (new_mode, old_mode) = (text(&new_spec.volume_mode), text(&old_spec.volume_mode));
    validate_immutable_field(&mut errs, &new_mode, &old_mode, &Path::new("volumeMode"), |&mode| mode.into());
    let path = SPEC.child("volumeAttributesClassName");
    match (&old_spec.volume_attributes_class_name, &new_spec.volume_attributes_class_name) {
        (Some(_), None) => errs.push(Error::forbidden(&path, "update from non-nil value to nil is forbidden")),
        (Some(old), Some(new)) if new.is_empty() && !old.is_empty() => {
            let detail = "update from non-nil value to an empty string is forbidden";
            errs.push(Error::forbidden(&path, detail));
        }
        _ => {}
    }
    errs
}

fn class_annotation(claim: &PersistentVolumeClaim) -> Option<&String> {
    claim.metadata.annotations.as_ref().and_then(|annotations| annotations.get(BETA_STORAGE_CLASS_ANNOTATION))
}

/// Whether the class moves from the annotation to the field. Mirrors `validateStorageClassUpgradeFromAnnotation`.
fn upgrades_from_annotation(new: &PersistentVolumeClaim, old: &PersistentVolumeClaim) -> bool {
    let class = |claim: &PersistentVolumeClaim| claim.spec.as_ref().and_then(|spec| spec.storage_class_name.clone());
    let Some(old_annotation) = class_annotation(old) else { return false };
    class(old).is_none()
        && class(new).as_ref() == Some(old_annotation)
        && class_annotation(new).is_none_or(|annotation| annotation == old_annotation)
}

fn validate_class_annotation_is_kept(errs: &mut ErrorList, new: &PersistentVolumeClaim, old: &PersistentVolumeClaim) {
    let annotation = |claim| class_annotation(claim).map(String::as_str).unwrap_or_default();
    if !upgrades_from_annotation(new, old) && annotation(new) != annotation(old) {
        let path = METADATA.child("annotations");
        let path = path.child(BETA_STORAGE_CLASS_ANNOTATION);
        errs.push(Error::invalid(&path, annotation(new), FIELD_IMMUTABLE_ERROR_MSG));
    }
}

/// The new spec without the changes that are allowed.
fn comparable(new: &PersistentVolumeClaim, old: &PersistentVolumeClaim) -> PersistentVolumeClaimSpec {
    let mut spec = new.spec.clone().unwrap_or_default();
    let old_spec = old.spec.clone().unwrap_or_default();
    let gets_class = old_spec.storage_class_name.is_none()
        && spec.storage_class_name.as_ref().is_some_and(|class| class_annotation(old).is_none_or(|a| a == class));
    if gets_class {
        spec.storage_class_name = None;
    }
    let is_bound = new.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Bound");
    if is_bound {
        let old_size = requests(&old_spec).and_then(|requests| requests.get("storage")).cloned();
        if let Some(requests) = spec.resources.as_mut().and_then(|resources| resources.requests.as_mut())
            && let Some(old_size) = old_size
        {
            requests.insert("storage".to_owned(), old_size);
        }
        if spec.volume_attributes_class_name.is_some() {
            spec.volume_attributes_class_name.clone_from(&old_spec.volume_attributes_class_name);
        }
    }
    spec
}

/// The old spec; the name of the volume may be set once.
fn comparable_old(new: &PersistentVolumeClaimSpec, old: &PersistentVolumeClaimSpec) -> PersistentVolumeClaimSpec {
    let mut spec = old.clone();
    if text(&spec.volume_name).is_empty() {
        spec.volume_name.clone_from(&new.volume_name);
    }
    spec
}

/// A claim whose status is to be replaced. Mirrors `ValidatePersistentVolumeClaimStatusUpdate`.
#[must_use]
pub fn validate_persistent_volume_claim_status_update(
    new: &PersistentVolumeClaim,
    old: &PersistentVolumeClaim,
) -> ErrorList {
    let mut errs = validate_object_meta_update(&new.metadata, &old.metadata, &METADATA);
    let modes = new.spec.as_ref().map(|spec| items(&spec.access_modes)).unwrap_or_default();
    if modes.is_empty() {
        errs.push(Error::required(&Path::new("Spec.accessModes"), ""));
    }
    let Some(status) = &new.status else { return errs };
    let status_path = Path::new("status");
    let capacity_path = status_path.child("capacity");
    for (name, quantity) in parsed(status.capacity.as_ref()) {
        validate_basic_resource(&mut errs, quantity, &capacity_path.key(name));
    }
    let path = status_path.child("allocatedResourceStatus");
    for (name, value) in status.allocated_resource_statuses.iter().flatten() {
        validate_claim_resource_key(&mut errs, name, &path);
        if !RESIZE_STATUSES.contains(&value.as_str()) {
            // Upstream's bad value is the name of the resource.
            errs.push(Error::not_supported(&path, name, &RESIZE_STATUSES));
        }
    }
    let path = status_path.child("allocatedResources");
    for (name, quantity) in parsed(status.allocated_resources.as_ref()) {
        let count = errs.len();
        validate_claim_resource_key(&mut errs, name, &path);
        if errs.len() == count && quantity.sign() < 0 {
            let path = path.key(name);
            validate_basic_resource(&mut errs, quantity, &path);
            if quantity.value() >= 0 {
                errs.push(Error::invalid(&path, quantity.to_string(), IS_NEGATIVE_ERROR_MSG));
            }
        }
    }
    errs
}

/// Mirrors `validateBasicResource`.
fn validate_basic_resource(errs: &mut ErrorList, quantity: Quantity, path: &Path<'_>) {
    if quantity.value() < 0 {
        errs.push(Error::invalid(path, quantity.value(), "must be a valid resource quantity"));
    }
}

/// Mirrors `validatePersistentVolumeClaimResourceKey`.
fn validate_claim_resource_key(errs: &mut ErrorList, name: &str, path: &Path<'_>) {
    let messages = is_qualified_name(name);
    if messages.is_empty() && (!name.contains('/') || name.contains("kubernetes.io/")) && name != "storage" {
        errs.push(Error::not_supported(path, name, &["storage"]));
    }
    invalid_each(errs, path, name, messages);
}

#[cfg(test)]
mod tests;
