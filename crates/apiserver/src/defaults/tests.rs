use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::core::v1::{LimitRange, Namespace, Node, Pod, PodSpec, ReplicationController, Secret};
use k8s_openapi::api::scheduling::v1::PriorityClass;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::*;

fn defaulted<T: DeserializeOwned + Serialize>(object: Value, set_defaults: fn(&mut T)) -> Value {
    let mut object: T = serde_json::from_value(object).unwrap();
    set_defaults(&mut object);
    let once = serde_json::to_value(&object).unwrap();
    set_defaults(&mut object);
    assert_eq!(serde_json::to_value(&object).unwrap(), once, "defaulting twice changes nothing");
    once
}

fn container() -> Value {
    json!({
        "name": "c", "image": "app:1", "imagePullPolicy": "IfNotPresent", "resources": {},
        "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
    })
}

fn template_spec() -> Value {
    json!({
        "containers": [container()], "dnsPolicy": "ClusterFirst", "restartPolicy": "Always",
        "schedulerName": "default-scheduler", "securityContext": {},
        "terminationGracePeriodSeconds": 30,
    })
}

fn merged(mut base: Value, more: Value) -> Value {
    base.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    base
}

#[test]
fn deployment() {
    let template = json!({"metadata": {"labels": {"app": "w"}},
        "spec": {"containers": [{"name": "c", "image": "app:1"}]}});
    let got = defaulted(
        json!({"metadata": {"name": "w"}, "spec": {
            "selector": {"matchLabels": {"app": "w"}}, "template": template}}),
        set_defaults_deployment,
    );
    let want = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "w"}, "status": {},
        "spec": {
            "progressDeadlineSeconds": 600, "replicas": 1, "revisionHistoryLimit": 10,
            "selector": {"matchLabels": {"app": "w"}},
            "strategy": {"rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"},
                "type": "RollingUpdate"},
            "template": {"metadata": {"labels": {"app": "w"}}, "spec": template_spec()},
        },
    });
    assert_eq!(got, want);
}

#[test]
fn deployment_strategy_keeps_what_is_given() {
    let rows = [
        (json!({"type": "Recreate"}), json!({"type": "Recreate"})),
        (
            json!({"rollingUpdate": {"maxSurge": 0}}),
            json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": "25%"}}),
        ),
        (json!({"type": "Blue"}), json!({"type": "Blue"})),
    ];
    for (given, want) in rows {
        let got: Value = defaulted::<Deployment>(
            json!({"spec": {"replicas": 0, "strategy": given, "selector": {}, "template": {}}}),
            set_defaults_deployment,
        );
        assert_eq!(got["spec"]["strategy"], want);
        assert_eq!(got["spec"]["replicas"], 0);
    }
}

#[test]
fn replica_set_and_replication_controller() {
    let template = json!({"metadata": {"labels": {"app": "w"}},
        "spec": {"containers": [{"name": "c", "image": "app:1"}]}});
    let rs: Value =
        defaulted::<ReplicaSet>(json!({"spec": {"selector": {}, "template": template}}), set_defaults_replica_set);
    assert_eq!(rs["spec"]["replicas"], 1);
    assert_eq!(rs["spec"]["template"]["spec"], template_spec());
    assert_eq!(rs["status"], json!({"replicas": 0}));
    let rc: Value = defaulted::<ReplicationController>(
        json!({"metadata": {"name": "rc"}, "spec": {"template": template}}),
        set_defaults_replication_controller,
    );
    assert_eq!(rc["spec"]["selector"], json!({"app": "w"}));
    assert_eq!(rc["metadata"]["labels"], json!({"app": "w"}));
    assert_eq!(rc["spec"]["template"]["spec"], template_spec());
    assert_eq!(rc["status"], json!({"replicas": 0}));
}

