//! What wakes the controller: its Jobs, and changes of a CronJob.
//!
//! Mirrors pkg/controller/cronjob/cronjob_controllerv2.go (handlers) (v1.36).

use std::sync::Arc;

use seatrial_api::cron_schedule::CronSchedule;
use seatrial_api::{CronJob, Job, NamespacedName, Object, ObjectMeta, Resource};
use seatrial_machinery::{Delivery, EventContext, Informers};

use super::controller::CronJobController;
use super::schedule::{next_schedule_time_duration, schedule_text};

impl CronJobController {
    pub(super) fn on_delivery(&mut self, cx: &EventContext<'_>, delivery: &Delivery<'_>) {
        match delivery.object() {
            Some(Object::CronJob(cron_job)) => match (delivery.old_as(), delivery.new_as()) {
                (Some(old), Some(new)) => self.update_cron_job(cx, old, new),
                _ => self.queue.add(cron_job.namespaced_name(), cx.cause),
            },
            Some(Object::Job(_)) => self.job_changed(cx, delivery.old_as(), delivery.new_as()),
            _ => {}
        }
    }

    /// A new schedule counts from its next time; anything else is looked at at once. Mirrors `updateCronJob`.
    fn update_cron_job(&mut self, cx: &EventContext<'_>, old: &CronJob, new: &CronJob) {
        let (old_spec, spec) = (&old.body.spec, &new.body.spec);
        let key = new.namespaced_name();
        if old_spec.schedule == spec.schedule && old_spec.time_zone == spec.time_zone {
            self.queue.add(key, cx.cause);
            return;
        }
        let Ok(schedule) = CronSchedule::parse(&schedule_text(spec)) else {
            self.unparseable.insert(key.clone());
            self.queue.add(key, cx.cause);
            return;
        };
        let status = new.body.status.clone().unwrap_or_default();
        if let Some(delay) = next_schedule_time_duration(new, &status, cx.clock, &schedule) {
            self.queue.add_after_in_background(key, delay, cx.clock.now());
        }
    }

    /// Mirrors `addJob`, `updateJob` and `deleteJob`.
    fn job_changed(&mut self, cx: &EventContext<'_>, old: Option<&Arc<Job>>, new: Option<&Arc<Job>>) {
        let owner = new.or(old).and_then(|job| owner_of(cx.informers, &job.meta));
        let is_other = |job: &&Arc<Job>| new.is_some_and(|new| new.meta.controller_of() != job.meta.controller_of());
        let owner_before = old.filter(is_other).and_then(|job| owner_of(cx.informers, &job.meta));
        for key in owner_before.into_iter().chain(owner) {
            self.queue.add(key, cx.cause);
        }
    }
}

/// The CronJob that controls an object: kind, name and uid have to agree. Mirrors `resolveControllerRef`.
fn owner_of(informers: &Informers, meta: &ObjectMeta) -> Option<NamespacedName> {
    let owner = meta.controller_of().filter(|owner| owner.kind == "CronJob")?;
    let cron_job = informers.cron_jobs.get(&meta.namespace, &owner.name)?;
    (cron_job.meta.uid == owner.uid).then(|| cron_job.namespaced_name())
}
