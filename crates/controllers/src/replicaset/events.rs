//! What wakes the controller: which ReplicaSets a change is about, and which expectations it fulfils.
//!
//! Mirrors pkg/controller/replicaset/replica_set.go (handlers) (v1.36).

use std::time::Duration;

use seatrial_api::{NamespacedName, Object, Pod};
use seatrial_machinery::{Delivery, EventContext};

use super::controller::ReplicaSetController;
use super::manage::expected;
use super::owner::PodOwner;

impl<Owner: PodOwner> ReplicaSetController<Owner> {
    pub(super) fn on_delivery(&mut self, cx: &EventContext<'_>, delivery: &Delivery<'_>) {
        match delivery.object() {
            // Where there is nobody to own pods, they are nobody's.
            Some(Object::Pod(_)) if Owner::lister(cx.informers).is_empty() => {}
            Some(Object::Pod(_)) => match (delivery.old_as::<Pod>(), delivery.new_as::<Pod>()) {
                (None, Some(new)) => self.add_pod(cx, new),
                (Some(old), Some(new)) => self.update_pod(cx, old, new),
                (Some(old), None) => self.delete_pod(cx, old),
                (None, None) => {}
            },
            Some(object) => {
                if let Some(rs) = Owner::unwrap(object) {
                    self.on_replica_set(cx, rs, delivery);
                }
            }
            None => {}
        }
    }

    fn on_replica_set(&mut self, cx: &EventContext<'_>, rs: &Owner, delivery: &Delivery<'_>) {
        let replaced = delivery.old_as::<Owner>().is_some_and(|old| old.meta().uid != rs.meta().uid);
        if delivery.new.is_none() || replaced {
            self.expectations.delete_expectations(&rs.namespaced_name());
        }
        self.queue.add_object(rs, cx.cause);
    }

    fn add_pod(&mut self, cx: &EventContext<'_>, pod: &Pod) {
        if pod.meta.is_deleting() {
            return self.delete_pod(cx, pod);
        }
        match Owner::lister(cx.informers).controller_of(&pod.meta) {
            Some(rs) => {
                self.expectations.creation_observed(&rs.namespaced_name());
                self.queue.add_object(&**rs, cx.cause);
            }
            None if pod.meta.controller_of().is_none() => self.enqueue_matching(cx, pod),
            None => {}
        }
    }

    fn update_pod(&mut self, cx: &EventContext<'_>, old: &Pod, new: &Pod) {
        if new.meta.is_deleting() {
            // A pod on its way out counts as deleted at once; its last labels may be another set's.
            self.delete_pod(cx, new);
            if old.meta.labels != new.meta.labels {
                self.delete_pod(cx, old);
            }
            return;
        }
        let (old_owner, new_owner) = (old.meta.controller_of(), new.meta.controller_of());
        let owner_changed = !old.meta.owner_references.ptr_eq(&new.meta.owner_references) && old_owner != new_owner;
        if owner_changed && let Some(rs) = Owner::lister(cx.informers).controller_of(&old.meta) {
            self.queue.add_object(&**rs, cx.cause);
        }
        if new_owner.is_some() {
            let Some(rs) = Owner::lister(cx.informers).controller_of(&new.meta) else { return };
            let became_ready = !old.is_ready() && new.is_ready();
            if became_ready && rs.spec().min_ready_seconds > 0 {
                let seconds = u64::from(rs.spec().min_ready_seconds.unsigned_abs());
                // The time a pod became ready is told in whole seconds, so it may be available a moment later.
                self.queue.add_after(rs.namespaced_name(), Duration::from_secs(seconds), cx.clock.now());
            }
            self.queue.add_object(&**rs, cx.cause);
        } else if owner_changed || old.meta.labels != new.meta.labels {
            self.enqueue_matching(cx, new);
        }
    }

    fn delete_pod(&mut self, cx: &EventContext<'_>, pod: &Pod) {
        if let Some(rs) = Owner::lister(cx.informers).controller_of(&pod.meta) {
            let (key, uid) = expected(&**rs, pod);
            self.expectations.deletion_observed(&key, &uid);
            self.queue.add_object(&**rs, cx.cause);
        }
    }

    /// An orphan may be what several sets are looking for.
    fn enqueue_matching(&mut self, cx: &EventContext<'_>, pod: &Pod) {
        if pod.meta.labels.is_empty() {
            return;
        }
        let matching: Vec<NamespacedName> = Owner::lister(cx.informers)
            .list(Some(&pod.meta.namespace))
            .into_iter()
            .filter(|rs| !rs.spec().selector.is_empty() && rs.spec().selector.matches(&pod.meta.labels))
            .map(|rs| rs.namespaced_name())
            .collect();
        for key in matching {
            self.queue.add(key, cx.cause);
        }
    }
}
