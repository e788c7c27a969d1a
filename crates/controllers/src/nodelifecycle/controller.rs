//! What wakes the controller, and when it looks at its nodes.
//!
//! Mirrors pkg/controller/nodelifecycle/node_lifecycle_controller.go (v1.36).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rustc_hash::FxHashMap;
use seatrial_api::{ApiError, Kind, Lease, NamespacedName, Node, Object, Pod, Str, Uid};
use seatrial_machinery::{Aspects, Controller, Delivery, EventContext, Queue, SimTime, SyncContext};

use super::health::{NodeHealth, ReadyStatus, ready_condition};
use super::zone::Zone;

/// How often nodes are looked at. Mirrors `NodeMonitorPeriod`.
pub(super) const NODE_MONITOR_PERIOD: Duration = Duration::from_secs(5);
/// How often nodes that wait for their NoExecute taint are looked at. Mirrors `NodeEvictionPeriod`.
pub(super) const NODE_EVICTION_PERIOD: Duration = Duration::from_millis(100);
const LEASE_NAMESPACE: &str = "kube-node-lease";

/// The key of a pass over all nodes.
const MONITOR: NamespacedName = NamespacedName { namespace: Str::new_static("/monitor"), name: Str::new_static("") };
/// The key of a pass over the nodes that wait for their NoExecute taint.
const NO_EXECUTE: NamespacedName =
    NamespacedName { namespace: Str::new_static("/no-execute"), name: Str::new_static("") };
/// The prefix of the keys of pods; keys of nodes have no namespace.
const POD: &str = "/pod/";

/// The node lifecycle controller.
#[derive(Debug, Default)]
pub struct NodeLifecycleController {
    pub(super) queue: Queue,
    /// Mirrors `nodeHealthMap`.
    pub(super) health: FxHashMap<Str, NodeHealth>,
    /// The nodes that were welcomed, with their uids. Mirrors `knownNodeSet`.
    pub(super) known: BTreeMap<Str, Uid>,
    /// Mirrors `zoneStates` and `zoneNoExecuteTainter`.
    pub(super) zones: BTreeMap<String, Zone>,
    /// Nodes whose Ready condition is there and not True.
    pub(super) unready: BTreeSet<Str>,
    /// Nodes whose pods could not all be marked. Mirrors `nodesToRetry`.
    pub(super) nodes_to_retry: BTreeSet<Str>,
    /// Whether anything but heartbeats happened since the last pass.
    is_dirty: bool,
}

impl Controller for NodeLifecycleController {
    const NAME: &'static str = "node-controller";
    const WATCHES: &'static [Kind] = &[Kind::Node, Kind::Lease, Kind::Pod];

    fn queue(&mut self) -> &mut Queue {
        &mut self.queue
    }

    fn handle(&mut self, cx: &EventContext<'_>, delivery: &Delivery<'_>) {
        match delivery.object() {
            Some(Object::Node(node)) => self.node_changed(cx, &node.meta.name, delivery.new_as()),
            Some(Object::Lease(_)) => self.lease_changed(cx, delivery),
            Some(Object::Pod(_)) if !self.unready.is_empty() => self.pod_changed(cx, delivery),
            _ => {}
        }
    }

    fn heeds(&self) -> Aspects {
        Aspects::ANY.when(!self.unready.is_empty())
    }

    fn sync(&mut self, cx: &mut SyncContext<'_>, key: &NamespacedName) -> Result<(), ApiError> {
        if *key == MONITOR {
            let now = cx.clock().now();
            let mut silence = self.next_silence(cx);
            // A pass over nodes that only went on living would change nothing.
            if std::mem::take(&mut self.is_dirty) || silence.is_some_and(|due| due <= now) {
                self.monitor_node_health(cx);
                silence = self.next_silence(cx);
            }
            self.look_again_at_silence(now, silence);
        } else if *key == NO_EXECUTE {
            self.no_execute_tainting_pass(cx);
        } else if let Some(namespace) = key.namespace.strip_prefix(POD) {
            return self.process_pod(cx, namespace, &key.name);
        } else {
            return super::taints::no_schedule_tainting_pass(cx, &key.name);
        }
        Ok(())
    }
}

