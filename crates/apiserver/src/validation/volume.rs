//! Validation of volumes and of the paths in them.
//!
//! Mirrors `ValidateVolumes` and `validateVolumeSource` in pkg/apis/core/validation (v1.36).
//! Sources of vendors are counted, but what is in them is not looked at.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{
    CSIVolumeSource, DownwardAPIVolumeFile, EphemeralVolumeSource, HostPathVolumeSource, KeyToPath, NFSVolumeSource,
    ProjectedVolumeSource, ServiceAccountTokenProjection, Volume, VolumeProjection,
};
use seatrial_api::field::{Error, ErrorList, Path, quote};
use seatrial_api::names::{NameUse, is_dns1123_label, is_dns1123_subdomain, name_is_dns_subdomain};
use seatrial_api::quantity::Quantity;

use super::container::validate_pull_policy;
use super::env::{validate_container_resource_field_selector, validate_object_field_selector};
use super::pod_spec::PodValidationOptions;
use super::{invalid_each, items, text, validate_supported};

const FILE_MODE_ERROR_MSG: &str = "must be a number between 0 and 0777 (octal), both inclusive";
/// Fields of the pod which a file may hold, sorted.
const VOLUME_FIELDS: [&str; 5] =
    ["metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid"];
const HOST_PATH_TYPES: [&str; 8] =
    ["", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"];
const TOKEN_EXPIRATION_SECONDS_MIN: i64 = 10 * 60;
const TOKEN_EXPIRATION_SECONDS_MAX: i64 = 1 << 32;

/// The valid volumes by name; only they can be mounted. Mirrors `ValidateVolumes`.
pub(super) fn validate_volumes<'a>(
    errs: &mut ErrorList,
    volumes: &'a [Volume],
    options: &PodValidationOptions<'_>,
    path: &Path<'_>,
) -> BTreeMap<&'a str, &'a Volume> {
    let mut valid = BTreeMap::new();
    for (index, volume) in volumes.iter().enumerate() {
        let path = path.index(index);
        let name_path = path.child("name");
        let count = errs.len();
        validate_volume_source(errs, volume, options, &path);
        if volume.name.is_empty() {
            errs.push(Error::required(&name_path, ""));
        } else {
            invalid_each(errs, &name_path, &volume.name, is_dns1123_label(&volume.name));
        }
        if valid.contains_key(volume.name.as_str()) {
            errs.push(Error::duplicate(&name_path, &volume.name));
        }
        if errs.len() == count {
            valid.insert(volume.name.as_str(), volume);
        }
        validate_claim_is_not_created(errs, volume, volumes, options, &path);
    }
    valid
}

fn validate_claim_is_not_created(
    errs: &mut ErrorList,
    volume: &Volume,
    volumes: &[Volume],
    options: &PodValidationOptions<'_>,
    path: &Path<'_>,
) {
    let (Some(claim), Some(pod)) = (&volume.persistent_volume_claim, options.pod_name) else {
        return;
    };
    let is_created = volumes
        .iter()
        .filter(|other| other.ephemeral.is_some())
        .any(|other| format!("{pod}-{}", other.name) == claim.claim_name);
    if is_created {
        let detail = "must not reference a PVC that gets created for an ephemeral volume";
        let path = path.child("persistentVolumeClaim");
        errs.push(Error::invalid(&path.child("claimName"), &claim.claim_name, detail));
    }
}

/// Mirrors `validateVolumeSource`: exactly one source, and that one well formed.
fn validate_volume_source(errs: &mut ErrorList, volume: &Volume, options: &PodValidationOptions<'_>, path: &Path<'_>) {
    if let Some(limit) = volume.empty_dir.as_ref().and_then(|dir| dir.size_limit.as_ref())
        && Quantity::try_from(limit).is_ok_and(|limit| limit.sign() < 0)
    {
        let detail = "SizeLimit field must be a valid resource quantity";
        let path = path.child("emptyDir");
        errs.push(Error::forbidden(&path.child("sizeLimit"), detail));
    }
    let mut has_one = volume.empty_dir.is_some();
    for (field, is_set) in sources(volume) {
        if !is_set {
            continue;
        }
        let path = path.child(field);
        if has_one {
            errs.push(Error::forbidden(&path, "may not specify more than 1 volume type"));
        } else {
            validate_source_content(errs, volume, field, &path);
        }
        has_one = true;
    }
    if !has_one {
        errs.push(Error::required(path, "must specify a volume type"));
    }
    if let Some(pod) = options.pod_name
        && volume.ephemeral.is_some()
        && !volume.name.is_empty()
    {
        let claim = format!("{pod}-{}", volume.name);
        for message in name_is_dns_subdomain(&claim, NameUse::Name) {
            let detail = format!("PVC name {}: {message}", quote(&claim));
            errs.push(Error::invalid(&path.child("name"), &volume.name, detail));
        }
    }
    if let Some(image) = &volume.image
        && options.resource_is_pod
        && text(&image.reference).is_empty()
    {
        let path = path.child("image");
        errs.push(Error::required(&path.child("reference"), ""));
    }
}

