//! The controller's decision list.
//!
//! Mirrors pkg/controller/deployment/deployment_controller.go (v1.36).

use std::borrow::Cow;
use std::sync::Arc;

use seatrial_api::{ApiError, Deployment, DeploymentStrategy, Kind, NamespacedName};
use seatrial_machinery::{Aspects, Controller, Delivery, EventContext, EventText, ObjectRef, Queue, SyncContext};

use super::known::{Finding, KnownDeployments};
use super::progress::is_progress_in_order;
use super::replica_sets::ReplicaSets;
use super::rollback::ANNOTATION_ROLLBACK_TO;
use super::templates::TemplateComparisons;

/// How often a failed sync is tried again before the key is dropped until its next event.
const RETRIES_MAX: u32 = 15;
const REASON_SELECTING_ALL: &str = "SelectingAll";
const MESSAGE_SELECTING_ALL: &str = "This deployment is selecting all pods. A non-empty selector is required.";

/// The Deployment controller.
#[derive(Debug, Default)]
pub struct DeploymentController {
    pub(super) queue: Queue,
    pub(super) templates: TemplateComparisons,
    pub(super) known: KnownDeployments,
}

impl Controller for DeploymentController {
    const NAME: &'static str = "deployment-controller";
    const WATCHES: &'static [Kind] = &[Kind::Deployment, Kind::ReplicaSet, Kind::Pod];

    fn queue(&mut self) -> &mut Queue {
        &mut self.queue
    }

    fn handle(&mut self, cx: &EventContext<'_>, delivery: &Delivery<'_>) {
        self.on_delivery(cx, delivery);
    }

    fn heeds(&self) -> Aspects {
        Aspects::DEPARTURE
    }

    fn sync(&mut self, cx: &mut SyncContext<'_>, key: &NamespacedName) -> Result<(), ApiError> {
        self.sync_deployment(cx, key)
    }

    fn handle_error(&mut self, cx: &SyncContext<'_>, key: &NamespacedName, error: &ApiError) {
        if error.has_cause("NamespaceTerminating") || self.queue.num_requeues(key) >= RETRIES_MAX {
            self.queue.forget(key);
            return;
        }
        self.queue.add_rate_limited(key.clone(), cx.clock().now());
    }
}

impl DeploymentController {
    fn sync_deployment(&mut self, cx: &mut SyncContext<'_>, key: &NamespacedName) -> Result<(), ApiError> {
        let informers = cx.informers;
        let Some(deployment) = informers.deployments.synced(cx, key) else { return Ok(()) };
        let owned = informers.replica_sets_by_owner.owned_by(&deployment.meta.uid);
        if informers.replica_sets_by_owner.orphans(&deployment.meta.namespace).is_empty() {
            match self.known.finding(deployment, owned) {
                Some(Finding::Settled) if self.is_still_settled(cx, deployment) => return Ok(()),
                Some(Finding::InOrder { new, bounds }) if is_progress_in_order(deployment) => {
                    return self.roll(cx, deployment, ReplicaSets::new(Cow::Borrowed(owned), Some(new), bounds));
                }
                _ => {}
            }
        }
        self.sync_from_the_start(cx, deployment)
    }

    fn sync_from_the_start(&mut self, cx: &mut SyncContext<'_>, deployment: &Arc<Deployment>) -> Result<(), ApiError> {
        if deployment.spec.selector.is_empty() {
            return refuse_to_select_all(cx, deployment);
        }
        let rs_list = self.get_replica_sets_for_deployment(cx, deployment)?;
        let mut deployment = Arc::clone(deployment);
        if deployment.meta.is_deleting() {
            return self.sync_status_only(cx, deployment, rs_list);
        }
        self.check_paused_conditions(cx, &mut deployment)?;
        if deployment.spec.paused {
            return self.sync_scaling(cx, deployment, rs_list);
        }
        // Rolling back is not re-entrant: it ends with an update of the Deployment, whose event starts the next sync.
        if deployment.meta.annotations.contains_key(ANNOTATION_ROLLBACK_TO) {
            return self.rollback(cx, deployment, rs_list);
        }
        if super::scale::is_scaling_event(&deployment, &rs_list) {
            return self.sync_scaling(cx, deployment, rs_list);
        }
        match deployment.spec.strategy {
            DeploymentStrategy::Recreate => self.rollout_recreate(cx, deployment, rs_list),
            DeploymentStrategy::RollingUpdate { .. } => self.rollout_rolling(cx, deployment, rs_list),
        }
    }
}

fn refuse_to_select_all(cx: &mut SyncContext<'_>, deployment: &Arc<Deployment>) -> Result<(), ApiError> {
    let text = EventText::warning(REASON_SELECTING_ALL, MESSAGE_SELECTING_ALL);
    cx.client.event(&ObjectRef::of(&**deployment), &text);
    if deployment.status.observed_generation < deployment.meta.generation {
        let mut new = Deployment::clone(deployment);
        new.status.observed_generation = new.meta.generation;
        cx.client.update_status(new)?;
    }
    Ok(())
}
