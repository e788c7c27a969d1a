//! A pod's phase and conditions from the states of its containers.
//!
//! Mirrors pkg/kubelet/kubelet_pods.go (`getPhase`) and pkg/kubelet/status/generate.go (v1.36).

use seatrial_api::{Condition, ConditionStatus, Conditions, ContainerStatus, PodPhase, Str, Time, pod_condition};

/// What the conditions are made from.
#[derive(Debug)]
pub(crate) struct Facts<'a> {
    pub(crate) phase: PodPhase,
    pub(crate) statuses: &'a [ContainerStatus],
    /// Whether the sandbox and its network are there.
    pub(crate) has_sandbox: bool,
    pub(crate) generation: i64,
    pub(crate) now: Time,
    /// Conditions that readiness gates ask for.
    pub(crate) gates: Vec<&'a str>,
}

const CONTAINERS_NOT_READY: &str = "ContainersNotReady";

/// The kubelet's conditions behind those of others, times kept where the status stays.
pub(crate) fn conditions(old: &Conditions, facts: &Facts<'_>) -> Conditions {
    let (initialized, ready, containers_ready) = verdicts(old, facts);
    let own = [
        (pod_condition::POD_READY_TO_START_CONTAINERS, (facts.has_sandbox, "", String::new())),
        (pod_condition::INITIALIZED, initialized),
        (pod_condition::READY, ready),
        (pod_condition::CONTAINERS_READY, containers_ready),
        (pod_condition::POD_SCHEDULED, (true, "", String::new())),
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

type Verdict = (bool, &'static str, String);

fn verdicts(old: &Conditions, facts: &Facts<'_>) -> (Verdict, Verdict, Verdict) {
    match facts.phase {
        PodPhase::Succeeded => {
            let done = (false, "PodCompleted", String::new());
            ((true, "PodCompleted", String::new()), done.clone(), done)
        }
        PodPhase::Failed => {
            let failed = (false, "PodFailed", String::new());
            ((true, "", String::new()), failed.clone(), failed)
        }
        _ => {
            let unready: Vec<&str> =
                facts.statuses.iter().filter(|s| !s.ready).map(|s| s.identity.name.as_str()).collect();
            let containers: Verdict = if unready.is_empty() {
                (true, "", String::new())
            } else {
                (false, CONTAINERS_NOT_READY, format!("containers with unready status: [{}]", unready.join(" ")))
            };
            let ready = if containers.0 { gates_verdict(old, &facts.gates) } else { containers.clone() };
            ((true, "", String::new()), ready, containers)
        }
    }
}

fn gates_verdict(old: &Conditions, gates: &[&str]) -> Verdict {
    let missing: Vec<String> = gates
        .iter()
        .filter_map(|gate| match old.get(gate) {
            None => Some(format!("corresponding condition of pod readiness gate \"{gate}\" does not exist.")),
            Some(c) if c.status != ConditionStatus::True => {
                Some(format!("the status of pod readiness gate \"{gate}\" is not \"True\", but {}", c.status.as_str()))
            }
            Some(_) => None,
        })
        .collect();
    if missing.is_empty() { (true, "", String::new()) } else { (false, "ReadinessGatesNotReady", missing.join(", ")) }
}

/// The phase of a pod whose containers are so. Mirrors `getPhase`.
pub(crate) fn phase(statuses: &[ContainerStatus], will_restart: impl Fn(i32) -> bool, is_deleting: bool) -> PodPhase {
    let ended = |s: &ContainerStatus| {
        s.state.terminated().or(s.last_state.as_deref().and_then(|l| l.terminated())).map(|t| t.exit_code)
    };
    let running = statuses.iter().filter(|s| s.state.is_running()).count();
    let waiting = statuses.iter().any(|s| !s.state.is_running() && ended(s).is_none());
    let codes: Vec<i32> = statuses.iter().filter(|s| !s.state.is_running()).filter_map(ended).collect();
    if waiting {
        return PodPhase::Pending;
    }
    if running > 0 {
        return PodPhase::Running;
    }
    if !is_deleting && codes.iter().any(|code| will_restart(*code)) {
        return PodPhase::Running;
    }
    if codes.iter().all(|code| *code == 0) { PodPhase::Succeeded } else { PodPhase::Failed }
}
