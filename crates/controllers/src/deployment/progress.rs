//! Whether a rollout moves: the Progressing condition, its deadline, and failures of ReplicaSets.
//!
//! Mirrors pkg/controller/deployment/progress.go (v1.36).

use std::sync::Arc;
use std::time::Duration;

use seatrial_api::{ApiError, Condition, ConditionStatus, Deployment, DeploymentStatus, ReplicaSet, Resource, Time};
use seatrial_machinery::SyncContext;

use super::controller::DeploymentController;
use super::replica_sets::{ReplicaSets, condition_reason};
use super::status::{
    PROGRESSING, REPLICA_FAILURE, calculate_status, deployment_condition, set_deployment_condition, write_status,
};
use super::util::progress_deadline_seconds;

const REASON_NEW_RS_AVAILABLE: &str = "NewReplicaSetAvailable";
const REASON_REPLICA_SET_UPDATED: &str = "ReplicaSetUpdated";
const REASON_TIMED_OUT: &str = "ProgressDeadlineExceeded";
const REASON_PAUSED: &str = "DeploymentPaused";
const REASON_RESUMED: &str = "DeploymentResumed";
/// How long after the deadline the controller looks again.
const DEADLINE_SLACK: Duration = Duration::from_secs(1);

impl DeploymentController {
    /// Says in the Progressing condition that the Deployment is paused or resumed, so that its deadline rests meanwhile.
    /// Mirrors `checkPausedConditions`.
    pub(super) fn check_paused_conditions(
        &mut self,
        cx: &mut SyncContext<'_>,
        deployment: &mut Arc<Deployment>,
    ) -> Result<(), ApiError> {
        let reason = condition_reason(deployment.status.conditions.get(PROGRESSING));
        if progress_deadline_seconds(deployment).is_none() || reason == REASON_TIMED_OUT {
            return Ok(());
        }
        let (reason, message) = match (deployment.spec.paused, reason == REASON_PAUSED) {
            (true, false) => (REASON_PAUSED, "Deployment is paused"),
            (false, true) => (REASON_RESUMED, "Deployment is resumed"),
            _ => return Ok(()),
        };
        let mut status = deployment.status.clone();
        let condition = deployment_condition(cx, PROGRESSING, ConditionStatus::Unknown, reason, message);
        set_deployment_condition(&mut status, condition);
        if let Some(updated) = write_status(cx, deployment, status)? {
            *deployment = updated;
        }
        Ok(())
    }

    /// Writes the status of a rollout, its progress included, and looks again at the deadline; returns the Deployment if
    /// it was written. Mirrors `syncRolloutStatus`.
    pub(super) fn sync_rollout_status(
        &mut self,
        cx: &mut SyncContext<'_>,
        deployment: &Deployment,
        sets: &ReplicaSets<'_>,
    ) -> Result<Option<Arc<Deployment>>, ApiError> {
        let mut status = calculate_status(cx, sets, deployment);
        set_progress(cx, deployment, sets.new_rs(), &mut status);
        set_replica_failure(sets, &mut status);
        let updated = write_status(cx, deployment, status)?;
        if updated.is_none() {
            self.requeue_stuck_deployment(cx, deployment);
        }
        Ok(updated)
    }

    /// Where a sync would change nothing but by time: whether time has not, either; then it looks again at the deadline,
    /// as such a sync does.
    pub(super) fn is_still_settled(&mut self, cx: &SyncContext<'_>, deployment: &Deployment) -> bool {
        let deadline = progress_deadline_seconds(deployment);
        if deadline.is_some_and(|deadline| deployment_timed_out(cx, &deployment.status, deadline)) {
            return false;
        }
        self.requeue_stuck_deployment(cx, deployment);
        true
    }

    /// Comes back when the deadline has passed, where nothing else would, of a status that is as it should be. Mirrors `requeueStuckDeployment`.
    fn requeue_stuck_deployment(&mut self, cx: &SyncContext<'_>, deployment: &Deployment) {
        let Some(deadline) = progress_deadline_seconds(deployment) else { return };
        let Some(condition) = deployment.status.conditions.get(PROGRESSING) else { return };
        if deployment_complete(deployment, &deployment.status) || condition.reason == REASON_TIMED_OUT {
            return;
        }
        let due = condition.last_update_time.unwrap_or_default().plus_seconds(i64::from(deadline));
        let after = cx.clock().until(due);
        let now = cx.clock().now();
        if after < DEADLINE_SLACK {
            self.queue.add_rate_limited(deployment.namespaced_name(), now);
        } else {
            self.queue.add_after_in_background(deployment.namespaced_name(), after + DEADLINE_SLACK, now);
        }
    }
}

/// Whether the Progressing condition leaves a sync nothing to do before the rollout itself: it is there, and says of a
/// Deployment that is not paused nothing else.
pub(super) fn is_progress_in_order(deployment: &Deployment) -> bool {
    progress_deadline_seconds(deployment).is_none()
        || deployment.status.conditions.get(PROGRESSING).is_some_and(|c| c.reason != REASON_PAUSED)
}

