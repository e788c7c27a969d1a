//! Validation of the group `apps`.
//!
//! Mirrors pkg/apis/apps/validation and the strategies' immutability of selectors (v1.36).

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{
    Deployment, DeploymentSpec, DeploymentStatus, DeploymentStrategy, ReplicaSet, ReplicaSetSpec, ReplicaSetStatus,
    RollingUpdateDeployment,
};
use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use seatrial_api::field::{BadValue, Error, ErrorList, Path, quote};
use seatrial_api::names::{is_valid_percent, name_is_dns_subdomain};
use seatrial_api::selector::Selector;

use super::meta::{Scope, validate_object_meta, validate_object_meta_update};
use super::pod_template::validate_pod_template_spec_for_replica_set;
use super::selector::{bad_selector, is_absent, is_empty, validate_label_selector};
use super::{invalid_each, text, validate_immutable_field, validate_nonnegative_field};

const METADATA: Path<'static> = Path::new("metadata");
const SPEC: Path<'static> = Path::new("spec");
const STATUS: Path<'static> = Path::new("status");

/// A Deployment to be created. Mirrors `ValidateDeployment`.
#[must_use]
pub fn validate_deployment(deployment: &Deployment) -> ErrorList {
    let meta = &deployment.metadata;
    let mut errs = validate_object_meta(meta, Scope::Namespaced, name_is_dns_subdomain, &METADATA);
    let none = DeploymentSpec::default();
    let spec = deployment.spec.as_ref().unwrap_or(&none);
    validate_deployment_spec(&mut errs, spec, rollback_to(deployment), &SPEC);
    errs
}

/// A Deployment to be replaced. Mirrors `ValidateDeploymentUpdate` and the strategy after it.
#[must_use]
pub fn validate_deployment_update(new: &Deployment, old: &Deployment) -> ErrorList {
    let mut errs = validate_object_meta_update(&new.metadata, &old.metadata, &METADATA);
    let new_spec = new.spec.clone().unwrap_or_default();
    let old_selector = old.spec.as_ref().map(|spec| spec.selector.clone()).unwrap_or_default();
    validate_deployment_spec(&mut errs, &new_spec, rollback_to(new), &SPEC);
    validate_selector_unchanged(&mut errs, &new_spec.selector, &old_selector);
    errs
}

/// A Deployment whose status is to be replaced. Mirrors `ValidateDeploymentStatusUpdate`.
#[must_use]
pub fn validate_deployment_status_update(new: &Deployment, old: &Deployment) -> ErrorList {
    let mut errs = validate_object_meta_update(&new.metadata, &old.metadata, &METADATA);
    let new_status = new.status.clone().unwrap_or_default();
    validate_deployment_status(&mut errs, &new_status, &STATUS);
    let old_count = old.status.as_ref().and_then(|status| status.collision_count);
    validate_not_decremented(&mut errs, new_status.collision_count, old_count);
    errs
}

/// A count of collisions that got lower. Mirrors `IsDecremented`.
pub(super) fn validate_not_decremented(errs: &mut ErrorList, new: Option<i32>, old: Option<i32>) {
    if let Some(old) = old
        && new.is_none_or(|new| new < old)
    {
        let path = STATUS.child("collisionCount");
        errs.push(Error::invalid(&path, new.unwrap_or_default(), "cannot be decremented"));
    }
}

fn validate_selector_unchanged(errs: &mut ErrorList, new: &LabelSelector, old: &LabelSelector) {
    validate_immutable_field(errs, new, old, &SPEC.child("selector"), bad_selector);
}

/// Carries `spec.rollbackTo` of old versions; the internal type still has the field.
const ROLLBACK_TO: &str = "deprecated.deployment.rollback.to";

fn rollback_to(deployment: &Deployment) -> Option<i64> {
    deployment.metadata.annotations.as_ref()?.get(ROLLBACK_TO)?.parse().ok()
}

/// The text of Go's error for an annotation that is a number in the internal type. Mirrors `strconv.ParseInt`.
pub(crate) fn number_annotation_error(annotations: Option<&BTreeMap<String, String>>, key: &str) -> Option<String> {
    let value = annotations?.get(key)?;
    let digits = value.strip_prefix(['+', '-']).unwrap_or(value);
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let why = match value.parse::<i64>() {
        Ok(_) => return None,
        Err(_) if is_number => "value out of range",
        Err(_) => "invalid syntax",
    };
    Some(format!("strconv.ParseInt: parsing {}: {why}", quote(value)))
}

