//! Defaults of PersistentVolumes, PersistentVolumeClaims and StorageClasses.
//!
//! Mirrors pkg/apis/core/v1/defaults.go and pkg/apis/storage/v1/defaults.go (v1.36).

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use k8s_openapi::api::storage::v1::StorageClass;

use super::default_text;
use super::resources::set_defaults_resource_list;
use super::volume::set_defaults_persistent_volume_claim_spec;

/// Mirrors `SetDefaults_PersistentVolume` and the defaults of its source.
pub fn set_defaults_persistent_volume(volume: &mut PersistentVolume) {
    default_text(&mut volume.status.get_or_insert_default().phase, "Pending");
    let spec = volume.spec.get_or_insert_default();
    default_text(&mut spec.persistent_volume_reclaim_policy, "Retain");
    spec.volume_mode.get_or_insert_with(|| "Filesystem".to_owned());
    set_defaults_resource_list(spec.capacity.as_mut());
    if let Some(source) = &mut spec.host_path {
        source.type_.get_or_insert_default();
    }
    if let Some(source) = &mut spec.iscsi {
        default_text(&mut source.iscsi_interface, "default");
    }
    if let Some(source) = &mut spec.rbd {
        default_text(&mut source.pool, "rbd");
        default_text(&mut source.user, "admin");
        default_text(&mut source.keyring, "/etc/ceph/keyring");
    }
    if let Some(source) = &mut spec.scale_io {
        default_text(&mut source.storage_mode, "ThinProvisioned");
        default_text(&mut source.fs_type, "xfs");
    }
    if let Some(source) = &mut spec.azure_disk {
        source.caching_mode.get_or_insert_with(|| "ReadWrite".to_owned());
        source.kind.get_or_insert_with(|| "Shared".to_owned());
        source.fs_type.get_or_insert_with(|| "ext4".to_owned());
        source.read_only.get_or_insert(false);
    }
}

/// Mirrors `SetDefaults_PersistentVolumeClaim`.
pub fn set_defaults_persistent_volume_claim(claim: &mut PersistentVolumeClaim) {
    let status = claim.status.get_or_insert_default();
    default_text(&mut status.phase, "Pending");
    set_defaults_resource_list(status.capacity.as_mut());
    set_defaults_resource_list(status.allocated_resources.as_mut());
    set_defaults_persistent_volume_claim_spec(claim.spec.get_or_insert_default());
}

/// Mirrors `SetDefaults_StorageClass`.
pub fn set_defaults_storage_class(class: &mut StorageClass) {
    class.reclaim_policy.get_or_insert_with(|| "Delete".to_owned());
    class.volume_binding_mode.get_or_insert_with(|| "Immediate".to_owned());
}
