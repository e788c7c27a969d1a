//! A law over random histories: what a sync remembers of the last one changes nothing but the time that it takes.
//!
//! Two clusters go through the same history, and in one of them nothing is remembered: each sync, write and timer has to
//! be the same in both.

use std::sync::Arc;
use std::time::Duration;

use seatrial_api::{Deployment, Kind, NamespacedName, Object, ObjectKey, Resource, Time};
use seatrial_apiserver::patch::PatchType;
use seatrial_apiserver::{ApiServer, ApiServerOptions, RequestInfo, Subresource};
use seatrial_machinery::{
    Client, Clock, Controller, DeleteOptions, EventContext, EventRecorder, Informers, Rng, SimTime, SyncContext,
    process_next_work_item,
};
use serde_json::{Value, json};

use super::DeploymentController;
use super::known::{Finding, KnownDeployments};
use crate::ReplicaSetController;

/// 2024-01-01T00:00:00Z
const START: Time = Time::from_unix(1_704_067_200);
const SEEDS: u64 = 16;
const STEPS: usize = 120;

struct Case {
    server: ApiServer,
    informers: Informers,
    recorder: EventRecorder,
    clock: Clock,
    deployments: DeploymentController,
    sets: ReplicaSetController,
    /// When, which controller, and what.
    timers: Vec<(SimTime, bool, NamespacedName)>,
    remembers: bool,
    trace: Vec<String>,
    /// How many syncs of Deployments were told that nothing is to be done, and how many that all is in order.
    found: (u64, u64),
}

impl Case {
    fn new(seed: u64, remembers: bool) -> Self {
        let mut server = ApiServer::new(ApiServerOptions { seed, ..ApiServerOptions::default() });
        server.bootstrap(&RequestInfo::new(START, "test")).expect("a new server has no namespaces");
        Self {
            server,
            informers: Informers::default(),
            recorder: EventRecorder::default(),
            clock: Clock::starting_at(START),
            deployments: DeploymentController::default(),
            sets: ReplicaSetController::default(),
            timers: Vec::new(),
            remembers,
            trace: Vec::new(),
            found: (0, 0),
        }
    }

