//! Rollout semantics as a user would unit-test them: the sequences that a real cluster shows, step by step.

use std::time::Duration;

use seatrial::kubelet::{Match, When};
use seatrial::{Behavior, Cluster, PatchType};
use serde_json::{Value, json};

fn deployment(replicas: i32, spec: Value) -> Value {
    let mut object = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {
            "replicas": replicas, "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": "app:1"}]}}
        }
    });
    for (key, value) in spec.as_object().into_iter().flatten() {
        object["spec"][key] = value.clone();
    }
    object
}

/// A cluster in which `app:bad` never becomes ready, with a Deployment at rest.
fn cluster(replicas: i32, spec: Value) -> Cluster {
    let bad = Behavior {
        matches: Match { image: Some("app:bad".to_owned()), ..Match::default() },
        ready: Some(When::Never),
        ..Behavior::default()
    };
    let mut cluster = Cluster::builder().behaviors(vec![bad]).build();
    cluster.create(&deployment(replicas, spec)).expect("the API server takes it");
    cluster.settle().expect("it settles");
    cluster
}

fn roll(cluster: &mut Cluster, image: &str) {
    cluster.set_image("deployment/web", "c", image).expect("the image is set");
    cluster.settle().expect("it settles");
}

/// The scalings since a moment, as `new 0>3` and `old 10>8`, in the order they happened.
fn scalings(cluster: &Cluster, from: usize) -> Vec<String> {
    let mut events: Vec<_> =
        cluster.events().into_iter().filter(|e| e.reason.as_deref() == Some("ScalingReplicaSet")).collect();
    // The name of an event ends with the nanosecond it was made in.
    events
        .sort_by_key(|e| e.metadata.name.as_deref().and_then(|n| u64::from_str_radix(n.rsplit('.').next()?, 16).ok()));
    let sets = cluster.list::<seatrial::api::ReplicaSet>();
    let newest = sets.iter().max_by_key(|rs| {
        let annotations = rs.metadata.annotations.as_ref();
        annotations.and_then(|a| a["deployment.kubernetes.io/revision"].parse::<i64>().ok())
    });
    let newest = newest.and_then(|rs| rs.metadata.name.clone()).unwrap_or_default();
    let line = |message: &str| {
        let words: Vec<&str> = message.split(' ').collect();
        let (name, range) = (words[4], format!("{}>{}", words[6], words[8]));
        format!("{} {range}", if name == newest { "new" } else { "old" })
    };
    let messages = events.iter().filter_map(|e| e.message.as_deref()).filter(|m| m.starts_with("Scaled"));
    messages.skip(from).map(line).collect()
}

fn count(cluster: &Cluster) -> usize {
    scalings(cluster, 0).len()
}

fn sizes(cluster: &Cluster) -> Vec<i32> {
    let mut sets = cluster.list::<seatrial::api::ReplicaSet>();
    sets.sort_by_key(|rs| {
        rs.metadata.annotations.as_ref().map(|a| a["deployment.kubernetes.io/revision"].parse::<i64>().ok())
    });
    sets.iter().filter_map(|rs| rs.spec.as_ref()?.replicas).collect()
}

#[test]
fn rolling_updates_scale_as_a_real_cluster_does() {
    let rows = [
        (3, json!({}), "new 0>1, old 3>2, new 1>2, old 2>1, new 2>3, old 1>0"),
        (1, json!({}), "new 0>1, old 1>0"),
        (1, json!({"strategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": "25%"}}}), "old 1>0, new 0>1"),
        (
            10,
            json!({}),
            // The ninth scaling is the tenth event of one reason: from there on events are combined.
            "new 0>3, old 10>8, new 3>5, old 8>7, new 5>6, old 7>6, new 6>7, old 6>5",
        ),
        (2, json!({"strategy": {"type": "Recreate"}}), "old 2>0, new 0>2"),
    ];
    for (replicas, spec, want) in rows {
        let mut cluster = cluster(replicas, spec.clone());
        let before = count(&cluster);
        roll(&mut cluster, "app:2");
        assert_eq!(scalings(&cluster, before).join(", "), want, "{replicas} {spec}");
        assert!(cluster.rolled_out("web"));
    }
}

#[test]
fn scaling_in_a_stuck_rollout_is_proportional() {
    let bounds = json!({"strategy": {"rollingUpdate": {"maxSurge": 3, "maxUnavailable": 2}}});
    let mut cluster = cluster(10, bounds);
    roll(&mut cluster, "app:bad");
    assert_eq!(sizes(&cluster), [8, 5]);
    // From 11 and 7 the scaling itself makes 5 and 3; the rollout then goes on as far as its bounds allow.
    for (replicas, want) in [(15, [11, 7]), (5, [3, 5]), (0, [0, 0])] {
        cluster.scale("deployment/web", replicas).expect("it scales");
        cluster.settle().expect("it settles");
        assert_eq!(sizes(&cluster), want, "{replicas}");
    }
}

