//! The graph of owner references: one node an object, one edge from a dependent to each of its owners.
//!
//! Mirrors pkg/controller/garbagecollector/graph.go (v1.36).
//! Differs: an owner's list of dependents keeps the places of those that went until more than half of it is such, so that a
//! dependent's end costs the same for an owner of 10 and of 100,000.
//!
//! Nearly all nodes are pods, with one owner and no dependents: a node holds one edge in place, and the rest behind a
//! pointer.

use std::hash::BuildHasher;

use hashbrown::HashTable;
use rustc_hash::{FxBuildHasher, FxHashMap};
use seatrial_api::{
    Kind, ObjectKey, ObjectMeta, OwnerReference, OwnerReferences, Slot, SlotMap, Str, Uid, fold_hash, spread_hash,
};

/// A list with fewer dead places than this is never rebuilt.
const DEAD_PLACES_MIN: usize = 32;

/// A node, as long as its object is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NodeIndex(u32);

/// The kind of an object, which need not be one that the simulator serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
#[derive(Debug)]
pub(super) struct Node {
    uid: Uid,
    name: Str,
    /// The owners as the object names them.
    pub(super) owners: OwnerReferences,
    /// The first edge to an owner.
    edge: Edge,
    rest: Option<Box<Rest>>,
    /// Kind and namespace, by their place in the graph's list.
    place: u32,
    /// Whether the object was seen, and not only a reference to it.
    pub(super) observed: bool,
    being_deleted: bool,
    /// Deleted in the foreground: waits for its dependents.
    pub(super) deleting_dependents: bool,
}

/// A reference from a dependent to an owner: the owner, and where its list has the dependent.
#[derive(Clone, Copy, Debug)]
struct Edge {
    owner: NodeIndex,
    at: u32,
}

impl Edge {
    /// Stands for the edge of a node that has none in place.
    const NONE: Self = Self { owner: NodeIndex(u32::MAX), at: 0 };

    fn some(self) -> Option<Self> {
        (self.owner != Self::NONE.owner).then_some(self)
    }
}

/// What nearly no node has.
#[derive(Debug, Default)]
struct Rest {
    /// Edges to owners beyond the first.
    edges: Vec<Edge>,
    dependents: Dependents,
}

/// The dependents of an owner, in the order in which they became that.
#[derive(Debug, Default)]
struct Dependents {
    links: Vec<Link>,
    /// Those that are there, those whose reference blocks the deletion, and those of them that are not being deleted.
    live: u32,
    blocking: u32,
    blocking_idle: u32,
}

/// A place in an owner's list: a dependent, and in the lowest bit whether the owner's foreground deletion waits for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Link(u32);

impl Link {
    /// The dependent is gone, or names the owner no more.
    const DEAD: Self = Self(u32::MAX);

    fn new(dependent: NodeIndex, blocks: bool) -> Self {
        Self(dependent.0 << 1 | u32::from(blocks))
    }

    fn live(self) -> Option<(NodeIndex, bool)> {
        (self != Self::DEAD).then_some((NodeIndex(self.0 >> 1), self.0 & 1 == 1))
    }

    fn blocks(self) -> bool {
        self.live().is_some_and(|(_, blocks)| blocks)
    }
}

impl Node {
    fn edges(&self) -> impl Iterator<Item = Edge> {
        self.edge.some().into_iter().chain(self.rest.iter().flat_map(|rest| rest.edges.iter().copied()))
    }

    fn edge_to_mut(&mut self, owner: NodeIndex) -> Option<&mut Edge> {
        let more = self.rest.as_mut().map_or(&mut [][..], |rest| &mut rest.edges);
        std::iter::once(&mut self.edge).chain(more).find(|edge| edge.owner == owner)
    }

    fn add_edge(&mut self, edge: Edge) {
        match self.edge.some() {
            None => self.edge = edge,
            Some(_) => self.rest.get_or_insert_default().edges.push(edge),
        }
    }

    fn take_edge_to(&mut self, owner: NodeIndex) -> Option<Edge> {
        if self.edge.owner == owner {
            return std::mem::replace(&mut self.edge, Edge::NONE).some();
        }
        let more = &mut self.rest.as_mut()?.edges;
        let at = more.iter().position(|edge| edge.owner == owner)?;
        Some(more.remove(at))
    }

    fn dependents(&self) -> Option<&Dependents> {
        self.rest.as_ref().map(|rest| &rest.dependents)
    }

    fn dependents_mut(&mut self) -> &mut Dependents {
        &mut self.rest.get_or_insert_default().dependents
    }
}

