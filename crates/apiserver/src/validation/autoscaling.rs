//! Validation of HorizontalPodAutoscalers.
//!
//! Mirrors pkg/apis/autoscaling/validation and the strategy's options (v1.36).

mod behavior;

use k8s_openapi::api::autoscaling::v2::{
    CrossVersionObjectReference, HorizontalPodAutoscaler, HorizontalPodAutoscalerSpec, MetricIdentifier, MetricSpec,
    MetricTarget,
};
use seatrial_api::field::{BadValue, Error, ErrorList, Path};
use seatrial_api::names::{is_valid_path_segment_name, name_is_dns_subdomain};
use seatrial_api::quantity::Quantity;

use super::meta::{Scope, validate_object_meta, validate_object_meta_update};
use super::{invalid_each, items, text, validate_nonnegative_field, validate_supported};

const METADATA: Path<'static> = Path::new("metadata");
const SPEC: Path<'static> = Path::new("spec");
const METRIC_SOURCE_TYPES: [&str; 5] = ["ContainerResource", "External", "Object", "Pods", "Resource"];
const MUST_POPULATE: &str = "must populate information for the given metric source";

/// What may be in the version of a reference. Mirrors `CrossVersionObjectReferenceValidationOptions`.
#[derive(Clone, Copy, Debug, Default)]
struct ReferenceOptions {
    allows_empty_group: bool,
    allows_invalid_version: bool,
}

/// Mirrors `HorizontalPodAutoscalerSpecValidationOptions`.
#[derive(Clone, Copy, Debug)]
struct Options {
    min_replicas_lower_bound: i32,
    scale_target: ReferenceOptions,
    object_metrics: ReferenceOptions,
}

impl Options {
    /// What was stored already stays allowed. Mirrors `validationOptionsForHorizontalPodAutoscaler`.
    fn new(new: &HorizontalPodAutoscalerSpec, old: Option<&HorizontalPodAutoscalerSpec>) -> Self {
        // The only kind of the core group that can be scaled.
        let allows_empty_group = new.scale_target_ref.kind == "ReplicationController";
        let mut options = Self {
            min_replicas_lower_bound: 1,
            scale_target: ReferenceOptions { allows_empty_group, allows_invalid_version: false },
            object_metrics: ReferenceOptions { allows_empty_group: true, allows_invalid_version: false },
        };
        let Some(old) = old else { return options };
        if old.min_replicas == Some(0) {
            options.min_replicas_lower_bound = 0;
        }
        let old_target = text(&old.scale_target_ref.api_version);
        options.scale_target.allows_invalid_version = validate_api_version(old_target, options.scale_target).is_err();
        options.object_metrics.allows_invalid_version = items(&old.metrics)
            .iter()
            .filter_map(|metric| metric.object.as_ref())
            .any(|o| validate_api_version(text(&o.described_object.api_version), options.object_metrics).is_err());
        options
    }
}

/// A HorizontalPodAutoscaler to be created. Mirrors `ValidateHorizontalPodAutoscaler`.
#[must_use]
pub fn validate_horizontal_pod_autoscaler(autoscaler: &HorizontalPodAutoscaler) -> ErrorList {
    let meta = &autoscaler.metadata;
    let mut errs = validate_object_meta(meta, Scope::Namespaced, name_is_dns_subdomain, &METADATA);
    validate_spec(&mut errs, &autoscaler.spec, Options::new(&autoscaler.spec, None));
    errs
}

/// A HorizontalPodAutoscaler to be replaced. Mirrors `ValidateHorizontalPodAutoscalerUpdate`.
#[must_use]
pub fn validate_horizontal_pod_autoscaler_update(
    new: &HorizontalPodAutoscaler,
    old: &HorizontalPodAutoscaler,
) -> ErrorList {
    let mut errs = validate_object_meta_update(&new.metadata, &old.metadata, &METADATA);
    validate_spec(&mut errs, &new.spec, Options::new(&new.spec, Some(&old.spec)));
    errs
}

/// A HorizontalPodAutoscaler whose status is to be replaced. Mirrors `ValidateHorizontalPodAutoscalerStatusUpdate`.
#[must_use]
pub fn validate_horizontal_pod_autoscaler_status_update(
    new: &HorizontalPodAutoscaler,
    old: &HorizontalPodAutoscaler,
) -> ErrorList {
    let mut errs = validate_object_meta_update(&new.metadata, &old.metadata, &METADATA);
    let status = new.status.clone().unwrap_or_default();
    let path = Path::new("status");
    let current = i64::from(status.current_replicas.unwrap_or_default());
    validate_nonnegative_field(&mut errs, current, &path.child("currentReplicas"));
    // The letter at the end is upstream's.
    validate_nonnegative_field(&mut errs, i64::from(status.desired_replicas), &path.child("desiredReplicasa"));
    errs
}

