//! Counting pods that have ended, exactly once each: first their uids, then their finalizers, then the counters.
//!
//! Mirrors pkg/controller/job/job_controller.go (`trackJobStatusAndRemoveFinalizers` and below) (v1.36).

use std::sync::Arc;

use k8s_openapi::api::batch::v1::{JobCondition, JobStatus};
use rustc_hash::FxHashSet;
use seatrial_api::{ApiError, Job, Pod, PodPhase, Uid};
use seatrial_machinery::{EventText, ObjectRef, SyncContext};

use super::conditions::{
    COMPLETE, FAILURE_TARGET, SUCCESS_CRITERIA_MET, ensure_job_condition_status, find_true, terminal_of,
};
use super::controller::JobController;
use super::orphans::remove_tracking_finalizer;
use super::pod_failure_policy::match_pod_failure_policy;
use super::sync::{JobSync, nonzero};

/// The most pods that one sync counts. Mirrors `MaxUncountedPods`.
const MAX_UNCOUNTED_PODS: usize = 500;

/// The pods that a sync counts.
#[derive(Default)]
struct Counted {
    /// Pods whose finalizer goes.
    pods: Vec<Arc<Pod>>,
    /// Indexes that succeeded, as far as they are counted.
    new_succeeded_indexes: Vec<i32>,
    /// Whether there are more than one sync counts.
    reached_max: bool,
    needs_flush: bool,
}

impl JobSync<'_> {
    /// Whether a pod still has its finalizer, as far as is known.
    fn has_finalizer(&self, uid: &Uid, removed: &FxHashSet<Uid>) -> bool {
        self.pods.is_tracked(uid) && !self.expected_rm_finalizers.contains(uid) && !removed.contains(uid)
    }

    /// Mirrors `canRemoveFinalizer`.
    fn can_remove_finalizer(&self, index: i32, pod: &Pod, is_failed: bool) -> bool {
        if self.job.meta.is_deleting() || self.finished_condition.is_some() || pod.status.phase == PodPhase::Succeeded {
            return true;
        }
        // The last failed pod of an index stays until the next one has its counts.
        let is_delayed = self.pods_with_delayed_deletion.get(&index).is_some_and(|p| p.meta.uid == pod.meta.uid);
        is_failed && !is_delayed
    }

    /// Notes what is to be counted.
    fn count(&mut self) -> Counted {
        let pods = self.pods;
        let everything = self.job.meta.is_deleting() || self.finished_condition.is_some();
        // Only where all finalizers go are running pods looked at.
        let candidates = if everything { pods.tracked() } else { pods.unaccounted().collect() };
        let success = self.finished_condition.as_ref().is_some_and(|c| c.type_ == SUCCESS_CRITERIA_MET);
        let has_failed = self.finished_condition.is_some() && !success;
        let mut counted = Counted::default();
        for (index, pod) in candidates {
            if self.expected_rm_finalizers.contains(&pod.meta.uid) {
                continue;
            }
            let is_failed = self.wanted.is_pod_failed(pod);
            if !self.can_remove_finalizer(index, pod, is_failed) {
                continue;
            }
            counted.pods.push(Arc::clone(pod));
            if pod.status.phase == PodPhase::Succeeded && !self.uncounted_failed.contains(&pod.meta.uid) {
                self.count_success(index, pod, &mut counted);
            } else if is_failed || has_failed {
                // When a Job has failed, so has every pod that has not ended.
                self.count_failure(index, pod, &mut counted);
            }
            let uncounted = self.status.uncounted_terminated_pods.get_or_insert_default();
            let listed = [&uncounted.succeeded, &uncounted.failed].map(|list| list.as_ref().map_or(0, Vec::len));
            if counted.new_succeeded_indexes.len() + listed[0] + listed[1] >= MAX_UNCOUNTED_PODS {
                counted.reached_max = true;
                break;
            }
        }
        counted
    }

    fn count_success(&mut self, index: i32, pod: &Pod, counted: &mut Counted) {
        if self.wanted.is_indexed {
            // The index is enough to count a success once.
            if self.wanted.has_index(index) && !self.prev_succeeded_indexes.has(index) {
                counted.new_succeeded_indexes.push(index);
                counted.needs_flush = true;
            }
        } else if !self.uncounted_succeeded.contains(&pod.meta.uid) {
            let uncounted = self.status.uncounted_terminated_pods.get_or_insert_default();
            uncounted.succeeded.get_or_insert_default().push(pod.meta.uid.to_string());
            counted.needs_flush = true;
        }
    }

    fn count_failure(&mut self, index: i32, pod: &Pod, counted: &mut Counted) {
        if self.uncounted_failed.contains(&pod.meta.uid) || !self.wanted.is_valid(index) {
            return;
        }
        let policy = self.spec.pod_failure_policy.as_ref();
        if policy.is_none() || match_pod_failure_policy(policy, pod).counts() {
            let uncounted = self.status.uncounted_terminated_pods.get_or_insert_default();
            uncounted.failed.get_or_insert_default().push(pod.meta.uid.to_string());
            counted.needs_flush = true;
        }
    }

    /// Writes the indexes into the status; returns whether that changed it.
    fn set_indexes(&mut self, new_succeeded: &[i32]) -> bool {
        self.succeeded_indexes = self.succeeded_indexes.with_ordered_indexes(new_succeeded);
        let completed = self.succeeded_indexes.to_string();
        let failed = self.failed_indexes.as_ref().map(ToString::to_string);
        let status = &mut self.status;
        let changed =
            completed != status.completed_indexes.as_deref().unwrap_or_default() || failed != status.failed_indexes;
        status.succeeded = nonzero(self.succeeded_indexes.total());
        status.completed_indexes = (!completed.is_empty()).then_some(completed);
        status.failed_indexes = failed;
        changed
    }

    /// Writes down that the Job is about to end, and turns to how it will have ended; returns whether that changed the
    /// status.
    fn set_interim_condition(&mut self, now: seatrial_api::Time) -> bool {
        let interim = self.finished_condition.take_if(|c| c.type_ == FAILURE_TARGET || c.type_ == SUCCESS_CRITERIA_MET);
        let Some(interim) = interim else { return false };
        self.finished_condition = Some(terminal_of(&interim, now));
        let is_there = interim.type_ == SUCCESS_CRITERIA_MET && find_true(&self.status, SUCCESS_CRITERIA_MET).is_some();
        if !is_there {
            self.status.conditions.get_or_insert_default().push(interim);
        }
        !is_there
    }
}

