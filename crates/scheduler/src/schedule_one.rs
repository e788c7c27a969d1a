//! Scheduling one pod: filter, score, bind, or say why not.
//!
//! Mirrors pkg/scheduler/schedule_one.go (v1.36).
//! Differs: nodes are looked at one after the other, and ties are broken from the seed.

use std::sync::Arc;

use seatrial_api::{ApiError, Condition, ConditionStatus, Pod, PodSpec, RareStr, Str, StrMap, pod_condition};
use seatrial_machinery::volumes::VolumeIndex;
use seatrial_machinery::{Client, EventText, Informers, ObjectRef, Piece, Rng, set_pod_condition};

use crate::cache::Cache;
use crate::diagnosis::{Diagnosis, truncate_message};
use crate::image_locality::WEIGHT_IMAGE_LOCALITY;
use crate::known_pods::Known;
use crate::node_info::NodeInfo;
use crate::plugin::{Plugin, PluginSet};
use crate::plugins::{NodeNames, PodInfo, filter, required_node_names, scores};
use crate::preemption::{Evaluator, Preemption};
use crate::relations::{Relations, relation_scores};
use crate::scheduler::Scheduler;
use crate::templates::{Among, Choice};
use crate::terms::PodTerms;

/// Below so many nodes all of them are looked at.
const NODES_TO_FIND_MIN: usize = 100;
pub(crate) const REASON_UNSCHEDULABLE: &str = "Unschedulable";
const REASON_ERROR: &str = "SchedulerError";
const NO_CLAIMS: &str = "no new claims to deallocate";
const NOT_NAMED: &str = "node(s) didn't satisfy plugin(s) [NodeAffinity]";

/// The last pod that fitted nowhere, so that its siblings need not look again while nothing changes.
#[derive(Debug)]
pub(crate) struct LastFailure {
    spec: Arc<PodSpec>,
    namespace: Str,
    labels: StrMap,
    generation: u64,
    diagnosis: Arc<Diagnosis>,
    /// What preemption said if it found no candidate.
    no_candidate: Option<String>,
    /// What was told of the pod, once it was.
    told: Option<Arc<Told>>,
}

/// What is told of a pod that fits nowhere.
#[derive(Debug)]
struct Told {
    message: Str,
    /// The node that room is made on; empty where there is none, and nothing where that stays as it is.
    nominated: Option<Str>,
    rejectors: PluginSet,
    /// What the pod says about others.
    terms: Option<Arc<PodTerms>>,
}

impl LastFailure {
    fn is_of(&self, pod: &Pod, generation: u64) -> bool {
        self.generation == generation
            && Arc::ptr_eq(&self.spec, &pod.spec)
            && pod.pinned_to.is_none()
            && self.namespace == pod.meta.namespace
            && self.labels == pod.meta.labels
            && pod.status.nominated_node_name.is_empty()
    }
}

impl Scheduler {
    /// Tries to place the next pod; returns whether there was one. Mirrors `ScheduleOne`.
    pub fn schedule_one(&mut self, client: &mut Client<'_>, informers: &Informers) -> bool {
        if self.waiting.has_due() {
            return self.look_at_waiting(client);
        }
        let Some(queued) = self.queue.pop() else { return false };
        if let Some(next) = self.queue.peek() {
            self.queue.fetch(next);
            client.server().store().fetch_object::<Pod>(next);
        }
        let live = client.live_at::<Pod>(queued.slot).filter(|pod| pod.meta.uid == queued.uid);
        let Some(pod) = live.filter(|pod| !pod.meta.is_deleting() && pod.node_name.is_empty()).cloned() else {
            self.queue.remove(queued.slot, &queued.uid);
            return true;
        };
        self.cache.order_nodes();
        if let Some(told) = self.told_of_sibling(&pod) {
            self.tell(client, &pod, &told);
            return true;
        }
        if let Err(refusal) = self.look_at_claims(client, informers, &pod, queued.claim) {
            self.fail_before_filters(client, &pod, refusal);
            return true;
        }
        let known = self.cache.known.of(&pod, &mut self.cache.index, client);
        self.cache.tell_siblings_apart();
        let volumes = &informers.volumes;
        match self.schedule_pod(&pod, &known, volumes) {
            Ok(index) if !self.cycle.is_bound() => self.wait_for_volumes(client, volumes, &pod, index),
            Ok(index) => self.bind(client, &pod, index),
            Err(diagnosis) => self.fail(client, &pod, known.terms, &diagnosis),
        }
        true
    }

