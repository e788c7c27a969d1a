//! The pods a controller has heard of, with what a sync asks of them already counted.
//!
//! A ReplicaSet of 10,000 pods syncs at the cost of one of 10: pods of one owner are counted by their label sets, which
//! the pods of a template share, so that a selector is matched once a label set and not once a pod.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use seatrial_api::{Pod, Slot, SlotMap, Str, StrMap, Time, Uid, fetch};

use crate::clock::Clock;
use crate::deletion_order::DeletionOrder;
use crate::lister::{Lister, Replaced};
use crate::uid_map::UidMap;

/// All pods: by key, by controller, and those without a controller.
#[derive(Debug, Default)]
pub struct PodCache {
    lister: Lister<Pod>,
    /// Where a pod lies among those of its controller.
    positions: SlotMap<u32>,
    owned: UidMap<OwnedPods>,
    orphans: FxHashMap<Str, BTreeMap<Str, Arc<Pod>>>,
    /// The controller of each set that has one, as the watch of the sets told.
    workloads: FxHashMap<Uid, Uid>,
    /// Which pods go first, by workload; only of workloads one of whose sets was scaled down.
    deletion_orders: FxHashMap<Uid, DeletionOrder>,
    /// How many pods were handed out one by one or in lists.
    walked: Cell<u64>,
}

/// The pods of one controller.
#[derive(Debug, Default)]
pub struct OwnedPods {
    /// Where they lie: a version more of a pod changes nothing here.
    pods: Vec<Slot>,
    groups: Vec<LabelGroup>,
    /// Whether the pods are of a Job or a StatefulSet: its controller counts them itself, and each may have labels of its own.
    are_counted_by_owner: bool,
}

/// What is known of an owner's pods with one set of labels.
#[derive(Clone, Debug, Default)]
pub struct LabelGroup {
    /// The labels.
    pub labels: StrMap,
    /// Pods that neither ended nor are being deleted.
    pub active: i32,
    /// Pods that are being deleted and have not ended.
    pub terminating: i32,
    /// Active pods that are ready, by the second in which they became so.
    ready_since: BTreeMap<Time, i32>,
    /// Active pods that are ready.
    pub ready: i32,
    /// All pods.
    total: i32,
}

impl LabelGroup {
    /// Active pods that have been ready for so many seconds at `now`.
    pub fn available(&self, min_ready_seconds: i32, now: Time) -> i32 {
        if min_ready_seconds <= 0 {
            return self.ready;
        }
        let latest = now.plus_seconds(-i64::from(min_ready_seconds));
        let younger: i32 = self.ready_since.range(latest.plus_seconds(1)..).map(|(_, n)| n).sum();
        self.ready - younger
    }

    /// When the next ready pod has been ready for so many seconds.
    pub fn next_available(&self, min_ready_seconds: i32, now: Time) -> Option<Time> {
        let latest = now.plus_seconds(-i64::from(min_ready_seconds));
        let (since, _) = self.ready_since.range(latest.plus_seconds(1)..).next()?;
        Some(since.plus_seconds(i64::from(min_ready_seconds)))
    }

    fn count(&mut self, Counted { labels: _, is_active, is_terminating, ready_since }: Counted<'_>, by: i32) {
        self.total += by;
        self.active += if is_active { by } else { 0 };
        self.terminating += if is_terminating { by } else { 0 };
        if let Some(since) = ready_since {
            self.ready += by;
            let count = self.ready_since.entry(since).or_default();
            *count += by;
            if *count == 0 {
                self.ready_since.remove(&since);
            }
        }
    }
}

/// All of a pod that its owner's counts are made of.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Counted<'a> {
    labels: &'a StrMap,
    is_active: bool,
    is_terminating: bool,
    /// Of active pods only.
    ready_since: Option<Time>,
}

impl<'a> Counted<'a> {
    fn of(pod: &'a Pod) -> Self {
        let is_active = pod.is_active();
        Self {
            labels: &pod.meta.labels,
            is_active,
            is_terminating: !is_active && pod.is_terminating(),
            ready_since: if is_active { pod.ready_since() } else { None },
        }
    }
}