/// All sources but `emptyDir`, in the order in which they are checked.
fn sources(volume: &Volume) -> [(&'static str, bool); 29] {
    [
        ("hostPath", volume.host_path.is_some()),
        ("gitRepo", volume.git_repo.is_some()),
        ("gcePersistentDisk", volume.gce_persistent_disk.is_some()),
        ("awsElasticBlockStore", volume.aws_elastic_block_store.is_some()),
        ("secret", volume.secret.is_some()),
        ("nfs", volume.nfs.is_some()),
        ("iscsi", volume.iscsi.is_some()),
        ("glusterfs", volume.glusterfs.is_some()),
        ("flocker", volume.flocker.is_some()),
        ("persistentVolumeClaim", volume.persistent_volume_claim.is_some()),
        ("rbd", volume.rbd.is_some()),
        ("cinder", volume.cinder.is_some()),
        ("cephFS", volume.cephfs.is_some()),
        ("quobyte", volume.quobyte.is_some()),
        ("downwardAPI", volume.downward_api.is_some()),
        ("fc", volume.fc.is_some()),
        ("flexVolume", volume.flex_volume.is_some()),
        ("configMap", volume.config_map.is_some()),
        ("azureFile", volume.azure_file.is_some()),
        ("vsphereVolume", volume.vsphere_volume.is_some()),
        ("photonPersistentDisk", volume.photon_persistent_disk.is_some()),
        ("portworxVolume", volume.portworx_volume.is_some()),
        ("azureDisk", volume.azure_disk.is_some()),
        ("storageos", volume.storageos.is_some()),
        ("projected", volume.projected.is_some()),
        ("scaleIO", volume.scale_io.is_some()),
        ("csi", volume.csi.is_some()),
        ("ephemeral", volume.ephemeral.is_some()),
        ("image", volume.image.is_some()),
    ]
}

fn validate_source_content(errs: &mut ErrorList, volume: &Volume, field: &str, path: &Path<'_>) {
    if let ("hostPath", Some(host_path)) = (field, &volume.host_path) {
        validate_host_path_volume_source(errs, host_path, path);
    }
    if let ("gitRepo", Some(repo)) = (field, &volume.git_repo) {
        require(errs, &repo.repository, &path.child("repository"));
        let directory = text(&repo.directory);
        validate_local_descending_path(errs, directory, &path.child("directory"));
    }
    if let ("secret", Some(secret)) = (field, &volume.secret) {
        require(errs, text(&secret.secret_name), &path.child("secretName"));
        validate_mode(errs, secret.default_mode, &path.child("defaultMode"));
        validate_key_to_paths(errs, items(&secret.items), &path.child("items"));
    }
    if let ("nfs", Some(nfs)) = (field, &volume.nfs) {
        validate_nfs_volume_source(errs, nfs, path);
    }
    if let ("persistentVolumeClaim", Some(claim)) = (field, &volume.persistent_volume_claim) {
        require(errs, &claim.claim_name, &path.child("claimName"));
    }
    if let ("downwardAPI", Some(downward)) = (field, &volume.downward_api) {
        validate_mode(errs, downward.default_mode, &path.child("defaultMode"));
        for file in items(&downward.items) {
            validate_downward_api_volume_file(errs, file, path);
        }
    }
    if let ("configMap", Some(config_map)) = (field, &volume.config_map) {
        require(errs, &config_map.name, &path.child("name"));
        validate_mode(errs, config_map.default_mode, &path.child("defaultMode"));
        validate_key_to_paths(errs, items(&config_map.items), &path.child("items"));
    }
    if let ("projected", Some(projected)) = (field, &volume.projected) {
        validate_projected_volume_source(errs, projected, path);
    }
    if let ("csi", Some(csi)) = (field, &volume.csi) {
        validate_csi_volume_source(errs, csi, path);
    }
    if let ("ephemeral", Some(ephemeral)) = (field, &volume.ephemeral) {
        validate_ephemeral_volume_source(errs, ephemeral, path);
    }
    if let ("image", Some(image)) = (field, &volume.image) {
        validate_pull_policy(errs, text(&image.pull_policy), &path.child("pullPolicy"));
    }
}

fn require(errs: &mut ErrorList, value: &str, path: &Path<'_>) {
    if value.is_empty() {
        errs.push(Error::required(path, ""));
    }
}

fn validate_mode(errs: &mut ErrorList, mode: Option<i32>, path: &Path<'_>) {
    if let Some(mode) = mode.filter(|mode| !(0..=0o777).contains(mode)) {
        errs.push(Error::invalid(path, mode, FILE_MODE_ERROR_MSG));
    }
}

pub(super) fn validate_host_path_volume_source(
    errs: &mut ErrorList,
    host_path: &HostPathVolumeSource,
    path: &Path<'_>,
) {
    require(errs, &host_path.path, &path.child("path"));
    if host_path.path.is_empty() {
        return;
    }
    validate_path_no_backsteps(errs, &host_path.path, &path.child("path"));
    if let Some(kind) = &host_path.type_ {
        validate_supported(errs, kind, &HOST_PATH_TYPES, &path.child("type"));
    }
}

pub(super) fn validate_nfs_volume_source(errs: &mut ErrorList, nfs: &NFSVolumeSource, path: &Path<'_>) {
    require(errs, &nfs.server, &path.child("server"));
    require(errs, &nfs.path, &path.child("path"));
    if !nfs.path.starts_with('/') {
        errs.push(Error::invalid(&path.child("path"), &nfs.path, "must be an absolute path"));
    }
}

/// Mirrors `validateKeyToPath`.
fn validate_key_to_paths(errs: &mut ErrorList, list: &[KeyToPath], path: &Path<'_>) {
    for (index, item) in list.iter().enumerate() {
        let path = path.index(index);
        require(errs, &item.key, &path.child("key"));
        require(errs, &item.path, &path.child("path"));
        validate_local_non_reserved_path(errs, &item.path, &path.child("path"));
        validate_mode(errs, item.mode, &path.child("mode"));
    }
}

/// Mirrors `validateDownwardAPIVolumeFile`; upstream's path has no index.
fn validate_downward_api_volume_file(errs: &mut ErrorList, file: &DownwardAPIVolumeFile, path: &Path<'_>) {
    require(errs, &file.path, &path.child("path"));
    validate_local_non_reserved_path(errs, &file.path, &path.child("path"));
    match (&file.field_ref, &file.resource_field_ref) {
        (Some(field), resource) => {
            let field_path = path.child("fieldRef");
            validate_object_field_selector(errs, field, &VOLUME_FIELDS, &field_path);
            if resource.is_some() {
                let detail = "fieldRef and resourceFieldRef can not be specified simultaneously";
                errs.push(Error::invalid(path, "resource", detail));
            }
        }
        (None, Some(resource)) => {
            let path = path.child("resourceFieldRef");
            validate_container_resource_field_selector(errs, resource, true, &path);
        }
        (None, None) => {
            let detail = "one of fieldRef and resourceFieldRef is required";
            errs.push(Error::required(path, detail));
        }
    }
    validate_mode(errs, file.mode, &path.child("mode"));
}

/// Mirrors `validateProjectedVolumeSource`.
fn validate_projected_volume_source(errs: &mut ErrorList, projected: &ProjectedVolumeSource, path: &Path<'_>) {
    validate_mode(errs, projected.default_mode, &path.child("defaultMode"));
    let sources_path = path.child("sources");
    let mut paths = BTreeSet::new();
    for (index, source) in items(&projected.sources).iter().enumerate() {
        let source_path = sources_path.index(index);
        validate_projection(errs, source, &mut paths, path, &source_path);
        let count = [
            source.secret.is_some(),
            source.config_map.is_some(),
            source.downward_api.is_some(),
            source.service_account_token.is_some(),
            source.cluster_trust_bundle.is_some(),
            source.pod_certificate.is_some(),
        ];
        if count.into_iter().filter(|&is_set| is_set).count() > 1 {
            let detail = "may not specify more than 1 volume type per source";
            errs.push(Error::forbidden(&source_path, detail));
        }
    }
}

/// Mirrors a step of `validateProjectionSources`; some errors stand at the volume's own path.
fn validate_projection<'a>(
    errs: &mut ErrorList,
    source: &'a VolumeProjection,
    paths: &mut BTreeSet<&'a str>,
    volume_path: &Path<'_>,
    path: &Path<'_>,
) {
    let mut claim = |errs: &mut ErrorList, file: &'a str, bad_value: &str| {
        if !file.is_empty() && !paths.insert(file) {
            errs.push(Error::invalid(volume_path, bad_value, "conflicting duplicate paths"));
        }
    };
    let objects = [
        ("secret", source.secret.as_ref().map(|s| (s.name.as_str(), items(&s.items)))),
        ("configMap", source.config_map.as_ref().map(|c| (c.name.as_str(), items(&c.items)))),
    ];
    for (field, object) in objects {
        let Some((name, list)) = object else { continue };
        let path = path.child(field);
        require(errs, name, &path.child("name"));
        validate_key_to_paths(errs, list, &path.child("items"));
        for item in list {
            claim(errs, &item.path, name);
        }
    }
    if let Some(downward) = &source.downward_api {
        let path = path.child("downwardAPI");
        for file in items(&downward.items) {
            validate_downward_api_volume_file(errs, file, &path);
            claim(errs, &file.path, &file.path);
        }
    }
    if let Some(token) = &source.service_account_token {
        validate_token(errs, token, volume_path, &path.child("serviceAccountToken"));
    }
}

