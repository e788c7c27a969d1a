//! Taints: those that tell a node's conditions, and how one is put in another's place.
//!
//! Mirrors pkg/controller/nodelifecycle/node_lifecycle_controller.go (`doNoScheduleTaintingPass`, `doNoExecuteTaintingPass`)
//! and pkg/controller/util/node (v1.36).

use std::sync::Arc;

use k8s_openapi::api::core::v1::Taint;
use seatrial_api::{ApiError, Node, Str};
use seatrial_machinery::SyncContext;

use super::controller::NodeLifecycleController;
use super::health::{ReadyStatus, ready_condition};

pub(super) const NOT_READY: &str = "node.kubernetes.io/not-ready";
pub(super) const UNREACHABLE: &str = "node.kubernetes.io/unreachable";
const UNSCHEDULABLE: &str = "node.kubernetes.io/unschedulable";
const NO_SCHEDULE: &str = "NoSchedule";
pub(super) const NO_EXECUTE: &str = "NoExecute";

/// Condition, status, and the taint that tells of it. Mirrors `nodeConditionToTaintKeyStatusMap`.
const CONDITION_TAINTS: [(&str, &str, &str); 6] = [
    ("Ready", "False", NOT_READY),
    ("Ready", "Unknown", UNREACHABLE),
    ("MemoryPressure", "True", "node.kubernetes.io/memory-pressure"),
    ("DiskPressure", "True", "node.kubernetes.io/disk-pressure"),
    ("NetworkUnavailable", "True", "node.kubernetes.io/network-unavailable"),
    ("PIDPressure", "True", "node.kubernetes.io/pid-pressure"),
];

/// Labels that have an older twin: the label, and the twin that is kept equal. Mirrors `labelReconcileInfo`.
const TWIN_LABELS: [(&str, &str); 2] =
    [("kubernetes.io/os", "beta.kubernetes.io/os"), ("kubernetes.io/arch", "beta.kubernetes.io/arch")];

/// Which taint, without a value.
pub(super) type TaintKey = (&'static str, &'static str);

pub(super) fn has_taint(node: &Node, (key, effect): TaintKey) -> bool {
    taints_of(node).iter().any(|t| t.key == key && t.effect == effect)
}

fn taints_of(node: &Node) -> &[Taint] {
    node.body.spec.as_ref().and_then(|s| s.taints.as_deref()).unwrap_or_default()
}

/// Brings the NoSchedule taints in line with the node's conditions, and its old labels with the new ones.
pub(super) fn no_schedule_tainting_pass(cx: &mut SyncContext<'_>, name: &str) -> Result<(), ApiError> {
    let Some(node) = cx.informers.nodes.get("", name).map(Arc::clone) else { return Ok(()) };
    let conditions = node.body.status.iter().flat_map(|s| s.conditions.iter().flatten());
    let mut wanted: Vec<TaintKey> = conditions
        .filter_map(|c| CONDITION_TAINTS.iter().find(|(type_, status, _)| c.type_ == *type_ && c.status == *status))
        .map(|(_, _, key)| (*key, NO_SCHEDULE))
        .collect();
    if node.body.spec.as_ref().and_then(|s| s.unschedulable) == Some(true) {
        wanted.push((UNSCHEDULABLE, NO_SCHEDULE));
    }
    let own = CONDITION_TAINTS.iter().map(|(_, _, key)| *key).chain([UNSCHEDULABLE]).map(|key| (key, NO_SCHEDULE));
    let stale: Vec<TaintKey> = own.filter(|t| has_taint(&node, *t) && !wanted.contains(t)).collect();
    wanted.retain(|t| !has_taint(&node, *t));
    swap_node_controller_taint(cx, name, &wanted, &stale)?;
    reconcile_node_labels(cx, name)
}