/// All nodes, and where they are by uid.
#[derive(Debug, Default)]
pub(super) struct Graph {
    nodes: Vec<Option<Node>>,
    free: Vec<NodeIndex>,
    /// With the hashes of the uids, so that growing looks at no node.
    by_uid: HashTable<(u32, NodeIndex)>,
    /// Where the nodes of observed objects lay when they were observed, by kind: with it a change of an object costs no search.
    by_slot: [SlotMap<NodeIndex>; Kind::ALL.len()],
    places: Vec<(NodeKind, Str)>,
    place_ids: FxHashMap<(NodeKind, Str), u32>,
    /// `apiVersion` and `kind` of kinds that are not served.
    unknown_kinds: Vec<(Str, Str)>,
}

fn hash(uid: &Uid) -> u32 {
    fold_hash(FxBuildHasher.hash_one(uid))
}

/// The node at an index that somebody was given and that was not removed since.
fn at(nodes: &[Option<Node>], index: NodeIndex) -> &Node {
    nodes[index.0 as usize].as_ref().expect("the node of an index is there until it is removed")
}

fn at_mut(nodes: &mut [Option<Node>], index: NodeIndex) -> &mut Node {
    nodes[index.0 as usize].as_mut().expect("the node of an index is there until it is removed")
}

impl Graph {
    pub(super) fn find(&self, uid: &Uid) -> Option<NodeIndex> {
        let hash = hash(uid);
        let is_it = |(other, index): &(u32, NodeIndex)| *other == hash && self.node(*index).uid == *uid;
        self.by_uid.find(spread_hash(hash), is_it).map(|(_, index)| *index)
    }

    /// The node of an object that the watch tells of.
    pub(super) fn find_object(&self, kind: Kind, meta: &ObjectMeta) -> Option<NodeIndex> {
        let there = self.by_slot[kind as usize].get(meta.slot).copied();
        // The node that lay there may have been another's since: a uid tells.
        let is_its = |index: &NodeIndex| self.nodes[index.0 as usize].as_ref().is_some_and(|n| n.uid == meta.uid);
        there.filter(is_its).or_else(|| self.find(&meta.uid))
    }

    /// Remembers where the node of an object lies that the watch told of.
    pub(super) fn remember(&mut self, kind: Kind, slot: Slot, index: NodeIndex) {
        self.by_slot[kind as usize].insert(slot, index);
    }

    pub(super) fn node(&self, index: NodeIndex) -> &Node {
        at(&self.nodes, index)
    }

    pub(super) fn node_mut(&mut self, index: NodeIndex) -> &mut Node {
        at_mut(&mut self.nodes, index)
    }

    pub(super) fn uid(&self, index: NodeIndex) -> &Uid {
        &self.node(index).uid
    }

    pub(super) fn identity(&self, index: NodeIndex) -> Identity {
        let node = self.node(index);
        let (kind, namespace) = &self.places[node.place as usize];
        Identity { kind: *kind, namespace: namespace.clone(), name: node.name.clone(), uid: node.uid.clone() }
    }

