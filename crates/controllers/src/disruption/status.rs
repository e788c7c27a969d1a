//! The status of a budget.
//!
//! Mirrors pkg/controller/disruption/disruption.go (`updatePdbStatus`, `failSafe`) and component-helpers/apps/poddisruptionbudget (v1.36).

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::policy::v1::PodDisruptionBudgetStatus;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time as ApiTime};
use seatrial_api::{ApiError, PodDisruptionBudget, Time};
use seatrial_machinery::{EventText, ObjectRef, SyncContext};

use super::counts::{Budget, is_healthy};
use super::expected::Expected;

/// How long an evicted pod may take until its deletion is seen. Mirrors `DeletionTimeout`.
const DELETION_TIMEOUT: Duration = Duration::from_secs(120);
const CONDITION_DISRUPTION_ALLOWED: &str = "DisruptionAllowed";

/// Pods that were evicted and are not seen to go yet.
#[derive(Debug, Default)]
pub(super) struct Disrupted {
    pub(super) pods: BTreeMap<String, ApiTime>,
    /// How many of them are healthy still.
    pub(super) healthy: i32,
    /// In how much time the first of them is given up.
    pub(super) recheck: Option<Duration>,
}

/// Mirrors `buildDisruptedPodMap`.
pub(super) fn disrupted_pods(cx: &mut SyncContext<'_>, pdb: &PodDisruptionBudget, budget: &Budget) -> Disrupted {
    let mut result = Disrupted::default();
    let known = pdb.body.status.as_ref().and_then(|s| s.disrupted_pods.clone()).unwrap_or_default();
    for (name, since) in known {
        let pod = cx.informers.pods.get(&pdb.meta.namespace, &name).cloned();
        let Some(pod) = pod.filter(|p| !p.meta.is_deleting() && budget.selects(p)) else { continue };
        let elapsed = u64::try_from(cx.clock().nanos_since(Time::from(&since))).unwrap_or(0);
        let elapsed = Duration::from_nanos(elapsed);
        if elapsed > DELETION_TIMEOUT {
            let namespace = &pdb.meta.namespace;
            // The namespace is there twice, as upstream has it.
            let text = format!("Pod was expected by PDB {namespace}/{namespace} to be deleted but it wasn't");
            cx.client.event(&ObjectRef::of(&*pod), &EventText::warning("NotDeleted", &text));
            continue;
        }
        let left = DELETION_TIMEOUT - elapsed;
        result.recheck = Some(result.recheck.map_or(left, |r| r.min(left)));
        result.healthy += i32::from(is_healthy(&pod) && !left.is_zero());
        result.pods.insert(name, since);
    }
    result
}

/// Writes the status if it is not so already.
pub(super) fn update_pdb_status(
    cx: &mut SyncContext<'_>,
    pdb: &PodDisruptionBudget,
    current_healthy: i32,
    expected: Expected,
    disrupted: BTreeMap<String, ApiTime>,
) -> Result<(), ApiError> {
    let old = pdb.body.status.clone().unwrap_or_default();
    let spare = current_healthy.saturating_sub(expected.desired_healthy);
    let allowed = if expected.pods <= 0 || spare <= 0 { 0 } else { spare };
    let mut new = PodDisruptionBudgetStatus {
        conditions: old.conditions.clone(),
        current_healthy: Some(current_healthy),
        desired_healthy: Some(expected.desired_healthy),
        disrupted_pods: (!disrupted.is_empty()).then_some(disrupted),
        disruptions_allowed: Some(allowed),
        expected_pods: Some(expected.pods),
        observed_generation: Some(pdb.meta.generation),
    };
    let same_map = new.disrupted_pods == old.disrupted_pods.clone().filter(|pods| !pods.is_empty());
    let same_numbers = PodDisruptionBudgetStatus { disrupted_pods: old.disrupted_pods.clone(), ..new.clone() } == old;
    if same_map && same_numbers && conditions_are_up_to_date(&old) {
        return Ok(());
    }
    let (status, reason) = if allowed > 0 { ("True", "SufficientPods") } else { ("False", "InsufficientPods") };
    set_condition(&mut new, (status, reason, ""), cx.clock().time());
    write(cx, pdb, new)
}

/// Nothing is known of the budget, so nothing is allowed. Mirrors `failSafe`.
pub(super) fn fail_safe(cx: &mut SyncContext<'_>, pdb: &PodDisruptionBudget, error: &str) -> Result<(), ApiError> {
    let mut status = pdb.body.status.clone().unwrap_or_default();
    status.disruptions_allowed = Some(0);
    set_condition(&mut status, ("False", "SyncFailed", error), cx.clock().time());
    if pdb.body.status.as_ref() == Some(&status) {
        return Ok(());
    }
    write(cx, pdb, status)
}

fn write(
    cx: &mut SyncContext<'_>,
    pdb: &PodDisruptionBudget,
    status: PodDisruptionBudgetStatus,
) -> Result<(), ApiError> {
    let mut new = pdb.clone();
    new.body.status = Some(status);
    cx.client.update_status(new).map(drop)
}

/// Mirrors `ConditionsAreUpToDate`.
fn conditions_are_up_to_date(status: &PodDisruptionBudgetStatus) -> bool {
    let condition = status.conditions.iter().flatten().find(|c| c.type_ == CONDITION_DISRUPTION_ALLOWED);
    let wanted = if status.disruptions_allowed.unwrap_or(0) > 0 { "True" } else { "False" };
    condition.is_some_and(|c| {
        c.observed_generation.unwrap_or(0) == status.observed_generation.unwrap_or(0) && c.status == wanted
    })
}

/// Mirrors `meta.SetStatusCondition`.
fn set_condition(status: &mut PodDisruptionBudgetStatus, text: (&str, &str, &str), now: Time) {
    let (value, reason, message) = text;
    let observed_generation = status.observed_generation;
    let new = Condition {
        type_: CONDITION_DISRUPTION_ALLOWED.to_owned(),
        status: value.to_owned(),
        reason: reason.to_owned(),
        message: message.to_owned(),
        observed_generation,
        last_transition_time: now.into(),
    };
    let conditions = status.conditions.get_or_insert_default();
    match conditions.iter_mut().find(|c| c.type_ == CONDITION_DISRUPTION_ALLOWED) {
        None => conditions.push(new),
        Some(old) if old.status == new.status => {
            *old = Condition { last_transition_time: old.last_transition_time.clone(), ..new };
        }
        Some(old) => *old = new,
    }
}
