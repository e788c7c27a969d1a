//! Pods that still have the tracking finalizer and no Job that would count them.
//!
//! Mirrors pkg/controller/job/job_controller.go (`orphanWorker`, `syncOrphanPod`) (v1.36).
//! Differs: upstream has a queue of its own for them; here their names stand in the queue of the Jobs, after a prefix that
//! no name has.

use seatrial_api::{ApiError, Job, NamespacedName, Pod};
use seatrial_machinery::{Client, EventContext, SyncContext};

use super::controller::JobController;
use super::utils::{JOB_TRACKING_FINALIZER, has_tracking_finalizer, is_job_finished, is_managed_externally};

const ORPHAN_PREFIX: &str = "pod/";

/// The pod that a key of the queue means, unless it means a Job.
pub(super) fn orphan_of(key: &NamespacedName) -> Option<&str> {
    key.name.strip_prefix(ORPHAN_PREFIX)
}

impl JobController {
    /// Mirrors `enqueueOrphanPod`.
    pub(super) fn enqueue_orphan_pod(&mut self, cx: &EventContext<'_>, pod: &Pod) {
        let name = format!("{ORPHAN_PREFIX}{}", pod.meta.name).into();
        self.queue.add(NamespacedName { namespace: pod.meta.namespace.clone(), name }, cx.cause);
    }

    /// Lets everything go that waits for a Job that is over or gone. Mirrors `cleanupPodFinalizers`.
    pub(super) fn cleanup_pod_finalizers(&mut self, cx: &EventContext<'_>, job: &Job) {
        let Some(pods) = self.pods.get(&job.meta.uid) else { return };
        for pod in pods.known() {
            if has_tracking_finalizer(&pod) {
                self.enqueue_orphan_pod(cx, &pod);
            }
        }
    }

    /// Takes the finalizer off a pod that is still an orphan.
    pub(super) fn sync_orphan_pod(
        &mut self,
        cx: &mut SyncContext<'_>,
        namespace: &str,
        name: &str,
    ) -> Result<(), ApiError> {
        let Some(pod) = cx.informers.pods.get(namespace, name) else { return Ok(()) };
        if let Some(owner) = pod.meta.controller_of() {
            if owner.kind != "Job" || owner.api_version != "batch/v1" {
                return Ok(());
            }
            let job = cx.informers.jobs.controller_of(&pod.meta);
            if job.is_some_and(|job| is_managed_externally(job) || !is_job_finished(job)) {
                return Ok(());
            }
        }
        if !has_tracking_finalizer(pod) {
            return Ok(());
        }
        let pod = std::sync::Arc::clone(pod);
        match remove_tracking_finalizer(&mut cx.client, &pod) {
            Err(error) if error.is_not_found() => Ok(()),
            other => other,
        }
    }
}

/// Takes the finalizer off a pod as it is now, whatever the caches hold. Mirrors `removeTrackingFinalizerPatch`.
///
/// # Errors
/// What the API server answered.
pub(super) fn remove_tracking_finalizer(client: &mut Client<'_>, pod: &Pod) -> Result<(), ApiError> {
    let live = client.get_live::<Pod>(&pod.meta.namespace, &pod.meta.name)?;
    if !has_tracking_finalizer(&live) {
        return Ok(());
    }
    let mut new = Pod::clone(&live);
    new.meta.finalizers = live.meta.finalizers.iter().filter(|f| **f != *JOB_TRACKING_FINALIZER).cloned().collect();
    client.update(new).map(drop)
}
