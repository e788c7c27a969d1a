//! One row a removed version: the object before, the object after, the warning.

use serde_json::{Value, json};

use super::convert;

/// Checks what becomes of an object that has this spec and these labels.
#[track_caller]
fn check(api_version: &str, kind: &str, before: Value, after: Value, warning: &str) {
    let object = |api_version: &str, rest: Value| {
        let mut object = json!({"apiVersion": api_version, "kind": kind});
        for (key, value) in rest.as_object().expect("a mapping") {
            object[key] = value.clone();
        }
        object
    };
    let now = if kind == "CronJob" { "batch/v1" } else { "apps/v1" };
    let (converted, text) = convert(object(api_version, before));
    assert_eq!(converted, object(now, after));
    assert_eq!(text.as_deref(), Some(warning));
}

fn template() -> Value {
    json!({"metadata": {"labels": {"app": "web"}}})
}

#[test]
fn extensions_deployment() {
    let warning = "extensions/v1beta1 Deployment is deprecated in v1.8+, unavailable in v1.16+; use apps/v1 Deployment";
    check(
        "extensions/v1beta1",
        "Deployment",
        json!({"metadata": {"name": "w"}, "spec": {"template": template(), "rollbackTo": {"revision": 3}}}),
        json!({
            "metadata": {"name": "w", "labels": {"app": "web"},
                "annotations": {"deprecated.deployment.rollback.to": "3"}},
            "spec": {
                "template": template(),
                "selector": {"matchLabels": {"app": "web"}},
                "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 1}},
                "revisionHistoryLimit": 2_147_483_647,
                "progressDeadlineSeconds": 2_147_483_647,
            },
        }),
        warning,
    );
    // What is given stays; a mapping of the wrong type is the API server's to refuse.
    check(
        "extensions/v1beta1",
        "Deployment",
        json!({
            "metadata": {"labels": {"a": "b"}},
            "spec": {
                "template": template(),
                "selector": {"matchLabels": {"x": "y"}},
                "strategy": {"type": "Recreate"},
                "revisionHistoryLimit": 5,
                "progressDeadlineSeconds": 60,
                "rollbackTo": {},
            },
        }),
        json!({
            "metadata": {"labels": {"a": "b"}, "annotations": {"deprecated.deployment.rollback.to": "0"}},
            "spec": {
                "template": template(),
                "selector": {"matchLabels": {"x": "y"}},
                "strategy": {"type": "Recreate"},
                "revisionHistoryLimit": 5,
                "progressDeadlineSeconds": 60,
            },
        }),
        warning,
    );
    check("extensions/v1beta1", "Deployment", json!({"spec": "text"}), json!({"spec": "text"}), warning);
}

#[test]
fn extensions_daemon_set_and_replica_set() {
    check(
        "extensions/v1beta1",
        "DaemonSet",
        json!({"metadata": {"labels": {}}, "spec": {"template": template(), "templateGeneration": 4}}),
        json!({
            "metadata": {"labels": {"app": "web"}},
            "spec": {
                "template": template(),
                "selector": {"matchLabels": {"app": "web"}},
                "updateStrategy": {"type": "OnDelete"},
            },
        }),
        "extensions/v1beta1 DaemonSet is deprecated in v1.8+, unavailable in v1.16+; use apps/v1 DaemonSet",
    );
    check(
        "extensions/v1beta1",
        "ReplicaSet",
        json!({"metadata": {}, "spec": {"template": template()}}),
        json!({
            "metadata": {"labels": {"app": "web"}},
            "spec": {"template": template(), "selector": {"matchLabels": {"app": "web"}}},
        }),
        "extensions/v1beta1 ReplicaSet is deprecated in v1.8+, unavailable in v1.16+; use apps/v1 ReplicaSet",
    );
}

#[test]
fn apps_v1beta1() {
    check(
        "apps/v1beta1",
        "Deployment",
        json!({"metadata": {}, "spec": {"template": template(), "strategy": {"rollingUpdate": {"maxSurge": 2}}}}),
        json!({
            "metadata": {"labels": {"app": "web"}},
            "spec": {
                "template": template(),
                "selector": {"matchLabels": {"app": "web"}},
                "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 2, "maxUnavailable": "25%"}},
                "revisionHistoryLimit": 2,
                "progressDeadlineSeconds": 600,
            },
        }),
        "apps/v1beta1 Deployment is deprecated in v1.8+, unavailable in v1.16+; use apps/v1 Deployment",
    );
    check(
        "apps/v1beta1",
        "StatefulSet",
        json!({"metadata": {}, "spec": {"template": template(), "updateStrategy": {"type": "RollingUpdate"}}}),
        json!({
            "metadata": {"labels": {"app": "web"}},
            "spec": {
                "template": template(),
                "selector": {"matchLabels": {"app": "web"}},
                "updateStrategy": {"type": "RollingUpdate"},
            },
        }),
        "apps/v1beta1 StatefulSet is deprecated in v1.8+, unavailable in v1.16+; use apps/v1 StatefulSet",
    );
}

#[test]
fn versions_with_todays_defaults() {
    for kind in ["Deployment", "DaemonSet", "ReplicaSet", "StatefulSet"] {
        check(
            "apps/v1beta2",
            kind,
            json!({"metadata": {}, "spec": {"template": template()}}),
            json!({"metadata": {}, "spec": {"template": template()}}),
            &format!("apps/v1beta2 {kind} is deprecated in v1.9+, unavailable in v1.16+; use apps/v1 {kind}"),
        );
    }
    check(
        "batch/v1beta1",
        "CronJob",
        json!({"spec": {"schedule": "* * * * *"}}),
        json!({"spec": {"schedule": "* * * * *"}}),
        "batch/v1beta1 CronJob is deprecated in v1.21+, unavailable in v1.25+; use batch/v1 CronJob",
    );
}

#[test]
fn other_objects_are_left_alone() {
    for (api_version, kind) in
        [("apps/v1", "Deployment"), ("extensions/v1beta1", "Ingress"), ("apps/v1beta1", "ReplicaSet")]
    {
        let object = json!({"apiVersion": api_version, "kind": kind, "spec": {"template": template()}});
        assert_eq!(convert(object.clone()), (object, None));
    }
}
