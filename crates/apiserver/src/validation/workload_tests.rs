//! One row a rule of StatefulSets, DaemonSets, ReplicationControllers, PodTemplates and ControllerRevisions.

use k8s_openapi::api::apps::v1::{ControllerRevision, DaemonSet, StatefulSet};
use k8s_openapi::api::core::v1::{PodTemplate, ReplicationController};
use serde_json::{Value, json};

use super::tests::{check, merged, object};
use super::*;
use crate::defaults;

const NOT_NEGATIVE: &str = "must be greater than or equal to 0";
const LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start \
    and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is \
    '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const PERCENT: &str = "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', \
    regex used for validation is '[0-9]+%')";
const STATEFUL_SET_FORBIDDEN: &str = "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', \
    'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and \
    'minReadySeconds' are forbidden";

fn workload(more: &Value) -> Value {
    let base = json!({"metadata": {"name": "w", "namespace": "default", "resourceVersion": "1"}, "spec": {
        "selector": {"matchLabels": {"app": "w"}},
        "template": {"metadata": {"labels": {"app": "w"}}, "spec": {"containers": [{"name": "c", "image": "app:1"}]}}}});
    merged(base, more)
}

fn stateful_set(more: &Value) -> StatefulSet {
    let raw = workload(more);
    let mut set: StatefulSet = object(&raw);
    keep_empty_selector(raw["spec"].get("selector"), &mut set.spec.as_mut().unwrap().selector);
    defaults::set_defaults_stateful_set(&mut set);
    set
}

fn daemon_set(more: &Value) -> DaemonSet {
    let raw = workload(more);
    let mut set: DaemonSet = object(&raw);
    keep_empty_selector(raw["spec"].get("selector"), &mut set.spec.as_mut().unwrap().selector);
    defaults::set_defaults_daemon_set(&mut set);
    set
}

