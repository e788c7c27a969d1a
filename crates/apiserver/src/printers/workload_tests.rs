//! The rows of the workload kinds.

use seatrial_api::{
    ControllerRevision, CronJob, DaemonSet, Event, Job, LimitRange, Object, PodTemplate, Resource, Time,
};
use serde_json::{Value, json};

use super::{cells, columns};

const NOW: Time = Time::from_unix(1_704_067_200 + 3_600);

fn row<R: Resource>(api: Value) -> Value {
    let mut api = api;
    api["metadata"]["creationTimestamp"] = json!("2024-01-01T00:00:00Z");
    let api: R::Api = serde_json::from_value(api).expect("an object");
    let object: Object = R::wrap(std::sync::Arc::new(R::from_api_object(api).expect("metadata")));
    let row = cells(&object, NOW);
    assert_eq!(row.len(), columns(R::KIND).len());
    Value::Array(row)
}

fn containers() -> Value {
    json!([{"name": "c", "image": "i:1"}, {"name": "d", "image": "j:1"}])
}

#[test]
fn jobs() {
    let of = |conditions: &[(&str, &str)], more: Value| {
        let conditions: Vec<Value> =
            conditions.iter().map(|(type_, status)| json!({"type": type_, "status": status})).collect();
        let mut status = json!({"succeeded": 1, "conditions": conditions});
        let mut spec = json!({"parallelism": 1, "selector": {"matchLabels": {"a": "b"}},
            "template": {"spec": {"containers": containers()}}});
        for (key, value) in more["spec"].as_object().into_iter().flatten() {
            spec[key] = value.clone();
        }
        for (key, value) in more["status"].as_object().into_iter().flatten() {
            status[key] = value.clone();
        }
        row::<Job>(json!({"metadata": {"name": "j"}, "spec": spec, "status": status}))
    };
    assert_eq!(of(&[], json!({})), json!(["j", "Running", "1/1", "", "60m", "c,d", "i:1,j:1", "a=b"]));
    let statuses: [(&[(&str, &str)], &str); 6] = [
        (&[("SuccessCriteriaMet", "True"), ("Complete", "True")], "Complete"),
        (&[("FailureTarget", "True"), ("Failed", "True")], "Failed"),
        (&[("Suspended", "True")], "Suspended"),
        (&[("Suspended", "False")], "Running"),
        (&[("FailureTarget", "True")], "FailureTarget"),
        (&[("SuccessCriteriaMet", "True")], "SuccessCriteriaMet"),
    ];
    for (conditions, want) in statuses {
        assert_eq!(of(conditions, json!({}))[1], want, "{conditions:?}");
    }
    assert_eq!(of(&[], json!({"spec": {"completions": 5}}))[2], "1/5");
    assert_eq!(of(&[], json!({"spec": {"parallelism": 3}}))[2], "1/1 of 3");
    let start = json!("2024-01-01T00:10:00Z");
    assert_eq!(of(&[], json!({"status": {"startTime": start}}))[3], "50m");
    let status = json!({"startTime": start, "completionTime": "2024-01-01T00:11:30Z"});
    assert_eq!(of(&[], json!({"status": status}))[3], "90s");
}

#[test]
fn cron_jobs() {
    let spec =
        json!({"schedule": "@daily", "jobTemplate": {"spec": {"template": {"spec": {"containers": containers()}}}}});
    let plain = row::<CronJob>(json!({"metadata": {"name": "cj"}, "spec": spec}));
    let want = json!(["cj", "@daily", "<none>", "<unset>", 0, "<none>", "60m", "c,d", "i:1,j:1", "<none>"]);
    assert_eq!(plain, want);
    let mut busy = json!({"metadata": {"name": "cj"}, "spec": spec, "status":
        {"active": [{"name": "a"}, {"name": "b"}], "lastScheduleTime": "2024-01-01T00:58:00Z"}});
    busy["spec"]["timeZone"] = json!("UTC");
    busy["spec"]["suspend"] = json!(true);
    let row = row::<CronJob>(busy);
    assert_eq!((&row[2], &row[3], &row[4], &row[5]), (&json!("UTC"), &json!("True"), &json!(2), &json!("2m")));
}

#[test]
fn daemon_sets() {
    let api = json!({"metadata": {"name": "d"}, "spec": {
        "selector": {"matchExpressions": [{"key": "a", "operator": "In", "values": ["c", "b"]}]},
        "template": {"spec": {"containers": containers(), "nodeSelector": {"x": "y", "disk": "ssd"}}}}, "status": {
        "desiredNumberScheduled": 5, "currentNumberScheduled": 4, "numberReady": 3, "updatedNumberScheduled": 2,
        "numberAvailable": 1, "numberMisscheduled": 0}});
    let want = json!(["d", 5, 4, 3, 2, 1, "disk=ssd,x=y", "60m", "c,d", "i:1,j:1", "a in (b,c)"]);
    assert_eq!(row::<DaemonSet>(api), want);
}

#[test]
fn templates_and_revisions() {
    let api = json!({"metadata": {"name": "t"}, "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": containers()}}});
    assert_eq!(row::<PodTemplate>(api), json!(["t", "c,d", "i:1,j:1", "a=b"]));
    let owner = json!([{"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "web", "controller": true,
        "uid": "00000000-0000-4000-8000-000000000001"}]);
    let api = json!({"metadata": {"name": "r", "ownerReferences": owner}, "revision": 3});
    assert_eq!(row::<ControllerRevision>(api), json!(["r", "statefulset.apps/web", 3, "60m"]));
    let api = json!({"metadata": {"name": "r"}, "revision": 3});
    assert_eq!(row::<ControllerRevision>(api), json!(["r", "<none>", 3, "60m"]));
}

#[test]
fn events() {
    let of = |more: Value| {
        let mut event = json!({"metadata": {"name": "e", "namespace": "d"}, "type": "Normal", "reason": "R", "message": " m ",
            "involvedObject": {"kind": "Pod", "name": "p"}});
        for (key, value) in more.as_object().into_iter().flatten() {
            event[key] = value.clone();
        }
        let row = row::<Event>(event);
        json!([row[0], row[3], row[5], row[7], row[8]])
    };
    let (old, new) = ("2024-01-01T00:00:00Z", "2024-01-01T00:55:00Z");
    let micro = |t: &str| t.replace('Z', ".000000Z");
    assert_eq!(
        of(json!({"firstTimestamp": old, "lastTimestamp": new, "count": 3, "source": {"component": "k", "host": "h"}})),
        json!(["5m", "pod/p", "k, h", "60m", 3])
    );
    assert_eq!(of(json!({"eventTime": micro(old), "reportingComponent": "k"})), json!(["60m", "pod/p", "k", "60m", 1]));
    let series = json!({"count": 4, "lastObservedTime": micro(new)});
    assert_eq!(of(json!({"eventTime": micro(old), "series": series})), json!(["5m", "pod/p", "", "60m", 4]));
    assert_eq!(of(json!({"involvedObject": {"kind": "Pod"}})), json!(["<unknown>", "pod", "", "<unknown>", 1]));
}

#[test]
fn what_has_no_printer() {
    let row = row::<LimitRange>(json!({"metadata": {"name": "l"}, "spec": {"limits": []}}));
    assert_eq!(row, json!(["l", "2024-01-01T00:00:00Z"]));
    let heads: Vec<_> = columns(LimitRange::KIND).iter().map(|c| (c.name, c.type_)).collect();
    assert_eq!(heads, [("Name", "string"), ("Created At", "date")]);
}
