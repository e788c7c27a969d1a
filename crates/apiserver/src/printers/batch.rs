//! The rows of Job, CronJob.

use seatrial_api::{CronJob, Job, Time};
use serde_json::json;

use super::{Cells, Column, age, column};

pub(super) const JOB_COLUMNS: &[Column] = &[column("Name"), column("Age")];

pub(super) fn job_cells(o: &Job, now: Time) -> Cells {
    vec![json!(o.meta.name.as_str()), json!(age(o.meta.creation_timestamp, now))]
}

pub(super) const CRON_JOB_COLUMNS: &[Column] = &[column("Name"), column("Age")];

pub(super) fn cron_job_cells(o: &CronJob, now: Time) -> Cells {
    vec![json!(o.meta.name.as_str()), json!(age(o.meta.creation_timestamp, now))]
}
