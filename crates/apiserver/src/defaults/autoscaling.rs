//! Defaults of HorizontalPodAutoscalers and PodDisruptionBudgets.
//!
//! Mirrors pkg/apis/autoscaling/v2/defaults.go (v1.36). PodDisruptionBudgets have none, but their counts are always printed.

use k8s_openapi::api::autoscaling::v2::{
    HPAScalingPolicy, HPAScalingRules, HorizontalPodAutoscaler, MetricSpec, MetricTarget, ResourceMetricSource,
};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;

use super::resources::canonicalize;

/// Percent of the requested CPU that an autoscaler without metrics aims at.
const CPU_UTILIZATION: i32 = 80;
const POLICY_PERIOD_SECONDS: i32 = 15;

/// Mirrors `SetDefaults_HorizontalPodAutoscaler`.
pub fn set_defaults_horizontal_pod_autoscaler(autoscaler: &mut HorizontalPodAutoscaler) {
    let spec = &mut autoscaler.spec;
    spec.min_replicas.get_or_insert(1);
    let metrics = spec.metrics.get_or_insert_default();
    if metrics.is_empty() {
        metrics.push(cpu_metric());
    }
    metrics.iter_mut().for_each(canonicalize_targets);
    if let Some(behavior) = &mut spec.behavior {
        let up = [policy("Pods", 4), policy("Percent", 100)];
        let rules = behavior.scale_up.get_or_insert_default();
        rules.stabilization_window_seconds.get_or_insert(0);
        fill_scaling_rules(rules, up.into());
        // The window of scaling down is an option of the controller, so it stays open here.
        fill_scaling_rules(behavior.scale_down.get_or_insert_default(), vec![policy("Percent", 100)]);
    }
    autoscaler.status.get_or_insert_default();
}

/// Mirrors `copyHPAScalingRules`.
fn fill_scaling_rules(rules: &mut HPAScalingRules, policies: Vec<HPAScalingPolicy>) {
    rules.select_policy.get_or_insert_with(|| "Max".to_owned());
    rules.policies.get_or_insert(policies);
    rules.tolerance.as_mut().map(canonicalize);
}

fn policy(kind: &str, value: i32) -> HPAScalingPolicy {
    HPAScalingPolicy { type_: kind.to_owned(), value, period_seconds: POLICY_PERIOD_SECONDS }
}

fn cpu_metric() -> MetricSpec {
    let target = MetricTarget {
        type_: "Utilization".to_owned(),
        average_utilization: Some(CPU_UTILIZATION),
        ..MetricTarget::default()
    };
    let resource = ResourceMetricSource { name: "cpu".to_owned(), target };
    MetricSpec { type_: "Resource".to_owned(), resource: Some(resource), ..MetricSpec::default() }
}

/// Writes the amounts of a metric's targets in their canonical form.
fn canonicalize_targets(metric: &mut MetricSpec) {
    let targets = [
        metric.object.as_mut().map(|source| &mut source.target),
        metric.pods.as_mut().map(|source| &mut source.target),
        metric.resource.as_mut().map(|source| &mut source.target),
        metric.container_resource.as_mut().map(|source| &mut source.target),
        metric.external.as_mut().map(|source| &mut source.target),
    ];
    for target in targets.into_iter().flatten() {
        target.value.as_mut().map(canonicalize);
        target.average_value.as_mut().map(canonicalize);
    }
}

/// Fills in the counts that are always printed.
pub fn set_defaults_pod_disruption_budget(budget: &mut PodDisruptionBudget) {
    let status = budget.status.get_or_insert_default();
    status.current_healthy.get_or_insert(0);
    status.desired_healthy.get_or_insert(0);
    status.disruptions_allowed.get_or_insert(0);
    status.expected_pods.get_or_insert(0);
}
