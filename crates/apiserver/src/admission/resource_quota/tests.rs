//! What objects cost, and what a quota says of them.

use seatrial_api::{Kind, Time};
use serde_json::{Value, json};

use crate::server::{ApiServer, ApiServerOptions, RequestInfo, Subresource};

fn now() -> RequestInfo<'static> {
    RequestInfo::new(Time::parse("2024-01-01T00:00:00Z").expect("a time"), "test")
}

/// A server with a quota of `hard` whose counts are `used`.
fn with_quota(spec: &Value, used: &Value) -> ApiServer {
    let mut server = ApiServer::new(ApiServerOptions { seed: 1, ..ApiServerOptions::default() });
    server.bootstrap(&now()).expect("a new server");
    let quota = json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"}, "spec": spec,
        "status": {"hard": spec["hard"], "used": used}});
    server.create_json(&now(), Kind::ResourceQuota, "default", &quota.clone().into()).expect("a valid quota");
    let key = seatrial_api::ObjectKey::new(Kind::ResourceQuota, "default", "q");
    server.update_json(&now(), &key, Subresource::Status, &quota.into()).expect("a valid status");
    server
}

fn create(server: &mut ApiServer, kind: Kind, mut object: Value) -> String {
    object["metadata"] = json!({"name": "x"});
    let result = server.create_json(&now(), kind, "default", &object.into());
    let text = result.err().map(|error| error.message().to_owned()).unwrap_or_default();
    text.split_once(" is forbidden: ").map_or(text.clone(), |(_, why)| why.to_owned())
}

fn used(server: &ApiServer) -> Value {
    let key = seatrial_api::ObjectKey::new(Kind::ResourceQuota, "default", "q");
    server.store().get(&key).expect("the quota").to_json()["status"]["used"].clone()
}

fn pod(spec: &Value) -> Value {
    let mut spec = spec.clone();
    if spec.get("containers").is_none() {
        spec["containers"] = json!([{"name": "c", "image": "app:1"}]);
    }
    json!({"spec": spec})
}

fn service(spec: Value) -> Value {
    json!({"spec": spec})
}

#[test]
fn objects_are_refused_in_upstreams_words() {
    let rows = [
        (
            json!({"pods": "1"}),
            json!({"pods": "1"}),
            Kind::Pod,
            pod(&json!({})),
            "exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1",
        ),
        (json!({"pods": "2"}), json!({"pods": "1"}), Kind::Pod, pod(&json!({})), ""),
        (json!({"pods": "2"}), json!({}), Kind::Pod, pod(&json!({})), "status unknown for quota: q, resources: pods"),
        (
            json!({"limits.cpu": "1", "requests.memory": "1Gi", "memory": "1Gi"}),
            json!({"limits.cpu": "0", "requests.memory": "0", "memory": "0"}),
            Kind::Pod,
            pod(
                &json!({"containers": [{"name": "b", "image": "i"}, {"name": "a", "image": "i", "resources": {"requests": {"memory": "1"}}}],
                "initContainers": [{"name": "i", "image": "i"}]}),
            ),
            "failed quota: q: must specify limits.cpu for: a,b,i; memory for: b,i; requests.memory for: b,i",
        ),
        (
            json!({"requests.cpu": "1", "limits.cpu": "1"}),
            json!({"requests.cpu": "500m", "limits.cpu": "500m"}),
            Kind::Pod,
            pod(&json!({"containers": [{"name": "b", "image": "i", "resources": {"limits": {"cpu": "600m"}}}]})),
            "exceeded quota: q, requested: limits.cpu=600m,requests.cpu=600m, used: limits.cpu=500m,requests.cpu=500m, limited: limits.cpu=1,requests.cpu=1",
        ),
        (
            json!({"count/configmaps": "0"}),
            json!({"count/configmaps": "0"}),
            Kind::ConfigMap,
            json!({}),
            "exceeded quota: q, requested: count/configmaps=1, used: count/configmaps=0, limited: count/configmaps=0",
        ),
        (
            json!({"services.nodeports": "1"}),
            json!({"services.nodeports": "0"}),
            Kind::Service,
            service(json!({"type": "NodePort", "ports": [{"name": "a", "port": 1}, {"name": "b", "port": 2}]})),
            "exceeded quota: q, requested: services.nodeports=2, used: services.nodeports=0, limited: services.nodeports=1",
        ),
        (
            json!({"fast.storageclass.storage.k8s.io/requests.storage": "1Gi", "requests.storage": "5Gi"}),
            json!({"fast.storageclass.storage.k8s.io/requests.storage": "0", "requests.storage": "0"}),
            Kind::PersistentVolumeClaim,
            json!({"spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "fast", "resources": {"requests": {"storage": "2Gi"}}}}),
            "exceeded quota: q, requested: fast.storageclass.storage.k8s.io/requests.storage=2Gi, used: fast.storageclass.storage.k8s.io/requests.storage=0, limited: fast.storageclass.storage.k8s.io/requests.storage=1Gi",
        ),
    ];
    for (hard, before, kind, object, want) in rows {
        let mut server = with_quota(&json!({"hard": hard}), &before);
        assert_eq!(create(&mut server, kind, object), want, "{hard}");
    }
}

#[test]
fn scopes_select_pods() {
    let rows = [
        (json!({"scopes": ["BestEffort"]}), json!({}), true),
        (json!({"scopes": ["NotBestEffort"]}), json!({}), false),
        (json!({"scopes": ["Terminating"]}), json!({"activeDeadlineSeconds": 5}), true),
        (json!({"scopes": ["NotTerminating"]}), json!({"activeDeadlineSeconds": 5}), false),
        (
            json!({"scopeSelector": {"matchExpressions": [{"scopeName": "PriorityClass", "operator": "In", "values": ["system-node-critical"]}]}}),
            json!({"priorityClassName": "system-node-critical"}),
            true,
        ),
        (
            json!({"scopeSelector": {"matchExpressions": [{"scopeName": "PriorityClass", "operator": "Exists"}]}}),
            json!({}),
            false,
        ),
        (
            json!({"scopes": ["CrossNamespacePodAffinity"]}),
            json!({"affinity": {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "a", "namespaces": ["b"]}]}}}),
            true,
        ),
        (json!({"scopes": ["CrossNamespacePodAffinity"]}), json!({}), false),
    ];
    for (mut spec, pod_spec, is_selected) in rows {
        spec["hard"] = json!({"pods": "5"});
        let mut server = with_quota(&spec, &json!({"pods": "1"}));
        assert_eq!(create(&mut server, Kind::Pod, pod(&pod_spec)), "", "{spec}");
        assert_eq!(used(&server), json!({"pods": if is_selected { "2" } else { "1" }}), "{spec}");
    }
}

#[test]
fn an_update_is_charged_with_what_it_adds() {
    let mut server = with_quota(
        &json!({"hard": {"services": "5", "services.loadbalancers": "1"}}),
        &json!({"services": "0", "services.loadbalancers": "0"}),
    );
    assert_eq!(create(&mut server, Kind::Service, service(json!({"ports": [{"port": 1}]}))), "");
    assert_eq!(used(&server), json!({"services": "1", "services.loadbalancers": "0"}));
    let key = seatrial_api::ObjectKey::new(Kind::Service, "default", "x");
    let patch = (crate::patch::PatchType::Merge, &json!({"spec": {"type": "LoadBalancer"}}));
    server.patch(&now(), &key, Subresource::Main, patch).expect("a valid patch");
    assert_eq!(used(&server), json!({"services": "1", "services.loadbalancers": "1"}));
}
