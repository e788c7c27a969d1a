//! Keeps the graph as the watch tells it, and queues what a change may have set free.
//!
//! Mirrors pkg/controller/garbagecollector/graph_builder.go (v1.36).
//! Differs: a pod, claim or volume without owners has no node until something names it as its owner; Events have none.

use seatrial_api::{ApiError, Kind, Object, ObjectMeta, OwnerReference, Uid};
use seatrial_machinery::{Delivery, FINALIZER_DELETE_DEPENDENTS, FINALIZER_ORPHAN_DEPENDENTS};

use super::controller::{GarbageCollector, InvalidNamespace, delete_key, orphan_key};
use super::graph::{Identity, NodeIndex, NodeKind};

impl GarbageCollector {
    /// Mirrors `processGraphChanges`.
    pub(super) fn process_graph_changes(&mut self, delivery: &Delivery<'_>, cause: u64) {
        let Some(object) = delivery.object().filter(|o| o.kind() != Kind::Event) else { return };
        match delivery.new {
            Some(new) => self.add_or_update(delivery.old, new, cause),
            None => {
                if let Some(index) = self.graph.find_object(object.kind(), object.meta()) {
                    self.remove_node(index, cause);
                }
            }
        }
    }

    fn add_or_update(&mut self, old: Option<&Object>, new: &Object, cause: u64) {
        let (old, meta) = (old.map(Object::meta), new.meta());
        if let Some(index) = old.filter(|old| old.uid != meta.uid).and_then(|old| self.graph.find(&old.uid)) {
            self.remove_node(index, cause);
        }
        let old = old.filter(|old| old.uid == meta.uid);
        if old.is_some_and(|old| is_unchanged(old, meta)) {
            return;
        }
        let index = match self.graph.find_object(new.kind(), meta) {
            Some(index) => {
                if !self.graph.node(index).observed {
                    self.observe(index, identity_of(new), cause);
                    self.graph.remember(new.kind(), meta.slot, index);
                }
                index
            }
            None if !needs_node(new) => return,
            None => {
                let index = self.graph.insert(identity_of(new), true);
                self.graph.remember(new.kind(), meta.slot, index);
                index
            }
        };
        self.update_owners(index, meta, cause);
        if meta.is_deleting() {
            self.graph.mark_being_deleted(index);
        }
        self.process_transitions(index, old, meta, cause);
    }

    /// The object behind references was seen: dependents that named other coordinates are looked at again.
    fn observe(&mut self, index: NodeIndex, observed: Identity, cause: u64) {
        if self.graph.identity(index) != observed {
            let (_, mismatched) = self.partition_dependents(index, &observed);
            for dependent in mismatched {
                let other_namespace = self.graph.identity(dependent).namespace != observed.namespace;
                if !observed.namespace.is_empty() && other_namespace {
                    self.report_invalid_namespace(dependent, &observed.uid);
                }
                self.enqueue_delete(dependent, cause);
            }
            self.graph.set_identity(index, &observed);
        }
        self.graph.node_mut(index).observed = true;
    }

    /// Brings a node's edges to the owners that its object names now.
    fn update_owners(&mut self, index: NodeIndex, meta: &ObjectMeta, cause: u64) {
        let new = &meta.owner_references;
        let old = std::mem::replace(&mut self.graph.node_mut(index).owners, new.clone());
        if old == *new {
            return;
        }
        for was in old.iter() {
            let is = new.iter().find(|r| r.uid == was.uid);
            let unblocked = blocks(was) && is.is_none_or(|r| !blocks(r));
            let Some(owner) = self.graph.find(&was.uid) else { continue };
            if unblocked {
                self.enqueue_delete(owner, cause);
            }
            match is {
                Some(is) => self.graph.set_edge(index, owner, blocks(is)),
                None => self.graph.remove_edge(index, owner),
            }
        }
        let added = |r: &&OwnerReference| old.iter().all(|o| o.uid != r.uid);
        self.add_dependent_to_owners(index, new.iter().filter(added), cause);
    }