/// Counts pods that lost their finalizer; returns whether there were any. Mirrors `cleanUncountedPodsWithoutFinalizers`.
fn clean_uncounted_pods_without_finalizers(status: &mut JobStatus, has_finalizer: impl Fn(&Uid) -> bool) -> bool {
    let uncounted = status.uncounted_terminated_pods.get_or_insert_default();
    let mut updated = false;
    for (list, counter) in
        [(&mut uncounted.succeeded, &mut status.succeeded), (&mut uncounted.failed, &mut status.failed)]
    {
        let Some(uids) = list else { continue };
        let before = uids.len();
        uids.retain(|uid| has_finalizer(&Uid::parse(uid)));
        let gone = i32::try_from(before - uids.len()).unwrap_or(i32::MAX);
        if gone > 0 {
            updated = true;
            *counter = nonzero(counter.unwrap_or(0).saturating_add(gone));
        }
        if uids.is_empty() {
            *list = None;
        }
    }
    updated
}

impl JobController {
    /// Writes the status, takes the finalizers off the pods that it names, and counts them. Mirrors
    /// `trackJobStatusAndRemoveFinalizers`.
    pub(super) fn track_job_status_and_remove_finalizers(
        &mut self,
        cx: &mut SyncContext<'_>,
        sync: &mut JobSync<'_>,
        needs_flush: bool,
    ) -> Result<(), ApiError> {
        let mut needs_flush = needs_flush;
        let mut removed = FxHashSet::default();
        let mut status = std::mem::take(&mut sync.status);
        needs_flush |= clean_uncounted_pods_without_finalizers(&mut status, |uid| sync.has_finalizer(uid, &removed));
        sync.status = status;
        let counted = sync.count();
        needs_flush |= counted.needs_flush;
        if sync.wanted.is_indexed {
            needs_flush |= sync.set_indexes(&counted.new_succeeded_indexes);
        }
        needs_flush |= sync.set_interim_condition(cx.clock().time());
        if needs_flush {
            update_job_status(cx, sync)?;
            self.backoff.insert(sync.key.clone(), sync.backoff);
        }
        let result = self.remove_tracking_finalizers(cx, sync, &counted.pods, &mut removed);
        let mut status = std::mem::take(&mut sync.status);
        let mut needs_flush =
            clean_uncounted_pods_without_finalizers(&mut status, |uid| sync.has_finalizer(uid, &removed));
        sync.status = status;
        if result.is_err() {
            if needs_flush {
                update_job_status(cx, sync)?;
            }
            return result;
        }
        let finished = (!counted.reached_max).then(|| enact_job_finished(sync)).flatten();
        needs_flush |= finished.is_some();
        if needs_flush {
            update_job_status(cx, sync)?;
        }
        if let Some(condition) = finished {
            record_job_finished(cx, sync, &condition);
        }
        Ok(())
    }

