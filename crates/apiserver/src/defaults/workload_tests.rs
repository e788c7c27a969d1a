use k8s_openapi::api::apps::v1::{DaemonSet, StatefulSet};
use k8s_openapi::api::batch::v1::{CronJob, Job};
use serde_json::{Value, json};

use super::*;

fn defaulted<T: serde::de::DeserializeOwned + serde::Serialize>(spec: &Value, defaults: fn(&mut T)) -> Value {
    let mut object: T = serde_json::from_value(json!({"metadata": {"name": "x"}, "spec": spec})).expect("an object");
    defaults(&mut object);
    serde_json::to_value(&object).expect("JSON")
}

/// Checks that fields of a spec are what is wanted, null standing for absent.
fn check(spec: &Value, object: &Value, want: &Value) {
    for (field, want) in want.as_object().expect("fields") {
        assert_eq!(&object["spec"][field.as_str()], want, "{field} of {spec}");
    }
}

#[test]
fn jobs() {
    let rows = [
        (
            json!({}),
            json!({"completions": 1, "parallelism": 1, "backoffLimit": 6, "completionMode": "NonIndexed", "suspend": false,
                "manualSelector": false, "podReplacementPolicy": "TerminatingOrFailed"}),
        ),
        (json!({"parallelism": 2}), json!({"completions": null, "parallelism": 2})),
        (json!({"completions": 2}), json!({"completions": 2, "parallelism": 1})),
        (json!({"backoffLimitPerIndex": 1}), json!({"backoffLimit": i32::MAX})),
        (
            json!({"podFailurePolicy": {"rules": [{"action": "Count", "onPodConditions": [{"type": "A"}]}]}}),
            json!({"podReplacementPolicy": "Failed", "podFailurePolicy":
                {"rules": [{"action": "Count", "onPodConditions": [{"type": "A", "status": "True"}]}]}}),
        ),
    ];
    for (spec, want) in rows {
        check(&spec, &defaulted::<Job>(&spec, set_defaults_job), &want);
    }
}

#[test]
fn cron_jobs() {
    let spec = json!({"schedule": "@daily", "jobTemplate": {"spec": {"podFailurePolicy":
        {"rules": [{"action": "Count", "onPodConditions": [{"type": "A"}]}]}}}});
    let object = defaulted::<CronJob>(&spec, set_defaults_cron_job);
    let want = json!({"concurrencyPolicy": "Allow", "suspend": false, "successfulJobsHistoryLimit": 3,
        "failedJobsHistoryLimit": 1, "startingDeadlineSeconds": null, "timeZone": null});
    check(&spec, &object, &want);
    let job = &object["spec"]["jobTemplate"]["spec"];
    assert_eq!(job["podFailurePolicy"]["rules"][0]["onPodConditions"][0]["status"], "True");
    for field in ["completions", "parallelism", "backoffLimit", "completionMode", "suspend", "podReplacementPolicy"] {
        assert!(job[field].is_null(), "{field} is a Job's own default");
    }
    assert_eq!(job["template"]["spec"]["restartPolicy"], "Always");
}

#[test]
fn stateful_sets() {
    let rolling = json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 0}});
    let rows = [
        (json!({}), rolling.clone()),
        (json!({"updateStrategy": {}}), rolling.clone()),
        // A type without parameters stays without them.
        (json!({"updateStrategy": {"type": "RollingUpdate"}}), json!({"type": "RollingUpdate"})),
        (json!({"updateStrategy": {"rollingUpdate": {}}}), rolling),
        (json!({"updateStrategy": {"type": "OnDelete"}}), json!({"type": "OnDelete"})),
    ];
    for (spec, want) in rows {
        let object = defaulted::<StatefulSet>(&spec, set_defaults_stateful_set);
        check(&spec, &object, &json!({"updateStrategy": want}));
    }
    for (spec, want) in
        [(json!({"ordinals": {}}), json!({"start": 0})), (json!({"ordinals": {"start": 3}}), json!({"start": 3}))]
    {
        let object = defaulted::<StatefulSet>(&spec, set_defaults_stateful_set);
        check(&spec, &object, &json!({"ordinals": want}));
    }
    let spec = json!({"volumeClaimTemplates": [{"metadata": {"name": "d"}}],
        "persistentVolumeClaimRetentionPolicy": {"whenScaled": "Delete"}});
    let want = json!({"replicas": 1, "revisionHistoryLimit": 10, "podManagementPolicy": "OrderedReady", "serviceName": "",
        "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Delete"},
        "volumeClaimTemplates": [{"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "d"},
            "spec": {"resources": {}, "volumeMode": "Filesystem"}, "status": {"phase": "Pending"}}]});
    check(&spec, &defaulted::<StatefulSet>(&spec, set_defaults_stateful_set), &want);
}

#[test]
fn daemon_sets() {
    let rows = [
        (json!({}), json!({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}})),
        (
            json!({"updateStrategy": {"rollingUpdate": {"maxSurge": "10%"}}}),
            json!({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": "10%"}}),
        ),
        (json!({"updateStrategy": {"type": "OnDelete"}}), json!({"type": "OnDelete"})),
    ];
    for (spec, want) in rows {
        let object = defaulted::<DaemonSet>(&spec, set_defaults_daemon_set);
        check(&spec, &object, &json!({"updateStrategy": want, "revisionHistoryLimit": 10, "minReadySeconds": null}));
    }
}
