//! Which taints a pod tolerates, and for how long.
//!
//! Mirrors component-helpers/scheduling/corev1 (`GetMatchingTolerations`) and pkg/controller/tainteviction (v1.36).

use std::time::Duration;

use k8s_openapi::api::core::v1::{Node, Taint, Toleration};
use seatrial_api::scheduling::tolerates;

/// For how long a pod may stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stay {
    /// It does not tolerate a taint.
    NotAtAll,
    /// It tolerates all taints, for so long.
    For(Duration),
    /// It tolerates all taints.
    Forever,
}

/// Mirrors `getNoExecuteTaints`.
pub(super) fn no_execute_taints(node: &Node) -> impl Iterator<Item = &Taint> {
    node.spec.iter().flat_map(|s| s.taints.iter().flatten()).filter(|t| t.effect == "NoExecute")
}

/// How long a pod may stay where these taints are: the shortest of the tolerations that it needs counts.
pub(super) fn stay(taints: &[Taint], tolerations: &[Toleration]) -> Stay {
    let mut shortest: Option<i64> = None;
    for taint in taints {
        let Some(used) = tolerations.iter().find(|t| tolerates(t, taint)) else { return Stay::NotAtAll };
        if let Some(seconds) = used.toleration_seconds {
            shortest = Some(shortest.map_or(seconds, |s| s.min(seconds)));
        }
    }
    match shortest.map(u64::try_from) {
        None => Stay::Forever,
        Some(seconds) => Stay::For(Duration::from_secs(seconds.unwrap_or(0))),
    }
}
