//! A pod's conditions from the statuses of its containers.
//!
//! Mirrors pkg/kubelet/status/generate.go (v1.36).

use std::sync::Arc;

use seatrial_api::{Condition, ConditionStatus, Conditions, ContainerStatus, PodPhase, Str, Time, pod_condition};

use crate::plan::{PodPlan, Role};

/// What the conditions are made from.
#[derive(Debug)]
pub(crate) struct Facts<'a> {
    pub(crate) plan: &'a Arc<PodPlan>,
    pub(crate) phase: PodPhase,
    /// Of init containers, in the order of the spec.
    pub(crate) init: &'a [ContainerStatus],
    /// Of the others, sorted by name.
    pub(crate) main: &'a [ContainerStatus],
    /// Whether the sandbox and its network are there.
    pub(crate) has_sandbox: bool,
    pub(crate) generation: i64,
    pub(crate) now: Time,
}

const CONTAINERS_NOT_READY: &str = "ContainersNotReady";
const CONTAINERS_NOT_INITIALIZED: &str = "ContainersNotInitialized";
const POD_COMPLETED: &str = "PodCompleted";
const POD_FAILED: &str = "PodFailed";

/// A condition's status, reason and message.
type Verdict = (bool, &'static str, String);

const TRUE: fn() -> Verdict = || (true, "", String::new());

/// How many conditions are kept: those of pods that start, run and end side by side.
const MEMO_MAX: usize = 4;

/// The conditions that were made last, the latest first: siblings that became what they are together share them.
#[derive(Debug, Default)]
pub(crate) struct Memo(Vec<Made>);

/// What was made, and from what.
#[derive(Debug)]
struct Made {
    plan: Arc<PodPlan>,
    key: Key,
    old: Conditions,
    new: Conditions,
}

/// What makes conditions differ where all containers are ready, none was started, or all is over.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Key {
    phase: PodPhase,
    has_sandbox: bool,
    are_ready: bool,
    generation: i64,
    now: Time,
}

impl Memo {
    /// The kubelet's conditions behind those of others, times kept where the status stays.
    pub(crate) fn conditions(&mut self, old: &Conditions, facts: &Facts<'_>) -> Conditions {
        let Some(key) = key(facts) else { return conditions(old, facts) };
        let is_it = |made: &Made| made.key == key && Arc::ptr_eq(&made.plan, facts.plan) && made.old == *old;
        if let Some(place) = self.0.iter().position(is_it) {
            self.0[..=place].rotate_right(1);
            debug_assert_eq!(self.0[0].new, conditions(old, facts), "the key is all that they are made from");
            return self.0[0].new.clone();
        }
        let new = conditions(old, facts);
        self.0.truncate(MEMO_MAX - 1);
        self.0.insert(0, Made { plan: Arc::clone(facts.plan), key, old: old.clone(), new: new.clone() });
        new
    }
}

/// The key of conditions that siblings can share.
fn key(facts: &Facts<'_>) -> Option<Key> {
    let are_ready = facts.main.iter().chain(facts.init).all(|s| s.ready);
    let are_new = || facts.main.iter().chain(facts.init).all(|s| s.container_id == seatrial_api::ContainerId::None);
    let has_gates = facts.plan.api().readiness_gates.as_ref().is_some_and(|gates| !gates.is_empty());
    let is_plain = match facts.phase {
        PodPhase::Succeeded => true,
        // What init containers had not done is said of a pod that failed.
        PodPhase::Failed => facts.init.is_empty(),
        _ => are_ready || are_new(),
    };
    (is_plain && !has_gates).then_some(Key {
        phase: facts.phase,
        has_sandbox: facts.has_sandbox,
        are_ready,
        generation: facts.generation,
        now: facts.now,
    })
}

