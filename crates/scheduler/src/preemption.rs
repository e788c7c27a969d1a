//! Makes room for a pod by deleting pods of lower priority.
//!
//! Mirrors pkg/scheduler/framework/preemption and plugins/defaultpreemption (v1.36).
//! Differs: victims are deleted before the pod's own failure is written, not beside it.

use std::cmp::Reverse;
use std::sync::Arc;

use seatrial_api::{
    Condition, ConditionStatus, Kind, ObjectKey, Pod, PodDisruptionBudget, RareStr, Slot, Str, Time, pod_condition,
    selector::Selector,
};
use seatrial_machinery::{Client, DeleteOptions, EventText, ObjectRef, Rng, set_pod_condition};

use crate::cache::{Cache, CountedPod};
use crate::diagnosis::{Diagnosis, fit_error_message};
use crate::node_info::PodKind;
use crate::plugin::{Misfit, Plugin};
use crate::plugins::PodInfo;
use crate::terms::PodTerms;

const NOT_HELPFUL: &str = "Preemption is not helpful for scheduling";
const NO_VICTIMS: &str = "No preemption victims found for incoming pod";
const REASON_PREEMPTED: &str = "PreemptionByScheduler";
/// Of how many nodes victims are looked for: at least so many, and at least this share.
const CANDIDATES_MIN: usize = 100;
const CANDIDATES_PERCENT: usize = 10;

/// What became of a preemption.
#[derive(Debug)]
pub(crate) enum Preemption {
    /// Victims of this node go.
    Nominated(Str),
    /// No node has victims that help; what is said of them.
    NoCandidate(String),
    /// The pod may not preempt, and why.
    NotEligible(&'static str),
}

#[derive(Clone, Debug)]
struct Victim {
    pod: Arc<Pod>,
    /// As what it is counted.
    kind: Arc<PodKind>,
    start: Time,
    /// Whether a budget does not allow it to go.
    violates: bool,
}

impl Victim {
    fn priority(&self) -> i32 {
        self.kind.spec.priority()
    }

    /// The most important first. Mirrors `MoreImportantPod`.
    fn rank(&self) -> (Reverse<i32>, Time) {
        (Reverse(self.priority()), self.start)
    }
}

#[derive(Debug)]
struct Candidate {
    node: usize,
    victims: Vec<Victim>,
}

impl Candidate {
    /// The lowest goes first. Mirrors `pickOneNodeForPreemption`.
    fn cost(&self) -> (usize, i32, i64, usize, Reverse<Time>) {
        let violations = self.victims.iter().filter(|v| v.violates).count();
        let top = self.victims.iter().map(Victim::priority).max().unwrap_or(i32::MIN);
        let sum = self.victims.iter().map(|v| i64::from(v.priority()) + (1 << 31)).sum();
        let earliest = self.victims.iter().filter(|v| v.priority() == top).map(|v| v.start).min();
        (violations, top, sum, self.victims.len(), Reverse(earliest.unwrap_or_default()))
    }
}

/// A budget and how many of its pods may still go.
struct Budget {
    namespace: Str,
    selector: Selector,
    disrupted: Vec<String>,
    allowed: i32,
}

/// One attempt to make room.
pub(crate) struct Evaluator<'a> {
    pub(crate) cache: &'a mut Cache,
    pub(crate) rng: &'a mut Rng,
    pub(crate) pod: &'a Arc<Pod>,
    pub(crate) terms: Option<&'a PodTerms>,
}

