//! Scheduling one pod: filter, score, bind.
//!
//! Mirrors pkg/scheduler/schedule_one.go (v1.36).
//! Differs: nodes are looked at one after the other, and ties are broken from the seed.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use seatrial_api::{Condition, ConditionStatus, NamespacedName, Node, Object, Pod, Resource, Str, pod_condition};
use seatrial_machinery::{Client, Delivery, EventContext, EventText, ObjectRef, Rng, SimTime, set_pod_condition};

use crate::node_info::NodeInfo;
use crate::plugins::{Misfit, PodInfo, filter, scores};
use crate::queue::Queue;
use crate::score_cache::ScoreCache;

const NAME: &str = "default-scheduler";
/// Below so many nodes all of them are looked at.
const NODES_TO_FIND_MIN: usize = 100;
const REASON_UNSCHEDULABLE: &str = "Unschedulable";
const REASON_GATED: &str = "SchedulingGated";
const MESSAGE_GATED: &str = "Scheduling is blocked due to non-empty scheduling gates";

/// What became of one pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scheduled {
    /// The pod.
    pub pod: NamespacedName,
    /// Its node, or `None` where no node fits.
    pub node: Option<Str>,
}

/// The scheduler.
#[derive(Debug)]
pub struct Scheduler {
    nodes: Vec<NodeInfo>,
    index_of: FxHashMap<Str, usize>,
    score_cache: ScoreCache,
    queue: Queue,
    timers: Vec<SimTime>,
    /// Where the next search begins.
    next_start: usize,
    /// How many nodes were filtered outside of the score cache.
    evaluated: u64,
    rng: Rng,
}

impl Scheduler {
    /// A scheduler that breaks ties with this stream.
    pub fn new(rng: Rng) -> Self {
        Self {
            nodes: Vec::new(),
            index_of: FxHashMap::default(),
            score_cache: ScoreCache::default(),
            queue: Queue::default(),
            timers: Vec::new(),
            next_start: 0,
            evaluated: 0,
            rng,
        }
    }

    /// Hears of a change.
    pub fn handle(&mut self, cx: &EventContext<'_>, delivery: &Delivery) {
        match delivery.object() {
            Some(Object::Pod(_)) => self.on_pod(cx, delivery),
            Some(Object::Node(node)) => self.on_node(cx, node, delivery.new.is_none()),
            _ => {}
        }
    }

    fn on_pod(&mut self, cx: &EventContext<'_>, delivery: &Delivery) {
        let now = cx.clock.now();
        let (old, new) = (delivery.old_as::<Pod>(), delivery.new_as::<Pod>());
        let takes_room = |pod: &Arc<Pod>| !pod.node_name.is_empty() && !pod.status.phase.is_terminal();
        match new {
            Some(pod) if takes_room(pod) => {
                // Only what the node's sums depend on matters: the node, once, and the shared spec.
                if old.is_some_and(|o| o.node_name == pod.node_name && Arc::ptr_eq(&o.spec, &pod.spec)) {
                    return;
                }
                self.queue.remove(&pod.meta.uid);
                if let Some(index) = self.index_of.get(&pod.node_name).copied() {
                    self.count(index, pod);
                }
            }
            Some(pod) if pod.node_name.is_empty() && !pod.meta.is_deleting() && !pod.status.phase.is_terminal() => {
                self.enqueue(cx, pod);
            }
            _ => {
                let Some(pod) = old.or(new) else { return };
                self.queue.remove(&pod.meta.uid);
                let index = self.index_of.get(&pod.node_name).copied();
                if let Some(index) = index.filter(|i| self.nodes[*i].remove_pod(&pod.meta.uid)) {
                    self.score_cache.node_changed(index);
                    let due = self.queue.move_all(now);
                    self.timers.extend(due);
                }
            }
        }
    }

    /// Counts a pod on its node, unless it is counted already.
    fn count(&mut self, index: usize, pod: &Arc<Pod>) {
        if self.nodes[index].add_pod(pod) {
            self.score_cache.node_changed(index);
        }
    }

    fn enqueue(&mut self, cx: &EventContext<'_>, pod: &Arc<Pod>) {
        let spec = pod.spec.api();
        if spec.scheduler_name.as_deref().unwrap_or(NAME) == NAME {
            self.queue.add(pod.namespaced_name(), pod.meta.uid.clone(), pod.spec.priority(), cx.clock.now());
        }
    }

