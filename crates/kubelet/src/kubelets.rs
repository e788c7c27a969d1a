//! All kubelets: one worker a pod, found by the pod's slot.

use rustc_hash::FxHashMap;
use seatrial_api::{Object, Pod, Resource, Slot, SlotMap};
use seatrial_machinery::{Client, Delivery, EventContext, SimTime};
use std::sync::Arc;

use crate::behavior::Behavior;
use crate::conditions::Memo;
use crate::container::Container;
use crate::node::{NodePlace, Nodes};
use crate::plan::Plans;
use crate::volumes::{FORCED_DETACH_AFTER, Volumes};
use crate::worker::{PodWorker, Stage, Turn, WorkerEvent};

/// How a container ended that nobody saw end, as a runtime tells it after a restart of the machine.
const EXIT_POWERED_OFF: i32 = 255;

/// For how many timers there is room at any time.
const TIMERS_ROOM_KEPT: usize = 64;

/// What a kubelet's timer is about.
#[derive(Clone, Debug)]
pub enum KubeletEvent {
    /// Something in a pod's life.
    Pod {
        /// The pod's slot.
        slot: Slot,
        /// The number of its worker: the slot may be another pod's by now.
        number: u32,
        /// Its node.
        node: NodePlace,
        /// What.
        event: WorkerEvent,
    },
    /// A pod is gone while containers of it run.
    Removed {
        /// The number of its worker.
        number: u32,
    },
    /// The volumes of a pod that is gone are detached from a node that does not answer.
    Detach {
        /// The number of its worker.
        number: u32,
    },
    /// Every node renews its lease.
    Heartbeat,
}

/// A timer.
#[derive(Clone, Debug)]
pub struct KubeletTimer {
    /// When.
    pub due: SimTime,
    /// Whether a cluster counts as settled although the timer is pending.
    pub background: bool,
    /// What.
    pub event: KubeletEvent,
}

/// The kubelets of all nodes.
#[derive(Debug, Default)]
pub struct Kubelets {
    pub(crate) nodes: Nodes,
    pub(crate) node_order: Vec<String>,
    /// Whether the timer that renews all leases is running.
    pub(crate) has_heartbeat: bool,
    workers: SlotMap<PodWorker>,
    /// Workers of pods that are gone, until they have noticed, by number.
    leaving: FxHashMap<u32, PodWorker>,
    behaviors: Vec<Arc<Behavior>>,
    volumes: Volumes,
    plans: Plans,
    memo: Memo,
    pub(crate) timers: Vec<KubeletTimer>,
    pod_count: u32,
}

impl Kubelets {
    /// Kubelets whose containers behave so.
    pub fn new(behaviors: Vec<Behavior>) -> Self {
        Self { behaviors: behaviors.into_iter().map(Arc::new).collect(), ..Self::default() }
    }

    /// Puts behaviors in front of the others: they hold for containers that start from now on.
    pub fn behave(&mut self, behaviors: Vec<Behavior>) {
        self.behaviors.splice(0..0, behaviors.into_iter().map(Arc::new));
    }

    /// Hears of a change.
    #[inline]
    pub fn handle(&mut self, cx: &EventContext<'_>, delivery: &Delivery<'_>) {
        let now = cx.clock.now();
        match (delivery.old, delivery.new) {
            (old, Some(Object::Pod(pod))) => self.pod_written(now, old.and_then(Pod::unwrap), pod),
            (Some(Object::Pod(old)), None) => self.pod_removed(now, old),
            (Some(Object::Node(node)), None) => {
                // A kubelet stops with its Node.
                self.nodes.remove(node.meta.name.as_str());
                self.node_order.retain(|name| *node.meta.name != **name);
            }
            _ => {}
        }
    }

    fn pod_written(&mut self, now: SimTime, old: Option<&Arc<Pod>>, pod: &Arc<Pod>) {
        if let Some(old) = old.filter(|old| old.meta.uid != pod.meta.uid) {
            self.pod_removed(now, old);
        }
        self.pod_changed(now, old, pod);
    }

    pub(crate) fn behaviors(&self) -> &[Arc<Behavior>] {
        &self.behaviors
    }

