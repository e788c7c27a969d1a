//! One pod on its node: what it knows, and what wakes it.
//!
//! Mirrors pkg/kubelet/pod_workers.go (v1.36).

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use seatrial_api::{ConditionStatus, ContainerId, Kind, Pod, Time};
use seatrial_machinery::{Client, EventText, ObjectRef, Phrase, SimTime};

use crate::behavior::Behavior;
use crate::conditions::Memo;
use crate::container::{Containers, End};
use crate::kubelets::{KubeletEvent, KubeletTimer};
use crate::node::{NodePlace, NodeState};
use crate::plan::PodPlan;
use crate::probe::ProbeKind;
use crate::sync::SyncRun;
use crate::volumes::Volumes;

/// Something in a pod's life on its node. Events of a container carry the life they are about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WorkerEvent {
    /// The pod is to be synced.
    Sync,
    /// A retry, or the resync of a pod that is not ready; only the one with the latest number counts.
    Requeue(u32),
    /// A sync that waited goes on; only the one with the latest number counts.
    Continue(u32),
    /// A container becomes ready by itself, without a probe.
    ReadyAfter(usize, u32),
    /// A probe's tick; only the one with the worker's latest number counts.
    Probe(usize, ProbeKind, u32),
    /// A container that has only just started is asked once more whether it is ready.
    ProbeAgain(usize, u32),
    /// A probe's result is in.
    Probed(usize, ProbeKind, u32),
    /// A container ends by itself, or because it took too much memory.
    Exit(usize, u32, i32, bool),
    /// A container that is to be stopped: the next step.
    Kill(usize, u32),
    /// A container that was told to end has ended.
    Killed(usize, u32, i32),
    /// The pod's `activeDeadlineSeconds` are over.
    Deadline,
    /// The pod is being deleted: containers are told to end.
    Terminate,
    /// Nothing of the pod runs any more: it is reported and removed.
    Finish,
}

/// Where a pod is on its node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Containers are kept as the spec wants them.
    Syncing,
    /// Containers are told to end for good.
    Terminating,
    /// Nothing runs any more and all is said.
    Finished,
}

/// Stands for the moment of what has not happened.
pub(crate) const NEVER: SimTime = SimTime::MAX;

/// Changes of containers that the pod was not synced for yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct News {
    /// Something changed while a sync was under way.
    pub(crate) pending: bool,
    /// When something changed last.
    fresh: SimTime,
}

impl Default for News {
    fn default() -> Self {
        Self { pending: false, fresh: NEVER }
    }
}

impl News {
    pub(crate) fn changed(&mut self, now: SimTime) {
        self.pending |= self.fresh < now;
        self.fresh = now;
    }

    /// How many syncs follow the one that ends now: one for what was seen while it was under way, one for its own doing.
    pub(crate) fn take(&mut self, now: SimTime) -> u8 {
        let own = self.fresh == now;
        let seen = self.pending || self.fresh < now;
        *self = Self::default();
        u8::from(own) + u8::from(seen)
    }
}

/// What readiness gates are set to.
type Gates = Vec<Option<ConditionStatus>>;

