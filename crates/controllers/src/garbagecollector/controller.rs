//! The collector's decisions: which objects go, which wait, which lose their dead owners.
//!
//! Mirrors pkg/controller/garbagecollector/garbagecollector.go (v1.36).
//! Differs: an owner of a kind that is not served keeps its dependents without being looked up again and again, since no
//! kind is ever added. Owners found absent are not remembered: the live read costs nothing here.

use std::collections::VecDeque;

use seatrial_api::{ApiError, Kind, NamespacedName, Object, ObjectKey, ObjectMeta, OwnerReference, Uid};
use seatrial_machinery::{
    Controller, Delivery, EventContext, EventText, FINALIZER_DELETE_DEPENDENTS, FINALIZER_ORPHAN_DEPENDENTS, ObjectRef,
    Propagation, Queue, SyncContext,
};

use super::graph::{Graph, NodeIndex};
use super::operations::{
    Lookup, delete_object, delete_owner_refs, get_object, ignore_not_found, remove_finalizer, unblock_owner_references,
};

const REASON_OWNER_REF_INVALID_NAMESPACE: &str = "OwnerRefInvalidNamespace";
/// Stands where a namespace would in the keys of owners whose dependents are to be orphaned.
const ORPHAN: &str = "orphan";

/// The garbage collector. Its queue holds uids.
#[derive(Debug, Default)]
pub struct GarbageCollector {
    pub(super) queue: Queue,
    pub(super) graph: Graph,
    /// References across namespaces that were found and not yet told of.
    pub(super) reports: VecDeque<InvalidNamespace>,
}

/// A dependent that names an owner of another namespace.
#[derive(Debug)]
pub(super) struct InvalidNamespace {
    pub(super) dependent: ObjectKey,
    pub(super) uid: Uid,
    pub(super) owner: OwnerReference,
}

/// An object's owners, by what they mean for it. Mirrors `classifyReferences`.
#[derive(Debug, Default)]
struct Owners {
    solid: usize,
    /// Owners that are gone or being deleted in the foreground, and how many of them are the latter.
    to_strip: Vec<Uid>,
    waiting: usize,
}

impl Controller for GarbageCollector {
    const NAME: &'static str = "garbage-collector-controller";
    const WATCHES: &'static [Kind] = &[];
    const WATCHES_PRESENCE: &'static [Kind] = Kind::ALL;

    fn queue(&mut self) -> &mut Queue {
        &mut self.queue
    }

    fn handle(&mut self, cx: &EventContext<'_>, delivery: &Delivery<'_>) {
        self.process_graph_changes(delivery, cx.cause);
    }

    fn sync(&mut self, cx: &mut SyncContext<'_>, key: &NamespacedName) -> Result<(), ApiError> {
        while let Some(report) = self.reports.pop_front() {
            tell_of_invalid_namespace(cx, &report);
        }
        let Some(index) = self.graph.find(&Uid::parse(&key.name)) else { return Ok(()) };
        if key.namespace == ORPHAN {
            return self.attempt_to_orphan_item(cx, index);
        }
        self.attempt_to_delete_item(cx, index)
    }
}

/// The queue's key of an object that may have to go.
pub(super) fn delete_key(uid: &Uid) -> NamespacedName {
    NamespacedName::new("", uid.to_string())
}

/// The queue's key of an owner whose dependents are to be orphaned.
pub(super) fn orphan_key(uid: &Uid) -> NamespacedName {
    NamespacedName::new(ORPHAN, uid.to_string())
}

impl GarbageCollector {
    /// Mirrors `attemptToDeleteItem`.
    fn attempt_to_delete_item(&mut self, cx: &mut SyncContext<'_>, index: NodeIndex) -> Result<(), ApiError> {
        // Deletion is a one-way trip: what has started on it needs nothing until it is gone.
        if self.graph.is_being_deleted(index) && !self.graph.node(index).deleting_dependents {
            return Ok(());
        }
        let latest = match get_object(cx, &self.graph.identity(index)) {
            Lookup::Found(object) => object,
            Lookup::Unresolvable => return Ok(()),
            Lookup::Absent => return self.process_virtual_delete(index),
        };
        // An owner that was only named so far is there: its deletion will be in the watch.
        self.graph.node_mut(index).observed = true;
        if self.graph.node(index).deleting_dependents {
            return self.process_deleting_dependents_item(cx, index);
        }
        if latest.meta().owner_references.is_empty() {
            return Ok(());
        }
        let Some(owners) = self.classify_references(cx, index, latest.meta()) else { return Ok(()) };
        if owners.solid > 0 {
            if owners.to_strip.is_empty() {
                return Ok(());
            }
            return delete_owner_refs(cx, &latest.key(), &latest.meta().uid, &owners.to_strip);
        }
        if owners.waiting > 0 && self.graph.dependent_count(index) > 0 {
            return self.delete_in_foreground(cx, index, &latest);
        }
        delete_object(cx, &latest, propagation_of(latest.meta()))
    }

