//! What the storage does at which moment.

use std::time::Duration;

use seatrial_api::quantity::Quantity;
use seatrial_api::{Kind, ObjectKey};
use seatrial_machinery::Propagation;
use serde_json::{Value, json};

use super::behavior::{Operation, ProvisionerBehavior, ProvisionerMatch};
use super::controller::VolumeProvisioner;
use crate::fixture::Fixture;

fn operation(seconds: Option<u64>) -> Operation {
    Operation { after: seconds.map(Duration::from_secs), ..Operation::default() }
}

fn fixture(behaviors: Vec<ProvisionerBehavior>) -> Fixture {
    let mut fixture = Fixture::new();
    fixture.storage = VolumeProvisioner::new(behaviors);
    for name in ["disk", "other"] {
        fixture.create(json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": name},
            "provisioner": "csi.example.com", "allowVolumeExpansion": true}));
    }
    fixture
}

fn claim(fixture: &mut Fixture, name: &str, class: &str) {
    fixture.create(json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name},
        "spec": {"storageClassName": class, "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "2Gi"}}}}));
    fixture.settle();
}

fn phase(fixture: &Fixture, name: &str) -> String {
    let claim = fixture.get(&ObjectKey::new(Kind::PersistentVolumeClaim, "default", name)).expect("the claim");
    claim.to_json()["status"]["phase"].as_str().unwrap_or_default().to_owned()
}

fn reasons(fixture: &Fixture, reason: &str) -> Vec<String> {
    let all = fixture.server.store().list(Kind::Event, Some("default")).into_iter().map(seatrial_api::Object::to_json);
    let text = |e: &Value, key: &str| e[key].as_str().unwrap_or_default().to_owned();
    all.filter(|e| text(e, "reason") == reason).map(|e| format!("{} x{}", text(&e, "message"), e["count"])).collect()
}

#[test]
fn a_volume_takes_as_long_as_its_class_says_and_the_first_match_holds() {
    let of = |class: &str, seconds| ProvisionerBehavior {
        matches: ProvisionerMatch { class: Some(class.to_owned()), ..ProvisionerMatch::default() },
        provision: operation(seconds),
        ..ProvisionerBehavior::default()
    };
    let mut fixture = fixture(vec![of("d*", Some(3)), of("disk", None), of("other", None)]);
    claim(&mut fixture, "slow", "disk");
    claim(&mut fixture, "stuck", "other");
    fixture.advance(Duration::from_millis(2_999));
    assert_eq!(phase(&fixture, "slow"), "Pending");
    fixture.advance(Duration::from_millis(1));
    assert_eq!(phase(&fixture, "slow"), "Bound");
    fixture.advance(Duration::from_secs(86_400));
    assert_eq!(phase(&fixture, "stuck"), "Pending");
    // It began once, and not with every look at the claim.
    let begun = "External provisioner is provisioning volume for claim \"default/stuck\" x1";
    assert!(reasons(&fixture, "Provisioning").contains(&begun.to_owned()));
}

#[test]
fn failures_are_tried_again_after_one_two_and_four_seconds() {
    let provision = Operation { failure: Some("no".to_owned()), failure_count: Some(3), ..Operation::default() };
    let mut fixture = fixture(vec![ProvisionerBehavior { provision, ..ProvisionerBehavior::default() }]);
    claim(&mut fixture, "data", "disk");
    fixture.advance(Duration::from_millis(6_999));
    assert_eq!(phase(&fixture, "data"), "Pending");
    assert_eq!(
        reasons(&fixture, "ProvisioningFailed"),
        ["failed to provision volume with StorageClass \"disk\": no x3"]
    );
    fixture.advance(Duration::from_millis(1));
    assert_eq!(phase(&fixture, "data"), "Bound");
}

#[test]
fn what_is_taken_of_a_class_comes_back_with_its_volumes() {
    let behavior = ProvisionerBehavior { capacity: Quantity::parse("5Gi").ok(), ..ProvisionerBehavior::default() };
    let mut fixture = fixture(vec![behavior]);
    for name in ["a", "b", "c"] {
        claim(&mut fixture, name, "disk");
    }
    // Another class has its own.
    claim(&mut fixture, "d", "other");
    let phases: Vec<String> = ["a", "b", "c", "d"].iter().map(|name| phase(&fixture, name)).collect();
    assert_eq!(phases, ["Bound", "Bound", "Pending", "Bound"]);
    assert_eq!(
        reasons(&fixture, "ProvisioningFailed"),
        [
            "failed to provision volume with StorageClass \"disk\": rpc error: code = ResourceExhausted desc = 2Gi requested, 1Gi of 5Gi left x1"
        ]
    );
    fixture.delete(&ObjectKey::new(Kind::PersistentVolumeClaim, "default", "a"), Propagation::Background);
    fixture.advance(Duration::from_secs(300));
    assert_eq!(phase(&fixture, "c"), "Bound");
}

#[test]
fn a_volume_stays_until_its_storage_is_deleted() {
    let delete = Operation { failure: Some("busy".to_owned()), failure_count: Some(1), ..operation(Some(2)) };
    let mut fixture = fixture(vec![ProvisionerBehavior { delete, ..ProvisionerBehavior::default() }]);
    claim(&mut fixture, "data", "disk");
    let volumes = |fixture: &Fixture| fixture.names(Kind::PersistentVolume, "").len();
    fixture.delete(&ObjectKey::new(Kind::PersistentVolumeClaim, "default", "data"), Propagation::Background);
    // Two seconds to fail, one to wait, two to succeed.
    fixture.advance(Duration::from_millis(4_999));
    assert_eq!((volumes(&fixture), reasons(&fixture, "VolumeFailedDelete")), (1, vec!["busy x1".to_owned()]));
    fixture.advance(Duration::from_millis(1));
    assert_eq!(volumes(&fixture), 0);
    // The binder looks once more for claims that wait.
    fixture.advance(Duration::from_secs(15));
    assert_eq!(fixture.timer_count(), 0);
}

#[test]
fn a_provisioner_that_comes_late_serves_what_waits() {
    let absent = ProvisionerBehavior { is_absent: true, ..ProvisionerBehavior::default() };
    let mut fixture = fixture(vec![absent]);
    claim(&mut fixture, "data", "disk");
    fixture.advance(Duration::from_secs(60));
    assert_eq!((phase(&fixture, "data"), reasons(&fixture, "Provisioning").len()), ("Pending".to_owned(), 0));
    fixture.storage.behave(vec![ProvisionerBehavior::default()]);
    fixture.settle();
    assert_eq!(phase(&fixture, "data"), "Bound");
}

#[test]
fn only_volumes_to_be_deleted_wait_for_their_storage() {
    let mut fixture = fixture(Vec::new());
    fixture.create(json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "keep"},
        "provisioner": "csi.example.com", "reclaimPolicy": "Retain"}));
    let finalizers = |fixture: &Fixture, name: &str| {
        let volume = fixture.get(&ObjectKey::new(Kind::PersistentVolume, "", name)).expect("the volume").to_json();
        volume["metadata"]["finalizers"].clone()
    };
    claim(&mut fixture, "kept", "keep");
    claim(&mut fixture, "gone", "disk");
    let names = fixture.names(Kind::PersistentVolume, "");
    let of = |fixture: &Fixture, claim: &str| {
        let claim =
            fixture.get(&ObjectKey::new(Kind::PersistentVolumeClaim, "default", claim)).expect("the claim").to_json();
        claim["spec"]["volumeName"].as_str().expect("its volume").to_owned()
    };
    let (kept, gone) = (of(&fixture, "kept"), of(&fixture, "gone"));
    assert_eq!(names.len(), 2);
    assert_eq!(finalizers(&fixture, &kept), json!(["kubernetes.io/pv-protection"]));
    assert_eq!(
        finalizers(&fixture, &gone),
        json!(["external-provisioner.volume.kubernetes.io/finalizer", "kubernetes.io/pv-protection"])
    );
    // A volume that is retained goes when somebody deletes it.
    fixture.delete(&ObjectKey::new(Kind::PersistentVolumeClaim, "default", "kept"), Propagation::Background);
    fixture.settle();
    fixture.delete(&ObjectKey::new(Kind::PersistentVolume, "", &*kept), Propagation::Background);
    fixture.settle();
    assert_eq!(fixture.names(Kind::PersistentVolume, ""), [gone]);
}

#[test]
fn a_driver_has_a_name_that_volumes_may_have() {
    let rows = [
        ("ebs.csi.aws.com", "ebs.csi.aws.com"),
        ("sim.seatrial.dev/disk", "sim.seatrial.dev.disk"),
        ("example.com/NFS_client", "example.com.NFS.client"),
        ("a/-b-", "a.b"),
        ("-a.b", "a.b"),
        ("a..b-", "a.b"),
        ("a-b.C", "a-b.C"),
        ("", ""),
    ];
    for (provisioner, driver) in rows {
        assert_eq!(super::pattern::driver_of(provisioner), driver, "{provisioner}");
    }
    assert_eq!(super::pattern::driver_of(&"x".repeat(200)).len(), 63);
}
