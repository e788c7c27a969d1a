//! One sync of a Job: what its pods came to, whether it is over, and what follows.
//!
//! Mirrors pkg/controller/job/job_controller.go (`syncJob`, `getPodsForJob`) (v1.36).
//! Differs: the number of active pods is told also while the Job backs off, as in later patch releases; v1.36.2 says 0.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::batch::v1::{JobCondition, JobSpec, JobStatus};
use rustc_hash::FxHashSet;
use seatrial_api::{ApiError, Job, LabelSelector, NamespacedName, Pod, PodPhase, Uid};
use seatrial_machinery::{ControllerRefManager, EventText, ObjectRef, SyncContext};

use super::backoff::{BackoffRecord, finished_time};
use super::conditions::{SUSPENDED, ensure_job_condition_status};
use super::controller::JobController;
use super::indexed::{index_absolute_failure_count, is_index_failed};
use super::indexes::OrderedIntervals;
use super::pod_failure_policy::match_pod_failure_policy;
use super::pods::JobPods;
use super::utils::{JOB_TRACKING_FINALIZER, Wanted, has_known_mode, is_job_finished, is_managed_externally, spec_of};

/// What one sync knows and changes. Mirrors `syncJobCtx`.
pub(super) struct JobSync<'s> {
    pub(super) key: &'s NamespacedName,
    pub(super) spec: &'s JobSpec,
    pub(super) wanted: Wanted,
    pub(super) pods: &'s JobPods,
    /// The Job as it was written last.
    pub(super) job: Arc<Job>,
    /// The status to be.
    pub(super) status: JobStatus,
    pub(super) active: i32,
    pub(super) ready: i32,
    pub(super) terminating: i32,
    /// Pods that have succeeded, those not counted yet included; of an indexed Job: indexes.
    pub(super) succeeded: i32,
    /// Pods that have failed and count, those not counted yet included.
    pub(super) failed: i32,
    /// What the status told when the sync began.
    pub(super) prev_succeeded_indexes: OrderedIntervals,
    pub(super) succeeded_indexes: OrderedIntervals,
    /// Only where each index has a limit of its own.
    pub(super) failed_indexes: Option<OrderedIntervals>,
    pub(super) backoff: BackoffRecord,
    /// Pods whose finalizer was removed, which the caches do not know yet.
    pub(super) expected_rm_finalizers: FxHashSet<Uid>,
    /// Pods in `status.uncountedTerminatedPods` when the sync began.
    pub(super) uncounted_succeeded: FxHashSet<Uid>,
    pub(super) uncounted_failed: FxHashSet<Uid>,
    /// The last failed pod of each index that waits for its next pod.
    pub(super) pods_with_delayed_deletion: BTreeMap<i32, Arc<Pod>>,
    /// How the Job ends, if it does.
    pub(super) finished_condition: Option<JobCondition>,
}

/// Zero is not written.
pub(super) fn nonzero(n: i32) -> Option<i32> {
    (n != 0).then_some(n)
}

fn uids(list: Option<&Vec<String>>) -> FxHashSet<Uid> {
    list.into_iter().flatten().map(|uid| Uid::parse(uid)).collect()
}

impl<'s> JobSync<'s> {
    fn new(key: &'s NamespacedName, job: &Arc<Job>, spec: &'s JobSpec, pods: &'s JobPods) -> Self {
        let mut status = job.body.status.as_deref().cloned().unwrap_or_default();
        let uncounted = status.uncounted_terminated_pods.get_or_insert_default();
        let (uncounted_succeeded, uncounted_failed) =
            (uids(uncounted.succeeded.as_ref()), uids(uncounted.failed.as_ref()));
        Self {
            key,
            spec,
            wanted: Wanted::of(spec),
            pods,
            job: Arc::clone(job),
            active: pods.active_count(),
            ready: pods.ready_count(),
            terminating: pods.terminating_count(),
            succeeded: 0,
            failed: 0,
            prev_succeeded_indexes: OrderedIntervals::default(),
            succeeded_indexes: OrderedIntervals::default(),
            failed_indexes: None,
            backoff: BackoffRecord::default(),
            expected_rm_finalizers: FxHashSet::default(),
            uncounted_succeeded,
            uncounted_failed,
            pods_with_delayed_deletion: BTreeMap::new(),
            finished_condition: None,
            status,
        }
    }

    /// Whether a pod counts: it is not counted yet and, in an indexed Job, has an index. Mirrors
    /// `getValidPodsWithFilter`.
    fn is_valid(&self, index: i32, pod: &Pod, uncounted: Option<&FxHashSet<Uid>>) -> bool {
        self.wanted.is_valid(index)
            && !self.expected_rm_finalizers.contains(&pod.meta.uid)
            && !uncounted.is_some_and(|set| set.contains(&pod.meta.uid))
    }