#[test]
fn pod_gets_more_than_a_template() {
    let given = json!({"containers": [
        {"name": "c", "image": "app:1", "resources": {"limits": {"cpu": "0.5", "memory": "1.5Gi"},
            "requests": {"cpu": "100m"}}, "ports": [{"containerPort": 80}]}], "hostNetwork": true});
    let pod: Value = defaulted::<Pod>(json!({"spec": given}), set_defaults_pod);
    let got = &pod["spec"];
    assert_eq!(got["enableServiceLinks"], true);
    let want = json!({"limits": {"cpu": "500m", "memory": "1536Mi"},
        "requests": {"cpu": "100m", "memory": "1536Mi"}});
    assert_eq!(got["containers"][0]["resources"], want);
    let want = json!([{"containerPort": 80, "hostPort": 80, "protocol": "TCP"}]);
    assert_eq!(got["containers"][0]["ports"], want);

    let mut spec: PodSpec = serde_json::from_value(given).unwrap();
    set_defaults_pod_spec(&mut spec);
    assert_eq!(spec.enable_service_links, None);
    let container = &spec.containers[0];
    assert_eq!(container.resources.as_ref().unwrap().requests.as_ref().unwrap().len(), 1);
    assert_eq!(container.ports.as_ref().unwrap()[0].host_port, None);
}

#[test]
fn pod_level_requests() {
    let c = |cpu: &str| json!({"name": "c", "image": "a:1", "resources": {"requests": {"cpu": cpu}}});
    let pod: Value = defaulted::<Pod>(
        json!({"spec": {"containers": [c("100m"), c("200m")], "initContainers": [c("250m")],
            "resources": {"limits": {"cpu": "1", "memory": "1Gi"}}}}),
        set_defaults_pod,
    );
    let want = json!({"limits": {"cpu": "1", "memory": "1Gi"},
        "requests": {"cpu": "300m", "memory": "1Gi"}});
    assert_eq!(pod["spec"]["resources"], want);
}