    /// Makes room if that is possible, and says why the pod waits. Mirrors `handleSchedulingFailure`.
    pub(crate) fn fail(
        &mut self,
        client: &mut Client<'_>,
        pod: &Arc<Pod>,
        terms: Option<Arc<PodTerms>>,
        diagnosis: &Arc<Diagnosis>,
    ) {
        let (message, mut rejectors) = (diagnosis.message(), diagnosis.rejectors());
        let (message, nominated) = if diagnosis.node_count == 0 {
            rejectors = PluginSet::EMPTY;
            (message, Some(Str::default()))
        } else {
            let with = |why: &str| format!("{message} {NO_CLAIMS}, preemption: {why}");
            match self.preempt(client, pod, terms.as_deref(), diagnosis) {
                Preemption::Nominated(node) => (message, Some(node)),
                Preemption::NoCandidate(why) => (with(&why), Some(Str::default())),
                Preemption::NotEligible(why) => (with(why), None),
            }
        };
        let told = Arc::new(Told { message: message.into(), nominated, rejectors, terms });
        self.tell(client, pod, &told);
        let generation = self.cache.generation;
        let last = self.last_failure.as_mut().filter(|last| last.no_candidate.is_some() && last.is_of(pod, generation));
        if let Some(last) = last {
            last.told = Some(told);
        }
    }

    /// What was told of a sibling holds for a pod as long as nothing changed, unless it has volumes of its own.
    fn told_of_sibling(&self, pod: &Pod) -> Option<Arc<Told>> {
        let last = self.last_failure.as_ref().filter(|last| last.is_of(pod, self.cache.generation))?;
        last.told.clone().filter(|_| pod.spec.api().volumes.is_none())
    }

    /// Says why a pod waits. Mirrors the end of `handleSchedulingFailure`.
    fn tell(&mut self, client: &mut Client<'_>, pod: &Arc<Pod>, told: &Told) {
        self.queue.add_unschedulable(pod, told.terms.clone(), told.rejectors, client.clock().now());
        let note = truncate_message(&told.message);
        client.event(&ObjectRef::of(&**pod), &EventText::warning("FailedScheduling", &note));
        report(client, pod, told.nominated.clone(), (REASON_UNSCHEDULABLE, &told.message));
    }

    /// Runs the one PostFilter plugin; what it said of a sibling a moment ago holds as long as nothing changed.
    fn preempt(
        &mut self,
        client: &mut Client<'_>,
        pod: &Arc<Pod>,
        terms: Option<&PodTerms>,
        diagnosis: &Arc<Diagnosis>,
    ) -> Preemption {
        let generation = self.cache.generation;
        let last = self.last_failure.as_ref().filter(|last| last.is_of(pod, generation));
        if let Some(why) = last.and_then(|last| last.no_candidate.clone()) {
            return Preemption::NoCandidate(why);
        }
        let (cache, rng) = (&mut self.cache, &mut self.rng);
        let preemption = Evaluator { cache, rng, pod, terms }.preempt(client, diagnosis);
        let no_candidate = match &preemption {
            Preemption::NoCandidate(why) => Some(why.clone()),
            _ => None,
        };
        let (spec, namespace, labels) = (Arc::clone(&pod.spec), pod.meta.namespace.clone(), pod.meta.labels.clone());
        let diagnosis = Arc::clone(diagnosis);
        self.last_failure =
            Some(LastFailure { spec, namespace, labels, generation, diagnosis, no_candidate, told: None });
        preemption
    }

