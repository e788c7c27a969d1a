//! A kubelet that comes back: it says that its node is ready, and of its pods what they are.
//!
//! Mirrors pkg/kubelet/kubelet_node_status.go and pkg/kubelet/status (v1.36).

use std::sync::Arc;

use seatrial_api::{ApiError, ConditionStatus, Node, Pod, Slot, pod_condition};
use seatrial_machinery::{Client, set_pod_condition};

use crate::kubelets::Kubelets;
use crate::node::{LEASE_NAMESPACE, conditions};

impl Kubelets {
    /// Posts the status of a node whose kubelet is back, renews its lease, and reports those of its pods as ready that were
    /// only taken for not ready because nobody heard of them.
    ///
    /// # Errors
    /// 404 for a node that was removed meanwhile.
    pub fn post_node_status(&mut self, client: &mut Client<'_>, name: &str, pods: &[Arc<Pod>]) -> Result<(), ApiError> {
        let now = client.clock();
        match client.renew_lease(LEASE_NAMESPACE, name, Slot::NONE, now.micro_time()) {
            Err(error) if !error.is_not_found() => return Err(error),
            _ => {}
        }
        let mut node = Node::clone(&*client.get_live::<Node>("", name)?);
        let list = node.body.status.get_or_insert_default().conditions.get_or_insert_default();
        for mut condition in conditions(now.time()) {
            match list.iter_mut().find(|c| c.type_ == condition.type_) {
                Some(old) => {
                    if old.status == condition.status {
                        condition.last_transition_time.clone_from(&old.last_transition_time);
                    }
                    *old = condition;
                }
                None => list.push(condition),
            }
        }
        client.update_status(node)?;
        for pod in pods {
            report_ready(client, pod);
        }
        Ok(())
    }
}

/// A pod whose containers are all ready, and that waits for no gate, is ready.
fn report_ready(client: &mut Client<'_>, pod: &Pod) {
    let conditions = &pod.status.conditions;
    let gates = pod.spec.api().readiness_gates.iter().flatten();
    let mut wanted = gates.map(|g| g.condition_type.as_str()).chain([pod_condition::CONTAINERS_READY]);
    let is_ready = !pod.meta.is_deleting() && wanted.all(|type_| conditions.is_true(type_));
    let Some(mut ready) =
        conditions.get(pod_condition::READY).filter(|c| is_ready && c.status != ConditionStatus::True).cloned()
    else {
        return;
    };
    ready.status = ConditionStatus::True;
    ready.last_transition_time = Some(client.clock().time());
    (ready.reason, ready.message) = Default::default();
    let mut reported = pod.clone();
    reported.status.conditions = set_pod_condition(conditions, ready);
    // What a conflict refuses is written with the pod's next report.
    let _ = client.update_status(reported);
}
