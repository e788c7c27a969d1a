//! A namespace's deletion, second by second.

use std::time::Duration;

use expect_test::{Expect, expect};
use seatrial_api::{Kind, ObjectKey};
use seatrial_apiserver::Subresource;
use seatrial_machinery::Propagation;
use serde_json::json;

use crate::fixture::Fixture;

const FINE: &str = "\
NamespaceDeletionDiscoveryFailure False ResourcesDiscovered: All resources successfully discovered
NamespaceDeletionGroupVersionParsingFailure False ParsedGroupVersions: All legacy kube types successfully parsed
NamespaceDeletionContentFailure False ContentDeleted: All content successfully deleted, may be waiting on finalization
NamespaceContentRemaining False ContentRemoved: All content successfully removed
NamespaceFinalizersRemaining False ContentHasNoFinalizers: All content-preserving finalizers finished
";

fn ns() -> ObjectKey {
    ObjectKey::new(Kind::Namespace, "", "team")
}

fn deleting(fixture: &mut Fixture) {
    fixture.settle();
    fixture.delete(&ns(), Propagation::Background);
    fixture.settle();
}

fn check_conditions(fixture: &Fixture, expected: &Expect) {
    expected.assert_eq(&fixture.conditions("team"));
}

fn config_map(fixture: &mut Fixture, name: &str, finalizers: serde_json::Value) {
    fixture.create(json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "team", "finalizers": finalizers}}));
}

#[test]
fn content_survives_five_seconds_and_then_goes_with_the_namespace() {
    let mut f = Fixture::new();
    f.namespace("team");
    config_map(&mut f, "a", json!([]));
    deleting(&mut f);
    f.advance(Duration::from_millis(4_999));
    assert_eq!((f.names(Kind::ConfigMap, "team").len(), f.conditions("team").as_str()), (1, ""));
    f.advance(Duration::from_millis(1));
    assert_eq!((f.names(Kind::ConfigMap, "team").len(), f.get(&ns()).is_some()), (0, false));
}

#[test]
fn pods_go_first_and_all_conditions_read_fine_meanwhile() {
    let mut f = Fixture::new();
    f.namespace("team");
    config_map(&mut f, "a", json!([]));
    f.pod("team", "p", json!([]));
    f.bind("team", "p");
    deleting(&mut f);
    f.advance(Duration::from_secs(5));
    assert_eq!((f.names(Kind::ConfigMap, "team").len(), f.conditions("team").as_str()), (1, FINE));
    f.kill("team", "p");
    // The controller's own status write wakes it five seconds after the first pass.
    f.advance(Duration::from_secs(4));
    assert!(f.get(&ns()).is_some());
    f.advance(Duration::from_secs(1));
    assert_eq!((f.get(&ns()).is_some(), f.now()), (false, Duration::from_secs(10)));
}

#[test]
fn pods_that_outlive_their_grace_period_are_an_error() {
    let mut f = Fixture::new();
    f.namespace("team");
    f.pod("team", "p", json!([]));
    f.bind("team", "p");
    deleting(&mut f);
    // Passes at 5 s, at 10 s for the status write, and at 26 s and 42 s for half of the grace period and one second.
    f.advance(Duration::from_secs(41));
    assert_eq!(f.conditions("team"), FINE);
    f.advance(Duration::from_secs(1));
    check_conditions(
        &f,
        &expect![[r#"
            NamespaceDeletionDiscoveryFailure False ResourcesDiscovered: All resources successfully discovered
            NamespaceDeletionGroupVersionParsingFailure False ParsedGroupVersions: All legacy kube types successfully parsed
            NamespaceDeletionContentFailure True ContentDeletionFailed: Failed to delete all resource types, 1 remaining: unexpected items still remain in namespace: team for gvr: /v1, Resource=pods
            NamespaceContentRemaining False ContentRemoved: All content successfully removed
            NamespaceFinalizersRemaining False ContentHasNoFinalizers: All content-preserving finalizers finished
        "#]],
    );
}

#[test]
fn content_with_finalizers_is_counted_and_waited_for() {
    let mut f = Fixture::new();
    f.namespace("team");
    config_map(&mut f, "a", json!(["example.com/hold"]));
    config_map(&mut f, "b", json!(["example.com/hold", "example.com/too"]));
    f.create(json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"name": "l", "namespace": "team", "finalizers": ["example.com/hold"]}, "spec": {}}));
    deleting(&mut f);
    f.advance(Duration::from_secs(5));
    check_conditions(
        &f,
        &expect![[r#"
            NamespaceDeletionDiscoveryFailure False ResourcesDiscovered: All resources successfully discovered
            NamespaceDeletionGroupVersionParsingFailure False ParsedGroupVersions: All legacy kube types successfully parsed
            NamespaceDeletionContentFailure False ContentDeleted: All content successfully deleted, may be waiting on finalization
            NamespaceContentRemaining True SomeResourcesRemain: Some resources are remaining: configmaps. has 2 resource instances, leases.coordination.k8s.io has 1 resource instances
            NamespaceFinalizersRemaining True SomeFinalizersRemain: Some content in the namespace has finalizers remaining: example.com/hold in 3 resource instances, example.com/too in 1 resource instances
        "#]],
    );
    for (kind, name) in [(Kind::ConfigMap, "a"), (Kind::ConfigMap, "b"), (Kind::Lease, "l")] {
        let key = ObjectKey::new(kind, "team", name);
        f.patch(&key, Subresource::Main, &json!({"metadata": {"finalizers": null}}));
    }
    f.advance(Duration::from_secs(5));
    assert!(f.get(&ns()).is_none());
}

#[test]
fn a_namespace_with_another_finalizer_loses_only_the_controllers() {
    let mut f = Fixture::new();
    f.create(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team"},
        "spec": {"finalizers": ["kubernetes", "example.com/hold"]}}));
    deleting(&mut f);
    f.advance(Duration::from_secs(30));
    let namespace = f.server.get::<seatrial_api::Namespace>("", "team").expect("the namespace");
    let finalizers = namespace.body.spec.as_ref().and_then(|s| s.finalizers.clone()).unwrap_or_default();
    assert_eq!(finalizers, ["example.com/hold"]);
}
