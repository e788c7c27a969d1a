//! A Job's conditions, and the two steps in which it ends.
//!
//! Mirrors pkg/controller/job/job_controller.go (`newCondition`, `ensureJobConditionStatus`) (v1.36).

use k8s_openapi::api::batch::v1::{JobCondition, JobStatus};
use seatrial_api::Time;

pub(super) const COMPLETE: &str = "Complete";
pub(super) const FAILED: &str = "Failed";
pub(super) const FAILURE_TARGET: &str = "FailureTarget";
pub(super) const SUCCESS_CRITERIA_MET: &str = "SuccessCriteriaMet";
pub(super) const SUSPENDED: &str = "Suspended";

/// A condition that is true since now. Mirrors `newCondition`.
pub(super) fn new_condition(type_: &str, reason: &str, message: &str, now: Time) -> JobCondition {
    new_condition_with("True", type_, reason, message, now)
}

fn new_condition_with(status: &str, type_: &str, reason: &str, message: &str, now: Time) -> JobCondition {
    let text = |t: &str| (!t.is_empty()).then(|| t.to_owned());
    JobCondition {
        type_: type_.to_owned(),
        status: status.to_owned(),
        reason: text(reason),
        message: text(message),
        last_probe_time: Some(now.into()),
        last_transition_time: Some(now.into()),
    }
}

/// The condition of a type where it is true.
pub(super) fn find_true<'s>(status: &'s JobStatus, type_: &str) -> Option<&'s JobCondition> {
    status.conditions.iter().flatten().find(|c| c.type_ == type_ && c.status == "True")
}

/// The condition that follows on the one of the first step.
pub(super) fn terminal_of(interim: &JobCondition, now: Time) -> JobCondition {
    let type_ = if interim.type_ == FAILURE_TARGET { FAILED } else { COMPLETE };
    let text = |t: &Option<String>| t.clone().unwrap_or_default();
    new_condition(type_, &text(&interim.reason), &text(&interim.message), now)
}

/// Sets a condition unless it is so already; what is not there cannot become false. Returns whether the list changed.
/// Mirrors `ensureJobConditionStatus`.
pub(super) fn ensure_job_condition_status(
    status: &mut JobStatus,
    type_: &str,
    is_true: bool,
    (reason, message): (&str, &str),
    now: Time,
) -> bool {
    let word = if is_true { "True" } else { "False" };
    let new = || new_condition_with(word, type_, reason, message, now);
    let is = |there: &Option<String>, text: &str| there.as_deref() == (!text.is_empty()).then_some(text);
    let there = status.conditions.iter_mut().flatten().find(|c| c.type_ == type_);
    match there {
        Some(there) if there.status == word && is(&there.reason, reason) && is(&there.message, message) => false,
        Some(there) => {
            *there = new();
            true
        }
        None if is_true => {
            status.conditions.get_or_insert_default().push(new());
            true
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows as upstream's `TestEnsureJobConditions` has them: (there, wanted, what it comes to).
    #[test]
    fn conditions_are_set_once_and_never_begin_false() {
        let (early, late) = (Time::from_unix(1), Time::from_unix(9));
        let there = |status: &str, reason: &str| vec![new_condition_with(status, "Suspended", reason, "m", early)];
        let rows = [
            (vec![], true, "a", true, vec![new_condition_with("True", "Suspended", "a", "m", late)]),
            (vec![], false, "a", false, vec![]),
            (there("True", "a"), true, "a", false, there("True", "a")),
            (there("True", "a"), false, "a", true, vec![new_condition_with("False", "Suspended", "a", "m", late)]),
            (there("True", "a"), true, "b", true, vec![new_condition_with("True", "Suspended", "b", "m", late)]),
            (there("False", "a"), true, "a", true, vec![new_condition_with("True", "Suspended", "a", "m", late)]),
        ];
        for (list, is_true, reason, changes, want) in rows {
            let mut status = JobStatus { conditions: Some(list.clone()), ..JobStatus::default() };
            let changed = ensure_job_condition_status(&mut status, SUSPENDED, is_true, (reason, "m"), late);
            assert_eq!((changed, status.conditions), (changes, Some(want)), "{list:?} {is_true} {reason}");
        }
    }

    #[test]
    fn each_first_step_has_its_second() {
        for (first, second) in [(FAILURE_TARGET, FAILED), (SUCCESS_CRITERIA_MET, COMPLETE)] {
            let interim = new_condition(first, "R", "m", Time::from_unix(1));
            assert_eq!(terminal_of(&interim, Time::from_unix(5)), new_condition(second, "R", "m", Time::from_unix(5)));
        }
    }
}
