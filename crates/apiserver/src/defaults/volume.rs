//! Defaults of volumes.
//!
//! Mirrors `SetDefaults_Volume` and the `SetDefaults_*VolumeSource` functions in
//! pkg/apis/core/v1/defaults.go (v1.36).

use k8s_openapi::api::core::v1::{
    AzureDiskVolumeSource, DownwardAPIVolumeFile, ISCSIVolumeSource, PersistentVolumeClaimSpec, ProjectedVolumeSource,
    RBDVolumeSource, ScaleIOVolumeSource, Volume,
};

use super::container::{set_defaults_object_field_selector, set_defaults_resource_field_selector};
use super::default_text;
use super::image::default_pull_policy;
use super::resources::{canonicalize, set_defaults_resource_list};

/// Mode of the files of a volume made from API objects: 0644.
const DEFAULT_MODE: i32 = 420;
/// Seconds for which a projected token is valid.
const TOKEN_EXPIRATION_SECONDS: i64 = 60 * 60;

/// A volume without any source is an empty directory.
pub(super) fn set_defaults_volume(volume: &mut Volume) {
    let without_source = Volume { name: volume.name.clone(), ..Volume::default() };
    if *volume == without_source {
        volume.empty_dir = Some(Default::default());
    }
    if let Some(limit) = volume.empty_dir.as_mut().and_then(|dir| dir.size_limit.as_mut()) {
        canonicalize(limit);
    }
    if let Some(secret) = &mut volume.secret {
        secret.default_mode.get_or_insert(DEFAULT_MODE);
    }
    if let Some(config_map) = &mut volume.config_map {
        config_map.default_mode.get_or_insert(DEFAULT_MODE);
    }
    if let Some(downward) = &mut volume.downward_api {
        downward.default_mode.get_or_insert(DEFAULT_MODE);
        set_defaults_downward_items(downward.items.as_mut());
    }
    volume.projected.as_mut().map(set_defaults_projected);
    if let Some(host_path) = &mut volume.host_path {
        host_path.type_.get_or_insert_default();
    }
    if let Some(image) = &mut volume.image {
        let policy = default_pull_policy(image.reference.as_deref().unwrap_or_default());
        default_text(&mut image.pull_policy, policy);
    }
    if let Some(template) = volume.ephemeral.as_mut().and_then(|ephemeral| ephemeral.volume_claim_template.as_mut()) {
        template.metadata.get_or_insert_default();
        set_defaults_persistent_volume_claim_spec(&mut template.spec);
    }
    volume.iscsi.as_mut().map(set_defaults_iscsi);
    volume.rbd.as_mut().map(set_defaults_rbd);
    volume.azure_disk.as_mut().map(set_defaults_azure_disk);
    volume.scale_io.as_mut().map(set_defaults_scale_io);
}

fn set_defaults_projected(projected: &mut ProjectedVolumeSource) {
    projected.default_mode.get_or_insert(DEFAULT_MODE);
    for source in projected.sources.iter_mut().flatten() {
        if let Some(token) = &mut source.service_account_token {
            token.expiration_seconds.get_or_insert(TOKEN_EXPIRATION_SECONDS);
        }
        if let Some(downward) = &mut source.downward_api {
            set_defaults_downward_items(downward.items.as_mut());
        }
    }
}

fn set_defaults_downward_items(items: Option<&mut Vec<DownwardAPIVolumeFile>>) {
    for item in items.into_iter().flatten() {
        item.field_ref.as_mut().map(set_defaults_object_field_selector);
        item.resource_field_ref.as_mut().map(set_defaults_resource_field_selector);
    }
}

/// Mirrors `SetDefaults_PersistentVolumeClaimSpec`; `resources` is always printed.
pub(super) fn set_defaults_persistent_volume_claim_spec(spec: &mut PersistentVolumeClaimSpec) {
    spec.volume_mode.get_or_insert_with(|| "Filesystem".to_owned());
    let resources = spec.resources.get_or_insert_default();
    set_defaults_resource_list(resources.limits.as_mut());
    set_defaults_resource_list(resources.requests.as_mut());
}

fn set_defaults_iscsi(source: &mut ISCSIVolumeSource) {
    default_text(&mut source.iscsi_interface, "default");
}

fn set_defaults_rbd(source: &mut RBDVolumeSource) {
    default_text(&mut source.pool, "rbd");
    default_text(&mut source.user, "admin");
    default_text(&mut source.keyring, "/etc/ceph/keyring");
}

fn set_defaults_azure_disk(source: &mut AzureDiskVolumeSource) {
    source.caching_mode.get_or_insert_with(|| "ReadWrite".to_owned());
    source.kind.get_or_insert_with(|| "Shared".to_owned());
    source.fs_type.get_or_insert_with(|| "ext4".to_owned());
    source.read_only.get_or_insert(false);
}

fn set_defaults_scale_io(source: &mut ScaleIOVolumeSource) {
    default_text(&mut source.storage_mode, "ThinProvisioned");
    default_text(&mut source.fs_type, "xfs");
}
