//! Writing what became of claims and volumes.
//!
//! Mirrors `updateClaimStatus` and `updateVolumePhase` of pkg/controller/volume/persistentvolume/pv_controller.go (v1.36).

use std::sync::Arc;

use seatrial_api::{ApiError, PersistentVolume, PersistentVolumeClaim, Str};
use seatrial_machinery::volumes::{claim_phase, volume_phase};
use seatrial_machinery::{EventText, ObjectRef, SyncContext};

use super::made::Made;

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
    made: &mut Made,
    claim: &Arc<PersistentVolumeClaim>,
    phase: &'static str,
    volume: Option<&PersistentVolume>,
) -> Result<Arc<PersistentVolumeClaim>, ApiError> {
    let Some(status) = made.status(claim, phase, volume) else { return Ok(Arc::clone(claim)) };
    let mut changed = PersistentVolumeClaim::clone(claim);
    changed.body.status = status;
    cx.client.update_status(changed)
}

/// The same, with a warning where the phase is a new one.
///
/// # Errors
/// What the API server answered.
pub(super) fn update_claim_status_with_event(
    cx: &mut SyncContext<'_>,
    made: &mut Made,
    claim: &Arc<PersistentVolumeClaim>,
    phase: &'static str,
    (reason, message): (&str, &str),
) -> Result<(), ApiError> {
    let is_new = claim_phase(claim) != phase;
    let written = update_claim_status(cx, made, claim, phase, None)?;
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
    phase: &'static str,
    message: &str,
) -> Result<Arc<PersistentVolume>, ApiError> {
    if volume_phase(volume) == phase {
        return Ok(Arc::clone(volume));
    }
    let mut changed = PersistentVolume::clone(volume);
    changed.body.status.phase = Str::new_static(phase);
    changed.body.status.message = message.into();
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
