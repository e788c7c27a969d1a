//! The texts and the counting of budgets.

use k8s_openapi::api::core::v1::Pod as ApiPod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use seatrial_api::Pod;
use seatrial_api::selector::Selector;
use serde_json::{Value, json};

use super::controller::go_text;
use super::counts::{Budget, Counts};

#[test]
fn a_selector_is_printed_as_go_prints_it() {
    let rows = [
        (json!({}), "&LabelSelector{MatchLabels:map[string]string{},MatchExpressions:[]LabelSelectorRequirement{},}"),
        (
            json!({"matchLabels": {"b": "2", "a": "1"}}),
            "&LabelSelector{MatchLabels:map[string]string{a: 1,b: 2,},MatchExpressions:[]LabelSelectorRequirement{},}",
        ),
        (
            json!({"matchExpressions": [{"key": "a", "operator": "In", "values": ["1", "2"]}]}),
            "&LabelSelector{MatchLabels:map[string]string{},MatchExpressions:[]LabelSelectorRequirement{\
             LabelSelectorRequirement{Key:a,Operator:In,Values:[1 2],},},}",
        ),
    ];
    for (selector, want) in rows {
        let selector: LabelSelector = serde_json::from_value(selector).expect("a selector");
        assert_eq!(go_text(Some(&selector)), want);
    }
}

fn pod(label: &str, ready: &str, owner: Option<&str>) -> Pod {
    let owners: Vec<Value> = owner
        .map(|uid| json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "rs", "uid": uid, "controller": true}))
        .into_iter()
        .collect();
    let api: ApiPod = serde_json::from_value(json!({
        "metadata": {"name": "p", "labels": {"app": label}, "ownerReferences": owners},
        "spec": {"containers": []},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": ready}]},
    }))
    .expect("a pod");
    Pod::from_api(api).expect("a pod")
}

/// What is counted is the same whether pods are followed or counted at the end.
#[test]
fn pods_are_counted_as_they_come_change_and_go() {
    let uid = "00000000-0000-0000-0000-000000000001";
    let web = |ready| pod("web", ready, Some(uid));
    let steps: [(Option<Pod>, Option<Pod>, [i32; 4]); 7] = [
        (None, Some(web("False")), [1, 0, 0, 1]),
        (Some(web("False")), Some(web("True")), [1, 1, 0, 1]),
        (None, Some(pod("web", "True", None)), [2, 2, 1, 1]),
        (None, Some(pod("other", "True", None)), [2, 2, 1, 1]),
        // Another label takes a pod out, another owner moves it.
        (Some(pod("web", "True", None)), Some(pod("other", "True", None)), [1, 1, 0, 1]),
        (Some(web("True")), Some(pod("web", "True", None)), [1, 1, 1, 0]),
        (Some(pod("web", "True", None)), None, [0, 0, 0, 0]),
    ];
    let selector = Selector::parse("app=web");
    let mut budget = Budget { selector, counts: Counts::default() };
    for (index, (old, new, want)) in steps.iter().enumerate() {
        budget.replace(old.as_ref(), new.as_ref());
        let c = &budget.counts;
        let controllers = i32::try_from(c.controllers.len()).unwrap_or(i32::MAX);
        assert_eq!([c.pods, c.healthy, c.unmanaged, controllers], *want, "step {index}");
    }
}
