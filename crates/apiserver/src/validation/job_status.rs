//! Validation of a Job's status, which controllers other than Kubernetes' own may write, too.
//!
//! Mirrors `validateJobStatus` and `ValidateJobStatusUpdate` in pkg/apis/batch/validation, and
//! `getStatusValidationOptions` in pkg/registry/batch/job/strategy.go (v1.36): most rules look only at what changed.

use std::collections::BTreeSet;

use k8s_openapi::api::batch::v1::{Job, JobSpec, JobStatus, UncountedTerminatedPods};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time as ApiTime;
use seatrial_api::Time;
use seatrial_api::field::{BadValue, Error, ErrorList, Path};

use super::job::{is_indexed, spec_of};
use super::job_policy::{validate_indexes_apart, validate_indexes_format};
use super::meta::validate_object_meta_update;
use super::{items, semantically_equal, text, validate_nonnegative_field};

const STATUS: Path<'static> = Path::new("status");

/// Whether a condition is there and true. Mirrors `IsConditionTrue`.
pub(super) fn is_condition_true(status: &JobStatus, type_: &str) -> bool {
    items(&status.conditions).iter().any(|condition| condition.type_ == type_ && condition.status == "True")
}

/// A status with what its conditions say.
struct View<'a> {
    status: &'a JobStatus,
    complete: bool,
    failed: bool,
    failure_target: bool,
    success_criteria_met: bool,
}

impl<'a> View<'a> {
    fn of(status: &'a JobStatus) -> Self {
        let is = |type_| is_condition_true(status, type_);
        Self {
            status,
            complete: is("Complete"),
            failed: is("Failed"),
            failure_target: is("FailureTarget"),
            success_criteria_met: is("SuccessCriteriaMet"),
        }
    }

    fn finished(&self) -> bool {
        self.complete || self.failed
    }

    fn active(&self) -> i32 {
        self.status.active.unwrap_or_default()
    }
}

/// A Job whose status is to be replaced. Mirrors `ValidateJobUpdateStatus`.
#[must_use]
pub fn validate_job_status_update(new: &Job, old: &Job) -> ErrorList {
    let mut errs = validate_object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"));
    let (new_status, old_status) = (new.status.clone().unwrap_or_default(), old.status.clone().unwrap_or_default());
    let (new, old, spec) = (View::of(&new_status), View::of(&old_status), spec_of(new));
    validate_counts(&mut errs, new.status);
    validate_uncounted(&mut errs, new.status.uncounted_terminated_pods.as_ref());
    validate_complete(&mut errs, &new, &old);
    validate_finished(&mut errs, &new, &old);
    validate_indexes(&mut errs, &new, &old, &spec);
    validate_pods(&mut errs, &new, &old);
    validate_success_criteria(&mut errs, &new, &spec);
    validate_transition(&mut errs, &new, &old, &spec);
    errs
}

fn reject_conditions(errs: &mut ErrorList, applies: bool, detail: &str) {
    if applies {
        errs.push(Error::invalid(&STATUS.child("conditions"), BadValue::Omitted, detail));
    }
}

fn validate_counts(errs: &mut ErrorList, status: &JobStatus) {
    for (field, value) in [
        ("active", status.active),
        ("succeeded", status.succeeded),
        ("failed", status.failed),
        ("ready", status.ready),
        ("terminating", status.terminating),
    ] {
        validate_nonnegative_field(errs, i64::from(value.unwrap_or_default()), &STATUS.child(field));
    }
}

fn validate_uncounted(errs: &mut ErrorList, pods: Option<&UncountedTerminatedPods>) {
    let Some(pods) = pods else { return };
    let path = STATUS.child("uncountedTerminatedPods");
    let mut seen = BTreeSet::new();
    for (field, uids) in [("succeeded", &pods.succeeded), ("failed", &pods.failed)] {
        let path = path.child(field);
        for (index, uid) in items(uids).iter().enumerate() {
            if uid.is_empty() {
                errs.push(Error::invalid(&path.index(index), uid, "must not be empty"));
            } else if !seen.insert(uid.as_str()) {
                errs.push(Error::duplicate(&path.index(index), uid));
            }
        }
    }
}

