//! Keeping the graph: what a change means for it, and whom it concerns.
//!
//! Mirrors pkg/controller/garbagecollector/graph_builder.go (`processGraphChanges`) (v1.36).

use seatrial_api::{Kind, Object, ObjectKey, ObjectMeta, OwnerReference, Uid};
use seatrial_machinery::{Delivery, EventContext, FINALIZER_DELETE_DEPENDENTS, FINALIZER_ORPHAN_DEPENDENTS};

use super::controller::GarbageCollector;
use super::graph::queue_key;

impl GarbageCollector {
    pub(super) fn process_graph_changes(&mut self, cx: &EventContext<'_>, delivery: &Delivery) {
        if delivery.kind() == Some(Kind::Event) {
            return;
        }
        match (&delivery.old, &delivery.new) {
            (old, Some(new)) => {
                if let Some(old) = old.as_ref().filter(|old| old.meta().uid != new.meta().uid) {
                    self.object_removed(cx, &old.meta().uid);
                }
                self.object_changed(cx, new);
            }
            (Some(old), None) => self.object_removed(cx, &old.meta().uid),
            (None, None) => {}
        }
    }

    fn object_changed(&mut self, cx: &EventContext<'_>, object: &Object) {
        let meta = object.meta();
        let waits_for_deletion = meta.is_deleting() && meta.has_finalizer(FINALIZER_DELETE_DEPENDENTS);
        let waits_for_orphans = meta.is_deleting() && meta.has_finalizer(FINALIZER_ORPHAN_DEPENDENTS);
        let is_known = self.graph.get(&meta.uid).is_some();
        // Most objects have no owner and nobody names them: they need no node.
        if meta.owner_references.is_empty() && !is_known && !waits_for_deletion && !waits_for_orphans {
            return;
        }
        let node = self.graph.observe(&meta.uid, object.key());
        let started = waits_for_deletion && !node.is_deleting_dependents;
        node.is_deleting_dependents = waits_for_deletion;
        node.is_being_deleted = meta.is_deleting();
        let references: Vec<(OwnerReference, Option<ObjectKey>)> =
            meta.owner_references.iter().map(|r| (r.clone(), owner_key(r, meta))).collect();
        for owner in self.graph.set_owners(&meta.uid, &references) {
            self.enqueue_if_waiting(cx, &owner);
        }
        // An owner that was never seen may not exist: its dependent is looked at, and the owner with it.
        let unseen = references.iter().any(|(r, _)| self.graph.get(&r.uid).is_none_or(|n| !n.is_observed));
        if unseen {
            self.enqueue(cx, &meta.uid);
        }
        for owner in references.iter().map(|(r, _)| &r.uid) {
            if self.graph.get(owner).is_some_and(|n| n.is_deleting_dependents) {
                self.enqueue(cx, &meta.uid);
            }
        }
        if started {
            for dependent in self.graph.dependents(&meta.uid) {
                self.enqueue(cx, &dependent);
            }
            self.enqueue(cx, &meta.uid);
        }
        if waits_for_orphans {
            self.enqueue(cx, &meta.uid);
        }
        // A dependent that is on its way out may be the last that its owner waits for.
        if meta.is_deleting() {
            for owner in self.graph.owners(&meta.uid) {
                self.enqueue_if_waiting(cx, &owner);
            }
        }
    }

    fn object_removed(&mut self, cx: &EventContext<'_>, uid: &Uid) {
        if self.graph.get(uid).is_none() {
            return;
        }
        let (dependents, owners) = (self.graph.dependents(uid), self.graph.owners(uid));
        self.graph.remove(uid);
        for dependent in dependents {
            self.enqueue(cx, &dependent);
        }
        for owner in owners {
            self.enqueue_if_waiting(cx, &owner);
        }
    }

    fn enqueue(&mut self, cx: &EventContext<'_>, uid: &Uid) {
        self.queue.add(queue_key(uid), cx.cause);
    }

    fn enqueue_if_waiting(&mut self, cx: &EventContext<'_>, uid: &Uid) {
        if self.graph.get(uid).is_some_and(|n| n.is_deleting_dependents) {
            self.enqueue(cx, uid);
        }
    }
}

/// Where an owner would be: in the dependent's namespace, unless its kind has none. `None` for kinds that are not served.
pub(super) fn owner_key(reference: &OwnerReference, dependent: &ObjectMeta) -> Option<ObjectKey> {
    let kind = Kind::of(&reference.api_version, &reference.kind)?;
    let namespace = if kind.info().namespaced { dependent.namespace.as_str() } else { "" };
    Some(ObjectKey::new(kind, namespace, &reference.name))
}
