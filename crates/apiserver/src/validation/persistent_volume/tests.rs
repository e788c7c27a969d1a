//! The rules of PersistentVolumes, one row a rule.

use serde_json::{Value, json};

use super::*;
use crate::defaults::set_defaults_persistent_volume;
use crate::validation::test_rows::{check_create, check_update};

fn volume() -> Value {
    json!({"metadata": {"name": "pv", "resourceVersion": "1"}, "spec": {"capacity": {"storage": "1Gi"},
        "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/data"}}})
}

#[test]
fn specs() {
    check_create(
        &volume(),
        set_defaults_persistent_volume,
        validate_persistent_volume,
        &[
            (json!({}), ""),
            (json!({"spec": {"accessModes": null}}), "spec.accessModes: Required value"),
            (
                json!({"spec": {"capacity": null}}),
                "[spec.capacity: Required value, spec.capacity: Unsupported value: null: supported values: \"storage\"]",
            ),
            (
                json!({"spec": {"hostPath": null, "local": {"path": "/mnt"}}}),
                "spec.nodeAffinity: Required value: Local volume requires node affinity",
            ),
            (json!({"spec": {"hostPath": null}}), "spec: Required value: must specify a volume type"),
            (
                json!({"spec": {"hostPath": {"path": "/."}, "persistentVolumeReclaimPolicy": "Recycle"}}),
                "spec.persistentVolumeReclaimPolicy: Forbidden: may not be 'recycle' for a hostPath mount of '/'",
            ),
            (
                json!({"spec": {"hostPath": {"path": "/a/../b"}}}),
                "spec.hostPath.path: Invalid value: \"/a/../b\": must not contain '..'",
            ),
            (
                json!({"spec": {"volumeMode": "Tape"}}),
                "spec.volumeMode: Unsupported value: \"Tape\": supported values: \"Block\", \"Filesystem\"",
            ),
            (
                json!({"spec": {"nodeAffinity": {}}}),
                "spec.nodeAffinity.required: Required value: must specify required node constraints",
            ),
            (
                json!({"spec": {"volumeAttributesClassName": ""}}),
                "[spec.volumeAttributesClassName: Required value: an empty string is disallowed, \
                 spec.csi: Required value: has to be specified when using volumeAttributesClassName]",
            ),
            (
                json!({"metadata": {"annotations": {"volume.beta.kubernetes.io/mount-options": "ro"}}}),
                "metadata.annotations.volume.beta.kubernetes.io/mount-options: Forbidden: may not specify mount options for this volume type",
            ),
        ],
    );
}

#[test]
fn updates() {
    check_update(
        &volume(),
        set_defaults_persistent_volume,
        validate_persistent_volume_update,
        &[
            (json!({"spec": {"capacity": {"storage": "2Gi"}, "storageClassName": "x", "mountOptions": ["ro"]}}), ""),
            (
                json!({"spec": {"hostPath": {"path": "/other"}}}),
                "spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after creation",
            ),
            (json!({"spec": {"volumeMode": "Block"}}), "volumeMode: Invalid value: \"Block\": field is immutable"),
        ],
    );
    let term = |key: &str, value: &str| {
        json!({"spec": {"nodeAffinity": {"required": {"nodeSelectorTerms": [
            {"matchExpressions": [{"key": key, "operator": "In", "values": [value]}]}]}}}})
    };
    let mut placed = volume();
    json_patch::merge(&mut placed, &term("failure-domain.beta.kubernetes.io/zone", "a"));
    check_update(
        &placed,
        set_defaults_persistent_volume,
        |new, old| {
            let errors = validate_persistent_volume_update(new, old);
            errors.into_iter().map(|error| Error { bad_value: BadValue::Omitted, ..error }).collect()
        },
        &[
            (term("topology.kubernetes.io/zone", "a"), ""),
            (
                term("topology.kubernetes.io/zone", "b"),
                "nodeAffinity: Invalid value: field is immutable, except for updating from beta label to GA",
            ),
        ],
    );
}
