//! The expand controller: says who grows a volume whose claim asks for more.
//!
//! Mirrors pkg/controller/volume/expand/expand_controller.go (v1.36). No in-tree plugin that is left can grow a volume.

use seatrial_api::quantity::Quantity;
use seatrial_api::{ApiError, Kind, NamespacedName, PersistentVolume, PersistentVolumeClaim};
use seatrial_machinery::volumes::{claim_phase, is_volume_bound_to_claim, volume_name};
use seatrial_machinery::{Controller, Delivery, EventContext, EventText, ObjectRef, Queue, SyncContext};

const EXTERNAL: &str = "waiting for an external controller to expand this PVC";

/// The expand controller.
#[derive(Debug, Default)]
pub struct VolumeExpandController {
    queue: Queue,
}

impl Controller for VolumeExpandController {
    const NAME: &'static str = "volume_expand";
    const WATCHES: &'static [Kind] = &[Kind::PersistentVolumeClaim];

    fn queue(&mut self) -> &mut Queue {
        &mut self.queue
    }

    fn handle(&mut self, cx: &EventContext<'_>, delivery: &Delivery<'_>) {
        let Some(new) = delivery.new_as::<PersistentVolumeClaim>() else { return };
        let old = delivery.old_as::<PersistentVolumeClaim>();
        // A claim at rest asks for what it has.
        let grew = old.is_none_or(|old| is_more(request(new), request(old)) || is_more(capacity(new), capacity(old)));
        if grew && is_more(request(new), capacity(new)) && claim_phase(new) == "Bound" {
            self.queue.add_object(&**new, cx.cause);
        }
    }

    fn sync(&mut self, cx: &mut SyncContext<'_>, key: &NamespacedName) -> Result<(), ApiError> {
        let claim = cx.informers.persistent_volume_claims.synced(cx, key);
        let Some(claim) = claim else { return Ok(()) };
        let volume = cx.informers.persistent_volumes.get("", volume_name(claim));
        let is_bound = |volume: &PersistentVolume| is_volume_bound_to_claim(volume, claim);
        if is_more(request(claim), capacity(claim)) && volume.is_some_and(|volume| is_bound(volume)) {
            cx.client.event(&ObjectRef::of(&**claim), &EventText::normal("ExternalExpanding", EXTERNAL));
        }
        Ok(())
    }
}

fn request(claim: &PersistentVolumeClaim) -> Option<Quantity> {
    claim.body.spec.requested_storage()
}

fn capacity(claim: &PersistentVolumeClaim) -> Option<Quantity> {
    claim.body.status.capacity()
}

fn is_more(a: Option<Quantity>, b: Option<Quantity>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => a.cmp_value(&b).is_gt(),
        (a, b) => a.is_some() && b.is_none(),
    }
}
