//! A container and its life: what begins, what is scheduled, how it ends.
//!
//! Mirrors pkg/kubelet/kuberuntime (v1.36).

use std::sync::Arc;
use std::time::Duration;

use seatrial_api::{
    ContainerId, ContainerIdentity, ContainerState, ContainerStatus, ContainerTerminated, PodSpec, Str, Time,
};
use seatrial_machinery::SimTime;

use crate::behavior::{Behavior, DEFAULT_TERMINATE, EXIT_CODE_SIGKILL, EXIT_CODE_SIGTERM, Terminate, When};
use crate::probe::{ProbeKind, Worker};
use crate::worker::{Turn, WorkerEvent};

/// The first back-off of a container that keeps ending.
const BACKOFF_INITIAL: Duration = Duration::from_secs(10);
/// The longest back-off; a container that ran twice as long starts anew.
const BACKOFF_MAX: Duration = Duration::from_secs(300);
/// The shortest grace the runtime gives a container.
const RUNTIME_GRACE_MIN: Duration = Duration::from_secs(2);

/// A container and its life.
#[derive(Debug)]
pub(crate) struct Container {
    pub(crate) identity: Arc<ContainerIdentity>,
    pub(crate) index: usize,
    pub(crate) behavior: Option<Behavior>,
    pub(crate) state: ContainerState,
    pub(crate) last_state: Option<Box<ContainerState>>,
    pub(crate) started_at: SimTime,
    pub(crate) finished_at: SimTime,
    pub(crate) ready: bool,
    pub(crate) started: bool,
    pub(crate) restarts: u32,
    /// Counts the lives, so that timers of an earlier one are ignored.
    pub(crate) life: u32,
    pub(crate) backoff: Option<Duration>,
    pub(crate) last_restart: SimTime,
    pub(crate) id: u64,
    pub(crate) probes: Vec<Worker>,
    /// Whether it was told to end, and is started again after.
    pub(crate) restart_after_kill: bool,
}

impl Container {
    pub(crate) fn new(index: usize, spec: &k8s_openapi::api::core::v1::Container, uid: u64) -> Self {
        let image: Str = spec.image.as_deref().unwrap_or_default().into();
        Self {
            identity: Arc::new(ContainerIdentity { name: spec.name.as_str().into(), image_id: image.clone(), image }),
            index,
            behavior: None,
            state: ContainerState::Unset,
            last_state: None,
            started_at: SimTime::ZERO,
            finished_at: SimTime::ZERO,
            ready: false,
            started: false,
            restarts: 0,
            life: 0,
            backoff: None,
            last_restart: SimTime::ZERO,
            id: uid.wrapping_add((index as u64) << 32),
            probes: Vec::new(),
            restart_after_kill: false,
        }
    }

    pub(crate) fn add_probes(&mut self, spec: &PodSpec, now: SimTime) {
        let c = &spec.api().containers[self.index];
        let probes = [
            (ProbeKind::Startup, &c.startup_probe),
            (ProbeKind::Liveness, &c.liveness_probe),
            (ProbeKind::Readiness, &c.readiness_probe),
        ];
        self.probes = probes.into_iter().filter_map(|(kind, p)| Some(Worker::new(kind, p.as_ref()?, now))).collect();
    }

    pub(crate) fn has_probe(&self, kind: ProbeKind) -> bool {
        self.probes.iter().any(|p| p.kind == kind)
    }

    /// A life begins.
    pub(crate) fn begin(&mut self, behavior: Option<Behavior>, now: SimTime, time: Time) {
        self.behavior = behavior;
        self.life += 1;
        self.started_at = now;
        self.state = ContainerState::Running { started_at: Some(time) };
        self.started = !self.has_probe(ProbeKind::Startup) || self.is_told();
        self.ready = false;
        self.restart_after_kill = false;
        self.probes.iter_mut().for_each(Worker::new_life);
    }

    /// The timers of a life: its own end, its readiness, its probes.
    pub(crate) fn schedule(&mut self, turn: &mut Turn) {
        let behavior = self.behavior.clone().unwrap_or_default();
        let (index, life) = (self.index, self.life);
        let exit = usize::try_from(self.restarts).ok().and_then(|n| behavior.exit.get(n).or(behavior.exit.last()));
        if let Some((after, code)) = exit.and_then(|e| Some((e.after.after()?, e.code))) {
            let reason = if code == 0 { "Completed" } else { "Error" };
            turn.timers.push((turn.now + after, false, WorkerEvent::Exit(index, life, code, reason)));
        }
        if let Some(after) = behavior.oom.and_then(When::after) {
            turn.timers.push((turn.now + after, false, WorkerEvent::Exit(index, life, EXIT_CODE_SIGKILL, "OOMKilled")));
        }
        for kind in [ProbeKind::Startup, ProbeKind::Liveness].into_iter().filter(|_| !self.is_told()) {
            if let Some(probe) = self.probes.iter().find(|p| p.kind == kind).filter(|_| self.may_change(kind, turn.now))
            {
                let background = kind == ProbeKind::Liveness;
                turn.timers.push((
                    probe.next_tick(turn.now, self.started_at),
                    background,
                    WorkerEvent::Probe(index, life, kind),
                ));
            }
        }
        if self.started {
            self.start_readiness(turn);
        }
    }

