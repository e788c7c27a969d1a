//! One sync at a time: nodes and pods in, pods, events and counts out. There is neither a scheduler nor a kubelet: a test
//! binds and ends its pods itself.

mod harness;

use std::time::Duration;

use seatrial_api::{ControllerRevision, Kind, Pod, PodPhase};
use seatrial_machinery::Controller;
use serde_json::{Value, json};

use super::manage::BURST_REPLICAS;
use harness::Harness;

const SECOND: Duration = Duration::from_secs(1);

fn rolling(unavailable: Value, surge: Value) -> Value {
    json!({"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": unavailable, "maxSurge": surge}}})
}

#[test]
fn every_node_gets_a_pod_made_for_it() {
    let mut h = Harness::with_nodes(2);
    h.create_set(json!({"template": {"spec": {"tolerations": [{"key": "x", "operator": "Exists"}]}}}));
    h.settle();
    assert_eq!(h.pods_by_node(), "n-000:1 n-001:1");
    let pod = h.pods().remove(0);
    let api = pod.to_api();
    let labels = api.metadata.labels.clone().unwrap_or_default();
    assert_eq!(
        labels.keys().map(String::as_str).collect::<Vec<_>>(),
        ["app", "controller-revision-hash", "pod-template-generation"]
    );
    assert_eq!(labels["pod-template-generation"], "1");
    assert_eq!((pod.meta.generate_name.as_str(), pod.node_name.as_str()), ("agent-", ""));
    let owner = pod.meta.controller_of().expect("an owner");
    assert_eq!((owner.kind.as_str(), owner.block_owner_deletion), ("DaemonSet", Some(true)));
    let spec = api.spec.expect("a spec");
    // Admission adds nothing to what is tolerated: not-ready and unreachable are there already.
    assert_eq!(spec.tolerations.as_ref().map(Vec::len), Some(7));
    let required = json!({"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms":
        [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n-000"]}]}]}});
    assert_eq!(serde_json::to_value(spec.affinity).expect("JSON")["nodeAffinity"], required);
    assert_eq!(h.events(), ["Normal SuccessfulCreate Created pod: agent-*"; 2]);
    assert_eq!(h.status(), "desired 2 current 2 misscheduled 0 ready 0 updated 2 available 0 unavailable 2 observed 1");
}

#[test]
fn pods_of_a_revision_share_all_but_their_node() {
    let mut h = Harness::with_nodes(5);
    h.create_set(json!({}));
    h.settle();
    let pods = h.pods();
    for pod in &pods[1..] {
        assert!(std::sync::Arc::ptr_eq(&pod.spec, &pods[0].spec), "one spec");
        assert!(pod.meta.labels.ptr_eq(&pods[0].meta.labels), "one map of labels");
        assert!(pod.meta.owner_references.ptr_eq(&pods[0].meta.owner_references), "one list of owners");
    }
}

/// A write of a pod's labels is no write of its spec, also where the template chose nodes by affinity.
#[test]
fn a_pod_read_and_written_is_of_the_same_spec() {
    let mut h = Harness::with_nodes(1);
    let term = json!({"matchExpressions": [{"key": "gone", "operator": "DoesNotExist"}]});
    h.create_set(json!({"template": {"spec": {"affinity": {"nodeAffinity":
        {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}}}}}));
    h.settle();
    let before = h.pods().remove(0);
    h.patch(Kind::Pod, &before.meta.name, json!({"metadata": {"labels": {"more": "yes"}}}));
    let after = h.pods().remove(0);
    assert_eq!((before.meta.generation, after.meta.generation), (1, 1));
    assert!(std::sync::Arc::ptr_eq(&before.spec, &after.spec) && after.pinned_to == before.pinned_to);
}

#[test]
fn a_sync_creates_at_most_a_burst() {
    let mut h = Harness::with_nodes(2 * BURST_REPLICAS + 10);
    h.create_set(json!({}));
    let mut counts = Vec::new();
    while h.sync_one() {
        counts.push(h.pods().len());
        h.deliver();
    }
    counts.dedup();
    assert_eq!(counts, [BURST_REPLICAS, 2 * BURST_REPLICAS, 2 * BURST_REPLICAS + 10]);
}

#[test]
fn creations_that_fail_are_tried_one_at_a_time_again() {
    let mut h = Harness::with_nodes(8);
    h.create(json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none", "namespace": "default"}, "spec": {"hard": {"pods": "3"}},
        "status": {"hard": {"pods": "3"}, "used": {"pods": "0"}}}));
    h.patch_status(Kind::ResourceQuota, "none", json!({"status": {"hard": {"pods": "3"}, "used": {"pods": "0"}}}));
    h.create_set(json!({}));
    h.settle();
    // Batches of one, two, four: the third pod is the last that fits.
    assert_eq!(h.pods().len(), 3);
    let failures =
        h.events().iter().filter(|e| e.starts_with("Warning FailedCreate Error creating: pods \"agent-")).count();
    assert!(failures >= 1, "{:?}", h.events());
}

#[test]
fn what_was_done_has_to_be_seen_before_more_is_done() {
    let mut h = Harness::with_nodes(2);
    h.create_set(json!({}));
    h.deliver();
    assert!(h.sync_one());
    // Nothing of it was delivered: another sync only counts, and does not claim to have observed the generation.
    h.enqueue();
    assert!(h.sync_one());
    assert_eq!(h.pods().len(), 2);
    h.settle();
    assert_eq!(h.pods().len(), 2);
    h.patch_set(json!({"spec": {"minReadySeconds": 7}}));
    h.delete_pod(0);
    h.deliver();
    assert!(h.sync_one());
    assert!(h.status().ends_with("observed 2"), "{}", h.status());
    h.patch_set(json!({"spec": {"minReadySeconds": 8}}));
    h.deliver_sets_only();
    h.enqueue();
    assert!(h.sync_one());
    assert!(h.status().ends_with("observed 2"), "the creation before is still to be seen: {}", h.status());
    // It never will be; after five minutes that does not matter any more.
    h.advance(301 * SECOND);
    h.enqueue();
    h.settle();
    assert!(h.status().ends_with("observed 3"), "{}", h.status());
}

#[test]
fn failed_pods_are_deleted_at_once_and_then_later_each_time() {
    let mut h = Harness::with_nodes(1);
    h.create_set(json!({}));
    h.settle();
    let mut deleted_after = Vec::new();
    for _ in 0..6 {
        h.bind(0);
        h.end_pod(0, PodPhase::Failed);
        let failed_at = h.now();
        let name = h.pods()[0].meta.name.clone();
        h.settle();
        while h.pods()[0].meta.name == name {
            h.advance(Duration::from_millis(250));
        }
        deleted_after.push((h.now() - failed_at).as_secs_f64());
    }
    assert_eq!(deleted_after, [0.0, 1.0, 2.0, 4.0, 8.0, 16.0]);
    let about = "Warning FailedDaemonPod Found failed daemon pod default/agent-* on node n-000, will try to kill it";
    assert_eq!(h.events()[1..3], [about, "Normal SuccessfulDelete Deleted pod: agent-*"]);
}

#[test]
fn another_generation_starts_the_back_off_anew() {
    let mut h = Harness::with_nodes(1);
    h.create_set(json!({}));
    for generation in 0..3 {
        h.patch_set(json!({"spec": {"minReadySeconds": generation}}));
        h.settle();
        h.bind(0);
        h.end_pod(0, PodPhase::Failed);
        let name = h.pods()[0].meta.name.clone();
        h.settle();
        assert_ne!(h.pods()[0].meta.name, name, "deleted at once");
    }
}

#[test]
fn pods_that_ended_well_are_deleted_too() {
    let mut h = Harness::with_nodes(1);
    h.create_set(json!({}));
    h.settle();
    h.bind(0);
    h.end_pod(0, PodPhase::Succeeded);
    h.settle();
    let about =
        "Normal SucceededDaemonPod Found succeeded daemon pod default/agent-* on node n-000, will try to delete it";
    assert_eq!(
        h.events()[1..],
        [about, "Normal SuccessfulDelete Deleted pod: agent-*", "Normal SuccessfulCreate Created pod: agent-*"]
    );
}

#[test]
fn a_pod_for_a_node_that_is_gone_is_deleted_unless_it_is_bound() {
    let mut h = Harness::with_nodes(2);
    h.create_set(json!({}));
    h.settle();
    h.bind(1);
    h.settle();
    h.delete(Kind::Node, "n-000");
    h.delete(Kind::Node, "n-001");
    h.settle();
    // That nodes are gone wakes nobody.
    assert_eq!(h.pods_by_node(), "n-000:1 n-001:1");
    h.enqueue();
    h.settle();
    assert_eq!(h.pods_by_node(), "n-001:1");
    assert_eq!(h.status(), "desired 0 current 0 misscheduled 0 ready 0 updated 0 available 0 unavailable 0 observed 1");
}

#[test]
fn of_several_pods_on_a_node_the_bound_and_then_the_oldest_one_stays() {
    let mut h = Harness::with_nodes(1);
    h.create_set(json!({}));
    h.settle();
    let first = h.pods()[0].meta.name.to_string();
    h.advance(SECOND);
    h.orphan_pod("younger", "n-000");
    h.settle();
    assert_eq!(h.names_of_pods(), [first.as_str()], "the older one");
    h.advance(SECOND);
    h.orphan_pod_bound("bound", "n-000");
    h.settle();
    assert_eq!(h.names_of_pods(), ["bound"], "the bound one, although it is younger");
}

#[test]
fn a_pod_that_is_not_selected_any_more_is_let_go_and_replaced() {
    let mut h = Harness::with_nodes(1);
    h.create_set(json!({}));
    h.settle();
    let name = h.pods()[0].meta.name.to_string();
    h.patch(Kind::Pod, &name, json!({"metadata": {"labels": {"app": "other"}}}));
    h.settle();
    assert_eq!(h.pods().len(), 2);
    let owned = |h: &Harness| h.pods().iter().filter(|p| p.meta.controller_of().is_some()).count();
    assert_eq!(owned(&h), 1);
    h.patch(Kind::Pod, &name, json!({"metadata": {"labels": {"app": "agent"}}}));
    h.settle();
    // It is taken back, and one of the two is too many.
    assert_eq!((h.pods().len(), owned(&h)), (1, 1));
}

#[test]
fn names_of_revisions_are_the_real_ones_and_avoid_collisions() {
    let mut h = Harness::with_nodes(1);
    // The name that a real cluster gives to this template's revision is taken by something else.
    h.create(json!({"apiVersion": "apps/v1", "kind": "ControllerRevision", "metadata": {"name": "agent-6d888799bf", "namespace": "default"},
        "data": {"x": 1}, "revision": 1}));
    h.create_set(json!({"template": {"spec": {"containers": [{"name": "c", "image": "nginx:1"}]}}}));
    h.settle();
    h.advance(SECOND);
    assert_eq!(h.names(Kind::ControllerRevision), ["agent-56d4b6765b", "agent-6d888799bf"]);
    let set = h.set();
    assert_eq!(set.status.collision_count, Some(1));
    assert_eq!(h.pods()[0].meta.labels.get("controller-revision-hash"), Some("56d4b6765b"));
}

#[test]
fn revisions_carry_what_upstreams_carry() {
    let mut h = Harness::with_nodes(1);
    h.create_set(json!({}));
    h.settle();
    let revision =
        h.server.get::<ControllerRevision>("default", &h.names(Kind::ControllerRevision)[0]).expect("it").clone();
    let hash = revision.meta.labels.get("controller-revision-hash").expect("the hash").to_owned();
    assert_eq!(revision.meta.name, format!("agent-{hash}"));
    assert_eq!((revision.meta.labels.get("app"), revision.meta.labels.len()), (Some("agent"), 2));
    assert_eq!(revision.meta.annotations.get("deprecated.daemonset.template.generation"), Some("1"));
    let data = revision.body.data.as_ref().expect("data").0.clone();
    assert_eq!((data["spec"]["template"]["$patch"].as_str(), revision.body.revision), (Some("replace"), 1));
    assert!(data["spec"].get("updateStrategy").is_none());
}

#[test]
fn going_back_raises_the_old_revision() {
    let mut h = Harness::with_nodes(1);
    h.create_set(json!({}));
    h.settle();
    h.image("app:2");
    h.settle();
    assert_eq!(h.revisions(), [1, 2]);
    h.image("app:1");
    h.settle();
    assert_eq!(h.revisions(), [2, 3]);
    assert_eq!(h.names(Kind::ControllerRevision).len(), 2);
}

#[test]
fn of_equal_revisions_the_last_one_stays_and_pods_become_its_own() {
    let mut h = Harness::with_nodes(1);
    h.create_set(json!({}));
    h.settle();
    let name = h.names(Kind::ControllerRevision)[0].clone();
    let first = h.server.get::<ControllerRevision>("default", &name).expect("it").clone();
    let mut twin = serde_json::to_value(first.to_api()).expect("JSON");
    twin["apiVersion"] = json!("apps/v1");
    twin["kind"] = json!("ControllerRevision");
    twin["metadata"] = json!({"name": "agent-twin", "namespace": "default", "ownerReferences": twin["metadata"]["ownerReferences"],
        "labels": {"app": "agent", "controller-revision-hash": "twin"}});
    twin["revision"] = json!(5);
    h.create(twin);
    h.enqueue();
    h.settle();
    assert_eq!(h.names(Kind::ControllerRevision), ["agent-twin"]);
    assert_eq!(h.pods()[0].meta.labels.get("controller-revision-hash"), Some("twin"));
}

#[test]
fn a_revision_without_its_label_gets_its_name_as_one() {
    let mut h = Harness::with_nodes(1);
    h.create_set(json!({}));
    h.settle();
    let owner = h.owner();
    h.create(json!({"apiVersion": "apps/v1", "kind": "ControllerRevision", "metadata": {"name": "agent-old", "namespace": "default",
        "labels": {"app": "agent"}, "ownerReferences": [owner]}, "data": {}, "revision": 7}));
    h.enqueue();
    h.settle();
    let old = h.server.get::<ControllerRevision>("default", "agent-old").expect("it");
    assert_eq!(old.meta.labels.get("controller-revision-hash"), Some("agent-old"));
    // The current one comes after all others.
    assert_eq!(h.revisions(), [7, 8]);
}

/// Upstream counts what pods are of among those that exceed the limit, and deletes others in their place.
#[test]
fn old_revisions_beyond_the_limit_go_unless_a_pod_is_of_one() {
    let mut h = Harness::with_nodes(1);
    h.create_set(json!({"revisionHistoryLimit": 1, "updateStrategy": {"type": "OnDelete"}}));
    h.settle();
    for image in ["app:2", "app:3", "app:4"] {
        h.image(image);
        h.settle();
    }
    // The pod is of the first revision, which is kept therefore; of the others all but the current one went.
    assert_eq!(h.revisions(), [1, 4]);
    h.delete_pod(0);
    h.settle();
    h.image("app:5");
    h.settle();
    assert_eq!(h.revisions(), [4, 5]);
}

#[test]
fn a_deleted_current_revision_is_made_anew() {
    let mut h = Harness::with_nodes(1);
    h.create_set(json!({}));
    h.settle();
    let name = h.names(Kind::ControllerRevision)[0].clone();
    h.delete(Kind::ControllerRevision, &name);
    h.settle();
    assert_eq!(h.names(Kind::ControllerRevision), [name]);
}

#[test]
fn an_unavailable_old_pod_goes_beyond_the_bound_and_available_ones_within() {
    let mut h = Harness::with_nodes(5);
    h.create_set(rolling(json!(2), json!(0)));
    h.settle();
    // Pods 0 to 2 are ready, 3 and 4 are not.
    (0..5).for_each(|index| h.bind(index));
    (0..3).for_each(|index| h.make_ready(index));
    h.settle();
    h.image("app:2");
    h.settle();
    // Both that are not ready go, which is all that may be missing.
    assert_eq!(h.deleting(), ["n-003", "n-004"]);
    h.finish_deletions();
    h.settle();
    assert_eq!(h.deleting(), [""; 0]);
    let new = h.index_of("n-003");
    h.bind(new);
    h.make_ready(new);
    h.settle();
    // One of the new ones is there, so one of the old ones may go.
    assert_eq!(h.deleting(), ["n-000"]);
}

#[test]
fn with_surge_the_new_pod_comes_first() {
    let mut h = Harness::with_nodes(3);
    h.create_set(rolling(json!(0), json!(1)));
    h.settle();
    (0..3).for_each(|index| {
        h.bind(index);
        h.make_ready(index);
    });
    h.settle();
    h.image("app:2");
    h.settle();
    assert_eq!(h.pods_by_node(), "n-000:2 n-001:1 n-002:1");
    assert_eq!(h.status(), "desired 3 current 3 misscheduled 0 ready 3 updated 0 available 3 unavailable 0 observed 2");
    let new = h.unbound();
    h.bind(new);
    h.make_ready(new);
    h.settle();
    assert_eq!(h.deleting(), ["n-000"]);
    // The surge is over, so the next node has its turn while the old pod is still on its way out.
    assert_eq!(h.pods_by_node(), "n-000:2 n-001:2 n-002:1");
}

#[test]
fn with_surge_an_old_pod_that_is_not_ready_is_no_reason_to_wait() {
    let mut h = Harness::with_nodes(3);
    h.create_set(rolling(json!(0), json!(1)));
    h.settle();
    (0..3).for_each(|index| h.bind(index));
    h.make_ready(0);
    h.settle();
    h.image("app:2");
    h.settle();
    // The bound is for the available one; the others get their new pods at once and lose the old ones.
    assert_eq!(h.deleting(), ["n-001", "n-002"]);
    assert_eq!(h.pods_by_node(), "n-000:2 n-001:2 n-002:2");
}

#[test]
fn with_surge_a_pod_on_its_way_out_is_replaced_at_once_and_without_when_it_is_gone() {
    for (strategy, want) in [(rolling(json!(0), json!(1)), "n-000:2"), (rolling(json!(1), json!(0)), "n-000:1")] {
        let mut h = Harness::with_nodes(1);
        h.create_set(strategy);
        h.settle();
        h.bind(0);
        h.delete_pod(0);
        h.settle();
        assert_eq!(h.pods_by_node(), want);
    }
}

/// Where pods no longer belong the old ones stay until as many others are available as should be.
#[test]
fn with_surge_old_pods_leave_their_nodes_when_others_serve() {
    let mut h = Harness::with_nodes(2);
    h.create_set(rolling(json!(0), json!(1)));
    h.settle();
    (0..2).for_each(|index| {
        h.bind(index);
        h.make_ready(index);
    });
    h.taint("n-000", "NoSchedule");
    h.settle();
    h.image("app:2");
    h.settle();
    // Two serve and one should: the one that does not belong there goes.
    assert_eq!(h.deleting(), ["n-000"]);
    assert_eq!(h.pods_by_node(), "n-000:1 n-001:2");
}

#[test]
fn nodes_wake_the_controller_only_by_what_it_looks_at() {
    let mut h = Harness::with_nodes(2);
    h.create_set(json!({"template": {"spec": {"nodeSelector": {"role": "worker"}}}}));
    h.settle();
    assert_eq!(h.pods_by_node(), "");
    let rows: [(&str, Value, bool); 6] = [
        ("conditions", json!({"status": {"conditions": [{"type": "Ready", "status": "True"}]}}), false),
        ("unschedulable", json!({"spec": {"unschedulable": true}}), false),
        ("annotations", json!({"metadata": {"annotations": {"a": "b"}}}), false),
        ("a label that is not wanted", json!({"metadata": {"labels": {"role": "other"}}}), false),
        ("a taint where no pod belongs", json!({"spec": {"taints": [{"key": "k", "effect": "NoExecute"}]}}), false),
        (
            "the label, with the taint gone",
            json!({"metadata": {"labels": {"role": "worker"}}, "spec": {"taints": null}}),
            true,
        ),
    ];
    for (what, patch, wakes) in rows {
        if what == "conditions" {
            h.patch_status(Kind::Node, "n-000", patch);
        } else {
            h.patch(Kind::Node, "n-000", patch);
        }
        h.deliver();
        assert_eq!(h.controller.queue().has_work(), wakes, "{what}");
        h.settle();
    }
    assert_eq!(h.pods_by_node(), "n-000:1");
}

/// Taints and labels that only change counts wake nobody; a node that had been left out does when it comes back.
#[test]
fn counts_may_be_stale_until_another_reason_comes() {
    let mut h = Harness::with_nodes(2);
    h.create_set(json!({}));
    h.settle();
    (0..2).for_each(|index| h.bind(index));
    h.settle();
    h.taint("n-000", "NoSchedule");
    h.settle();
    let before = "desired 2 current 2 misscheduled 0 ready 0 updated 2 available 0 unavailable 2 observed 1";
    assert_eq!(h.status(), before);
    h.make_ready(1);
    h.settle();
    assert_eq!(h.status(), "desired 1 current 1 misscheduled 1 ready 1 updated 1 available 1 unavailable 0 observed 1");
    h.taint("n-000", "");
    h.settle();
    assert_eq!(h.status(), "desired 2 current 2 misscheduled 0 ready 1 updated 2 available 1 unavailable 1 observed 1");
}

#[test]
fn without_a_daemon_set_nothing_is_kept() {
    let mut h = Harness::with_nodes(3);
    h.orphan_pod("a", "n-000");
    h.settle();
    assert!(h.controller.sets.is_empty() && !h.controller.queue().has_work());
    h.create_set(json!({}));
    h.settle();
    assert_eq!(h.controller.sets.len(), 1);
    h.delete(Kind::DaemonSet, "agent");
    h.settle();
    assert!(h.controller.sets.is_empty());
}

/// A pod that becomes ready costs what it costs on a small cluster: no pod and no node but its own is looked at.
#[test]
fn a_pod_that_becomes_ready_walks_nothing() {
    let mut h = Harness::with_nodes(100);
    h.create_set(json!({"minReadySeconds": 5}));
    h.settle();
    (0..100).for_each(|index| h.bind(index));
    h.settle();
    let walked = h.informers.pods.walked();
    (0..100).for_each(|index| {
        h.make_ready(index);
        h.settle();
    });
    assert_eq!(h.informers.pods.walked(), walked);
    assert!(h.status().contains("ready 100 updated 100 available 0"), "{}", h.status());
    h.advance(10 * SECOND);
    assert!(h.status().contains("available 100 unavailable 0"), "{}", h.status());
    assert_eq!(h.informers.pods.walked(), walked);
}

#[test]
fn ready_pods_become_available_to_the_second() {
    let mut h = Harness::with_nodes(1);
    h.create_set(json!({"minReadySeconds": 3}));
    h.settle();
    h.bind(0);
    h.advance(Duration::from_millis(400));
    h.make_ready(0);
    h.settle();
    // Ready since 0 s by the clock of objects; asked again after three seconds from now.
    h.advance(Duration::from_millis(2_900));
    assert!(h.status().contains("ready 1 updated 1 available 0"), "{}", h.status());
    h.advance(Duration::from_millis(200));
    assert!(h.status().contains("ready 1 updated 1 available 1"), "{}", h.status());
}

#[test]
fn the_template_may_name_the_node() {
    let mut h = Harness::with_nodes(3);
    h.create_set(json!({"template": {"spec": {"nodeName": "n-001"}}}));
    h.settle();
    let pods = h.pods();
    assert_eq!((pods.len(), pods[0].node_name.as_str()), (1, "n-001"));
}

#[test]
fn a_set_on_its_way_out_is_left_alone() {
    let mut h = Harness::with_nodes(1);
    h.create_set(json!({}));
    h.settle();
    h.patch_set(json!({"metadata": {"finalizers": ["test/hold"]}}));
    h.delete(Kind::DaemonSet, "agent");
    h.settle();
    h.delete_pod(0);
    h.settle();
    assert_eq!(h.pods().len(), 0, "no pod is made");
    assert!(h.status().starts_with("desired 1 current 1"), "nor counted: {}", h.status());
}

#[test]
fn pods_know_their_nodes_by_name_alone() {
    let pod = |node: &str, pinned: Option<&str>| Pod {
        node_name: node.into(),
        pinned_to: pinned.map(|n| std::sync::Arc::new(n.into())),
        ..Harness::plain_pod()
    };
    let rows = [
        (pod("a", None), Some("a")),
        (pod("", Some("b")), Some("b")),
        (pod("a", Some("b")), Some("a")),
        (pod("", None), None),
    ];
    for (pod, want) in rows {
        assert_eq!(pod.target_node().map(|n| n.as_str()), want);
    }
}
