//! Recounting: when a quota changes, and when something that counts goes.
//!
//! Mirrors pkg/controller/resourcequota/resource_quota_controller.go (v1.36).
//! Differs: no full resync every five minutes, since no delivery is ever lost.

use std::sync::Arc;

use seatrial_api::{ApiError, NamespacedName, Object, Pod, Resource, ResourceQuota};
use seatrial_machinery::{Controller, Delivery, EventContext, Queue, SyncContext, usage_of_namespace};

/// The quota controller.
#[derive(Debug, Default)]
pub struct ResourceQuotaController {
    queue: Queue,
}

impl Controller for ResourceQuotaController {
    const NAME: &'static str = "resourcequota-controller";

    fn queue(&mut self) -> &mut Queue {
        &mut self.queue
    }

    fn handle(&mut self, cx: &EventContext<'_>, delivery: &Delivery) {
        match delivery.object() {
            Some(Object::ResourceQuota(quota)) => {
                let old = delivery.old_as::<ResourceQuota>();
                // What admission charges is the quota's own status and no reason to count again.
                if delivery.new.is_some() && old.is_none_or(|old| old.body.spec != quota.body.spec) {
                    self.queue.add(quota.namespaced_name(), cx.cause);
                }
            }
            Some(Object::Pod(_)) => {
                let ended = |p: &Arc<Pod>| p.status.phase.is_terminal();
                let (old, new) = (delivery.old_as::<Pod>(), delivery.new_as::<Pod>());
                let freed = new.is_none() || (new.is_some_and(ended) && !old.is_some_and(ended));
                if freed {
                    self.enqueue_namespace(cx, delivery);
                }
            }
            Some(_) if delivery.new.is_none() => self.enqueue_namespace(cx, delivery),
            _ => {}
        }
    }

    fn sync(&mut self, cx: &mut SyncContext<'_>, key: &NamespacedName) -> Result<(), ApiError> {
        let Ok(quota) = cx.client.get_live::<ResourceQuota>(&key.namespace, &key.name) else { return Ok(()) };
        let now = cx.clock().time();
        let used = usage_of_namespace(cx.client.server().store(), &quota.body, &key.namespace, now);
        let hard = quota.body.spec.as_ref().and_then(|s| s.hard.clone());
        let mut new = ResourceQuota::clone(&quota);
        let status = new.body.status.get_or_insert_default();
        status.hard = hard;
        status.used = (!used.is_empty()).then_some(used);
        if new == *quota {
            return Ok(());
        }
        cx.client.update_status(new).map(drop)
    }
}

impl ResourceQuotaController {
    fn enqueue_namespace(&mut self, cx: &EventContext<'_>, delivery: &Delivery) {
        if cx.informers.resource_quotas.is_empty() {
            return;
        }
        let Some(object) = delivery.object() else { return };
        for quota in cx.informers.resource_quotas.list(Some(&object.meta().namespace)) {
            self.queue.add(quota.namespaced_name(), cx.cause);
        }
    }
}