/// A time as Go prints it inside a message.
fn bad_time(time: Option<&ApiTime>) -> BadValue {
    let text = time.map_or_else(
        || "null".to_owned(),
        |time| Time::from(time).to_chrono().format("%Y-%m-%d %H:%M:%S +0000 UTC").to_string(),
    );
    BadValue::Bare(text)
}

fn validate_complete(errs: &mut ErrorList, new: &View<'_>, old: &View<'_>) {
    let path = STATUS.child("completionTime");
    let (start, completion) = (&new.status.start_time, &new.status.completion_time);
    let complete_changed = new.complete != old.complete;
    let completion_changed = *completion != old.status.completion_time;
    let failure_target_changed = new.failure_target != old.failure_target;
    let applies = (complete_changed || new.failed != old.failed) && new.complete && new.failed;
    reject_conditions(errs, applies, "cannot set Complete=True and Failed=true conditions");
    let applies = (complete_changed || failure_target_changed) && new.complete && new.failure_target;
    reject_conditions(errs, applies, "cannot set Complete=True and FailureTarget=true conditions");
    if complete_changed || completion_changed {
        if completion.is_some() && !new.complete {
            let detail = "cannot set completionTime when there is no Complete=True condition";
            errs.push(Error::invalid(&path, bad_time(completion.as_ref()), detail));
        }
        if completion.is_none() && new.complete {
            errs.push(Error::required(&path, "completionTime is required for Complete jobs"));
        }
    }
    if (completion_changed || *start != old.status.start_time)
        && let (Some(start), Some(completion)) = (start, completion)
        && completion.0 < start.0
    {
        let detail = "completionTime cannot be set before startTime";
        errs.push(Error::invalid(&path, bad_time(Some(completion)), detail));
    }
    let applies = (new.failed != old.failed || failure_target_changed) && new.failed && !new.failure_target;
    reject_conditions(errs, applies, "cannot set Failed=True condition without the FailureTarget=true condition");
    let criteria_changed = new.success_criteria_met != old.success_criteria_met;
    let applies = (complete_changed || criteria_changed) && new.complete && !new.success_criteria_met;
    reject_conditions(
        errs,
        applies,
        "cannot set Complete=True condition without the SuccessCriteriaMet=true condition",
    );
}

fn validate_finished(errs: &mut ErrorList, new: &View<'_>, old: &View<'_>) {
    let finished_changed = new.finished() != old.finished();
    if !new.finished() {
        return;
    }
    if new.active() > 0 && (finished_changed || new.active() != old.active()) {
        errs.push(Error::invalid(&STATUS.child("active"), new.active(), "active>0 is invalid for finished job"));
    }
    let start_changed = new.status.start_time != old.status.start_time;
    if new.status.start_time.is_none() && (finished_changed || start_changed) {
        errs.push(Error::required(&STATUS.child("startTime"), "startTime is required for finished job"));
    }
    let (pods, old_pods) = (&new.status.uncounted_terminated_pods, &old.status.uncounted_terminated_pods);
    if let Some(pods) = pods
        && !(items(&pods.failed).is_empty() && items(&pods.succeeded).is_empty())
        && (finished_changed || !semantically_equal(&Some(pods), &old_pods.as_ref()))
    {
        let detail = "uncountedTerminatedPods needs to be empty for finished job";
        errs.push(Error::invalid(&STATUS.child("uncountedTerminatedPods"), BadValue::json(pods), detail));
    }
}

fn validate_indexes(errs: &mut ErrorList, new: &View<'_>, old: &View<'_>, spec: &JobSpec) {
    let (completed, failed) = (text(&new.status.completed_indexes), new.status.failed_indexes.as_deref());
    let completed_changed = completed != text(&old.status.completed_indexes);
    let failed_changed = failed != old.status.failed_indexes.as_deref();
    let (completed_path, failed_path) = (STATUS.child("completedIndexes"), STATUS.child("failedIndexes"));
    if completed_changed && let Some(Err(error)) = spec.completions.map(|n| validate_indexes_format(completed, n)) {
        let detail = format!("error parsing completedIndexes: {error}");
        errs.push(Error::invalid(&completed_path, completed, detail));
    }
    if failed_changed
        && let (Some(completions), Some(_), Some(failed)) = (spec.completions, spec.backoff_limit_per_index, failed)
        && let Err(error) = validate_indexes_format(failed, completions)
    {
        errs.push(Error::invalid(&failed_path, failed, format!("error parsing failedIndexes: {error}")));
    }
    if completed_changed && !completed.is_empty() && !is_indexed(spec) {
        let detail = "cannot set non-empty completedIndexes when non-indexed completion mode";
        errs.push(Error::invalid(&completed_path, completed, detail));
    }
    let Some(failed) = failed else { return };
    if failed_changed && spec.backoff_limit_per_index.is_none() {
        let detail = "cannot set non-null failedIndexes when backoffLimitPerIndex is null";
        errs.push(Error::invalid(&failed_path, failed, detail));
    }
    if (failed_changed || completed_changed)
        && let Some(Err(error)) = spec.completions.map(|n| validate_indexes_apart(completed, failed, n))
    {
        errs.push(Error::invalid(&failed_path, failed, error));
    }
}

