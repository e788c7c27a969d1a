//! Jobs and pods for the tables of the Job controller's tests.

use seatrial_api::{Job, Pod, Resource};
use serde_json::{Value, json};

/// A Job with a spec.
pub(super) fn job(spec: &Value) -> Job {
    let mut spec = spec.clone();
    if spec.get("template").is_none() {
        spec["template"] = json!({"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}});
    }
    let body = json!({"apiVersion": "batch/v1", "kind": "Job",
        "metadata": {"name": "work", "namespace": "default", "uid": "00000000-0000-4000-8000-000000000001"}, "spec": spec});
    Job::from_api_object(serde_json::from_value(body).expect("a job")).expect("a job")
}

/// A pod with metadata, spec and status as given, all of them optional.
pub(super) fn pod(name: &str, body: &Value) -> Pod {
    let mut pod = json!({"apiVersion": "v1", "kind": "Pod",
        "spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}});
    for (key, value) in body.as_object().into_iter().flatten() {
        pod[key] = value.clone();
    }
    pod["metadata"]["name"] = json!(name);
    pod["metadata"]["namespace"] = json!("default");
    if pod["metadata"].get("uid").is_none() {
        pod["metadata"]["uid"] = json!(format!("uid-{name}"));
    }
    Pod::from_api_object(serde_json::from_value(pod).expect("a pod")).expect("a pod")
}
