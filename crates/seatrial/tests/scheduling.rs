//! Where pods go, who makes room for whom, and when pods that fit nowhere are tried again.

use std::collections::BTreeMap;
use std::time::Duration;

use seatrial::{Cluster, Node};
use serde_json::{Value, json};

const MINUTE: Duration = Duration::from_secs(60);

fn node(name: &str, cpu: u32) -> Node {
    let mut node = Node::named(name);
    node.capacity.insert("cpu".to_owned(), cpu.to_string());
    node.capacity.insert("memory".to_owned(), format!("{}Gi", 4 * cpu));
    node
}

fn cluster(nodes: Vec<Node>) -> Cluster {
    Cluster::builder().with_nodes(nodes).build()
}

fn create(cluster: &mut Cluster, object: &Value) {
    cluster.create(object).expect("the API server takes it");
}

fn containers(cpu: &str) -> Value {
    json!([{"name": "c", "image": "app:1", "resources": {"requests": {"cpu": cpu, "memory": "100Mi"}}}])
}

fn pod(name: &str, labels: Value, spec: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels}, "spec": spec})
}

fn node_of(cluster: &Cluster, name: &str) -> Option<String> {
    cluster.pod(name).expect("the pod is there").spec?.node_name
}

fn pods_by_node(cluster: &Cluster) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for pod in cluster.pods() {
        let node = pod.spec.and_then(|s| s.node_name).unwrap_or_default();
        *counts.entry(node).or_default() += 1;
    }
    counts
}

/// What is said of a pod that waits, and how often it was told.
fn unscheduled(cluster: &Cluster, name: &str) -> (String, i32) {
    let conditions = cluster.pod(name).expect("the pod is there").status.and_then(|s| s.conditions).unwrap_or_default();
    let scheduled = conditions.into_iter().find(|c| c.type_ == "PodScheduled" && c.status == "False");
    let events = cluster.events().into_iter();
    let told = events
        .filter(|e| e.reason.as_deref() == Some("FailedScheduling") && e.involved_object.name.as_deref() == Some(name))
        .map(|e| e.count.unwrap_or(1))
        .sum();
    (scheduled.and_then(|c| c.message).unwrap_or_default(), told)
}

#[test]
fn pods_of_services_and_owners_are_spread_by_default() {
    let fleet = |kind: &str| {
        let mut cluster = cluster(vec![node("large", 400), node("small", 4)]);
        if kind == "service" {
            let spec = json!({"selector": {"app": "web"}, "ports": [{"port": 80}]});
            create(
                &mut cluster,
                &json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": spec}),
            );
        }
        let template = json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": containers("100m")}});
        let selector = json!({"matchLabels": {"app": "web"}});
        let spec = json!({"replicas": 6, "serviceName": "s", "podManagementPolicy": "Parallel", "selector": selector, "template": template});
        match kind {
            "Deployment" | "ReplicaSet" | "StatefulSet" => {
                let mut spec = spec;
                if kind != "StatefulSet" {
                    spec.as_object_mut()
                        .expect("a map")
                        .retain(|key, _| !["serviceName", "podManagementPolicy"].contains(&key.as_str()));
                }
                create(
                    &mut cluster,
                    &json!({"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": "web"}, "spec": spec}),
                );
            }
            _ => (0..6).for_each(|i| {
                create(
                    &mut cluster,
                    &pod(&format!("web-{i}"), json!({"app": "web"}), json!({"containers": containers("100m")})),
                );
            }),
        }
        cluster.advance(Duration::from_secs(5)).expect("time passes");
        let counts = pods_by_node(&cluster);
        (counts.get("large").copied().unwrap_or(0), counts.get("small").copied().unwrap_or(0))
    };
    // By room alone all would go to the large node.
    let rows = [
        ("bare", (6, 0)),
        ("service", (3, 3)),
        ("Deployment", (3, 3)),
        ("ReplicaSet", (3, 3)),
        ("StatefulSet", (3, 3)),
    ];
    for (kind, want) in rows {
        assert_eq!(fleet(kind), want, "{kind}");
    }
}

#[test]
fn constraints_of_their_own_take_the_place_of_those_by_default() {
    let mut cluster = cluster(vec![node("large", 400), node("small", 4)]);
    let constraint = json!({"maxSkew": 1, "topologyKey": "example.com/rack", "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": {"app": "web"}}});
    let spec = json!({"topologySpreadConstraints": [constraint], "containers": containers("100m")});
    let template = json!({"metadata": {"labels": {"app": "web"}}, "spec": spec});
    let spec = json!({"replicas": 6, "selector": {"matchLabels": {"app": "web"}}, "template": template});
    create(
        &mut cluster,
        &json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec}),
    );
    // Nodes are in no rack, so that they have no part in it.
    assert_eq!(pods_by_node(&cluster), [("large".to_owned(), 6)].into());
}

