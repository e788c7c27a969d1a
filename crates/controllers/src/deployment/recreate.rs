//! Recreate: every old pod goes before the first new one comes.
//!
//! Mirrors pkg/controller/deployment/recreate.go (v1.36).

use std::borrow::Cow;
use std::sync::Arc;

use seatrial_api::{ApiError, Deployment, ReplicaSet};
use seatrial_machinery::{Informers, SyncContext};

use super::controller::DeploymentController;
use super::progress::deployment_complete;
use super::replica_sets::{CreateIfNotExisted, ReplicaSets};
use super::scale::scale_replica_set_and_record_event;
use super::util::active;

impl DeploymentController {
    /// One step of a recreation. Mirrors `rolloutRecreate`.
    pub(super) fn rollout_recreate(
        &mut self,
        cx: &mut SyncContext<'_>,
        mut deployment: Arc<Deployment>,
        rs_list: Cow<'_, [Arc<ReplicaSet>]>,
    ) -> Result<(), ApiError> {
        let again = rs_list.clone();
        let mut sets =
            self.get_all_replica_sets_and_sync_revision(cx, &mut deployment, rs_list, CreateIfNotExisted::No)?;
        let mut scaled_down = false;
        for old in active(sets.old()) {
            scale_replica_set_and_record_event(cx, &old, 0, &deployment, &mut sets)?;
            scaled_down = true;
        }
        if scaled_down || old_pods_running(cx.informers, &sets) {
            return self.sync_rollout_status(cx, &deployment, &sets).map(drop);
        }
        if sets.new_rs().is_none() {
            sets = self.get_all_replica_sets_and_sync_revision(cx, &mut deployment, again, CreateIfNotExisted::Yes)?;
        }
        if let Some(new_rs) = sets.new_rs().cloned() {
            let wanted = deployment.spec.replicas;
            scale_replica_set_and_record_event(cx, &new_rs, wanted, &deployment, &mut sets)?;
        }
        if deployment_complete(&deployment, &deployment.status) {
            self.cleanup_deployment(cx, &sets, &deployment)?;
        }
        self.sync_rollout_status(cx, &deployment, &sets).map(drop)
    }
}

/// Whether a pod of an old revision may still run; those on their way out count. Mirrors `oldPodsRunning`.
fn old_pods_running(informers: &Informers, sets: &ReplicaSets<'_>) -> bool {
    if sets.old().any(|rs| rs.status.replicas > 0) {
        return true;
    }
    let mut pods = sets.old().flat_map(|rs| informers.pods.pods_owned_by(&rs.meta.uid));
    pods.any(|pod| !pod.status.phase.is_terminal())
}
