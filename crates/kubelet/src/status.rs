//! What a pod's kubelet reports: the statuses of its containers, and all that follows from them.
//!
//! Mirrors pkg/kubelet/kubelet_pods.go (`generateAPIPodStatus`) and pkg/kubelet/status/status_manager.go (v1.36).
//! Differs: that a deleted pod's generation was seen is only reported with its end.

use seatrial_api::{
    Condition, ConditionStatus, ContainerId, ContainerState, ContainerStatus, ContainerTerminated, Pod, PodPhase,
    PodStatus, SharedList, Str, pod_condition,
};
use seatrial_machinery::{EventText, NO_PHRASE};

use crate::conditions::Facts;
use crate::phase::{PhaseFacts, phase};
use crate::plan::Role;
use crate::restart::should_restart;
use crate::worker::{PodWorker, Turn};

/// The statuses of init containers, and of the others.
type Statuses = (SharedList<ContainerStatus>, SharedList<ContainerStatus>);

const DEADLINE_EXCEEDED: &str = "DeadlineExceeded";
const DEADLINE_MESSAGE: &str = "Pod was active on the node longer than the specified deadline";

impl PodWorker {
    fn statuses(&self) -> Statuses {
        let is_new = self.containers.iter().all(|c| c.life == 0 && c.reason().is_none());
        if is_new {
            return self.plan.waiting.clone();
        }
        let init = (0..self.plan.init_count).map(|index| self.status_of(index)).collect();
        let main = self.plan.by_name.iter().map(|index| self.status_of(*index)).collect();
        (init, main)
    }

    fn status_of(&self, index: usize) -> ContainerStatus {
        let container = &self.containers[index];
        let restarts = container.reason().is_some() && self.should_be_restarted(index);
        container.status(&self.plan.containers[index], self.container_id(index), self.plan.waiting_reason(), restarts)
    }

    /// Whether a sync would start the container. Mirrors `ShouldContainerBeRestarted`.
    pub(crate) fn should_be_restarted(&self, index: usize) -> bool {
        if self.is_deleting {
            return false;
        }
        match self.containers[index].exit_code() {
            Some(code) => should_restart(self.plan.api(), self.plan.container(index), code),
            None => !self.containers[index].is_running(),
        }
    }

    /// The phase, without regard to whether it may be said yet.
    fn phase(&self, old: PodPhase, statuses: &Statuses, is_terminal: bool) -> PodPhase {
        if old.is_terminal() {
            return old;
        }
        if self.deadline_exceeded {
            return PodPhase::Failed;
        }
        phase(&PhaseFacts {
            plan: &self.plan,
            init: &statuses.0,
            main: &statuses.1,
            has_initialized: self.has_initialized(),
            is_terminal,
        })
    }

    /// Whether one of the pod's own containers has ever started.
    pub(crate) fn has_initialized(&self) -> bool {
        self.plan.main().any(|index| self.containers[index].life > 0)
    }

    /// Reports what is, if anything is new. Gives the phase, which is not told before nothing runs any more.
    pub(crate) fn write_status(&mut self, turn: &mut Turn<'_, '_>) -> PodPhase {
        self.report(turn, false)
    }

    /// The last report.
    pub(crate) fn write_last_status(&mut self, turn: &mut Turn<'_, '_>) {
        self.report(turn, true);
    }

    fn report(&mut self, turn: &mut Turn<'_, '_>, is_last: bool) -> PodPhase {
        let (now, host_ip) = (turn.client.clock().time(), turn.node.ip);
        // Events of this turn may have come between: the status is put on the pod as it is now.
        let (live, memo) = turn.live_and_memo(&self.pod);
        let mut statuses = self.statuses();
        let phase = self.phase(live.status.phase, &statuses, is_last);
        let facts = Facts {
            plan: &self.plan,
            phase,
            init: &statuses.0,
            main: &statuses.1,
            has_sandbox: self.has_sandbox,
            generation: live.meta.generation,
            now,
        };
        let conditions = memo.conditions(&live.status.conditions, &facts);
        // What runs may still use what only one pod can have: an end is said when it is one.
        let said = match phase {
            _ if is_last && !phase.is_terminal() => PodPhase::Failed,
            _ if phase.is_terminal() && !is_last => live.status.phase,
            _ => phase,
        };
        if is_last {
            self.account_for_lost_containers(&mut statuses);
        }
        let old = &live.status;
        let (reason, message) = match self.deadline_exceeded && said == PodPhase::Failed {
            true => (DEADLINE_EXCEEDED.into(), DEADLINE_MESSAGE.into()),
            false => (old.reason.clone(), old.message.clone()),
        };
        let has_address = self.has_sandbox || self.plan.is_on_host();
        let status = PodStatus {
            phase: said,
            qos_class: old.qos_class,
            observed_generation: live.meta.generation,
            conditions,
            reason,
            message,
            nominated_node_name: old.nominated_node_name.clone(),
            host_ip: Some(host_ip),
            pod_ip: if has_address { Some(self.pod_ip(host_ip)) } else { old.pod_ip },
            start_time: self.start_time,
            init_container_statuses: statuses.0,
            container_statuses: statuses.1,
            other: old.other.clone(),
        };
        self.containers.iter_mut().for_each(|c| c.reported_life = c.life);
        self.has_unreported = false;
        if status != *old {
            let pod = with_status(live, status);
            self.wrote_at = turn.now;
            turn.update_status(pod);
        }
        phase
    }

