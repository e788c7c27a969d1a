//! What wakes the controller, and what it does with a pod on a tainted node.
//!
//! Mirrors pkg/controller/tainteviction/taint_eviction.go (v1.36).

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Taint, Toleration};
use rustc_hash::FxHashMap;
use seatrial_api::{
    ApiError, Condition, ConditionStatus, Kind, NamespacedName, Node, Object, ObjectKey, ObjectMeta, Pod, Resource,
    Str, pod_condition,
};
use seatrial_machinery::{
    Aspects, Controller, DeleteOptions, Delivery, EventContext, EventText, ObjectRef, Queue, SyncContext,
    set_pod_condition,
};

use super::timed_workers::TimedWorkers;
use super::tolerations::{Stay, no_execute_taints, stay};

const REASON: &str = "TaintManagerEviction";
/// The namespace that stands in the keys of nodes; keys of pods have their own.
const NODE: Str = Str::new_static("/node");
/// The prefix of the keys of pods whose time is up.
const FIRE: &str = "/fire/";

/// The taint eviction controller.
#[derive(Debug, Default)]
pub struct TaintEvictionController {
    queue: Queue,
    /// The NoExecute taints of the nodes that have any.
    tainted_nodes: FxHashMap<Str, Vec<Taint>>,
    workers: TimedWorkers,
}

impl Controller for TaintEvictionController {
    const NAME: &'static str = "taint-eviction-controller";
    const WATCHES: &'static [Kind] = &[Kind::Node, Kind::Pod];

    fn queue(&mut self) -> &mut Queue {
        &mut self.queue
    }

    fn handle(&mut self, cx: &EventContext<'_>, delivery: &Delivery<'_>) {
        match delivery.object() {
            Some(Object::Node(node)) => {
                let (old, new) = (delivery.old_as::<Node>(), delivery.new_as::<Node>());
                let taints = |n: &'_ Arc<Node>| no_execute_taints(&n.body).cloned().collect::<Vec<_>>();
                // Vectors of nothing cost nothing, and most nodes have no taints.
                if old.map(taints).unwrap_or_default() != new.map(taints).unwrap_or_default() {
                    self.queue.add(NamespacedName { namespace: NODE, name: node.meta.name.clone() }, cx.cause);
                }
            }
            Some(Object::Pod(_)) if !self.tainted_nodes.is_empty() || !self.workers.is_empty() => {
                self.pod_updated(cx, delivery.old_as(), delivery.new_as());
            }
            _ => {}
        }
    }

    fn heeds(&self) -> Aspects {
        Aspects::ANY.when(!self.tainted_nodes.is_empty() || !self.workers.is_empty())
    }

    fn sync(&mut self, cx: &mut SyncContext<'_>, key: &NamespacedName) -> Result<(), ApiError> {
        if key.namespace == NODE {
            self.handle_node_update(cx, &key.name);
        } else if let Some(namespace) = key.namespace.strip_prefix(FIRE) {
            self.fire(cx, &NamespacedName { namespace: namespace.into(), name: key.name.clone() });
        } else {
            self.handle_pod_update(cx, key);
        }
        Ok(())
    }
}

impl TaintEvictionController {
    /// Only where a pod is and what it tolerates counts. Mirrors `PodUpdated`.
    fn pod_updated(&mut self, cx: &EventContext<'_>, old: Option<&Arc<Pod>>, new: Option<&Arc<Pod>>) {
        let same = |old: &Pod, new: &Pod| {
            old.node_name == new.node_name
                && (Arc::ptr_eq(&old.spec, &new.spec) || tolerations(old) == tolerations(new))
        };
        let is_same = old.zip(new).is_some_and(|(old, new)| same(old, new));
        if let Some(pod) = new.or(old).filter(|_| !is_same) {
            self.queue.add(pod.namespaced_name(), cx.cause);
        }
    }

    fn handle_pod_update(&mut self, cx: &mut SyncContext<'_>, key: &NamespacedName) {
        let Some(pod) = cx.informers.pods.get(&key.namespace, &key.name).map(Arc::clone) else {
            return self.cancel_work_with_event(cx, key);
        };
        let Some(taints) = self.tainted_nodes.get(&pod.node_name).cloned() else { return };
        self.process_pod_on_node(cx, &pod, &taints);
    }

