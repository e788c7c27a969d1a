//! Jobs to the second: when pods are made anew, how many at once, what is written in which order, whose pods they are.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::batch::v1::{Job, JobStatus};
use k8s_openapi::api::core::v1::Pod;
use seatrial::kubelet::{Exit, Match, Terminate, When};
use seatrial::{Behavior, Cluster, PatchType, Propagation};
use serde_json::{Value, json};

const FINALIZER: &str = "batch.kubernetes.io/job-tracking";

/// Containers of an image end so many milliseconds after they began.
fn ends(image: &str, millis: u64, code: i32) -> Behavior {
    Behavior {
        matches: Match { image: Some(image.to_owned()), ..Match::default() },
        exit: vec![Exit { after: When::After(Duration::from_millis(millis)), code }],
        ..Behavior::default()
    }
}

fn cluster(behaviors: Vec<Behavior>) -> Cluster {
    Cluster::builder().nodes(3).behaviors(behaviors).build()
}

fn create(cluster: &mut Cluster, name: &str, image: &str, spec: &Value) {
    let mut spec = spec.clone();
    if spec.get("template").is_none() {
        spec["template"] = json!({"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": image}]}});
    }
    let job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": spec});
    cluster.create(&job).expect("the API server takes it");
}

fn advance(cluster: &mut Cluster, millis: u64) {
    cluster.advance(Duration::from_millis(millis)).expect("time passes");
}

fn job(cluster: &Cluster, name: &str) -> Job {
    cluster.get::<seatrial::api::Job>("default", name).expect("the Job")
}

fn status(cluster: &Cluster, name: &str) -> JobStatus {
    job(cluster, name).status.unwrap_or_default()
}

fn types(status: &JobStatus) -> Vec<&str> {
    status.conditions.iter().flatten().map(|c| c.type_.as_str()).collect()
}

fn name_of(pod: &Pod) -> String {
    pod.metadata.name.clone().unwrap_or_default()
}

fn phase(pod: &Pod) -> &str {
    pod.status.as_ref().and_then(|s| s.phase.as_deref()).unwrap_or_default()
}

/// How often each event about Jobs was recorded, as `reason: message`, names of pods left out.
fn events(cluster: &Cluster) -> BTreeMap<String, i32> {
    let mut all = BTreeMap::new();
    for event in cluster.events().iter().filter(|e| e.involved_object.kind.as_deref() == Some("Job")) {
        let reason = event.reason.clone().unwrap_or_default();
        let message = event.message.clone().unwrap_or_default();
        let message = message.split_once(": ").map_or(message.clone(), |(head, _)| head.to_owned());
        *all.entry(format!("{reason}: {message}")).or_default() += event.count.unwrap_or(1);
    }
    all
}

/// The seconds at which pods of a cluster were made.
fn creations(cluster: &Cluster) -> Vec<i64> {
    let mut all: Vec<i64> = cluster
        .pods()
        .iter()
        .filter_map(|p| p.metadata.creation_timestamp.as_ref().map(|t| t.0.as_second() - 1_704_067_200))
        .collect();
    all.sort_unstable();
    all
}

#[test]
fn each_failure_doubles_the_wait_up_to_ten_minutes() {
    let mut cluster = cluster(vec![ends("fail:*", 850, 1)]);
    create(&mut cluster, "work", "fail:1", &json!({"backoffLimit": 9}));
    advance(&mut cluster, 3_600_000);
    let made = creations(&cluster);
    // A pod that begins at 0 s ends at 0.95 s, which is written as 0 s: the wait counts from there.
    let waits: Vec<i64> = made.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(waits, [10, 20, 40, 80, 160, 320, 600, 600, 600]);
    assert_eq!((status(&cluster, "work").failed, made.len()), (Some(10), 10));
}

#[test]
fn a_success_ends_the_wait() {
    let mut cluster = cluster(vec![ends("fail:*", 850, 1), ends("work:*", 850, 0)]);
    create(&mut cluster, "work", "fail:1", &json!({"completions": 3, "backoffLimit": 9}));
    advance(&mut cluster, 25_000);
    assert_eq!(creations(&cluster), [0, 10]);
    // From now on pods succeed: the third pod comes 20 s after the second failure, the next ones with the sync that sees
    // the success, a second after the pod was made.
    cluster.behave(vec![ends("fail:*", 850, 0)]);
    advance(&mut cluster, 60_000);
    assert_eq!(creations(&cluster), [0, 10, 30, 31, 32]);
    assert_eq!((status(&cluster, "work").succeeded, status(&cluster, "work").failed), (Some(3), Some(2)));
}

