//! The rows of Job, CronJob.

use k8s_openapi::api::batch::v1::{JobSpec, JobStatus};
use seatrial_api::{CronJob, Job, Time};
use serde_json::json;

use super::workloads::{selector_cell, template_cells};
use super::{Cells, Column, age, column, human_duration, integer, wide};

pub(super) const JOB_COLUMNS: &[Column] = &[
    column("Name"),
    column("Status"),
    column("Completions"),
    column("Duration"),
    column("Age"),
    wide("Containers"),
    wide("Images"),
    wide("Selector"),
];

pub(super) fn job_cells(job: &Job, now: Time) -> Cells {
    let none = JobSpec::default();
    let spec = job.body.spec.as_deref().unwrap_or(&none);
    let status = job.body.status.as_deref().cloned().unwrap_or_default();
    let (names, images) = template_cells(Some(&spec.template));
    vec![
        json!(job.meta.name.as_str()),
        json!(status_cell(&status, job.meta.is_deleting())),
        json!(completions_cell(spec, &status)),
        json!(duration_cell(&status, now)),
        json!(age(job.meta.creation_timestamp, now)),
        json!(names),
        json!(images),
        json!(selector_cell(spec.selector.as_ref())),
    ]
}

fn status_cell(status: &JobStatus, is_deleting: bool) -> &'static str {
    let is = |type_: &str| status.conditions.iter().flatten().any(|c| c.type_ == type_ && c.status == "True");
    let finished = ["Complete", "Failed"].into_iter().find(|type_| is(type_));
    let terminating = is_deleting.then_some("Terminating");
    let unfinished = || ["Suspended", "FailureTarget", "SuccessCriteriaMet"].into_iter().find(|type_| is(type_));
    finished.or(terminating).or_else(unfinished).unwrap_or("Running")
}

/// Without completions, one success is enough.
fn completions_cell(spec: &JobSpec, status: &JobStatus) -> String {
    let succeeded = status.succeeded.unwrap_or_default();
    let parallelism = spec.parallelism.unwrap_or_default();
    match spec.completions {
        Some(completions) => format!("{succeeded}/{completions}"),
        None if parallelism > 1 => format!("{succeeded}/1 of {parallelism}"),
        None => format!("{succeeded}/1"),
    }
}

fn duration_cell(status: &JobStatus, now: Time) -> String {
    let Some(start) = status.start_time.as_ref().map(Time::from) else { return String::new() };
    let end = status.completion_time.as_ref().map_or(now, Time::from);
    human_duration(end.unix() - start.unix())
}

pub(super) const CRON_JOB_COLUMNS: &[Column] = &[
    column("Name"),
    column("Schedule"),
    column("Timezone"),
    boolean("Suspend"),
    integer("Active"),
    column("Last Schedule"),
    column("Age"),
    wide("Containers"),
    wide("Images"),
    wide("Selector"),
];

/// A column that is declared to hold booleans.
const fn boolean(name: &'static str) -> Column {
    Column { name, priority: 0, type_: "boolean" }
}

pub(super) fn cron_job_cells(cron_job: &CronJob, now: Time) -> Cells {
    let spec = &cron_job.body.spec;
    let status = cron_job.body.status.clone().unwrap_or_default();
    let job_spec = spec.job_template.spec.clone().unwrap_or_default();
    let (names, images) = template_cells(Some(&job_spec.template));
    let suspend = match spec.suspend {
        Some(true) => "True",
        Some(false) => "False",
        None => "<unset>",
    };
    let last_schedule = status.last_schedule_time.as_ref().map(|time| age(Some(Time::from(time)), now));
    vec![
        json!(cron_job.meta.name.as_str()),
        json!(spec.schedule),
        json!(spec.time_zone.as_deref().unwrap_or("<none>")),
        json!(suspend),
        json!(status.active.map_or(0, |active| active.len())),
        json!(last_schedule.unwrap_or_else(|| "<none>".to_owned())),
        json!(age(cron_job.meta.creation_timestamp, now)),
        json!(names),
        json!(images),
        json!(selector_cell(job_spec.selector.as_ref())),
    ]
}
