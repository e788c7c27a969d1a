//! Tables: what becomes of slices, by how many endpoints they have and how many should be there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use k8s_openapi::api::core::v1::{ObjectReference, Service as ApiService};
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointConditions, EndpointPort};
use seatrial_api::{EndpointSlice, Service, Shared, SharedList, Str, StrMap, Uid};
use serde_json::{Value, json};

use super::hints::Heuristic;
use super::ports::Ports;
use super::reconciler::{Desired, Input, Plan, reconcile_by_address_type, slice_labels};
use crate::endpoint_util::Changed;
use crate::endpointslice::PortMapKey;

fn service(spec: Value) -> Service {
    let spec = serde_json::from_value(spec).expect("a spec");
    let mut service = Service::from_api(ApiService { spec: Some(spec), ..ApiService::default() }).expect("a Service");
    service.meta.name = "web".into();
    service.meta.namespace = "default".into();
    service.meta.uid = Uid::from_counter(1, 1);
    service
}

fn endpoint(pod: usize, ready: bool) -> Shared<Endpoint> {
    Shared::new(Endpoint {
        addresses: vec![format!("10.0.{}.{}", pod / 256, pod % 256)],
        conditions: Some(EndpointConditions { ready: Some(ready), serving: Some(ready), terminating: Some(false) }),
        target_ref: Some(ObjectReference {
            kind: Some("Pod".to_owned()),
            namespace: Some("default".to_owned()),
            name: Some(format!("p{pod:04}")),
            ..ObjectReference::default()
        }),
        ..Endpoint::default()
    })
}

fn ports() -> Ports {
    let list = vec![EndpointPort { port: Some(80), ..EndpointPort::default() }];
    Ports { key: PortMapKey::of(&list), list: list.into() }
}

/// Slices of a Service with the endpoints of these pods, all ready.
fn slices(service: &Service, groups: &[Vec<usize>]) -> Vec<Arc<EndpointSlice>> {
    let changed = Changed::All;
    let touched = BTreeSet::new();
    let input = Input { service, address_type: "IPv4", changed: &changed, touched: &touched };
    let one = |(at, pods): (usize, &Vec<usize>)| {
        let pods: BTreeMap<Str, Shared<Endpoint>> = members(pods, true);
        let mut plan = reconcile_by_address_type(&input, &[], desired(pods));
        let mut slice = plan.create.remove(0);
        slice.meta.name = format!("web-{at}").into();
        slice.meta.uid = Uid::from_counter(2, at as u64);
        Arc::new(slice)
    };
    groups.iter().enumerate().map(one).collect()
}

fn members(pods: &[usize], ready: bool) -> BTreeMap<Str, Shared<Endpoint>> {
    pods.iter().map(|pod| (format!("p{pod:04}").into(), endpoint(*pod, ready))).collect()
}

fn desired(pods: BTreeMap<Str, Shared<Endpoint>>) -> Desired {
    let ports = ports();
    let mut desired = Desired::default();
    if !pods.is_empty() {
        desired.groups.insert(ports.key.clone(), (ports, pods));
    }
    desired
}

