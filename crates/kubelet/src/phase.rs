//! A pod's phase from the statuses of its containers.
//!
//! Mirrors pkg/kubelet/kubelet_pods.go (`getPhase`) (v1.36).

use seatrial_api::{ContainerStatus, PodPhase};

use crate::plan::{PodPlan, Role};
use crate::restart::should_restart;

/// What of a pod its phase depends on.
#[derive(Debug)]
pub(crate) struct PhaseFacts<'a> {
    pub(crate) plan: &'a PodPlan,
    /// Of init containers, in the order of the spec.
    pub(crate) init: &'a [ContainerStatus],
    /// Of the others, sorted by name.
    pub(crate) main: &'a [ContainerStatus],
    /// Whether one of the pod's own containers has ever started.
    pub(crate) has_initialized: bool,
    /// Whether the pod's containers were all told to end for good.
    pub(crate) is_terminal: bool,
}

/// What a container's status comes to.
enum Shape {
    /// Running, and whether it has started up.
    Running(bool),
    /// Ended with this code, now or before it is started again.
    Ended(i32),
    /// Never started.
    Fresh,
}

fn shape(status: &ContainerStatus) -> Shape {
    if status.state.is_running() {
        return Shape::Running(status.started == Some(true));
    }
    let ended = status.state.terminated().or(status.last_state.as_deref().and_then(|l| l.terminated()));
    ended.map_or(Shape::Fresh, |t| Shape::Ended(t.exit_code))
}

/// How many containers are what.
#[derive(Debug, Default)]
struct Counts {
    pending_init: usize,
    pending_sidecars: usize,
    failed_init: usize,
    running: usize,
    waiting: usize,
    stopped: usize,
    restartable: usize,
    succeeded: usize,
}

fn count(facts: &PhaseFacts<'_>) -> Counts {
    let plan = facts.plan;
    let mut n = Counts::default();
    let restarts = |index: usize, code: i32| should_restart(plan.api(), plan.container(index), code);
    for (index, status) in facts.init.iter().enumerate() {
        match (plan.role(index), shape(status)) {
            (Role::Sidecar, Shape::Running(started)) => {
                n.running += 1;
                n.pending_sidecars += usize::from(!started);
            }
            (Role::Sidecar, Shape::Ended(_)) => {}
            (Role::Sidecar, Shape::Fresh) => {
                n.waiting += 1;
                n.pending_sidecars += 1;
            }
            (_, Shape::Ended(code)) => n.failed_init += usize::from(code != 0 && !restarts(index, code)),
            (_, Shape::Running(_) | Shape::Fresh) => n.pending_init += 1,
        }
    }
    for (index, status) in plan.by_name.iter().zip(facts.main) {
        match shape(status) {
            Shape::Running(_) => n.running += 1,
            Shape::Fresh => n.waiting += 1,
            Shape::Ended(code) => {
                n.stopped += 1;
                n.restartable += usize::from(restarts(*index, code));
                n.succeeded += usize::from(code == 0 && status.state.terminated().is_some());
            }
        }
    }
    n
}

