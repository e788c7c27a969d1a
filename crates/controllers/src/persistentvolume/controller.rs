//! What wakes the binder, and which of the two state machines a key goes to.
//!
//! Mirrors pkg/controller/volume/persistentvolume/pv_controller_base.go (v1.36).
//! Differs: claims and volumes share one queue, and the look at everything every 15 s is one at the claims that have no
//! volume, or lost it, since only with those something may come of it.

use std::collections::BTreeSet;
use std::time::Duration;

use seatrial_api::{ApiError, Kind, NamespacedName, PersistentVolume, PersistentVolumeClaim, Resource, Slot};
use seatrial_machinery::volumes::{ANN_BIND_COMPLETED, claim_key, claim_phase, claim_uid, volume_name};
use seatrial_machinery::{Controller, Delivery, EventContext, Informers, NumberSet, Queue, SimTime, SyncContext};

use super::made::Made;
use super::status::CLAIM_LOST;

/// How often claims without a volume are looked at.
const RESYNC_PERIOD: Duration = Duration::from_secs(15);

/// The binder. Keys without a namespace are volumes; the empty key is the look at everything.
#[derive(Debug, Default)]
pub struct PersistentVolumeController {
    pub(super) queue: Queue,
    pub(super) made: Made,
    /// Claims whose binding was never finished, and those that have lost their volume, by their slots.
    unbound: NumberSet,
    /// Claims whose volume was taken from them by somebody, to be looked at once.
    bereft: BTreeSet<NamespacedName>,
    has_resync: bool,
}

impl Controller for PersistentVolumeController {
    const NAME: &'static str = "persistentvolume-controller";
    const WATCHES: &'static [Kind] = &[Kind::PersistentVolume, Kind::PersistentVolumeClaim];

    fn queue(&mut self) -> &mut Queue {
        &mut self.queue
    }

    fn handle(&mut self, cx: &EventContext<'_>, delivery: &Delivery<'_>) {
        match (delivery.old_as::<PersistentVolume>(), delivery.new_as::<PersistentVolume>()) {
            (old, Some(volume)) => {
                let was_taken = old.is_some_and(|old| claim_uid(old) != claim_uid(volume));
                if let Some(claim) = old.filter(|_| was_taken).and_then(|old| claim_key(old)) {
                    self.bereft.insert(claim);
                    self.plan_resync(cx.clock.now());
                }
                return self.queue.add_object(&**volume, cx.cause);
            }
            (Some(volume), None) => {
                if let Some(claim) = claim_key(volume) {
                    self.queue.add(claim, cx.cause);
                }
                return;
            }
            (None, None) => {}
        }
        match (delivery.old_as::<PersistentVolumeClaim>(), delivery.new_as::<PersistentVolumeClaim>()) {
            (_, Some(claim)) => {
                if let Some(slot) = claim.meta.slot.index() {
                    let is_lost = claim_phase(claim) == CLAIM_LOST;
                    if claim.meta.annotations.contains_key(ANN_BIND_COMPLETED) && !is_lost {
                        self.unbound.remove(slot);
                    } else if self.unbound.insert(slot) {
                        self.plan_resync(cx.clock.now());
                    }
                }
                self.queue.add_object(&**claim, cx.cause);
            }
            (Some(claim), None) => {
                if let Some(slot) = claim.meta.slot.index() {
                    self.unbound.remove(slot);
                }
                let volume = volume_name(claim);
                if !volume.is_empty() {
                    self.queue.add(NamespacedName::new("", volume), cx.cause);
                }
            }
            (None, None) => {}
        }
    }

    fn fetch_ahead(informers: &Informers, key: &NamespacedName, slot: Slot) {
        informers.fetch_volume_or_claim(key, slot);
    }

    fn sync(&mut self, cx: &mut SyncContext<'_>, key: &NamespacedName) -> Result<(), ApiError> {
        if key.name.is_empty() {
            self.resync(cx);
            return Ok(());
        }
        if key.namespace.is_empty() {
            let volume = cx.informers.persistent_volumes.synced(cx, key);
            return volume.map_or(Ok(()), |volume| self.sync_volume(cx, volume));
        }
        let claim = cx.informers.persistent_volume_claims.synced(cx, key);
        let Some(claim) = claim else { return Ok(()) };
        if claim.meta.annotations.contains_key(ANN_BIND_COMPLETED) {
            self.sync_bound_claim(cx, claim)
        } else {
            self.sync_unbound_claim(cx, claim)
        }
    }
}

impl PersistentVolumeController {
    fn resync(&mut self, cx: &SyncContext<'_>) {
        self.has_resync = false;
        let claim_at = |slot| cx.informers.persistent_volume_claims.at(Slot::at(slot));
        let claims = self.unbound.iter().filter_map(claim_at);
        let mut unbound: Vec<NamespacedName> = claims.map(|claim| claim.namespaced_name()).collect();
        unbound.sort_unstable();
        for key in unbound.into_iter().chain(std::mem::take(&mut self.bereft)) {
            self.queue.add(key, 0);
        }
        if !self.unbound.is_empty() {
            self.plan_resync(cx.clock().now());
        }
    }

    /// The looks are at full periods since the cluster began.
    fn plan_resync(&mut self, now: SimTime) {
        if self.has_resync {
            return;
        }
        self.has_resync = true;
        let (now_nanos, period) = (now.as_nanos(), RESYNC_PERIOD.as_nanos() as u64);
        let delay = Duration::from_nanos(period - now_nanos % period);
        self.queue.add_after_in_background(NamespacedName::default(), delay, now);
    }
}
