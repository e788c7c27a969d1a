//! What answers in a container: what probes and hooks find when they ask.

use std::time::Duration;

use k8s_openapi::api::core::v1 as corev1;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use seatrial_machinery::SimTime;

use crate::behavior::{Behavior, Endpoint, When, Window};
use crate::probe::ProbeKind;

/// An answer, or that there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// How long it takes.
    pub(crate) takes: Duration,
    /// What is wrong.
    pub(crate) failure: Option<String>,
}

impl Answer {
    fn at_once(failure: Option<String>) -> Self {
        Self { takes: Duration::ZERO, failure }
    }
}

/// A container at one moment of its life.
#[derive(Debug)]
pub(crate) struct Seen<'a> {
    pub(crate) behavior: Option<&'a Behavior>,
    pub(crate) container: &'a corev1::Container,
    pub(crate) pod_ip: &'a str,
    /// The container's age.
    pub(crate) age: Duration,
    /// Which life of the container it is, from 0.
    pub(crate) life: u32,
}

impl Seen<'_> {
    fn windows(&self) -> &[Window] {
        self.behavior.map_or(&[][..], |b| b.healthy.as_slice())
    }

    /// What a probe finds.
    pub(crate) fn probe(&self, kind: ProbeKind, probe: &corev1::Probe) -> Answer {
        let timeout = seconds(probe.timeout_seconds, 1);
        if self.windows().is_empty() {
            let after = self.behavior.and_then(|b| b.ready).unwrap_or(When::After(Duration::ZERO));
            let answers = kind != ProbeKind::Readiness || after.after().is_some_and(|after| self.age >= after);
            return Answer::at_once((!answers).then(|| self.refused(probe)));
        }
        if let Some(exec) = &probe.exec {
            return self.exec_probe(exec.command.as_deref().unwrap_or_default(), timeout);
        }
        if let Some(http) = &probe.http_get {
            return self.http_probe(http, timeout);
        }
        match &probe.grpc {
            Some(grpc) => self.grpc_probe(grpc, timeout),
            None => Answer::at_once(self.open(self.port_of(probe)).is_none().then(|| self.refused(probe))),
        }
    }

    /// The client of a gRPC probe tries to connect until its time is up.
    fn grpc_probe(&self, grpc: &corev1::GRPCAction, timeout: Duration) -> Answer {
        let port = u16::try_from(grpc.port).unwrap_or(0);
        let opening = |w: &Window| {
            let is_about = matches!(&w.endpoint, Endpoint::Port { port: p, .. } if *p == port);
            let is_over = w.to.is_some_and(|to| to <= self.age) || w.restarts.is_some_and(|life| life != self.life);
            (is_about && !is_over).then(|| (w.from.saturating_sub(self.age), w.takes))
        };
        let connected = self.windows().iter().filter_map(opening).min().filter(|(after, _)| *after < timeout);
        let seconds = timeout.as_secs();
        let (takes, failure) = match connected {
            Some((after, takes)) if after + takes < timeout => (after + takes, None),
            Some(_) => {
                let text = format!("timeout: health rpc did not complete within {seconds}s: context deadline exceeded");
                (timeout, Some(text))
            }
            None => {
                let service = format!("\"{}:{port}\"", self.pod_ip);
                let text = format!(
                    "timeout: failed to connect service {service} within {seconds}s: context deadline exceeded"
                );
                (timeout, Some(text))
            }
        };
        Answer { takes, failure }
    }

    fn exec_probe(&self, command: &[String], timeout: Duration) -> Answer {
        let Some((code, takes)) = self.command(command) else { return Answer::at_once(None) };
        if takes >= timeout {
            let shown = command.join(" ");
            let text = format!("command timed out: {shown:?} timed out after {}s", timeout.as_secs());
            return Answer { takes: timeout, failure: Some(text) };
        }
        Answer { takes, failure: (code != 0).then(String::new) }
    }

    fn http_probe(&self, http: &corev1::HTTPGetAction, timeout: Duration) -> Answer {
        let url = self.url(http);
        match self.get(http) {
            None => Answer::at_once(Some(format!("Get \"{url}\": {}", self.dial(self.port(&http.port))))),
            Some((_, takes)) if takes >= timeout => {
                let text = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)";
                Answer { takes: timeout, failure: Some(format!("Get \"{url}\": {text}")) }
            }
            Some((status, takes)) => {
                let failure =
                    (!(200..400).contains(&status)).then(|| format!("HTTP probe failed with statuscode: {status}"));
                Answer { takes, failure }
            }
        }
    }

    /// What a lifecycle hook's request comes to: how long it takes, and how it fails.
    ///
    /// Mirrors pkg/kubelet/lifecycle/handlers.go; `pod` is the pod as the kubelet's messages name it.
    pub(crate) fn hook(&self, handler: &corev1::LifecycleHandler, pod: &str) -> Answer {
        let name = &self.container.name;
        if let Some(exec) = &handler.exec {
            let command = exec.command.as_deref().unwrap_or_default();
            let (code, takes) = self.command(command).unwrap_or((0, Duration::ZERO));
            let shown = command.join(" ");
            let failure = (code != 0).then(|| {
                format!(
                    "Exec lifecycle hook ([{shown}]) for Container {name:?} in Pod {pod:?} failed - \
                     error: command '{shown}' exited with {code}, message: \"\""
                )
            });
            return Answer { takes, failure };
        }
        if let Some(http) = &handler.http_get {
            // Whatever the status is, an answer is an answer.
            let (takes, failure) = match self.get(http) {
                Some((_, takes)) => (takes, None),
                None if self.windows().is_empty() => (Duration::ZERO, None),
                None => {
                    let path = http.path.as_deref().unwrap_or("/");
                    let error = format!("Get \"{}\": {}", self.url(http), self.dial(self.port(&http.port)));
                    let text = format!(
                        "HTTP lifecycle hook ({path}) for Container {name:?} in Pod {pod:?} failed - \
                         error: {error}, message: \"\""
                    );
                    (Duration::ZERO, Some(text))
                }
            };
            return Answer { takes, failure };
        }
        let sleep = handler.sleep.as_ref().and_then(|s| u64::try_from(s.seconds).ok()).unwrap_or(0);
        Answer { takes: Duration::from_secs(sleep), failure: None }
    }

    /// A command's exit code and how long it takes; nothing where no window names it.
    pub(crate) fn command(&self, command: &[String]) -> Option<(i32, Duration)> {
        let word = command.first().map_or("", String::as_str);
        let about = |w: &&Window| matches!(&w.endpoint, Endpoint::Exec { command, .. } if *command == word);
        let mut named = self.windows().iter().filter(about).peekable();
        named.peek()?;
        let current = named.find(|w| self.is_current(w));
        Some(match current {
            Some(Window { endpoint: Endpoint::Exec { code, .. }, takes, .. }) => (*code, *takes),
            _ => (1, Duration::ZERO),
        })
    }

    /// The status of an HTTP request and how long it takes; nothing where nobody listens.
    fn get(&self, http: &corev1::HTTPGetAction) -> Option<(u16, Duration)> {
        self.get_path(self.port(&http.port), http.path.as_deref().unwrap_or("/"))
    }

    /// Whether anything is said of what answers, and when.
    pub(crate) fn has_windows(&self) -> bool {
        !self.windows().is_empty()
    }

    /// The same for a port and a path.
    pub(crate) fn get_path(&self, port: u16, path: &str) -> Option<(u16, Duration)> {
        self.open(port)?;
        let serving = self.windows().iter().filter(|w| self.is_open(w, port)).find_map(|w| match &w.endpoint {
            Endpoint::Port { path: own, status, .. } if own.as_deref().is_none_or(|own| own == path) => {
                Some((*status, w.takes))
            }
            _ => None,
        });
        Some(serving.unwrap_or((404, Duration::ZERO)))
    }

    fn open(&self, port: u16) -> Option<&Window> {
        self.windows().iter().find(|w| self.is_open(w, port))
    }

    fn is_open(&self, w: &Window, port: u16) -> bool {
        self.is_current(w) && matches!(&w.endpoint, Endpoint::Port { port: p, .. } if *p == port)
    }

    fn is_current(&self, w: &Window) -> bool {
        // Nothing answers at the very moment of the start: the process has yet to open its port.
        let opened = self.age >= w.from && !self.age.is_zero();
        w.restarts.is_none_or(|life| life == self.life) && opened && w.to.is_none_or(|to| self.age < to)
    }

    fn port_of(&self, probe: &corev1::Probe) -> u16 {
        match (&probe.http_get, &probe.tcp_socket, &probe.grpc) {
            (Some(http), ..) => self.port(&http.port),
            (_, Some(tcp), _) => self.port(&tcp.port),
            (.., Some(grpc)) => u16::try_from(grpc.port).unwrap_or(0),
            _ => 0,
        }
    }

    fn port(&self, port: &IntOrString) -> u16 {
        let number = match port {
            IntOrString::Int(number) => *number,
            IntOrString::String(name) => {
                let mut ports = self.container.ports.iter().flatten();
                ports.find(|p| p.name.as_deref() == Some(name)).map_or(0, |p| p.container_port)
            }
        };
        u16::try_from(number).unwrap_or(0)
    }

    fn url(&self, http: &corev1::HTTPGetAction) -> String {
        let scheme = http.scheme.as_deref().unwrap_or("HTTP").to_lowercase();
        let host = http.host.as_deref().filter(|host| !host.is_empty()).unwrap_or(self.pod_ip);
        let path = http.path.as_deref().unwrap_or("/");
        let slash = if path.starts_with('/') { "" } else { "/" };
        format!("{scheme}://{host}:{}{slash}{path}", self.port(&http.port))
    }

    fn dial(&self, port: u16) -> String {
        format!("dial tcp {}:{port}: connect: connection refused", self.pod_ip)
    }

    fn refused(&self, probe: &corev1::Probe) -> String {
        match (&probe.exec, &probe.http_get) {
            (Some(_), _) => String::new(),
            (_, Some(http)) => format!("Get \"{}\": {}", self.url(http), self.dial(self.port_of(probe))),
            _ => self.dial(self.port_of(probe)),
        }
    }
}

/// The next moment after `now` at which something may answer otherwise than before.
pub(crate) fn next_edge(behavior: Option<&Behavior>, started_at: SimTime, now: SimTime) -> Option<SimTime> {
    let behavior = behavior?;
    let age = now - started_at;
    let ready = behavior.ready.and_then(When::after).filter(|_| behavior.healthy.is_empty());
    let edges = behavior.healthy.iter().flat_map(|w| [Some(w.from), w.to]).flatten().chain(ready);
    edges.filter(|edge| *edge > age).min().map(|edge| started_at + edge)
}

/// Whole seconds of a spec.
pub(crate) fn seconds(value: Option<i32>, default: u64) -> Duration {
    Duration::from_secs(value.and_then(|v| u64::try_from(v).ok()).unwrap_or(default))
}
