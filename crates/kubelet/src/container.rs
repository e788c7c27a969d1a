//! A container as the runtime knows it: its lives, and what keeps it from starting.
//!
//! Mirrors pkg/kubelet/container and kuberuntime_container.go (v1.36).

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use seatrial_api::{
    ContainerId, ContainerIdentity, ContainerState, ContainerStatus, ContainerTerminated, RareStr, Str,
};
use seatrial_machinery::{Clock, SimTime};

use crate::backoff::Backoff;
use crate::behavior::{Behavior, When};
use crate::plan::{ContainerPlan, Role};
use crate::probe::{ProbeKind, Worker};
use crate::termination::Kill;

/// The exit code of a container that the runtime could not start.
pub(crate) const EXIT_CODE_START_ERROR: i32 = 128;

/// The containers of a pod. Most have one, which needs no allocation of its own.
#[derive(Debug)]
pub(crate) enum Containers {
    One(Container),
    Many(Box<[Container]>),
}

impl Containers {
    /// So many that were never started.
    pub(crate) fn new(count: usize) -> Self {
        match count {
            1 => Self::One(Container::default()),
            _ => Self::Many(std::iter::repeat_with(Container::default).take(count).collect()),
        }
    }
}

impl Deref for Containers {
    type Target = [Container];

    #[inline]
    fn deref(&self) -> &[Container] {
        match self {
            Self::One(container) => std::slice::from_ref(container),
            Self::Many(containers) => containers,
        }
    }
}

impl DerefMut for Containers {
    #[inline]
    fn deref_mut(&mut self) -> &mut [Container] {
        match self {
            Self::One(container) => std::slice::from_mut(container),
            Self::Many(containers) => containers,
        }
    }
}

/// A container and its life.
#[derive(Debug, Default)]
pub(crate) struct Container {
    /// What it was started as.
    identity: Option<Arc<ContainerIdentity>>,
    pub(crate) behavior: Option<Arc<Behavior>>,
    pub(crate) state: ContainerState,
    pub(crate) started_at: SimTime,
    pub(crate) finished_at: SimTime,
    /// What its probes, or its behavior, say of readiness.
    pub(crate) ready: bool,
    /// Whether it has started up.
    pub(crate) started: bool,
    /// Counts the lives, so that timers of an earlier one are ignored.
    pub(crate) life: u32,
    /// The life that the pod's status shows.
    pub(crate) reported_life: u32,
    pub(crate) probes: Box<[Worker]>,
    /// A liveness or startup probe has given up on it.
    pub(crate) failed_probe: Option<ProbeKind>,
    pub(crate) kill: Option<Box<Kill>>,
    pub(crate) trouble: Option<Box<Trouble>>,
}

/// What only containers have that did not simply start and run.
#[derive(Debug, Default)]
pub(crate) struct Trouble {
    /// The image that it is about: another one starts anew.
    image: Str,
    /// How the life before this one ended.
    pub(crate) last_state: Option<Box<ContainerState>>,
    /// Why it could not be started: the word and more for people.
    pub(crate) reason: Option<(&'static str, Str)>,
    pub(crate) restarts: Backoff,
    pub(crate) pulls: Backoff,
    /// How the last pull failed.
    pub(crate) pull_error: String,
    pub(crate) failed_pulls: u32,
    pub(crate) failed_starts: u32,
}

impl Trouble {
    /// The waits are those of an image.
    pub(crate) fn is_about(&mut self, image: &Str) {
        if self.image.is_empty() {
            self.image = image.clone();
        } else if self.image != *image {
            let old = std::mem::take(self);
            *self = Self { image: image.clone(), last_state: old.last_state, reason: old.reason, ..Self::default() };
        }
    }
}

impl Container {
    pub(crate) fn is_running(&self) -> bool {
        self.state.is_running()
    }

    pub(crate) fn exit_code(&self) -> Option<i32> {
        self.state.terminated().map(|t| t.exit_code)
    }

    /// Whether its spec has another image than it was started with.
    pub(crate) fn image_changed(&self, plan: &ContainerPlan) -> bool {
        self.identity.as_ref().is_some_and(|own| !Arc::ptr_eq(own, &plan.identity) && own.image != plan.identity.image)
    }

    /// How often it was restarted.
    pub(crate) fn restarts(&self) -> u32 {
        self.life.saturating_sub(1)
    }

    pub(crate) fn trouble(&mut self) -> &mut Trouble {
        self.trouble.get_or_insert_default()
    }

    /// Why it could not be started.
    pub(crate) fn reason(&self) -> Option<&(&'static str, Str)> {
        self.trouble.as_ref()?.reason.as_ref()
    }

    pub(crate) fn probe_mut(&mut self, kind: ProbeKind) -> Option<&mut Worker> {
        self.probes.iter_mut().find(|p| p.kind == kind)
    }

    pub(crate) fn has_probe(&self, kind: ProbeKind) -> bool {
        self.probes.iter().any(|p| p.kind == kind)
    }