    /// Mirrors `removeTrackingFinalizerFromPods`.
    fn remove_tracking_finalizers(
        &mut self,
        cx: &mut SyncContext<'_>,
        sync: &JobSync<'_>,
        pods: &[Arc<Pod>],
        removed: &mut FxHashSet<Uid>,
    ) -> Result<(), ApiError> {
        if pods.is_empty() {
            return Ok(());
        }
        let expected = self.finalizer_expectations.entry(sync.key.clone()).or_default();
        expected.extend(pods.iter().map(|pod| pod.meta.uid.clone()));
        let mut first_error = None;
        for pod in pods {
            if let Err(error) = remove_tracking_finalizer(&mut cx.client, pod) {
                // Nobody will see this change.
                self.finalizer_removal_observed(sync.key, &pod.meta.uid);
                if !error.is_not_found() {
                    first_error.get_or_insert(error);
                    continue;
                }
            }
            removed.insert(pod.meta.uid.clone());
        }
        first_error.map_or(Ok(()), Err)
    }
}

/// Mirrors `updateJobStatus`.
fn update_job_status(cx: &mut SyncContext<'_>, sync: &mut JobSync<'_>) -> Result<(), ApiError> {
    let mut new = Job::clone(&sync.job);
    new.body.status = Some(sync.status.clone().into());
    sync.job = cx.client.update_status(new)?;
    Ok(())
}

/// Ends the Job once all pods are counted and gone; returns how it ended. Mirrors `enactJobFinished`.
fn enact_job_finished(sync: &mut JobSync<'_>) -> Option<JobCondition> {
    let condition = sync.finished_condition.clone()?;
    let uncounted = sync.status.uncounted_terminated_pods.get_or_insert_default();
    let is_counted = uncounted.succeeded.is_none() && uncounted.failed.is_none();
    if !is_counted || sync.terminating > 0 {
        return None;
    }
    let now = condition.last_transition_time.as_ref().map(seatrial_api::Time::from).unwrap_or_default();
    let text = |t: &Option<String>| t.clone().unwrap_or_default();
    let (reason, message) = (text(&condition.reason), text(&condition.message));
    ensure_job_condition_status(&mut sync.status, &condition.type_, true, (&reason, &message), now);
    if condition.type_ == COMPLETE {
        sync.status.completion_time.clone_from(&condition.last_transition_time);
    }
    Some(condition)
}

/// Mirrors `recordJobFinished`.
fn record_job_finished(cx: &mut SyncContext<'_>, sync: &JobSync<'_>, condition: &JobCondition) {
    let about = ObjectRef::of(&*sync.job);
    if condition.type_ != COMPLETE {
        let (reason, message) = (condition.reason.as_deref(), condition.message.as_deref());
        let text = EventText::warning(reason.unwrap_or_default(), message.unwrap_or_default());
        cx.client.event(&about, &text);
        return;
    }
    if sync.wanted.completions.is_some_and(|n| sync.status.succeeded.unwrap_or(0) > n) {
        let message = "Too many succeeded pods running after completion count reached";
        cx.client.event(&about, &EventText::warning("TooManySucceededPods", message));
    }
    cx.client.event(&about, &EventText::normal("Completed", "Job completed"));
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::batch::v1::UncountedTerminatedPods;

    use super::*;

    #[test]
    fn pods_without_finalizer_are_counted_once() {
        let list = |uids: &[&str]| (!uids.is_empty()).then(|| uids.iter().map(|u| (*u).to_owned()).collect::<Vec<_>>());
        // (listed as succeeded and failed, still with finalizer, what is added, what stays listed)
        type Row<'a> = (&'a [&'a str], &'a [&'a str], &'a [&'a str], (i32, i32), &'a [&'a str], &'a [&'a str]);
        let rows: [Row<'_>; 5] = [
            (&[], &[], &[], (0, 0), &[], &[]),
            (&["a", "b"], &["c"], &["a", "b", "c"], (0, 0), &["a", "b"], &["c"]),
            (&["a", "b"], &["c"], &["b"], (1, 1), &["b"], &[]),
            (&["a", "b"], &[], &[], (2, 0), &[], &[]),
            (&[], &["c", "d"], &["d"], (0, 1), &[], &["d"]),
        ];
        for (succeeded, failed, with, (more_succeeded, more_failed), left_succeeded, left_failed) in rows {
            let pods = UncountedTerminatedPods { succeeded: list(succeeded), failed: list(failed) };
            let mut status = JobStatus {
                succeeded: Some(10),
                failed: Some(20),
                uncounted_terminated_pods: Some(pods),
                ..JobStatus::default()
            };
            let has = |uid: &Uid| with.contains(&uid.to_string().as_str());
            let updated = clean_uncounted_pods_without_finalizers(&mut status, has);
            assert_eq!(updated, more_succeeded + more_failed > 0, "{succeeded:?} {failed:?} {with:?}");
            assert_eq!((status.succeeded, status.failed), (Some(10 + more_succeeded), Some(20 + more_failed)));
            let left = UncountedTerminatedPods { succeeded: list(left_succeeded), failed: list(left_failed) };
            assert_eq!(status.uncounted_terminated_pods, Some(left), "{succeeded:?} {failed:?} {with:?}");
        }
    }
}
