//! Validation of what containers do with volumes.
//!
//! Mirrors `ValidateVolumeMounts` and `ValidateVolumeDevices` in pkg/apis/core/validation (v1.36).

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Container, VolumeMount};
use seatrial_api::field::{Error, ErrorList, Path};

use super::container::ContainerContext;
use super::volume::{has_backsteps, validate_local_descending_path};
use super::{items, text, validate_supported};

/// Mirrors `ValidateVolumeMounts`.
pub(super) fn validate_volume_mounts(
    errs: &mut ErrorList,
    cx: &ContainerContext<'_>,
    container: &Container,
    path: &Path<'_>,
) {
    let devices = items(&container.volume_devices);
    let mut mount_paths = BTreeSet::new();
    for (index, mount) in items(&container.volume_mounts).iter().enumerate() {
        let item_path = path.index(index);
        let (name_path, mount_path) = (item_path.child("name"), item_path.child("mountPath"));
        if mount.name.is_empty() {
            errs.push(Error::required(&name_path, ""));
        }
        if !cx.volumes.contains_key(mount.name.as_str()) {
            errs.push(Error::not_found(&name_path, &mount.name));
        }
        if mount.mount_path.is_empty() {
            errs.push(Error::required(&mount_path, ""));
        }
        if !mount_paths.insert(mount.mount_path.as_str()) {
            errs.push(Error::invalid(&mount_path, &mount.mount_path, "must be unique"));
        }
        if devices.iter().any(|device| device.name == mount.name) {
            let detail = "must not already exist in volumeDevices";
            errs.push(Error::invalid(&name_path, &mount.name, detail));
        }
        if devices.iter().any(|device| device.device_path == mount.mount_path) {
            let detail = "must not already exist as a path in volumeDevices";
            errs.push(Error::invalid(&mount_path, &mount.mount_path, detail));
        }
        validate_sub_paths(errs, mount, path, &item_path);
        validate_mount_propagation(errs, mount, container, &path.child("mountPropagation"));
        validate_recursive_read_only(errs, mount, &path.child("recursiveReadOnly"));
    }
}

/// Upstream reports bad sub-paths without the index of the mount.
fn validate_sub_paths(errs: &mut ErrorList, mount: &VolumeMount, path: &Path<'_>, item_path: &Path<'_>) {
    let (sub_path, expression) = (text(&mount.sub_path), text(&mount.sub_path_expr));
    if !sub_path.is_empty() {
        validate_local_descending_path(errs, sub_path, &path.child("subPath"));
    }
    if expression.is_empty() {
        return;
    }
    if !sub_path.is_empty() {
        let detail = "subPathExpr and subPath are mutually exclusive";
        errs.push(Error::invalid(&item_path.child("subPathExpr"), expression, detail));
    }
    validate_local_descending_path(errs, expression, &path.child("subPathExpr"));
}

/// Mirrors `validateMountPropagation`.
fn validate_mount_propagation(errs: &mut ErrorList, mount: &VolumeMount, container: &Container, path: &Path<'_>) {
    let Some(propagation) = &mount.mount_propagation else { return };
    let supported = ["Bidirectional", "HostToContainer", "None"];
    validate_supported(errs, propagation, &supported, path);
    let security = container.security_context.as_ref();
    let is_privileged = security.is_some_and(|security| security.privileged == Some(true));
    if propagation == "Bidirectional" && !is_privileged {
        let detail = "Bidirectional mount propagation is available only to privileged containers";
        errs.push(Error::forbidden(path, detail));
    }
}

/// Mirrors `validateMountRecursiveReadOnly`.
fn validate_recursive_read_only(errs: &mut ErrorList, mount: &VolumeMount, path: &Path<'_>) {
    match mount.recursive_read_only.as_deref() {
        None | Some("Disabled") => {}
        Some("Enabled" | "IfPossible") => {
            if mount.read_only != Some(true) {
                let detail = "may only be specified when readOnly is true";
                errs.push(Error::forbidden(path, detail));
            }
            if mount.mount_propagation.as_deref().is_some_and(|mode| mode != "None") {
                let detail = "may only be specified when mountPropagation is None or not specified";
                errs.push(Error::forbidden(path, detail));
            }
        }
        Some(other) => {
            let supported = ["Disabled", "Enabled", "IfPossible"];
            errs.push(Error::not_supported(path, other, &supported));
        }
    }
}

/// Mirrors `ValidateVolumeDevices`.
pub(super) fn validate_volume_devices(
    errs: &mut ErrorList,
    cx: &ContainerContext<'_>,
    container: &Container,
    path: &Path<'_>,
) {
    let mounts = items(&container.volume_mounts);
    let (mut names, mut paths) = (BTreeSet::new(), BTreeSet::new());
    for (index, device) in items(&container.volume_devices).iter().enumerate() {
        let path = path.index(index);
        let (name_path, device_path) = (path.child("name"), path.child("devicePath"));
        let volume = cx.volumes.get(device.name.as_str());
        if device.name.is_empty() {
            errs.push(Error::required(&name_path, ""));
        } else if !names.insert(device.name.as_str()) {
            errs.push(Error::invalid(&name_path, &device.name, "must be unique"));
        }
        match volume {
            None => errs.push(Error::not_found(&name_path, &device.name)),
            Some(v) if v.persistent_volume_claim.is_none() && v.ephemeral.is_none() => {
                let detail = "can only use volume source type of PersistentVolumeClaim or \
                              Ephemeral for block mode";
                errs.push(Error::invalid(&name_path, &device.name, detail));
            }
            Some(_) => {}
        }
        if device.device_path.is_empty() {
            errs.push(Error::required(&device_path, ""));
        }
        if paths.contains(device.device_path.as_str()) {
            errs.push(Error::invalid(&device_path, &device.device_path, "must be unique"));
        }
        if has_backsteps(&device.device_path) {
            let detail = "can not contain backsteps ('..')";
            errs.push(Error::invalid(&device_path, &device.device_path, detail));
        } else {
            paths.insert(device.device_path.as_str());
        }
        if mounts.iter().any(|mount| mount.name == device.name) {
            let detail = "must not already exist in volumeMounts";
            errs.push(Error::invalid(&name_path, &device.name, detail));
        }
        if mounts.iter().any(|mount| mount.mount_path == device.device_path) {
            let detail = "must not already exist as a path in volumeMounts";
            errs.push(Error::invalid(&device_path, &device.device_path, detail));
        }
    }
}