    fn request(&self) -> RequestInfo<'static> {
        RequestInfo::new(self.clock.time(), "test")
    }

    fn log(&mut self, what: &str, result: Result<(), String>) {
        self.trace.push(format!("{what}: {result:?}"));
    }

    fn create(&mut self, kind: Kind, body: Value) {
        let created = self.server.create_json(&self.request(), kind, "default", &body.into());
        self.log("create", created.map(drop).map_err(|e| e.to_string()));
    }

    fn patch(&mut self, key: &ObjectKey, part: Subresource, body: &Value) {
        let patched = self.server.patch(&self.request(), key, part, (PatchType::Merge, body));
        self.log("patch", patched.map(drop).map_err(|e| e.to_string()));
    }

    fn delete(&mut self, key: &ObjectKey) {
        let options = DeleteOptions { grace_period_seconds: Some(0), ..DeleteOptions::default() };
        let deleted = self.server.delete(&self.request(), key, &options);
        self.log("delete", deleted.map(drop).map_err(|e| e.to_string()));
    }

    /// The keys of a kind's objects in their order.
    fn keys(&self, kind: Kind) -> Vec<ObjectKey> {
        self.server.store().list(kind, Some("default")).into_iter().map(Object::key).collect()
    }

    fn is_orphan(&self, key: &ObjectKey) -> bool {
        self.server.store().get(key).is_some_and(|object| object.meta().controller_of().is_none())
    }

    /// Delivers up to so many changes.
    fn deliver(&mut self, count: usize) {
        for _ in 0..count {
            let Some(delivery) = self.informers.deliver_next(self.server.store().log()) else { return };
            let cause = self.trace.len() as u64;
            let cx = EventContext { informers: &self.informers, clock: self.clock, cause };
            self.sets.handle(&cx, &delivery);
            self.deployments.handle(&cx, &delivery);
        }
    }

    /// What is known of each Deployment.
    fn findings(&self) -> Vec<(NamespacedName, Option<Finding>)> {
        let known = |deployment: &Arc<Deployment>| {
            let owned = self.informers.replica_sets_by_owner.owned_by(&deployment.meta.uid);
            (deployment.namespaced_name(), self.deployments.known.finding(deployment, owned))
        };
        self.informers.deployments.list(None).into_iter().map(known).collect()
    }

    /// Makes one sync of one of the controllers.
    fn sync(&mut self, of_sets: bool) -> bool {
        if !self.remembers {
            self.deployments.known = KnownDeployments::default();
        }
        let findings = self.findings();
        let client = Client::new(&mut self.server, &mut self.recorder, self.clock, "test");
        let mut cx = SyncContext::new(&self.informers, client);
        let synced = match of_sets {
            true => process_next_work_item(&mut self.sets, &mut cx),
            false => process_next_work_item(&mut self.deployments, &mut cx),
        };
        let timers = self.deployments.queue().take_timers().into_iter().map(|t| (t.due, false, t.key));
        self.timers.extend(timers.chain(self.sets.queue().take_timers().into_iter().map(|t| (t.due, true, t.key))));
        self.timers.sort();
        let version = self.server.store().resource_version();
        if let Some(synced) = &synced {
            match findings.iter().find(|(key, _)| !of_sets && *key == synced.key).and_then(|(_, finding)| *finding) {
                Some(Finding::Settled) => self.found.0 += 1,
                Some(Finding::InOrder { .. }) => self.found.1 += 1,
                None => {}
            }
            self.trace.push(format!("{of_sets} {synced:?} {version} {:?}", self.timers));
        }
        synced.is_some()
    }

    fn settle(&mut self) {
        for _ in 0..1_000 {
            self.deliver(usize::MAX);
            if !self.sync(true) && !self.sync(false) {
                return;
            }
        }
        panic!("the controllers do not come to rest");
    }

    fn advance(&mut self, time: Duration) {
        let end = self.clock.now() + time;
        while self.timers.first().is_some_and(|(due, ..)| *due <= end) {
            let (due, of_sets, key) = self.timers.remove(0);
            self.clock = self.clock.at(due.max(self.clock.now()));
            let queue = if of_sets { self.sets.queue() } else { self.deployments.queue() };
            queue.fire(&key, due, 0);
            self.settle();
        }
        self.clock = self.clock.at(end);
    }
}

fn pick(rng: &mut Rng, keys: &[ObjectKey]) -> Option<ObjectKey> {
    (!keys.is_empty()).then(|| keys[rng.below(keys.len() as u64) as usize].clone())
}

fn one_of(rng: &mut Rng, values: &[Value]) -> Value {
    values[rng.below(values.len() as u64) as usize].clone()
}

fn template(rng: &mut Rng, app: &str) -> Value {
    let image = format!("app:{}", rng.below(3));
    json!({"metadata": {"labels": {"app": app}}, "spec": {"containers": [{"name": "c", "image": image}]}})
}

fn deployment(rng: &mut Rng) -> Value {
    let name = format!("d{}", rng.below(2));
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": {
        "replicas": rng.below(5), "selector": {"matchLabels": {"app": name}}, "template": template(rng, &name),
        "strategy": one_of(rng, &[json!({}), json!({}), json!({}), json!({"type": "Recreate"}),
            json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": "50%"}})]),
        "revisionHistoryLimit": one_of(rng, &[json!(null), json!(0), json!(1)]),
        "minReadySeconds": one_of(rng, &[json!(0), json!(0), json!(3)]),
        "progressDeadlineSeconds": one_of(rng, &[json!(null), json!(10), json!(2_147_483_647)])}})
}

