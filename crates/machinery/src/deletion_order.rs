//! The order in which a controller's pods are deleted, and an index that keeps it as pods come and go.
//!
//! Mirrors pkg/controller/controller_utils.go (`ActivePodsWithRanks`) (v1.36).
//! Differs: upstream's comparison is no order. Ready pods that became so at different times within one power of two are
//! told apart by their uids alone, those of one time by restarts and age first, so that circles are possible. Here
//! restarts and age are asked in either case, and names, which are as good as chance, stand for the uids.
//! Invariant: the index gives what sorting all pods would give, at a cost that does not grow with their number.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeSet, BinaryHeap};
use std::sync::Arc;

use rustc_hash::FxHashMap;
use seatrial_api::{Pod, PodPhase, SlotMap, Str, Time, Uid};

use crate::clock::Clock;

/// Pods with a lower cost go first. Mirrors `core.PodDeletionCost`.
const ANNOTATION_POD_DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";

/// What is compared before anything that the cluster around a pod decides, as one number: whether it is assigned, its
/// phase, whether it is ready, its cost. The least goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Class(u64);

impl Class {
    fn of(pod: &Pod, is_ready: bool) -> Self {
        let is_assigned = u64::from(!pod.node_name.is_empty());
        // Shifted so that the least number is the least cost.
        let cost = u64::from(deletion_cost(pod).cast_unsigned() ^ (1 << 31));
        Self(is_assigned << 48 | u64::from(phase_order(pod.status.phase)) << 40 | u64::from(is_ready) << 32 | cost)
    }
}

/// What is compared after the crowd on the node. Times are reversed: the younger goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Age {
    ready_since: Option<Reverse<Time>>,
    restarts: Reverse<(i32, i32)>,
    created: Reverse<Time>,
}

/// How one pod stands against another, but for the crowd on its node and the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Standing {
    class: Class,
    age: Age,
}

impl Standing {
    fn of(pod: &Pod) -> Self {
        let ready_since = pod.ready_since();
        Self {
            class: Class::of(pod, ready_since.is_some()),
            age: Age {
                ready_since: ready_since.map(Reverse),
                restarts: Reverse(max_restarts(pod)),
                created: Reverse(pod.meta.created()),
            },
        }
    }
}

/// Ages count by powers of two of their nanoseconds; what is not past counts least.
fn log2_bucket(clock: Clock, since: Time) -> i32 {
    let age = clock.nanos_since(since);
    if age <= 0 { -1 } else { age.ilog2() as i32 }
}

impl Age {
    fn ready_bucket(&self, clock: Clock) -> Option<i32> {
        self.ready_since.map(|since| log2_bucket(clock, since.0))
    }

    fn rest(&self, clock: Clock) -> (Reverse<(i32, i32)>, i32) {
        (self.restarts, log2_bucket(clock, self.created.0))
    }
}

/// The order in which pods are deleted: what comes first goes first. The ranks tell how crowded the pods' nodes are.
pub fn compare_for_deletion((p, p_rank): (&Pod, u32), (q, q_rank): (&Pod, u32), clock: Clock) -> Ordering {
    let (a, b) = (Standing::of(p), Standing::of(q));
    a.class
        .cmp(&b.class)
        .then_with(|| q_rank.cmp(&p_rank))
        .then_with(|| a.age.ready_bucket(clock).cmp(&b.age.ready_bucket(clock)))
        .then_with(|| a.age.rest(clock).cmp(&b.age.rest(clock)))
        .then_with(|| p.meta.name.cmp(&q.meta.name))
}

/// The order in which pods are deleted that nobody ranks, as a Job's: what comes first goes first. Mirrors `ActivePods`.
pub fn compare_active_pods(p: &Pod, q: &Pod) -> Ordering {
    let key = |pod: &Pod| {
        let Standing { class, age } = Standing::of(pod);
        // Nobody asks for the costs.
        (class.0 >> 32, age.ready_since, age.restarts, age.created)
    };
    key(p).cmp(&key(q)).then_with(|| p.meta.name.cmp(&q.meta.name))
}

fn phase_order(phase: PodPhase) -> u8 {
    match phase {
        PodPhase::Unknown => 1,
        PodPhase::Running => 2,
        _ => 0,
    }
}

