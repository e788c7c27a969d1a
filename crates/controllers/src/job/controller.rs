//! What the controller keeps between syncs.
//!
//! Mirrors pkg/controller/job/job_controller.go (`Controller`) (v1.36).

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::batch::v1::JobSpec;
use rustc_hash::{FxHashMap, FxHashSet};
use seatrial_api::{ApiError, Finalizers, Job, Kind, NamespacedName, PodHostname, PodSpec, PodTemplateSpec, Str, Uid};
use seatrial_machinery::controller_expectations::ControllerExpectations;
use seatrial_machinery::uid_map::UidMap;
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
    pub(super) pods: UidMap<JobPods>,
    templates: FxHashMap<Uid, Template>,
    /// The spec of the pods of the Job that made some last. The Jobs of a CronJob have it in common.
    last_spec: Option<Arc<PodSpec>>,
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
            pods: UidMap::default(),
            templates: FxHashMap::default(),
            last_spec: None,
        }
    }
}

impl Controller for JobController {
    const NAME: &'static str = "job-controller";
    const WATCHES: &'static [Kind] = &[Kind::Job, Kind::Pod];

    fn queue(&mut self) -> &mut Queue {
        &mut self.queue
    }

    fn handle(&mut self, cx: &EventContext<'_>, delivery: &Delivery<'_>) {
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
        if let Some(job) = self.pods.get_mut(job).and_then(|pods| pods.job.as_mut()) {
            job.enqueue_batched(&mut self.queue, now);
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
        let template = Arc::new(self.pod_template_of(job, spec));
        let mut finalizers: Vec<Str> = template.finalizers().iter().map(Str::from).collect();
        if !finalizers.iter().any(|f| f == JOB_TRACKING_FINALIZER) {
            finalizers.push(Str::new_static(JOB_TRACKING_FINALIZER));
        }
        let made = Template { generation: job.meta.generation, template, finalizers: finalizers.into() };
        let result = (Arc::clone(&made.template), made.finalizers.clone());
        self.templates.insert(job.meta.uid.clone(), made);
        result
    }

    fn pod_template_of(&mut self, job: &Job, spec: &JobSpec) -> PodTemplateSpec {
        if Wanted::of(spec).is_indexed {
            let mut template = spec.template.clone();
            add_completion_index_env_variables(template.spec.get_or_insert_default());
            let mut template = PodTemplateSpec::from_api(template);
            // The hostnames follow from the names' prefixes, so that all indexes share one spec.
            template.spec = Arc::new(PodSpec::clone(&template.spec).with_hostname(PodHostname::GenerateName));
            return template;
        }
        let last = self.last_spec.as_ref().filter(|last| spec.template.spec.as_ref() == Some(last.api()));
        let Some(last) = last else {
            let template = PodTemplateSpec::from_api(spec.template.clone());
            self.last_spec = Some(Arc::clone(&template.spec));
            return template;
        };
        // What was found out of the spec once holds for all pods that share it. The labels are mostly the Job's own.
        let labels = spec.template.metadata.as_ref().and_then(|meta| meta.labels.as_ref());
        let is_labelled_alike = job.meta.labels.is_api(labels);
        let mut metadata = spec.template.metadata.clone();
        if let Some(metadata) = metadata.as_mut().filter(|_| is_labelled_alike) {
            metadata.labels = None;
        }
        let mut template = PodTemplateSpec::with_spec(metadata.unwrap_or_default(), Arc::clone(last));
        if is_labelled_alike {
            template.labels = job.meta.labels.clone();
        }
        template
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
