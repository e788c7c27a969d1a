//! The eviction of pods, which PodDisruptionBudgets can refuse.
//!
//! Mirrors pkg/registry/core/pod/storage/eviction.go (v1.36).

use std::sync::Arc;

use k8s_openapi::api::policy::v1::PodDisruptionBudgetStatus;
use seatrial_api::pod_condition;
use seatrial_api::selector::Selector;
use seatrial_api::{ApiError, Condition, ConditionStatus, Kind, Pod, PodDisruptionBudget, PodPhase};
use serde_json::Value;

use super::write::created;
use super::{Call, Response};
use crate::decode::parse_body;
use crate::delete::DeleteOptions;
use crate::endpoints::set_pod_condition;
use crate::server::{ApiServer, RequestInfo};

/// How many evictions a budget may have that its controller has not seen yet. Mirrors `MaxDisruptedPodSize`.
const DISRUPTED_PODS_MAX: usize = 2000;
/// When to try again after a budget's controller has not caught up, in seconds.
const RETRY_SECONDS: i32 = 10;
const VIOLATION: &str = "Cannot evict pod as it would violate the pod's disruption budget.";
const CAUSE_DISRUPTION_BUDGET: &str = "DisruptionBudget";
const CONDITION_DISRUPTION_ALLOWED: &str = "DisruptionAllowed";

/// Answers a POST of `/eviction`.
pub(crate) fn serve(server: &mut ApiServer, call: &Call<'_>) -> Result<Response, ApiError> {
    let name = call.target.name.as_deref().unwrap_or_default();
    let body = parse_body(call.request.body, call.request.content_type)?.value;
    if body.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default() != name {
        return Err(ApiError::bad_request("name in URL does not match name in Eviction object"));
    }
    let options = super::options::WriteOptions::of(call)?;
    let mut request = options.request(call);
    let sent = body.get("deleteOptions").cloned().unwrap_or_default();
    request.dry_run |= sent.get("dryRun").and_then(Value::as_array).is_some_and(|list| !list.is_empty());
    let delete = DeleteOptions {
        grace_period_seconds: sent.get("gracePeriodSeconds").and_then(Value::as_i64),
        ..DeleteOptions::default()
    };
    server.evict(&request, &call.target.namespace, name, &delete)?;
    Ok(created())
}

/// What a budget says of an eviction.
enum Verdict {
    /// Nobody counts the pod.
    Free,
    /// The budget is charged with it.
    Charge(Box<PodDisruptionBudget>),
}

impl ApiServer {
    /// Evicts a pod, if its PodDisruptionBudget allows.
    ///
    /// # Errors
    /// 404; 429 where the budget is used up or not up to date; 500 where there is more than one; 403 for a broken budget.
    pub fn evict(
        &mut self,
        request: &RequestInfo<'_>,
        namespace: &str,
        name: &str,
        options: &DeleteOptions,
    ) -> Result<(), ApiError> {
        let pod = Arc::clone(self.get::<Pod>(namespace, name)?);
        if let Verdict::Charge(budget) = self.verdict(request, &pod)?
            && !request.dry_run
        {
            self.update_status(request, *budget)?;
        }
        if !request.dry_run {
            self.mark_disrupted(request, &pod)?;
        }
        self.delete(request, &seatrial_api::Resource::key(&*pod), options).map(drop)
    }

    fn verdict(&self, request: &RequestInfo<'_>, pod: &Pod) -> Result<Verdict, ApiError> {
        // Pods that are over, not yet running or going away anyway are nobody's loss.
        if can_ignore_budget(pod) {
            return Ok(Verdict::Free);
        }
        let mut budgets = self.budgets_of(pod);
        let Some(budget) = budgets.pop() else { return Ok(Verdict::Free) };
        if !budgets.is_empty() {
            let text =
                "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.";
            return Err(ApiError::internal(text).with_message(text));
        }
        let status = budget.body.status.clone().unwrap_or_default();
        if !is_ready(pod) && unready_may_go(&budget, &status) {
            return Ok(Verdict::Free);
        }
        check_and_decrement(budget, status, pod, request).map(|budget| Verdict::Charge(Box::new(budget)))
    }

    /// The budgets that select a pod.
    fn budgets_of(&self, pod: &Pod) -> Vec<Arc<PodDisruptionBudget>> {
        let selects = |budget: &PodDisruptionBudget| {
            let selector = budget.body.spec.as_ref().and_then(|s| s.selector.as_ref());
            Selector::from_optional_label_selector(selector).is_ok_and(|s| s.matches(&pod.meta.labels))
        };
        let all = self.store().list_as::<PodDisruptionBudget>(Some(&pod.meta.namespace));
        all.into_iter().filter(|budget| selects(budget)).cloned().collect()
    }

