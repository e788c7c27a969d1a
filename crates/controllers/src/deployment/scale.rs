//! Scaling: the Deployment's number of replicas spread over its ReplicaSets.
//!
//! Mirrors pkg/controller/deployment/sync.go (`sync`, `scale`, `scaleReplicaSet`, `isScalingEvent`) (v1.36).

use std::borrow::Cow;
use std::sync::Arc;

use seatrial_api::{ApiError, Deployment, DeploymentStrategy, ReplicaSet};
use seatrial_machinery::{EventText, ObjectRef, Piece, SyncContext};

use super::controller::DeploymentController;
use super::replica_sets::{CreateIfNotExisted, ReplicaSets};
use super::util::{
    ANNOTATION_DESIRED_REPLICAS, ANNOTATION_MAX_REPLICAS, Bounds, active, replica_count, replicas_annotation,
    replicas_annotations_need_update, set_replicas_annotations,
};

const REASON_SCALING_REPLICA_SET: &str = "ScalingReplicaSet";

/// Whether `replicas` changed since the active ReplicaSets were scaled last. Mirrors `isScalingEvent`.
pub(super) fn is_scaling_event(deployment: &Deployment, rs_list: &[Arc<ReplicaSet>]) -> bool {
    rs_list.iter().filter(|rs| rs.spec.replicas > 0).any(|rs| {
        replicas_annotation(&rs.meta.annotations, ANNOTATION_DESIRED_REPLICAS)
            .is_some_and(|desired| desired != deployment.spec.replicas)
    })
}

impl DeploymentController {
    /// The sync of a paused Deployment, or of one that was scaled. Mirrors `sync`.
    pub(super) fn sync_scaling(
        &mut self,
        cx: &mut SyncContext<'_>,
        mut deployment: Arc<Deployment>,
        rs_list: Cow<'_, [Arc<ReplicaSet>]>,
    ) -> Result<(), ApiError> {
        let mut sets =
            self.get_all_replica_sets_and_sync_revision(cx, &mut deployment, rs_list, CreateIfNotExisted::No)?;
        self.scale(cx, &deployment, &mut sets)?;
        if deployment.spec.paused && !deployment.meta.annotations.contains_key(super::rollback::ANNOTATION_ROLLBACK_TO)
        {
            self.cleanup_deployment(cx, &sets, &deployment)?;
        }
        self.sync_deployment_status(cx, &deployment, &sets)
    }

    fn scale(
        &mut self,
        cx: &mut SyncContext<'_>,
        deployment: &Arc<Deployment>,
        sets: &mut ReplicaSets<'_>,
    ) -> Result<(), ApiError> {
        if let Some(single) = find_active_or_latest(sets) {
            return scale_replica_set_and_record_event(cx, &single, deployment.spec.replicas, deployment, sets);
        }
        if sets.new_rs().is_some_and(|new| is_saturated(deployment, new)) {
            for old in active(sets.old()) {
                scale_replica_set_and_record_event(cx, &old, 0, deployment, sets)?;
            }
            return Ok(());
        }
        if matches!(deployment.spec.strategy, DeploymentStrategy::RollingUpdate { .. }) {
            for (rs, size) in proportions(deployment, sets.bounds, active(sets.iter())) {
                scale_replica_set(cx, &rs, size, deployment, sets)?;
            }
        }
        Ok(())
    }
}

/// The only ReplicaSet that wants pods, or the latest where none does. Mirrors `FindActiveOrLatest`.
fn find_active_or_latest(sets: &ReplicaSets<'_>) -> Option<Arc<ReplicaSet>> {
    match active(sets.iter()).as_slice() {
        [] => sets.new_rs().or_else(|| sets.old().max_by_key(|rs| rs.meta.created())).cloned(),
        [one] => Some(Arc::clone(one)),
        _ => None,
    }
}

/// Mirrors `IsSaturated`.
fn is_saturated(deployment: &Deployment, rs: &ReplicaSet) -> bool {
    let wanted = deployment.spec.replicas;
    let desired = replicas_annotation(&rs.meta.annotations, ANNOTATION_DESIRED_REPLICAS);
    rs.spec.replicas == wanted && desired == Some(wanted) && rs.status.available_replicas == wanted
}

