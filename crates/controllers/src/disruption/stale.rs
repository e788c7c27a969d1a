//! Pods that were to be disrupted, and were not.
//!
//! Mirrors pkg/controller/disruption/disruption.go (`syncStalePodDisruption`) (v1.36).

use std::time::Duration;

use seatrial_api::{ApiError, Condition, ConditionStatus, Pod, pod_condition};
use seatrial_machinery::{Clock, SyncContext, set_pod_condition};

/// How long a pod may be marked without being deleted. Mirrors `stalePodDisruptionTimeout`.
const STALE_POD_DISRUPTION_TIMEOUT: Duration = Duration::from_secs(120);
const REASON_TERMINATION_BY_KUBELET: &str = "TerminationByKubelet";

/// In how much time a pod's mark is stale; `None` for a pod that has none, or goes. Mirrors
/// `nonTerminatingPodHasStaleDisruptionCondition`.
pub(super) fn stale_in(pod: &Pod, clock: Clock) -> Option<Duration> {
    if pod.meta.is_deleting() || pod.status.phase.is_terminal() {
        return None;
    }
    let condition = pod.status.conditions.get(pod_condition::DISRUPTION_TARGET)?;
    if condition.status != ConditionStatus::True || condition.reason == REASON_TERMINATION_BY_KUBELET {
        return None;
    }
    let elapsed = clock.nanos_since(condition.last_transition_time.unwrap_or_default());
    let elapsed = Duration::from_nanos(u64::try_from(elapsed).unwrap_or(0));
    Some(STALE_POD_DISRUPTION_TIMEOUT.saturating_sub(elapsed))
}

/// Takes a stale mark off a pod; returns how long to wait where it is not stale yet.
pub(super) fn sync_stale_pod_disruption(
    cx: &mut SyncContext<'_>,
    namespace: &str,
    name: &str,
) -> Result<Option<Duration>, ApiError> {
    let Some(pod) = cx.informers.pods.get(namespace, name).cloned() else { return Ok(None) };
    let Some(wait) = stale_in(&pod, cx.clock()) else { return Ok(None) };
    if !wait.is_zero() {
        return Ok(Some(wait));
    }
    let now = cx.clock().time();
    let mut condition = Condition::new(pod_condition::DISRUPTION_TARGET, ConditionStatus::False, now);
    condition.observed_generation = Some(pod.meta.generation);
    let mut cleared = Pod::clone(&pod);
    cleared.status.conditions = set_pod_condition(&pod.status.conditions, condition);
    cx.client.update_status(cleared)?;
    Ok(None)
}
