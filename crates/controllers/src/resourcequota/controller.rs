//! When quotas are counted again, and what is written.
//!
//! Mirrors pkg/controller/resourcequota/resource_quota_controller.go (v1.36).
//! Differs: there is no full resync every five minutes; every change that frees something is heard of.

use std::sync::Arc;

use k8s_openapi::api::core::v1::ResourceQuotaStatus;
use seatrial_api::{ApiError, Kind, NamespacedName, Object, Pod, Resource, ResourceQuota};
use seatrial_machinery::{Aspects, Clock, Controller, Delivery, EventContext, Queue, SyncContext, usage_of_namespace};

/// The ResourceQuota controller.
#[derive(Debug, Default)]
pub struct ResourceQuotaController {
    queue: Queue,
    /// Whether there is any quota.
    has_quotas: bool,
}

impl Controller for ResourceQuotaController {
    const NAME: &'static str = "resourcequota-controller";
    const WATCHES: &'static [Kind] = &[Kind::ResourceQuota, Kind::Pod];
    const WATCHES_PRESENCE: &'static [Kind] = Kind::ALL;

    fn queue(&mut self) -> &mut Queue {
        &mut self.queue
    }

    fn handle(&mut self, cx: &EventContext<'_>, delivery: &Delivery<'_>) {
        if delivery.kind() == Some(Kind::ResourceQuota) {
            self.has_quotas = !cx.informers.resource_quotas.is_empty();
        }
        if let Some(new) = delivery.new_as::<ResourceQuota>() {
            // Changes of the status are this controller's own, or a charge that admission already counted.
            let same = delivery.old_as::<ResourceQuota>().is_some_and(|old| old.body.spec == new.body.spec);
            if !same {
                self.queue.add(new.namespaced_name(), cx.cause);
            }
        }
        if !self.has_quotas {
            return;
        }
        if let Some(object) = replenishes(delivery, cx.clock) {
            self.replenish_quota(cx, object);
        }
    }

    fn heeds(&self) -> Aspects {
        Aspects::ANY.when(self.has_quotas)
    }

    fn sync(&mut self, cx: &mut SyncContext<'_>, key: &NamespacedName) -> Result<(), ApiError> {
        let Some(quota) = cx.informers.resource_quotas.get(&key.namespace, &key.name).map(Arc::clone) else {
            return Ok(());
        };
        sync_resource_quota(cx, &quota)
    }
}

impl ResourceQuotaController {
    /// Something is no longer there to be counted: the quotas of its namespace that speak of its kind are.
    fn replenish_quota(&mut self, cx: &EventContext<'_>, object: &Object) {
        for quota in cx.informers.resource_quotas.list(Some(&object.meta().namespace)) {
            let hard = quota.body.spec.as_ref().and_then(|s| s.hard.as_ref());
            if hard.is_some_and(|hard| hard.keys().any(|resource| concerns(resource, object.kind()))) {
                self.queue.add(quota.namespaced_name(), cx.cause);
            }
        }
    }
}

/// The object that a delivery takes out of the count: it is gone, or a pod that no longer counts.
fn replenishes<'a>(delivery: &Delivery<'a>, clock: Clock) -> Option<&'a Object> {
    let Some(new) = delivery.new else { return delivery.old };
    let (old, pod) = (delivery.old_as::<Pod>()?, delivery.new_as::<Pod>()?);
    (counts(old, clock) && !counts(pod, clock)).then_some(new)
}

/// Whether a pod uses anything: it has not ended, and is not past its grace period. Mirrors `QuotaV1Pod`.
fn counts(pod: &Pod, clock: Clock) -> bool {
    let past_grace = pod.meta.deletion.as_deref().is_some_and(|d| {
        let grace = d.grace_period_seconds.unwrap_or(0);
        clock.time() > d.timestamp.plus_seconds(grace)
    });
    !pod.status.phase.is_terminal() && !past_grace
}

/// Whether a resource that a quota limits is used by objects of a kind.
fn concerns(resource: &str, kind: Kind) -> bool {
    if let Some(counted) = resource.strip_prefix("count/") {
        return counted == kind.resource().to_string();
    }
    if resource.starts_with("services.") {
        return kind == Kind::Service;
    }
    if resource == "requests.storage" || resource.contains(".storageclass.storage.k8s.io/") {
        return kind == Kind::PersistentVolumeClaim;
    }
    let named = Kind::ALL.iter().copied().find(|k| k.info().plural == resource);
    named.unwrap_or(Kind::Pod) == kind
}

/// Mirrors `syncResourceQuota`.
fn sync_resource_quota(cx: &mut SyncContext<'_>, quota: &ResourceQuota) -> Result<(), ApiError> {
    let now = cx.clock().time();
    let hard = quota.body.spec.as_ref().and_then(|s| s.hard.clone()).unwrap_or_default();
    let used = usage_of_namespace(cx.client.server().store(), &quota.body, &quota.meta.namespace, now);
    let status = ResourceQuotaStatus { hard: Some(hard), used: Some(used) };
    if quota.body.status.as_ref() == Some(&status) {
        return Ok(());
    }
    let mut new = quota.clone();
    new.body.status = Some(status);
    cx.client.update_status(new).map(drop)
}
