//! What becomes of a claim.
//!
//! Mirrors `syncUnboundClaim` and `syncBoundClaim` of pkg/controller/volume/persistentvolume/pv_controller.go (v1.36).

use std::sync::Arc;

use seatrial_api::{ApiError, PersistentVolume, PersistentVolumeClaim, Pod};
use seatrial_machinery::volumes::{
    ANN_BOUND_BY_CONTROLLER, ANN_SELECTED_NODE, WAIT_FOR_FIRST_CONSUMER, claim_key, claim_ref, class_of_volume,
    has_access_modes, has_other_attributes_class, has_other_volume_mode, is_too_small, is_volume_bound_to_claim,
    volume_name,
};
use seatrial_machinery::{EventText, ObjectRef, SyncContext, class_of_claim, default_storage_class};

use super::bind::bind;
use super::controller::PersistentVolumeController;
use super::made::Made;
use super::provision::provision_claim;
use super::status::{CLAIM_LOST, CLAIM_PENDING, update_claim_status, update_claim_status_with_event};

const FAILED_BINDING: &str = "FailedBinding";
const NO_VOLUMES: &str = "no persistent volumes available for this claim and no storage class is set";
const LOST_REFERENCE: &str = "Bound claim has lost reference to PersistentVolume. Data on the volume is lost!";
const LOST_VOLUME: &str = "Bound claim has lost its PersistentVolume. Data on the volume is lost!";
const MISBOUND: &str = "Two claims are bound to the same volume, this one is bound incorrectly";

impl PersistentVolumeController {
    /// A claim whose binding was never finished.
    pub(super) fn sync_unbound_claim(
        &mut self,
        cx: &mut SyncContext<'_>,
        claim: &Arc<PersistentVolumeClaim>,
    ) -> Result<(), ApiError> {
        if !volume_name(claim).is_empty() {
            return self.sync_prebound_claim(cx, claim);
        }
        let waits_for_pod = waits_for_pod(cx, claim);
        let informers = cx.informers;
        if let Some(volume) = informers.volumes.best_match(claim, waits_for_pod) {
            return bind(cx, &mut self.made, volume, claim);
        }
        if assign_default_storage_class(cx, claim)? {
            return Ok(());
        }
        if waits_for_pod && !claim.meta.annotations.contains_key(ANN_SELECTED_NODE) {
            say_what_is_waited_for(cx, claim);
        } else if !class_of_claim(claim).is_empty() {
            return provision_claim(cx, &mut self.made, claim);
        } else {
            cx.client.event(&ObjectRef::of(&**claim), &EventText::normal(FAILED_BINDING, NO_VOLUMES));
        }
        update_claim_status(cx, &mut self.made, claim, CLAIM_PENDING, None).map(drop)
    }

    /// A claim whose binding was finished once: it is Bound, or Lost.
    pub(super) fn sync_bound_claim(
        &mut self,
        cx: &mut SyncContext<'_>,
        claim: &Arc<PersistentVolumeClaim>,
    ) -> Result<(), ApiError> {
        let made = &mut self.made;
        let name = volume_name(claim);
        if name.is_empty() {
            return lost(cx, made, claim, ("ClaimLost", LOST_REFERENCE));
        }
        let informers = cx.informers;
        match informers.persistent_volumes.hinted(claim.body.volume_slot, "", name) {
            None => lost(cx, made, claim, ("ClaimLost", LOST_VOLUME)),
            Some(volume) if claim_ref(volume).is_none_or(|named| named.uid == claim.meta.uid) => {
                bind(cx, made, volume, claim)
            }
            Some(_) => lost(cx, made, claim, ("ClaimMisbound", MISBOUND)),
        }
    }

    /// A claim that names its volume.
    fn sync_prebound_claim(
        &mut self,
        cx: &mut SyncContext<'_>,
        claim: &Arc<PersistentVolumeClaim>,
    ) -> Result<(), ApiError> {
        let (name, made) = (volume_name(claim), &mut self.made);
        let (about, informers) = (ObjectRef::of(&**claim), cx.informers);
        let Some(volume) = informers.persistent_volumes.hinted(claim.body.volume_slot, "", name) else {
            return update_claim_status(cx, made, claim, CLAIM_PENDING, None).map(drop);
        };
        if claim_ref(volume).is_none() {
            let Some(why) = why_volume_does_not_satisfy(volume, claim) else { return bind(cx, made, volume, claim) };
            let message = format!("Cannot bind to requested volume {name:?}: {why}");
            cx.client.event(&about, &EventText::warning("VolumeMismatch", &message));
            return update_claim_status(cx, made, claim, CLAIM_PENDING, None).map(drop);
        }
        if is_volume_bound_to_claim(volume, claim) {
            return bind(cx, made, volume, claim);
        }
        if claim.meta.annotations.contains_key(ANN_BOUND_BY_CONTROLLER) {
            let (own, other) = (format!("{}/{}", claim.meta.namespace, claim.meta.name), claim_key(volume));
            let other = other.map(|key| key.to_string()).unwrap_or_default();
            return Err(ApiError::unknown(format!(
                "invalid binding of claim {own:?} to volume {name:?}: volume already claimed by {other:?}"
            )));
        }
        let message = format!("volume {name:?} already bound to a different claim.");
        cx.client.event(&about, &EventText::warning(FAILED_BINDING, &message));
        update_claim_status(cx, made, claim, CLAIM_PENDING, None).map(drop)
    }
}

