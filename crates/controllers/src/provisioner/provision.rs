//! Making a volume for a claim.
//!
//! Mirrors `provisionClaimOperation` of sig-storage-lib-external-provisioner and `Provision` of external-provisioner.

use std::collections::BTreeSet;
use std::sync::Arc;

use seatrial_api::quantity::Quantity;
use seatrial_api::{
    ApiError, ObjectMeta, PersistentVolume, PersistentVolumeClaim, Plain, Resource, StorageClass, Str, VolumeBody,
    VolumeStatus,
};
use seatrial_machinery::volumes::{
    ANN_SELECTED_NODE, WAIT_FOR_FIRST_CONSUMER, reference_to, storage_provisioner, volume_name,
};
use seatrial_machinery::{EventText, ObjectRef, Piece, SyncContext, class_of_claim};

use super::behavior::{Place, ProvisionerBehavior};
use super::controller::{Progress, VolumeProvisioner};

/// Keeps a volume until its storage is deleted.
pub(super) const FINALIZER: &str = "external-provisioner.volume.kubernetes.io/finalizer";
const PROVISIONING_FAILED: &str = "ProvisioningFailed";

impl VolumeProvisioner {
    /// Whether a claim asks somebody for a volume.
    pub(super) fn wants_volume(claim: &PersistentVolumeClaim) -> bool {
        volume_name(claim).is_empty() && storage_provisioner(claim).is_some()
    }

    /// Makes the volume of a claim, or goes on with that. Mirrors `shouldProvision` and `provisionClaimOperation`.
    pub(super) fn sync_claim(
        &mut self,
        cx: &mut SyncContext<'_>,
        claim: &Arc<PersistentVolumeClaim>,
    ) -> Result<(), ApiError> {
        let Some(provisioner) = storage_provisioner(claim) else { return Ok(()) };
        let class_name = class_of_claim(claim);
        let informers = cx.informers;
        let Some(class) = informers.storage_classes.usual("", class_name) else { return Ok(()) };
        let selected = claim.meta.annotations.get(ANN_SELECTED_NODE).unwrap_or_default();
        if class.body.volume_binding_mode.as_deref() == Some(WAIT_FOR_FIRST_CONSUMER) && selected.is_empty() {
            self.forget(claim);
            return Ok(());
        }
        let name = claim.meta.uid.with_text(|uid| Str::concat(&["pvc-", uid]));
        let behavior = self.behavior_of(&Place { class: class_name, provisioner, claim: &claim.meta.name });
        let (key, now) = (claim.namespaced_name(), cx.clock().now());
        if behavior.is_absent {
            self.ignored.insert(key);
            return Ok(());
        }
        if cx.informers.persistent_volumes.get("", &name).is_some() {
            return Ok(());
        }
        match self.advance(now, &key, &behavior.provision) {
            Progress::Waits => Ok(()),
            Progress::Began => {
                say_it_begins(cx, claim);
                Ok(())
            }
            Progress::Failed { at_once, text } => {
                if at_once {
                    say_it_begins(cx, claim);
                }
                say_it_failed(cx, claim, class_name, &text);
                Ok(())
            }
            Progress::Done { at_once } => {
                if at_once {
                    say_it_begins(cx, claim);
                }
                if let Some(text) = self.why_there_is_no_room(claim, class_name, &behavior) {
                    say_it_failed(cx, claim, class_name, &text);
                    if !selected.is_empty() {
                        // The scheduler may find another node, or the same one again.
                        return give_back(cx, claim);
                    }
                    self.retry_later(now, &key);
                    return Ok(());
                }
                let volume = self.volume_for(cx, (claim, class, provisioner), name, &behavior);
                let made = cx.client.create(volume)?;
                let pieces = [Piece::Text("Successfully provisioned volume "), Piece::Arg(&made.meta.name)];
                cx.client.event(&ObjectRef::of(&**claim), &EventText::normal_pieces("ProvisioningSucceeded", &pieces));
                Ok(())
            }
        }
    }