#[test]
fn pods_that_fail_side_by_side_all_count() {
    let mut cluster = cluster(vec![ends("fail:*", 850, 1)]);
    create(&mut cluster, "work", "fail:1", &json!({"completions": 3, "parallelism": 3, "backoffLimit": 6}));
    advance(&mut cluster, 60_000);
    // Three failures are a wait of 40 s; the next three are too many together with the first.
    assert_eq!(creations(&cluster), [0, 0, 0, 40, 40, 40]);
    advance(&mut cluster, 600_000);
    assert_eq!(creations(&cluster).len(), 9);
    assert_eq!(status(&cluster, "work").failed, Some(9));
}

#[test]
fn five_hundred_pods_at_most_are_made_and_counted_at_a_time() {
    let mut cluster = Cluster::builder().nodes(12).behaviors(vec![ends("work:*", 30_000, 0)]).build();
    create(&mut cluster, "work", "work:1", &json!({"completions": 1200, "parallelism": 1200}));
    let made: Vec<usize> = (0..4)
        .map(|_| {
            let count = cluster.pods().len();
            advance(&mut cluster, 1_000);
            count
        })
        .collect();
    assert_eq!(made, [500, 1000, 1200, 1200]);
    // All run for 30 s; those of one second end together, and are counted 500 a sync.
    advance(&mut cluster, 29_500);
    let counted: Vec<i32> = (0..5)
        .map(|_| {
            let count = status(&cluster, "work").succeeded.unwrap_or(0);
            advance(&mut cluster, 1_000);
            count
        })
        .collect();
    assert!(counted.windows(2).all(|w| w[1] - w[0] <= 500), "{counted:?}");
    advance(&mut cluster, 5_000);
    assert_eq!(status(&cluster, "work").succeeded, Some(1200));
    assert_eq!(types(&status(&cluster, "work")), ["SuccessCriteriaMet", "Complete"]);
}

#[test]
fn a_whole_job_is_written_as_upstream_writes_it() {
    let mut cluster = cluster(vec![ends("work:*", 2_000, 0)]);
    create(&mut cluster, "work", "work:1", &json!({}));
    let first = status(&cluster, "work");
    assert_eq!((first.active, first.ready, first.terminating), (Some(1), Some(0), Some(0)));
    assert!(first.start_time.is_some() && first.conditions.is_none());
    advance(&mut cluster, 1_500);
    assert_eq!(status(&cluster, "work").ready, Some(1));
    advance(&mut cluster, 3_000);
    let last = status(&cluster, "work");
    assert_eq!((last.active, last.ready, last.terminating, last.succeeded), (None, Some(0), Some(0), Some(1)));
    assert_eq!(types(&last), ["SuccessCriteriaMet", "Complete"]);
    let conditions = last.conditions.clone().unwrap_or_default();
    for condition in &conditions {
        assert_eq!(condition.reason.as_deref(), Some("CompletionsReached"));
        assert_eq!(condition.message.as_deref(), Some("Reached expected number of succeeded pods"));
        assert_eq!(condition.last_probe_time, condition.last_transition_time);
    }
    assert_eq!(last.completion_time, conditions[1].last_transition_time);
    let json = cluster.get_json("job/work").expect("the Job");
    assert_eq!(json["status"]["uncountedTerminatedPods"], json!({}));
    assert_eq!(
        events(&cluster),
        BTreeMap::from([("Completed: Job completed".to_owned(), 1), ("SuccessfulCreate: Created pod".to_owned(), 1)])
    );
}

#[test]
fn a_quota_stops_the_slow_start_at_the_first_refusal() {
    let mut cluster = cluster(vec![]);
    let quota = json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"}, "spec": {"hard": {"pods": "2"}}});
    cluster.create(&quota).expect("a quota");
    advance(&mut cluster, 1_000);
    create(&mut cluster, "work", "work:1", &json!({"completions": 9, "parallelism": 9}));
    // Batches of 1, 2 and 4: of the second one pod is refused, and the third is not tried.
    assert_eq!(cluster.pods().len(), 2);
    let failed =
        cluster.events().into_iter().filter(|e| e.reason.as_deref() == Some("FailedCreate")).collect::<Vec<_>>();
    let message = failed[0].message.clone().unwrap_or_default();
    assert_eq!(failed.iter().map(|e| e.count.unwrap_or(1)).sum::<i32>(), 1);
    assert!(
        message.starts_with("Error creating: pods \"work-")
            && message
                .ends_with("\" is forbidden: exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2"),
        "{message}"
    );
    assert_eq!(status(&cluster, "work").active, Some(2));
    // It is tried again after 1 s, with a wait that doubles.
    let patch = json!({"spec": {"hard": {"pods": "20"}}});
    cluster.patch("resourcequota/q", PatchType::Merge, &patch).expect("a patch");
    advance(&mut cluster, 10_000);
    assert_eq!(status(&cluster, "work").active, Some(9));
}

