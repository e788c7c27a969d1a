//! The scheduler's picture of the cluster: nodes, the pods on them, and what those say about other pods.
//!
//! Mirrors pkg/scheduler/backend/cache (v1.36) and the nominator of the queue.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use seatrial_api::{Node, Pod, Slot, SlotMap, Str, StrMap, Uid};

use crate::image_locality::{ImageStates, images_of};
use crate::known_pods::{KnownPods, LABEL_ZONE};
use crate::node_info::{NodeInfo, PodKind, PodKinds};
use crate::plugin::Misfit;
use crate::plugins::{PodInfo, filter};
use crate::pod_index::PodIndex;
use crate::relations::Relations;
use crate::templates::Templates;
use crate::terms::PodTerms;

const LABEL_REGION: &str = "topology.kubernetes.io/region";

/// The picture.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    pub(crate) nodes: Vec<NodeInfo>,
    pub(crate) index_of: FxHashMap<Str, usize>,
    /// The same by the nodes' numbers, where those of nodes that are gone lead to others.
    index_of_id: Vec<usize>,
    pub(crate) templates: Templates,
    pub(crate) index: PodIndex,
    pub(crate) known: KnownPods,
    pub(crate) images: ImageStates,
    kinds: PodKinds,
    /// The pods that are counted on nodes.
    counted: SlotMap<CountedPod>,
    /// The number of the next node.
    next_node_id: u32,
    /// Whether nodes came, went or moved, so that their order is to be made anew.
    is_unordered: bool,
    /// The pods for which victims make room.
    pub(crate) nominated: BTreeMap<Uid, Arc<Pod>>,
    /// Changes whenever anything does that placement depends on.
    pub(crate) generation: u64,
}

/// A pod as it is counted on its node. There is one for every pod, so that what siblings have in common is shared.
#[derive(Debug)]
pub(crate) struct CountedPod {
    pub(crate) uid: Uid,
    pub(crate) kind: Arc<PodKind>,
    /// The number of its node.
    node: u32,
    /// Its labels: siblings may be one kind, but somebody may ask who they are.
    pub(crate) labels: StrMap,
}

/// What became of a node.
#[derive(Debug)]
pub(crate) enum NodeChange {
    /// Nothing that placement depends on.
    None,
    /// It is new.
    Added(usize),
    /// It was like this, its pods left out.
    Updated(usize, Box<NodeInfo>),
}

impl Cache {
    /// The index of a pod's node. That of a pod that is counted there is found without a search.
    pub(crate) fn index_of_pod(&self, pod: &Pod) -> Option<usize> {
        let counted = self.counted.get(pod.meta.slot).filter(|counted| counted.uid == pod.meta.uid);
        let index = counted.and_then(|counted| self.index_of_id.get(counted.node as usize).copied());
        let is_its = |index: &usize| self.nodes.get(*index).is_some_and(|node| node.name == pod.node_name);
        let index = index.filter(is_its).or_else(|| self.index_of.get(&pod.node_name).copied());
        debug_assert_eq!(index, self.index_of.get(&pod.node_name).copied(), "no two nodes have one name");
        index
    }

    /// Has fetched from memory as what the pod at a slot is counted.
    pub(crate) fn fetch(&self, slot: Slot) {
        self.counted.fetch(slot);
    }

    /// Nodes have other indexes than before.
    fn renumber(&mut self) {
        self.index_of = self.nodes.iter().enumerate().map(|(i, n)| (n.name.clone(), i)).collect();
        for (index, node) in self.nodes.iter().enumerate() {
            self.index_of_id[node.id as usize] = index;
        }
    }

    /// As what a pod is counted on a node.
    fn kind_on(&self, index: usize, pod: &Pod) -> Option<&Arc<PodKind>> {
        let counted = self.counted.get(pod.meta.slot)?;
        (counted.node == self.nodes[index].id && counted.uid == pod.meta.uid).then_some(&counted.kind)
    }

    /// The pods that are counted on a node, in no order.
    pub(crate) fn pods_on(&self, index: usize) -> impl Iterator<Item = (Slot, &CountedPod)> {
        let slots = self.nodes[index].pods.iter();
        slots.filter_map(|slot| Some((*slot, self.counted.get(*slot)?)))
    }

    /// Counts a pod on its node; returns whether that changed anything.
    pub(crate) fn count(&mut self, index: usize, pod: &Pod) -> bool {
        let node = self.nodes[index].id;
        let counted = self.counted.get_mut(pod.meta.slot);
        if let Some(counted) = counted.filter(|counted| counted.node == node && counted.uid == pod.meta.uid) {
            // Most versions of a pod share their labels.
            let has_labels = counted.labels.ptr_eq(&pod.meta.labels);
            if counted.kind.is_of_version(pod, has_labels) {
                counted.labels.clone_from(&pod.meta.labels);
                return false;
            }
        }
        let kind = self.kind_of(pod);
        self.put(index, pod, kind);
        true
    }