fn validate_pods(errs: &mut ErrorList, new: &View<'_>, old: &View<'_>) {
    let (terminating, ready) = (new.status.terminating, new.status.ready);
    let terminating_changed = terminating != old.status.terminating || new.finished() != old.finished();
    if let Some(terminating) = terminating.filter(|n| terminating_changed && new.finished() && *n > 0) {
        let detail = "terminating>0 is invalid for finished job";
        errs.push(Error::invalid(&STATUS.child("terminating"), terminating, detail));
    }
    let ready_changed = ready != old.status.ready || new.active() != old.active();
    if let Some(ready) = ready.filter(|n| ready_changed && *n > new.active()) {
        errs.push(Error::invalid(&STATUS.child("ready"), ready, "cannot set more ready pods than active"));
    }
}

/// These rules hold whatever changed.
fn validate_success_criteria(errs: &mut ErrorList, new: &View<'_>, spec: &JobSpec) {
    let met = new.success_criteria_met;
    reject_conditions(errs, met && new.failed, "cannot set SuccessCriteriaMet=True and Failed=true conditions");
    let applies = met && new.failure_target;
    reject_conditions(errs, applies, "cannot set SuccessCriteriaMet=True and FailureTarget=true conditions");
    let applies = spec.success_policy.is_some() && !met && new.complete;
    let detail = "cannot set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True";
    reject_conditions(errs, applies, detail);
}

/// What may not be taken back. Mirrors the second half of `ValidateJobStatusUpdate`.
fn validate_transition(errs: &mut ErrorList, new: &View<'_>, old: &View<'_>, spec: &JobSpec) {
    for (type_, was, is) in [
        ("Failed", old.failed, new.failed),
        ("Complete", old.complete, new.complete),
        ("FailureTarget", old.failure_target, new.failure_target),
    ] {
        reject_conditions(errs, was && !is, &format!("cannot disable the terminal {type_}=True condition"));
    }
    // An indexed Job whose size can change may lose successes.
    let is_resizable = is_indexed(spec) && spec.completions == spec.parallelism;
    for (field, is, was, applies) in [
        ("failed", new.status.failed, old.status.failed, true),
        ("succeeded", new.status.succeeded, old.status.succeeded, !is_resizable),
    ] {
        let (is, was) = (is.unwrap_or_default(), was.unwrap_or_default());
        if applies && is < was {
            let detail = format!("cannot decrease the {field} counter");
            errs.push(Error::invalid(&STATUS.child(field), is, detail));
        }
    }
    let (completion, old_completion) = (&new.status.completion_time, &old.status.completion_time);
    if completion.is_some() && old_completion.is_some() && completion != old_completion {
        let value = bad_time(completion.as_ref());
        errs.push(Error::invalid(&STATUS.child("completionTime"), value, "completionTime cannot be mutated"));
    }
    let (start, old_start) = (&new.status.start_time, &old.status.start_time);
    if old_start.is_some() && start != old_start && spec.suspend != Some(true) {
        let detail = "field is immutable for unsuspended job once set";
        errs.push(Error::invalid(&STATUS.child("startTime"), bad_time(start.as_ref()), detail));
    }
    let applies = old.success_criteria_met && !new.success_criteria_met;
    reject_conditions(errs, applies, "cannot disable the SuccessCriteriaMet=True condition");
    let applies = old.complete && !old.success_criteria_met && new.success_criteria_met;
    let detail = "cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions";
    reject_conditions(errs, applies, detail);
}