/// Mirrors `validateHorizontalPodAutoscalerSpec`.
fn validate_spec(errs: &mut ErrorList, spec: &HorizontalPodAutoscalerSpec, options: Options) {
    let bound = options.min_replicas_lower_bound;
    if let Some(min) = spec.min_replicas.filter(|min| *min < bound) {
        let detail = format!("must be greater than or equal to {bound}");
        errs.push(Error::invalid(&SPEC.child("minReplicas"), min, detail));
    }
    let max_path = SPEC.child("maxReplicas");
    if spec.max_replicas < 1 {
        errs.push(Error::required(&max_path, "must be set and greater than 0"));
    }
    if spec.min_replicas.is_some_and(|min| spec.max_replicas < min) {
        let detail = "must be greater than or equal to `minReplicas`";
        errs.push(Error::invalid(&max_path, spec.max_replicas, detail));
    }
    let target_path = SPEC.child("scaleTargetRef");
    validate_reference(errs, &spec.scale_target_ref, options.scale_target, &target_path);
    let metrics_path = SPEC.child("metrics");
    let metrics = items(&spec.metrics);
    for (index, metric) in metrics.iter().enumerate() {
        validate_metric_spec(errs, metric, options.object_metrics, &metrics_path.index(index));
    }
    let counts_without_pods = |metric: &MetricSpec| matches!(metric.type_.as_str(), "Object" | "External");
    if spec.min_replicas == Some(0) && !metrics.iter().any(counts_without_pods) {
        let detail = "must specify at least one Object or External metric to support scaling to zero replicas";
        errs.push(Error::forbidden(&metrics_path, detail));
    }
    behavior::validate_behavior(errs, spec.behavior.as_ref(), &SPEC.child("behavior"));
}

/// Mirrors `ValidateCrossVersionObjectReference`.
fn validate_reference(
    errs: &mut ErrorList,
    reference: &CrossVersionObjectReference,
    options: ReferenceOptions,
    path: &Path<'_>,
) {
    for (field, value) in [("kind", &reference.kind), ("name", &reference.name)] {
        if value.is_empty() {
            errs.push(Error::required(&path.child(field), ""));
        } else {
            invalid_each(errs, &path.child(field), value, is_valid_path_segment_name(value));
        }
    }
    let version = text(&reference.api_version);
    if let Err(why) = validate_api_version(version, options) {
        errs.push(Error::invalid(&path.child("apiVersion"), version, why));
    }
}

/// Mirrors `ValidateAPIVersion`.
fn validate_api_version(version: &str, options: ReferenceOptions) -> Result<(), String> {
    if options.allows_invalid_version {
        return Ok(());
    }
    let has_group = match version.split('/').count() {
        1 => false,
        2 => !version.starts_with('/'),
        _ => return Err(format!("unexpected GroupVersion string: {version}")),
    };
    if has_group || options.allows_empty_group {
        return Ok(());
    }
    Err("apiVersion must specify API group".to_owned())
}

/// Mirrors `validateMetricSpec`: exactly the source that the type names.
fn validate_metric_spec(errs: &mut ErrorList, metric: &MetricSpec, options: ReferenceOptions, path: &Path<'_>) {
    let type_path = path.child("type");
    let kind = metric.type_.as_str();
    if kind.is_empty() {
        errs.push(Error::required(&type_path, "must specify a metric source type"));
    }
    validate_supported(errs, kind, &METRIC_SOURCE_TYPES, &type_path);
    let present: Vec<&str> = [
        ("object", metric.object.is_some()),
        ("external", metric.external.is_some()),
        ("pods", metric.pods.is_some()),
        ("resource", metric.resource.is_some()),
        ("containerResource", metric.container_resource.is_some()),
    ]
    .into_iter()
    .filter_map(|(field, is_set)| is_set.then_some(field))
    .collect();
    if let Some(first) = present.first() {
        validate_metric_source(errs, metric, options, &path.child(first));
    }
    let expected = match kind {
        "Object" => "object",
        "Pods" => "pods",
        "Resource" => "resource",
        "ContainerResource" => "containerResource",
        "External" => "external",
        _ => "",
    };
    if expected.is_empty() {
        validate_supported(errs, kind, &METRIC_SOURCE_TYPES, &type_path);
    } else if !present.contains(&expected) {
        errs.push(Error::required(&path.child(expected), MUST_POPULATE));
    }
    if present.len() != 1 {
        for field in present.iter().filter(|field| **field != expected) {
            errs.push(Error::forbidden(&path.child(field), "must populate the given metric source only"));
        }
    }
}

