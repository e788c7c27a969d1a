//! All kubelets: one worker a pod, found by the pod's uid.

use rustc_hash::FxHashMap;
use seatrial_api::{Object, Pod, Uid};
use seatrial_machinery::{Client, Delivery, EventContext, SimTime};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use crate::behavior::Behavior;
use crate::node::NodeState;
use crate::worker::{Host, PodWorker, WorkerEvent};

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
    workers: FxHashMap<Uid, PodWorker>,
    behaviors: Vec<Behavior>,
    pub(crate) timers: Vec<KubeletTimer>,
    pod_count: u32,
}

impl Kubelets {
    /// Kubelets whose containers behave so.
    pub fn new(behaviors: Vec<Behavior>) -> Self {
        Self { behaviors, ..Self::default() }
    }

    /// Puts behaviors in front of the others: they hold for containers that start from now on.
    pub fn behave(&mut self, mut behaviors: Vec<Behavior>) {
        behaviors.append(&mut self.behaviors);
        self.behaviors = behaviors;
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
                if old.is_some_and(|old| old.meta.uid != pod.meta.uid) {
                    self.workers.remove(&old.map(|o| o.meta.uid.clone()).unwrap_or_default());
                }
                self.pod_changed(cx.clock.now(), pod);
            }
            (Some(old), None) => drop(self.workers.remove(&old.meta.uid)),
            (None, None) => {}
        }
    }

    fn pod_changed(&mut self, now: SimTime, pod: &Arc<Pod>) {
        if pod.node_name.is_empty() {
            return;
        }
        let Some(host_ip) = self.nodes.get(pod.node_name.as_str()).map(|n| n.ip) else { return };
        if let Some(worker) = self.workers.get_mut(&pod.meta.uid) {
            let timers = worker.spec_changed(now, pod);
            self.add_worker_timers(&pod.meta.uid, timers);
            return;
        }
        if pod.status.phase.is_terminal() && !pod.meta.is_deleting() {
            return;
        }
        self.pod_count += 1;
        let worker = PodWorker::new(pod, host_ip, pod_ip(self.pod_count));
        let timers = worker.first_timers(now, pod);
        self.workers.insert(pod.meta.uid.clone(), worker);
        self.add_worker_timers(&pod.meta.uid, timers);
    }

    fn add_worker_timers(&mut self, uid: &Uid, timers: Vec<(SimTime, bool, WorkerEvent)>) {
        for (due, background, event) in timers {
            self.timers.push(KubeletTimer { due, background, event: KubeletEvent::Pod { uid: uid.clone(), event } });
        }
    }

    /// The timers that were asked for since the last time.
    pub fn take_timers(&mut self) -> Vec<KubeletTimer> {
        std::mem::take(&mut self.timers)
    }

    /// A timer has come due.
    pub fn fire(&mut self, client: &mut Client<'_>, event: KubeletEvent) {
        match event {
            KubeletEvent::Heartbeat => self.heartbeat(client),
            KubeletEvent::Pod { uid, event } => {
                let Some(worker) = self.workers.get_mut(&uid) else { return };
                let Some(node) = self.nodes.get_mut(worker.node()).filter(|n| !n.failed) else {
                    return worker.missed(event);
                };
                let mut host = Host { behaviors: &self.behaviors, images: &mut node.images };
                let timers = worker.fire(client, &mut host, event);
                self.add_worker_timers(&uid, timers);
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
        let mut missed: Vec<(Uid, Vec<WorkerEvent>)> = Vec::new();
        let mut uids: Vec<Uid> =
            self.workers.iter().filter(|(_, w)| w.node() == name).map(|(uid, _)| uid.clone()).collect();
        uids.sort();
        for uid in uids {
            if let Some(worker) = self.workers.get_mut(&uid) {
                missed.push((uid, worker.take_missed()));
            }
        }
        for (uid, events) in missed {
            self.add_worker_timers(&uid, events.into_iter().map(|event| (now, false, event)).collect());
        }
    }
}

/// The address of the `n`th pod.
fn pod_ip(n: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 244, 0, 0)).wrapping_add(n)))
}