    /// The second it started in, as its status shows it.
    pub(crate) fn started_second(&self, clock: Clock) -> SimTime {
        let time = clock.at(self.started_at).time();
        let past = u64::try_from(clock.at(self.started_at).nanos_since(time)).unwrap_or(0);
        self.started_at.saturating_sub(Duration::from_nanos(past))
    }

    /// A life begins.
    pub(crate) fn begin(&mut self, plan: &ContainerPlan, behavior: Option<Arc<Behavior>>, clock: Clock) {
        if self.life > 0 {
            let ended = std::mem::take(&mut self.state);
            self.trouble().last_state = Some(Box::new(ended));
        }
        self.identity = Some(Arc::clone(&plan.identity));
        self.behavior = behavior;
        self.life += 1;
        self.started_at = clock.now();
        self.state = ContainerState::Running { started_at: Some(clock.time()) };
        self.failed_probe = None;
        self.kill = None;
        self.started = self.is_told() || !self.has_probe(ProbeKind::Startup);
        self.ready = match self.behavior.as_ref().and_then(|b| b.ready) {
            Some(ready) if self.is_told() || !self.has_probe(ProbeKind::Readiness) => {
                ready == When::After(Duration::ZERO)
            }
            _ => !self.has_probe(ProbeKind::Readiness),
        };
        self.probes.iter_mut().for_each(Worker::new_life);
    }

    /// How long after its start it becomes ready by itself, without a probe.
    pub(crate) fn ready_after(&self) -> Option<Duration> {
        let is_probed = self.has_probe(ProbeKind::Readiness) && !self.is_told();
        let after = self.behavior.as_ref().and_then(|b| b.ready).and_then(When::after);
        after.filter(|after| !is_probed && !after.is_zero())
    }

    /// Whether a behavior says when the container is ready, whatever the probes' own timing would be.
    pub(crate) fn is_told(&self) -> bool {
        self.behavior.as_ref().is_some_and(|b| b.healthy.is_empty() && b.ready.is_some())
    }

    /// A life ends.
    pub(crate) fn end(&mut self, end: &End, id: ContainerId, clock: Clock) {
        let started_at = match self.state {
            ContainerState::Running { started_at } => started_at,
            _ => None,
        };
        let message = match &end.message {
            Some(text) => text.clone(),
            None => self.behavior.as_ref().and_then(|b| b.message.as_deref()).unwrap_or_default().into(),
        };
        self.state = ContainerState::Terminated(Box::new(ContainerTerminated {
            exit_code: end.code,
            signal: None,
            reason: Str::new_static(end.reason),
            message,
            started_at,
            finished_at: Some(clock.time()),
            container_id: id,
        }));
        self.finished_at = clock.now();
        self.ready = false;
        self.started = false;
        self.kill = None;
        self.probes.iter_mut().for_each(Worker::stop);
    }

    /// The status. Mirrors `convertToAPIContainerStatuses`; `restarts` says whether the next sync would start it.
    pub(crate) fn status(
        &self,
        plan: &ContainerPlan,
        id: ContainerId,
        waiting: &'static str,
        restarts: bool,
    ) -> ContainerStatus {
        let trouble = self.trouble.as_deref();
        let mut last_state = trouble.and_then(|t| t.last_state.clone());
        let mut state = match &self.state {
            ContainerState::Unset => ContainerState::Waiting { reason: waiting.into(), message: RareStr::default() },
            state => state.clone(),
        };
        let has_completed = plan.role != Role::Main && self.exit_code() == Some(0);
        if let Some((reason, message)) = self.reason().filter(|_| restarts && !has_completed) {
            if state.terminated().is_some() {
                last_state = Some(Box::new(state));
            }
            state = ContainerState::Waiting { reason: (*reason).into(), message: message.clone().into() };
        }
        let is_running = self.is_running();
        ContainerStatus {
            identity: Arc::clone(self.identity.as_ref().unwrap_or(&plan.identity)),
            state,
            last_state,
            ready: if plan.role == Role::Init {
                self.exit_code() == Some(0)
            } else {
                is_running && self.started && self.ready
            },
            started: Some(is_running && self.started),
            restart_count: i32::try_from(self.restarts()).unwrap_or(i32::MAX),
            container_id: id,
            other: None,
        }
    }
}

/// How a life ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) code: i32,
    pub(crate) reason: &'static str,
    /// What the runtime says instead of the termination log.
    pub(crate) message: Option<Str>,
}

impl End {
    /// An end of which the runtime says nothing but the code.
    pub(crate) fn with(code: i32) -> Self {
        Self { code, reason: if code == 0 { "Completed" } else { "Error" }, message: None }
    }

    /// The end of a container that took too much memory.
    pub(crate) fn out_of_memory(code: i32) -> Self {
        Self { code, reason: "OOMKilled", message: None }
    }

    /// The end of a container that never ran.
    pub(crate) fn start_error(text: &str) -> Self {
        Self { code: EXIT_CODE_START_ERROR, reason: "StartError", message: Some(text.into()) }
    }
}
