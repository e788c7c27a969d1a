//! What is kept of a set's pods is what counting them anew would give.

use std::collections::BTreeMap;
use std::sync::Arc;

use seatrial_api::{Pod, Resource, StatefulSet, Time};
use seatrial_machinery::Rng;
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

#[test]
fn of_a_place_that_is_as_it_should_be_only_the_status_is_looked_at() {
    let (owner, revision) = (set(3, 1), "db-1".into());
    let mut rng = Rng::from_seed(5);
    let mut kept = SetPods::new(&owner, std::iter::empty());
    kept.prepare(&owner, &revision);
    let made = pod(&mut rng, 1);
    let written = |rng: &mut Rng| Arc::new(Pod { status: pod(rng, 1).status.clone(), ..Pod::clone(&made) });
    kept.put(&made);
    kept.put(&written(&mut rng));
    assert!(due(&kept).contains(&1) && !kept.is_checked(1), "nobody has looked at it yet");
    kept.set_done(1);
    assert!(!due(&kept).contains(&1));
    kept.put(&written(&mut rng));
    assert!(due(&kept).contains(&1) && kept.is_checked(1));
    // A claim of it comes or goes.
    kept.note(1);
    assert!(due(&kept).contains(&1) && !kept.is_checked(1));
    kept.set_done(1);
    kept.put(&Arc::new(Pod { meta: pod(&mut rng, 1).meta.clone(), ..Pod::clone(&made) }));
    assert!(due(&kept).contains(&1) && !kept.is_checked(1), "other labels");
    kept.set_done(1);
    kept.put(&written(&mut rng));
    kept.prepare(&owner, &"db-2".into());
    assert!(!kept.is_checked(1), "another revision");
}
