//! One metric of an autoscaler: where it comes from, what it asks for, and what the status tells of it.
//!
//! Mirrors pkg/controller/podautoscaler/horizontal.go (`computeReplicasForMetric`, `computeStatusFor*`) and
//! metrics/client.go (v1.36).

use std::sync::Arc;

use k8s_openapi::api::autoscaling::v2 as autoscalingv2;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as ApiQuantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use seatrial_api::Pod;
use seatrial_api::quantity::Quantity;
use seatrial_api::selector::Selector;
use seatrial_machinery::SyncContext;

use super::replica_calculator::{
    Groups, Measure, PodMetrics, Replicas, TOLERANCE, Tolerances, as_f64, pod_requests, replicas_for,
    replicas_for_average, replicas_for_ratio,
};
use super::status::{Condition, SCALING_ACTIVE, Work};

/// What is scaled.
pub(super) struct Target<'a> {
    pub(super) spec_replicas: i32,
    pub(super) status_replicas: i32,
    pub(super) pods: &'a [Arc<Pod>],
}

/// What a metric asks for.
pub(super) struct Proposal {
    pub(super) replicas: i32,
    /// The metric's name in reasons.
    pub(super) name: String,
    pub(super) status: autoscalingv2::MetricStatus,
}

/// The condition that a failed metric would set, and the error.
pub(super) type Failure = (Condition, String);

/// One metric being looked at.
struct Look<'a, 'c> {
    cx: &'a mut SyncContext<'c>,
    work: &'a Work<'a>,
    target: &'a Target<'a>,
    tolerances: Tolerances,
}

/// Mirrors `computeReplicasForMetric`.
pub(super) fn compute_replicas_for_metric(
    cx: &mut SyncContext<'_>,
    work: &Work<'_>,
    metric: &autoscalingv2::MetricSpec,
    target: &Target<'_>,
) -> Result<Proposal, Failure> {
    let mut look = Look { cx, work, target, tolerances: tolerances(work) };
    let (found, reason, prefix) = match metric {
        autoscalingv2::MetricSpec { resource: Some(source), .. } => {
            let found = look.resource(&source.name, None, &source.target);
            (found, "FailedGetResourceMetric", format!("failed to get {} resource metric value", source.name))
        }
        autoscalingv2::MetricSpec { container_resource: Some(source), .. } => {
            let found = look.resource(&source.name, Some(&source.container), &source.target);
            (found, "FailedGetContainerResourceMetric", format!("failed to get {} container metric value", source.name))
        }
        autoscalingv2::MetricSpec { pods: Some(source), .. } => {
            (look.pods(source), "FailedGetPodsMetric", "failed to get pods metric value".to_owned())
        }
        autoscalingv2::MetricSpec { object: Some(source), .. } => {
            (look.object(source), "FailedGetObjectMetric", "failed to get object metric value".to_owned())
        }
        autoscalingv2::MetricSpec { external: Some(source), .. } => {
            let prefix = format!("failed to get {} external metric value", source.metric.name);
            (look.external(source), "FailedGetExternalMetric", prefix)
        }
        _ => (Err(format!("unknown metric source type {:?}", metric.type_)), "InvalidMetricSourceType", String::new()),
    };
    found.map_err(|error| {
        look.work.warn(look.cx, reason, &error);
        let message = format!("the HPA was unable to compute the replica count: {error}");
        let condition = Condition { type_: SCALING_ACTIVE, is_true: false, reason, message };
        (condition, if prefix.is_empty() { error } else { format!("{prefix}: {error}") })
    })
}

/// A tenth, where the behavior says nothing else.
fn tolerances(work: &Work<'_>) -> Tolerances {
    let behavior = work.spec.behavior.as_ref();
    let of = |rules: Option<&autoscalingv2::HPAScalingRules>| {
        let own = rules.and_then(|rules| Quantity::parse(&rules.tolerance.as_ref()?.0).ok());
        own.map_or(TOLERANCE, |own| as_f64(own.milli_value()) / 1_000.0)
    };
    Tolerances {
        scale_down: of(behavior.and_then(|b| b.scale_down.as_ref())),
        scale_up: of(behavior.and_then(|b| b.scale_up.as_ref())),
    }
}

