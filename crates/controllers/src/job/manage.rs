//! Making the pods that are missing, removing those that are too many.
//!
//! Mirrors pkg/controller/job/job_controller.go (`manageJob`, `activePodsForRemoval`, `deleteJobPods`) (v1.36).

use std::sync::Arc;
use std::time::Duration;

use seatrial_api::{ApiError, Pod, PodSpec, Str};
use seatrial_machinery::deletion_order::compare_active_pods;
use seatrial_machinery::pod_control::{
    SLOW_START_INITIAL_BATCH_SIZE, create_pod, delete_pod, get_pod_from_template, slow_start_batch,
};
use seatrial_machinery::{Clock, ObjectRef, SyncContext, new_controller_ref};

use super::backoff::remaining_time_per_index;
use super::controller::JobController;
use super::indexed::{
    JOB_COMPLETION_INDEX, UNKNOWN_COMPLETION_INDEX, add_index_failure_count_annotation, completion_index, decimal,
    pod_generate_name_with_index,
};
use super::indexes::{IndexSet, OrderedIntervals, first_pending_indexes};
use super::orphans::remove_tracking_finalizer;
use super::pods::JobPods;
use super::sync::JobSync;

/// The most pods that one sync creates or deletes.
const MAX_POD_CREATE_DELETE_PER_SYNC: i32 = 500;

impl JobSync<'_> {
    /// How many pods are to run.
    fn want_active(&self) -> i32 {
        match self.wanted.completions {
            // After the first success nothing is started any more, and nothing is stopped.
            None if self.succeeded > 0 => self.active,
            None => self.wanted.parallelism,
            Some(completions) => (completions - self.succeeded).min(self.wanted.parallelism).max(0),
        }
    }

    /// The lowest indexes that nobody works on. Mirrors `firstPendingIndexes`.
    fn first_pending_indexes(&self, count: i32) -> Vec<i32> {
        let none = OrderedIntervals::default();
        let failed = self.failed_indexes.as_ref().unwrap_or(&none);
        let only_failed = self.wanted.only_replace_failed;
        let terminating = if only_failed { self.pods.terminating_indexes() } else { IndexSet::default() };
        first_pending_indexes(
            usize::try_from(count).unwrap_or(0),
            self.wanted.completions.unwrap_or(0),
            [&self.succeeded_indexes, failed],
            [self.pods.active_indexes(), &terminating],
        )
    }

    /// Those of the indexes that may have a pod now, or how long it is until the first of them may. Mirrors
    /// `getPodCreationInfoForIndependentIndexes`.
    fn creation_info_for_independent_indexes(&self, indexes: &[i32], clock: Clock) -> (Vec<i32>, Duration) {
        let mut now = Vec::with_capacity(indexes.len());
        let mut shortest: Option<Duration> = None;
        for index in indexes {
            let left = remaining_time_per_index(self.pods_with_delayed_deletion.get(index), clock);
            if left.is_zero() {
                now.push(*index);
            } else {
                shortest = Some(shortest.map_or(left, |s| s.min(left)));
            }
        }
        let left = if now.is_empty() { shortest.unwrap_or_default() } else { Duration::ZERO };
        (now, left)
    }
}

impl JobController {
    /// Brings the number of active pods to what is wanted; the sync's counts follow. Mirrors `manageJob`.
    pub(super) fn manage_job(&mut self, cx: &mut SyncContext<'_>, sync: &mut JobSync<'_>) -> Result<(), ApiError> {
        let clock = cx.clock();
        if sync.wanted.is_suspended {
            let all = active_pods_for_removal(sync, usize::MAX);
            return self.delete_job_pods(cx, sync, &all);
        }
        let want_active = sync.want_active();
        let too_many = usize::try_from(sync.active - want_active).unwrap_or(0);
        let mut doomed = active_pods_for_removal(sync, too_many);
        doomed.truncate(usize::try_from(MAX_POD_CREATE_DELETE_PER_SYNC).unwrap_or(0));
        if !doomed.is_empty() {
            // A sync removes or makes pods, not both.
            return self.delete_job_pods(cx, sync, &doomed);
        }
        let terminating = if sync.wanted.only_replace_failed { sync.terminating } else { 0 };
        let missing = want_active - terminating - sync.active;
        if missing <= 0 {
            return Ok(());
        }
        let per_index = sync.wanted.is_indexed && sync.wanted.backoff_limit_per_index.is_some();
        let left = if per_index { Duration::ZERO } else { sync.backoff.remaining_time(clock) };
        if !left.is_zero() {
            self.enqueue_sync_job_with_delay(sync.key.clone(), left, clock.now());
            return Ok(());
        }
        let missing = missing.min(MAX_POD_CREATE_DELETE_PER_SYNC);
        if !sync.wanted.is_indexed {
            let indexes = vec![UNKNOWN_COMPLETION_INDEX; usize::try_from(missing).unwrap_or(0)];
            return self.create_pods(cx, sync, &indexes);
        }
        let mut indexes = sync.first_pending_indexes(missing);
        if per_index {
            let (now, left) = sync.creation_info_for_independent_indexes(&indexes, clock);
            if !left.is_zero() {
                self.enqueue_sync_job_with_delay(sync.key.clone(), left, clock.now());
                return Ok(());
            }
            indexes = now;
        }
        self.create_pods(cx, sync, &indexes)
    }

