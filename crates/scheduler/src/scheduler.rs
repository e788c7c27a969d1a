//! The scheduler: what it hears of, and what that means for pods that wait.
//!
//! Mirrors pkg/scheduler/scheduler.go and eventhandlers.go (v1.36).

use std::sync::Arc;

use seatrial_api::{Kind, Namespace, Node, Object, Pod, Service, Slot};
use seatrial_machinery::{Delivery, EventContext, Rng, SimTime};

use crate::cache::{Cache, NodeChange};
use crate::hints::{ClusterEvent, is_worth_after_update, is_worth_requeuing, may_concern};
use crate::queue::{Queue, Timer};
use crate::schedule_one::LastFailure;
use crate::terms::PodTerms;
use crate::volume_binding::{LastClass, PodVolumes};
use crate::volume_scheduling::Refused;
use crate::volume_waiting::WaitingPods;

const NAME: &str = "default-scheduler";

/// The scheduler.
#[derive(Debug)]
pub struct Scheduler {
    pub(crate) cache: Cache,
    pub(crate) queue: Queue,
    /// Where the next search begins.
    pub(crate) next_start: usize,
    /// How many nodes were filtered outside of the score cache.
    pub(crate) evaluated: u64,
    pub(crate) last_failure: Option<LastFailure>,
    pub(crate) refused: Option<Refused>,
    pub(crate) last_class: LastClass,
    /// The claims of the pod that is being scheduled. Stands for `CycleState`.
    pub(crate) cycle: PodVolumes,
    /// Pods that have a node and wait for their claims.
    pub(crate) waiting: WaitingPods,
    pub(crate) rng: Rng,
}

impl Scheduler {
    /// A scheduler that breaks ties with this stream.
    pub fn new(rng: Rng) -> Self {
        let (cache, queue) = (Cache::default(), Queue::default());
        let (last_class, cycle, waiting) = (LastClass::default(), PodVolumes::default(), WaitingPods::default());
        Self {
            cache,
            queue,
            next_start: 0,
            evaluated: 0,
            last_failure: None,
            refused: None,
            last_class,
            cycle,
            waiting,
            rng,
        }
    }

    /// Has fetched from memory what is known of the pod at a slot, which changes soon.
    pub fn fetch(&self, slot: Slot) {
        self.cache.fetch(slot);
    }

    /// Hears of a change.
    #[inline]
    pub fn handle(&mut self, cx: &EventContext<'_>, delivery: &Delivery<'_>) {
        if delivery.kind().is_some_and(is_heeded) {
            self.heed(cx, delivery);
        }
    }

    fn heed(&mut self, cx: &EventContext<'_>, delivery: &Delivery<'_>) {
        match delivery.object() {
            Some(Object::Pod(_)) => self.on_pod(cx, delivery),
            Some(Object::Node(node)) => self.on_node(cx, node, delivery.new.is_none()),
            Some(Object::Namespace(_)) => self.on_namespace(delivery),
            Some(Object::Service(_)) => self.on_service(delivery),
            _ => self.on_storage(cx, delivery),
        }
    }

    fn on_pod(&mut self, cx: &EventContext<'_>, delivery: &Delivery<'_>) {
        let now = cx.clock.now();
        let (old, new) = (delivery.old_as::<Pod>(), delivery.new_as::<Pod>());
        if old.zip(new).is_some_and(|(old, new)| stays_as_it_is(old, new)) {
            return;
        }
        match new {
            Some(pod) if !pod.node_name.is_empty() && !pod.status.phase.is_terminal() => {
                self.on_assigned(old, pod, now)
            }
            Some(pod) if pod.node_name.is_empty() && !pod.meta.is_deleting() && !pod.status.phase.is_terminal() => {
                self.on_unassigned(old, pod, now);
            }
            _ => {
                let Some(pod) = old.or(new) else { return };
                self.on_gone(pod, now);
            }
        }
    }

