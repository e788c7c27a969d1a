//! What admission does to a pod's spec: resources, account, priority, and the tolerations that let it sit out a short failure.
//!
//! Mirrors plugin/pkg/admission/priority and plugin/pkg/admission/defaulttolerationseconds (v1.36).

use std::sync::Arc;

use k8s_openapi::api::core::v1::{PodSpec, Toleration};
use seatrial_api::{ApiError, Kind, ObjectMeta, PriorityClass};

use super::AdmissionState;
use super::limit_ranger::{limit_ranges, set_default_resources, validate_pod_limits};
use super::runtime_class::{check_overhead, check_runtime_class};
use super::service_account::admit_service_account;
use crate::store::Store;

const DEFAULT_TOLERATION_SECONDS: i64 = 300;
const TAINTS_TOLERATED_BY_DEFAULT: [&str; 2] = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"];
const PREEMPT_LOWER_PRIORITY: &str = "PreemptLowerPriority";
/// The annotation of pods that a kubelet has from a file of its own.
const MIRROR_POD_ANNOTATION: &str = "kubernetes.io/config.mirror";

/// Runs the plugins that change a pod's spec; returns what LimitRanger tells of itself.
///
/// # Errors
/// 403 for an account, priority class or runtime class that is not there, or a priority that is not its class's.
pub(crate) fn admit_pod_spec(
    spec: &mut PodSpec,
    meta: &ObjectMeta,
    store: &Store,
    state: &mut AdmissionState,
) -> Result<Option<String>, ApiError> {
    // No name is made up yet when upstream says this.
    let name = if meta.name.is_empty() { &meta.generate_name } else { &meta.name };
    let forbidden = |text: String| ApiError::forbidden(&Kind::Pod.resource(), name, &text);
    let annotation = set_default_resources(spec, &limit_ranges(store, &meta.namespace));
    if state.service_accounts && !meta.annotations.contains_key(MIRROR_POD_ANNOTATION) {
        let suffix = || {
            state.token_volume_count += 1;
            crate::server::made_up_suffix(state.seed, "kube-api-access-", state.token_volume_count).into()
        };
        admit_service_account(spec, &meta.namespace, store, suffix).map_err(forbidden)?;
    }
    admit_priority(spec, store).map_err(forbidden)?;
    admit_default_toleration_seconds(spec);
    check_runtime_class(spec).map_err(forbidden)?;
    Ok(annotation)
}

/// Runs the plugins that may refuse a pod after it was validated.
pub(crate) fn check_pod_spec(spec: &PodSpec, namespace: &str, store: &Store) -> Result<(), String> {
    check_pod_limits(spec, namespace, store)?;
    check_overhead(spec)
}

/// Refuses a pod whose resources the namespace does not allow.
pub(crate) fn check_pod_limits(spec: &PodSpec, namespace: &str, store: &Store) -> Result<(), String> {
    validate_pod_limits(spec, &limit_ranges(store, namespace))
}

/// Fills in what a resize leaves open, as at a create.
pub(crate) fn set_pod_limits(spec: &mut PodSpec, namespace: &str, store: &Store) -> Option<String> {
    set_default_resources(spec, &limit_ranges(store, namespace))
}

/// Mirrors `admitPod` for a create.
fn admit_priority(spec: &mut PodSpec, store: &Store) -> Result<(), String> {
    let name = spec.priority_class_name.as_deref().filter(|n| !n.is_empty());
    let (value, policy) = match name {
        Some(name) => {
            let class = store.get_as::<PriorityClass>("", name);
            value_and_policy(class.ok_or_else(|| format!("no PriorityClass with name {name} was found"))?)
        }
        None => match global_default(store) {
            Some(class) => {
                spec.priority_class_name = Some(class.meta.name.to_string());
                value_and_policy(&class)
            }
            None => (0, Some(PREEMPT_LOWER_PRIORITY.to_owned())),
        },
    };
    if let Some(given) = spec.priority.filter(|given| *given != value) {
        return Err(format!(
            "the integer value of priority ({given}) must not be provided in pod spec; priority admission controller computed {value} from the given PriorityClass name"
        ));
    }
    spec.priority = Some(value);
    let Some(policy) = policy else { return Ok(()) };
    if let Some(given) = spec.preemption_policy.as_ref().filter(|given| **given != policy) {
        return Err(format!(
            "the string value of PreemptionPolicy ({given}) must not be provided in pod spec; priority admission controller computed {policy} from the given PriorityClass name"
        ));
    }
    spec.preemption_policy = Some(policy);
    Ok(())
}

fn value_and_policy(class: &PriorityClass) -> (i32, Option<String>) {
    (class.body.value.unwrap_or(0), class.body.preemption_policy.clone())
}

/// The class of pods that name none: of several global defaults the one with the lowest value.
fn global_default(store: &Store) -> Option<Arc<PriorityClass>> {
    let classes = store.list_as::<PriorityClass>(None);
    classes
        .into_iter()
        .filter(|c| c.body.global_default == Some(true))
        .min_by_key(|c| c.body.value.unwrap_or(0))
        .cloned()
}

/// Refuses a second default. Mirrors `validatePriorityClass`.
pub(crate) fn check_priority_class(
    class: &PriorityClass,
    old: Option<&PriorityClass>,
    store: &Store,
) -> Result<(), ApiError> {
    if class.body.global_default != Some(true) {
        return Ok(());
    }
    let Some(default) = global_default(store) else { return Ok(()) };
    if old.is_some() && default.meta.name == class.meta.name {
        return Ok(());
    }
    let text = format!("PriorityClass {} is already marked as default. Only one default can exist", default.meta.name);
    Err(ApiError::forbidden(&Kind::PriorityClass.resource(), &class.meta.name, text))
}

/// On create and on update: what a pod does not tolerate yet is added at the end.
pub(crate) fn admit_default_toleration_seconds(spec: &mut PodSpec) {
    let tolerations = spec.tolerations.get_or_insert_default();
    for taint in TAINTS_TOLERATED_BY_DEFAULT {
        let tolerated = tolerations.iter().any(|t| {
            let key = t.key.as_deref().unwrap_or_default();
            let effect = t.effect.as_deref().unwrap_or_default();
            (key == taint || key.is_empty()) && (effect == "NoExecute" || effect.is_empty())
        });
        if !tolerated {
            tolerations.push(Toleration {
                effect: Some("NoExecute".to_owned()),
                key: Some(taint.to_owned()),
                operator: Some("Exists".to_owned()),
                toleration_seconds: Some(DEFAULT_TOLERATION_SECONDS),
                value: None,
            });
        }
    }
}