/// The cost in the annotation; what is no canonical int32 counts as 0. Mirrors `helper.GetDeletionCostFromPodAnnotations`.
fn deletion_cost(pod: &Pod) -> i32 {
    let Some(text) = pod.meta.annotations.get(ANNOTATION_POD_DELETION_COST) else { return 0 };
    let digits = text.strip_prefix('-').unwrap_or(text);
    let leading_zero = digits.len() > 1 && digits.starts_with('0');
    if leading_zero || text.starts_with('+') || text == "-0" { 0 } else { text.parse().unwrap_or(0) }
}

fn max_restarts(pod: &Pod) -> (i32, i32) {
    let most = |statuses: &[seatrial_api::ContainerStatus]| statuses.iter().map(|s| s.restart_count).max().unwrap_or(0);
    let sidecars =
        pod.spec.api().init_containers.iter().flatten().filter(|c| c.restart_policy.as_deref() == Some("Always"));
    let of_sidecars = sidecars
        .filter_map(|c| pod.status.init_container_statuses.iter().find(|s| s.identity.name == *c.name))
        .map(|s| s.restart_count)
        .max();
    (most(&pod.status.container_statuses), of_sidecars.unwrap_or(0))
}

/// Where a group of pods stands: the crowd on its node is part of it, so a node's groups move when its crowd changes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    class: Class,
    rank: Reverse<u32>,
    age: Age,
    first: Tie,
    node: u32,
}

/// A pod's name in the order of names, or what is after all names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Tie {
    /// The order of most names as a number. Nothing else tells most pods apart, and comparing their names, which begin
    /// all alike, would be most of the work.
    number: u64,
    /// The name where the number does not say all of it, else nothing.
    name: Str,
}

impl Tie {
    const AFTER: Self = Self { number: u64::MAX, name: Str::new_static("") };

    /// The number is what the first eight bytes after `prefix` are; names without it come before or after all others.
    fn new(name: &Str, prefix: &str) -> Self {
        match name.as_bytes().strip_prefix(prefix.as_bytes()) {
            Some(rest) if !rest.is_empty() => {
                let mut first = [0; 8];
                let len = rest.len().min(first.len());
                first[..len].copy_from_slice(&rest[..len]);
                // Names are ASCII, so this is far from the lowest and the highest numbers.
                let number = u64::from_be_bytes(first);
                let is_all = rest.len() <= first.len();
                Self { number, name: if is_all { Str::new_static("") } else { name.clone() } }
            }
            _ if name.as_str() <= prefix => Self { number: 0, name: name.clone() },
            _ => Self { number: u64::MAX - 1, name: name.clone() },
        }
    }
}

impl Place {
    fn is_alike(&self, other: &Self) -> bool {
        (self.class, self.rank, self.age) == (other.class, other.rank, other.age)
    }

    /// Whether only restarts, age and name tell the pods of both places apart.
    fn shares_cell(&self, other: &Self, clock: Clock) -> bool {
        (self.class, self.rank) == (other.class, other.rank)
            && self.age.ready_bucket(clock) == other.age.ready_bucket(clock)
    }

    fn after_all_alike(&self) -> Self {
        Self { class: self.class, rank: self.rank, age: self.age, first: Tie::AFTER, node: u32::MAX }
    }
}

/// Pods of one set on one node that nothing but their names tells apart, in that order.
#[derive(Debug)]
struct Group {
    standing: Standing,
    /// With their names, so that looking for one looks at no pod.
    pods: Vec<(Tie, Arc<Pod>)>,
}

/// The active pods of one set, in order from the moment it shrinks; before that they only count for the crowds.
#[derive(Debug, Default)]
struct RankedSet {
    is_ordered: bool,
    /// How the names of the set's pods begin.
    prefix: Str,
    /// By node.
    groups: Vec<Vec<Group>>,
    order: BTreeSet<Place>,
}

/// The active pods of all sets of one workload, as far as deleting them goes.
#[derive(Debug, Default)]
pub(crate) struct DeletionOrder {
    nodes: FxHashMap<Str, u32>,
    /// The nodes of the active pods.
    node_of: SlotMap<u32>,
    /// How many active pods of the workload each node has.
    crowds: Vec<u32>,
    sets: Vec<(Uid, RankedSet)>,
}

impl Group {
    fn place(&self, node: u32, rank: u32) -> Option<Place> {
        let first = self.pods.first()?.0.clone();
        Some(Place { class: self.standing.class, rank: Reverse(rank), age: self.standing.age, first, node })
    }
}

impl RankedSet {
    fn groups(&self, node: u32) -> &[Group] {
        self.groups.get(node as usize).map_or(&[], Vec::as_slice)
    }

