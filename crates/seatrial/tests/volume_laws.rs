//! Laws over random histories of StatefulSets and their volumes, checked after every write: one pod an identity, pods come
//! in order and go in reverse, the partition holds, a claim has one volume and a volume one claim, and what is retained stays.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use k8s_openapi::api::core::v1 as corev1;
use proptest::prelude::*;
use seatrial::api::{PersistentVolume, PersistentVolumeClaim, StatefulSet};
use seatrial::{Cluster, PatchType};
use serde_json::json;

const NODES: usize = 3;
const REPLICAS_MAX: i32 = 5;

/// Something that happens; pods, claims and nodes are meant by number.
#[derive(Clone, Debug)]
enum Op {
    Scale(i32),
    DeletePod(i32),
    DeleteClaim(i32),
    Image(u8),
    Partition(i32),
    Fail(usize),
    Recover(usize),
    /// A claim of its own, of a class that retains its volumes.
    Claim(u8),
    Unclaim(u8),
    /// Somebody gives a released volume free.
    Reuse,
    Advance(u64),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        (0..=REPLICAS_MAX).prop_map(Op::Scale),
        (0..REPLICAS_MAX).prop_map(Op::DeletePod),
        (0..REPLICAS_MAX).prop_map(Op::DeleteClaim),
        (0..3_u8).prop_map(Op::Image),
        (0..=REPLICAS_MAX).prop_map(Op::Partition),
        (0..NODES).prop_map(Op::Fail),
        (0..NODES).prop_map(Op::Recover),
        (0..3_u8).prop_map(Op::Claim),
        (0..3_u8).prop_map(Op::Unclaim),
        Just(Op::Reuse),
        (1..20_u64).prop_map(Op::Advance),
        (1..20_u64).prop_map(Op::Advance),
        (20..700_u64).prop_map(Op::Advance),
    ]
}

fn cluster(policy: &str, binding: &str) -> Cluster {
    let mut cluster = Cluster::builder().nodes(NODES).build();
    let class = |name: &str, reclaim: &str| {
        json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": name},
            "provisioner": "sim.seatrial.dev/disk", "reclaimPolicy": reclaim, "volumeBindingMode": binding})
    };
    let set = json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db"},
        "spec": {"replicas": 3, "podManagementPolicy": policy, "selector": {"matchLabels": {"app": "db"}},
            "persistentVolumeClaimRetentionPolicy": {"whenScaled": "Delete"},
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
            "template": {"metadata": {"labels": {"app": "db"}},
                "spec": {"containers": [{"name": "c", "image": "app:0", "volumeMounts": [{"name": "data", "mountPath": "/d"}]}]}},
            "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {"storageClassName": "disk",
                "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}]}});
    for object in [class("disk", "Delete"), class("kept", "Retain"), set] {
        cluster.create(&object).expect("the API server takes it");
    }
    cluster
}