/// Puts taints on a node and takes others off; a taint that is put says when. Mirrors `SwapNodeControllerTaint`.
pub(super) fn swap_node_controller_taint(
    cx: &mut SyncContext<'_>,
    name: &str,
    add: &[TaintKey],
    remove: &[TaintKey],
) -> Result<(), ApiError> {
    if !add.is_empty() {
        let now = cx.clock().time();
        change_taints(cx, name, |taints| {
            for (key, effect) in add.iter().filter(|(k, e)| !contains(taints, (k, e))).copied().collect::<Vec<_>>() {
                let (key, effect) = (key.to_owned(), effect.to_owned());
                taints.push(Taint { key, effect, value: None, time_added: Some(now.into()) });
            }
        })?;
    }
    remove_taints_off_node(cx, name, remove)
}

/// Takes taints off a node that has them. Mirrors `RemoveTaintOffNode`.
pub(super) fn remove_taints_off_node(
    cx: &mut SyncContext<'_>,
    name: &str,
    remove: &[TaintKey],
) -> Result<(), ApiError> {
    change_taints(cx, name, |taints| taints.retain(|t| !remove.iter().any(|(k, e)| t.key == *k && t.effect == *e)))
}

fn contains(taints: &[Taint], (key, effect): (&str, &str)) -> bool {
    taints.iter().any(|t| t.key == key && t.effect == effect)
}

fn change_taints(cx: &mut SyncContext<'_>, name: &str, change: impl FnOnce(&mut Vec<Taint>)) -> Result<(), ApiError> {
    // The node is changed as it is now: somebody else may have written since the cache heard of it.
    let live = cx.client.get_live::<Node>("", name)?;
    let mut taints = taints_of(&live).to_vec();
    change(&mut taints);
    if taints == taints_of(&live) {
        return Ok(());
    }
    let mut node = Node::clone(&live);
    node.body.spec.get_or_insert_default().taints = (!taints.is_empty()).then_some(taints);
    cx.client.update(node).map(drop)
}

/// Mirrors `reconcileNodeLabels`.
fn reconcile_node_labels(cx: &mut SyncContext<'_>, name: &str) -> Result<(), ApiError> {
    let Ok(live) = cx.client.get_live::<Node>("", name) else { return Ok(()) };
    let labels = &live.meta.labels;
    let stale = TWIN_LABELS.iter().filter_map(|(label, twin)| {
        let value = labels.get(label)?;
        (labels.get(twin) != Some(value)).then(|| (*twin, Str::from(value)))
    });
    let stale: Vec<(&str, Str)> = stale.collect();
    if stale.is_empty() {
        return Ok(());
    }
    let mut node = Node::clone(&live);
    for (twin, value) in stale {
        node.meta.labels.insert(twin, &value);
    }
    cx.client.update(node).map(drop)
}

impl NodeLifecycleController {
    /// Taints the nodes whose turn it is. Mirrors `doNoExecuteTaintingPass`.
    pub(super) fn no_execute_tainting_pass(&mut self, cx: &mut SyncContext<'_>) {
        let now = cx.clock().now();
        for zone in self.zones.values_mut() {
            while let Some(name) = zone.tainter.try_next(now) {
                let Some(node) = cx.informers.nodes.get("", &name).map(Arc::clone) else { continue };
                let (add, remove) = match ready_condition(&node).map(ReadyStatus::of) {
                    Some(ReadyStatus::False) => (NOT_READY, UNREACHABLE),
                    Some(ReadyStatus::Unknown) => (UNREACHABLE, NOT_READY),
                    // It is ready again, or has lost its condition: the next pass over the nodes decides anew.
                    Some(ReadyStatus::True) | None => continue,
                };
                let swapped = swap_node_controller_taint(cx, &name, &[(add, NO_EXECUTE)], &[(remove, NO_EXECUTE)]);
                if let Err(error) = swapped {
                    tracing::debug!(node = %name, %error, "a node could not be tainted");
                }
            }
        }
        self.look_at_the_waiting(now);
    }
}
