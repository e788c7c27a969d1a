//! Laws over random histories of Services and pods: slices and Endpoints show what a model says they show.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod as ApiPod;
use k8s_openapi::api::discovery::v1::EndpointSlice as ApiSlice;
use proptest::prelude::*;
use seatrial::Cluster;
use seatrial::api::{EndpointSlice, Endpoints, Pod};
use serde_json::json;

/// Something that happens; pods are meant by number.
#[derive(Clone, Debug)]
enum Op {
    Scale(i32),
    Delete(usize),
    Relabel(usize),
    Image(bool),
    Publish(bool),
    Port(bool),
    Label(u8),
    Advance(u64),
    EmptySlice(usize),
    DeleteSlice(usize),
    DeleteEndpoints,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (0..260_i32).prop_map(Op::Scale),
        1 => (0..300_usize).prop_map(Op::Delete),
        2 => (0..300_usize).prop_map(Op::Relabel),
        1 => any::<bool>().prop_map(Op::Image),
        1 => any::<bool>().prop_map(Op::Publish),
        1 => any::<bool>().prop_map(Op::Port),
        1 => any::<u8>().prop_map(Op::Label),
        3 => (0..3000_u64).prop_map(Op::Advance),
        1 => (0..3_usize).prop_map(Op::EmptySlice),
        1 => (0..3_usize).prop_map(Op::DeleteSlice),
        1 => Just(Op::DeleteEndpoints),
    ]
}

fn cluster() -> Cluster {
    let behaviors = vec![seatrial::Behavior {
        matches: seatrial::kubelet::Match { image: Some("app:slow".to_owned()), ..Default::default() },
        ready: Some(seatrial::kubelet::When::After(Duration::from_millis(1500))),
        ..Default::default()
    }];
    let mut cluster = Cluster::builder().nodes(3).behaviors(behaviors).build();
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]}});
    let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {"replicas": 3, "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "c", "image": "app:1"}]}}}});
    for object in [service, deployment] {
        cluster.create(&object).expect("the API server takes it");
    }
    cluster
}

fn nth<T: Clone>(items: &[T], at: usize) -> Option<T> {
    (!items.is_empty()).then(|| items[at % items.len()].clone())
}

fn names(cluster: &Cluster) -> Vec<String> {
    cluster.pods().into_iter().filter_map(|pod| pod.metadata.name).collect()
}

fn apply(cluster: &mut Cluster, op: &Op) {
    let merge = seatrial::PatchType::Merge;
    let slices: Vec<String> =
        cluster.list::<EndpointSlice>().into_iter().filter_map(|slice| slice.metadata.name).collect();
    match op {
        Op::Scale(replicas) => cluster.scale("deployment/web", *replicas).expect("it scales"),
        Op::Delete(at) => {
            if let Some(name) = nth(&names(cluster), *at) {
                cluster.delete(&format!("pod/{name}")).expect("it is there");
            }
        }
        Op::Relabel(at) => {
            if let Some(name) = nth(&names(cluster), *at) {
                let labels = json!({"metadata": {"labels": {"app": "lost"}}});
                cluster.patch(&format!("pod/{name}"), merge, &labels).expect("it is there");
            }
        }
        Op::Image(slow) => {
            let image = if *slow { "app:slow" } else { "app:1" };
            cluster.set_image("deployment/web", "c", image).expect("it is there");
        }
        Op::Publish(on) => {
            let patch = json!({"spec": {"publishNotReadyAddresses": on}});
            cluster.patch("service/web", merge, &patch).expect("valid");
        }
        Op::Port(other) => {
            let patch = json!({"spec": {"ports": [{"port": 80, "targetPort": if *other { 9090 } else { 8080 }}]}});
            cluster.patch("service/web", merge, &patch).expect("valid");
        }
        Op::Label(value) => {
            let patch = json!({"metadata": {"labels": {"v": value.to_string()}}});
            cluster.patch("service/web", merge, &patch).expect("valid");
        }
        Op::Advance(millis) => cluster.advance(Duration::from_millis(*millis)).expect("time passes"),
        Op::EmptySlice(at) => {
            if let Some(name) = nth(&slices, *at) {
                cluster.patch(&format!("endpointslice/{name}"), merge, &json!({"endpoints": []})).expect("valid");
                // Who meddles is put right after a second.
                cluster.advance(Duration::from_secs(1)).expect("time passes");
            }
        }
        Op::DeleteSlice(at) => {
            if let Some(name) = nth(&slices, *at) {
                cluster.delete(&format!("endpointslice/{name}")).expect("it is there");
                cluster.advance(Duration::from_secs(1)).expect("time passes");
            }
        }
        Op::DeleteEndpoints => cluster.delete("endpoints/web").expect("they are made again at once"),
    }
}