    /// A container of a pod, where its kubelet still looks after it.
    pub(crate) fn container_of(&self, pod: &Pod, name: &str) -> Option<&Container> {
        let worker = self.workers.get(pod.meta.slot).filter(|w| w.pod.meta.uid == pod.meta.uid)?;
        let index = worker.plan.containers.iter().position(|plan| plan.identity.name == name)?;
        worker.containers.get(index)
    }

    fn pod_changed(&mut self, now: SimTime, old: Option<&Arc<Pod>>, pod: &Arc<Pod>) {
        if pod.node_name.is_empty() {
            return;
        }
        if let Some(worker) = self.workers.get_mut(pod.meta.slot).filter(|w| w.pod.meta.uid == pod.meta.uid) {
            worker.pod = Arc::clone(pod);
            let plans = &mut self.plans;
            let has_kubelet = self.nodes.at(worker.node).is_some();
            if has_kubelet && let Some(event) = worker.pod_changed(old, pod, || plans.of(&pod.spec)) {
                let event = worker.event_of(event);
                self.set_now(now, event);
            }
            return;
        }
        let Some(node) = self.nodes.place(&pod.node_name) else { return };
        if pod.status.phase.is_terminal() && !pod.meta.is_deleting() {
            return;
        }
        self.pod_count += 1;
        let worker = PodWorker::new(pod, self.plans.of(&pod.spec), (self.pod_count, node));
        let event = worker.event_of(PodWorker::first_event(pod));
        self.workers.insert(pod.meta.slot, worker);
        self.set_now(now, event);
    }

    /// A pod is gone: what of it still runs ends.
    fn pod_removed(&mut self, now: SimTime, pod: &Arc<Pod>) {
        let slot = pod.meta.slot;
        if self.workers.get(slot).is_none_or(|w| w.pod.meta.uid != pod.meta.uid) {
            return;
        }
        let Some(mut worker) = self.workers.remove(slot).filter(|w| w.stage != Stage::Finished) else { return };
        (worker.is_gone, worker.pod) = (true, Arc::clone(pod));
        let number = worker.number;
        self.leaving.insert(number, worker);
        self.set_now(now, KubeletEvent::Removed { number });
    }

    /// The worker of a pod that came to its node.
    pub(crate) fn worker_of(&self, pod: &Pod) -> Option<&PodWorker> {
        self.workers.get(pod.meta.slot).filter(|worker| worker.pod.meta.uid == pod.meta.uid)
    }

    /// A pod needs its volumes no more: who waited for them goes on.
    fn detach(&mut self, now: SimTime, number: u32) {
        for event in self.volumes.release(number) {
            self.set_now(now, event);
        }
    }

    /// Has fetched from memory what an event is about; returns the slot of its pod, if it is about one.
    pub fn fetch(&self, event: &KubeletEvent) -> Option<Slot> {
        let KubeletEvent::Pod { slot, node, .. } = event else { return None };
        self.fetch_worker(*slot);
        self.nodes.fetch(*node);
        Some(*slot)
    }

    /// Has fetched from memory what is known of the pod at a slot, which changes soon.
    pub fn fetch_worker(&self, slot: Slot) {
        self.workers.fetch(slot);
    }

    /// Has the pod of an event fetched from memory, once [`Kubelets::fetch`] has brought what leads to it.
    pub fn fetch_pod(&self, event: &KubeletEvent) {
        if let KubeletEvent::Pod { slot, .. } = event
            && let Some(worker) = self.workers.get(*slot)
        {
            seatrial_api::fetch(&*worker.pod);
        }
    }

    fn set_now(&mut self, now: SimTime, event: KubeletEvent) {
        self.timers.push(KubeletTimer { due: now, background: false, event });
    }

    /// Hands out the timers that were asked for since the last time. What a burst needed of room is given back.
    pub fn take_timers(&mut self, tell: impl FnMut(KubeletTimer)) {
        if !self.timers.is_empty() {
            self.timers.drain(..).for_each(tell);
            self.timers.shrink_to(TIMERS_ROOM_KEPT);
        }
    }

