//! Filters and scores of single nodes, one row a rule.

use seatrial_api::ResourceAmounts;
use serde_json::{Value, json};

use super::*;
use crate::test_objects::{info, node_info, pod, requests};

const UNSCHEDULABLE: &str = "node(s) were unschedulable";
const TAINT: &str = "node(s) had untolerated taint(s)";
const AFFINITY: &str = "node(s) didn't match Pod's node affinity/selector";
const PORTS: &str = "node(s) didn't have free ports for the requested pod ports";

fn node(cpu: i64, memory: i64, used_cpu: i64, used_memory: i64) -> NodeInfo {
    let amounts = |milli_cpu, memory| ResourceAmounts { milli_cpu, memory, ..ResourceAmounts::default() };
    NodeInfo {
        allocatable: amounts(cpu, memory),
        requested: amounts(used_cpu, used_memory),
        non_zero_milli_cpu: used_cpu,
        non_zero_memory: used_memory,
        allowed_pods: 110,
        ..NodeInfo::default()
    }
}

fn wants(cpu: i64, memory: i64) -> PodRequests {
    let requests = ResourceAmounts { milli_cpu: cpu, memory, ..ResourceAmounts::default() };
    PodRequests { requests, non_zero_milli_cpu: cpu, non_zero_memory: memory }
}

#[test]
fn resource_scores_are_upstreams_arithmetic() {
    // (node cpu, memory, used cpu, used memory, pod cpu, memory, least allocated, balanced)
    let rows = [
        // (1000/4000 + 5000/10000) / 2 = (25 + 50) / 2, cut to 37; with |0.75-0.5|/2: 87, without: 100; 50 + 37/2.
        (4000, 10_000, 0, 0, 3000, 5000, 37, 68),
        // Both fractions are 0.25: 100 with, 100 without; 50 + 50/2.
        (4000, 10_000, 0, 0, 1000, 2500, 75, 75),
        // Full afterwards: nothing is left; 100 with, 87 without; 50 + 63/2.
        (4000, 10_000, 3000, 5000, 1000, 5000, 0, 81),
        // More CPU than there is counts as nothing left; memory is free.
        (4000, 10_000, 4000, 0, 1000, 0, 50, 75),
        // A node that offers no memory is judged by its CPU.
        (4000, 0, 0, 0, 1000, 0, 75, 75),
        // A node that offers neither scores nothing for room.
        (0, 0, 0, 0, 0, 0, 0, 0),
        // A pod that requests nothing is in nobody's balance.
        (4000, 10_000, 2000, 5000, 0, 0, 50, 0),
        // From unbalanced (50) to balanced (100): 50 + (50 + 50)/2.
        (1000, 1000, 1000, 0, 0, 1000, 0, 100),
        // From balanced to as unbalanced as can be: 50 + (50 - 50)/2.
        (1000, 1000, 0, 0, 1000, 0, 50, 50),
    ];
    for (cpu, memory, used_cpu, used_memory, pod_cpu, pod_memory, least, balanced) in rows {
        let (node, pod) = (node(cpu, memory, used_cpu, used_memory), wants(pod_cpu, pod_memory));
        assert_eq!((least_allocated(&pod, &node), balanced_allocation(&pod, &node)), (least, balanced), "{node:?}");
    }
}

#[test]
fn scores_assume_100m_and_200_mib_where_nothing_is_requested() {
    let (pod, node) = (pod("a", json!({}), json!({})), node_info("n", json!({}), json!({})));
    // (4000 - 100) * 100 / 4000 = 97; (32768 - 200) * 100 / 32768 = 99; their mean is cut to 98.
    assert_eq!(least_allocated(pod.spec.requests(), &node), 98);
    // They count for scores only: the pod fits where nothing is free.
    let full = NodeInfo { allowed_pods: 1, ..NodeInfo::default() };
    assert_eq!(fits_resources(pod.spec.requests(), &full), Ok(()));
}