    fn insert(&mut self, pod: &Arc<Pod>, node: u32, rank: u32) {
        if !self.is_ordered {
            return;
        }
        let standing = Standing::of(pod);
        if self.groups.len() <= node as usize {
            self.groups.resize_with(node as usize + 1, Vec::new);
        }
        let groups = &mut self.groups[node as usize];
        let index = groups.iter().position(|g| g.standing == standing).unwrap_or_else(|| {
            groups.push(Group { standing, pods: Vec::new() });
            groups.len() - 1
        });
        let group = &mut groups[index];
        let tie = Tie::new(&pod.meta.name, &self.prefix);
        let at = group.pods.partition_point(|(other, _)| *other < tie);
        if at == 0
            && let Some(old) = group.place(node, rank)
        {
            self.order.remove(&old);
        }
        group.pods.insert(at, (tie, Arc::clone(pod)));
        if at == 0 {
            self.order.extend(group.place(node, rank));
        }
    }

    fn remove(&mut self, pod: &Pod, node: u32, rank: u32) {
        let standing = Standing::of(pod);
        let Some(groups) = self.groups.get_mut(node as usize).filter(|_| self.is_ordered) else { return };
        let Some(index) = groups.iter().position(|g| g.standing == standing) else { return };
        let group = &mut groups[index];
        let tie = Tie::new(&pod.meta.name, &self.prefix);
        let Ok(at) = group.pods.binary_search_by(|(other, _)| other.cmp(&tie)) else { return };
        if at == 0
            && let Some(old) = group.place(node, rank)
        {
            self.order.remove(&old);
        }
        group.pods.remove(at);
        if at == 0 {
            self.order.extend(group.place(node, rank));
        }
        if group.pods.is_empty() {
            groups.swap_remove(index);
        }
    }

    /// Puts a newer version of a pod in the place of the old one, where nothing that is compared has changed.
    fn replace(&mut self, old: &Pod, new: &Arc<Pod>, node: u32) -> bool {
        let standing = Standing::of(new);
        if Standing::of(old) != standing {
            return false;
        }
        let tie = Tie::new(&new.meta.name, &self.prefix);
        let groups = self.groups.get_mut(node as usize);
        let group = groups.and_then(|groups| groups.iter_mut().find(|g| g.standing == standing));
        let found = group.and_then(|g| {
            let at = g.pods.binary_search_by(|(other, _)| other.cmp(&tie)).ok()?;
            g.pods.get_mut(at)
        });
        found.map(|(_, slot)| *slot = Arc::clone(new)).is_some()
    }

    fn move_node(&mut self, node: u32, from: u32, to: u32) {
        let Some(groups) = self.groups.get(node as usize) else { return };
        for group in groups {
            if let Some(mut place) = group.place(node, from) {
                self.order.remove(&place);
                place.rank = Reverse(to);
                self.order.insert(place);
            }
        }
    }

    fn pod(&self, place: &Place, index: usize) -> Option<&Arc<Pod>> {
        let is_it = |g: &&Group| (g.standing.class, g.standing.age) == (place.class, place.age);
        let group = self.groups(place.node).iter().find(is_it)?;
        group.pods.get(index).map(|(_, pod)| pod)
    }

    fn first(&self, count: usize, clock: Clock) -> Vec<Arc<Pod>> {
        let mut found = Vec::with_capacity(count);
        let mut cell = self.order.first();
        while let Some(head) = cell.filter(|_| found.len() < count) {
            cell = self.take_of_cell(head, count, clock, &mut found);
        }
        found
    }

    /// Takes pods that only restarts, age and name tell apart; returns the head of the next cell.
    fn take_of_cell<'a>(
        &'a self,
        head: &'a Place,
        count: usize,
        clock: Clock,
        found: &mut Vec<Arc<Pod>>,
    ) -> Option<&'a Place> {
        let mut heap = BinaryHeap::new();
        let candidate = |place: &'a Place, index: usize| {
            let pod = self.pod(place, index)?;
            Some(Reverse((place.age.rest(clock), &pod.meta.name, place, index)))
        };
        // Places that are alike are ordered by their first pods, so of each kind only the first need be open.
        let mut next = Some(head);
        while let Some(place) = next.filter(|place| place.shares_cell(head, clock)) {
            heap.extend(candidate(place, 0));
            next = self.order.range(place.after_all_alike()..).next();
        }
        while found.len() < count
            && let Some(Reverse((_, _, place, index))) = heap.pop()
        {
            found.extend(self.pod(place, index).cloned());
            heap.extend(candidate(place, index + 1));
            if index == 0 {
                let after = (std::ops::Bound::Excluded(place), std::ops::Bound::Unbounded);
                let alike = self.order.range::<Place, _>(after).next().filter(|p| p.is_alike(place));
                heap.extend(alike.and_then(|p| candidate(p, 0)));
            }
        }
        next
    }
}

