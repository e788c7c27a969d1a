//! When a deleted volume goes.

use seatrial_api::{Kind, ObjectKey};
use seatrial_machinery::Propagation;
use serde_json::json;

use crate::fixture::Fixture;

#[test]
fn a_volume_waits_until_it_is_no_longer_bound() {
    let mut fixture = Fixture::new();
    fixture.create(json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "disk"},
        "spec": {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}, "hostPath": {"path": "/d"}}}));
    fixture.create(json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data", "namespace": "default"},
        "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "", "resources": {"requests": {"storage": "1Gi"}}}}));
    let key = ObjectKey::new(Kind::PersistentVolume, "", "disk");
    fixture.settle();
    fixture.delete(&key, Propagation::Background);
    fixture.settle();
    assert!(fixture.get(&key).is_some(), "the volume is bound");
    fixture.delete(&ObjectKey::new(Kind::PersistentVolumeClaim, "default", "data"), Propagation::Background);
    fixture.settle();
    assert!(fixture.get(&key).is_none(), "the volume is free");
}
