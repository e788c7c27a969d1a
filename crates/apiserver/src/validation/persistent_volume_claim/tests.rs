//! The rules of PersistentVolumeClaims, one row a rule.

use serde_json::{Value, json};

use super::*;
use crate::defaults::set_defaults_persistent_volume_claim;
use crate::validation::test_rows::{check_create, check_update};

const SPEC_IS_IMMUTABLE: &str = "spec: Forbidden: spec is immutable after creation except resources.requests and \
                                 volumeAttributesClassName for bound claims";

fn claim() -> Value {
    json!({"metadata": {"name": "c", "namespace": "default", "resourceVersion": "1"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "2Gi"}}}})
}

#[test]
fn specs() {
    check_create(
        &claim(),
        set_defaults_persistent_volume_claim,
        validate_persistent_volume_claim,
        &[
            (json!({}), ""),
            (
                json!({"spec": {"storageClassName": "Fast_"}}),
                "spec.storageClassName: Invalid value: \"Fast_\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
            ),
            (
                json!({"spec": {"dataSourceRef": {"kind": "Pod", "name": ""}}}),
                "[spec.dataSourceRef.name: Required value, spec.dataSourceRef: Invalid value: \"Pod\": must be 'PersistentVolumeClaim' when referencing the default apiGroup]",
            ),
            (
                json!({"spec": {"dataSource": {"kind": "PersistentVolumeClaim", "name": "a"}, "dataSourceRef": {"kind": "PersistentVolumeClaim", "name": "b"}}}),
                "spec: Invalid value: \"spec.dataSource\": must match dataSourceRef",
            ),
        ],
    );
}

#[test]
fn updates_of_an_unbound_claim() {
    check_update(
        &claim(),
        set_defaults_persistent_volume_claim,
        validate_persistent_volume_claim_update,
        &[
            (json!({"spec": {"volumeName": "pv"}}), ""),
            (json!({"spec": {"storageClassName": "slow"}}), ""),
            (json!({"spec": {"resources": {"requests": {"storage": "3Gi"}}}}), SPEC_IS_IMMUTABLE),
            (
                json!({"spec": {"volumeMode": "Block"}}),
                &format!("[{SPEC_IS_IMMUTABLE}, volumeMode: Invalid value: \"Block\": field is immutable]"),
            ),
            (
                json!({"metadata": {"annotations": {"volume.beta.kubernetes.io/storage-class": "x"}}}),
                "metadata.annotations.volume.beta.kubernetes.io/storage-class: Invalid value: \"x\": field is immutable",
            ),
        ],
    );
}

#[test]
fn updates_of_a_bound_claim() {
    let mut bound = claim();
    let status = json!({"spec": {"volumeName": "pv"}, "status": {"phase": "Bound", "capacity": {"storage": "1Gi"}}});
    json_patch::merge(&mut bound, &status);
    check_update(
        &bound,
        set_defaults_persistent_volume_claim,
        validate_persistent_volume_claim_update,
        &[
            (json!({"spec": {"resources": {"requests": {"storage": "3Gi"}}}}), ""),
            // A failed expansion can be taken back, down to what there is.
            (json!({"spec": {"resources": {"requests": {"storage": "1500Mi"}}}}), ""),
            (
                json!({"spec": {"resources": {"requests": {"storage": "1Gi"}}}}),
                "spec.resources.requests.storage: Forbidden: field can not be less than status.capacity",
            ),
            (json!({"spec": {"volumeName": "other"}}), SPEC_IS_IMMUTABLE),
        ],
    );
}

#[test]
fn the_class_may_move_from_the_annotation_to_the_field() {
    let mut annotated = claim();
    let annotation = json!({"metadata": {"annotations": {"volume.beta.kubernetes.io/storage-class": "x"}}});
    json_patch::merge(&mut annotated, &annotation);
    check_update(
        &annotated,
        set_defaults_persistent_volume_claim,
        validate_persistent_volume_claim_update,
        &[
            (json!({"spec": {"storageClassName": "x"}, "metadata": {"annotations": null}}), ""),
            (json!({"spec": {"storageClassName": "y"}}), SPEC_IS_IMMUTABLE),
        ],
    );
}
