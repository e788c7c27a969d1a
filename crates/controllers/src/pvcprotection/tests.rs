//! When a deleted claim goes.

use seatrial_api::{Kind, ObjectKey};
use seatrial_machinery::Propagation;
use serde_json::json;

use crate::fixture::Fixture;

fn claim(fixture: &mut Fixture) -> ObjectKey {
    fixture.create(json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}));
    ObjectKey::new(Kind::PersistentVolumeClaim, "default", "data")
}

fn user(fixture: &mut Fixture) -> ObjectKey {
    fixture.create(json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "user"},
        "spec": {"containers": [{"name": "c", "image": "app:1"}],
            "volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}]}}));
    ObjectKey::new(Kind::Pod, "default", "user")
}

#[test]
fn a_claim_that_nobody_uses_goes_at_once() {
    let mut fixture = Fixture::new();
    let claim = claim(&mut fixture);
    user(&mut fixture);
    fixture.settle();
    fixture.delete(&claim, Propagation::Background);
    assert!(fixture.get(&claim).is_some(), "the finalizer keeps the claim until the controller has looked");
    fixture.settle();
    assert!(fixture.get(&claim).is_none(), "a pod without a node does not use its claims");
}

#[test]
fn a_claim_waits_for_the_last_pod_with_a_node() {
    let mut fixture = Fixture::new();
    let claim = claim(&mut fixture);
    let pod = user(&mut fixture);
    fixture.bind("default", "user");
    fixture.delete(&claim, Propagation::Background);
    fixture.settle();
    assert!(fixture.get(&claim).is_some(), "the pod uses the claim");
    fixture.delete(&pod, Propagation::Background);
    fixture.settle();
    assert!(fixture.get(&claim).is_some(), "the pod is only being deleted");
    fixture.kill("default", "user");
    fixture.settle();
    assert!(fixture.get(&claim).is_none(), "the pod is gone");
}