    fn create_pods(
        &mut self,
        cx: &mut SyncContext<'_>,
        sync: &mut JobSync<'_>,
        indexes: &[i32],
    ) -> Result<(), ApiError> {
        self.expectations.expect_creations(sync.key.clone(), indexes.len(), cx.clock().now());
        let job = Arc::clone(&sync.job);
        let (template, finalizers) = self.template_of(&job, sync.spec);
        let mut model = get_pod_from_template(&template, &job.meta, new_controller_ref(&*job));
        model.meta.finalizers = finalizers;
        let about = ObjectRef::of(&*job);
        let mut next = indexes.iter();
        let (successes, result) = slow_start_batch(indexes.len(), SLOW_START_INITIAL_BATCH_SIZE, || {
            let index = next.next().copied().unwrap_or(UNKNOWN_COMPLETION_INDEX);
            let mut pod = model.clone();
            if index != UNKNOWN_COMPLETION_INDEX {
                give_index(&mut pod, sync, index);
            }
            match create_pod(&mut cx.client, pod, &about) {
                // In a namespace on its way out the controller has nothing left to do.
                Err(error) if error.has_cause("NamespaceTerminating") => Ok(()),
                other => other.map(drop),
            }
        });
        self.expectations.lower_expectations(sync.key, indexes.len() - successes, 0);
        sync.active += i32::try_from(successes).unwrap_or(i32::MAX);
        result
    }

    /// Removes pods that never count: their finalizers go first. Mirrors `deleteJobPods`.
    fn delete_job_pods(
        &mut self,
        cx: &mut SyncContext<'_>,
        sync: &mut JobSync<'_>,
        doomed: &[Arc<Pod>],
    ) -> Result<(), ApiError> {
        self.expectations.expect_deletions(sync.key.clone(), doomed.len(), cx.clock().now());
        let job = Arc::clone(&sync.job);
        let about = ObjectRef::of(&*job);
        let mut first_error = None;
        for pod in doomed {
            let stripped = remove_tracking_finalizer(&mut cx.client, pod);
            let is_stripped = stripped.is_ok();
            let mut is_removed = true;
            if let Err(error) = stripped.and_then(|()| delete_pod(&mut cx.client, pod, &about)) {
                // Nobody will see this deletion.
                self.expectations.deletion_observed(sync.key);
                if !error.is_not_found() {
                    is_removed = false;
                    first_error.get_or_insert(error);
                }
            }
            sync.active -= i32::from(is_removed);
            sync.terminating += i32::from(is_removed);
            sync.ready -= i32::from(is_stripped && pod.is_ready());
        }
        first_error.map_or(Ok(()), Err)
    }
}

