//! Probes: when a worker probes, what it sees, and when a run of results counts.
//!
//! Mirrors pkg/kubelet/prober/worker.go (v1.36).

use std::time::Duration;

use k8s_openapi::api::core::v1 as corev1;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use seatrial_machinery::SimTime;

use crate::behavior::{Behavior, Endpoint, When, Window};

/// Which probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeKind {
    /// Whether the container is to be restarted.
    Liveness,
    /// Whether the container can serve.
    Readiness,
    /// Whether the container has started up.
    Startup,
}

impl ProbeKind {
    /// The word in events.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Liveness => "Liveness",
            Self::Readiness => "Readiness",
            Self::Startup => "Startup",
        }
    }
}

/// One probe of one container.
#[derive(Clone, Debug)]
pub(crate) struct Worker {
    pub(crate) kind: ProbeKind,
    spec: corev1::Probe,
    /// The moment the ticks are counted from.
    base: SimTime,
    /// Consecutive equal results.
    run: i32,
    last: Option<bool>,
    /// A failure or a startup verdict holds until the next life.
    pub(crate) on_hold: bool,
}

/// What an attempt came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Attempt {
    /// It is too early, or the worker is on hold.
    Skipped,
    /// The run is too short to count.
    Undecided(Option<String>),
    /// The result counts; with the output of a failure.
    Decided(bool, Option<String>),
}

impl Worker {
    pub(crate) fn new(kind: ProbeKind, spec: &corev1::Probe, base: SimTime) -> Self {
        Self { kind, spec: spec.clone(), base, run: 0, last: None, on_hold: false }
    }

    fn seconds(value: Option<i32>, default: u64) -> Duration {
        Duration::from_secs(value.and_then(|v| u64::try_from(v).ok()).unwrap_or(default))
    }

    fn period(&self) -> Duration {
        Self::seconds(self.spec.period_seconds, 10).max(Duration::from_secs(1))
    }

    /// How long the container is given when this probe ends it, if the probe says so.
    pub(crate) fn grace(&self) -> Option<i64> {
        self.spec.termination_grace_period_seconds
    }

    /// What the last attempt found.
    pub(crate) fn last(&self) -> Option<bool> {
        self.last
    }

    /// Counts the ticks from now on from this moment.
    pub(crate) fn rebase(&mut self, base: SimTime) {
        self.base = base;
    }

    /// A new life of the container begins: the hold ends. Readiness keeps its run, the others start anew.
    pub(crate) fn new_life(&mut self) {
        self.on_hold = false;
        if self.kind != ProbeKind::Readiness {
            self.run = 0;
            self.last = None;
        }
    }

    /// The first tick at which the container is old enough, not before `now`.
    pub(crate) fn next_tick(&self, now: SimTime, started: SimTime) -> SimTime {
        let delay = Self::seconds(self.spec.initial_delay_seconds, 0);
        // The age is compared in whole seconds, so the delay has passed once the age reaches it.
        let earliest = (started + delay).max(now);
        let period = self.period().as_nanos().max(1);
        let since = (earliest - self.base).as_nanos();
        let ticks = since.div_ceil(period);
        self.base + Duration::from_nanos(u64::try_from(ticks * period).unwrap_or(u64::MAX))
    }

    /// The tick after the one at `now`.
    pub(crate) fn tick_after(&self, now: SimTime, started: SimTime) -> SimTime {
        self.next_tick(now + Duration::from_nanos(1), started)
    }

    /// Probes.
    pub(crate) fn attempt(&mut self, seen: &Seen<'_>) -> Attempt {
        if self.on_hold {
            return Attempt::Skipped;
        }
        let failure = seen.failure(self.kind, &self.spec);
        let success = failure.is_none();
        if self.last == Some(success) {
            self.run += 1;
        } else {
            self.last = Some(success);
            self.run = 1;
        }
        let threshold =
            if success { self.spec.success_threshold.unwrap_or(1) } else { self.spec.failure_threshold.unwrap_or(3) };
        if self.run < threshold {
            return Attempt::Undecided(failure);
        }
        if (self.kind == ProbeKind::Liveness && !success) || self.kind == ProbeKind::Startup {
            self.on_hold = true;
            self.run = 0;
        }
        Attempt::Decided(success, failure)
    }
}

