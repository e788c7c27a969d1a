//! Every type of metric of an autoscaler: what is told of it, and what comes of it.

use std::collections::BTreeMap;
use std::time::Duration;

use seatrial::Cluster;
use seatrial::kubelet::{Behavior, Usage};
use serde_json::{Value, json};

/// A Deployment of four pods with two containers, and its autoscaler with one metric, one look later.
fn cluster(metric: Value, prepare: impl FnOnce(&mut Cluster)) -> Cluster {
    let milli = [("cpu", 300), ("memory", 64_000), ("requests", 30_000)];
    let milli: BTreeMap<String, i64> = milli.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let usage = vec![Usage { milli, ..Usage::default() }];
    let mut cluster = Cluster::builder().behaviors(vec![Behavior { usage, ..Behavior::default() }]).build();
    let container = |name: &str| json!({"name": name, "image": "x:1", "resources": {"requests": {"cpu": "400m"}}});
    let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {
        "replicas": 4, "selector": {"matchLabels": {"app": "web"}}, "template": {"metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [container("a"), container("b")]}}}});
    let hpa = json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web"}, "spec": {
        "maxReplicas": 20, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}, "metrics": [metric]}});
    for object in [deployment, hpa] {
        cluster.create(&object).expect("the API server takes it");
    }
    prepare(&mut cluster);
    cluster.advance(Duration::from_secs(16)).expect("time passes");
    cluster
}

fn status(cluster: &Cluster) -> Value {
    cluster.get_json("hpa/web").expect("it is there")["status"].clone()
}

fn condition(cluster: &Cluster, type_: &str) -> String {
    let status = status(cluster);
    let found = status["conditions"].as_array().and_then(|list| list.iter().find(|c| c["type"] == type_)).cloned();
    let found = found.unwrap_or_default();
    let text = |key: &str| found[key].as_str().unwrap_or_default().to_owned();
    format!("{} {}: {}", text("status"), text("reason"), text("message"))
}

