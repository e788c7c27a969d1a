//! What is kept of a set's pods is what counting them anew would give.

use std::collections::BTreeMap;
use std::sync::Arc;

use seatrial_api::{ControllerRevision, Pod, Resource, StatefulSet, Time};
use seatrial_machinery::{Informers, Rng};
use serde_json::{Value, json};

use super::SetPods;
use crate::statefulset::utils::{is_running_and_available, is_running_and_ready, pod_revision};

fn typed<R: Resource>(value: Value) -> R {
    R::from_api_object(serde_json::from_value(value).expect("valid")).expect("valid")
}

fn set(replicas: i32, generation: i64) -> StatefulSet {
    typed(json!({"metadata": {"name": "db", "namespace": "default", "uid": "u", "generation": generation},
        "spec": {"replicas": replicas, "minReadySeconds": 10, "serviceName": "", "selector": {"matchLabels": {"app": "db"}},
            "template": {"metadata": {"labels": {"app": "db"}}, "spec": {"containers": []}}}}))
}

fn pod(rng: &mut Rng, ordinal: i32) -> Arc<Pod> {
    let revision = ["db-1", "db-2", "db-3"][rng.below(3) as usize];
    let app = if rng.below(8) == 0 { "other" } else { "db" };
    let deleting = (rng.below(4) == 0).then_some("2024-01-01T00:01:00Z");
    let phase = ["Pending", "Running", "Running", "Failed"][rng.below(4) as usize];
    let since = format!("2024-01-01T00:00:{:02}Z", rng.below(60));
    let ready = if rng.below(3) > 0 { "True" } else { "False" };
    Arc::new(typed(json!({
        "metadata": {"name": format!("db-{ordinal}"), "namespace": "default", "uid": format!("p-{ordinal}"),
            "deletionTimestamp": deleting, "labels": {"app": app, "controller-revision-hash": revision}},
        "spec": {"containers": []},
        "status": {"phase": phase, "conditions": [{"type": "Ready", "status": ready, "lastTransitionTime": since}]}})))
}

/// Everything that a sync asks, against pods counted one by one.
fn check(kept: &SetPods, all: &BTreeMap<i32, Arc<Pod>>, set: &StatefulSet, replicas: i32, now: Time) {
    let members: Vec<(&i32, &Arc<Pod>)> = all.iter().filter(|(_, p)| p.meta.labels.get("app") == Some("db")).collect();
    let count = |holds: &dyn Fn(&Pod) -> bool| members.iter().filter(|(_, p)| holds(p)).count() as i32;
    let available = count(&|p| is_running_and_available(p, 10, now) && is_running_and_ready(p));
    assert_eq!(kept.counts(set, now), (members.len() as i32, count(&is_running_and_ready), available));
    for revision in ["db-1", "db-2", "db-3"] {
        let living = count(&|p| pod_revision(p) == revision && !p.meta.is_deleting());
        assert_eq!(kept.living_of(revision), living, "{revision}");
    }
    let mut outside = members.iter().filter(|(ordinal, _)| **ordinal >= replicas).map(|(_, p)| p.meta.name.clone());
    assert_eq!(kept.last_condemned().map(|p| p.meta.name.clone()), outside.next_back());
    let unmatched = all.values().filter(|p| p.meta.labels.get("app") != Some("db")).count();
    assert_eq!(kept.unmatched().count(), unmatched);
    let outdated = members.iter().rev().find(|(o, p)| **o < replicas && pod_revision(p) != "db-2").map(|(o, _)| **o);
    let is_outdated = |o: i32| o < replicas && members.iter().any(|(p, pod)| **p == o && pod_revision(pod) != "db-2");
    assert!((0..9).all(|ordinal| kept.is_outdated(ordinal) == is_outdated(ordinal)));
    let highest = kept.next_to_roll(0, replicas - 1);
    assert!(outdated.is_none() || highest >= outdated, "an outdated pod is not passed over");
}