/// A claim has no volume any more.
fn lost(
    cx: &mut SyncContext<'_>,
    made: &mut Made,
    claim: &Arc<PersistentVolumeClaim>,
    text: (&str, &str),
) -> Result<(), ApiError> {
    update_claim_status_with_event(cx, made, claim, CLAIM_LOST, text)
}

/// Why a claim cannot have the volume it names; selectors and nodes do not matter. Mirrors `checkVolumeSatisfyClaim`.
pub(super) fn why_volume_does_not_satisfy(volume: &PersistentVolume, claim: &PersistentVolumeClaim) -> Option<String> {
    if volume.meta.is_deleting() {
        return Some(format!("the volume is marked for deletion {:?}", volume.meta.name.as_str()));
    }
    let rows = [
        (is_too_small(volume, claim), "requested PV is too small"),
        (class_of_volume(volume) != class_of_claim(claim), "storageClassName does not match"),
        (has_other_attributes_class(volume, claim), "volumeAttributesClassName does not match"),
        (has_other_volume_mode(volume, claim), "incompatible volumeMode"),
        (!has_access_modes(volume, claim), "incompatible accessMode"),
    ];
    rows.into_iter().find(|(holds, _)| *holds).map(|(_, text)| text.to_owned())
}

/// Whether the scheduler finds the claim's volume. A class that is not there waits for nobody. Mirrors `IsDelayBindingMode`.
fn waits_for_pod(cx: &SyncContext<'_>, claim: &PersistentVolumeClaim) -> bool {
    let class = class_of_claim(claim);
    let class = (!class.is_empty()).then(|| cx.informers.storage_classes.usual("", class)).flatten();
    class.is_some_and(|class| class.body.volume_binding_mode.as_deref() == Some(WAIT_FOR_FIRST_CONSUMER))
}

/// A claim that was made when there was no default class gets the one there is now. Mirrors `assignDefaultStorageClass`.
fn assign_default_storage_class(cx: &mut SyncContext<'_>, claim: &PersistentVolumeClaim) -> Result<bool, ApiError> {
    if claim.body.spec.api().storage_class_name.is_some() || !class_of_claim(claim).is_empty() {
        return Ok(false);
    }
    let classes = cx.informers.storage_classes.list(None);
    let Some(class) = default_storage_class(classes.into_iter().map(|class| &**class)) else { return Ok(false) };
    let mut changed = claim.clone();
    changed.body.change_spec(|spec| spec.storage_class_name = Some(class.meta.name.to_string()));
    cx.client.update(changed)?;
    Ok(true)
}

/// Mirrors `emitEventForUnboundDelayBindingClaim`.
fn say_what_is_waited_for(cx: &mut SyncContext<'_>, claim: &PersistentVolumeClaim) {
    let pods = unscheduled_pods(cx, claim);
    let (reason, message) = match pods.as_slice() {
        [] => ("WaitForFirstConsumer", "waiting for first consumer to be created before binding".to_owned()),
        [pod] => ("WaitForPodScheduled", format!("waiting for pod {pod} to be scheduled")),
        pods => ("WaitForPodScheduled", format!("waiting for pods {} to be scheduled", pods.join(","))),
    };
    cx.client.event(&ObjectRef::of(claim), &EventText::normal(reason, &message));
}

/// Mirrors `findNonScheduledPodsByPVC`.
fn unscheduled_pods(cx: &SyncContext<'_>, claim: &PersistentVolumeClaim) -> Vec<String> {
    let is_waiting = |pod: &&Arc<Pod>| pod.node_name.is_empty() && !pod.status.phase.is_terminal();
    let pods = cx.informers.pods_with_claim(&claim.meta.namespace, &claim.meta.name);
    pods.filter(is_waiting).map(|pod| pod.meta.name.to_string()).collect()
}
