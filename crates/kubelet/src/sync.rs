//! Syncing a pod: reports it, then stops and starts containers until they are as they should be, or something takes time.
//!
//! Mirrors pkg/kubelet/kubelet.go (`SyncPod`), kuberuntime_manager.go (`SyncPod`) and pod_workers.go (`completeWork`) (v1.36).
//! Differs: a container's change is seen at once, while upstream looks once a second; where upstream draws a wait
//! between its length and half as much again, this waits a quarter longer.

use std::time::Duration;

use seatrial_machinery::SimTime;

use crate::actions::{KillReason, PodActions};
use crate::behavior::{DEFAULT_START, When};
use crate::images::Pulling;
use crate::plan::Role;
use crate::probe::{ProbeKind, Worker};
use crate::volumes::Mounts;
use crate::worker::{PodWorker, Stage, Turn, WorkerEvent};

/// The wait after a sync that failed.
const BACK_OFF_PERIOD: Duration = Duration::from_secs(10);
/// The wait after a sync that did not, and the longest after one that did.
const RESYNC_INTERVAL: Duration = Duration::from_secs(60);

/// A sync.
#[derive(Debug)]
pub(crate) struct SyncRun {
    pub(crate) actions: PodActions,
    pub(crate) step: Step,
    /// The containers that were stopped by this sync, and when their lives before ended.
    pub(crate) killed: Vec<(usize, Option<SimTime>)>,
    /// The next of the containers to stop, or to start.
    pub(crate) next: usize,
    pub(crate) failed: bool,
    /// When the first container may be started again that has to wait.
    pub(crate) back_off_until: Option<SimTime>,
    /// Whether a retry can come to anything.
    pub(crate) is_hopeful: bool,
}

/// Where a sync is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The next container is to be stopped.
    Kill,
    /// A container is being stopped.
    Killing(usize),
    /// All containers are being stopped.
    KillingPod,
    /// The sandbox is to be made.
    Sandbox,
    /// The sandbox is being made.
    SandboxComing,
    /// The next container is to be started.
    Start,
    /// An image is being pulled.
    Pulling(Pulling),
    /// A postStart hook runs; how it will have failed.
    Hook(usize, Option<String>),
    /// A container is being stopped whose postStart hook failed so.
    HookKill(usize, String),
}

impl SyncRun {
    fn new(actions: PodActions) -> Self {
        Self {
            actions,
            step: Step::Kill,
            killed: Vec::new(),
            next: 0,
            failed: false,
            back_off_until: None,
            is_hopeful: false,
        }
    }
}

impl PodWorker {
    /// Syncs the pod until nothing is new.
    pub(crate) fn sync(&mut self, turn: &mut Turn<'_, '_>) {
        if self.stage != Stage::Syncing {
            return;
        }
        if self.is_under_way() {
            self.news.pending = true;
            return;
        }
        self.owed = self.owed.saturating_sub(1);
        self.sync_on(turn);
    }

    fn sync_on(&mut self, turn: &mut Turn<'_, '_>) {
        loop {
            self.sync_pod(turn);
            if !self.follows_at_once(turn) {
                return;
            }
        }
    }

    /// Whether a sync is under way.
    pub(crate) fn is_under_way(&self) -> bool {
        self.is_sandbox_coming || self.run.is_some()
    }

    /// A sync that waited goes on.
    pub(crate) fn resume(&mut self, turn: &mut Turn<'_, '_>) {
        if std::mem::take(&mut self.is_sandbox_coming) {
            let run = SyncRun { step: Step::SandboxComing, ..SyncRun::new(self.compute_pod_actions()) };
            self.go_on(turn, run);
        } else {
            let Some(run) = self.run.take() else { return };
            self.go_on(turn, *run);
        }
        if self.follows_at_once(turn) {
            self.sync_on(turn);
        }
    }

    /// Whether another sync follows a sync, now. What was reported is seen by all before the next one.
    fn follows_at_once(&mut self, turn: &mut Turn<'_, '_>) -> bool {
        if self.is_under_way() || self.stage != Stage::Syncing {
            return false;
        }
        if self.terminates {
            self.terminate(turn);
            return false;
        }
        // More of the same would change nothing.
        self.owed = self.news.take(turn.now).max(self.owed);
        if self.owed == 0 {
            return false;
        }
        if self.wrote_at == turn.now {
            self.set_after(turn, Duration::ZERO, WorkerEvent::Sync);
            return false;
        }
        self.owed -= 1;
        true
    }

    fn sync_pod(&mut self, turn: &mut Turn<'_, '_>) {
        if self.start_time.is_none() {
            self.first_sync(turn);
        }
        self.is_asking = true;
        for index in 0..self.containers.len() {
            self.trigger_readiness(turn, index);
        }
        self.is_asking = false;
        if self.write_status(turn).is_terminal() {
            return self.terminate(turn);
        }
        let actions = self.compute_pod_actions();
        self.go_on(turn, SyncRun::new(actions));
    }

    /// The pod is seen for the first time: its probes begin to tick before there is anything to probe.
    fn first_sync(&mut self, turn: &mut Turn<'_, '_>) {
        self.start_time = self.pod.status.start_time.or(Some(turn.client.clock().time()));
        for (index, container) in self.containers.iter_mut().enumerate() {
            let spec = self.plan.container(index);
            let kinds = ProbeKind::ALL.into_iter().filter(|kind| kind.of(spec).is_some());
            container.probes = kinds.map(|kind| Worker::new(kind, turn.now)).collect();
        }
        let deadline = self.plan.api().active_deadline_seconds.and_then(|s| u64::try_from(s).ok());
        if let (Some(deadline), Some(start)) = (deadline, self.start_time) {
            let clock = turn.client.clock();
            let passed = Duration::from_nanos(u64::try_from(clock.nanos_since(start)).unwrap_or(0));
            self.set_after(turn, Duration::from_secs(deadline).saturating_sub(passed), WorkerEvent::Deadline);
        }
    }

