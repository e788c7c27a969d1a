//! Describing a cluster before it is made.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use seatrial_api::Time;
use seatrial_apiserver::{ApiServer, ApiServerOptions, Cursor, RequestInfo};
use seatrial_controllers::{ProvisionerBehavior, VolumeProvisioner};
use seatrial_engine::{EventQueue, Rng, SimTime};
use seatrial_kubelet::{Behavior, Kubelets, NodeConfig};
use seatrial_machinery::{Clock, EventRecorder, Informers};
use seatrial_scheduler::Scheduler;
use serde_json::Value;

use rustc_hash::FxHashMap;

use super::actors::Controllers;
use super::pace::Pace;
use super::trace::{TraceLog, TraceMode};
use super::{Cluster, DEFAULT_NAMESPACE};
use crate::exec::files::Files;

/// 2024-01-01T00:00:00Z
const DEFAULT_START: Time = Time::from_unix(1_704_067_200);
/// The last second of 2199: nanoseconds since 1970 still fit into 64 bits some decades later.
const START_MAX: i64 = 7_258_118_399;
/// How long before the start the API server came up, in seconds: what it made for itself is older than all else.
const BOOTSTRAP_SECONDS: i64 = 60;
const DEFAULT_NODE_COUNT: usize = 3;

/// A node to be: its name, what it offers, its labels and taints.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The name.
    pub name: String,
    /// Quantities by resource; `cpu`, `memory` and `pods` where nothing is said: 8, 32Gi, 110.
    pub capacity: BTreeMap<String, String>,
    /// Labels beyond those every node has.
    pub labels: BTreeMap<String, String>,
    /// Taints as (key, value, effect).
    pub taints: Vec<(String, String, String)>,
}

impl Node {
    /// A node with the default capacity.
    pub fn named(name: impl Into<String>) -> Self {
        let capacity = [("cpu", "8"), ("memory", "32Gi"), ("pods", "110")];
        Self {
            name: name.into(),
            capacity: capacity.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect(),
            labels: BTreeMap::new(),
            taints: Vec::new(),
        }
    }

    pub(crate) fn config(&self) -> NodeConfig {
        NodeConfig {
            name: self.name.clone(),
            capacity: self.capacity.clone(),
            labels: self.labels.clone(),
            taints: self.taints.clone(),
        }
    }
}

/// Describes a cluster. See [`Cluster::builder`].
#[derive(Clone, Debug)]
pub struct Builder {
    nodes: Vec<Node>,
    seed: u64,
    start: Time,
    behaviors: Vec<Behavior>,
    provisioners: Vec<ProvisionerBehavior>,
    storage_classes: Vec<Value>,
    controllers: bool,
    trace: TraceMode,
    load_balancers: Option<Duration>,
}

impl Default for Builder {
    fn default() -> Self {
        let builder = Self {
            nodes: Vec::new(),
            seed: 0,
            start: DEFAULT_START,
            behaviors: Vec::new(),
            provisioners: Vec::new(),
            storage_classes: Vec::new(),
            controllers: true,
            trace: TraceMode::Hash,
            load_balancers: None,
        };
        builder.nodes(DEFAULT_NODE_COUNT)
    }
}

impl Builder {
    /// So many nodes of the default capacity, `node-0` and on; three where nothing is said.
    #[must_use]
    pub fn nodes(mut self, count: usize) -> Self {
        self.nodes = (0..count).map(|index| Node::named(format!("node-{index}"))).collect();
        self
    }

    /// Exactly these nodes.
    #[must_use]
    pub fn with_nodes(mut self, nodes: Vec<Node>) -> Self {
        self.nodes = nodes;
        self
    }

    /// The root of all randomness: generated names, uids, ties of the scheduler. 0 where nothing is said.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The calendar time at which virtual time begins, from 1970 to 2199; 2024-01-01T00:00:00Z where nothing is said.
    #[must_use]
    pub fn start(mut self, start: DateTime<Utc>) -> Self {
        self.start = Time::from_unix(start.timestamp().clamp(0, START_MAX));
        self
    }

    /// How containers behave: the first that matches holds.
    #[must_use]
    pub fn behaviors(mut self, behaviors: Vec<Behavior>) -> Self {
        self.behaviors = behaviors;
        self
    }

    /// How the storage behind StorageClasses behaves: the first that matches holds.
    #[must_use]
    pub fn provisioners(mut self, provisioners: Vec<ProvisionerBehavior>) -> Self {
        self.provisioners = provisioners;
        self
    }

    /// StorageClasses that are there from the start, as JSON. One that the API server refuses is left out.
    #[must_use]
    pub fn storage_classes(mut self, classes: Vec<Value>) -> Self {
        self.storage_classes = classes;
        self
    }

    /// The API server alone: no controller, scheduler or kubelet acts.
    #[must_use]
    pub fn without_controllers(mut self) -> Self {
        self.controllers = false;
        self
    }

    /// Services of type LoadBalancer get an address, after so long. Where nothing is said they wait for one for ever, as in
    /// a cluster without a cloud provider.
    #[must_use]
    pub fn load_balancers(mut self, after: Duration) -> Self {
        self.load_balancers = Some(after);
        self
    }

    /// What is kept of what happens; a hash where nothing is said.
    #[must_use]
    pub fn trace(mut self, mode: TraceMode) -> Self {
        self.trace = mode;
        self
    }

    /// Makes the cluster: its namespaces and nodes are there, and it is at rest.
    pub fn build(self) -> Cluster {
        let rng = Rng::from_seed(self.seed);
        let clock = Clock::starting_at(self.start);
        let mut cluster = Cluster {
            server: ApiServer::new(ApiServerOptions {
                seed: rng.child("apiserver").next_u64(),
                ..ApiServerOptions::default()
            }),
            clock,
            queue: EventQueue::new(),
            informers: Informers::default(),
            recorder: EventRecorder::default(),
            controllers: self.controllers.then(|| Controllers::new(VolumeProvisioner::new(self.provisioners))),
            scheduler: Scheduler::new(rng.child("scheduler")),
            kubelets: Kubelets::new(self.behaviors),
            trace: TraceLog::new(self.trace),
            invariants: Vec::new(),
            broken: None,
            observed: Cursor::default(),
            last_change: SimTime::ZERO,
            expiry_waits: false,
            pace: Pace::default(),
            journal: None,
            reconcile_count: 0,
            pod_count: 0,
            namespace: DEFAULT_NAMESPACE.to_owned(),
            files: Files::default(),
            connections: FxHashMap::default(),
            service_rng: rng.child("service"),
        };
        if let (Some(delay), Some(controllers)) = (self.load_balancers, &mut cluster.controllers) {
            controllers.service_lb.enable(delay);
        }
        // Nothing of these names can be there yet.
        let before = clock.time().plus_seconds(-BOOTSTRAP_SECONDS);
        let made = cluster.server.bootstrap(&RequestInfo::new(before, "seatrial"));
        debug_assert!(made.is_ok(), "{made:?}");
        for node in &self.nodes {
            let added = cluster.add_node(node);
            debug_assert!(added.is_ok(), "{added:?}");
        }
        for class in &self.storage_classes {
            // A scenario's classes were checked where they are written.
            let _ = cluster.create(class);
        }
        cluster.quiesce();
        cluster
    }
}
