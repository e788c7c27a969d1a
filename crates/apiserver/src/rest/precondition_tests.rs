//! Writes that name the object they mean: by its uid, by its version.

use serde_json::{Value, json};

use super::tests::{PODS, call, create, json_of, server};
use crate::server::ApiServer;

const OTHER: &str = "11111111-1111-1111-1111-111111111111";
const LEASES: &str = "/apis/coordination.k8s.io/v1/namespaces/default/leases";

fn answer(server: &mut ApiServer, method: &str, path: &str, body: &Value) -> (u16, Value) {
    json_of(call(server, method, path, &[], body))
}

fn lease(meta: Value) -> Value {
    json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": meta, "spec": {"holderIdentity": "a"}})
}

fn store_says(resource: &str, name: &str, key: &str, why: &str) -> String {
    format!(
        "Operation cannot be fulfilled on {resource} \"{name}\": StorageError: invalid object, Code: 4, Key: /registry/{key}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: {why}"
    )
}

#[test]
fn a_uid_that_is_another_objects_is_what_the_store_refuses() {
    let mut server = server();
    let service =
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}]}});
    let uid = create(&mut server, "/api/v1/namespaces/default/services", &service)["metadata"]["uid"].clone();
    let mut put = service.clone();
    put["metadata"]["uid"] = json!(OTHER);
    let (code, body) = answer(&mut server, "PUT", "/api/v1/namespaces/default/services/s", &put);
    let uids = |actual: &str| format!("UID in precondition: {OTHER}, UID in object meta: {actual}");
    let want = store_says("services", "s", "services/specs/default/s", &uids(uid.as_str().expect("a uid")));
    assert_eq!((code, &body["message"]), (409, &json!(want)));

    // A PUT that would create means nothing that is there.
    let put = lease(json!({"name": "l", "namespace": "default", "uid": OTHER}));
    let (code, body) = answer(&mut server, "PUT", &format!("{LEASES}/l"), &put);
    let want = store_says("leases.coordination.k8s.io", "l", "leases/default/l", &uids(""));
    assert_eq!((code, &body["message"]), (409, &json!(want)));
    // Its version is forgotten; that of a POST is not.
    let put = lease(json!({"name": "l", "namespace": "default", "resourceVersion": "5"}));
    let (code, body) = answer(&mut server, "POST", LEASES, &put);
    assert_eq!((code, &body["message"]), (500, &json!("resourceVersion should not be set on objects to be created")));
    assert_eq!(answer(&mut server, "PUT", &format!("{LEASES}/l"), &put).0, 201);
}

#[test]
fn a_scale_is_of_the_object_that_it_names() {
    let mut server = server();
    let set = json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "r"}, "spec": {"replicas": 1,
        "selector": {"matchLabels": {"a": "b"}},
        "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}}});
    let path = "/apis/apps/v1/namespaces/default/replicasets";
    let uid = create(&mut server, path, &set)["metadata"]["uid"].as_str().expect("a uid").to_owned();
    let why = format!("UID in precondition: {OTHER}, UID in object meta: {uid}");
    let scale = |replicas: i32| {
        json!({"apiVersion": "autoscaling/v1", "kind": "Scale",
            "metadata": {"name": "r", "namespace": "default", "uid": OTHER}, "spec": {"replicas": replicas}})
    };
    let path = format!("{path}/r/scale");
    let stored = store_says("replicasets.apps", "r", "replicasets/default/r", &why);
    let negative =
        "Scale.autoscaling \"r\" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0";
    let patched = format!("Operation cannot be fulfilled on replicasets/scale.apps \"r\": Precondition failed: {why}");
    let rows = [
        ("PUT", 2, 409, stored.as_str()),
        ("PUT", -1, 409, stored.as_str()),
        ("PATCH", 2, 409, patched.as_str()),
        ("PATCH", -1, 422, negative),
    ];
    for (method, replicas, code, text) in rows {
        let (got, body) = answer(&mut server, method, &path, &scale(replicas));
        assert_eq!((got, body["message"].as_str()), (code, Some(text)), "{method} {replicas}");
    }
}

#[test]
fn a_binding_is_of_the_pod_that_it_names() {
    let mut server = server();
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"},
        "spec": {"containers": [{"name": "c", "image": "i"}]}});
    let meta = create(&mut server, PODS, &pod)["metadata"].clone();
    let text = |key: &str| meta[key].as_str().expect("it has one").to_owned();
    let of_uid = format!("UID in precondition: {OTHER}, UID in object meta: {}", text("uid"));
    let of_version =
        format!("ResourceVersion in precondition: 1, ResourceVersion in object meta: {}", text("resourceVersion"));
    let rows = [
        (json!({"name": "p", "uid": OTHER, "resourceVersion": "1"}), 409, Some(of_uid)),
        (json!({"name": "p", "uid": text("uid"), "resourceVersion": "1"}), 409, Some(of_version)),
        (json!({"name": "p", "uid": text("uid"), "resourceVersion": text("resourceVersion")}), 201, None),
    ];
    for (sent, code, why) in rows {
        let binding =
            json!({"apiVersion": "v1", "kind": "Binding", "metadata": sent, "target": {"kind": "Node", "name": "n"}});
        let (got, body) = answer(&mut server, "POST", &format!("{PODS}/p/binding"), &binding);
        let want = why.map(|why| store_says("pods", "p", "pods/default/p", &why));
        assert_eq!((got, body["message"].as_str().map(str::to_owned)), (code, want));
    }
}
