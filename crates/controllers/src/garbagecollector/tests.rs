//! Ownership from the outside: objects in, what is left out.

use std::time::Duration;

use seatrial_api::{Kind, ObjectKey, Uid};
use seatrial_apiserver::Subresource;
use seatrial_machinery::Propagation;
use serde_json::{Value, json};

use crate::fixture::{Fixture, blocking, owner};

fn map(name: &str) -> ObjectKey {
    ObjectKey::new(Kind::ConfigMap, "default", name)
}

fn by_map(name: &str, uid: &Uid) -> Value {
    owner("v1", "ConfigMap", name, uid)
}

fn ghost(n: u8) -> Uid {
    Uid::parse(&format!("00000000-0000-4000-8000-0000000000{n:02}"))
}

fn maps(fixture: &Fixture) -> String {
    fixture.names(Kind::ConfigMap, "default").join(" ")
}

fn owners(fixture: &Fixture, key: &ObjectKey) -> String {
    let object = fixture.get(key).expect("the object");
    object.meta().owner_references.iter().map(|r| r.name.to_string()).collect::<Vec<_>>().join(" ")
}

#[test]
fn background_deletes_what_no_owner_holds() {
    let mut f = Fixture::new();
    let a = f.config_map("a", json!([]));
    let b = f.config_map("b", json!([by_map("a", &a)]));
    f.config_map("c", json!([by_map("b", &b)]));
    f.config_map("kept", json!([]));
    f.settle();
    assert_eq!(maps(&f), "a b c kept");
    f.delete(&map("a"), Propagation::Background);
    f.settle();
    assert_eq!((maps(&f).as_str(), f.timer_count()), ("kept", 0));
    assert_eq!(
        f.gc.graph.node_count(),
        8,
        "four namespaces, two priority classes, the Service of the API server and a ConfigMap"
    );
}

#[test]
fn a_solid_owner_keeps_the_object_and_loses_its_dead_fellow() {
    let mut f = Fixture::new();
    let a = f.config_map("a", json!([]));
    let b = f.config_map("b", json!([]));
    f.config_map("c", json!([by_map("a", &a), by_map("b", &b)]));
    f.settle();
    f.delete(&map("a"), Propagation::Background);
    f.settle();
    assert_eq!((maps(&f).as_str(), owners(&f, &map("c")).as_str()), ("b c", "b"));
    f.delete(&map("b"), Propagation::Background);
    f.settle();
    assert_eq!(maps(&f), "");
}

#[test]
fn orphaning_strips_the_references_and_then_lets_the_owner_go() {
    let mut f = Fixture::new();
    let a = f.config_map("a", json!([]));
    f.config_map("b", json!([by_map("a", &a)]));
    f.pod("default", "p", json!([by_map("a", &a)]));
    f.settle();
    f.delete(&map("a"), Propagation::Orphan);
    assert_eq!(maps(&f), "a b");
    f.settle();
    let pod = ObjectKey::new(Kind::Pod, "default", "p");
    assert_eq!([maps(&f), owners(&f, &map("b")), owners(&f, &pod)], ["b", "", ""]);
}

#[test]
fn foreground_waits_for_dependents_that_block() {
    let mut f = Fixture::new();
    let a = f.config_map("a", json!([]));
    f.create(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "blocks",
        "finalizers": ["example.com/hold"], "ownerReferences": [blocking("v1", "ConfigMap", "a", &a)]}}));
    f.create(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "free",
        "finalizers": ["example.com/hold"], "ownerReferences": [by_map("a", &a)]}}));
    f.config_map("gone", json!([blocking("v1", "ConfigMap", "a", &a)]));
    f.settle();
    f.delete(&map("a"), Propagation::Foreground);
    f.settle();
    assert_eq!(maps(&f), "a blocks free");
    f.patch(&map("blocks"), Subresource::Main, &json!({"metadata": {"finalizers": null}}));
    f.settle();
    assert_eq!(maps(&f), "free");
    assert!(f.get(&map("free")).is_some_and(|o| o.meta().is_deleting()));
}

#[test]
fn a_reference_that_no_longer_blocks_lets_the_owner_go() {
    let mut f = Fixture::new();
    let a = f.config_map("a", json!([]));
    f.create(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "b",
        "finalizers": ["example.com/hold"], "ownerReferences": [blocking("v1", "ConfigMap", "a", &a)]}}));
    f.settle();
    f.delete(&map("a"), Propagation::Foreground);
    f.settle();
    assert_eq!(maps(&f), "a b");
    f.patch(&map("b"), Subresource::Main, &json!({"metadata": {"ownerReferences": [by_map("a", &a)]}}));
    f.settle();
    assert_eq!(maps(&f), "b");
}