fn change_of_a_deployment(rng: &mut Rng, name: &str) -> Value {
    match rng.below(10) {
        0..3 => json!({"spec": {"replicas": rng.below(6)}}),
        3..6 => json!({"spec": {"template": template(rng, name)}}),
        6 => json!({"spec": {"paused": rng.below(2) == 0}}),
        7 => json!({"metadata": {"annotations": {"note": rng.below(3).to_string()}}}),
        8 => one_of(
            rng,
            &[
                json!({"spec": {"minReadySeconds": 2}}),
                json!({"spec": {"revisionHistoryLimit": 0}}),
                json!({"spec": {"progressDeadlineSeconds": 20}}),
                json!({"metadata": {"finalizers": ["a/b"]}}),
                json!({"metadata": {"annotations": {"deployment.kubernetes.io/revision": "7"}}}),
            ],
        ),
        _ => json!({"metadata": {"annotations": {"deprecated.deployment.rollback.to": "0"}}}),
    }
}

fn change_of_a_set(rng: &mut Rng) -> Value {
    one_of(
        rng,
        &[
            json!({"metadata": {"labels": {"app": "other"}}}),
            json!({"metadata": {"ownerReferences": null}}),
            json!({"metadata": {"annotations": {"deployment.kubernetes.io/desired-replicas": "9"}}}),
            json!({"metadata": {"annotations": {"deployment.kubernetes.io/revision": "5"}}}),
            json!({"metadata": {"annotations": {"deployment.kubernetes.io/revision": "x"}}}),
            json!({"metadata": {"finalizers": ["a/b"]}}),
            json!({"spec": {"replicas": 1}}),
            json!({"spec": {"minReadySeconds": 1}}),
        ],
    )
}

/// A status that somebody else writes.
fn status_of_a_deployment(rng: &mut Rng, now: Time) -> Value {
    let condition = |type_: &str, reason: &str| {
        json!({"type": type_, "status": "True", "reason": reason, "message": "m",
            "lastUpdateTime": now.to_string(), "lastTransitionTime": now.to_string()})
    };
    one_of(
        rng,
        &[
            json!({"status": {"conditions": []}}),
            json!({"status": {"replicas": 9, "updatedReplicas": 9}}),
            json!({"status": {"conditions": [condition("Progressing", "DeploymentPaused")]}}),
            json!({"status": {"conditions": [condition("ReplicaFailure", "FailedCreate"), condition("Progressing", "x")]}}),
        ],
    )
}

fn status_of_a_pod(rng: &mut Rng, now: Time) -> Value {
    let ready = one_of(rng, &[json!("True"), json!("True"), json!("True"), json!("False")]);
    let phase = one_of(rng, &[json!("Running"), json!("Running"), json!("Running"), json!("Failed")]);
    let conditions = [json!({"type": "Ready", "status": ready, "lastTransitionTime": now.to_string()})];
    json!({"status": {"phase": phase, "conditions": conditions}})
}

fn ready(now: Time) -> Value {
    let conditions = [json!({"type": "Ready", "status": "True", "lastTransitionTime": now.to_string()})];
    json!({"status": {"phase": "Running", "conditions": conditions}})
}

/// One step of a history: what it does depends on the generator and on what is there.
fn step(case: &mut Case, rng: &mut Rng) {
    match rng.below(30) {
        0..9 => change_a_workload(case, rng),
        9..19 => change_a_pod(case, rng),
        19..22 => case.deliver(rng.below(4) as usize),
        22..24 => drop(case.sync(rng.below(2) == 0)),
        24 => case.settle(),
        25..28 => {
            // Most pods become ready one after the other, as they do in a rollout.
            for key in case.keys(Kind::Pod).iter().filter(|_| rng.below(4) > 0) {
                let now = case.clock.time();
                case.patch(key, Subresource::Status, &ready(now));
                case.settle();
            }
        }
        28 => case.advance(Duration::from_millis(rng.below(4_000))),
        _ => case.advance(Duration::from_secs(rng.below(20))),
    }
}