#[test]
fn revisions_move_and_remember() {
    let mut cluster = cluster(1, json!({}));
    for image in ["app:2", "app:3", "app:4", "app:2", "app:4", "app:2"] {
        roll(&mut cluster, image);
    }
    let of = |image: &str| {
        let sets = cluster.list::<seatrial::api::ReplicaSet>();
        let has = |rs: &&k8s_openapi::api::apps::v1::ReplicaSet| {
            let template = rs.spec.as_ref().and_then(|s| s.template.as_ref()).and_then(|t| t.spec.as_ref());
            template.is_some_and(|s| s.containers[0].image.as_deref() == Some(image))
        };
        let annotations = sets.iter().find(has).and_then(|rs| rs.metadata.annotations.clone()).expect("the set");
        let get = |key: &str| annotations.get(key).cloned().unwrap_or_default();
        (get("deployment.kubernetes.io/revision"), get("deployment.kubernetes.io/revision-history"))
    };
    let text = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!((of("app:1"), of("app:2"), of("app:4")), (text("1", ""), text("7", "2,5"), text("6", "4")));
}

#[test]
fn a_name_that_is_taken_counts_a_collision() {
    let mut cluster = Cluster::builder().build();
    // bfb6488d7 is what a real cluster made of this template; somebody else has the name.
    let squatter = json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "web-bfb6488d7"},
        "spec": {"replicas": 0, "selector": {"matchLabels": {"x": "y"}},
                 "template": {"metadata": {"labels": {"x": "y"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}}
    });
    cluster.create(&squatter).expect("the API server takes it");
    let image = json!({"template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": "nginx:1.27"}]}}});
    cluster.create(&deployment(1, image)).expect("the API server takes it");
    cluster.settle().expect("it settles");
    let status = cluster.deployment("web").expect("it is there").status.expect("it has a status");
    assert_eq!(status.collision_count, Some(1));
    assert!(cluster.replica_set("web-6cb4f5b94").is_ok(), "the name of the first collision, as on a real cluster");
}

#[test]
fn the_rollback_annotation_still_works() {
    let mut cluster = cluster(1, json!({}));
    roll(&mut cluster, "app:2");
    let patch = json!({"metadata": {"annotations": {"deprecated.deployment.rollback.to": "1"}}});
    cluster.patch("deployment/web", PatchType::Merge, &patch).expect("it is patched");
    cluster.settle().expect("it settles");
    let deployment = cluster.deployment("web").expect("it is there");
    let annotations = deployment.metadata.annotations.expect("annotations");
    assert_eq!(annotations.get("deployment.kubernetes.io/revision").map(String::as_str), Some("3"));
    assert!(!annotations.contains_key("deprecated.deployment.rollback.to"));
    let image = deployment.spec.and_then(|s| s.template.spec).and_then(|s| s.containers.into_iter().next()?.image);
    assert_eq!(image.as_deref(), Some("app:1"));
    let said = |text: &str| cluster.events().iter().any(|e| e.message.as_deref() == Some(text));
    assert!(said("Rolled back deployment \"web\" to revision 1"));
}

#[test]
fn thirty_pods_make_ten_events() {
    let cluster = cluster(30, json!({}));
    let created: Vec<_> =
        cluster.events().into_iter().filter(|e| e.reason.as_deref() == Some("SuccessfulCreate")).collect();
    let combined: Vec<_> = created
        .iter()
        .filter(|e| e.message.as_deref().is_some_and(|m| m.starts_with("(combined from similar events): ")))
        .collect();
    assert_eq!((created.len(), combined.len(), combined[0].count), (10, 1, Some(16)));
}