#[test]
fn stateful_sets() {
    let claim = |spec: Value| json!([{"metadata": {"name": "d"}, "spec": spec}]);
    let storage = json!({"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}});
    let rows: Vec<(Value, Vec<String>)> = vec![
        (json!({}), vec![]),
        (json!({"metadata": {"name": "web.1"}}), vec![r#"metadata.name: Invalid value: "web.1": must not contain dots"#.into()]),
        (
            json!({"spec": {"updateStrategy": {"type": "Foo"}}}),
            vec![r#"spec.updateStrategy: Invalid value: {"Type":"Foo","RollingUpdate":null}: must be 'RollingUpdate' or 'OnDelete'"#.into()],
        ),
        (
            json!({"spec": {"updateStrategy": {"type": "OnDelete", "rollingUpdate": {"partition": 1}}}}),
            vec![r#"spec.updateStrategy.rollingUpdate: Invalid value: {"Partition":1,"MaxUnavailable":null}: only allowed for updateStrategy 'RollingUpdate'"#.into()],
        ),
        (
            json!({"spec": {"updateStrategy": {"rollingUpdate": {"maxUnavailable": 0}}}}),
            vec!["spec.updateStrategy.rollingUpdate.maxUnavailable: Invalid value: 0: cannot be 0".into()],
        ),
        (
            json!({"spec": {"updateStrategy": {"rollingUpdate": {"maxUnavailable": "101%"}}}}),
            vec![r#"spec.updateStrategy.rollingUpdate.maxUnavailable: Invalid value: "101%": must not be greater than 100%"#.into()],
        ),
        (
            json!({"spec": {"persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Foo", "whenScaled": "Bar"}}}),
            vec![
                r#"spec.persistentVolumeClaimRetentionPolicy.whenDeleted: Unsupported value: "Foo": supported values: "Retain", "Delete""#.into(),
                r#"spec.persistentVolumeClaimRetentionPolicy.whenScaled: Unsupported value: "Bar": supported values: "Retain", "Delete""#.into(),
            ],
        ),
        (
            json!({"spec": {"replicas": -1, "minReadySeconds": -2, "ordinals": {"start": -3}}}),
            vec![
                format!("spec.replicas: Invalid value: -1: {NOT_NEGATIVE}"),
                format!("spec.minReadySeconds: Invalid value: -2: {NOT_NEGATIVE}"),
                format!("spec.ordinals.start: Invalid value: -3: {NOT_NEGATIVE}"),
            ],
        ),
        (json!({"spec": {"serviceName": "A b"}}), vec![format!(r#"spec.serviceName: Invalid value: "A b": {LABEL}"#)]),
        (
            json!({"spec": {"selector": null}}),
            vec![
                "spec.selector: Required value".into(),
                r#"spec.template.metadata.labels: Invalid value: {"app":"w"}: `selector` does not match template `labels`"#.into(),
            ],
        ),
        (json!({"spec": {"revisionHistoryLimit": -1}}), vec![]),
        (
            json!({"spec": {"volumeClaimTemplates": claim(json!({}))}}),
            vec![
                "spec.volumeClaimTemplates[0].spec.accessModes: Required value: at least 1 access mode is required".into(),
                "spec.volumeClaimTemplates[0].spec.resources[storage]: Required value".into(),
            ],
        ),
        (
            // A claim is a volume to mount, and hides a volume of its name.
            json!({"spec": {"volumeClaimTemplates": claim(storage), "template": {"spec": {
                "containers": [{"name": "c", "image": "app:1", "volumeMounts": [{"name": "d", "mountPath": "/d"}]}],
                "volumes": [{"name": "d", "emptyDir": {}}]}}}}),
            vec![],
        ),
        (
            json!({"spec": {"template": {"spec": {"restartPolicy": "Never", "activeDeadlineSeconds": 5}}}}),
            vec![
                r#"spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always""#.into(),
                "spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in StatefulSet is not Supported".into(),
            ],
        ),
    ];
    for (edit, want) in rows {
        let want: Vec<&str> = want.iter().map(String::as_str).collect();
        check(&edit, &validate_stateful_set(&stateful_set(&edit)), &want);
    }
}

#[test]
fn updates_of_stateful_sets() {
    let claims = json!([{"metadata": {"name": "d"}, "spec":
        {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}]);
    let rows: Vec<(Value, Vec<&str>)> = vec![
        (
            json!({"replicas": 3, "minReadySeconds": 4, "ordinals": {"start": 1}, "revisionHistoryLimit": 2,
                "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Delete"}, "updateStrategy": {"type": "OnDelete"}}),
            vec![],
        ),
        (json!({"template": {"metadata": {"annotations": {"a": "b"}}}}), vec![]),
        (json!({"serviceName": "x"}), vec![STATEFUL_SET_FORBIDDEN]),
        // The name is not checked again.
        (json!({"serviceName": "A b"}), vec![STATEFUL_SET_FORBIDDEN]),
        (json!({"podManagementPolicy": "Parallel"}), vec![STATEFUL_SET_FORBIDDEN]),
        (json!({"volumeClaimTemplates": claims}), vec![STATEFUL_SET_FORBIDDEN]),
        (
            json!({"replicas": -1, "serviceName": "x"}),
            vec!["spec.replicas: Invalid value: -1: must be greater than or equal to 0", STATEFUL_SET_FORBIDDEN],
        ),
    ];
    let old = stateful_set(&json!({}));
    for (edit, want) in rows {
        check(&edit, &validate_stateful_set_update(&stateful_set(&json!({"spec": edit})), &old), &want);
    }
    let invalid = json!({"spec": {"template": {"spec": {"containers": []}}}});
    let errors = validate_stateful_set_update(&stateful_set(&invalid), &stateful_set(&invalid));
    check(&invalid, &errors, &[]);
}

#[test]
fn statuses_of_stateful_sets() {
    let rows: Vec<(Value, Vec<&str>)> = vec![
        (json!({"replicas": 3, "readyReplicas": 2, "availableReplicas": 2, "collisionCount": 2}), vec![]),
        (
            json!({"replicas": 1, "readyReplicas": 2, "currentReplicas": 2, "updatedReplicas": 2, "availableReplicas": 3,
                "collisionCount": 2}),
            vec![
                "status.readyReplicas: Invalid value: 2: cannot be greater than status.replicas",
                "status.currentReplicas: Invalid value: 2: cannot be greater than status.replicas",
                "status.updatedReplicas: Invalid value: 2: cannot be greater than status.replicas",
                "status.availableReplicas: Invalid value: 3: cannot be greater than status.replicas",
                "status.availableReplicas: Invalid value: 3: cannot be greater than status.readyReplicas",
            ],
        ),
        (json!({"replicas": 0}), vec!["status.collisionCount: Invalid value: 0: cannot be decremented"]),
        (
            json!({"replicas": 0, "collisionCount": 1}),
            vec!["status.collisionCount: Invalid value: 1: cannot be decremented"],
        ),
    ];
    let old = stateful_set(&json!({"status": {"replicas": 0, "collisionCount": 2}}));
    for (status, want) in rows {
        let new = stateful_set(&json!({"status": status}));
        check(&status, &validate_stateful_set_status_update(&new, &old), &want);
    }
}

#[test]
fn daemon_sets() {
    let rows: Vec<(Value, Vec<String>)> = vec![
        (json!({}), vec![]),
        (json!({"metadata": {"name": "a.b"}}), vec![]),
        (
            json!({"spec": {"updateStrategy": {"type": "Foo"}}}),
            vec![r#"spec.updateStrategy: Unsupported value: {"Type":"Foo","RollingUpdate":null}: supported values: "RollingUpdate", "OnDelete""#.into()],
        ),
        (json!({"spec": {"updateStrategy": {"type": "OnDelete", "rollingUpdate": {"maxSurge": 3}}}}), vec![]),
        (
            // Only one of them may be said, so the other has to be said to be 0.
            json!({"spec": {"updateStrategy": {"rollingUpdate": {"maxSurge": 1}}}}),
            vec!["spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: 1: may not be set when maxUnavailable is non-zero".into()],
        ),
        (json!({"spec": {"updateStrategy": {"rollingUpdate": {"maxSurge": "1%", "maxUnavailable": 0}}}}), vec![]),
        (
            json!({"spec": {"updateStrategy": {"rollingUpdate": {"maxSurge": "130%", "maxUnavailable": 0}}}}),
            vec![r#"spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: "130%": must not be greater than 100%"#.into()],
        ),
        (
            json!({"spec": {"updateStrategy": {"rollingUpdate": {"maxUnavailable": "abc"}}}}),
            vec![
                format!(r#"spec.updateStrategy.rollingUpdate.maxUnavailable: Invalid value: "abc": {PERCENT}"#),
                "spec.updateStrategy.rollingUpdate.maxUnavailable: Required value: cannot be 0 when maxSurge is 0".into(),
            ],
        ),
        (
            json!({"spec": {"minReadySeconds": -1, "revisionHistoryLimit": -1}}),
            vec![
                format!("spec.minReadySeconds: Invalid value: -1: {NOT_NEGATIVE}"),
                format!("spec.revisionHistoryLimit: Invalid value: -1: {NOT_NEGATIVE}"),
            ],
        ),
        (
            json!({"spec": {"selector": null}}),
            vec![r#"spec.template.metadata.labels: Invalid value: {"app":"w"}: `selector` does not match template `labels`"#.into()],
        ),
    ];
    for (edit, want) in rows {
        let want: Vec<&str> = want.iter().map(String::as_str).collect();
        check(&edit, &validate_daemon_set(&daemon_set(&edit)), &want);
    }
}

#[test]
fn updates_of_daemon_sets() {
    let old = daemon_set(&json!({}));
    let edit = json!({"spec": {"selector": {"matchLabels": {"app": "x"}}}});
    let want = [
        r#"spec.selector: Invalid value: {"matchLabels":{"app":"x"}}: field is immutable"#,
        r#"spec.template.metadata.labels: Invalid value: {"app":"w"}: `selector` does not match template `labels`"#,
    ];
    check(&edit, &validate_daemon_set_update(&daemon_set(&edit), &old), &want);
    let status = json!({"status": {"currentNumberScheduled": 0, "desiredNumberScheduled": 0, "numberMisscheduled": 0,
        "numberReady": 0, "updatedNumberScheduled": -1, "numberAvailable": -1, "numberUnavailable": -1}});
    let want = [
        "status.updatedNumberScheduled: Invalid value: -1: must be greater than or equal to 0",
        "status.numberAvailable: Invalid value: -1: must be greater than or equal to 0",
        "status.numberUnavailable: Invalid value: -1: must be greater than or equal to 0",
    ];
    check(&status, &validate_daemon_set_status_update(&daemon_set(&status), &old), &want);
}

#[test]
fn annotations_that_are_numbers() {
    let error = |value: &str| {
        let key = TEMPLATE_GENERATION;
        daemon_set_conversion_error(&daemon_set(&json!({"metadata": {"annotations": {key: value}}})))
    };
    assert_eq!(error("7"), None);
    assert_eq!(error("x").as_deref(), Some(r#"strconv.ParseInt: parsing "x": invalid syntax"#));
    assert_eq!(error("").as_deref(), Some(r#"strconv.ParseInt: parsing "": invalid syntax"#));
    let large = "9999999999999999999";
    let want = format!("strconv.ParseInt: parsing {large:?}: value out of range");
    assert_eq!(error(large).as_deref(), Some(want.as_str()));
}

fn replication_controller(more: &Value) -> ReplicationController {
    let base = json!({"metadata": {"name": "rc", "namespace": "default", "resourceVersion": "1"}, "spec": {
        "template": {"metadata": {"labels": {"app": "w"}}, "spec": {"containers": [{"name": "c", "image": "app:1"}]}}}});
    let mut controller: ReplicationController = object(&merged(base, more));
    defaults::set_defaults_replication_controller(&mut controller);
    controller
}

#[test]
fn replication_controllers() {
    let rows: Vec<(Value, Vec<&str>)> = vec![
        (json!({}), vec![]),
        (
            json!({"spec": {"minReadySeconds": -1, "replicas": -1}}),
            vec![
                "spec.minReadySeconds: Invalid value: -1: must be greater than or equal to 0",
                "spec.replicas: Invalid value: -1: must be greater than or equal to 0",
            ],
        ),
        (json!({"spec": {"template": {"metadata": {"labels": null}}}}), vec!["spec.selector: Required value"]),
        (json!({"spec": {"template": null, "selector": {"a": "b"}}}), vec!["spec.template: Required value"]),
        (
            json!({"spec": {"template": {"spec": {"restartPolicy": "Never", "activeDeadlineSeconds": 1}}}}),
            vec![
                r#"spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always""#,
                "spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in ReplicationController is not Supported",
            ],
        ),
    ];
    for (edit, want) in rows {
        let new = replication_controller(&edit);
        check(&edit, &validate_replication_controller(&new), &want);
        // An update checks the object twice, and the selector may change.
        let twice = [want.clone(), want].concat();
        check(&edit, &validate_replication_controller_update(&new, &replication_controller(&json!({}))), &twice);
    }
    let status =
        json!({"status": {"replicas": 1, "fullyLabeledReplicas": 2, "readyReplicas": 1, "availableReplicas": 2}});
    let want = [
        "status.fullyLabeledReplicas: Invalid value: 2: cannot be greater than status.replicas",
        "status.availableReplicas: Invalid value: 2: cannot be greater than status.replicas",
        "status.availableReplicas: Invalid value: 2: cannot be greater than readyReplicas",
    ];
    let (new, old) = (replication_controller(&status), replication_controller(&json!({})));
    check(&status, &validate_replication_controller_status_update(&new, &old), &want);
}

#[test]
fn pod_templates_and_controller_revisions() {
    let template: PodTemplate = object(&json!({"metadata": {"name": "t", "namespace": "default"}}));
    let mut defaulted = template.clone();
    defaults::set_defaults_pod_template(defaulted.template.get_or_insert_default());
    check(&json!("template"), &validate_pod_template(&defaulted), &["template.spec.containers: Required value"]);
    let revision = |more: Value| -> ControllerRevision {
        object(&merged(
            json!({"metadata": {"name": "r", "namespace": "default", "resourceVersion": "1"}, "revision": 1}),
            &more,
        ))
    };
    let good = revision(json!({"data": {"a": 1}}));
    check(&json!("good"), &validate_controller_revision(&good), &[]);
    let bad = revision(json!({"revision": -1}));
    let want =
        ["revision: Invalid value: -1: must be greater than or equal to 0", "data: Required value: data is mandatory"];
    check(&json!("bad"), &validate_controller_revision(&bad), &want);
    let list = revision(json!({"data": [1]}));
    let want = ["data: Required value: data must be a valid JSON object"];
    check(&json!("list"), &validate_controller_revision(&list), &want);
    let changed = revision(json!({"data": {"a": 2}, "revision": 3}));
    let want = [r#"data: Invalid value: {"a":2}: field is immutable"#];
    check(&json!("changed"), &validate_controller_revision_update(&changed, &good), &want);
}
