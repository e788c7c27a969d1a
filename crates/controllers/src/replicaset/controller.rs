//! The controller's decision list.
//!
//! Mirrors pkg/controller/replicaset/replica_set.go (`syncReplicaSet`) (v1.36).

use std::marker::PhantomData;
use std::sync::Arc;

use seatrial_api::{ApiError, Kind, NamespacedName, Pod, ReplicaSet, Uid};
use seatrial_machinery::controller_expectations::UidTrackingControllerExpectations;
use seatrial_machinery::{Controller, ControllerRefManager, Delivery, EventContext, Queue, SyncContext};

use super::owner::PodOwner;

/// The ReplicaSet controller.
#[derive(Debug)]
pub struct ReplicaSetController<Owner = ReplicaSet> {
    pub(super) queue: Queue,
    pub(super) expectations: UidTrackingControllerExpectations<NamespacedName, Uid>,
    owner: PhantomData<Owner>,
}

impl<Owner> Default for ReplicaSetController<Owner> {
    fn default() -> Self {
        Self { queue: Queue::default(), expectations: UidTrackingControllerExpectations::default(), owner: PhantomData }
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

impl<Owner: PodOwner> ReplicaSetController<Owner> {
    fn sync_replica_set(&mut self, cx: &mut SyncContext<'_>, key: &NamespacedName) -> Result<(), ApiError> {
        let Some(rs) = Owner::lister(cx.informers).get(&key.namespace, &key.name).map(Arc::clone) else {
            self.expectations.delete_expectations(key);
            return Ok(());
        };
        // What the pods' handlers told before is asked first: the caches are read after it.
        let needs_sync = self.expectations.satisfied_expectations(key, cx.clock().now());
        let adopted = claim_pods(cx, &rs)?;
        let counts = count_pods(cx, &*rs, &adopted);
        let managed = if needs_sync && !rs.meta().is_deleting() {
            self.manage_replicas(cx, &rs, counts.active, &adopted)
        } else {
            Ok(())
        };
        let updated = self.update_replica_set_status(cx, &rs, counts, managed.as_ref().err())?;
        managed?;
        self.requeue_for_availability(cx, &updated);
        Ok(())
    }
}

/// Adopts orphans that match and releases pods that no longer do; returns the adopted ones, which the cache does not
/// count yet. Mirrors `claimPods`.
fn claim_pods<Owner: PodOwner>(cx: &mut SyncContext<'_>, rs: &Arc<Owner>) -> Result<Vec<Arc<Pod>>, ApiError> {
    let mut manager = ControllerRefManager::new(&**rs, &rs.spec().selector);
    let mut adopted = Vec::new();
    for pod in cx.informers.pods.orphans(&rs.meta().namespace) {
        if pod.is_active() && manager.matches(&pod.meta.labels) {
            adopted.extend(manager.claim_object(&mut cx.client, pod)?);
        }
    }
    if let Some(owned) = cx.informers.pods.owned_by(&rs.meta().uid).filter(|_| !rs.meta().is_deleting()) {
        // Pods are matched by label set, so a set of a million pods asks once.
        let strangers = owned.groups().iter().any(|g| g.active > 0 && !manager.matches(&g.labels));
        if strangers {
            for pod in owned.pods().iter().filter(|p| p.is_active() && !manager.matches(&p.meta.labels)) {
                manager.release(&mut cx.client, pod)?;
            }
        }
    }
    Ok(adopted)
}

/// Counts by label set what the cache has counted by pod.
fn count_pods<Owner: PodOwner>(cx: &SyncContext<'_>, rs: &Owner, adopted: &[Arc<Pod>]) -> PodCounts {
    let now = cx.clock().time();
    let min_ready = rs.spec().min_ready_seconds;
    let mut counts = PodCounts::default();
    let template_labels = &rs.spec().template.labels;
    let full = |labels: &seatrial_api::StrMap| {
        labels.ptr_eq(template_labels) || template_labels.iter().all(|(k, v)| labels.get(k) == Some(v))
    };
    for group in cx.informers.pods.owned_by(&rs.meta().uid).map_or(&[][..], |owned| owned.groups()) {
        if !rs.spec().selector.matches(&group.labels) {
            continue;
        }
        counts.active += group.active;
        counts.ready += group.ready;
        counts.available += group.available(min_ready, now);
        counts.terminating += group.terminating;
        if full(&group.labels) {
            counts.fully_labeled += group.active;
        }
    }
    for pod in adopted {
        counts.active += 1;
        counts.fully_labeled += i32::from(full(&pod.meta.labels));
        if let Some(since) = pod.ready_since() {
            counts.ready += 1;
            counts.available += i32::from(min_ready == 0 || since.plus_seconds(i64::from(min_ready)) <= now);
        }
    }
    counts
}