    /// The node with the best score. Mirrors `schedulePod`.
    fn schedule_pod(&mut self, pod: &Pod, known: &Known, volumes: &VolumeIndex) -> Result<usize, Arc<Diagnosis>> {
        let generation = self.cache.generation;
        let last = self.last_failure.as_ref().filter(|_| !self.cycle.needs_filter());
        if let Some(last) = last.filter(|last| last.is_of(pod, generation)) {
            return Err(Arc::clone(&last.diagnosis));
        }
        match required_node_names(pod) {
            NodeNames::Any => {}
            NodeNames::Conflict => {
                let (count, text) = (self.cache.nodes.len(), "pod affinity terms conflict");
                return Err(Arc::new(Diagnosis::pre_filter(count, Plugin::NodeAffinity, text)));
            }
            NodeNames::Only(names) => {
                let mut named: Vec<usize> = names.iter().filter_map(|n| self.cache.index_of.get(*n).copied()).collect();
                named.sort_unstable();
                return self.schedule_pod_among(pod, known, volumes, &named);
            }
        }
        let wanted = nodes_to_find(self.cache.nodes.len());
        // There may be fewer nodes than when the last search ended.
        self.next_start = self.next_start.checked_rem(self.cache.nodes.len()).unwrap_or(self.next_start);
        let has_nomination = !pod.status.nominated_node_name.is_empty();
        let needs_care = self.cycle.needs_filter() || self.cache.images.concern(pod);
        if has_nomination || self.cache.keeps_room_from(pod) || needs_care {
            return self.schedule_pod_node_by_node(pod, known, volumes, wanted);
        }
        let start = self.next_start;
        let Cache { nodes, templates, index, .. } = &mut self.cache;
        let (rng, among) = (&mut self.rng, Among { nodes, index, start, wanted });
        match templates.choose(pod, known, among, |ties| one_of(rng, ties)) {
            Choice::Node(node, looked_at) => {
                self.next_start = (start + looked_at) % nodes.len();
                Ok(node)
            }
            Choice::Unclear => {
                let related = self.schedule_related(pod, known, wanted);
                related.map_or_else(|| self.schedule_pod_node_by_node(pod, known, volumes, wanted), Ok)
            }
            Choice::Nowhere | Choice::Relative => self.schedule_pod_node_by_node(pod, known, volumes, wanted),
        }
    }

    /// The same for pods to which other pods matter in ways that differ from node to node, as long as nodes' own scores can
    /// be remembered.
    fn schedule_related(&mut self, pod: &Pod, known: &Known, wanted: usize) -> Option<usize> {
        let info = PodInfo::of(pod);
        let Cache { nodes, templates, index, .. } = &mut self.cache;
        let relations = Relations::of(&info, known.terms(), nodes, index);
        let fits = |node: usize| relations.fits(node);
        let (found, looked_at) = templates.feasible(pod, nodes, (self.next_start, wanted), fits)?;
        let start = self.next_start;
        if found.len() < 2 {
            let only = found.first()?.0;
            self.next_start = (start + looked_at) % nodes.len();
            return Some(only);
        }
        let feasible: Vec<usize> = found.iter().map(|(node, _)| *node).collect();
        let mut scores = relation_scores(&info, (known.terms(), known.spread), nodes, index, &feasible);
        for (score, (_, own)) in scores.iter_mut().zip(&found) {
            *score += own;
        }
        self.next_start = (start + looked_at) % nodes.len();
        Some(self.pick(&feasible, &scores))
    }

    /// The node that victims made room on comes first, and is enough. Mirrors `evaluateNominatedNode`.
    fn nominated_node(&mut self, info: &PodInfo<'_>, terms: Option<&PodTerms>, volumes: &VolumeIndex) -> Option<usize> {
        let index = self.cache.index_of.get(info.pod.status.nominated_node_name.as_str()).copied()?;
        let fits = self.cache.filter_one(info, terms, index).is_ok()
            && self.cycle.filter(volumes, &self.cache.nodes[index]).is_ok();
        fits.then_some(index)
    }

