//! Tables: which pods are in Endpoints, their ports, and what wakes a Service.

use std::sync::Arc;

use k8s_openapi::api::core::v1 as corev1;
use seatrial_api::{Pod, Service};
use serde_json::{Value, json};

use super::pods::PodChange;
use super::trigger_time::TriggerTimes;
use super::{
    Changed, address_types, endpoint_slice_prefix, find_port, should_pod_be_in_endpoints, should_set_hostname, spec_of,
};

fn pod(value: Value) -> Arc<Pod> {
    Arc::new(Pod::from_api(serde_json::from_value(value).expect("a pod")).expect("a pod"))
}

fn service(value: Value) -> Service {
    Service::from_api(serde_json::from_value(value).expect("a Service")).expect("a Service")
}

#[test]
fn pods_with_an_address_that_have_not_ended() {
    let rows = [
        ("running", json!({"phase": "Running", "podIP": "10.0.0.1"}), false, (true, true)),
        ("pending with an address", json!({"phase": "Pending", "podIP": "10.0.0.1"}), false, (true, true)),
        ("without an address", json!({"phase": "Running"}), false, (false, false)),
        ("succeeded", json!({"phase": "Succeeded", "podIP": "10.0.0.1"}), false, (false, false)),
        ("failed", json!({"phase": "Failed", "podIP": "10.0.0.1"}), false, (false, false)),
        ("on its way out", json!({"phase": "Running", "podIP": "10.0.0.1"}), true, (false, true)),
    ];
    for (what, status, deleting, want) in rows {
        let mut meta = json!({"name": "p"});
        if deleting {
            meta["deletionTimestamp"] = json!("2024-01-01T00:00:00Z");
        }
        let pod = pod(json!({"metadata": meta, "status": status}));
        let got = (should_pod_be_in_endpoints(&pod, false), should_pod_be_in_endpoints(&pod, true));
        assert_eq!(got, want, "{what}");
    }
}

#[test]
fn named_ports_are_found_by_name_and_protocol() {
    let pod = pod(json!({"metadata": {"name": "p"}, "spec": {
        "initContainers": [
            {"name": "i", "restartPolicy": "Always", "ports": [{"name": "side", "containerPort": 1}]},
            {"name": "j", "ports": [{"name": "init", "containerPort": 2}]}],
        "containers": [
            {"name": "a", "ports": [{"name": "http", "containerPort": 3, "protocol": "UDP"}]},
            {"name": "b", "ports": [{"name": "http", "containerPort": 4, "protocol": "TCP"}]}]}}));
    let rows = [
        (json!(8080), "TCP", Some(8080)),
        (json!("http"), "TCP", Some(4)),
        (json!("http"), "UDP", Some(3)),
        (json!("side"), "TCP", Some(1)),
        (json!("init"), "TCP", None),
        (json!("none"), "TCP", None),
    ];
    for (target, protocol, want) in rows {
        let port: corev1::ServicePort =
            serde_json::from_value(json!({"port": 80, "targetPort": target, "protocol": protocol})).expect("a port");
        assert_eq!(find_port(&pod, &port), want, "{target} {protocol}");
    }
}

#[test]
fn hostnames_and_families() {
    let web = service(json!({"metadata": {"name": "web", "namespace": "n"}}));
    let rows = [
        (json!({"hostname": "a", "subdomain": "web"}), "n", true),
        (json!({"hostname": "a", "subdomain": "other"}), "n", false),
        (json!({"subdomain": "web"}), "n", false),
        (json!({"hostname": "a"}), "n", false),
        (json!({"hostname": "a", "subdomain": "web"}), "m", false),
    ];
    for (mut spec, namespace, want) in rows {
        spec["containers"] = json!([]);
        let pod = pod(json!({"metadata": {"name": "p", "namespace": namespace}, "spec": spec}));
        assert_eq!(should_set_hostname(&pod, &web), want, "{spec} in {namespace}");
    }
    let rows: [(Value, &[&str]); 5] = [
        (json!({"clusterIP": "10.0.0.1", "ipFamilies": ["IPv4"]}), &["IPv4"]),
        (json!({"clusterIP": "None", "ipFamilies": ["IPv6", "IPv4"]}), &["IPv4", "IPv6"]),
        (json!({"clusterIP": "10.0.0.1"}), &["IPv4"]),
        (json!({"clusterIP": "fd00::1"}), &["IPv6"]),
        (json!({"clusterIP": "None"}), &["IPv4", "IPv6"]),
    ];
    for (spec, want) in rows {
        let service = service(json!({"metadata": {"name": "s"}, "spec": spec}));
        assert_eq!(address_types(spec_of(&service)), want, "{spec}");
    }
    assert_eq!(endpoint_slice_prefix("web"), "web-");
    assert_eq!(endpoint_slice_prefix(&"a".repeat(253)), "a".repeat(253));
}

