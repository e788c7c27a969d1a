//! A set's status.
//!
//! Mirrors pkg/controller/statefulset/stateful_set_control.go (`updateStatus`, `completeRollingUpdate`) and
//! stateful_set_status_updater.go (v1.36).

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::apps::v1::StatefulSetStatus;
use seatrial_api::{ApiError, ControllerRevision, Resource, StatefulSet, Time};
use seatrial_machinery::SyncContext;
use seatrial_machinery::history::sort_controller_revisions;

use super::control::Update;
use super::controller::StatefulSetController;
use super::pods::SetPods;
use super::revisions::Revisions;
use super::utils::{min_ready_seconds, replicas_of, spec_of};

/// What a sync found of the set's pods.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// All that are there.
    replicas: i32,
    /// Running and ready, those on their way out too.
    ready: i32,
    /// Ready for `minReadySeconds`.
    available: i32,
    /// Of the current revision, not on their way out.
    pub(super) current: i32,
    /// Of the update revision, not on their way out.
    updated: i32,
}

impl Counts {
    /// Mirrors `updateStatus`.
    pub(super) fn of(update: &Update<'_>, pods: &SetPods, now: Time) -> Self {
        let Revisions { current, update: wanted, .. } = &update.revisions;
        let (replicas, ready, available) = pods.counts(update.set, now);
        let (current, updated) = (pods.living_of(&current.meta.name), pods.living_of(&wanted.meta.name));
        Self { replicas, ready, available, current, updated }
    }
}

impl StatefulSetController {
    /// Writes the status where it differs. Mirrors `updateStatefulSetStatus`.
    pub(super) fn update_stateful_set_status(
        &mut self,
        cx: &mut SyncContext<'_>,
        update: &Update<'_>,
        counts: Counts,
    ) -> Result<(), ApiError> {
        let set = update.set;
        let old = set.body.status.clone().unwrap_or_default();
        let status = status_of(update, &old, counts);
        if !is_inconsistent(&old, &status) {
            return Ok(());
        }
        let negative = [status.current_replicas, status.updated_replicas].into_iter().flatten().any(|n| n < 0);
        if negative {
            // The pods of one revision went while those of another were counted; the API server refuses such a status.
            return Err(ApiError::unknown("status.currentReplicas: must be greater than or equal to 0"));
        }
        let mut new = StatefulSet::clone(set);
        new.body.status = Some(status.clone());
        match cx.client.update_status(new) {
            Err(error) if error.is_conflict() => {
                let live = cx.client.get_live::<StatefulSet>(&set.meta.namespace, &set.meta.name)?;
                let mut live = StatefulSet::clone(&live);
                live.body.status = Some(status);
                cx.client.update_status(live).map(drop)
            }
            other => other.map(drop),
        }
    }

    /// Comes back when the next ready pod becomes available.
    pub(super) fn requeue_for_availability(&mut self, cx: &SyncContext<'_>, update: &Update<'_>, pods: &SetPods) {
        let seconds = min_ready_seconds(update.set);
        if seconds <= 0 {
            return;
        }
        if let Some(due) = pods.next_available(seconds, cx.clock().time()) {
            let delay = cx.clock().until(due).max(Duration::from_millis(1));
            self.queue.add_after(update.set.namespaced_name(), delay, cx.clock().now());
        }
    }

    /// The history with what this sync made or moved.
    pub(super) fn with_new(history: &[Arc<ControllerRevision>], revisions: &Revisions) -> Vec<Arc<ControllerRevision>> {
        let update = &revisions.update;
        let mut all: Vec<_> = history.iter().filter(|r| r.meta.uid != update.meta.uid).map(Arc::clone).collect();
        all.push(Arc::clone(update));
        sort_controller_revisions(&mut all);
        all
    }
}

/// The status to be, with a rollout that is done noted as such. Mirrors `completeRollingUpdate`.
fn status_of(update: &Update<'_>, old: &StatefulSetStatus, counts: Counts) -> StatefulSetStatus {
    let name = |r: &ControllerRevision| Some(r.meta.name.to_string());
    let some = |n: i32| (n != 0).then_some(n);
    let mut status = StatefulSetStatus {
        replicas: counts.replicas,
        ready_replicas: some(counts.ready),
        available_replicas: Some(counts.available),
        current_replicas: some(counts.current),
        updated_replicas: some(counts.updated),
        current_revision: name(&update.revisions.current),
        update_revision: name(&update.revisions.update),
        observed_generation: Some(update.set.meta.generation),
        collision_count: Some(update.revisions.collision_count),
        conditions: old.conditions.clone(),
    };
    let spec = spec_of(update.set);
    let is_rolling = spec.update_strategy.as_ref().and_then(|s| s.type_.as_deref()) != Some("OnDelete");
    let wanted = replicas_of(update.set);
    if is_rolling && [counts.updated, counts.ready, counts.replicas].iter().all(|n| *n == wanted) {
        status.current_replicas = status.updated_replicas;
        status.current_revision.clone_from(&status.update_revision);
    }
    status
}

/// Mirrors `inconsistentStatus`.
fn is_inconsistent(old: &StatefulSetStatus, new: &StatefulSetStatus) -> bool {
    new.observed_generation > old.observed_generation
        || new.replicas != old.replicas
        || new.current_replicas.unwrap_or(0) != old.current_replicas.unwrap_or(0)
        || new.ready_replicas.unwrap_or(0) != old.ready_replicas.unwrap_or(0)
        || new.available_replicas.unwrap_or(0) != old.available_replicas.unwrap_or(0)
        || new.updated_replicas.unwrap_or(0) != old.updated_replicas.unwrap_or(0)
        || new.current_revision != old.current_revision
        || new.update_revision != old.update_revision
}
