//! A pass over all nodes.
//!
//! Mirrors pkg/controller/nodelifecycle/node_lifecycle_controller.go (`monitorNodeHealth`) (v1.36).

use std::collections::BTreeMap;
use std::sync::Arc;

use seatrial_api::{Kind, Node, ObjectMeta, Str, Uid};
use seatrial_machinery::{EventText, ObjectRef, SyncContext};

use super::controller::NodeLifecycleController;
use super::health::ReadyStatus;
use super::pods::mark_pods_not_ready;
use super::taints::{
    NO_EXECUTE, NOT_READY, UNREACHABLE, has_taint, remove_taints_off_node, swap_node_controller_taint,
};
use super::zone::{Zone, ZoneCount, ZoneState, zone_key};

/// A node with this label does not count when the state of its zone is told.
const LABEL_EXCLUDE_DISRUPTION: &str = "node.kubernetes.io/exclude-disruption";

impl NodeLifecycleController {
    pub(super) fn monitor_node_health(&mut self, cx: &mut SyncContext<'_>) {
        let nodes: Vec<Arc<Node>> = cx.informers.nodes.list(None).into_iter().cloned().collect();
        self.classify_nodes(cx, &nodes);
        let mut zones: BTreeMap<String, ZoneCount> = BTreeMap::new();
        for node in &nodes {
            self.update_node(cx, node, &mut zones);
        }
        self.handle_disruption(cx, &zones, &nodes);
        self.look_at_the_waiting(cx.clock().now());
    }

    /// Welcomes new nodes and takes leave of those that are gone. Mirrors `classifyNodes`.
    fn classify_nodes(&mut self, cx: &mut SyncContext<'_>, nodes: &[Arc<Node>]) {
        let added: Vec<&Arc<Node>> = nodes.iter().filter(|n| !self.known.contains_key(&n.meta.name)).collect();
        for node in nodes {
            self.zones.entry(zone_key(node)).or_insert_with(Zone::new);
        }
        let count = self.known.len() + added.len();
        for node in added {
            let (name, uid) = (&node.meta.name, &node.meta.uid);
            record_node_event(cx, (name, uid), "RegisteredNode", &format!("Registered Node {name} in Controller"));
            self.known.insert(name.clone(), uid.clone());
            self.mark_node_as_reachable(cx, node);
        }
        if count == nodes.len() {
            return;
        }
        let is_gone = |name: &Str| cx.informers.nodes.get("", name).is_none();
        let gone: Vec<(Str, Uid)> =
            self.known.iter().filter(|(name, _)| is_gone(name)).map(|(n, u)| (n.clone(), u.clone())).collect();
        for (name, uid) in gone {
            record_node_event(cx, (&name, &uid), "RemovingNode", &format!("Removing Node {name} from Controller"));
            self.known.remove(&name);
            self.health.remove(&name);
            self.nodes_to_retry.remove(&name);
        }
    }

    /// One node's part of the pass. Mirrors `updateNodeFunc`.
    fn update_node(&mut self, cx: &mut SyncContext<'_>, node: &Arc<Node>, zones: &mut BTreeMap<String, ZoneCount>) {
        let name = &node.meta.name;
        let verdict = match self.try_update_node_health(cx, node) {
            Ok(verdict) => verdict,
            Err(error) => {
                tracing::debug!(node = %name, %error, "a node's health could not be updated");
                return self.look_at_the_next_tick(cx.clock().now());
            }
        };
        if verdict.node.meta.labels.get(LABEL_EXCLUDE_DISRUPTION).is_none() {
            let count = zones.entry(zone_key(&verdict.node)).or_default();
            match verdict.current {
                Some(ReadyStatus::True) => count.ready += 1,
                _ => count.not_ready += 1,
            }
        }
        let Some(current) = verdict.current else { return };
        self.process_taint_base_eviction(cx, &verdict.node, verdict.observed);
        let is_ready = |status| status == ReadyStatus::True;
        let has_lost_it = !is_ready(current) && is_ready(verdict.observed);
        if has_lost_it {
            let text = format!("Node {name} status is now: NodeNotReady");
            let meta = node_meta(name, &node.meta.uid);
            cx.client.event(&about_node(&meta), &EventText::normal("NodeNotReady", &text));
        }
        let is_retried = self.nodes_to_retry.contains(name) && !is_ready(verdict.observed);
        if has_lost_it || is_retried {
            let pods = cx.informers.pods_on(name);
            if let Err(error) = mark_pods_not_ready(cx, &pods) {
                tracing::debug!(node = %name, %error, "not all pods of a node could be marked");
                self.nodes_to_retry.insert(name.clone());
                return;
            }
        }
        self.nodes_to_retry.remove(name);
        if has_lost_it {
            // Its NoExecute taint follows at the next pass, when its condition has been seen.
            self.look_at_the_next_tick(cx.clock().now());
        }
    }

