//! The order in which a controller's pods are deleted, and an index that keeps it as pods come and go.
//!
//! Mirrors pkg/controller/controller_utils.go (`ActivePodsWithRanks`) (v1.36).
//! Differs: upstream's comparison is no order. Ready pods that became so at different times within one power of two are
//! told apart by their uids alone, those of one time by restarts and age first, so that circles are possible. Here
//! restarts and age are asked in either case, and names, which are as good as chance, stand for the uids.
//! Invariant: the index gives what sorting all pods would give, at a cost that does not grow with their number.

mod heap;
mod ranked_set;

use std::cmp::{Ordering, Reverse};
use std::sync::Arc;

use rustc_hash::FxHashMap;
use seatrial_api::{Pod, PodPhase, Slot, SlotMap, Str, Time, Uid};

use self::ranked_set::RankedSet;
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
        let Some(index) = self.sets.iter().position(|(uid, ranked)| uid == set && !ranked.is_ordered()) else { return };
        let mut pods = pods.into_iter().filter(|p| p.is_active()).peekable();
        let prefix = pods.peek().map_or_else(Str::default, |pod| pod.meta.generate_name.clone());
        self.sets[index].1.begin(prefix);
        for pod in pods {
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
            if set.is_ordered() && Standing::of(old) != Standing::of(new) {
                set.remove(old, from);
                set.insert(new, to, rank);
            }
            return;
        }
        if let Some((old, node)) = from {
            self.node_of.remove(old.meta.slot);
            let rank = self.crowds[node as usize];
            self.sets[index].1.remove(old, node);
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
        self.crowds[node as usize] = crowd;
        for (_, set) in &mut self.sets {
            set.move_node(node, crowd);
        }
    }

    /// The first so many pods of a set in the order of deletion; `None` where the index does not know the set.
    pub(crate) fn first(&self, set: &Uid, count: usize, clock: Clock) -> Option<Vec<Slot>> {
        let (_, ranked) = self.sets.iter().find(|(uid, ranked)| uid == set && ranked.is_ordered())?;
        Some(ranked.first(count, clock))
    }
}

#[cfg(test)]
mod tests;