fn validate_token(
    errs: &mut ErrorList,
    token: &ServiceAccountTokenProjection,
    volume_path: &Path<'_>,
    path: &Path<'_>,
) {
    let seconds = token.expiration_seconds.unwrap_or_default();
    let seconds_path = path.child("expirationSeconds");
    if seconds < TOKEN_EXPIRATION_SECONDS_MIN {
        let detail = "may not specify a duration less than 10 minutes";
        errs.push(Error::invalid(&seconds_path, seconds, detail));
    }
    if seconds > TOKEN_EXPIRATION_SECONDS_MAX {
        let detail = "may not specify a duration larger than 2^32 seconds";
        errs.push(Error::invalid(&seconds_path, seconds, detail));
    }
    require(errs, &token.path, &volume_path.child("path"));
    validate_local_non_reserved_path(errs, &token.path, &volume_path.child("path"));
}

fn validate_csi_volume_source(errs: &mut ErrorList, csi: &CSIVolumeSource, path: &Path<'_>) {
    let driver_path = path.child("driver");
    require(errs, &csi.driver, &driver_path);
    if csi.driver.is_empty() {
        return;
    }
    if csi.driver.len() > 63 {
        errs.push(Error::too_long(&driver_path, 63));
    }
    let messages = is_dns1123_subdomain(&csi.driver.to_lowercase());
    invalid_each(errs, &driver_path, &csi.driver, messages);
}

