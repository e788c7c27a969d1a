//! Single syncs of Jobs whose pods are taken away meanwhile. The pods are ended by hand.

use std::time::Duration;

use seatrial_api::{Finalizers, Job, Kind, NamespacedName, ObjectKey, OwnerReferences, Pod, Time};
use seatrial_apiserver::patch::PatchType;
use seatrial_apiserver::{ApiServer, ApiServerOptions, RequestInfo, Subresource};
use seatrial_machinery::{
    Client, Clock, Controller, DeleteOptions, EventContext, EventRecorder, Informers, Rng, SimTime, SyncContext,
    process_next_work_item,
};
use serde_json::{Value, json};

use super::JobController;

/// 2024-01-01T00:00:00Z
const START: Time = Time::from_unix(1_704_067_200);

/// An API server and the controller, and nobody who runs a pod.
struct Case {
    server: ApiServer,
    informers: Informers,
    recorder: EventRecorder,
    clock: Clock,
    controller: JobController,
    timers: Vec<(SimTime, NamespacedName)>,
    /// Whether each change of a pod is taken as one of which nothing is known.
    takes_long_way: bool,
}

impl Case {
    /// A case with one Job, `work`.
    fn with(mut spec: Value) -> Self {
        let mut server = ApiServer::new(ApiServerOptions { seed: 1, ..ApiServerOptions::default() });
        server.bootstrap(&RequestInfo::new(START, "test")).expect("a new server has no namespaces");
        let mut case = Self {
            server,
            informers: Informers::default(),
            recorder: EventRecorder::default(),
            clock: Clock::starting_at(START),
            controller: JobController::default(),
            timers: Vec::new(),
            takes_long_way: false,
        };
        spec["template"] =
            json!({"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "work:1"}]}});
        let body = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "work"}, "spec": spec});
        case.server.create_json(&case.request(), Kind::Job, "default", &body.into()).expect("a valid Job");
        case.settle();
        case
    }

    fn request(&self) -> RequestInfo<'static> {
        RequestInfo::new(self.clock.time(), "test")
    }

    fn pods(&self) -> Vec<ObjectKey> {
        let names = self.server.store().list(Kind::Pod, Some("default")).into_iter().map(|pod| pod.meta().name.clone());
        names.map(|name| ObjectKey::new(Kind::Pod, "default", &*name)).collect()
    }

    /// Ends a pod, as its kubelet does.
    fn end(&mut self, pod: &ObjectKey, phase: &str) {
        let body = json!({"status": {"phase": phase}});
        let patched = self.server.patch(&self.request(), pod, Subresource::Status, (PatchType::Merge, &body));
        patched.expect("a valid status");
    }

    /// Takes a pod away with all its finalizers, behind the controller's back.
    fn take_away(&mut self, pod: &ObjectKey) {
        let options = DeleteOptions { grace_period_seconds: Some(0), ..DeleteOptions::default() };
        self.server.delete(&self.request(), pod, &options).expect("a pod to delete");
        let body = json!({"metadata": {"finalizers": null}});
        let patched = self.server.patch(&self.request(), pod, Subresource::Main, (PatchType::Merge, &body));
        patched.expect("a valid patch");
    }

    fn deliver(&mut self) {
        while let Some(delivery) = self.informers.deliver_next(self.server.store().log()) {
            let cx = EventContext { informers: &self.informers, clock: self.clock, cause: 0 };
            match (self.takes_long_way, delivery.old_as::<Pod>(), delivery.new_as::<Pod>()) {
                (false, ..) | (_, None, None) => self.controller.handle(&cx, &delivery),
                (true, old, new) => self.controller.on_pod(&cx, old, new),
            }
        }
    }

    /// One sync, without a look at what it comes to.
    fn process(&mut self) -> bool {
        let client = Client::new(&mut self.server, &mut self.recorder, self.clock, JobController::NAME);
        let mut cx = SyncContext::new(&self.informers, client);
        process_next_work_item(&mut self.controller, &mut cx).is_some()
    }

    fn settle(&mut self) {
        for _ in 0..1_000 {
            self.deliver();
            if !self.process() {
                let timers = self.controller.queue().take_timers();
                self.timers.extend(timers.into_iter().map(|timer| (timer.due, timer.key)));
                self.timers.sort();
                return;
            }
        }
        panic!("the controller does not come to rest");
    }

    /// Goes to the next timer, which only wakes the Job.
    fn wake(&mut self) {
        let (due, key) = self.timers.remove(0);
        self.clock = self.clock.at(due);
        self.controller.queue().fire(&key, due, 0);
    }

    fn advance(&mut self, seconds: u64) {
        let end = self.clock.now() + Duration::from_secs(seconds);
        self.settle();
        while self.timers.first().is_some_and(|(due, _)| *due <= end) {
            self.wake();
            self.settle();
        }
        self.clock = self.clock.at(end);
    }

    fn status(&self) -> Value {
        let job = self.server.get::<Job>("default", "work").expect("the Job");
        serde_json::to_value(job.body.status.as_deref()).expect("JSON")
    }

    /// The true conditions.
    fn conditions(&self) -> Vec<String> {
        let status = self.status();
        let all = status["conditions"].as_array().into_iter().flatten();
        all.filter(|c| c["status"] == "True").map(|c| c["type"].as_str().unwrap_or_default().to_owned()).collect()
    }
}