    /// The same for pods whose nodes' scores depend on each other, and for those that fit nowhere: why is told then.
    fn schedule_pod_node_by_node(
        &mut self,
        pod: &Pod,
        known: &Known,
        volumes: &VolumeIndex,
        wanted: usize,
    ) -> Result<usize, Arc<Diagnosis>> {
        let info = PodInfo::of(pod);
        if let Some(index) = self.nominated_node(&info, known.terms(), volumes) {
            return Ok(index);
        }
        let count = self.cache.nodes.len();
        let start = self.next_start.min(count);
        let (feasible, diagnosis) =
            self.find_nodes(&info, known.terms(), volumes, (start..count).chain(0..start), wanted);
        if count > 0 {
            self.next_start = (start + feasible.len() + diagnosis.misfits.len()) % count;
        }
        self.choose(&info, known, &feasible).ok_or_else(|| Arc::new(diagnosis))
    }

    /// The same for pods that name the nodes they may go to, as those of DaemonSets do.
    fn schedule_pod_among(
        &mut self,
        pod: &Pod,
        known: &Known,
        volumes: &VolumeIndex,
        named: &[usize],
    ) -> Result<usize, Arc<Diagnosis>> {
        let info = PodInfo::of(pod);
        if let Some(index) = self.nominated_node(&info, known.terms(), volumes) {
            return Ok(index);
        }
        let (start, wanted) = (self.next_start.checked_rem(named.len()).unwrap_or(0), nodes_to_find(named.len()));
        let (before, after) = named.split_at(start);
        let (feasible, mut diagnosis) =
            self.find_nodes(&info, known.terms(), volumes, after.iter().chain(before).copied(), wanted);
        let count = self.cache.nodes.len();
        if count > 0 {
            self.next_start = (self.next_start + feasible.len() + diagnosis.misfits.len()) % count;
        }
        (diagnosis.absent, diagnosis.narrowed_by) =
            (Some(NOT_NAMED.into()), [Plugin::NodeAffinity].into_iter().collect());
        self.choose(&info, known, &feasible).ok_or_else(|| Arc::new(diagnosis))
    }

    /// Mirrors `findNodesThatPassFilters`.
    fn find_nodes(
        &mut self,
        info: &PodInfo<'_>,
        terms: Option<&PodTerms>,
        volumes: &VolumeIndex,
        among: impl Iterator<Item = usize>,
        wanted: usize,
    ) -> (Vec<usize>, Diagnosis) {
        let relations = Relations::of(info, terms, &self.cache.nodes, &mut self.cache.index);
        let keeps_room = self.cache.keeps_room_from(info.pod);
        let mut diagnosis = Diagnosis { node_count: self.cache.nodes.len(), ..Diagnosis::default() };
        let mut feasible = Vec::new();
        for index in among {
            self.evaluated += 1;
            let node = &self.cache.nodes[index];
            let mut fits = filter(info, node)
                .map_err(|misfit| self.cycle.judge(misfit, volumes, node))
                .and_then(|()| self.cycle.filter(volumes, node))
                .and_then(|()| relations.filter(index));
            if fits.is_ok() && keeps_room {
                fits = self.cache.filter_one(info, terms, index);
            }
            match fits {
                Ok(()) => feasible.push(index),
                Err(misfit) => diagnosis.misfits.push((index, misfit)),
            }
            if feasible.len() >= wanted {
                break;
            }
        }
        (feasible, diagnosis)
    }

    fn choose(&mut self, info: &PodInfo<'_>, known: &Known, feasible: &[usize]) -> Option<usize> {
        match feasible {
            [] => None,
            [only] => Some(*only),
            _ => Some(self.select_host(info, known, feasible)),
        }
    }

    /// One of the nodes with the highest score. Mirrors `selectHost`.
    fn select_host(&mut self, pod: &PodInfo<'_>, known: &Known, feasible: &[usize]) -> usize {
        let Cache { nodes, index, images, .. } = &mut self.cache;
        let mut totals = relation_scores(pod, (known.terms(), known.spread), nodes, index, feasible);
        if images.concern(pod.pod) {
            for (total, node) in totals.iter_mut().zip(feasible) {
                *total += WEIGHT_IMAGE_LOCALITY * images.score(pod.pod, &nodes[*node], nodes.len());
            }
        }
        let nodes: Vec<&NodeInfo> = feasible.iter().map(|i| &nodes[*i]).collect();
        for (total, score) in totals.iter_mut().zip(scores(pod, &nodes)) {
            *total += score;
        }
        self.pick(feasible, &totals)
    }

