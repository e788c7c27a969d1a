//! Table: which slices mirror an Endpoints, and what becomes of those that are there.

use std::sync::Arc;

use seatrial_api::{EndpointSlice, Endpoints, Uid};
use serde_json::{Value, json};

use super::reconciler::{Plan, reconcile};

fn endpoints(subsets: Value) -> Endpoints {
    let value = json!({"metadata": {"name": "web", "namespace": "default", "labels": {"app": "web"},
        "annotations": {"note": "kept", "endpoints.kubernetes.io/last-change-trigger-time": "t", "kubectl.kubernetes.io/last-applied-configuration": "{}"}},
        "subsets": subsets});
    let mut endpoints = Endpoints::from_api(serde_json::from_value(value).expect("Endpoints")).expect("Endpoints");
    endpoints.meta.uid = Uid::from_counter(1, 1);
    endpoints
}

/// What there is after a plan was carried out.
fn carried_out(plan: Plan, before: &[Arc<EndpointSlice>], round: u64) -> Vec<Arc<EndpointSlice>> {
    let is_gone = |slice: &Arc<EndpointSlice>| {
        plan.delete.iter().any(|s| s.meta.name == slice.meta.name)
            || plan.update.iter().any(|s| s.meta.name == slice.meta.name)
    };
    let mut after: Vec<Arc<EndpointSlice>> = before.iter().filter(|slice| !is_gone(slice)).map(Arc::clone).collect();
    after.extend(plan.update.into_iter().map(Arc::new));
    for (index, mut slice) in plan.create.into_iter().enumerate() {
        slice.meta.name = format!("web-{round}{index}").into();
        after.push(Arc::new(slice));
    }
    after
}

/// Type, ports and addresses of slices, those that are not ready in brackets.
fn shown(slices: &[Arc<EndpointSlice>]) -> Vec<String> {
    let mut all: Vec<String> = slices
        .iter()
        .map(|slice| {
            let ports: Vec<String> = slice
                .ports
                .iter()
                .map(|p| format!("{}:{}", p.name.clone().unwrap_or_default(), p.port.unwrap_or(0)))
                .collect();
            let address = |e: &k8s_openapi::api::discovery::v1::Endpoint| {
                let is_ready = e.conditions.as_ref().and_then(|c| c.ready) == Some(true);
                if is_ready { e.addresses[0].clone() } else { format!("({})", e.addresses[0]) }
            };
            let addresses: Vec<String> = slice.endpoints.iter().map(|e| address(e)).collect();
            format!("{} {} {}", slice.address_type, ports.join(","), addresses.join(" "))
        })
        .collect();
    all.sort();
    all
}

#[test]
fn slices_are_made_by_family_and_ports() {
    let subset = |ready: Value, not_ready: Value, ports: Value| json!({"addresses": ready, "notReadyAddresses": not_ready, "ports": ports});
    let (ip, http) = (|ip: &str| json!({"ip": ip}), || json!([{"name": "http", "port": 80}]));
    type Row<'a> = (&'a str, Value, &'a [&'a str], (usize, usize));
    let rows: [Row<'_>; 8] = [
        ("nothing", json!([]), &[], (0, 0)),
        ("a subset without addresses", json!([subset(json!([]), json!([]), http())]), &[], (0, 0)),
        (
            "ready and not",
            json!([subset(json!([ip("1.0.0.1")]), json!([ip("1.0.0.2")]), http())]),
            &["IPv4 http:80 1.0.0.1 (1.0.0.2)"],
            (0, 0),
        ),
        (
            "two families",
            json!([subset(json!([ip("1.0.0.1"), ip("fd00::1")]), json!([]), http())]),
            &["IPv4 http:80 1.0.0.1", "IPv6 http:80 fd00::1"],
            (0, 0),
        ),
        (
            "two sets of ports",
            json!([
                subset(json!([ip("1.0.0.1")]), json!([]), http()),
                subset(json!([ip("1.0.0.1")]), json!([]), json!([{"port": 81}]))
            ]),
            &["IPv4 :81 1.0.0.1", "IPv4 http:80 1.0.0.1"],
            (0, 0),
        ),
        (
            "one set of ports twice",
            json!([
                subset(json!([ip("1.0.0.1")]), json!([]), http()),
                subset(json!([ip("1.0.0.2")]), json!([]), http())
            ]),
            &["IPv4 http:80 1.0.0.1 1.0.0.2"],
            (0, 0),
        ),
        ("no ports", json!([subset(json!([ip("1.0.0.1")]), json!([]), json!([]))]), &["IPv4  1.0.0.1"], (0, 0)),
        (
            "what is no address is left out",
            json!([subset(json!([ip("1.0.0.1"), ip("x")]), json!([]), http())]),
            &["IPv4 http:80 1.0.0.1"],
            (1, 1),
        ),
    ];
    for (what, subsets, want, (invalid, skipped)) in rows {
        let plan = reconcile(&endpoints(subsets), &[]);
        assert_eq!((plan.invalid, plan.skipped), (invalid, skipped), "{what}");
        assert!(plan.update.is_empty() && plan.delete.is_empty(), "{what}");
        assert_eq!(shown(&carried_out(plan, &[], 0)), want, "{what}");
    }
}

