//! Table: which changes of a Service its load balancer follows, and what is said of them.

use seatrial_api::Service;
use serde_json::{Value, json};

use super::update::{FINALIZER, needs_cleanup, needs_update, wants_load_balancer};

fn base() -> Value {
    json!({"metadata": {"name": "web", "uid": "11111111-1111-4111-8111-111111111111", "annotations": {"a": "b"}},
        "spec": {"type": "LoadBalancer", "ports": [{"name": "http", "port": 80, "targetPort": 80, "nodePort": 30080, "protocol": "TCP"}],
            "sessionAffinity": "None", "externalTrafficPolicy": "Cluster", "externalIPs": ["1.1.1.1"], "ipFamilies": ["IPv4"]}})
}

fn service(value: Value) -> Service {
    Service::from_api(serde_json::from_value(value).expect("a Service")).expect("a Service")
}

fn with(pointer: &str, value: Value) -> Value {
    let mut changed = base();
    let (parent, key) = pointer.rsplit_once('/').expect("a place");
    changed.pointer_mut(parent).expect("the place")[key] = value;
    changed
}

#[test]
fn what_a_load_balancer_follows() {
    let silent = (true, None);
    let told = |reason: &'static str, message: &str| (true, Some((reason, message.to_owned())));
    let rows = [
        ("/metadata/labels", json!({"c": "d"}), (false, None)),
        ("/spec/selector", json!({"c": "d"}), (false, None)),
        ("/spec/publishNotReadyAddresses", json!(true), (false, None)),
        ("/spec/type", json!("NodePort"), told("Type", "LoadBalancer -> NodePort")),
        ("/spec/loadBalancerClass", json!("x/y"), told("Type", "LoadBalancer -> LoadBalancer")),
        (
            "/spec/loadBalancerSourceRanges",
            json!(["1.0.0.0/8", "2.0.0.0/8"]),
            told("LoadBalancerSourceRanges", "[] -> [1.0.0.0/8 2.0.0.0/8]"),
        ),
        ("/spec/ports/0/name", json!("web"), silent.clone()),
        ("/spec/ports/0/port", json!(81), silent.clone()),
        ("/spec/ports/0/targetPort", json!(81), silent.clone()),
        ("/spec/ports/0/nodePort", json!(30081), silent.clone()),
        ("/spec/ports/0/protocol", json!("UDP"), silent.clone()),
        ("/spec/ports/0/appProtocol", json!("h2"), (false, None)),
        ("/spec/sessionAffinity", json!("ClientIP"), silent.clone()),
        ("/spec/sessionAffinityConfig", json!({"clientIP": {"timeoutSeconds": 5}}), silent.clone()),
        ("/spec/loadBalancerIP", json!("9.9.9.9"), told("LoadbalancerIP", " -> 9.9.9.9")),
        ("/spec/externalIPs", json!(["1.1.1.1", "2.2.2.2"]), told("ExternalIP", "Count: 1 -> 2")),
        ("/spec/externalIPs", json!(["2.2.2.2"]), told("ExternalIP", "Added: 2.2.2.2")),
        ("/metadata/annotations", json!({"a": "c"}), silent),
        (
            "/metadata/uid",
            json!("22222222-2222-4222-8222-222222222222"),
            told("UID", "11111111-1111-4111-8111-111111111111 -> 22222222-2222-4222-8222-222222222222"),
        ),
        ("/spec/externalTrafficPolicy", json!("Local"), told("ExternalTrafficPolicy", "Cluster -> Local")),
        ("/spec/healthCheckNodePort", json!(30000), told("HealthCheckNodePort", "0 -> 30000")),
        ("/spec/ipFamilies", json!(["IPv4", "IPv6"]), told("IPFamilies", "Count: 1 -> 2")),
    ];
    for (pointer, value, want) in rows {
        let new = service(with(pointer, value.clone()));
        assert_eq!(needs_update(&service(base()), &new), want, "{pointer} {value}");
    }
    assert_eq!(needs_update(&service(base()), &service(base())), (false, None));
    // One that is no load balancer may change as it likes.
    let (old, new) = (with("/spec/type", json!("ClusterIP")), with("/spec/type", json!("NodePort")));
    assert_eq!(needs_update(&service(old), &service(new)), (false, None));
}

#[test]
fn who_wants_one_and_who_has_to_be_cleaned_up() {
    let finalized = |mut value: Value| {
        value["metadata"]["finalizers"] = json!([FINALIZER]);
        value
    };
    let deleted = |mut value: Value| {
        value["metadata"]["deletionTimestamp"] = json!("2024-01-01T00:00:00Z");
        value
    };
    let plain = || with("/spec/type", json!("ClusterIP"));
    let of_class = || with("/spec/loadBalancerClass", json!("x/y"));
    let rows = [
        ("a load balancer", base(), (true, false)),
        ("with its finalizer", finalized(base()), (true, false)),
        ("deleted", deleted(finalized(base())), (true, true)),
        ("deleted without the finalizer", deleted(base()), (true, false)),
        ("no load balancer any more", finalized(plain()), (false, true)),
        ("never one", plain(), (false, false)),
        ("somebody else's", finalized(of_class()), (false, false)),
    ];
    for (what, value, want) in rows {
        let service = service(value);
        assert_eq!((wants_load_balancer(&service), needs_cleanup(&service)), want, "{what}");
    }
}
