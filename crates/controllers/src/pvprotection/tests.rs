//! When a deleted volume goes.

use seatrial_api::{Kind, ObjectKey};
use seatrial_apiserver::Subresource;
use seatrial_machinery::Propagation;
use serde_json::json;

use crate::fixture::Fixture;

#[test]
fn a_volume_waits_until_it_is_no_longer_bound() {
    let mut fixture = Fixture::new();
    fixture.create(json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "disk"},
        "spec": {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}, "hostPath": {"path": "/d"}}}));
    let key = ObjectKey::new(Kind::PersistentVolume, "", "disk");
    fixture.patch(&key, Subresource::Status, &json!({"status": {"phase": "Bound"}}));
    fixture.delete(&key, Propagation::Background);
    fixture.settle();
    assert!(fixture.get(&key).is_some(), "the volume is bound");
    fixture.patch(&key, Subresource::Status, &json!({"status": {"phase": "Released"}}));
    fixture.settle();
    assert!(fixture.get(&key).is_none(), "the volume is free");
}
