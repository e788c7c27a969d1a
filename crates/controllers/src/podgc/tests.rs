//! Which pods that have ended go first.

use seatrial_api::{Kind, ObjectKey, Pod, Time};
use seatrial_apiserver::patch::PatchType;
use seatrial_apiserver::{ApiServer, ApiServerOptions, RequestInfo, Subresource};
use seatrial_machinery::{
    Client, Clock, Controller, EventContext, EventRecorder, Informers, SimTime, SyncContext, process_next_work_item,
};
use serde_json::{Value, json};

use super::PodGcController;

const START: Time = Time::from_unix(1_704_067_200);

fn names(server: &ApiServer) -> Vec<String> {
    server.store().list_as::<Pod>(None).iter().map(|p| p.meta.name.to_string()).collect()
}

/// A server with pods of (name, age in seconds, status), and the collector after one look at them.
fn collected(threshold: usize, pods: &[(&str, i64, Value)]) -> Vec<String> {
    let mut server = ApiServer::new(ApiServerOptions { seed: 1, service_accounts: false });
    server.bootstrap(&RequestInfo::new(START, "test")).expect("a new server has no namespaces");
    for (name, age, status) in pods {
        let request = RequestInfo::new(START.plus_seconds(-age), "test");
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
            "spec": {"nodeName": "n", "containers": [{"name": "c", "image": "app:1"}]}});
        server.create_json(&request, Kind::Pod, "default", &pod.into()).expect("a pod");
        let key = ObjectKey::new(Kind::Pod, "default", *name);
        let patch = json!({"status": status});
        server.patch(&request, &key, Subresource::Status, (PatchType::Merge, &patch)).expect("a status");
    }
    let (mut informers, mut recorder) = (Informers::default(), EventRecorder::default());
    let clock = Clock::starting_at(START);
    let mut gc = PodGcController::new(threshold);
    while let Some(delivery) = informers.deliver_next(server.store().log()) {
        gc.handle(&EventContext { informers: &informers, clock, cause: 0 }, &delivery);
    }
    let Some(timer) = gc.queue().take_timers().pop() else { return names(&server) };
    let client = Client::new(&mut server, &mut recorder, clock, PodGcController::NAME);
    gc.sync(&mut SyncContext::new(&informers, client), &timer.key).expect("a pass");
    names(&server)
}

#[test]
fn what_has_ended_goes_beyond_the_threshold_evicted_pods_first_then_the_oldest() {
    let ended = || json!({"phase": "Succeeded"});
    let evicted = || json!({"phase": "Failed", "reason": "Evicted"});
    let pods = [
        ("old", 100, ended()),
        ("young", 10, ended()),
        ("evicted", 1, evicted()),
        ("b", 50, ended()),
        ("a", 50, json!({"phase": "Failed"})),
        ("running", 500, json!({"phase": "Running"})),
    ];
    let rows: [(usize, &[&str]); 5] = [
        (5, &["a", "b", "evicted", "old", "running", "young"]),
        (4, &["a", "b", "old", "running", "young"]),
        (3, &["a", "b", "running", "young"]),
        (2, &["b", "running", "young"]),
        (1, &["running", "young"]),
    ];
    // The pods' node is not there either, but it was only just found missing.
    for (threshold, left) in rows {
        assert_eq!(collected(threshold, &pods), left, "threshold {threshold}");
    }
    assert_eq!(PodGcController::default().terminated_pod_threshold, 12_500);
}

/// Pods end one by one; those beyond the threshold are found without a look at the others, but for the first time.
#[test]
fn the_oldest_are_found_without_a_walk() {
    let mut server = ApiServer::new(ApiServerOptions { seed: 1, service_accounts: false });
    server.bootstrap(&RequestInfo::new(START, "test")).expect("a new server has no namespaces");
    let (mut informers, mut recorder) = (Informers::default(), EventRecorder::default());
    let mut gc = PodGcController::new(3);
    let mut walked = Vec::new();
    for number in 0..12_u64 {
        let clock = Clock::starting_at(START).at(SimTime::from_secs(20 * number));
        let (name, request) = (format!("pod-{number}"), RequestInfo::new(clock.time(), "test"));
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
            "spec": {"containers": [{"name": "c", "image": "app:1"}]}});
        server.create_json(&request, Kind::Pod, "default", &pod.into()).expect("a pod");
        // The last three are evicted: they go although they are the youngest.
        let reason = if number < 9 { "Done" } else { "Evicted" };
        let patch = json!({"status": {"phase": "Failed", "reason": reason}});
        let key = ObjectKey::new(Kind::Pod, "default", name);
        server.patch(&request, &key, Subresource::Status, (PatchType::Merge, &patch)).expect("a status");
        let before = informers.pods.walked();
        while let Some(delivery) = informers.deliver_next(server.store().log()) {
            gc.handle(&EventContext { informers: &informers, clock, cause: 0 }, &delivery);
        }
        for timer in gc.queue().take_timers() {
            gc.queue().fire(&timer.key, timer.due, 0);
            let client = Client::new(&mut server, &mut recorder, clock, PodGcController::NAME);
            process_next_work_item(&mut gc, &mut SyncContext::new(&informers, client)).expect("a pass");
        }
        walked.push(informers.pods.walked() - before);
    }
    assert_eq!(walked, [0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(names(&server), ["pod-6", "pod-7", "pod-8"]);
}

#[test]
fn a_pod_is_failed_in_one_turn_and_deleted_in_the_next() {
    let mut server = ApiServer::new(ApiServerOptions { seed: 1, service_accounts: false });
    server.bootstrap(&RequestInfo::new(START, "test")).expect("a new server has no namespaces");
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "lost"},
        "spec": {"nodeName": "gone", "containers": [{"name": "c", "image": "app:1"}]}});
    server.create_json(&RequestInfo::new(START, "test"), Kind::Pod, "default", &pod.into()).expect("a pod");
    let (mut informers, mut recorder) = (Informers::default(), EventRecorder::default());
    let (mut gc, mut phases) = (PodGcController::default(), Vec::new());
    // The first look misses the node; after 40 s the pod goes.
    for (seconds, turns) in [(0, 1), (20, 1), (40, 2)] {
        let clock = Clock::starting_at(START).at(SimTime::from_secs(seconds));
        for turn in 0..turns {
            while let Some(delivery) = informers.deliver_next(server.store().log()) {
                gc.handle(&EventContext { informers: &informers, clock, cause: 0 }, &delivery);
            }
            if turn == 0 {
                let timer = gc.queue().take_timers().pop().expect("a time to look");
                gc.queue().fire(&timer.key, SimTime::from_secs(1000), 0);
            }
            let client = Client::new(&mut server, &mut recorder, clock, PodGcController::NAME);
            let synced = process_next_work_item(&mut gc, &mut SyncContext::new(&informers, client));
            assert!(synced.is_some(), "{seconds} s, turn {turn}");
            let found = server.get::<Pod>("default", "lost").ok();
            phases.push(found.map(|pod| pod.status.phase.as_str()));
        }
    }
    assert_eq!(phases, [Some("Pending"), Some("Pending"), Some("Failed"), None]);
}