impl Evaluator<'_> {
    /// Mirrors `Evaluator.Preempt`.
    pub(crate) fn preempt(&mut self, client: &mut Client<'_>, diagnosis: &Diagnosis) -> Preemption {
        if let Some(text) = self.not_eligible(client, &diagnosis.misfits) {
            return Preemption::NotEligible(text);
        }
        let resolvable = diagnosis.misfits.iter().filter(|(_, misfit)| misfit.is_resolvable);
        let potential: Vec<usize> = resolvable.map(|(node, _)| *node).collect();
        let generation = self.cache.generation;
        let found = self.find_candidates(client, potential);
        // Every victim that was taken away in thought is back.
        self.cache.generation = generation;
        match found {
            Err(said) => {
                let others = (NOT_HELPFUL, diagnosis.node_count - said.len().min(diagnosis.node_count));
                Preemption::NoCandidate(fit_error_message(diagnosis.node_count, said.iter(), Some(others)))
            }
            Ok(best) => {
                let node = self.cache.nodes[best.node].name.clone();
                for victim in &best.victims {
                    self.delete_victim(client, victim, &node);
                }
                self.clear_lower_nominations(client, &node);
                Preemption::Nominated(node)
            }
        }
    }

    /// The best candidate, or what is said of the nodes that were tried. Mirrors `findCandidates` and `DryRunPreemption`.
    fn find_candidates(&mut self, client: &Client<'_>, mut potential: Vec<usize>) -> Result<Candidate, Vec<Misfit>> {
        if potential.is_empty() {
            return Err(Vec::new());
        }
        let wanted = (potential.len() * CANDIDATES_PERCENT / 100).max(CANDIDATES_MIN);
        let start = usize::try_from(self.rng.below(potential.len() as u64)).unwrap_or(0);
        potential.rotate_left(start);
        let budgets = budgets(client);
        let (mut candidates, mut said) = (Vec::new(), Vec::new());
        let mut violates_none = false;
        for node in potential {
            match self.select_victims(client, node, &budgets) {
                Ok(victims) => {
                    violates_none |= victims.iter().all(|v| !v.violates);
                    candidates.push(Candidate { node, victims });
                }
                Err(misfit) => said.push(misfit),
            }
            // Enough is enough only if one of them leaves all budgets alone.
            if violates_none && candidates.len() >= wanted {
                break;
            }
        }
        candidates.into_iter().min_by_key(Candidate::cost).ok_or(said)
    }

    /// Mirrors `PodEligibleToPreemptOthers`.
    fn not_eligible(&self, client: &Client<'_>, misfits: &[(usize, Misfit)]) -> Option<&'static str> {
        if self.pod.spec.api().preemption_policy.as_deref() == Some("Never") {
            return Some("not eligible due to preemptionPolicy=Never.");
        }
        let nominated = self.cache.index_of.get(self.pod.status.nominated_node_name.as_str()).copied()?;
        if misfits.iter().any(|(node, misfit)| *node == nominated && !misfit.is_resolvable) {
            return None;
        }
        let is_going = |(slot, pod): (Slot, &CountedPod)| {
            pod.kind.is_deleting
                && pod.kind.spec.priority() < self.pod.spec.priority()
                && live_pod(client, slot, pod).is_some_and(|live| {
                    let condition = live.status.conditions.get(pod_condition::DISRUPTION_TARGET);
                    condition.is_some_and(|c| c.status == ConditionStatus::True && c.reason == REASON_PREEMPTED)
                })
        };
        let waits = self.cache.pods_on(nominated).any(is_going);
        waits.then_some("not eligible due to a terminating pod on the nominated node.")
    }

    /// The fewest pods that have to go from a node. Mirrors `SelectVictimsOnNode`.
    fn select_victims(&mut self, client: &Client<'_>, node: usize, budgets: &[Budget]) -> Result<Vec<Victim>, Misfit> {
        let priority = self.pod.spec.priority();
        let lower = self.cache.pods_on(node).filter(|(_, pod)| pod.kind.spec.priority() < priority);
        let mut lower: Vec<Victim> = lower.filter_map(|(slot, pod)| victim_of(client, slot, pod)).collect();
        if lower.is_empty() {
            return Err(Misfit::unresolvable(Plugin::DefaultPreemption, NO_VICTIMS));
        }
        for victim in &lower {
            self.cache.remove(node, &victim.pod);
        }
        let info = PodInfo::of(self.pod);
        if let Err(misfit) = self.cache.filter_one(&info, self.terms, node) {
            lower.iter().for_each(|victim| self.put_back(node, victim));
            return Err(misfit);
        }
        // By uid where nothing else tells, so that the order is the same every time.
        lower.sort_by(|a, b| a.rank().cmp(&b.rank()).then_with(|| a.pod.meta.uid.cmp(&b.pod.meta.uid)));
        mark_violations(&mut lower, budgets);
        lower.sort_by_key(|v| !v.violates);
        let mut victims = Vec::new();
        for victim in lower {
            self.put_back(node, &victim);
            if self.cache.filter_one(&info, self.terms, node).is_err() {
                self.cache.remove(node, &victim.pod);
                victims.push(victim);
            }
        }
        victims.iter().for_each(|victim| self.put_back(node, victim));
        victims.sort_by_key(Victim::rank);
        Ok(victims)
    }

    /// Counts a pod again that was taken away in thought.
    fn put_back(&mut self, node: usize, victim: &Victim) {
        self.cache.put(node, &victim.pod, Arc::clone(&victim.kind));
    }

    fn delete_victim(&self, client: &mut Client<'_>, victim: &Victim, node: &Str) {
        let (namespace, name) = (&victim.pod.meta.namespace, &victim.pod.meta.name);
        let Ok(pod) = client.get_live::<Pod>(namespace, name) else { return };
        if pod.meta.uid != victim.pod.meta.uid || pod.meta.is_deleting() {
            return;
        }
        let mut condition =
            Condition::new(pod_condition::DISRUPTION_TARGET, ConditionStatus::True, client.clock().time())
                .because(REASON_PREEMPTED, "default-scheduler: preempting to accommodate a higher priority pod");
        condition.observed_generation = Some(pod.meta.generation);
        let mut marked = Pod::clone(&pod);
        marked.status.conditions = set_pod_condition(&pod.status.conditions, condition);
        // A pod that somebody wrote in between goes without the mark.
        let _ = client.update_status(marked);
        if client.delete(&ObjectKey::new(Kind::Pod, namespace, name), &DeleteOptions::default()).is_ok() {
            let text = format!("Preempted by pod {} on node {node}", self.pod.meta.uid);
            client.event(&ObjectRef::of(&*pod), &EventText::normal("Preempted", &text));
        }
    }

    /// Pods of lower priority that waited for this node look for another.
    fn clear_lower_nominations(&self, client: &mut Client<'_>, node: &Str) {
        let priority = self.pod.spec.priority();
        let there = self.cache.nominated.values().filter(|p| p.status.nominated_node_name == *node);
        for pod in there.filter(|p| p.spec.priority() < priority) {
            let Ok(live) = client.get_live::<Pod>(&pod.meta.namespace, &pod.meta.name) else { continue };
            let mut new = Pod::clone(&live);
            new.status.nominated_node_name = RareStr::default();
            // It is cleared the next time where somebody wrote the pod in between.
            let _ = client.update_status(new);
        }
    }
}