impl OwnedPods {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.pods.is_empty()
    }

    /// The counts by label set; of the pods of Jobs and StatefulSets there are none.
    pub fn groups(&self) -> &[LabelGroup] {
        &self.groups
    }

    fn count(&mut self, pod: &Pod, by: i32) {
        if self.are_counted_by_owner {
            return;
        }
        let counted = Counted::of(pod);
        let labels = counted.labels;
        // Pods of a template share their labels, so the first comparison is nearly always of two pointers.
        let index = self.groups.iter().position(|g| g.labels == *labels).unwrap_or_else(|| {
            self.groups.push(LabelGroup { labels: labels.clone(), ..LabelGroup::default() });
            self.groups.len() - 1
        });
        self.groups[index].count(counted, by);
        if self.groups[index].total == 0 {
            self.groups.remove(index);
        }
    }

    fn replace(&mut self, positions: &mut SlotMap<u32>, old: Option<&Arc<Pod>>, new: Option<&Arc<Pod>>) {
        // Most of what happens to a pod changes nothing that is counted.
        if !old.zip(new).is_some_and(|(old, new)| Counted::of(old) == Counted::of(new)) {
            if let Some(old) = old {
                self.count(old, -1);
            }
            if let Some(new) = new {
                self.count(new, 1);
            }
        }
        match (old, new) {
            (Some(_), Some(_)) | (None, None) => {}
            (None, Some(new)) => {
                positions.insert(new.meta.slot, u32::try_from(self.pods.len()).unwrap_or(u32::MAX));
                self.pods.push(new.meta.slot);
            }
            (Some(old), None) => {
                if let Some(at) = positions.remove(old.meta.slot) {
                    self.pods.swap_remove(at as usize);
                    if let Some(moved) = self.pods.get(at as usize) {
                        positions.insert(*moved, at);
                    }
                }
            }
        }
    }
}

impl PodCache {
    /// One pod.
    pub fn get(&self, namespace: &str, name: &str) -> Option<&Arc<Pod>> {
        self.lister.get(namespace, name)
    }

    /// The pod at a slot.
    pub fn at(&self, slot: Slot) -> Option<&Arc<Pod>> {
        self.lister.at(slot)
    }

    /// Has fetched from memory what is known of the pod at a slot, for who asks for it soon.
    pub fn fetch(&self, slot: Slot) {
        self.lister.fetch(slot);
        self.positions.fetch(slot);
    }

    /// The pods of one namespace or of all, in the order of their keys.
    pub fn list(&self, namespace: Option<&str>) -> Vec<&Arc<Pod>> {
        let pods = self.lister.list(namespace);
        self.walked.set(self.walked.get() + pods.len() as u64);
        pods
    }

    /// The pods that a controller owns, in no order that means anything, but the same one every time.
    pub fn pods_owned_by(&self, uid: &Uid) -> impl Iterator<Item = &Arc<Pod>> {
        let owned = self.owned.get(uid);
        self.walked.set(self.walked.get() + owned.map_or(0, |owned| owned.pods.len() as u64));
        pods_of(&self.lister, owned)
    }

    /// What is known of the pods that a controller owns.
    pub fn owned_by(&self, uid: &Uid) -> Option<&OwnedPods> {
        self.owned.get(uid)
    }

    /// The pods of a namespace that no controller owns, by name.
    pub fn orphans(&self, namespace: &str) -> impl Iterator<Item = &Arc<Pod>> {
        self.orphans.get(namespace).into_iter().flat_map(BTreeMap::values)
    }

    /// Whether there are such pods.
    pub fn has_orphans(&self, namespace: &str) -> bool {
        !self.orphans.is_empty() && self.orphans.get(namespace).is_some_and(|pods| !pods.is_empty())
    }

    /// How many pods syncs have looked at one by one, because what they wanted to know was not counted.
    pub fn walked(&self) -> u64 {
        self.walked.get()
    }

