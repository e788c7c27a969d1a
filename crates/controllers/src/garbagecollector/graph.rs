//! Who owns whom. Only objects that have owners, or are named as owners, have a node.
//!
//! Mirrors pkg/controller/garbagecollector/graph.go (v1.36).

use petgraph::Direction;
use petgraph::stable_graph::{NodeIndex, StableDiGraph};
use petgraph::visit::EdgeRef;
use rustc_hash::FxHashMap;
use seatrial_api::{NamespacedName, ObjectKey, OwnerReference, Uid};

/// An object in the graph.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) uid: Uid,
    /// Where the object is; unknown for owners of kinds that are not served.
    pub(super) key: Option<ObjectKey>,
    /// Whether the object was seen: owners that were only named are looked up when it matters.
    pub(super) is_observed: bool,
    /// Whether it waits for its dependents to be deleted.
    pub(super) is_deleting_dependents: bool,
    /// Whether it is being deleted at all.
    pub(super) is_being_deleted: bool,
}

/// The owner references, as a graph from dependents to owners; an edge says whether it blocks the owner's deletion.
#[derive(Debug, Default)]
pub(super) struct Graph {
    graph: StableDiGraph<Node, bool>,
    by_uid: FxHashMap<Uid, NodeIndex>,
}

impl Graph {
    pub(super) fn get(&self, uid: &Uid) -> Option<&Node> {
        self.graph.node_weight(*self.by_uid.get(uid)?)
    }

    pub(super) fn get_mut(&mut self, uid: &Uid) -> Option<&mut Node> {
        self.graph.node_weight_mut(*self.by_uid.get(uid)?)
    }

    /// The node of an object that is there; made where it is missing.
    pub(super) fn observe(&mut self, uid: &Uid, key: ObjectKey) -> &mut Node {
        let index = self.index_of(uid, Some(key.clone()));
        let node = &mut self.graph[index];
        node.key = Some(key);
        node.is_observed = true;
        node
    }

    fn index_of(&mut self, uid: &Uid, key: Option<ObjectKey>) -> NodeIndex {
        if let Some(index) = self.by_uid.get(uid) {
            return *index;
        }
        let index = self.graph.add_node(Node {
            uid: uid.clone(),
            key,
            is_observed: false,
            is_deleting_dependents: false,
            is_being_deleted: false,
        });
        self.by_uid.insert(uid.clone(), index);
        index
    }

    /// Makes an object's owners those of its references. Returns the owners it lost or no longer blocks.
    pub(super) fn set_owners(&mut self, uid: &Uid, references: &[(OwnerReference, Option<ObjectKey>)]) -> Vec<Uid> {
        let Some(index) = self.by_uid.get(uid).copied() else { return Vec::new() };
        let old: Vec<_> = self.graph.edges(index).map(|e| (e.id(), e.target(), *e.weight())).collect();
        let mut freed = Vec::new();
        for (edge, target, blocked) in old {
            let owner = &self.graph[target].uid;
            let still = references.iter().find(|(r, _)| r.uid == *owner);
            let blocks = still.is_some_and(|(r, _)| r.block_owner_deletion == Some(true));
            if still.is_none() || (blocked && !blocks) {
                freed.push(owner.clone());
            }
            self.graph.remove_edge(edge);
            if still.is_none() {
                self.forget_if_alone(target);
            }
        }
        for (reference, key) in references {
            let owner = self.index_of(&reference.uid, key.clone());
            self.graph.update_edge(index, owner, reference.block_owner_deletion == Some(true));
        }
        freed
    }

    /// The objects that name this one as an owner, in the order they were seen.
    pub(super) fn dependents(&self, uid: &Uid) -> Vec<Uid> {
        self.edges_in(uid).into_iter().map(|(uid, _)| uid).collect()
    }

    /// The dependents that hold a foreground deletion up.
    pub(super) fn blocking_dependents(&self, uid: &Uid) -> Vec<Uid> {
        self.edges_in(uid).into_iter().filter(|(_, blocks)| *blocks).map(|(uid, _)| uid).collect()
    }

    fn edges_in(&self, uid: &Uid) -> Vec<(Uid, bool)> {
        let Some(index) = self.by_uid.get(uid) else { return Vec::new() };
        let mut edges: Vec<(NodeIndex, bool)> =
            self.graph.edges_directed(*index, Direction::Incoming).map(|e| (e.source(), *e.weight())).collect();
        edges.sort_unstable_by_key(|(source, _)| *source);
        edges.into_iter().map(|(source, blocks)| (self.graph[source].uid.clone(), blocks)).collect()
    }

    /// The owners an object names.
    pub(super) fn owners(&self, uid: &Uid) -> Vec<Uid> {
        let Some(index) = self.by_uid.get(uid) else { return Vec::new() };
        self.graph.neighbors(*index).map(|owner| self.graph[owner].uid.clone()).collect()
    }

    /// An object is gone. Its node stays as long as somebody names it.
    pub(super) fn remove(&mut self, uid: &Uid) {
        let Some(index) = self.by_uid.get(uid).copied() else { return };
        let owners: Vec<NodeIndex> = self.graph.neighbors(index).collect();
        let edges: Vec<_> = self.graph.edges(index).map(|e| e.id()).collect();
        for edge in edges {
            self.graph.remove_edge(edge);
        }
        self.graph[index].is_observed = false;
        for owner in owners.into_iter().chain([index]) {
            self.forget_if_alone(owner);
        }
    }

    fn forget_if_alone(&mut self, index: NodeIndex) {
        let Some(node) = self.graph.node_weight(index) else { return };
        let is_needed = node.is_observed && (node.is_being_deleted || self.graph.neighbors(index).next().is_some());
        let is_named = self.graph.neighbors_directed(index, Direction::Incoming).next().is_some();
        if !is_needed && !is_named {
            let uid = node.uid.clone();
            self.graph.remove_node(index);
            self.by_uid.remove(&uid);
        }
    }
}

/// The queue's key of an object: its uid, since owners are known by nothing else.
pub(super) fn queue_key(uid: &Uid) -> NamespacedName {
    NamespacedName::new("", uid.to_string())
}
