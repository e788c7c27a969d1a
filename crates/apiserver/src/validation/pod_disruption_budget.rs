//! Validation of PodDisruptionBudgets.
//!
//! Mirrors pkg/apis/policy/validation (v1.36). Nothing but what makes a path is asked of their names.

use std::collections::BTreeSet;

use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use seatrial_api::field::{BadValue, Error, ErrorList, Path};
use seatrial_api::names::validate_path_segment_name;

use super::apps::{is_not_more_than_100_percent, validate_positive_int_or_percent};
use super::meta::{Scope, validate_label_name, validate_object_meta};
use super::{items, validate_label_selector, validate_nonnegative_field, validate_supported};

const METADATA: Path<'static> = Path::new("metadata");
const SPEC: Path<'static> = Path::new("spec");
const EVICTION_POLICIES: [&str; 2] = ["AlwaysAllow", "IfHealthyBudget"];
const CONDITION_STATUSES: [&str; 3] = ["False", "True", "Unknown"];
const REASON_LENGTH_MAX: usize = 1024;
const MESSAGE_LENGTH_MAX: usize = 32 * 1024;
const REASON_MSG: &str = "a condition reason must start with alphabetic character, optionally followed by a string of \
                          alphanumeric characters or '_,:', and must end with an alphanumeric character or '_' (e.g. \
                          'my_name',  or 'MY_NAME',  or 'MyName',  or 'ReasonA,ReasonB',  or 'ReasonA:ReasonB', regex \
                          used for validation is '[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?')";

/// A PodDisruptionBudget to be created. Mirrors `ValidatePodDisruptionBudget`; the metadata only counts when the rest is right.
#[must_use]
pub fn validate_pod_disruption_budget(budget: &PodDisruptionBudget) -> ErrorList {
    let mut errs = ErrorList::new();
    validate_spec(&mut errs, &budget.spec.clone().unwrap_or_default());
    if errs.is_empty() {
        errs = validate_object_meta(&budget.metadata, Scope::Namespaced, validate_path_segment_name, &METADATA);
    }
    errs
}

/// A PodDisruptionBudget to be replaced.
#[must_use]
pub fn validate_pod_disruption_budget_update(new: &PodDisruptionBudget) -> ErrorList {
    let mut errs = ErrorList::new();
    validate_spec(&mut errs, &new.spec.clone().unwrap_or_default());
    errs
}

/// A PodDisruptionBudget whose status is to be replaced. Mirrors `ValidatePodDisruptionBudgetStatusUpdate`.
#[must_use]
pub fn validate_pod_disruption_budget_status_update(new: &PodDisruptionBudget) -> ErrorList {
    let mut errs = ErrorList::new();
    let status = new.status.clone().unwrap_or_default();
    let path = Path::new("status");
    validate_conditions(&mut errs, items(&status.conditions), &path.child("conditions"));
    for (field, count) in [
        ("disruptionsAllowed", status.disruptions_allowed),
        ("currentHealthy", status.current_healthy),
        ("desiredHealthy", status.desired_healthy),
        ("expectedPods", status.expected_pods),
    ] {
        validate_nonnegative_field(&mut errs, i64::from(count.unwrap_or_default()), &path.child(field));
    }
    errs
}

fn validate_spec(errs: &mut ErrorList, spec: &PodDisruptionBudgetSpec) {
    if spec.min_available.is_some() && spec.max_unavailable.is_some() {
        let detail = "minAvailable and maxUnavailable cannot be both set";
        errs.push(Error::invalid(&SPEC, BadValue::json(spec), detail));
    }
    for (field, value) in [("minAvailable", &spec.min_available), ("maxUnavailable", &spec.max_unavailable)] {
        if let Some(value) = value {
            validate_positive_int_or_percent(errs, value, &SPEC.child(field));
            is_not_more_than_100_percent(errs, value, &SPEC.child(field));
        }
    }
    if let Some(selector) = &spec.selector {
        validate_label_selector(errs, selector, &SPEC.child("selector"));
    }
    if let Some(policy) = &spec.unhealthy_pod_eviction_policy {
        validate_supported(errs, policy, &EVICTION_POLICIES, &SPEC.child("unhealthyPodEvictionPolicy"));
    }
}

/// Mirrors `ValidateConditions` in apimachinery/pkg/apis/meta/v1/validation.
fn validate_conditions(errs: &mut ErrorList, conditions: &[Condition], path: &Path<'_>) {
    let mut seen = BTreeSet::new();
    for (index, condition) in conditions.iter().enumerate() {
        let path = path.index(index);
        if !seen.insert(condition.type_.as_str()) {
            errs.push(Error::duplicate(&path.child("type"), &condition.type_));
        }
        validate_label_name(errs, &condition.type_, &path.child("type"));
        validate_supported(errs, &condition.status, &CONDITION_STATUSES, &path.child("status"));
        if let Some(generation) = condition.observed_generation.filter(|generation| *generation < 0) {
            let detail = "must be greater than or equal to zero";
            errs.push(Error::invalid(&path.child("observedGeneration"), generation, detail));
        }
        let reason_path = path.child("reason");
        if condition.reason.is_empty() {
            errs.push(Error::required(&reason_path, "must be set"));
        } else {
            if !is_condition_reason(&condition.reason) {
                errs.push(Error::invalid(&reason_path, &condition.reason, REASON_MSG));
            }
            if condition.reason.len() > REASON_LENGTH_MAX {
                errs.push(Error::too_long(&reason_path, REASON_LENGTH_MAX));
            }
        }
        if condition.message.len() > MESSAGE_LENGTH_MAX {
            errs.push(Error::too_long(&path.child("message"), MESSAGE_LENGTH_MAX));
        }
    }
}

fn is_condition_reason(reason: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    reason.as_bytes().first().is_some_and(u8::is_ascii_alphabetic)
        && reason.bytes().all(|byte| is_word(byte) || byte == b',' || byte == b':')
        && reason.as_bytes().last().is_some_and(|byte| is_word(*byte))
}

#[cfg(test)]
mod tests;