impl Look<'_, '_> {
    /// Mirrors `computeStatusForResourceMetricGeneric`.
    fn resource(
        &mut self,
        resource: &str,
        container: Option<&str>,
        target: &autoscalingv2::MetricTarget,
    ) -> Result<Proposal, String> {
        let found = self.resource_replicas(resource, container, target);
        let found = found.map_err(|error| format!("failed to get {resource} utilization: {error}"))?;
        let word = if container.is_some() { "container resource" } else { "resource" };
        let current = autoscalingv2::MetricValueStatus {
            average_utilization: target.average_utilization.map(|_| found.utilization),
            average_value: Some(milli(found.raw)),
            value: None,
        };
        let mut status = autoscalingv2::MetricStatus::default();
        match container {
            None => {
                status.type_ = "Resource".to_owned();
                status.resource = Some(autoscalingv2::ResourceMetricStatus { name: resource.to_owned(), current });
            }
            Some(container) => {
                status.type_ = "ContainerResource".to_owned();
                status.container_resource = Some(autoscalingv2::ContainerResourceMetricStatus {
                    container: container.to_owned(),
                    name: resource.to_owned(),
                    current,
                });
            }
        }
        let name = match (&target.average_value, container) {
            (Some(_), _) => format!("{resource} {word}"),
            (None, _) => format!("{resource} {word} utilization (percentage of request)"),
        };
        Ok(Proposal { replicas: found.count, name, status })
    }

    fn resource_replicas(
        &mut self,
        resource: &str,
        container: Option<&str>,
        target: &autoscalingv2::MetricTarget,
    ) -> Result<Replicas, String> {
        let metrics = self.resource_metrics(resource, container);
        let metrics = metrics.map_err(|error| format!("unable to get metrics for resource {resource}: {error}"))?;
        let groups = self.groups(&metrics, resource == "cpu")?;
        let current = self.target.spec_replicas;
        if let Some(value) = &target.average_value {
            let measure = Measure::Average { target: milli_of(value) };
            return replicas_for(current, metrics, &groups, &measure, self.tolerances);
        }
        let Some(percent) = target.average_utilization else {
            return Err(
                "invalid resource metric source: neither an average utilization target nor an average value (usage) \
                        target was set"
                    .to_owned(),
            );
        };
        let requests = pod_requests(self.target.pods, container, resource)?;
        let measure = Measure::Utilization { requests: &requests, target: percent };
        replicas_for(current, metrics, &groups, &measure, self.tolerances)
    }

    fn groups(&self, metrics: &PodMetrics, is_cpu: bool) -> Result<Groups, String> {
        if self.target.pods.is_empty() {
            return Err("no pods returned by selector while calculating replica count".to_owned());
        }
        Ok(Groups::of(self.target.pods, metrics, is_cpu, self.cx.clock()))
    }

    /// Mirrors `GetResourceMetric`: the samples of the pods that have any.
    fn resource_metrics(&self, resource: &str, container: Option<&str>) -> Result<PodMetrics, String> {
        if !self.cx.informers.metrics.pods.has_resources {
            let error = "the server could not find the requested resource (get pods.metrics.k8s.io)";
            return Err(format!("unable to fetch metrics from resource metrics API: {error}"));
        }
        let mut found = PodMetrics::new();
        let mut is_empty = true;
        for pod in self.target.pods {
            let Some(usages) = self.cx.informers.metrics.of_pod(&pod.meta.namespace, &pod.meta.name) else { continue };
            is_empty = false;
            let (namespace, name) = (&pod.meta.namespace, &pod.meta.name);
            let mut of_container = usages.iter().filter(|usage| container.is_none_or(|c| usage.container == c));
            if let Some(container) = container
                && !usages.iter().any(|usage| usage.container == container)
            {
                return Err(format!("container {container} not present in metrics for pod {namespace}/{name}"));
            }
            let sum: Option<i64> =
                of_container.try_fold(0_i64, |sum, usage| Some(sum.saturating_add(*usage.milli.get(resource)?)));
            // A pod that lacks the metric of one container counts as missing.
            if let Some(sum) = sum {
                found.insert(name.clone(), sum);
            }
        }
        if is_empty {
            return Err("no metrics returned from resource metrics API".to_owned());
        }
        Ok(found)
    }

