//! One sync of a set: its replicas in order, then those too many, then the update.
//!
//! Mirrors pkg/controller/statefulset/stateful_set_control.go (`updateStatefulSet`) (v1.36).

use std::sync::Arc;

use seatrial_api::{ApiError, Pod, PodPhase, StatefulSet};
use seatrial_machinery::SyncContext;

use super::claims::{
    claims_match_retention_policy, create_persistent_volume_claims, pod_claim_is_stale,
    update_pod_claim_for_retention_policy,
};
use super::controller::StatefulSetController;
use super::pod_control::{
    create_stateful_pod, delete_stateful_pod, new_versioned_stateful_set_pod, storage_matches, update_stateful_pod,
};
use super::revisions::Revisions;
use super::status::Counts;
use super::utils::{
    end_ordinal, identity_matches, is_monotonic, is_running_and_available, is_running_and_ready, is_unavailable,
    member_ordinal, min_ready_seconds, pod_revision, spec_of, start_ordinal,
};

/// How many pods a parallel set handles before it looks at failures. Mirrors `slowStartBatch` with `maxBatchSize`.
const BATCH_SIZE_MAX: usize = 500;

/// A place for a pod: the pod that has it, or none yet.
pub(super) struct Slot {
    pub(super) ordinal: i32,
    pub(super) pod: Option<Arc<Pod>>,
}

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
    pub(super) replicas: Vec<Slot>,
    /// Pods whose ordinals the set no longer has, the highest first.
    pub(super) condemned: Vec<Arc<Pod>>,
    monotonic: bool,
    min_ready_seconds: i32,
}

impl StatefulSetController {
    /// Mirrors `UpdateStatefulSet` and `performUpdate`.
    pub(super) fn update_stateful_set(
        &mut self,
        cx: &mut SyncContext<'_>,
        set: &Arc<StatefulSet>,
        pods: Vec<Arc<Pod>>,
    ) -> Result<(), ApiError> {
        let history = Self::list_revisions(cx, set);
        let revisions = self.get_stateful_set_revisions(cx, set, &history)?;
        let update = Update::new(set, revisions, &pods);
        let (counts, result) = self.run(cx, &update);
        let updated = self.update_stateful_set_status(cx, &update, counts);
        result?;
        updated?;
        self.requeue_for_availability(cx, &update, &pods);
        let history = Self::with_new(&history, &update.revisions);
        self.truncate_history(cx, set, &pods, &history, &update.revisions)
    }

    /// The phases of a sync, each of which can end it; the counts are those of the pods as they were found.
    fn run(&mut self, cx: &mut SyncContext<'_>, update: &Update<'_>) -> (Counts, Result<(), ApiError>) {
        let mut counts = Counts::of(update, cx.clock().time());
        if update.set.meta.is_deleting() {
            return (counts, Ok(()));
        }
        let result = (|| {
            let replicas =
                update.run_for_all(update.replicas.len(), |index| self.process_replica(cx, update, index))?;
            if replicas == Next::Stop {
                return Ok(());
            }
            let count = update.condemned.len();
            if update.run_for_all(count, |index| fix_pod_claim(cx, update, &update.condemned[index]))? == Next::Stop {
                return Ok(());
            }
            if update.run_for_all(count, |index| process_condemned(cx, update, index))? == Next::Stop {
                return Ok(());
            }
            roll(cx, update, &mut counts)
        })();
        (counts, result)
    }

    /// Mirrors `processReplica`.
    fn process_replica(
        &mut self,
        cx: &mut SyncContext<'_>,
        update: &Update<'_>,
        index: usize,
    ) -> Result<Next, ApiError> {
        let (set, slot) = (update.set, &update.replicas[index]);
        let Some(pod) = &slot.pod else { return self.fill(cx, update, slot) };
        if pod.status.phase.is_terminal() {
            if !pod.meta.is_deleting() {
                delete_stateful_pod(cx, set, pod)?;
            }
            // The pod is made anew once this one is gone.
            return Ok(Next::Stop);
        }
        if pod.status.phase == PodPhase::Pending {
            create_persistent_volume_claims(cx, set, &pod.meta.name, slot.ordinal)?;
        }
        let available = is_running_and_available(pod, update.min_ready_seconds, cx.clock().time());
        if update.monotonic && (pod.meta.is_deleting() || !is_running_and_ready(pod) || !available) {
            return Ok(Next::Stop);
        }
        let as_it_should_be =
            identity_matches(set, pod) && storage_matches(set, pod) && claims_match_retention_policy(cx, set, pod);
        if !as_it_should_be {
            update_stateful_pod(cx, set, pod)?;
        }
        Ok(Next::GoOn)
    }

    /// Makes the pod of an empty place.
    fn fill(&mut self, cx: &mut SyncContext<'_>, update: &Update<'_>, slot: &Slot) -> Result<Next, ApiError> {
        let revision = update.revision_for(slot.ordinal);
        let template = self.revisions.template_of(revision);
        let pod = new_versioned_stateful_set_pod(update.set, &template, &revision.meta.name, slot.ordinal);
        if pod_claim_is_stale(cx, update.set, &pod.meta.name, slot.ordinal) {
            return Ok(Next::Stop);
        }
        create_stateful_pod(cx, update.set, pod, slot.ordinal)?;
        Ok(if update.monotonic { Next::Stop } else { Next::GoOn })
    }
}