    /// The owners go only after this object, so its own dependents have to go before it.
    fn delete_in_foreground(
        &mut self,
        cx: &mut SyncContext<'_>,
        index: NodeIndex,
        latest: &Object,
    ) -> Result<(), ApiError> {
        let dependents = self.graph.dependents(index);
        // A dependent that itself waits for dependents may wait for this object: the circle is broken here.
        if dependents.into_iter().any(|dependent| self.graph.node(dependent).deleting_dependents) {
            unblock_owner_references(cx, latest)?;
        }
        delete_object(cx, latest, Propagation::Foreground)
    }

    /// None where an owner can neither be found nor be said to be absent.
    fn classify_references(&mut self, cx: &SyncContext<'_>, index: NodeIndex, meta: &ObjectMeta) -> Option<Owners> {
        let mut owners = Owners::default();
        let dependent = self.graph.identity(index);
        for reference in meta.owner_references.iter() {
            let identity = self.owner_identity(&dependent, reference);
            match get_object(cx, &identity) {
                Lookup::Unresolvable => return None,
                Lookup::Absent => owners.to_strip.push(reference.uid.clone()),
                Lookup::Found(owner) if is_waiting_for_dependents(owner.meta()) => {
                    owners.waiting += 1;
                    owners.to_strip.push(reference.uid.clone());
                }
                Lookup::Found(_) => owners.solid += 1,
            }
        }
        Some(owners)
    }

    /// Mirrors `processDeletingDependentsItem`.
    fn process_deleting_dependents_item(&mut self, cx: &mut SyncContext<'_>, index: NodeIndex) -> Result<(), ApiError> {
        if !self.graph.is_blocked(index) {
            return remove_finalizer(cx, &self.graph.identity(index), FINALIZER_DELETE_DEPENDENTS);
        }
        for dependent in self.graph.blocking_dependents_to_delete(index) {
            if !self.graph.node(dependent).deleting_dependents {
                self.enqueue_delete(dependent, 0);
            }
        }
        Ok(())
    }

    /// Mirrors `attemptToOrphanWorker`: the dependents lose the owner first, then the owner its finalizer.
    fn attempt_to_orphan_item(&mut self, cx: &mut SyncContext<'_>, index: NodeIndex) -> Result<(), ApiError> {
        let owner = self.graph.identity(index);
        let mut first_error = Ok(());
        for dependent in self.graph.dependents(index) {
            let dependent = self.graph.identity(dependent);
            let Some(key) = dependent.key() else { continue };
            let result = delete_owner_refs(cx, &key, &dependent.uid, std::slice::from_ref(&owner.uid));
            first_error = first_error.and(ignore_not_found(result));
        }
        first_error?;
        remove_finalizer(cx, &owner, FINALIZER_ORPHAN_DEPENDENTS)
    }
}

fn is_waiting_for_dependents(meta: &ObjectMeta) -> bool {
    meta.is_deleting() && meta.has_finalizer(FINALIZER_DELETE_DEPENDENTS)
}

/// The policy that an object's finalizers ask for.
fn propagation_of(meta: &ObjectMeta) -> Propagation {
    if meta.has_finalizer(FINALIZER_ORPHAN_DEPENDENTS) {
        Propagation::Orphan
    } else if meta.has_finalizer(FINALIZER_DELETE_DEPENDENTS) {
        Propagation::Foreground
    } else {
        Propagation::Background
    }
}

/// Mirrors `reportInvalidNamespaceOwnerRef`.
fn tell_of_invalid_namespace(cx: &mut SyncContext<'_>, report: &InvalidNamespace) {
    let InvalidNamespace { dependent, uid, owner } = report;
    let namespace = &dependent.namespace;
    let message = format!(
        "ownerRef [{}/{}, namespace: {namespace}, name: {}, uid: {}] does not exist in namespace {:?}",
        owner.api_version,
        owner.kind,
        owner.name,
        owner.uid,
        namespace.as_str()
    );
    let meta = ObjectMeta {
        name: dependent.name.clone(),
        namespace: namespace.clone(),
        uid: uid.clone(),
        ..ObjectMeta::default()
    };
    let about = ObjectRef::new(dependent.kind, &meta);
    cx.client.event(&about, &EventText::warning(REASON_OWNER_REF_INVALID_NAMESPACE, &message));
}
