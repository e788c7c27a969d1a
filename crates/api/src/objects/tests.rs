//! Objects come back from their compact form as they were.

use k8s_openapi::api::core::v1 as corev1;
use serde_json::{Value, json};

use crate::{
    Condition, ConditionStatus, Conditions, Event, Kind, Object, ObjectMeta, PersistentVolume, PersistentVolumeClaim,
    Pod, PodSpec, Resource, Time,
};

fn round_trip<R: Resource>(value: Value) {
    let api: R::Api = serde_json::from_value(value.clone()).expect("the JSON is of the kind");
    let object = R::wrap(std::sync::Arc::new(R::from_api_object(api).expect("it converts")));
    assert_eq!(object.to_json(), value, "{:?}", object.kind());
}

fn meta() -> Value {
    json!({
        "name": "web", "namespace": "default", "uid": "0f0e0d0c-0b0a-4908-8706-050403020100", "resourceVersion": "12", "generation": 3,
        "creationTimestamp": "2024-01-01T00:00:00Z", "labels": {"app": "web"}, "annotations": {"a": "b"}, "finalizers": ["x/y"],
        "deletionTimestamp": "2024-01-01T00:00:30Z", "deletionGracePeriodSeconds": 30,
        "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "rs", "uid": "not a uuid", "controller": true, "blockOwnerDeletion": true}]
    })
}

fn template() -> Value {
    json!({"metadata": {"labels": {"app": "web"}, "annotations": {"k": "v"}}, "spec": {"containers": [{"name": "c", "image": "app:1"}]}})
}

#[test]
fn metadata_is_equal_where_every_field_is() {
    let mut full = meta();
    full["generateName"] = json!("w");
    full["managedFields"] = json!([{"manager": "m", "operation": "Apply", "fieldsV1": {"f:spec": {}}}]);
    let read = |value: &Value| {
        let api = serde_json::from_value(value.clone()).expect("the JSON is metadata");
        ObjectMeta::from_api(api).expect("it converts")
    };
    assert_eq!(read(&full), read(&full), "read twice, so that nothing is shared");
    for field in full.as_object().expect("an object").keys() {
        let mut without = full.clone();
        without.as_object_mut().expect("an object").remove(field);
        assert_ne!(read(&full), read(&without), "without {field}");
    }
}

#[test]
fn a_condition_that_is_the_last_already_leaves_the_list_shared() {
    let now = Time::default();
    let condition = |type_: &'static str, text: &'static str| {
        Condition::new(type_, ConditionStatus::True, now).because("Reason", text)
    };
    let list: Conditions = [condition("A", "1"), condition("B", "1")].into_iter().collect();
    assert!(list.with_last(condition("B", "1")).ptr_eq(&list));
    let types = |list: &Conditions| list.iter().map(|c| format!("{}{}", c.type_, c.message)).collect::<Vec<_>>();
    assert_eq!(types(&list.with_last(condition("B", "2"))), ["A1", "B2"]);
    assert_eq!(types(&list.with_last(condition("A", "1"))), ["B1", "A1"], "the others keep their order");
}

#[test]
fn deployments_and_replica_sets() {
    round_trip::<crate::Deployment>(json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta(),
        "spec": {
            "replicas": 0, "minReadySeconds": 3, "paused": true, "progressDeadlineSeconds": 600, "revisionHistoryLimit": 2,
            "selector": {"matchLabels": {"app": "web"}, "matchExpressions": [{"key": "tier", "operator": "In", "values": ["b", "a"]}]},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 0}}, "template": template()
        },
        "status": {
            "observedGeneration": 3, "replicas": 1, "readyReplicas": 1, "availableReplicas": 1, "updatedReplicas": 1, "unavailableReplicas": 2,
            "terminatingReplicas": 0, "collisionCount": 1,
            "conditions": [{"type": "Available", "status": "Unknown", "reason": "R", "message": "M", "lastUpdateTime": "2024-01-01T00:00:00Z", "lastTransitionTime": "2024-01-01T00:00:00Z"}]
        }
    }));
    round_trip::<crate::ReplicaSet>(json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": meta(),
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": template()},
        "status": {"replicas": 0, "terminatingReplicas": 0, "conditions": [{"type": "ReplicaFailure", "status": "True", "lastTransitionTime": null}]}
    }));
    round_trip::<crate::ReplicationController>(json!({
        "apiVersion": "v1", "kind": "ReplicationController", "metadata": meta(),
        "spec": {"replicas": 2, "minReadySeconds": 4, "selector": {"app": "web"}, "template": template()},
        "status": {"replicas": 2, "fullyLabeledReplicas": 1, "readyReplicas": 1, "availableReplicas": 1, "observedGeneration": 3,
            "conditions": [{"type": "ReplicaFailure", "status": "True", "lastTransitionTime": "2024-01-01T00:00:00Z"}]}
    }));
}

