//! Pods of a StatefulSet share a spec in which the names of their claims are left out: nobody but the memory notices.

use k8s_openapi::api::core::v1::Pod;
use seatrial::{Cluster, PatchType};
use serde_json::{Value, json};

fn stateful_set(volumes: &Value) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db"}, "spec": {"replicas": 3,
        "serviceName": "db", "selector": {"matchLabels": {"app": "db"}},
        "template": {"metadata": {"labels": {"app": "db"}}, "spec": {"volumes": volumes,
            "containers": [{"name": "c", "image": "db:1", "volumeMounts": [{"name": "data", "mountPath": "/data"}]}]}},
        "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"],
            "storageClassName": "disk", "resources": {"requests": {"storage": "1Gi"}}}}]}})
}

fn cluster(objects: &[Value]) -> Cluster {
    let mut cluster = Cluster::builder().nodes(2).build();
    let class = json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "disk"},
        "provisioner": "sim.seatrial.dev/disk"});
    for object in [&class].into_iter().chain(objects) {
        cluster.create(object).expect("the API server takes it");
    }
    cluster.settle().expect("it settles");
    cluster
}

/// The claims of a pod's volumes, by volume.
fn claims(pod: &Pod) -> Vec<(String, String)> {
    let volumes = pod.spec.as_ref().and_then(|spec| spec.volumes.clone()).unwrap_or_default();
    let claim = |v: k8s_openapi::api::core::v1::Volume| Some((v.name, v.persistent_volume_claim?.claim_name));
    volumes.into_iter().filter_map(claim).collect()
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|s| s.conditions.as_deref()).unwrap_or_default();
    conditions.iter().any(|c| c.type_ == "Ready" && c.status == "True")
}

#[test]
fn each_pod_has_its_own_claim_whatever_is_filled_into_the_spec() {
    // What the LimitRange fills in has the whole spec validated once more.
    let limits = json!({"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "small"},
        "spec": {"limits": [{"type": "Container", "default": {"cpu": "1"}, "defaultRequest": {"cpu": "100m"}}]}});
    for objects in [vec![], vec![limits]] {
        let mut objects = objects;
        objects.push(stateful_set(&json!([])));
        let cluster = cluster(&objects);
        for ordinal in 0..3 {
            let pod = cluster.pod(&format!("db-{ordinal}")).expect("the pod is there");
            assert_eq!(claims(&pod), [("data".to_owned(), format!("data-db-{ordinal}"))]);
            assert!(is_ready(&pod), "db-{ordinal} of {} objects", objects.len());
        }
    }
}

#[test]
fn a_write_of_labels_changes_no_spec() {
    // The claim of the second volume bears by accident the name that a claim of db-1 alone would have.
    let extra = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "extra-db-1"},
        "spec": {"accessModes": ["ReadWriteMany"], "storageClassName": "disk", "resources": {"requests": {"storage": "1Gi"}}}});
    let volumes = json!([{"name": "extra", "persistentVolumeClaim": {"claimName": "extra-db-1"}}]);
    let mut cluster = cluster(&[extra, stateful_set(&volumes)]);
    for ordinal in 0..3 {
        let name = format!("db-{ordinal}");
        let wanted = [("data".to_owned(), format!("data-db-{ordinal}")), ("extra".to_owned(), "extra-db-1".to_owned())];
        let before = cluster.pod(&name).expect("the pod is there");
        assert_eq!(claims(&before), wanted);
        let patch = json!({"metadata": {"labels": {"more": "yes"}}});
        cluster.patch(&format!("pod/{name}"), PatchType::Merge, &patch).expect("it is patched");
        let after = cluster.pod(&name).expect("the pod is there");
        assert_eq!((after.spec, after.metadata.generation), (before.spec, Some(1)), "{name}");
        assert!(after.metadata.labels.is_some_and(|labels| labels.contains_key("more")));
    }
}

/// The policy retains claims, so none is to be owned by the set. A claim that somebody gave to the set loses it when its place
/// is looked at next, whether its pod runs or waits for a node.
#[test]
fn a_claim_that_the_set_is_not_to_own_loses_it() {
    for cpu in ["100m", "1000"] {
        let mut set = stateful_set(&json!([]));
        set["spec"]["podManagementPolicy"] = json!("Parallel");
        set["spec"]["template"]["spec"]["containers"][0]["resources"] = json!({"requests": {"cpu": cpu}});
        let mut cluster = cluster(&[set]);
        let uid = cluster.get_json("statefulset/db").expect("the set")["metadata"]["uid"].clone();
        assert_eq!(is_ready(&cluster.pod("db-1").expect("the pod")), cpu == "100m");
        let before = cluster.get_json("persistentvolumeclaim/data-db-1").expect("the claim")["metadata"].clone();
        let owner = json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "db", "uid": uid});
        let patch = json!({"metadata": {"ownerReferences": [owner]}});
        cluster.patch("persistentvolumeclaim/data-db-1", PatchType::Merge, &patch).expect("it is patched");
        // Claims wake nobody.
        cluster.scale("statefulset/db", 4).expect("it is scaled");
        cluster.settle().expect("it settles");
        let after = cluster.get_json("persistentvolumeclaim/data-db-1").expect("the claim")["metadata"].clone();
        assert_eq!((after.get("ownerReferences"), &after["uid"]), (None, &before["uid"]), "{cpu}");
    }
}
