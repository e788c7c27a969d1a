//! What wakes the controller: which StatefulSets a change is about.
//!
//! Mirrors pkg/controller/statefulset/stateful_set.go (handlers) (v1.36). Claims wake nobody.

use std::sync::Arc;
use std::time::Duration;

use seatrial_api::selector::Selector;
use seatrial_api::{NamespacedName, Object, PersistentVolumeClaim, Pod, Resource, StatefulSet, Uid};
use seatrial_machinery::{Delivery, EventContext};

use super::controller::StatefulSetController;
use super::utils::{min_ready_seconds, parent_name_and_ordinal, spec_of};

impl StatefulSetController {
    pub(super) fn on_delivery(&mut self, cx: &EventContext<'_>, delivery: &Delivery<'_>) {
        match delivery.object() {
            Some(Object::StatefulSet(set)) => {
                if delivery.new.is_none() {
                    self.revisions.forget(&set.meta.uid);
                    self.pods.remove(&set.meta.uid);
                }
                self.queue.add_object(&**set, cx.cause);
            }
            // Where there is nobody to own pods, they are nobody's.
            Some(Object::Pod(_)) if cx.informers.stateful_sets.is_empty() && self.pods.is_empty() => {}
            Some(Object::PersistentVolumeClaim(_)) => self.note_claim(delivery),
            Some(Object::Pod(_)) => match self.note_pod(delivery) {
                (None, Some(new)) => self.add_pod(cx, new),
                (Some(old), Some(new)) => self.update_pod(cx, old, new),
                (Some(old), None) => self.delete_pod(cx, old),
                (None, None) => {}
            },
            _ => {}
        }
    }

    /// Keeps the pods of sets that were synced.
    fn note_pod<'d>(&mut self, delivery: &'d Delivery) -> (Option<&'d Arc<Pod>>, Option<&'d Arc<Pod>>) {
        let (old, new) = (delivery.old_as::<Pod>(), delivery.new_as::<Pod>());
        if self.pods.is_empty() {
            return (old, new);
        }
        fn owner(pod: &Arc<Pod>) -> Option<&Uid> {
            pod.meta.controller_of().map(|owner| &owner.uid)
        }
        let after = new.and_then(owner);
        let left = old.filter(|old| !new.is_some_and(|new| has_same_owners(old, new)) && owner(old) != after);
        if let Some((pod, pods)) = left.and_then(|old| Some((old, self.pods.get_mut(owner(old)?)?))) {
            pods.remove(pod);
        }
        if let Some((pod, pods)) = new.zip(after.and_then(|after| self.pods.get_mut(after))) {
            pods.put(pod);
        }
        (old, new)
    }

    /// Claims wake nobody, but the next sync looks at the pods of those that came, went or got other owners.
    fn note_claim(&mut self, delivery: &Delivery<'_>) {
        let (old, new) = (delivery.old_as::<PersistentVolumeClaim>(), delivery.new_as::<PersistentVolumeClaim>());
        if let (Some(old), Some(new)) = (old, new)
            && old.meta.owner_references == new.meta.owner_references
            && old.meta.is_deleting() == new.meta.is_deleting()
        {
            return;
        }
        let Some(claim) = new.or(old) else { return };
        let Some((rest, ordinal)) = parent_name_and_ordinal(&claim.meta.name) else { return };
        // Which set it is of cannot be told from the name alone.
        for pods in self.pods.values_mut().filter(|pods| pods.has_claims_named(&claim.meta.namespace, rest)) {
            pods.note(ordinal);
        }
    }

    fn add_pod(&mut self, cx: &EventContext<'_>, pod: &Pod) {
        if pod.meta.is_deleting() {
            return self.delete_pod(cx, pod);
        }
        match pod.meta.controller_of() {
            Some(_) => self.delete_pod(cx, pod),
            None => self.enqueue_matching(cx, pod),
        }
    }

    fn update_pod(&mut self, cx: &EventContext<'_>, old: &Pod, new: &Pod) {
        let new_owner = new.meta.controller_of();
        let owner_changed = !has_same_owners(old, new) && old.meta.controller_of() != new_owner;
        if owner_changed && let Some(set) = cx.informers.stateful_sets.controller_of(&old.meta) {
            self.queue.add_object(&**set, cx.cause);
        }
        if new_owner.is_some() {
            let Some(set) = cx.informers.stateful_sets.controller_of(&new.meta) else { return };
            let seconds = min_ready_seconds(set);
            if seconds > 0 && !old.is_ready() && new.is_ready() {
                // The time a pod became ready is told in whole seconds, so it may be available a moment later.
                let delay = Duration::from_secs(u64::from(seconds.unsigned_abs()) + 1);
                self.queue.add_after(set.namespaced_name(), delay, cx.clock.now());
            }
            self.queue.add_object(&**set, cx.cause);
        } else if owner_changed || old.meta.labels != new.meta.labels {
            self.enqueue_matching(cx, new);
        }
    }

    fn delete_pod(&mut self, cx: &EventContext<'_>, pod: &Pod) {
        if let Some(set) = cx.informers.stateful_sets.controller_of(&pod.meta) {
            self.queue.add_object(&**set, cx.cause);
        }
    }

    /// An orphan may be what several sets are looking for.
    fn enqueue_matching(&mut self, cx: &EventContext<'_>, pod: &Pod) {
        if pod.meta.labels.is_empty() || cx.informers.stateful_sets.is_empty() {
            return;
        }
        let selects = |set: &StatefulSet| {
            Selector::from_label_selector(&spec_of(set).selector)
                .is_ok_and(|s| !s.is_everything() && s.matches(&pod.meta.labels))
        };
        let sets = cx.informers.stateful_sets.list(Some(&pod.meta.namespace)).into_iter();
        let keys: Vec<NamespacedName> = sets.filter(|set| selects(set)).map(|set| set.namespaced_name()).collect();
        for key in keys {
            self.queue.add(key, cx.cause);
        }
    }
}

/// Whether the owners are the very same list, as those of nearly all versions of a pod are.
fn has_same_owners(old: &Pod, new: &Pod) -> bool {
    old.meta.owner_references.ptr_eq(&new.meta.owner_references)
}
