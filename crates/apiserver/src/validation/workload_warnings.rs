//! Warnings of the kinds that make pods, beyond what Deployments and ReplicaSets have with all others in common.
//!
//! Mirrors the strategies' `WarningsOnCreate` and `WarningsOnUpdate`, and pkg/api/job/warnings.go (v1.36).

use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::batch::v1::{CronJob, Job, JobSpec};
use k8s_openapi::api::core::v1::{PodTemplate, PodTemplateSpec, ReplicationController};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::pod_warnings::warnings_for_pod_spec_and_meta;
use super::warnings::warnings_for_name;

pub(super) const TEMPLATE: &str = "spec.template";
const JOB_TEMPLATE: &str = "spec.jobTemplate.spec";
const COMPLETIONS_SOFT_LIMIT: i32 = 100_000;
const PARALLELISM_SOFT_LIMIT: i32 = 10_000;

/// Mirrors `GetWarningsForPodTemplate`.
pub(super) fn warnings_for_template(template: Option<&PodTemplateSpec>, path: &str) -> Vec<String> {
    let Some((template, spec)) = template.and_then(|template| Some((template, template.spec.as_ref()?))) else {
        return Vec::new();
    };
    let meta = template.metadata.clone().unwrap_or_default();
    warnings_for_pod_spec_and_meta(spec, &meta, &format!("{path}."))
}

/// Whether an update changed what warnings look at.
fn is_changed(new: &ObjectMeta, old: &ObjectMeta) -> bool {
    new.generation != old.generation
}

/// What changing the Deployment warns of.
#[must_use]
pub fn warnings_for_changed_deployment(new: &Deployment, old: &Deployment) -> Vec<String> {
    let template = new.spec.as_ref().filter(|_| is_changed(&new.metadata, &old.metadata));
    warnings_for_template(template.map(|spec| &spec.template), TEMPLATE)
}

/// What changing the ReplicaSet warns of.
#[must_use]
pub fn warnings_for_changed_replica_set(new: &ReplicaSet, old: &ReplicaSet) -> Vec<String> {
    let template = new.spec.as_ref().filter(|_| is_changed(&new.metadata, &old.metadata));
    warnings_for_template(template.and_then(|spec| spec.template.as_ref()), TEMPLATE)
}

/// What creating the StatefulSet, or changing it from `old`, warns of.
#[must_use]
pub fn warnings_for_stateful_set(set: &StatefulSet, old: Option<&StatefulSet>) -> Vec<String> {
    let Some(spec) = &set.spec else { return Vec::new() };
    let is_checked = old.is_none_or(|old| is_changed(&set.metadata, &old.metadata));
    let mut warnings = warnings_for_template(Some(&spec.template).filter(|_| is_checked), TEMPLATE);
    if spec.revision_history_limit.is_some_and(|limit| limit < 0) {
        let text = "a negative value retains all historical revisions; a value >= 0 is recommended";
        warnings.push(format!("spec.revisionHistoryLimit: {text}"));
    }
    warnings
}

/// What creating the DaemonSet, or changing it from `old`, warns of.
#[must_use]
pub fn warnings_for_daemon_set(set: &DaemonSet, old: Option<&DaemonSet>) -> Vec<String> {
    let is_checked = old.is_none_or(|old| is_changed(&set.metadata, &old.metadata));
    let spec = set.spec.as_ref().filter(|_| is_checked);
    warnings_for_template(spec.map(|spec| &spec.template), TEMPLATE)
}

/// What creating the ReplicationController, or changing it from `old`, warns of.
#[must_use]
pub fn warnings_for_replication_controller(
    controller: &ReplicationController,
    old: Option<&ReplicationController>,
) -> Vec<String> {
    let template = controller.spec.as_ref().and_then(|spec| spec.template.as_ref());
    match old {
        None => {
            let mut warnings = warnings_for_name(&controller.metadata);
            warnings.extend(warnings_for_template(template, TEMPLATE));
            warnings
        }
        Some(old) if is_changed(&controller.metadata, &old.metadata) => warnings_for_template(template, TEMPLATE),
        Some(_) => Vec::new(),
    }
}

/// What creating the PodTemplate, or changing it from `old`, warns of.
#[must_use]
pub fn warnings_for_pod_template(template: &PodTemplate, old: Option<&PodTemplate>) -> Vec<String> {
    let is_checked = old.is_none_or(|old| is_changed(&template.metadata, &old.metadata));
    warnings_for_template(template.template.as_ref().filter(|_| is_checked), "template")
}

/// What creating the Job, or changing it from `old`, warns of.
#[must_use]
pub fn warnings_for_job(job: &Job, old: Option<&Job>) -> Vec<String> {
    let mut warnings = if old.is_none() { warnings_for_name(&job.metadata) } else { Vec::new() };
    if let Some(spec) = &job.spec
        && old.is_none_or(|old| is_changed(&job.metadata, &old.metadata))
    {
        warnings.extend(warnings_for_job_spec(spec, "spec"));
    }
    warnings
}

/// What creating the CronJob, or changing it from `old`, warns of.
#[must_use]
pub fn warnings_for_cron_job(cron_job: &CronJob, old: Option<&CronJob>) -> Vec<String> {
    let mut warnings = if old.is_none() { warnings_for_name(&cron_job.metadata) } else { Vec::new() };
    if let Some(spec) = &cron_job.spec.job_template.spec
        && old.is_none_or(|old| is_changed(&cron_job.metadata, &old.metadata))
    {
        warnings.extend(warnings_for_job_spec(spec, JOB_TEMPLATE));
    }
    if old.is_some() && cron_job.spec.schedule.contains("TZ") {
        // The path has one `spec` too many upstream.
        warnings.push(
            "cannot use TZ or CRON_TZ in spec.spec.schedule, use timeZone instead, see \
             https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details"
                .to_owned(),
        );
    }
    warnings
}

/// Mirrors `WarningsForJobSpec`.
fn warnings_for_job_spec(spec: &JobSpec, path: &str) -> Vec<String> {
    let mut warnings = Vec::new();
    let is_large = spec.completions.unwrap_or_default() > COMPLETIONS_SOFT_LIMIT
        && spec.parallelism.unwrap_or_default() > PARALLELISM_SOFT_LIMIT;
    if spec.completion_mode.as_deref() == Some("Indexed") && is_large {
        warnings.push(format!(
            "{path}: In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than 10^4, \
             Kubernetes might not be able to track completedIndexes when a big number of indexes fail"
        ));
    }
    warnings.extend(warnings_for_template(Some(&spec.template), &format!("{path}.template")));
    warnings
}