#[test]
fn container_fields() {
    let http = json!({"httpGet": {"port": 80}});
    let rows = [
        (
            json!({"livenessProbe": http, "startupProbe": {"grpc": {"port": 1}, "periodSeconds": 0}}),
            json!({
                "livenessProbe": {"httpGet": {"path": "/", "port": 80, "scheme": "HTTP"},
                    "timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1,
                    "failureThreshold": 3},
                "startupProbe": {"grpc": {"port": 1, "service": ""}, "timeoutSeconds": 1,
                    "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3},
            }),
        ),
        (
            json!({"lifecycle": {"preStop": http}}),
            json!({"lifecycle": {"preStop": {"httpGet": {"path": "/", "port": 80, "scheme": "HTTP"}}}}),
        ),
        (
            json!({"env": [
                {"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                {"name": "B", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}},
                {"name": "C", "valueFrom": {"fileKeyRef": {"key": "k", "path": "p", "volumeName": "v"}}}]}),
            json!({"env": [
                {"name": "A", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}},
                {"name": "B", "valueFrom": {"resourceFieldRef": {"divisor": "0", "resource": "limits.cpu"}}},
                {"name": "C", "valueFrom": {"fileKeyRef": {"key": "k", "optional": false, "path": "p",
                    "volumeName": "v"}}}]}),
        ),
        (json!({"lifecycle": {"stopSignal": "SIGUSR1"}}), json!({})),
        (json!({"image": "app"}), json!({"image": "app", "imagePullPolicy": "Always"})),
    ];
    for (given, want) in rows {
        let base = json!({"name": "c", "image": "app:1"});
        let pod = json!({"spec": {"containers": [merged(base, given)]}});
        let pod: Value = defaulted::<Pod>(pod, set_defaults_pod);
        assert_eq!(pod["spec"]["containers"][0], merged(container(), want));
    }
}

#[test]
fn volumes() {
    let rows = [
        (json!({}), json!({"emptyDir": {}})),
        (json!({"emptyDir": {"sizeLimit": "1024Mi"}}), json!({"emptyDir": {"sizeLimit": "1Gi"}})),
        (json!({"secret": {"secretName": "s"}}), json!({"secret": {"defaultMode": 420, "secretName": "s"}})),
        (json!({"configMap": {"name": "m"}}), json!({"configMap": {"defaultMode": 420, "name": "m"}})),
        (json!({"hostPath": {"path": "/x"}}), json!({"hostPath": {"path": "/x", "type": ""}})),
        (
            json!({"projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}}),
            json!({"projected": {"defaultMode": 420, "sources": [
                {"serviceAccountToken": {"expirationSeconds": 3600, "path": "t"}}]}}),
        ),
        (
            json!({"ephemeral": {"volumeClaimTemplate": {"spec": {"accessModes": ["ReadWriteOnce"]}}}}),
            json!({"ephemeral": {"volumeClaimTemplate": {"metadata": {}, "spec": {
                "accessModes": ["ReadWriteOnce"], "resources": {}, "volumeMode": "Filesystem"}}}}),
        ),
    ];
    for (given, want) in rows {
        let pod = json!({"spec": {"containers": [], "volumes": [merged(json!({"name": "v"}), given)]}});
        let pod: Value = defaulted::<Pod>(pod, set_defaults_pod);
        assert_eq!(pod["spec"]["volumes"][0], merged(json!({"name": "v"}), want));
    }
}

#[test]
fn small_kinds() {
    let got: Value = defaulted::<Namespace>(json!({"metadata": {"name": "n"}}), set_defaults_namespace);
    assert_eq!(got["metadata"]["labels"], json!({"kubernetes.io/metadata.name": "n"}));
    assert_eq!(got["status"]["phase"], "Active");
    let node = json!({"spec": {"podCIDR": "10.0.0.0/24"}, "status": {"capacity": {"cpu": "4000m"}}});
    let got: Value = defaulted::<Node>(node, set_defaults_node);
    assert_eq!(got["spec"], json!({"podCIDR": "10.0.0.0/24", "podCIDRs": ["10.0.0.0/24"]}));
    assert_eq!(got["status"]["allocatable"], json!({"cpu": "4"}));
    assert_eq!(got["status"]["nodeInfo"]["bootID"], "");
    let secret = json!({"data": {"a": "Yg=="}, "stringData": {"a": "plain", "b": "more"}});
    let got: Value = defaulted::<Secret>(secret, set_defaults_secret);
    assert_eq!(got["data"], json!({"a": "cGxhaW4=", "b": "bW9yZQ=="}));
    assert_eq!((&got["type"], got.get("stringData")), (&json!("Opaque"), None));
    let got: Value = defaulted::<PriorityClass>(json!({"value": 1}), set_defaults_priority_class);
    assert_eq!(got["preemptionPolicy"], "PreemptLowerPriority");
    let range = json!({"spec": {"limits": [
        {"type": "Container", "max": {"cpu": "2"}, "min": {"cpu": "100m", "memory": "1Mi"}}]}});
    let got: Value = defaulted::<LimitRange>(range, set_defaults_limit_range);
    let want = json!({"type": "Container", "max": {"cpu": "2"}, "default": {"cpu": "2"},
        "defaultRequest": {"cpu": "2", "memory": "1Mi"}, "min": {"cpu": "100m", "memory": "1Mi"}});
    assert_eq!(got["spec"]["limits"][0], want);
}

#[test]
fn service_account_names_mirror_each_other() {
    let rows =
        [(json!({"serviceAccount": "a"}), "a"), (json!({"serviceAccount": "a", "serviceAccountName": "b"}), "b")];
    for (given, want) in rows {
        let mut spec: PodSpec = serde_json::from_value(merged(json!({"containers": []}), given)).unwrap();
        set_defaults_pod_spec(&mut spec);
        assert_eq!(spec.service_account.as_deref(), Some(want));
        assert_eq!(spec.service_account_name.as_deref(), Some(want));
    }
}
