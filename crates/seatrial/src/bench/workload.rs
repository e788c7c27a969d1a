//! The workloads: a Deployment that comes up, its rollout, and syncs that change nothing.

use std::cell::Cell;
use std::time::Duration;

use seatrial_api::{Deployment, Kind};

use super::{cron_job, daemon_set, stateful_set};
use crate::cluster::{Cluster, DEFAULT_NAMESPACE, Error, Node};

const NAME: &str = "web";
const PODS_DEFAULT: u32 = 10_000;
/// How many pods a node takes: the kubelet's default.
const PODS_A_NODE: u64 = 110;
/// How often the no-op workload lets every controller look again.
const RESYNC_ROUNDS: u64 = 100_000;
pub(super) const TIMEOUT: Duration = Duration::from_secs(24 * 3600);

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workload {
    /// A Deployment comes up, from its creation until all pods are available.
    Deployment,
    /// All pods of a Deployment get another image, 25% surge and 25% unavailable.
    Rollout,
    /// Controllers look at a Deployment at rest and its ReplicaSet, again and again.
    Noop,
    /// A DaemonSet comes up, one pod a node.
    DaemonSet,
    /// A StatefulSet with a claim a pod comes up, all pods at once.
    StatefulSet,
    /// The same, one pod after the other.
    OrderedSet,
    /// An indexed Job runs every index once, five thousand at a time.
    Job,
    /// A CronJob makes Jobs, every five minutes of virtual time, a year of them where nothing is said.
    CronJob,
}

impl Workload {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Deployment,
        Self::Rollout,
        Self::Noop,
        Self::DaemonSet,
        Self::Job,
        Self::CronJob,
        Self::StatefulSet,
        Self::OrderedSet,
    ];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Deployment => "deployment",
            Self::Rollout => "rollout",
            Self::Noop => "noop",
            Self::DaemonSet => "daemonset",
            Self::CronJob => "cronjob",
            Self::StatefulSet => "statefulset",
            Self::OrderedSet => "statefulset-ordered",
            Self::Job => "job",
        }
    }

    /// The fewest nodes that so many of its pods need.
    pub fn nodes_for(self, pods: u64) -> u64 {
        match self {
            Self::DaemonSet => pods.max(1),
            // Its pods run one after the other.
            Self::CronJob => 1,
            _ => Bench::nodes_for(pods),
        }
    }

    /// How many pods there are where nothing is said.
    pub fn pods_default(self) -> u32 {
        if self == Self::CronJob { cron_job::JOBS_OF_A_YEAR } else { PODS_DEFAULT }
    }

    /// The workload of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|w| w.name() == name)
    }
}

/// What a run did. Equal for equal workload, size and version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Work {
    /// Pods that were brought up, or looked after.
    pub pods: u64,
    /// Nodes.
    pub nodes: u64,
    /// Syncs of controllers.
    pub reconciles: u64,
    /// Writes of the store, events included.
    pub writes: u64,
    /// The hash of everything that happened: nobody makes a workload faster by making it do less.
    pub hash: u64,
}

/// Hears how many pods are done, of how many.
pub type Progress<'a> = &'a dyn Fn(u64, u64);

/// A workload whose cluster is made and whose work is yet to be done.
#[derive(Debug)]
pub struct Bench {
    workload: Workload,
    pods: u64,
    nodes: u64,
    cluster: Cluster,
}

impl Bench {
    /// The fewest nodes that hold so many pods and the surge of their rollout.
    pub fn nodes_for(pods: u64) -> u64 {
        pods.saturating_add(pods / 4).div_ceil(PODS_A_NODE).max(1)
    }

    /// Makes the cluster and whatever is not measured: a rollout's first version, pods at rest.
    ///
    /// # Errors
    /// What the cluster refuses; pods that do not become available within a day, such as those no node has room for.
    pub fn prepare(workload: Workload, pods: u32, nodes: u32, progress: Progress<'_>) -> Result<Self, Error> {
        let node = |index: u32| {
            let mut node = Node::named(format!("node-{index}"));
            node.capacity.insert("cpu".to_owned(), "64".to_owned());
            node.capacity.insert("pods".to_owned(), PODS_A_NODE.to_string());
            node
        };
        let cluster = Cluster::builder().with_nodes((0..nodes).map(node).collect()).build();
        // Of a DaemonSet's pods there are as many as nodes.
        let pods = if workload == Workload::DaemonSet { nodes } else { pods };
        let mut bench = Self { workload, pods: u64::from(pods), nodes: u64::from(nodes), cluster };
        match workload {
            Workload::Deployment
            | Workload::DaemonSet
            | Workload::CronJob
            | Workload::StatefulSet
            | Workload::OrderedSet => {}
            Workload::Job => super::job::prepare(&mut bench.cluster),
            Workload::Rollout | Workload::Noop => {
                bench.create(progress)?;
                bench.cluster.settle()?;
            }
        }
        Ok(bench)
    }

