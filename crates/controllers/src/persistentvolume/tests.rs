//! What becomes of claims and volumes, one row a rule.

use std::sync::Arc;
use std::time::Duration;

use seatrial_api::{Kind, ObjectKey, PersistentVolume, PersistentVolumeClaim, Resource};
use seatrial_apiserver::Subresource;
use seatrial_machinery::Propagation;
use serde_json::{Value, json};

use super::claims::why_volume_does_not_satisfy;
use super::provision::plugin_named;
use super::reclaim::{Deleter, deleter_of};
use crate::fixture::Fixture;

fn merge(value: &mut Value, more: &Value) {
    match (value, more) {
        (Value::Object(a), Value::Object(b)) => {
            for (key, more) in b {
                merge(a.entry(key).or_insert(Value::Null), more);
            }
        }
        (value, more) => *value = more.clone(),
    }
}

fn volume_json(name: &str, more: &Value) -> Value {
    let mut value = json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name},
        "spec": {"capacity": {"storage": "2Gi"}, "accessModes": ["ReadWriteOnce"], "nfs": {"server": "s", "path": "/a"}}});
    merge(&mut value, more);
    value
}

fn claim_json(name: &str, more: &Value) -> Value {
    let mut value = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}});
    merge(&mut value, more);
    value
}

fn typed<R: Resource>(value: Value) -> R {
    R::from_api_object(serde_json::from_value(value).expect("a valid object")).expect("a valid object")
}

fn claim_key(name: &str) -> ObjectKey {
    ObjectKey::new(Kind::PersistentVolumeClaim, "default", name)
}

fn volume_key(name: &str) -> ObjectKey {
    ObjectKey::new(Kind::PersistentVolume, "", name)
}

impl Fixture {
    /// `Bound a` for a claim, `Bound data` for a volume: the phase and the other's name; `gone` where there is nothing.
    fn state(&self, key: &ObjectKey) -> String {
        let Some(object) = self.get(key) else { return "gone".to_owned() };
        let json = object.to_json();
        let text = |pointer: &str| json.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let other = format!("{}{}", text("/spec/volumeName"), text("/spec/claimRef/name"));
        format!("{} {other}", text("/status/phase")).trim_end().to_owned()
    }

    /// Type, reason and message of all events of a kind of objects, in the order of their names.
    fn events_about(&self, kind: &str) -> Vec<String> {
        let all = self.server.store().list(Kind::Event, Some("default")).into_iter().map(seatrial_api::Object::to_json);
        let text = |e: &Value, pointer: &str| e.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        all.filter(|e| text(e, "/involvedObject/kind") == kind)
            .map(|e| format!("{} {}: {}", text(&e, "/type"), text(&e, "/reason"), text(&e, "/message")))
            .collect()
    }
}

#[test]
fn a_claim_that_names_its_volume_gets_it_or_is_told_why_not() {
    let spec = |key: &str, value: Value| json!({"spec": {"volumeName": "a", key: value}});
    let mismatch = |why: &str| vec![format!("Warning VolumeMismatch: Cannot bind to requested volume \"a\": {why}")];
    let rows = [
        ("as it is", json!({}), spec("volumeMode", json!("Filesystem")), "Bound a", "Bound data", vec![]),
        (
            "too small",
            json!({}),
            spec("resources", json!({"requests": {"storage": "3Gi"}})),
            "Pending a",
            "Available",
            mismatch("requested PV is too small"),
        ),
        (
            "class",
            json!({"spec": {"storageClassName": "x"}}),
            spec("volumeMode", json!("Filesystem")),
            "Pending a",
            "Available",
            mismatch("storageClassName does not match"),
        ),
        (
            "selectors do not matter",
            json!({}),
            spec("selector", json!({"matchLabels": {"a": "b"}})),
            "Bound a",
            "Bound data",
            vec![],
        ),
        (
            "kept for another",
            json!({"spec": {"claimRef": {"namespace": "default", "name": "other"}}}),
            spec("volumeMode", json!("Filesystem")),
            "Pending a",
            "Available other",
            vec!["Warning FailedBinding: volume \"a\" already bound to a different claim.".to_owned()],
        ),
        (
            "kept for it",
            json!({"spec": {"claimRef": {"namespace": "default", "name": "data"}}}),
            spec("volumeMode", json!("Filesystem")),
            "Bound a",
            "Bound data",
            vec![],
        ),
        ("not there", Value::Null, spec("volumeMode", json!("Filesystem")), "Pending a", "gone", vec![]),
    ];
    for (what, volume, claim, claim_state, volume_state, events) in rows {
        let mut fixture = Fixture::new();
        if !volume.is_null() {
            fixture.create(volume_json("a", &volume));
            fixture.settle();
        }
        fixture.create(claim_json("data", &claim));
        fixture.settle();
        let states = (fixture.state(&claim_key("data")), fixture.state(&volume_key("a")));
        assert_eq!(states, (claim_state.to_owned(), volume_state.to_owned()), "{what}");
        assert_eq!(fixture.events_about("PersistentVolumeClaim"), events, "{what}");
    }
}