    /// Containers of a pod that was initialized have ended, whatever is known of them. Mirrors `TerminatePod`.
    fn account_for_lost_containers(&self, statuses: &mut Statuses) {
        if !self.has_initialized() || statuses.1.iter().all(|s| s.state.terminated().is_some()) {
            return;
        }
        let lost = |s: &ContainerStatus| match &s.state {
            ContainerState::Terminated(_) => s.clone(),
            _ => ContainerStatus { state: ContainerState::Terminated(Box::new(lost_container())), ..s.clone() },
        };
        statuses.1 = statuses.1.iter().map(lost).collect();
    }

    /// A container's readiness, or that it has started up, is reported while a sync is under way.
    ///
    /// Mirrors `SetContainerReadiness` and `SetContainerStartup`: nothing else that is new is said.
    pub(crate) fn write_readiness(&mut self, turn: &mut Turn<'_, '_>, index: usize) {
        let now = turn.client.clock().time();
        let (live, memo) = turn.live_and_memo(&self.pod);
        let container = &self.containers[index];
        let (ready, started) = (container.started && container.ready, container.started);
        let (name, id) = (self.plan.name(index), self.container_id(index));
        let change = |list: &SharedList<ContainerStatus>| -> SharedList<ContainerStatus> {
            let one = |s: &ContainerStatus| match s.identity.name == *name && s.container_id == id {
                true => ContainerStatus { ready, started: Some(started), ..s.clone() },
                false => s.clone(),
            };
            list.iter().map(one).collect()
        };
        let mut status = live.status.clone();
        match self.plan.role(index) {
            Role::Main => status.container_statuses = change(&live.status.container_statuses),
            _ => status.init_container_statuses = change(&live.status.init_container_statuses),
        }
        let facts = Facts {
            plan: &self.plan,
            phase: live.status.phase,
            init: &status.init_container_statuses,
            main: &status.container_statuses,
            has_sandbox: self.has_sandbox,
            generation: live.meta.generation,
            now,
        };
        status.conditions = memo.conditions(&live.status.conditions, &facts);
        if status != live.status {
            let pod = with_status(live, status);
            turn.update_status(pod);
        }
    }

    /// While a sync waits, only that there is a sandbox is reported of it. Mirrors `OnPodSandboxReady`.
    pub(crate) fn write_sandbox(&self, turn: &mut Turn<'_, '_>) {
        let live = turn.live(&self.pod);
        let type_ = pod_condition::POD_READY_TO_START_CONTAINERS;
        if live.status.conditions.get(type_).is_none_or(|c| c.status == ConditionStatus::True) {
            return;
        }
        let now = Some(turn.client.clock().time());
        let one = |c: &Condition| match c.type_ == type_ {
            true => Condition { status: ConditionStatus::True, last_transition_time: now, ..c.clone() },
            false => c.clone(),
        };
        let mut pod = Pod::clone(live);
        pod.status.conditions = live.status.conditions.iter().map(one).collect();
        turn.update_status(pod);
    }

    /// Whether the status that others see shows the container's life.
    pub(crate) fn is_reported(&self, index: usize) -> bool {
        self.containers[index].reported_life == self.containers[index].life
    }
}

/// A copy of a pod with another status; the old one is not copied.
fn with_status(pod: &Pod, status: PodStatus) -> Pod {
    let Pod { meta, spec, node_name, pinned_to, status: _ } = pod;
    Pod { meta: meta.clone(), spec: spec.clone(), node_name: node_name.clone(), pinned_to: pinned_to.clone(), status }
}

fn lost_container() -> ContainerTerminated {
    ContainerTerminated {
        exit_code: 137,
        signal: None,
        reason: Str::new_static("ContainerStatusUnknown"),
        message: Str::new_static("The container could not be located when the pod was terminated"),
        started_at: None,
        finished_at: None,
        container_id: ContainerId::None,
    }
}

impl PodWorker {
    /// The event of a pod that ran for too long.
    pub(crate) fn deadline_event(&self, turn: &mut Turn<'_, '_>) {
        let text = EventText::normal(DEADLINE_EXCEEDED, DEADLINE_MESSAGE);
        self.event(turn, &NO_PHRASE, &text);
    }
}