/// `created 100 20, updated web-0:80, deleted web-1`
fn text(plan: &Plan) -> String {
    let created: Vec<String> = plan.create.iter().map(|s| s.endpoints.len().to_string()).collect();
    let updated: Vec<String> = plan.update.iter().map(|s| format!("{}:{}", s.meta.name, s.endpoints.len())).collect();
    let deleted: Vec<String> = plan.delete.iter().map(|s| s.meta.name.to_string()).collect();
    let part = |word: &str, list: Vec<String>| (!list.is_empty()).then(|| format!("{word} {}", list.join(" ")));
    let parts = [part("created", created), part("updated", updated), part("deleted", deleted)];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// What it is about, the pods of each slice, the pods that should be there, and the plan.
type Row<'a> = (&'a str, Vec<Vec<usize>>, Vec<usize>, &'a str);

#[test]
fn slices_are_filled_as_upstream_fills_them() {
    let range = |from: usize, to: usize| (from..to).collect::<Vec<usize>>();
    let rows: &[Row<'_>] = &[
        ("none yet, no pods: a placeholder", vec![], vec![], "created 0"),
        ("a hundred a slice", vec![], range(0, 120), "created 100 20"),
        ("three slices", vec![], range(0, 250), "created 100 100 50"),
        ("nothing to do", vec![range(0, 20)], range(0, 20), ""),
        ("new ones go to the slice that is there", vec![range(0, 20)], range(0, 25), "updated web-0:25"),
        ("new ones take the place of old ones", vec![range(0, 20)], range(10, 30), "updated web-0:20"),
        (
            "a changed slice is filled, not the one that is emptier",
            vec![range(0, 50), range(100, 110)],
            [range(1, 50), range(100, 115)].concat(),
            "updated web-0:54",
        ),
        (
            "of unchanged slices the one that ends fullest",
            vec![range(0, 50), range(100, 190), range(200, 280)],
            [range(0, 50), range(100, 190), range(200, 280), range(300, 320)].concat(),
            "updated web-2:100",
        ),
        (
            "where no slice can hold them all a new one is made",
            vec![range(0, 95), range(100, 195)],
            [range(0, 95), range(100, 195), range(300, 310)].concat(),
            "created 10",
        ),
        (
            "slices are never merged",
            vec![range(0, 10), range(100, 110)],
            [range(0, 9), range(100, 109)].concat(),
            "updated web-0:9 web-1:9",
        ),
        ("an emptied slice is deleted", vec![range(0, 10), range(100, 110)], range(0, 10), "deleted web-1"),
        (
            "an emptied slice is used for what would be a new one",
            vec![range(0, 100), range(100, 110)],
            [range(0, 100), range(200, 205)].concat(),
            "updated web-1:5",
        ),
        ("the last slice becomes the placeholder", vec![range(0, 10)], vec![], "updated web-0:0"),
        ("of two slices one does", vec![range(0, 10), range(100, 110)], vec![], "updated web-0:0, deleted web-1"),
    ];
    let service = service(json!({"clusterIP": "10.96.0.9", "ports": [{"port": 80}]}));
    let (changed, touched) = (Changed::All, BTreeSet::new());
    for (what, existing, wanted, want) in rows {
        let input = Input { service: &service, address_type: "IPv4", changed: &changed, touched: &touched };
        let existing = slices(&service, existing);
        let plan = reconcile_by_address_type(&input, &existing, desired(members(wanted, true)));
        assert_eq!(text(&plan), *want, "{what}");
    }
}

/// Looking at the pods that changed only comes to what looking at all of them comes to.
#[test]
fn a_look_at_some_pods_is_as_good_as_a_look_at_all() {
    let service = service(json!({"clusterIP": "10.96.0.9", "ports": [{"port": 80}]}));
    let existing = slices(&service, &[(0..100).collect(), (100..200).collect(), (200..230).collect()]);
    // One is not ready any more, one is gone, one is new.
    let mut all = members(&(0..231).collect::<Vec<_>>(), true);
    all.insert("p0107".into(), endpoint(107, false));
    all.remove("p0003");
    let names: BTreeSet<Str> = ["p0003", "p0107", "p0230"].map(Str::from).into();
    let some = all.iter().filter(|(name, _)| names.contains(*name)).map(|(n, e)| (n.clone(), e.clone())).collect();
    let (everything, nothing) = (Changed::All, BTreeSet::new());
    let input = Input { service: &service, address_type: "IPv4", changed: &everything, touched: &nothing };
    let want = reconcile_by_address_type(&input, &existing, desired(all));
    let changed = Changed::Pods(names);
    let touched = ["web-0", "web-1"].map(Str::from).into();
    let input = Input { changed: &changed, touched: &touched, ..input };
    let got = reconcile_by_address_type(&input, &existing, desired(some));
    assert_eq!(text(&got), "updated web-1:100 web-0:100");
    assert_eq!((text(&got), &got.update), (text(&want), &want.update));
}

#[test]
fn ports_make_groups_and_slices_of_other_owners_go() {
    let service = service(json!({"clusterIP": "10.96.0.9", "ports": [{"port": 80}]}));
    let (changed, touched) = (Changed::All, BTreeSet::new());
    let input = Input { service: &service, address_type: "IPv4", changed: &changed, touched: &touched };
    let existing = slices(&service, &[(0..10).collect()]);
    let other = vec![EndpointPort { port: Some(8080), ..EndpointPort::default() }];
    let other = Ports { key: PortMapKey::of(&other), list: other.into() };
    let mut two = desired(members(&[1, 2], true));
    two.groups.insert(other.key.clone(), (other, members(&[3], true)));
    assert_eq!(text(&reconcile_by_address_type(&input, &existing, two)), "created 1, updated web-0:2");
    let mut foreign = EndpointSlice::clone(&existing[0]);
    foreign.meta.owner_references = SharedList::default();
    let plan = reconcile_by_address_type(&input, &[Arc::new(foreign)], desired(members(&[1], true)));
    assert_eq!(text(&plan), "created 1, deleted web-0", "it is not used again: the garbage collector may be at it");
}

#[test]
fn labels_are_the_services_and_a_slices_own() {
    let mut service = service(json!({"clusterIP": "None"}));
    service.meta.labels = [("app", "web"), ("endpointslice.kubernetes.io/managed-by", "me")].into_iter().collect();
    let (labels, changed) = slice_labels(&StrMap::EMPTY, &service);
    let want: StrMap = [
        ("app", "web"),
        ("kubernetes.io/service-name", "web"),
        ("endpointslice.kubernetes.io/managed-by", "endpointslice-controller.k8s.io"),
        ("service.kubernetes.io/headless", ""),
    ]
    .into_iter()
    .collect();
    assert_eq!((&labels, changed), (&want, true));
    assert!(!slice_labels(&labels, &service).1);
}

#[test]
fn hints_follow_traffic_distribution() {
    let in_zone = Endpoint {
        zone: Some("a".to_owned()),
        node_name: Some("node-1".to_owned()),
        ..Endpoint::clone(&endpoint(1, true))
    };
    let rows = [
        (json!({}), json!({}), json!(null)),
        (json!({"trafficDistribution": "PreferClose"}), json!({}), json!({"forZones": [{"name": "a"}]})),
        (json!({"trafficDistribution": "PreferSameZone"}), json!({}), json!({"forZones": [{"name": "a"}]})),
        (
            json!({"trafficDistribution": "PreferSameNode"}),
            json!({}),
            json!({"forNodes": [{"name": "node-1"}], "forZones": [{"name": "a"}]}),
        ),
        (
            json!({"trafficDistribution": "PreferClose"}),
            json!({"service.kubernetes.io/topology-mode": "Auto"}),
            json!(null),
        ),
    ];
    for (spec, annotations, want) in rows {
        let mut service = service(spec.clone());
        service.meta.annotations = StrMap::from_api(serde_json::from_value(annotations).expect("annotations"));
        let heuristic = Heuristic::of(&service);
        let hints = heuristic.apply(&Shared::new(in_zone.clone())).hints.clone();
        assert_eq!(serde_json::to_value(hints).expect("JSON"), want, "{spec}");
        let hinted = Shared::new(Endpoint { hints: None, ..Endpoint::clone(&endpoint(2, false)) });
        assert_eq!(heuristic.apply(&hinted).hints, None, "one that is not ready gets none");
    }
}
