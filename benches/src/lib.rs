//! Workloads that benchmarks time and tests run at a smoke size.

use std::time::Duration;

use seatrial::{Cluster, Error, Node};

/// What a workload came to. The hash is printed with every figure, so that nobody makes it faster by making it do less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Pods that became ready.
    pub pods: i32,
    /// The hash of all that happened.
    pub hash: u64,
}

/// Brings a Deployment of so many pods to Ready on so many nodes of 110 pods each.
///
/// # Errors
/// What the cluster refuses, or a rollout that does not end.
pub fn deployment(pods: i32, nodes: usize) -> Result<Outcome, Error> {
    let mut cluster = cluster(nodes);
    create(&mut cluster, pods)?;
    Ok(Outcome { pods: cluster.available("web"), hash: cluster.trace_hash() })
}

/// The same, and then a new image for all pods.
///
/// # Errors
/// As [`deployment`].
pub fn rollout(pods: i32, nodes: usize) -> Result<Outcome, Error> {
    let mut cluster = cluster(nodes);
    create(&mut cluster, pods)?;
    cluster.set_image("deployment/web", "c", "app:2")?;
    cluster.run_until(|c| c.rolled_out("web"), Duration::from_secs(3600))?;
    Ok(Outcome { pods: cluster.available("web"), hash: cluster.trace_hash() })
}

fn cluster(nodes: usize) -> Cluster {
    let node = |index: usize| {
        let mut node = Node::named(format!("node-{index}"));
        node.capacity.insert("cpu".to_owned(), "64".to_owned());
        node
    };
    Cluster::builder().with_nodes((0..nodes).map(node).collect()).build()
}

fn create(cluster: &mut Cluster, pods: i32) -> Result<(), Error> {
    let manifest = format!(
        "{{apiVersion: apps/v1, kind: Deployment, metadata: {{name: web}}, spec: {{replicas: {pods}, \
         selector: {{matchLabels: {{app: web}}}}, template: {{metadata: {{labels: {{app: web}}}}, \
         spec: {{containers: [{{name: c, image: 'app:1'}}]}}}}}}}}"
    );
    cluster.create_yaml(&manifest)?;
    cluster.run_until(|c| c.rolled_out("web"), Duration::from_secs(3600))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workloads_run_at_a_smoke_size() {
        for workload in [deployment, rollout] {
            let outcome = workload(20, 3).expect("it runs");
            assert_eq!(outcome.pods, 20);
            assert_eq!(workload(20, 3).expect("it runs again"), outcome);
        }
    }
}