    fn handle_node_update(&mut self, cx: &mut SyncContext<'_>, name: &Str) {
        let Some(node) = cx.informers.nodes.get("", name).map(Arc::clone) else {
            self.tainted_nodes.remove(name);
            return;
        };
        let taints: Vec<Taint> = no_execute_taints(&node.body).cloned().collect();
        if taints.is_empty() {
            self.tainted_nodes.remove(name);
            if self.workers.is_empty() {
                return;
            }
        } else {
            self.tainted_nodes.insert(name.clone(), taints.clone());
        }
        for pod in cx.informers.pods_on(name) {
            if taints.is_empty() {
                self.cancel_work_with_event(cx, &pod.namespaced_name());
            } else {
                self.process_pod_on_node(cx, &pod, &taints);
            }
        }
    }

    fn process_pod_on_node(&mut self, cx: &mut SyncContext<'_>, pod: &Pod, taints: &[Taint]) {
        let key = pod.namespaced_name();
        let now = cx.clock().now();
        match stay(taints, tolerations(pod)) {
            Stay::NotAtAll => {
                self.cancel_work_with_event(cx, &key);
                if self.workers.add_work(&key, now) {
                    self.fire(cx, &key);
                }
            }
            Stay::Forever => self.cancel_work_with_event(cx, &key),
            Stay::For(time) => {
                // A deletion that is planned already is kept: its time began earlier.
                if self.workers.is_waiting(&key) || !self.workers.add_work(&key, now + time) {
                    return;
                }
                if time.is_zero() {
                    return self.fire(cx, &key);
                }
                self.queue.add_after_in_background(fire_key(&key), time, now);
            }
        }
    }

    /// A pod's time is up, unless it was given more.
    fn fire(&mut self, cx: &mut SyncContext<'_>, key: &NamespacedName) {
        let now = cx.clock().now();
        match self.workers.fires_at(key) {
            Some(at) if at > now => self.queue.add_after_in_background(fire_key(key), at - now, now),
            Some(_) => {
                emit(cx, key, &format!("Marking for deletion Pod {}/{}", key.namespace, key.name));
                let deleted = add_condition_and_delete_pod(cx, key);
                self.workers.done(key, deleted.is_ok());
            }
            None => {}
        }
    }

    fn cancel_work_with_event(&mut self, cx: &mut SyncContext<'_>, key: &NamespacedName) {
        if self.workers.cancel_work(key) {
            emit(cx, key, &format!("Cancelling deletion of Pod {}/{}", key.namespace, key.name));
        }
    }
}

fn fire_key(key: &NamespacedName) -> NamespacedName {
    NamespacedName { namespace: format!("{FIRE}{}", key.namespace).into(), name: key.name.clone() }
}

fn tolerations(pod: &Pod) -> &[Toleration] {
    pod.spec.api().tolerations.as_deref().unwrap_or_default()
}

/// The controller's events name the pod and do not tell its uid.
fn emit(cx: &mut SyncContext<'_>, key: &NamespacedName, text: &str) {
    let meta = ObjectMeta { name: key.name.clone(), namespace: key.namespace.clone(), ..ObjectMeta::default() };
    let about = ObjectRef::new(Kind::Pod, &meta);
    cx.client.event(&about, &EventText::normal(REASON, text));
}

/// Mirrors `addConditionAndDeletePod`.
fn add_condition_and_delete_pod(cx: &mut SyncContext<'_>, key: &NamespacedName) -> Result<(), ApiError> {
    if let Ok(pod) = cx.client.get_live::<Pod>(&key.namespace, &key.name) {
        let mut condition = Condition::new(pod_condition::DISRUPTION_TARGET, ConditionStatus::True, cx.clock().time())
            .because("DeletionByTaintManager", "Taint manager: deleting due to NoExecute taint");
        condition.observed_generation = Some(pod.meta.generation);
        let conditions = set_pod_condition(&pod.status.conditions, condition);
        if conditions != pod.status.conditions {
            let mut marked = Pod::clone(&pod);
            marked.status.conditions = conditions;
            cx.client.update_status(marked)?;
        }
    }
    let key = ObjectKey::new(Kind::Pod, &key.namespace, &key.name);
    cx.client.delete(&key, &DeleteOptions::default())
}