    fn go_on(&mut self, turn: &mut Turn<'_, '_>, mut run: SyncRun) {
        if self.advance(turn, &mut run) {
            self.complete_work(turn, &run);
        } else if run.step == Step::SandboxComing {
            self.is_sandbox_coming = true;
        } else {
            self.run = Some(Box::new(run));
        }
    }

    /// Goes on until the sync is through, or something takes time. Gives whether it is through.
    fn advance(&mut self, turn: &mut Turn<'_, '_>, run: &mut SyncRun) -> bool {
        loop {
            match &run.step {
                Step::Kill if run.actions.kill_pod => {
                    run.step = Step::KillingPod;
                    self.kill_pod(turn);
                }
                Step::Kill => match run.actions.kill.get(run.next).copied() {
                    Some((index, reason)) => self.kill_unwanted(turn, run, index, reason),
                    None => (run.step, run.next) = (Step::Sandbox, 0),
                },
                Step::Killing(index) if self.containers[*index].is_running() => return false,
                Step::Killing(_) => run.step = Step::Kill,
                Step::KillingPod if self.containers.iter().any(|c| c.is_running()) => return false,
                Step::KillingPod => {
                    self.has_sandbox = false;
                    self.news.changed(turn.now);
                    return true;
                }
                Step::Sandbox if self.has_sandbox || run.actions.start.as_slice().is_empty() => run.step = Step::Start,
                Step::Sandbox => {
                    match self.mount_all(turn) {
                        Mounts::Done => {}
                        Mounts::Waits => return false,
                        Mounts::Failed => {
                            run.failed = true;
                            return true;
                        }
                    }
                    run.step = Step::SandboxComing;
                    let wait = self.sandbox_wait(turn);
                    if wait != Some(Duration::ZERO) {
                        self.wait(turn, wait.map(|wait| turn.now + wait));
                        return false;
                    }
                }
                Step::SandboxComing => {
                    self.has_sandbox = true;
                    self.news.changed(turn.now);
                    run.step = Step::Start;
                }
                _ => {
                    if let Some(is_through) = self.advance_start(turn, run) {
                        return is_through;
                    }
                }
            }
        }
    }

    /// The sync waits; nothing ends a wait without an end but the pod's.
    pub(crate) fn wait(&mut self, turn: &mut Turn<'_, '_>, until: Option<SimTime>) {
        self.ticket += 1;
        self.waits_for_ever = until.is_none();
        if let Some(until) = until {
            let event = WorkerEvent::Continue(self.ticket);
            self.set(turn, until, false, event);
        }
    }

    fn kill_unwanted(&mut self, turn: &mut Turn<'_, '_>, run: &mut SyncRun, index: usize, reason: KillReason) {
        run.next += 1;
        run.step = Step::Killing(index);
        let before = (self.containers[index].life > 1).then_some(self.containers[index].finished_at);
        run.killed.push((index, before));
        let name = self.plan.name(index);
        let what = if self.plan.role(index) == Role::Main { "Container" } else { "Init container" };
        let why = match reason {
            KillReason::Probe(kind) => format!("failed {} probe", kind.as_str().to_lowercase()),
            KillReason::Changed => "definition changed".to_owned(),
        };
        let suffix = if what == "Container" && run.actions.start.as_slice().contains(&index) {
            ", will be restarted"
        } else {
            ""
        };
        let text = format!("{what} {name} {why}{suffix}");
        let grace = match reason {
            KillReason::Probe(kind) => {
                kind.of(self.plan.container(index)).and_then(|p| p.termination_grace_period_seconds)
            }
            KillReason::Changed => None,
        };
        let grace = grace.unwrap_or_else(|| self.plan.spec().termination_grace_period_seconds());
        self.kill_container(turn, index, grace, &text);
    }

    /// How long the sandbox takes: the containers of a pod start together, the slowest decides.
    fn sandbox_wait(&self, turn: &Turn<'_, '_>) -> Option<Duration> {
        let starts = (0..self.containers.len()).map(|index| {
            let start = self.behavior(turn, index).and_then(|b| b.start);
            start.unwrap_or(When::After(DEFAULT_START)).after()
        });
        starts.reduce(|a, b| Some(a?.max(b?))).flatten()
    }

    /// A sync is through: when the next one is due. Mirrors `completeWork`.
    fn complete_work(&mut self, turn: &mut Turn<'_, '_>, run: &SyncRun) {
        self.ticket += 1;
        if run.failed {
            let wait = run.back_off_until.map_or(BACK_OFF_PERIOD, |until| until - turn.now).min(RESYNC_INTERVAL);
            let event = WorkerEvent::Requeue(self.ticket);
            self.set(turn, turn.now + jitter(wait), !run.is_hopeful, event);
        } else if self.asks_for_readiness() {
            // The resync of any other pod would find nothing to do.
            let event = WorkerEvent::Requeue(self.ticket);
            self.set(turn, turn.now + jitter(RESYNC_INTERVAL), true, event);
        }
    }
}

/// A wait with the mean of what upstream adds to it at random.
fn jitter(wait: Duration) -> Duration {
    wait * 5 / 4
}