    fn on_node(&mut self, cx: &EventContext<'_>, node: &Node, is_gone: bool) {
        if is_gone {
            if let Some(index) = self.index_of.remove(&node.meta.name) {
                self.nodes.remove(index);
                self.score_cache.clear();
                self.index_of = self.nodes.iter().enumerate().map(|(i, n)| (n.name.clone(), i)).collect();
            }
            return;
        }
        let index = *self.index_of.entry(node.meta.name.clone()).or_insert(self.nodes.len());
        if index == self.nodes.len() {
            self.nodes.push(NodeInfo::default());
            self.score_cache.clear();
            for pod in cx.informers.pods.list(None).into_iter().filter(|p| p.node_name == node.meta.name) {
                self.nodes[index].add_pod(pod);
            }
        }
        self.nodes[index].set_node(node);
        self.score_cache.node_changed(index);
        let due = self.queue.move_all(cx.clock.now());
        self.timers.extend(due);
    }

    /// Whether a pod can be tried now.
    pub fn has_work(&self) -> bool {
        self.queue.has_active()
    }

    /// The times at which back-offs end, as far as they were not told yet.
    pub fn take_timers(&mut self) -> Vec<SimTime> {
        std::mem::take(&mut self.timers)
    }

    /// A back-off has ended.
    pub fn fire(&mut self, now: SimTime) {
        self.queue.flush_backoff_completed(now);
    }

    /// Tries to place the next pod. Mirrors `ScheduleOne`.
    pub fn schedule_one(&mut self, client: &mut Client<'_>) -> Option<Scheduled> {
        let queued = self.queue.pop()?;
        let result = |node| Some(Scheduled { pod: queued.key.clone(), node });
        let Ok(pod) = client.get_live::<Pod>(&queued.key.namespace, &queued.key.name) else {
            self.queue.remove(&queued.uid);
            return result(None);
        };
        if pod.meta.uid != queued.uid || pod.meta.is_deleting() || !pod.node_name.is_empty() {
            self.queue.remove(&queued.uid);
            return result(None);
        }
        if pod.spec.api().scheduling_gates.as_ref().is_some_and(|g| !g.is_empty()) {
            self.queue.add_unschedulable(&queued.uid, client.clock().now());
            report(client, &pod, REASON_GATED, MESSAGE_GATED);
            return result(None);
        }
        match self.schedule_pod(&pod) {
            Ok(index) => {
                self.bind(client, &pod, index);
                result(Some(self.nodes[index].name.clone()))
            }
            Err(misfits) => {
                let message = fit_error_message(self.nodes.len(), &misfits);
                self.queue.add_unschedulable(&queued.uid, client.clock().now());
                client.event(&ObjectRef::of(&*pod), &EventText::warning("FailedScheduling", &message));
                report(client, &pod, REASON_UNSCHEDULABLE, &message);
                result(None)
            }
        }
    }

    /// How many nodes were filtered and scored so far.
    pub fn nodes_evaluated(&self) -> u64 {
        self.evaluated + self.score_cache.evaluated()
    }

    /// The node with the best score. Mirrors `schedulePod`.
    fn schedule_pod(&mut self, pod: &Pod) -> Result<usize, Vec<Misfit>> {
        let wanted = nodes_to_find(self.nodes.len());
        let best = self.score_cache.best(pod, &self.nodes, self.next_start, wanted);
        if let Some(best) = best.filter(|best| best.feasible > 0) {
            // A node that is the only one needs no choice.
            let pick = if best.feasible == 1 { 0 } else { self.rng.below(best.ties as u64) };
            let index = self.score_cache.nth_best(self.next_start, &best, usize::try_from(pick).unwrap_or(0));
            self.next_start = (self.next_start + best.looked_at) % self.nodes.len();
            return Ok(index.unwrap_or(self.next_start));
        }
        self.schedule_pod_node_by_node(pod, wanted)
    }

    /// The same for pods whose nodes' scores depend on each other, and for those that fit nowhere: why is told then.
    fn schedule_pod_node_by_node(&mut self, pod: &Pod, wanted: usize) -> Result<usize, Vec<Misfit>> {
        let info = PodInfo::of(pod);
        let (mut feasible, mut misfits) = (Vec::new(), Vec::new());
        let mut looked_at = 0;
        for offset in 0..self.nodes.len() {
            let index = (self.next_start + offset) % self.nodes.len();
            looked_at += 1;
            self.evaluated += 1;
            match filter(&info, &self.nodes[index]) {
                Ok(()) => feasible.push(index),
                Err(misfit) => misfits.push(misfit),
            }
            if feasible.len() >= wanted {
                break;
            }
        }
        if !self.nodes.is_empty() {
            self.next_start = (self.next_start + looked_at) % self.nodes.len();
        }
        match feasible.as_slice() {
            [] => Err(misfits),
            [only] => Ok(*only),
            _ => Ok(self.select_host(&info, &feasible)),
        }
    }

