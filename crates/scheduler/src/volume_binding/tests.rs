//! What a pod's claims say of nodes, one row a rule.

use std::sync::Arc;

use seatrial_api::{PersistentVolume, PersistentVolumeClaim, Resource, StorageClass};
use serde_json::{Value, json};

use super::{PodVolumes, VolumeIndex, matches_allowed_topologies, matches_node_affinity, matches_zone};
use crate::node_info::NodeInfo;

fn node(name: &str, labels: &[(&str, &str)]) -> NodeInfo {
    NodeInfo { name: name.into(), labels: labels.iter().copied().collect(), ..NodeInfo::default() }
}

fn typed<R: Resource>(value: Value) -> Arc<R> {
    Arc::new(R::from_api_object(serde_json::from_value(value).expect("valid")).expect("valid"))
}

fn volume(name: &str, size: &str, node: Option<&str>, labels: &Value) -> Arc<PersistentVolume> {
    let affinity = node.map(|node| {
        json!({"required": {"nodeSelectorTerms": [{"matchExpressions": [{"key": "host", "operator": "In", "values": [node]}]}]}})
    });
    typed(json!({"metadata": {"name": name, "labels": labels}, "status": {"phase": "Available"},
        "spec": {"capacity": {"storage": size}, "accessModes": ["ReadWriteOnce"], "storageClassName": "c", "nodeAffinity": affinity}}))
}