#[test]
fn a_slice_says_whose_it_is() {
    let plan = reconcile(
        &endpoints(
            json!([{"addresses": [{"ip": "1.0.0.1", "hostname": "h", "nodeName": "n"}], "ports": [{"port": 80}]}]),
        ),
        &[],
    );
    let slice = plan.create[0].to_api();
    let text = serde_json::to_value(&slice).expect("JSON");
    assert_eq!(text["metadata"]["generateName"], "web-");
    assert_eq!(
        text["metadata"]["labels"],
        json!({"app": "web", "kubernetes.io/service-name": "web",
        "endpointslice.kubernetes.io/managed-by": "endpointslicemirroring-controller.k8s.io"})
    );
    assert_eq!(
        text["metadata"]["annotations"],
        json!({"note": "kept"}),
        "neither the trigger's time nor what was applied"
    );
    assert_eq!(text["metadata"]["ownerReferences"][0]["kind"], "Endpoints");
    assert_eq!(
        text["endpoints"][0],
        json!({"addresses": ["1.0.0.1"], "conditions": {"ready": true}, "hostname": "h", "nodeName": "n"})
    );
}

#[test]
fn what_is_there_is_kept_changed_or_put_to_another_use() {
    let of = |ips: &[&str], port: i32| {
        let addresses: Vec<Value> = ips.iter().map(|ip| json!({"ip": ip})).collect();
        json!([{"addresses": addresses, "ports": [{"port": port}]}])
    };
    // From, to: how many are created, updated, deleted.
    let rows = [
        ("nothing changes", of(&["1.0.0.1"], 80), of(&["1.0.0.1"], 80), (0, 0, 0)),
        ("another order", of(&["1.0.0.1", "1.0.0.2"], 80), of(&["1.0.0.2", "1.0.0.1"], 80), (0, 0, 0)),
        ("one more", of(&["1.0.0.1"], 80), of(&["1.0.0.1", "1.0.0.2"], 80), (0, 1, 0)),
        ("one less", of(&["1.0.0.1", "1.0.0.2"], 80), of(&["1.0.0.1"], 80), (0, 1, 0)),
        ("another port takes the old one's slice", of(&["1.0.0.1"], 80), of(&["1.0.0.1"], 81), (0, 1, 0)),
        ("another family does not", of(&["1.0.0.1"], 80), of(&["fd00::1"], 80), (1, 0, 1)),
        ("all gone", of(&["1.0.0.1"], 80), json!([]), (0, 0, 1)),
    ];
    for (what, from, to, want) in rows {
        let before = carried_out(reconcile(&endpoints(from), &[]), &[], 0);
        let plan = reconcile(&endpoints(to.clone()), &before);
        assert_eq!((plan.create.len(), plan.update.len(), plan.delete.len()), want, "{what}");
        let after = carried_out(plan, &before, 1);
        let anew = carried_out(reconcile(&endpoints(to), &[]), &[], 2);
        assert_eq!(shown(&after).len(), shown(&anew).len(), "{what}");
    }
}

#[test]
fn a_thousand_addresses_of_a_subset_are_mirrored() {
    let addresses: Vec<Value> = (0..1_005).map(|n| json!({"ip": format!("10.0.{}.{}", n / 256, n % 256)})).collect();
    let plan = reconcile(&endpoints(json!([{"addresses": addresses, "ports": [{"port": 80}]}])), &[]);
    assert_eq!((plan.create.len(), plan.create[0].endpoints.len(), plan.skipped, plan.invalid), (1, 1_000, 5, 0));
}