/// Why a Deployment cannot be converted: its `spec.rollbackTo` is no number.
pub(crate) fn deployment_conversion_error(deployment: &Deployment) -> Option<String> {
    let annotations = deployment.metadata.annotations.as_ref();
    // An empty text counts as none here.
    annotations?.get(ROLLBACK_TO).filter(|value| !value.is_empty())?;
    number_annotation_error(annotations, ROLLBACK_TO)
}

/// Mirrors `ValidateDeploymentSpec`.
fn validate_deployment_spec(errs: &mut ErrorList, spec: &DeploymentSpec, rollback_to: Option<i64>, path: &Path<'_>) {
    let number = |value: Option<i32>| i64::from(value.unwrap_or_default());
    validate_nonnegative_field(errs, number(spec.replicas), &path.child("replicas"));
    validate_selector_and_template(errs, &spec.selector, Some(&spec.template), path);
    let strategy = spec.strategy.clone().unwrap_or_default();
    validate_deployment_strategy(errs, &strategy, &path.child("strategy"));
    let min_ready_seconds = number(spec.min_ready_seconds);
    validate_nonnegative_field(errs, min_ready_seconds, &path.child("minReadySeconds"));
    let limit = number(spec.revision_history_limit);
    validate_nonnegative_field(errs, limit, &path.child("revisionHistoryLimit"));
    if let Some(revision) = rollback_to {
        validate_nonnegative_field(errs, revision, &path.child("rollback").child("version"));
    }
    if let Some(deadline) = spec.progress_deadline_seconds.map(i64::from) {
        let path = path.child("progressDeadlineSeconds");
        validate_nonnegative_field(errs, deadline, &path);
        if deadline <= min_ready_seconds {
            errs.push(Error::invalid(&path, deadline, "must be greater than minReadySeconds"));
        }
    }
}

/// The part which Deployments and ReplicaSets have in common.
fn validate_selector_and_template(
    errs: &mut ErrorList,
    label_selector: &LabelSelector,
    template: Option<&PodTemplateSpec>,
    path: &Path<'_>,
) {
    let selector_path = path.child("selector");
    let count = errs.len();
    let selector = if is_absent(label_selector) {
        errs.push(Error::required(&selector_path, ""));
        Some(Selector::nothing())
    } else {
        validate_label_selector(errs, label_selector, &selector_path);
        Selector::from_label_selector(label_selector).ok().filter(|_| errs.len() == count)
    };
    if !is_absent(label_selector) && is_empty(label_selector) {
        let detail = "empty selector is invalid for deployment";
        errs.push(Error::invalid(&selector_path, bad_selector(label_selector), detail));
    }
    let Some(selector) = selector else {
        let value = bad_selector(label_selector);
        errs.push(Error::invalid(&selector_path, value, "invalid label selector"));
        return;
    };
    let template_path = path.child("template");
    validate_pod_template_spec_for_replica_set(errs, template, &selector, &template_path);
}

/// Mirrors `ValidateDeploymentStrategy`.
fn validate_deployment_strategy(errs: &mut ErrorList, strategy: &DeploymentStrategy, path: &Path<'_>) {
    let rolling_path = path.child("rollingUpdate");
    match (text(&strategy.type_), &strategy.rolling_update) {
        ("Recreate", Some(_)) => {
            let detail = "may not be specified when strategy `type` is 'Recreate'";
            errs.push(Error::forbidden(&rolling_path, detail));
        }
        ("Recreate", None) => {}
        ("RollingUpdate", None) => {
            let detail = "this should be defaulted and never be nil";
            errs.push(Error::required(&rolling_path, detail));
        }
        ("RollingUpdate", Some(update)) => {
            validate_rolling_update_deployment(errs, update, &rolling_path);
        }
        _ => {
            let update = strategy.rolling_update.as_ref();
            let update = update.map(|u| (u.max_unavailable.as_ref(), u.max_surge.as_ref()));
            let value = internal_strategy(text(&strategy.type_), update);
            errs.push(Error::not_supported(path, value, &["Recreate", "RollingUpdate"]));
        }
    }
}

