//! Validation of CronJobs.
//!
//! Mirrors `ValidateCronJobCreate` and `ValidateCronJobUpdate` in pkg/apis/batch/validation (v1.36).

use k8s_openapi::api::batch::v1::{CronJob, CronJobSpec, JobTemplateSpec};
use seatrial_api::cron_schedule::{CronSchedule, load_location};
use seatrial_api::field::{Error, ErrorList, Path};
use seatrial_api::names::name_is_dns_subdomain;

use super::job::validate_job_spec_without_selector;
use super::meta::{Scope, validate_object_meta, validate_object_meta_update};
use super::selector::bad_selector;
use super::{text, validate_nonnegative_field, validate_required_supported};

const METADATA: Path<'static> = Path::new("metadata");
const SPEC: Path<'static> = Path::new("spec");
/// A Job's name has eleven bytes more, and becomes a label.
const MAX_NAME_LENGTH: usize = 52;
const MAX_TIME_ZONE_PART_LENGTH: usize = 14;

/// A CronJob to be created. Mirrors `ValidateCronJobCreate`.
#[must_use]
pub fn validate_cron_job(cron_job: &CronJob) -> ErrorList {
    let meta = &cron_job.metadata;
    let mut errs = validate_object_meta(meta, Scope::Namespaced, name_is_dns_subdomain, &METADATA);
    validate_cron_job_spec(&mut errs, &cron_job.spec, None, &SPEC);
    let name = text(&meta.name);
    if name.len() > MAX_NAME_LENGTH {
        let detail = format!("must be no more than {MAX_NAME_LENGTH} characters");
        errs.push(Error::invalid(&METADATA.child("name"), name, detail));
    }
    errs
}

/// A CronJob to be replaced. Mirrors `ValidateCronJobUpdate`.
#[must_use]
pub fn validate_cron_job_update(new: &CronJob, old: &CronJob) -> ErrorList {
    let mut errs = validate_object_meta_update(&new.metadata, &old.metadata, &METADATA);
    validate_cron_job_spec(&mut errs, &new.spec, Some(&old.spec), &SPEC);
    errs
}

/// Mirrors `validateCronJobSpec`.
fn validate_cron_job_spec(errs: &mut ErrorList, spec: &CronJobSpec, old: Option<&CronJobSpec>, path: &Path<'_>) {
    let schedule_path = path.child("schedule");
    if spec.schedule.is_empty() {
        errs.push(Error::required(&schedule_path, ""));
    } else {
        let allows_zone = old.is_some_and(|old| old.schedule.contains("TZ"));
        validate_schedule(errs, spec, allows_zone, &schedule_path);
    }
    let deadline = spec.starting_deadline_seconds.unwrap_or_default();
    validate_nonnegative_field(errs, deadline, &path.child("startingDeadlineSeconds"));
    if let Some(zone) = spec.time_zone.as_deref().filter(|_| old.is_none_or(|old| old.time_zone != spec.time_zone)) {
        validate_time_zone(errs, zone, &path.child("timeZone"));
    }
    let policies = ["Allow", "Forbid", "Replace"];
    let policy_path = path.child("concurrencyPolicy");
    validate_required_supported(errs, text(&spec.concurrency_policy), &policies, &policy_path);
    validate_job_template(errs, &spec.job_template, &path.child("jobTemplate"));
    for (field, limit) in [
        ("successfulJobsHistoryLimit", spec.successful_jobs_history_limit),
        ("failedJobsHistoryLimit", spec.failed_jobs_history_limit),
    ] {
        validate_nonnegative_field(errs, i64::from(limit.unwrap_or_default()), &path.child(field));
    }
}

/// A zone inside the schedule was never documented, and is kept only where it was. Mirrors `validateScheduleFormat`.
fn validate_schedule(errs: &mut ErrorList, spec: &CronJobSpec, allows_zone: bool, path: &Path<'_>) {
    let schedule = &spec.schedule;
    if let Err(error) = CronSchedule::parse(schedule) {
        errs.push(Error::invalid(path, schedule, error));
    }
    let detail = match (schedule.contains("TZ"), allows_zone, spec.time_zone.is_some()) {
        (true, true, true) => "cannot use both timeZone field and TZ or CRON_TZ in schedule",
        (true, false, _) => "cannot use TZ or CRON_TZ in schedule, use timeZone field instead",
        _ => return,
    };
    errs.push(Error::invalid(path, schedule, detail));
}

/// Mirrors `validateTimeZone`.
fn validate_time_zone(errs: &mut ErrorList, zone: &str, path: &Path<'_>) {
    if zone.is_empty() {
        errs.push(Error::invalid(path, zone, "timeZone must be nil or non-empty string"));
        return;
    }
    if !zone.split('/').all(is_time_zone_part) {
        errs.push(Error::invalid(path, zone, format!("unknown time zone {zone}")));
        return;
    }
    if zone.eq_ignore_ascii_case("Local") {
        let detail = "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones";
        errs.push(Error::invalid(path, zone, detail));
    }
    if let Err(error) = load_location(zone) {
        errs.push(Error::invalid(path, zone, error));
    }
}

fn is_time_zone_part(part: &str) -> bool {
    let is_zone_byte = |byte: u8| byte.is_ascii_alphanumeric() || b".-_+".contains(&byte);
    (1..=MAX_TIME_ZONE_PART_LENGTH).contains(&part.len())
        && part != "."
        && part != ".."
        && !part.starts_with('-')
        && part.bytes().all(is_zone_byte)
}

/// Mirrors `ValidateJobTemplateSpec`: the selector will always be generated.
fn validate_job_template(errs: &mut ErrorList, template: &JobTemplateSpec, path: &Path<'_>) {
    let path = path.child("spec");
    let spec = template.spec.clone().unwrap_or_default();
    validate_job_spec_without_selector(errs, &spec, &path);
    if let Some(selector) = &spec.selector {
        let value = bad_selector(selector);
        errs.push(Error::invalid(&path.child("selector"), value, "`selector` will be auto-generated"));
    }
    if spec.manual_selector == Some(true) {
        errs.push(Error::not_supported(&path.child("manualSelector"), true, &["nil", "false"]));
    }
}
