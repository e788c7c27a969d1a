//! The rules of HorizontalPodAutoscalers, one row a rule.

use serde_json::json;

use super::*;
use crate::defaults::set_defaults_horizontal_pod_autoscaler;
use crate::validation::test_rows::{check_create, check_update};

#[test]
fn specs() {
    let base = json!({"metadata": {"name": "h", "namespace": "default", "resourceVersion": "1"}, "spec": {"maxReplicas": 5,
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "w"}}});
    let defaults = set_defaults_horizontal_pod_autoscaler;
    let object = |target: serde_json::Value| {
        json!({"spec": {"minReplicas": 0, "metrics": [{"type": "Object", "object": {"metric": {"name": "m"},
            "describedObject": {"kind": "Service", "name": "s", "apiVersion": "v1"}, "target": target}}]}})
    };
    let lower = "spec.minReplicas: Invalid value: 0: must be greater than or equal to 1";
    check_create(
        &base,
        defaults,
        validate_horizontal_pod_autoscaler,
        &[
            (json!({}), ""),
            (json!({"spec": {"scaleTargetRef": {"apiVersion": "v1", "kind": "ReplicationController"}}}), ""),
            (
                json!({"spec": {"scaleTargetRef": {"apiVersion": "a/b/c"}}}),
                "spec.scaleTargetRef.apiVersion: Invalid value: \"a/b/c\": unexpected GroupVersion string: a/b/c",
            ),
            (object(json!({"type": "Value", "value": "5"})), lower),
            (
                object(json!({"type": "Odd"})),
                &format!(
                    "[{lower}, spec.metrics[0].object.target.type: Invalid value: \"Odd\": must be either Utilization, Value, or AverageValue, \
                     spec.metrics[0].object.target.averageValue: Required value: must set either a target value or averageValue]"
                ),
            ),
            (
                json!({"spec": {"metrics": [{"type": "Resource", "pods": {"metric": {"name": "m"}, "target": {"type": "AverageValue", "averageValue": "1"}}}]}}),
                "spec.metrics[0].resource: Required value: must populate information for the given metric source",
            ),
            (
                json!({"spec": {"metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 0, "averageValue": "-1"}}}]}}),
                "[spec.metrics[0].resource.target.averageValue: Invalid value: \"-1\": must be positive, \
                 spec.metrics[0].resource.target.averageUtilization: Invalid value: 0: must be greater than 0, \
                 spec.metrics[0].resource.target.averageValue: Forbidden: may not set both a target raw value and a target utilization]",
            ),
            (
                json!({"spec": {"behavior": {"scaleDown": {"stabilizationWindowSeconds": 3601, "policies": [{"type": "Pods", "value": 1, "periodSeconds": 1801}]}}}}),
                "[spec.behavior.scaleDown.stabilizationWindowSeconds: Invalid value: 3601: must be less than or equal to 3600, \
                 spec.behavior.scaleDown.policies[0].periodSeconds: Invalid value: 1801: must be less than or equal to 1800]",
            ),
        ],
    );
    let mut zero = base.clone();
    json_patch::merge(&mut zero, &object(json!({"type": "Value", "value": "5"})));
    json_patch::merge(&mut zero, &json!({"spec": {"scaleTargetRef": {"apiVersion": "v1"}}}));
    // What is stored already may stay.
    check_update(
        &zero,
        defaults,
        validate_horizontal_pod_autoscaler_update,
        &[(json!({"spec": {"maxReplicas": 6}}), "")],
    );
}