/// A pod on its node. There is one for every pod, so that what few of them have lies behind a pointer.
#[derive(Debug)]
pub(crate) struct PodWorker {
    /// The pod as the kubelet heard of it last.
    pub(crate) pod: Arc<Pod>,
    pub(crate) plan: Arc<PodPlan>,
    /// Counts the pods that came to any node: it makes the address, and tells the events of one pod from another's.
    pub(crate) number: u32,
    /// Its node.
    pub(crate) node: NodePlace,
    /// The pod is gone from the API server.
    pub(crate) is_gone: bool,
    pub(crate) start_time: Option<Time>,
    /// As in the plan: init containers first.
    pub(crate) containers: Containers,
    pub(crate) has_sandbox: bool,
    pub(crate) stage: Stage,
    /// The sync that waits at some step.
    pub(crate) run: Option<Box<SyncRun>>,
    /// Or one waits that has done nothing but to ask for the sandbox, as that of every new pod does: what it has to do can be
    /// told again when the sandbox is there, so that nothing has to be kept.
    pub(crate) is_sandbox_coming: bool,
    pub(crate) news: News,
    /// Syncs that are due at once, once the cluster has seen what this one reported.
    pub(crate) owed: u8,
    pub(crate) ticket: u32,
    pub(crate) wrote_at: SimTime,
    /// Whether a container began or ended since the last report.
    pub(crate) has_unreported: bool,
    /// Whether somebody wants the pod gone.
    pub(crate) is_deleting: bool,
    pub(crate) deadline_exceeded: bool,
    /// Whether the pod ends when the sync that is under way is through.
    pub(crate) terminates: bool,
    /// Whether that sync waits for what never comes.
    pub(crate) waits_for_ever: bool,
    /// Whether a sync asks containers for their readiness, to report it.
    pub(crate) is_asking: bool,
    /// The conditions that readiness gates ask for, where there are gates.
    gates: Option<Box<Gates>>,
}

impl PodWorker {
    pub(crate) fn new(pod: &Arc<Pod>, plan: Arc<PodPlan>, (number, node): (u32, NodePlace)) -> Self {
        Self {
            pod: Arc::clone(pod),
            containers: Containers::new(plan.containers.len()),
            plan,
            number,
            node,
            is_gone: false,
            start_time: None,
            has_sandbox: false,
            stage: Stage::Syncing,
            run: None,
            is_sandbox_coming: false,
            news: News::default(),
            owed: 0,
            ticket: 0,
            wrote_at: NEVER,
            has_unreported: false,
            is_deleting: pod.meta.is_deleting(),
            deadline_exceeded: false,
            terminates: false,
            waits_for_ever: false,
            is_asking: false,
            gates: None,
        }
    }

    /// The first behavior that is about a container.
    pub(crate) fn behavior<'t>(&self, turn: &Turn<'t, '_>, index: usize) -> Option<&'t Arc<Behavior>> {
        let identity = &self.plan.containers[index].identity;
        turn.behaviors.iter().find(|b| b.is_about(&self.pod, &identity.name, &identity.image))
    }

