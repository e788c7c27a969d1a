//! The cluster: an API server, controllers, a scheduler and nodes on one virtual clock.

mod actors;
mod ahead;
mod builder;
mod cause_graph;
mod client;
mod drain;
mod error;
pub(crate) mod logs;
mod metrics;
mod nodes;
mod pace;
pub(crate) mod reads;
pub(crate) mod rollout;
pub(crate) mod rollout_revisions;
pub(crate) mod rollout_status;
pub(crate) mod run;
mod trace;
mod turns;

use std::time::Duration;

use rustc_hash::FxHashMap;
use seatrial_api::{EndpointSlice, NamespacedName, Time};
use seatrial_apiserver::{ApiServer, Cursor};
use seatrial_engine::{EventQueue, Rng, SimTime};
use seatrial_kubelet::Kubelets;
use seatrial_machinery::{Clock, EventRecorder, Informers};
use seatrial_scheduler::Scheduler;

use crate::exec::files::Files;
use crate::runner::JournalEntry;
use actors::{Controllers, Stimulus};
use pace::Pace;
use trace::TraceLog;

pub use builder::{Builder, Node};
pub use cause_graph::CauseGraph;
pub use client::{Applied, Written};
pub use drain::{DrainOptions, Drained};
pub use error::Error;
pub use logs::LogOptions;
pub use nodes::NodeFault;
pub use reads::ReadError;
pub use rollout::RolloutError;
pub use run::{Settled, WaitError};
pub use trace::{Actor, TraceMode, TraceRecord, What};

/// How long nothing may change before a cluster counts as settled.
pub const QUIET: Duration = Duration::from_secs(4);
/// How long settling may take in virtual time.
pub const SETTLE_TIMEOUT: Duration = Duration::from_secs(3600);
/// The namespace of objects that name none.
pub const DEFAULT_NAMESPACE: &str = "default";

/// A simulated cluster. One thread owns it, and equal calls with an equal seed give equal results to the byte.
///
/// ```
/// use seatrial::Cluster;
///
/// let mut cluster = Cluster::builder().nodes(3).seed(7).build();
/// cluster.apply_yaml(
///     "apiVersion: apps/v1
/// kind: Deployment
/// metadata: {name: web}
/// spec:
///   replicas: 3
///   selector: {matchLabels: {app: web}}
///   template:
///     metadata: {labels: {app: web}}
///     spec: {containers: [{name: web, image: 'nginx:1'}]}",
/// )?;
/// cluster.settle()?;
/// assert_eq!(cluster.deployment("web")?.status.and_then(|s| s.available_replicas), Some(3));
/// # Ok::<(), seatrial::Error>(())
/// ```
#[derive(Debug)]
pub struct Cluster {
    pub(crate) server: ApiServer,
    pub(crate) clock: Clock,
    queue: EventQueue<Stimulus>,
    informers: Informers,
    recorder: EventRecorder,
    controllers: Option<Controllers>,
    scheduler: Scheduler,
    pub(crate) kubelets: Kubelets,
    trace: TraceLog,
    invariants: Vec<run::Invariant>,
    broken: Option<run::Broken>,
    /// Everything before this was looked at by the observers of changes.
    observed: Cursor,
    last_change: SimTime,
    /// Whether the queue holds the time at which the next Events go.
    expiry_waits: bool,
    /// Keeps an instant from lasting for ever.
    pace: Pace,
    journal: Option<Vec<JournalEntry>>,
    reconcile_count: u64,
    pod_count: u64,
    namespace: String,
    /// What was written in containers.
    pub(crate) files: Files,
    /// How many connections each Service has taken.
    pub(crate) connections: FxHashMap<String, u64>,
    /// Decides which endpoint is the first.
    pub(crate) service_rng: Rng,
}

/// How many objects were looked at one by one since the cluster was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LookedAt {
    /// Pods that syncs walked over, where they did not find them counted.
    pub pods: u64,
    /// Nodes that the scheduler filtered and scored.
    pub nodes: u64,
    /// Places of StatefulSets, with or without a pod.
    pub replicas: u64,
    /// Volumes that were tried for claims.
    pub volumes: u64,
}

impl Cluster {
    /// Starts to describe a cluster.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The time since the cluster was made.
    pub fn now(&self) -> Duration {
        self.clock.now().since_start()
    }

    /// The time on the cluster's calendar, in whole seconds.
    pub fn time(&self) -> chrono::DateTime<chrono::Utc> {
        self.clock.time().to_chrono()
    }

    pub(crate) fn api_time(&self) -> Time {
        self.clock.time()
    }

    /// The namespace of objects that name none.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The hash of everything that happened: equal for equal seed, input and version.
    pub fn trace_hash(&self) -> u64 {
        self.trace.hash()
    }

    /// How often controllers have synced a key.
    pub fn reconcile_count(&self) -> u64 {
        self.reconcile_count
    }

    /// How often something was written, events included.
    pub fn write_count(&self) -> u64 {
        self.server.store().resource_version()
    }

    /// What was looked at one by one: pods by syncs, nodes by the scheduler. Tests hold it against the size of the cluster.
    pub fn looked_at(&self) -> LookedAt {
        LookedAt {
            pods: self.informers.pods.walked() + self.scheduler.counts_added_up(),
            nodes: self.scheduler.nodes_evaluated(),
            replicas: self.controllers.as_ref().map_or(0, |controllers| controllers.stateful_set.visited()),
            volumes: self.informers.volumes.tried(),
        }
    }

    /// How many nodes there are.
    pub fn node_count(&self) -> u64 {
        self.server.store().count(seatrial_api::Kind::Node) as u64
    }

    /// How many pods have been created.
    pub fn pod_count(&self) -> u64 {
        self.pod_count
    }

    /// What happened, where the cluster was built to keep it.
    pub fn trace(&self) -> impl DoubleEndedIterator<Item = TraceRecord> + '_ {
        self.trace.records()
    }

    /// What led to what, where the cluster was built to keep it.
    pub fn cause_graph(&self) -> CauseGraph {
        CauseGraph::of(self.trace.records())
    }

    /// Whether anybody but the API server acts.
    pub(crate) fn has_controllers(&self) -> bool {
        self.controllers.is_some()
    }

    /// Keeps every change from now on, to be taken by [`Cluster::take_journal`].
    pub(crate) fn keep_journal(&mut self) {
        self.journal = Some(Vec::new());
    }

    /// Keeps no changes any more.
    pub(crate) fn drop_journal(&mut self) {
        self.journal = None;
    }

    /// The changes since the last time.
    pub(crate) fn take_journal(&mut self) -> Vec<JournalEntry> {
        self.journal.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// The EndpointSlices of a Service.
    pub(crate) fn slices_of(&self, service: &NamespacedName) -> impl Iterator<Item = &std::sync::Arc<EndpointSlice>> {
        self.informers.slices_of(service)
    }

    /// The API server, for what has no method of its own.
    pub fn api_server(&self) -> &ApiServer {
        &self.server
    }
}
