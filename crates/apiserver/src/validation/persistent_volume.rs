//! Validation of PersistentVolumes.
//!
//! Mirrors `ValidatePersistentVolume` in pkg/apis/core/validation and pkg/volume/validation (v1.36).
//! Sources of vendors are counted, but what is in them is not looked at.

use k8s_openapi::api::core::v1::{
    CSIPersistentVolumeSource, PersistentVolume, PersistentVolumeSpec, SecretReference, VolumeNodeAffinity,
};
use seatrial_api::field::{BadValue, Error, ErrorList, Path};
use seatrial_api::names::{NameUse, is_dns1123_label, is_dns1123_subdomain, name_is_dns_subdomain};

use super::meta::{Scope, validate_object_meta, validate_object_meta_update};
use super::resources::parsed;
use super::scheduling::validate_node_selector_term;
use super::volume::{validate_host_path_volume_source, validate_nfs_volume_source, validate_path_no_backsteps};
use super::{
    FIELD_IMMUTABLE_ERROR_MSG, IS_NOT_POSITIVE_ERROR_MSG, invalid_each, items, semantically_equal, text,
    validate_immutable_field, validate_supported,
};

const METADATA: Path<'static> = Path::new("metadata");
const SPEC: Path<'static> = Path::new("spec");
const ACCESS_MODES: [&str; 4] = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];
const RECLAIM_POLICIES: [&str; 3] = ["Delete", "Recycle", "Retain"];
pub(super) const VOLUME_MODES: [&str; 2] = ["Block", "Filesystem"];
const MOUNT_OPTION_ANNOTATION: &str = "volume.beta.kubernetes.io/mount-options";
const MORE_THAN_ONE: &str = "may not specify more than 1 volume type";
const CSI_DRIVER_NAME_LENGTH_MAX: usize = 63;

/// A PersistentVolume to be created. Mirrors the strategy's `Validate`.
#[must_use]
pub fn validate_persistent_volume(volume: &PersistentVolume) -> ErrorList {
    let mut errs = validate_volume(volume);
    check_mount_option(&mut errs, volume);
    errs
}

/// Mirrors `ValidatePersistentVolume`.
fn validate_volume(volume: &PersistentVolume) -> ErrorList {
    let mut errs = validate_object_meta(&volume.metadata, Scope::Cluster, name_is_dns_subdomain, &METADATA);
    validate_persistent_volume_spec(&mut errs, &volume.spec.clone().unwrap_or_default());
    errs
}

/// A PersistentVolume to be replaced. Mirrors the strategy's `ValidateUpdate`, which validates the volume twice.
#[must_use]
pub fn validate_persistent_volume_update(new: &PersistentVolume, old: &PersistentVolume) -> ErrorList {
    let mut errs = validate_persistent_volume(new);
    errs.extend(validate_volume(new));
    let (new, old) = (new.spec.clone().unwrap_or_default(), old.spec.clone().unwrap_or_default());
    let mut new_source = source_of(&new);
    if let (Some(new_csi), Some(old_csi)) = (&mut new_source.csi, &old.csi)
        && old_csi.controller_expand_secret_ref.is_none()
    {
        new_csi.controller_expand_secret_ref = None;
    }
    if !semantically_equal(&new_source, &source_of(&old)) {
        let detail = "spec.persistentvolumesource is immutable after creation";
        errs.push(Error::forbidden(&SPEC.child("persistentvolumesource"), detail));
    }
    let (new_mode, old_mode) = (text(&new.volume_mode), text(&old.volume_mode));
    validate_immutable_field(&mut errs, &new_mode, &old_mode, &Path::new("volumeMode"), |&mode| mode.into());
    if let Some(old_affinity) = &old.node_affinity {
        validate_node_affinity_is_kept(&mut errs, new.node_affinity.as_ref(), old_affinity);
    }
    if old.volume_attributes_class_name.is_some() && new.volume_attributes_class_name.is_none() {
        let path = SPEC.child("volumeAttributesClassName");
        errs.push(Error::forbidden(&path, "update from non-nil value to nil is forbidden"));
    }
    errs
}

/// A PersistentVolume whose status is to be replaced. Mirrors `ValidatePersistentVolumeStatusUpdate`.
#[must_use]
pub fn validate_persistent_volume_status_update(new: &PersistentVolume, old: &PersistentVolume) -> ErrorList {
    validate_object_meta_update(&new.metadata, &old.metadata, &METADATA)
}

