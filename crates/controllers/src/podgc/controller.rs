//! What the collector keeps an eye on, and its four rules.
//!
//! Mirrors pkg/controller/podgc/gc_controller.go (v1.36).

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use seatrial_api::{
    ApiError, Condition, ConditionStatus, Kind, NamespacedName, Node, Object, ObjectKey, Pod, PodPhase, Resource, Str,
    Time, Uid, pod_condition,
};
use seatrial_machinery::{
    Aspects, Controller, DeleteOptions, Delivery, EventContext, Queue, SimTime, SyncContext, set_pod_condition,
};

/// How often the collector looks. Mirrors `gcCheckPeriod`.
const GC_CHECK_PERIOD: Duration = Duration::from_secs(20);
/// How long a node has to be missing. Mirrors `quarantineTime`.
const QUARANTINE_TIME: Duration = Duration::from_secs(40);
/// How many pods that have ended may stay. Mirrors `TerminatedPodGCThreshold`.
const TERMINATED_POD_GC_THRESHOLD: usize = 12_500;
const TAINT_OUT_OF_SERVICE: &str = "node.kubernetes.io/out-of-service";
/// The collector's one key.
const KEY: NamespacedName = NamespacedName { namespace: Str::new_static(""), name: Str::new_static("gc") };

/// The pod garbage collector.
#[derive(Debug)]
pub struct PodGcController {
    queue: Queue,
    /// How many pods that have ended may stay.
    pub(super) terminated_pod_threshold: usize,
    /// How many pods have ended.
    terminated: usize,
    /// Pods that have ended, as they are collected. Kept from the first time that there are too many.
    ended: Option<BTreeSet<Ended>>,
    /// The moment of the next look that was asked for last.
    next_look: Option<SimTime>,
    /// Nodes that are not there and have pods, and when a pass first missed them.
    missing_nodes: BTreeMap<Str, Option<SimTime>>,
    /// Nodes that somebody has declared out of service.
    out_of_service: BTreeSet<Str>,
    /// Pods that are being deleted and have no node.
    unscheduled_terminating: BTreeSet<NamespacedName>,
    /// Pods that were failed and are deleted next: whoever watches them has seen the failure by then.
    failed: Vec<(NamespacedName, Uid)>,
}

/// A pod that has ended, in the order of collection: evicted ones first, then the oldest. Mirrors
/// `byEvictionAndCreationTimestamp`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Ended {
    is_evicted: Reverse<bool>,
    created: Time,
    name: Str,
    namespace: Str,
}

impl Ended {
    /// Where a pod stands, if it has ended.
    fn of(pod: &Pod) -> Option<Self> {
        let (name, namespace) = (pod.meta.name.clone(), pod.meta.namespace.clone());
        pod.status.phase.is_terminal().then(|| Self::at(pod, name, namespace))
    }

    fn at(pod: &Pod, name: Str, namespace: Str) -> Self {
        let is_evicted = pod.status.phase == PodPhase::Failed && pod.status.reason == "Evicted";
        Self { is_evicted: Reverse(is_evicted), created: pod.meta.created(), name, namespace }
    }
}

impl Default for PodGcController {
    fn default() -> Self {
        Self::new(TERMINATED_POD_GC_THRESHOLD)
    }
}

impl Controller for PodGcController {
    const NAME: &'static str = "pod-garbage-collector";
    const WATCHES: &'static [Kind] = &[Kind::Pod, Kind::Node];

    fn queue(&mut self) -> &mut Queue {
        &mut self.queue
    }

    fn handle(&mut self, cx: &EventContext<'_>, delivery: &Delivery<'_>) {
        match delivery.object() {
            Some(Object::Pod(_)) => self.pod_changed(cx, delivery.old_as(), delivery.new_as()),
            Some(Object::Node(node)) => self.node_changed(cx, &node.meta.name, delivery.new_as()),
            _ => return,
        }
        if self.has_work() {
            self.look_at_the_next_tick(cx.clock.now());
        }
    }

    fn heeds(&self) -> Aspects {
        if self.has_work() || self.ended.is_some() || !self.failed.is_empty() {
            return Aspects::ANY;
        }
        // What counts pods that have ended, and finds those whose node is not there.
        let presence = Aspects::ARRIVAL.and(Aspects::DEPARTURE);
        presence.and(Aspects::METADATA).and(Aspects::BINDING).and(Aspects::PHASE)
    }

    fn sync(&mut self, cx: &mut SyncContext<'_>, _key: &NamespacedName) -> Result<(), ApiError> {
        self.next_look = None;
        if !self.failed.is_empty() {
            self.delete_failed(cx);
            return Ok(());
        }
        self.gc_terminated(cx);
        self.gc_terminating(cx);
        self.gc_orphaned(cx);
        self.gc_unscheduled_terminating(cx);
        if self.has_work() {
            self.look_at_the_next_tick(cx.clock().now());
        }
        Ok(())
    }
}

