//! One probe of one container: when it asks, and when a run of results counts.
//!
//! Mirrors pkg/kubelet/prober/worker.go (v1.36).

use std::time::Duration;

use k8s_openapi::api::core::v1 as corev1;
use seatrial_machinery::SimTime;

use crate::health::seconds;

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
    /// The kinds, in the order in which a container's workers are kept.
    pub(crate) const ALL: [Self; 3] = [Self::Startup, Self::Liveness, Self::Readiness];

    /// The word in events.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Liveness => "Liveness",
            Self::Readiness => "Readiness",
            Self::Startup => "Startup",
        }
    }

    /// The container's probe of this kind.
    pub(crate) fn of(self, container: &corev1::Container) -> Option<&corev1::Probe> {
        match self {
            Self::Liveness => container.liveness_probe.as_ref(),
            Self::Readiness => container.readiness_probe.as_ref(),
            Self::Startup => container.startup_probe.as_ref(),
        }
    }
}

/// One probe of one container.
#[derive(Clone, Debug)]
pub(crate) struct Worker {
    pub(crate) kind: ProbeKind,
    /// The moment the ticks are counted from.
    base: SimTime,
    /// Which timer counts: those with another number were set before something changed.
    pub(crate) ticket: u32,
    /// Consecutive equal results.
    run: i32,
    last: Option<bool>,
    /// A failure or a startup verdict holds until the next life.
    pub(crate) on_hold: bool,
    /// When the last attempt began.
    asked_at: Option<SimTime>,
    /// An attempt that is under way: how it will have failed.
    pub(crate) under_way: Option<Option<String>>,
}

impl Worker {
    pub(crate) fn new(kind: ProbeKind, base: SimTime) -> Self {
        let (on_hold, under_way) = (false, None);
        Self { kind, base, ticket: 0, run: 0, last: None, on_hold, asked_at: None, under_way }
    }

    /// A new life of the container begins: the hold ends. Readiness keeps its run, the others start anew.
    pub(crate) fn new_life(&mut self) {
        self.stop();
        self.on_hold = false;
        self.asked_at = None;
        if self.kind != ProbeKind::Readiness {
            self.run = 0;
            self.last = None;
        }
    }

    /// Timers that are set do not count any more, and an attempt under way is given up.
    pub(crate) fn stop(&mut self) {
        self.ticket += 1;
        self.under_way = None;
    }

    /// Asks out of turn, unless it has just asked: the ticks count from now on.
    pub(crate) fn trigger(&mut self, now: SimTime) -> bool {
        if self.on_hold || self.under_way.is_some() || self.asked_at == Some(now) {
            return false;
        }
        self.stop();
        self.base = now;
        true
    }

    /// An attempt begins.
    pub(crate) fn ask(&mut self, now: SimTime, failure: Option<String>) {
        self.asked_at = Some(now);
        self.under_way = Some(failure);
    }

    /// When the last attempt of this life began.
    pub(crate) fn asked_at(&self) -> Option<SimTime> {
        self.asked_at
    }

    /// Whether the container is as old as `initialDelaySeconds` wants, in whole seconds of a start in whole seconds.
    pub(crate) fn is_late_enough(spec: &corev1::Probe, now: SimTime, started_second: SimTime) -> bool {
        (now - started_second).as_secs() >= seconds(spec.initial_delay_seconds, 0).as_secs()
    }

    /// The first tick that is not before `from` and at which the container is old enough.
    pub(crate) fn tick_from(&self, spec: &corev1::Probe, from: SimTime, started_second: SimTime) -> SimTime {
        let delay = seconds(spec.initial_delay_seconds, 0);
        let earliest = (started_second + delay).max(from);
        let period = seconds(spec.period_seconds, 10).max(Duration::from_secs(1)).as_nanos();
        let ticks = (earliest - self.base).as_nanos().div_ceil(period);
        self.base + Duration::from_nanos(u64::try_from(ticks * period).unwrap_or(u64::MAX))
    }

    /// The first tick after `now`.
    pub(crate) fn tick_after(&self, spec: &corev1::Probe, now: SimTime, started_second: SimTime) -> SimTime {
        self.tick_from(spec, now + Duration::from_nanos(1), started_second)
    }

    /// Whether the last attempt succeeded, if there was one.
    pub(crate) fn last(&self) -> Option<bool> {
        self.last
    }

    /// A result is in: whether it counts.
    pub(crate) fn record(&mut self, spec: &corev1::Probe, success: bool) -> bool {
        if self.last == Some(success) {
            self.run = self.run.saturating_add(1);
        } else {
            self.last = Some(success);
            self.run = 1;
        }
        let threshold = if success { spec.success_threshold.unwrap_or(1) } else { spec.failure_threshold.unwrap_or(3) };
        if self.run < threshold {
            return false;
        }
        if (self.kind == ProbeKind::Liveness && !success) || self.kind == ProbeKind::Startup {
            self.on_hold = true;
            self.run = 0;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// (kind, delay, period, worker created ms, second the container started in, want: first probe ms).
    ///
    /// Liveness and startup tick from the worker's creation, readiness from the container's start; a tick counts once the
    /// age in whole seconds has reached the delay.
    #[test]
    fn the_first_probe_is_at_the_first_tick_that_is_late_enough() {
        let rows = [
            // The course's readiness probe: ticks at 0.1 and 20.1 s; at 0.1 s the container is younger than 11 s.
            (ProbeKind::Readiness, 11, 20, 100, 0, 20_100),
            // The course's liveness probe: ticks at 0, 20 ... 160 s are too early, at 180 s the container is 180 s old.
            (ProbeKind::Liveness, 168, 20, 0, 0, 180_000),
            // A container of 0.9 s counts as started at 0 s.
            (ProbeKind::Liveness, 10, 10, 0, 0, 10_000),
            (ProbeKind::Liveness, 10, 10, 0, 1, 20_000),
            (ProbeKind::Startup, 5, 5, 0, 0, 5_000),
            (ProbeKind::Readiness, 12, 4, 2_000, 2, 14_000),
            (ProbeKind::Readiness, 13, 4, 2_000, 2, 18_000),
        ];
        for (kind, delay, period, base, started, want) in rows {
            let spec = corev1::Probe {
                initial_delay_seconds: Some(delay),
                period_seconds: Some(period),
                ..Default::default()
            };
            let worker = Worker::new(kind, SimTime::from_millis(base));
            let first = worker.tick_after(&spec, SimTime::from_millis(base), SimTime::from_secs(started));
            assert_eq!(first, SimTime::from_millis(want), "{kind:?} {delay} {period} {base}");
        }
    }
}
