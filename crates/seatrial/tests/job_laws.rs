//! Laws of Jobs over random specs, failures, deletions and suspensions: at any time no more pods run than may and no index
//! has two of them; in the end there is one verdict, the counters add up, and no pod waits to be counted.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use k8s_openapi::api::batch::v1::{Job, JobStatus};
use k8s_openapi::api::core::v1::Pod;
use proptest::prelude::*;
use seatrial::kubelet::{Exit, Match, Terminate, When};
use seatrial::rest::Request;
use seatrial::{Behavior, Cluster, PatchType, Propagation};
use serde_json::{Value, json};

const NODES: usize = 2;
const FINALIZER: &str = "batch.kubernetes.io/job-tracking";
const INDEX: &str = "batch.kubernetes.io/job-completion-index";
/// Long enough for any Job whose pods succeed now and then.
const PATIENCE: Duration = Duration::from_secs(7 * 24 * 3600);

/// Something that happens; pods are meant by number.
#[derive(Clone, Debug)]
enum Op {
    Delete(usize),
    Kill(usize),
    Evict(usize),
    Suspend(bool),
    Parallelism(i32),
    Fail(usize),
    Recover(usize),
    Advance(u64),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        (0..8_usize).prop_map(Op::Delete),
        (0..8_usize).prop_map(Op::Kill),
        (0..8_usize).prop_map(Op::Evict),
        any::<bool>().prop_map(Op::Suspend),
        (0..6).prop_map(Op::Parallelism),
        (0..NODES).prop_map(Op::Fail),
        (0..NODES).prop_map(Op::Recover),
        (1..8_000_u64).prop_map(Op::Advance),
        (1..8_000_u64).prop_map(Op::Advance),
        (5_000..90_000_u64).prop_map(Op::Advance),
    ]
}

