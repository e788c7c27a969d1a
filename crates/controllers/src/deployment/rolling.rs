//! Rolling update: moves pods from old ReplicaSets to the new one within the surge and unavailability bounds.
//!
//! Mirrors pkg/controller/deployment/rolling.go (v1.36).
//! Invariant: one call changes either the new set or the old sets; the next sync does the rest.

use std::borrow::Cow;
use std::sync::Arc;

use seatrial_api::{ApiError, Deployment, ReplicaSet};
use seatrial_machinery::SyncContext;

use super::controller::DeploymentController;
use super::progress::deployment_complete;
use super::replica_sets::{CreateIfNotExisted, ReplicaSets};
use super::scale::scale_replica_set_and_record_event;
use super::util::{active, new_rs_new_replicas};

impl DeploymentController {
    /// One step of a rolling update. Mirrors `rolloutRolling`.
    pub(super) fn rollout_rolling(
        &mut self,
        cx: &mut SyncContext<'_>,
        mut deployment: Arc<Deployment>,
        rs_list: Cow<'_, [Arc<ReplicaSet>]>,
    ) -> Result<(), ApiError> {
        let sets =
            self.get_all_replica_sets_and_sync_revision(cx, &mut deployment, rs_list, CreateIfNotExisted::Yes)?;
        if sets.are_as_cached() {
            self.known.note_in_order(&deployment, &sets);
        }
        self.roll(cx, &deployment, sets)
    }

    /// The step itself, when everything before it is in order.
    pub(super) fn roll(
        &mut self,
        cx: &mut SyncContext<'_>,
        deployment: &Arc<Deployment>,
        mut sets: ReplicaSets<'_>,
    ) -> Result<(), ApiError> {
        let writes = cx.client.writes();
        if reconcile_new_replica_set(cx, deployment, &mut sets)? {
            return self.sync_rollout_status(cx, deployment, &sets).map(drop);
        }
        // Failures of single sets only mean that less was scaled: the next sync looks again.
        let reconciled = reconcile_old_replica_sets(cx, deployment, &mut sets);
        if reconciled == Ok(true) {
            return self.sync_rollout_status(cx, deployment, &sets).map(drop);
        }
        let was_complete = deployment_complete(deployment, &deployment.status);
        if was_complete {
            self.cleanup_deployment(cx, &sets, deployment)?;
        }
        let is_at_rest = reconciled.is_ok() && cx.client.writes() == writes && sets.are_as_cached();
        let updated = self.sync_rollout_status(cx, deployment, &sets)?;
        let left = updated.as_ref().unwrap_or(deployment);
        // The status is worked out of the same sets once more, and comes out the same; but one that has just become
        // complete has its history looked through first.
        if is_at_rest && was_complete == deployment_complete(left, &left.status) {
            self.known.note_settled(left, &sets);
        }
        Ok(())
    }
}

/// Brings the new set to the size it may have now; returns whether it changed.
fn reconcile_new_replica_set(
    cx: &mut SyncContext<'_>,
    deployment: &Deployment,
    sets: &mut ReplicaSets<'_>,
) -> Result<bool, ApiError> {
    let Some(new_rs) = sets.new_rs() else { return Ok(false) };
    let (size, wanted) = (new_rs.spec.replicas, deployment.spec.replicas);
    if size == wanted {
        return Ok(false);
    }
    let next = match size > wanted {
        true => wanted,
        false => new_rs_new_replicas(&deployment.spec, sets.bounds, sets.counts().wanted, size),
    };
    if next == size {
        return Ok(false);
    }
    let new_rs = Arc::clone(new_rs);
    scale_replica_set_and_record_event(cx, &new_rs, next, deployment, sets)?;
    Ok(true)
}

/// Takes pods from the old sets, as many as can be spared; returns whether any set changed.
fn reconcile_old_replica_sets(
    cx: &mut SyncContext<'_>,
    deployment: &Deployment,
    sets: &mut ReplicaSets<'_>,
) -> Result<bool, ApiError> {
    let counts = sets.counts();
    let (new_rs_wanted, new_rs_available) =
        sets.new_rs().map_or((0, 0), |rs| (rs.spec.replicas, rs.status.available_replicas));
    if counts.wanted == new_rs_wanted {
        return Ok(false);
    }
    let min_available = sets.bounds.min_available(&deployment.spec);
    let max_scaled_down = counts.wanted - min_available - (new_rs_wanted - new_rs_available);
    if max_scaled_down <= 0 {
        return Ok(false);
    }
    // What is available is counted before the unhealthy pods go: those are not.
    let spare = counts.available - min_available;
    let mut cleaned = sets.clone();
    let unhealthy = cleanup_unhealthy_replicas(cx, deployment, max_scaled_down, &mut cleaned)?;
    *sets = cleaned;
    let healthy = scale_down_old_replica_sets(cx, deployment, spare, sets)?;
    Ok(unhealthy + healthy > 0)
}

/// Takes pods that are not available first: they are missed by nobody. Mirrors `cleanupUnhealthyReplicas`.
fn cleanup_unhealthy_replicas(
    cx: &mut SyncContext<'_>,
    deployment: &Deployment,
    budget: i32,
    sets: &mut ReplicaSets<'_>,
) -> Result<i32, ApiError> {
    let mut total = 0;
    for rs in active(sets.old()) {
        if total >= budget {
            break;
        }
        let unavailable = rs.spec.replicas - rs.status.available_replicas;
        if unavailable == 0 {
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
        scale_replica_set_and_record_event(cx, &rs, size, deployment, sets)?;
        total += count;
    }
    Ok(total)
}

/// Takes available pods as far as enough of them remain. Mirrors `scaleDownOldReplicaSetsForRollingUpdate`.
fn scale_down_old_replica_sets(
    cx: &mut SyncContext<'_>,
    deployment: &Deployment,
    spare: i32,
    sets: &mut ReplicaSets<'_>,
) -> Result<i32, ApiError> {
    let mut total = 0;
    if spare <= 0 {
        return Ok(total);
    }
    for rs in active(sets.old()) {
        if total >= spare {
            break;
        }
        let count = rs.spec.replicas.min(spare - total);
        scale_replica_set_and_record_event(cx, &rs, rs.spec.replicas - count, deployment, sets)?;
        total += count;
    }
    Ok(total)
}