    fn why_there_is_no_room(
        &self,
        claim: &PersistentVolumeClaim,
        class: &str,
        behavior: &ProvisionerBehavior,
    ) -> Option<String> {
        let (all, wanted) = (behavior.capacity.as_ref()?, request_of(claim)?);
        let left = all.sub(&self.used(class));
        wanted
            .cmp_value(&left)
            .is_gt()
            .then(|| format!("rpc error: code = ResourceExhausted desc = {wanted} requested, {left} of {all} left"))
    }

    fn volume_for(
        &mut self,
        cx: &SyncContext<'_>,
        (claim, class, provisioner): (&PersistentVolumeClaim, &Arc<StorageClass>, &str),
        name: Str,
        behavior: &ProvisionerBehavior,
    ) -> PersistentVolume {
        let place = behavior.topology.as_ref().and_then(|key| Some((key, self.reach_of(cx, claim, class, key)?)));
        let place = place.as_ref().map(|(key, value)| (key.as_str(), value.as_str()));
        let pattern = self.patterns.of(&claim.body.spec, class, provisioner, place);
        let meta = ObjectMeta {
            name,
            annotations: pattern.annotations.clone(),
            finalizers: pattern.finalizers.clone(),
            ..ObjectMeta::default()
        };
        let claim_ref = Some(reference_to(claim).into());
        Plain { meta, body: VolumeBody { spec: pattern.spec.clone(), claim_ref, status: VolumeStatus::default() } }
    }

    /// Where a volume can be reached: the place of the pod's node, or else one that the class allows.
    fn reach_of(
        &self,
        cx: &SyncContext<'_>,
        claim: &PersistentVolumeClaim,
        class: &StorageClass,
        key: &str,
    ) -> Option<String> {
        let selected = claim.meta.annotations.get(ANN_SELECTED_NODE).unwrap_or_default();
        match cx.informers.nodes.get("", selected) {
            Some(node) => node.meta.labels.get(key).map(str::to_owned),
            None => {
                let allowed = class.body.allowed_topologies.iter().flatten();
                let allowed = allowed.flat_map(|term| term.match_label_expressions.iter().flatten());
                let allowed: BTreeSet<&str> =
                    allowed.filter(|e| e.key == key).flat_map(|e| e.values.iter().map(String::as_str)).collect();
                let places = cx.informers.nodes.list(None).into_iter().filter_map(|node| node.meta.labels.get(key));
                let places: BTreeSet<&str> = places.filter(|p| allowed.is_empty() || allowed.contains(p)).collect();
                // Volumes are spread over the places as they come.
                let count = u64::try_from(places.len()).ok().filter(|count| *count > 0)?;
                let pick = usize::try_from(claim.meta.uid.as_u64() % count).unwrap_or(0);
                places.into_iter().nth(pick).map(str::to_owned)
            }
        }
    }
}

fn request_of(claim: &PersistentVolumeClaim) -> Option<Quantity> {
    claim.body.spec.requested_storage()
}

fn say_it_begins(cx: &mut SyncContext<'_>, claim: &PersistentVolumeClaim) {
    let pieces = [
        Piece::Text("External provisioner is provisioning volume for claim \""),
        Piece::Text(&claim.meta.namespace),
        Piece::Text("/"),
        Piece::Name,
        Piece::Text("\""),
    ];
    cx.client.event(&ObjectRef::of(claim), &EventText::normal_pieces("Provisioning", &pieces));
}

fn say_it_failed(cx: &mut SyncContext<'_>, claim: &PersistentVolumeClaim, class: &str, text: &str) {
    let text = format!("failed to provision volume with StorageClass {class:?}: {text}");
    cx.client.event(&ObjectRef::of(claim), &EventText::warning(PROVISIONING_FAILED, &text));
}

/// Takes the selected node from a claim, so that the scheduler begins anew. Mirrors `rescheduleProvisioning`.
fn give_back(cx: &mut SyncContext<'_>, claim: &Arc<PersistentVolumeClaim>) -> Result<(), ApiError> {
    let mut changed = PersistentVolumeClaim::clone(claim);
    changed.meta.annotations.remove(ANN_SELECTED_NODE);
    cx.client.update(changed).map(drop)
}
