//! Writing what became of claims and volumes.
//!
//! Mirrors `updateClaimStatus` and `updateVolumePhase` of pkg/controller/volume/persistentvolume/pv_controller.go (v1.36).

use std::sync::Arc;

use k8s_openapi::api::core::v1::{PersistentVolumeClaimStatus, PersistentVolumeStatus};
use seatrial_api::{ApiError, PersistentVolume, PersistentVolumeClaim, Shared};
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
    let none = PersistentVolumeClaimStatus::default();
    let old = claim.body.status.as_deref().unwrap_or(&none);
    let spec = volume.map(|volume| volume.body.spec.as_deref());
    let modes = spec.flatten().and_then(|spec| spec.access_modes.as_ref());
    let (mut capacity, mut class) = (None, old.current_volume_attributes_class_name.as_ref());
    if let Some(spec) = spec {
        (capacity, class) = match old.capacity.as_ref() {
            // Once bound, the size is the resizer's to tell.
            Some(told) if old.phase.as_deref() != Some(CLAIM_PENDING) => (Some(told), class),
            _ => (
                spec.and_then(|spec| spec.capacity.as_ref()),
                spec.and_then(|spec| spec.volume_attributes_class_name.as_ref()),
            ),
        };
    }
    let is_same = old.phase.as_deref() == Some(phase)
        && old.access_modes.as_ref() == modes
        && old.capacity.as_ref() == capacity
        && old.current_volume_attributes_class_name.as_ref() == class;
    if is_same {
        return Ok(Arc::clone(claim));
    }
    let new = PersistentVolumeClaimStatus {
        phase: Some(phase.to_owned()),
        access_modes: modes.cloned(),
        capacity: capacity.cloned(),
        current_volume_attributes_class_name: class.cloned(),
        allocated_resource_statuses: old.allocated_resource_statuses.clone(),
        allocated_resources: old.allocated_resources.clone(),
        conditions: old.conditions.clone(),
        modify_volume_status: old.modify_volume_status.clone(),
    };
    let mut changed = PersistentVolumeClaim::clone(claim);
    changed.body.status = Some(new.into());
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
    let old = changed.body.status.take();
    changed.body.status = Some(Shared::new(PersistentVolumeStatus {
        phase: Some(phase.to_owned()),
        message: (!message.is_empty()).then(|| message.to_owned()),
        reason: old.as_ref().and_then(|status| status.reason.clone()),
        last_phase_transition_time: old.and_then(|status| status.last_phase_transition_time.clone()),
    }));
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
