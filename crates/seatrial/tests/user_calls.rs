//! What users do that kubectl decides on: images of containers that are not there, objects of other versions.

use seatrial::Cluster;
use serde_json::{Value, json};

fn cluster(object: &Value) -> Cluster {
    let mut cluster = Cluster::builder().nodes(1).build();
    cluster.create(object).expect("a valid object");
    cluster
}

fn template() -> Value {
    json!({"metadata": {"labels": {"app": "web"}}, "spec": {"restartPolicy": "Always",
        "initContainers": [{"name": "init", "image": "i:1"}], "containers": [{"name": "a", "image": "a:1"}, {"name": "b", "image": "b:1"}]}})
}

fn deployment() -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": template()}})
}

#[test]
fn an_image_is_set_where_the_container_is() {
    let rows = [
        ("a", json!(["i:1", "x:2", "b:1"])),
        ("init", json!(["x:2", "a:1", "b:1"])),
        ("*", json!(["x:2", "x:2", "x:2"])),
    ];
    for (container, want) in rows {
        let mut cluster = cluster(&deployment());
        cluster.set_image("deployment/web", container, "x:2").expect("it is there");
        let spec = cluster.get_json("deployment/web").expect("it is there")["spec"]["template"]["spec"].clone();
        let image = |list: &str, at: usize| spec[list][at]["image"].clone();
        assert_eq!(
            json!([image("initContainers", 0), image("containers", 0), image("containers", 1)]),
            want,
            "{container}"
        );
        assert_eq!(spec["containers"].as_array().map(Vec::len), Some(2), "{container}");
    }
}

#[test]
fn jobs_and_pods_have_their_containers_elsewhere() {
    let mut template = template();
    template["spec"]["restartPolicy"] = json!("Never");
    let cron_job = json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "tick"},
        "spec": {"schedule": "@hourly", "jobTemplate": {"spec": {"template": template}}}});
    let mut ticking = cluster(&cron_job);
    ticking.set_image("cronjob/tick", "b", "x:2").expect("it is there");
    let image = "/spec/jobTemplate/spec/template/spec/containers/1/image";
    assert_eq!(ticking.get_json("cronjob/tick").expect("it is there").pointer(image), Some(&json!("x:2")));
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": template["spec"]});
    let mut running = cluster(&pod);
    running.set_image("pod/p", "b", "x:2").expect("it is there");
    assert_eq!(
        running.get_json("pod/p").expect("it is there").pointer("/spec/containers/1/image"),
        Some(&json!("x:2"))
    );
}

#[test]
fn what_has_no_such_container_is_left_alone() {
    let mut cluster = cluster(&deployment());
    let before = cluster.get_json("deployment/web").expect("it is there");
    let mut said = |target: &str, container: &str| {
        cluster.set_image(target, container, "x:2").expect_err("kubectl refuses").to_string()
    };
    assert_eq!(said("deployment/web", "c"), "error: unable to find container named \"c\"");
    assert_eq!(
        said("svc/kubernetes", "c"),
        "error: services/kubernetes the object is not a pod or does not have a pod template: *v1.Service"
    );
    assert_eq!(said("deployment/other", "a"), "deployments.apps \"other\" not found");
    assert_eq!(cluster.get_json("deployment/web").expect("it is there"), before);
}

#[test]
fn autoscalers_of_version_1_are_created_and_applied() {
    let autoscaler = |max: i32, cpu: i32| {
        json!({"apiVersion": "autoscaling/v1", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web"},
            "spec": {"maxReplicas": max, "targetCPUUtilizationPercentage": cpu,
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}})
    };
    let seen = |cluster: &Cluster| {
        let spec = cluster.get_json("hpa/web").expect("it is there")["spec"].clone();
        json!([
            spec["maxReplicas"],
            spec["metrics"][0]["resource"]["target"]["averageUtilization"],
            spec["metrics"].as_array().map(Vec::len)
        ])
    };
    let mut created = cluster(&autoscaler(3, 50));
    assert_eq!(seen(&created), json!([3, 50, 1]));
    let mut applied = cluster(&deployment());
    for (max, cpu, word) in [(3, 50, "created"), (3, 50, "unchanged"), (4, 60, "configured")] {
        let (what, _) = applied.apply(&autoscaler(max, cpu)).expect("a valid object");
        assert_eq!((what.as_str(), seen(&applied)), (word, json!([max, cpu, 1])));
    }
    // What is left out by the next apply goes, and the default comes.
    let mut without = autoscaler(4, 60);
    without["spec"].as_object_mut().expect("a map").remove("targetCPUUtilizationPercentage");
    applied.apply(&without).expect("a valid object");
    assert_eq!(seen(&applied), json!([4, 80, 1]));
    created.delete("hpa/web").expect("it is there");
}