    /// One of the nodes with the highest score. Mirrors `selectHost`.
    fn select_host(&mut self, pod: &PodInfo<'_>, feasible: &[usize]) -> usize {
        let nodes: Vec<&NodeInfo> = feasible.iter().map(|i| &self.nodes[*i]).collect();
        let scores = scores(pod, &nodes);
        let best = scores.iter().copied().max().unwrap_or(0);
        let ties: Vec<usize> = feasible.iter().zip(&scores).filter(|(_, s)| **s == best).map(|(i, _)| *i).collect();
        let pick = self.rng.below(ties.len() as u64);
        ties[usize::try_from(pick).unwrap_or(0)]
    }

    fn bind(&mut self, client: &mut Client<'_>, pod: &Arc<Pod>, index: usize) {
        let node = self.nodes[index].name.clone();
        let (namespace, name, uid) = (&pod.meta.namespace, &pod.meta.name, pod.meta.uid.clone());
        let bound = client.counted(|server, request| server.bind(request, namespace, name, Some(uid), &node));
        match bound {
            Ok(bound) => {
                self.queue.remove(&pod.meta.uid);
                let text = format!("Successfully assigned {namespace}/{name} to {node}");
                client.event(&ObjectRef::of(&*bound), &EventText::normal("Scheduled", &text));
                // The cache counts the pod at once; the delivery of the binding finds it there.
                self.count(index, &bound);
            }
            Err(_) => self.queue.add_unschedulable(&pod.meta.uid, client.clock().now()),
        }
    }
}

/// How many fitting nodes are enough. Mirrors `numFeasibleNodesToFind`.
fn nodes_to_find(all: usize) -> usize {
    if all < NODES_TO_FIND_MIN {
        return all;
    }
    let percentage = 50usize.saturating_sub(all / 125).max(5);
    (all * percentage / 100).max(NODES_TO_FIND_MIN)
}

/// Writes the PodScheduled condition where it says something new.
fn report(client: &mut Client<'_>, pod: &Arc<Pod>, reason: &'static str, message: &str) {
    let mut condition = Condition::new(pod_condition::POD_SCHEDULED, ConditionStatus::False, client.clock().time());
    condition = condition.because(Str::new_static(reason), message);
    condition.observed_generation = Some(pod.meta.generation);
    let old = pod.status.conditions.get(pod_condition::POD_SCHEDULED);
    if old
        .is_some_and(|c| c.status == condition.status && c.reason == condition.reason && c.message == condition.message)
    {
        return;
    }
    let mut new = Pod::clone(pod);
    new.status.conditions = set_pod_condition(&pod.status.conditions, condition);
    // The pod is tried again and reported again if somebody wrote it in between.
    let _ = client.update_status(new);
}

/// `0/3 nodes are available: ...`. Mirrors `FitError.Error`.
fn fit_error_message(node_count: usize, misfits: &[Misfit]) -> String {
    if node_count == 0 {
        return "no nodes available to schedule pods".to_owned();
    }
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for reason in misfits.iter().flat_map(|m| &m.reasons) {
        *counts.entry(reason).or_default() += 1;
    }
    let mut help: BTreeMap<&str, usize> = BTreeMap::new();
    for misfit in misfits {
        let text = if misfit.is_resolvable {
            "No preemption victims found for incoming pod"
        } else {
            "Preemption is not helpful for scheduling"
        };
        *help.entry(text).or_default() += 1;
    }
    let list = |counts: &BTreeMap<&str, usize>| {
        let mut texts: Vec<String> = counts.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
        texts.sort();
        texts.join(", ")
    };
    let head = format!("0/{node_count} nodes are available: ");
    format!("{head}{}. no new claims to deallocate, preemption: {head}{}.", list(&counts), list(&help))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_counts_reasons_and_sorts_them_as_text() {
        let misfit = |reason: &str, is_resolvable| Misfit { reasons: vec![reason.to_owned()], is_resolvable };
        let misfits = [misfit("node(s) had untolerated taint(s)", false), misfit("Insufficient cpu", true)];
        assert_eq!(
            fit_error_message(2, &misfits),
            "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint(s). no new claims to deallocate, preemption: 0/2 nodes are available: 1 No preemption victims found for incoming pod, 1 Preemption is not helpful for scheduling."
        );
        assert_eq!(fit_error_message(0, &[]), "no nodes available to schedule pods");
    }

    #[test]
    fn large_clusters_are_sampled() {
        let rows = [(3, 3), (99, 99), (100, 100), (1000, 420), (5000, 500), (20_000, 1000)];
        for (all, want) in rows {
            assert_eq!(nodes_to_find(all), want, "{all}");
        }
    }
}