fn set_progress(
    cx: &SyncContext<'_>,
    deployment: &Deployment,
    new_rs: Option<&Arc<ReplicaSet>>,
    status: &mut DeploymentStatus,
) {
    let Some(deadline) = progress_deadline_seconds(deployment) else {
        status.conditions = status.conditions.without(PROGRESSING);
        return;
    };
    let current = deployment.status.conditions.get(PROGRESSING);
    // Once complete, a rollout stays so until the next one: pods that fail later are not its failure.
    if status.replicas == status.updated_replicas && condition_reason(current) == REASON_NEW_RS_AVAILABLE {
        return;
    }
    let subject = new_rs.map_or(("Deployment", &deployment.meta.name), |rs| ("ReplicaSet", &rs.meta.name));
    let message = |end: &str| {
        let (kind, name) = subject;
        let said = current.map(|c| &c.message).filter(|said| says(said, kind, name, end));
        said.cloned().unwrap_or_else(|| format!("{kind} {:?}{end}", name.as_str()).into())
    };
    if deployment_complete(deployment, status) {
        let message = message(" has successfully progressed.");
        let condition = deployment_condition(cx, PROGRESSING, ConditionStatus::True, REASON_NEW_RS_AVAILABLE, message);
        set_deployment_condition(status, condition);
    } else if deployment_progressing(deployment, status) {
        let end = " is progressing.";
        let (kind, name) = subject;
        let is_said = |last: &Condition| was_said_at(last, cx.clock().time()) && says(&last.message, kind, name, end);
        if status.conditions.last().is_some_and(is_said) {
            return;
        }
        let message = message(end);
        let mut condition =
            deployment_condition(cx, PROGRESSING, ConditionStatus::True, REASON_REPLICA_SET_UPDATED, message);
        // Progress counts anew each time, so the condition is replaced even where it says the same.
        if let Some(current) = current.filter(|c| c.status == ConditionStatus::True) {
            condition.last_transition_time = current.last_transition_time;
        }
        status.conditions = status.conditions.with_last(condition);
    } else if deployment_timed_out(cx, status, deadline) {
        let message = message(" has timed out progressing.");
        let condition = deployment_condition(cx, PROGRESSING, ConditionStatus::False, REASON_TIMED_OUT, message);
        set_deployment_condition(status, condition);
    }
}

/// Whether a condition says of progress what it would say at a time: several pods may become ready in one second.
fn was_said_at(condition: &Condition, now: Time) -> bool {
    condition.last_update_time == Some(now)
        && condition.status == ConditionStatus::True
        && condition.type_ == *PROGRESSING
        && condition.reason == *REASON_REPLICA_SET_UPDATED
}

/// Whether a message is the one that would be formatted: a rollout says the same of every pod. Names hold nothing that a
/// quoted text escapes.
fn says(message: &str, kind: &str, name: &str, end: &str) -> bool {
    let quoted = message.strip_prefix(kind).and_then(|m| m.strip_prefix(" \"")).and_then(|m| m.strip_prefix(name));
    quoted.and_then(|m| m.strip_prefix('"')) == Some(end)
}

/// Takes a ReplicaSet's failure over, the new one's first. Mirrors `getReplicaFailures`.
fn set_replica_failure(sets: &ReplicaSets<'_>, status: &mut DeploymentStatus) {
    fn failure(rs: &Arc<ReplicaSet>) -> Option<&Condition> {
        rs.status.conditions.get(REPLICA_FAILURE)
    }
    match sets.new_rs().and_then(failure).or_else(|| sets.list().iter().find_map(failure)) {
        Some(condition) => {
            let last_update_time = condition.last_transition_time;
            set_deployment_condition(status, Condition { last_update_time, ..condition.clone() });
        }
        None if status.conditions.get(REPLICA_FAILURE).is_some() => {
            status.conditions = status.conditions.without(REPLICA_FAILURE);
        }
        None => {}
    }
}

/// Mirrors `DeploymentComplete`.
pub(super) fn deployment_complete(deployment: &Deployment, status: &DeploymentStatus) -> bool {
    let wanted = deployment.spec.replicas;
    status.updated_replicas == wanted
        && status.replicas == wanted
        && status.available_replicas == wanted
        && status.observed_generation >= deployment.meta.generation
}

/// Mirrors `DeploymentProgressing`.
fn deployment_progressing(deployment: &Deployment, new: &DeploymentStatus) -> bool {
    let old = &deployment.status;
    new.updated_replicas > old.updated_replicas
        || new.replicas - new.updated_replicas < old.replicas - old.updated_replicas
        || new.ready_replicas > old.ready_replicas
        || new.available_replicas > old.available_replicas
}

/// Mirrors `DeploymentTimedOut`.
fn deployment_timed_out(cx: &SyncContext<'_>, status: &DeploymentStatus, deadline: i32) -> bool {
    let Some(condition) = status.conditions.get(PROGRESSING) else { return false };
    if condition.reason == REASON_NEW_RS_AVAILABLE {
        return false;
    }
    if condition.reason == REASON_TIMED_OUT {
        return true;
    }
    let due = condition.last_update_time.unwrap_or_default().plus_seconds(i64::from(deadline));
    cx.clock().nanos_since(due) > 0
}
