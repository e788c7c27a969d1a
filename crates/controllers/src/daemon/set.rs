//! What is kept of a DaemonSet between its syncs: its nodes with their pods, sums over them, and where something is to be done.
//!
//! Invariant: after `refresh` the sums are those that a walk over all nodes would find. A delivery marks the one
//! node it is about; only a new spec, or the first sync, walks all of them.

use std::collections::BTreeSet;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use seatrial_api::{DaemonSet, Node, Pod, Str, Time, Uid};
use seatrial_machinery::Informers;

use super::facts::{Facts, Wanted};
use super::history::History;
use super::node::{Need, NodeEntry, Stage, Tally, Totals, View};

/// The state of one set.
#[derive(Debug)]
pub(super) struct SetState {
    pub(super) facts: Facts,
    pub(super) history: History,
    nodes: FxHashMap<Arc<Str>, NodeEntry>,
    totals: Totals,
    places: Places,
    dirty: Vec<Arc<Str>>,
    /// Whether nodes and pods have to be looked at all anew.
    is_stale: bool,
    /// The hash and the time that the nodes were counted by.
    counted_by: (Str, Time),
    /// Whether pods without an owner may be the set's.
    pub(super) may_adopt: bool,
    /// Pods that the set owns and does not select.
    pub(super) strays: Vec<Arc<Pod>>,
    /// A pod of the current revision, but for its node.
    pub(super) prototype: Option<(Str, Pod)>,
}

/// Where something is to be done, by the name of the node.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// Nodes without the pod that belongs there.
    pub(super) without_pod: BTreeSet<Arc<Str>>,
    /// Nodes whose pods have to be looked at.
    pub(super) to_look_at: BTreeSet<Arc<Str>>,
    /// Nodes with an old pod that is not available.
    pub(super) old_unavailable: BTreeSet<Arc<Str>>,
    /// Nodes with an old pod that is available.
    pub(super) old_available: BTreeSet<Arc<Str>>,
    /// Nodes with an old pod beside a new one that is available.
    pub(super) replaced: BTreeSet<Arc<Str>>,
    /// When a ready pod becomes available, and where.
    due: BTreeSet<(Time, Arc<Str>)>,
}

impl Places {
    fn put(&mut self, node: &Arc<Str>, tally: &Tally) {
        for set in self.of(tally).into_iter().flatten() {
            set.insert(Arc::clone(node));
        }
        if let Some(due) = tally.due {
            self.due.insert((due, Arc::clone(node)));
        }
    }

    fn take(&mut self, node: &Arc<Str>, tally: &Tally) {
        for set in self.of(tally).into_iter().flatten() {
            set.remove(node);
        }
        if let Some(due) = tally.due {
            self.due.remove(&(due, Arc::clone(node)));
        }
    }

    fn of(&mut self, tally: &Tally) -> [Option<&mut BTreeSet<Arc<Str>>>; 2] {
        let need = match tally.need {
            Need::Nothing => None,
            Need::Pod => Some(&mut self.without_pod),
            Need::Look => Some(&mut self.to_look_at),
        };
        let stage = match tally.stage {
            Stage::Settled => None,
            Stage::OldUnavailable => Some(&mut self.old_unavailable),
            Stage::OldAvailable => Some(&mut self.old_available),
            Stage::Replaced => Some(&mut self.replaced),
        };
        [need, stage]
    }
}

impl SetState {
    /// A set that was just heard of.
    pub(super) fn new(ds: &DaemonSet) -> Self {
        Self {
            facts: Facts::of(ds),
            history: History::default(),
            nodes: FxHashMap::default(),
            totals: Totals::default(),
            places: Places::default(),
            dirty: Vec::new(),
            is_stale: true,
            counted_by: Default::default(),
            may_adopt: true,
            strays: Vec::new(),
            prototype: None,
        }
    }

    /// The set was written.
    pub(super) fn set_changed(&mut self, ds: &DaemonSet) {
        if !self.facts.are_of(ds) {
            self.facts = Facts::of(ds);
            self.is_stale = true;
            self.history.forget_template();
            self.prototype = None;
        }
    }

    /// A node is there, or has other labels or taints; returns what the set wants of it.
    pub(super) fn node_changed(&mut self, node: &Node) -> Wanted {
        let wanted = self.facts.node_should_run_daemon_pod(node);
        if !self.is_stale {
            let name = self.name_of(&node.meta.name);
            let entry = self.nodes.entry(Arc::clone(&name)).or_default();
            (entry.is_present, entry.wanted) = (true, wanted);
            self.mark(&name);
        }
        wanted
    }

    /// A node is gone.
    pub(super) fn node_gone(&mut self, name: &Str) {
        let name = self.name_of(name);
        if let Some(entry) = self.nodes.get_mut(&name) {
            (entry.is_present, entry.wanted) = (false, Wanted::default());
            self.mark(&name);
        }
    }

