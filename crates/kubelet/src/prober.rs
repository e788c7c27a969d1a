//! Probing a pod's containers: ticks, attempts, and what their results lead to.
//!
//! Mirrors pkg/kubelet/prober (prober_manager.go, worker.go, prober.go) (v1.36).
//! Differs: ticks at which nothing can have changed are left out.

use std::time::Duration;

use seatrial_machinery::{EventText, SimTime};

use crate::health::{Seen, next_edge};
use crate::probe::{ProbeKind, Worker};
use crate::worker::{PodWorker, Stage, Turn, WorkerEvent};

/// A container that was asked at its very start is asked again so much later: half the time between two looks at it.
const ASKED_AGAIN: Duration = Duration::from_millis(500);

impl PodWorker {
    /// A container as those see it who ask now.
    pub(crate) fn seen<'a>(&'a self, turn: &Turn<'_, '_>, index: usize, pod_ip: &'a str) -> Seen<'a> {
        let container = &self.containers[index];
        Seen {
            behavior: container.behavior.as_deref(),
            container: self.plan.container(index),
            pod_ip,
            age: turn.now - container.started_at,
            life: container.restarts(),
        }
    }

    fn worker(&self, index: usize, kind: ProbeKind) -> Option<&Worker> {
        self.containers[index].probes.iter().find(|p| p.kind == kind)
    }

    /// Whether a container that runs waits for its readiness probe.
    fn wants_readiness(&self, index: usize) -> bool {
        let container = &self.containers[index];
        container.has_probe(ProbeKind::Readiness)
            && container.is_running()
            && container.started
            && !container.ready
            && !container.is_told()
    }

    /// Whether any does.
    pub(crate) fn asks_for_readiness(&self) -> bool {
        (0..self.containers.len()).any(|index| self.wants_readiness(index))
    }

    /// A container that has started up and is not ready is asked at once. Mirrors `UpdatePodStatus`.
    pub(crate) fn trigger_readiness(&mut self, turn: &mut Turn<'_, '_>, index: usize) {
        if !self.wants_readiness(index) {
            return;
        }
        // The sync that asks is the one that reports the life.
        self.containers[index].reported_life = self.containers[index].life;
        let worker = self.containers[index].probe_mut(ProbeKind::Readiness);
        if worker.is_some_and(|w| w.trigger(turn.now)) {
            self.probe(turn, index, ProbeKind::Readiness);
            let container = &self.containers[index];
            let was_asked = self.worker(index, ProbeKind::Readiness).is_some_and(|w| w.asked_at() == Some(turn.now));
            if was_asked && !container.ready && turn.now == container.started_at {
                let event = WorkerEvent::ProbeAgain(index, container.life);
                self.set_after(turn, ASKED_AGAIN, event);
            }
        }
    }

    /// A probe's turn has come. Mirrors `doProbe`.
    pub(crate) fn probe(&mut self, turn: &mut Turn<'_, '_>, index: usize, kind: ProbeKind) {
        let container = &self.containers[index];
        let is_due = match kind {
            ProbeKind::Startup => !container.started && self.stage == Stage::Syncing,
            ProbeKind::Liveness => container.started && self.stage == Stage::Syncing,
            ProbeKind::Readiness => container.started,
        };
        let started_second = container.started_second(turn.client.clock());
        let Some(spec) = kind.of(self.plan.container(index)).filter(|_| is_due) else { return };
        if !self.is_reported(index) || !Worker::is_late_enough(spec, turn.now, started_second) {
            return self.set_tick(turn, (index, kind), turn.now);
        }
        let pod_ip = self.pod_ip(turn.node.ip).to_string();
        let answer = self.seen(turn, index, &pod_ip).probe(kind, spec);
        let Some(worker) = self.containers[index].probe_mut(kind).filter(|w| !w.on_hold) else { return };
        worker.ask(turn.now, answer.failure);
        let ticket = worker.ticket;
        if answer.takes.is_zero() {
            return self.probed(turn, index, kind);
        }
        let event = WorkerEvent::Probed(index, kind, ticket);
        self.set(turn, turn.now + answer.takes, self.is_idle(turn, index, kind), event);
    }