    /// Does the work that is measured.
    ///
    /// # Errors
    /// As [`Bench::prepare`].
    pub fn run(&mut self, progress: Progress<'_>) -> Result<Work, Error> {
        let (reconciles, writes) = (self.cluster.reconcile_count(), self.cluster.write_count());
        match self.workload {
            Workload::Deployment => self.create(progress)?,
            Workload::DaemonSet => daemon_set::bring_up(&mut self.cluster, self.pods, progress)?,
            Workload::CronJob => cron_job::run(&mut self.cluster, self.pods, progress)?,
            Workload::Job => super::job::run(&mut self.cluster, self.pods, progress)?,
            Workload::StatefulSet => stateful_set::bring_up(&mut self.cluster, self.pods, "Parallel", progress)?,
            Workload::OrderedSet => stateful_set::bring_up(&mut self.cluster, self.pods, "OrderedReady", progress)?,
            Workload::Rollout => {
                self.cluster.set_image(&format!("deployment/{NAME}"), "c", "app:2")?;
                self.wait(progress)?;
            }
            Workload::Noop => {
                for round in 0..RESYNC_ROUNDS {
                    self.cluster.resync();
                    if round % 1024 == 0 {
                        progress(round * self.pods / RESYNC_ROUNDS, self.pods);
                    }
                }
            }
        }
        Ok(Work {
            pods: self.pods,
            nodes: self.nodes,
            reconciles: self.cluster.reconcile_count() - reconciles,
            writes: self.cluster.write_count() - writes,
            hash: self.cluster.trace_hash(),
        })
    }

    /// The cluster, to be looked at.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    fn create(&mut self, progress: Progress<'_>) -> Result<(), Error> {
        let pods = self.pods;
        let manifest = format!(
            "{{apiVersion: apps/v1, kind: Deployment, metadata: {{name: {NAME}}}, spec: {{replicas: {pods}, \
             selector: {{matchLabels: {{app: web}}}}, template: {{metadata: {{labels: {{app: web}}}}, \
             spec: {{containers: [{{name: c, image: 'app:1', resources: {{requests: {{cpu: 100m, memory: 64Mi}}}}}}]}}}}}}}}"
        );
        self.cluster.create_yaml(&manifest)?;
        self.wait(progress)
    }

    /// Waits until every pod is available and of the latest template.
    fn wait(&mut self, progress: Progress<'_>) -> Result<(), Error> {
        let pods = self.pods;
        let seen = Cell::new(0);
        let done = |cluster: &Cluster| {
            let version = cluster.api_server().store().kind_version(Kind::Deployment);
            if seen.replace(version) == version {
                return false;
            }
            let found = cluster.api_server().get::<Deployment>(DEFAULT_NAMESPACE, NAME);
            found.is_ok_and(|deployment| {
                let (status, wanted) = (&deployment.status, deployment.spec.replicas);
                let ready = status.available_replicas.min(status.updated_replicas);
                progress(u64::try_from(ready).unwrap_or(0), pods);
                status.observed_generation >= deployment.meta.generation
                    && [status.updated_replicas, status.replicas, status.available_replicas] == [wanted; 3]
            })
        };
        self.cluster.run_until(done, TIMEOUT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn work(workload: Workload, pods: u32, nodes: u32) -> Work {
        let mut bench = Bench::prepare(workload, pods, nodes, &|_, _| {}).expect("it is made");
        bench.run(&|_, _| {}).expect("it runs")
    }

    #[test]
    fn workloads_run_at_a_smoke_size_and_come_to_the_same_twice() {
        for workload in [Workload::Deployment, Workload::Rollout, Workload::DaemonSet, Workload::StatefulSet] {
            let pods = if workload == Workload::DaemonSet { 3 } else { 20 };
            let once = work(workload, 20, 3);
            assert_eq!((once.pods, once.nodes), (pods, 3));
            assert!(once.reconciles >= pods && once.writes > 5 * pods, "{once:?}");
            assert_eq!(work(workload, 20, 3), once);
        }
    }

    #[test]
    fn nodes_hold_the_pods_and_their_surge() {
        for (pods, nodes) in [(0, 1), (1, 1), (88, 1), (89, 2), (150_000, 1705)] {
            assert_eq!(Bench::nodes_for(pods), nodes, "{pods}");
        }
    }

    #[test]
    fn looking_again_writes_nothing() {
        let mut bench = Bench::prepare(Workload::Noop, 20, 3, &|_, _| {}).expect("it is made");
        let before = bench.cluster().write_count();
        let reconciles = bench.cluster().reconcile_count();
        bench.cluster.resync();
        assert_eq!(bench.cluster().write_count(), before);
        assert_eq!(bench.cluster().reconcile_count(), reconciles + 2);
    }

    #[test]
    fn pods_that_no_node_has_room_for_end_in_an_error() {
        let mut bench = Bench::prepare(Workload::Deployment, 111, 1, &|_, _| {}).expect("it is made");
        let error = bench.run(&|_, _| {}).expect_err("a node takes 110 pods");
        assert!(error.to_string().starts_with("timed out after 24h0m0s waiting: "), "{error}");
    }
}
