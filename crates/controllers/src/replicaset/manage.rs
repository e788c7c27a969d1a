//! Creating what is missing, deleting what is too much.
//!
//! Mirrors pkg/controller/replicaset/replica_set.go (`manageReplicas`, `getPodsToDelete`) (v1.36).

use std::sync::Arc;

use rustc_hash::FxHashMap;
use seatrial_api::{ApiError, NamespacedName, Pod, Str, Uid};
use seatrial_machinery::deletion_order::compare_for_deletion;
use seatrial_machinery::pod_control::{SLOW_START_INITIAL_BATCH_SIZE, create_pod, delete_pod, slow_start_batch};
use seatrial_machinery::{ObjectRef, SyncContext};

use super::controller::ReplicaSetController;
use super::owner::PodOwner;

/// The most pods that one sync creates or deletes.
const BURST_REPLICAS: usize = 500;

impl<Owner: PodOwner> ReplicaSetController<Owner> {
    /// Creates or deletes as many pods as there are too few (`diff` below zero) or too many, at most a burst of them.
    pub(super) fn manage_replicas(
        &mut self,
        cx: &mut SyncContext<'_>,
        rs: &Arc<Owner>,
        diff: i32,
        adopted: &[Arc<Pod>],
    ) -> Result<(), ApiError> {
        let count = usize::try_from(diff.unsigned_abs()).unwrap_or(usize::MAX).min(BURST_REPLICAS);
        if diff < 0 { self.create_pods(cx, rs, count) } else { self.delete_pods(cx, rs, count, adopted) }
    }

    fn create_pods(&mut self, cx: &mut SyncContext<'_>, rs: &Arc<Owner>, count: usize) -> Result<(), ApiError> {
        let key = rs.namespaced_name();
        self.expectations.expect_creations(key.clone(), count, cx.clock().now());
        let about = ObjectRef::of(&**rs);
        let pod = self.prototypes.get(&rs.spec().template, &**rs);
        let (successes, result) = slow_start_batch(count, SLOW_START_INITIAL_BATCH_SIZE, || {
            match create_pod(&mut cx.client, Pod::clone(&pod), &about) {
                // In a namespace on its way out the controller has nothing left to do.
                Err(error) if error.has_cause("NamespaceTerminating") => Ok(()),
                other => other.map(drop),
            }
        });
        for _ in successes..count {
            self.expectations.creation_observed(&key);
        }
        result
    }

    fn delete_pods(
        &mut self,
        cx: &mut SyncContext<'_>,
        rs: &Arc<Owner>,
        count: usize,
        adopted: &[Arc<Pod>],
    ) -> Result<(), ApiError> {
        let key = rs.namespaced_name();
        let doomed = get_pods_to_delete(cx, &**rs, count, adopted);
        self.expectations.expect_deletions(key.clone(), doomed.iter().map(|p| p.meta.uid.clone()), cx.clock().now());
        let about = ObjectRef::of(&**rs);
        let mut first_error = None;
        for pod in doomed {
            if let Err(error) = delete_pod(&mut cx.client, &pod, &about) {
                self.expectations.deletion_observed(&key, &pod.meta.uid);
                if !error.is_not_found() {
                    first_error.get_or_insert(error);
                }
            }
        }
        first_error.map_or(Ok(()), Err)
    }
}

/// The pods that go first. Where all go the order does not matter.
fn get_pods_to_delete<Owner: PodOwner>(
    cx: &SyncContext<'_>,
    rs: &Owner,
    count: usize,
    adopted: &[Arc<Pod>],
) -> Vec<Arc<Pod>> {
    let Some(owned) = cx.informers.pods.owned_by(&rs.meta().uid) else { return adopted.to_vec() };
    let is_mine = |labels| rs.spec().selector.matches(labels);
    let active: i32 = owned.groups().iter().map(|g| g.active).sum();
    let all_mine = owned.groups().iter().all(|g| g.active == 0 || is_mine(&g.labels));
    if adopted.is_empty() && all_mine && usize::try_from(active).is_ok_and(|active| count < active) {
        // The usual case: the order is kept by the cache, so that choosing one of 10,000 costs what choosing one of 10 does.
        if let Some(first) = cx.informers.pods.first_to_delete(&rs.meta().uid, count, cx.clock()) {
            return first;
        }
    }
    let mine = cx.informers.pods.pods_owned_by(&rs.meta().uid).filter(|p| p.is_active() && is_mine(&p.meta.labels));
    let mut pods: Vec<Arc<Pod>> = mine.chain(adopted).map(Arc::clone).collect();
    if count >= pods.len() {
        return pods;
    }
    let (crowds, clock) = (pods_on_node(cx, rs), cx.clock());
    let rank = |pod: &Pod| crowds.get(&pod.node_name).copied().unwrap_or(0);
    pods.sort_by(|a, b| compare_for_deletion((a, rank(a)), (b, rank(b)), clock));
    pods.truncate(count);
    pods
}

/// How many active pods of all ReplicaSets with the same controller each node has. Mirrors `getPodsRankedByRelatedPodsOnSameNode`.
fn pods_on_node<Owner: PodOwner>(cx: &SyncContext<'_>, rs: &Owner) -> FxHashMap<Str, u32> {
    let mut crowds = FxHashMap::default();
    let Some(owner) = rs.meta().controller_of() else { return crowds };
    for related in Owner::owned_by(cx.informers, &owner.uid) {
        for pod in cx.informers.pods.pods_owned_by(&related.meta().uid).filter(|p| p.is_active()) {
            *crowds.entry(pod.node_name.clone()).or_default() += 1;
        }
    }
    crowds
}

/// The queue's key and the uid under which a pod is expected.
pub(super) fn expected<Owner: PodOwner>(rs: &Owner, pod: &Pod) -> (NamespacedName, Uid) {
    (rs.namespaced_name(), pod.meta.uid.clone())
}
