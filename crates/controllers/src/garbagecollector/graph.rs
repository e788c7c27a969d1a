//! The graph of owner references: one node an object, one edge from a dependent to each of its owners.
//!
//! Mirrors pkg/controller/garbagecollector/graph.go (v1.36).
//! Differs: an edge that ends is only marked as dead, because taking one out of the middle of an owner's list walks that
//! list. An owner's list is rebuilt when more than half of it is dead, so that a dependent's end costs the same for an
//! owner of 10 and of 100,000.

use std::hash::BuildHasher;

use hashbrown::HashTable;
use petgraph::Direction::{Incoming, Outgoing};
use petgraph::stable_graph::{EdgeIndex, NodeIndex, StableDiGraph};
use petgraph::visit::EdgeRef;
use rustc_hash::{FxBuildHasher, FxHashMap};
use seatrial_api::{Kind, ObjectKey, OwnerReference, OwnerReferences, Str, Uid};

/// A list with fewer dead edges than this is never rebuilt.
const DEAD_EDGES_MIN: u32 = 32;

/// The kind of an object, which need not be one that the simulator serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NodeKind {
    Known(Kind),
    /// The place of its `apiVersion` and `kind` in the graph's list.
    Unknown(u32),
}

/// What names an object: coordinates and uid. Mirrors `objectReference`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) kind: NodeKind,
    /// Empty for cluster-scoped kinds.
    pub(super) namespace: Str,
    pub(super) name: Str,
    pub(super) uid: Uid,
}

impl Identity {
    /// The object's key, if its kind is served.
    pub(super) fn key(&self) -> Option<ObjectKey> {
        let NodeKind::Known(kind) = self.kind else { return None };
        Some(ObjectKey { kind, namespace: self.namespace.clone(), name: self.name.clone() })
    }
}

/// What is known of an object. Mirrors `node`.
#[derive(Clone, Debug)]
pub(super) struct Node {
    uid: Uid,
    name: Str,
    /// The owners as the object names them.
    pub(super) owners: OwnerReferences,
    kind: NodeKind,
    namespace: u32,
    /// Dependents, those whose reference blocks the deletion, and those of them that are not being deleted.
    dependents: u32,
    blocking: u32,
    blocking_idle: u32,
    dead_edges: u32,
    /// Whether the object was seen, and not only a reference to it.
    pub(super) observed: bool,
    being_deleted: bool,
    /// Deleted in the foreground: waits for its dependents.
    pub(super) deleting_dependents: bool,
    /// The object is gone; the node stays until its edges are swept.
    dead: bool,
}

/// A reference from a dependent to an owner.
#[derive(Clone, Copy, Debug)]
struct Edge {
    live: bool,
    /// Whether the owner's foreground deletion waits for the dependent.
    blocks: bool,
}

/// All nodes, and where they are by uid.
#[derive(Debug, Default)]
pub(super) struct Graph {
    graph: StableDiGraph<Node, Edge>,
    by_uid: HashTable<NodeIndex>,
    namespaces: Vec<Str>,
    namespace_ids: FxHashMap<Str, u32>,
    /// `apiVersion` and `kind` of kinds that are not served.
    unknown_kinds: Vec<(Str, Str)>,
}

fn hash(uid: &Uid) -> u64 {
    FxBuildHasher.hash_one(uid)
}

impl Graph {
    pub(super) fn find(&self, uid: &Uid) -> Option<NodeIndex> {
        self.by_uid.find(hash(uid), |index| self.graph[*index].uid == *uid).copied()
    }

    pub(super) fn node(&self, index: NodeIndex) -> &Node {
        &self.graph[index]
    }

    pub(super) fn node_mut(&mut self, index: NodeIndex) -> &mut Node {
        &mut self.graph[index]
    }

    pub(super) fn uid(&self, index: NodeIndex) -> &Uid {
        &self.graph[index].uid
    }

    pub(super) fn identity(&self, index: NodeIndex) -> Identity {
        let node = &self.graph[index];
        Identity {
            kind: node.kind,
            namespace: self.namespaces[node.namespace as usize].clone(),
            name: node.name.clone(),
            uid: node.uid.clone(),
        }
    }

