//! Validation of DaemonSets.
//!
//! Mirrors `ValidateDaemonSet` and what it calls in pkg/apis/apps/validation (v1.36).
//!
//! Differs: the internal `spec.templateGeneration` is an annotation here, which only the strategy writes, so that its rules
//! always hold.

use k8s_openapi::api::apps::v1::{
    DaemonSet, DaemonSetSpec, DaemonSetStatus, DaemonSetUpdateStrategy, RollingUpdateDaemonSet,
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use seatrial_api::field::{BadValue, Error, ErrorList, Path};
use seatrial_api::names::name_is_dns_subdomain;
use seatrial_api::selector::Selector;

use super::apps::{
    int_or_percent_value, internal_strategy, is_not_more_than_100_percent, number_annotation_error,
    validate_not_decremented, validate_positive_int_or_percent,
};
use super::meta::{Scope, validate_object_meta, validate_object_meta_update};
use super::pod_template::{validate_pod_template_spec, validate_template_policies, validate_template_selected};
use super::selector::{bad_selector, is_absent, is_empty, validate_label_selector};
use super::{text, validate_immutable_field, validate_nonnegative_field};

const METADATA: Path<'static> = Path::new("metadata");
const SPEC: Path<'static> = Path::new("spec");
const STATUS: Path<'static> = Path::new("status");
/// Where v1 keeps the internal `spec.templateGeneration`.
pub(crate) const TEMPLATE_GENERATION: &str = "deprecated.daemonset.template.generation";

/// Why a DaemonSet cannot be converted: its template generation is no number.
pub(crate) fn daemon_set_conversion_error(set: &DaemonSet) -> Option<String> {
    number_annotation_error(set.metadata.annotations.as_ref(), TEMPLATE_GENERATION)
}

/// A DaemonSet to be created. Mirrors `ValidateDaemonSet`.
#[must_use]
pub fn validate_daemon_set(set: &DaemonSet) -> ErrorList {
    let mut errs = validate_object_meta(&set.metadata, Scope::Namespaced, name_is_dns_subdomain, &METADATA);
    validate_daemon_set_spec(&mut errs, &set.spec.clone().unwrap_or_default(), &SPEC);
    errs
}

/// A DaemonSet to be replaced. Mirrors `ValidateDaemonSetUpdate`.
#[must_use]
pub fn validate_daemon_set_update(new: &DaemonSet, old: &DaemonSet) -> ErrorList {
    let mut errs = validate_object_meta_update(&new.metadata, &old.metadata, &METADATA);
    let new_spec = new.spec.clone().unwrap_or_default();
    let old_selector = old.spec.as_ref().map(|spec| spec.selector.clone()).unwrap_or_default();
    let selector_path = SPEC.child("selector");
    validate_immutable_field(&mut errs, &new_spec.selector, &old_selector, &selector_path, bad_selector);
    validate_daemon_set_spec(&mut errs, &new_spec, &SPEC);
    errs
}

/// A DaemonSet whose status is to be replaced. Mirrors `ValidateDaemonSetStatusUpdate`.
#[must_use]
pub fn validate_daemon_set_status_update(new: &DaemonSet, old: &DaemonSet) -> ErrorList {
    let mut errs = validate_object_meta_update(&new.metadata, &old.metadata, &METADATA);
    let status = new.status.clone().unwrap_or_default();
    validate_daemon_set_status(&mut errs, &status, &STATUS);
    let old_count = old.status.as_ref().and_then(|status| status.collision_count);
    validate_not_decremented(&mut errs, status.collision_count, old_count);
    errs
}

/// Mirrors `ValidateDaemonSetSpec`.
fn validate_daemon_set_spec(errs: &mut ErrorList, spec: &DaemonSetSpec, path: &Path<'_>) {
    let selector_path = path.child("selector");
    let template_path = path.child("template");
    let count = errs.len();
    validate_label_selector(errs, &spec.selector, &selector_path);
    let selector = if is_absent(&spec.selector) {
        Some(Selector::nothing())
    } else {
        Selector::from_label_selector(&spec.selector).ok().filter(|_| errs.len() == count)
    };
    if let Some(selector) = selector {
        validate_template_selected(errs, &spec.template, &selector, &template_path);
    }
    if !is_absent(&spec.selector) && is_empty(&spec.selector) {
        let detail = "empty selector is invalid for daemonset";
        errs.push(Error::invalid(&selector_path, bad_selector(&spec.selector), detail));
    }
    validate_pod_template_spec(errs, &spec.template, &template_path);
    validate_template_policies(errs, &spec.template, "DaemonSet", &template_path);
    let min_ready_seconds = i64::from(spec.min_ready_seconds.unwrap_or_default());
    validate_nonnegative_field(errs, min_ready_seconds, &path.child("minReadySeconds"));
    let strategy = spec.update_strategy.clone().unwrap_or_default();
    validate_update_strategy(errs, &strategy, &path.child("updateStrategy"));
    let limit = i64::from(spec.revision_history_limit.unwrap_or_default());
    validate_nonnegative_field(errs, limit, &path.child("revisionHistoryLimit"));
}

/// Mirrors `ValidateDaemonSetUpdateStrategy`.
fn validate_update_strategy(errs: &mut ErrorList, strategy: &DaemonSetUpdateStrategy, path: &Path<'_>) {
    match (text(&strategy.type_), &strategy.rolling_update) {
        ("OnDelete", _) => {}
        ("RollingUpdate", None) => errs.push(Error::required(&path.child("rollingUpdate"), "")),
        ("RollingUpdate", Some(update)) => validate_rolling_update(errs, update, &path.child("rollingUpdate")),
        (type_, update) => {
            let update = update.as_ref().map(|u| (u.max_unavailable.as_ref(), u.max_surge.as_ref()));
            errs.push(Error::not_supported(path, internal_strategy(type_, update), &["RollingUpdate", "OnDelete"]));
        }
    }
}

/// Mirrors `ValidateRollingUpdateDaemonSet`: exactly one of the two is not zero.
fn validate_rolling_update(errs: &mut ErrorList, update: &RollingUpdateDaemonSet, path: &Path<'_>) {
    let zero = IntOrString::Int(0);
    let max_unavailable = update.max_unavailable.as_ref().unwrap_or(&zero);
    let max_surge = update.max_surge.as_ref().unwrap_or(&zero);
    let (unavailable_path, surge_path) = (path.child("maxUnavailable"), path.child("maxSurge"));
    validate_positive_int_or_percent(errs, max_unavailable, &unavailable_path);
    validate_positive_int_or_percent(errs, max_surge, &surge_path);
    is_not_more_than_100_percent(errs, max_unavailable, &unavailable_path);
    is_not_more_than_100_percent(errs, max_surge, &surge_path);
    match (int_or_percent_value(max_unavailable) != 0, int_or_percent_value(max_surge) != 0) {
        (true, true) => {
            let detail = "may not be set when maxUnavailable is non-zero";
            errs.push(Error::invalid(&surge_path, BadValue::json(max_surge), detail));
        }
        (false, false) => errs.push(Error::required(&unavailable_path, "cannot be 0 when maxSurge is 0")),
        _ => {}
    }
}

/// Mirrors `validateDaemonSetStatus`.
fn validate_daemon_set_status(errs: &mut ErrorList, status: &DaemonSetStatus, path: &Path<'_>) {
    let number = |value: Option<i32>| i64::from(value.unwrap_or_default());
    for (field, value) in [
        ("currentNumberScheduled", i64::from(status.current_number_scheduled)),
        ("numberMisscheduled", i64::from(status.number_misscheduled)),
        ("desiredNumberScheduled", i64::from(status.desired_number_scheduled)),
        ("numberReady", i64::from(status.number_ready)),
        ("observedGeneration", status.observed_generation.unwrap_or_default()),
        ("updatedNumberScheduled", number(status.updated_number_scheduled)),
        ("numberAvailable", number(status.number_available)),
        ("numberUnavailable", number(status.number_unavailable)),
        ("collisionCount", number(status.collision_count)),
    ] {
        validate_nonnegative_field(errs, value, &path.child(field));
    }
}