/// A Job's spec without its template.
fn spec() -> impl Strategy<Value = Value> {
    let size = (0..3_u8, 1..7, 1..5, 0..4);
    let limits = (prop::option::of(0..3), prop::option::of(0..3), prop::option::of(20..300));
    let policies = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    (size, limits, policies).prop_map(|(size, limits, policies)| {
        let (mode, completions, parallelism, backoff_limit) = size;
        let (per_index, max_failed, deadline) = limits;
        let (fails, succeeds, patient, on_failure) = policies;
        let mut spec = json!({"parallelism": parallelism, "backoffLimit": backoff_limit, "activeDeadlineSeconds": deadline});
        if mode > 0 {
            spec["completions"] = json!(completions);
        }
        if mode == 2 {
            spec["completionMode"] = json!("Indexed");
            if succeeds {
                spec["successPolicy"] = json!({"rules": [{"succeededIndexes": "0", "succeededCount": 1}]});
            }
            if let Some(limit) = per_index {
                spec["backoffLimitPerIndex"] = json!(limit);
                spec["maxFailedIndexes"] = json!(max_failed.map(|n: i32| n.min(completions)));
                spec.as_object_mut().expect("an object").remove("backoffLimit");
            }
        }
        if fails {
            let code = |action: &str, code: i32| json!({"action": action, "onExitCodes": {"operator": "In", "values": [code]}});
            let ignore = json!({"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]});
            spec["podFailurePolicy"] = json!({"rules": [ignore, code("Ignore", 3), code("FailJob", 4)]});
        } else if patient {
            spec["podReplacementPolicy"] = json!("Failed");
        }
        // A limit for each index does not count restarts: with them a Job whose containers always fail never ends.
        let policy = if on_failure && !fails && per_index.is_none() { "OnFailure" } else { "Never" };
        spec["template"] = json!({"spec": {"restartPolicy": policy, "containers": [{"name": "c", "image": "app:1"}]}});
        spec
    })
}

/// What a pod does follows from the letters of its name.
fn behaviors() -> Vec<Behavior> {
    let one = |letters: &str, seconds: u64, code: i32, stops_after: u64| Behavior {
        matches: Match { pod: Some(letters.to_owned()), ..Match::default() },
        exit: vec![Exit { after: When::After(Duration::from_secs(seconds)), code }],
        terminate: Some(Terminate::Ends { after: Duration::from_secs(stops_after), code: 143 }),
        ..Behavior::default()
    };
    vec![
        one("work-*b*", 2, 1, 1),
        one("work-*c*", 5, 3, 4),
        one("work-*z*", 3, 4, 0),
        one("work-*f*", 1, 1, 0),
        one("work-*g*", 40, 0, 9),
        one("*", 4, 0, 2),
    ]
}

struct World {
    cluster: Cluster,
    parallelism_max: i32,
    succeeded: BTreeSet<String>,
    seen: BTreeSet<String>,
    counters: (i32, i32),
    completed: BTreeSet<i32>,
    /// Whether nothing was removed that would not have counted.
    is_exact: bool,
}

fn text(of: Option<&String>) -> String {
    of.cloned().unwrap_or_default()
}

fn is_active(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|s| s.phase.as_deref());
    pod.metadata.deletion_timestamp.is_none() && !matches!(phase, Some("Succeeded" | "Failed"))
}

fn index_of(pod: &Pod) -> Option<i32> {
    pod.metadata.annotations.as_ref()?.get(INDEX)?.parse().ok()
}

fn is_true(status: &JobStatus, type_: &str) -> bool {
    status.conditions.iter().flatten().any(|c| c.type_ == type_ && c.status == "True")
}

fn is_finished(status: &JobStatus) -> bool {
    is_true(status, "Complete") || is_true(status, "Failed")
}

/// The indexes of a text such as `0,2-4`, which has to be in order and as short as can be.
fn indexes(text: &str) -> Vec<i32> {
    let mut all: Vec<i32> = Vec::new();
    for part in text.split(',').filter(|p| !p.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (first.parse::<i32>().expect("an index"), last.parse::<i32>().expect("an index"));
        assert!(last == first || last > first + 1, "{part} in {text}");
        assert!(all.last().is_none_or(|before| *before < first), "{text} is not in order");
        all.extend(first..=last);
    }
    all
}

impl World {
    fn new(spec: &Value) -> Self {
        let mut cluster = Cluster::builder().nodes(NODES).behaviors(behaviors()).build();
        let job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "work"}, "spec": spec});
        cluster.create(&job).expect("the API server takes it");
        let parallelism_max = i32::try_from(spec["parallelism"].as_i64().unwrap_or(1)).expect("small");
        Self {
            cluster,
            parallelism_max,
            succeeded: BTreeSet::new(),
            seen: BTreeSet::new(),
            counters: (0, 0),
            completed: BTreeSet::new(),
            is_exact: true,
        }
    }

    fn job(&self) -> Job {
        self.cluster.get::<seatrial::api::Job>("default", "work").expect("the Job")
    }

    fn patch(&mut self, spec: &Value) {
        let patch = json!({"spec": spec});
        self.cluster.patch("job/work", PatchType::Merge, &patch).expect("a valid patch");
    }

    fn pod_named(&self, index: usize) -> Option<String> {
        let pods = self.cluster.pods();
        let pod = pods.get(index % pods.len().max(1))?;
        Some(format!("pod/{}", text(pod.metadata.name.as_ref())))
    }

    fn apply(&mut self, op: &Op) {
        match op {
            Op::Delete(index) => {
                if let Some(pod) = self.pod_named(*index) {
                    self.cluster.delete(&pod).expect("the pod is there");
                }
            }
            Op::Kill(index) => {
                let Some(pod) = self.pod_named(*index) else { return };
                let path = format!("/api/v1/namespaces/default/{}", pod.replacen("pod/", "pods/", 1));
                let response = self.cluster.serve(&Request {
                    method: "DELETE",
                    path: &path,
                    query: vec![("gracePeriodSeconds".to_owned(), "0".to_owned())],
                    content_type: None,
                    accept: None,
                    user_agent: "test",
                    body: b"",
                });
                assert_eq!(response.code, 200);
            }
            Op::Evict(index) => {
                if let Some(pod) = self.pod_named(*index) {
                    drop(self.cluster.evict(&pod, None));
                }
            }
            Op::Suspend(on) => {
                self.is_exact = false;
                self.patch(&json!({"suspend": on}));
            }
            Op::Parallelism(n) => {
                self.is_exact = false;
                self.parallelism_max = self.parallelism_max.max(*n);
                self.patch(&json!({"parallelism": n}));
            }
            Op::Fail(node) => self.cluster.fail_node(&format!("node-{node}")),
            Op::Recover(node) => self.cluster.recover_node(&format!("node-{node}")),
            Op::Advance(millis) => self.advance(Duration::from_millis(*millis)),
        }
        // A pod that is deleted may succeed and be gone before anybody looks.
        self.is_exact &= !matches!(op, Op::Delete(_) | Op::Kill(_) | Op::Evict(_) | Op::Fail(_));
        self.check();
    }

    /// Lets time pass, and looks often enough to see every pod end.
    fn advance(&mut self, time: Duration) {
        let step = Duration::from_millis(500);
        let mut left = time;
        while left > Duration::ZERO {
            self.cluster.advance(step.min(left)).expect("time passes");
            left = left.saturating_sub(step);
            self.check();
        }
    }

    /// What holds at any time.
    fn check(&mut self) {
        let job = self.job();
        let (spec, status) = (job.spec.unwrap_or_default(), job.status.unwrap_or_default());
        let pods = self.cluster.pods();
        for pod in &pods {
            let uid = text(pod.metadata.uid.as_ref());
            if pod.status.as_ref().and_then(|s| s.phase.as_deref()) == Some("Succeeded") {
                self.succeeded.insert(uid.clone());
            }
            self.seen.insert(uid);
        }
        let active: Vec<&Pod> = pods.iter().filter(|p| is_active(p)).collect();
        let keeps_all = spec.completions.is_none() && status.succeeded.unwrap_or(0) > 0;
        let most = if spec.suspend == Some(true) || is_finished(&status) { 0 } else { spec.parallelism.unwrap_or(1) };
        let count = i32::try_from(active.len()).expect("few pods");
        assert!(count <= most || (keeps_all && !is_finished(&status)), "{count} pods run, {most} may");
        let mut by_index = BTreeMap::new();
        for index in active.iter().filter_map(|p| index_of(p)) {
            let seen = by_index.insert(index, ());
            assert!(seen.is_none(), "index {index} runs twice");
            assert!(!self.completed.contains(&index), "index {index} runs although it has succeeded");
        }
        let counters = (status.succeeded.unwrap_or(0), status.failed.unwrap_or(0));
        assert!(
            counters.0 >= self.counters.0 && counters.1 >= self.counters.1,
            "{counters:?} after {:?}",
            self.counters
        );
        self.counters = counters;
        if spec.completion_mode.as_deref() == Some("Indexed") {
            let completed = indexes(&text(status.completed_indexes.as_ref()));
            assert_eq!(counters.0, i32::try_from(completed.len()).expect("few"), "succeeded and completedIndexes");
            let failed = indexes(&text(status.failed_indexes.as_ref()));
            assert!(failed.iter().all(|i| !completed.contains(i)), "an index both succeeded and failed");
            assert!(self.completed.iter().all(|i| completed.contains(i)), "an index is no longer complete");
            assert!(completed.iter().all(|i| spec.completions.is_some_and(|n| *i < n)));
            self.completed.extend(completed);
        }
        let uncounted = status.uncounted_terminated_pods.unwrap_or_default();
        assert!(uncounted.succeeded.is_none() && uncounted.failed.is_none(), "pods stay uncounted at rest");
    }

    /// All is well again, and the Job comes to its end.
    fn finish(&mut self) {
        for node in 0..NODES {
            self.cluster.recover_node(&format!("node-{node}"));
        }
        let parallelism = self.job().spec.and_then(|s| s.parallelism).unwrap_or(1).max(1);
        if !is_finished(&self.job().status.unwrap_or_default()) {
            self.patch(&json!({"suspend": false, "parallelism": parallelism}));
        }
        self.parallelism_max = self.parallelism_max.max(parallelism);
        let mut waited = Duration::ZERO;
        while !is_finished(&self.job().status.unwrap_or_default()) {
            assert!(waited < PATIENCE, "the Job does not end: {:?}", self.job().status);
            // What has not ended within the hour is looked at now and then: a Job that hangs must not hang the test.
            let step = if waited < Duration::from_secs(3600) { 500 } else { 3_600_000 };
            let step = Duration::from_millis(step);
            self.cluster.advance(step).expect("time passes");
            self.check();
            waited += step;
        }
        self.advance(Duration::from_secs(3));
    }

    /// What holds of a Job that is over.
    fn check_finished(&self) {
        let job = self.job();
        let (spec, status) = (job.spec.unwrap_or_default(), job.status.unwrap_or_default());
        let (complete, failed) = (is_true(&status, "Complete"), is_true(&status, "Failed"));
        assert!(complete != failed, "one verdict: {:?}", status.conditions);
        assert_eq!(is_true(&status, "SuccessCriteriaMet"), complete);
        assert_eq!(is_true(&status, "FailureTarget"), failed);
        assert_eq!(status.completion_time.is_some(), complete);
        let types: Vec<&str> = status.conditions.iter().flatten().map(|c| c.type_.as_str()).collect();
        assert_eq!(types.iter().collect::<BTreeSet<_>>().len(), types.len(), "a condition twice: {types:?}");
        assert_eq!((status.active, status.ready, status.terminating), (None, Some(0), Some(0)));
        let (succeeded, failures) = self.counters;
        if complete && spec.success_policy.is_none() {
            assert!(succeeded >= spec.completions.unwrap_or(1), "complete with {succeeded}");
        }
        let seen = |set: &BTreeSet<String>| i32::try_from(set.len()).expect("few pods");
        assert!(succeeded + failures <= seen(&self.seen), "{succeeded} and {failures} of {} pods", self.seen.len());
        assert!(!self.is_exact || succeeded <= seen(&self.succeeded), "{succeeded} of {:?}", self.succeeded);
        if self.is_exact && spec.completion_mode.as_deref() != Some("Indexed") {
            assert_eq!(succeeded, seen(&self.succeeded));
        }
        // Each pod that runs when the limit is passed fails with the Job.
        let limit = spec.backoff_limit.unwrap_or(6).saturating_add(self.parallelism_max);
        assert!(failures <= limit, "{failures} failures, at most {limit}");
        for pod in self.cluster.pods() {
            assert!(pod.metadata.finalizers.iter().flatten().all(|f| f != FINALIZER), "{:?} waits", pod.metadata.name);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, max_shrink_iters: 300, ..ProptestConfig::default() })]

    #[test]
    fn every_job_comes_to_one_end_that_adds_up(spec in spec(), ops in prop::collection::vec(op(), 0..16)) {
        let mut world = World::new(&spec);
        world.check();
        for op in &ops {
            world.apply(op);
        }
        world.finish();
        world.check_finished();
        // A finished Job is left alone, and goes with its pods.
        let before = world.job().status;
        world.advance(Duration::from_secs(60));
        prop_assert_eq!(world.job().status, before);
        world.cluster.delete_with("job/work", Propagation::Background).expect("the Job is there");
        world.cluster.advance(Duration::from_secs(90)).expect("time passes");
        prop_assert!(world.cluster.pods().is_empty());
    }
}