impl<'s> Update<'s> {
    fn new(set: &'s Arc<StatefulSet>, revisions: Revisions, pods: &[Arc<Pod>]) -> Self {
        let (start, end) = (start_ordinal(set), end_ordinal(set));
        let mut replicas: Vec<Slot> = (start..=end).map(|ordinal| Slot { ordinal, pod: None }).collect();
        let mut condemned: Vec<(i32, Arc<Pod>)> = Vec::new();
        for pod in pods {
            let Some(ordinal) = member_ordinal(set, &pod.meta.name) else { continue };
            let index = usize::try_from(i64::from(ordinal) - i64::from(start)).ok();
            match index.and_then(|i| replicas.get_mut(i)) {
                Some(slot) => slot.pod = Some(Arc::clone(pod)),
                None => condemned.push((ordinal, Arc::clone(pod))),
            }
        }
        condemned.sort_by_key(|(ordinal, _)| std::cmp::Reverse(*ordinal));
        Self {
            set,
            revisions,
            replicas,
            condemned: condemned.into_iter().map(|(_, pod)| pod).collect(),
            monotonic: is_monotonic(set),
            min_ready_seconds: min_ready_seconds(set),
        }
    }

    /// Does something for each of a number of places: in order until one says stop, or in batches that grow until one
    /// fails. Mirrors `runForAll`.
    fn run_for_all(
        &self,
        count: usize,
        mut step: impl FnMut(usize) -> Result<Next, ApiError>,
    ) -> Result<Next, ApiError> {
        if self.monotonic {
            for index in 0..count {
                if step(index)? == Next::Stop {
                    return Ok(Next::Stop);
                }
            }
            return Ok(Next::GoOn);
        }
        let (mut done, mut batch) = (0, 1);
        while done < count {
            let end = count.min(done + batch);
            let mut first_error = None;
            for index in done..end {
                if let Err(error) = step(index) {
                    first_error.get_or_insert(error);
                }
            }
            if let Some(error) = first_error {
                return Err(error);
            }
            (done, batch) = (end, (2 * batch).min(BATCH_SIZE_MAX));
        }
        Ok(Next::GoOn)
    }

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

    /// The first pod that is not available: in order of the replicas, or else the lowest of the condemned.
    fn is_first_unavailable(&self, pod: &Pod, now: seatrial_api::Time) -> bool {
        let unavailable = |p: &Pod| is_unavailable(p, self.min_ready_seconds, now);
        let replica_is = self.replicas.iter().any(|s| s.pod.as_ref().is_none_or(|p| unavailable(p)));
        !replica_is && self.condemned.iter().rev().find(|p| unavailable(p)).is_some_and(|p| p.meta.uid == pod.meta.uid)
    }
}

/// Gives the claims of a pod that is to go the owners that the policy wants.
fn fix_pod_claim(cx: &mut SyncContext<'_>, update: &Update<'_>, pod: &Arc<Pod>) -> Result<Next, ApiError> {
    if !claims_match_retention_policy(cx, update.set, pod) {
        update_pod_claim_for_retention_policy(cx, update.set, pod)?;
    }
    Ok(Next::GoOn)
}

/// Mirrors `processCondemned`.
fn process_condemned(cx: &mut SyncContext<'_>, update: &Update<'_>, index: usize) -> Result<Next, ApiError> {
    let (pod, now) = (&update.condemned[index], cx.clock().time());
    if pod.meta.is_deleting() {
        return Ok(Next::Stop);
    }
    let healthy = is_running_and_ready(pod) && is_running_and_available(pod, update.min_ready_seconds, now);
    if update.monotonic && !healthy && !update.is_first_unavailable(pod, now) {
        return Ok(Next::Stop);
    }
    delete_stateful_pod(cx, update.set, pod)?;
    Ok(if update.monotonic { Next::Stop } else { Next::GoOn })
}

/// Takes the highest pod of another revision, if all above it are well. Mirrors the end of `updateStatefulSet`.
fn roll(cx: &mut SyncContext<'_>, update: &Update<'_>, counts: &mut Counts) -> Result<(), ApiError> {
    let spec = spec_of(update.set);
    let strategy = spec.update_strategy.as_ref();
    if strategy.and_then(|s| s.type_.as_deref()) == Some("OnDelete") {
        return Ok(());
    }
    let partition = strategy.and_then(|s| s.rolling_update.as_ref()).and_then(|r| r.partition).unwrap_or(0);
    let first = usize::try_from(partition).unwrap_or(0).min(update.replicas.len());
    let now = cx.clock().time();
    for slot in update.replicas[first..].iter().rev() {
        // A pod that was only made in this sync is not available yet.
        let Some(pod) = &slot.pod else { return Ok(()) };
        if pod_revision(pod) != update.revisions.update.meta.name && !pod.meta.is_deleting() {
            delete_stateful_pod(cx, update.set, pod)?;
            counts.current -= 1;
            return Ok(());
        }
        if is_unavailable(pod, update.min_ready_seconds, now) {
            return Ok(());
        }
    }
    Ok(())
}
