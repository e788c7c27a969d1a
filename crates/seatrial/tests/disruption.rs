//! PodDisruptionBudgets: what their status says, what evictions do to it, and what is forgotten after two minutes.

use std::time::Duration;

use k8s_openapi::api::policy::v1::PodDisruptionBudgetStatus;
use seatrial::Cluster;
use seatrial::api::PodDisruptionBudget;
use seatrial::rest::Request;
use serde_json::{Value, json};

fn deployment(name: &str, replicas: i32) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name, "all": "yes"}},
                "spec": {"containers": [{"name": "c", "image": "app:1"}]}}}})
}

fn pod(name: &str, owner: Option<Value>) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "labels": {"all": "yes"}, "ownerReferences": owner.into_iter().collect::<Vec<_>>()},
        "spec": {"containers": [{"name": "c", "image": "app:1"}]}})
}

fn budget(spec: &Value) -> Value {
    let mut spec = spec.clone();
    if spec.get("selector").is_none() {
        spec["selector"] = json!({"matchLabels": {"all": "yes"}});
    }
    json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "pdb"}, "spec": spec})
}

fn cluster(objects: &[Value]) -> Cluster {
    let mut cluster = Cluster::builder().build();
    for object in objects {
        cluster.create(object).expect("the API server takes it");
        cluster.settle().expect("it settles");
    }
    cluster
}

fn status(cluster: &Cluster) -> PodDisruptionBudgetStatus {
    let pdb = cluster.get::<PodDisruptionBudget>("default", "pdb").expect("the budget");
    pdb.status.expect("it has a status")
}

/// Expected, desired, healthy, allowed, and the condition's reason.
fn numbers(cluster: &Cluster) -> ([i32; 4], String) {
    let s = status(cluster);
    let reason = s.conditions.iter().flatten().map(|c| c.reason.clone()).collect();
    let n = |value: Option<i32>| value.unwrap_or(-1);
    ([n(s.expected_pods), n(s.desired_healthy), n(s.current_healthy), n(s.disruptions_allowed)], reason)
}

fn patch_status(cluster: &mut Cluster, path: &str, patch_type: &str, patch: &Value) {
    let (content_type, body) = (format!("application/{patch_type}-patch+json"), patch.to_string());
    let response = cluster.serve(&Request {
        method: "PATCH",
        path,
        content_type: Some(&content_type),
        user_agent: "test/1",
        body: body.as_bytes(),
        ..Request::default()
    });
    assert_eq!(response.code, 200, "{:?}", response.body);
}

fn has_event(cluster: &Cluster, reason: &str, message: &str) -> bool {
    cluster
        .events()
        .iter()
        .any(|e| e.reason.as_deref() == Some(reason) && e.message.as_deref().is_some_and(|m| m.starts_with(message)))
}

/// Seven pods of a Deployment and three of another: which numbers come of a spec.
#[test]
fn percentages_are_of_the_controllers_sizes_and_rounded_up() {
    let (ok, not) = ("SufficientPods", "InsufficientPods");
    let rows = [
        (json!({"minAvailable": 4}), [10, 4, 10, 6], ok),
        (json!({"minAvailable": 10}), [10, 10, 10, 0], not),
        (json!({"minAvailable": 12}), [10, 12, 10, 0], not),
        (json!({"minAvailable": 0}), [10, 0, 10, 10], ok),
        (json!({"minAvailable": "50%"}), [10, 5, 10, 5], ok),
        (json!({"minAvailable": "51%"}), [10, 6, 10, 4], ok),
        (json!({"minAvailable": "100%"}), [10, 10, 10, 0], not),
        (json!({"maxUnavailable": 3}), [10, 7, 10, 3], ok),
        (json!({"maxUnavailable": 12}), [10, 0, 10, 10], ok),
        (json!({"maxUnavailable": "11%"}), [10, 8, 10, 2], ok),
        (json!({"maxUnavailable": "0%"}), [10, 10, 10, 0], not),
        (json!({"maxUnavailable": 0}), [10, 10, 10, 0], not),
        (json!({"maxUnavailable": 1, "selector": {"matchLabels": {"app": "a"}}}), [7, 6, 7, 1], ok),
        (json!({"maxUnavailable": 1, "selector": {}}), [10, 9, 10, 1], ok),
        (json!({"minAvailable": 1, "selector": {"matchLabels": {"app": "nobody"}}}), [0, 1, 0, 0], not),
    ];
    let mut cluster = cluster(&[deployment("a", 7), deployment("b", 3)]);
    for (spec, want, reason) in rows {
        cluster.create(&budget(&spec)).expect("the API server takes it");
        cluster.settle().expect("it settles");
        assert_eq!(numbers(&cluster), (want, reason.to_owned()), "{spec}");
        cluster.delete("pdb/pdb").expect("the budget");
    }
}

