//! Tolerations of daemon pods, and the numbers of an update.
//!
//! Mirrors pkg/controller/daemon/util/daemonset_util.go (v1.36).

use k8s_openapi::api::apps::v1::{DaemonSetSpec, RollingUpdateDaemonSet};
use k8s_openapi::api::core::v1::{PodSpec, Toleration};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use seatrial_api::ApiError;
use seatrial_api::int_or_string::{Rounding, get_scaled_value_from_int_or_percent};

/// The annotation in which the API server tells the template's generation.
pub(super) const TEMPLATE_GENERATION_ANNOTATION: &str = "deprecated.daemonset.template.generation";
/// The label with the template's generation. Mirrors `DeprecatedTemplateGeneration`.
pub(super) const TEMPLATE_GENERATION_LABEL: &str = "pod-template-generation";
/// The label with the hash of a pod's revision. Mirrors `DefaultDaemonSetUniqueLabelKey`.
pub(super) const REVISION_HASH_LABEL: &str = "controller-revision-hash";

/// The taints that every daemon pod tolerates, with their effects; the last one only on the host's network.
const TOLERATED: [(&str, &str); 7] = [
    ("node.kubernetes.io/not-ready", "NoExecute"),
    ("node.kubernetes.io/unreachable", "NoExecute"),
    ("node.kubernetes.io/disk-pressure", "NoSchedule"),
    ("node.kubernetes.io/memory-pressure", "NoSchedule"),
    ("node.kubernetes.io/pid-pressure", "NoSchedule"),
    ("node.kubernetes.io/unschedulable", "NoSchedule"),
    ("node.kubernetes.io/network-unavailable", "NoSchedule"),
];

/// Adds what every daemon pod tolerates. Mirrors `AddOrUpdateDaemonPodTolerations`.
pub(super) fn add_or_update_daemon_pod_tolerations(spec: &mut PodSpec) {
    let count = if spec.host_network == Some(true) { TOLERATED.len() } else { TOLERATED.len() - 1 };
    let tolerations = spec.tolerations.get_or_insert_default();
    for (key, effect) in TOLERATED.into_iter().take(count) {
        let toleration = Toleration {
            key: Some(key.to_owned()),
            operator: Some("Exists".to_owned()),
            effect: Some(effect.to_owned()),
            ..Toleration::default()
        };
        add_or_update_toleration(tolerations, &toleration);
    }
}

/// Replaces the tolerations that differ in nothing but their seconds, or adds one. Mirrors `AddOrUpdateTolerationInPodSpec`.
fn add_or_update_toleration(tolerations: &mut Vec<Toleration>, new: &Toleration) {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let is_alike = |t: &Toleration| {
        t.key == new.key && t.effect == new.effect && t.operator == new.operator && text(&t.value) == text(&new.value)
    };
    let mut found = false;
    for old in tolerations.iter_mut().filter(|t| is_alike(t)) {
        old.clone_from(new);
        found = true;
    }
    if !found {
        tolerations.push(new.clone());
    }
}

/// The bounds of a rolling update; `None` where pods are replaced when somebody deletes them.
pub(super) fn rolling_update_of(spec: &DaemonSetSpec) -> Option<RollingUpdateDaemonSet> {
    let strategy = spec.update_strategy.as_ref();
    match strategy.and_then(|s| s.type_.as_deref()) {
        Some("RollingUpdate") => Some(strategy.and_then(|s| s.rolling_update.clone()).unwrap_or_default()),
        _ => None,
    }
}

/// How many nodes may have a pod more. Mirrors `SurgeCount`.
pub(super) fn surge_count(rolling: Option<&RollingUpdateDaemonSet>, desired: i32) -> Result<i32, ApiError> {
    scaled("MaxSurge", rolling.and_then(|r| r.max_surge.as_ref()), desired)
}

/// How many nodes may be without a pod that is available. Mirrors `UnavailableCount`.
pub(super) fn unavailable_count(rolling: Option<&RollingUpdateDaemonSet>, desired: i32) -> Result<i32, ApiError> {
    scaled("MaxUnavailable", rolling.and_then(|r| r.max_unavailable.as_ref()), desired)
}

/// Whether a node may have two pods for a while. Mirrors `AllowsSurge`.
pub(super) fn allows_surge(rolling: Option<&RollingUpdateDaemonSet>) -> bool {
    surge_count(rolling, 1).is_ok_and(|count| count > 0)
}

/// Percentages are of the nodes that should run a pod and round up, both of them.
fn scaled(name: &str, value: Option<&IntOrString>, desired: i32) -> Result<i32, ApiError> {
    let Some(value) = value else { return Ok(0) };
    let scaled = get_scaled_value_from_int_or_percent(value, desired, Rounding::Up);
    scaled.map_err(|error| ApiError::unknown(format!("invalid value for {name}: {error}")))
}