    /// The first so many active pods of a set in the order of deletion, where that order is kept: from the moment the set
    /// or a sibling was first scaled down.
    pub fn first_to_delete(&self, set: &Uid, count: usize, clock: Clock) -> Option<Vec<Arc<Pod>>> {
        let first = self.deletion_orders.get(self.workloads.get(set)?)?.first(set, count, clock)?;
        let pods = first.into_iter().filter_map(|slot| self.lister.at(slot));
        // Nobody has looked at them for long, and all of each will be copied.
        Some(pods.inspect(|pod| fetch(&***pod)).cloned().collect())
    }

    /// A set is there, and this is its controller.
    pub(crate) fn set_known(&mut self, set: &Uid, workload: &Uid) {
        if self.workloads.get(set) == Some(workload) {
            return;
        }
        self.set_gone(set);
        self.workloads.insert(set.clone(), workload.clone());
        if let Some(order) = self.deletion_orders.get_mut(workload) {
            order.add_set(set, pods_of(&self.lister, self.owned.get(set)));
        }
    }

    /// A set is gone, or has no controller any more.
    pub(crate) fn set_gone(&mut self, set: &Uid) {
        let Some(workload) = self.workloads.remove(set) else { return };
        if let Some(order) = self.deletion_orders.get_mut(&workload) {
            order.remove_set(set, pods_of(&self.lister, self.owned.get(set)));
            if order.is_empty() {
                self.deletion_orders.remove(&workload);
            }
        }
    }

    /// Keeps the order in which the pods of a set go, from now on, and the crowds that it and its siblings make.
    pub(crate) fn keep_deletion_order<'a>(
        &mut self,
        workload: &Uid,
        set: &Uid,
        siblings: impl Iterator<Item = &'a Uid>,
    ) {
        let order = self.deletion_orders.entry(workload.clone()).or_default();
        for sibling in siblings {
            if !order.has(sibling) && self.workloads.get(sibling) == Some(workload) {
                order.add_set(sibling, pods_of(&self.lister, self.owned.get(sibling)));
            }
        }
        order.order_set(set, pods_of(&self.lister, self.owned.get(set)));
    }

    /// Takes a change of a pod over.
    pub(crate) fn apply(&mut self, pair: Replaced<'_, Pod>) {
        self.lister.apply(pair);
        let Replaced { old, new } = pair;
        let (old_owner, new_owner) = (old.and_then(|pod| owner_of(pod)), new.and_then(|pod| owner_of(pod)));
        let is_same_pod = old.zip(new).is_some_and(|(a, b)| a.meta.uid == b.meta.uid);
        if is_same_pod && old_owner == new_owner && new_owner.is_some() {
            self.replace_owned(new_owner, old, new);
        } else {
            self.replace_owned(old_owner, old, None);
            self.replace_owned(new_owner, None, new);
        }
    }

    fn replace_owned(&mut self, owner: Option<&Uid>, old: Option<&Arc<Pod>>, new: Option<&Arc<Pod>>) {
        let Some(pod) = old.or(new) else { return };
        let Some(owner) = owner else {
            let orphans = self.orphans.entry(pod.meta.namespace.clone()).or_default();
            match new {
                Some(new) => drop(orphans.insert(new.meta.name.clone(), Arc::clone(new))),
                None => drop(orphans.remove(&pod.meta.name)),
            }
            return;
        };
        if !self.deletion_orders.is_empty()
            && let Some(order) = self.workloads.get(owner).and_then(|w| self.deletion_orders.get_mut(w))
        {
            order.apply(owner, old, new);
        }
        let owned = self.owned.get_or_insert_with(owner, || {
            let are_counted_by_owner =
                pod.meta.controller_of().is_some_and(|owner| owner.kind == "Job" || owner.kind == "StatefulSet");
            OwnedPods { are_counted_by_owner, ..OwnedPods::default() }
        });
        owned.replace(&mut self.positions, old, new);
        if owned.pods.is_empty() {
            self.owned.remove(owner);
        }
    }
}

fn pods_of<'a>(lister: &'a Lister<Pod>, owned: Option<&'a OwnedPods>) -> impl Iterator<Item = &'a Arc<Pod>> {
    owned.map_or(&[][..], |owned| &owned.pods).iter().filter_map(|slot| lister.at(*slot))
}

fn owner_of(pod: &Pod) -> Option<&Uid> {
    pod.meta.controller_of().map(|owner| &owner.uid)
}
