//! Whether a Job has failed or has succeeded enough, in the order in which that is asked.
//!
//! Mirrors pkg/controller/job/job_controller.go (the finished condition of `syncJob`, `pastBackoffLimitOnFailure`,
//! `pastActiveDeadline`, `deleteActivePods`) (v1.36).

use k8s_openapi::api::batch::v1::JobCondition;
use seatrial_api::{ApiError, Time};
use seatrial_machinery::pod_control::delete_pod;
use seatrial_machinery::{Clock, ObjectRef, SyncContext};

use super::conditions::{FAILURE_TARGET, SUCCESS_CRITERIA_MET, find_true, new_condition, terminal_of};
use super::controller::JobController;
use super::pod_failure_policy::{Verdict, match_pod_failure_policy};
use super::success_policy::match_success_policy;
use super::sync::JobSync;

const NANOS_PER_SECOND: i64 = 1_000_000_000;

impl JobSync<'_> {
    /// The reason of the first failed pod that fails the Job. Mirrors `getFailJobMessage`.
    fn fail_job_message(&self) -> Option<String> {
        let policy = Some(self.spec.pod_failure_policy.as_ref()?);
        let failed = self.pods.unaccounted().filter(|(_, pod)| self.wanted.is_pod_failed(pod));
        failed.map(|(_, pod)| match_pod_failure_policy(policy, pod)).find_map(|verdict| match verdict {
            Verdict::FailJob(message) => Some(message),
            _ => None,
        })
    }

    /// Whether the containers of running pods were restarted too often. Mirrors `pastBackoffLimitOnFailure`.
    fn past_backoff_limit_on_failure(&self) -> bool {
        let policy = self.spec.template.spec.as_ref().and_then(|spec| spec.restart_policy.as_deref());
        if policy != Some("OnFailure") {
            return false;
        }
        let restarts = self.pods.restarts();
        if self.wanted.backoff_limit == 0 { restarts > 0 } else { restarts >= i64::from(self.wanted.backoff_limit) }
    }

    /// How many nanoseconds are left until the deadline; none where there is no deadline that runs.
    fn until_deadline(&self, clock: Clock) -> Option<i64> {
        let seconds = self.wanted.active_deadline_seconds.filter(|_| !self.wanted.is_suspended)?;
        let start = self.status.start_time.as_ref().map(Time::from)?;
        Some(seconds.saturating_mul(NANOS_PER_SECOND).saturating_sub(clock.nanos_since(start)))
    }

    /// What the limits of indexes and the success policy say.
    fn index_condition(&self, now: Time) -> Option<JobCondition> {
        let completions = self.wanted.completions.unwrap_or(0);
        if let Some(failed) = &self.failed_indexes {
            if self.wanted.max_failed_indexes.is_some_and(|most| failed.total() > most) {
                let message = "Job has exceeded the specified maximal number of failed indexes";
                return Some(new_condition(FAILURE_TARGET, "MaxFailedIndexesExceeded", message, now));
            }
            if !failed.is_empty() && failed.total() + self.succeeded_indexes.total() >= completions {
                return Some(new_condition(FAILURE_TARGET, "FailedIndexes", "Job has failed indexes", now));
            }
        }
        let policy = self.spec.success_policy.as_ref();
        let message = match_success_policy(policy, completions, &self.succeeded_indexes)?;
        Some(new_condition(SUCCESS_CRITERIA_MET, "SuccessPolicy", &message, now))
    }
}

impl JobController {
    /// Mirrors `newSuccessCondition`.
    pub(super) fn new_success_condition(cx: &SyncContext<'_>) -> JobCondition {
        let message = "Reached expected number of succeeded pods";
        new_condition(SUCCESS_CRITERIA_MET, "CompletionsReached", message, cx.clock().time())
    }

    /// What was decided before stays; then the first reason that holds decides.
    pub(super) fn choose_finished_condition(&mut self, cx: &SyncContext<'_>, sync: &mut JobSync<'_>) {
        let now = cx.clock().time();
        sync.finished_condition = if let Some(met) = find_true(&sync.status, SUCCESS_CRITERIA_MET) {
            Some(met.clone())
        } else if let Some(target) = find_true(&sync.status, FAILURE_TARGET) {
            Some(terminal_of(target, now))
        } else {
            let message = sync.fail_job_message();
            message.map(|message| new_condition(FAILURE_TARGET, "PodFailurePolicy", &message, now))
        };
        if sync.finished_condition.is_some() {
            return;
        }
        if sync.failed > sync.wanted.backoff_limit || sync.past_backoff_limit_on_failure() {
            let message = "Job has reached the specified backoff limit";
            sync.finished_condition = Some(new_condition(FAILURE_TARGET, "BackoffLimitExceeded", message, now));
        } else if let Some(left) = sync.until_deadline(cx.clock()) {
            if let Ok(left @ 1..) = u64::try_from(left) {
                let delay = std::time::Duration::from_nanos(left);
                self.queue.add_after_in_background(sync.key.clone(), delay, cx.clock().now());
            } else {
                let message = "Job was active longer than specified deadline";
                sync.finished_condition = Some(new_condition(FAILURE_TARGET, "DeadlineExceeded", message, now));
            }
        }
        if sync.finished_condition.is_none() && sync.wanted.is_indexed {
            sync.finished_condition = sync.index_condition(now);
        }
    }

    /// Deletes what still runs; the finalizers stay until the pods are counted. Mirrors `deleteActivePods`.
    pub(super) fn delete_active_pods(
        &mut self,
        cx: &mut SyncContext<'_>,
        sync: &mut JobSync<'_>,
        satisfied: bool,
    ) -> Result<(), ApiError> {
        let job = std::sync::Arc::clone(&sync.job);
        let about = ObjectRef::of(&*job);
        let (mut deleted, mut deleted_ready, mut first_error) = (0, 0, None);
        for pod in sync.pods.active() {
            match delete_pod(&mut cx.client, pod, &about) {
                Err(error) if !error.is_not_found() => drop(first_error.get_or_insert(error)),
                _ => deleted += 1,
            }
            deleted_ready += i32::from(pod.is_ready());
        }
        if deleted != sync.active || !satisfied {
            // There may be pods left that nobody has counted or seen yet.
            sync.finished_condition = None;
        }
        sync.active -= deleted;
        sync.terminating += deleted;
        sync.ready -= deleted_ready;
        first_error.map_or(Ok(()), Err)
    }
}