    /// The pod's address on a node with this one.
    pub(crate) fn pod_ip(&self, host_ip: IpAddr) -> IpAddr {
        if self.plan.is_on_host() {
            return host_ip;
        }
        IpAddr::V4(Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 244, 0, 0)).wrapping_add(self.number)))
    }

    /// What a pod that was just seen for the first time begins with.
    pub(crate) fn first_event(pod: &Pod) -> WorkerEvent {
        if pod.meta.is_deleting() { WorkerEvent::Terminate } else { WorkerEvent::Sync }
    }

    /// The conditions that readiness gates ask for, as somebody set them.
    fn gates(&self, pod: &Pod) -> Option<Box<Gates>> {
        let gates = self.plan.api().readiness_gates.as_deref().filter(|gates| !gates.is_empty())?;
        Some(Box::new(gates.iter().map(|g| pod.status.conditions.status(&g.condition_type)).collect()))
    }

    /// The pod was changed: its spec or labels, a gate's condition, or that it is being deleted.
    pub(crate) fn pod_changed(
        &mut self,
        old: Option<&Arc<Pod>>,
        pod: &Arc<Pod>,
        plan: impl FnOnce() -> Arc<PodPlan>,
    ) -> Option<WorkerEvent> {
        if self.stage == Stage::Finished {
            return None;
        }
        self.is_deleting = pod.meta.is_deleting();
        let mut event = None;
        if !Arc::ptr_eq(&pod.spec, self.plan.spec()) {
            let new = plan();
            if new.containers.len() == self.plan.containers.len() {
                self.plan = new;
                event = Some(WorkerEvent::Sync);
            }
        }
        if old.is_some_and(|old| old.meta.labels != pod.meta.labels || old.meta.annotations != pod.meta.annotations) {
            event = Some(WorkerEvent::Sync);
        }
        let gates = self.gates(pod);
        if gates != self.gates {
            self.gates = gates;
            event = Some(WorkerEvent::Sync);
        }
        // A kill that is under way keeps the grace period it began with, as the recordings show.
        if self.is_deleting && self.stage == Stage::Syncing { Some(WorkerEvent::Terminate) } else { event }
    }

    pub(crate) fn fire(&mut self, turn: &mut Turn<'_, '_>, event: WorkerEvent) {
        if self.stage == Stage::Finished {
            return;
        }
        match event {
            WorkerEvent::Sync => self.sync(turn),
            WorkerEvent::Requeue(ticket) => {
                if ticket == self.ticket && !self.is_under_way() {
                    self.sync(turn);
                }
            }
            WorkerEvent::Continue(ticket) => {
                if ticket == self.ticket {
                    self.resume(turn);
                }
            }
            WorkerEvent::ReadyAfter(index, life) => {
                if self.is_alive(index, life) {
                    self.containers[index].ready = true;
                    self.readiness_changed(turn, index);
                }
            }
            WorkerEvent::Probe(index, kind, ticket) => {
                if self.is_current(index, kind, ticket) {
                    self.probe(turn, index, kind);
                }
            }
            WorkerEvent::ProbeAgain(index, life) => {
                if self.is_alive(index, life) {
                    self.trigger_readiness(turn, index);
                }
            }
            WorkerEvent::Probed(index, kind, ticket) => {
                if self.is_current(index, kind, ticket) {
                    self.probed(turn, index, kind);
                }
            }
            WorkerEvent::Exit(index, life, code, is_oom) => {
                if self.is_alive(index, life) {
                    self.ended(turn, index, &if is_oom { End::out_of_memory(code) } else { End::with(code) });
                }
            }
            WorkerEvent::Kill(index, life) => {
                if self.is_alive(index, life) {
                    self.kill_on(turn, index);
                }
            }
            WorkerEvent::Killed(index, life, code) => {
                if self.is_alive(index, life) {
                    self.ended(turn, index, &End::with(code));
                }
            }
            WorkerEvent::Deadline => {
                if self.stage == Stage::Syncing {
                    self.deadline(turn);
                }
            }
            WorkerEvent::Terminate => self.terminate(turn),
            WorkerEvent::Finish => self.finish(turn),
        }
    }

    pub(crate) fn is_alive(&self, index: usize, life: u32) -> bool {
        self.containers.get(index).is_some_and(|c| c.life == life && c.is_running())
    }

    fn is_current(&self, index: usize, kind: ProbeKind, ticket: u32) -> bool {
        let container = self.containers.get(index).filter(|c| c.is_running());
        container.is_some_and(|c| c.probes.iter().any(|p| p.kind == kind && p.ticket == ticket))
    }

    /// A container's id in the runtime.
    pub(crate) fn container_id(&self, index: usize) -> ContainerId {
        match self.containers[index].life {
            0 => ContainerId::None,
            life => {
                let pod = self.pod.meta.uid.as_u64();
                ContainerId::Own(pod.wrapping_add((index as u64) << 32).wrapping_add(u64::from(life)))
            }
        }
    }

    /// The pod as the kubelet's messages name it.
    pub(crate) fn full_name(&self) -> String {
        let meta = &self.pod.meta;
        format!("{}_{}({})", meta.name, meta.namespace, meta.uid)
    }

    /// An event about one of the pod's containers.
    pub(crate) fn container_event(&self, turn: &mut Turn<'_, '_>, index: usize, text: &EventText<'_>) {
        self.event(turn, &self.plan.containers[index].field_path, text);
    }

    pub(crate) fn event(&self, turn: &mut Turn<'_, '_>, field_path: &Phrase, text: &EventText<'_>) {
        let about = ObjectRef { kind: Kind::Pod, meta: &self.pod.meta, field_path, host: &turn.node.name };
        turn.client.event(&about, text);
    }

    /// What a timer of this pod carries.
    pub(crate) fn event_of(&self, event: WorkerEvent) -> KubeletEvent {
        KubeletEvent::Pod { slot: self.pod.meta.slot, number: self.number, node: self.node, event }
    }

    /// Sets a timer.
    pub(crate) fn set(&self, turn: &mut Turn<'_, '_>, due: SimTime, background: bool, event: WorkerEvent) {
        turn.timers.push(KubeletTimer { due, background, event: self.event_of(event) });
    }

    /// Sets a timer that keeps the cluster from being settled.
    pub(crate) fn set_after(&self, turn: &mut Turn<'_, '_>, after: Duration, event: WorkerEvent) {
        self.set(turn, turn.now + after, false, event);
    }
}

