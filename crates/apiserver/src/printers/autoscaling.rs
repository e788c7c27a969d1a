//! The rows of HorizontalPodAutoscalers.

use k8s_openapi::api::autoscaling::v2::{MetricSpec, MetricStatus, MetricTarget, MetricValueStatus};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use seatrial_api::{HorizontalPodAutoscaler, Time};
use serde_json::json;

use super::{Cells, Column, age, column};

/// How many metrics a row shows.
const METRICS_SHOWN_MAX: usize = 2;
const UNKNOWN: &str = "<unknown>";

pub(super) const HORIZONTAL_POD_AUTOSCALER_COLUMNS: &[Column] = &[
    column("Name"),
    column("Reference"),
    column("Targets"),
    column("MinPods"),
    column("MaxPods"),
    column("Replicas"),
    column("Age"),
];

pub(super) fn horizontal_pod_autoscaler_cells(autoscaler: &HorizontalPodAutoscaler, now: Time) -> Cells {
    let spec = autoscaler.body.spec.clone();
    let status = autoscaler.body.status.clone().unwrap_or_default();
    let metrics = spec.metrics.unwrap_or_default();
    let current = status.current_metrics.unwrap_or_default();
    vec![
        json!(autoscaler.meta.name.as_str()),
        json!(format!("{}/{}", spec.scale_target_ref.kind, spec.scale_target_ref.name)),
        json!(metrics_text(&metrics, &current)),
        json!(spec.min_replicas.map_or_else(|| "<unset>".to_owned(), |min| min.to_string())),
        json!(spec.max_replicas),
        json!(status.current_replicas.unwrap_or_default()),
        json!(age(autoscaler.meta.creation_timestamp, now)),
    ]
}

/// Mirrors `formatHPAMetrics`.
fn metrics_text(metrics: &[MetricSpec], current: &[MetricStatus]) -> String {
    if metrics.is_empty() {
        return "<none>".to_owned();
    }
    let shown = metrics.iter().take(METRICS_SHOWN_MAX).enumerate();
    let shown: Vec<String> = shown.map(|(index, metric)| metric_text(metric, current.get(index))).collect();
    let shown = shown.join(", ");
    match metrics.len().saturating_sub(METRICS_SHOWN_MAX) {
        0 => shown,
        rest => format!("{shown} + {rest} more..."),
    }
}

fn metric_text(metric: &MetricSpec, current: Option<&MetricStatus>) -> String {
    let current = current.filter(|current| current.type_ == metric.type_);
    match metric.type_.as_str() {
        "External" => {
            let target = metric.external.as_ref().map(|source| &source.target);
            let current = current.and_then(|current| current.external.as_ref()).map(|status| &status.current);
            value_text(target, current)
        }
        "Object" => {
            let target = metric.object.as_ref().map(|source| &source.target);
            let current = current.and_then(|current| current.object.as_ref()).map(|status| &status.current);
            value_text(target, current)
        }
        "Pods" => {
            let target = metric.pods.as_ref().and_then(|source| source.target.average_value.as_ref());
            let current = current.and_then(|current| current.pods.as_ref());
            format!("{}/{}", amount(current.and_then(|status| status.current.average_value.as_ref())), plain(target))
        }
        "Resource" => {
            let source = metric.resource.as_ref();
            let current = current.and_then(|current| current.resource.as_ref()).map(|status| &status.current);
            resource_text(source.map(|source| (source.name.as_str(), &source.target)), current)
        }
        "ContainerResource" => {
            let source = metric.container_resource.as_ref();
            let current = current.and_then(|current| current.container_resource.as_ref());
            let current = current.map(|status| &status.current);
            resource_text(source.map(|source| (source.name.as_str(), &source.target)), current)
        }
        _ => "<unknown type>".to_owned(),
    }
}

/// A value as it is, or the average over the pods.
fn value_text(target: Option<&MetricTarget>, current: Option<&MetricValueStatus>) -> String {
    let Some(target) = target else { return UNKNOWN.to_owned() };
    if target.average_value.is_some() {
        let current = amount(current.and_then(|current| current.average_value.as_ref()));
        return format!("{current}/{} (avg)", plain(target.average_value.as_ref()));
    }
    format!("{}/{}", amount(current.and_then(|current| current.value.as_ref())), plain(target.value.as_ref()))
}

fn resource_text(source: Option<(&str, &MetricTarget)>, current: Option<&MetricValueStatus>) -> String {
    let Some((name, target)) = source else { return UNKNOWN.to_owned() };
    if target.average_value.is_some() {
        let current = amount(current.and_then(|current| current.average_value.as_ref()));
        return format!("{name}: {current}/{}", plain(target.average_value.as_ref()));
    }
    let percent =
        |value: Option<i32>, missing: &str| value.map_or_else(|| missing.to_owned(), |percent| format!("{percent}%"));
    let current = percent(current.and_then(|current| current.average_utilization), UNKNOWN);
    format!("{name}: {current}/{}", percent(target.average_utilization, "<auto>"))
}

fn amount(quantity: Option<&Quantity>) -> String {
    quantity.map_or_else(|| UNKNOWN.to_owned(), |quantity| quantity.0.clone())
}

fn plain(quantity: Option<&Quantity>) -> String {
    quantity.map(|quantity| quantity.0.clone()).unwrap_or_default()
}
