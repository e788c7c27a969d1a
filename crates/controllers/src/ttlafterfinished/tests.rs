//! When finished Jobs are due.

use seatrial_api::{Job, Resource, Time};
use serde_json::json;

use super::controller::expires_at;

fn job(ttl: Option<i32>, condition: Option<(&str, &str, Option<&str>)>, deleting: bool) -> Job {
    let mut job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"},
        "spec": {"template": {"spec": {"containers": []}}}, "status": {}});
    if let Some(ttl) = ttl {
        job["spec"]["ttlSecondsAfterFinished"] = json!(ttl);
    }
    if let Some((type_, status, at)) = condition {
        let mut condition = json!({"type": type_, "status": status});
        if let Some(at) = at {
            condition["lastTransitionTime"] = json!(at);
        }
        job["status"]["conditions"] = json!([{"type": "SuccessCriteriaMet", "status": "True"}, condition]);
    }
    if deleting {
        job["metadata"]["deletionTimestamp"] = json!("2024-01-01T00:00:00Z");
    }
    Job::from_api_object(serde_json::from_value(job).expect("a Job")).expect("a Job")
}

#[test]
fn finished_jobs_are_due_after_their_time_to_live() {
    let end = Some("2024-01-01T00:01:00Z");
    let rows = [
        ("complete", Some(10), Some(("Complete", "True", end)), false, Some("2024-01-01T00:01:10Z")),
        ("failed", Some(10), Some(("Failed", "True", end)), false, Some("2024-01-01T00:01:10Z")),
        ("at once", Some(0), Some(("Complete", "True", end)), false, Some("2024-01-01T00:01:00Z")),
        ("not over", Some(10), None, false, None),
        ("about to fail", Some(10), Some(("FailureTarget", "True", end)), false, None),
        ("not failed", Some(10), Some(("Failed", "False", end)), false, None),
        ("kept", None, Some(("Complete", "True", end)), false, None),
        ("already going", Some(10), Some(("Complete", "True", end)), true, None),
        ("nobody knows when", Some(10), Some(("Complete", "True", None)), false, None),
    ];
    for (name, ttl, condition, deleting, want) in rows {
        let got = expires_at(&job(ttl, condition, deleting));
        assert_eq!(got, want.and_then(Time::parse), "{name}");
    }
}
