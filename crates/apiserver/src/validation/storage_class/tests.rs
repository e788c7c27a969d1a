//! The rules of StorageClasses, one row a rule.

use serde_json::json;

use super::*;
use crate::defaults::set_defaults_storage_class;
use crate::validation::test_rows::{check_create, check_update};

#[test]
fn classes() {
    let base = json!({"metadata": {"name": "sc", "resourceVersion": "1"}, "provisioner": "example.com/disk"});
    let defaults = set_defaults_storage_class;
    let expression = json!({"matchLabelExpressions": [{"key": "zone", "values": ["a"]}]});
    check_create(
        &base,
        defaults,
        validate_storage_class,
        &[
            (json!({}), ""),
            (json!({"provisioner": ""}), "provisioner: Required value"),
            (
                json!({"allowedTopologies": [expression, expression]}),
                "allowedTopologies[1].matchLabelExpressions: Duplicate value: \"\"",
            ),
            (
                json!({"allowedTopologies": [{"matchLabelExpressions": [{"key": "zone", "values": ["a", "a"]}]}]}),
                "allowedTopologies[0].matchLabelExpressions[0].values[1]: Duplicate value: \"a\"",
            ),
        ],
    );
    check_update(
        &base,
        defaults,
        validate_storage_class_update,
        &[
            (json!({"allowVolumeExpansion": true, "mountOptions": ["ro"]}), ""),
            (json!({"parameters": {"a": "b"}}), "parameters: Invalid value: {\"a\":\"b\"}: field is immutable"),
            (json!({"provisioner": "b.c/d"}), "provisioner: Invalid value: \"b.c/d\": field is immutable"),
            (json!({"reclaimPolicy": "Retain"}), "reclaimPolicy: Invalid value: \"Retain\": field is immutable"),
        ],
    );
}