/// Gives a pod of an indexed Job its name, annotations, label and hostname.
fn give_index(pod: &mut Pod, sync: &JobSync<'_>, index: i32) {
    let number = decimal(index);
    let job = &sync.job.meta.name;
    pod.meta.generate_name = pod_generate_name_with_index(job, &number);
    let key = Str::new_static(JOB_COMPLETION_INDEX);
    pod.meta.annotations = pod.meta.annotations.with(key.clone(), number.clone());
    pod.meta.labels = pod.meta.labels.with(key, number.clone());
    let rest = pod.hostname().and_then(|hostname| hostname.strip_prefix(job.as_str()));
    if rest.and_then(|rest| rest.strip_prefix('-')) != Some(&number) {
        // The Job's name is too long to be the prefix as it is.
        let mut spec = pod.spec.api().clone();
        spec.hostname = Some(format!("{job}-{number}"));
        pod.spec = Arc::new(PodSpec::new(spec));
    }
    if sync.wanted.backoff_limit_per_index.is_some() {
        let replaced = sync.pods_with_delayed_deletion.get(&index).map(|pod| &**pod);
        add_index_failure_count_annotation(&mut pod.meta.annotations, sync.spec.pod_failure_policy.as_ref(), replaced);
    }
}

/// At least so many active pods, those first that have no place of their own. Mirrors `activePodsForRemoval`.
fn active_pods_for_removal(sync: &JobSync<'_>, at_least: usize) -> Vec<Arc<Pod>> {
    let completions = sync.wanted.completions.unwrap_or(0);
    let is_misplaced = sync.wanted.is_indexed && sync.pods.has_misplaced(completions);
    if at_least == 0 && !is_misplaced {
        return Vec::new();
    }
    let (mut doomed, mut left) = if is_misplaced {
        split_misplaced(sync.pods, completions)
    } else {
        (Vec::new(), sync.pods.active().into_iter().map(Arc::clone).collect())
    };
    if doomed.len() < at_least {
        left.sort_by(|a, b| compare_active_pods(a, b));
        let more = at_least - doomed.len();
        doomed.extend(left.into_iter().take(more));
    }
    doomed
}

/// Pods without an index of their own, and the others. Of those that share one the last to be deleted stays. Mirrors
/// `appendDuplicatedIndexPodsForRemoval`.
fn split_misplaced(pods: &JobPods, completions: i32) -> (Vec<Arc<Pod>>, Vec<Arc<Pod>>) {
    let (mut doomed, mut left) = (Vec::new(), Vec::new());
    let active = pods.active();
    for group in active.chunk_by(|a, b| completion_index(a) == completion_index(b)) {
        let index = group.first().map_or(UNKNOWN_COMPLETION_INDEX, |pod| completion_index(pod));
        let mut group: Vec<Arc<Pod>> = group.iter().map(|pod| Arc::clone(pod)).collect();
        if index == UNKNOWN_COMPLETION_INDEX || index >= completions {
            doomed.append(&mut group);
            continue;
        }
        group.sort_by(|a, b| compare_active_pods(a, b));
        left.extend(group.pop());
        doomed.append(&mut group);
    }
    (doomed, left)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::job::test_pods::pod;

    fn running(name: &str, index: Option<i32>, ready_since: Option<&str>) -> Arc<Pod> {
        let mut meta = json!({"finalizers": ["batch.kubernetes.io/job-tracking"]});
        if let Some(index) = index {
            meta["annotations"] = json!({"batch.kubernetes.io/job-completion-index": index.to_string()});
        }
        let mut status = json!({"phase": "Running"});
        if let Some(since) = ready_since {
            status["conditions"] = json!([{"type": "Ready", "status": "True", "lastTransitionTime": since}]);
        }
        Arc::new(pod(name, &json!({"metadata": meta, "status": status})))
    }

    /// Rows as upstream's `TestAppendDuplicatedIndexPodsForRemoval` has them: of pods that share an index the one that
    /// has been ready for longest stays.
    #[test]
    fn pods_without_an_index_of_their_own_go() {
        let (early, late) = (Some("2024-01-01T00:00:00Z"), Some("2024-01-01T00:10:00Z"));
        let mut pods = JobPods::default();
        let rows = [
            ("a", Some(0), late),
            ("b", Some(0), early),
            ("c", Some(1), None),
            ("d", Some(2), None),
            ("e", Some(2), late),
            ("f", Some(3), late),
            ("g", None, early),
        ];
        for (name, index, ready) in rows {
            pods.apply(&running(name, index, ready));
        }
        let (doomed, left) = split_misplaced(&pods, 3);
        let names = |pods: &[Arc<Pod>]| {
            let mut names: Vec<String> = pods.iter().map(|p| p.meta.name.to_string()).collect();
            names.sort();
            names.concat()
        };
        assert_eq!((names(&doomed).as_str(), names(&left).as_str()), ("adfg", "bce"));
    }
}
