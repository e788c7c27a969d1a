//! Stopping containers: preStop hooks, their turn, SIGTERM and SIGKILL; and the end of a pod.
//!
//! Mirrors pkg/kubelet/kuberuntime (`killContainer`, kuberuntime_termination_order.go) and
//! pkg/kubelet/kubelet.go (`SyncTerminatingPod`, `SyncTerminatedPod`) (v1.36).

use std::sync::Arc;
use std::time::Duration;

use seatrial_machinery::{DeleteOptions, EventText, SimTime};

use crate::behavior::{DEFAULT_TERMINATE, EXIT_CODE_SIGKILL, EXIT_CODE_SIGTERM, Terminate};
use crate::container::End;
use crate::plan::Role;
use crate::sync::Step;
use crate::worker::{PodWorker, Stage, Turn, WorkerEvent};

/// The shortest grace the runtime gives a container.
const RUNTIME_GRACE_MIN: i64 = 2;

/// A container that is being stopped.
#[derive(Debug)]
pub(crate) struct Kill {
    step: KillStep,
    /// What is left of the grace period, in whole seconds.
    grace: i64,
    /// When the present step began.
    since: SimTime,
    /// The preStop hook has not ended in time, and goes on until the container ends.
    hook_runs: bool,
    /// Whether sidecars wait for others.
    is_ordered: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum KillStep {
    /// The preStop hook runs; whether it will have failed.
    Hook { fails: bool },
    /// A sidecar waits for its turn.
    Turn,
    /// SIGTERM was sent.
    Stop,
}

impl PodWorker {
    /// A container is told to end. Mirrors `killContainer`.
    pub(crate) fn kill_container(&mut self, turn: &mut Turn<'_, '_>, index: usize, grace: i64, message: &str) {
        self.begin_kill(turn, index, (grace, false), message);
    }

    /// All containers are told to end, sidecars after the others. Mirrors `killContainersWithSyncResult`.
    pub(crate) fn kill_pod(&mut self, turn: &mut Turn<'_, '_>) {
        let deletion = self.pod.meta.deletion.as_deref().and_then(|d| d.grace_period_seconds);
        let grace = deletion.unwrap_or_else(|| self.plan.spec().termination_grace_period_seconds());
        for index in 0..self.containers.len() {
            if self.containers[index].is_running() && self.containers[index].kill.is_none() {
                let plan = Arc::clone(&self.plan);
                self.begin_kill(turn, index, (grace, plan.has_sidecars), &plan.containers[index].stopping);
            }
        }
    }

    fn begin_kill(&mut self, turn: &mut Turn<'_, '_>, index: usize, (grace, is_ordered): (i64, bool), message: &str) {
        self.container_event(turn, index, &EventText::normal("Killing", message));
        let mut kill = Kill { step: KillStep::Turn, grace, since: turn.now, hook_runs: false, is_ordered };
        let hook = self.hook(turn, index, |l| l.pre_stop.as_ref()).filter(|_| grace > 0);
        let Some(hook) = hook else {
            self.containers[index].kill = Some(Box::new(kill));
            return self.wait_for_turn(turn, index);
        };
        let limit = Duration::from_secs(u64::try_from(grace).unwrap_or(0));
        kill.step = KillStep::Hook { fails: hook.failure.is_some() };
        kill.hook_runs = hook.takes > limit;
        self.containers[index].kill = Some(Box::new(kill));
        let event = WorkerEvent::Kill(index, self.containers[index].life);
        self.set_after(turn, hook.takes.min(limit), event);
    }

    /// The next step of stopping a container.
    pub(crate) fn kill_on(&mut self, turn: &mut Turn<'_, '_>, index: usize) {
        let Some(kill) = self.containers[index].kill.as_deref_mut() else { return };
        match kill.step {
            KillStep::Hook { fails } => {
                kill.spend(turn.now);
                kill.step = KillStep::Turn;
                let fails = fails && !kill.hook_runs;
                if fails {
                    self.pre_stop_failed(turn, index);
                }
                self.wait_for_turn(turn, index);
            }
            KillStep::Turn => self.stop(turn, index),
            KillStep::Stop => {}
        }
    }

    fn pre_stop_failed(&self, turn: &mut Turn<'_, '_>, index: usize) {
        self.container_event(turn, index, &EventText::warning("FailedPreStopHook", "PreStopHook failed"));
    }

    /// A sidecar ends after all of the pod's own containers and after the sidecars behind it, if there is time.
    fn wait_for_turn(&mut self, turn: &mut Turn<'_, '_>, index: usize) {
        let has_turn = self.has_turn(index);
        let life = self.containers[index].life;
        let Some(kill) = self.containers[index].kill.as_deref_mut() else { return };
        if has_turn || kill.grace <= 0 {
            return self.stop(turn, index);
        }
        kill.since = turn.now;
        let rest = Duration::from_secs(u64::try_from(kill.grace).unwrap_or(0));
        self.set_after(turn, rest, WorkerEvent::Kill(index, life));
    }

