//! The scheduler's picture of the cluster: nodes, the pods on them, and what those say about other pods.
//!
//! Mirrors pkg/scheduler/backend/cache (v1.36) and the nominator of the queue.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use seatrial_api::{Node, Pod, Str, StrMap, Uid};

use crate::node_info::{CountedPod, NodeInfo, PodKinds};
use crate::plugin::Misfit;
use crate::plugins::{PodInfo, filter};
use crate::pod_index::PodIndex;
use crate::relations::Relations;
use crate::score_cache::ScoreCache;
use crate::terms::PodTerms;

/// The picture.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    pub(crate) nodes: Vec<NodeInfo>,
    pub(crate) index_of: FxHashMap<Str, usize>,
    pub(crate) score_cache: ScoreCache,
    pub(crate) index: PodIndex,
    kinds: PodKinds,
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
        let counted = self.kinds.count(pod, || self.index.terms_of(pod));
        self.put(index, &pod.meta.uid, counted);
        true
    }

    /// Counts a pod as this.
    pub(crate) fn put(&mut self, index: usize, uid: &Uid, pod: CountedPod) {
        self.generation += 1;
        let node = &mut self.nodes[index];
        let old = node.put_pod(uid, pod);
        let Some(new) = self.nodes[index].pods.get(uid) else { return };
        if old.as_ref().is_none_or(|old| !Arc::ptr_eq(&old.spec, &new.spec)) {
            self.score_cache.node_changed(index);
        }
        if let Some(old) = &old {
            self.index.count(&self.nodes[index], index, old, -1);
        }
        self.index.count(&self.nodes[index], index, new, 1);
    }

    /// Counts a pod no more; returns what was counted.
    pub(crate) fn remove(&mut self, index: usize, uid: &Uid) -> Option<CountedPod> {
        let old = self.nodes[index].remove_pod(uid)?;
        self.generation += 1;
        self.score_cache.node_changed(index);
        self.index.count(&self.nodes[index], index, &old, -1);
        Some(old)
    }

    /// Takes a node over.
    pub(crate) fn set_node(&mut self, node: &Node, pods: impl FnOnce() -> Vec<Arc<Pod>>) -> NodeChange {
        let index = *self.index_of.entry(node.meta.name.clone()).or_insert(self.nodes.len());
        let is_new = index == self.nodes.len();
        if is_new {
            self.nodes.push(NodeInfo::default());
            self.score_cache.clear();
        }
        if is_new || self.nodes[index].labels != node.meta.labels {
            self.index.clear();
        }
        let Some(old) = self.nodes[index].set_node(node) else { return NodeChange::None };
        self.generation += 1;
        self.score_cache.node_changed(index);
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
        self.index.clear();
        for pod in gone.pods.values() {
            self.index.count(&gone, index, pod, -1);
        }
        self.score_cache.clear();
        self.index_of = self.nodes.iter().enumerate().map(|(i, n)| (n.name.clone(), i)).collect();
        Some(gone)
    }

    /// A namespace has these labels.
    pub(crate) fn set_namespace(&mut self, name: Str, labels: StrMap) {
        self.generation += 1;
        self.index.namespaces.insert(name, labels);
        self.index.clear();
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
                let counted = self.kinds.count(nominated, || self.index.terms_of(nominated));
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
        self.index.refresh(&self.nodes);
        Relations::of(pod, terms, &self.nodes, &mut self.index).filter(node)
    }
}

fn goes_first(nominated: &Pod, pod: &Pod) -> bool {
    nominated.meta.uid != pod.meta.uid && nominated.spec.priority() >= pod.spec.priority()
}
