//! Addresses and ports that Services are given, keep and give back.

use seatrial_api::{Kind, ObjectKey, Time};
use serde_json::{Value, json};

use crate::patch::PatchType;
use crate::server::{ApiServer, ApiServerOptions, RequestInfo, Subresource};
use crate::{Body, DeleteOptions};

const NOW: Time = Time::from_unix(1_704_067_200);

fn server() -> ApiServer {
    let mut server = ApiServer::new(ApiServerOptions { seed: 7, ..ApiServerOptions::default() });
    server.bootstrap(&RequestInfo::new(NOW, "test")).expect("an empty server");
    server
}

fn create(server: &mut ApiServer, name: &str, spec: Value) -> Result<Value, String> {
    let body = json!({"metadata": {"name": name}, "spec": spec});
    let request = RequestInfo::new(NOW, "test");
    let written = server.create_json(&request, Kind::Service, "default", &Body::from(body));
    written.map(|written| written.object.to_json()["spec"].clone()).map_err(|error| error.message().to_owned())
}

fn patch(server: &mut ApiServer, name: &str, spec: &Value) -> Result<Value, String> {
    let key = ObjectKey::new(Kind::Service, "default", name);
    let patch = json!({ "spec": spec });
    let request = RequestInfo::new(NOW, "test");
    let written = server.patch(&request, &key, Subresource::Main, (PatchType::Merge, &patch));
    written.map(|written| written.object.to_json()["spec"].clone()).map_err(|error| error.message().to_owned())
}

fn ip(spec: &Value) -> &str {
    spec["clusterIP"].as_str().unwrap_or_default()
}

#[test]
fn the_kubernetes_service_has_the_first_address() {
    let server = server();
    let key = ObjectKey::new(Kind::Service, "default", "kubernetes");
    let spec = server.store().get(&key).expect("every cluster has it").to_json()["spec"].clone();
    assert_eq!(ip(&spec), "10.96.0.1");
    assert_eq!(spec["ports"], json!([{"name": "https", "port": 443, "protocol": "TCP", "targetPort": 6443}]));
}

#[test]
fn addresses_come_from_the_upper_band_and_are_given_back() {
    let mut server = server();
    let mut seen = std::collections::BTreeSet::new();
    for index in 0..50 {
        let spec =
            create(&mut server, &format!("s{index}"), json!({"ports": [{"port": 80}]})).expect("a valid Service");
        let octets: Vec<u8> = ip(&spec).split('.').filter_map(|part| part.parse().ok()).collect();
        assert_eq!(octets[..2], [10, 96], "{spec}");
        assert!(octets[2] > 0, "the lower band is for those who ask for an address: {spec}");
        assert!(seen.insert(ip(&spec).to_owned()), "given twice: {spec}");
    }
    let wanted = json!({"clusterIP": "10.96.0.20", "ports": [{"port": 80}]});
    assert_eq!(ip(&create(&mut server, "a", wanted.clone()).expect("free")), "10.96.0.20");
    let taken = "Service \"b\" is invalid: spec.clusterIPs: Invalid value: [\"10.96.0.20\"]: failed to allocate IP \
                 10.96.0.20: provided IP is already allocated";
    assert_eq!(create(&mut server, "b", wanted.clone()), Err(taken.to_owned()));
    let key = ObjectKey::new(Kind::Service, "default", "a");
    server.delete(&RequestInfo::new(NOW, "test"), &key, &DeleteOptions::default()).expect("a Service to delete");
    assert_eq!(ip(&create(&mut server, "b", wanted).expect("free again")), "10.96.0.20");
}

#[test]
fn what_cannot_be_had() {
    let mut server = server();
    create(&mut server, "first", json!({"type": "NodePort", "ports": [{"port": 80, "nodePort": 30080}]}))
        .expect("free");
    let rows = [
        (
            json!({"clusterIP": "10.97.0.1", "ports": [{"port": 80}]}),
            "spec.clusterIPs: Invalid value: [\"10.97.0.1\"]: failed to allocate IP 10.97.0.1: the provided network does not match the current range",
        ),
        (
            json!({"type": "NodePort", "ports": [{"port": 80, "nodePort": 100}]}),
            "spec.ports[0].nodePort: Invalid value: 100: provided port is not in the valid range. The range of valid ports is 30000-32767",
        ),
        (
            json!({"type": "NodePort", "ports": [{"port": 80, "nodePort": 30080}]}),
            "spec.ports[0].nodePort: Invalid value: 30080: provided port is already allocated",
        ),
        (
            json!({"ipFamilyPolicy": "RequireDualStack", "ports": [{"port": 80}]}),
            "spec.ipFamilyPolicy: Invalid value: \"RequireDualStack\": this cluster is not configured for dual-stack services",
        ),
        (
            json!({"clusterIP": "fd00::1", "ports": [{"port": 80}]}),
            "spec.clusterIPs[0]: Invalid value: [\"fd00::1\"]: IPv6 is not configured on this cluster",
        ),
    ];
    for (spec, want) in rows {
        let error = create(&mut server, "x", spec.clone()).expect_err("a refusal");
        assert_eq!(error, format!("Service \"x\" is invalid: {want}"), "{spec}");
    }
}

