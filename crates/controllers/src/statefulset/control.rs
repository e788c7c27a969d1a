//! One sync of a set: its replicas in order, then those too many, then the update.
//!
//! Mirrors pkg/controller/statefulset/stateful_set_control.go (`updateStatefulSet`) (v1.36).

use std::sync::Arc;

use seatrial_api::{ApiError, Pod, PodPhase, StatefulSet};
use seatrial_machinery::SyncContext;

use super::claims::{Claims, claims_match_retention_policy, pod_claim_is_stale, update_pod_claim_for_retention_policy};
use super::controller::StatefulSetController;
use super::pod_control::{
    create_missing_persistent_volume_claims, create_stateful_pod, delete_stateful_pod, new_versioned_stateful_set_pod,
    storage_matches, update_stateful_pod,
};
use super::pods::SetPods;
use super::revisions::Revisions;
use super::status::Counts;
use super::utils::{
    end_ordinal, identity_matches, is_monotonic, is_running_and_available, is_running_and_ready, is_unavailable,
    min_ready_seconds, spec_of, start_ordinal,
};

/// How many pods a parallel set handles before it looks at failures. Mirrors `slowStartBatch` with `maxBatchSize`.
const BATCH_SIZE_MAX: usize = 500;

/// What a step means for those after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    GoOn,
    /// In a monotonic set nothing more is done in this sync.
    Stop,
}

/// One sync.
pub(super) struct Update<'s> {
    pub(super) set: &'s Arc<StatefulSet>,
    pub(super) revisions: Revisions,
    claims: Arc<Claims>,
    monotonic: bool,
    min_ready_seconds: i32,
}

impl StatefulSetController {
    /// Mirrors `UpdateStatefulSet` and `performUpdate`.
    pub(super) fn update_stateful_set(
        &mut self,
        cx: &mut SyncContext<'_>,
        set: &Arc<StatefulSet>,
        pods: &mut SetPods,
    ) -> Result<(), ApiError> {
        let (history, writes_before) = (Self::list_revisions(cx, set), cx.client.writes());
        let revisions = self.get_stateful_set_revisions(cx, set, &history)?;
        pods.prepare(set, &revisions.update.meta.name);
        let (monotonic, min_ready_seconds) = (is_monotonic(set), min_ready_seconds(set));
        let update = Update { set, revisions, claims: pods.claims(), monotonic, min_ready_seconds };
        let mut counts = Counts::of(&update, pods, cx.clock().time());
        let result = self.run(cx, &update, pods, &mut counts);
        let updated = self.update_stateful_set_status(cx, &update, counts);
        let synced = result.and(updated);
        if synced.is_ok() {
            self.requeue_for_availability(cx, &update, pods);
        }
        // Revisions that nothing needs go whatever became of the pods.
        let truncated = self.truncate_history(cx, set, pods, &history, &update.revisions);
        let written = synced.and_then(|written| truncated.map(|()| written))?;
        let Revisions { current, update: wanted, .. } = &update.revisions;
        let wrote_status_alone = cx.client.writes() - writes_before == u32::from(written.is_some());
        if wrote_status_alone && Arc::ptr_eq(current, wanted) {
            pods.set_at_rest(written.unwrap_or_else(|| Arc::clone(set)), wanted);
        }
        Ok(())
    }

    /// The phases of a sync, each of which can end it.
    fn run(
        &mut self,
        cx: &mut SyncContext<'_>,
        update: &Update<'_>,
        pods: &mut SetPods,
        counts: &mut Counts,
    ) -> Result<(), ApiError> {
        if update.set.meta.is_deleting() {
            return Ok(());
        }
        let next = if update.monotonic {
            self.run_in_order(cx, update, pods)?
        } else {
            self.run_in_batches(cx, update, pods)?
        };
        if next == Next::Stop {
            return Ok(());
        }
        if run_condemned(cx, update, pods)? == Next::Stop {
            return Ok(());
        }
        roll(cx, update, pods, counts)
    }

    /// Looks at one place after the other until one says stop. Those in between have nothing new.
    fn run_in_order(
        &mut self,
        cx: &mut SyncContext<'_>,
        update: &Update<'_>,
        pods: &mut SetPods,
    ) -> Result<Next, ApiError> {
        let mut from = i32::MIN;
        while let Some(ordinal) = pods.next_in_order(from) {
            if self.process_replica(cx, update, pods, ordinal)? == Next::Stop {
                return Ok(Next::Stop);
            }
            let Some(next) = ordinal.checked_add(1) else { break };
            from = next;
        }
        Ok(Next::GoOn)
    }