#[test]
fn pods_with_the_usual_and_the_unusual_status() {
    let ended = json!({"terminated": {"exitCode": 137, "signal": 9, "reason": "OOMKilled", "message": "m", "startedAt": "2024-01-01T00:00:00Z", "finishedAt": "2024-01-01T00:00:01Z", "containerID": "cri://x"}});
    round_trip::<crate::Pod>(json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": meta(),
        "spec": {"nodeName": "node-0", "containers": [{"name": "c", "image": "app:1"}], "priority": 0, "enableServiceLinks": true},
        "status": {
            "phase": "Running", "qosClass": "BestEffort", "observedGeneration": 1, "reason": "R", "message": "M", "nominatedNodeName": "n",
            "hostIP": "10.0.0.1", "hostIPs": [{"ip": "10.0.0.1"}], "podIP": "10.244.0.1", "podIPs": [{"ip": "10.244.0.1"}, {"ip": "fd00::1"}],
            "startTime": "2024-01-01T00:00:00Z", "resize": "InProgress",
            "conditions": [{"type": "Ready", "status": "False", "reason": "R", "message": "M", "observedGeneration": 1, "lastProbeTime": "2024-01-01T00:00:00Z", "lastTransitionTime": "2024-01-01T00:00:00Z"}],
            "initContainerStatuses": [{"name": "i", "image": "i:1", "imageID": "", "ready": true, "restartCount": 0, "state": ended, "lastState": {}}],
            "containerStatuses": [{
                "name": "c", "image": "app:1", "imageID": "sha", "containerID": "seatrial://00000000000000ff", "ready": false, "started": false, "restartCount": 2,
                "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}}, "lastState": ended, "allocatedResources": {"cpu": "1"}
            }]
        }
    }));
}

#[test]
fn events_and_plain_kinds() {
    round_trip::<crate::Event>(json!({
        "apiVersion": "v1", "kind": "Event", "metadata": meta(), "type": "Normal", "reason": "R", "message": "m", "count": 2, "action": "Binding",
        "involvedObject": {"kind": "Pod", "namespace": "default", "name": "p", "uid": "0f0e0d0c-0b0a-4908-8706-050403020100", "apiVersion": "v1", "resourceVersion": "7", "fieldPath": "spec.containers{c}"},
        "source": {"component": "kubelet", "host": "node-0"}, "reportingComponent": "kubelet", "reportingInstance": "node-0",
        "firstTimestamp": "2024-01-01T00:00:00Z", "lastTimestamp": "2024-01-01T00:00:05Z", "eventTime": "2024-01-01T00:00:00.000001Z",
        "series": {"count": 2, "lastObservedTime": "2024-01-01T00:00:00.000000Z"}
    }));
    round_trip::<crate::ConfigMap>(
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta(), "data": {"k": "v"}}),
    );
}