/// The sizes that spread what is added or taken over the active ReplicaSets by their sizes, largest first.
fn proportions(
    deployment: &Deployment,
    bounds: Bounds,
    mut order: Vec<Arc<ReplicaSet>>,
) -> Vec<(Arc<ReplicaSet>, i32)> {
    let allowed = if deployment.spec.replicas > 0 { bounds.max_replicas(&deployment.spec) } else { 0 };
    let to_add = allowed - replica_count(order.iter());
    let age = |rs: &Arc<ReplicaSet>| (rs.meta.created(), rs.meta.name.clone());
    order.sort_by(|a, b| {
        let by_age = if to_add > 0 { age(b).cmp(&age(a)) } else { age(a).cmp(&age(b)) };
        b.spec.replicas.cmp(&a.spec.replicas).then(by_age)
    });
    let mut added = 0;
    let mut sizes: Vec<(Arc<ReplicaSet>, i32)> = Vec::with_capacity(order.len());
    for rs in order {
        let size = rs.spec.replicas;
        let portion = if to_add == 0 { 0 } else { replica_set_proportion(deployment, bounds, &rs, (to_add, added)) };
        added += portion;
        sizes.push((rs, size + portion));
    }
    if let Some((_, largest)) = sizes.first_mut().filter(|_| to_add != 0) {
        *largest = (*largest + to_add - added).max(0);
    }
    sizes
}

/// One set's share of what is added or taken, within what is left of it. Mirrors `GetReplicaSetProportion`.
fn replica_set_proportion(
    deployment: &Deployment,
    bounds: Bounds,
    rs: &ReplicaSet,
    (to_add, added): (i32, i32),
) -> i32 {
    if rs.spec.replicas == 0 || to_add == added {
        return 0;
    }
    let fraction = replica_set_fraction(deployment, bounds, rs);
    if to_add > 0 { fraction.min(to_add - added) } else { fraction.max(to_add - added) }
}

/// What a set would gain or lose if it kept its share of the whole. Mirrors `getReplicaSetFraction`.
fn replica_set_fraction(deployment: &Deployment, bounds: Bounds, rs: &ReplicaSet) -> i32 {
    if deployment.spec.replicas == 0 {
        return -rs.spec.replicas;
    }
    let whole = i64::from(deployment.spec.replicas) + i64::from(bounds.max_surge);
    let annotated = replicas_annotation(&rs.meta.annotations, ANNOTATION_MAX_REPLICAS).filter(|n| *n != 0);
    // A set without the annotation is measured by what the Deployment had at its last status.
    let max = i64::from(annotated.unwrap_or(deployment.status.replicas));
    if max == 0 {
        return 0;
    }
    let product = i64::from(rs.spec.replicas) * whole;
    let rounded = (2 * product + max) / (2 * max);
    i32::try_from(rounded - i64::from(rs.spec.replicas)).unwrap_or(i32::MAX)
}

/// Scales one of the sets where its size differs. Mirrors `scaleReplicaSetAndRecordEvent`.
pub(super) fn scale_replica_set_and_record_event(
    cx: &mut SyncContext<'_>,
    rs: &Arc<ReplicaSet>,
    size: i32,
    deployment: &Deployment,
    sets: &mut ReplicaSets<'_>,
) -> Result<(), ApiError> {
    if rs.spec.replicas == size { Ok(()) } else { scale_replica_set(cx, rs, size, deployment, sets) }
}

/// Writes the size of one of the sets and the counts in its annotations, where they differ. Mirrors `scaleReplicaSet`.
fn scale_replica_set(
    cx: &mut SyncContext<'_>,
    rs: &Arc<ReplicaSet>,
    size: i32,
    deployment: &Deployment,
    sets: &mut ReplicaSets<'_>,
) -> Result<(), ApiError> {
    let (desired, max) = (deployment.spec.replicas, sets.bounds.max_replicas(&deployment.spec));
    let old_size = rs.spec.replicas;
    if old_size == size && !replicas_annotations_need_update(&rs.meta.annotations, desired, max) {
        return Ok(());
    }
    let mut new = ReplicaSet::clone(rs);
    new.spec.replicas = size;
    set_replicas_annotations(&mut new.meta.annotations, desired, max);
    sets.replace(&cx.client.update(new)?);
    if old_size != size {
        tell_scaled(cx, deployment, &rs.meta.name, (old_size, size));
    }
    Ok(())
}

/// Says that one of the sets has another size.
pub(super) fn tell_scaled(cx: &mut SyncContext<'_>, deployment: &Deployment, name: &str, (from, to): (i32, i32)) {
    let pieces = [
        Piece::Text(if to > from { "Scaled up replica set " } else { "Scaled down replica set " }),
        Piece::Text(name),
        Piece::Text(" from "),
        Piece::Number(from),
        Piece::Text(" to "),
        Piece::Number(to),
    ];
    cx.client.event(&ObjectRef::of(deployment), &EventText::normal_pieces(REASON_SCALING_REPLICA_SET, &pieces));
}