    /// A pod of the set is there or was written; `old` is what it was before.
    pub(super) fn pod_changed(&mut self, old: Option<&Pod>, new: Option<&Arc<Pod>>) {
        if self.is_stale {
            return;
        }
        if let Some(known) = new.map(|p| &**p).or(old).filter(|_| !self.strays.is_empty()) {
            self.strays.retain(|p| p.meta.uid != known.meta.uid);
        }
        if let Some(old) = old.filter(|old| new.is_none_or(|new| new.target_node() != old.target_node())) {
            self.remove_pod(old);
        }
        let Some(pod) = new else { return };
        if !self.selects(pod) {
            self.remove_pod(pod);
            self.strays.push(Arc::clone(pod));
            return;
        }
        let Some(node) = pod.target_node() else { return };
        let name = self.name_of(node);
        let entry = self.nodes.entry(Arc::clone(&name)).or_default();
        match entry.pods.iter_mut().find(|p| p.meta.uid == pod.meta.uid) {
            Some(known) => *known = Arc::clone(pod),
            None => entry.pods.push(Arc::clone(pod)),
        }
        self.mark(&name);
    }

    fn remove_pod(&mut self, pod: &Pod) {
        let Some(name) = pod.target_node().map(|node| self.name_of(node)) else { return };
        if let Some(entry) = self.nodes.get_mut(&name) {
            entry.pods.retain(|p| p.meta.uid != pod.meta.uid);
            self.mark(&name);
        }
    }

    /// Whether the labels are the set's; those of its own pods are nearly always one shared map.
    fn selects(&self, pod: &Pod) -> bool {
        let is_own = self.prototype.as_ref().is_some_and(|(_, own)| own.meta.labels.ptr_eq(&pod.meta.labels));
        is_own || self.facts.selector.matches(&pod.meta.labels)
    }

    /// The name as it is shared.
    fn name_of(&self, name: &Str) -> Arc<Str> {
        self.nodes.get_key_value(name).map_or_else(|| Arc::new(name.clone()), |(known, _)| Arc::clone(known))
    }

    fn mark(&mut self, name: &Arc<Str>) {
        if let Some(entry) = self.nodes.get_mut(name)
            && !std::mem::replace(&mut entry.is_dirty, true)
        {
            self.dirty.push(Arc::clone(name));
        }
    }

    /// Takes all nodes and pods over where that was not done yet, or where they are of another revision now.
    pub(super) fn prepare(&mut self, informers: &Informers, uid: &Uid) {
        let is_other = self.counted_by.0 != *self.history.hash;
        if !std::mem::replace(&mut self.is_stale, false) && !is_other {
            return;
        }
        self.counted_by.0 = (&self.history.hash).into();
        (self.totals, self.places) = Default::default();
        (self.nodes, self.dirty, self.strays) = Default::default();
        for node in informers.nodes.list(None) {
            self.node_changed(node);
        }
        for pod in informers.pods.pods_owned_by(uid) {
            self.pod_changed(None, Some(pod));
        }
    }

    /// Counts what changed since the last time, and whatever time has changed.
    pub(super) fn refresh(&mut self, now: Time) {
        self.counted_by.1 = now;
        while let Some((due, _)) = self.places.due.first()
            && *due <= now
            && let Some((_, name)) = self.places.due.pop_first()
        {
            self.mark(&name);
        }
        for name in std::mem::take(&mut self.dirty) {
            self.recount(&name);
        }
    }

    fn recount(&mut self, name: &Arc<Str>) {
        let view = View { facts: &self.facts, hash: &self.counted_by.0, now: self.counted_by.1 };
        let Some(entry) = self.nodes.get_mut(name) else { return };
        entry.is_dirty = false;
        let new = entry.count(&view);
        let old = std::mem::replace(&mut entry.tally, new);
        if old != new {
            self.totals -= &old.totals;
            self.totals += &new.totals;
            self.places.take(name, &old);
            self.places.put(name, &new);
        }
        if self.nodes.get(name).is_some_and(NodeEntry::is_empty) {
            self.nodes.remove(name);
        }
    }

    /// The sums over all nodes.
    pub(super) fn totals(&self) -> &Totals {
        &self.totals
    }

    /// Where something is to be done.
    pub(super) fn places(&self) -> &Places {
        &self.places
    }

    /// What pods are judged by.
    pub(super) fn view(&self) -> View<'_> {
        View { facts: &self.facts, hash: &self.counted_by.0, now: self.counted_by.1 }
    }

    /// A node that is known.
    pub(super) fn node(&self, name: &Str) -> Option<&NodeEntry> {
        self.nodes.get(name)
    }

    /// The hash of the current revision.
    pub(super) fn hash(&self) -> &Str {
        &self.counted_by.0
    }
}