fn change_a_workload(case: &mut Case, rng: &mut Rng) {
    let (deployments, sets) = (case.keys(Kind::Deployment), case.keys(Kind::ReplicaSet));
    // Sets that are nobody's go first: as long as there are any, nothing is remembered.
    let orphans: Vec<_> = sets.iter().filter(|key| case.is_orphan(key)).cloned().collect();
    let (what, now) = (rng.below(10), case.clock.time());
    let keys = match what {
        0 => return case.create(Kind::Deployment, deployment(rng)),
        1 if rng.below(4) > 0 && orphans.is_empty() => &sets,
        1 if !orphans.is_empty() => &orphans,
        2 => &sets,
        _ => &deployments,
    };
    let Some(key) = pick(rng, keys) else { return };
    match what {
        1 => case.delete(&key),
        2 => case.patch(&key, Subresource::Main, &change_of_a_set(rng)),
        3 | 4 => case.patch(&key, Subresource::Status, &status_of_a_deployment(rng, now)),
        _ => case.patch(&key, Subresource::Main, &change_of_a_deployment(rng, &key.name)),
    }
}

fn change_a_pod(case: &mut Case, rng: &mut Rng) {
    let (quota, now) = (ObjectKey::new(Kind::ResourceQuota, "default", "q"), case.clock.time());
    match rng.below(10) {
        0 => {
            let hard = json!({"pods": "3", "count/replicasets.apps": "2"});
            let body =
                json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"}, "spec": {"hard": hard}});
            case.create(Kind::ResourceQuota, body);
            let used = json!({"pods": "0", "count/replicasets.apps": "0"});
            return case.patch(&quota, Subresource::Status, &json!({"status": {"hard": hard, "used": used}}));
        }
        1 => return case.delete(&quota),
        _ => {}
    }
    let Some(key) = pick(rng, &case.keys(Kind::Pod)) else { return };
    match rng.below(10) {
        0 => case.patch(&key, Subresource::Main, &json!({"metadata": {"labels": {"app": "other"}}})),
        1 => case.delete(&key),
        _ => case.patch(&key, Subresource::Status, &status_of_a_pod(rng, now)),
    }
}

/// The objects of the kinds that matter.
fn objects(case: &Case) -> Vec<Value> {
    let kinds = [Kind::Deployment, Kind::ReplicaSet, Kind::Pod, Kind::Event];
    kinds.iter().flat_map(|kind| case.server.store().list(*kind, None)).map(Object::to_json).collect()
}

