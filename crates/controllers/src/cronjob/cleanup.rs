//! The history: finished Jobs beyond what a CronJob keeps are deleted, the oldest first.
//!
//! Mirrors pkg/controller/cronjob/cronjob_controllerv2.go (`cleanupFinishedJobs`, `deleteJob`) (v1.36).

use std::sync::Arc;

use seatrial_api::{Job, Resource, Time};
use seatrial_machinery::{DeleteOptions, EventText, Propagation, SyncContext};

use super::controller::Sync;
use super::utils::{finished_condition, is_to};

impl Sync<'_> {
    /// Mirrors `cleanupFinishedJobs`.
    pub(super) fn cleanup_finished_jobs(&mut self, cx: &mut SyncContext<'_>) {
        let spec = &self.cron_job.body.spec;
        let limits = [("Complete", spec.successful_jobs_history_limit), ("Failed", spec.failed_jobs_history_limit)];
        for (condition, limit) in limits {
            let Some(limit) = limit else { continue };
            let keep = usize::try_from(limit).unwrap_or(0);
            let is_of_history = |job: &&Arc<Job>| finished_condition(job) == Some(condition);
            if self.jobs.iter().filter(is_of_history).count() <= keep {
                continue;
            }
            let mut jobs: Vec<&Arc<Job>> = self.jobs.iter().filter(is_of_history).collect();
            jobs.sort_by(|a, b| by_start_time(a).cmp(&by_start_time(b)));
            for job in &jobs[..jobs.len() - keep] {
                self.delete_job(cx, job);
            }
        }
    }

    /// Deletes a Job, its pods in the background, and forgets that it is active; whether it did.
    pub(super) fn delete_job(&mut self, cx: &mut SyncContext<'_>, job: &Job) -> bool {
        let options = DeleteOptions { propagation: Some(Propagation::Background), ..DeleteOptions::default() };
        if let Err(error) = cx.client.delete(&job.key(), &options) {
            self.tell(cx, &EventText::warning("FailedDelete", &format!("Deleted job: {}", error.message())));
            return false;
        }
        self.forget_active(|reference| is_to(reference, &job.meta.uid));
        self.changed = true;
        self.tell(cx, &EventText::normal("SuccessfulDelete", &format!("Deleted job {}", job.meta.name)));
        true
    }
}

/// Jobs that have not begun come last. Mirrors `byJobStartTime`.
fn by_start_time(job: &Job) -> (bool, Time, &str) {
    let start = job.body.status.as_ref().and_then(|status| status.start_time.as_ref()).map(Time::from);
    (start.is_none(), start.unwrap_or_default(), &job.meta.name)
}
