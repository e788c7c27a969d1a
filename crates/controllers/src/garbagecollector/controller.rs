//! What becomes of one object: it is kept, deleted, or its owners' references are taken away.
//!
//! Mirrors pkg/controller/garbagecollector/garbagecollector.go (v1.36).

use seatrial_api::{ApiError, NamespacedName, Object, ObjectKey, OwnerReference, Uid};
use seatrial_machinery::{
    Controller, Delivery, EventContext, EventText, FINALIZER_DELETE_DEPENDENTS, FINALIZER_ORPHAN_DEPENDENTS, ObjectRef,
    Propagation, Queue, SyncContext,
};

use super::graph::{Graph, queue_key};
use super::graph_builder::owner_key;
use super::operations;

const REASON_OWNER_REF_INVALID_NAMESPACE: &str = "OwnerRefInvalidNamespace";

/// The garbage collector. Its queue holds uids.
#[derive(Debug, Default)]
pub struct GarbageCollector {
    pub(super) queue: Queue,
    pub(super) graph: Graph,
}

impl Controller for GarbageCollector {
    const NAME: &'static str = "garbage-collector-controller";

    fn queue(&mut self) -> &mut Queue {
        &mut self.queue
    }

    fn handle(&mut self, cx: &EventContext<'_>, delivery: &Delivery) {
        self.process_graph_changes(cx, delivery);
    }

    fn sync(&mut self, cx: &mut SyncContext<'_>, key: &NamespacedName) -> Result<(), ApiError> {
        self.attempt_to_delete_item(cx, &Uid::parse(&key.name))
    }
}

/// An object's owners by what holds of them.
#[derive(Debug, Default)]
struct Owners {
    /// Owners that exist.
    solid: Vec<OwnerReference>,
    /// Owners that do not exist.
    dangling: Vec<OwnerReference>,
    /// Owners that wait for their dependents to be deleted.
    waiting: Vec<OwnerReference>,
}

impl GarbageCollector {
    /// Mirrors `attemptToDeleteItem`.
    fn attempt_to_delete_item(&mut self, cx: &mut SyncContext<'_>, uid: &Uid) -> Result<(), ApiError> {
        let Some(key) = self.graph.get(uid).and_then(|n| n.key.clone()) else { return Ok(()) };
        let Some(object) = cx.client.lookup_live(&key).filter(|o| o.meta().uid == *uid) else { return Ok(()) };
        let meta = object.meta();
        if meta.is_deleting() && meta.has_finalizer(FINALIZER_ORPHAN_DEPENDENTS) {
            return self.orphan_dependents(cx, &object);
        }
        if meta.is_deleting() && !meta.has_finalizer(FINALIZER_DELETE_DEPENDENTS) {
            return Ok(());
        }
        if meta.is_deleting() {
            return self.process_deleting_dependents_item(cx, &object);
        }
        if meta.owner_references.is_empty() {
            return Ok(());
        }
        let Some(owners) = self.classify_references(cx, &object) else { return Ok(()) };
        if !owners.solid.is_empty() {
            if owners.dangling.is_empty() && owners.waiting.is_empty() {
                return Ok(());
            }
            let gone: Vec<&Uid> = owners.dangling.iter().chain(&owners.waiting).map(|r| &r.uid).collect();
            return operations::remove_owner_references(&mut cx.client, &object, &gone);
        }
        let has_dependents = !self.graph.dependents(uid).is_empty();
        let propagation = if !owners.waiting.is_empty() && has_dependents {
            self.unblock_cycle(cx, uid)?;
            Propagation::Foreground
        } else if meta.has_finalizer(FINALIZER_ORPHAN_DEPENDENTS) {
            Propagation::Orphan
        } else if meta.has_finalizer(FINALIZER_DELETE_DEPENDENTS) {
            Propagation::Foreground
        } else {
            Propagation::Background
        };
        operations::delete_object(&mut cx.client, &object, propagation)
    }

