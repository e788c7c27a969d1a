//! Scheduling one pod: filter, score, bind.
//!
//! Mirrors pkg/scheduler/schedule_one.go (v1.36).
//! Differs: nodes are looked at one after the other, and ties are broken from the seed.

use std::collections::BTreeMap;
use std::sync::Arc;

use seatrial_api::{
    Condition, ConditionStatus, Namespace, NamespacedName, Node, Object, Pod, RareStr, Resource, Str, Uid,
    pod_condition,
};
use seatrial_machinery::{Client, Delivery, EventContext, EventText, ObjectRef, Rng, SimTime, set_pod_condition};

use crate::cache::Cache;
use crate::node_info::NodeInfo;
use crate::plugins::{Misfit, PodInfo, filter, scores};
use crate::preemption::{Evaluator, NOT_HELPFUL, Preemption};
use crate::queue::Queue;
use crate::relations::{Relations, relation_scores};
use crate::terms::PodTerms;

/// The nodes that were looked at and do not fit, and why.
type Misfits = Vec<(usize, Misfit)>;

const NAME: &str = "default-scheduler";
/// Below so many nodes all of them are looked at.
const NODES_TO_FIND_MIN: usize = 100;
const REASON_UNSCHEDULABLE: &str = "Unschedulable";
const NO_CLAIMS: &str = "no new claims to deallocate";
/// What is said of the nodes that were not looked at because NodeAffinity named another one.
const NOT_THE_ONE: &str = "node(s) didn't satisfy plugin(s) [NodeAffinity]";
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
    cache: Cache,
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
        let (cache, queue) = (Cache::default(), Queue::default());
        Self { cache, queue, timers: Vec::new(), next_start: 0, evaluated: 0, rng }
    }

    /// Hears of a change.
    pub fn handle(&mut self, cx: &EventContext<'_>, delivery: &Delivery) {
        match delivery.object() {
            Some(Object::Pod(_)) => self.on_pod(cx, delivery),
            Some(Object::Node(node)) => self.on_node(cx, node, delivery.new.is_none()),
            Some(Object::Namespace(_)) => self.on_namespace(cx, delivery),
            _ => {}
        }
    }

    fn on_pod(&mut self, cx: &EventContext<'_>, delivery: &Delivery) {
        let now = cx.clock.now();
        let (old, new) = (delivery.old_as::<Pod>(), delivery.new_as::<Pod>());
        let takes_room = |pod: &Arc<Pod>| !pod.node_name.is_empty() && !pod.status.phase.is_terminal();
        match new {
            Some(pod) if takes_room(pod) => {
                // Most writes change nothing that others depend on: node, shared spec, labels, whether it goes.
                if old.is_some_and(|o| o.node_name == pod.node_name && is_same_to_others(o, pod)) {
                    return;
                }
                self.forget(&pod.meta.uid);
                if let Some(index) = self.cache.index_of.get(&pod.node_name).copied() {
                    self.cache.count(index, pod);
                    self.move_friends(pod, now);
                }
            }
            Some(pod) if pod.node_name.is_empty() && !pod.meta.is_deleting() && !pod.status.phase.is_terminal() => {
                self.enqueue(cx, old, pod);
            }
            _ => {
                let Some(pod) = old.or(new) else { return };
                let kept_room = self.forget(&pod.meta.uid);
                let index = self.cache.index_of.get(&pod.node_name).copied();
                if index.is_some_and(|i| self.cache.remove(i, &pod.meta.uid)) || kept_room {
                    self.move_all(now);
                }
            }
        }
    }

    /// A pod waits no more; returns whether room was kept for it.
    fn forget(&mut self, uid: &Uid) -> bool {
        self.queue.remove(uid);
        self.cache.nominated.remove(uid).is_some()
    }

    fn move_all(&mut self, now: SimTime) {
        let due = self.queue.move_all(now);
        self.timers.extend(due);
    }

    /// Pods that want to be with others, or spread among them, are tried again when such a pod has come.
    fn move_friends(&mut self, pod: &Pod, now: SimTime) {
        if !self.queue.has_unschedulable() {
            return;
        }
        let namespaces = &self.cache.index.namespaces;
        let concerns = |terms: &PodTerms| {
            let spread = terms.hard.iter().map(|s| &s.term);
            spread.chain(&terms.affinity).any(|t| t.matches(&pod.meta.namespace, &pod.meta.labels, namespaces))
        };
        let due = self.queue.move_where(now, |queued| queued.terms.as_deref().is_some_and(concerns));
        self.timers.extend(due);
    }

    fn enqueue(&mut self, cx: &EventContext<'_>, old: Option<&Arc<Pod>>, pod: &Arc<Pod>) {
        if pod.spec.api().scheduler_name.as_deref().unwrap_or(NAME) != NAME {
            return;
        }
        if pod.status.nominated_node_name.is_empty() {
            self.cache.nominated.remove(&pod.meta.uid);
        } else {
            self.cache.nominated.insert(pod.meta.uid.clone(), Arc::clone(pod));
        }
        if old.is_some_and(|o| !is_same_to_others(o, pod)) {
            // Another spec or other labels (a gate that is gone): nothing that was found out still counts.
            self.queue.remove(&pod.meta.uid);
        }
        self.queue.add(pod.namespaced_name(), pod.meta.uid.clone(), pod.spec.priority(), cx.clock.now());
    }

    fn on_node(&mut self, cx: &EventContext<'_>, node: &Node, is_gone: bool) {
        if is_gone {
            self.cache.remove_node(&node.meta.name);
            self.move_all(cx.clock.now());
            return;
        }
        let pods = || {
            let all = cx.informers.pods.list(None).into_iter();
            all.filter(|p| p.node_name == node.meta.name && !p.status.phase.is_terminal()).cloned().collect()
        };
        if self.cache.set_node(node, pods) {
            self.move_all(cx.clock.now());
        }
    }

    fn on_namespace(&mut self, cx: &EventContext<'_>, delivery: &Delivery) {
        let (old, new) = (delivery.old_as::<Namespace>(), delivery.new_as::<Namespace>());
        match new {
            Some(new) => {
                if old.is_none_or(|o| o.meta.labels != new.meta.labels) {
                    self.cache.index.namespaces.insert(new.meta.name.clone(), new.meta.labels.clone());
                    self.cache.index.clear();
                    self.move_all(cx.clock.now());
                }
            }
            None => {
                if let Some(old) = old {
                    self.cache.index.namespaces.remove(&old.meta.name);
                }
            }
        }
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
            self.queue.add_unschedulable(&queued.uid, None, client.clock().now());
            report(client, &pod, None, (REASON_GATED, MESSAGE_GATED));
            return result(None);
        }
        let terms = self.cache.index.terms_of(&pod);
        match self.schedule_pod(&pod, terms.as_deref()) {
            Ok(index) => {
                self.bind(client, &pod, index);
                result(Some(self.cache.nodes[index].name.clone()))
            }
            Err(misfits) => {
                self.fail(client, &pod, terms, &misfits);
                result(None)
            }
        }
    }

    /// Makes room if that is possible, and says why the pod waits. Mirrors `handleSchedulingFailure`.
    fn fail(
        &mut self,
        client: &mut Client<'_>,
        pod: &Arc<Pod>,
        terms: Option<Arc<PodTerms>>,
        misfits: &[(usize, Misfit)],
    ) {
        let node_count = self.cache.nodes.len();
        let left_out = if pod.pinned_to.is_some() { node_count - misfits.len() } else { 0 };
        let mut message =
            fit_error_message(node_count, misfits.iter().map(|(_, misfit)| misfit), (NOT_THE_ONE, left_out));
        let mut nominated = None;
        if node_count > 0 {
            let (cache, rng) = (&mut self.cache, &mut self.rng);
            let mut evaluator = Evaluator { cache, rng, pod, terms: terms.as_deref() };
            match evaluator.preempt(client, misfits) {
                Preemption::Nominated(node) => nominated = Some(node),
                Preemption::NoCandidate(said) => {
                    let why = fit_error_message(node_count, said.iter(), (NOT_HELPFUL, left_out));
                    message = format!("{message} {NO_CLAIMS}, preemption: {why}");
                    nominated = Some(Str::default());
                }
                Preemption::NotEligible(why) => message = format!("{message} {NO_CLAIMS}, preemption: {why}"),
            }
        }
        self.queue.add_unschedulable(&pod.meta.uid, terms, client.clock().now());
        client.event(&ObjectRef::of(&**pod), &EventText::warning("FailedScheduling", &message));
        report(client, pod, nominated, (REASON_UNSCHEDULABLE, &message));
    }

    /// How many nodes were filtered and scored so far.
    pub fn nodes_evaluated(&self) -> u64 {
        self.evaluated + self.cache.score_cache.evaluated()
    }

    /// The node with the best score. Mirrors `schedulePod`.
    fn schedule_pod(&mut self, pod: &Pod, terms: Option<&PodTerms>) -> Result<usize, Misfits> {
        if let Some(only) = &pod.pinned_to {
            return self.schedule_pinned(pod, terms, only);
        }
        let wanted = nodes_to_find(self.cache.nodes.len());
        if !pod.status.nominated_node_name.is_empty() || self.cache.keeps_room_from(pod) {
            return self.schedule_pod_node_by_node(pod, terms, wanted);
        }
        self.cache.index.refresh(&self.cache.nodes);
        if terms.is_some() || self.cache.index.carriers_for(pod).next().is_some() {
            if let Some(index) = self.schedule_related(pod, terms, wanted) {
                return Ok(index);
            }
            return self.schedule_pod_node_by_node(pod, terms, wanted);
        }
        let best = self.cache.score_cache.best(pod, &self.cache.nodes, self.next_start, wanted);
        if let Some(best) = best.filter(|best| best.feasible > 0) {
            // A node that is the only one needs no choice.
            let pick = if best.feasible == 1 { 0 } else { self.rng.below(best.ties as u64) };
            let pick = usize::try_from(pick).unwrap_or(0);
            let index = self.cache.score_cache.nth_best(self.next_start, &best, pick);
            self.next_start = (self.next_start + best.looked_at) % self.cache.nodes.len();
            return Ok(index.unwrap_or(self.next_start));
        }
        self.schedule_pod_node_by_node(pod, terms, wanted)
    }

    /// The same for a pod that one node alone may have, which is the only one to be looked at. Mirrors what becomes of the
    /// PreFilter result of NodeAffinity.
    fn schedule_pinned(&mut self, pod: &Pod, terms: Option<&PodTerms>, only: &Str) -> Result<usize, Misfits> {
        let Some(index) = self.cache.index_of.get(only).copied() else { return Err(Vec::new()) };
        self.evaluated += 1;
        self.next_start = (self.next_start + 1) % self.cache.nodes.len();
        let fits = self.cache.filter_one(&PodInfo::of(pod), terms, index);
        fits.map(|()| index).map_err(|misfit| vec![(index, misfit)])
    }

    /// The same for pods to which other pods matter, as long as nodes' own scores can be remembered.
    fn schedule_related(&mut self, pod: &Pod, terms: Option<&PodTerms>, wanted: usize) -> Option<usize> {
        let info = PodInfo::of(pod);
        let Cache { nodes, score_cache, index, .. } = &mut self.cache;
        let relations = Relations::of(&info, terms, nodes, index);
        let fits = |node: usize| relations.filter(node).is_ok();
        let (found, looked_at) = score_cache.feasible(pod, nodes, (self.next_start, wanted), fits)?;
        if found.len() < 2 {
            let only = found.first()?.0;
            self.next_start = (self.next_start + looked_at) % nodes.len();
            return Some(only);
        }
        let feasible: Vec<usize> = found.iter().map(|(node, _)| *node).collect();
        let mut scores = relation_scores(&info, terms, nodes, index, &feasible);
        for (score, (_, own)) in scores.iter_mut().zip(&found) {
            *score += own;
        }
        self.next_start = (self.next_start + looked_at) % nodes.len();
        Some(self.pick(&feasible, &scores))
    }

    /// The same for pods whose nodes' scores depend on each other, and for those that fit nowhere: why is told then.
    fn schedule_pod_node_by_node(
        &mut self,
        pod: &Pod,
        terms: Option<&PodTerms>,
        wanted: usize,
    ) -> Result<usize, Misfits> {
        let info = PodInfo::of(pod);
        // The node that victims made room on comes first, and is enough. Mirrors `evaluateNominatedNode`.
        if let Some(index) = self.cache.index_of.get(pod.status.nominated_node_name.as_str()).copied()
            && self.cache.filter_one(&info, terms, index).is_ok()
        {
            return Ok(index);
        }
        self.cache.index.refresh(&self.cache.nodes);
        let relations = Relations::of(&info, terms, &self.cache.nodes, &mut self.cache.index);
        let keeps_room = self.cache.keeps_room_from(pod);
        let count = self.cache.nodes.len();
        let (mut feasible, mut misfits) = (Vec::new(), Vec::new());
        let mut looked_at = 0;
        for index in (self.next_start..count).chain(0..self.next_start.min(count)) {
            looked_at += 1;
            let mut fits = filter(&info, &self.cache.nodes[index]).and_then(|()| relations.filter(index));
            if fits.is_ok() && keeps_room {
                fits = self.cache.filter_one(&info, terms, index);
            }
            match fits {
                Ok(()) => feasible.push(index),
                Err(misfit) => misfits.push((index, misfit)),
            }
            if feasible.len() >= wanted {
                break;
            }
        }
        self.evaluated += looked_at as u64;
        if count > 0 {
            self.next_start = (self.next_start + looked_at) % count;
        }
        match feasible.as_slice() {
            [] => Err(misfits),
            [only] => Ok(*only),
            _ => Ok(self.select_host(&info, terms, &feasible)),
        }
    }

    /// One of the nodes with the highest score. Mirrors `selectHost`.
    fn select_host(&mut self, pod: &PodInfo<'_>, terms: Option<&PodTerms>, feasible: &[usize]) -> usize {
        let Cache { nodes, index, .. } = &mut self.cache;
        let mut totals = relation_scores(pod, terms, nodes, index, feasible);
        let nodes: Vec<&NodeInfo> = feasible.iter().map(|i| &nodes[*i]).collect();
        for (total, score) in totals.iter_mut().zip(scores(pod, &nodes)) {
            *total += score;
        }
        self.pick(feasible, &totals)
    }

    fn pick(&mut self, feasible: &[usize], scores: &[i64]) -> usize {
        let best = scores.iter().copied().max().unwrap_or(0);
        let ties: Vec<usize> = feasible.iter().zip(scores).filter(|(_, s)| **s == best).map(|(i, _)| *i).collect();
        let pick = self.rng.below(ties.len() as u64);
        ties[usize::try_from(pick).unwrap_or(0)]
    }

    fn bind(&mut self, client: &mut Client<'_>, pod: &Arc<Pod>, index: usize) {
        let node = self.cache.nodes[index].name.clone();
        let (namespace, name, uid) = (&pod.meta.namespace, &pod.meta.name, pod.meta.uid.clone());
        let bound = client.counted(|server, request| server.bind(request, namespace, name, Some(uid), &node));
        match bound {
            Ok(bound) => {
                self.forget(&pod.meta.uid);
                let text = format!("Successfully assigned {namespace}/{name} to {node}");
                client.event(&ObjectRef::of(&*bound), &EventText::normal("Scheduled", &text));
                // The cache counts the pod at once; the delivery of the binding finds it there.
                self.cache.count(index, &bound);
            }
            Err(_) => self.queue.add_unschedulable(&pod.meta.uid, None, client.clock().now()),
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

/// Whether others may treat two versions of a pod the same.
fn is_same_to_others(old: &Pod, new: &Pod) -> bool {
    Arc::ptr_eq(&old.spec, &new.spec)
        && old.pinned_to == new.pinned_to
        && old.meta.labels == new.meta.labels
        && old.meta.is_deleting() == new.meta.is_deleting()
}

/// Writes the PodScheduled condition and the node that room is made on, where they say something new.
fn report(client: &mut Client<'_>, pod: &Arc<Pod>, nominated: Option<Str>, (reason, message): (&'static str, &str)) {
    let mut condition = Condition::new(pod_condition::POD_SCHEDULED, ConditionStatus::False, client.clock().time());
    condition = condition.because(Str::new_static(reason), message);
    condition.observed_generation = Some(pod.meta.generation);
    let old = pod.status.conditions.get(pod_condition::POD_SCHEDULED);
    let nominated = nominated.map_or_else(|| pod.status.nominated_node_name.clone(), RareStr::from);
    let is_same =
        |c: &Condition| c.status == condition.status && c.reason == condition.reason && c.message == condition.message;
    if nominated == pod.status.nominated_node_name && old.is_some_and(is_same) {
        return;
    }
    let mut new = Pod::clone(pod);
    new.status.conditions = set_pod_condition(&pod.status.conditions, condition);
    new.status.nominated_node_name = nominated;
    // The pod is tried again and reported again if somebody wrote it in between.
    let _ = client.update_status(new);
}

/// `0/3 nodes are available: ...`, and what is said of so many nodes that were left out. Mirrors `FitError.Error`.
fn fit_error_message<'a>(
    node_count: usize,
    misfits: impl Iterator<Item = &'a Misfit>,
    (of_the_others, left_out): (&str, usize),
) -> String {
    if node_count == 0 {
        return "no nodes available to schedule pods".to_owned();
    }
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for reason in misfits.flat_map(|m| &m.reasons) {
        *counts.entry(reason).or_default() += 1;
    }
    if left_out > 0 {
        *counts.entry(of_the_others).or_default() += left_out;
    }
    let mut texts: Vec<String> = counts.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
    texts.sort();
    format!("0/{node_count} nodes are available: {}.", texts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_counts_reasons_and_sorts_them_as_text() {
        let misfit = |reason: &str, is_resolvable| Misfit { reasons: vec![reason.to_owned()], is_resolvable };
        let misfits = [misfit("node(s) had untolerated taint(s)", false), misfit("Insufficient cpu", true)];
        assert_eq!(
            fit_error_message(2, misfits.iter(), (NOT_THE_ONE, 0)),
            "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint(s)."
        );
        assert_eq!(fit_error_message(0, [].iter(), (NOT_THE_ONE, 0)), "no nodes available to schedule pods");
        assert_eq!(
            fit_error_message(3, misfits[1..].iter(), (NOT_THE_ONE, 2)),
            "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) didn't satisfy plugin(s) [NodeAffinity]."
        );
    }

    #[test]
    fn large_clusters_are_sampled() {
        let rows = [(3, 3), (99, 99), (100, 100), (1000, 420), (5000, 500), (20_000, 1000)];
        for (all, want) in rows {
            assert_eq!(nodes_to_find(all), want, "{all}");
        }
    }
}