#[test]
fn pods_that_are_gone_when_their_finalizers_go_are_counted_once() {
    // (how the first pod ends, what the counters say)
    let rows = [("Succeeded", json!([2, null])), ("Failed", json!([1, 1]))];
    for (phase, counters) in rows {
        let mut case = Case::with(json!({"parallelism": 2, "completions": 2, "backoffLimit": 0}));
        let pods = case.pods();
        case.end(&pods[0], phase);
        case.end(&pods[1], "Succeeded");
        // The controller knows how they ended, and not that one has been taken away since.
        case.settle();
        case.take_away(&pods[0]);
        case.wake();
        assert!(case.process());
        let status = case.status();
        assert_eq!(json!([status["succeeded"], status["failed"]]), counters, "{phase}");
        assert_eq!(status["uncountedTerminatedPods"], json!({}), "{phase}");
        case.advance(60);
        let status = case.status();
        assert_eq!(json!([status["succeeded"], status["failed"]]), counters, "{phase}: the deletion counts nothing");
        let ended = if phase == "Failed" { ["FailureTarget", "Failed"] } else { ["SuccessCriteriaMet", "Complete"] };
        assert_eq!(case.conditions(), ended, "{phase}");
        let left = case.server.get::<Pod>("default", &pods[1].name).expect("the other pod");
        assert!(left.meta.finalizers.is_empty(), "{phase}");
    }
}

#[test]
fn a_pod_that_is_taken_away_before_it_is_known_to_have_ended_is_made_anew() {
    let mut case = Case::with(json!({"backoffLimit": 2}));
    let pods = case.pods();
    case.end(&pods[0], "Succeeded");
    // Nothing of it was delivered: all that is ever seen is that the pod is gone.
    case.take_away(&pods[0]);
    case.advance(60);
    let status = case.status();
    assert_eq!(json!([status["succeeded"], status["failed"], status["active"]]), json!([null, null, 1]));
    assert_eq!((case.pods().len(), case.conditions().len()), (1, 0));
}

#[test]
fn uids_that_were_written_down_are_counted_by_another_controller() {
    let mut case = Case::with(json!({"parallelism": 2, "completions": 2}));
    let pods = case.pods();
    for pod in &pods {
        case.end(pod, "Succeeded");
    }
    // The one before it wrote the uids down and took one of the finalizers off; then it ended.
    let uid = |case: &Case, pod: &ObjectKey| {
        case.server.get::<Pod>("default", &pod.name).expect("a pod").meta.uid.to_string()
    };
    let uids = [uid(&case, &pods[0]), uid(&case, &pods[1])];
    let body = json!({"status": {"uncountedTerminatedPods": {"succeeded": uids}}});
    let key = ObjectKey::new(Kind::Job, "default", "work");
    case.server.patch(&case.request(), &key, Subresource::Status, (PatchType::Merge, &body)).expect("a valid status");
    let body = json!({"metadata": {"finalizers": null}});
    case.server.patch(&case.request(), &pods[0], Subresource::Main, (PatchType::Merge, &body)).expect("a valid patch");
    case.controller = JobController::default();
    case.informers = Informers::default();
    case.timers.clear();
    case.advance(60);
    let status = case.status();
    assert_eq!(json!([status["succeeded"], status["failed"], status["active"]]), json!([2, null, null]));
    assert_eq!(case.conditions(), ["SuccessCriteriaMet", "Complete"]);
    assert_eq!(case.pods().len(), 2, "nothing is made anew");
}