/// What writing the PersistentVolume warns of. Mirrors pkg/api/persistentvolume.
#[must_use]
pub fn warnings_for_persistent_volume(volume: &PersistentVolume) -> Vec<String> {
    let policy = volume.spec.as_ref().and_then(|spec| spec.persistent_volume_reclaim_policy.as_deref());
    let recycles = policy == Some("Recycle");
    let warning = "spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the \
                   recommended approach is to use dynamic provisioning.";
    recycles.then(|| warning.to_owned()).into_iter().collect()
}

/// The source, with everything else left out.
fn source_of(spec: &PersistentVolumeSpec) -> PersistentVolumeSpec {
    PersistentVolumeSpec {
        access_modes: None,
        capacity: None,
        claim_ref: None,
        mount_options: None,
        node_affinity: None,
        persistent_volume_reclaim_policy: None,
        storage_class_name: None,
        volume_attributes_class_name: None,
        volume_mode: None,
        ..spec.clone()
    }
}

/// Known modes, and the mode for one pod only alone. Mirrors the loops that volumes and claims share.
pub(super) fn validate_access_modes(errs: &mut ErrorList, modes: &[String], path: &Path<'_>) {
    for mode in modes {
        validate_supported(errs, mode, &ACCESS_MODES, path);
    }
    let is_for_one_pod = |mode: &&String| *mode == "ReadWriteOncePod";
    let has_other = modes.iter().any(|mode| !is_for_one_pod(&mode) && ACCESS_MODES.contains(&mode.as_str()));
    if has_other && modes.iter().any(|mode| is_for_one_pod(&mode)) {
        errs.push(Error::forbidden(path, "may not use ReadWriteOncePod with other access modes"));
    }
}

/// Mirrors `ValidatePersistentVolumeSpec`.
fn validate_persistent_volume_spec(errs: &mut ErrorList, spec: &PersistentVolumeSpec) {
    let modes_path = SPEC.child("accessModes");
    if items(&spec.access_modes).is_empty() {
        errs.push(Error::required(&modes_path, ""));
    }
    validate_access_modes(errs, items(&spec.access_modes), &modes_path);
    validate_capacity(errs, spec);
    let policy = text(&spec.persistent_volume_reclaim_policy);
    let policy_path = SPEC.child("persistentVolumeReclaimPolicy");
    if !policy.is_empty() {
        validate_supported(errs, policy, &RECLAIM_POLICIES, &policy_path);
    }
    if let Some(affinity) = &spec.node_affinity {
        validate_volume_node_affinity(errs, affinity, &SPEC.child("nodeAffinity"));
    }
    validate_source(errs, spec);
    let is_root = |path: &str| !path.is_empty() && path.split('/').all(|part| part.is_empty() || part == ".");
    if policy == "Recycle" && spec.host_path.as_ref().is_some_and(|source| is_root(&source.path)) {
        errs.push(Error::forbidden(&policy_path, "may not be 'recycle' for a hostPath mount of '/'"));
    }
    validate_class_name(errs, text(&spec.storage_class_name), &SPEC.child("storageClassName"));
    if let Some(mode) = &spec.volume_mode {
        validate_supported(errs, mode, &VOLUME_MODES, &SPEC.child("volumeMode"));
    }
    if let Some(class) = &spec.volume_attributes_class_name {
        let path = SPEC.child("volumeAttributesClassName");
        if class.is_empty() {
            errs.push(Error::required(&path, "an empty string is disallowed"));
        }
        validate_class_name(errs, class, &path);
        if spec.csi.is_none() {
            let detail = "has to be specified when using volumeAttributesClassName";
            errs.push(Error::required(&SPEC.child("csi"), detail));
        }
    }
}

/// The name of a class, if it is one at all.
pub(super) fn validate_class_name(errs: &mut ErrorList, name: &str, path: &Path<'_>) {
    if !name.is_empty() {
        invalid_each(errs, path, name, name_is_dns_subdomain(name, NameUse::Name));
    }
}

