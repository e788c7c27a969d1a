//! One row a rule of Jobs and CronJobs.

use k8s_openapi::api::batch::v1::{CronJob, Job};
use serde_json::{Value, json};

use super::tests::{check, merged, object};
use super::*;
use crate::defaults;

/// A Job as the strategy leaves it: its generated labels are there.
fn job(more: &Value) -> Job {
    let labels = json!({"controller-uid": "u", "batch.kubernetes.io/controller-uid": "u", "job-name": "j",
        "batch.kubernetes.io/job-name": "j"});
    let base = json!({"metadata": {"name": "j", "namespace": "default", "uid": "u", "resourceVersion": "1"}, "spec": {
        "selector": {"matchLabels": {"batch.kubernetes.io/controller-uid": "u"}},
        "template": {"metadata": {"labels": labels},
            "spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "app:1"}]}}}});
    let mut job: Job = object(&merged(base, more));
    defaults::set_defaults_job(&mut job);
    job
}

fn check_spec(spec: &Value, want: &[&str]) {
    check(spec, &validate_job(&job(&json!({"spec": spec}))), want);
}

#[test]
fn numbers_of_jobs() {
    for field in ["parallelism", "completions", "activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished"] {
        let want = format!("spec.{field}: Invalid value: -1: must be greater than or equal to 0");
        check_spec(&json!({field: -1}), &[&want]);
    }
    let rows: Vec<(Value, Vec<&str>)> = vec![
        (json!({}), vec![]),
        (
            json!({"completionMode": "Indexed", "completions": 3, "backoffLimitPerIndex": 1, "maxFailedIndexes": 3}),
            vec![],
        ),
        (
            json!({"completionMode": "Odd"}),
            vec![r#"spec.completionMode: Unsupported value: "Odd": supported values: "NonIndexed", "Indexed""#],
        ),
        (
            json!({"completionMode": "Indexed", "parallelism": 2}),
            vec!["spec.completions: Required value: when completion mode is Indexed"],
        ),
        (
            json!({"completionMode": "Indexed", "completions": 3, "backoffLimitPerIndex": 1, "maxFailedIndexes": 4}),
            vec!["spec.maxFailedIndexes: Invalid value: 4: must be less than or equal to completions"],
        ),
        (
            json!({"completionMode": "Indexed", "completions": 100_001, "parallelism": 10_001, "backoffLimitPerIndex": 1}),
            vec![
                "spec.maxFailedIndexes: Required value: must be specified when completions is above 100000",
                "spec.parallelism: Invalid value: 10001: must be less than or equal to 10000 when completions are above 100000 and used with backoff limit per index",
            ],
        ),
        (
            json!({"completionMode": "Indexed", "completions": 200_000, "backoffLimitPerIndex": 1, "maxFailedIndexes": 100_001}),
            vec![
                "spec.maxFailedIndexes: Invalid value: 100001: must be less than or equal to 100000",
                "spec.maxFailedIndexes: Invalid value: 100001: must be less than or equal to 10000 when completions are above 100000 and used with backoff limit per index",
            ],
        ),
        (
            json!({"backoffLimitPerIndex": 1, "maxFailedIndexes": 1}),
            vec![
                "spec.backoffLimitPerIndex: Invalid value: 1: requires indexed completion mode",
                "spec.maxFailedIndexes: Invalid value: 1: requires indexed completion mode",
            ],
        ),
    ];
    for (spec, want) in rows {
        check_spec(&spec, &want);
    }
}

#[test]
fn names_and_selectors_of_jobs() {
    let long = "a".repeat(62);
    let want =
        format!("metadata.name: Invalid value: {long:?}: will not able to create pod with invalid DNS label: {long}-2");
    let labels = json!({"job-name": long, "batch.kubernetes.io/job-name": long});
    let edit = json!({"metadata": {"name": long}, "spec": {
        "completionMode": "Indexed", "completions": 3, "template": {"metadata": {"labels": labels}}}});
    check(&edit, &validate_job(&job(&edit)), &[&want]);
    let edit = json!({"spec": {"template": {"metadata": {"labels": {"job-name": "x"}}}}});
    let mut lacking = job(&edit);
    let labels = &mut lacking.spec.as_mut().unwrap().template.metadata.as_mut().unwrap().labels;
    labels.as_mut().unwrap().remove("controller-uid");
    let errors = validate_job(&lacking);
    let want = [
        "spec.template.metadata.labels[controller-uid]: Required value: must be 'u'",
        r#"spec.template.metadata.labels[job-name]: Invalid value: {"batch.kubernetes.io/controller-uid":"u","batch.kubernetes.io/job-name":"j","job-name":"x"}: must be 'j'"#,
    ];
    check(&edit, &errors, &want);
    check_spec(
        &json!({"selector": {"matchLabels": {"a": "b"}}}),
        &[
            r#"spec.selector: Invalid value: {"matchLabels":{"a":"b","batch.kubernetes.io/controller-uid":"u"}}: `selector` not auto-generated"#,
            r#"spec.template.metadata.labels: Invalid value: {"batch.kubernetes.io/controller-uid":"u","batch.kubernetes.io/job-name":"j","controller-uid":"u","job-name":"j"}: `selector` does not match template `labels`"#,
        ],
    );
    let managed_by = |value: &str| json!({"managedBy": value});
    check_spec(&managed_by("acme.io/foo"), &[]);
    check_spec(&managed_by(""), &["spec.managedBy: Required value"]);
    let want = r#"spec.managedBy: Invalid value: "a b": Invalid path (regex used for validation is '[A-Za-z0-9/\-._~%!$&'()*+,;=:]+')"#;
    check_spec(&managed_by("acme.io/a b"), &[want]);
    let long = format!("acme.io/{}", "a".repeat(60));
    check_spec(&managed_by(&long), &["spec.managedBy: Too long: may not be more than 63 bytes"]);
}

#[test]
fn policies_of_jobs() {
    let rule = |rule: Value| json!({"podFailurePolicy": {"rules": [rule]}});
    let condition = json!([{"type": "DisruptionTarget"}]);
    let path = "spec.podFailurePolicy.rules[0]";
    let rows: Vec<(Value, Vec<String>)> = vec![
        (rule(json!({"action": "Ignore", "onPodConditions": condition})), vec![]),
        (
            rule(json!({"action": "FailIndex", "onPodConditions": condition})),
            vec![format!(r#"{path}.action: Invalid value: "FailIndex": requires the backoffLimitPerIndex to be set"#)],
        ),
        (
            rule(json!({"action": "Odd", "onPodConditions": condition})),
            vec![format!(r#"{path}.action: Unsupported value: "Odd": supported values: "Count", "FailIndex", "FailJob", "Ignore""#)],
        ),
        (
            rule(json!({"action": "", "onPodConditions": condition})),
            vec![format!(r#"{path}.action: Required value: valid values: ["Count" "FailIndex" "FailJob" "Ignore"]"#)],
        ),
        (
            rule(json!({"action": "Count", "onPodConditions": condition, "onExitCodes": {"operator": "In", "values": [1]}})),
            vec![format!("{path}: Invalid value: specifying both OnExitCodes and OnPodConditions is not supported")],
        ),
        (
            rule(json!({"action": "Count", "onExitCodes": {"operator": "In", "values": [0]}})),
            vec![format!("{path}.onExitCodes.values[0]: Invalid value: 0: must not be 0 for the In operator")],
        ),
        (
            rule(json!({"action": "Count", "onExitCodes": {"operator": "Odd", "values": []}})),
            vec![
                format!(r#"{path}.onExitCodes.operator: Unsupported value: "Odd": supported values: "In", "NotIn""#),
                format!("{path}.onExitCodes.values: Invalid value: []: at least one value is required"),
            ],
        ),
        (
            rule(json!({"action": "Count", "onPodConditions": [{"type": "", "status": "Odd"}]})),
            vec![
                format!(r#"{path}.onPodConditions[0].type: Invalid value: "": name part must be non-empty"#),
                format!(
                    r#"{path}.onPodConditions[0].type: Invalid value: "": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"#
                ),
                format!(r#"{path}.onPodConditions[0].status: Unsupported value: "Odd": supported values: "False", "True", "Unknown""#),
            ],
        ),
        (
            merged(rule(json!({"action": "Count", "onPodConditions": condition})), &json!({"podReplacementPolicy": "TerminatingOrFailed"})),
            vec![r#"spec.podReplacementPolicy: Unsupported value: "TerminatingOrFailed": supported values: "Failed""#.into()],
        ),
        (
            merged(
                rule(json!({"action": "Count", "onPodConditions": condition})),
                &json!({"template": {"spec": {"restartPolicy": "OnFailure"}}}),
            ),
            vec![r#"spec.template.spec.restartPolicy: Invalid value: "OnFailure": only "Never" is supported when podFailurePolicy is specified"#.into()],
        ),
        (
            json!({"podFailurePolicy": {"rules": vec![json!({"action": "Count", "onPodConditions": condition}); 21]}}),
            vec!["spec.podFailurePolicy.rules: Too many: 21: must have at most 20 items".into()],
        ),
        (json!({"template": {"spec": {"restartPolicy": "OnFailure"}}}), vec![]),
        (
            json!({"template": {"spec": {"restartPolicy": "Odd"}}}),
            vec![
                r#"spec.template.spec.restartPolicy: Unsupported value: "Odd": supported values: "Always", "OnFailure", "Never""#.into(),
                r#"spec.template.spec.restartPolicy: Unsupported value: "Odd": supported values: "OnFailure", "Never""#.into(),
            ],
        ),
    ];
    for (spec, want) in rows {
        let want: Vec<&str> = want.iter().map(String::as_str).collect();
        check_spec(&spec, &want);
    }
}

#[test]
fn success_policies() {
    let path = "spec.successPolicy.rules";
    let parse = "succeededIndexes: Invalid value:";
    let rows: Vec<(Value, Vec<String>)> = vec![
        (json!([{"succeededIndexes": "0,2-4", "succeededCount": 4}]), vec![]),
        (
            json!([]),
            vec![format!(
                "{path}: Required value: at least one rules must be specified when the successPolicy is specified"
            )],
        ),
        (
            json!([{}]),
            vec![format!(
                "{path}[0]: Required value: at least one of succeededCount or succeededIndexes must be specified"
            )],
        ),
        (
            json!([{"succeededIndexes": "1,1"}]),
            vec![format!(
                r#"{path}[0].{parse} "1,1": error parsing succeededIndexes: non-increasing order, previous: 1, current: 1"#
            )],
        ),
        (
            json!([{"succeededIndexes": "1-2-3"}]),
            vec![format!(
                r#"{path}[0].{parse} "1-2-3": error parsing succeededIndexes: the fragment "1-2-3" violates the requirement that an index interval can have at most two parts separated by '-'"#
            )],
        ),
        (
            json!([{"succeededIndexes": "1,x"}]),
            vec![format!(
                r#"{path}[0].{parse} "1,x": error parsing succeededIndexes: cannot convert string to integer for index: "x""#
            )],
        ),
        (
            json!([{"succeededIndexes": "3-5"}]),
            vec![format!(r#"{path}[0].{parse} "3-5": error parsing succeededIndexes: too large index: "5""#)],
        ),
        (
            json!([{"succeededIndexes": "0-1", "succeededCount": 3}]),
            vec![format!(
                "{path}[0].succeededCount: Invalid value: 3: must be less than or equal to 2 (the number of indexes in the specified succeededIndexes field)"
            )],
        ),
        (
            json!([{"succeededCount": -1}]),
            vec![format!("{path}[0].succeededCount: Invalid value: -1: must be greater than or equal to 0")],
        ),
    ];
    for (rules, want) in rows {
        let want: Vec<&str> = want.iter().map(String::as_str).collect();
        check_spec(&json!({"completionMode": "Indexed", "completions": 5, "successPolicy": {"rules": rules}}), &want);
    }
}

fn check_job_update(old: &Value, edit: &Value, want: &[&str]) {
    let old = job(old);
    let new: Job = object(&merged(serde_json::to_value(&old).unwrap(), edit));
    check(edit, &validate_job_update(&new, &old), want);
}

#[test]
fn updates_of_jobs() {
    let indexed = json!({"spec": {"completionMode": "Indexed", "completions": 3, "parallelism": 3}});
    let suspended = json!({"spec": {"suspend": true}});
    let started = json!({"spec": {"suspend": true}, "status": {"startTime": "2024-01-01T00:00:00Z"}});
    let stopped =
        merged(started.clone(), &json!({"status": {"conditions": [{"type": "Suspended", "status": "True"}]}}));
    let running = merged(suspended.clone(), &json!({"status": {"active": 1}}));
    let directives = json!({"spec": {"template": {
        "metadata": {"annotations": {"a": "b"}},
        "spec": {"nodeSelector": {"a": "b"}, "tolerations": [{"operator": "Exists"}], "schedulingGates": [{"name": "g"}],
            "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution":
                {"nodeSelectorTerms": [{"matchExpressions": [{"key": "a", "operator": "Exists"}]}]}}},
            "containers": [{"name": "c", "image": "app:1", "imagePullPolicy": "IfNotPresent", "resources": {"limits": {"cpu": "1"}},
                "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File"}]}}}});
    let none = json!({});
    let free = json!({"spec": {"parallelism": 4, "suspend": true, "backoffLimit": 9, "activeDeadlineSeconds": 5,
        "ttlSecondsAfterFinished": 3, "podReplacementPolicy": "Failed"}});
    check_job_update(&none, &free, &[]);
    let rows = [
        (&none, json!({"completions": 2}), "spec.completions: Invalid value: 2: field is immutable"),
        (
            &indexed,
            json!({"completions": 4}),
            "spec.completions: Invalid value: 4: can only be modified in tandem with spec.parallelism",
        ),
        (&none, json!({"managedBy": "a.b/c"}), r#"spec.managedBy: Invalid value: "a.b/c": field is immutable"#),
        (
            &indexed,
            json!({"backoffLimitPerIndex": 1}),
            "spec.backoffLimitPerIndex: Invalid value: 1: field is immutable",
        ),
        (
            &indexed,
            json!({"successPolicy": {"rules": [{"succeededCount": 1}]}}),
            r#"spec.successPolicy: Invalid value: {"rules":[{"succeededCount":1}]}: field is immutable"#,
        ),
    ];
    for (old, edit, want) in rows {
        check_job_update(old, &json!({"spec": edit}), &[want]);
    }
    check_job_update(&indexed, &json!({"spec": {"completions": 5, "parallelism": 5}}), &[]);
    check_job_update(&suspended, &directives, &[]);
    check_job_update(&stopped, &directives, &[]);
    for old in [&none, &started, &running] {
        let new: Job = object(&merged(serde_json::to_value(job(old)).unwrap(), &directives));
        let errors = validate_job_update(&new, &job(old));
        let fields: Vec<&str> = errors.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(fields, ["spec.template"], "{old}");
    }
    let image = json!({"spec": {"template": {"spec": {"hostNetwork": true}}}});
    let new: Job = object(&merged(serde_json::to_value(job(&suspended)).unwrap(), &image));
    let fields: Vec<String> =
        validate_job_update(&new, &job(&suspended)).into_iter().map(|error| error.field).collect();
    assert_eq!(fields, ["spec.template"]);
}

const START: &str = "2024-01-01T00:00:00Z";
const LATER: &str = "2024-01-01T00:00:05Z";

fn conditions(types: &[&str]) -> Value {
    types.iter().map(|type_| json!({"type": type_, "status": "True"})).collect()
}

#[test]
fn statuses_of_jobs() {
    let complete = json!({"startTime": START, "completionTime": LATER, "succeeded": 1,
        "conditions": conditions(&["SuccessCriteriaMet", "Complete"])});
    let failed = json!({"startTime": START, "failed": 1, "conditions": conditions(&["FailureTarget", "Failed"])});
    let new = |more: Value| json!({"status": more});
    let with = |base: &Value, more: Value| json!({"status": merged(base.clone(), &more)});
    let condition = "status.conditions: Invalid value:";
    let rows: Vec<(Value, Value, Vec<String>)> = vec![
        (json!({}), new(complete.clone()), vec![]),
        (json!({}), new(failed.clone()), vec![]),
        (json!({}), with(&complete, json!({"conditions": conditions(&["SuccessCriteriaMet", "FailureTarget", "Complete"])})), vec![
            format!("{condition} cannot set Complete=True and FailureTarget=true conditions"),
            format!("{condition} cannot set SuccessCriteriaMet=True and FailureTarget=true conditions"),
        ]),
        (json!({}), with(&failed, json!({"conditions": conditions(&["SuccessCriteriaMet", "FailureTarget", "Failed"])})), vec![
            format!("{condition} cannot set SuccessCriteriaMet=True and Failed=true conditions"),
            format!("{condition} cannot set SuccessCriteriaMet=True and FailureTarget=true conditions"),
        ]),
        (json!({}), with(&failed, json!({"completionTime": LATER})), vec![
            "status.completionTime: Invalid value: 2024-01-01 00:00:05 +0000 UTC: cannot set completionTime when there is no Complete=True condition".into(),
        ]),
        (json!({}), with(&complete, json!({"startTime": LATER, "completionTime": START})), vec![
            "status.completionTime: Invalid value: 2024-01-01 00:00:00 +0000 UTC: completionTime cannot be set before startTime".into(),
        ]),
        (json!({}), with(&complete, json!({"active": 1, "terminating": 2, "ready": 2})), vec![
            "status.active: Invalid value: 1: active>0 is invalid for finished job".into(),
            "status.terminating: Invalid value: 2: terminating>0 is invalid for finished job".into(),
            "status.ready: Invalid value: 2: cannot set more ready pods than active".into(),
        ]),
        (json!({}), with(&complete, json!({"uncountedTerminatedPods": {"succeeded": ["a"]}})), vec![
            r#"status.uncountedTerminatedPods: Invalid value: {"succeeded":["a"]}: uncountedTerminatedPods needs to be empty for finished job"#.into(),
        ]),
        (json!({}), new(json!({"uncountedTerminatedPods": {"succeeded": ["a", ""], "failed": ["a"]}})), vec![
            r#"status.uncountedTerminatedPods.succeeded[1]: Invalid value: "": must not be empty"#.into(),
            r#"status.uncountedTerminatedPods.failed[0]: Duplicate value: "a""#.into(),
        ]),
        (json!({}), new(json!({"completedIndexes": "0", "failedIndexes": "1"})), vec![
            r#"status.completedIndexes: Invalid value: "0": cannot set non-empty completedIndexes when non-indexed completion mode"#.into(),
            r#"status.failedIndexes: Invalid value: "1": cannot set non-null failedIndexes when backoffLimitPerIndex is null"#.into(),
        ]),
        (with(&complete, json!({})), with(&complete, json!({"conditions": conditions(&["SuccessCriteriaMet"])})), vec![
            "status.completionTime: Invalid value: 2024-01-01 00:00:05 +0000 UTC: cannot set completionTime when there is no Complete=True condition".into(),
            format!("{condition} cannot disable the terminal Complete=True condition"),
        ]),
        (with(&complete, json!({})), with(&complete, json!({"completionTime": "2024-01-01T00:00:09Z"})), vec![
            "status.completionTime: Invalid value: 2024-01-01 00:00:09 +0000 UTC: completionTime cannot be mutated".into(),
        ]),
        (new(json!({"startTime": START})), new(json!({"startTime": LATER})), vec![
            "status.startTime: Invalid value: 2024-01-01 00:00:05 +0000 UTC: field is immutable for unsuspended job once set".into(),
        ]),
        (new(json!({"startTime": START})), new(json!({})), vec![
            "status.startTime: Invalid value: null: field is immutable for unsuspended job once set".into(),
        ]),
        (new(json!({"failed": 2, "succeeded": 2})), new(json!({"failed": 1, "succeeded": 1})), vec![
            "status.failed: Invalid value: 1: cannot decrease the failed counter".into(),
            "status.succeeded: Invalid value: 1: cannot decrease the succeeded counter".into(),
        ]),
        (new(json!({"conditions": conditions(&["SuccessCriteriaMet"])})), new(json!({})), vec![
            format!("{condition} cannot disable the SuccessCriteriaMet=True condition"),
        ]),
        // What was wrong before and did not change is nobody's fault now.
        (
            json!({"status": {"conditions": conditions(&["Complete"])}}),
            json!({"status": {"conditions": conditions(&["Complete"])}}),
            vec![],
        ),
    ];
    for (old, new, want) in rows {
        let want: Vec<&str> = want.iter().map(String::as_str).collect();
        check(&new, &validate_job_status_update(&job(&new), &job(&old)), &want);
    }
}

#[test]
fn indexes_in_statuses() {
    let spec =
        json!({"spec": {"completionMode": "Indexed", "completions": 9, "parallelism": 9, "backoffLimitPerIndex": 1}});
    let with = |status: Value| job(&merged(spec.clone(), &json!({"status": status})));
    let rows: Vec<(&str, &str, Option<&str>)> = vec![
        ("0-2,5", "3,6-8", None),
        (
            "0-2,5",
            "1-3",
            Some(
                r#"status.failedIndexes: Invalid value: "1-3": failedIndexes and completedIndexes overlap at index: 1"#,
            ),
        ),
        (
            "3,4-8",
            "0,7",
            Some(
                r#"status.failedIndexes: Invalid value: "0,7": failedIndexes and completedIndexes overlap at index: 7"#,
            ),
        ),
        (
            "9",
            "0",
            Some(
                r#"status.completedIndexes: Invalid value: "9": error parsing completedIndexes: too large index: "9""#,
            ),
        ),
        (
            "0",
            "2-1",
            Some(
                r#"status.failedIndexes: Invalid value: "2-1": error parsing failedIndexes: non-increasing order, previous: 2, current: 1"#,
            ),
        ),
    ];
    let old = with(json!({"succeeded": 9}));
    for (completed, failed, want) in rows {
        // The size can change, so successes can be lost.
        let new = with(json!({"completedIndexes": completed, "failedIndexes": failed}));
        check(&json!([completed, failed]), &validate_job_status_update(&new, &old), want.as_slice());
    }
}

fn cron_job(more: &Value) -> CronJob {
    let base = json!({"metadata": {"name": "cj", "namespace": "default", "resourceVersion": "1"}, "spec": {
        "schedule": "*/5 * * * *", "jobTemplate": {"spec": {"template": {
            "spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "app:1"}]}}}}}});
    let mut cron_job: CronJob = object(&merged(base, more));
    defaults::set_defaults_cron_job(&mut cron_job);
    cron_job
}

#[test]
fn cron_jobs() {
    let long = "a".repeat(53);
    let name = format!("metadata.name: Invalid value: {long:?}: must be no more than 52 characters");
    let zone = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead";
    let rows: Vec<(Value, Vec<String>)> = vec![
        (json!({"metadata": {"name": long}}), vec![name]),
        (
            // The texts of both rules come from one field.
            json!({"spec": {"schedule": "TZ=Nowhere * * * * *"}}),
            vec![
                r#"spec.schedule: Invalid value: "TZ=Nowhere * * * * *": provided bad location Nowhere: unknown time zone Nowhere"#.into(),
                format!(r#"spec.schedule: Invalid value: "TZ=Nowhere * * * * *": {zone}"#),
            ],
        ),
        (json!({"spec": {"timeZone": ""}}), vec![r#"spec.timeZone: Invalid value: "": timeZone must be nil or non-empty string"#.into()]),
        (
            json!({"spec": {"timeZone": "local"}}),
            vec![
                r#"spec.timeZone: Invalid value: "local": timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones"#.into(),
                r#"spec.timeZone: Invalid value: "local": unknown time zone local"#.into(),
            ],
        ),
        (json!({"spec": {"timeZone": "../UTC"}}), vec![r#"spec.timeZone: Invalid value: "../UTC": unknown time zone ../UTC"#.into()]),
        (json!({"spec": {"timeZone": "europe/berlin"}}), vec![r#"spec.timeZone: Invalid value: "europe/berlin": unknown time zone europe/berlin"#.into()]),
        (json!({"spec": {"timeZone": "America/Argentina/Buenos_Aires"}}), vec![]),
        (json!({"spec": {"timeZone": "Etc/GMT+5"}}), vec![]),
        (
            json!({"spec": {"jobTemplate": {"spec": {"selector": {"matchLabels": {"a": "b"}}}}}}),
            vec![r#"spec.jobTemplate.spec.selector: Invalid value: {"matchLabels":{"a":"b"}}: `selector` will be auto-generated"#.into()],
        ),
    ];
    for (edit, want) in rows {
        let want: Vec<&str> = want.iter().map(String::as_str).collect();
        check(&edit, &validate_cron_job(&cron_job(&edit)), &want);
    }
}

#[test]
fn updates_of_cron_jobs() {
    let zone = |schedule: &str| cron_job(&json!({"spec": {"schedule": schedule}}));
    let schedule = "TZ=UTC 0 * * * *";
    let old = zone(schedule);
    check(&json!("kept"), &validate_cron_job_update(&zone("CRON_TZ=UTC 1 * * * *"), &old), &[]);
    let both = cron_job(&json!({"spec": {"schedule": schedule, "timeZone": "UTC"}}));
    let want = format!(
        "spec.schedule: Invalid value: {schedule:?}: cannot use both timeZone field and TZ or CRON_TZ in schedule"
    );
    check(&json!("both"), &validate_cron_job_update(&both, &old), &[&want]);
    // A zone that is bad already, and a name that is too long, are not looked at again.
    let bad = cron_job(&json!({"metadata": {"name": "a".repeat(53)}, "spec": {"timeZone": "Nowhere"}}));
    check(&json!("bad"), &validate_cron_job_update(&bad, &bad), &[]);
    let warning = "cannot use TZ or CRON_TZ in spec.spec.schedule, use timeZone instead, see \
        https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details";
    assert_eq!(warnings_for_cron_job(&old, Some(&old)), [warning]);
}

#[test]
fn warnings_of_large_jobs() {
    let large = json!({"spec": {"completionMode": "Indexed", "completions": 100_001, "parallelism": 10_001}});
    let text = "In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than 10^4, Kubernetes \
        might not be able to track completedIndexes when a big number of indexes fail";
    assert_eq!(warnings_for_job(&job(&large), None), [format!("spec: {text}")]);
    assert_eq!(warnings_for_job(&job(&json!({})), None), Vec::<String>::new());
    let in_cron_job = cron_job(&json!({"metadata": {"name": "a.b"}, "spec": {"jobTemplate": large}}));
    let name = "metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label \
        is recommended: [must not contain dots]";
    assert_eq!(warnings_for_cron_job(&in_cron_job, None), [name.to_owned(), format!("spec.jobTemplate.spec: {text}")]);
}
