//! Binding a volume and a claim: four writes, each left out where it is done already; and undoing it.
//!
//! Mirrors `bind` and `unbindVolume` of pkg/controller/volume/persistentvolume/pv_controller.go (v1.36).

use std::sync::Arc;

use k8s_openapi::api::core::v1::ObjectReference;
use seatrial_api::{ApiError, PersistentVolume, PersistentVolumeClaim, Str};
use seatrial_machinery::SyncContext;
use seatrial_machinery::volumes::{ANN_BIND_COMPLETED, ANN_BOUND_BY_CONTROLLER, bind_volume_to_claim, volume_name};

use super::status::{CLAIM_BOUND, VOLUME_AVAILABLE, VOLUME_BOUND, update_claim_status, update_volume_phase};

/// Binds both to each other.
///
/// # Errors
/// What the API server answered; what was written stays, and the next sync goes on from there.
pub(super) fn bind(
    cx: &mut SyncContext<'_>,
    volume: &Arc<PersistentVolume>,
    claim: &Arc<PersistentVolumeClaim>,
) -> Result<(), ApiError> {
    let volume = match bind_volume_to_claim(volume, claim) {
        Some(bound) => cx.client.update(bound)?,
        None => Arc::clone(volume),
    };
    let volume = update_volume_phase(cx, &volume, VOLUME_BOUND, "")?;
    let claim = match bind_claim_to_volume(claim, &volume) {
        Some(bound) => cx.client.update(bound)?,
        None => Arc::clone(claim),
    };
    update_claim_status(cx, &claim, CLAIM_BOUND, Some(&volume)).map(drop)
}

/// The claim with the volume's name, if it is not there yet. Mirrors `bindClaimToVolume`.
fn bind_claim_to_volume(claim: &PersistentVolumeClaim, volume: &PersistentVolume) -> Option<PersistentVolumeClaim> {
    let names_volume = volume_name(claim) == volume.meta.name;
    if names_volume && claim.meta.annotations.contains_key(ANN_BIND_COMPLETED) {
        return None;
    }
    let mut bound = claim.clone();
    let annotation = |key| (Str::new_static(key), Str::new_static("yes"));
    bound.meta.annotations = if names_volume {
        claim.meta.annotations.with_all([annotation(ANN_BIND_COMPLETED)])
    } else {
        bound.body.spec.get_or_insert_default().volume_name = Some(volume.meta.name.to_string());
        claim.meta.annotations.with_all([annotation(ANN_BOUND_BY_CONTROLLER), annotation(ANN_BIND_COMPLETED)])
    };
    Some(bound)
}

/// Takes a claim from a volume: all of it where the binder had named it, else only its uid.
///
/// # Errors
/// What the API server answered.
pub(super) fn unbind_volume(cx: &mut SyncContext<'_>, volume: &Arc<PersistentVolume>) -> Result<(), ApiError> {
    let mut unbound = PersistentVolume::clone(volume);
    let spec = unbound.body.spec.get_or_insert_default();
    if unbound.meta.annotations.remove(ANN_BOUND_BY_CONTROLLER) {
        spec.claim_ref = None;
    } else {
        spec.claim_ref = spec.claim_ref.take().map(|claim| ObjectReference { uid: None, ..claim });
    }
    let written = cx.client.update(unbound)?;
    update_volume_phase(cx, &written, VOLUME_AVAILABLE, "").map(drop)
}
