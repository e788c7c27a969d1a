//! The Jobs of a CronJob: their names, how they ended, and how they are made.
//!
//! Mirrors pkg/controller/cronjob/utils.go and pkg/controller/job/util/utils.go (v1.36).

use k8s_openapi::api::core::v1::ObjectReference;
use seatrial_api::cron_schedule::{load_location, to_rfc3339_in};
use seatrial_api::{CronJob, Job, Kind, ObjectMeta, Parts, Shared, Str, StrMap, Time, Uid};
use seatrial_machinery::new_controller_ref;

/// The annotation with the time a Job was made for.
const ANNOTATION_SCHEDULED_TIMESTAMP: &str = "batch.kubernetes.io/cronjob-scheduled-timestamp";
const SECONDS_PER_MINUTE: i64 = 60;

/// The type of the condition that ended a Job. Mirrors `FinishedCondition`.
pub(super) fn finished_condition(job: &Job) -> Option<&'static str> {
    let conditions = job.body.status.as_ref()?.conditions.as_deref()?;
    let is_true = |type_: &&str| conditions.iter().any(|c| c.type_ == *type_ && c.status == "True");
    ["Complete", "Failed"].into_iter().find(is_true)
}

/// One Job a time, however often it is tried: the time is part of the name. Mirrors `getJobName`.
pub(super) fn job_name(cron_job: &CronJob, scheduled: Time) -> Str {
    format!("{}-{}", cron_job.meta.name, scheduled.unix() / SECONDS_PER_MINUTE).into()
}

/// Mirrors `getJobFromTemplate2`.
pub(super) fn job_from_template(cron_job: &CronJob, scheduled: Time) -> Job {
    let spec = &cron_job.body.spec;
    let template = spec.job_template.metadata.as_ref();
    let zone = spec.time_zone.as_deref().and_then(|zone| load_location(zone).ok());
    let timestamp = zone.map_or_else(|| scheduled.to_string(), |zone| to_rfc3339_in(scheduled, zone));
    let mut annotations = StrMap::from_api(template.and_then(|meta| meta.annotations.clone()));
    annotations.insert(ANNOTATION_SCHEDULED_TIMESTAMP, timestamp);
    Job {
        meta: ObjectMeta {
            name: job_name(cron_job, scheduled),
            namespace: cron_job.meta.namespace.clone(),
            labels: StrMap::from_api(template.and_then(|meta| meta.labels.clone())),
            annotations,
            owner_references: vec![new_controller_ref(cron_job)].into(),
            ..ObjectMeta::default()
        },
        body: Parts { spec: spec.job_template.spec.clone().map(Shared::new), status: None },
    }
}

/// A Job as the list of active ones names it.
pub(super) fn reference_to(job: &Job) -> ObjectReference {
    ObjectReference {
        api_version: Some(Kind::Job.api_version()),
        kind: Some(Kind::Job.info().kind.to_owned()),
        name: Some(job.meta.name.to_string()),
        namespace: Some(job.meta.namespace.to_string()),
        resource_version: Some(job.meta.resource_version.to_string()),
        uid: Some(job.meta.uid.to_string()),
        field_path: None,
    }
}

/// Whether a reference is to the object with a uid.
pub(super) fn is_to(reference: &ObjectReference, uid: &Uid) -> bool {
    reference.uid.as_deref().is_some_and(|text| uid.is(text))
}
