//! What became of the Jobs, and whether it is time for the next.
//!
//! Mirrors pkg/controller/cronjob/cronjob_controllerv2.go (`syncCronJob`) (v1.36).

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use seatrial_api::cron_schedule::{CronSchedule, load_location};
use seatrial_api::field::quote;
use seatrial_api::{ApiError, CronJob, Job, Time};
use seatrial_machinery::{EventText, SyncContext};

use super::controller::Sync;
use super::schedule::{Missed, MostRecent, has_own_zone, most_recent_schedule_time, next_schedule_time_duration};
use super::utils::{finished_condition, is_to, job_from_template, job_name, reference_to};

const NAMESPACE_TERMINATING: &str = "NamespaceTerminating";
const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// When a CronJob wants to be looked at again; `None`: when something changes.
type Requeue = Option<Duration>;

impl Sync<'_> {
    pub(super) fn sync_cron_job(&mut self, cx: &mut SyncContext<'_>) -> Result<Requeue, ApiError> {
        self.look_at_jobs(cx)?;
        self.forget_missing_jobs(cx);
        if self.cron_job.meta.is_deleting() {
            return Ok(None);
        }
        let Some(schedule) = self.schedule_to_follow(cx) else { return Ok(None) };
        let now = cx.clock().time();
        let recent = match most_recent_schedule_time(self.cron_job, &self.status, now, &schedule, true) {
            Ok(recent) => recent,
            Err(error) => {
                let text = format!("invalid schedule: {} : {error}", self.cron_job.body.spec.schedule);
                self.tell(cx, &EventText::warning("InvalidSchedule", &text));
                return Ok(None);
            }
        };
        let Some(scheduled) = self.time_to_run(cx, &recent) else {
            return Ok(self.requeue(cx, &schedule));
        };
        if self.cron_job.body.spec.concurrency_policy.as_deref() == Some("Replace") {
            self.replace_active_jobs(cx)?;
        }
        if !self.start_job(cx, scheduled)? {
            return Ok(None);
        }
        Ok(self.requeue(cx, &schedule))
    }

    fn requeue(&self, cx: &SyncContext<'_>, schedule: &CronSchedule) -> Requeue {
        next_schedule_time_duration(self.cron_job, &self.status, cx.clock(), schedule)
    }

    /// Takes finished Jobs off the list of active ones, and tells of those that should be on it.
    fn look_at_jobs(&mut self, cx: &mut SyncContext<'_>) -> Result<(), ApiError> {
        for job in self.jobs {
            let finished = finished_condition(job);
            let is_active = self.active().iter().any(|reference| is_to(reference, &job.meta.uid));
            match finished {
                None if !is_active => self.tell_of_unexpected(cx, job)?,
                None => {}
                Some(condition) => {
                    if is_active {
                        self.forget_active(|reference| is_to(reference, &job.meta.uid));
                        self.changed = true;
                        let text = format!("Saw completed job: {}, condition: {condition}", job.meta.name);
                        self.tell(cx, &EventText::normal("SawCompletedJob", &text));
                    }
                    if condition == "Complete" {
                        self.note_success(job);
                    }
                }
            }
        }
        Ok(())
    }

    /// The cache may be older than the Job that was just made: the API server is asked first.
    fn tell_of_unexpected(&self, cx: &mut SyncContext<'_>, job: &Job) -> Result<(), ApiError> {
        let meta = &self.cron_job.meta;
        let live = cx.client.get_live::<CronJob>(&meta.namespace, &meta.name)?;
        let active = live.body.status.as_ref().and_then(|status| status.active.as_deref()).unwrap_or_default();
        if !active.iter().any(|reference| is_to(reference, &job.meta.uid)) {
            let text = format!("Saw a job that the controller did not create or forgot: {}", job.meta.name);
            self.tell(cx, &EventText::warning("UnexpectedJob", &text));
        }
        Ok(())
    }

    fn note_success(&mut self, job: &Job) {
        let completed = job.body.status.as_ref().and_then(|status| status.completion_time.as_ref());
        let Some(completed) = completed else { return };
        let last = self.status.last_successful_time.as_ref();
        if last.is_none_or(|last| Time::from(completed) > Time::from(last)) {
            self.status.to_mut().last_successful_time = Some(completed.clone());
            self.changed = true;
        }
    }

    /// Takes Jobs that are gone off the list of active ones.
    fn forget_missing_jobs(&mut self, cx: &mut SyncContext<'_>) {
        let is_known = |reference: &ObjectReference| self.jobs.iter().any(|job| is_to(reference, &job.meta.uid));
        let unknown: Vec<ObjectReference> =
            self.active().iter().filter(|reference| !is_known(reference)).cloned().collect();
        for reference in unknown {
            let (namespace, name) =
                (reference.namespace.as_deref().unwrap_or_default(), reference.name.as_deref().unwrap_or_default());
            if cx.client.get_live::<Job>(namespace, name).is_ok() {
                continue;
            }
            self.tell(cx, &EventText::normal("MissingJob", &format!("Active job went missing: {name}")));
            self.forget_active(|other| other.uid == reference.uid);
            self.changed = true;
        }
    }

    /// The schedule, unless there is none to follow now.
    fn schedule_to_follow(&mut self, cx: &mut SyncContext<'_>) -> Option<CronSchedule> {
        let cron_job = self.cron_job;
        let spec = &cron_job.body.spec;
        if let Some(zone) = &spec.time_zone
            && let Err(error) = load_location(zone)
        {
            let text = format!("invalid timeZone: {}: {error}", quote(zone));
            self.tell(cx, &EventText::warning("UnknownTimeZone", &text));
            return None;
        }
        if spec.suspend == Some(true) {
            return None;
        }
        if has_own_zone(spec) {
            let text = format!(
                "CRON_TZ or TZ used in schedule {} is not officially supported, see \
                 https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details",
                quote(&spec.schedule)
            );
            self.tell(cx, &EventText::warning("UnsupportedSchedule", &text));
        }
        match self.schedules.of(self.key, spec) {
            Ok(schedule) => Some(schedule),
            Err(error) => {
                let text = format!("unparseable schedule: {} : {error}", quote(&spec.schedule));
                self.tell(cx, &EventText::warning("UnparseableSchedule", &text));
                None
            }
        }
    }

    /// The time to start a Job for, if it is to be started now.
    fn time_to_run(&self, cx: &mut SyncContext<'_>, recent: &MostRecent) -> Option<Time> {
        let spec = &self.cron_job.body.spec;
        let scheduled = recent.time?;
        if recent.missed == Missed::Many {
            let text = "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew";
            self.tell(cx, &EventText::warning("TooManyMissedTimes", text));
        }
        let is_late = |deadline| {
            let end = scheduled.unix().saturating_add(deadline).saturating_mul(NANOS_PER_SECOND);
            end < cx.clock().unix_nanos()
        };
        if spec.starting_deadline_seconds.is_some_and(is_late) {
            let text = format!("Missed scheduled time to start a job: {}", scheduled.to_rfc1123z());
            self.tell(cx, &EventText::warning("MissSchedule", &text));
            return None;
        }
        let name = job_name(self.cron_job, scheduled);
        let is_active = self.active().iter().any(|reference| reference.name.as_deref() == Some(name.as_str()));
        if is_active || self.status.last_schedule_time.as_ref().map(Time::from) == Some(scheduled) {
            return None;
        }
        if spec.concurrency_policy.as_deref() == Some("Forbid") && !self.active().is_empty() {
            let text = "Not starting job because prior execution is running and concurrency policy is Forbid";
            self.tell(cx, &EventText::normal("JobAlreadyActive", text));
            return None;
        }
        Some(scheduled)
    }

    fn replace_active_jobs(&mut self, cx: &mut SyncContext<'_>) -> Result<(), ApiError> {
        for reference in self.active().to_vec() {
            let (namespace, name) =
                (reference.namespace.as_deref().unwrap_or_default(), reference.name.as_deref().unwrap_or_default());
            let job = match cx.client.get_live::<Job>(namespace, name) {
                Ok(job) => job,
                Err(error) => {
                    self.tell(cx, &EventText::warning("FailedGet", &format!("Get job: {}", error.message())));
                    return Err(error);
                }
            };
            if !self.delete_job(cx, &job) {
                return Err(ApiError::unknown(format!("could not replace job {namespace}/{name}")));
            }
        }
        Ok(())
    }

    /// Creates the Job of a time and puts it on the list; false where somebody else did.
    fn start_job(&mut self, cx: &mut SyncContext<'_>, scheduled: Time) -> Result<bool, ApiError> {
        let wanted = job_from_template(self.cron_job, scheduled);
        let name = wanted.meta.name.clone();
        let job: Arc<Job> = match cx.client.create(wanted) {
            Ok(job) => {
                self.tell(cx, &EventText::normal("SuccessfulCreate", &format!("Created job {name}")));
                job
            }
            Err(error) if error.has_cause(NAMESPACE_TERMINATING) => return Err(error),
            Err(error) if error.is_already_exists() => {
                let job = cx.client.get_live::<Job>(&self.cron_job.meta.namespace, &name)?;
                let is_known = self.active().iter().any(|reference| is_to(reference, &job.meta.uid));
                if !job.meta.is_controlled_by(&self.cron_job.meta.uid) || is_known {
                    return Ok(false);
                }
                job
            }
            Err(error) => {
                let text = format!("Error creating job: {}", error.message());
                self.tell(cx, &EventText::warning("FailedCreate", &text));
                return Err(error);
            }
        };
        let status = self.status.to_mut();
        status.active.get_or_insert_default().push(reference_to(&job));
        status.last_schedule_time = Some(scheduled.into());
        self.changed = true;
        Ok(true)
    }

    fn active(&self) -> &[ObjectReference] {
        self.status.active.as_deref().unwrap_or_default()
    }

    /// Takes Jobs off the list of active ones.
    pub(super) fn forget_active(&mut self, is_gone: impl Fn(&ObjectReference) -> bool) {
        let loses_some = |active: &Vec<ObjectReference>| active.is_empty() || active.iter().any(&is_gone);
        if !self.status.active.as_ref().is_some_and(loses_some) {
            return;
        }
        let status = self.status.to_mut();
        let Some(active) = &mut status.active else { return };
        active.retain(|reference| !is_gone(reference));
        if active.is_empty() {
            status.active = None;
        }
    }
}