/// A node with pods of these priorities, each with whether a budget guards it; 1 CPU each of 2.
type Victims = (&'static str, &'static [(u32, bool)]);

#[test]
fn the_cheapest_victims_go() {
    let rows: [(&str, [Victims; 2], &str); 5] = [
        ("no budget is violated", [("a", &[(1, true), (1, true)]), ("b", &[(5, false), (5, false)])], "b"),
        (
            "the most important victim is the least important",
            [("a", &[(5, false), (1, false)]), ("b", &[(3, false), (3, false)])],
            "b",
        ),
        (
            "the sum of priorities is the smallest",
            [("a", &[(3, false), (2, false)]), ("b", &[(3, false), (1, false)])],
            "b",
        ),
        ("as few as possible", [("a", &[(3, false), (3, false)]), ("b", &[(3, false)])], "b"),
        (
            "the most important victim started last",
            [("a", &[(3, false), (2, false)]), ("b", &[(3, false), (2, false)])],
            "b",
        ),
    ];
    for (why, nodes, want) in rows {
        let mut cluster = cluster(nodes.iter().map(|(name, _)| node(name, 2)).collect());
        for value in [1, 2, 3, 5, 100] {
            create(
                &mut cluster,
                &json!({"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass",
                "metadata": {"name": format!("p{value}")}, "value": value}),
            );
        }
        create(
            &mut cluster,
            &json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "guard"},
            "spec": {"maxUnavailable": 0, "selector": {"matchLabels": {"guarded": "true"}}}}),
        );
        for (name, victims) in nodes {
            for (at, (priority, guarded)) in victims.iter().enumerate() {
                // A single victim takes the whole node.
                let cpu = if victims.len() == 1 { "2" } else { "1" };
                let spec = json!({"priorityClassName": format!("p{priority}"), "containers": containers(cpu),
                    "nodeSelector": {"kubernetes.io/hostname": name}});
                create(&mut cluster, &pod(&format!("{name}-{at}"), json!({"guarded": guarded.to_string()}), spec));
            }
            cluster.advance(Duration::from_secs(10)).expect("time passes");
        }
        create(
            &mut cluster,
            &pod("urgent", json!({}), json!({"priorityClassName": "p100", "containers": containers("2")})),
        );
        let nominated = cluster.pod("urgent").expect("it is there").status.and_then(|s| s.nominated_node_name);
        assert_eq!(nominated.as_deref(), Some(want), "{why}");
        cluster.advance(MINUTE).expect("time passes");
        assert_eq!(node_of(&cluster, "urgent").as_deref(), Some(want), "{why}");
    }
}

#[test]
fn only_as_many_victims_go_as_have_to() {
    let mut cluster = cluster(vec![node("only", 4)]);
    for (name, value) in [("low", 1), ("middle", 2), ("high", 100)] {
        create(
            &mut cluster,
            &json!({"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": name}, "value": value}),
        );
    }
    for (name, class, cpu) in [("a", "low", "1"), ("b", "middle", "1"), ("c", "middle", "1"), ("d", "low", "1")] {
        create(&mut cluster, &pod(name, json!({}), json!({"priorityClassName": class, "containers": containers(cpu)})));
        cluster.advance(Duration::from_secs(5)).expect("time passes");
    }
    create(
        &mut cluster,
        &pod("urgent", json!({}), json!({"priorityClassName": "high", "containers": containers("1")})),
    );
    cluster.advance(MINUTE).expect("time passes");
    // Of the two least important ones the one that started later.
    let left: Vec<_> = cluster.pods().into_iter().filter_map(|p| p.metadata.name).collect();
    assert_eq!(left, ["a", "b", "c", "urgent"]);
}

