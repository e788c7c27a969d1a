//! Pods of a node that is not ready are not ready.
//!
//! Mirrors pkg/controller/util/node/controller_utils.go (`MarkPodsNotReady`) (v1.36).

use std::sync::Arc;

use seatrial_api::{ApiError, ConditionStatus, Pod, pod_condition};
use seatrial_machinery::{EventText, ObjectRef, SyncContext, set_pod_condition};

use super::controller::NodeLifecycleController;

/// Takes the Ready condition from pods that have it, and says so.
pub(super) fn mark_pods_not_ready(cx: &mut SyncContext<'_>, pods: &[Arc<Pod>]) -> Result<(), ApiError> {
    let mut result = Ok(());
    for pod in pods {
        let ready = pod.status.conditions.get(pod_condition::READY).filter(|c| c.status == ConditionStatus::True);
        let Some(mut condition) = ready.cloned() else { continue };
        condition.status = ConditionStatus::False;
        condition.last_transition_time = Some(cx.clock().time());
        condition.observed_generation = condition.observed_generation.map(|_| pod.meta.generation);
        let mut marked = Pod::clone(pod);
        marked.status.conditions = set_pod_condition(&pod.status.conditions, condition);
        match cx.client.update_status(marked) {
            Ok(pod) => {
                cx.client.event(&ObjectRef::of(&*pod), &EventText::warning("NodeNotReady", "Node is not ready"));
            }
            Err(error) if error.is_not_found() => {}
            Err(error) => result = Err(error),
        }
    }
    result
}

impl NodeLifecycleController {
    /// A pod was bound to a node that is not ready. Mirrors `processPod`.
    pub(super) fn process_pod(&self, cx: &mut SyncContext<'_>, namespace: &str, name: &str) -> Result<(), ApiError> {
        let Some(pod) = cx.informers.pods.get(namespace, name).map(Arc::clone) else { return Ok(()) };
        if !self.unready.contains(&pod.node_name) || !self.health.contains_key(&pod.node_name) {
            return Ok(());
        }
        mark_pods_not_ready(cx, &[pod])
    }
}
