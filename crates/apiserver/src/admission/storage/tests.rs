//! Default classes, finalizers, and who may grow.

use seatrial_api::{ClaimSpec, Kind, ObjectKey, PersistentVolumeClaim, Shared, Time};
use serde_json::{Value, json};

use crate::Body;
use crate::patch::PatchType;
use crate::server::{ApiServer, ApiServerOptions, RequestInfo, Subresource};

const NOW: Time = Time::from_unix(1_704_067_200);

fn server() -> ApiServer {
    let mut server = ApiServer::new(ApiServerOptions { seed: 7, ..ApiServerOptions::default() });
    server.bootstrap(&RequestInfo::new(NOW, "test")).expect("an empty server");
    server
}

fn class(server: &mut ApiServer, name: &str, is_default: bool, at: Time) {
    let annotations = json!({"storageclass.kubernetes.io/is-default-class": is_default.to_string()});
    let body = json!({"metadata": {"name": name, "annotations": annotations}, "provisioner": "a.b/c",
        "allowVolumeExpansion": name == "grows"});
    let request = RequestInfo::new(at, "test");
    server.create_json(&request, Kind::StorageClass, "", &Body::from(body)).expect("a valid class");
}

fn claim(server: &mut ApiServer, name: &str, spec: Value) -> Value {
    let mut body = json!({"metadata": {"name": name},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}});
    json_patch::merge(&mut body, &json!({ "spec": spec }));
    let request = RequestInfo::new(NOW, "test");
    let written = server.create_json(&request, Kind::PersistentVolumeClaim, "default", &Body::from(body));
    written.expect("a valid claim").object.to_json()
}

fn patch(server: &mut ApiServer, name: &str, part: Subresource, patch: &Value) -> Result<(), String> {
    let key = ObjectKey::new(Kind::PersistentVolumeClaim, "default", name);
    let written = server.patch(&RequestInfo::new(NOW, "test"), &key, part, (PatchType::Merge, patch));
    written.map(drop).map_err(|error| error.message().to_owned())
}

#[test]
fn the_newest_default_class_is_given_to_claims_that_say_nothing() {
    let mut server = server();
    assert_eq!(claim(&mut server, "none", json!({})).pointer("/spec/storageClassName"), None);
    class(&mut server, "a-old", true, NOW);
    class(&mut server, "c-new", true, NOW.plus_seconds(5));
    class(&mut server, "b-new", true, NOW.plus_seconds(5));
    class(&mut server, "other", false, NOW.plus_seconds(9));
    let given = claim(&mut server, "given", json!({}));
    assert_eq!(given.pointer("/spec/storageClassName"), Some(&json!("b-new")));
    assert_eq!(given.pointer("/metadata/finalizers"), Some(&json!(["kubernetes.io/pvc-protection"])));
    let explicit = claim(&mut server, "explicit", json!({"storageClassName": ""}));
    assert_eq!(explicit.pointer("/spec/storageClassName"), Some(&json!("")), "no class is a class of its own");
}

#[test]
fn claims_that_share_a_spec_share_it_with_the_default_class_of_the_moment() {
    let mut server = server();
    class(&mut server, "old", true, NOW);
    let spec = |size: &str| -> Shared<ClaimSpec> {
        let spec = json!({"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}});
        ClaimSpec::new(serde_json::from_value(spec).expect("a spec")).into()
    };
    let (one, two) = (spec("1Gi"), spec("2Gi"));
    let create = |server: &mut ApiServer, name: &str, spec: &Shared<ClaimSpec>| {
        let mut claim = PersistentVolumeClaim { meta: Default::default(), body: Default::default() };
        (claim.meta.name, claim.meta.namespace) = (name.into(), "default".into());
        claim.body.spec = spec.clone();
        let made = server.create(&RequestInfo::new(NOW, "test"), claim).expect("a valid claim");
        let class = made.body.spec.api().storage_class_name.clone().unwrap_or_default();
        (made.body.spec.clone(), class, made.body.spec.requested_storage().map(|size| size.to_string()))
    };
    let made = ["a", "b"].map(|name| create(&mut server, name, &one));
    assert!(made[0].0.ptr_eq(&made[1].0) && made[1].1 == "old");
    let other = create(&mut server, "c", &two);
    assert_eq!((other.1.as_str(), other.2.as_deref()), ("old", Some("2Gi")));
    class(&mut server, "new", true, NOW.plus_seconds(5));
    for (name, spec, size) in [("d", &two, "2Gi"), ("e", &one, "1Gi"), ("f", &one, "1Gi")] {
        let made = create(&mut server, name, spec);
        assert_eq!((made.1.as_str(), made.2.as_deref()), ("new", Some(size)), "{name}");
    }
}

#[test]
fn only_bound_claims_of_a_class_that_allows_it_grow() {
    let mut server = server();
    class(&mut server, "grows", false, NOW);
    class(&mut server, "fixed", false, NOW);
    let bigger = json!({"spec": {"resources": {"requests": {"storage": "2Gi"}}}});
    let refusal = "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must \
                   support resize";
    for (name, allowed) in [("grows", true), ("fixed", false), ("missing", false)] {
        claim(&mut server, name, json!({"storageClassName": name, "volumeName": "pv"}));
        let bound = json!({"status": {"phase": "Bound", "capacity": {"storage": "1Gi"}}});
        patch(&mut server, name, Subresource::Status, &bound).expect("a valid status");
        let want =
            if allowed { Ok(()) } else { Err(format!("persistentvolumeclaims \"{name}\" is forbidden: {refusal}")) };
        assert_eq!(patch(&mut server, name, Subresource::Main, &bigger), want, "{name}");
    }
}

#[test]
fn a_volume_s_phase_has_the_time_of_its_change() {
    let mut server = server();
    let body = json!({"metadata": {"name": "pv"}, "spec": {"accessModes": ["ReadWriteOnce"],
        "capacity": {"storage": "1Gi"}, "hostPath": {"path": "/d"}}});
    let request = RequestInfo::new(NOW, "test");
    let pointer = "/status/lastPhaseTransitionTime";
    let volume = server.create_json(&request, Kind::PersistentVolume, "", &Body::from(body)).expect("valid");
    let volume = volume.object.to_json();
    assert_eq!(volume.pointer(pointer), Some(&json!("2024-01-01T00:00:00Z")));
    assert_eq!(volume.pointer("/metadata/finalizers"), Some(&json!(["kubernetes.io/pv-protection"])));
    let key = ObjectKey::new(Kind::PersistentVolume, "", "pv");
    for (seconds, phase, want) in [
        (5, "Available", "2024-01-01T00:00:05Z"),
        (9, "Available", "2024-01-01T00:00:05Z"),
        (10, "Bound", "2024-01-01T00:00:10Z"),
    ] {
        let request = RequestInfo::new(NOW.plus_seconds(seconds), "test");
        let patch = json!({"status": {"phase": phase}});
        let written = server.patch(&request, &key, Subresource::Status, (PatchType::Merge, &patch)).expect("valid");
        assert_eq!(written.object.to_json().pointer(pointer), Some(&json!(want)), "{phase}");
    }
}
