//! Container statuses: small where pods are alike.

use std::fmt;
use std::sync::Arc;

use k8s_openapi::api::core::v1 as corev1;

use crate::{RareStr, Str, Time};

/// What the kubelet reports of one container. Mirrors `v1.ContainerStatus`.
#[derive(Clone, Debug, PartialEq)]
pub struct ContainerStatus {
    /// Name and image, shared by the pods of a template.
    pub identity: Arc<ContainerIdentity>,
    /// What the container is doing.
    pub state: ContainerState,
    /// How the life before this one ended.
    pub last_state: Option<Box<ContainerState>>,
    /// Whether it passes its readiness probe.
    pub ready: bool,
    /// Whether it passed its startup probe; `None` where nobody has said.
    pub started: Option<bool>,
    /// How often it was restarted.
    pub restart_count: i32,
    /// The runtime's id of the current (or last) life.
    pub container_id: ContainerId,
    /// Fields of no interest to the simulator (resources, mounts, user), kept as they were written.
    pub other: Option<Arc<corev1::ContainerStatus>>,
}

/// What does not change in a container's life.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContainerIdentity {
    /// The container's name in the spec.
    pub name: Str,
    /// The image as the spec names it.
    pub image: Str,
    /// The image's id, empty until it is known.
    pub image_id: Str,
}

/// Waiting, running or terminated.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum ContainerState {
    /// Nothing is said; readers take it as waiting.
    #[default]
    Unset,
    /// Not started yet.
    Waiting {
        /// `ContainerCreating`, `CrashLoopBackOff` ...
        reason: RareStr,
        /// More for people, or empty.
        message: RareStr,
    },
    /// Running since a time.
    Running {
        /// When it started.
        started_at: Option<Time>,
    },
    /// Ended.
    Terminated(Box<ContainerTerminated>),
}

/// How a container's life ended. Mirrors `v1.ContainerStateTerminated`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ContainerTerminated {
    /// The exit code.
    pub exit_code: i32,
    /// The signal, where the runtime tells one.
    pub signal: Option<i32>,
    /// `Completed`, `Error`, `OOMKilled` ...
    pub reason: Str,
    /// The termination message, or empty.
    pub message: Str,
    /// When this life began.
    pub started_at: Option<Time>,
    /// When it ended.
    pub finished_at: Option<Time>,
    /// Which life it was.
    pub container_id: ContainerId,
}

/// A runtime's container id: a number until somebody prints it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ContainerId {
    /// No container was made yet.
    #[default]
    None,
    /// One of the simulator's own.
    Own(u64),
    /// Written by somebody else.
    Other(Arc<Str>),
}

const OWN_PREFIX: &str = "seatrial://";

impl ContainerId {
    /// Reads an id.
    pub fn parse(text: &str) -> Self {
        if text.is_empty() {
            return Self::None;
        }
        let own = text.strip_prefix(OWN_PREFIX).and_then(|hex| u64::from_str_radix(hex, 16).ok()).map(Self::Own);
        own.filter(|id| id.to_string() == text).unwrap_or_else(|| Self::Other(Arc::new(text.into())))
    }

    fn to_api(&self) -> Option<String> {
        (*self != Self::None).then(|| self.to_string())
    }
}

impl fmt::Display for ContainerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => Ok(()),
            Self::Own(id) => write!(f, "{OWN_PREFIX}{id:016x}"),
            Self::Other(text) => f.write_str(text),
        }
    }
}

impl ContainerState {
    /// How the container ended, where it has.
    pub fn terminated(&self) -> Option<&ContainerTerminated> {
        match self {
            Self::Terminated(t) => Some(t),
            _ => None,
        }
    }

    /// Whether the container runs.
    pub fn is_running(&self) -> bool {
        matches!(self, Self::Running { .. })
    }

    fn from_api(s: corev1::ContainerState) -> Self {
        if let Some(t) = s.terminated {
            Self::Terminated(Box::new(ContainerTerminated {
                exit_code: t.exit_code,
                signal: t.signal,
                reason: t.reason.unwrap_or_default().into(),
                message: t.message.unwrap_or_default().into(),
                started_at: t.started_at.as_ref().map(Into::into),
                finished_at: t.finished_at.as_ref().map(Into::into),
                container_id: ContainerId::parse(t.container_id.as_deref().unwrap_or_default()),
            }))
        } else if let Some(r) = s.running {
            Self::Running { started_at: r.started_at.as_ref().map(Into::into) }
        } else if let Some(w) = s.waiting {
            Self::Waiting { reason: w.reason.unwrap_or_default().into(), message: w.message.unwrap_or_default().into() }
        } else {
            Self::Unset
        }
    }

    fn to_api(&self) -> corev1::ContainerState {
        let text = |s: &str| (!s.is_empty()).then(|| s.to_owned());
        let mut state = corev1::ContainerState::default();
        match self {
            Self::Unset => {}
            Self::Waiting { reason, message } => {
                state.waiting = Some(corev1::ContainerStateWaiting { reason: text(reason), message: text(message) });
            }
            Self::Running { started_at } => {
                state.running = Some(corev1::ContainerStateRunning { started_at: started_at.map(Into::into) });
            }
            Self::Terminated(t) => {
                state.terminated = Some(corev1::ContainerStateTerminated {
                    container_id: t.container_id.to_api(),
                    exit_code: t.exit_code,
                    finished_at: t.finished_at.map(Into::into),
                    message: text(&t.message),
                    reason: text(&t.reason),
                    signal: t.signal,
                    started_at: t.started_at.map(Into::into),
                });
            }
        }
        state
    }
}

impl ContainerStatus {
    /// Reads a status as k8s-openapi holds it.
    pub fn from_api(s: corev1::ContainerStatus) -> Self {
        let rest = corev1::ContainerStatus {
            allocated_resources: s.allocated_resources,
            allocated_resources_status: s.allocated_resources_status,
            resources: s.resources,
            stop_signal: s.stop_signal,
            user: s.user,
            volume_mounts: s.volume_mounts,
            ..Default::default()
        };
        Self {
            identity: Arc::new(ContainerIdentity {
                name: s.name.into(),
                image: s.image.into(),
                image_id: s.image_id.into(),
            }),
            state: s.state.map(ContainerState::from_api).unwrap_or_default(),
            last_state: s
                .last_state
                .map(ContainerState::from_api)
                .filter(|s| *s != ContainerState::Unset)
                .map(Box::new),
            ready: s.ready,
            started: s.started,
            restart_count: s.restart_count,
            container_id: ContainerId::parse(s.container_id.as_deref().unwrap_or_default()),
            other: (rest != corev1::ContainerStatus::default()).then(|| Arc::new(rest)),
        }
    }

    /// The status as k8s-openapi holds it.
    pub fn to_api(&self) -> corev1::ContainerStatus {
        corev1::ContainerStatus {
            container_id: self.container_id.to_api(),
            image: self.identity.image.to_string(),
            image_id: self.identity.image_id.to_string(),
            last_state: Some(self.last_state.as_ref().map(|s| s.to_api()).unwrap_or_default()),
            name: self.identity.name.to_string(),
            ready: self.ready,
            restart_count: self.restart_count,
            started: self.started,
            state: Some(self.state.to_api()),
            ..self.other.as_deref().cloned().unwrap_or_default()
        }
    }
}
