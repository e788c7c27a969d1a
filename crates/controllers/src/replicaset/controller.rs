//! The controller's decision list.
//!
//! Mirrors pkg/controller/replicaset/replica_set.go (`syncReplicaSet`) (v1.36).

use std::marker::PhantomData;
use std::sync::Arc;

use seatrial_api::{ApiError, Kind, NamespacedName, Pod, ReplicaSet, ReplicaSetSpec, StrMap, Time, Uid};
use seatrial_machinery::controller_expectations::UidTrackingControllerExpectations;
use seatrial_machinery::pod_control::PodPrototypes;
use seatrial_machinery::{Controller, ControllerRefManager, Delivery, EventContext, LabelGroup, Queue, SyncContext};

use super::owner::PodOwner;

/// The ReplicaSet controller.
#[derive(Debug)]
pub struct ReplicaSetController<Owner = ReplicaSet> {
    pub(super) queue: Queue,
    pub(super) expectations: UidTrackingControllerExpectations<NamespacedName, Uid>,
    pub(super) prototypes: PodPrototypes,
    owner: PhantomData<Owner>,
}

impl<Owner> Default for ReplicaSetController<Owner> {
    fn default() -> Self {
        Self {
            queue: Queue::default(),
            expectations: UidTrackingControllerExpectations::default(),
            prototypes: PodPrototypes::default(),
            owner: PhantomData,
        }
    }
}

impl<Owner: PodOwner> Controller for ReplicaSetController<Owner> {
    const NAME: &'static str = Owner::CONTROLLER;
    const WATCHES: &'static [Kind] = &[Kind::Pod, Owner::KIND];

    fn queue(&mut self) -> &mut Queue {
        &mut self.queue
    }

    fn handle(&mut self, cx: &EventContext<'_>, delivery: &Delivery<'_>) {
        self.on_delivery(cx, delivery);
    }

    fn sync(&mut self, cx: &mut SyncContext<'_>, key: &NamespacedName) -> Result<(), ApiError> {
        self.sync_replica_set(cx, key)
    }
}

/// What the controller knows of a ReplicaSet's pods.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct PodCounts {
    /// Neither ended nor being deleted.
    pub(super) active: i32,
    /// Active, with all of the template's labels.
    pub(super) fully_labeled: i32,
    /// Active and ready.
    pub(super) ready: i32,
    /// Ready for `minReadySeconds`.
    pub(super) available: i32,
    /// Being deleted, not ended.
    pub(super) terminating: i32,
}

impl PodCounts {
    fn count_pod(&mut self, pod: &Pod, rs: &ReplicaSetSpec, now: Time) {
        self.active += 1;
        self.fully_labeled += i32::from(is_fully_labeled(&pod.meta.labels, rs));
        if let Some(since) = pod.ready_since() {
            let seconds = i64::from(rs.min_ready_seconds);
            self.ready += 1;
            self.available += i32::from(seconds == 0 || since.plus_seconds(seconds) <= now);
        }
    }

    fn count_group(&mut self, group: &LabelGroup, rs: &ReplicaSetSpec, now: Time) {
        self.active += group.active;
        self.ready += group.ready;
        self.available += group.available(rs.min_ready_seconds, now);
        self.terminating += group.terminating;
        if is_fully_labeled(&group.labels, rs) {
            self.fully_labeled += group.active;
        }
    }
}

/// Whether labels have all that the template's have. Most pods share the template's own.
fn is_fully_labeled(labels: &StrMap, rs: &ReplicaSetSpec) -> bool {
    let template = &rs.template.labels;
    labels.ptr_eq(template) || template.iter().all(|(k, v)| labels.get(k) == Some(v))
}

impl<Owner: PodOwner> ReplicaSetController<Owner> {
    fn sync_replica_set(&mut self, cx: &mut SyncContext<'_>, key: &NamespacedName) -> Result<(), ApiError> {
        let informers = cx.informers;
        let Some(rs) = Owner::lister(informers).synced(cx, key) else {
            self.expectations.delete_expectations(key);
            return Ok(());
        };
        let counts = claim_and_count_pods(cx, rs)?;
        // Nothing that a sync does meets an expectation, so that it is only asked for where it matters.
        let managed = match counts.pods.active - rs.spec().replicas {
            0 => Ok(()),
            _ if rs.meta().is_deleting() => Ok(()),
            _ if !self.expectations.satisfied_expectations(key, cx.clock().now()) => Ok(()),
            diff => self.manage_replicas(cx, rs, diff, &counts.adopted),
        };
        let updated = self.update_replica_set_status(cx, rs, counts.pods, managed.as_ref().err())?;
        managed?;
        self.requeue_for_availability(cx, updated.as_ref().unwrap_or(rs));
        Ok(())
    }
}

/// The pods that a ReplicaSet has now.
#[derive(Default)]
struct Claimed {
    pods: PodCounts,
    /// Those that were adopted just now, which the cache does not count yet.
    adopted: Vec<Arc<Pod>>,
}

/// Adopts orphans that match, releases pods that no longer do, and counts: by label set what the cache has counted by
/// pod. Mirrors `claimPods`.
fn claim_and_count_pods<Owner: PodOwner>(cx: &mut SyncContext<'_>, rs: &Arc<Owner>) -> Result<Claimed, ApiError> {
    let (pods, meta, spec, now) = (&cx.informers.pods, rs.meta(), rs.spec(), cx.clock().time());
    let (mut claimed, mut has_strangers) = (Claimed::default(), false);
    let owned = pods.owned_by(&meta.uid);
    // Pods are matched by label set, so a set of a million pods asks once.
    for group in owned.map_or(&[][..], |owned| owned.groups()) {
        if spec.selector.matches(&group.labels) {
            claimed.pods.count_group(group, spec, now);
        } else {
            has_strangers |= group.active > 0;
        }
    }
    if !has_strangers && !pods.has_orphans(&meta.namespace) {
        return Ok(claimed);
    }
    let mut manager = ControllerRefManager::new(&**rs, &spec.selector);
    for pod in pods.orphans(&meta.namespace) {
        if pod.is_active() && manager.matches(&pod.meta.labels) {
            claimed.adopted.extend(manager.claim_object(&mut cx.client, pod)?);
        }
    }
    for pod in &claimed.adopted {
        claimed.pods.count_pod(pod, spec, now);
    }
    if has_strangers && !meta.is_deleting() {
        for pod in pods.pods_owned_by(&meta.uid).filter(|p| p.is_active() && !manager.matches(&p.meta.labels)) {
            manager.release(&mut cx.client, pod)?;
        }
    }
    Ok(claimed)
}