/// Changes a pod as somebody does, mostly its kubelet. What the API server refuses it refuses in every case.
fn change_a_pod(case: &mut Case, rng: &mut Rng, pod: &ObjectKey) {
    let time = case.clock.time().to_string();
    let condition = |status: &str| json!([{"type": "Ready", "status": status, "lastTransitionTime": time}]);
    let status = match rng.below(16) {
        0..4 => json!({"phase": "Running", "conditions": condition("True")}),
        4 => json!({"phase": "Running", "conditions": condition("False")}),
        5..8 => json!({"phase": "Succeeded"}),
        8 => json!({"phase": "Failed"}),
        9 => {
            json!({"containerStatuses": [{"name": "c", "restartCount": rng.below(3), "image": "", "imageID": "", "ready": true}]})
        }
        what => return change_metadata(case, rng, pod, what),
    };
    let body = json!({"status": status});
    let _ = case.server.patch(&case.request(), pod, Subresource::Status, (PatchType::Merge, &body));
}

/// Changes one part of a pod's metadata; all others stay shared with the version before.
fn change_metadata(case: &mut Case, rng: &mut Rng, pod: &ObjectKey, what: u64) {
    let Ok(stored) = case.server.get::<Pod>(&pod.namespace, &pod.name) else { return };
    let mut pod = Pod::clone(stored);
    let number = rng.below(4).to_string();
    match what {
        10 => pod.meta.annotations.insert("batch.kubernetes.io/job-completion-index", number),
        11 => pod.meta.labels.insert("more", number),
        12 => pod.meta.labels.insert("batch.kubernetes.io/controller-uid", "other"),
        13 => pod.meta.owner_references = OwnerReferences::default(),
        14 => pod.meta.finalizers = Finalizers::default(),
        _ => pod.meta.annotations.insert("note", number),
    }
    let _ = case.server.update(&case.request(), pod);
}

/// A law over random histories: a pod that is and stays a Job's is looked up once, and that changes nothing.
#[test]
fn the_short_way_of_a_pod_is_the_long_one() {
    let mut finished = 0;
    for seed in 0..24 {
        let mode = if seed % 2 == 0 { "Indexed" } else { "NonIndexed" };
        let [mut short, mut long] = [false, true].map(|takes_long_way| {
            let spec = json!({"parallelism": 3, "completions": 4, "backoffLimit": 3, "completionMode": mode});
            let mut case = Case::with(spec);
            case.takes_long_way = takes_long_way;
            case
        });
        for at in 0..60 {
            for case in [&mut short, &mut long] {
                let mut rng = Rng::from_seed(seed).child_u64(at);
                let pods = case.pods();
                let pod = (!pods.is_empty()).then(|| pods[rng.below(pods.len() as u64) as usize].clone());
                match (rng.below(8), pod) {
                    (0, Some(pod)) => {
                        let options = DeleteOptions { grace_period_seconds: Some(0), ..DeleteOptions::default() };
                        let _ = case.server.delete(&case.request(), &pod, &options);
                    }
                    (1, _) => case.advance(rng.below(8)),
                    (2, _) => case.settle(),
                    (_, Some(pod)) => {
                        change_a_pod(case, &mut rng, &pod);
                        if rng.below(3) > 0 {
                            case.deliver();
                        }
                    }
                    (_, None) => case.deliver(),
                }
            }
            let known = |case: &Case| format!("{:?} {:?}", case.controller, case.timers);
            assert_eq!(known(&short), known(&long), "seed {seed}, step {at}");
        }
        for case in [&mut short, &mut long] {
            for _ in 0..6 {
                for pod in case.pods() {
                    let (part, body) = (Subresource::Status, json!({"status": {"phase": "Succeeded"}}));
                    let _ = case.server.patch(&case.request(), &pod, part, (PatchType::Merge, &body));
                }
                case.advance(30);
            }
        }
        let objects = |case: &Case| case.server.store().list(Kind::Pod, None).len();
        assert_eq!((short.status(), objects(&short)), (long.status(), objects(&long)), "seed {seed}");
        finished += usize::from(short.conditions().iter().any(|c| c == "Complete" || c == "Failed"));
    }
    assert!(finished > 12, "{finished} Jobs came to an end");
}