#[test]
fn what_is_said_of_pods_that_wait() {
    let mut labelled = node("labelled", 4);
    labelled.labels.insert("disk".to_owned(), "ssd".to_owned());
    let mut tainted = node("tainted", 4);
    tainted.taints.push(("key".to_owned(), "value".to_owned(), "NoSchedule".to_owned()));
    let mut cluster = cluster(vec![node("plain", 4), labelled, tainted]);
    let helpful = "1 No preemption victims found for incoming pod, 2 Preemption is not helpful for scheduling";
    let none = "3 Preemption is not helpful for scheduling";
    let not_named = "2 node(s) didn't satisfy plugin(s) [NodeAffinity]";
    let named = |names: Value| {
        let fields = json!([{"matchFields": [{"key": "metadata.name", "operator": "In", "values": names}]}]);
        json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": fields}}})
    };
    // Three of four CPUs are taken on the node that is named below.
    create(
        &mut cluster,
        &pod("there", json!({}), json!({"affinity": named(json!(["plain"])), "containers": containers("3")})),
    );
    let conflict = json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchFields": [
        {"key": "metadata.name", "operator": "In", "values": ["plain"]}, {"key": "metadata.name", "operator": "In", "values": ["labelled"]}]}]}}});
    let rows = [
        (
            json!({"containers": containers("5")}),
            "1 node(s) had untolerated taint(s), 2 Insufficient cpu".to_owned(),
            none,
        ),
        (
            json!({"nodeSelector": {"disk": "hdd"}, "containers": containers("1")}),
            "1 node(s) had untolerated taint(s), 2 node(s) didn't match Pod's node affinity/selector".to_owned(),
            none,
        ),
        (
            json!({"affinity": named(json!(["plain"])), "containers": containers("2")}),
            format!("1 Insufficient cpu, {not_named}"),
            helpful,
        ),
        (
            json!({"affinity": named(json!(["gone"])), "containers": containers("1")}),
            "3 node(s) didn't satisfy plugin(s) [NodeAffinity]".to_owned(),
            none,
        ),
        (json!({"affinity": conflict, "containers": containers("1")}), "pod affinity terms conflict".to_owned(), none),
    ];
    for (at, (spec, reasons, preemption)) in rows.into_iter().enumerate() {
        let name = format!("p{at}");
        create(&mut cluster, &pod(&name, json!({}), spec.clone()));
        let want = format!(
            "0/3 nodes are available: {reasons}. no new claims to deallocate, preemption: 0/3 nodes are available: {preemption}."
        );
        assert_eq!(unscheduled(&cluster, &name), (want, 1), "{spec}");
    }
}

#[test]
fn changes_move_the_pods_that_they_concern() {
    let wants = |spec: Value| {
        let mut spec = spec;
        if spec.get("containers").is_none() {
            spec["containers"] = containers("100m");
        }
        spec
    };
    type Change = fn(&mut Cluster);
    let label: Change =
        |c| c.label_node("n", &[("disk".to_owned(), Some("ssd".to_owned()))].into()).expect("it is there");
    let taint: Change = |c| c.taint("n", &[]).expect("it is there");
    let large: Change = |c| c.add_node(&node("m", 64)).expect("it joins");
    let small: Change = |c| c.add_node(&node("m", 1)).expect("it joins");
    let gone: Change = |c| c.delete("pod/there").expect("it is there");
    let (cpu, disk) =
        (|| wants(json!({"containers": containers("8")})), || wants(json!({"nodeSelector": {"disk": "ssd"}})));
    let port = |number: u32| {
        wants(
            json!({"containers": [{"name": "c", "image": "app:1", "ports": [{"containerPort": 80, "hostPort": number}]}]}),
        )
    };
    // (why the pod waits, what happens, how often it was tried then)
    let rows: [(&str, Value, Change, i32); 9] = [
        ("more labels are no more room", cpu(), label, 1),
        ("a larger node is", cpu(), large, 1),
        ("a node that is too small is not", cpu(), small, 1),
        ("a pod that goes may leave enough room", cpu(), gone, 2),
        ("the label is the one", disk(), label, 1),
        ("a node without the label is not", disk(), large, 1),
        ("a pod that goes changes no label", disk(), gone, 1),
        ("a pod that goes leaves its port", port(8080), gone, 1),
        ("a pod that goes leaves no other port", port(9090), gone, 1),
    ];
    for (why, spec, change, told) in rows {
        let mut cluster = cluster(vec![node("n", 4)]);
        let holder = json!({"containers": [{"name": "c", "image": "app:1", "ports": [{"containerPort": 80, "hostPort": 8080}],
            "resources": {"requests": {"cpu": "1"}}}], "terminationGracePeriodSeconds": 1});
        create(&mut cluster, &pod("there", json!({}), holder));
        if why.contains("other port") {
            let second = json!({"containers": [{"name": "c", "image": "app:1", "ports": [{"containerPort": 80, "hostPort": 9090}]}]});
            create(&mut cluster, &pod("other", json!({}), second));
        }
        cluster.advance(Duration::from_secs(5)).expect("time passes");
        create(&mut cluster, &pod("waits", json!({}), spec));
        assert_eq!(node_of(&cluster, "waits"), None, "{why}");
        change(&mut cluster);
        cluster.advance(MINUTE).expect("time passes");
        assert_eq!(unscheduled(&cluster, "waits").1, told, "{why}");
    }
    // And the taint: whoever waited for it goes at once.
    let mut tainted = node("n", 4);
    tainted.taints.push(("key".to_owned(), String::new(), "NoSchedule".to_owned()));
    let mut cluster = cluster(vec![tainted]);
    cluster.advance(Duration::from_secs(5)).expect("time passes");
    create(&mut cluster, &pod("waits", json!({}), wants(json!({}))));
    taint(&mut cluster);
    assert_eq!(node_of(&cluster, "waits").as_deref(), Some("n"));
}