    pub(super) fn set_identity(&mut self, index: NodeIndex, identity: &Identity) {
        let namespace = self.namespace_id(&identity.namespace);
        let node = &mut self.graph[index];
        (node.kind, node.namespace, node.name) = (identity.kind, namespace, identity.name.clone());
    }

    /// The kind that a reference names.
    pub(super) fn kind_of(&mut self, owner: &OwnerReference) -> NodeKind {
        if let Some(kind) = Kind::of(&owner.api_version, &owner.kind) {
            return NodeKind::Known(kind);
        }
        let found = self.unknown_kinds.iter().position(|(v, k)| *v == owner.api_version && *k == owner.kind);
        let place = found.unwrap_or_else(|| {
            self.unknown_kinds.push((owner.api_version.clone(), owner.kind.clone()));
            self.unknown_kinds.len() - 1
        });
        NodeKind::Unknown(u32::try_from(place).unwrap_or(u32::MAX))
    }

    fn namespace_id(&mut self, namespace: &Str) -> u32 {
        if let Some(id) = self.namespace_ids.get(namespace) {
            return *id;
        }
        let id = u32::try_from(self.namespaces.len()).unwrap_or(u32::MAX);
        self.namespaces.push(namespace.clone());
        self.namespace_ids.insert(namespace.clone(), id);
        id
    }

    /// Adds an object that has no node yet, still without edges.
    pub(super) fn insert(&mut self, identity: Identity, observed: bool) -> NodeIndex {
        let namespace = self.namespace_id(&identity.namespace);
        let hash_of_new = hash(&identity.uid);
        let index = self.graph.add_node(Node {
            uid: identity.uid,
            name: identity.name,
            owners: OwnerReferences::default(),
            kind: identity.kind,
            namespace,
            dependents: 0,
            blocking: 0,
            blocking_idle: 0,
            dead_edges: 0,
            observed,
            being_deleted: false,
            deleting_dependents: false,
            dead: false,
        });
        let graph = &self.graph;
        self.by_uid.insert_unique(hash_of_new, index, |other| hash(&graph[*other].uid));
        index
    }

    /// How many dependents an owner has.
    pub(super) fn dependent_count(&self, owner: NodeIndex) -> u32 {
        self.graph[owner].dependents
    }

    /// The dependents, in the order in which they became that.
    pub(super) fn dependents(&self, owner: NodeIndex) -> Vec<NodeIndex> {
        self.dependents_where(owner, |edge| edge.live)
    }

    /// Whether a foreground deletion of the owner has to wait.
    pub(super) fn is_blocked(&self, owner: NodeIndex) -> bool {
        self.graph[owner].blocking > 0
    }

    /// The dependents for which a foreground deletion waits, unless all of them are being deleted already.
    pub(super) fn blocking_dependents_to_delete(&self, owner: NodeIndex) -> Vec<NodeIndex> {
        if self.graph[owner].blocking_idle == 0 {
            return Vec::new();
        }
        self.dependents_where(owner, |edge| edge.live && edge.blocks)
    }

    fn dependents_where(&self, owner: NodeIndex, wanted: impl Fn(&Edge) -> bool) -> Vec<NodeIndex> {
        let edges = self.graph.edges_directed(owner, Incoming);
        let mut list: Vec<NodeIndex> = edges.filter(|e| wanted(e.weight())).map(|e| e.source()).collect();
        list.reverse();
        list
    }

    pub(super) fn is_being_deleted(&self, index: NodeIndex) -> bool {
        self.graph[index].being_deleted
    }

    pub(super) fn mark_being_deleted(&mut self, index: NodeIndex) {
        if std::mem::replace(&mut self.graph[index].being_deleted, true) {
            return;
        }
        let mut walk = self.graph.neighbors_directed(index, Outgoing).detach();
        while let Some((edge, owner)) = walk.next(&self.graph) {
            let Edge { live, blocks } = self.graph[edge];
            self.graph[owner].blocking_idle -= u32::from(live && blocks);
        }
    }

