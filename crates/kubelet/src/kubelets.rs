//! All kubelets: one worker a pod, found by the pod's uid.

use rustc_hash::FxHashMap;
use seatrial_api::{Object, Pod, Uid};
use seatrial_machinery::{Client, Delivery, EventContext, SimTime};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use crate::behavior::Behavior;
use crate::conditions::Memo;
use crate::node::NodeState;
use crate::plan::Plans;
use crate::worker::{PodWorker, Stage, Turn, WorkerEvent};

/// What a kubelet's timer is about.
#[derive(Clone, Debug)]
pub enum KubeletEvent {
    /// Something in a pod's life.
    Pod {
        /// The pod.
        uid: Uid,
        /// What.
        event: WorkerEvent,
    },
    /// A pod is gone while containers of it run.
    Removed {
        /// The pod as it was.
        pod: Arc<Pod>,
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
    pub(crate) nodes: FxHashMap<String, NodeState>,
    pub(crate) node_order: Vec<String>,
    /// Whether the timer that renews all leases is running.
    pub(crate) has_heartbeat: bool,
    workers: FxHashMap<Uid, Box<PodWorker>>,
    behaviors: Vec<Arc<Behavior>>,
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
    pub fn handle(&mut self, cx: &EventContext<'_>, delivery: &Delivery) {
        if let (Some(Object::Node(node)), None) = (&delivery.old, &delivery.new) {
            // A kubelet stops with its Node.
            self.nodes.remove(node.meta.name.as_str());
            self.node_order.retain(|name| *node.meta.name != **name);
            return;
        }
        let Some(Object::Pod(_)) = delivery.object() else { return };
        match (delivery.old_as::<Pod>(), delivery.new_as::<Pod>()) {
            (old, Some(pod)) => {
                if let Some(old) = old.filter(|old| old.meta.uid != pod.meta.uid) {
                    self.pod_removed(cx.clock.now(), old);
                }
                self.pod_changed(cx.clock.now(), old, pod);
            }
            (Some(old), None) => self.pod_removed(cx.clock.now(), old),
            (None, None) => {}
        }
    }

    fn pod_changed(&mut self, now: SimTime, old: Option<&Arc<Pod>>, pod: &Arc<Pod>) {
        if pod.node_name.is_empty() {
            return;
        }
        let Some(host_ip) = self.nodes.get(pod.node_name.as_str()).map(|n| n.ip) else { return };
        if let Some(worker) = self.workers.get_mut(&pod.meta.uid) {
            let plans = &mut self.plans;
            if let Some(event) = worker.pod_changed(old, pod, || plans.of(&pod.spec)) {
                self.set_now(now, &pod.meta.uid, event);
            }
            return;
        }
        if pod.status.phase.is_terminal() && !pod.meta.is_deleting() {
            return;
        }
        self.pod_count += 1;
        let worker = Box::new(PodWorker::new(pod, self.plans.of(&pod.spec), host_ip, pod_ip(self.pod_count)));
        self.workers.insert(pod.meta.uid.clone(), worker);
        self.set_now(now, &pod.meta.uid, PodWorker::first_event(pod));
    }

    /// A pod is gone: what of it still runs ends.
    fn pod_removed(&mut self, now: SimTime, pod: &Arc<Pod>) {
        let Some(worker) = self.workers.get(&pod.meta.uid) else { return };
        if worker.stage == Stage::Finished {
            self.workers.remove(&pod.meta.uid);
            return;
        }
        let event = KubeletEvent::Removed { pod: Arc::clone(pod) };
        self.timers.push(KubeletTimer { due: now, background: false, event });
    }

    fn set_now(&mut self, now: SimTime, uid: &Uid, event: WorkerEvent) {
        let event = KubeletEvent::Pod { uid: uid.clone(), event };
        self.timers.push(KubeletTimer { due: now, background: false, event });
    }

    /// The timers that were asked for since the last time.
    pub fn take_timers(&mut self) -> Vec<KubeletTimer> {
        std::mem::take(&mut self.timers)
    }

    /// A timer has come due.
    pub fn fire(&mut self, client: &mut Client<'_>, event: KubeletEvent) {
        match event {
            KubeletEvent::Heartbeat => self.heartbeat(client),
            KubeletEvent::Removed { pod } => {
                let Some(worker) = self.workers.remove(&pod.meta.uid) else { return };
                let Some(node) = self.nodes.get_mut(worker.node()).filter(|n| !n.failed) else { return };
                let now = client.clock().now();
                let (behaviors, memo, timers) = (&self.behaviors[..], &mut self.memo, &mut self.timers);
                worker.removed(&mut Turn { client, behaviors, node, memo, timers, pod, now });
            }
            KubeletEvent::Pod { uid, event } => {
                let Some(worker) = self.workers.get_mut(&uid) else { return };
                let Some(node) = self.nodes.get_mut(worker.node()) else { return };
                if node.failed {
                    return node.missed.push((uid, event));
                }
                let Ok(pod) = client.get_live::<Pod>(&worker.key.0, &worker.key.1) else { return };
                let now = client.clock().now();
                let (behaviors, memo, timers) = (&self.behaviors[..], &mut self.memo, &mut self.timers);
                worker.fire(&mut Turn { client, behaviors, node, memo, timers, pod, now }, event);
            }
        }
    }

    /// The kubelet of a node and its heartbeats stop.
    pub fn fail_node(&mut self, name: &str) {
        if let Some(node) = self.nodes.get_mut(name) {
            node.failed = true;
        }
    }

    /// The kubelet of a node goes on: it does what it missed.
    pub fn recover_node(&mut self, now: SimTime, name: &str) {
        let Some(node) = self.nodes.get_mut(name) else { return };
        node.failed = false;
        for (uid, event) in std::mem::take(&mut node.missed) {
            self.set_now(now, &uid, event);
        }
    }
}

/// The address of the `n`th pod.
fn pod_ip(n: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 244, 0, 0)).wrapping_add(n)))
}