#[test]
fn pods_wait_for_the_first_node_and_back_off() {
    let mut cluster = Cluster::builder().nodes(0).build();
    create(&mut cluster, &pod("waits", json!({}), json!({"containers": containers("1")})));
    assert_eq!(unscheduled(&cluster, "waits").0, "no nodes available to schedule pods");
    cluster.advance(Duration::from_secs(4)).expect("time passes");
    cluster.add_node(&node("n", 4)).expect("it joins");
    // Attempts at 0, 1, 3 and 7 seconds.
    cluster.advance(Duration::from_millis(2999)).expect("time passes");
    assert_eq!(node_of(&cluster, "waits"), None);
    cluster.advance(Duration::from_millis(1)).expect("time passes");
    assert_eq!(node_of(&cluster, "waits").as_deref(), Some("n"));
}

#[test]
fn what_nothing_moves_is_tried_every_five_minutes() {
    let mut cluster = cluster(vec![node("n", 4)]);
    create(&mut cluster, &pod("waits", json!({}), json!({"containers": containers("8")})));
    for (after, told) in [(0, 1), (329, 1), (1, 2), (329, 2), (1, 3), (3300, 13)] {
        cluster.advance(Duration::from_secs(after)).expect("time passes");
        assert_eq!(unscheduled(&cluster, "waits").1, told, "{:?}", cluster.now());
    }
    cluster.settle().expect("a pod that waits is no unrest");
}

#[test]
fn nodes_of_all_zones_are_looked_at_in_turns() {
    // 300 nodes of a zone and then 300 of another, of which 270 are looked at: half of them are of either.
    let nodes = (0..600).map(|i| {
        let mut node = node(&format!("node-{i}"), 4);
        node.labels.insert("topology.kubernetes.io/zone".to_owned(), if i < 300 { "a" } else { "b" }.to_owned());
        node
    });
    let mut cluster = cluster(nodes.collect());
    let template = json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": containers("100m")}});
    let spec = json!({"replicas": 100, "selector": {"matchLabels": {"app": "web"}}, "template": template});
    create(
        &mut cluster,
        &json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec}),
    );
    let number = |name: &str| name.trim_start_matches("node-").parse::<u32>().unwrap_or(0);
    let in_first: usize =
        pods_by_node(&cluster).iter().filter(|(name, _)| number(name) < 300).map(|(_, count)| count).sum();
    assert!((45..=55).contains(&in_first), "{in_first} of 100 pods are in the first zone");
}

#[test]
fn the_search_begins_at_a_node_though_fewer_are_left() {
    let mut cluster = cluster((0..120).map(|at| node(&format!("n{at:03}"), 4)).collect());
    create(&mut cluster, &pod("first", json!({}), json!({"containers": containers("1")})));
    // The search came to the hundredth node, and only twenty stay.
    for at in 20..120 {
        cluster.delete(&format!("node/n{at:03}")).expect("it is there");
    }
    // Only some nodes count for the skew, so that each of them is looked at.
    for at in 0..2 {
        let term = json!({"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": "web"}}});
        let spread = json!({"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "DoNotSchedule",
            "nodeTaintsPolicy": "Honor", "labelSelector": {"matchLabels": {"app": "web"}}});
        let affinity = json!({"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}});
        let spec = json!({"containers": containers("1"), "affinity": affinity, "topologySpreadConstraints": [spread]});
        create(&mut cluster, &pod(&format!("web-{at}"), json!({"app": "web"}), spec));
    }
    let (one, other) = (node_of(&cluster, "web-0"), node_of(&cluster, "web-1"));
    assert!(one.is_some() && other.is_some() && one != other, "{one:?} {other:?}");
}