impl DeletionOrder {
    /// Whether a set's pods are in the index.
    pub(crate) fn has(&self, set: &Uid) -> bool {
        self.sets.iter().any(|(uid, _)| uid == set)
    }

    /// Whether the index is about no set any more.
    pub(crate) fn is_empty(&self) -> bool {
        self.sets.is_empty()
    }

    /// Takes a set and its pods in.
    pub(crate) fn add_set<'a>(&mut self, set: &Uid, pods: impl IntoIterator<Item = &'a Arc<Pod>>) {
        self.sets.push((set.clone(), RankedSet::default()));
        for pod in pods {
            self.apply(set, None, Some(pod));
        }
    }

    /// A set shrinks: its pods are kept in order from now on.
    pub(crate) fn order_set<'a>(&mut self, set: &Uid, pods: impl IntoIterator<Item = &'a Arc<Pod>>) {
        let Some(index) = self.sets.iter().position(|(uid, ranked)| uid == set && !ranked.is_ordered) else { return };
        self.sets[index].1.is_ordered = true;
        for pod in pods.into_iter().filter(|p| p.is_active()) {
            if self.sets[index].1.order.is_empty() {
                self.sets[index].1.prefix = pod.meta.generate_name.clone();
            }
            let node = self.node(&pod.node_name);
            self.sets[index].1.insert(pod, node, self.crowds[node as usize]);
        }
    }

    /// A set is gone, and the pods it still has are its workload's no more.
    pub(crate) fn remove_set<'a>(&mut self, set: &Uid, pods: impl IntoIterator<Item = &'a Arc<Pod>>) {
        for pod in pods {
            self.apply(set, Some(pod), None);
        }
        self.sets.retain(|(uid, _)| uid != set);
    }

    /// A pod of a set changed.
    pub(crate) fn apply(&mut self, set: &Uid, old: Option<&Arc<Pod>>, new: Option<&Arc<Pod>>) {
        let Some(index) = self.sets.iter().position(|(uid, _)| uid == set) else { return };
        let (old, new) = (old.filter(|p| p.is_active()), new.filter(|p| p.is_active()));
        let from = old.and_then(|p| Some((p, *self.node_of.get(p.meta.slot)?)));
        let to = new.map(|p| match from {
            Some((old, node)) if old.node_name == p.node_name => (p, node),
            _ => (p, self.node(&p.node_name)),
        });
        if let (Some((old, from)), Some((new, to))) = (from, to)
            && from == to
        {
            let rank = self.crowds[to as usize];
            let set = &mut self.sets[index].1;
            if set.is_ordered && !set.replace(old, new, to) {
                set.remove(old, from, rank);
                set.insert(new, to, rank);
            }
            return;
        }
        if let Some((old, node)) = from {
            self.node_of.remove(old.meta.slot);
            let rank = self.crowds[node as usize];
            self.sets[index].1.remove(old, node, rank);
            self.set_crowd(node, rank - 1);
        }
        if let Some((new, node)) = to {
            self.node_of.insert(new.meta.slot, node);
            let rank = self.crowds[node as usize] + 1;
            self.set_crowd(node, rank);
            self.sets[index].1.insert(new, node, rank);
        }
    }

    fn node(&mut self, name: &Str) -> u32 {
        if let Some(node) = self.nodes.get(name) {
            return *node;
        }
        let node = u32::try_from(self.crowds.len()).unwrap_or(u32::MAX);
        self.nodes.insert(name.clone(), node);
        self.crowds.push(0);
        node
    }

    fn set_crowd(&mut self, node: u32, crowd: u32) {
        let from = std::mem::replace(&mut self.crowds[node as usize], crowd);
        for (_, set) in &mut self.sets {
            set.move_node(node, from, crowd);
        }
    }

    /// The first so many pods of a set in the order of deletion; `None` where the index does not know the set.
    pub(crate) fn first(&self, set: &Uid, count: usize, clock: Clock) -> Option<Vec<Arc<Pod>>> {
        let (_, ranked) = self.sets.iter().find(|(uid, ranked)| uid == set && ranked.is_ordered)?;
        Some(ranked.first(count, clock))
    }
}

#[cfg(test)]
mod tests;