/// How many nodes may surge and how many may be unavailable: where both come to nothing one may be, or the update could
/// not move. Mirrors `updatedDesiredNodeCounts`.
pub(super) fn max_surge_and_unavailable(
    rolling: Option<&RollingUpdateDaemonSet>,
    desired: i32,
) -> Result<(i32, i32), ApiError> {
    let unavailable = unavailable_count(rolling, desired)?;
    let surge = surge_count(rolling, desired)?;
    let stuck = desired > 0 && unavailable == 0 && surge == 0;
    Ok((surge, if stuck { 1 } else { unavailable }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn tolerations(spec: &Value) -> Vec<String> {
        let mut spec: PodSpec = serde_json::from_value(spec.clone()).expect("a pod spec");
        add_or_update_daemon_pod_tolerations(&mut spec);
        let line = |t: &Toleration| {
            let text = |v: &Option<String>| v.clone().unwrap_or_default();
            let seconds = t.toleration_seconds.map_or(String::new(), |s| format!(" {s}s"));
            format!("{}:{} {}{}{seconds}", text(&t.key), text(&t.effect), text(&t.operator), text(&t.value))
        };
        spec.tolerations.iter().flatten().map(line).collect()
    }

    #[test]
    fn every_daemon_pod_tolerates_what_a_sick_node_has() {
        let mut want = vec![
            "node.kubernetes.io/not-ready:NoExecute Exists",
            "node.kubernetes.io/unreachable:NoExecute Exists",
            "node.kubernetes.io/disk-pressure:NoSchedule Exists",
            "node.kubernetes.io/memory-pressure:NoSchedule Exists",
            "node.kubernetes.io/pid-pressure:NoSchedule Exists",
            "node.kubernetes.io/unschedulable:NoSchedule Exists",
        ];
        assert_eq!(tolerations(&json!({"containers": []})), want);
        want.push("node.kubernetes.io/network-unavailable:NoSchedule Exists");
        assert_eq!(tolerations(&json!({"containers": [], "hostNetwork": true})), want);
    }

    #[test]
    fn the_templates_tolerations_keep_their_place() {
        let own = json!([
            {"key": "mine", "operator": "Exists"},
            {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 5},
            {"key": "node.kubernetes.io/not-ready", "operator": "Exists"},
        ]);
        let got = tolerations(&json!({"containers": [], "tolerations": own}));
        let want = [
            "mine: Exists",
            "node.kubernetes.io/unreachable:NoExecute Exists",
            // Without an effect it is another one.
            "node.kubernetes.io/not-ready: Exists",
            "node.kubernetes.io/not-ready:NoExecute Exists",
            "node.kubernetes.io/disk-pressure:NoSchedule Exists",
            "node.kubernetes.io/memory-pressure:NoSchedule Exists",
            "node.kubernetes.io/pid-pressure:NoSchedule Exists",
            "node.kubernetes.io/unschedulable:NoSchedule Exists",
        ];
        assert_eq!(got, want);
    }

    /// maxUnavailable, maxSurge, nodes, then the surge and how many may be unavailable.
    #[test]
    fn percentages_are_of_the_nodes_and_round_up() {
        let rows = [
            (json!(1), json!(0), 3, (0, 1)),
            (json!("1%"), json!(0), 3, (0, 1)),
            (json!("34%"), json!(0), 3, (0, 2)),
            (json!("50%"), json!(0), 5, (0, 3)),
            (json!("100%"), json!(0), 7, (0, 7)),
            (json!(10), json!(0), 3, (0, 10)),
            (json!(0), json!("1%"), 3, (1, 0)),
            (json!(0), json!("34%"), 3, (2, 0)),
            (json!(0), json!(2), 1, (2, 0)),
            // Nothing may be missing and nothing may be too much: one may be missing after all, where there are nodes.
            (json!(0), json!(0), 3, (0, 1)),
            (json!("0%"), json!("0%"), 3, (0, 1)),
            (json!(0), json!(0), 0, (0, 0)),
            (json!("10%"), json!(0), 0, (0, 0)),
        ];
        for (unavailable, surge, nodes, want) in rows {
            let rolling = json!({"maxUnavailable": unavailable, "maxSurge": surge});
            let rolling: RollingUpdateDaemonSet = serde_json::from_value(rolling).expect("bounds");
            assert_eq!(max_surge_and_unavailable(Some(&rolling), nodes), Ok(want), "{rolling:?} of {nodes}");
            assert_eq!(allows_surge(Some(&rolling)), want.0 > 0, "{rolling:?}");
        }
        assert!(!allows_surge(None));
    }

    #[test]
    fn a_text_that_is_no_percentage_is_an_error() {
        let rolling =
            RollingUpdateDaemonSet { max_unavailable: Some(IntOrString::String("x".to_owned())), max_surge: None };
        let error = max_surge_and_unavailable(Some(&rolling), 3).expect_err("no number");
        let want =
            "invalid value for MaxUnavailable: invalid value for IntOrString: invalid type: string is not a percentage";
        assert_eq!(error.to_string(), want);
    }

    #[test]
    fn only_rolling_updates_roll() {
        let rows = [
            (json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}), Some(true)),
            (json!({"type": "RollingUpdate"}), Some(false)),
            (json!({"type": "OnDelete", "rollingUpdate": {"maxSurge": 1}}), None),
        ];
        for (strategy, want) in rows {
            let spec = json!({"selector": {}, "template": {}, "updateStrategy": strategy});
            let spec: DaemonSetSpec = serde_json::from_value(spec).expect("a spec");
            let rolling = rolling_update_of(&spec);
            assert_eq!(rolling.as_ref().map(|r| allows_surge(Some(r))), want, "{strategy}");
        }
    }
}
