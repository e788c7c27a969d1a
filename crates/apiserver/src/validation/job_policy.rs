//! Validation of the policies that decide when a Job has failed or succeeded, and of lists of indexes.
//!
//! Mirrors `validatePodFailurePolicy`, `validateSuccessPolicy` and `validateIndexesFormat` in
//! pkg/apis/batch/validation (v1.36).

use std::collections::BTreeSet;

use k8s_openapi::api::batch::v1::{
    JobSpec, PodFailurePolicy, PodFailurePolicyOnExitCodesRequirement, PodFailurePolicyOnPodConditionsPattern,
    PodFailurePolicyRule, SuccessPolicy, SuccessPolicyRule,
};
use seatrial_api::field::{BadValue, Error, ErrorList, Path, quote};
use seatrial_api::names::is_qualified_name;

use super::{invalid_each, items, text, validate_nonnegative_field};

const MAX_POD_FAILURE_POLICY_RULES: usize = 20;
const MAX_ON_EXIT_CODES_VALUES: usize = 255;
const MAX_ON_POD_CONDITIONS_PATTERNS: usize = 20;
const MAX_SUCCEEDED_INDEXES_LENGTH: usize = 64 * 1024;
const MAX_SUCCESS_POLICY_RULES: usize = 20;

/// Mirrors `validatePodFailurePolicy`.
pub(super) fn validate_pod_failure_policy(
    errs: &mut ErrorList,
    policy: &PodFailurePolicy,
    spec: &JobSpec,
    path: &Path<'_>,
) {
    let path = path.child("rules");
    if policy.rules.len() > MAX_POD_FAILURE_POLICY_RULES {
        errs.push(Error::too_many(&path, policy.rules.len(), MAX_POD_FAILURE_POLICY_RULES));
    }
    let pod = spec.template.spec.clone().unwrap_or_default();
    let containers = pod.containers.iter().chain(items(&pod.init_containers));
    let names: BTreeSet<&str> = containers.map(|container| container.name.as_str()).collect();
    for (index, rule) in policy.rules.iter().enumerate() {
        let path = path.index(index);
        validate_action(errs, rule, spec.backoff_limit_per_index.is_some(), &path.child("action"));
        validate_rule(errs, rule, &names, &path);
    }
}

fn validate_action(errs: &mut ErrorList, rule: &PodFailurePolicyRule, has_limit_per_index: bool, path: &Path<'_>) {
    let supported = ["Count", "FailIndex", "FailJob", "Ignore"];
    if rule.action == "FailIndex" && !has_limit_per_index {
        errs.push(Error::invalid(path, &rule.action, "requires the backoffLimitPerIndex to be set"));
    }
    validate_one_of(errs, &rule.action, &supported, path);
}

/// Where an empty text is an error with the list of values, as Go prints it.
fn validate_one_of(errs: &mut ErrorList, value: &str, supported: &[&str], path: &Path<'_>) {
    if value.is_empty() {
        let values: Vec<String> = supported.iter().map(|value| quote(value)).collect();
        errs.push(Error::required(path, format!("valid values: [{}]", values.join(" "))));
    } else if !supported.contains(&value) {
        errs.push(Error::not_supported(path, value, supported));
    }
}

fn validate_rule(errs: &mut ErrorList, rule: &PodFailurePolicyRule, names: &BTreeSet<&str>, path: &Path<'_>) {
    let patterns = items(&rule.on_pod_conditions);
    if let Some(requirement) = &rule.on_exit_codes {
        validate_on_exit_codes(errs, requirement, names, &path.child("onExitCodes"));
    }
    validate_on_pod_conditions(errs, patterns, &path.child("onPodConditions"));
    let detail = match (rule.on_exit_codes.is_some(), patterns.is_empty()) {
        (true, false) => "specifying both OnExitCodes and OnPodConditions is not supported",
        (false, true) => "specifying one of OnExitCodes and OnPodConditions is required",
        _ => return,
    };
    errs.push(Error::invalid(path, BadValue::Omitted, detail));
}

fn validate_on_pod_conditions(
    errs: &mut ErrorList,
    patterns: &[PodFailurePolicyOnPodConditionsPattern],
    path: &Path<'_>,
) {
    if patterns.len() > MAX_ON_POD_CONDITIONS_PATTERNS {
        errs.push(Error::too_many(path, patterns.len(), MAX_ON_POD_CONDITIONS_PATTERNS));
    }
    for (index, pattern) in patterns.iter().enumerate() {
        let path = path.index(index);
        invalid_each(errs, &path.child("type"), &pattern.type_, is_qualified_name(&pattern.type_));
        validate_one_of(errs, text(&pattern.status), &["False", "True", "Unknown"], &path.child("status"));
    }
}

fn validate_on_exit_codes(
    errs: &mut ErrorList,
    requirement: &PodFailurePolicyOnExitCodesRequirement,
    names: &BTreeSet<&str>,
    path: &Path<'_>,
) {
    validate_one_of(errs, &requirement.operator, &["In", "NotIn"], &path.child("operator"));
    if let Some(name) = requirement.container_name.as_ref().filter(|name| !names.contains(name.as_str())) {
        let detail = "must be one of the container or initContainer names in the pod template";
        errs.push(Error::invalid(&path.child("containerName"), name, detail));
    }
    let values_path = path.child("values");
    let values = &requirement.values;
    if values.is_empty() {
        errs.push(Error::invalid(&values_path, BadValue::json(values), "at least one value is required"));
    } else if values.len() > MAX_ON_EXIT_CODES_VALUES {
        errs.push(Error::too_many(&values_path, values.len(), MAX_ON_EXIT_CODES_VALUES));
    }
    let mut seen = BTreeSet::new();
    for (index, value) in values.iter().enumerate() {
        let path = values_path.index(index);
        if requirement.operator == "In" && *value == 0 {
            errs.push(Error::invalid(&path, *value, "must not be 0 for the In operator"));
        }
        if !seen.insert(*value) {
            errs.push(Error::duplicate(&path, *value));
        }
    }
    if !values.is_sorted() {
        errs.push(Error::invalid(&values_path, BadValue::json(values), "must be ordered"));
    }
}