fn claim(name: &str, size: &str, selected: Option<&str>) -> Arc<PersistentVolumeClaim> {
    let annotations = selected.map(|node| json!({"volume.kubernetes.io/selected-node": node}));
    typed(json!({"metadata": {"name": name, "namespace": "default", "annotations": annotations},
        "spec": {"storageClassName": "c", "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}}))
}

fn class(provisioner: &str, topologies: &Value) -> Arc<StorageClass> {
    typed(json!({"metadata": {"name": "c"}, "provisioner": provisioner, "allowedTopologies": topologies}))
}

#[test]
fn volumes_are_reached_from_where_they_say() {
    let (a, b) = (node("a", &[("host", "a")]), node("b", &[]));
    let bound = volume("v", "1Gi", Some("a"), &json!({}));
    assert!(matches_node_affinity(&bound, &a) && !matches_node_affinity(&bound, &b));
    assert!(matches_node_affinity(&volume("v", "1Gi", None, &json!({})), &b));
}

#[test]
fn zones_of_labels_are_those_of_the_node_if_it_is_in_any() {
    const ZONE: &str = "topology.kubernetes.io/zone";
    const OLD: &str = "failure-domain.beta.kubernetes.io/zone";
    let rows = [
        (json!({ZONE: "e"}), vec![(ZONE, "e")], true),
        (json!({ZONE: "e"}), vec![(ZONE, "w")], false),
        (json!({ZONE: "e__w"}), vec![(ZONE, "w")], true),
        // The old label of a volume is compared with the new one of a node.
        (json!({OLD: "e"}), vec![(ZONE, "e")], true),
        (json!({OLD: "e"}), vec![(ZONE, "w")], false),
        // A node that is in no zone takes everything, one that is in a region only does not.
        (json!({ZONE: "e"}), vec![], true),
        (json!({ZONE: "e"}), vec![("topology.kubernetes.io/region", "r")], false),
        (json!({}), vec![(ZONE, "w")], true),
    ];
    for (labels, of_node, want) in rows {
        let volume = volume("v", "1Gi", None, &labels);
        assert_eq!(matches_zone(&volume, &node("n", &of_node)), want, "{labels} {of_node:?}");
    }
}

#[test]
fn allowed_topologies_are_any_of_the_terms_and_all_of_a_term() {
    let term = |pairs: &[(&str, &[&str])]| {
        let all: Vec<Value> = pairs.iter().map(|(key, values)| json!({"key": key, "values": values})).collect();
        json!({ "matchLabelExpressions": all })
    };
    let east = node("n", &[("zone", "e"), ("rack", "1")]);
    let rows = [
        (json!([]), true),
        (json!([term(&[("zone", &["e", "w"])])]), true),
        (json!([term(&[("zone", &["w"])])]), false),
        (json!([term(&[("zone", &["w"])]), term(&[("rack", &["1"])])]), true),
        (json!([term(&[("zone", &["e"]), ("rack", &["2"])])]), false),
    ];
    for (terms, want) in rows {
        assert_eq!(matches_allowed_topologies(&class("x", &terms), &east), want, "{terms}");
    }
}

/// The volumes that are matched and the claims that are provisioned for on a node, or nothing where it cannot be.
fn found(
    volumes: &[Arc<PersistentVolume>],
    delayed: Vec<(Arc<PersistentVolumeClaim>, Arc<StorageClass>)>,
    host: &str,
) -> Option<(Vec<String>, Vec<String>)> {
    let mut index = VolumeIndex::default();
    volumes.iter().for_each(|v| index.apply(None, Some(v)));
    let pod = PodVolumes { delayed, ..PodVolumes::default() };
    let bindings = pod.find(&index, &node(host, &[("host", host)]))?;
    let matched = bindings.matched.iter().map(|(volume, claim)| format!("{} {}", volume.meta.name, claim.meta.name));
    let made = bindings.to_provision.iter().map(|claim| claim.meta.name.to_string());
    Some((matched.collect(), made.collect()))
}

#[test]
fn each_claim_of_a_pod_gets_a_volume_of_its_own_or_one_is_made() {
    let strings = |all: &[&str]| all.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
    let volumes = [
        volume("small", "1Gi", Some("a"), &json!({})),
        volume("large", "5Gi", Some("a"), &json!({})),
        volume("there", "5Gi", Some("b"), &json!({})),
    ];
    let (none, csi) = (class("kubernetes.io/no-provisioner", &json!([])), class("x.example.com", &json!([])));
    let two = |class: &Arc<StorageClass>| {
        vec![(claim("x", "1Gi", None), Arc::clone(class)), (claim("y", "1Gi", None), Arc::clone(class))]
    };
    assert_eq!(found(&volumes, two(&none), "a"), Some((strings(&["small x", "large y"]), vec![])));
    // One volume is not enough for two claims.
    assert_eq!(found(&volumes, two(&none), "b"), None);
    assert_eq!(found(&volumes, two(&csi), "b"), Some((strings(&["there x"]), strings(&["y"]))));
    assert_eq!(found(&[], two(&none), "a"), None);
    // A claim that was given a node is provisioned for there and nowhere else, whatever volumes there are.
    let chosen = || vec![(claim("x", "1Gi", Some("a")), Arc::clone(&csi))];
    assert_eq!(found(&volumes, chosen(), "a"), Some((vec![], strings(&["x"]))));
    assert_eq!(found(&volumes, chosen(), "b"), None);
}

#[test]
fn the_reasons_are_upstreams() {
    let index = VolumeIndex::default();
    let here = node("a", &[("host", "a"), ("topology.kubernetes.io/zone", "w")]);
    let reasons = |volumes: PodVolumes| {
        let misfit = volumes.filter(&index, &here).expect_err("it does not fit");
        assert!(!misfit.is_resolvable);
        misfit.reasons.join(", ")
    };
    let far = || volume("v", "1Gi", Some("b"), &json!({}));
    let zonal = volume("v", "1Gi", None, &json!({"topology.kubernetes.io/zone": "e"}));
    let local = class("kubernetes.io/no-provisioner", &json!([]));
    let rows = [
        (
            PodVolumes { is_taken: true, ..PodVolumes::default() },
            "node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode",
        ),
        (
            PodVolumes { placed: vec![far()], ..PodVolumes::default() },
            "node(s) didn't match PersistentVolume's node affinity",
        ),
        (
            PodVolumes { lacks_volume: true, ..PodVolumes::default() },
            "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)",
        ),
        (PodVolumes { placed: vec![zonal], ..PodVolumes::default() }, "node(s) had no available volume zone"),
        (
            PodVolumes {
                placed: vec![far()],
                delayed: vec![(claim("x", "1Gi", None), local)],
                ..PodVolumes::default()
            },
            "node(s) didn't match PersistentVolume's node affinity, node(s) didn't find available persistent volumes to bind",
        ),
    ];
    for (volumes, want) in rows {
        assert_eq!(reasons(volumes), want);
    }
    assert!(PodVolumes::default().filter(&index, &here).is_ok());
}
