//! What mock containers do: the first behavior that matches a container holds.

use std::collections::BTreeMap;
use std::time::Duration;

use seatrial_api::Pod;
pub use seatrial_machinery::glob;

/// From binding to containers running, where nothing is said.
pub const DEFAULT_START: Duration = Duration::from_millis(100);
/// From SIGTERM to the end, where nothing is said.
pub const DEFAULT_TERMINATE: Duration = Duration::from_millis(100);
/// The exit code of a container that SIGTERM ended.
pub const EXIT_CODE_SIGTERM: i32 = 143;
/// The exit code of a container that SIGKILL ended.
pub const EXIT_CODE_SIGKILL: i32 = 137;

/// A moment that may never come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// So long after the event that the key is about.
    After(Duration),
    /// Never.
    Never,
}

impl When {
    /// How long after, if ever.
    pub fn after(self) -> Option<Duration> {
        match self {
            Self::After(duration) => Some(duration),
            Self::Never => None,
        }
    }
}

/// How matching containers behave.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Behavior {
    /// Which containers.
    pub matches: Match,
    /// How the image is pulled.
    pub pull: Option<Pull>,
    /// From binding to running.
    pub start: Option<When>,
    /// The runtime refuses to start the container.
    pub start_failure: Option<Failure>,
    /// From running to ready: what the readiness probe sees, or Ready itself where there is none.
    pub ready: Option<When>,
    /// When ports answer and commands succeed. Where one is given, nothing answers outside of them.
    pub healthy: Vec<Window>,
    /// The ends by themselves, one a life; the last one repeats.
    pub exit: Vec<Exit>,
    /// From running to an end by OOMKilled.
    pub oom: Option<When>,
    /// What SIGTERM does.
    pub terminate: Option<Terminate>,
    /// The termination message.
    pub message: Option<String>,
    /// What it logs.
    pub log: Vec<LogEntry>,
    /// What it uses: the last whose time has come.
    pub usage: Vec<Usage>,
}

/// What a container uses from a time on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// From this age of the container; of the simulation, where the load is shared.
    pub from: Duration,
    /// Whether it is the load of all containers of the behavior together, which those that are ready share evenly.
    pub shared: bool,
    /// Thousandths by the name of the resource or of the custom metric: of a core, of a byte.
    pub milli: BTreeMap<String, i64>,
}

/// A line that a container logs once, or again and again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// The line.
    pub line: String,
    /// From running to the line.
    pub after: Duration,
    /// From one to the next; once where nothing is said.
    pub every: Option<Duration>,
}

impl LogEntry {
    /// A line that comes once, as the first thing the container does.
    pub fn at_start(line: impl Into<String>) -> Self {
        Self { line: line.into(), after: Duration::ZERO, every: None }
    }
}

/// How an image is pulled.
#[derive(Clone, Debug, PartialEq)]
pub struct Pull {
    /// How long a pull takes.
    pub after: When,
    /// How it fails.
    pub failure: Option<Failure>,
}

/// How the runtime fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Its text.
    pub text: String,
    /// How many times in a row, for each container; every time if not given.
    pub times: Option<u32>,
}

impl Failure {
    /// Whether a try fails after so many that did.
    pub fn holds(&self, failed: u32) -> bool {
        self.times.is_none_or(|times| failed < times)
    }
}

/// Which containers a behavior is about; everything given has to hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Match {
    /// A pattern of the image.
    pub image: Option<String>,
    /// A pattern of the pod's name.
    pub pod: Option<String>,
    /// A pattern of the container's name.
    pub container: Option<String>,
    /// Labels of the pod.
    pub labels: BTreeMap<String, String>,
}

/// A time of a container's life in which something answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    /// What answers.
    pub endpoint: Endpoint,
    /// From this age of the container.
    pub from: Duration,
    /// Until this age, or for ever.
    pub to: Option<Duration>,
    /// How long an answer takes.
    pub takes: Duration,
    /// Only in this life of the container, counted from 0.
    pub restarts: Option<u32>,
}

/// What answers in a window.
#[derive(Clone, Debug, PartialEq)]
pub enum Endpoint {
    /// A port.
    Port {
        /// The port.
        port: u16,
        /// Only requests to this path.
        path: Option<String>,
        /// The HTTP status.
        status: u16,
    },
    /// A command.
    Exec {
        /// The command's first word.
        command: String,
        /// The exit code.
        code: i32,
    },
}

/// An end by itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exit {
    /// From running.
    pub after: When,
    /// The exit code.
    pub code: i32,
}

/// What SIGTERM does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Terminate {
    /// The container ends.
    Ends {
        /// From SIGTERM.
        after: Duration,
        /// The exit code.
        code: i32,
    },
    /// Only SIGKILL ends it.
    Ignores,
}

impl Behavior {
    /// Whether the behavior is about a container of a pod.
    pub fn is_about(&self, pod: &Pod, container: &str, image: &str) -> bool {
        let holds = |pattern: &Option<String>, text: &str| pattern.as_ref().is_none_or(|p| glob(p, text));
        let m = &self.matches;
        holds(&m.image, image)
            && holds(&m.pod, &pod.meta.name)
            && holds(&m.container, container)
            && m.labels.iter().all(|(k, v)| pod.meta.labels.get(k) == Some(v))
    }
}