    /// Why there is no custom metric: its API has none, or there is no such API.
    fn no_custom_metrics(&self) -> &'static str {
        let metrics = &self.cx.informers.metrics;
        match metrics.pods.has_custom || !metrics.objects.is_empty() {
            true => "no metrics returned from custom metrics API",
            false => {
                "unable to fetch metrics from custom metrics API: no custom metrics API (custom.metrics.k8s.io) registered"
            }
        }
    }

    /// Mirrors `computeStatusForPodsMetric`.
    fn pods(&mut self, source: &autoscalingv2::PodsMetricSource) -> Result<Proposal, String> {
        let name = &source.metric.name;
        let mut metrics = PodMetrics::new();
        for pod in self.target.pods {
            let usages = self.cx.informers.metrics.of_pod(&pod.meta.namespace, &pod.meta.name).unwrap_or_default();
            let values: Vec<i64> = usages.iter().filter_map(|usage| usage.milli.get(name).copied()).collect();
            if !values.is_empty() {
                metrics.insert(pod.meta.name.clone(), values.iter().fold(0_i64, |sum, v| sum.saturating_add(*v)));
            }
        }
        if metrics.is_empty() {
            return Err(format!("unable to get metric {name}: {}", self.no_custom_metrics()));
        }
        let groups = self.groups(&metrics, false)?;
        let target = source.target.average_value.as_ref().map_or(0, milli_of);
        let measure = Measure::Average { target };
        let found = replicas_for(self.target.spec_replicas, metrics, &groups, &measure, self.tolerances)?;
        let status = autoscalingv2::MetricStatus {
            type_: "Pods".to_owned(),
            pods: Some(autoscalingv2::PodsMetricStatus { metric: source.metric.clone(), current: average(found.raw) }),
            ..Default::default()
        };
        Ok(Proposal { replicas: found.count, name: format!("pods metric {name}"), status })
    }

    /// Mirrors `computeStatusForObjectMetric`.
    fn object(&mut self, source: &autoscalingv2::ObjectMetricSource) -> Result<Proposal, String> {
        let (name, object) = (&source.metric.name, &source.described_object);
        let namespace = &self.work.hpa.meta.namespace;
        let value = self.cx.informers.metrics.of_object(namespace, (&object.kind, &object.name), name);
        let value = value.ok_or_else(|| {
            let (kind, of) = (&object.kind, &object.name);
            format!("unable to get metric {name}: {kind} on {namespace} {of}/{}", self.no_custom_metrics())
        })?;
        let (replicas, current) = self.replicas_of_value(value, &source.target).ok_or_else(|| {
            "invalid object metric source: neither a value target nor an average value target was set".to_owned()
        })?;
        let status = autoscalingv2::MetricStatus {
            type_: "Object".to_owned(),
            object: Some(autoscalingv2::ObjectMetricStatus {
                described_object: object.clone(),
                metric: source.metric.clone(),
                current,
            }),
            ..Default::default()
        };
        Ok(Proposal { replicas: replicas?, name: format!("{} metric {name}", object.kind), status })
    }

    /// Mirrors `computeStatusForExternalMetric`.
    fn external(&mut self, source: &autoscalingv2::ExternalMetricSource) -> Result<Proposal, String> {
        let (name, namespace) = (&source.metric.name, &self.work.hpa.meta.namespace);
        let selector = Selector::from_optional_label_selector(source.metric.selector.as_ref());
        let selector = if source.metric.selector.is_none() { Ok(Selector::everything()) } else { selector };
        let printed = go_selector(source.metric.selector.as_ref());
        let failed = |error: &str| match &source.target.average_value {
            Some(_) => format!(
                "failed to get {name} external metric: unable to get external metric {namespace}/{name}/{printed}: {error}"
            ),
            None => format!(
                "failed to get external metric {name}: unable to get external metric {namespace}/{name}/{printed}: {error}"
            ),
        };
        let value = self.cx.informers.metrics.external(name, &selector?);
        let value = value.ok_or_else(|| match self.cx.informers.metrics.external.is_empty() {
            false => failed("no metrics returned from external metrics API"),
            true => failed(&format!(
                "unable to fetch metrics from external metrics API: the server could not find the requested resource (get {name}.external.metrics.k8s.io)"
            )),
        })?;
        let (replicas, current) = self.replicas_of_value(value, &source.target).ok_or_else(|| {
            "invalid external metric source: neither a value target nor an average value target was set".to_owned()
        })?;
        let status = autoscalingv2::MetricStatus {
            type_: "External".to_owned(),
            external: Some(autoscalingv2::ExternalMetricStatus { metric: source.metric.clone(), current }),
            ..Default::default()
        };
        Ok(Proposal { replicas: replicas?, name: format!("external metric {name}({printed})"), status })
    }

    /// One value for all pods, by its target: as it is, or a share of each pod.
    fn replicas_of_value(
        &self,
        value: i64,
        target: &autoscalingv2::MetricTarget,
    ) -> Option<(Result<i32, String>, autoscalingv2::MetricValueStatus)> {
        if let Some(whole) = &target.value {
            let ratio = as_f64(value) / as_f64(milli_of(whole));
            let replicas = replicas_for_ratio(self.target.spec_replicas, ratio, self.target.pods, self.tolerances);
            let current = autoscalingv2::MetricValueStatus { value: Some(milli(value)), ..Default::default() };
            return Some((replicas, current));
        }
        let share = milli_of(target.average_value.as_ref()?);
        let (replicas, of_each) = replicas_for_average(self.target.status_replicas, value, share, self.tolerances);
        Some((Ok(replicas), average(of_each)))
    }
}

/// A selector as Go's `%+v` prints it.
fn go_selector(selector: Option<&LabelSelector>) -> String {
    crate::disruption::go_text(selector)
}

fn average(milli_value: i64) -> autoscalingv2::MetricValueStatus {
    autoscalingv2::MetricValueStatus { average_value: Some(milli(milli_value)), ..Default::default() }
}

fn milli(value: i64) -> ApiQuantity {
    ApiQuantity(Quantity::from_milli(value).to_string())
}

fn milli_of(quantity: &ApiQuantity) -> i64 {
    Quantity::parse(&quantity.0).map_or(0, |quantity| quantity.milli_value())
}
