//! What wakes the storage, and what it remembers of what is under way.
//!
//! Mirrors sig-storage-lib-external-provisioner controller/controller.go.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use rustc_hash::FxHashMap;
use seatrial_api::quantity::{Format, Quantity};
use seatrial_api::{
    ApiError, Kind, NamespacedName, PersistentVolume, PersistentVolumeClaim, Pod, PodPhase, Resource, Slot, Str,
};
use seatrial_machinery::volumes::{ANN_DYNAMICALLY_PROVISIONED, class_of_volume, volume_name};
use seatrial_machinery::{Aspects, Controller, Delivery, EventContext, Informers, Queue, SimTime, SyncContext};

use super::behavior::{Operation, Place, ProvisionerBehavior};
use super::pattern::Patterns;

/// The first wait after a failure, and the longest.
const RETRY_INTERVAL_START: Duration = Duration::from_secs(1);
const RETRY_INTERVAL_MAX: Duration = Duration::from_secs(300);

/// Something under way for a claim or volume.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Attempt {
    /// When it is through; `None` before it began, or while a retry waits.
    due: Option<SimTime>,
    /// Before this nothing is tried again.
    retry_at: Option<SimTime>,
    /// How many times it has failed.
    pub(super) failures: u32,
}

/// What an attempt has come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// It has only just begun, and is not through at once.
    Began,
    /// It is not through.
    Waits,
    /// It is through. Whether it began only now.
    Done { at_once: bool },
    /// It has failed, with this text. Whether it began only now.
    Failed { at_once: bool, text: String },
}

/// All storage of a cluster. Keys without a namespace are volumes.
#[derive(Debug, Default)]
pub struct VolumeProvisioner {
    pub(super) queue: Queue,
    pub(super) behaviors: Vec<Arc<ProvisionerBehavior>>,
    default_behavior: Arc<ProvisionerBehavior>,
    pub(super) patterns: Patterns,
    attempts: FxHashMap<NamespacedName, Attempt>,
    /// What nobody is there for.
    pub(super) ignored: BTreeSet<NamespacedName>,
    /// The sum of the sizes of provisioned volumes, by class.
    used: FxHashMap<Str, Quantity>,
    /// Claims whose file systems grow when a pod runs.
    pub(super) waits_for_node: BTreeSet<NamespacedName>,
}

impl Controller for VolumeProvisioner {
    const NAME: &'static str = "external-provisioner";
    const WATCHES: &'static [Kind] = &[Kind::PersistentVolume, Kind::PersistentVolumeClaim, Kind::Pod];

    fn queue(&mut self) -> &mut Queue {
        &mut self.queue
    }

    fn handle(&mut self, cx: &EventContext<'_>, delivery: &Delivery<'_>) {
        match (delivery.old_as::<PersistentVolume>(), delivery.new_as::<PersistentVolume>()) {
            (None, None) => {}
            (old, new) => return self.on_volume(cx, old, new),
        }
        if let Some(claim) = delivery.new_as::<PersistentVolumeClaim>() {
            self.on_claim(cx, delivery.old_as::<PersistentVolumeClaim>(), claim);
        } else if let Some(claim) = delivery.old_as::<PersistentVolumeClaim>() {
            let key = claim.namespaced_name();
            self.attempts.remove(&key);
            self.ignored.remove(&key);
            self.waits_for_node.remove(&key);
        } else if let Some(pod) = delivery.new_as::<Pod>().filter(|_| !self.waits_for_node.is_empty()) {
            self.on_pod(cx, pod);
        }
    }

    fn heeds(&self) -> Aspects {
        Aspects::ANY.when(!self.waits_for_node.is_empty())
    }

    fn fetch_ahead(informers: &Informers, key: &NamespacedName, slot: Slot) {
        informers.fetch_volume_or_claim(key, slot);
    }

    fn sync(&mut self, cx: &mut SyncContext<'_>, key: &NamespacedName) -> Result<(), ApiError> {
        if key.namespace.is_empty() {
            let volume = cx.informers.persistent_volumes.synced(cx, key);
            return volume.map_or(Ok(()), |volume| self.sync_volume(cx, volume));
        }
        let claim = cx.informers.persistent_volume_claims.synced(cx, key);
        let Some(claim) = claim else { return Ok(()) };
        match volume_name(claim).is_empty() {
            true => self.sync_claim(cx, claim),
            false => self.sync_size(cx, claim),
        }
    }
}

impl VolumeProvisioner {
    /// Storage that behaves so; the first behavior that matches holds.
    pub fn new(behaviors: Vec<ProvisionerBehavior>) -> Self {
        Self { behaviors: behaviors.into_iter().map(Arc::new).collect(), ..Self::default() }
    }

    /// Puts behaviors in front of the others, and looks again at what waits.
    pub fn behave(&mut self, behaviors: Vec<ProvisionerBehavior>) {
        self.behaviors.splice(0..0, behaviors.into_iter().map(Arc::new));
        let mut waiting = std::mem::take(&mut self.ignored);
        waiting.extend(self.attempts.drain().map(|(key, _)| key));
        for key in waiting {
            self.queue.add(key, 0);
        }
    }

