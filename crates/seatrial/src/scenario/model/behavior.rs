//! How the containers of a scenario behave on their mock nodes.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::manifest::Position;

/// One behavior. What is not given is `None` or empty, and means the kubelet's default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Behavior {
    /// Which containers it holds for.
    pub matches: Match,
    /// How the image is pulled.
    pub pull: Option<Pull>,
    /// From binding to running.
    pub start: Option<Start>,
    /// From running to what the readiness probe sees as ready: a shorthand; `false` is [`When::Never`].
    pub ready: Option<When>,
    /// When ports and commands answer, in the container's age.
    pub healthy: Vec<Window>,
    /// The container's end by itself: one item a life, the last one repeats. Empty: it runs for ever.
    pub exit: Vec<Exit>,
    /// From running to the end by the kernel (137, OOMKilled).
    pub oom: Option<When>,
    /// What SIGTERM does.
    pub terminate: Option<Terminate>,
    /// What is in the termination log when the container ends.
    pub message: Option<String>,
    /// The lines it logs.
    pub log: Vec<LogEntry>,
    /// What it uses, by age.
    pub usage: Vec<Usage>,
    /// Where it is written.
    pub position: Position,
}

/// `match`: all that is given must hold. Patterns take `*`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Match {
    /// Pattern of the container's image.
    pub image: Option<String>,
    /// Pattern of the pod's name.
    pub pod: Option<String>,
    /// Pattern of the container's name.
    pub container: Option<String>,
    /// Labels of the pod.
    pub labels: BTreeMap<String, String>,
}

/// A time that may never come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// After this long.
    After(Duration),
    /// Not at all.
    Never,
}

/// `pull`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pull {
    /// How long a pull takes.
    pub after: Option<When>,
    /// The runtime's text, if pulls fail.
    pub fail: Option<String>,
    /// How many pulls fail; all of them if not given.
    pub fail_times: Option<u32>,
}

/// `start`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Start {
    /// From binding to running.
    pub after: Option<When>,
    /// The runtime's text, if it refuses to start the container.
    pub fail: Option<String>,
    /// How many starts fail; all of them if not given.
    pub fail_times: Option<u32>,
}

/// `healthy[]`: a window of the container's age.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// What answers in it.
    pub endpoint: Endpoint,
    /// From this age; 0 if not given.
    pub from: Duration,
    /// To this age; for ever if `None`.
    pub to: Option<Duration>,
    /// How long an answer takes.
    pub takes: Duration,
    /// Only in the container's life of this number (0 is the first).
    pub restarts: Option<u32>,
}

/// What answers in a window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// Connections to a port, and HTTP requests on it.
    Port {
        /// The port.
        port: u16,
        /// The path that is answered; any, if not given.
        path: Option<String>,
        /// The HTTP status; 200 if not given.
        status: u16,
    },
    /// A probe's or hook's command that begins with the word.
    Exec {
        /// The first word of the command.
        word: String,
        /// Its exit code; 0 if not given.
        code: i32,
    },
}

/// `exit`: the container's end by itself in one of its lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit {
    /// From running to the end.
    pub after: When,
    /// The exit code; 0 if not given.
    pub code: i32,
}

/// `terminate`: what the container does on SIGTERM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Terminate {
    /// It ends.
    Ends {
        /// From the signal to the end; 100ms if not given.
        after: Duration,
        /// The exit code; 143 if not given.
        exit_code: i32,
    },
    /// It does not; only SIGKILL ends it (137).
    Ignores,
}

/// An item of `log`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// The line.
    pub line: String,
    /// From running to the line; 0 if not given.
    pub after: Duration,
    /// From one such line to the next; it comes once if not given.
    pub every: Option<Duration>,
}

/// `usage`: what a container uses from an age on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage {
    /// From this age; 0 if not given.
    pub from: Duration,
    /// Whether it is the load of all pods together, from this time of the scenario on.
    pub shared: bool,
    /// Resource or custom metric to quantity as written: `cpu`, `memory`, and those of `custom`.
    pub resources: BTreeMap<String, String>,
}
