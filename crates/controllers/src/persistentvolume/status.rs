//! Writing what became of claims and volumes.
//!
//! Mirrors `updateClaimStatus` and `updateVolumePhase` of pkg/controller/volume/persistentvolume/pv_controller.go (v1.36).

use std::sync::Arc;

use seatrial_api::{ApiError, PersistentVolume, PersistentVolumeClaim};
use seatrial_machinery::volumes::{claim_phase, volume_phase};
use seatrial_machinery::{EventText, ObjectRef, SyncContext};

pub(super) const CLAIM_PENDING: &str = "Pending";
pub(super) const CLAIM_BOUND: &str = "Bound";
pub(super) const CLAIM_LOST: &str = "Lost";
pub(super) const VOLUME_AVAILABLE: &str = "Available";
pub(super) const VOLUME_BOUND: &str = "Bound";
pub(super) const VOLUME_RELEASED: &str = "Released";
pub(super) const VOLUME_FAILED: &str = "Failed";

/// Writes a claim's phase, and what it has of a volume, where they differ.
///
/// # Errors
/// What the API server answered.
pub(super) fn update_claim_status(
    cx: &mut SyncContext<'_>,
    claim: &Arc<PersistentVolumeClaim>,
    phase: &str,
    volume: Option<&PersistentVolume>,
) -> Result<Arc<PersistentVolumeClaim>, ApiError> {
    let old = claim.body.status.clone().unwrap_or_default();
    let mut new = old.clone();
    new.phase = Some(phase.to_owned());
    match volume.map(|volume| volume.body.spec.clone().unwrap_or_default()) {
        None => (new.access_modes, new.capacity) = (None, None),
        Some(spec) => {
            new.access_modes = spec.access_modes;
            // Once bound, the size is the resizer's to tell.
            if old.capacity.is_none() || old.phase.as_deref() == Some(CLAIM_PENDING) {
                new.capacity = spec.capacity;
                new.current_volume_attributes_class_name = spec.volume_attributes_class_name;
            }
        }
    }
    if new == old {
        return Ok(Arc::clone(claim));
    }
    let mut changed = PersistentVolumeClaim::clone(claim);
    changed.body.status = Some(new);
    cx.client.update_status(changed)
}

/// The same, with a warning where the phase is a new one.
///
/// # Errors
/// What the API server answered.
pub(super) fn update_claim_status_with_event(
    cx: &mut SyncContext<'_>,
    claim: &Arc<PersistentVolumeClaim>,
    phase: &str,
    (reason, message): (&str, &str),
) -> Result<(), ApiError> {
    let is_new = claim_phase(claim) != phase;
    let written = update_claim_status(cx, claim, phase, None)?;
    if is_new {
        cx.client.event(&ObjectRef::of(&*written), &EventText::warning(reason, message));
    }
    Ok(())
}

/// Writes a volume's phase where it differs, with a text that says why.
///
/// # Errors
/// What the API server answered.
pub(super) fn update_volume_phase(
    cx: &mut SyncContext<'_>,
    volume: &Arc<PersistentVolume>,
    phase: &str,
    message: &str,
) -> Result<Arc<PersistentVolume>, ApiError> {
    if volume_phase(volume) == phase {
        return Ok(Arc::clone(volume));
    }
    let mut changed = PersistentVolume::clone(volume);
    let status = changed.body.status.get_or_insert_default();
    status.phase = Some(phase.to_owned());
    status.message = (!message.is_empty()).then(|| message.to_owned());
    cx.client.update_status(changed)
}

/// The reclaim of a volume has failed: the phase says so, with a warning where it is new.
///
/// # Errors
/// What the API server answered.
pub(super) fn fail_volume(
    cx: &mut SyncContext<'_>,
    volume: &Arc<PersistentVolume>,
    reason: &str,
    message: &str,
) -> Result<(), ApiError> {
    if volume_phase(volume) == VOLUME_FAILED {
        return Ok(());
    }
    let written = update_volume_phase(cx, volume, VOLUME_FAILED, message)?;
    cx.client.event(&ObjectRef::of(&*written), &EventText::warning(reason, message));
    Ok(())
}