    fn kind_of(&mut self, pod: &Pod) -> Arc<PodKind> {
        self.kinds.of(pod, self.index.tells_siblings_apart(), || self.known.terms_of(pod))
    }

    /// Counts all pods anew, each as who it is, once somebody asks for that; returns whether that was so.
    pub(crate) fn tell_siblings_apart(&mut self) -> bool {
        if !self.index.forget_siblings() {
            return false;
        }
        self.kinds = PodKinds::default();
        for (index, node) in self.nodes.iter().enumerate() {
            for slot in &node.pods {
                let Some(counted) = self.counted.get_mut(*slot) else { continue };
                if let Some(own) = counted.kind.with_labels(&counted.labels) {
                    counted.kind = Arc::new(own);
                }
                self.index.count(node, index, &counted.kind, 1);
            }
        }
        true
    }

    /// Counts a pod as this, or as the one of this kind that it is where somebody asks who it is.
    pub(crate) fn put(&mut self, index: usize, pod: &Pod, mut kind: Arc<PodKind>) {
        self.generation += 1;
        self.index.note_kind(&kind);
        self.tell_siblings_apart();
        if self.index.tells_siblings_apart() {
            kind = kind.with_labels(&pod.meta.labels).map_or(kind, Arc::new);
        }
        let (slot, node) = (pod.meta.slot, self.nodes[index].id);
        let counted = CountedPod { uid: pod.meta.uid.clone(), kind, node, labels: pod.meta.labels.clone() };
        let old = self.counted.insert(slot, counted);
        let old = old.and_then(|old| self.replace(index, slot, old));
        let Some(new) = self.counted.get(slot).map(|new| &new.kind) else { return };
        let node = &mut self.nodes[index];
        let is_own = old.as_ref().is_none_or(|old| !Arc::ptr_eq(&old.spec, &new.spec));
        if is_own {
            old.iter().for_each(|old| node.sub(old));
            node.add(new);
        }
        if old.is_none() {
            node.pods.push(slot);
        }
        self.templates.node_changed(index, is_own);
        if let Some(old) = &old {
            self.index.count(&self.nodes[index], index, old, -1);
        }
        self.index.count(&self.nodes[index], index, new, 1);
    }

    /// As what the pod of a slot was counted on a node before; what was counted elsewhere is counted no more.
    fn replace(&mut self, index: usize, slot: Slot, old: CountedPod) -> Option<Arc<PodKind>> {
        if old.node == self.nodes[index].id {
            return Some(old.kind);
        }
        if let Some(other) = self.nodes.iter().position(|node| node.id == old.node) {
            self.take_off(other, slot, &old.kind);
        }
        None
    }

    fn take_off(&mut self, index: usize, slot: Slot, kind: &Arc<PodKind>) {
        let node = &mut self.nodes[index];
        node.sub(kind);
        if let Some(at) = node.pods.iter().position(|other| *other == slot) {
            node.pods.swap_remove(at);
        }
        self.templates.node_changed(index, true);
        self.index.count(&self.nodes[index], index, kind, -1);
    }

    /// Counts a pod no more; returns as what it was counted.
    pub(crate) fn remove(&mut self, index: usize, pod: &Pod) -> Option<Arc<PodKind>> {
        self.kind_on(index, pod)?;
        let old = self.counted.remove(pod.meta.slot)?;
        self.generation += 1;
        self.take_off(index, pod.meta.slot, &old.kind);
        Some(old.kind)
    }

    /// Takes a node over.
    pub(crate) fn set_node(&mut self, node: &Node, pods: impl FnOnce() -> Vec<Arc<Pod>>) -> NodeChange {
        let index = *self.index_of.entry(node.meta.name.clone()).or_insert(self.nodes.len());
        let is_new = index == self.nodes.len();
        if is_new {
            self.nodes.push(NodeInfo { id: self.next_node_id, ..NodeInfo::default() });
            self.next_node_id += 1;
            self.index_of_id.push(index);
            self.templates.clear();
        }
        if is_new || self.nodes[index].labels != node.meta.labels {
            self.is_unordered |= is_new || zone_of(&self.nodes[index].labels) != zone_of(&node.meta.labels);
            self.index.clear();
        }
        let images = images_of(node);
        if images != self.nodes[index].images {
            self.images.replace(&self.nodes[index].images, &images);
            self.nodes[index].images = images;
        }
        let Some(old) = self.nodes[index].set_node(node) else { return NodeChange::None };
        self.generation += 1;
        self.templates.node_changed(index, true);
        if !is_new {
            return NodeChange::Updated(index, Box::new(old));
        }
        for pod in pods() {
            self.count(index, &pod);
        }
        NodeChange::Added(index)
    }