#[test]
fn the_first_thing_that_does_not_fit_is_told() {
    let spec = |key: &str, value: Value| json!({ "spec": { key: value } });
    let rows = [
        (
            json!({"metadata": {"deletionTimestamp": "2024-01-01T00:00:00Z"}}),
            json!({}),
            "the volume is marked for deletion \"a\"",
        ),
        (
            spec("capacity", json!({"storage": "1Mi"})),
            spec("storageClassName", json!("x")),
            "requested PV is too small",
        ),
        (spec("storageClassName", json!("y")), spec("volumeMode", json!("Block")), "storageClassName does not match"),
        (json!({}), spec("volumeAttributesClassName", json!("gold")), "volumeAttributesClassName does not match"),
        (spec("volumeMode", json!("Block")), spec("accessModes", json!(["ReadWriteMany"])), "incompatible volumeMode"),
        (json!({}), spec("accessModes", json!(["ReadWriteMany"])), "incompatible accessMode"),
    ];
    for (volume, claim, want) in rows {
        let volume: PersistentVolume = typed(volume_json("a", &volume));
        let claim: PersistentVolumeClaim = typed(claim_json("data", &claim));
        assert_eq!(why_volume_does_not_satisfy(&volume, &claim).as_deref(), Some(want));
    }
    let (volume, claim) = (typed(volume_json("a", &json!({}))), typed(claim_json("data", &json!({}))));
    assert_eq!(why_volume_does_not_satisfy(&volume, &claim), None);
}

#[test]
fn a_bound_claim_is_lost_with_its_volume_and_found_with_it() {
    let mut fixture = Fixture::new();
    fixture.create(volume_json("a", &json!({})));
    fixture.settle();
    let uid = fixture.create(claim_json("data", &json!({})));
    fixture.settle();
    assert_eq!(fixture.state(&claim_key("data")), "Bound a");
    fixture.delete(&volume_key("a"), Propagation::Background);
    fixture.patch(&volume_key("a"), Subresource::Main, &json!({"metadata": {"finalizers": null}}));
    fixture.settle();
    assert_eq!(fixture.state(&claim_key("data")), "Lost a");
    let claim = fixture.get(&claim_key("data")).expect("the claim").to_json();
    assert_eq!(claim["status"], json!({"phase": "Lost"}));
    let back = json!({"spec": {"claimRef": {"namespace": "default", "name": "data", "uid": uid.to_string()}}});
    fixture.create(volume_json("a", &back));
    fixture.advance(Duration::from_secs(15));
    assert_eq!(fixture.state(&claim_key("data")), "Bound a");
    // Another claim's volume is not the one it has lost.
    fixture.patch(&volume_key("a"), Subresource::Main, &json!({"spec": {"claimRef": {"uid": "another"}}}));
    fixture.advance(Duration::from_secs(15));
    assert_eq!(fixture.state(&claim_key("data")), "Lost a");
    assert_eq!(
        fixture.events_about("PersistentVolumeClaim"),
        [
            "Warning ClaimLost: Bound claim has lost its PersistentVolume. Data on the volume is lost!",
            "Warning ClaimMisbound: Two claims are bound to the same volume, this one is bound incorrectly",
        ]
    );
}

#[test]
fn a_claim_that_forgets_its_volume_is_lost() {
    let mut fixture = Fixture::new();
    let done = json!({"metadata": {"annotations": {"pv.kubernetes.io/bind-completed": "yes"}}});
    fixture.create(claim_json("data", &done));
    fixture.settle();
    assert_eq!(fixture.state(&claim_key("data")), "Lost");
    let text = "Warning ClaimLost: Bound claim has lost reference to PersistentVolume. Data on the volume is lost!";
    assert_eq!(fixture.events_about("PersistentVolumeClaim"), [text]);
}

#[test]
fn volumes_and_claims_of_different_modes_are_both_told() {
    let mut fixture = Fixture::new();
    let uid = fixture.create(claim_json("data", &json!({})));
    fixture.settle();
    let kept = json!({"spec": {"volumeMode": "Block", "claimRef": {"namespace": "default", "name": "data", "uid": uid.to_string()}}});
    fixture.create(volume_json("a", &kept));
    fixture.settle();
    assert_eq!(
        fixture.events_about("PersistentVolume"),
        [
            "Warning VolumeMismatch: Cannot bind PersistentVolume to requested PersistentVolumeClaim \"data\" due to incompatible volumeMode."
        ]
    );
    assert!(fixture.events_about("PersistentVolumeClaim").contains(
        &"Warning VolumeMismatch: Cannot bind PersistentVolume \"a\" to requested PersistentVolumeClaim due to incompatible volumeMode.".to_owned()
    ));
}