    /// Adds the edge from a dependent to an owner, or changes it.
    pub(super) fn set_edge(&mut self, dependent: NodeIndex, owner: NodeIndex, blocks: bool) {
        let idle = !self.graph[dependent].being_deleted;
        if let Some(edge) = self.live_edge(dependent, owner) {
            let was = std::mem::replace(&mut self.graph[edge].blocks, blocks);
            let node = &mut self.graph[owner];
            node.blocking = node.blocking + u32::from(blocks) - u32::from(was);
            node.blocking_idle = node.blocking_idle + u32::from(blocks && idle) - u32::from(was && idle);
            return;
        }
        self.graph.add_edge(dependent, owner, Edge { live: true, blocks });
        let node = &mut self.graph[owner];
        node.dependents += 1;
        node.blocking += u32::from(blocks);
        node.blocking_idle += u32::from(blocks && idle);
    }

    fn live_edge(&self, dependent: NodeIndex, owner: NodeIndex) -> Option<EdgeIndex> {
        let mut edges = self.graph.edges_directed(dependent, Outgoing);
        edges.find(|e| e.target() == owner && e.weight().live).map(|e| e.id())
    }

    /// Ends a dependency.
    pub(super) fn remove_edge(&mut self, dependent: NodeIndex, owner: NodeIndex) {
        if let Some(edge) = self.live_edge(dependent, owner) {
            self.kill(edge, dependent, owner);
            self.sweep(owner);
        }
    }

    fn kill(&mut self, edge: EdgeIndex, dependent: NodeIndex, owner: NodeIndex) {
        let idle = !self.graph[dependent].being_deleted;
        let Edge { live, blocks } = std::mem::replace(&mut self.graph[edge], Edge { live: false, blocks: false });
        if live {
            let node = &mut self.graph[owner];
            node.dependents -= 1;
            node.dead_edges += 1;
            node.blocking -= u32::from(blocks);
            node.blocking_idle -= u32::from(blocks && idle);
        }
    }

    /// Takes an object out. Its dependents keep naming it as an owner, but no longer find it.
    pub(super) fn remove(&mut self, index: NodeIndex) {
        let uid = self.graph[index].uid.clone();
        if let Ok(entry) = self.by_uid.find_entry(hash(&uid), |other| *other == index) {
            entry.remove();
        }
        self.drain_incoming(index);
        let mut owners = Vec::new();
        let mut walk = self.graph.neighbors_directed(index, Outgoing).detach();
        while let Some((edge, owner)) = walk.next(&self.graph) {
            self.kill(edge, index, owner);
            owners.push(owner);
        }
        let node = &mut self.graph[index];
        node.dead = true;
        node.name = Str::default();
        node.owners = OwnerReferences::default();
        self.bury(index);
        for owner in owners {
            self.sweep(owner);
        }
    }

    /// Rebuilds an owner's list of dependents when most of it is dead.
    fn sweep(&mut self, owner: NodeIndex) {
        let Some(node) = self.graph.node_weight(owner) else { return };
        if node.dead_edges < DEAD_EDGES_MIN || node.dead_edges <= node.dependents {
            return;
        }
        for (dependent, edge) in self.drain_incoming(owner).into_iter().rev() {
            self.graph.add_edge(dependent, owner, edge);
        }
    }

    /// Takes all edges off an owner, from the head of its list where that is cheap; returns the live ones.
    fn drain_incoming(&mut self, owner: NodeIndex) -> Vec<(NodeIndex, Edge)> {
        let mut live = Vec::with_capacity(self.graph[owner].dependents as usize);
        while let Some((edge, dependent)) =
            self.graph.edges_directed(owner, Incoming).next().map(|e| (e.id(), e.source()))
        {
            match self.graph.remove_edge(edge) {
                Some(edge) if edge.live => live.push((dependent, edge)),
                _ => self.bury(dependent),
            }
        }
        self.graph[owner].dead_edges = 0;
        live
    }

    /// Frees the node of an object that is gone, once no edge is left.
    fn bury(&mut self, index: NodeIndex) {
        let dead = self.graph.node_weight(index).is_some_and(|node| node.dead);
        if dead && self.graph.edges_directed(index, Outgoing).next().is_none() {
            self.graph.remove_node(index);
        }
    }

    /// How many nodes there are, those not yet swept included.
    #[cfg(test)]
    pub(super) fn node_count(&self) -> usize {
        self.graph.node_count()
    }
}