    /// The container has started up: it is ready at once, after a time, or when its probe says so.
    pub(crate) fn start_readiness(&mut self, turn: &mut Turn) {
        let (index, life, started_at) = (self.index, self.life, self.started_at);
        let never = self.never_ready();
        let told = self.is_told();
        if let Some(probe) = self.probes.iter_mut().find(|p| p.kind == ProbeKind::Readiness && !told) {
            probe.rebase(turn.now);
            let tick = probe.next_tick(turn.now, started_at);
            turn.timers.push((tick, never, WorkerEvent::Probe(index, life, ProbeKind::Readiness)));
            return;
        }
        match self.behavior.as_ref().and_then(|b| b.ready).unwrap_or(When::After(Duration::ZERO)) {
            When::After(Duration::ZERO) => self.ready = true,
            When::After(after) => turn.timers.push((started_at + after, false, WorkerEvent::ReadyAfter(index, life))),
            When::Never => {}
        }
    }

    /// Whether a behavior says when the container is ready, whatever the probes' own timing would be.
    pub(crate) fn is_told(&self) -> bool {
        self.behavior.as_ref().is_some_and(|b| b.healthy.is_empty() && b.ready.is_some())
    }

    pub(crate) fn never_ready(&self) -> bool {
        self.behavior.as_ref().is_some_and(|b| b.healthy.is_empty() && b.ready == Some(When::Never))
    }

    /// Whether a later tick of a probe can find anything else than this one did.
    pub(crate) fn may_change(&self, kind: ProbeKind, now: SimTime) -> bool {
        let windows = self.behavior.as_ref().map_or(&[][..], |b| b.healthy.as_slice());
        if windows.is_empty() && kind == ProbeKind::Liveness {
            return false;
        }
        let age = now - self.started_at;
        let edges_ahead = windows.iter().any(|w| w.from > age || w.to.is_some_and(|to| to > age));
        // Only success that was published already stays what it is; failures are told again with every probe.
        let last = self.probes.iter().find(|p| p.kind == kind).and_then(Worker::last);
        let is_steady = last == Some(true) && (kind != ProbeKind::Readiness || self.ready);
        edges_ahead || !is_steady
    }

    /// The timer of the end that SIGTERM, or at last SIGKILL, brings.
    pub(crate) fn kill_timer(&self, now: SimTime, grace_seconds: i64) -> (SimTime, bool, WorkerEvent) {
        let grace = Duration::from_secs(u64::try_from(grace_seconds).unwrap_or(0)).max(RUNTIME_GRACE_MIN);
        let terminate = self.behavior.as_ref().and_then(|b| b.terminate);
        let (after, code) = match terminate {
            None => (DEFAULT_TERMINATE, EXIT_CODE_SIGTERM),
            Some(Terminate::Ends { after, code }) if after <= grace => (after, code),
            Some(_) => (grace, EXIT_CODE_SIGKILL),
        };
        (now + after, false, WorkerEvent::Killed(self.index, self.life, code))
    }

    pub(crate) fn end(&mut self, code: i32, reason: &'static str, now: SimTime, time: Time) {
        let started_at = match self.state {
            ContainerState::Running { started_at } => started_at,
            _ => None,
        };
        self.state = ContainerState::Terminated(Box::new(ContainerTerminated {
            exit_code: code,
            signal: None,
            reason: Str::new_static(reason),
            message: self.behavior.as_ref().and_then(|b| b.message.as_deref()).unwrap_or_default().into(),
            started_at,
            finished_at: Some(time),
            container_id: self.container_id(),
        }));
        self.finished_at = now;
        self.ready = false;
        self.started = false;
    }

    /// When the container is started again: at once the first time, then after a back-off that doubles.
    pub(crate) fn next_restart(&mut self, now: SimTime) -> SimTime {
        if self.backoff.is_some() && now - self.last_restart > BACKOFF_MAX * 2 {
            self.backoff = None;
        }
        match self.backoff {
            None => {
                self.backoff = Some(BACKOFF_INITIAL);
                now
            }
            Some(delay) => {
                self.backoff = Some((delay * 2).min(BACKOFF_MAX));
                now + delay
            }
        }
    }

    pub(crate) fn container_id(&self) -> ContainerId {
        if self.life == 0 { ContainerId::None } else { ContainerId::Own(self.id.wrapping_add(u64::from(self.life))) }
    }

    pub(crate) fn status(&self, seen: bool) -> ContainerStatus {
        let waiting =
            || ContainerState::Waiting { reason: Str::new_static("ContainerCreating"), message: Str::default() };
        let state = if self.state == ContainerState::Unset && seen { waiting() } else { self.state.clone() };
        ContainerStatus {
            identity: Arc::clone(&self.identity),
            state,
            last_state: self.last_state.clone(),
            ready: self.ready,
            started: Some(self.started && self.life > 0),
            restart_count: i32::try_from(self.restarts).unwrap_or(i32::MAX),
            container_id: self.container_id(),
            other: None,
        }
    }
}
