//! What the controller keeps between syncs.
//!
//! Mirrors pkg/controller/job/job_controller.go (`Controller`) (v1.36).

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::batch::v1::JobSpec;
use rustc_hash::{FxHashMap, FxHashSet};
use seatrial_api::{ApiError, Finalizers, Job, Kind, NamespacedName, PodHostname, PodSpec, PodTemplateSpec, Str, Uid};
use seatrial_machinery::controller_expectations::ControllerExpectations;
use seatrial_machinery::{Controller, Delivery, EventContext, Queue, SimTime, SyncContext};

use super::backoff::BackoffRecord;
use super::indexed::add_completion_index_env_variables;
use super::orphans::orphan_of;
use super::pods::JobPods;
use super::utils::{JOB_TRACKING_FINALIZER, Wanted};

/// How long events of pods and of a Job's status are gathered before a sync. Mirrors `syncJobBatchPeriod`.
pub(super) const SYNC_JOB_BATCH_PERIOD: Duration = Duration::from_secs(1);
/// Mirrors `DefaultJobApiBackOff` and `MaxJobApiBackOff`.
const API_BACKOFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// The Job controller.
#[derive(Debug)]
pub struct JobController {
    /// Jobs by name, and pods whose finalizer is to go.
    pub(super) queue: Queue,
    pub(super) expectations: ControllerExpectations<NamespacedName>,
    /// Pods whose finalizer was removed, which the caches do not know yet.
    pub(super) finalizer_expectations: FxHashMap<NamespacedName, FxHashSet<Uid>>,
    /// Mirrors `podBackoffStore`.
    pub(super) backoff: FxHashMap<NamespacedName, BackoffRecord>,
    /// The pods of each Job, by its uid.
    pub(super) pods: FxHashMap<Uid, JobPods>,
    templates: FxHashMap<Uid, Template>,
}

/// What a Job's pods are made from, as of a generation of its spec.
#[derive(Debug)]
struct Template {
    generation: i64,
    template: Arc<PodTemplateSpec>,
    finalizers: Finalizers,
}

impl Default for JobController {
    fn default() -> Self {
        Self {
            queue: Queue::with_retry_delays(API_BACKOFF.0, API_BACKOFF.1),
            expectations: ControllerExpectations::default(),
            finalizer_expectations: FxHashMap::default(),
            backoff: FxHashMap::default(),
            pods: FxHashMap::default(),
            templates: FxHashMap::default(),
        }
    }
}

impl Controller for JobController {
    const NAME: &'static str = "job-controller";
    const WATCHES: &'static [Kind] = &[Kind::Job, Kind::Pod];

    fn queue(&mut self) -> &mut Queue {
        &mut self.queue
    }

    fn handle(&mut self, cx: &EventContext<'_>, delivery: &Delivery) {
        self.on_delivery(cx, delivery);
    }

    fn sync(&mut self, cx: &mut SyncContext<'_>, key: &NamespacedName) -> Result<(), ApiError> {
        match orphan_of(key) {
            Some(pod) => self.sync_orphan_pod(cx, &key.namespace, pod),
            None => self.sync_job(cx, key),
        }
    }
}

impl JobController {
    /// Mirrors `enqueueSyncJobBatched`.
    pub(super) fn enqueue_sync_job_batched(&mut self, job: &Uid, now: SimTime) {
        let Some(job) = self.pods.get_mut(job).and_then(|pods| pods.job.as_mut()) else { return };
        // Of many events of a second only the first one asks the queue.
        if !std::mem::replace(&mut job.is_batched, true) {
            self.queue.add_after(job.key.clone(), SYNC_JOB_BATCH_PERIOD, now);
        }
    }

    /// Mirrors `enqueueSyncJobWithDelay`.
    pub(super) fn enqueue_sync_job_with_delay(&mut self, key: NamespacedName, delay: Duration, now: SimTime) {
        self.queue.add_after(key, delay.max(SYNC_JOB_BATCH_PERIOD), now);
    }

    /// The template of a Job's pods, with what every pod gets: made once a generation, so that pods share it.
    pub(super) fn template_of(&mut self, job: &Job, spec: &JobSpec) -> (Arc<PodTemplateSpec>, Finalizers) {
        let known = self.templates.get(&job.meta.uid).filter(|t| t.generation == job.meta.generation);
        if let Some(known) = known {
            return (Arc::clone(&known.template), known.finalizers.clone());
        }
        let mut template = spec.template.clone();
        if Wanted::of(spec).is_indexed {
            add_completion_index_env_variables(template.spec.get_or_insert_default());
        }
        let mut template = PodTemplateSpec::from_api(template);
        if Wanted::of(spec).is_indexed {
            // The hostnames follow from the names' prefixes, so that all indexes share one spec.
            template.spec = Arc::new(PodSpec::clone(&template.spec).with_hostname(PodHostname::GenerateName));
        }
        let template = Arc::new(template);
        let mut finalizers: Vec<Str> = template.finalizers().iter().map(Str::from).collect();
        if !finalizers.iter().any(|f| f == JOB_TRACKING_FINALIZER) {
            finalizers.push(Str::new_static(JOB_TRACKING_FINALIZER));
        }
        let made = Template { generation: job.meta.generation, template, finalizers: finalizers.into() };
        let result = (Arc::clone(&made.template), made.finalizers.clone());
        self.templates.insert(job.meta.uid.clone(), made);
        result
    }

    /// A Job is over or gone: its pods are made no more.
    pub(super) fn forget_template(&mut self, uid: &Uid) {
        self.templates.remove(uid);
    }

    /// A pod's finalizer was seen to be gone, or was not removed. Mirrors `finalizerRemovalObserved`.
    pub(super) fn finalizer_removal_observed(&mut self, key: &NamespacedName, uid: &Uid) {
        let Some(expected) = self.finalizer_expectations.get_mut(key) else { return };
        expected.remove(uid);
        if expected.is_empty() {
            self.finalizer_expectations.remove(key);
        }
    }
}