fn validate_capacity(errs: &mut ErrorList, spec: &PersistentVolumeSpec) {
    let path = SPEC.child("capacity");
    let capacity = spec.capacity.as_ref().filter(|capacity| !capacity.is_empty());
    if capacity.is_none() {
        errs.push(Error::required(&path, ""));
    }
    if !capacity.is_some_and(|capacity| capacity.len() == 1 && capacity.contains_key("storage")) {
        let value = capacity.map_or_else(|| BadValue::Bare("null".to_owned()), BadValue::json);
        errs.push(Error::not_supported(&path, value, &["storage"]));
    }
    for (name, quantity) in parsed(capacity) {
        let path = path.key(name);
        if quantity.value() < 0 {
            errs.push(Error::invalid(&path, quantity.value(), "must be a valid resource quantity"));
        }
        if quantity.sign() <= 0 {
            errs.push(Error::invalid(&path, quantity.to_string(), IS_NOT_POSITIVE_ERROR_MSG));
        }
    }
}

/// Mirrors `validateVolumeNodeAffinity`.
fn validate_volume_node_affinity(errs: &mut ErrorList, affinity: &VolumeNodeAffinity, path: &Path<'_>) {
    let path = path.child("required");
    let Some(required) = &affinity.required else {
        errs.push(Error::required(&path, "must specify required node constraints"));
        return;
    };
    let path = path.child("nodeSelectorTerms");
    if required.node_selector_terms.is_empty() {
        errs.push(Error::required(&path, "must have at least one node selector term"));
    }
    for (index, term) in required.node_selector_terms.iter().enumerate() {
        validate_node_selector_term(errs, term, true, &path.index(index));
    }
}

