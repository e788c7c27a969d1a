//! What is known of a node's health, and the verdict over a node that is silent.
//!
//! Mirrors pkg/controller/nodelifecycle/node_lifecycle_controller.go (`tryUpdateNodeHealth`) (v1.36).

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::NodeCondition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time as ApiTime;
use seatrial_api::{ApiError, Lease, Node};
use seatrial_machinery::{SimTime, SyncContext};

use super::controller::NodeLifecycleController;

/// How long a node may be silent. Mirrors `NodeMonitorGracePeriod`.
const NODE_MONITOR_GRACE_PERIOD: Duration = Duration::from_secs(50);
/// How long a node may be silent that was never heard of. Mirrors `NodeStartupGracePeriod`.
const NODE_STARTUP_GRACE_PERIOD: Duration = Duration::from_secs(60);
/// The conditions of which nothing is known once the node is silent.
const CONDITION_TYPES: [&str; 4] = ["Ready", "MemoryPressure", "DiskPressure", "PIDPressure"];

/// The status of a node's Ready condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReadyStatus {
    True,
    False,
    Unknown,
}

impl ReadyStatus {
    pub(super) fn of(condition: &NodeCondition) -> Self {
        match condition.status.as_str() {
            "True" => Self::True,
            "False" => Self::False,
            _ => Self::Unknown,
        }
    }
}

/// What is remembered of a node. Mirrors `nodeHealthData`.
#[derive(Clone, Debug)]
pub(super) struct NodeHealth {
    /// When the node was last seen to live.
    pub(super) probe: SimTime,
    /// How long it may be silent.
    pub(super) grace_period: Duration,
    /// The time of the heartbeat in the Ready condition, where there was one.
    heartbeat: Option<Option<ApiTime>>,
    /// Whether it was silent for too long, and its conditions say so.
    pub(super) is_given_up: bool,
}

/// What a pass finds of a node.
pub(super) struct Verdict {
    /// The node as it is now.
    pub(super) node: Arc<Node>,
    /// The Ready condition before.
    pub(super) observed: ReadyStatus,
    /// The Ready condition now, if there is one.
    pub(super) current: Option<ReadyStatus>,
}

/// A node's condition.
pub(super) fn condition<'a>(node: &'a Node, type_: &str) -> Option<&'a NodeCondition> {
    node.body.status.as_ref()?.conditions.as_ref()?.iter().find(|c| c.type_ == type_)
}

/// A node's Ready condition.
pub(super) fn ready_condition(node: &Node) -> Option<&NodeCondition> {
    condition(node, "Ready")
}

impl NodeLifecycleController {
    /// Takes note of a node's heartbeat, and gives the node up if there was none for too long.
    pub(super) fn try_update_node_health(
        &mut self,
        cx: &mut SyncContext<'_>,
        node: &Arc<Node>,
    ) -> Result<Verdict, ApiError> {
        let now = cx.clock().now();
        let ready = ready_condition(node);
        // A node that never said anything counts as unknown since it was created.
        let observed = ready.map_or(ReadyStatus::Unknown, ReadyStatus::of);
        let heartbeat = ready.map(|c| c.last_heartbeat_time.clone());
        let grace_period = if ready.is_some() { NODE_MONITOR_GRACE_PERIOD } else { NODE_STARTUP_GRACE_PERIOD };
        let health = match self.health.get_mut(&node.meta.name) {
            Some(health) => {
                if health.heartbeat != heartbeat {
                    health.probe = now;
                }
                health
            }
            None => {
                let probe = if ready.is_some() || has_lease(cx, node) { now } else { created(cx, node) };
                let health = NodeHealth { probe, grace_period, heartbeat: None, is_given_up: false };
                self.health.entry(node.meta.name.clone()).or_insert(health)
            }
        };
        health.heartbeat = heartbeat;
        health.grace_period = grace_period;
        // Upstream asks for more than the grace period, and its passes are a little more than 5 s apart.
        health.is_given_up = now >= health.probe + grace_period;
        if !health.is_given_up {
            return Ok(Verdict { node: Arc::clone(node), observed, current: ready.map(ReadyStatus::of) });
        }
        let silent = silent(node, cx.clock().time().into());
        if ready_condition(&silent) == ready {
            return Ok(Verdict { node: Arc::clone(node), observed, current: Some(ReadyStatus::Unknown) });
        }
        let node = cx.client.update_status(silent)?;
        health.heartbeat = ready_condition(&node).map(|c| c.last_heartbeat_time.clone());
        Ok(Verdict { node, observed, current: Some(ReadyStatus::Unknown) })
    }
}

fn has_lease(cx: &SyncContext<'_>, node: &Node) -> bool {
    cx.client.get_live::<Lease>("kube-node-lease", &node.meta.name).is_ok()
}

fn created(cx: &SyncContext<'_>, node: &Node) -> SimTime {
    let clock = cx.clock();
    let age = u64::try_from(clock.nanos_since(node.meta.created())).unwrap_or(0);
    clock.now().saturating_sub(Duration::from_nanos(age))
}

/// The node with all that its kubelet tells set to unknown.
fn silent(node: &Node, now: ApiTime) -> Node {
    let mut silent = node.clone();
    let created: Option<ApiTime> = node.meta.creation_timestamp.map(Into::into);
    let conditions = silent.body.status.get_or_insert_default().conditions.get_or_insert_default();
    for type_ in CONDITION_TYPES {
        match conditions.iter_mut().find(|c| c.type_ == type_) {
            None => conditions.push(NodeCondition {
                type_: type_.to_owned(),
                status: "Unknown".to_owned(),
                reason: Some("NodeStatusNeverUpdated".to_owned()),
                message: Some("Kubelet never posted node status.".to_owned()),
                last_heartbeat_time: created.clone(),
                last_transition_time: Some(now.clone()),
            }),
            Some(condition) if condition.status != "Unknown" => {
                condition.status = "Unknown".to_owned();
                condition.reason = Some("NodeStatusUnknown".to_owned());
                condition.message = Some("Kubelet stopped posting node status.".to_owned());
                condition.last_transition_time = Some(now.clone());
            }
            Some(_) => {}
        }
    }
    silent
}