    /// Counts the pods that ended since the last sync. Mirrors `getNewFinishedPods`.
    fn count_finished(&mut self, before: BackoffRecord) {
        let (mut succeeded, mut failed) = (Vec::new(), Vec::new());
        for (index, pod) in self.pods.unaccounted() {
            if pod.status.phase == PodPhase::Succeeded {
                if self.is_valid(index, pod, Some(&self.uncounted_succeeded)) {
                    succeeded.push(Arc::clone(pod));
                }
            } else if self.wanted.is_pod_failed(pod) && self.is_valid(index, pod, Some(&self.uncounted_failed)) {
                failed.push(Arc::clone(pod));
            }
        }
        let policy = self.spec.pod_failure_policy.as_ref();
        let counting = failed.iter().filter(|p| policy.is_none() || match_pod_failure_policy(policy, p).counts());
        // Anybody may write the status, up to the end of its numbers.
        let count = |counted: Option<i32>, new: usize, uncounted: usize| {
            counted.unwrap_or(0).saturating_add(i32::try_from(new + uncounted).unwrap_or(i32::MAX))
        };
        self.succeeded = count(self.status.succeeded, succeeded.len(), self.uncounted_succeeded.len());
        self.failed = count(self.status.failed, counting.count(), self.uncounted_failed.len());
        self.backoff = before.with(&succeeded, &failed);
    }

    /// Which indexes have succeeded and failed. Mirrors `calculateSucceededIndexes`, `calculateFailedIndexes`.
    fn calculate_indexes(&mut self) {
        let completions = self.wanted.completions.unwrap_or(0);
        let completed = self.status.completed_indexes.as_deref().unwrap_or_default();
        self.prev_succeeded_indexes = OrderedIntervals::parse(completed, completions);
        let indexes_of = |holds: &dyn Fn(&Pod) -> bool| {
            let ended = self.pods.unaccounted().filter(|(index, pod)| self.wanted.has_index(*index) && holds(pod));
            let mut indexes: Vec<i32> = ended.map(|(index, _)| index).collect();
            indexes.dedup();
            indexes
        };
        let succeeded = indexes_of(&|pod| pod.status.phase == PodPhase::Succeeded);
        let per_index = self.wanted.backoff_limit_per_index.is_some();
        let policy = self.spec.pod_failure_policy.as_ref();
        let failed = if per_index { indexes_of(&|pod| is_index_failed(&self.wanted, policy, pod)) } else { Vec::new() };
        self.succeeded_indexes = self.prev_succeeded_indexes.with_ordered_indexes(&succeeded);
        self.succeeded = self.succeeded_indexes.total();
        if per_index {
            let before = self.status.failed_indexes.as_deref().unwrap_or_default();
            self.failed_indexes = Some(OrderedIntervals::parse(before, completions).with_ordered_indexes(&failed));
            self.pods_with_delayed_deletion = self.delayed_deletions();
        }
    }

    /// The last failed pod of each index that is to be tried again: its annotations tell how often it failed. Mirrors
    /// `getPodsWithDelayedDeletionPerIndex`.
    fn delayed_deletions(&self) -> BTreeMap<i32, Arc<Pod>> {
        let mut delayed: BTreeMap<i32, Arc<Pod>> = BTreeMap::new();
        for (index, pod) in self.pods.unaccounted() {
            let is_settled = self.succeeded_indexes.has(index)
                || self.failed_indexes.as_ref().is_some_and(|failed| failed.has(index))
                || self.pods.active_indexes().has(index);
            let counts = self.wanted.has_index(index) && self.wanted.is_pod_failed(pod);
            if is_settled || !counts || !self.is_valid(index, pod, None) {
                continue;
            }
            let is_later = delayed.get(&index).is_none_or(|last| {
                index_absolute_failure_count(last) <= index_absolute_failure_count(pod)
                    && finished_time(pod) >= finished_time(last)
            });
            if is_later {
                delayed.insert(index, Arc::clone(pod));
            }
        }
        delayed
    }
}

impl JobController {
    /// Mirrors `syncJob`.
    pub(super) fn sync_job(&mut self, cx: &mut SyncContext<'_>, key: &NamespacedName) -> Result<(), ApiError> {
        let Some(job) = cx.informers.jobs.synced(cx, key).map(Arc::clone) else {
            self.expectations.delete_expectations(key);
            self.finalizer_expectations.remove(key);
            self.backoff.remove(key);
            return Ok(());
        };
        if let Some(known) = self.pods.get_mut(&job.meta.uid).and_then(|pods| pods.job.as_mut()) {
            known.is_batched = false;
        }
        if is_managed_externally(&job) {
            return Ok(());
        }
        if is_job_finished(&job) {
            self.backoff.remove(key);
            self.forget_template(&job.meta.uid);
            return Ok(());
        }
        let spec = spec_of(&job);
        if !has_known_mode(&spec) {
            let text =
                EventText::warning("UnknownCompletionMode", "Skipped Job sync because completion mode is unknown");
            cx.client.event(&ObjectRef::of(&*job), &text);
            return Ok(());
        }
        // What the pods' handlers told before is asked first: the pods are looked at after it.
        let satisfied = self.expectations.satisfied_expectations(key, cx.clock().now());
        self.claim_pods(cx, &job, &spec)?;
        let pods = std::mem::take(self.pods.get_or_default(&job.meta.uid));
        let mut sync = JobSync::new(key, &job, &spec, &pods);
        let result = self.reconcile(cx, &mut sync, satisfied);
        if pods.is_empty() {
            self.pods.remove(&job.meta.uid);
        } else {
            *self.pods.get_or_default(&job.meta.uid) = pods;
        }
        result
    }