/// All sources, in the order in which they are checked.
fn sources(spec: &PersistentVolumeSpec) -> [(&'static str, bool); 22] {
    [
        ("hostPath", spec.host_path.is_some()),
        ("gcePersistentDisk", spec.gce_persistent_disk.is_some()),
        ("awsElasticBlockStore", spec.aws_elastic_block_store.is_some()),
        ("glusterfs", spec.glusterfs.is_some()),
        ("flocker", spec.flocker.is_some()),
        ("nfs", spec.nfs.is_some()),
        ("rbd", spec.rbd.is_some()),
        ("quobyte", spec.quobyte.is_some()),
        ("cephFS", spec.cephfs.is_some()),
        ("iscsi", spec.iscsi.is_some()),
        ("cinder", spec.cinder.is_some()),
        ("fc", spec.fc.is_some()),
        ("flexVolume", spec.flex_volume.is_some()),
        ("azureFile", spec.azure_file.is_some()),
        ("vsphereVolume", spec.vsphere_volume.is_some()),
        ("photonPersistentDisk", spec.photon_persistent_disk.is_some()),
        ("portworxVolume", spec.portworx_volume.is_some()),
        ("azureDisk", spec.azure_disk.is_some()),
        ("scaleIO", spec.scale_io.is_some()),
        ("local", spec.local.is_some()),
        ("storageos", spec.storageos.is_some()),
        ("csi", spec.csi.is_some()),
    ]
}

fn validate_source(errs: &mut ErrorList, spec: &PersistentVolumeSpec) {
    let mut has_one = false;
    for (field, _) in sources(spec).into_iter().filter(|(_, is_set)| *is_set) {
        let path = SPEC.child(field);
        // Upstream counts a flexVolume without minding what came before it.
        if has_one && field != "flexVolume" {
            errs.push(Error::forbidden(&path, MORE_THAN_ONE));
            continue;
        }
        has_one = true;
        match (field, &spec.host_path, &spec.nfs, &spec.local, &spec.csi) {
            ("hostPath", Some(source), ..) => validate_host_path_volume_source(errs, source, &path),
            ("nfs", _, Some(source), ..) => validate_nfs_volume_source(errs, source, &path),
            ("local", _, _, Some(source), _) => {
                let path_path = path.child("path");
                if source.path.is_empty() {
                    errs.push(Error::required(&path_path, ""));
                } else {
                    validate_path_no_backsteps(errs, &source.path, &path_path);
                }
                if spec.node_affinity.is_none() {
                    let detail = "Local volume requires node affinity";
                    errs.push(Error::required(&SPEC.child("nodeAffinity"), detail));
                }
            }
            ("csi", .., Some(source)) => validate_csi_persistent_volume_source(errs, source, &path),
            _ => {}
        }
    }
    if !has_one {
        errs.push(Error::required(&SPEC, "must specify a volume type"));
    }
}

/// Mirrors `validateCSIPersistentVolumeSource`.
fn validate_csi_persistent_volume_source(errs: &mut ErrorList, csi: &CSIPersistentVolumeSource, path: &Path<'_>) {
    let driver_path = path.child("driver");
    if csi.driver.is_empty() {
        errs.push(Error::required(&driver_path, ""));
    } else {
        if csi.driver.len() > CSI_DRIVER_NAME_LENGTH_MAX {
            errs.push(Error::too_long(&driver_path, CSI_DRIVER_NAME_LENGTH_MAX));
        }
        invalid_each(errs, &driver_path, &csi.driver, is_dns1123_subdomain(&csi.driver.to_lowercase()));
    }
    if csi.volume_handle.is_empty() {
        errs.push(Error::required(&path.child("volumeHandle"), ""));
    }
    for (field, secret) in [
        ("controllerPublishSecretRef", &csi.controller_publish_secret_ref),
        ("controllerExpandSecretRef", &csi.controller_expand_secret_ref),
        ("nodePublishSecretRef", &csi.node_publish_secret_ref),
        ("nodeExpandSecretRef", &csi.node_expand_secret_ref),
    ] {
        if let Some(secret) = secret {
            validate_pv_secret_reference(errs, secret, &path.child(field));
        }
    }
}

/// Mirrors `validatePVSecretReference`.
fn validate_pv_secret_reference(errs: &mut ErrorList, secret: &SecretReference, path: &Path<'_>) {
    let (name, namespace) = (text(&secret.name), text(&secret.namespace));
    for (field, value, messages) in
        [("name", name, is_dns1123_subdomain(name)), ("namespace", namespace, is_dns1123_label(namespace))]
    {
        if value.is_empty() {
            errs.push(Error::required(&path.child(field), ""));
        } else {
            invalid_each(errs, &path.child(field), value, messages);
        }
    }
}

/// Where the volume is stays; only old names of labels may become the new ones. Mirrors `validatePvNodeAffinity`.
fn validate_node_affinity_is_kept(errs: &mut ErrorList, new: Option<&VolumeNodeAffinity>, old: &VolumeNodeAffinity) {
    let path = Path::new("nodeAffinity");
    let Some(new) = new else {
        errs.push(Error::invalid(&path, BadValue::Null, FIELD_IMMUTABLE_ERROR_MSG));
        return;
    };
    if !semantically_equal(new, old) && !semantically_equal(new, &with_general_labels(old)) {
        let detail = format!("{FIELD_IMMUTABLE_ERROR_MSG}, except for updating from beta label to GA");
        errs.push(Error::invalid(&path, BadValue::json(new), detail));
    }
}

fn with_general_labels(affinity: &VolumeNodeAffinity) -> VolumeNodeAffinity {
    let mut affinity = affinity.clone();
    let terms = affinity.required.iter_mut().flat_map(|required| &mut required.node_selector_terms);
    for requirement in terms.flat_map(|term| term.match_expressions.iter_mut().flatten()) {
        let general = match requirement.key.as_str() {
            "failure-domain.beta.kubernetes.io/zone" => "topology.kubernetes.io/zone",
            "failure-domain.beta.kubernetes.io/region" => "topology.kubernetes.io/region",
            "beta.kubernetes.io/os" => "kubernetes.io/os",
            "beta.kubernetes.io/arch" => "kubernetes.io/arch",
            "beta.kubernetes.io/instance-type" => "node.kubernetes.io/instance-type",
            _ => continue,
        };
        requirement.key = general.to_owned();
    }
    affinity
}

/// Mirrors `checkMountOption`: the annotation is for sources that are mounted over a network.
fn check_mount_option(errs: &mut ErrorList, volume: &PersistentVolume) {
    let is_given = volume.metadata.annotations.as_ref().is_some_and(|a| a.contains_key(MOUNT_OPTION_ANNOTATION));
    let supports = volume.spec.as_ref().is_some_and(|spec| {
        let without = ["hostPath", "flocker", "fc", "flexVolume", "portworxVolume", "scaleIO", "local", "storageos"];
        sources(spec).iter().any(|(field, is_set)| *is_set && !without.contains(field) && *field != "csi")
    });
    if is_given && !supports {
        let path = METADATA.child("annotations");
        let detail = "may not specify mount options for this volume type";
        errs.push(Error::forbidden(&path.child(MOUNT_OPTION_ANNOTATION), detail));
    }
}

#[cfg(test)]
mod tests;