/// A pod that is counted, as it is now.
fn live_pod<'a>(client: &'a Client<'_>, slot: Slot, counted: &CountedPod) -> Option<&'a Arc<Pod>> {
    client.live_at::<Pod>(slot).filter(|live| live.meta.uid == counted.uid)
}

/// A pod that may go; one that has not started yet counts as started now. Mirrors `GetPodStartTime`.
fn victim_of(client: &Client<'_>, slot: Slot, counted: &CountedPod) -> Option<Victim> {
    let pod = Arc::clone(live_pod(client, slot, counted)?);
    let start = pod.status.start_time.unwrap_or_else(|| client.clock().time());
    Some(Victim { pod, kind: Arc::clone(&counted.kind), start, violates: false })
}

fn budgets(client: &Client<'_>) -> Vec<Budget> {
    let all = client.server().store().list_as::<PodDisruptionBudget>(None);
    all.into_iter()
        .map(|pdb| {
            let (spec, status) = (pdb.body.spec.as_ref(), pdb.body.status.as_ref());
            let selector = Selector::from_optional_label_selector(spec.and_then(|s| s.selector.as_ref()));
            let disrupted = status.and_then(|s| s.disrupted_pods.as_ref());
            Budget {
                namespace: pdb.meta.namespace.clone(),
                selector: selector.unwrap_or_else(|_| Selector::nothing()),
                disrupted: disrupted.into_iter().flatten().map(|(name, _)| name.clone()).collect(),
                allowed: status.and_then(|s| s.disruptions_allowed).unwrap_or(0),
            }
        })
        .collect()
}

/// Mirrors `filterPodsWithPDBViolation`.
fn mark_violations(pods: &mut [Victim], budgets: &[Budget]) {
    let mut allowed: Vec<i32> = budgets.iter().map(|b| b.allowed).collect();
    for pod in pods {
        let labels = &pod.pod.meta.labels;
        for (budget, allowed) in budgets.iter().zip(&mut allowed) {
            let is_meant = budget.namespace == pod.pod.meta.namespace
                && !labels.is_empty()
                && !budget.selector.is_everything()
                && budget.selector.matches(labels);
            if is_meant && !budget.disrupted.iter().any(|name| pod.pod.meta.name == *name) {
                *allowed -= 1;
                pod.violates |= *allowed < 0;
            }
        }
    }
}
