//! The workload of a DaemonSet.

use seatrial_api::DaemonSet;

use super::Progress;
use super::workload::TIMEOUT;
use crate::cluster::{Cluster, DEFAULT_NAMESPACE, Error};

const NAME: &str = "agent";

/// Creates a DaemonSet and waits until each of so many nodes has a pod that is available.
pub(super) fn bring_up(cluster: &mut Cluster, nodes: u64, progress: Progress<'_>) -> Result<(), Error> {
    let manifest = format!(
        "{{apiVersion: apps/v1, kind: DaemonSet, metadata: {{name: {NAME}}}, spec: {{\
         selector: {{matchLabels: {{app: agent}}}}, template: {{metadata: {{labels: {{app: agent}}}}, \
         spec: {{containers: [{{name: c, image: 'agent:1', resources: {{requests: {{cpu: 10m, memory: 24Mi}}}}}}]}}}}}}}}"
    );
    cluster.create_yaml(&manifest)?;
    let done = |cluster: &Cluster| {
        let found = cluster.api_server().get::<DaemonSet>(DEFAULT_NAMESPACE, NAME);
        let available = found.ok().and_then(|set| set.status.number_available).unwrap_or(0);
        let available = u64::try_from(available).unwrap_or(0);
        progress(available, nodes);
        available == nodes
    };
    cluster.run_until(done, TIMEOUT)
}