#[test]
fn users_find_kinds_by_every_spelling() {
    let rows = [
        ("deploy", Some(Kind::Deployment)),
        ("deployments.apps", Some(Kind::Deployment)),
        ("deployment.v1.apps", Some(Kind::Deployment)),
        ("Deployment", Some(Kind::Deployment)),
        ("deployments.extensions", None),
        ("rs", Some(Kind::ReplicaSet)),
        ("po", Some(Kind::Pod)),
        ("pods", Some(Kind::Pod)),
        ("no", Some(Kind::Node)),
        ("gadget", None),
    ];
    for (text, want) in rows {
        assert_eq!(Kind::from_user_text(text), want, "{text}");
    }
    let rows = [
        ("apps/v1", "Deployment", Some(Kind::Deployment)),
        ("apps/v1beta1", "Deployment", None),
        ("v1", "Deployment", None),
        ("v1", "Pod", Some(Kind::Pod)),
        ("/v1", "Pod", None),
        ("apps/v1", "Pod", None),
        ("apps/v1/", "Deployment", None),
        ("", "Pod", None),
    ];
    for (api_version, kind, want) in rows {
        assert_eq!(Kind::of(api_version, kind), want, "{api_version} {kind}");
    }
}

#[test]
fn pods_stay_small() {
    // A pod's own part; its spec, labels, owners, conditions and container statuses are shared or behind one pointer.
    assert!(size_of::<crate::Pod>() <= 512, "{}", size_of::<crate::Pod>());
    assert_eq!(size_of::<Object>(), 16);
}

/// What there is a million of stays small: a field more is a decision, with docs/benchmarks.md in mind.
#[test]
fn pods_and_events_are_as_small_as_they_are_said_to_be() {
    let sizes = [
        ("ObjectMeta", size_of::<crate::ObjectMeta>(), 168),
        ("Pod", size_of::<Pod>(), 320),
        ("ContainerStatus", size_of::<crate::ContainerStatus>(), 72),
        ("Event", size_of::<Event>(), 112),
    ];
    for (name, size, most) in sizes {
        assert!(size <= most, "{name}: {size} bytes, at most {most}");
    }
}

/// A pod with this affinity.
fn pod_with(affinity: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": meta(), "status": {"phase": "Pending"},
        "spec": {"affinity": affinity, "containers": [{"name": "c", "image": "app:1"}]}})
}

fn required(terms: Value) -> Value {
    json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}})
}

#[test]
fn an_affinity_to_one_node_by_name_is_held_beside_the_shared_spec() {
    let by_name =
        |key: &str, operator: &str, names: &[&str]| json!({"key": key, "operator": operator, "values": names});
    let one = by_name("metadata.name", "In", &["n-1"]);
    let mut preferring = required(json!([{"matchFields": [one]}]));
    preferring["nodeAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"] =
        json!([{"weight": 1, "preference": {"matchExpressions": [{"key": "disk", "operator": "Exists"}]}}]);
    let mut with_pods = required(json!([{"matchFields": [one]}]));
    with_pods["podAntiAffinity"] = json!({});
    let rows = [
        (required(json!([{"matchFields": [one]}])), Some("n-1")),
        (preferring, Some("n-1")),
        (with_pods, Some("n-1")),
        (required(json!([{"matchFields": [by_name("metadata.name", "In", &["n-1", "n-2"])]}])), None),
        (required(json!([{"matchFields": [by_name("metadata.name", "In", &[""])]}])), None),
        (required(json!([{"matchFields": [by_name("metadata.name", "NotIn", &["n-1"])]}])), None),
        (required(json!([{"matchFields": [one]}, {"matchFields": [one]}])), None),
        (required(json!([{"matchFields": [one, one]}])), None),
        (required(json!([{"matchExpressions": [by_name("zone", "In", &["a"])], "matchFields": [one]}])), None),
        (json!({"nodeAffinity": {}}), None),
        (json!({}), None),
    ];
    for (affinity, node) in rows {
        let value = pod_with(&affinity);
        let read = Pod::from_api(serde_json::from_value(value.clone()).expect("a pod")).expect("it converts");
        assert_eq!(read.pinned_to.as_deref().map(|n| n.as_str()), node, "{affinity}");
        round_trip::<Pod>(value);
    }
}