impl NodeLifecycleController {
    fn node_changed(&mut self, cx: &EventContext<'_>, name: &Str, new: Option<&std::sync::Arc<Node>>) {
        let unready = new.and_then(|n| ready_condition(n)).is_some_and(|c| ReadyStatus::of(c) != ReadyStatus::True);
        if unready {
            self.unready.insert(name.clone());
        } else {
            self.unready.remove(name);
        }
        if new.is_some() {
            self.queue.add(NamespacedName { namespace: Str::default(), name: name.clone() }, cx.cause);
        }
        self.look_at_the_next_tick(cx.clock.now());
    }

    fn lease_changed(&mut self, cx: &EventContext<'_>, delivery: &Delivery<'_>) {
        let Some(lease) = delivery.new_as::<Lease>() else { return };
        if delivery.old_as::<Lease>().is_none_or(|old| old.body.renew_time < lease.body.renew_time) {
            self.lease_renewed(cx.clock.now(), lease);
        }
    }

    /// A renewed lease shows at the next pass that the node lives.
    pub fn lease_renewed(&mut self, now: SimTime, lease: &Lease) {
        if lease.meta.namespace != LEASE_NAMESPACE {
            return;
        }
        let Some(health) = self.health.get_mut(&lease.meta.name) else { return };
        health.probe = health.probe.max(tick_at_or_after(now, NODE_MONITOR_PERIOD));
    }

    /// A pod that comes to a node that is not ready is not ready either. Mirrors `podUpdated`.
    fn pod_changed(&mut self, cx: &EventContext<'_>, delivery: &Delivery<'_>) {
        let Some(new) = delivery.new_as::<Pod>() else { return };
        let is_bound = delivery.old_as::<Pod>().is_none_or(|old| old.node_name != new.node_name);
        if is_bound && self.unready.contains(&new.node_name) {
            let namespace = format!("{POD}{}", new.meta.namespace).into();
            self.queue.add(NamespacedName { namespace, name: new.meta.name.clone() }, cx.cause);
        }
    }

    /// Something may be different at the next pass.
    pub(super) fn look_at_the_next_tick(&mut self, now: SimTime) {
        self.is_dirty = true;
        let next = tick_after(now, NODE_MONITOR_PERIOD);
        self.queue.add_after_in_background(MONITOR, next - now, now);
    }

    /// When the first node will have been silent for too long, if it stays so.
    fn next_silence(&self, cx: &SyncContext<'_>) -> Option<SimTime> {
        let due = self.known.keys().filter_map(|node| {
            let health = self.health.get(node)?;
            // A node of which all is unknown already has nothing to lose.
            let may_be_missed = !health.is_given_up && cx.informers.nodes.get("", node).is_some();
            may_be_missed.then(|| health.probe + health.grace_period)
        });
        due.min()
    }

    /// The next pass that may find a node silent for too long.
    fn look_again_at_silence(&mut self, now: SimTime, due: Option<SimTime>) {
        if !self.nodes_to_retry.is_empty() {
            self.look_at_the_next_tick(now);
        }
        let Some(due) = due else { return };
        let next = tick_at_or_after(due, NODE_MONITOR_PERIOD).max(tick_after(now, NODE_MONITOR_PERIOD));
        self.queue.add_after_in_background(MONITOR, next - now, now);
    }

    /// Arranges the next pass over the nodes that wait for their NoExecute taint.
    pub(super) fn look_at_the_waiting(&mut self, now: SimTime) {
        let next = self.zones.values().filter_map(|zone| zone.tainter.next_try()).min();
        let Some(next) = next else { return };
        let next = tick_at_or_after(next, NODE_EVICTION_PERIOD).max(tick_after(now, NODE_EVICTION_PERIOD));
        self.queue.add_after_in_background(NO_EXECUTE, next - now, now);
    }
}

/// The first tick of a period after a moment.
fn tick_after(now: SimTime, period: Duration) -> SimTime {
    tick_at_or_after(now + Duration::from_nanos(1), period)
}

/// The first tick of a period at a moment or after it.
pub(super) fn tick_at_or_after(now: SimTime, period: Duration) -> SimTime {
    let period = u64::try_from(period.as_nanos()).unwrap_or(u64::MAX).max(1);
    SimTime::from_nanos(now.as_nanos().div_ceil(period).saturating_mul(period))
}