    fn reconcile(&mut self, cx: &mut SyncContext<'_>, sync: &mut JobSync<'_>, satisfied: bool) -> Result<(), ApiError> {
        if let Some(expected) = self.finalizer_expectations.get(sync.key) {
            sync.expected_rm_finalizers.clone_from(expected);
        }
        sync.count_finished(self.backoff.get(sync.key).copied().unwrap_or_default());
        if sync.status.start_time.is_none() && !sync.wanted.is_suspended {
            sync.status.start_time = Some(cx.clock().time().into());
        }
        if sync.wanted.is_indexed {
            let counted = sync.succeeded;
            sync.calculate_indexes();
            tracing::trace!(counted, indexes = sync.succeeded, "indexes that succeeded");
        }
        self.choose_finished_condition(cx, sync);
        let (managed, suspend_changed) = if sync.finished_condition.is_some() {
            (self.delete_active_pods(cx, sync, satisfied), false)
        } else {
            self.manage_and_complete(cx, sync, satisfied)
        };
        let status = &mut sync.status;
        let needs_status_update = suspend_changed
            || sync.active != status.active.unwrap_or(0)
            || status.ready != Some(sync.ready)
            || status.terminating != Some(sync.terminating);
        status.active = nonzero(sync.active);
        status.ready = Some(sync.ready);
        status.terminating = Some(sync.terminating);
        self.track_job_status_and_remove_finalizers(cx, sync, needs_status_update)?;
        managed
    }

    /// Makes and removes pods where that can be judged, and looks whether the Job is done.
    fn manage_and_complete(
        &mut self,
        cx: &mut SyncContext<'_>,
        sync: &mut JobSync<'_>,
        satisfied: bool,
    ) -> (Result<(), ApiError>, bool) {
        let manages = satisfied && !sync.job.meta.is_deleting();
        let managed = if manages { self.manage_job(cx, sync) } else { Ok(()) };
        let is_complete = match sync.wanted.completions {
            // Every pod knows whether the work is done: one success is enough, when the others have ended.
            None => sync.succeeded > 0 && sync.active == 0,
            Some(completions) => sync.succeeded >= completions && sync.active == 0,
        };
        if is_complete {
            sync.finished_condition = Some(Self::new_success_condition(cx));
            return (managed, false);
        }
        (managed, manages && suspend_or_resume(cx, sync))
    }

    /// Adopts orphans that match and releases pods that no longer do. Mirrors `getPodsForJob`.
    fn claim_pods(&mut self, cx: &mut SyncContext<'_>, job: &Arc<Job>, spec: &JobSpec) -> Result<(), ApiError> {
        let namespace = &job.meta.namespace;
        let has_orphans = cx.informers.pods.orphans(namespace).next().is_some();
        let strangers = self.pods.get(&job.meta.uid).filter(|pods| !pods.strangers().is_empty());
        if job.meta.is_deleting() || (!has_orphans && strangers.is_none()) {
            return Ok(());
        }
        let strangers: Vec<_> = strangers.iter().flat_map(|pods| pods.strangers()).cloned().collect();
        let selector = LabelSelector::from_api(spec.selector.clone().unwrap_or_default());
        let mut manager = ControllerRefManager::new(&**job, &selector).with_finalizer(JOB_TRACKING_FINALIZER);
        for pod in cx.informers.pods.orphans(namespace) {
            if let Some(adopted) = manager.claim_object(&mut cx.client, pod)? {
                self.pods.get_or_default(&job.meta.uid).apply(&adopted);
            }
        }
        for name in strangers {
            let pod = cx.informers.pods.get(namespace, &name).filter(|pod| pod.meta.is_controlled_by(&job.meta.uid));
            let Some(pod) = pod else { continue };
            manager.release(&mut cx.client, pod)?;
            if let Some(pods) = self.pods.get_mut(&job.meta.uid) {
                pods.forget(&pod.meta.uid, &name);
            }
        }
        Ok(())
    }
}

/// Says that a Job is suspended or goes on; returns whether that is news.
fn suspend_or_resume(cx: &mut SyncContext<'_>, sync: &mut JobSync<'_>) -> bool {
    let now = cx.clock().time();
    let is_suspended = sync.wanted.is_suspended;
    let (reason, event, message) = if is_suspended {
        ("JobSuspended", "Suspended", "Job suspended")
    } else {
        ("JobResumed", "Resumed", "Job resumed")
    };
    let changed = ensure_job_condition_status(&mut sync.status, SUSPENDED, is_suspended, (reason, message), now);
    if changed {
        cx.client.event(&ObjectRef::of(&*sync.job), &EventText::normal(event, message));
        // The deadline is about the time in which the Job runs: it begins anew.
        sync.status.start_time = (!is_suspended).then(|| now.into());
    }
    changed
}