#[test]
fn what_becomes_of_a_volume_whose_claim_is_gone_is_its_policys_choice() {
    let policy = |policy: &str, more: Value| {
        let mut spec = json!({"persistentVolumeReclaimPolicy": policy});
        merge(&mut spec, &more);
        json!({ "spec": spec })
    };
    let host_path = |path: &str| json!({"nfs": null, "hostPath": {"path": path}});
    let rows = [
        (policy("Retain", json!({})), "Released data", vec![]),
        (
            policy("Delete", json!({})),
            "Failed data",
            vec![
                "Warning VolumeFailedDelete: error getting deleter volume plugin for volume \"a\": no deletable volume plugin matched",
            ],
        ),
        (policy("Delete", host_path("/tmp/a")), "gone", vec![]),
        (
            policy("Delete", host_path("/data")),
            "Failed data",
            vec!["Warning VolumeFailedDelete: host_path deleter only supports /tmp/.+ but received provided /data"],
        ),
        (policy("Recycle", json!({})), "Available", vec!["Normal VolumeRecycled: Volume recycled"]),
        (
            policy("Recycle", json!({"nfs": null, "iscsi": {"targetPortal": "p", "iqn": "iqn.2024-01.a:b", "lun": 0}})),
            "Failed data",
            vec!["Warning VolumeFailedRecycle: No recycler plugin found for the volume!"],
        ),
    ];
    for (volume, state, events) in rows {
        let mut fixture = Fixture::new();
        fixture.create(volume_json("a", &volume));
        fixture.settle();
        fixture.create(claim_json("data", &json!({})));
        fixture.settle();
        fixture.delete(&claim_key("data"), Propagation::Background);
        fixture.settle();
        assert_eq!(fixture.state(&volume_key("a")), state, "{volume}");
        assert_eq!(fixture.events_about("PersistentVolume"), events, "{volume}");
    }
}

#[test]
fn who_deletes_what_is_behind_a_volume() {
    let annotated = |by: &str| json!({"metadata": {"annotations": {"pv.kubernetes.io/provisioned-by": by}}});
    let rows = [
        (annotated("csi.example.com"), Deleter::External),
        (annotated("kubernetes.io/x"), Deleter::Refuses("no volume plugin matched name: kubernetes.io/x".to_owned())),
        (json!({"spec": {"csi": {"driver": "d", "volumeHandle": "h"}}}), Deleter::External),
        (json!({"spec": {"hostPath": {"path": "/tmp/x"}}}), Deleter::HostPath),
    ];
    for (volume, want) in rows {
        assert_eq!(deleter_of(&typed(volume_json("a", &volume))), want, "{volume}");
    }
}

#[test]
fn plugins_of_old_are_drivers_now_and_the_rest_of_the_tree_is_gone() {
    let rows = [
        ("kubernetes.io/aws-ebs", Ok("ebs.csi.aws.com")),
        ("kubernetes.io/no-provisioner", Err("no volume plugin matched name: kubernetes.io/no-provisioner")),
        ("alicloud-nas", Ok("alicloud-nas")),
        ("example.com/disk", Ok("example.com/disk")),
    ];
    for (name, want) in rows {
        assert_eq!(plugin_named(name), want.map(seatrial_api::Str::from).map_err(str::to_owned), "{name}");
    }
}

#[test]
fn a_claim_waits_for_the_next_look_which_is_every_fifteen_seconds() {
    let mut fixture = Fixture::new();
    fixture.advance(Duration::from_secs(4));
    fixture.create(claim_json("data", &json!({})));
    fixture.advance(Duration::from_secs(1));
    fixture.create(volume_json("a", &json!({})));
    let class = json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "late",
        "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}}, "provisioner": "x.example.com"});
    fixture.create(class);
    fixture.advance(Duration::from_millis(9_999));
    assert_eq!(fixture.state(&claim_key("data")), "Pending");
    fixture.advance(Duration::from_millis(1));
    // A volume without a class comes before the class that there is by now.
    assert_eq!(fixture.state(&claim_key("data")), "Bound a");
    fixture.advance(Duration::from_secs(15));
    assert_eq!(fixture.timer_count(), 0, "nobody looks where nothing waits");
    let text = "Normal FailedBinding: no persistent volumes available for this claim and no storage class is set";
    assert_eq!(fixture.events_about("PersistentVolumeClaim"), [text]);
}

#[test]
fn a_claim_of_old_gets_the_default_class_and_a_volume() {
    let mut fixture = Fixture::new();
    let uid = fixture.create(claim_json("data", &json!({})));
    fixture.create(claim_json("blank", &json!({"spec": {"storageClassName": ""}})));
    fixture.settle();
    for (name, seconds) in [("older", 1), ("newer", 1)] {
        fixture.advance(Duration::from_secs(seconds));
        fixture.create(json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": name,
            "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}}, "provisioner": "x.example.com"}));
    }
    fixture.advance(Duration::from_secs(15));
    assert_eq!(fixture.state(&claim_key("data")), format!("Bound pvc-{uid}"));
    assert_eq!(fixture.state(&claim_key("blank")), "Pending");
    let claim: Arc<PersistentVolumeClaim> = Arc::clone(fixture.server.get("default", "data").expect("the claim"));
    assert_eq!(claim.body.spec.api().storage_class_name.as_deref(), Some("newer"));
}
