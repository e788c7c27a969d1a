//! The workload of a StatefulSet whose pods have a claim each.

use std::cell::Cell;

use seatrial_api::{SlotHint, StatefulSet, Str};

use super::Progress;
use super::workload::TIMEOUT;
use crate::cluster::{Cluster, DEFAULT_NAMESPACE, Error};

const NAME: &str = "db";

/// Creates a StatefulSet and waits until so many pods are available, all at once or one after the other.
pub(super) fn bring_up(cluster: &mut Cluster, pods: u64, policy: &str, progress: Progress<'_>) -> Result<(), Error> {
    let manifest = format!(
        "{{apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {{name: disk}}, provisioner: sim.seatrial.dev/disk}}\n\
         ---\n\
         {{apiVersion: apps/v1, kind: StatefulSet, metadata: {{name: {NAME}}}, spec: {{replicas: {pods}, \
         podManagementPolicy: {policy}, serviceName: {NAME}, selector: {{matchLabels: {{app: db}}}}, \
         template: {{metadata: {{labels: {{app: db}}}}, \
         spec: {{containers: [{{name: c, image: 'db:1', resources: {{requests: {{cpu: 100m, memory: 64Mi}}}}, \
         volumeMounts: [{{name: data, mountPath: /data}}]}}]}}}}, \
         volumeClaimTemplates: [{{metadata: {{name: data}}, spec: {{accessModes: [ReadWriteOnce], storageClassName: disk, \
         resources: {{requests: {{storage: 1Gi}}}}}}}}]}}}}"
    );
    cluster.create_yaml(&manifest)?;
    // It is looked at after each step, and not searched for each time.
    let (name, slot) = (Str::new_static(NAME), Cell::new(SlotHint::default()));
    let done = |cluster: &Cluster| {
        let store = cluster.api_server().store();
        let found = store.hinted_as::<StatefulSet>(slot.get(), DEFAULT_NAMESPACE, &name);
        slot.set(found.map_or(SlotHint::default(), |set| SlotHint(set.meta.slot)));
        let status = found.and_then(|set| set.body.status.as_ref());
        let available = status.and_then(|s| s.available_replicas).unwrap_or(0);
        let available = u64::try_from(available).unwrap_or(0);
        progress(available, pods);
        available == pods
    };
    cluster.run_until(done, TIMEOUT)
}
