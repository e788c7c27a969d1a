//! Binding a volume and a claim: four writes, each left out where it is done already; and undoing it.
//!
//! Mirrors `bind` and `unbindVolume` of pkg/controller/volume/persistentvolume/pv_controller.go (v1.36).

use std::sync::Arc;

use seatrial_api::{ApiError, ClaimRef, PersistentVolume, PersistentVolumeClaim, SlotHint, Uid};
use seatrial_machinery::SyncContext;
use seatrial_machinery::volumes::{ANN_BIND_COMPLETED, ANN_BOUND_BY_CONTROLLER, bind_volume_to_claim, volume_name};

use super::made::Made;
use super::status::{CLAIM_BOUND, VOLUME_AVAILABLE, VOLUME_BOUND, update_claim_status, update_volume_phase};

/// Binds both to each other.
///
/// # Errors
/// What the API server answered; what was written stays, and the next sync goes on from there.
pub(super) fn bind(
    cx: &mut SyncContext<'_>,
    made: &mut Made,
    volume: &Arc<PersistentVolume>,
    claim: &Arc<PersistentVolumeClaim>,
) -> Result<(), ApiError> {
    let volume = match bind_volume_to_claim(volume, claim) {
        Some(bound) => cx.client.update(bound)?,
        None => Arc::clone(volume),
    };
    let volume = update_volume_phase(cx, &volume, VOLUME_BOUND, "")?;
    let claim = match bind_claim_to_volume(made, claim, &volume) {
        Some(bound) => cx.client.update(bound)?,
        None => Arc::clone(claim),
    };
    update_claim_status(cx, made, &claim, CLAIM_BOUND, Some(&volume)).map(drop)
}

/// The claim with the volume's name, if it is not there yet. Mirrors `bindClaimToVolume`.
fn bind_claim_to_volume(
    made: &mut Made,
    claim: &PersistentVolumeClaim,
    volume: &PersistentVolume,
) -> Option<PersistentVolumeClaim> {
    let names_volume = *volume_name(claim) == volume.meta.name;
    if names_volume && claim.meta.annotations.contains_key(ANN_BIND_COMPLETED) {
        return None;
    }
    let mut bound = claim.clone();
    bound.meta.annotations = made.bound_annotations(&claim.meta.annotations, names_volume);
    bound.body.volume_name.clone_from(&volume.meta.name);
    bound.body.volume_slot = SlotHint(volume.meta.slot);
    Some(bound)
}

/// Takes a claim from a volume: all of it where the binder had named it, else only its uid.
///
/// # Errors
/// What the API server answered.
pub(super) fn unbind_volume(cx: &mut SyncContext<'_>, volume: &Arc<PersistentVolume>) -> Result<(), ApiError> {
    let mut unbound = PersistentVolume::clone(volume);
    if unbound.meta.annotations.remove(ANN_BOUND_BY_CONTROLLER) {
        unbound.body.claim_ref = None;
    } else if let Some(claim) = &mut unbound.body.claim_ref {
        *claim = ClaimRef { uid: Uid::NIL, ..ClaimRef::clone(claim) }.into();
    }
    let written = cx.client.update(unbound)?;
    update_volume_phase(cx, &written, VOLUME_AVAILABLE, "").map(drop)
}
