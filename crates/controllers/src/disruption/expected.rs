//! How many pods a budget should have, and how many of them have to be healthy.
//!
//! Mirrors pkg/controller/disruption/disruption.go (`getExpectedPodCount`, `getExpectedScale` and the finders) (v1.36).

use k8s_openapi::api::policy::v1::PodDisruptionBudgetSpec;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use seatrial_api::int_or_string::{Rounding, get_scaled_value_from_int_or_percent};
use seatrial_api::selector::Selector;
use seatrial_api::{Kind, ObjectKey, OwnerReference, ReplicaSet, StatefulSet, Uid};
use seatrial_machinery::SyncContext;
use std::collections::BTreeMap;

use super::counts::Counts;

/// What a budget expects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Expected {
    pub(super) pods: i32,
    pub(super) desired_healthy: i32,
    /// Whether pods that no controller manages kept it from being counted properly.
    pub(super) has_unmanaged: bool,
}

/// Counts by the controllers' sizes, except for a plain number of pods that have to be there.
pub(super) fn expected_pod_count(
    cx: &SyncContext<'_>,
    namespace: &str,
    spec: &PodDisruptionBudgetSpec,
    counts: &Counts,
) -> Result<Expected, String> {
    let (value, is_minimum) = match (&spec.max_unavailable, &spec.min_available) {
        (Some(value), _) => (value, false),
        (None, Some(value)) => (value, true),
        (None, None) => return Ok(Expected::default()),
    };
    if let (IntOrString::Int(minimum), true) = (value, is_minimum) {
        return Ok(Expected { pods: counts.pods, desired_healthy: *minimum, has_unmanaged: false });
    }
    let pods = expected_scale(cx, namespace, spec, counts)?;
    let scaled = get_scaled_value_from_int_or_percent(value, pods, Rounding::Up)?;
    let desired_healthy = if is_minimum { scaled } else { pods.saturating_sub(scaled).max(0) };
    Ok(Expected { pods, desired_healthy, has_unmanaged: counts.unmanaged > 0 })
}

fn expected_scale(
    cx: &SyncContext<'_>,
    namespace: &str,
    spec: &PodDisruptionBudgetSpec,
    counts: &Counts,
) -> Result<i32, String> {
    let mut scales: BTreeMap<Uid, i32> = BTreeMap::new();
    for (reference, _) in counts.controllers.values() {
        match find_scale(cx, namespace, reference)? {
            Some((uid, scale)) => drop(scales.insert(uid, scale)),
            None => {
                let pod = pod_of(cx, namespace, spec, &reference.uid);
                return Err(format!("found no controllers for pod {pod:?}"));
            }
        }
    }
    Ok(scales.values().fold(0, |sum, scale| sum.saturating_add(*scale)))
}

/// The first pod that a controller owns, to name it in an error.
fn pod_of(cx: &SyncContext<'_>, namespace: &str, spec: &PodDisruptionBudgetSpec, owner: &Uid) -> String {
    let selector = Selector::from_optional_label_selector(spec.selector.as_ref());
    let pods = cx.informers.pods.list(Some(namespace));
    let found = pods.into_iter().find(|p| {
        p.meta.controller_of().is_some_and(|o| o.uid == *owner)
            && selector.as_ref().is_ok_and(|s| s.matches(&p.meta.labels))
    });
    found.map(|p| p.meta.name.to_string()).unwrap_or_default()
}

/// The uid and size of what controls a pod; of a Deployment instead of its ReplicaSet.
fn find_scale(cx: &SyncContext<'_>, namespace: &str, reference: &OwnerReference) -> Result<Option<(Uid, i32)>, String> {
    let group = reference.api_version.split_once('/').map_or("", |(group, _)| group);
    let name = &reference.name;
    let found = match (group, reference.kind.as_str()) {
        ("", "ReplicationController") => {
            let rc = cx.informers.replication_controllers.get(namespace, name);
            rc.map(|rc| (rc.meta.uid.clone(), rc.spec.replicas))
        }
        ("apps" | "extensions", "ReplicaSet") => {
            let rs = cx.informers.replica_sets.get(namespace, name).filter(|rs| rs.meta.uid == reference.uid);
            match rs {
                Some(rs) => return Ok(scale_of_replica_set(cx, rs)),
                None => None,
            }
        }
        ("apps", "StatefulSet") => {
            let set = cx.client.get_live::<StatefulSet>(namespace, name).ok();
            set.map(|set| (set.meta.uid.clone(), set.body.spec.as_ref().and_then(|s| s.replicas).unwrap_or(1)))
        }
        _ => None,
    };
    match found.filter(|(uid, _)| *uid == reference.uid) {
        Some(found) => Ok(Some(found)),
        None => scale_of_others(cx, namespace, reference),
    }
}

/// Mirrors `getPodDeployment` and `getPodReplicaSet`.
fn scale_of_replica_set(cx: &SyncContext<'_>, rs: &ReplicaSet) -> Option<(Uid, i32)> {
    let Some(owner) = rs.meta.controller_of().filter(|o| o.kind == "Deployment") else {
        return Some((rs.meta.uid.clone(), rs.spec.replicas));
    };
    let deployment = cx.informers.deployments.get(&rs.meta.namespace, &owner.name)?;
    (deployment.meta.uid == owner.uid).then(|| (deployment.meta.uid.clone(), deployment.spec.replicas))
}

/// What a controller without a finder of its own comes to: its kind would need the scale subresource. Mirrors
/// `getScaleController`.
fn scale_of_others(
    cx: &SyncContext<'_>,
    namespace: &str,
    reference: &OwnerReference,
) -> Result<Option<(Uid, i32)>, String> {
    let (api_version, kind) = (&reference.api_version, &reference.kind);
    let Some(kind) = Kind::of(api_version, kind) else {
        return Err(format!("no matches for kind {:?} in version {:?}", kind.as_str(), api_version.as_str()));
    };
    let has_scale =
        matches!(kind, Kind::Deployment | Kind::ReplicaSet | Kind::StatefulSet | Kind::ReplicationController);
    if !has_scale {
        return Err(format!("{} does not implement the scale subresource", kind.resource()));
    }
    let key = ObjectKey::new(kind, namespace, &reference.name);
    let is_the_one = cx.client.lookup_live(&key).is_some_and(|owner| owner.meta().uid == reference.uid);
    let scale = cx.client.server().get_scale(&key).ok().filter(|_| is_the_one);
    Ok(scale.map(|scale| (reference.uid.clone(), scale.replicas)))
}