/// The phase. Mirrors `getPhase`.
pub(crate) fn phase(facts: &PhaseFacts<'_>) -> PodPhase {
    let n = count(facts);
    let has_ended_well = n.stopped == n.succeeded;
    if n.failed_init > 0 {
        PodPhase::Failed
    } else if n.pending_init > 0 || (n.pending_sidecars > 0 && !facts.has_initialized) || n.waiting > 0 {
        PodPhase::Pending
    } else if n.running > 0 {
        PodPhase::Running
    } else if n.stopped == 0 {
        PodPhase::Pending
    } else if n.restartable > 0 && !facts.is_terminal {
        PodPhase::Running
    } else if has_ended_well {
        PodPhase::Succeeded
    } else {
        PodPhase::Failed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1 as corev1;
    use seatrial_api::{ContainerId, ContainerIdentity, ContainerState, ContainerTerminated, PodSpec, RareStr};
    use std::sync::Arc;

    /// A status: `w` waits, `s` runs and has started up, `r` runs and has not, a digit ended with that code, and `w` with a
    /// digit waits to be started again.
    fn status(name: &str, text: &str) -> ContainerStatus {
        let ended = |c: char| {
            let code = c.to_digit(10).and_then(|d| i32::try_from(d).ok()).expect("an exit code");
            ContainerState::Terminated(Box::new(ContainerTerminated {
                exit_code: code,
                ..ContainerTerminated::default()
            }))
        };
        let mut letters = text.chars();
        let state = match letters.next() {
            Some('w') => ContainerState::Waiting { reason: RareStr::default(), message: RareStr::default() },
            Some('s' | 'r') => ContainerState::Running { started_at: None },
            Some(digit) => ended(digit),
            None => ContainerState::Unset,
        };
        ContainerStatus {
            identity: Arc::new(ContainerIdentity { name: name.into(), ..ContainerIdentity::default() }),
            state,
            last_state: letters.next().map(|digit| Box::new(ended(digit))),
            ready: false,
            started: Some(text == "s"),
            restart_count: 0,
            container_id: ContainerId::None,
            other: None,
        }
    }

    type Row = (&'static str, Texts, Texts, Texts, bool, PodPhase);
    type Texts = &'static [&'static str];

    /// (policy, init containers, sidecars, containers, ended for good, phase): the rules of upstream's `getPhase`.
    #[test]
    fn the_first_rule_that_holds_makes_the_phase() {
        use PodPhase::{Failed, Pending, Running, Succeeded};
        let rows: [Row; 24] = [
            ("Always", &[], &[], &["w"], false, Pending),
            ("Always", &[], &[], &["s"], false, Running),
            ("Always", &[], &[], &["s", "w"], false, Pending),
            ("Always", &[], &[], &["s", "w1"], false, Running),
            ("Always", &[], &[], &["1"], false, Running),
            ("Always", &[], &[], &["0"], false, Running),
            ("Always", &[], &[], &["w1"], false, Running),
            ("Always", &[], &[], &["1"], true, Failed),
            ("Always", &[], &[], &["0"], true, Succeeded),
            ("OnFailure", &[], &[], &["0"], false, Succeeded),
            ("OnFailure", &[], &[], &["0", "1"], false, Running),
            ("Never", &[], &[], &["0", "1"], false, Failed),
            ("Never", &[], &[], &["0", "s"], false, Running),
            ("Never", &[], &[], &["0", "0"], false, Succeeded),
            ("Always", &["s"], &[], &["w"], false, Pending),
            ("Always", &["1"], &[], &["w"], false, Pending),
            ("Always", &["w1"], &[], &["w"], false, Pending),
            ("Never", &["1"], &[], &["w"], false, Failed),
            ("OnFailure", &["1"], &[], &["w"], false, Pending),
            ("Always", &["0"], &[], &["s"], false, Running),
            ("Always", &[], &["r"], &["w"], false, Pending),
            // A sidecar that starts up again does not make a pod pending, and one that runs keeps it running.
            ("Always", &[], &["r"], &["s"], false, Running),
            ("Never", &[], &["s"], &["0"], false, Running),
            ("Never", &[], &["1"], &["0"], false, Succeeded),
        ];
        for (policy, init, sidecars, main, is_terminal, want) in rows {
            let container = |name: String, own: Option<&str>| corev1::Container {
                name,
                restart_policy: own.map(str::to_owned),
                ..corev1::Container::default()
            };
            let inits = init.iter().enumerate().map(|(i, _)| container(format!("i{i}"), None));
            let inits =
                inits.chain(sidecars.iter().enumerate().map(|(i, _)| container(format!("s{i}"), Some("Always"))));
            let spec = corev1::PodSpec {
                restart_policy: Some(policy.to_owned()),
                init_containers: Some(inits.collect()),
                containers: main.iter().enumerate().map(|(i, _)| container(format!("c{i}"), None)).collect(),
                ..corev1::PodSpec::default()
            };
            let plan = crate::plan::Plans::default().of(&Arc::new(PodSpec::new(spec)));
            let all = |texts: &[&str], letter: char| -> Vec<ContainerStatus> {
                texts.iter().enumerate().map(|(i, text)| status(&format!("{letter}{i}"), text)).collect()
            };
            let facts = PhaseFacts {
                plan: &plan,
                init: &[all(init, 'i'), all(sidecars, 's')].concat(),
                main: &all(main, 'c'),
                has_initialized: main.iter().any(|text| *text != "w"),
                is_terminal,
            };
            assert_eq!(phase(&facts), want, "{policy} {init:?} {sidecars:?} {main:?} {is_terminal}");
        }
    }
}