#[test]
fn every_short_resource_is_a_reason() {
    let short = |texts: &[&'static str], is_resolvable| {
        let reasons = texts.iter().map(|t| Cow::Borrowed(*t)).collect();
        Err(Misfit { plugin: Plugin::NodeResourcesFit, reasons, is_resolvable })
    };
    // (wanted, node, what is said)
    let rows = [
        (wants(5000, 20_000), node(4000, 10_000, 0, 0), short(&["Insufficient cpu", "Insufficient memory"], false)),
        (wants(1500, 1), node(4000, 10_000, 3000, 0), short(&["Insufficient cpu"], true)),
        (wants(1000, 1), node(4000, 10_000, 3000, 0), Ok(())),
        // One resource that the node does not have at all: preemption cannot help.
        (wants(1500, 20_000), node(4000, 10_000, 3000, 0), short(&["Insufficient cpu", "Insufficient memory"], false)),
        // What is not requested is not checked, even where it is overdrawn.
        (wants(0, 1), node(4000, 10_000, 5000, 0), Ok(())),
    ];
    for (wanted, node, want) in rows {
        assert_eq!(fits_resources(&wanted, &node), want, "{node:?}");
    }
    let crowded = NodeInfo { pod_count: 110, ..node(4000, 10_000, 4000, 0) };
    assert_eq!(fits_resources(&wants(1, 0), &crowded), short(&["Too many pods", "Insufficient cpu"], true));
}

#[test]
fn other_resources_are_named() {
    let spec = json!({"containers": [{"name": "c", "resources":
        {"requests": {"example.com/gpu": "2", "ephemeral-storage": "20Gi"}}}]});
    let (pod, mut node) = (pod("a", json!({}), spec), node_info("n", json!({}), json!({})));
    let said = |node: &NodeInfo| filter(&info(&pod), node).map_err(|m| (m.reasons.join(", "), m.is_resolvable));
    let both = "Insufficient ephemeral-storage, Insufficient example.com/gpu".to_owned();
    assert_eq!(said(&node), Err((both, false)));
    node.allocatable.ephemeral_storage *= 2;
    node.allocatable.scalar = vec![("example.com/gpu".into(), 2)];
    assert_eq!(said(&node), Ok(()));
    node.requested.scalar = vec![("example.com/gpu".into(), 1)];
    assert_eq!(said(&node), Err(("Insufficient example.com/gpu".to_owned(), true)));
}