    fn pick(&mut self, feasible: &[usize], scores: &[i64]) -> usize {
        let best = scores.iter().copied().max().unwrap_or(0);
        let ties: Vec<usize> = feasible.iter().zip(scores).filter(|(_, s)| **s == best).map(|(i, _)| *i).collect();
        ties[one_of(&mut self.rng, ties.len())]
    }

    pub(crate) fn bind(&mut self, client: &mut Client<'_>, pod: &Arc<Pod>, index: usize) {
        let node = self.cache.nodes[index].name.clone();
        let namespace = &pod.meta.namespace;
        let bound = client.counted(|server, request| server.bind_read(request, pod, &node));
        match bound {
            Ok(bound) => {
                self.forget(pod);
                let pieces = [
                    Piece::Text("Successfully assigned "),
                    Piece::Text(namespace),
                    Piece::Text("/"),
                    Piece::Name,
                    Piece::Text(" to "),
                    Piece::Arg(&node),
                ];
                client.event(&ObjectRef::of(&*bound), &EventText::normal_pieces("Scheduled", &pieces));
                // The cache counts the pod at once; the delivery of the binding finds it there.
                self.cache.count(index, &bound);
            }
            Err(error) => self.fail_to_bind(client, pod, &error),
        }
    }

    fn fail_to_bind(&mut self, client: &mut Client<'_>, pod: &Arc<Pod>, error: &ApiError) {
        self.fail_binding_cycle(client, pod, &format!("running Bind plugin \"DefaultBinder\": {error}"));
    }

    /// The pod fits, and cannot be bound. Mirrors `handleBindingCycleError`.
    pub(crate) fn fail_binding_cycle(&mut self, client: &mut Client<'_>, pod: &Arc<Pod>, message: &str) {
        self.queue.add_after_error(pod, client.clock().now());
        client.event(&ObjectRef::of(&**pod), &EventText::warning("FailedScheduling", &truncate_message(message)));
        report(client, pod, Some(Str::default()), (REASON_ERROR, &message.into()));
    }
}

/// Breaks a tie.
fn one_of(rng: &mut Rng, ties: usize) -> usize {
    usize::try_from(rng.below(ties as u64)).unwrap_or(0)
}

/// How many fitting nodes are enough. Mirrors `numFeasibleNodesToFind`.
fn nodes_to_find(all: usize) -> usize {
    if all < NODES_TO_FIND_MIN {
        return all;
    }
    let percentage = 50usize.saturating_sub(all / 125).max(5);
    (all * percentage / 100).max(NODES_TO_FIND_MIN)
}

/// Writes the PodScheduled condition and the node that room is made on, where they say something new.
pub(crate) fn report(
    client: &mut Client<'_>,
    pod: &Arc<Pod>,
    nominated: Option<Str>,
    (reason, message): (&'static str, &Str),
) {
    let old = pod.status.conditions.get(pod_condition::POD_SCHEDULED);
    let nominated = nominated.map_or_else(|| pod.status.nominated_node_name.clone(), RareStr::from);
    let is_same = |c: &Condition| c.status == ConditionStatus::False && c.reason == *reason && c.message == *message;
    if nominated == pod.status.nominated_node_name && old.is_some_and(is_same) {
        return;
    }
    let mut condition = Condition::new(pod_condition::POD_SCHEDULED, ConditionStatus::False, client.clock().time());
    condition = condition.because(Str::new_static(reason), message);
    condition.observed_generation = Some(pod.meta.generation);
    let mut new = Pod::clone(pod);
    new.status.conditions = set_pod_condition(&pod.status.conditions, condition);
    new.status.nominated_node_name = nominated;
    // The pod is tried again and reported again if somebody wrote it in between.
    let _ = client.update_status(new);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_clusters_are_sampled() {
        let rows = [(0, 0), (3, 3), (99, 99), (100, 100), (200, 100), (1000, 420), (5000, 500), (20_000, 1000)];
        for (all, want) in rows {
            assert_eq!(nodes_to_find(all), want, "{all}");
        }
    }
}
