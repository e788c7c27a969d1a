//! The scheduler's picture of the cluster: nodes, the pods on them, and what those say about other pods.
//!
//! Mirrors pkg/scheduler/backend/cache (v1.36) and the nominator of the queue.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use seatrial_api::{Node, Pod, Str, StrMap, Uid};

use crate::image_locality::{ImageStates, images_of};
use crate::known_pods::{KnownPods, LABEL_ZONE};
use crate::node_info::{CountedPod, NodeInfo, PodKinds};
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
    pub(crate) templates: Templates,
    pub(crate) index: PodIndex,
    pub(crate) known: KnownPods,
    pub(crate) images: ImageStates,
    kinds: PodKinds,
    /// The number of the next node.
    next_node_id: u32,
    /// Whether nodes came, went or moved, so that their order is to be made anew.
    is_unordered: bool,
    /// The pods for which victims make room.
    pub(crate) nominated: BTreeMap<Uid, Arc<Pod>>,
    /// Changes whenever anything does that placement depends on.
    pub(crate) generation: u64,
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
    /// Counts a pod on its node; returns whether that changed anything.
    pub(crate) fn count(&mut self, index: usize, pod: &Arc<Pod>) -> bool {
        if self.nodes[index].pods.get(&pod.meta.uid).is_some_and(|known| known.is_of(pod)) {
            return false;
        }
        let counted = self.kinds.count(pod, || self.known.terms_of(pod));
        self.put(index, &pod.meta.uid, counted);
        true
    }

    /// Counts a pod as this.
    pub(crate) fn put(&mut self, index: usize, uid: &Uid, pod: CountedPod) {
        self.generation += 1;
        let node = &mut self.nodes[index];
        let old = node.put_pod(uid, pod);
        let Some(new) = self.nodes[index].pods.get(uid) else { return };
        let is_own = old.as_ref().is_none_or(|old| !Arc::ptr_eq(&old.spec, &new.spec));
        self.templates.node_changed(index, is_own);
        if let Some(old) = &old {
            self.index.count(&self.nodes[index], index, old, -1);
        }
        self.index.count(&self.nodes[index], index, new, 1);
    }

    /// Counts a pod no more; returns what was counted.
    pub(crate) fn remove(&mut self, index: usize, uid: &Uid) -> Option<CountedPod> {
        let old = self.nodes[index].remove_pod(uid)?;
        self.generation += 1;
        self.templates.node_changed(index, true);
        self.index.count(&self.nodes[index], index, &old, -1);
        Some(old)
    }

    /// Takes a node over.
    pub(crate) fn set_node(&mut self, node: &Node, pods: impl FnOnce() -> Vec<Arc<Pod>>) -> NodeChange {
        let index = *self.index_of.entry(node.meta.name.clone()).or_insert(self.nodes.len());
        let is_new = index == self.nodes.len();
        if is_new {
            self.nodes.push(NodeInfo { id: self.next_node_id, ..NodeInfo::default() });
            self.next_node_id += 1;
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
        for pod in gone.pods.values() {
            self.index.count(&gone, index, pod, -1);
        }
        self.templates.clear();
        self.index_of = self.nodes.iter().enumerate().map(|(i, n)| (n.name.clone(), i)).collect();
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
        self.index_of = self.nodes.iter().enumerate().map(|(i, n)| (n.name.clone(), i)).collect();
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
            for nominated in &first {
                let counted = self.kinds.count(nominated, || self.known.terms_of(nominated));
                self.put(node, &nominated.meta.uid, counted);
            }
            let fits = self.filter_plain(pod, terms, node);
            for nominated in &first {
                self.remove(node, &nominated.meta.uid);
            }
            fits?;
        }
        self.filter_plain(pod, terms, node)
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
