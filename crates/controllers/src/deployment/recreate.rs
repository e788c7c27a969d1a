//! Recreate: every old pod goes before the first new one comes.
//!
//! Mirrors pkg/controller/deployment/recreate.go (v1.36).

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
        deployment: &Arc<Deployment>,
        rs_list: &[Arc<ReplicaSet>],
    ) -> Result<(), ApiError> {
        let mut deployment = Arc::clone(deployment);
        let mut sets =
            self.get_all_replica_sets_and_sync_revision(cx, &mut deployment, rs_list, CreateIfNotExisted::No)?;
        let mut scaled_down = false;
        for old in active(&sets.old) {
            let scaled = scale_replica_set_and_record_event(cx, &old, 0, &deployment)?;
            sets.replace(&scaled);
            scaled_down = true;
        }
        if scaled_down || old_pods_running(cx.informers, &sets) {
            return self.sync_rollout_status(cx, &deployment, &sets);
        }
        if sets.new.is_none() {
            sets =
                self.get_all_replica_sets_and_sync_revision(cx, &mut deployment, rs_list, CreateIfNotExisted::Yes)?;
        }
        if let Some(new_rs) = sets.new.clone() {
            let scaled = scale_replica_set_and_record_event(cx, &new_rs, deployment.spec.replicas, &deployment)?;
            sets.replace(&scaled);
        }
        if deployment_complete(&deployment, &deployment.status) {
            self.cleanup_deployment(cx, &sets.old, &deployment)?;
        }
        self.sync_rollout_status(cx, &deployment, &sets)
    }
}

/// Whether a pod of an old revision may still run; those on their way out count. Mirrors `oldPodsRunning`.
fn old_pods_running(informers: &Informers, sets: &ReplicaSets) -> bool {
    if sets.old.iter().any(|rs| rs.status.replicas > 0) {
        return true;
    }
    let pods = sets.old.iter().filter_map(|rs| informers.pods.owned_by(&rs.meta.uid));
    pods.flat_map(|owned| owned.pods()).any(|pod| !pod.status.phase.is_terminal())
}
