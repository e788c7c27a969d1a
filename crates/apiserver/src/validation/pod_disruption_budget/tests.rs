//! The rules of PodDisruptionBudgets, one row a rule.

use serde_json::json;

use super::*;
use crate::defaults::set_defaults_pod_disruption_budget;
use crate::validation::test_rows::check_create;

#[test]
fn budgets() {
    let base = json!({"metadata": {"name": "b", "namespace": "default"}, "spec": {"selector": {}}});
    let defaults = set_defaults_pod_disruption_budget;
    check_create(
        &base,
        defaults,
        validate_pod_disruption_budget,
        &[
            (json!({"spec": {"minAvailable": "100%"}}), ""),
            (json!({"metadata": {"name": "Any_Name"}}), ""),
            (
                json!({"spec": {"maxUnavailable": "101%"}}),
                "spec.maxUnavailable: Invalid value: \"101%\": must not be greater than 100%",
            ),
            (
                json!({"spec": {"minAvailable": 1, "maxUnavailable": 1, "selector": null}}),
                "spec: Invalid value: {\"maxUnavailable\":1,\"minAvailable\":1}: minAvailable and maxUnavailable cannot be both set",
            ),
            (
                json!({"spec": {"unhealthyPodEvictionPolicy": "Odd"}}),
                "spec.unhealthyPodEvictionPolicy: Unsupported value: \"Odd\": supported values: \"AlwaysAllow\", \"IfHealthyBudget\"",
            ),
        ],
    );
    let condition = |reason: &str| {
        json!({"status": {"conditions": [{"type": "A", "status": "True", "reason": reason, "message": "",
            "lastTransitionTime": "2026-01-01T00:00:00Z"}]}})
    };
    check_create(
        &base,
        defaults,
        validate_pod_disruption_budget_status_update,
        &[
            (condition("SufficientPods"), ""),
            (condition(""), "status.conditions[0].reason: Required value: must be set"),
            (
                json!({"status": {"expectedPods": -1}}),
                "status.expectedPods: Invalid value: -1: must be greater than or equal to 0",
            ),
        ],
    );
}
