//! What becomes of a volume.
//!
//! Mirrors `syncVolume` of pkg/controller/volume/persistentvolume/pv_controller.go (v1.36).

use std::sync::Arc;

use seatrial_api::{ApiError, PersistentVolume, PersistentVolumeClaim};
use seatrial_machinery::volumes::{
    ANN_DYNAMICALLY_PROVISIONED, claim_ref, claim_uid, has_other_volume_mode, volume_name, volume_phase,
};
use seatrial_machinery::{EventText, ObjectRef, SyncContext};

use super::bind::unbind_volume;
use super::controller::PersistentVolumeController;
use super::reclaim::{is_policy, reclaim_volume};
use super::status::{VOLUME_AVAILABLE, VOLUME_BOUND, VOLUME_FAILED, VOLUME_RELEASED, update_volume_phase};

impl PersistentVolumeController {
    pub(super) fn sync_volume(
        &mut self,
        cx: &mut SyncContext<'_>,
        volume: &Arc<PersistentVolume>,
    ) -> Result<(), ApiError> {
        let uid = claim_uid(volume);
        let Some(named_claim) = claim_ref(volume).filter(|_| !uid.is_nil()) else {
            // Nobody's, or kept for a claim that is not there yet.
            return update_volume_phase(cx, volume, VOLUME_AVAILABLE, "").map(drop);
        };
        let informers = cx.informers;
        let claims = &informers.persistent_volume_claims;
        // A claim of the name that is another one is as good as none.
        let is_it = |claim: &&Arc<PersistentVolumeClaim>| claim.meta.uid == *uid;
        let by_name = || claims.get(&named_claim.namespace, &named_claim.name).filter(is_it);
        let Some(claim) = claims.at(named_claim.slot.0).filter(is_it).or_else(by_name) else {
            return release(cx, volume);
        };
        let named = volume_name(claim);
        if named.is_empty() {
            if has_other_volume_mode(volume, claim) {
                say_modes_differ(cx, volume, claim);
            } else {
                self.queue.add_object(&**claim, 0);
            }
            return Ok(());
        }
        if *named == volume.meta.name {
            return update_volume_phase(cx, volume, VOLUME_BOUND, "").map(drop);
        }
        let was_provisioned = volume.meta.annotations.contains_key(ANN_DYNAMICALLY_PROVISIONED);
        if was_provisioned && is_policy(volume, "Delete") {
            // It was made for a claim that found another one.
            return release(cx, volume);
        }
        unbind_volume(cx, volume)
    }
}

/// Nobody has the volume any more. A failed one stays so for everybody to see, and is tried again.
fn release(cx: &mut SyncContext<'_>, volume: &Arc<PersistentVolume>) -> Result<(), ApiError> {
    let volume = match volume_phase(volume) {
        VOLUME_RELEASED | VOLUME_FAILED => Arc::clone(volume),
        _ => update_volume_phase(cx, volume, VOLUME_RELEASED, "")?,
    };
    reclaim_volume(cx, &volume)
}

fn say_modes_differ(cx: &mut SyncContext<'_>, volume: &PersistentVolume, claim: &PersistentVolumeClaim) {
    const REASON: &str = "VolumeMismatch";
    let (volume_name, claim_name) = (volume.meta.name.as_str(), claim.meta.name.as_str());
    let text = format!(
        "Cannot bind PersistentVolume to requested PersistentVolumeClaim {claim_name:?} due to incompatible volumeMode."
    );
    cx.client.event(&ObjectRef::of(volume), &EventText::warning(REASON, &text));
    let text = format!(
        "Cannot bind PersistentVolume {volume_name:?} to requested PersistentVolumeClaim due to incompatible volumeMode."
    );
    cx.client.event(&ObjectRef::of(claim), &EventText::warning(REASON, &text));
}