#[test]
fn what_wakes_a_service() {
    let base = json!({"metadata": {"name": "p", "labels": {"a": "b"}}, "spec": {"containers": []},
        "status": {"phase": "Running", "podIP": "10.0.0.1", "conditions": [{"type": "Ready", "status": "True"}]}});
    let with = |pointer: &str, value: Value| {
        let mut changed = base.clone();
        *changed.pointer_mut(pointer).expect("the place") = value;
        pod(changed)
    };
    // (pod, labels, silent)
    let rows = [
        ("nothing", pod(base.clone()), (false, false, false)),
        ("labels", with("/metadata/labels/a", json!("c")), (false, true, false)),
        ("readiness", with("/status/conditions/0/status", json!("False")), (true, false, false)),
        ("address", with("/status/podIP", json!("10.0.0.2")), (true, false, false)),
        ("a phase alone wakes nobody", with("/status/phase", json!("Failed")), (false, false, true)),
        ("a node", with("/spec", json!({"nodeName": "n", "containers": []})), (false, false, true)),
    ];
    let old = pod(base.clone());
    for (what, new, (pod, labels, silent)) in rows {
        assert_eq!(PodChange::of(&old, &new), PodChange { pod, labels, silent }, "{what}");
    }
    let mut deleting = base.clone();
    deleting["metadata"]["deletionTimestamp"] = json!("2024-01-01T00:00:00Z");
    let deleting = self::pod(deleting);
    assert!(PodChange::of(&old, &deleting).pod);
    assert!(PodChange::of(&deleting, &deleting).pod, "as upstream, which compares pointers");
}

#[test]
fn the_time_of_the_last_change_is_the_earliest_that_is_new() {
    let at = |second: u32| format!("2024-01-01T00:00:{second:02}Z");
    let ready = |name: &str, second: u32| {
        pod(json!({"metadata": {"name": name}, "status": {"conditions": [
            {"type": "Ready", "status": "True", "lastTransitionTime": at(second)}]}}))
    };
    let bare = |name: &str| pod(json!({"metadata": {"name": name}}));
    let web = service(json!({"metadata": {"name": "web", "creationTimestamp": at(1)}}));
    // One sync after the other: which pods there are, and the second that comes of it.
    let rows = [
        ("the first: the Service's own", vec![ready("a", 5)], Some(1)),
        ("nothing is new", vec![ready("a", 5)], None),
        ("a pod that comes", vec![ready("a", 5), ready("b", 7)], Some(7)),
        ("two that change: the earlier", vec![ready("a", 9), ready("b", 8)], Some(8)),
        ("a pod that was never ready", vec![ready("a", 9), ready("b", 8), bare("c")], None),
        ("a pod that goes", vec![ready("a", 9)], None),
        ("and comes back as it was", vec![ready("a", 9), ready("b", 8)], Some(8)),
        ("a time that goes back is not new", vec![ready("a", 3), ready("b", 8)], None),
        ("but what follows it is", vec![ready("a", 4), ready("b", 8)], Some(4)),
    ];
    let (mut whole, mut partly) = (TriggerTimes::default(), TriggerTimes::default());
    for (what, pods, want) in rows {
        let want = want.map(|second| seatrial_api::Time::parse(&at(second)).expect("a time"));
        assert_eq!(whole.compute(&web, &Changed::All, pods.iter()), want, "{what}");
        // A sync that is told which pods changed comes to the same.
        let names = ["a", "b", "c"].map(seatrial_api::Str::from).into_iter().collect();
        assert_eq!(partly.compute(&web, &Changed::Pods(names), pods.iter()), want, "{what}");
    }
    let later = service(json!({"metadata": {"name": "web", "creationTimestamp": at(20)}}));
    let time = whole.compute(&later, &Changed::All, std::iter::empty());
    assert_eq!(time.map(|t| t.to_string()), Some(at(20)), "another Service of the name");
}
