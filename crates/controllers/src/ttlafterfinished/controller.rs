//! When a finished Job is due, and its deletion.
//!
//! Mirrors pkg/controller/ttlafterfinished/ttlafterfinished_controller.go (v1.36).

use std::sync::Arc;
use std::time::Duration;

use seatrial_api::{ApiError, Job, Kind, NamespacedName, Object, ObjectKey, Resource, Time};
use seatrial_machinery::{Clock, Controller, DeleteOptions, Delivery, EventContext, Propagation, Queue, SyncContext};

/// The TTL-after-finished controller.
#[derive(Debug, Default)]
pub struct TtlAfterFinishedController {
    queue: Queue,
}

impl Controller for TtlAfterFinishedController {
    const NAME: &'static str = "ttl-after-finished-controller";
    const WATCHES: &'static [Kind] = &[Kind::Job];

    fn queue(&mut self) -> &mut Queue {
        &mut self.queue
    }

    fn handle(&mut self, cx: &EventContext<'_>, delivery: &Delivery<'_>) {
        let Some(Object::Job(job)) = delivery.new else { return };
        if expires_at(job).is_some() {
            self.queue.add(job.namespaced_name(), cx.cause);
        }
    }

    fn sync(&mut self, cx: &mut SyncContext<'_>, key: &NamespacedName) -> Result<(), ApiError> {
        self.process_job(cx, key)
    }
}

impl TtlAfterFinishedController {
    /// Mirrors `processJob`.
    fn process_job(&mut self, cx: &mut SyncContext<'_>, key: &NamespacedName) -> Result<(), ApiError> {
        let Some(job) = cx.informers.jobs.get(&key.namespace, &key.name).map(Arc::clone) else { return Ok(()) };
        if !self.process_ttl(cx.clock(), key, &job) {
            return Ok(());
        }
        // The cache may be behind: the Job is looked at once more before it goes.
        let fresh = match cx.client.get_live::<Job>(&key.namespace, &key.name) {
            Err(error) if error.is_not_found() => return Ok(()),
            other => other?,
        };
        if !self.process_ttl(cx.clock(), key, &fresh) {
            return Ok(());
        }
        let options = DeleteOptions {
            uid: Some(fresh.meta.uid.clone()),
            propagation: Some(Propagation::Foreground),
            ..DeleteOptions::default()
        };
        cx.client.delete(&ObjectKey::new(Kind::Job, &key.namespace, &key.name), &options)
    }

    /// Whether a Job is due; if it will be, it is looked at again then. Mirrors `processTTL`.
    fn process_ttl(&mut self, clock: Clock, key: &NamespacedName, job: &Job) -> bool {
        let Some(expires_at) = expires_at(job) else { return false };
        let left = clock.until(expires_at);
        if left > Duration::ZERO {
            self.queue.add_after_in_background(key.clone(), left, clock.now());
        }
        left.is_zero()
    }
}

/// When a Job is due; never while it is not over or has no time to live. Mirrors `needsCleanup`,
/// `getFinishAndExpireTime`.
pub(super) fn expires_at(job: &Job) -> Option<Time> {
    let ttl = job.body.spec.as_ref()?.ttl_seconds_after_finished.filter(|_| !job.meta.is_deleting())?;
    let mut conditions = job.body.status.iter().flat_map(|status| status.conditions.iter().flatten());
    let end = conditions.find(|c| matches!(c.type_.as_str(), "Complete" | "Failed") && c.status == "True")?;
    // Without a time nobody can tell when the Job ended.
    let finished = Time::from(end.last_transition_time.as_ref()?);
    Some(finished.plus_seconds(i64::from(ttl)))
}