    /// A pod takes room on a node. Mirrors `addAssignedPodToCache` and `updateAssignedPodInCache`.
    fn on_assigned(&mut self, old: Option<&Arc<Pod>>, pod: &Arc<Pod>, now: SimTime) {
        self.forget(pod);
        let Some(index) = self.cache.index_of_pod(pod) else { return };
        self.cache.count(index, pod);
        match old.filter(|old| old.node_name == pod.node_name) {
            None => self.move_by(ClusterEvent::PodAdded(pod), now),
            Some(old) if old.meta.labels != pod.meta.labels => {
                self.move_by(ClusterEvent::PodLabels { old, new: pod }, now);
            }
            Some(_) => {}
        }
    }

    /// A pod is gone, has ended, or is deleted before it came to a node.
    fn on_gone(&mut self, pod: &Arc<Pod>, now: SimTime) {
        self.queue.remove(pod.meta.slot, &pod.meta.uid);
        let nominated = self.cache.forget_nominated(&pod.meta.uid);
        let assumed = self.stop_waiting(pod);
        let index = self.cache.index_of_pod(pod);
        let counted = index.and_then(|index| self.cache.remove(index, pod)).or(assumed);
        if let Some(counted) = &counted {
            self.move_by(ClusterEvent::PodDeleted(pod, counted.terms.as_deref()), now);
        } else if nominated.is_some() {
            self.move_lesser(pod, now);
        }
    }

    /// A pod waits no more.
    pub(crate) fn forget(&mut self, pod: &Pod) {
        self.queue.remove(pod.meta.slot, &pod.meta.uid);
        self.cache.forget_nominated(&pod.meta.uid);
        self.stop_waiting(pod);
    }

    fn move_by(&mut self, event: ClusterEvent<'_>, now: SimTime) {
        if self.queue.has_unschedulable() {
            let all = &self.cache.index.namespaces;
            let may_concern = |rejectors| may_concern(rejectors, event);
            self.queue.move_of(now, may_concern, |queued| is_worth_requeuing(queued, event, all));
        }
    }

    /// Room is kept no more: pods that are not more important than its owner may have it.
    fn move_lesser(&mut self, pod: &Pod, now: SimTime) {
        let (all, priority) = (&self.cache.index.namespaces, pod.spec.priority());
        let terms = PodTerms::of(pod);
        let event = ClusterEvent::PodDeleted(pod, terms.as_ref());
        self.queue.move_where(now, |queued| queued.priority() <= priority && is_worth_requeuing(queued, event, all));
    }

    /// A pod without a node. Mirrors `addPodToSchedulingQueue` and `updatePodInSchedulingQueue`.
    fn on_unassigned(&mut self, old: Option<&Arc<Pod>>, pod: &Arc<Pod>, now: SimTime) {
        if pod.spec.api().scheduler_name.as_deref().unwrap_or(NAME) != NAME {
            return;
        }
        if self.waiting.has(&pod.meta.uid) {
            return;
        }
        let nominated = if pod.status.nominated_node_name.is_empty() {
            self.cache.forget_nominated(&pod.meta.uid)
        } else {
            let before = self.cache.nominated.get(&pod.meta.uid).cloned();
            self.cache.nominate(pod);
            before.filter(|before| before.status.nominated_node_name != pod.status.nominated_node_name)
        };
        if pod.spec.api().scheduling_gates.as_ref().is_some_and(|g| !g.is_empty()) {
            self.queue.add_gated(pod);
            return;
        }
        let waits = self.queue.update(pod);
        self.queue.add(pod, now);
        if let Some(old) = old.filter(|_| waits)
            && self.queue.rejectors(pod).is_some_and(|by| is_worth_after_update(by, old, pod))
        {
            self.queue.move_one(pod, now);
        }
        if let Some(before) = nominated {
            self.move_lesser(&before, now);
        }
    }