    /// Sorts an object's owners; `None` where one of them cannot be looked up, which keeps the object.
    fn classify_references(&mut self, cx: &mut SyncContext<'_>, object: &Object) -> Option<Owners> {
        let meta = object.meta();
        let mut owners = Owners::default();
        for reference in meta.owner_references.iter() {
            let key = owner_key(reference, meta)?;
            if key.kind.info().namespaced && meta.namespace.is_empty() {
                // A cluster-scoped object cannot have an owner in a namespace: nobody can say which.
                return None;
            }
            match cx.client.lookup_live(&key).filter(|o| o.meta().uid == reference.uid) {
                None => {
                    self.warn_of_foreign_namespace(cx, object, reference, &key);
                    owners.dangling.push(reference.clone());
                }
                Some(owner) => {
                    let owner_meta = owner.meta();
                    let waits = owner_meta.is_deleting() && owner_meta.has_finalizer(FINALIZER_DELETE_DEPENDENTS);
                    self.graph.observe(&reference.uid, key);
                    if waits { owners.waiting.push(reference.clone()) } else { owners.solid.push(reference.clone()) }
                }
            }
        }
        Some(owners)
    }

    /// An owner that exists, but in another namespace, is no owner; the object's events say so.
    fn warn_of_foreign_namespace(
        &self,
        cx: &mut SyncContext<'_>,
        object: &Object,
        reference: &OwnerReference,
        key: &ObjectKey,
    ) {
        let is_elsewhere = self
            .graph
            .get(&reference.uid)
            .and_then(|n| n.key.as_ref().filter(|_| n.is_observed))
            .is_some_and(|k| k.namespace != key.namespace);
        if !is_elsewhere {
            return;
        }
        let namespace = &object.meta().namespace;
        let message = format!(
            "ownerRef [{}/{}, namespace: {namespace}, name: {}, uid: {}] does not exist in namespace \"{namespace}\"",
            reference.api_version, reference.kind, reference.name, reference.uid
        );
        let about = ObjectRef { kind: object.kind(), meta: object.meta(), field_path: "", host: "" };
        cx.client.event(&about, &EventText::warning(REASON_OWNER_REF_INVALID_NAMESPACE, &message));
    }

    /// Before an object is deleted in the foreground: dependents that block it while they wait themselves would wait for
    /// ever, so they block no more.
    fn unblock_cycle(&mut self, cx: &mut SyncContext<'_>, uid: &Uid) -> Result<(), ApiError> {
        for dependent in self.graph.dependents(uid) {
            let Some(node) = self.graph.get(&dependent).filter(|n| n.is_deleting_dependents) else { continue };
            let Some(object) = node.key.as_ref().and_then(|k| cx.client.lookup_live(k)) else { continue };
            operations::unblock_owner_references(&mut cx.client, &object)?;
        }
        Ok(())
    }

    /// An owner that waits goes once nothing blocks it. Mirrors `processDeletingDependentsItem`.
    fn process_deleting_dependents_item(&mut self, cx: &mut SyncContext<'_>, object: &Object) -> Result<(), ApiError> {
        let uid = &object.meta().uid;
        let blocking = self.graph.blocking_dependents(uid);
        if blocking.is_empty() {
            return operations::remove_finalizer(&mut cx.client, object, FINALIZER_DELETE_DEPENDENTS);
        }
        for dependent in blocking {
            if self.graph.get(&dependent).is_some_and(|n| !n.is_deleting_dependents && !n.is_being_deleted) {
                self.queue.add(queue_key(&dependent), 0);
            }
        }
        Ok(())
    }

    /// Takes an owner off all its dependents, then lets it go. Mirrors `attemptToOrphan`.
    fn orphan_dependents(&mut self, cx: &mut SyncContext<'_>, owner: &Object) -> Result<(), ApiError> {
        let uid = &owner.meta().uid;
        for dependent in self.graph.dependents(uid) {
            let key = self.graph.get_mut(&dependent).and_then(|n| n.key.clone());
            if let Some(object) = key.and_then(|k| cx.client.lookup_live(&k)).filter(|o| o.meta().uid == dependent) {
                operations::remove_owner_references(&mut cx.client, &object, &[uid])?;
            }
        }
        operations::remove_finalizer(&mut cx.client, owner, FINALIZER_ORPHAN_DEPENDENTS)
    }
}
