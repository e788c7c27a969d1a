//! Validation of how fast an autoscaler may scale.
//!
//! Mirrors `validateBehavior` in pkg/apis/autoscaling/validation (v1.36).

use k8s_openapi::api::autoscaling::v2::{HPAScalingPolicy, HPAScalingRules, HorizontalPodAutoscalerBehavior};
use seatrial_api::field::{BadValue, Error, ErrorList, Path};
use seatrial_api::quantity::Quantity;

use crate::validation::{IS_NOT_POSITIVE_ERROR_MSG, items, validate_supported};

const SELECT_POLICIES: [&str; 3] = ["Disabled", "Max", "Min"];
const POLICY_TYPES: [&str; 2] = ["Percent", "Pods"];
const PERIOD_SECONDS_MAX: i32 = 1800;
const STABILIZATION_WINDOW_SECONDS_MAX: i32 = 3600;
const IS_NEGATIVE: &str = "must be greater than or equal to zero";

pub(super) fn validate_behavior(
    errs: &mut ErrorList,
    behavior: Option<&HorizontalPodAutoscalerBehavior>,
    path: &Path<'_>,
) {
    let Some(behavior) = behavior else { return };
    for (field, rules) in [("scaleUp", &behavior.scale_up), ("scaleDown", &behavior.scale_down)] {
        if let Some(rules) = rules {
            validate_scaling_rules(errs, rules, &path.child(field));
        }
    }
}

/// Mirrors `validateScalingRules`.
fn validate_scaling_rules(errs: &mut ErrorList, rules: &HPAScalingRules, path: &Path<'_>) {
    let window_path = path.child("stabilizationWindowSeconds");
    match rules.stabilization_window_seconds {
        Some(seconds) if seconds < 0 => errs.push(Error::invalid(&window_path, seconds, IS_NEGATIVE)),
        Some(seconds) if seconds > STABILIZATION_WINDOW_SECONDS_MAX => {
            let detail = format!("must be less than or equal to {STABILIZATION_WINDOW_SECONDS_MAX}");
            errs.push(Error::invalid(&window_path, seconds, detail));
        }
        _ => {}
    }
    if let Some(policy) = &rules.select_policy {
        validate_supported(errs, policy, &SELECT_POLICIES, &path.child("selectPolicy"));
    }
    let policies_path = path.child("policies");
    let policies = items(&rules.policies);
    if policies.is_empty() {
        errs.push(Error::required(&policies_path, "must specify at least one Policy"));
    }
    for (index, policy) in policies.iter().enumerate() {
        validate_scaling_policy(errs, policy, &policies_path.index(index));
    }
    if let Some(tolerance) = &rules.tolerance
        && Quantity::try_from(tolerance).is_ok_and(|tolerance| tolerance.sign() < 0)
    {
        errs.push(Error::invalid(&path.child("tolerance"), BadValue::json(tolerance), IS_NEGATIVE));
    }
}

/// Mirrors `validateScalingPolicy`.
fn validate_scaling_policy(errs: &mut ErrorList, policy: &HPAScalingPolicy, path: &Path<'_>) {
    validate_supported(errs, &policy.type_, &POLICY_TYPES, &path.child("type"));
    if policy.value <= 0 {
        errs.push(Error::invalid(&path.child("value"), policy.value, IS_NOT_POSITIVE_ERROR_MSG));
    }
    let (seconds, path) = (policy.period_seconds, path.child("periodSeconds"));
    if seconds <= 0 {
        errs.push(Error::invalid(&path, seconds, IS_NOT_POSITIVE_ERROR_MSG));
    }
    if seconds > PERIOD_SECONDS_MAX {
        let detail = format!("must be less than or equal to {PERIOD_SECONDS_MAX}");
        errs.push(Error::invalid(&path, seconds, detail));
    }
}