    fn mark_disrupted(&mut self, request: &RequestInfo<'_>, pod: &Pod) -> Result<(), ApiError> {
        let mut condition = Condition::new(pod_condition::DISRUPTION_TARGET, ConditionStatus::True, request.now);
        condition.reason = "EvictionByEvictionAPI".into();
        condition.message = "Eviction API: evicting".into();
        let mut marked = pod.clone();
        marked.status.conditions = set_pod_condition(&pod.status.conditions, condition);
        self.update_status(request, marked).map(drop)
    }
}

/// Mirrors `canIgnorePDB`.
fn can_ignore_budget(pod: &Pod) -> bool {
    pod.status.phase.is_terminal() || pod.status.phase == PodPhase::Pending || pod.meta.is_deleting()
}

fn is_ready(pod: &Pod) -> bool {
    pod.status.conditions.get(pod_condition::READY).is_some_and(|c| c.status == ConditionStatus::True)
}

/// Whether a pod that is not ready may go without being counted. Mirrors the policies of `unhealthyPodEvictionPolicy`.
fn unready_may_go(budget: &PodDisruptionBudget, status: &PodDisruptionBudgetStatus) -> bool {
    let policy = budget.body.spec.as_ref().and_then(|s| s.unhealthy_pod_eviction_policy.as_deref());
    let (current, desired) = healthy(status);
    policy == Some("AlwaysAllow") || (current >= desired && desired > 0)
}

/// How many pods are healthy, and how many have to be.
fn healthy(status: &PodDisruptionBudgetStatus) -> (i32, i32) {
    (status.current_healthy.unwrap_or(0), status.desired_healthy.unwrap_or(0))
}

/// Mirrors `checkAndDecrement`.
fn check_and_decrement(
    budget: Arc<PodDisruptionBudget>,
    mut status: PodDisruptionBudgetStatus,
    pod: &Pod,
    request: &RequestInfo<'_>,
) -> Result<PodDisruptionBudget, ApiError> {
    let name = &budget.meta.name;
    let forbidden = |text: &str| Err(ApiError::forbidden(&Kind::PodDisruptionBudget.resource(), name, text));
    if status.observed_generation.unwrap_or(0) < budget.meta.generation {
        let text = format!("The disruption budget {name} is still being processed by the server.");
        let error = ApiError::too_many_requests(VIOLATION, RETRY_SECONDS);
        return Err(error.with_cause(CAUSE_DISRUPTION_BUDGET, text, ""));
    }
    let allowed = status.disruptions_allowed.unwrap_or(0);
    if allowed < 0 {
        return forbidden("pdb disruptions allowed is negative");
    }
    if status.disrupted_pods.as_ref().is_some_and(|pods| pods.len() > DISRUPTED_PODS_MAX) {
        return forbidden("DisruptedPods map too big - too many evictions not confirmed by PDB controller");
    }
    if allowed == 0 {
        let error = ApiError::too_many_requests(VIOLATION, 0);
        return Err(error.with_cause(CAUSE_DISRUPTION_BUDGET, why_not(name, &status), ""));
    }
    status.disruptions_allowed = Some(allowed - 1);
    if allowed == 1 {
        set_insufficient(&mut status, budget.meta.generation, request);
    }
    status.disrupted_pods.get_or_insert_default().insert(pod.meta.name.to_string(), request.now.into());
    let mut charged = PodDisruptionBudget::clone(&budget);
    charged.body.status = Some(status);
    Ok(charged)
}

/// Why a budget allows nothing.
fn why_not(name: &str, status: &PodDisruptionBudgetStatus) -> String {
    let condition = status.conditions.iter().flatten().find(|c| c.type_ == CONDITION_DISRUPTION_ALLOWED);
    let message = condition.map(|c| c.message.as_str()).unwrap_or_default();
    let (current, desired) = healthy(status);
    match condition {
        Some(c) if c.reason == "SyncFailed" => {
            format!(
                "The disruption budget {name} does not allow evicting pods currently because it failed sync: {message}"
            )
        }
        _ if current <= desired => {
            format!("The disruption budget {name} needs {desired} healthy pods and has {current} currently")
        }
        Some(c) if c.status == "False" && !message.is_empty() => {
            format!("The disruption budget {name} does not allow evicting pods currently ({}): {message}", c.reason)
        }
        _ => format!("The disruption budget {name} does not allow evicting pods currently"),
    }
}

fn set_insufficient(status: &mut PodDisruptionBudgetStatus, generation: i64, request: &RequestInfo<'_>) {
    let conditions = status.conditions.get_or_insert_default();
    if let Some(condition) = conditions.iter_mut().find(|c| c.type_ == CONDITION_DISRUPTION_ALLOWED) {
        if condition.status != "False" {
            condition.last_transition_time = request.now.into();
        }
        condition.status = "False".to_owned();
        condition.reason = "InsufficientPods".to_owned();
        condition.message.clear();
        condition.observed_generation = Some(generation);
    }
}