/// A Deployment `web` of two pods, scaled from one and rolled once, at rest; and its sets, the new one last.
fn rolled(remembers: bool) -> (Case, ObjectKey, [ObjectKey; 2]) {
    let mut case = Case::new(1, remembers);
    let template = |image: &str| json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": image}]}});
    let body = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {
        "replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "template": template("app:1")}});
    case.create(Kind::Deployment, body);
    let key = ObjectKey::new(Kind::Deployment, "default", "web");
    let mut sets = Vec::new();
    for spec in [json!({}), json!({"template": template("app:2")}), json!({"replicas": 2})] {
        case.patch(&key, Subresource::Main, &json!({"spec": spec}));
        for _ in 0..4 {
            case.settle();
            for pod in case.keys(Kind::Pod) {
                let now = case.clock.time();
                case.patch(&pod, Subresource::Status, &ready(now));
            }
        }
        case.settle();
        let more: Vec<_> = case.keys(Kind::ReplicaSet).into_iter().filter(|key| !sets.contains(key)).collect();
        sets.extend(more);
    }
    let [old, new] = <[ObjectKey; 2]>::try_from(sets).expect("a set for each image");
    (case, key, [old, new])
}

#[test]
fn what_matters_is_noticed_although_much_is_known() {
    type Change = fn(&mut Case, &ObjectKey, &[ObjectKey; 2]);
    let condition =
        r#"{"status": {"conditions": [{"type": "Progressing", "status": "Unknown", "reason": "DeploymentPaused"}]}}"#;
    assert!(serde_json::from_str::<Value>(condition).is_ok());
    // What is changed, and how many writes of the Deployment controller follow.
    let rows: [(&str, usize, Change); 8] = [
        ("nothing", 0, |_, _, _| {}),
        ("the new set's revision", 1, |case, _, [_, new]| {
            let revision = json!({"metadata": {"annotations": {"deployment.kubernetes.io/revision": "5"}}});
            case.patch(new, Subresource::Main, &revision);
        }),
        ("an annotation of the Deployment", 1, |case, key, _| {
            case.patch(key, Subresource::Main, &json!({"metadata": {"annotations": {"note": "x"}}}));
        }),
        ("the condition says that it is paused", 1, |case, key, _| {
            let now = case.clock.time().to_string();
            let paused = json!({"type": "Progressing", "status": "Unknown", "reason": "DeploymentPaused",
                "message": "m", "lastUpdateTime": now, "lastTransitionTime": now});
            case.patch(key, Subresource::Status, &json!({"status": {"conditions": [paused]}}));
        }),
        ("the conditions are gone", 1, |case, key, _| {
            case.patch(key, Subresource::Status, &json!({"status": {"conditions": []}}));
        }),
        ("the new set's size", 2, |case, _, [_, new]| {
            case.patch(new, Subresource::Main, &json!({"spec": {"replicas": 1}}));
        }),
        ("an old set wants pods, and was scaled for another size", 2, |case, _, [old, _]| {
            case.patch(old, Subresource::Main, &json!({"spec": {"replicas": 1}}));
        }),
        ("the new set's size, but the Deployment goes", 1, |case, key, [_, new]| {
            case.patch(key, Subresource::Main, &json!({"metadata": {"finalizers": ["a/b"]}}));
            case.settle();
            case.delete(key);
            case.patch(new, Subresource::Main, &json!({"spec": {"replicas": 1}}));
        }),
    ];
    for (what, writes, change) in rows {
        let [with, without] = [true, false].map(|remembers| {
            let (mut case, key, sets) = rolled(remembers);
            let known = case.findings().iter().all(|(_, finding)| *finding == Some(Finding::Settled));
            assert_eq!(known, remembers, "{what}");
            let before = case.trace.len();
            change(&mut case, &key, &sets);
            case.settle();
            let wrote = case.trace[before..].iter().filter(|t| t.starts_with("false") && t.contains("Wrote")).count();
            (wrote, case)
        });
        assert_eq!((&with.1.trace, objects(&with.1)), (&without.1.trace, objects(&without.1)), "{what}");
        assert_eq!(with.0, writes, "{what}");
    }
}

#[test]
fn what_is_remembered_changes_nothing() {
    let mut found = (0, 0);
    for seed in 0..SEEDS {
        let (mut with, mut without) = (Case::new(seed, true), Case::new(seed, false));
        for case in [&mut with, &mut without] {
            case.create(Kind::Deployment, deployment(&mut Rng::from_seed(seed)));
            case.settle();
        }
        let mut seen = 0;
        for at in 0..STEPS {
            for case in [&mut with, &mut without] {
                let mut rng = Rng::from_seed(seed).child_u64(at as u64);
                step(case, &mut rng);
            }
            assert_eq!(with.trace[seen..], without.trace[seen..], "seed {seed}, step {at}");
            seen = with.trace.len();
        }
        for case in [&mut with, &mut without] {
            case.settle();
            case.advance(Duration::from_secs(700));
        }
        assert_eq!((objects(&with), &with.trace), (objects(&without), &without.trace), "seed {seed}");
        found = (found.0 + with.found.0, found.1 + with.found.1);
    }
    assert!(found.0 > 3 * SEEDS && found.1 > 2 * SEEDS, "{found:?} syncs knew something");
}