    /// How the storage of a class behaves towards a claim.
    pub(super) fn behavior_of(&self, place: &Place<'_>) -> Arc<ProvisionerBehavior> {
        let found = self.behaviors.iter().find(|behavior| behavior.is_about(place));
        Arc::clone(found.unwrap_or(&self.default_behavior))
    }

    fn on_volume(
        &mut self,
        cx: &EventContext<'_>,
        old: Option<&Arc<PersistentVolume>>,
        new: Option<&Arc<PersistentVolume>>,
    ) {
        // A write of the status alone changes no size.
        let has_same_spec =
            old.zip(new).is_some_and(|(old, new)| is_provisioned(old) == is_provisioned(new) && shares_spec(old, new));
        if let Some(old) = old.filter(|old| !has_same_spec && is_provisioned(old)) {
            self.count(old, Quantity::sub);
        }
        let Some(new) = new else {
            if let Some(old) = old {
                self.attempts.remove(&old.namespaced_name());
                self.ignored.remove(&old.namespaced_name());
            }
            return;
        };
        if is_provisioned(new) {
            if !has_same_spec {
                self.count(new, Quantity::add);
            }
            self.queue.add_object(&**new, cx.cause);
        }
    }

    fn count(&mut self, volume: &PersistentVolume, by: impl Fn(&Quantity, &Quantity) -> Quantity) {
        let Some(size) = volume.body.spec.capacity() else { return };
        let class = class_of_volume(volume);
        match self.used.get_mut(class) {
            Some(used) => *used = by(used, &size),
            None => drop(self.used.insert(class.into(), by(&nothing(), &size))),
        }
    }

    /// How much of a class's storage is taken.
    pub(super) fn used(&self, class: &str) -> Quantity {
        self.used.get(class).cloned().unwrap_or_else(nothing)
    }

    fn on_claim(
        &mut self,
        cx: &EventContext<'_>,
        old: Option<&Arc<PersistentVolumeClaim>>,
        claim: &Arc<PersistentVolumeClaim>,
    ) {
        let is_bound = !volume_name(claim).is_empty();
        if is_bound && old.is_some_and(|old| volume_name(old).is_empty()) {
            // What was under way for the claim was to make a volume.
            self.forget(claim);
        }
        if Self::wants_volume(claim) || (is_bound && Self::wants_more(claim)) {
            self.queue.add_object(&**claim, cx.cause);
        }
    }

    fn on_pod(&mut self, cx: &EventContext<'_>, pod: &Pod) {
        if pod.status.phase != PodPhase::Running {
            return;
        }
        for (claim, _) in pod.claims() {
            let key = NamespacedName::new(&pod.meta.namespace, &*claim);
            if self.waits_for_node.contains(&key) {
                self.queue.add(key, cx.cause);
            }
        }
    }

    /// Begins an operation, or looks how far it is; a failure is tried again after a second, then twice as long each time.
    pub(super) fn advance(&mut self, now: SimTime, key: &NamespacedName, operation: &Operation) -> Progress {
        if self.attempts.is_empty() && operation.is_instant() {
            // Nothing was under way, and nothing has to be remembered.
            return Progress::Done { at_once: true };
        }
        let attempt = self.attempts.entry(key.clone()).or_default();
        if attempt.retry_at.is_some_and(|at| now < at) {
            return Progress::Waits;
        }
        attempt.retry_at = None;
        let at_once = attempt.due.is_none();
        let due = match (attempt.due, operation.after) {
            (Some(due), _) => due,
            (None, Some(after)) => *attempt.due.insert(now + after),
            (None, None) => {
                // Nothing ends what never does; it is only begun once.
                attempt.due = Some(SimTime::MAX);
                return Progress::Began;
            }
        };
        if now < due {
            if at_once {
                self.queue.add_after(key.clone(), due - now, now);
                return Progress::Began;
            }
            return Progress::Waits;
        }
        match operation.failure_after(attempt.failures) {
            Some(text) => {
                let text = text.to_owned();
                self.retry_later(now, key);
                Progress::Failed { at_once, text }
            }
            None => {
                self.attempts.remove(key);
                Progress::Done { at_once }
            }
        }
    }

    /// Notes a failure and when the next try is.
    pub(super) fn retry_later(&mut self, now: SimTime, key: &NamespacedName) {
        let attempt = self.attempts.entry(key.clone()).or_default();
        let wait = RETRY_INTERVAL_START.saturating_mul(1 << attempt.failures.min(16)).min(RETRY_INTERVAL_MAX);
        attempt.failures += 1;
        attempt.due = None;
        attempt.retry_at = Some(now + wait);
        self.queue.add_after_in_background(key.clone(), wait, now);
    }

    /// Forgets what was under way.
    pub(super) fn forget(&mut self, claim: &PersistentVolumeClaim) {
        if !self.attempts.is_empty() {
            self.attempts.remove(&claim.namespaced_name());
        }
    }
}

fn shares_spec(a: &PersistentVolume, b: &PersistentVolume) -> bool {
    a.body.spec.ptr_eq(&b.body.spec) && class_of_volume(a) == class_of_volume(b)
}

fn is_provisioned(volume: &PersistentVolume) -> bool {
    volume.meta.annotations.contains_key(ANN_DYNAMICALLY_PROVISIONED)
}

fn nothing() -> Quantity {
    Quantity::from_i64(0, Format::BinarySi)
}