/// The strategy of a Deployment or DaemonSet as upstream's internal type prints itself, in its field order: its type, and
/// `maxUnavailable` and `maxSurge` of its rolling update.
pub(super) fn internal_strategy(
    type_: &str,
    rolling_update: Option<(Option<&IntOrString>, Option<&IntOrString>)>,
) -> BadValue {
    #[derive(serde::Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct RollingUpdate<'a> {
        max_unavailable: Option<&'a IntOrString>,
        max_surge: Option<&'a IntOrString>,
    }
    #[derive(serde::Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Strategy<'a> {
        r#type: &'a str,
        rolling_update: Option<RollingUpdate<'a>>,
    }
    let rolling_update =
        rolling_update.map(|(max_unavailable, max_surge)| RollingUpdate { max_unavailable, max_surge });
    BadValue::json(&Strategy { r#type: type_, rolling_update })
}

/// Mirrors `ValidateRollingUpdateDeployment`.
fn validate_rolling_update_deployment(errs: &mut ErrorList, update: &RollingUpdateDeployment, path: &Path<'_>) {
    let zero = IntOrString::Int(0);
    let max_unavailable = update.max_unavailable.as_ref().unwrap_or(&zero);
    let max_surge = update.max_surge.as_ref().unwrap_or(&zero);
    let unavailable_path = path.child("maxUnavailable");
    validate_positive_int_or_percent(errs, max_unavailable, &unavailable_path);
    validate_positive_int_or_percent(errs, max_surge, &path.child("maxSurge"));
    if int_or_percent_value(max_unavailable) == 0 && int_or_percent_value(max_surge) == 0 {
        let detail = "may not be 0 when `maxSurge` is 0";
        errs.push(Error::invalid(&unavailable_path, BadValue::json(max_unavailable), detail));
    }
    is_not_more_than_100_percent(errs, max_unavailable, &unavailable_path);
}

/// Mirrors `ValidatePositiveIntOrPercent`.
pub(super) fn validate_positive_int_or_percent(errs: &mut ErrorList, value: &IntOrString, path: &Path<'_>) {
    match value {
        IntOrString::String(value) => invalid_each(errs, path, value, is_valid_percent(value)),
        IntOrString::Int(value) => validate_nonnegative_field(errs, i64::from(*value), path),
    }
}

/// The number before the percent sign, or None. Mirrors `getPercentValue`.
fn percent_value(value: &IntOrString) -> Option<i64> {
    let IntOrString::String(text) = value else { return None };
    if !is_valid_percent(text).is_empty() {
        return None;
    }
    Some(text.trim_end_matches('%').parse().unwrap_or(i64::MAX))
}

/// Mirrors `getIntOrPercentValue`.
pub(super) fn int_or_percent_value(value: &IntOrString) -> i64 {
    percent_value(value).unwrap_or_else(|| match value {
        IntOrString::Int(value) => i64::from(*value),
        IntOrString::String(text) => text.parse().unwrap_or_default(),
    })
}

/// Mirrors `IsNotMoreThan100Percent`.
pub(super) fn is_not_more_than_100_percent(errs: &mut ErrorList, value: &IntOrString, path: &Path<'_>) {
    if percent_value(value).is_some_and(|percent| percent > 100) {
        let detail = "must not be greater than 100%";
        errs.push(Error::invalid(path, BadValue::json(value), detail));
    }
}

/// Counts that may not exceed another: which, its number, the bound, its name in the text.
pub(super) type Bound = (&'static str, i32, i32, &'static str);

pub(super) fn validate_bounds(errs: &mut ErrorList, bounds: &[Bound], path: &Path<'_>) {
    for &(field, count, bound, bound_name) in bounds {
        if count > bound {
            let detail = format!("cannot be greater than {bound_name}");
            errs.push(Error::invalid(&path.child(field), count, detail));
        }
    }
}

/// Mirrors `ValidateDeploymentStatus`.
fn validate_deployment_status(errs: &mut ErrorList, status: &DeploymentStatus, path: &Path<'_>) {
    let number = |value: Option<i32>| value.unwrap_or_default();
    let replicas = number(status.replicas);
    let updated = number(status.updated_replicas);
    let ready = number(status.ready_replicas);
    let available = number(status.available_replicas);
    let observed = status.observed_generation.unwrap_or_default();
    validate_nonnegative_field(errs, observed, &path.child("observedGeneration"));
    for (field, value) in [
        ("replicas", replicas),
        ("updatedReplicas", updated),
        ("readyReplicas", ready),
        ("availableReplicas", available),
        ("unavailableReplicas", number(status.unavailable_replicas)),
        ("terminatingReplicas", number(status.terminating_replicas)),
        ("collisionCount", number(status.collision_count)),
    ] {
        validate_nonnegative_field(errs, i64::from(value), &path.child(field));
    }
    let bounds = [
        ("updatedReplicas", updated, replicas, "status.replicas"),
        ("readyReplicas", ready, replicas, "status.replicas"),
        ("availableReplicas", available, replicas, "status.replicas"),
        ("availableReplicas", available, ready, "readyReplicas"),
    ];
    validate_bounds(errs, &bounds, path);
}

/// A ReplicaSet to be created. Mirrors `ValidateReplicaSet`.
#[must_use]
pub fn validate_replica_set(replica_set: &ReplicaSet) -> ErrorList {
    let meta = &replica_set.metadata;
    let mut errs = validate_object_meta(meta, Scope::Namespaced, name_is_dns_subdomain, &METADATA);
    let none = ReplicaSetSpec::default();
    validate_replica_set_spec(&mut errs, replica_set.spec.as_ref().unwrap_or(&none), &SPEC);
    errs
}

/// A ReplicaSet to be replaced. Mirrors `ValidateReplicaSetUpdate` and the strategy after it.
#[must_use]
pub fn validate_replica_set_update(new: &ReplicaSet, old: &ReplicaSet) -> ErrorList {
    let mut errs = validate_object_meta_update(&new.metadata, &old.metadata, &METADATA);
    let new_spec = new.spec.clone().unwrap_or_default();
    let old_selector = old.spec.as_ref().map(|spec| spec.selector.clone()).unwrap_or_default();
    validate_replica_set_spec(&mut errs, &new_spec, &SPEC);
    validate_selector_unchanged(&mut errs, &new_spec.selector, &old_selector);
    errs
}

/// A ReplicaSet whose status is to be replaced. Mirrors `ValidateReplicaSetStatusUpdate`.
#[must_use]
pub fn validate_replica_set_status_update(new: &ReplicaSet, old: &ReplicaSet) -> ErrorList {
    let mut errs = validate_object_meta_update(&new.metadata, &old.metadata, &METADATA);
    validate_replica_set_status(&mut errs, &new.status.clone().unwrap_or_default(), &STATUS);
    errs
}

/// Mirrors `ValidateReplicaSetSpec`.
fn validate_replica_set_spec(errs: &mut ErrorList, spec: &ReplicaSetSpec, path: &Path<'_>) {
    let number = |value: Option<i32>| i64::from(value.unwrap_or_default());
    validate_nonnegative_field(errs, number(spec.replicas), &path.child("replicas"));
    let min_ready_seconds = number(spec.min_ready_seconds);
    validate_nonnegative_field(errs, min_ready_seconds, &path.child("minReadySeconds"));
    validate_selector_and_template(errs, &spec.selector, spec.template.as_ref(), path);
}

/// Mirrors `ValidateReplicaSetStatus`.
fn validate_replica_set_status(errs: &mut ErrorList, status: &ReplicaSetStatus, path: &Path<'_>) {
    let labeled = status.fully_labeled_replicas.unwrap_or_default();
    let ready = status.ready_replicas.unwrap_or_default();
    let available = status.available_replicas.unwrap_or_default();
    for (field, value) in [
        ("replicas", i64::from(status.replicas)),
        ("fullyLabeledReplicas", i64::from(labeled)),
        ("readyReplicas", i64::from(ready)),
        ("availableReplicas", i64::from(available)),
        ("terminatingReplicas", i64::from(status.terminating_replicas.unwrap_or_default())),
        ("observedGeneration", status.observed_generation.unwrap_or_default()),
    ] {
        validate_nonnegative_field(errs, value, &path.child(field));
    }
    let bounds = [
        ("fullyLabeledReplicas", labeled, status.replicas, "status.replicas"),
        ("readyReplicas", ready, status.replicas, "status.replicas"),
        ("availableReplicas", available, status.replicas, "status.replicas"),
        ("availableReplicas", available, ready, "readyReplicas"),
    ];
    validate_bounds(errs, &bounds, path);
}
