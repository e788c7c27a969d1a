//! Defaults of the group `batch`.
//!
//! Mirrors pkg/apis/batch/v1/defaults.go (v1.36).

use k8s_openapi::api::batch::v1::{CronJob, Job, JobSpec, PodFailurePolicy};

use super::{default_text, set_defaults_pod_template};

/// Failed pods a Job bears with.
const BACKOFF_LIMIT: i32 = 6;
/// Finished Jobs a CronJob keeps.
const SUCCESSFUL_JOBS_HISTORY_LIMIT: i32 = 3;
const FAILED_JOBS_HISTORY_LIMIT: i32 = 1;

/// Mirrors `SetObjectDefaults_Job`. The labels come after the generated ones: see the strategy.
pub fn set_defaults_job(job: &mut Job) {
    set_defaults_job_spec(job.spec.get_or_insert_default());
    job.status.get_or_insert_default();
}

/// The same for a Job that a controller makes.
pub fn set_defaults_job_spec(spec: &mut JobSpec) {
    if spec.completions.is_none() && spec.parallelism.is_none() {
        spec.completions = Some(1);
    }
    spec.parallelism.get_or_insert(1);
    let backoff_limit = if spec.backoff_limit_per_index.is_some() { i32::MAX } else { BACKOFF_LIMIT };
    spec.backoff_limit.get_or_insert(backoff_limit);
    default_absent(&mut spec.completion_mode, "NonIndexed");
    spec.suspend.get_or_insert(false);
    spec.manual_selector.get_or_insert(false);
    let has_failure_policy = spec.pod_failure_policy.is_some();
    let policy = if has_failure_policy { "Failed" } else { "TerminatingOrFailed" };
    default_absent(&mut spec.pod_replacement_policy, policy);
    set_defaults_below_job_spec(spec);
}

/// Mirrors `SetObjectDefaults_CronJob`: its template becomes a Job only later.
pub fn set_defaults_cron_job(cron_job: &mut CronJob) {
    let spec = &mut cron_job.spec;
    default_text(&mut spec.concurrency_policy, "Allow");
    spec.suspend.get_or_insert(false);
    spec.successful_jobs_history_limit.get_or_insert(SUCCESSFUL_JOBS_HISTORY_LIMIT);
    spec.failed_jobs_history_limit.get_or_insert(FAILED_JOBS_HISTORY_LIMIT);
    spec.job_template.metadata.get_or_insert_default();
    set_defaults_below_job_spec(spec.job_template.spec.get_or_insert_default());
    cron_job.status.get_or_insert_default();
}

fn set_defaults_below_job_spec(spec: &mut JobSpec) {
    if let Some(PodFailurePolicy { rules }) = &mut spec.pod_failure_policy {
        let patterns = rules.iter_mut().filter_map(|rule| rule.on_pod_conditions.as_mut()).flatten();
        patterns.for_each(|pattern| default_text(&mut pattern.status, "True"));
    }
    set_defaults_pod_template(&mut spec.template);
}

/// Fills a text that is absent; an empty one is a mistake of its own.
fn default_absent(field: &mut Option<String>, value: &str) {
    field.get_or_insert_with(|| value.to_owned());
}