fn apply(cluster: &mut Cluster, down: &Down, op: &Op) {
    // What is refused, or not there, is no news here: laws are about what happens.
    let patch = |cluster: &mut Cluster, target: &str, patch| drop(cluster.patch(target, PatchType::Merge, &patch));
    match op {
        Op::Scale(replicas) => cluster.scale("sts/db", *replicas).expect("it is there"),
        Op::DeletePod(index) if *index < replicas(cluster) => drop(cluster.delete(&format!("pod/db-{index}"))),
        Op::DeletePod(_) => {}
        Op::DeleteClaim(index) => drop(cluster.delete(&format!("pvc/data-db-{index}"))),
        Op::Image(version) => cluster.set_image("sts/db", "c", &format!("app:{version}")).expect("it is there"),
        Op::Partition(partition) => {
            let strategy = json!({"rollingUpdate": {"partition": partition}});
            patch(cluster, "sts/db", json!({"spec": {"updateStrategy": strategy}}));
        }
        Op::Fail(node) => {
            down.borrow_mut().insert(format!("node-{node}"));
            cluster.fail_node(&format!("node-{node}"));
        }
        Op::Recover(node) => {
            down.borrow_mut().remove(&format!("node-{node}"));
            cluster.recover_node(&format!("node-{node}"));
        }
        Op::Claim(index) => {
            let claim = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": format!("own-{index}")},
                "spec": {"storageClassName": "kept", "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}});
            drop(cluster.create(&claim));
        }
        Op::Unclaim(index) => drop(cluster.delete(&format!("pvc/own-{index}"))),
        Op::Reuse => {
            let released =
                |v: &&corev1::PersistentVolume| v.status.as_ref().and_then(|s| s.phase.as_deref()) == Some("Released");
            if let Some(volume) = cluster.list::<PersistentVolume>().iter().find(released) {
                let name = volume.metadata.name.clone().unwrap_or_default();
                patch(cluster, &format!("pv/{name}"), json!({"spec": {"claimRef": null}}));
            }
        }
        Op::Advance(seconds) => cluster.advance(Duration::from_secs(*seconds)).expect("the laws hold"),
    }
}

fn set(cluster: &Cluster) -> k8s_openapi::api::apps::v1::StatefulSet {
    cluster.get::<StatefulSet>("default", "db").expect("it is there")
}

fn replicas(cluster: &Cluster) -> i32 {
    set(cluster).spec.and_then(|spec| spec.replicas).unwrap_or(1)
}

/// A pod as it was last seen.
#[derive(Clone, Debug, PartialEq)]
struct Seen {
    uid: String,
    /// The node, or empty.
    node: String,
    is_ready: bool,
    is_deleting: bool,
}

fn see(pod: &corev1::Pod) -> (i32, Seen) {
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    let ordinal = name.rsplit_once('-').and_then(|(_, number)| number.parse().ok()).expect("an ordinal");
    let status = pod.status.as_ref();
    let mut conditions = status.into_iter().flat_map(|s| s.conditions.iter().flatten());
    let seen = Seen {
        uid: pod.metadata.uid.clone().unwrap_or_default(),
        node: pod.spec.as_ref().and_then(|s| s.node_name.clone()).unwrap_or_default(),
        is_ready: conditions.any(|c| c.type_ == "Ready" && c.status == "True"),
        is_deleting: pod.metadata.deletion_timestamp.is_some(),
    };
    (ordinal, seen)
}

/// What the laws remember of the moment before.
#[derive(Default)]
struct History {
    pods: BTreeMap<i32, Seen>,
    retained: BTreeSet<String>,
}

/// The laws about pods; `in_order` for those of a set that goes one by one.
fn check_pods(cluster: &Cluster, history: &mut History, down: &BTreeSet<String>, in_order: bool) -> Result<(), String> {
    let pods = cluster.pods();
    let now: BTreeMap<i32, Seen> = pods.iter().map(see).collect();
    let set = set(cluster);
    let (spec, status) = (set.spec.unwrap_or_default(), set.status.unwrap_or_default());
    let wanted = spec.replicas.unwrap_or(1);
    let partition = spec.update_strategy.and_then(|s| s.rolling_update).and_then(|r| r.partition).unwrap_or(0);
    for (ordinal, before) in &history.pods {
        match now.get(ordinal) {
            Some(pod) if pod.uid == before.uid => {
                let goes_now = pod.is_deleting && !before.is_deleting;
                if in_order && goes_now && *ordinal >= wanted && now.keys().any(|other| other > ordinal) {
                    return Err(format!("db-{ordinal} goes before those above it"));
                }
            }
            // What ran on a node is gone when its kubelet has said so, and not before.
            _ if !before.node.is_empty() && (!before.is_deleting || down.contains(&before.node)) => {
                return Err(format!("db-{ordinal} may still run on {}", before.node));
            }
            _ => {}
        }
    }
    for (pod, (ordinal, seen)) in pods.iter().map(|pod| (pod, see(pod))) {
        if history.pods.get(&ordinal).is_some_and(|before| before.uid == seen.uid) {
            continue;
        }
        let is_well = |below: i32| now.get(&below).is_some_and(|p| p.is_ready && !p.is_deleting);
        if in_order && !(0..ordinal).all(is_well) {
            return Err(format!("db-{ordinal} comes before those below it are well"));
        }
        let labels = pod.metadata.labels.clone().unwrap_or_default();
        let revision = labels.get("controller-revision-hash").cloned();
        if ordinal < partition && status.current_revision.is_some() && revision != status.current_revision {
            return Err(format!("db-{ordinal} is below the partition and of {revision:?}"));
        }
    }
    history.pods = now;
    Ok(())
}

/// The laws about claims and volumes.
fn check_volumes(cluster: &Cluster, history: &mut History) -> Result<(), String> {
    let volumes = cluster.list::<PersistentVolume>();
    let name = |v: &corev1::PersistentVolume| v.metadata.name.clone().unwrap_or_default();
    let mut taken = BTreeMap::new();
    for claim in cluster.list::<PersistentVolumeClaim>() {
        let is_bound = claim.status.as_ref().and_then(|s| s.phase.as_deref()) == Some("Bound");
        let volume = claim.spec.as_ref().and_then(|s| s.volume_name.clone()).filter(|_| is_bound);
        let Some(volume) = volume else { continue };
        if let Some(other) = taken.insert(volume.clone(), claim.metadata.name.clone()) {
            return Err(format!("{volume} has two claims: {other:?} and {:?}", claim.metadata.name));
        }
        let found = volumes.iter().find(|v| name(v) == volume).ok_or(format!("{volume} is gone under its claim"))?;
        let named = found.spec.as_ref().and_then(|s| s.claim_ref.as_ref()).and_then(|c| c.uid.clone());
        if named != claim.metadata.uid {
            return Err(format!("{volume} names another claim than the one that has it"));
        }
    }
    let there: BTreeSet<String> = volumes.iter().map(name).collect();
    if let Some(lost) = history.retained.iter().find(|volume| !there.contains(*volume)) {
        return Err(format!("{lost} was to be retained"));
    }
    let class =
        |v: &&corev1::PersistentVolume| v.spec.as_ref().and_then(|s| s.storage_class_name.as_deref()) == Some("kept");
    history.retained.extend(volumes.iter().filter(class).map(name));
    Ok(())
}

/// The nodes whose kubelets do nothing.
type Down = Rc<RefCell<BTreeSet<String>>>;

fn watch(cluster: &mut Cluster, down: &Down, in_order: bool) {
    let down = Rc::clone(down);
    let history = RefCell::new(History::default());
    cluster.always("the laws of volumes and identities", move |cluster| {
        let mut history = history.borrow_mut();
        let checked = check_pods(cluster, &mut history, &down.borrow(), in_order)
            .and_then(|()| check_volumes(cluster, &mut history));
        assert_eq!(checked, Ok(()));
        true
    });
}

/// Everybody is back and nobody interferes: the set has all its pods, each with its own volume.
fn comes_to_rest(cluster: &mut Cluster, down: &Down) -> (usize, usize) {
    down.borrow_mut().clear();
    for node in 0..NODES {
        cluster.recover_node(&format!("node-{node}"));
    }
    cluster
        .patch("sts/db", PatchType::Merge, &json!({"spec": {"updateStrategy": {"rollingUpdate": {"partition": 0}}}}))
        .expect("it is there");
    cluster.scale("sts/db", 4).expect("it is there");
    cluster.advance(Duration::from_secs(900)).expect("the laws hold");
    // A kubelet starts no pod whose claim is being deleted, and the claim waits for the pod: somebody has to let go.
    let stuck: Vec<_> =
        cluster.pods().iter().filter(|pod| !see(pod).1.is_ready).map(|pod| pod.metadata.name.clone()).collect();
    for name in stuck.into_iter().flatten() {
        cluster.delete(&format!("pod/{name}")).expect("it is there");
    }
    cluster.advance(Duration::from_secs(1800)).expect("the laws hold");
    let ready = cluster.pods().iter().filter(|pod| see(pod).1.is_ready).count();
    let bound = cluster.list::<PersistentVolumeClaim>().into_iter().filter(|claim| {
        let name = claim.metadata.name.as_deref().unwrap_or_default();
        // A claim stays behind when its pod was gone before the set shrank: upstream looks at the claims of pods only.
        let ordinal = name.strip_prefix("data-db-").and_then(|ordinal| ordinal.parse::<i32>().ok());
        ordinal.is_some_and(|ordinal| ordinal < 4)
            && claim.status.as_ref().and_then(|s| s.phase.as_deref()) == Some("Bound")
    });
    (ready, bound.count())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn sets_that_go_one_by_one(ops in prop::collection::vec(op(), 1..30), waits in any::<bool>()) {
        let mut cluster = cluster("OrderedReady", if waits { "WaitForFirstConsumer" } else { "Immediate" });
        let down = Down::default();
        watch(&mut cluster, &down, true);
        ops.iter().for_each(|op| apply(&mut cluster, &down, op));
        prop_assert_eq!(comes_to_rest(&mut cluster, &down), (4, 4));
    }

    #[test]
    fn sets_that_go_all_at_once(ops in prop::collection::vec(op(), 1..30), waits in any::<bool>()) {
        let mut cluster = cluster("Parallel", if waits { "WaitForFirstConsumer" } else { "Immediate" });
        let down = Down::default();
        watch(&mut cluster, &down, false);
        ops.iter().for_each(|op| apply(&mut cluster, &down, op));
        prop_assert_eq!(comes_to_rest(&mut cluster, &down), (4, 4));
    }
}
