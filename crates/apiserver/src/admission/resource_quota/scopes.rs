//! Which objects a quota with scopes is about.
//!
//! Mirrors `podMatchesScopeFunc` in pkg/quota/v1/evaluator/core and `generic.Matches` (v1.36).

use k8s_openapi::api::core::v1::{PodAffinityTerm, PodSpec, ResourceQuota};
use seatrial_api::QosClass;

use super::usage::QuotaUsage;

/// The properties that quota scopes select by.
#[derive(Clone, Debug, Default)]
pub struct PodScopes {
    /// The pod has a deadline.
    pub terminating: bool,
    /// The pod asks for nothing.
    pub best_effort: bool,
    /// The pod's priority class, or empty.
    pub priority_class: String,
    /// The pod's affinity looks into other namespaces.
    pub cross_namespace_pod_affinity: bool,
}

impl PodScopes {
    pub(super) fn of(spec: &PodSpec, qos_class: QosClass) -> Self {
        Self {
            terminating: spec.active_deadline_seconds.is_some_and(|seconds| seconds >= 0),
            best_effort: qos_class == QosClass::BestEffort,
            priority_class: spec.priority_class_name.clone().unwrap_or_default(),
            cross_namespace_pod_affinity: uses_cross_namespace_pod_affinity(spec),
        }
    }
}

/// Mirrors `usesCrossNamespacePodAffinity`.
fn uses_cross_namespace_pod_affinity(spec: &PodSpec) -> bool {
    let Some(affinity) = &spec.affinity else { return false };
    let crosses = |term: &PodAffinityTerm| {
        term.namespaces.as_ref().is_some_and(|names| !names.is_empty()) || term.namespace_selector.is_some()
    };
    let (to, from) = (affinity.pod_affinity.as_ref(), affinity.pod_anti_affinity.as_ref());
    let required = to
        .into_iter()
        .flat_map(|a| a.required_during_scheduling_ignored_during_execution.iter().flatten())
        .chain(from.into_iter().flat_map(|a| a.required_during_scheduling_ignored_during_execution.iter().flatten()));
    let preferred = to
        .into_iter()
        .flat_map(|a| a.preferred_during_scheduling_ignored_during_execution.iter().flatten())
        .chain(from.into_iter().flat_map(|a| a.preferred_during_scheduling_ignored_during_execution.iter().flatten()));
    required.chain(preferred.map(|weighted| &weighted.pod_affinity_term)).any(crosses)
}

/// Whether a quota's scopes select an object; without scopes every object, with scopes only pods.
pub(super) fn select(quota: &ResourceQuota, usage: &QuotaUsage) -> bool {
    let Some(spec) = &quota.spec else { return true };
    let named = spec.scopes.iter().flatten().all(|scope| is_in_scope(scope, "Exists", &[], usage));
    let terms = spec.scope_selector.iter().flat_map(|s| s.match_expressions.iter().flatten());
    named
        && terms
            .into_iter()
            .all(|t| is_in_scope(&t.scope_name, &t.operator, t.values.as_deref().unwrap_or_default(), usage))
}

fn is_in_scope(scope: &str, operator: &str, values: &[String], usage: &QuotaUsage) -> bool {
    let Some(pod) = &usage.scopes else { return false };
    match scope {
        "Terminating" => pod.terminating,
        "NotTerminating" => !pod.terminating,
        "BestEffort" => pod.best_effort,
        "NotBestEffort" => !pod.best_effort,
        "CrossNamespacePodAffinity" => pod.cross_namespace_pod_affinity,
        "PriorityClass" => match operator {
            "In" => values.contains(&pod.priority_class),
            "NotIn" => !values.contains(&pod.priority_class),
            "DoesNotExist" => pod.priority_class.is_empty(),
            _ => !pod.priority_class.is_empty(),
        },
        _ => false,
    }
}