    pub(super) fn set_identity(&mut self, index: NodeIndex, identity: &Identity) {
        let place = self.place_id(identity.kind, &identity.namespace);
        let node = self.node_mut(index);
        (node.place, node.name) = (place, identity.name.clone());
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

    fn place_id(&mut self, kind: NodeKind, namespace: &Str) -> u32 {
        let place = (kind, namespace.clone());
        if let Some(id) = self.place_ids.get(&place) {
            return *id;
        }
        let id = u32::try_from(self.places.len()).unwrap_or(u32::MAX);
        self.places.push(place.clone());
        self.place_ids.insert(place, id);
        id
    }

    /// Adds an object that has no node yet, still without edges.
    pub(super) fn insert(&mut self, identity: Identity, observed: bool) -> NodeIndex {
        let place = self.place_id(identity.kind, &identity.namespace);
        let hash_of_new = hash(&identity.uid);
        let node = Node {
            uid: identity.uid,
            name: identity.name,
            owners: OwnerReferences::default(),
            edge: Edge::NONE,
            rest: None,
            place,
            observed,
            being_deleted: false,
            deleting_dependents: false,
        };
        let index = match self.free.pop() {
            Some(index) => {
                self.nodes[index.0 as usize] = Some(node);
                index
            }
            None => {
                self.nodes.push(Some(node));
                // Two thousand million nodes do not fit into memory.
                NodeIndex((self.nodes.len() - 1) as u32)
            }
        };
        self.by_uid.insert_unique(spread_hash(hash_of_new), (hash_of_new, index), |(hash, _)| spread_hash(*hash));
        index
    }

    /// How many dependents an owner has.
    pub(super) fn dependent_count(&self, owner: NodeIndex) -> u32 {
        self.node(owner).dependents().map_or(0, |d| d.live)
    }

    /// The dependents, in the order in which they became that.
    pub(super) fn dependents(&self, owner: NodeIndex) -> Vec<NodeIndex> {
        self.dependents_where(owner, |_| true)
    }

    /// Whether a foreground deletion of the owner has to wait.
    pub(super) fn is_blocked(&self, owner: NodeIndex) -> bool {
        self.node(owner).dependents().is_some_and(|d| d.blocking > 0)
    }

    /// The dependents for which a foreground deletion waits, unless all of them are being deleted already.
    pub(super) fn blocking_dependents_to_delete(&self, owner: NodeIndex) -> Vec<NodeIndex> {
        if self.node(owner).dependents().is_none_or(|d| d.blocking_idle == 0) {
            return Vec::new();
        }
        self.dependents_where(owner, |blocks| blocks)
    }

    fn dependents_where(&self, owner: NodeIndex, wanted: impl Fn(bool) -> bool) -> Vec<NodeIndex> {
        let links = self.node(owner).dependents().into_iter().flat_map(|d| &d.links);
        links.filter_map(|link| link.live()).filter(|(_, blocks)| wanted(*blocks)).map(|(index, _)| index).collect()
    }

    pub(super) fn is_being_deleted(&self, index: NodeIndex) -> bool {
        self.node(index).being_deleted
    }

    pub(super) fn mark_being_deleted(&mut self, index: NodeIndex) {
        if std::mem::replace(&mut self.node_mut(index).being_deleted, true) {
            return;
        }
        for edge in self.edges(index) {
            let list = self.node_mut(edge.owner).dependents_mut();
            list.blocking_idle -= u32::from(list.links[edge.at as usize].blocks());
        }
    }

    fn edges(&self, dependent: NodeIndex) -> Vec<Edge> {
        self.node(dependent).edges().collect()
    }

    /// Adds the edge from a dependent to an owner, or changes it.
    pub(super) fn set_edge(&mut self, dependent: NodeIndex, owner: NodeIndex, blocks: bool) {
        let idle = !self.node(dependent).being_deleted;
        let known = self.node_mut(dependent).edge_to_mut(owner).copied();
        let list = self.node_mut(owner).dependents_mut();
        let link = Link::new(dependent, blocks);
        if let Some(edge) = known {
            let was = std::mem::replace(&mut list.links[edge.at as usize], link).blocks();
            list.blocking = list.blocking + u32::from(blocks) - u32::from(was);
            list.blocking_idle = list.blocking_idle + u32::from(blocks && idle) - u32::from(was && idle);
            return;
        }
        let at = u32::try_from(list.links.len()).unwrap_or(u32::MAX);
        list.links.push(link);
        list.live += 1;
        list.blocking += u32::from(blocks);
        list.blocking_idle += u32::from(blocks && idle);
        self.node_mut(dependent).add_edge(Edge { owner, at });
    }

    /// Ends a dependency.
    pub(super) fn remove_edge(&mut self, dependent: NodeIndex, owner: NodeIndex) {
        if let Some(edge) = self.node_mut(dependent).take_edge_to(owner) {
            let idle = !self.node(dependent).being_deleted;
            self.kill(edge, idle);
        }
    }

    /// Takes a dependent off an owner's list.
    fn kill(&mut self, edge: Edge, idle: bool) {
        let list = self.node_mut(edge.owner).dependents_mut();
        let link = std::mem::replace(&mut list.links[edge.at as usize], Link::DEAD);
        if let Some((_, blocks)) = link.live() {
            list.live -= 1;
            list.blocking -= u32::from(blocks);
            list.blocking_idle -= u32::from(blocks && idle);
        }
        let dead = list.links.len() - list.live as usize;
        if dead >= DEAD_PLACES_MIN && dead > list.live as usize {
            self.sweep(edge.owner);
        }
    }

    /// Takes an object out. Its dependents keep naming it as an owner, but no longer find it.
    pub(super) fn remove(&mut self, index: NodeIndex) {
        let hash = hash(self.uid(index));
        if let Ok(entry) = self.by_uid.find_entry(spread_hash(hash), |(_, other)| *other == index) {
            entry.remove();
        }
        for dependent in self.dependents(index) {
            self.node_mut(dependent).take_edge_to(index);
        }
        let idle = !self.node(index).being_deleted;
        for edge in self.edges(index).into_iter().filter(|edge| edge.owner != index) {
            self.kill(edge, idle);
        }
        self.nodes[index.0 as usize] = None;
        self.free.push(index);
    }

    /// Rebuilds an owner's list of dependents without the dead places.
    fn sweep(&mut self, owner: NodeIndex) {
        let mut links = std::mem::take(&mut self.node_mut(owner).dependents_mut().links);
        links.retain(|link| *link != Link::DEAD);
        links.shrink_to_fit();
        for (place, (dependent, _)) in links.iter().filter_map(|link| link.live()).enumerate() {
            if let Some(edge) = self.node_mut(dependent).edge_to_mut(owner) {
                edge.at = u32::try_from(place).unwrap_or(u32::MAX);
            }
        }
        self.node_mut(owner).dependents_mut().links = links;
    }

    /// How many nodes there are.
    #[cfg(test)]
    pub(super) fn node_count(&self) -> usize {
        self.by_uid.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(n: u64) -> Identity {
        let (kind, uid) = (NodeKind::Known(Kind::Pod), Uid::from_counter(1, n));
        Identity { kind, namespace: "default".into(), name: format!("p{n}").into(), uid }
    }

    /// There is a node for every pod: a field more is a decision, with docs/benchmarks.md in mind.
    #[test]
    fn nodes_are_as_small_as_they_are_said_to_be() {
        let sizes = [("Node", size_of::<Option<Node>>(), 72), ("Link", size_of::<Link>(), 4)];
        for (name, size, most) in sizes {
            assert!(size <= most, "{name}: {size} bytes, at most {most}");
        }
    }

    #[test]
    fn an_object_is_found_whatever_was_remembered_of_its_slot() {
        let mut graph = Graph::default();
        let meta = |n, slot| ObjectMeta { uid: identity(n).uid, slot: Slot::at(slot), ..ObjectMeta::default() };
        let first = graph.insert(identity(0), true);
        graph.remember(Kind::Pod, Slot::at(3), first);
        assert_eq!([3, 4].map(|slot| graph.find_object(Kind::Pod, &meta(0, slot))), [Some(first); 2]);
        assert_eq!(graph.find_object(Kind::Pod, &meta(1, 3)), None);
        // Another object takes the place of the node, and a third one the slot.
        graph.remove(first);
        assert_eq!(graph.find_object(Kind::Pod, &meta(0, 3)), None);
        let second = graph.insert(identity(1), true);
        assert_eq!((second, graph.find_object(Kind::Pod, &meta(0, 3))), (first, None));
        let third = graph.insert(identity(2), true);
        graph.remember(Kind::Pod, Slot::at(3), third);
        assert_eq!([1, 2].map(|n| graph.find_object(Kind::Pod, &meta(n, 3))), [Some(second), Some(third)]);
        assert_eq!(graph.find_object(Kind::Node, &meta(2, 3)), Some(third));
    }

    /// Random edges between a few nodes, against a list of them.
    #[test]
    fn lists_agree_with_a_model() {
        let mut graph = Graph::default();
        let nodes: Vec<NodeIndex> = (0..6).map(|n| graph.insert(identity(n), true)).collect();
        // (dependent, owner, blocks), in the order in which they became that.
        let mut model: Vec<(usize, usize, bool)> = Vec::new();
        let mut bits = 1u64;
        for _ in 0..4000 {
            bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let pick = |shift: u32| (bits >> shift) as usize % nodes.len();
            let (dependent, owner, blocks) = (pick(33), pick(43), bits >> 53 & 1 == 1);
            let known = model.iter().position(|(d, o, _)| (*d, *o) == (dependent, owner));
            if bits >> 54 & 1 == 0 {
                graph.set_edge(nodes[dependent], nodes[owner], blocks);
                match known {
                    Some(place) => model[place].2 = blocks,
                    None => model.push((dependent, owner, blocks)),
                }
            } else {
                graph.remove_edge(nodes[dependent], nodes[owner]);
                known.map(|place| model.remove(place));
            }
            for (owner, index) in nodes.iter().enumerate() {
                let of = |only_blocking: bool| -> Vec<NodeIndex> {
                    let links = model.iter().filter(|(_, o, blocks)| *o == owner && (*blocks || !only_blocking));
                    links.map(|(d, ..)| nodes[*d]).collect()
                };
                assert_eq!(
                    (graph.dependents(*index), graph.blocking_dependents_to_delete(*index)),
                    (of(false), of(true))
                );
                assert_eq!(graph.dependent_count(*index) as usize, of(false).len());
                assert_eq!(graph.is_blocked(*index), !of(true).is_empty());
            }
        }
        for (n, index) in nodes.into_iter().enumerate() {
            graph.remove(index);
            assert_eq!((graph.find(&identity(n as u64).uid), graph.node_count()), (None, 5 - n));
        }
    }
}