#[test]
fn foreground_reaches_dependents_of_dependents_first() {
    let mut f = Fixture::new();
    let a = f.config_map("a", json!([]));
    let b = f.config_map("b", json!([blocking("v1", "ConfigMap", "a", &a)]));
    f.pod("default", "p", json!([blocking("v1", "ConfigMap", "b", &b)]));
    f.bind("default", "p");
    f.settle();
    f.delete(&map("a"), Propagation::Foreground);
    f.settle();
    assert_eq!((maps(&f).as_str(), f.names(Kind::Pod, "default").len()), ("a b", 1));
    f.kill("default", "p");
    f.settle();
    assert_eq!((maps(&f).as_str(), f.names(Kind::Pod, "default").len()), ("", 0));
}

#[test]
fn a_circle_of_blocking_owners_is_broken() {
    let mut f = Fixture::new();
    let a = f.config_map("a", json!([]));
    let b = f.config_map("b", json!([blocking("v1", "ConfigMap", "a", &a)]));
    let patch = json!({"metadata": {"ownerReferences": [blocking("v1", "ConfigMap", "b", &b)]}});
    f.patch(&map("a"), Subresource::Main, &patch);
    f.settle();
    f.delete(&map("a"), Propagation::Foreground);
    f.advance(Duration::from_secs(1));
    assert_eq!((maps(&f).as_str(), f.timer_count()), ("", 0));
}

#[test]
fn absent_owners_and_other_uids_hold_nothing() {
    let mut f = Fixture::new();
    f.config_map("real", json!([]));
    f.config_map("a", json!([owner("apps/v1", "Deployment", "ghost", &ghost(1))]));
    f.config_map("b", json!([owner("apps/v1", "Deployment", "ghost", &ghost(1)), by_map("other", &ghost(2))]));
    f.config_map("c", json!([by_map("real", &ghost(3))]));
    f.config_map("d", json!([owner("example.com/v1", "Gadget", "g", &ghost(4))]));
    f.config_map("e", json!([owner("example.com/v1", "Gadget", "g", &ghost(4)), by_map("other", &ghost(2))]));
    f.pod("default", "p", json!([owner("apps/v1", "ReplicaSet", "none", &ghost(5))]));
    f.settle();
    assert_eq!((maps(&f).as_str(), f.names(Kind::Pod, "default").len(), f.timer_count()), ("d e real", 0, 0));
}

#[test]
fn a_pod_that_nobody_owned_can_be_an_owner() {
    let mut f = Fixture::new();
    let pod = f.pod("default", "p", json!([]));
    f.settle();
    let nodes = f.gc.graph.node_count();
    f.config_map("a", json!([owner("v1", "Pod", "p", &pod)]));
    f.settle();
    assert_eq!((maps(&f).as_str(), f.gc.graph.node_count() - nodes), ("a", 2));
    f.kill("default", "p");
    f.settle();
    assert_eq!((maps(&f).as_str(), nodes - f.gc.graph.node_count()), ("", 0));
}

#[test]
fn an_owner_in_another_namespace_is_absent_and_told_of() {
    let mut f = Fixture::new();
    f.namespace("other");
    let a = f.config_map("a", json!([]));
    f.settle();
    f.create(json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "b", "namespace": "other", "ownerReferences": [by_map("a", &a)]}}));
    f.config_map("mine", json!([by_map("a", &a)]));
    f.settle();
    assert_eq!((maps(&f).as_str(), f.names(Kind::ConfigMap, "other").len()), ("a mine", 0));
    let events = f.server.store().list(Kind::Event, Some("other"));
    let texts: Vec<String> = events
        .into_iter()
        .map(|e| e.to_json())
        .map(|e| format!("{} {} {} {}", e["type"], e["reason"], e["involvedObject"]["name"], e["message"]))
        .collect();
    let message =
        format!("ownerRef [v1/ConfigMap, namespace: other, name: a, uid: {a}] does not exist in namespace \"other\"");
    assert_eq!(
        texts,
        [format!("{} {} {} {}", json!("Warning"), json!("OwnerRefInvalidNamespace"), json!("b"), json!(message))]
    );
}