/// Mirrors `validateSuccessPolicy`.
pub(super) fn validate_success_policy(errs: &mut ErrorList, policy: &SuccessPolicy, completions: i32, path: &Path<'_>) {
    let path = path.child("rules");
    if policy.rules.is_empty() {
        let detail = "at least one rules must be specified when the successPolicy is specified";
        errs.push(Error::required(&path, detail));
    }
    if policy.rules.len() > MAX_SUCCESS_POLICY_RULES {
        errs.push(Error::too_many(&path, policy.rules.len(), MAX_SUCCESS_POLICY_RULES));
    }
    for (index, rule) in policy.rules.iter().enumerate() {
        validate_success_policy_rule(errs, rule, completions, &path.index(index));
    }
}

fn validate_success_policy_rule(errs: &mut ErrorList, rule: &SuccessPolicyRule, completions: i32, path: &Path<'_>) {
    if rule.succeeded_count.is_none() && rule.succeeded_indexes.is_none() {
        let detail = "at least one of succeededCount or succeededIndexes must be specified";
        errs.push(Error::required(path, detail));
    }
    let mut listed = None;
    if let Some(indexes) = &rule.succeeded_indexes {
        let path = path.child("succeededIndexes");
        if indexes.len() > MAX_SUCCEEDED_INDEXES_LENGTH {
            errs.push(Error::too_long(&path, MAX_SUCCEEDED_INDEXES_LENGTH));
        }
        listed = Some(validate_indexes_format(indexes, completions).unwrap_or_else(|error| {
            errs.push(Error::invalid(&path, indexes, format!("error parsing succeededIndexes: {error}")));
            0
        }));
    }
    let Some(count) = rule.succeeded_count else { return };
    let path = path.child("succeededCount");
    validate_nonnegative_field(errs, i64::from(count), &path);
    if count > completions {
        let detail = format!("must be less than or equal to {completions} (the number of specified completions)");
        errs.push(Error::invalid(&path, count, detail));
    }
    if let Some(listed) = listed.filter(|listed| count > *listed) {
        let detail = format!(
            "must be less than or equal to {listed} (the number of indexes in the specified succeededIndexes field)"
        );
        errs.push(Error::invalid(&path, count, detail));
    }
}

/// The number of indexes in a list like `0,2-5`, which has to increase. Mirrors `validateIndexesFormat`.
pub(super) fn validate_indexes_format(indexes: &str, completions: i32) -> Result<i32, String> {
    let mut last: Option<i32> = None;
    let mut total: i32 = 0;
    for interval in intervals(indexes) {
        let (first, end) = parse_index_interval(interval, completions)?;
        if let Some(last) = last.filter(|last| *last >= first) {
            return Err(format!("non-increasing order, previous: {last}, current: {first}"));
        }
        total = total.wrapping_add(end.wrapping_sub(first).wrapping_add(1));
        last = Some(end);
    }
    Ok(total)
}

/// Completed and failed indexes exclude each other. Mirrors `validateFailedIndexesNotOverlapCompleted`: intervals that do
/// not parse are left out, since the format has its own error.
pub(super) fn validate_indexes_apart(completed: &str, failed: &str, completions: i32) -> Result<(), String> {
    let parse = |list| intervals(list).filter_map(|interval| parse_index_interval(interval, completions).ok());
    let mut completed = parse(completed).peekable();
    let mut failed = parse(failed).peekable();
    while let (Some(&(c_first, c_end)), Some(&(f_first, f_end))) = (completed.peek(), failed.peek()) {
        if c_first <= f_end && f_first <= c_end {
            let index = c_first.max(f_first);
            return Err(format!("failedIndexes and completedIndexes overlap at index: {index}"));
        }
        if c_first <= f_first {
            completed.next();
        } else {
            failed.next();
        }
    }
    Ok(())
}

fn intervals(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').filter(move |_| !list.is_empty())
}

/// Mirrors `parseIndexInterval`.
fn parse_index_interval(interval: &str, completions: i32) -> Result<(i32, i32), String> {
    let limits: Vec<&str> = interval.split('-').collect();
    let parse = |limit: &str| {
        let number: i64 =
            limit.parse().map_err(|_| format!("cannot convert string to integer for index: {}", quote(limit)))?;
        match i32::try_from(number) {
            Ok(number) if number < completions => Ok(number),
            _ => Err(format!("too large index: {}", quote(limit))),
        }
    };
    match limits.as_slice() {
        [only] => parse(only).map(|number| (number, number)),
        [first, end] => {
            let (first, end) = (parse(first)?, parse(end)?);
            if first >= end {
                return Err(format!("non-increasing order, previous: {first}, current: {end}"));
            }
            Ok((first, end))
        }
        _ => Err(format!(
            "the fragment {} violates the requirement that an index interval can have at most two parts separated by '-'",
            quote(interval)
        )),
    }
}