impl PodGcController {
    /// A collector that leaves so many pods that have ended.
    pub(super) fn new(terminated_pod_threshold: usize) -> Self {
        Self {
            queue: Queue::default(),
            terminated_pod_threshold,
            terminated: 0,
            ended: None,
            next_look: None,
            missing_nodes: BTreeMap::new(),
            out_of_service: BTreeSet::new(),
            unscheduled_terminating: BTreeSet::new(),
            failed: Vec::new(),
        }
    }

    fn has_work(&self) -> bool {
        self.terminated > self.terminated_pod_threshold
            || !self.missing_nodes.is_empty()
            || !self.out_of_service.is_empty()
            || !self.unscheduled_terminating.is_empty()
    }

    fn look_at_the_next_tick(&mut self, now: SimTime) {
        let period = GC_CHECK_PERIOD.as_secs();
        let next = SimTime::from_secs((now.as_secs() / period + 1) * period);
        // Of the many pods that end in one period only the first asks the queue.
        if self.next_look.replace(next) == Some(next) {
            return;
        }
        self.queue.add_after_in_background(KEY, next - now, now);
    }

    fn pod_changed(&mut self, cx: &EventContext<'_>, old: Option<&Arc<Pod>>, new: Option<&Arc<Pod>>) {
        let ended = |pod: Option<&Arc<Pod>>| usize::from(pod.is_some_and(|p| p.status.phase.is_terminal()));
        self.terminated = (self.terminated + ended(new)).saturating_sub(ended(old));
        self.note_ended(old, new);
        match new {
            Some(new) => {
                let is_bound = !new.node_name.is_empty();
                if is_bound && old.is_none_or(|old| old.node_name != new.node_name) {
                    self.miss(cx, &new.node_name);
                }
                if !is_bound && new.meta.is_deleting() {
                    self.unscheduled_terminating.insert(new.namespaced_name());
                }
            }
            None if self.unscheduled_terminating.is_empty() => {}
            None => drop(old.map(|old| self.unscheduled_terminating.remove(&old.namespaced_name()))),
        }
    }

    /// Keeps the order of collection, where it is kept.
    fn note_ended(&mut self, old: Option<&Arc<Pod>>, new: Option<&Arc<Pod>>) {
        let has_ended = |pod: Option<&Arc<Pod>>| pod.is_some_and(|pod| pod.status.phase.is_terminal());
        let Some(ended) = self.ended.as_mut().filter(|_| has_ended(old) || has_ended(new)) else { return };
        let (old, new) = (old.and_then(|pod| Ended::of(pod)), new.and_then(|pod| Ended::of(pod)));
        if old == new {
            return;
        }
        if let Some(old) = old {
            ended.remove(&old);
        }
        ended.extend(new);
    }

    fn node_changed(&mut self, cx: &EventContext<'_>, name: &Str, new: Option<&Arc<Node>>) {
        let Some(node) = new else {
            self.out_of_service.remove(name);
            if cx.informers.pods_by_node.has_any(name) {
                self.miss(cx, name);
            }
            return;
        };
        self.missing_nodes.remove(name);
        let taints = node.body.spec.iter().flat_map(|s| s.taints.iter().flatten());
        if taints.into_iter().any(|t| t.key == TAINT_OUT_OF_SERVICE) {
            self.out_of_service.insert(name.clone());
        } else {
            self.out_of_service.remove(name);
        }
    }

    fn miss(&mut self, cx: &EventContext<'_>, node: &Str) {
        if !cx.informers.pods_by_node.has_node(node) {
            self.missing_nodes.entry(node.clone()).or_default();
        }
    }

    /// Pods that have ended, beyond what may stay: evicted ones first, then the oldest.
    fn gc_terminated(&mut self, cx: &mut SyncContext<'_>) {
        let excess = self.terminated.saturating_sub(self.terminated_pod_threshold);
        if excess == 0 {
            return;
        }
        let all = || cx.informers.pods.list(None).into_iter().filter_map(|pod| Ended::of(pod)).collect();
        let ended = self.ended.get_or_insert_with(all);
        let excess: Vec<Ended> = ended.iter().take(excess).cloned().collect();
        for Ended { name, namespace, .. } in excess {
            if let Some(pod) = cx.informers.pods.get(&namespace, &name) {
                self.mark_failed_and_delete_pod(cx, pod, None);
            }
        }
    }