/// A pod as an endpoint: address, ready, serving, terminating.
type Row = (String, bool, bool, bool);

fn is_ready(pod: &ApiPod) -> bool {
    let mut conditions = pod.status.iter().flat_map(|s| s.conditions.iter().flatten());
    conditions.any(|c| c.type_ == "Ready" && c.status == "True")
}

/// What the slices should show, by the pods' names.
fn model(cluster: &Cluster, published: bool) -> BTreeMap<String, Row> {
    let row = |pod: ApiPod| {
        let labels = pod.metadata.labels.clone().unwrap_or_default();
        let status = pod.status.clone().unwrap_or_default();
        let ended = matches!(status.phase.as_deref(), Some("Succeeded" | "Failed"));
        if labels.get("app").map(String::as_str) != Some("web") || ended {
            return None;
        }
        let terminating = pod.metadata.deletion_timestamp.is_some();
        let serving = is_ready(&pod);
        Some((pod.metadata.name?, (status.pod_ip?, published || (serving && !terminating), serving, terminating)))
    };
    cluster.list::<Pod>().into_iter().filter_map(row).collect()
}

fn check(cluster: &Cluster, meddled: bool) {
    let service = cluster.get::<seatrial::api::Service>("default", "web").expect("it is there");
    let spec = service.spec.unwrap_or_default();
    let published = spec.publish_not_ready_addresses == Some(true);
    let want = model(cluster, published);
    let slices: Vec<ApiSlice> = cluster.list::<EndpointSlice>();
    let mut got = BTreeMap::new();
    assert!(!slices.is_empty(), "there is always a slice");
    for slice in &slices {
        let endpoints = slice.endpoints.as_deref().unwrap_or_default();
        assert!(endpoints.len() <= 100, "{} endpoints in one slice", endpoints.len());
        // One that somebody emptied stays, as upstream leaves it, where a new one had to be made.
        assert!(meddled || !endpoints.is_empty() || slices.len() == 1, "an empty slice stays only if it is the last");
        let labels = slice.metadata.labels.clone().unwrap_or_default();
        let of_service = service.metadata.labels.as_ref().and_then(|l| l.get("v"));
        assert_eq!(labels.get("v"), of_service, "labels are the Service's");
        for endpoint in endpoints {
            let c = endpoint.conditions.clone().unwrap_or_default();
            let row = (endpoint.addresses[0].clone(), c.ready, c.serving, c.terminating);
            let row = (row.0, row.1 == Some(true), row.2 == Some(true), row.3 == Some(true));
            let name = endpoint.target_ref.as_ref().and_then(|r| r.name.clone()).expect("a pod");
            assert_eq!(got.insert(name.clone(), row), None, "{name} is in two places");
        }
    }
    assert_eq!(got, want, "slices");
    check_endpoints(cluster, &want, published);
}

fn check_endpoints(cluster: &Cluster, want: &BTreeMap<String, Row>, published: bool) {
    let endpoints = cluster.get::<Endpoints>("default", "web").expect("they are there");
    let (mut ready, mut not_ready) = (Vec::new(), Vec::new());
    for subset in endpoints.subsets.iter().flatten() {
        ready.extend(subset.addresses.iter().flatten().map(|a| a.ip.clone()));
        not_ready.extend(subset.not_ready_addresses.iter().flatten().map(|a| a.ip.clone()));
    }
    let rows = want.values().filter(|(_, _, _, terminating)| published || !terminating);
    let (mut yes, mut no): (Vec<&Row>, Vec<&Row>) = rows.partition(|(_, _, serving, _)| published || *serving);
    yes.sort();
    no.sort();
    let ips = |rows: Vec<&Row>| rows.into_iter().map(|row| row.0.clone()).collect::<Vec<_>>();
    assert_eq!((ready, not_ready), (ips(yes), ips(no)), "Endpoints, ordered by the text of the address");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn slices_and_endpoints_show_the_pods(ops in prop::collection::vec(op(), 1..25)) {
        let mut cluster = cluster();
        let mut meddled = false;
        for op in &ops {
            apply(&mut cluster, op);
            meddled |= matches!(op, Op::EmptySlice(_));
            check(&cluster, meddled);
        }
        cluster.settle().expect("it settles");
        check(&cluster, meddled);
    }
}
