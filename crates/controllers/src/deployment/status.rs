//! A Deployment's status and its conditions.
//!
//! Mirrors pkg/controller/deployment/sync.go (`calculateStatus`) and util/deployment_util.go (conditions) (v1.36).

use std::borrow::Cow;
use std::sync::Arc;

use seatrial_api::{ApiError, Condition, ConditionStatus, Conditions, Deployment, DeploymentStatus, ReplicaSet, Str};
use seatrial_machinery::SyncContext;

use super::controller::DeploymentController;
use super::replica_sets::{CreateIfNotExisted, ReplicaSets};

pub(super) const AVAILABLE: &str = "Available";
pub(super) const PROGRESSING: &str = "Progressing";
pub(super) const REPLICA_FAILURE: &str = "ReplicaFailure";
pub(super) const REASON_NEW_RS_CREATED: &str = "NewReplicaSetCreated";
pub(super) const REASON_FOUND_NEW_RS: &str = "FoundNewReplicaSet";
pub(super) const REASON_FAILED_RS_CREATE: &str = "ReplicaSetCreateError";
const REASON_MINIMUM_AVAILABLE: &str = "MinimumReplicasAvailable";
const REASON_MINIMUM_UNAVAILABLE: &str = "MinimumReplicasUnavailable";

/// A condition of a Deployment, written now. Mirrors `NewDeploymentCondition`.
pub(super) fn deployment_condition(
    cx: &SyncContext<'_>,
    type_: &'static str,
    status: ConditionStatus,
    reason: &'static str,
    message: impl Into<Str>,
) -> Condition {
    let now = cx.clock().time();
    let condition = Condition::new(Str::new_static(type_), status, now).because(Str::new_static(reason), message);
    Condition { last_update_time: Some(now), ..condition }
}

/// Sets a condition: the same status and reason are left untouched, anything else goes to the end.
/// Mirrors `SetDeploymentCondition`.
pub(super) fn set_deployment_condition(status: &mut DeploymentStatus, mut condition: Condition) {
    if let Some(current) = status.conditions.get(&condition.type_) {
        if current.status == condition.status && current.reason == condition.reason {
            return;
        }
        if current.status == condition.status {
            condition.last_transition_time = current.last_transition_time;
        }
    }
    status.conditions = status.conditions.with_last(condition);
}

impl DeploymentController {
    /// Refreshes the status of a Deployment on its way out. Mirrors `syncStatusOnly`.
    pub(super) fn sync_status_only(
        &mut self,
        cx: &mut SyncContext<'_>,
        mut deployment: Arc<Deployment>,
        rs_list: Cow<'_, [Arc<ReplicaSet>]>,
    ) -> Result<(), ApiError> {
        let sets = self.get_all_replica_sets_and_sync_revision(cx, &mut deployment, rs_list, CreateIfNotExisted::No)?;
        self.sync_deployment_status(cx, &deployment, &sets)
    }

    /// Writes the counters and the Available condition, where they changed. Mirrors `syncDeploymentStatus`.
    pub(super) fn sync_deployment_status(
        &mut self,
        cx: &mut SyncContext<'_>,
        deployment: &Deployment,
        sets: &ReplicaSets<'_>,
    ) -> Result<(), ApiError> {
        let status = calculate_status(cx, sets, deployment);
        write_status(cx, deployment, status).map(drop)
    }
}

/// Writes a status where it differs; returns the Deployment if it was written.
pub(super) fn write_status(
    cx: &mut SyncContext<'_>,
    deployment: &Deployment,
    status: DeploymentStatus,
) -> Result<Option<Arc<Deployment>>, ApiError> {
    if status == deployment.status {
        return Ok(None);
    }
    let new = Deployment { meta: deployment.meta.clone(), spec: Arc::clone(&deployment.spec), status };
    cx.client.update_status(new).map(Some)
}

/// What the status should be, the progress left as it is. Mirrors `calculateStatus`.
pub(super) fn calculate_status(
    cx: &SyncContext<'_>,
    sets: &ReplicaSets<'_>,
    deployment: &Deployment,
) -> DeploymentStatus {
    let counts = sets.counts();
    let mut status = DeploymentStatus {
        observed_generation: deployment.meta.generation,
        replicas: counts.replicas,
        updated_replicas: sets.new_rs().map_or(0, |rs| rs.status.replicas),
        ready_replicas: counts.ready,
        available_replicas: counts.available,
        unavailable_replicas: (counts.wanted - counts.available).max(0),
        terminating_replicas: counts.terminating,
        collision_count: deployment.status.collision_count,
        conditions: deployment.status.conditions.clone(),
    };
    let available = counts.available >= sets.bounds.min_available(&deployment.spec);
    let (reason, message) = if available {
        (REASON_MINIMUM_AVAILABLE, "Deployment has minimum availability.")
    } else {
        (REASON_MINIMUM_UNAVAILABLE, "Deployment does not have minimum availability.")
    };
    if needs_condition(&status.conditions, available.into(), reason) {
        let condition = deployment_condition(cx, AVAILABLE, available.into(), reason, Str::new_static(message));
        set_deployment_condition(&mut status, condition);
    }
    status
}

/// Whether setting the Available condition would change anything; most syncs end here without building one.
fn needs_condition(conditions: &Conditions, status: ConditionStatus, reason: &str) -> bool {
    conditions.get(AVAILABLE).is_none_or(|c| c.status != status || c.reason != *reason)
}