    /// Pods that are being deleted on a node that is declared out of service.
    fn gc_terminating(&mut self, cx: &mut SyncContext<'_>) {
        let mut pods = Vec::new();
        for name in &self.out_of_service {
            let Some(node) = cx.informers.nodes.get("", name) else { continue };
            if !is_node_ready(node) {
                pods.extend(cx.informers.pods_on(name).into_iter().filter(|p| p.meta.is_deleting()));
            }
        }
        for pod in in_order_of_collection(pods) {
            self.mark_failed_and_delete_pod(cx, &pod, None);
        }
    }

    /// Pods on nodes that have been missing for long enough.
    fn gc_orphaned(&mut self, cx: &mut SyncContext<'_>) {
        let now = cx.clock().now();
        let mut due = Vec::new();
        self.missing_nodes.retain(|name, since| {
            let since = *since.get_or_insert(now);
            let is_due = now >= since + QUARANTINE_TIME;
            if is_due {
                due.push(name.clone());
            }
            !is_due
        });
        for name in due {
            if cx.client.get_live::<Node>("", &name).is_ok() {
                continue;
            }
            for pod in &cx.informers.pods_on(&name) {
                let now = cx.clock().time();
                let condition = Condition::new(pod_condition::DISRUPTION_TARGET, ConditionStatus::True, now)
                    .because("DeletionByPodGC", "PodGC: node no longer exists");
                self.mark_failed_and_delete_pod(cx, pod, Some(condition));
            }
        }
    }

    /// Pods that are being deleted and were never on a node.
    fn gc_unscheduled_terminating(&mut self, cx: &mut SyncContext<'_>) {
        for key in self.unscheduled_terminating.clone() {
            match cx.informers.pods.get(&key.namespace, &key.name).map(Arc::clone) {
                Some(pod) if pod.meta.is_deleting() && pod.node_name.is_empty() => {
                    self.mark_failed_and_delete_pod(cx, &pod, None);
                }
                _ => drop(self.unscheduled_terminating.remove(&key)),
            }
        }
    }
}

fn is_node_ready(node: &Node) -> bool {
    let conditions = node.body.status.iter().flat_map(|s| s.conditions.iter().flatten());
    conditions.into_iter().any(|c| c.type_ == "Ready" && c.status == "True")
}

/// The same order for pods that need not have ended.
fn in_order_of_collection(mut pods: Vec<Arc<Pod>>) -> Vec<Arc<Pod>> {
    pods.sort_by_cached_key(|pod| Ended::at(pod, pod.meta.name.clone(), pod.meta.namespace.clone()));
    pods
}

impl PodGcController {
    /// A pod that has not ended is failed first: nobody is there any more who could say so. Its deletion is another call,
    /// and whoever acts on the failure is quicker. Mirrors `markFailedAndDeletePodWithCondition`.
    fn mark_failed_and_delete_pod(&mut self, cx: &mut SyncContext<'_>, pod: &Pod, condition: Option<Condition>) {
        if pod.status.phase.is_terminal() {
            return self.delete(cx, &pod.namespaced_name(), &pod.meta.uid);
        }
        let mut failed = pod.clone();
        failed.status.phase = PodPhase::Failed;
        failed.status.observed_generation = pod.meta.generation;
        if let Some(mut condition) = condition {
            condition.observed_generation = Some(pod.meta.generation);
            failed.status.conditions = set_pod_condition(&pod.status.conditions, condition);
        }
        match cx.client.update_status(failed) {
            Ok(_) => {
                self.failed.push((pod.namespaced_name(), pod.meta.uid.clone()));
                self.queue.add(KEY, 0);
            }
            Err(error) => tracing::debug!(pod = %pod.meta.name, %error, "a pod could not be failed"),
        }
    }

    fn delete_failed(&mut self, cx: &mut SyncContext<'_>) {
        for (name, uid) in std::mem::take(&mut self.failed) {
            self.delete(cx, &name, &uid);
        }
        if self.has_work() {
            self.look_at_the_next_tick(cx.clock().now());
        }
    }

    /// Deletes a pod at once. One that finalizers hold on a node that is gone is looked at again.
    fn delete(&mut self, cx: &mut SyncContext<'_>, name: &NamespacedName, uid: &Uid) {
        let key = ObjectKey::new(Kind::Pod, &name.namespace, &name.name);
        let Some(pod) = cx.client.lookup_live(&key).and_then(|o| Pod::unwrap(&o).map(Arc::clone)) else { return };
        if pod.meta.uid != *uid {
            return;
        }
        let options = DeleteOptions { grace_period_seconds: Some(0), ..DeleteOptions::default() };
        if let Err(error) = cx.client.delete(&key, &options) {
            tracing::debug!(pod = %name, %error, "a pod could not be collected");
        }
        let is_held = cx.client.lookup_live(&key).is_some();
        if is_held && !pod.node_name.is_empty() && cx.informers.nodes.get("", &pod.node_name).is_none() {
            self.missing_nodes.insert(pod.node_name.clone(), None);
        }
    }
}