#[test]
fn pods_pinned_to_different_nodes_have_equal_specs() {
    let pod = |node: &str| {
        let affinity =
            required(json!([{"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}]));
        Pod::from_api(serde_json::from_value(pod_with(&affinity)).expect("a pod")).expect("it converts")
    };
    let (one, other) = (pod("n-1"), pod("n-2"));
    assert_eq!(one.spec, other.spec);
    assert_ne!(one, other);
    assert_eq!(one.target_node().map(|n| n.as_str()), Some("n-1"));
    let bound = Pod { node_name: "n-9".into(), ..one };
    assert_eq!(bound.target_node().map(|n| n.as_str()), Some("n-9"));
}

#[test]
fn hostnames_that_follow_from_a_name_are_held_beside_the_shared_spec() {
    use crate::PodHostname as At;
    let rows = [
        ("web-0", "", Some("web-0"), At::Name),
        ("work-3-x7k2p", "work-3-", Some("work-3"), At::GenerateName),
        ("work-3-x7k2p", "work-3-", Some("work-4"), At::Spec),
        ("work-3-x7k2p", "work-3", Some("work-3"), At::Spec),
        ("web-0", "", Some(""), At::Spec),
        ("web-0", "", None, At::Spec),
    ];
    for (name, prefix, hostname, at) in rows {
        let mut value = json!({"apiVersion": "v1", "kind": "Pod", "metadata": meta(), "status": {"phase": "Pending"},
            "spec": {"containers": [{"name": "c", "image": "app:1"}]}});
        value["metadata"]["name"] = json!(name);
        if !prefix.is_empty() {
            value["metadata"]["generateName"] = json!(prefix);
        }
        if let Some(hostname) = hostname {
            value["spec"]["hostname"] = json!(hostname);
        }
        let read = Pod::from_api(serde_json::from_value(value.clone()).expect("a pod")).expect("it converts");
        assert_eq!((read.spec.hostname(), read.hostname()), (at, hostname), "{name} {prefix} {hostname:?}");
        round_trip::<Pod>(value);
    }
}

#[test]
fn pods_whose_claims_are_named_after_them_share_a_spec() {
    let pod = |name: &str, claim: &str| {
        let value = serde_json::json!({"metadata": {"name": name}, "spec": {"containers": [], "hostname": name,
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": claim}}]}});
        let api: corev1::Pod = serde_json::from_value(value).expect("a pod");
        let pod = Pod::from_api(api.clone()).expect("it converts");
        let volumes = |pod: &corev1::Pod| pod.spec.as_ref().and_then(|spec| spec.volumes.clone());
        assert_eq!(volumes(&pod.to_api()), volumes(&api), "{name} {claim}");
        assert_eq!(pod.claims().collect::<Vec<_>>(), [(claim.into(), false)]);
        pod
    };
    let (first, second) = (pod("db-0", "data-db-0"), pod("db-1", "data-db-1"));
    assert_eq!(first.spec, second.spec);
    // Not their own: of another pod, of another volume, or without a dash between.
    for (name, claim) in
        [("db-0", "data-db-1"), ("db-0", "logs-db-0"), ("db-0", "datadb-0"), ("db-0", "db-0"), ("0", "data-db-0")]
    {
        assert_ne!(pod(name, claim).spec, first.spec, "{name} {claim}");
    }
}

#[test]
fn a_spec_is_the_same_wherever_the_names_of_claims_are_written() {
    let value = serde_json::json!({"metadata": {"name": "db-0"}, "spec": {"containers": [],
        "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data-db-0"}}]}});
    let api: corev1::Pod = serde_json::from_value(value).expect("a pod");
    let pod = Pod::from_api(api.clone()).expect("it converts");
    let written = Pod { spec: std::sync::Arc::new(PodSpec::new(api.spec.unwrap_or_default())), ..pod.clone() };
    assert!(pod.spec != written.spec && pod.has_spec_of(&written));
    let other = Pod { meta: crate::ObjectMeta { name: "db-1".into(), ..pod.meta.clone() }, ..pod.clone() };
    assert!(!other.has_spec_of(&written));
}

#[test]
fn volumes_come_back_whoever_named_their_handle() {
    // The volume's name, its handle, and whether that follows from the name.
    let rows = [("pv", "pv", true), ("pv", "other", false), ("", "x", false), ("pv", "", false), ("", "", false)];
    for (name, handle, follows) in rows {
        let api: corev1::PersistentVolume = serde_json::from_value(json!({"metadata": {"name": name},
            "spec": {"accessModes": ["ReadWriteOnce", "ReadWriteMany"], "capacity": {"storage": "2Gi"},
                "csi": {"driver": "d", "volumeHandle": handle}, "claimRef": {"apiVersion": "v1", "fieldPath": "f",
                    "kind": "PersistentVolumeClaim", "name": "data", "namespace": "default", "resourceVersion": "7", "uid": "u"}},
            "status": {"phase": "Bound", "message": "m", "reason": "r", "lastPhaseTransitionTime": "2024-01-01T00:00:00Z"}}))
        .expect("a volume");
        let volume = PersistentVolume::from_api(api.clone()).expect("a volume");
        let back = volume.to_api();
        assert_eq!((&back.spec, &back.status), (&api.spec, &api.status), "{name} {handle}");
        let spec = &volume.body.spec;
        assert_eq!(
            (volume.csi_handle(), spec.api().csi.as_ref().map(|csi| csi.volume_handle.is_empty())),
            (handle, Some(follows || handle.is_empty()))
        );
        assert_eq!(spec.capacity().map(|size| size.to_string()).as_deref(), Some("2Gi"));
        let modes = ["ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod", "x"];
        assert_eq!(modes.map(|mode| spec.access_modes().has(mode)), [true, false, true, false, false]);
        // A change of the rest leaves the handle as it is.
        let mut grown = volume.clone();
        grown.body.change_spec(|spec| spec.capacity = None);
        assert_eq!((grown.csi_handle(), grown.body.spec.capacity()), (handle, None));
        assert!(grown != volume && volume.body.spec.capacity().is_some());
    }
}

#[test]
fn a_pod_uses_the_claims_that_it_tells() {
    let pod: corev1::Pod = serde_json::from_value(json!({"metadata": {"name": "db-0"}, "spec": {"containers": [], "volumes": [
        {"name": "data", "persistentVolumeClaim": {"claimName": "data-db-0"}}, {"name": "x", "persistentVolumeClaim": {"claimName": "y"}},
        {"name": "scratch", "ephemeral": {}}, {"name": "dir", "emptyDir": {}}]}}))
    .expect("a pod");
    let pod = Pod::from_api(pod).expect("a pod");
    let told: Vec<_> = pod.claims().map(|(name, is_own)| (name.to_string(), is_own)).collect();
    let want = [("data-db-0", false), ("y", false), ("db-0-scratch", true)];
    assert_eq!(told, want.map(|(name, is_own)| (name.to_owned(), is_own)));
    assert!(pod.has_claims() && told.iter().all(|(name, _)| pod.uses_claim(name)));
    for other in ["", "data", "data-", "data-db-01", "datadb-0", "x", "x-db-0", "scratch-db-0", "db-0-dir", "dir-db-0"]
    {
        assert!(!pod.uses_claim(other), "{other}");
    }
}

#[test]
fn claims_come_back_with_their_volumes() {
    for volume in [None, Some("pv")] {
        let api: corev1::PersistentVolumeClaim = serde_json::from_value(json!({"metadata": {"name": "data"},
            "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "disk", "volumeName": volume,
                "resources": {"requests": {"storage": "1Gi"}}},
            "status": {"phase": "Bound", "capacity": {"storage": "2Gi"}}}))
        .expect("a claim");
        let claim = PersistentVolumeClaim::from_api(api.clone()).expect("a claim");
        let back = claim.to_api();
        assert_eq!((&back.spec, &back.status), (&api.spec, &api.status));
        let body = &claim.body;
        assert_eq!((body.volume_name.as_str(), body.status.phase()), (volume.unwrap_or_default(), "Bound"));
        let sizes = [body.spec.requested_storage(), body.status.capacity()];
        assert_eq!(
            sizes.map(|size| size.map(|size| size.to_string())),
            [Some("1Gi".to_owned()), Some("2Gi".to_owned())]
        );
        let mut changed = claim.clone();
        changed.body.change_status(|status| status.capacity = None);
        changed.body.change_spec(|spec| spec.resources = None);
        assert_eq!((changed.body.status.capacity(), changed.body.spec.requested_storage()), (None, None));
        assert!(changed != claim && claim.body.status.capacity().is_some());
    }
}