fn labelled(name: &str, labels: &Value, image: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels},
        "spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": image}]}})
}

fn own_selector(completions: i32, parallelism: i32) -> Value {
    json!({"completions": completions, "parallelism": parallelism, "manualSelector": true,
        "selector": {"matchLabels": {"app": "work"}},
        "template": {"metadata": {"labels": {"app": "work"}},
            "spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "work:1"}]}}})
}

fn is_owned(pod: &Pod) -> bool {
    pod.metadata.owner_references.iter().flatten().any(|r| r.kind == "Job" && r.controller == Some(true))
}

fn is_tracked(pod: &Pod) -> bool {
    pod.metadata.finalizers.iter().flatten().any(|f| f == FINALIZER)
}

#[test]
fn orphans_are_adopted_with_the_finalizer_and_released_without_it() {
    let mut cluster = cluster(vec![]);
    cluster.create(&labelled("lost", &json!({"app": "work"}), "work:1")).expect("a pod");
    cluster.create(&labelled("other", &json!({"app": "other"}), "work:1")).expect("a pod");
    create(&mut cluster, "work", "work:1", &own_selector(2, 2));
    advance(&mut cluster, 3_000);
    let lost = cluster.pod("lost").expect("the pod");
    assert!(is_owned(&lost) && is_tracked(&lost));
    assert!(!is_owned(&cluster.pod("other").expect("the pod")));
    assert_eq!((cluster.pods().len(), status(&cluster, "work").active), (3, Some(2)));
    // Its labels change: it is released, does not count as failed, and another pod takes its place.
    let patch = json!({"metadata": {"labels": {"app": "gone"}}});
    cluster.patch("pod/lost", PatchType::Merge, &patch).expect("a patch");
    advance(&mut cluster, 3_000);
    let lost = cluster.pod("lost").expect("the pod");
    assert!(!is_owned(&lost) && !is_tracked(&lost));
    assert_eq!(
        (cluster.pods().len(), status(&cluster, "work").active, status(&cluster, "work").failed),
        (4, Some(2), None)
    );
}

#[test]
fn more_successes_than_wanted_are_told() {
    let mut cluster = cluster(vec![ends("work:*", 500, 0)]);
    for name in ["a", "b", "c"] {
        cluster.create(&labelled(name, &json!({"app": "work"}), "work:1")).expect("a pod");
    }
    advance(&mut cluster, 3_000);
    create(&mut cluster, "work", "work:1", &own_selector(2, 1));
    advance(&mut cluster, 5_000);
    assert_eq!(status(&cluster, "work").succeeded, Some(3));
    let told = events(&cluster);
    let text = "TooManySucceededPods: Too many succeeded pods running after completion count reached";
    assert_eq!((told.get(text), told.get("Completed: Job completed")), (Some(&1), Some(&1)));
    assert!(cluster.pods().iter().all(|p| is_owned(p) && !is_tracked(p) && phase(p) == "Succeeded"));
}

#[test]
fn fewer_pods_are_wanted_those_that_do_least_go_and_do_not_count() {
    let slow = Behavior {
        matches: Match { pod: Some("work-2-*".to_owned()), ..Match::default() },
        ready: Some(When::Never),
        terminate: Some(Terminate::Ends { after: Duration::from_secs(3), code: 143 }),
        ..Behavior::default()
    };
    let mut cluster = cluster(vec![slow]);
    create(&mut cluster, "work", "work:1", &json!({"completions": 4, "parallelism": 4, "completionMode": "Indexed"}));
    advance(&mut cluster, 3_000);
    cluster.patch("job/work", PatchType::Merge, &json!({"spec": {"parallelism": 3}})).expect("a patch");
    let going: Vec<String> =
        cluster.pods().iter().filter(|p| p.metadata.deletion_timestamp.is_some()).map(name_of).collect();
    assert!(going.len() == 1 && going[0].starts_with("work-2-"), "{going:?}");
    // The finalizer goes before the deletion: the pod never counts.
    assert!(!cluster.pods().iter().any(|p| p.metadata.deletion_timestamp.is_some() && is_tracked(p)));
    advance(&mut cluster, 10_000);
    assert_eq!((status(&cluster, "work").active, status(&cluster, "work").failed), (Some(3), None));
    let told = events(&cluster);
    assert_eq!(told.get("SuccessfulDelete: Deleted pod"), Some(&1));
}

#[test]
fn a_job_of_the_same_name_starts_from_nothing() {
    let mut cluster = cluster(vec![ends("fail:*", 500, 1)]);
    create(&mut cluster, "work", "fail:1", &json!({"backoffLimit": 3}));
    advance(&mut cluster, 12_000);
    assert_eq!(status(&cluster, "work").failed, Some(2));
    cluster.delete_with("job/work", Propagation::Orphan).expect("the Job");
    advance(&mut cluster, 1_000);
    assert!(cluster.pods().iter().all(|p| !is_owned(p) && !is_tracked(p)));
    create(&mut cluster, "work", "fail:1", &json!({"backoffLimit": 0}));
    advance(&mut cluster, 5_000);
    // It does not wait for what the other one went through, and fails by its own failure.
    let fresh = status(&cluster, "work");
    assert_eq!((fresh.failed, types(&fresh)), (Some(1), vec!["FailureTarget", "Failed"]));
    assert_eq!(cluster.pods().len(), 3);
}

#[test]
fn what_an_external_controller_finishes_is_let_go() {
    let mut cluster = cluster(vec![]);
    create(&mut cluster, "work", "work:1", &json!({"managedBy": "acme.io/queue"}));
    let uid = job(&cluster, "work").metadata.uid.unwrap_or_default();
    let mut pod = labelled("own", &json!({"batch.kubernetes.io/controller-uid": uid}), "work:1");
    pod["metadata"]["finalizers"] = json!([FINALIZER]);
    pod["metadata"]["ownerReferences"] =
        json!([{"apiVersion": "batch/v1", "kind": "Job", "name": "work", "uid": uid, "controller": true}]);
    cluster.create(&pod).expect("a pod");
    advance(&mut cluster, 5_000);
    assert!(is_tracked(&cluster.pod("own").expect("the pod")));
    assert_eq!(status(&cluster, "work"), JobStatus::default());
    // An orphan that has the finalizer loses it.
    let mut orphan = labelled("orphan", &json!({}), "work:1");
    orphan["metadata"]["finalizers"] = json!([FINALIZER]);
    cluster.create(&orphan).expect("a pod");
    assert!(!is_tracked(&cluster.pod("orphan").expect("the pod")));
    // The Job goes, and with it the reason to keep the pod.
    cluster.delete_with("job/work", Propagation::Orphan).expect("the Job");
    advance(&mut cluster, 5_000);
    assert!(!is_tracked(&cluster.pod("own").expect("the pod")));
}

#[test]
fn pods_get_the_labels_finalizer_and_owner_of_their_job() {
    let mut cluster = cluster(vec![]);
    let long = "a-job-with-a-name-of-sixty-letters-is-still-a-job-you-know-x";
    create(&mut cluster, "plain", "work:1", &json!({}));
    create(
        &mut cluster,
        long,
        "work:1",
        &json!({"completions": 1, "completionMode": "Indexed", "backoffLimitPerIndex": 1}),
    );
    advance(&mut cluster, 1_500);
    let pods = cluster.pods();
    let plain = pods.iter().find(|p| name_of(p).starts_with("plain-")).expect("a pod");
    let uid = job(&cluster, "plain").metadata.uid.unwrap_or_default();
    let labels = plain.metadata.labels.clone().unwrap_or_default();
    let want = [
        ("batch.kubernetes.io/controller-uid", uid.as_str()),
        ("batch.kubernetes.io/job-name", "plain"),
        ("controller-uid", uid.as_str()),
        ("job-name", "plain"),
    ];
    assert_eq!(labels.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect::<Vec<_>>(), want);
    assert_eq!(plain.metadata.annotations, None);
    assert_eq!(plain.metadata.finalizers, Some(vec![FINALIZER.to_owned()]));
    let owner = &plain.metadata.owner_references.as_ref().expect("an owner")[0];
    assert_eq!(
        (owner.controller, owner.block_owner_deletion, owner.api_version.as_str()),
        (Some(true), Some(true), "batch/v1")
    );
    assert_eq!(name_of(plain).len(), "plain-".len() + 5);
    // A long name is cut so that the index and five letters fit, the hostname is not.
    let indexed = pods.iter().find(|p| name_of(p).starts_with("a-job")).expect("a pod");
    assert_eq!(indexed.metadata.generate_name.as_deref(), Some(format!("{}-0-", &long[..55]).as_str()));
    assert_eq!(indexed.spec.as_ref().and_then(|s| s.hostname.clone()), Some(format!("{long}-0")));
    let env = indexed.spec.as_ref().and_then(|s| s.containers[0].env.clone()).unwrap_or_default();
    let field = env[0].value_from.as_ref().and_then(|v| v.field_ref.as_ref()).expect("a field");
    assert_eq!((env[0].name.as_str(), field.api_version.as_deref()), ("JOB_COMPLETION_INDEX", Some("v1")));
    assert_eq!(field.field_path, "metadata.labels['batch.kubernetes.io/job-completion-index']");
}