#[test]
fn random_histories_come_to_what_counting_anew_gives() {
    let mut rng = Rng::from_seed(11);
    let now = Time::parse("2024-01-01T00:01:00Z").expect("a time");
    for round in 0..40 {
        let mut all: BTreeMap<i32, Arc<Pod>> = BTreeMap::new();
        let (mut replicas, mut generation) = (5, 1);
        let mut owner = set(replicas, generation);
        let mut kept = SetPods::new(&owner, std::iter::empty());
        for _ in 0..60 {
            let ordinal = rng.below(9) as i32;
            match rng.below(8) {
                0 => {
                    (replicas, generation) = (rng.below(8) as i32, generation + 1);
                    owner = set(replicas, generation);
                }
                1 | 2 => {
                    if let Some(gone) = all.remove(&ordinal) {
                        kept.remove(&gone);
                    }
                }
                _ => {
                    let mut pod = pod(&mut rng, ordinal);
                    // Now and then only the status is written.
                    if let Some(old) = all.get(&ordinal).filter(|_| rng.below(2) == 0) {
                        pod = Arc::new(Pod { status: pod.status.clone(), ..Pod::clone(old) });
                    }
                    kept.put(&pod);
                    all.insert(ordinal, pod);
                }
            }
            kept.prepare(&owner, &"db-2".into());
            check(&kept, &all, &owner, replicas, now);
        }
        let again = SetPods::new(&owner, all.values());
        assert_eq!(again.counts(&owner, now), kept.counts(&owner, now), "{round}");
    }
}

/// The ordinals to look at.
fn due(kept: &SetPods) -> Vec<i32> {
    let mut all = Vec::new();
    while let Some(next) = kept.next_due(all.last().map_or(i32::MIN, |last| last + 1)) {
        all.push(next);
    }
    all
}

fn done(kept: &mut SetPods) {
    due(kept).into_iter().for_each(|ordinal| kept.set_done(ordinal));
}

#[test]
fn only_what_something_happened_to_is_looked_at_again() {
    let (owner, revision) = (set(3, 1), "db-1".into());
    let mut rng = Rng::from_seed(3);
    let mut kept = SetPods::new(&owner, std::iter::empty());
    kept.prepare(&owner, &revision);
    assert_eq!(due(&kept), [0, 1, 2], "places without a pod are looked at");
    done(&mut kept);
    kept.prepare(&owner, &revision);
    assert!(due(&kept).is_empty(), "the same set and revision");
    kept.put(&pod(&mut rng, 1));
    assert_eq!(due(&kept), [1]);
    done(&mut kept);
    kept.prepare(&owner, &"db-2".into());
    assert_eq!(due(&kept).len(), 3, "another revision concerns every place");
}

/// A pod with another status: its phase, and since which second it has been ready.
fn with_status(pod: &Pod, phase: &str, ready_since: Option<u32>) -> Arc<Pod> {
    let (ready, since) = (if ready_since.is_some() { "True" } else { "False" }, ready_since.unwrap_or_default());
    let since = format!("2024-01-01T00:00:{since:02}Z");
    let status = json!({"metadata": {"name": "x"}, "spec": {"containers": []},
        "status": {"phase": phase, "conditions": [{"type": "Ready", "status": ready, "lastTransitionTime": since}]}});
    Arc::new(Pod { status: typed::<Pod>(status).status.clone(), ..pod.clone() })
}

#[test]
fn of_a_place_that_is_as_it_should_be_only_the_status_is_looked_at() {
    let (owner, revision) = (set(3, 1), "db-1".into());
    let mut rng = Rng::from_seed(5);
    let mut kept = SetPods::new(&owner, std::iter::empty());
    kept.prepare(&owner, &revision);
    let made = with_status(&pod(&mut rng, 1), "Pending", None);
    let (ready, later) = (with_status(&made, "Running", Some(7)), with_status(&made, "Running", Some(9)));
    kept.put(&made);
    kept.put(&ready);
    assert!(due(&kept).contains(&1) && !kept.is_checked(1), "nobody has looked at it yet");
    kept.set_done(1);
    assert!(!due(&kept).contains(&1));
    kept.put(&later);
    assert!(due(&kept).contains(&1) && kept.is_checked(1));
    // A claim of it comes or goes.
    kept.note(1);
    assert!(due(&kept).contains(&1) && !kept.is_checked(1));
    kept.set_done(1);
    kept.put(&Arc::new(Pod { meta: pod(&mut rng, 1).meta.clone(), ..Pod::clone(&made) }));
    assert!(due(&kept).contains(&1) && !kept.is_checked(1), "other labels");
    kept.set_done(1);
    kept.put(&ready);
    kept.prepare(&owner, &"db-2".into());
    assert!(!kept.is_checked(1), "another revision");
}

