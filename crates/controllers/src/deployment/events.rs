//! What wakes the controller: which Deployments a change is about.
//!
//! Mirrors pkg/controller/deployment/deployment_controller.go (handlers) (v1.36).

use std::sync::Arc;

use seatrial_api::{Deployment, DeploymentStrategy, Object, ObjectMeta, Pod, ReplicaSet};
use seatrial_machinery::{Delivery, EventContext, Informers};

use super::controller::DeploymentController;

impl DeploymentController {
    pub(super) fn on_delivery(&mut self, cx: &EventContext<'_>, delivery: &Delivery<'_>) {
        match delivery.object() {
            Some(Object::Deployment(deployment)) => {
                if delivery.new.is_none() {
                    self.known.forget(deployment);
                }
                self.enqueue(cx, deployment);
            }
            Some(Object::ReplicaSet(_)) => self.on_replica_set(cx, delivery),
            Some(Object::Pod(pod)) if delivery.new.is_none() => self.delete_pod(cx, pod),
            _ => {}
        }
    }

    fn enqueue(&mut self, cx: &EventContext<'_>, deployment: &Deployment) {
        self.queue.add_object(deployment, cx.cause);
    }

    fn on_replica_set(&mut self, cx: &EventContext<'_>, delivery: &Delivery<'_>) {
        match (delivery.old_as::<ReplicaSet>(), delivery.new_as::<ReplicaSet>()) {
            (None, Some(new)) => self.add_replica_set(cx, new),
            (Some(old), Some(new)) => self.update_replica_set(cx, old, new),
            (Some(old), None) => self.enqueue_controller(cx, &old.meta),
            (None, None) => {}
        }
    }

    fn add_replica_set(&mut self, cx: &EventContext<'_>, rs: &ReplicaSet) {
        if rs.meta.controller_of().is_some() {
            self.enqueue_controller(cx, &rs.meta);
        } else {
            self.enqueue_deployments_for_replica_set(cx, rs);
        }
    }

    fn update_replica_set(&mut self, cx: &EventContext<'_>, old: &ReplicaSet, new: &ReplicaSet) {
        let (old_owner, new_owner) = (old.meta.controller_of(), new.meta.controller_of());
        let owner_changed = !old.meta.owner_references.ptr_eq(&new.meta.owner_references) && old_owner != new_owner;
        if owner_changed && old_owner.is_some() {
            self.enqueue_controller(cx, &old.meta);
        }
        if new_owner.is_some() {
            self.enqueue_controller(cx, &new.meta);
        } else if owner_changed || old.meta.labels != new.meta.labels {
            self.enqueue_deployments_for_replica_set(cx, new);
        }
    }

    /// A pod that is gone matters to a Recreate Deployment which waits for the last one.
    fn delete_pod(&mut self, cx: &EventContext<'_>, pod: &Pod) {
        let Some(deployment) = get_deployment_for_pod(cx.informers, pod) else { return };
        if deployment.spec.strategy != DeploymentStrategy::Recreate {
            return;
        }
        let replica_sets = cx.informers.replica_sets_by_owner.owned_by(&deployment.meta.uid);
        let has_pods = replica_sets
            .iter()
            .any(|rs| cx.informers.pods.owned_by(&rs.meta.uid).is_some_and(|owned| !owned.is_empty()));
        if !has_pods {
            self.enqueue(cx, deployment);
        }
    }

    fn enqueue_controller(&mut self, cx: &EventContext<'_>, meta: &ObjectMeta) {
        if let Some(deployment) = cx.informers.deployments.controller_of(meta) {
            self.enqueue(cx, deployment);
        }
    }

    fn enqueue_deployments_for_replica_set(&mut self, cx: &EventContext<'_>, rs: &ReplicaSet) {
        if rs.meta.labels.is_empty() {
            return;
        }
        for deployment in cx.informers.deployments.list(Some(&rs.meta.namespace)) {
            if !deployment.spec.selector.is_empty() && deployment.spec.selector.matches(&rs.meta.labels) {
                self.enqueue(cx, deployment);
            }
        }
    }
}

fn get_deployment_for_pod<'a>(informers: &'a Informers, pod: &Pod) -> Option<&'a Arc<Deployment>> {
    let rs = informers.replica_sets.controller_of(&pod.meta)?;
    informers.deployments.controller_of(&rs.meta)
}
