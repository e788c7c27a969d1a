//! Deleting what is behind a volume that was released.
//!
//! Mirrors `shouldDelete` and `deleteVolumeOperation` of sig-storage-lib-external-provisioner.

use std::sync::Arc;

use seatrial_api::{ApiError, PersistentVolume, Resource, Str};
use seatrial_machinery::volumes::{ANN_DYNAMICALLY_PROVISIONED, claim_ref, class_of_volume, volume_phase};
use seatrial_machinery::{DeleteOptions, EventText, ObjectRef, SyncContext};

use super::behavior::{Place, RECORDED_PROVISIONER};
use super::controller::{Progress, VolumeProvisioner};
use super::provision::FINALIZER;
use crate::pvcprotection::without;

impl VolumeProvisioner {
    /// Deletes a volume, or goes on with that.
    pub(super) fn sync_volume(
        &mut self,
        cx: &mut SyncContext<'_>,
        volume: &Arc<PersistentVolume>,
    ) -> Result<(), ApiError> {
        handle_protection_finalizer(cx, volume)?;
        if !should_delete(volume) {
            return Ok(());
        }
        let provisioner = volume.meta.annotations.get(ANN_DYNAMICALLY_PROVISIONED).unwrap_or_default();
        let claim = claim_ref(volume).map_or("", |claim| &claim.name);
        let behavior = self.behavior_of(&Place { class: class_of_volume(volume), provisioner, claim });
        if behavior.is_absent {
            self.ignored.insert(volume.namespaced_name());
            return Ok(());
        }
        match self.advance(cx.clock().now(), &volume.namespaced_name(), &behavior.delete) {
            Progress::Began | Progress::Waits => Ok(()),
            Progress::Failed { text, .. } => {
                cx.client.event(&ObjectRef::of(&**volume), &EventText::warning("VolumeFailedDelete", &text));
                Ok(())
            }
            Progress::Done { .. } => {
                match cx.client.delete(&volume.key(), &DeleteOptions::default()) {
                    Err(error) if error.is_not_found() => return Ok(()),
                    result => result?,
                }
                release_finalizer(cx, volume)
            }
        }
    }
}

fn reclaim_policy(volume: &PersistentVolume) -> &str {
    volume.body.spec.api().persistent_volume_reclaim_policy.as_deref().unwrap_or_default()
}

/// What is behind a volume is deleted before the volume, where it is to be deleted at all: only then the volume has the
/// finalizer. Mirrors `handleProtectionFinalizer`.
fn handle_protection_finalizer(cx: &mut SyncContext<'_>, volume: &PersistentVolume) -> Result<(), ApiError> {
    if volume.meta.annotations.get(ANN_DYNAMICALLY_PROVISIONED) == Some(RECORDED_PROVISIONER) {
        return Ok(());
    }
    let has = volume.meta.has_finalizer(FINALIZER);
    let finalizers = match reclaim_policy(volume) {
        "Delete" if !has && !volume.meta.is_deleting() && volume_phase(volume) == "Bound" => {
            volume.meta.finalizers.iter().cloned().chain([Str::new_static(FINALIZER)]).collect()
        }
        "Retain" | "Recycle" if has => without(&volume.meta, FINALIZER),
        _ => return Ok(()),
    };
    let mut changed = PersistentVolume::clone(volume);
    changed.meta.finalizers = finalizers;
    cx.client.update(changed).map(drop)
}

fn should_delete(volume: &PersistentVolume) -> bool {
    let has_finalizer = volume.meta.has_finalizer(FINALIZER);
    (!volume.meta.is_deleting() || has_finalizer)
        && matches!(volume_phase(volume), "Released" | "Failed")
        && reclaim_policy(volume) == "Delete"
        && volume.meta.annotations.contains_key(ANN_DYNAMICALLY_PROVISIONED)
}

fn release_finalizer(cx: &mut SyncContext<'_>, volume: &PersistentVolume) -> Result<(), ApiError> {
    if !volume.meta.has_finalizer(FINALIZER) {
        return Ok(());
    }
    let live = match cx.client.get_live::<PersistentVolume>("", &volume.meta.name) {
        Err(error) if error.is_not_found() => return Ok(()),
        live => live?,
    };
    let mut changed = PersistentVolume::clone(&live);
    changed.meta.finalizers = without(&live.meta, FINALIZER);
    cx.client.update(changed).map(drop)
}