#[test]
fn pods_that_cannot_be_counted_make_the_sync_fail_or_are_told_of() {
    let job = json!({"apiVersion": "batch/v1", "kind": "Job", "name": "job", "uid": "1", "controller": true});
    let gone = json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "gone", "uid": "2", "controller": true});
    let other = json!({"apiVersion": "example.com/v1", "kind": "Thing", "name": "t", "uid": "3", "controller": true});
    let rows = [
        (job, "jobs.batch does not implement the scale subresource"),
        (gone, "found no controllers for pod \"p\""),
        (other, "no matches for kind \"Thing\" in version \"example.com/v1\""),
    ];
    for (owner, error) in rows {
        // The garbage collector deletes a pod whose owner is gone; a finalizer keeps it in sight.
        let mut pod = pod("p", Some(owner));
        pod["metadata"]["finalizers"] = json!(["example.com/hold"]);
        let mut cluster = cluster(&[pod]);
        cluster.create(&budget(&json!({"maxUnavailable": 1}))).expect("a budget");
        cluster.advance(Duration::from_millis(10)).expect("time passes");
        let s = status(&cluster);
        let condition = &s.conditions.expect("a condition")[0];
        assert_eq!((condition.reason.as_str(), condition.message.as_str()), ("SyncFailed", error));
        assert_eq!(s.disruptions_allowed, Some(0));
        let text = format!("Failed to calculate the number of expected pods: {error}");
        assert!(has_event(&cluster, "CalculateExpectedPodCountFailed", &text), "{error}");
    }

    let cluster = cluster(&[deployment("a", 2), pod("bare", None), budget(&json!({"maxUnavailable": 1}))]);
    // The pod of nobody is healthy, and expected by nobody.
    assert_eq!(numbers(&cluster).0, [2, 1, 3, 2]);
    let text =
        "Pods selected by this PodDisruptionBudget (selector: &LabelSelector{MatchLabels:map[string]string{all: yes,}";
    assert!(has_event(&cluster, "UnmanagedPods", text));
}

#[test]
fn a_pod_of_two_budgets_is_told_so() {
    let mut second = budget(&json!({"minAvailable": 1}));
    second["metadata"]["name"] = json!("other");
    let mut cluster = cluster(&[budget(&json!({"minAvailable": 1})), second, pod("p", None)]);
    let text = "Pod \"default\"/\"p\" matches multiple PodDisruptionBudgets.  Chose \"other\" arbitrarily.";
    assert!(has_event(&cluster, "MultiplePodDisruptionBudgets", text));
    assert!(cluster.evict("pod/p", None).is_err());
}

#[test]
fn evictions_use_a_budget_up_until_pods_are_replaced() {
    let mut cluster = cluster(&[deployment("a", 3), budget(&json!({"minAvailable": 2}))]);
    let names: Vec<String> = cluster.pods().into_iter().filter_map(|p| p.metadata.name).collect();
    cluster.evict(&format!("pod/{}", names[0]), None).expect("one may go");
    let refused = cluster.evict(&format!("pod/{}", names[1]), None).expect_err("two may not");
    assert_eq!(refused.to_string(), "Cannot evict pod as it would violate the pod's disruption budget.");
    cluster.settle().expect("it settles");
    assert_eq!(numbers(&cluster).0, [3, 2, 3, 1]);
    cluster.evict(&format!("pod/{}", names[1]), None).expect("its replacement is ready");
}

/// An eviction that the API server allowed and nobody carried out: the budget gives it up after two minutes, and so does
/// the pod.
#[test]
fn what_was_not_disrupted_is_forgotten_after_two_minutes() {
    let mut cluster = cluster(&[deployment("a", 2), budget(&json!({"minAvailable": 1}))]);
    let name = cluster.pods()[0].metadata.name.clone().expect("a name");
    let now = cluster.time().to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    let condition = json!({"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI",
        "message": "Eviction API: evicting", "lastTransitionTime": now});
    let path = format!("/api/v1/namespaces/default/pods/{name}/status");
    patch_status(&mut cluster, &path, "strategic-merge", &json!({"status": {"conditions": [condition]}}));
    let path = "/apis/policy/v1/namespaces/default/poddisruptionbudgets/pdb/status";
    let disrupted = json!({"status": {"disruptedPods": {&name: now}, "disruptionsAllowed": 0}});
    patch_status(&mut cluster, path, "merge", &disrupted);
    cluster.advance(Duration::from_secs(1)).expect("time passes");
    assert_eq!(numbers(&cluster).0, [2, 1, 1, 0]);
    let is_marked = |cluster: &Cluster| {
        let pod = cluster.pod(&name).expect("the pod");
        let conditions = pod.status.and_then(|s| s.conditions).unwrap_or_default();
        conditions.iter().any(|c| c.type_ == "DisruptionTarget" && c.status == "True")
    };
    cluster.advance(Duration::from_secs(118)).expect("time passes");
    assert!(is_marked(&cluster) && status(&cluster).disrupted_pods.is_some());
    cluster.advance(Duration::from_secs(2)).expect("time passes");
    assert!(!is_marked(&cluster));
    assert_eq!((numbers(&cluster).0, status(&cluster).disrupted_pods), ([2, 1, 2, 1], None));
    assert!(has_event(&cluster, "NotDeleted", "Pod was expected by PDB default/default to be deleted but it wasn't"));
}