    fn on_node(&mut self, cx: &EventContext<'_>, node: &Node, is_gone: bool) {
        let now = cx.clock.now();
        if is_gone {
            if let Some(gone) = self.cache.remove_node(&node.meta.name) {
                self.move_by(ClusterEvent::NodeDeleted(&gone), now);
            }
            return;
        }
        let pods =
            || cx.informers.pods_on(&node.meta.name).into_iter().filter(|p| !p.status.phase.is_terminal()).collect();
        let change = self.cache.set_node(node, pods);
        if !self.queue.has_unschedulable() {
            return;
        }
        let (nodes, all) = (&self.cache.nodes, &self.cache.index.namespaces);
        let event = match &change {
            NodeChange::None => return,
            NodeChange::Added(index) => ClusterEvent::NodeAdded(&nodes[*index]),
            NodeChange::Updated(index, old) => ClusterEvent::NodeUpdated { old, new: &nodes[*index] },
        };
        self.queue.move_where(now, |queued| is_worth_requeuing(queued, event, all));
    }

    /// Labels of namespaces matter to affinity terms, and move nobody.
    fn on_namespace(&mut self, delivery: &Delivery<'_>) {
        let (old, new) = (delivery.old_as::<Namespace>(), delivery.new_as::<Namespace>());
        if let Some(new) = new {
            if old.is_none_or(|o| o.meta.labels != new.meta.labels) {
                self.cache.set_namespace(new.meta.name.clone(), new.meta.labels.clone());
            }
        } else if let Some(old) = old {
            self.cache.index.remove_namespace(&old.meta.name);
        }
    }

    /// Services say which pods are spread together by default.
    fn on_service(&mut self, delivery: &Delivery<'_>) {
        let selector =
            |service: Option<&Arc<Service>>| service.and_then(|s| s.body.spec.clone()).and_then(|s| s.selector);
        if selector(delivery.old_as()) != selector(delivery.new_as()) {
            self.cache.known.forget();
        }
    }

    /// Whether a pod can be tried now.
    pub fn has_work(&self) -> bool {
        self.queue.has_active() || self.waiting.has_due()
    }

    /// The times at which the scheduler has to be woken, as far as they were not told yet.
    pub fn take_timers(&mut self) -> Vec<Timer> {
        let (mut timers, looks) = (self.queue.take_timers(), self.waiting.take_timers());
        if !looks.is_empty() {
            timers.extend(looks);
        }
        timers
    }

    /// One of these times has come.
    pub fn fire(&mut self, now: SimTime) {
        self.queue.fire(now);
        self.waiting.fire(now);
    }

    /// How many nodes were filtered and scored so far.
    pub fn nodes_evaluated(&self) -> u64 {
        self.evaluated + self.cache.templates.evaluated()
    }

    /// How many nodes' counts of pods were added up so far, to tell what affinity and spread mean.
    pub fn counts_added_up(&self) -> u64 {
        self.cache.index.walked()
    }
}

/// Whether changes of a kind may mean something to the scheduler.
#[inline]
fn is_heeded(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Pod
            | Kind::Node
            | Kind::Namespace
            | Kind::Service
            | Kind::PersistentVolume
            | Kind::PersistentVolumeClaim
            | Kind::StorageClass
    )
}

/// Whether a pod was on its node before as it is now. Most writes change nothing that others depend on: node, shared spec,
/// labels, whether it goes or has ended.
fn stays_as_it_is(old: &Pod, new: &Pod) -> bool {
    !new.node_name.is_empty()
        && Arc::ptr_eq(&old.spec, &new.spec)
        && !new.status.phase.is_terminal()
        && !old.status.phase.is_terminal()
        && old.meta.uid == new.meta.uid
        && old.node_name == new.node_name
        && old.pinned_to == new.pinned_to
        && old.meta.labels == new.meta.labels
        && old.meta.is_deleting() == new.meta.is_deleting()
}