    /// A node is gone; returns what it was.
    pub(crate) fn remove_node(&mut self, name: &Str) -> Option<NodeInfo> {
        let index = self.index_of.remove(name)?;
        self.generation += 1;
        let gone = self.nodes.remove(index);
        self.images.replace(&gone.images, &[]);
        self.is_unordered = true;
        self.index.clear();
        for slot in &gone.pods {
            if let Some(pod) = self.counted.remove(*slot) {
                self.index.count(&gone, index, &pod.kind, -1);
            }
        }
        self.templates.clear();
        self.renumber();
        Some(gone)
    }

    /// Puts nodes of all zones in turns, each zone's in the order in which they came. Mirrors `nodeTree.list`.
    pub(crate) fn order_nodes(&mut self) {
        if !std::mem::take(&mut self.is_unordered) {
            return;
        }
        let mut nodes = std::mem::take(&mut self.nodes);
        nodes.sort_unstable_by_key(|node| node.id);
        let mut zones: Vec<(String, u32)> = Vec::new();
        let mut turn = |labels: &StrMap| {
            let zone = zone_of(labels);
            let known = zones.iter().position(|(name, _)| *name == zone);
            let at = known.unwrap_or_else(|| {
                zones.push((zone, 0));
                zones.len() - 1
            });
            zones[at].1 += 1;
            (zones[at].1, at)
        };
        let mut turns: Vec<((u32, usize), NodeInfo)> = nodes.into_iter().map(|n| (turn(&n.labels), n)).collect();
        turns.sort_by_key(|(turn, _)| *turn);
        self.nodes = turns.into_iter().map(|(_, node)| node).collect();
        self.renumber();
        self.generation += 1;
        self.templates.clear();
        self.index.clear();
    }

    /// A namespace has these labels.
    pub(crate) fn set_namespace(&mut self, name: Str, labels: StrMap) {
        self.generation += 1;
        self.index.set_namespace(name, labels);
    }

    /// Room is kept for a pod on the node that its status names.
    pub(crate) fn nominate(&mut self, pod: &Arc<Pod>) {
        self.generation += 1;
        self.nominated.insert(pod.meta.uid.clone(), Arc::clone(pod));
    }

    /// Room is kept for a pod no more; returns the pod as it was known.
    pub(crate) fn forget_nominated(&mut self, uid: &Uid) -> Option<Arc<Pod>> {
        let old = self.nominated.remove(uid)?;
        self.generation += 1;
        Some(old)
    }

    /// Whether room is kept for a pod that is at least as important as this one.
    pub(crate) fn keeps_room_from(&self, pod: &Pod) -> bool {
        self.nominated.values().any(|n| goes_first(n, pod))
    }

    /// Whether a pod fits on a node, with the pods it keeps room for and without. Mirrors `RunFilterPluginsWithNominatedPods`.
    pub(crate) fn filter_one(
        &mut self,
        pod: &PodInfo<'_>,
        terms: Option<&PodTerms>,
        node: usize,
    ) -> Result<(), Misfit> {
        let name = &self.nodes[node].name;
        let is_here = |n: &&Arc<Pod>| goes_first(n, pod.pod) && n.status.nominated_node_name == *name;
        let first: Vec<Arc<Pod>> = self.nominated.values().filter(is_here).cloned().collect();
        if !first.is_empty() {
            let mut kinds: Vec<Arc<PodKind>> = first.iter().map(|pod| self.kind_of(pod)).collect();
            kinds.iter().for_each(|kind| self.index.note_kind(kind));
            if self.tell_siblings_apart() {
                kinds = first.iter().map(|pod| self.kind_of(pod)).collect();
            }
            kinds.iter().for_each(|kind| self.keep_room(node, kind, 1));
            let fits = self.filter_plain(pod, terms, node);
            kinds.iter().for_each(|kind| self.keep_room(node, kind, -1));
            fits?;
        }
        self.filter_plain(pod, terms, node)
    }

    /// Counts a pod that is not there on a node, or counts it no more.
    fn keep_room(&mut self, index: usize, kind: &Arc<PodKind>, by: i32) {
        self.generation += 1;
        if by > 0 {
            self.nodes[index].add(kind);
        } else {
            self.nodes[index].sub(kind);
        }
        self.templates.node_changed(index, true);
        self.index.count(&self.nodes[index], index, kind, by);
    }

    fn filter_plain(&mut self, pod: &PodInfo<'_>, terms: Option<&PodTerms>, node: usize) -> Result<(), Misfit> {
        filter(pod, &self.nodes[node])?;
        Relations::of(pod, terms, &self.nodes, &mut self.index).filter(node)
    }
}

fn goes_first(nominated: &Pod, pod: &Pod) -> bool {
    nominated.meta.uid != pod.meta.uid && nominated.spec.priority() >= pod.spec.priority()
}

/// Mirrors `GetZoneKey`.
fn zone_of(labels: &StrMap) -> String {
    let label = |key: &str, beta: &str| labels.get(key).or_else(|| labels.get(beta)).unwrap_or_default().to_owned();
    let region = label(LABEL_REGION, "failure-domain.beta.kubernetes.io/region");
    region + "/" + &label(LABEL_ZONE, "failure-domain.beta.kubernetes.io/zone")
}
