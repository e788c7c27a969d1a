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
