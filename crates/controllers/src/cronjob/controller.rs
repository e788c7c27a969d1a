//! The controller: one sync cleans up, starts what is due, and writes the status once.
//!
//! Mirrors pkg/controller/cronjob/cronjob_controllerv2.go (`sync`) (v1.36).

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::batch::v1::CronJobStatus;
use seatrial_api::{ApiError, CronJob, Job, Kind, NamespacedName};
use seatrial_machinery::{Controller, Delivery, EventContext, EventText, ObjectRef, Queue, SyncContext};

use super::schedule::Schedules;

/// The CronJob controller.
#[derive(Debug, Default)]
pub struct CronJobController {
    pub(super) queue: Queue,
    /// CronJobs that were given a schedule that says nothing: their owners are told at the next sync.
    pub(super) unparseable: BTreeSet<NamespacedName>,
    schedules: Schedules,
}

/// One sync: what it is about, and the status that is written at its end.
pub(super) struct Sync<'a> {
    pub(super) key: &'a NamespacedName,
    pub(super) cron_job: &'a CronJob,
    pub(super) schedules: &'a mut Schedules,
    pub(super) jobs: &'a [Arc<Job>],
    pub(super) status: Cow<'a, CronJobStatus>,
    /// Whether the status has to be written.
    pub(super) changed: bool,
}

impl Controller for CronJobController {
    const NAME: &'static str = "cronjob-controller";
    const WATCHES: &'static [Kind] = &[Kind::CronJob, Kind::Job];

    fn queue(&mut self) -> &mut Queue {
        &mut self.queue
    }

    fn handle(&mut self, cx: &EventContext<'_>, delivery: &Delivery<'_>) {
        self.on_delivery(cx, delivery);
    }

    fn sync(&mut self, cx: &mut SyncContext<'_>, key: &NamespacedName) -> Result<(), ApiError> {
        let Some(cron_job) = cx.informers.cron_jobs.get(&key.namespace, &key.name).map(Arc::clone) else {
            self.unparseable.remove(key);
            self.schedules.forget(key);
            return Ok(());
        };
        if self.unparseable.remove(key) {
            let text = format!("unparseable schedule for cronjob: {}", cron_job.body.spec.schedule);
            let about = ObjectRef::of(&*cron_job);
            cx.client.event(&about, &EventText::warning("UnParseableCronJobSchedule", &text));
            return Ok(());
        }
        let informers = cx.informers;
        let mut sync = Sync {
            key,
            cron_job: &cron_job,
            schedules: &mut self.schedules,
            jobs: informers.jobs_by_owner.owned_by(&cron_job.meta.uid),
            status: cron_job.body.status.as_ref().map_or_else(|| Cow::Owned(Default::default()), Cow::Borrowed),
            changed: false,
        };
        sync.cleanup_finished_jobs(cx);
        let result = sync.sync_cron_job(cx);
        if sync.changed {
            let status = Some(std::mem::take(&mut sync.status).into_owned());
            let mut updated = CronJob::clone(&cron_job);
            updated.body.status = status;
            cx.client.update_status(updated)?;
        }
        if let Some(delay) = result? {
            self.requeue(key, delay, cx);
        }
        Ok(())
    }
}

impl CronJobController {
    /// Nobody waits for the next minute: a cluster is at rest until it comes.
    fn requeue(&mut self, key: &NamespacedName, delay: Duration, cx: &SyncContext<'_>) {
        let now = cx.clock().now();
        self.queue.add_after_in_background(key.clone(), delay, now);
    }
}

impl Sync<'_> {
    /// Says something about the CronJob.
    pub(super) fn tell(&self, cx: &mut SyncContext<'_>, text: &EventText<'_>) {
        cx.client.event(&ObjectRef::of(self.cron_job), text);
    }
}