#[test]
fn metrics_of_every_type() {
    let rows = [
        (
            json!({"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}}),
            // 600m of 800m.
            json!({"resource": {"name": "cpu", "current": {"averageUtilization": 75, "averageValue": "600m"}}}),
            (6, "cpu resource utilization (percentage of request)"),
        ),
        (
            json!({"type": "Resource", "resource": {"name": "cpu", "target": {"type": "AverageValue", "averageValue": "400m"}}}),
            json!({"resource": {"name": "cpu", "current": {"averageValue": "600m"}}}),
            (6, "cpu resource"),
        ),
        (
            json!({"type": "ContainerResource", "containerResource": {"name": "cpu", "container": "b", "target": {"type": "Utilization", "averageUtilization": 50}}}),
            json!({"containerResource": {"container": "b", "name": "cpu", "current": {"averageUtilization": 75, "averageValue": "300m"}}}),
            (6, "cpu container resource utilization (percentage of request)"),
        ),
        (
            json!({"type": "Resource", "resource": {"name": "memory", "target": {"type": "AverageValue", "averageValue": "64"}}}),
            json!({"resource": {"name": "memory", "current": {"averageValue": "128"}}}),
            (8, "memory resource"),
        ),
        (
            json!({"type": "Pods", "pods": {"metric": {"name": "requests"}, "target": {"type": "AverageValue", "averageValue": "40"}}}),
            json!({"pods": {"metric": {"name": "requests"}, "current": {"averageValue": "60"}}}),
            (6, "pods metric requests"),
        ),
        (
            json!({"type": "Object", "object": {"metric": {"name": "hits"}, "describedObject": {"apiVersion": "v1", "kind": "Service", "name": "front"}, "target": {"type": "Value", "value": "10"}}}),
            json!({"object": {"metric": {"name": "hits"}, "current": {"value": "15"}}}),
            (6, "Service metric hits"),
        ),
        (
            json!({"type": "Object", "object": {"metric": {"name": "hits"}, "describedObject": {"apiVersion": "v1", "kind": "Service", "name": "front"}, "target": {"type": "AverageValue", "averageValue": "3"}}}),
            json!({"object": {"metric": {"name": "hits"}, "current": {"averageValue": "3750m"}}}),
            (5, "Service metric hits"),
        ),
        (
            json!({"type": "External", "external": {"metric": {"name": "queue", "selector": {"matchLabels": {"q": "mail"}}}, "target": {"type": "AverageValue", "averageValue": "5"}}}),
            json!({"external": {"metric": {"name": "queue"}, "current": {"averageValue": "7500m"}}}),
            (
                6,
                "external metric queue(&LabelSelector{MatchLabels:map[string]string{q: mail,},MatchExpressions:[]LabelSelectorRequirement{},})",
            ),
        ),
        (
            json!({"type": "External", "external": {"metric": {"name": "queue"}, "target": {"type": "Value", "value": "50"}}}),
            json!({"external": {"metric": {"name": "queue"}, "current": {"value": "100"}}}),
            (8, "external metric queue(nil)"),
        ),
    ];
    for (metric, want, (replicas, name)) in rows {
        let cluster = cluster(metric.clone(), |cluster| {
            cluster.set_object_metric("service/front", "hits", "15").expect("a metric");
            cluster.set_external_metric("queue", &[("q", "mail")], "30").expect("a metric");
            cluster.set_external_metric("queue", &[("q", "jobs")], "70").expect("a metric");
        });
        let status = status(&cluster);
        assert_eq!(status["desiredReplicas"], json!(replicas), "{metric}: {status}");
        let told = &status["currentMetrics"][0];
        assert!(includes(told, &want), "{told} for {want}");
        let active =
            format!("True ValidMetricFound: the HPA was able to successfully calculate a replica count from {name}");
        assert_eq!(condition(&cluster, "ScalingActive"), active);
        let rescaled =
            format!("True SucceededRescale: the HPA controller was able to update the target scale to {replicas}");
        assert_eq!(condition(&cluster, "AbleToScale"), rescaled);
    }
}

fn includes(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => {
            part.iter().all(|(key, value)| whole.get(key).is_some_and(|found| includes(found, value)))
        }
        _ => whole == part,
    }
}

#[test]
fn metrics_that_nobody_serves() {
    let rows = [
        (
            json!({"type": "Pods", "pods": {"metric": {"name": "nothing"}, "target": {"type": "AverageValue", "averageValue": "40"}}}),
            "False FailedGetPodsMetric: the HPA was unable to compute the replica count: unable to get metric nothing: no metrics returned from custom metrics API",
        ),
        (
            json!({"type": "External", "external": {"metric": {"name": "nothing"}, "target": {"type": "Value", "value": "50"}}}),
            "False FailedGetExternalMetric: the HPA was unable to compute the replica count: failed to get external metric nothing: unable to get external metric default/nothing/nil: unable to fetch metrics from external metrics API: the server could not find the requested resource (get nothing.external.metrics.k8s.io)",
        ),
        (
            json!({"type": "ContainerResource", "containerResource": {"name": "cpu", "container": "z", "target": {"type": "Utilization", "averageUtilization": 50}}}),
            "False FailedGetContainerResourceMetric: the HPA was unable to compute the replica count: failed to get cpu utilization: unable to get metrics for resource cpu: container z not present in metrics for pod default/web-",
        ),
    ];
    for (metric, want) in rows {
        let cluster = cluster(metric, |_| {});
        let got = condition(&cluster, "ScalingActive");
        assert!(got.starts_with(want), "{got}");
        assert_eq!(
            condition(&cluster, "AbleToScale"),
            "True SucceededGetScale: the HPA controller was able to get the target's current scale"
        );
        assert_eq!(
            (status(&cluster)["desiredReplicas"].clone(), status(&cluster)["currentReplicas"].clone()),
            (json!(0), json!(4))
        );
        assert_eq!(
            status(&cluster)["currentMetrics"],
            json!([{"type": ""}]),
            "the metric has its place, without a value"
        );
    }
}