    /// A timer has come due.
    pub fn fire(&mut self, client: &mut Client<'_>, event: KubeletEvent) {
        match event {
            KubeletEvent::Heartbeat => self.heartbeat(client),
            KubeletEvent::Detach { number } => self.detach(client.clock().now(), number),
            KubeletEvent::Removed { number } => {
                let Some(worker) = self.leaving.remove(&number) else { return };
                let Some(node) = self.nodes.at_mut(worker.node).filter(|n| !n.failed) else {
                    if self.volumes.has(number) {
                        let due = client.clock().now() + FORCED_DETACH_AFTER;
                        self.timers.push(KubeletTimer {
                            due,
                            background: true,
                            event: KubeletEvent::Detach { number },
                        });
                    }
                    return;
                };
                let behaviors = &self.behaviors[..];
                let parts = (&mut self.memo, &mut self.timers, &mut self.volumes);
                worker.removed(&mut Turn::new(client, behaviors, node, parts));
                self.detach(client.clock().now(), number);
            }
            KubeletEvent::Pod { slot, number, node: place, event } => {
                // Nobody has looked at the node or the worker for long: the processor fetches both from memory at once.
                let Some(node) = self.nodes.at_mut(place) else { return };
                let here = self.workers.get_mut(slot).filter(|w| w.number == number);
                let Some(worker) = here.or_else(|| self.leaving.get_mut(&number)) else { return };
                debug_assert_eq!(worker.node, place, "a pod stays on its node");
                if node.failed {
                    return node.missed.push(KubeletEvent::Pod { slot, number, node: place, event });
                }
                if worker.is_gone {
                    return;
                }
                debug_assert!(
                    client
                        .get_live::<Pod>(&worker.pod.meta.namespace, &worker.pod.meta.name)
                        .is_ok_and(|live| Arc::ptr_eq(&live, &worker.pod)),
                    "a kubelet hears of a write before it acts again"
                );
                let behaviors = &self.behaviors[..];
                let parts = (&mut self.memo, &mut self.timers, &mut self.volumes);
                let mut turn = Turn::new(client, behaviors, node, parts);
                worker.fire(&mut turn, event);
                if worker.stage == Stage::Finished {
                    self.detach(client.clock().now(), number);
                }
            }
        }
    }

    /// The kubelet of a node and its heartbeats stop.
    pub fn fail_node(&mut self, name: &str) {
        if let Some(node) = self.nodes.get_mut(name) {
            node.failed = true;
            node.failures += 1;
        }
    }

    /// The machine of a node is off: nothing runs there until the node recovers.
    pub fn power_off(&mut self, name: &str) {
        if let Some(node) = self.nodes.get_mut(name) {
            node.powered_off = true;
        }
    }

    /// How often a node has failed; 0 for one that has recovered, or never did.
    pub fn failure_number(&self, name: &str) -> u32 {
        self.nodes.get(name).filter(|node| node.failed).map_or(0, |node| node.failures)
    }

    /// What ran on a machine that was off has ended.
    fn end_containers(&mut self, now: SimTime, pods: &[Arc<Pod>]) {
        let mut events = Vec::new();
        for pod in pods {
            let Some(worker) = self.workers.get(pod.meta.slot).filter(|w| w.pod.meta.uid == pod.meta.uid) else {
                continue;
            };
            let running = worker.containers.iter().enumerate().filter(|(_, c)| c.is_running());
            let ends = running.map(|(index, c)| WorkerEvent::Exit(index, c.life, EXIT_POWERED_OFF, false));
            events.extend(ends.map(|event| worker.event_of(event)));
        }
        events.into_iter().for_each(|event| self.set_now(now, event));
    }

    /// The kubelet of a node goes on: it does what it missed.
    pub fn recover_node(&mut self, now: SimTime, name: &str, pods: &[Arc<Pod>]) {
        let Some(node) = self.nodes.get_mut(name) else { return };
        node.failed = false;
        let missed = std::mem::take(&mut node.missed);
        if std::mem::take(&mut node.powered_off) {
            self.end_containers(now, pods);
        }
        for event in missed {
            self.set_now(now, event);
        }
    }
}