/// Mirrors `validateEphemeralVolumeSource`, as far as a claim cannot do without.
fn validate_ephemeral_volume_source(errs: &mut ErrorList, ephemeral: &EphemeralVolumeSource, path: &Path<'_>) {
    let template_path = path.child("volumeClaimTemplate");
    let Some(template) = &ephemeral.volume_claim_template else {
        errs.push(Error::required(&template_path, ""));
        return;
    };
    let spec_path = template_path.child("spec");
    if items(&template.spec.access_modes).is_empty() {
        let detail = "at least 1 access mode is required";
        errs.push(Error::required(&spec_path.child("accessModes"), detail));
    }
    let requests = template.spec.resources.as_ref().and_then(|r| r.requests.as_ref());
    if !requests.is_some_and(|requests| requests.contains_key("storage")) {
        let resources_path = spec_path.child("resources");
        errs.push(Error::required(&resources_path.key("storage"), ""));
    }
}

/// A relative path without `..` elements. Mirrors `validateLocalDescendingPath`.
pub(super) fn validate_local_descending_path(errs: &mut ErrorList, target: &str, path: &Path<'_>) {
    if target.starts_with('/') {
        errs.push(Error::invalid(path, target, "must be a relative path"));
    }
    validate_path_no_backsteps(errs, target, path);
}

/// Mirrors `validatePathNoBacksteps`.
pub(super) fn validate_path_no_backsteps(errs: &mut ErrorList, target: &str, path: &Path<'_>) {
    if has_backsteps(target) {
        errs.push(Error::invalid(path, target, "must not contain '..'"));
    }
}

/// Whether an element of the path is `..`.
pub(super) fn has_backsteps(target: &str) -> bool {
    target.split('/').any(|element| element == "..")
}

/// Mirrors `ValidateLocalNonReservedPath`: also the first name may not start with `..`.
fn validate_local_non_reserved_path(errs: &mut ErrorList, target: &str, path: &Path<'_>) {
    validate_local_descending_path(errs, target, path);
    if target.starts_with("..") && !target.starts_with("../") {
        errs.push(Error::invalid(path, target, "must not start with '..'"));
    }
}