    fn has_turn(&self, index: usize) -> bool {
        let is_ordered = self.containers[index].kill.as_deref().is_some_and(|k| k.is_ordered);
        if !is_ordered || self.plan.role(index) != Role::Sidecar {
            return true;
        }
        let runs = |i: usize| self.containers[i].is_running();
        let later = (index + 1..self.plan.init_count).filter(|i| self.plan.role(*i) == Role::Sidecar);
        !self.plan.main().any(runs) && !later.into_iter().any(runs)
    }

    /// Sends SIGTERM, and SIGKILL at the end of the grace period.
    fn stop(&mut self, turn: &mut Turn<'_, '_>, index: usize) {
        let container = &mut self.containers[index];
        let (life, terminate) = (container.life, container.behavior.as_ref().and_then(|b| b.terminate));
        let Some(kill) = container.kill.as_deref_mut().filter(|k| k.step != KillStep::Stop) else { return };
        if kill.is_ordered && kill.grace > 0 {
            kill.spend(turn.now);
        }
        kill.step = KillStep::Stop;
        let grace = Duration::from_secs(u64::try_from(kill.grace.max(RUNTIME_GRACE_MIN)).unwrap_or(0));
        let (after, code) = match terminate {
            None => (DEFAULT_TERMINATE, EXIT_CODE_SIGTERM),
            Some(Terminate::Ends { after, code }) if after <= grace => (after, code),
            Some(_) => (grace, EXIT_CODE_SIGKILL),
        };
        self.set_after(turn, after, WorkerEvent::Killed(index, life, code));
    }

    /// A container has ended.
    pub(crate) fn ended(&mut self, turn: &mut Turn<'_, '_>, index: usize, end: &End) {
        if self.containers[index].kill.as_deref().is_some_and(|k| k.hook_runs) {
            self.pre_stop_failed(turn, index);
        }
        let id = self.container_id(index);
        self.containers[index].end(end, id, turn.client.clock());
        self.has_unreported = true;
        for other in 0..self.plan.init_count {
            let waits = self.containers[other].kill.as_deref().is_some_and(|k| k.step == KillStep::Turn);
            if waits && self.has_turn(other) {
                self.stop(turn, other);
            }
        }
        if self.stage == Stage::Terminating {
            return self.terminated_if_stopped(turn);
        }
        let waits_for_it = self.run.as_deref().is_some_and(|run| match &run.step {
            Step::Killing(killed) | Step::HookKill(killed, _) => *killed == index,
            Step::KillingPod => true,
            _ => false,
        });
        if waits_for_it {
            self.news.changed(turn.now);
            self.resume(turn);
        } else if self.is_under_way() {
            self.news.changed(turn.now);
        } else {
            self.sync(turn);
        }
    }

    /// The pod has run for longer than it may.
    pub(crate) fn deadline(&mut self, turn: &mut Turn<'_, '_>) {
        self.deadline_exceeded = true;
        self.deadline_event(turn);
        self.sync(turn);
    }

    /// The pod is to end for good, when the sync that is under way is through.
    pub(crate) fn terminate(&mut self, turn: &mut Turn<'_, '_>) {
        if self.stage != Stage::Syncing {
            return;
        }
        // The runtime is not kept waiting for a sandbox, nor for what never ends.
        if self.run.is_some() && !self.waits_for_ever {
            self.terminates = true;
            return;
        }
        (self.run, self.is_sandbox_coming) = (None, false);
        self.stage = Stage::Terminating;
        if self.start_time.is_none() {
            self.start_time = Some(turn.client.clock().time());
        }
        for probe in self.containers.iter_mut().flat_map(|c| c.probes.iter_mut()) {
            if probe.kind != crate::probe::ProbeKind::Readiness {
                probe.stop();
            }
        }
        if self.has_unreported {
            self.write_status(turn);
        }
        self.kill_pod(turn);
        self.terminated_if_stopped(turn);
    }

    fn terminated_if_stopped(&mut self, turn: &mut Turn<'_, '_>) {
        if self.containers.iter().all(|c| !c.is_running()) {
            self.set_after(turn, Duration::ZERO, WorkerEvent::Finish);
        }
    }

    /// The last status, and the pod's end if it is being deleted.
    pub(crate) fn finish(&mut self, turn: &mut Turn<'_, '_>) {
        self.has_sandbox = false;
        self.write_last_status(turn);
        self.stage = Stage::Finished;
        if !self.pod.meta.is_deleting() {
            return;
        }
        let uid = Some(self.pod.meta.uid.clone());
        let options = DeleteOptions { grace_period_seconds: Some(0), uid, ..DeleteOptions::default() };
        // A pod that somebody else has removed in between is gone all the same.
        let _ = turn.client.delete_read(&*self.pod, &options);
    }

    /// The events of containers whose pod is gone.
    pub(crate) fn removed(&self, turn: &mut Turn<'_, '_>) {
        for index in 0..self.containers.len() {
            if self.containers[index].is_running() && self.containers[index].kill.is_none() {
                let text = &self.plan.containers[index].stopping;
                self.container_event(turn, index, &EventText::normal("Killing", text));
            }
        }
    }
}

impl Kill {
    /// What a step took is taken off the grace period, in whole seconds.
    fn spend(&mut self, now: SimTime) {
        let spent = (now - self.since).as_secs();
        self.grace -= i64::try_from(spent).unwrap_or(i64::MAX);
        self.since = now;
    }
}