/// The first source that is given.
fn validate_metric_source(errs: &mut ErrorList, metric: &MetricSpec, options: ReferenceOptions, path: &Path<'_>) {
    let target_path = path.child("target");
    if let Some(source) = &metric.object {
        validate_reference(errs, &source.described_object, options, &path.child("describedObject"));
        validate_metric_identifier(errs, &source.metric, &path.child("metric"));
        validate_metric_target(errs, &source.target, &target_path);
        if source.target.value.is_none() && source.target.average_value.is_none() {
            let detail = "must set either a target value or averageValue";
            errs.push(Error::required(&target_path.child("averageValue"), detail));
        }
    } else if let Some(source) = &metric.external {
        validate_metric_identifier(errs, &source.metric, &path.child("metric"));
        validate_metric_target(errs, &source.target, &target_path);
        match (&source.target.value, &source.target.average_value) {
            (None, None) => {
                let detail = "must set either a target value for metric or a per-pod target";
                errs.push(Error::required(&target_path.child("averageValue"), detail));
            }
            (Some(_), Some(_)) => {
                let detail = "may not set both a target value for metric and a per-pod target";
                errs.push(Error::forbidden(&target_path.child("value"), detail));
            }
            _ => {}
        }
    } else if let Some(source) = &metric.pods {
        validate_metric_identifier(errs, &source.metric, &path.child("metric"));
        validate_metric_target(errs, &source.target, &target_path);
        if source.target.average_value.is_none() {
            let detail = "must specify a positive target averageValue";
            errs.push(Error::required(&target_path.child("averageValue"), detail));
        }
    } else if let Some(source) = &metric.resource {
        validate_resource_source(errs, &source.name, &source.target, path);
    } else if let Some(source) = &metric.container_resource {
        validate_container_name(errs, &source.container, &path.child("container"));
        validate_resource_source(errs, &source.name, &source.target, path);
    }
}

fn validate_container_name(errs: &mut ErrorList, name: &str, path: &Path<'_>) {
    if name.is_empty() {
        errs.push(Error::required(path, "must specify a container"));
    } else {
        invalid_each(errs, path, name, seatrial_api::names::is_dns1123_label(name));
    }
}

/// Mirrors `validateResourceSource` and `validateContainerResourceSource`.
fn validate_resource_source(errs: &mut ErrorList, name: &str, target: &MetricTarget, path: &Path<'_>) {
    if name.is_empty() {
        errs.push(Error::required(&path.child("name"), "must specify a resource name"));
    }
    let path = path.child("target");
    validate_metric_target(errs, target, &path);
    match (target.average_utilization, &target.average_value) {
        (None, None) => {
            let detail = "must set either a target raw value or a target utilization";
            errs.push(Error::required(&path.child("averageUtilization"), detail));
        }
        (Some(_), Some(_)) => {
            let detail = "may not set both a target raw value and a target utilization";
            errs.push(Error::forbidden(&path.child("averageValue"), detail));
        }
        _ => {}
    }
}

/// Mirrors `validateMetricTarget`.
fn validate_metric_target(errs: &mut ErrorList, target: &MetricTarget, path: &Path<'_>) {
    let type_path = path.child("type");
    let kind = target.type_.as_str();
    if kind.is_empty() {
        errs.push(Error::required(&type_path, "must specify a metric target type"));
    }
    if !matches!(kind, "Utilization" | "Value" | "AverageValue") {
        errs.push(Error::invalid(&type_path, kind, "must be either Utilization, Value, or AverageValue"));
    }
    for (field, value) in [("value", &target.value), ("averageValue", &target.average_value)] {
        if let Some(value) = value
            && Quantity::try_from(value).is_ok_and(|value| value.sign() <= 0)
        {
            errs.push(Error::invalid(&path.child(field), BadValue::json(value), "must be positive"));
        }
    }
    if let Some(percent) = target.average_utilization.filter(|percent| *percent < 1) {
        errs.push(Error::invalid(&path.child("averageUtilization"), percent, "must be greater than 0"));
    }
}

/// Mirrors `validateMetricIdentifier`.
fn validate_metric_identifier(errs: &mut ErrorList, metric: &MetricIdentifier, path: &Path<'_>) {
    let path = path.child("name");
    if metric.name.is_empty() {
        errs.push(Error::required(&path, "must specify a metric name"));
    } else {
        invalid_each(errs, &path, &metric.name, is_valid_path_segment_name(&metric.name));
    }
}

#[cfg(test)]
mod tests;