/// What a probe finds.
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
    /// What the probe says when it fails.
    fn failure(&self, kind: ProbeKind, probe: &corev1::Probe) -> Option<String> {
        let timeout = Worker::seconds(probe.timeout_seconds, 1);
        let windows = self.behavior.map_or(&[][..], |b| b.healthy.as_slice());
        if windows.is_empty() {
            let after = self.behavior.and_then(|b| b.ready).unwrap_or(When::After(Duration::ZERO));
            let answers = kind != ProbeKind::Readiness || after.after().is_some_and(|after| self.age >= after);
            return (!answers).then(|| self.refused(probe));
        }
        if let Some(exec) = &probe.exec {
            return self.exec_failure(exec.command.as_deref().unwrap_or_default(), windows, timeout);
        }
        let port = self.port(probe);
        let open: Vec<&Window> = windows.iter().filter(|w| self.is_open(w, port)).collect();
        if open.is_empty() {
            return Some(self.refused(probe));
        }
        let Some(http) = &probe.http_get else {
            return None;
        };
        let path = http.path.as_deref().unwrap_or("/");
        let serving = open
            .iter()
            .find(|w| matches!(&w.endpoint, Endpoint::Port { path: p, .. } if p.as_deref().is_none_or(|p| p == path)));
        let (status, takes) = match serving.map(|w| (&w.endpoint, w.takes)) {
            Some((Endpoint::Port { status, .. }, takes)) => (*status, takes),
            _ => (404, Duration::ZERO),
        };
        if takes >= timeout {
            return Some(format!(
                "Get \"{}\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)",
                self.url(probe)
            ));
        }
        (!(200..400).contains(&status)).then(|| format!("HTTP probe failed with statuscode: {status}"))
    }

    fn is_current(&self, w: &Window) -> bool {
        // Nothing answers at the very moment of the start: the process has yet to open its port.
        let opened = self.age >= w.from && !self.age.is_zero();
        w.restarts.is_none_or(|life| life == self.life) && opened && w.to.is_none_or(|to| self.age < to)
    }

    fn is_open(&self, w: &Window, port: u16) -> bool {
        self.is_current(w) && matches!(&w.endpoint, Endpoint::Port { port: p, .. } if *p == port)
    }

    fn exec_failure(&self, command: &[String], windows: &[Window], timeout: Duration) -> Option<String> {
        let word = command.first().map_or("", String::as_str);
        let about = |w: &&Window| matches!(&w.endpoint, Endpoint::Exec { command, .. } if *command == word);
        let named: Vec<&Window> = windows.iter().filter(about).collect();
        if named.is_empty() {
            return None;
        }
        let code = match named.iter().find(|w| self.is_current(w)) {
            Some(w) if w.takes >= timeout => {
                let shown = command.join(" ");
                return Some(format!("command timed out: {shown:?} timed out after {}s", timeout.as_secs()));
            }
            Some(Window { endpoint: Endpoint::Exec { code, .. }, .. }) => *code,
            _ => 1,
        };
        (code != 0).then(String::new)
    }

    fn port(&self, probe: &corev1::Probe) -> u16 {
        let named = |name: &str| {
            let ports = self.container.ports.iter().flatten();
            ports.into_iter().find(|p| p.name.as_deref() == Some(name)).map_or(0, |p| p.container_port)
        };
        let port = match (&probe.http_get, &probe.tcp_socket, &probe.grpc) {
            (Some(http), ..) => &http.port,
            (_, Some(tcp), _) => &tcp.port,
            (.., Some(grpc)) => return u16::try_from(grpc.port).unwrap_or(0),
            _ => return 0,
        };
        let number = match port {
            IntOrString::Int(number) => *number,
            IntOrString::String(name) => named(name),
        };
        u16::try_from(number).unwrap_or(0)
    }

    fn url(&self, probe: &corev1::Probe) -> String {
        let http = probe.http_get.as_ref();
        let scheme = http.and_then(|h| h.scheme.as_deref()).unwrap_or("HTTP").to_lowercase();
        let path = http.and_then(|h| h.path.as_deref()).unwrap_or("/");
        format!("{scheme}://{}:{}{path}", self.pod_ip, self.port(probe))
    }

    fn refused(&self, probe: &corev1::Probe) -> String {
        let dial = format!("dial tcp {}:{}: connect: connection refused", self.pod_ip, self.port(probe));
        match (&probe.exec, &probe.http_get, &probe.grpc) {
            (Some(_), ..) => String::new(),
            (_, Some(_), _) => format!("Get \"{}\": {dial}", self.url(probe)),
            (.., Some(_)) => format!(
                "timeout: failed to connect service \"{}:{}\" within 1s: context deadline exceeded",
                self.pod_ip,
                self.port(probe)
            ),
            _ => dial,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// (kind, delay, period, worker created ms, container started ms, want: first probe ms).
    ///
    /// Liveness and startup tick from the worker's creation, readiness from the container's start; a tick counts once the
    /// age in whole seconds has reached the delay.
    #[test]
    fn the_first_probe_is_at_the_first_tick_that_is_late_enough() {
        let rows = [
            // The course's readiness probe: ticks at 0.1 and 20.1 s; at 0.1 s the container is younger than 11 s.
            (ProbeKind::Readiness, 11, 20, 100, 100, 20_100),
            // The course's liveness probe: ticks at 0, 20 ... 160 s are too early, at 180 s the container is 179 s old.
            (ProbeKind::Liveness, 168, 20, 0, 100, 180_000),
            (ProbeKind::Readiness, 0, 10, 100, 100, 100),
            (ProbeKind::Liveness, 0, 10, 0, 1500, 10_000),
            (ProbeKind::Liveness, 10, 10, 0, 1500, 20_000),
            (ProbeKind::Startup, 5, 5, 0, 0, 5_000),
            (ProbeKind::Readiness, 12, 4, 2_000, 2_000, 14_000),
            (ProbeKind::Readiness, 13, 4, 2_000, 2_000, 18_000),
        ];
        for (kind, delay, period, base, started, want) in rows {
            let spec = corev1::Probe {
                initial_delay_seconds: Some(delay),
                period_seconds: Some(period),
                ..Default::default()
            };
            let worker = Worker::new(kind, &spec, SimTime::from_millis(base));
            let started = SimTime::from_millis(started);
            assert_eq!(
                worker.next_tick(started, started),
                SimTime::from_millis(want),
                "{kind:?} {delay} {period} {base}"
            );
        }
    }
}