    /// A probe's result is in.
    pub(crate) fn probed(&mut self, turn: &mut Turn<'_, '_>, index: usize, kind: ProbeKind) {
        let plan = std::sync::Arc::clone(&self.plan);
        let Some(spec) = kind.of(plan.container(index)) else { return };
        let Some(worker) = self.containers[index].probe_mut(kind) else { return };
        let Some(failure) = worker.under_way.take() else { return };
        let success = failure.is_none();
        let asked_at = worker.asked_at().unwrap_or(turn.now);
        let counts = worker.record(spec, success);
        if let Some(output) = &failure {
            let text = format!("{} probe failed: {output}", kind.as_str());
            self.container_event(turn, index, &EventText::warning("Unhealthy", &text));
        }
        let life = self.containers[index].life;
        if counts {
            self.decided(turn, index, (kind, success));
        }
        if self.is_alive(index, life) {
            self.set_tick(turn, (index, kind), asked_at);
        }
    }

    /// A probe's verdict is in.
    fn decided(&mut self, turn: &mut Turn<'_, '_>, index: usize, (kind, success): (ProbeKind, bool)) {
        let container = &mut self.containers[index];
        match (kind, success) {
            (ProbeKind::Readiness, _) => {
                if container.ready != success {
                    container.ready = success;
                    self.readiness_changed(turn, index);
                }
            }
            (ProbeKind::Startup, true) => {
                container.started = true;
                self.set_first_tick(turn, index, ProbeKind::Liveness);
                self.readiness_changed(turn, index);
            }
            (ProbeKind::Liveness, true) => {}
            (ProbeKind::Liveness | ProbeKind::Startup, false) => {
                container.failed_probe = Some(kind);
                self.sync(turn);
            }
        }
    }

    /// A container has become ready, or is not any more, or has started up.
    pub(crate) fn readiness_changed(&mut self, turn: &mut Turn<'_, '_>, index: usize) {
        if self.is_asking {
            // The sync that asked goes on to report what it heard.
            return;
        }
        if self.is_under_way() || self.stage != Stage::Syncing {
            self.write_readiness(turn, index);
        }
        self.sync(turn);
    }

    /// Sets the timer of a probe's first attempt in a life.
    pub(crate) fn set_first_tick(&self, turn: &mut Turn<'_, '_>, index: usize, kind: ProbeKind) {
        self.set_tick(turn, (index, kind), turn.now);
    }

    /// Sets the timer of a probe's next attempt after a moment, if that can find anything new. A tick that passed while
    /// an attempt was under way is made up for at once.
    fn set_tick(&self, turn: &mut Turn<'_, '_>, (index, kind): (usize, ProbeKind), from: SimTime) {
        let container = &self.containers[index];
        let Some(worker) = self.worker(index, kind).filter(|w| !w.on_hold && w.under_way.is_none()) else { return };
        let Some(spec) = kind.of(self.plan.container(index)) else { return };
        let clock = turn.client.clock();
        let started_second = container.started_second(clock);
        let mut due = worker.tick_after(spec, from, started_second).max(turn.now);
        if self.is_steady(index, worker) {
            // Until something answers otherwise, success follows success.
            let Some(edge) = next_edge(container.behavior.as_deref(), container.started_at, turn.now) else { return };
            due = due.max(worker.tick_from(spec, edge, started_second));
        }
        let event = WorkerEvent::Probe(index, kind, worker.ticket);
        self.set(turn, due, self.is_idle(turn, index, kind), event);
    }

    /// Whether a success more changes nothing.
    fn is_steady(&self, index: usize, worker: &Worker) -> bool {
        let container = &self.containers[index];
        let nothing_named = container.behavior.as_ref().is_none_or(|b| b.healthy.is_empty());
        match worker.kind {
            ProbeKind::Liveness if nothing_named => true,
            ProbeKind::Readiness => worker.last() == Some(true) && container.ready,
            _ => worker.last() == Some(true),
        }
    }

    /// Whether a cluster counts as settled although a probe is to be asked.
    fn is_idle(&self, turn: &Turn<'_, '_>, index: usize, kind: ProbeKind) -> bool {
        let container = &self.containers[index];
        let answers_later = |now: SimTime| {
            let behavior = container.behavior.as_deref();
            let is_open = behavior.is_none_or(|b| {
                b.healthy.is_empty() || b.healthy.iter().any(|w| w.to.is_none_or(|to| to > now - container.started_at))
            });
            is_open || next_edge(behavior, container.started_at, now).is_some()
        };
        match kind {
            ProbeKind::Liveness => true,
            ProbeKind::Startup => container.started || !answers_later(turn.now),
            ProbeKind::Readiness => container.ready || !answers_later(turn.now),
        }
    }
}