#[test]
fn a_dependent_before_its_owner_in_another_namespace_is_told_of_too() {
    let mut f = Fixture::new();
    f.namespace("other");
    f.settle();
    let a = f.config_map("a", json!([]));
    // The owner is heard of after the dependent: its delivery is what finds the mismatch.
    f.create(json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "b", "namespace": "other", "ownerReferences": [by_map("a", &a)]}}));
    f.settle();
    assert_eq!((maps(&f).as_str(), f.names(Kind::ConfigMap, "other").len()), ("a", 0));
    assert_eq!(f.names(Kind::Event, "other").len(), 1);
}

#[test]
fn a_cluster_scoped_dependent_of_a_namespaced_owner_stays() {
    let mut f = Fixture::new();
    f.create(json!({"apiVersion": "v1", "kind": "Node",
        "metadata": {"name": "n", "ownerReferences": [by_map("a", &ghost(1))]}}));
    f.settle();
    assert!(f.get(&ObjectKey::new(Kind::Node, "", "n")).is_some());
    assert_eq!(f.timer_count(), 0);
}

#[test]
fn dependents_that_name_one_uid_by_different_names_all_go() {
    let mut f = Fixture::new();
    f.config_map("a", json!([by_map("one", &ghost(1))]));
    f.config_map("b", json!([by_map("two", &ghost(1))]));
    f.advance(Duration::from_secs(1));
    assert_eq!((maps(&f).as_str(), f.timer_count()), ("", 0));
}

#[test]
fn a_dependent_of_an_owner_that_went_before_is_deleted() {
    let mut f = Fixture::new();
    let a = f.config_map("a", json!([]));
    f.settle();
    f.delete(&map("a"), Propagation::Background);
    f.settle();
    f.config_map("late", json!([by_map("a", &a)]));
    f.settle();
    assert_eq!(maps(&f), "");
}

#[test]
fn the_finalizer_of_an_object_decides_how_it_is_collected() {
    let mut f = Fixture::new();
    let a = f.config_map("a", json!([]));
    let b = f.create(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "b",
        "finalizers": ["orphan"], "ownerReferences": [by_map("a", &a)]}}));
    f.config_map("c", json!([by_map("b", &b)]));
    f.settle();
    f.delete(&map("a"), Propagation::Background);
    f.settle();
    assert_eq!((maps(&f).as_str(), owners(&f, &map("c")).as_str()), ("c", ""));
}

#[test]
fn a_thousand_dependents_leave_no_nodes_behind() {
    let mut f = Fixture::new();
    let a = f.config_map("a", json!([]));
    f.settle();
    let nodes = f.gc.graph.node_count();
    for n in 0..1000 {
        f.pod("default", &format!("p{n}"), json!([blocking("v1", "ConfigMap", "a", &a)]));
    }
    f.settle();
    assert_eq!(f.gc.graph.node_count() - nodes, 1000);
    for n in 0..900 {
        f.kill("default", &format!("p{n}"));
    }
    f.settle();
    assert!(f.gc.graph.node_count() - nodes <= 200, "{}", f.gc.graph.node_count());
    f.delete(&map("a"), Propagation::Foreground);
    f.settle();
    assert_eq!((maps(&f).as_str(), f.names(Kind::Pod, "default").len()), ("", 0));
    assert_eq!(nodes - f.gc.graph.node_count(), 1);
}

#[test]
fn a_claim_that_is_nobody_s_has_a_node_once_it_is_an_owner() {
    for propagation in [Propagation::Background, Propagation::Foreground, Propagation::Orphan] {
        let mut f = Fixture::new();
        f.settle();
        let nodes = f.gc.graph.node_count();
        let claim = f.create(json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}));
        f.settle();
        assert_eq!(f.gc.graph.node_count(), nodes);
        f.config_map("of-claim", json!([blocking("v1", "PersistentVolumeClaim", "data", &claim)]));
        f.settle();
        assert_eq!((f.gc.graph.node_count() - nodes, maps(&f).as_str()), (2, "of-claim"), "the owner is there");
        let key = ObjectKey::new(Kind::PersistentVolumeClaim, "default", "data");
        f.delete(&key, propagation);
        f.settle();
        let left = if propagation == Propagation::Orphan { "of-claim" } else { "" };
        assert_eq!(maps(&f), left, "{propagation:?}");
    }
}
