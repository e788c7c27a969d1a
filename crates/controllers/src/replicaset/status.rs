//! A ReplicaSet's status.
//!
//! Mirrors pkg/controller/replicaset/replica_set_utils.go (v1.36).

use std::sync::Arc;

use seatrial_api::{ApiError, Condition, ConditionStatus, ReplicaSetStatus, Str};
use seatrial_machinery::SyncContext;

use super::controller::{PodCounts, ReplicaSetController};
use super::owner::PodOwner;

const REPLICA_FAILURE: &str = "ReplicaFailure";
const REASON_FAILED_CREATE: &str = "FailedCreate";
const REASON_FAILED_DELETE: &str = "FailedDelete";

impl<Owner: PodOwner> ReplicaSetController<Owner> {
    /// Writes the status where it changed; returns the set as it is then. Mirrors `updateReplicaSetStatus`.
    pub(super) fn update_replica_set_status(
        &mut self,
        cx: &mut SyncContext<'_>,
        rs: &Arc<Owner>,
        counts: PodCounts,
        manage_error: Option<&ApiError>,
    ) -> Result<Option<Arc<Owner>>, ApiError> {
        let status = calculate_status(cx, &**rs, counts, manage_error);
        if status == *rs.status() {
            return Ok(None);
        }
        let mut new = Owner::clone(rs);
        *new.status_mut() = status;
        let updated = match cx.client.update_status(new) {
            Err(error) if error.is_conflict() => {
                // Somebody wrote in between: the status is put on what is there now, once.
                let mut live = Owner::clone(&*cx.client.get_live::<Owner>(&rs.meta().namespace, &rs.meta().name)?);
                *live.status_mut() = calculate_status(cx, &live, counts, manage_error);
                cx.client.update_status(live)
            }
            other => other,
        };
        updated.map(Some)
    }

    /// Comes back when the next ready pod becomes available.
    pub(super) fn requeue_for_availability(&mut self, cx: &SyncContext<'_>, rs: &Owner) {
        let min_ready = rs.spec().min_ready_seconds;
        if min_ready <= 0 || rs.status().ready_replicas == rs.status().available_replicas {
            return;
        }
        let now = cx.clock().time();
        let groups = cx.informers.pods.owned_by(&rs.meta().uid).map_or(&[][..], |owned| owned.groups());
        if let Some(next) = groups.iter().filter_map(|g| g.next_available(min_ready, now)).min() {
            self.queue.add_after(rs.namespaced_name(), cx.clock().until(next), cx.clock().now());
        }
    }
}

/// Mirrors `calculateStatus`.
fn calculate_status<Owner: PodOwner>(
    cx: &SyncContext<'_>,
    rs: &Owner,
    counts: PodCounts,
    manage_error: Option<&ApiError>,
) -> ReplicaSetStatus {
    let mut conditions = rs.status().conditions.clone();
    match (manage_error, conditions.get(REPLICA_FAILURE)) {
        (Some(error), None) => {
            let reason = if counts.active < rs.spec().replicas { REASON_FAILED_CREATE } else { REASON_FAILED_DELETE };
            let condition = Condition::new(Str::new_static(REPLICA_FAILURE), ConditionStatus::True, cx.clock().time());
            conditions = conditions.with_last(condition.because(Str::new_static(reason), error.message()));
        }
        (None, Some(_)) => conditions = conditions.without(REPLICA_FAILURE),
        _ => {}
    }
    ReplicaSetStatus {
        replicas: counts.active,
        fully_labeled_replicas: counts.fully_labeled,
        ready_replicas: counts.ready,
        available_replicas: counts.available,
        terminating_replicas: Owner::COUNTS_TERMINATING.then_some(counts.terminating),
        observed_generation: rs.meta().generation,
        conditions,
    }
}