#[test]
fn node_ports() {
    let mut server = server();
    let spec = create(
        &mut server,
        "shared",
        json!({"type": "NodePort", "ports": [{"name": "t", "port": 53}, {"name": "u", "port": 53, "protocol": "UDP"}]}),
    )
    .expect("valid");
    let port = spec["ports"][0]["nodePort"].as_i64().unwrap_or_default();
    assert!((30_086..=32_767).contains(&port), "{spec}");
    assert_eq!(spec["ports"][1]["nodePort"], port, "one number serves both protocols");
    let none = create(
        &mut server,
        "none",
        json!({"type": "LoadBalancer", "allocateLoadBalancerNodePorts": false, "ports": [{"port": 80}]}),
    );
    assert_eq!(none.expect("valid")["ports"][0].get("nodePort"), None);
    let local = json!({"type": "LoadBalancer", "externalTrafficPolicy": "Local", "ports": [{"port": 80}]});
    let local = create(&mut server, "local", local).expect("valid");
    assert!((30_086..=32_767).contains(&local["healthCheckNodePort"].as_i64().unwrap_or_default()), "{local}");
}

#[test]
fn families() {
    let mut server = server();
    let headless = create(&mut server, "h", json!({"clusterIP": "None", "selector": {"a": "b"}})).expect("valid");
    assert_eq!((&headless["ipFamilyPolicy"], &headless["ipFamilies"]), (&json!("SingleStack"), &json!(["IPv4"])));
    let bare = create(&mut server, "b", json!({"clusterIP": "None"})).expect("valid");
    assert_eq!((&bare["ipFamilyPolicy"], &bare["ipFamilies"]), (&json!("RequireDualStack"), &json!(["IPv4", "IPv6"])));
    let prefer = json!({"ipFamilyPolicy": "PreferDualStack", "ports": [{"port": 80}]});
    assert_eq!(create(&mut server, "p", prefer).expect("valid")["ipFamilies"], json!(["IPv4"]));
    let external =
        create(&mut server, "e", json!({"type": "ExternalName", "externalName": "a.example"})).expect("valid");
    assert_eq!((external.get("ipFamilies"), external.get("clusterIP")), (None, None));
}

#[test]
fn a_change_of_type_drops_and_gives() {
    let mut server = server();
    let spec = create(&mut server, "s", json!({"type": "NodePort", "ports": [{"port": 80}]})).expect("valid");
    let (address, port) = (ip(&spec).to_owned(), spec["ports"][0]["nodePort"].clone());
    // The port keeps its number when it is sent without one.
    let same = patch(&mut server, "s", &json!({"ports": [{"port": 81}]})).expect("valid");
    assert_eq!(same["ports"][0]["nodePort"], port);
    let cluster = patch(&mut server, "s", &json!({"type": "ClusterIP"})).expect("valid");
    assert_eq!((cluster["ports"][0].get("nodePort"), cluster.get("externalTrafficPolicy")), (None, None));
    assert_eq!(ip(&cluster), address);
    let external =
        patch(&mut server, "s", &json!({"type": "ExternalName", "externalName": "a.example"})).expect("valid");
    assert_eq!(external.get("clusterIP"), None);
    let wanted = json!({"clusterIP": address, "ports": [{"port": 80}]});
    create(&mut server, "other", wanted).expect("the address was given back");
    let back = patch(&mut server, "s", &json!({"type": "ClusterIP", "externalName": null})).expect("valid");
    assert!(!ip(&back).is_empty() && ip(&back) != address, "{back}");
    let error = patch(&mut server, "s", &json!({"clusterIP": "10.96.0.77"})).expect_err("fixed");
    assert_eq!(
        error,
        "Service \"s\" is invalid: spec.clusterIPs[0]: Invalid value: [\"10.96.0.77\"]: may not change once set"
    );
}

#[test]
fn a_dry_run_takes_nothing_and_equal_seeds_give_equal_numbers() {
    let spec = json!({"type": "NodePort", "ports": [{"port": 80}]});
    let mut first = server();
    let request = RequestInfo { dry_run: true, ..RequestInfo::new(NOW, "test") };
    let body = Body::from(json!({"metadata": {"name": "s"}, "spec": spec}));
    let dry = first.create_json(&request, Kind::Service, "default", &body).expect("valid").object.to_json();
    assert_eq!(dry.pointer("/spec/clusterIP"), Some(&json!("10.96.0.0")));
    let given = create(&mut first, "s", spec.clone());
    assert_eq!(given, create(&mut server(), "s", spec), "a dry run moves no stream");
}

#[test]
fn endpoints_go_with_their_service() {
    let mut server = server();
    create(&mut server, "s", json!({"ports": [{"port": 80}]})).expect("valid");
    let request = RequestInfo::new(NOW, "test");
    let endpoints = Body::from(json!({"metadata": {"name": "s"}}));
    server.create_json(&request, Kind::Endpoints, "default", &endpoints).expect("valid");
    let key = ObjectKey::new(Kind::Service, "default", "s");
    server.delete(&request, &key, &DeleteOptions::default()).expect("a Service to delete");
    assert!(server.store().lookup(Kind::Endpoints, "default", "s").is_none());
}
