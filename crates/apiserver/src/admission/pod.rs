//! What admission does to a pod's spec: its priority and the tolerations that let it sit out a short node failure.
//!
//! Mirrors plugin/pkg/admission/priority and plugin/pkg/admission/defaulttolerationseconds (v1.36).

use k8s_openapi::api::core::v1::{PodSpec, Toleration};
use seatrial_api::{ApiError, Kind, PriorityClass};

use crate::store::Store;

const DEFAULT_TOLERATION_SECONDS: i64 = 300;
const TAINTS_TOLERATED_BY_DEFAULT: [&str; 2] = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"];
/// The classes every cluster has, with their values.
const SYSTEM_CLASSES: [(&str, i32); 2] =
    [("system-node-critical", 2_000_001_000), ("system-cluster-critical", 2_000_000_000)];
const PREEMPT_LOWER_PRIORITY: &str = "PreemptLowerPriority";

/// Runs the plugins that look at a pod's spec.
///
/// # Errors
/// 403 for a priority class that is not there, or a priority that is not its class's.
pub(crate) fn admit_pod_spec(spec: &mut PodSpec, pod_name: &str, store: &Store) -> Result<(), ApiError> {
    admit_priority(spec, pod_name, store)?;
    admit_default_toleration_seconds(spec);
    Ok(())
}

fn admit_priority(spec: &mut PodSpec, pod_name: &str, store: &Store) -> Result<(), ApiError> {
    let forbidden = |text: String| ApiError::forbidden(&Kind::Pod.resource(), pod_name, &text);
    let name = spec.priority_class_name.as_deref().filter(|n| !n.is_empty());
    let (value, policy) = match name {
        Some(name) => {
            class(name, store).ok_or_else(|| forbidden(format!("no PriorityClass with name {name} was found")))?
        }
        None => {
            let default = global_default(store);
            if let Some(class) = &default {
                spec.priority_class_name = Some(class.meta.name.to_string());
            }
            default.map_or((0, PREEMPT_LOWER_PRIORITY.to_owned()), |c| value_and_policy(&c))
        }
    };
    if let Some(given) = spec.priority.filter(|given| *given != value) {
        return Err(forbidden(format!(
            "the integer value of priority ({given}) must not be provided in pod spec; priority admission controller computed {value} from the given PriorityClass name"
        )));
    }
    spec.priority = Some(value);
    spec.preemption_policy.get_or_insert(policy);
    Ok(())
}

fn class(name: &str, store: &Store) -> Option<(i32, String)> {
    if let Some(class) = store.get_as::<PriorityClass>("", name) {
        return Some(value_and_policy(class));
    }
    let (_, value) = SYSTEM_CLASSES.iter().find(|(n, _)| *n == name)?;
    Some((*value, PREEMPT_LOWER_PRIORITY.to_owned()))
}

fn value_and_policy(class: &PriorityClass) -> (i32, String) {
    let policy = class.body.preemption_policy.clone().unwrap_or_else(|| PREEMPT_LOWER_PRIORITY.to_owned());
    (class.body.value.unwrap_or(0), policy)
}

/// The class of pods that name none: of several global defaults the one with the lowest value.
fn global_default(store: &Store) -> Option<std::sync::Arc<PriorityClass>> {
    let classes = store.list_as::<PriorityClass>(None);
    classes
        .into_iter()
        .filter(|c| c.body.global_default == Some(true))
        .min_by_key(|c| c.body.value.unwrap_or(0))
        .cloned()
}

fn admit_default_toleration_seconds(spec: &mut PodSpec) {
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