    /// Mirrors `processTaintBaseEviction`.
    fn process_taint_base_eviction(&mut self, cx: &mut SyncContext<'_>, node: &Node, observed: ReadyStatus) {
        let (own, opposite) = match observed {
            ReadyStatus::False => (NOT_READY, UNREACHABLE),
            ReadyStatus::Unknown => (UNREACHABLE, NOT_READY),
            ReadyStatus::True => return self.mark_node_as_reachable(cx, node),
        };
        let name = &node.meta.name;
        if has_taint(node, (opposite, NO_EXECUTE)) {
            // A node that is tainted already changes its taint at once.
            if swap_node_controller_taint(cx, name, &[(own, NO_EXECUTE)], &[(opposite, NO_EXECUTE)]).is_err() {
                self.look_at_the_next_tick(cx.clock().now());
            }
            return;
        }
        let Some(zone) = self.zones.get_mut(&zone_key(node)) else { return };
        if !has_taint(node, (own, NO_EXECUTE)) {
            zone.tainter.remove(name);
        }
        zone.tainter.add(name);
    }

    /// Takes the NoExecute taints off a node that is ready. Mirrors `markNodeAsReachable`.
    fn mark_node_as_reachable(&mut self, cx: &mut SyncContext<'_>, node: &Node) {
        for key in [UNREACHABLE, NOT_READY] {
            if !has_taint(node, (key, NO_EXECUTE)) {
                continue;
            }
            if let Err(error) = remove_taints_off_node(cx, &node.meta.name, &[(key, NO_EXECUTE)]) {
                tracing::debug!(node = %node.meta.name, %error, "a node's taint could not be removed");
                return self.look_at_the_next_tick(cx.clock().now());
            }
        }
        if let Some(zone) = self.zones.get_mut(&zone_key(node)) {
            zone.tainter.remove(&node.meta.name);
        }
    }

    /// Slows evictions down or stops them where so much is lost that it is hardly the nodes' fault. Mirrors
    /// `handleDisruption`.
    fn handle_disruption(
        &mut self,
        cx: &mut SyncContext<'_>,
        counts: &BTreeMap<String, ZoneCount>,
        nodes: &[Arc<Node>],
    ) {
        let now = cx.clock().now();
        for (_, zone) in self.zones.iter_mut().filter(|(key, _)| !counts.contains_key(*key)) {
            zone.state = ZoneState::Initial;
        }
        let mut zones: Vec<(&ZoneCount, &mut Zone)> =
            self.zones.iter_mut().filter_map(|(key, zone)| Some((counts.get(key)?, zone))).collect();
        let all_are_fully_disrupted = zones.iter().all(|(count, _)| count.state() == ZoneState::FullDisruption);
        let all_were_fully_disrupted = zones.iter().all(|(_, zone)| zone.state == ZoneState::FullDisruption);
        if all_are_fully_disrupted && all_were_fully_disrupted {
            return;
        }
        if all_are_fully_disrupted {
            for (_, zone) in zones {
                zone.tainter.swap_limiter(0.0, now);
                zone.state = ZoneState::FullDisruption;
            }
            for node in nodes {
                let live = cx.client.get_live::<Node>("", &node.meta.name);
                self.mark_node_as_reachable(cx, live.as_deref().unwrap_or(node));
            }
            return;
        }
        if all_were_fully_disrupted {
            // Nobody could be heard before: every node gets its grace period anew.
            for health in nodes.iter().map(|n| &n.meta.name) {
                if let Some(health) = self.health.get_mut(health) {
                    health.probe = now;
                    health.is_given_up = false;
                }
            }
        }
        for (count, zone) in &mut zones {
            let state = count.state();
            if state != zone.state || all_were_fully_disrupted {
                zone.tainter.swap_limiter(count.rate(state), now);
                zone.state = state;
            }
        }
    }
}

/// Mirrors `RecordNodeEvent`.
fn record_node_event(cx: &mut SyncContext<'_>, (name, uid): (&Str, &Uid), reason: &'static str, text: &str) {
    let meta = node_meta(name, uid);
    cx.client.event(&about_node(&meta), &EventText::normal(reason, &format!("Node {name} event: {text}")));
}

/// Events about nodes name them and tell their uid, and nothing else.
fn node_meta(name: &Str, uid: &Uid) -> ObjectMeta {
    ObjectMeta { name: name.clone(), uid: uid.clone(), ..ObjectMeta::default() }
}

fn about_node(meta: &ObjectMeta) -> ObjectRef<'_> {
    ObjectRef::new(Kind::Node, meta)
}