/// What a worker works with at one moment.
pub(crate) struct Turn<'a, 'c> {
    pub(crate) client: &'a mut Client<'c>,
    /// How containers behave.
    pub(crate) behaviors: &'a [Arc<Behavior>],
    pub(crate) node: &'a mut NodeState,
    pub(crate) memo: &'a mut Memo,
    pub(crate) timers: &'a mut Vec<KubeletTimer>,
    pub(crate) volumes: &'a mut Volumes,
    /// The pod as this moment's writes have left it, once there were any: until the moment is over its worker knows it as it
    /// was.
    written: Option<Arc<Pod>>,
    pub(crate) now: SimTime,
}

impl<'a, 'c> Turn<'a, 'c> {
    /// A moment of a pod.
    pub(crate) fn new(
        client: &'a mut Client<'c>,
        behaviors: &'a [Arc<Behavior>],
        node: &'a mut NodeState,
        (memo, timers, volumes): (&'a mut Memo, &'a mut Vec<KubeletTimer>, &'a mut Volumes),
    ) -> Self {
        let now = client.clock().now();
        Self { client, behaviors, node, memo, timers, volumes, written: None, now }
    }

    /// Writes the pod's status. The next event of the pod's life writes again what a conflict refuses here.
    pub(crate) fn update_status(&mut self, pod: Pod) {
        if let Ok(stored) = self.client.update_status(pod) {
            self.written = Some(stored);
        }
    }

    /// A pod as this moment's writes have left it, and what siblings share.
    pub(crate) fn live_and_memo<'t>(&'t mut self, pod: &'t Arc<Pod>) -> (&'t Arc<Pod>, &'t mut Memo) {
        (self.written.as_ref().unwrap_or(pod), self.memo)
    }

    /// A pod as this moment's writes have left it.
    pub(crate) fn live<'t>(&'t self, pod: &'t Arc<Pod>) -> &'t Arc<Pod> {
        self.written.as_ref().unwrap_or(pod)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// There is one for every pod: a field more is a decision, with docs/benchmarks.md in mind.
    #[test]
    fn workers_are_as_small_as_they_are_said_to_be() {
        let sizes = [
            // Three lines of the processor's cache.
            ("PodWorker", size_of::<Option<PodWorker>>(), 192),
            ("Container", size_of::<crate::container::Container>(), 104),
            ("KubeletEvent", size_of::<KubeletEvent>(), 40),
        ];
        for (name, size, most) in sizes {
            assert!(size <= most, "{name}: {size} bytes, at most {most}");
        }
    }

    #[test]
    fn news_are_counted_once_seen_or_own() {
        let at = SimTime::from_secs;
        // (changes, time of the sync's end, syncs that follow)
        let rows: [(&[u64], u64, u8); 6] =
            [(&[], 5, 0), (&[5], 5, 1), (&[4], 5, 1), (&[4, 5], 5, 2), (&[5, 5], 5, 1), (&[3, 4], 5, 1)];
        for (changes, now, want) in rows {
            let mut news = News::default();
            changes.iter().for_each(|change| news.changed(at(*change)));
            assert_eq!((news.take(at(now)), news.take(at(now))), (want, 0), "{changes:?}");
        }
    }
}