#[test]
fn a_deadline_passes_one_second_late_and_progress_recovers() {
    let mut cluster = cluster(
        2,
        json!({"progressDeadlineSeconds": 10, "strategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}}),
    );
    cluster.advance(Duration::from_secs(100)).expect("time passes");
    cluster.set_image("deployment/web", "c", "app:bad").expect("the image is set");
    let start = cluster.now();
    let reason = |c: &Cluster| {
        let conditions = c.deployment("web").ok().and_then(|d| d.status?.conditions).unwrap_or_default();
        conditions.into_iter().find(|c| c.type_ == "Progressing").and_then(|c| c.reason).unwrap_or_default()
    };
    cluster.run_until(|c| reason(c) == "ProgressDeadlineExceeded", Duration::from_secs(60)).expect("it times out");
    // The last progress is told in whole seconds; the controller looks one second after the deadline.
    let late = (cluster.now() - start).as_secs_f64();
    assert!((10.0..=12.0).contains(&late), "{late}");
    roll(&mut cluster, "app:3");
    assert_eq!(reason(&cluster), "NewReplicaSetAvailable");
}

#[test]
fn bounds_hold_in_every_rollout() {
    // Sizes and bounds from a fixed sequence; readiness takes a different time for every image.
    let bounds = [(0, 1), (1, 0), (2, 1), (3, 2)];
    for (case, replicas) in [1, 2, 5, 8].into_iter().enumerate() {
        for (surge, unavailable) in bounds {
            let spec = json!({"minReadySeconds": case, "strategy": {"rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}});
            let mut cluster = cluster(replicas, spec);
            cluster.run_until(|c| c.rolled_out("web"), Duration::from_secs(60)).expect("it is rolled out");
            cluster.always("enough pods are available", move |c| c.available("web") >= replicas - unavailable);
            cluster.always("not too many pods are wanted", move |c| sizes(c).iter().sum::<i32>() <= replicas + surge);
            cluster.set_image("deployment/web", "c", "app:2").expect("the image is set");
            cluster.run_until(|c| c.rolled_out("web"), Duration::from_secs(300)).expect("it is rolled out");
            let hash = cluster.trace_hash();
            cluster.settle().expect("it settles");
            cluster.advance(Duration::from_secs(30)).expect("time passes");
            assert!(cluster.rolled_out("web") && hash != 0);
        }
    }
}

#[test]
fn a_node_that_is_removed_takes_its_kubelet_along() {
    let mut cluster = cluster(2, json!({}));
    let bound = |c: &Cluster| -> Vec<String> { c.pods().into_iter().filter_map(|p| p.spec?.node_name).collect() };
    let node = bound(&cluster).first().cloned().expect("a bound pod");
    let on_it = bound(&cluster).iter().filter(|n| **n == node).count();
    cluster.delete(&format!("node/{node}")).expect("the node is deleted");
    cluster.delete("deployment/web").expect("the Deployment is deleted");
    cluster.advance(Duration::from_secs(50)).expect("time passes");
    // Nobody finishes the pods of the node that is gone; the others end.
    let left = cluster.pods();
    assert_eq!(left.len(), on_it);
    assert!(left.iter().all(|p| p.metadata.deletion_timestamp.is_some()));
    // The pod garbage collector misses the node at 20 s, and collects its pods at 60 s.
    cluster.advance(Duration::from_secs(10)).expect("time passes");
    assert!(cluster.pods().is_empty());
}

#[test]
fn events_go_after_an_hour_and_keep_no_cluster_from_settling() {
    let mut cluster = cluster(2, json!({}));
    // The node controller welcomes the nodes at 5 s.
    cluster.advance(Duration::from_secs(5)).expect("time passes");
    let events = cluster.events().len();
    assert!(events > 0 && cluster.now() < Duration::from_secs(60), "{events} events at {:?}", cluster.now());
    cluster.advance(Duration::from_secs(59 * 60)).expect("time passes");
    assert_eq!(cluster.events().len(), events);
    cluster.advance(Duration::from_secs(2 * 60)).expect("time passes");
    assert_eq!(cluster.events().len(), 0);
}

#[test]
fn pods_of_a_set_get_what_a_limit_range_says() {
    let mut cluster = Cluster::builder().build();
    let limits = json!([{"type": "Container", "defaultRequest": {"cpu": "50m"}, "default": {"cpu": "200m"}}]);
    let range = |max: &str| {
        json!({"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": format!("l{max}")},
            "spec": {"limits": if max.is_empty() { limits.clone() } else { json!([{"type": "Pod", "max": {"cpu": max}}]) }}})
    };
    cluster.create(&range("")).expect("a valid LimitRange");
    cluster.create(&deployment(3, json!({}))).expect("a valid Deployment");
    cluster.settle().expect("it settles");
    let pods = cluster.list::<seatrial::api::Pod>();
    let annotation = |pod: &k8s_openapi::api::core::v1::Pod| {
        pod.metadata.annotations.as_ref().and_then(|a| a.get("kubernetes.io/limit-ranger")).cloned()
    };
    let want = "LimitRanger plugin set: cpu request for container c; cpu limit for container c";
    assert_eq!(pods.iter().map(annotation).collect::<Vec<_>>(), vec![Some(want.to_owned()); 3]);
    cluster.create(&range("100m")).expect("a valid LimitRange");
    roll(&mut cluster, "app:2");
    let refused = cluster.events().into_iter().find(|e| e.reason.as_deref() == Some("FailedCreate"));
    let message = refused.and_then(|e| e.message).unwrap_or_default();
    assert!(message.ends_with("is forbidden: maximum cpu usage per Pod is 100m, but limit is 200m"), "{message}");
}