    /// Mirrors `addDependentToOwners`.
    fn add_dependent_to_owners<'a>(
        &mut self,
        index: NodeIndex,
        owners: impl Iterator<Item = &'a OwnerReference>,
        cause: u64,
    ) {
        let dependent = self.graph.identity(index);
        let mut invalid = false;
        for reference in owners {
            let Some(owner) = self.graph.find(&reference.uid) else {
                let identity = self.owner_identity(&dependent, reference);
                let owner = self.graph.insert(identity, false);
                self.graph.set_edge(index, owner, blocks(reference));
                self.enqueue_delete(owner, cause);
                continue;
            };
            self.graph.set_edge(index, owner, blocks(reference));
            if invalid {
                continue;
            }
            let known = self.graph.identity(owner);
            if !known.namespace.is_empty() && known.namespace != dependent.namespace {
                if self.graph.node(owner).observed {
                    self.report_invalid_namespace(index, &reference.uid);
                }
                invalid = true;
            } else {
                invalid = known.kind != self.graph.kind_of(reference) || known.name != reference.name;
            }
        }
        if invalid {
            self.enqueue_delete(index, cause);
        }
    }

    /// The owner that a reference means: a namespaced one is in the dependent's namespace.
    pub(super) fn owner_identity(&mut self, dependent: &Identity, reference: &OwnerReference) -> Identity {
        let kind = self.graph.kind_of(reference);
        let namespaced = !matches!(kind, NodeKind::Known(kind) if !kind.info().namespaced);
        Identity {
            kind,
            namespace: if namespaced { dependent.namespace.clone() } else { Default::default() },
            name: reference.name.clone(),
            uid: reference.uid.clone(),
        }
    }

    /// The dependents that name an owner by the given coordinates, and those that name it by others.
    fn partition_dependents(&mut self, owner: NodeIndex, identity: &Identity) -> (Vec<NodeIndex>, Vec<NodeIndex>) {
        let (mut matching, mut mismatched) = (Vec::new(), Vec::new());
        for dependent in self.graph.dependents(owner) {
            let of_dependent = self.graph.identity(dependent);
            let owners = self.graph.node(dependent).owners.clone();
            let mut references = owners.iter().filter(|r| r.uid == identity.uid);
            if references.all(|r| self.owner_identity(&of_dependent, r) == *identity) {
                matching.push(dependent);
            } else {
                mismatched.push(dependent);
            }
        }
        (matching, mismatched)
    }

    /// Mirrors `processTransitions`.
    fn process_transitions(&mut self, index: NodeIndex, old: Option<&ObjectMeta>, new: &ObjectMeta, cause: u64) {
        let starts_with = |finalizer| {
            let waits = |meta: &ObjectMeta| meta.is_deleting() && meta.has_finalizer(finalizer);
            waits(new) && !old.is_some_and(waits)
        };
        if starts_with(FINALIZER_ORPHAN_DEPENDENTS) {
            self.queue.add(orphan_key(&new.uid), cause);
        } else if starts_with(FINALIZER_DELETE_DEPENDENTS) {
            self.graph.node_mut(index).deleting_dependents = true;
            for dependent in self.graph.dependents(index) {
                self.enqueue_delete(dependent, cause);
            }
            self.enqueue_delete(index, cause);
        }
    }

    /// An object is gone: its dependents and the owners that waited for it are looked at.
    fn remove_node(&mut self, index: NodeIndex, cause: u64) {
        for dependent in self.graph.dependents(index) {
            self.enqueue_delete(dependent, cause);
        }
        let owners = self.graph.node(index).owners.clone();
        self.graph.remove(index);
        for reference in owners.iter() {
            let waits = |owner: &NodeIndex| self.graph.node(*owner).deleting_dependents;
            if let Some(owner) = self.graph.find(&reference.uid).filter(waits) {
                self.enqueue_delete(owner, cause);
            }
        }
    }

    /// The API server does not know the object at the coordinates that its node has. Mirrors the virtual delete events.
    pub(super) fn process_virtual_delete(&mut self, index: NodeIndex) -> Result<(), ApiError> {
        let absent = self.graph.identity(index);
        let (matching, mismatched) = match self.graph.node(index).observed {
            true => (Vec::new(), Vec::new()),
            false => self.partition_dependents(index, &absent),
        };
        let Some(&other) = mismatched.first() else {
            self.remove_node(index, 0);
            return Ok(());
        };
        for dependent in matching {
            self.enqueue_delete(dependent, 0);
        }
        // Some dependents disagree on the coordinates: theirs are tried next.
        let of_other = self.graph.identity(other);
        let owners = self.graph.node(other).owners.clone();
        for reference in owners.iter().filter(|r| r.uid == absent.uid) {
            let replacement = self.owner_identity(&of_other, reference);
            if replacement != absent {
                self.graph.set_identity(index, &replacement);
                break;
            }
        }
        Err(ApiError::internal(format!("dependents disagree on where their owner {} is", absent.uid)))
    }

    pub(super) fn enqueue_delete(&mut self, index: NodeIndex, cause: u64) {
        self.queue.add(delete_key(self.graph.uid(index)), cause);
    }

    fn report_invalid_namespace(&mut self, dependent: NodeIndex, owner: &Uid) {
        let identity = self.graph.identity(dependent);
        let owners = self.graph.node(dependent).owners.clone();
        let (Some(key), Some(reference)) = (identity.key(), owners.iter().find(|r| r.uid == *owner)) else { return };
        self.reports.push_back(InvalidNamespace { dependent: key, uid: identity.uid, owner: reference.clone() });
    }
}

/// Whether an update says nothing that the graph is about. The lists are shared, so this does not look inside.
fn is_unchanged(old: &ObjectMeta, new: &ObjectMeta) -> bool {
    old.is_deleting() == new.is_deleting()
        && old.owner_references.ptr_eq(&new.owner_references)
        && old.finalizers.ptr_eq(&new.finalizers)
}

/// Pods, claims and volumes, of which there are many, matter only once they have owners or dependents.
fn needs_node(object: &Object) -> bool {
    let meta = object.meta();
    !matches!(object.kind(), Kind::Pod | Kind::PersistentVolumeClaim | Kind::PersistentVolume)
        || !meta.owner_references.is_empty()
        || (meta.is_deleting()
            && (meta.has_finalizer(FINALIZER_ORPHAN_DEPENDENTS) || meta.has_finalizer(FINALIZER_DELETE_DEPENDENTS)))
}

fn identity_of(object: &Object) -> Identity {
    let meta = object.meta();
    Identity {
        kind: NodeKind::Known(object.kind()),
        namespace: meta.namespace.clone(),
        name: meta.name.clone(),
        uid: meta.uid.clone(),
    }
}

fn blocks(reference: &OwnerReference) -> bool {
    reference.block_owner_deletion == Some(true)
}