/// The kubelet's conditions behind those of others, times kept where the status stays.
fn conditions(old: &Conditions, facts: &Facts<'_>) -> Conditions {
    let containers_ready = containers_ready(facts);
    let ready = if containers_ready.0 { gates(old, facts.plan) } else { containers_ready.clone() };
    let own = [
        (pod_condition::POD_READY_TO_START_CONTAINERS, (facts.has_sandbox, "", String::new())),
        (pod_condition::INITIALIZED, initialized(facts)),
        (pod_condition::READY, ready),
        (pod_condition::CONTAINERS_READY, containers_ready),
        (pod_condition::POD_SCHEDULED, TRUE()),
    ];
    let others = old.iter().filter(|c| own.iter().all(|(type_, _)| c.type_ != **type_)).cloned();
    let mine = own.iter().map(|(type_, (status, reason, message))| {
        let status = ConditionStatus::from(*status);
        let since = old.get(type_).filter(|c| c.status == status).and_then(|c| c.last_transition_time);
        Condition {
            last_transition_time: since.or(Some(facts.now)),
            observed_generation: Some(facts.generation),
            ..Condition::new(Str::new_static(type_), status, facts.now)
                .because(Str::new_static(reason), message.as_str())
        }
    });
    others.chain(mine).collect()
}

/// Mirrors `GeneratePodInitializedCondition`.
fn initialized(facts: &Facts<'_>) -> Verdict {
    if facts.phase == PodPhase::Succeeded {
        return (true, POD_COMPLETED, String::new());
    }
    if facts.main.iter().any(has_started) {
        return TRUE();
    }
    let is_incomplete = |(index, status): &(usize, &ContainerStatus)| match facts.plan.role(*index) {
        Role::Sidecar => status.started != Some(true),
        _ => !status.ready,
    };
    let incomplete: Vec<&str> =
        facts.init.iter().enumerate().filter(is_incomplete).map(|(_, s)| s.identity.name.as_str()).collect();
    if incomplete.is_empty() {
        return TRUE();
    }
    let message = format!("containers with incomplete status: [{}]", incomplete.join(" "));
    (false, CONTAINERS_NOT_INITIALIZED, message)
}

/// Whether a container runs or has run. Mirrors `HasAnyRegularContainerStarted`.
fn has_started(status: &ContainerStatus) -> bool {
    let has_ended = status.last_state.as_deref().and_then(|l| l.terminated()).is_some();
    status.state.is_running() || status.state.terminated().is_some() || has_ended
}

/// Mirrors `GenerateContainersReadyCondition`: sidecars first, then the others, in the order of the spec.
fn containers_ready(facts: &Facts<'_>) -> Verdict {
    match facts.phase {
        PodPhase::Succeeded => return (false, POD_COMPLETED, String::new()),
        PodPhase::Failed => return (false, POD_FAILED, String::new()),
        _ => {}
    }
    let sidecars = facts.init.iter().enumerate().filter(|(i, _)| facts.plan.role(*i) == Role::Sidecar).map(|(_, s)| s);
    let main = facts.plan.main().filter_map(|index| {
        let place = facts.plan.by_name.iter().position(|i| *i == index)?;
        facts.main.get(place)
    });
    let unready: Vec<&str> = sidecars.chain(main).filter(|s| !s.ready).map(|s| s.identity.name.as_str()).collect();
    if unready.is_empty() {
        return TRUE();
    }
    (false, CONTAINERS_NOT_READY, format!("containers with unready status: [{}]", unready.join(" ")))
}

/// What the pod's readiness gates say. Mirrors `GeneratePodReadyCondition`.
fn gates(old: &Conditions, plan: &PodPlan) -> Verdict {
    let gates = plan.api().readiness_gates.iter().flatten().map(|g| g.condition_type.as_str());
    let missing: Vec<String> = gates
        .filter_map(|gate| match old.get(gate) {
            None => Some(format!("corresponding condition of pod readiness gate \"{gate}\" does not exist.")),
            Some(c) if c.status != ConditionStatus::True => {
                Some(format!("the status of pod readiness gate \"{gate}\" is not \"True\", but {}", c.status.as_str()))
            }
            Some(_) => None,
        })
        .collect();
    if missing.is_empty() { TRUE() } else { (false, "ReadinessGatesNotReady", missing.join(", ")) }
}
