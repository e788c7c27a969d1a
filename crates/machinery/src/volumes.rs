//! Volumes and claims: the words both carry, what binds them, and which volume fits which claim.
//!
//! Mirrors component-helpers/storage/volume (v1.36).

mod index;
mod pods_by_claim;

use seatrial_api::{ClaimRef, NamespacedName, PersistentVolume, PersistentVolumeClaim, RareStr, SlotHint, Str, Uid};

pub use index::VolumeIndex;
pub use pods_by_claim::{ClaimPlace, PodsByClaim};

/// On a claim: its binding was finished once.
pub const ANN_BIND_COMPLETED: &str = "pv.kubernetes.io/bind-completed";
/// On a claim or volume: the binder, and not the user, named the other.
pub const ANN_BOUND_BY_CONTROLLER: &str = "pv.kubernetes.io/bound-by-controller";
/// On a volume: the provisioner that made it.
pub const ANN_DYNAMICALLY_PROVISIONED: &str = "pv.kubernetes.io/provisioned-by";
/// On a volume: the driver that took over from an in-tree plugin.
pub const ANN_MIGRATED_TO: &str = "pv.kubernetes.io/migrated-to";
/// On a claim: the provisioner that is asked to act.
pub const ANN_STORAGE_PROVISIONER: &str = "volume.kubernetes.io/storage-provisioner";
/// The same, as it was called before.
pub const ANN_BETA_STORAGE_PROVISIONER: &str = "volume.beta.kubernetes.io/storage-provisioner";
/// On a claim: the node that the scheduler chose for its pod.
pub const ANN_SELECTED_NODE: &str = "volume.kubernetes.io/selected-node";
const ANN_BETA_STORAGE_CLASS: &str = "volume.beta.kubernetes.io/storage-class";
/// The name that provisions nothing.
pub const NO_PROVISIONER: &str = "kubernetes.io/no-provisioner";
/// `volumeBindingMode` of a class whose claims wait for a pod.
pub const WAIT_FOR_FIRST_CONSUMER: &str = "WaitForFirstConsumer";
/// The access mode that one pod at a time may use.
pub const READ_WRITE_ONCE_POD: &str = "ReadWriteOncePod";

/// The class of a volume, empty for none. Mirrors `GetPersistentVolumeClass`.
pub fn class_of_volume(volume: &PersistentVolume) -> &str {
    let named = || volume.body.spec.api().storage_class_name.as_deref();
    volume.meta.annotations.get(ANN_BETA_STORAGE_CLASS).or_else(named).unwrap_or_default()
}

/// The claim a volume names.
pub fn claim_ref(volume: &PersistentVolume) -> Option<&ClaimRef> {
    volume.body.claim_ref.as_deref()
}

/// The key of the claim a volume names.
pub fn claim_key(volume: &PersistentVolume) -> Option<NamespacedName> {
    let claim = claim_ref(volume)?;
    Some(NamespacedName { namespace: claim.namespace.clone(), name: claim.name.clone() })
}

/// The uid of the claim a volume names, nil where there is none or the user did not say.
pub fn claim_uid(volume: &PersistentVolume) -> &Uid {
    claim_ref(volume).map_or(&Uid::NIL, |claim| &claim.uid)
}

/// Whether a volume names this claim. Mirrors `IsVolumeBoundToClaim`.
pub fn is_volume_bound_to_claim(volume: &PersistentVolume, claim: &PersistentVolumeClaim) -> bool {
    let is_it = |named: &ClaimRef| {
        named.name == claim.meta.name
            && named.namespace == claim.meta.namespace
            && (named.uid.is_nil() || named.uid == claim.meta.uid)
    };
    claim_ref(volume).is_some_and(is_it)
}

/// The volume with the claim it is to have, unless it has it already. Mirrors `GetBindVolumeToClaim`.
pub fn bind_volume_to_claim(volume: &PersistentVolume, claim: &PersistentVolumeClaim) -> Option<PersistentVolume> {
    let is_reserved = is_volume_bound_to_claim(volume, claim);
    if is_reserved && !claim_uid(volume).is_nil() {
        return None;
    }
    let mut bound = volume.clone();
    bound.body.claim_ref = Some(reference_to(claim).into());
    if !is_reserved {
        bound.meta.annotations.insert(ANN_BOUND_BY_CONTROLLER, "yes");
    }
    Some(bound)
}

/// A reference to a claim. Mirrors `reference.GetReference`.
pub fn reference_to(claim: &PersistentVolumeClaim) -> ClaimRef {
    ClaimRef {
        namespace: claim.meta.namespace.clone(),
        name: claim.meta.name.clone(),
        uid: claim.meta.uid.clone(),
        resource_version: Str::of_number(claim.meta.resource_version),
        kind: Str::new_static("PersistentVolumeClaim"),
        api_version: Str::new_static("v1"),
        field_path: RareStr::default(),
        slot: SlotHint(claim.meta.slot),
    }
}

/// The volume a claim names, empty for none.
#[inline]
pub fn volume_name(claim: &PersistentVolumeClaim) -> &Str {
    &claim.body.volume_name
}

/// A claim's phase.
#[inline]
pub fn claim_phase(claim: &PersistentVolumeClaim) -> &str {
    claim.body.status.phase()
}

/// A volume's phase.
#[inline]
pub fn volume_phase(volume: &PersistentVolume) -> &str {
    &volume.body.status.phase
}

/// Whether a claim is bound for good. Mirrors `isPVCFullyBound`.
pub fn is_claim_fully_bound(claim: &PersistentVolumeClaim) -> bool {
    !volume_name(claim).is_empty() && claim.meta.annotations.contains_key(ANN_BIND_COMPLETED)
}

/// The provisioner that a claim asks for. Mirrors `getStorageProvisioner` of the provisioners' library.
pub fn storage_provisioner(claim: &PersistentVolumeClaim) -> Option<&str> {
    let annotations = &claim.meta.annotations;
    annotations.get(ANN_STORAGE_PROVISIONER).or_else(|| annotations.get(ANN_BETA_STORAGE_PROVISIONER))
}

/// Whether a volume offers every access mode a claim asks for. Mirrors `CheckAccessModes`.
pub fn has_access_modes(volume: &PersistentVolume, claim: &PersistentVolumeClaim) -> bool {
    volume.body.spec.access_modes().has_all(claim.body.spec.access_modes())
}

/// Whether one is a file system and the other a block device. Mirrors `CheckVolumeModeMismatches`.
pub fn has_other_volume_mode(volume: &PersistentVolume, claim: &PersistentVolumeClaim) -> bool {
    const FILESYSTEM: &str = "Filesystem";
    let wanted = claim.body.spec.api().volume_mode.as_deref().unwrap_or(FILESYSTEM);
    volume.body.spec.api().volume_mode.as_deref().unwrap_or(FILESYSTEM) != wanted
}

/// Whether they name different VolumeAttributesClasses.
pub fn has_other_attributes_class(volume: &PersistentVolume, claim: &PersistentVolumeClaim) -> bool {
    let wanted = claim.body.spec.api().volume_attributes_class_name.as_deref();
    let given = volume.body.spec.api().volume_attributes_class_name.as_deref();
    wanted.unwrap_or_default() != given.unwrap_or_default()
}

/// Whether a volume is smaller than a claim asks for.
pub fn is_too_small(volume: &PersistentVolume, claim: &PersistentVolumeClaim) -> bool {
    match (volume.body.spec.capacity(), claim.body.spec.requested_storage()) {
        (Some(size), Some(request)) => size.cmp_value(&request).is_lt(),
        (None, Some(request)) => request.sign() > 0,
        _ => false,
    }
}
