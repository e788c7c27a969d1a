//! A set's status.
//!
//! Mirrors pkg/controller/statefulset/stateful_set_control.go (`updateStatus`, `completeRollingUpdate`) and
//! stateful_set_status_updater.go (v1.36).

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::apps::v1::StatefulSetStatus;
use seatrial_api::{ApiError, Resource, Shared, StatefulSet, Str, Time};
use seatrial_machinery::SyncContext;

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
        let updated = pods.living_of(&wanted.meta.name);
        let current = if Arc::ptr_eq(current, wanted) { updated } else { pods.living_of(&current.meta.name) };
        Self { replicas, ready, available, current, updated }
    }
}

impl StatefulSetController {
    /// Writes the status where it differs, and returns the set with it. Mirrors `updateStatefulSetStatus`.
    pub(super) fn update_stateful_set_status(
        &mut self,
        cx: &mut SyncContext<'_>,
        update: &Update<'_>,
        counts: Counts,
    ) -> Result<Option<Arc<StatefulSet>>, ApiError> {
        let set = update.set;
        let none = StatefulSetStatus::default();
        let old = set.body.status.as_deref().unwrap_or(&none);
        let found = Found::of(update, counts);
        if !found.differs_from(old) {
            return Ok(None);
        }
        let status = found.status(old);
        let negative = [status.current_replicas, status.updated_replicas].into_iter().flatten().any(|n| n < 0);
        if negative {
            // The pods of one revision went while those of another were counted; the API server refuses such a status.
            return Err(ApiError::unknown("status.currentReplicas: must be greater than or equal to 0"));
        }
        let mut new = StatefulSet::clone(set);
        let status = Shared::new(status);
        new.body.status = Some(status.clone());
        match cx.client.update_status(new) {
            Err(error) if error.is_conflict() => {
                let live = cx.client.get_live::<StatefulSet>(&set.meta.namespace, &set.meta.name)?;
                let mut live = StatefulSet::clone(&live);
                live.body.status = Some(status);
                cx.client.update_status(live).map(Some)
            }
            other => other.map(Some),
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
}

/// The status to be.
struct Found<'a> {
    counts: Counts,
    current_revision: &'a Str,
    update_revision: &'a Str,
    observed_generation: i64,
    collision_count: i32,
}

impl<'a> Found<'a> {
    /// A rollout that is done is noted as such. Mirrors `completeRollingUpdate`.
    fn of(update: &'a Update<'_>, mut counts: Counts) -> Self {
        let Revisions { current, update: wanted, collision_count } = &update.revisions;
        let (mut current_revision, update_revision) = (&current.meta.name, &wanted.meta.name);
        let spec = spec_of(update.set);
        let is_rolling = spec.update_strategy.as_ref().and_then(|s| s.type_.as_deref()) != Some("OnDelete");
        let replicas = replicas_of(update.set);
        if is_rolling && [counts.updated, counts.ready, counts.replicas].iter().all(|n| *n == replicas) {
            counts.current = counts.updated;
            current_revision = update_revision;
        }
        let observed_generation = update.set.meta.generation;
        Self { counts, current_revision, update_revision, observed_generation, collision_count: *collision_count }
    }

    /// Mirrors `inconsistentStatus`.
    fn differs_from(&self, old: &StatefulSetStatus) -> bool {
        let Counts { replicas, ready, available, current, updated } = self.counts;
        old.observed_generation.is_none_or(|observed| self.observed_generation > observed)
            || replicas != old.replicas
            || current != old.current_replicas.unwrap_or(0)
            || ready != old.ready_replicas.unwrap_or(0)
            || available != old.available_replicas.unwrap_or(0)
            || updated != old.updated_replicas.unwrap_or(0)
            || old.current_revision.as_deref() != Some(self.current_revision)
            || old.update_revision.as_deref() != Some(self.update_revision)
    }

    fn status(&self, old: &StatefulSetStatus) -> StatefulSetStatus {
        let some = |n: i32| (n != 0).then_some(n);
        StatefulSetStatus {
            replicas: self.counts.replicas,
            ready_replicas: some(self.counts.ready),
            available_replicas: Some(self.counts.available),
            current_replicas: some(self.counts.current),
            updated_replicas: some(self.counts.updated),
            current_revision: Some(self.current_revision.as_str().to_owned()),
            update_revision: Some(self.update_revision.as_str().to_owned()),
            observed_generation: Some(self.observed_generation),
            collision_count: Some(self.collision_count),
            conditions: old.conditions.clone(),
        }
    }
}
