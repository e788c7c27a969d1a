//! Zones, and how many of a zone's nodes may be lost before it is the network that is to blame.
//!
//! Mirrors pkg/controller/nodelifecycle/node_lifecycle_controller.go (`ComputeZoneState`) and component-helpers node/topology (v1.36).

use seatrial_api::{Node, StrMap};

use super::rate_limited_queue::RateLimitedTimedQueue;

/// How many nodes a second are tainted. Mirrors `NodeEvictionRate`.
const EVICTION_RATE: f64 = 0.1;
/// The same in a large zone of which much is lost. Mirrors `SecondaryNodeEvictionRate`.
const SECONDARY_EVICTION_RATE: f64 = 0.01;
/// From how many nodes on a zone is large. Mirrors `LargeClusterSizeThreshold`.
const LARGE_CLUSTER_SIZE_THRESHOLD: u32 = 50;
/// Which part of a zone may be lost before evictions slow down, in percent. Mirrors `UnhealthyZoneThreshold`.
const UNHEALTHY_ZONE_THRESHOLD_PERCENT: u32 = 55;
/// So many lost nodes are no disruption of a zone.
const NOT_READY_NODES_MAX: u32 = 2;

/// How a zone does. Mirrors `ZoneState`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum ZoneState {
    /// Nobody has looked yet.
    #[default]
    Initial,
    /// Most nodes are ready.
    Normal,
    /// No node is ready.
    FullDisruption,
    /// Many nodes are not ready.
    PartialDisruption,
}

/// A zone: its state, and its nodes that wait for their NoExecute taint.
#[derive(Debug)]
pub(super) struct Zone {
    pub(super) state: ZoneState,
    pub(super) tainter: RateLimitedTimedQueue,
}

impl Zone {
    pub(super) fn new() -> Self {
        Self { state: ZoneState::Initial, tainter: RateLimitedTimedQueue::new(EVICTION_RATE) }
    }
}

/// How many nodes of a zone are ready, and how many are not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ZoneCount {
    pub(super) ready: u32,
    pub(super) not_ready: u32,
}

impl ZoneCount {
    /// Mirrors `ComputeZoneState`.
    pub(super) fn state(self) -> ZoneState {
        let many = self.not_ready > NOT_READY_NODES_MAX
            && self.not_ready * 100 >= (self.ready + self.not_ready) * UNHEALTHY_ZONE_THRESHOLD_PERCENT;
        match self {
            Self { ready: 0, not_ready: 1.. } => ZoneState::FullDisruption,
            _ if many => ZoneState::PartialDisruption,
            _ => ZoneState::Normal,
        }
    }

    /// How many nodes a second are tainted in a zone of such a state. Mirrors `setLimiterInZone`.
    pub(super) fn rate(self, state: ZoneState) -> f64 {
        let is_large = self.ready + self.not_ready > LARGE_CLUSTER_SIZE_THRESHOLD;
        match state {
            ZoneState::PartialDisruption if is_large => SECONDARY_EVICTION_RATE,
            ZoneState::PartialDisruption => 0.0,
            _ => EVICTION_RATE,
        }
    }
}

/// The region and zone of a node as one text; empty for a node without. Mirrors `GetZoneKey`.
pub(super) fn zone_key(node: &Node) -> String {
    let label = |labels: &StrMap, new: &str, old: &str| {
        labels.get(old).or_else(|| labels.get(new)).map(|v| v.to_string()).unwrap_or_default()
    };
    let labels = &node.meta.labels;
    let zone = label(labels, "topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone");
    let region = label(labels, "topology.kubernetes.io/region", "failure-domain.beta.kubernetes.io/region");
    if zone.is_empty() && region.is_empty() { String::new() } else { format!("{region}:\0:{zone}") }
}