    /// Looks at all places that have something new, in batches that grow until one fails. Mirrors `runForAll`.
    fn run_in_batches(
        &mut self,
        cx: &mut SyncContext<'_>,
        update: &Update<'_>,
        pods: &mut SetPods,
    ) -> Result<Next, ApiError> {
        let start = start_ordinal(update.set);
        let index = |ordinal: i32| usize::try_from(i64::from(ordinal) - i64::from(start)).unwrap_or(0);
        let (mut batches, mut from) = (Batches::default(), i32::MIN);
        // A sync only takes places off that it has looked at.
        while let Some(ordinal) = pods.next_due(from).filter(|ordinal| batches.take(index(*ordinal))) {
            let result = self.process_replica(cx, update, pods, ordinal);
            batches.note(index(ordinal), result);
            let Some(next) = ordinal.checked_add(1) else { break };
            from = next;
        }
        batches.result()
    }

    /// Mirrors `processReplica`.
    fn process_replica(
        &mut self,
        cx: &mut SyncContext<'_>,
        update: &Update<'_>,
        pods: &mut SetPods,
        ordinal: i32,
    ) -> Result<Next, ApiError> {
        let (set, claims) = (update.set, &*update.claims);
        self.visited += 1;
        let Some(pod) = pods.get(ordinal).map(Arc::clone) else { return self.fill(cx, update, pods, ordinal) };
        if pod.status.phase.is_terminal() {
            if !pod.meta.is_deleting() {
                delete_stateful_pod(cx, set, &pod)?;
            }
            // The pod is made anew once this one is gone.
            pods.set_done(ordinal);
            return Ok(Next::Stop);
        }
        let is_checked = pods.is_checked(ordinal);
        debug_assert!(!is_checked || (identity_matches(set, &pod) && storage_matches(set, claims, &pod)));
        // Nothing is written in between, so claims that nobody owns and nobody is to own need no second look.
        let mut claims_match = false;
        if pod.status.phase == PodPhase::Pending && !is_checked {
            claims_match = create_missing_persistent_volume_claims(cx, set, claims, &pod)?;
        }
        if !is_unavailable(&pod, update.min_ready_seconds, cx.clock().time()) {
            pods.set_available(ordinal);
        } else if update.monotonic {
            return Ok(Next::Stop);
        }
        let as_it_should_be = is_checked
            || (identity_matches(set, &pod)
                && storage_matches(set, claims, &pod)
                && (claims_match || claims_match_retention_policy(cx, set, claims, &pod)));
        if !as_it_should_be {
            update_stateful_pod(cx, set, claims, &pod)?;
        }
        pods.set_done(ordinal);
        Ok(Next::GoOn)
    }

    /// Makes the pod of an empty place.
    fn fill(
        &mut self,
        cx: &mut SyncContext<'_>,
        update: &Update<'_>,
        pods: &mut SetPods,
        ordinal: i32,
    ) -> Result<Next, ApiError> {
        let revision = update.revision_for(ordinal);
        let shared = self.revisions.parts_of(revision, update.set);
        let prototype = self.prototypes.get(&shared.template, &**update.set);
        let pod = new_versioned_stateful_set_pod(update.set, &prototype, &shared, ordinal);
        if pod_claim_is_stale(cx, update.set, &update.claims, &pod.meta.name) {
            return Ok(Next::Stop);
        }
        if create_stateful_pod(cx, update.set, &update.claims, pod)? {
            pods.set_made(ordinal);
        }
        Ok(if update.monotonic { Next::Stop } else { Next::GoOn })
    }
}

/// Items have their turn until a batch fails, whose other items still have theirs; an item is in the batch of its place among
/// all there are. What steps say is left aside.
#[derive(Debug, Default)]
struct Batches {
    /// The first failure, and where its batch ends.
    failed: Option<(ApiError, usize)>,
}

impl Batches {
    /// Whether the item at a place has its turn.
    fn take(&self, index: usize) -> bool {
        self.failed.as_ref().is_none_or(|(_, end)| index < *end)
    }

    /// The item at a place had its turn.
    fn note(&mut self, index: usize, result: Result<Next, ApiError>) {
        if let Err(error) = result
            && self.failed.is_none()
        {
            self.failed = Some((error, batch_end(index)));
        }
    }

    fn result(self) -> Result<Next, ApiError> {
        self.failed.map_or(Ok(Next::GoOn), |(error, _)| Err(error))
    }
}

/// Does something for each pod, in batches.
fn in_batches(pods: &[Arc<Pod>], mut step: impl FnMut(&Arc<Pod>) -> Result<Next, ApiError>) -> Result<Next, ApiError> {
    let mut batches = Batches::default();
    for (index, pod) in pods.iter().enumerate() {
        if !batches.take(index) {
            break;
        }
        batches.note(index, step(pod));
    }
    batches.result()
}

/// Where the batch of a place ends: batches are of 1, 2, 4 ... 256, 500, 500 ... places.
fn batch_end(index: usize) -> usize {
    let (mut end, mut size) = (1, 1);
    while end <= index {
        size = (2 * size).min(BATCH_SIZE_MAX);
        end += size;
    }
    end
}