/// (the pod's spec, the node's labels, the node's spec, why not, or nothing)
type Row = (Value, Value, Value, Option<&'static str>);

fn check_filter(rows: Vec<Row>) {
    for (spec, labels, node_spec, want) in rows {
        let (pod, node) = (pod("a", json!({}), spec.clone()), node_info("n", labels.clone(), node_spec.clone()));
        let got = filter(&info(&pod), &node).err().map(|misfit| misfit.reasons.join(", "));
        assert_eq!(got.as_deref(), want, "{spec} on {labels} {node_spec}");
    }
}

#[test]
fn cordons_and_taints_keep_pods_away_that_do_not_tolerate_them() {
    let taint = |effect: &str| json!({"taints": [{"key": "k", "value": "v", "effect": effect}]});
    let tolerates = |t: Value| json!({"tolerations": [t]});
    let none = || json!({});
    check_filter(vec![
        (none(), none(), json!({"unschedulable": true}), Some(UNSCHEDULABLE)),
        // A cordon is tolerated as its taint is.
        (
            tolerates(json!({"key": "node.kubernetes.io/unschedulable", "operator": "Exists"})),
            none(),
            json!({"unschedulable": true}),
            None,
        ),
        (tolerates(json!({"operator": "Exists"})), none(), json!({"unschedulable": true}), None),
        (none(), none(), taint("NoSchedule"), Some(TAINT)),
        (none(), none(), taint("NoExecute"), Some(TAINT)),
        (none(), none(), taint("PreferNoSchedule"), None),
        (tolerates(json!({"key": "k", "value": "v"})), none(), taint("NoSchedule"), None),
        (tolerates(json!({"key": "k", "operator": "Equal", "value": "w"})), none(), taint("NoSchedule"), Some(TAINT)),
        (tolerates(json!({"key": "k", "operator": "Exists"})), none(), taint("NoSchedule"), None),
        (
            tolerates(json!({"key": "k", "operator": "Exists", "effect": "NoExecute"})),
            none(),
            taint("NoSchedule"),
            Some(TAINT),
        ),
        (tolerates(json!({"operator": "Exists"})), none(), taint("NoExecute"), None),
        // tolerationSeconds matter to eviction only.
        (
            tolerates(json!({"key": "k", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 0})),
            none(),
            taint("NoExecute"),
            None,
        ),
    ]);
}

#[test]
fn node_selectors_and_affinity_choose_by_labels() {
    let needs = |terms: Value| {
        let required = json!({"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}});
        json!({"affinity": {"nodeAffinity": required}})
    };
    let label = |operator: &str, values: Value| {
        needs(json!([{"matchExpressions": [{"key": "disk", "operator": operator, "values": values}]}]))
    };
    let named = |operator: &str, name: &str| {
        needs(json!([{"matchFields": [{"key": "metadata.name", "operator": operator, "values": [name]}]}]))
    };
    let (ssd, none) = (|| json!({"disk": "ssd", "size": "10"}), || json!({}));
    let size = |operator: &str, than: &str| {
        needs(json!([{"matchExpressions": [{"key": "size", "operator": operator, "values": [than]}]}]))
    };
    let both = json!({"nodeSelector": {"disk": "ssd"}, "affinity": size("Gt", "10")["affinity"]});
    check_filter(vec![
        (json!({"nodeSelector": {"disk": "ssd"}}), ssd(), none(), None),
        (json!({"nodeSelector": {"disk": "hdd"}}), ssd(), none(), Some(AFFINITY)),
        (json!({"nodeSelector": {"disk": "ssd"}}), none(), none(), Some(AFFINITY)),
        (label("In", json!(["hdd", "ssd"])), ssd(), none(), None),
        (label("NotIn", json!(["ssd"])), ssd(), none(), Some(AFFINITY)),
        (label("NotIn", json!(["ssd"])), none(), none(), None),
        (label("Exists", json!([])), none(), none(), Some(AFFINITY)),
        (label("DoesNotExist", json!([])), none(), none(), None),
        (size("Gt", "9"), ssd(), none(), None),
        (size("Gt", "10"), ssd(), none(), Some(AFFINITY)),
        (size("Lt", "11"), ssd(), none(), None),
        (size("Lt", "x"), ssd(), none(), Some(AFFINITY)),
        (named("In", "n"), none(), none(), None),
        (named("NotIn", "n"), none(), none(), Some(AFFINITY)),
        // Terms are alternatives; a term without requirements is none.
        (needs(json!([{}, {"matchExpressions": [{"key": "disk", "operator": "Exists"}]}])), ssd(), none(), None),
        (needs(json!([{}])), ssd(), none(), Some(AFFINITY)),
        // The selector and the affinity have to hold both.
        (both, ssd(), none(), Some(AFFINITY)),
        // Whoever comes first in the order of the plugins speaks.
        (json!({"nodeSelector": {"disk": "hdd"}}), ssd(), json!({"unschedulable": true}), Some(UNSCHEDULABLE)),
    ]);
}

#[test]
fn host_ports_are_taken_by_address_and_protocol() {
    let wants = |port: Value| json!({"containers": [{"name": "c", "ports": [port]}]});
    let port = |number: i32, protocol: &str, ip: &str| json!({"containerPort": 80, "hostPort": number, "protocol": protocol, "hostIP": ip});
    // (taken, wanted, why not)
    let rows = [
        (port(80, "TCP", ""), port(80, "TCP", ""), Some(PORTS)),
        (port(80, "TCP", ""), port(81, "TCP", ""), None),
        (port(80, "TCP", ""), port(80, "UDP", ""), None),
        (port(80, "TCP", "127.0.0.1"), port(80, "TCP", "127.0.0.2"), None),
        (port(80, "TCP", "127.0.0.1"), port(80, "TCP", "127.0.0.1"), Some(PORTS)),
        (port(80, "TCP", "0.0.0.0"), port(80, "TCP", "127.0.0.1"), Some(PORTS)),
        (port(80, "TCP", "127.0.0.1"), port(80, "TCP", ""), Some(PORTS)),
        (json!({"containerPort": 80}), json!({"containerPort": 80}), None),
    ];
    for (taken, wanted, want) in rows {
        let (holder, pod) = (pod("a", json!({}), wants(taken.clone())), pod("b", json!({}), wants(wanted.clone())));
        let node =
            NodeInfo { host_ports: crate::node_info::host_ports(&holder.spec), ..node_info("n", json!({}), json!({})) };
        let got = filter(&info(&pod), &node).err().map(|m| m.reasons.join(", "));
        assert_eq!(got.as_deref(), want, "{taken} {wanted}");
    }
    // Sidecars take ports as long as the pod runs, other init containers do not.
    let init = |policy: Value| json!({"initContainers": [{"name": "i", "restartPolicy": policy, "ports": [port(80, "TCP", "")]}]});
    for (policy, count) in [(json!("Always"), 1), (json!(null), 0)] {
        assert_eq!(crate::node_info::host_ports(&pod("a", json!({}), init(policy)).spec).len(), count);
    }
}

#[test]
fn soft_taints_and_preferences_are_shares_of_the_most() {
    let soft = |count: usize| {
        let taint = |i: usize| json!({"key": format!("k{i}"), "effect": "PreferNoSchedule"});
        json!({"taints": (0..count).map(taint).collect::<Vec<_>>()})
    };
    let nodes: Vec<NodeInfo> = (0..4).map(|i| node_info("n", json!({"rank": i.to_string()}), soft(i))).collect();
    let all: Vec<&NodeInfo> = nodes.iter().collect();
    let plain = pod("a", json!({}), requests("1", "8Gi"));
    // Room 75 and balance 75 everywhere; 3 times 100, 100 - 100/3, 100 - 200/3, 0, each cut.
    assert_eq!(scores(&info(&plain), &all), [150 + 300, 150 + 3 * 67, 150 + 3 * 34, 150]);
    let prefers = |weight: i32, rank: &str| {
        json!({"weight": weight, "preference":
            {"matchExpressions": [{"key": "rank", "operator": "In", "values": [rank]}]}})
    };
    let mut spec = requests("1", "8Gi");
    spec["tolerations"] = json!([{"operator": "Exists"}]);
    let preferred = json!([prefers(30, "1"), prefers(20, "2"), prefers(10, "2"), prefers(7, "3")]);
    spec["affinity"] = json!({"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": preferred}});
    let picky = pod("a", json!({}), spec);
    // All taints are tolerated: 300; then twice the share of the highest weight, 7 * 100 / 30 cut to 23.
    assert_eq!(scores(&info(&picky), &all), [450, 450 + 200, 450 + 200, 450 + 46]);
}

#[test]
fn names_of_nodes_are_found_before_nodes_are_looked_at() {
    let terms = |terms: Value| {
        let required = json!({"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}});
        pod("a", json!({}), json!({"affinity": {"nodeAffinity": required}}))
    };
    let name = |values: &[&str]| json!({"key": "metadata.name", "operator": "In", "values": values});
    let rows = [
        (json!([{"matchFields": [name(&["b", "a"])]}]), NodeNames::Only(vec!["a", "b"])),
        // Fields of one term all hold, terms are alternatives.
        (json!([{"matchFields": [name(&["a", "b"]), name(&["b", "c"])]}]), NodeNames::Only(vec!["b"])),
        (
            json!([{"matchFields": [name(&["a", "x"])]}, {"matchFields": [name(&["b", "y"])]}]),
            NodeNames::Only(vec!["a", "b", "x", "y"]),
        ),
        (json!([{"matchFields": [name(&["a", "x"]), name(&["b", "y"])]}]), NodeNames::Conflict),
        // A term that names no node allows any.
        (
            json!([{"matchFields": [name(&["a"])]}, {"matchExpressions": [{"key": "k", "operator": "Exists"}]}]),
            NodeNames::Any,
        ),
        (json!([{"matchFields": [{"key": "metadata.name", "operator": "NotIn", "values": ["a"]}]}]), NodeNames::Any),
    ];
    for (json, want) in rows {
        assert_eq!(required_node_names(&terms(json.clone())), want, "{json}");
    }
}

#[test]
fn a_port_that_two_pods_take_in_thought_is_freed_once() {
    let spec = json!({"containers": [{"name": "c", "ports": [{"containerPort": 80, "hostPort": 80}]}]});
    let (holder, guest) = (pod("holder", json!({}), spec.clone()), pod("guest", json!({}), spec));
    let mut node = node_info("n", json!({}), json!({}));
    let [holder, guest] = [&holder, &guest].map(|pod| crate::node_info::PodKinds::default().of(pod, true, || None));
    node.add(&holder);
    node.add(&guest);
    node.sub(&guest);
    assert_eq!(node.host_ports.len(), 1, "the holder keeps it");
}