fn stateful_set(replicas: i32) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db"}, "spec": {"replicas": replicas,
        "serviceName": "db", "podManagementPolicy": "Parallel", "selector": {"matchLabels": {"app": "db"}},
        "template": {"metadata": {"labels": {"app": "db"}}, "spec": {"containers": containers("100m")}}}})
}

#[test]
fn what_is_said_of_one_pod_of_a_set_is_not_taken_for_all_of_them() {
    let mut cluster = cluster(vec![node("a", 8), node("b", 8)]);
    let apart = json!([{"topologyKey": "kubernetes.io/hostname",
        "labelSelector": {"matchLabels": {"statefulset.kubernetes.io/pod-name": "db-2"}}}]);
    let spec = json!({"containers": containers("100m"), "nodeSelector": {"kubernetes.io/hostname": "a"},
        "affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": apart}}});
    create(&mut cluster, &pod("loner", json!({}), spec));
    create(&mut cluster, &stateful_set(4));
    cluster.settle().expect("it settles");
    assert_eq!(node_of(&cluster, "db-2").as_deref(), Some("b"));
    assert_eq!(pods_by_node(&cluster), [("a".to_owned(), 3), ("b".to_owned(), 2)].into());
}

#[test]
fn a_service_of_one_pod_spreads_that_pod_alone() {
    let mut cluster = cluster(vec![node("a", 8), node("b", 8), node("c", 8)]);
    let one = json!({"statefulset.kubernetes.io/pod-name": "db-1"});
    create(
        &mut cluster,
        &json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "one"},
            "spec": {"selector": one, "ports": [{"port": 80}]}}),
    );
    create(&mut cluster, &stateful_set(6));
    cluster.settle().expect("it settles");
    let counts: Vec<usize> = pods_by_node(&cluster).into_values().collect();
    // The pods that the Service does not select are spread as the set's own.
    assert!(counts.iter().all(|count| (1..=3).contains(count)), "{counts:?}");
}

/// Siblings are tried one after the other, and what was found out of one holds for all as long as nothing changes.
#[test]
fn siblings_that_fit_nowhere_are_told_the_same_and_what_is_true_now() {
    let mut cluster = cluster(vec![node("a", 3), node("b", 3)]);
    let template = json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": containers("1")}});
    let spec = json!({"replicas": 10, "selector": {"matchLabels": {"app": "web"}}, "template": template});
    let set = json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "web"}, "spec": spec});
    create(&mut cluster, &set);
    let told = |cluster: &Cluster| {
        let names = cluster.pods().into_iter().filter(|pod| pod.spec.as_ref().is_some_and(|s| s.node_name.is_none()));
        let names = names.filter_map(|pod| pod.metadata.name);
        names.map(|name| unscheduled(cluster, &name)).collect::<Vec<(String, i32)>>()
    };
    let none = "no new claims to deallocate, preemption: 0/2 nodes are available:";
    let full =
        format!("0/2 nodes are available: 2 Insufficient cpu. {none} 2 No preemption victims found for incoming pod.");
    cluster.advance(Duration::from_secs(5)).expect("time passes");
    assert_eq!(told(&cluster), vec![(full.clone(), 1); 4]);
    // One leaves its room to one of them; the others are tried again, and so is the new one.
    let on = |cluster: &Cluster, node: &str| {
        let pods = cluster.pods().into_iter();
        let there = pods.filter(|pod| pod.spec.as_ref().is_some_and(|s| s.node_name.as_deref() == Some(node)));
        there.filter_map(|pod| pod.metadata.name).next().expect("a pod is there")
    };
    let name = on(&cluster, "a");
    cluster.delete(&format!("pod/{name}")).expect("it is deleted");
    cluster.advance(MINUTE).expect("time passes");
    let (messages, counts): (Vec<String>, Vec<i32>) = told(&cluster).into_iter().unzip();
    assert_eq!(messages, vec![full; 4]);
    assert!(counts.iter().all(|count| (1..=2).contains(count)) && counts.contains(&2), "{counts:?}");
    // What is true of the nodes has changed when they are tried again.
    cluster.cordon("a", true).expect("the node is there");
    let name = on(&cluster, "a");
    cluster.delete(&format!("pod/{name}")).expect("it is deleted");
    cluster.advance(MINUTE).expect("time passes");
    let cordoned = format!(
        "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) were unschedulable. {none} \
         1 No preemption victims found for incoming pod, 1 Preemption is not helpful for scheduling."
    );
    let messages: Vec<String> = told(&cluster).into_iter().map(|(message, _)| message).collect();
    assert_eq!(messages, vec![cordoned; 5]);
}
