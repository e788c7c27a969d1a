//! Rolling update: moves pods from old ReplicaSets to the new one within the surge and unavailability bounds.
//!
//! Mirrors pkg/controller/deployment/rolling.go (v1.36).
//! Invariant: one call changes either the new set or the old sets; the next sync does the rest.

use std::sync::Arc;

use seatrial_api::{ApiError, Deployment, ReplicaSet};
use seatrial_machinery::SyncContext;

use super::controller::DeploymentController;
use super::progress::deployment_complete;
use super::replica_sets::{CreateIfNotExisted, ReplicaSets};
use super::scale::scale_replica_set_and_record_event;
use super::util::{active, max_unavailable, new_rs_new_replicas, replica_count};

impl DeploymentController {
    /// One step of a rolling update. Mirrors `rolloutRolling`.
    pub(super) fn rollout_rolling(
        &mut self,
        cx: &mut SyncContext<'_>,
        deployment: &Arc<Deployment>,
        rs_list: &[Arc<ReplicaSet>],
    ) -> Result<(), ApiError> {
        let mut deployment = Arc::clone(deployment);
        let mut sets =
            self.get_all_replica_sets_and_sync_revision(cx, &mut deployment, rs_list, CreateIfNotExisted::Yes)?;
        if reconcile_new_replica_set(cx, &deployment, &mut sets)? {
            return self.sync_rollout_status(cx, &deployment, &sets);
        }
        if reconcile_old_replica_sets(cx, &deployment, &mut sets) {
            return self.sync_rollout_status(cx, &deployment, &sets);
        }
        if deployment_complete(&deployment, &deployment.status) {
            self.cleanup_deployment(cx, &sets.old, &deployment)?;
        }
        self.sync_rollout_status(cx, &deployment, &sets)
    }
}

/// Brings the new set to the size it may have now; returns whether it changed.
fn reconcile_new_replica_set(
    cx: &mut SyncContext<'_>,
    deployment: &Arc<Deployment>,
    sets: &mut ReplicaSets,
) -> Result<bool, ApiError> {
    let Some(new_rs) = sets.new.clone() else { return Ok(false) };
    let (size, wanted) = (new_rs.spec.replicas, deployment.spec.replicas);
    if size == wanted {
        return Ok(false);
    }
    let current = sets.iter().map(|rs| rs.spec.replicas).sum();
    let next = if size > wanted { wanted } else { new_rs_new_replicas(deployment, current, size) };
    let scaled = scale_replica_set_and_record_event(cx, &new_rs, next, deployment)?;
    sets.replace(&scaled);
    Ok(next != size)
}

/// Takes pods from the old sets, as many as can be spared; returns whether any set changed.
///
/// Failures of single sets only mean that less was scaled: the next sync looks again.
fn reconcile_old_replica_sets(cx: &mut SyncContext<'_>, deployment: &Arc<Deployment>, sets: &mut ReplicaSets) -> bool {
    let old_count = replica_count(&sets.old);
    if old_count == 0 {
        return false;
    }
    let min_available = deployment.spec.replicas - max_unavailable(deployment);
    let new_rs_unavailable = sets.new.as_ref().map_or(0, |rs| rs.spec.replicas - rs.status.available_replicas);
    let all_count = old_count + sets.new.as_ref().map_or(0, |rs| rs.spec.replicas);
    let max_scaled_down = all_count - min_available - new_rs_unavailable;
    if max_scaled_down <= 0 {
        return false;
    }
    // What is available is counted before the unhealthy pods go: those are not.
    let spare = sets.iter().map(|rs| rs.status.available_replicas).sum::<i32>() - min_available;
    let old_rss = active(&sets.old);
    let Ok((old_rss, unhealthy)) = cleanup_unhealthy_replicas(cx, old_rss, deployment, max_scaled_down) else {
        return false;
    };
    old_rss.iter().for_each(|rs| sets.replace(rs));
    let Ok(healthy) = scale_down_old_replica_sets(cx, &old_rss, deployment, spare, sets) else { return false };
    unhealthy + healthy > 0
}

/// Takes pods that are not available first: they are missed by nobody. Mirrors `cleanupUnhealthyReplicas`.
fn cleanup_unhealthy_replicas(
    cx: &mut SyncContext<'_>,
    mut old_rss: Vec<Arc<ReplicaSet>>,
    deployment: &Arc<Deployment>,
    budget: i32,
) -> Result<(Vec<Arc<ReplicaSet>>, i32), ApiError> {
    let mut total = 0;
    for rs in &mut old_rss {
        if total >= budget {
            break;
        }
        let unavailable = rs.spec.replicas - rs.status.available_replicas;
        if rs.spec.replicas == 0 || unavailable == 0 {
            continue;
        }
        let count = (budget - total).min(unavailable);
        let size = rs.spec.replicas - count;
        if size > rs.spec.replicas {
            // The set was scaled and has not reported since: what it says of its pods is of no use yet.
            return Err(ApiError::unknown(format!(
                "when cleaning up unhealthy replicas, got invalid request to scale down {}/{} {} -> {size}",
                rs.meta.namespace, rs.meta.name, rs.spec.replicas
            )));
        }
        *rs = scale_replica_set_and_record_event(cx, rs, size, deployment)?;
        total += count;
    }
    Ok((old_rss, total))
}

/// Takes available pods as far as enough of them remain. Mirrors `scaleDownOldReplicaSetsForRollingUpdate`.
fn scale_down_old_replica_sets(
    cx: &mut SyncContext<'_>,
    old_rss: &[Arc<ReplicaSet>],
    deployment: &Arc<Deployment>,
    spare: i32,
    sets: &mut ReplicaSets,
) -> Result<i32, ApiError> {
    let mut total = 0;
    for rs in old_rss.iter().filter(|rs| rs.spec.replicas > 0) {
        if total >= spare {
            break;
        }
        let count = rs.spec.replicas.min(spare - total);
        let scaled = scale_replica_set_and_record_event(cx, rs, rs.spec.replicas - count, deployment)?;
        sets.replace(&scaled);
        total += count;
    }
    Ok(total)
}