impl Update<'_> {
    /// Which revision a new pod is made from. Mirrors `newVersionedStatefulSetPod`.
    fn revision_for(&self, ordinal: i32) -> &seatrial_api::ControllerRevision {
        let spec = spec_of(self.set);
        let strategy = spec.update_strategy.as_ref();
        let is_rolling = strategy.and_then(|s| s.type_.as_deref()) != Some("OnDelete");
        let partition = match strategy.and_then(|s| s.rolling_update.as_ref()) {
            Some(rolling) => rolling.partition.unwrap_or(0),
            // Without a partition those that were not updated yet stay as they are.
            None => self.set.body.status.as_ref().and_then(|s| s.current_replicas).unwrap_or(0),
        };
        if is_rolling && i64::from(ordinal) < i64::from(start_ordinal(self.set)) + i64::from(partition) {
            &self.revisions.current
        } else {
            &self.revisions.update
        }
    }
}

/// Pods out of range, the highest first: their claims get the owners that the policy wants, then they go.
fn run_condemned(cx: &mut SyncContext<'_>, update: &Update<'_>, pods: &mut SetPods) -> Result<Next, ApiError> {
    if !pods.has_condemned() {
        return Ok(Next::GoOn);
    }
    let due: Vec<Arc<Pod>> = pods.condemned_due.iter().rev().filter_map(|o| pods.get(*o)).cloned().collect();
    let fix = |cx: &mut SyncContext<'_>, pod: &Arc<Pod>| {
        if !claims_match_retention_policy(cx, update.set, &update.claims, pod) {
            update_pod_claim_for_retention_policy(cx, update.set, &update.claims, pod)?;
        }
        Ok(Next::GoOn)
    };
    if update.monotonic {
        for pod in &due {
            fix(cx, pod)?;
        }
        let last = pods.last_condemned().cloned();
        let next = last.map_or(Ok(Next::GoOn), |pod| process_condemned(cx, update, pods, &pod))?;
        pods.condemned_due.clear();
        return Ok(next);
    }
    in_batches(&due, |pod| fix(cx, pod))?;
    in_batches(&due, |pod| process_condemned(cx, update, pods, pod))?;
    pods.condemned_due.clear();
    Ok(Next::GoOn)
}

/// Mirrors `processCondemned`.
fn process_condemned(
    cx: &mut SyncContext<'_>,
    update: &Update<'_>,
    pods: &SetPods,
    pod: &Arc<Pod>,
) -> Result<Next, ApiError> {
    let (seconds, now) = (update.min_ready_seconds, cx.clock().time());
    if pod.meta.is_deleting() {
        return Ok(Next::Stop);
    }
    let healthy = is_running_and_ready(pod) && is_running_and_available(pod, seconds, now);
    if update.monotonic && !healthy && !pods.is_first_unavailable(pod, seconds, now) {
        return Ok(Next::Stop);
    }
    delete_stateful_pod(cx, update.set, pod)?;
    Ok(if update.monotonic { Next::Stop } else { Next::GoOn })
}

/// Takes the highest pod of another revision, if all above it are well. Mirrors the end of `updateStatefulSet`.
fn roll(
    cx: &mut SyncContext<'_>,
    update: &Update<'_>,
    pods: &mut SetPods,
    counts: &mut Counts,
) -> Result<(), ApiError> {
    let spec = spec_of(update.set);
    let strategy = spec.update_strategy.as_ref();
    if strategy.and_then(|s| s.type_.as_deref()) == Some("OnDelete") {
        return Ok(());
    }
    let partition = strategy.and_then(|s| s.rolling_update.as_ref()).and_then(|r| r.partition).unwrap_or(0);
    let first = start_ordinal(update.set).saturating_add(partition.max(0));
    let (mut last, now) = (end_ordinal(update.set), cx.clock().time());
    while let Some(ordinal) = pods.next_to_roll(first, last) {
        // A pod that was only made in this sync is not available yet.
        let Some(pod) = pods.get(ordinal).map(Arc::clone) else { return Ok(()) };
        if pods.is_outdated(ordinal) && !pod.meta.is_deleting() {
            delete_stateful_pod(cx, update.set, &pod)?;
            counts.current -= 1;
            return Ok(());
        }
        if is_unavailable(&pod, update.min_ready_seconds, now) {
            return Ok(());
        }
        pods.set_available(ordinal);
        last = ordinal - 1;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::batch_end;

    #[test]
    fn batches_double_up_to_five_hundred() {
        let rows =
            [(0, 1), (1, 3), (2, 3), (3, 7), (6, 7), (254, 255), (255, 511), (510, 511), (511, 1011), (1011, 1511)];
        for (index, end) in rows {
            assert_eq!(batch_end(index), end, "{index}");
        }
    }
}