#[test]
fn of_a_pod_that_was_only_just_made_only_the_status_is_looked_at() {
    let (owner, revision) = (set(3, 1), "db-1".into());
    let mut rng = Rng::from_seed(5);
    let made = |rng: &mut Rng, labels: [(&str, &str); 2]| {
        let mut pod = Pod::clone(&pod(rng, 1));
        pod.meta.labels = labels.into_iter().collect();
        Arc::new(pod)
    };
    let selected = [("app", "db"), ("controller-revision-hash", "db-1")];
    // What happens before the pod is heard of, as what it comes, and whether it is known to be as it should be.
    type Row = (&'static str, fn(&mut SetPods), [(&'static str, &'static str); 2], bool);
    let rows: [Row; 4] = [
        ("nothing", |_| {}, selected, true),
        ("the set changes", |kept| kept.prepare(&set(2, 2), &"db-1".into()), selected, false),
        ("the revision changes", |kept| kept.prepare(&set(3, 1), &"db-2".into()), selected, false),
        ("it is not selected", |_| {}, [("app", "other"), ("controller-revision-hash", "db-1")], false),
    ];
    for (what, before, labels, is_checked) in rows {
        let mut kept = SetPods::new(&owner, std::iter::empty());
        kept.prepare(&owner, &revision);
        kept.set_made(1);
        before(&mut kept);
        let pod = made(&mut rng, labels);
        kept.put(&pod);
        assert!(due(&kept).contains(&1) && kept.is_checked(1) == is_checked, "{what}");
        // A claim of it goes, or it comes anew.
        kept.note(1);
        assert!(due(&kept).contains(&1) && !kept.is_checked(1), "{what}");
        kept.remove(&pod);
        kept.put(&made(&mut rng, selected));
        assert!(!kept.is_checked(1), "{what}");
    }
}

#[test]
fn a_status_that_no_sync_asks_for_leaves_a_set_at_rest() {
    let revision: Arc<ControllerRevision> = Arc::new(typed(json!({"metadata": {"name": "db-1"}, "revision": 1})));
    let with = |policy: &str, min_ready_seconds: i32| {
        let mut owner = set(2, 1);
        let spec = owner.body.spec.as_mut().expect("it has one");
        (spec.pod_management_policy, spec.min_ready_seconds) = (Some(policy.to_owned()), Some(min_ready_seconds));
        Arc::new(owner)
    };
    let mut rng = Rng::from_seed(5);
    let made: Vec<Arc<Pod>> = [0, 1].iter().map(|o| with_status(&pod(&mut rng, *o), "Pending", None)).collect();
    let made: Vec<Arc<Pod>> = made
        .iter()
        .map(|pod| {
            let mut pod = Pod::clone(pod);
            pod.meta.labels = [("app", "db"), ("controller-revision-hash", "db-1")].into_iter().collect();
            pod.meta.deletion = None;
            Arc::new(pod)
        })
        .collect();
    let rested = |owner: &Arc<StatefulSet>| {
        let mut kept = SetPods::new(owner, made.iter());
        kept.prepare(owner, &revision.meta.name);
        kept.set_at_rest(Arc::clone(owner), &revision);
        assert!(kept.rest.is_none(), "places are to be looked at");
        done(&mut kept);
        kept.set_at_rest(Arc::clone(owner), &revision);
        kept
    };
    assert!(rested(&with("OrderedReady", 0)).rest.is_none(), "it waits for its first pod");
    assert!(rested(&with("Parallel", 5)).rest.is_none(), "pods become available with time");
    let owner = with("Parallel", 0);
    let pending = with_status(&made[1], "Pending", None);
    // What becomes of the pod in the second place, and whether the set is at rest and the place is left alone.
    let rows = [
        ("the same", pending, true),
        ("it runs", with_status(&made[1], "Running", None), true),
        ("it is ready", with_status(&made[1], "Running", Some(3)), false),
        ("it has failed", with_status(&made[1], "Failed", None), false),
    ];
    for (what, new, is_left) in rows {
        let mut kept = rested(&owner);
        assert!(kept.rest.is_some());
        kept.put(&new);
        assert_eq!((kept.rest.is_some(), due(&kept).is_empty()), (is_left, is_left), "{what}");
    }
    type Change = fn(&mut SetPods, &Arc<Pod>);
    let changes: [(&str, Change); 3] = [
        ("a claim comes or goes", |kept, _| kept.note(0)),
        ("a pod goes", |kept, pod| kept.remove(pod)),
        ("a pod is of another revision", |kept, pod| {
            let mut pod = Pod::clone(pod);
            pod.meta.labels.insert("controller-revision-hash", "db-2");
            kept.put(&Arc::new(pod));
        }),
    ];
    for (what, change) in changes {
        let mut kept = rested(&owner);
        change(&mut kept, &made[0]);
        assert!(kept.rest.is_none(), "{what}");
    }
    // There is no revision in the caches yet, so that a sync has something to do whatever is known of the pods.
    assert!(!rested(&owner).is_at_rest(&owner, &Informers::default()));
}
