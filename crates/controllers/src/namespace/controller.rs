//! What wakes the controller, and how long it waits.
//!
//! Mirrors pkg/controller/namespace/namespace_controller.go (v1.36).
//! Differs: retries of failed syncs back off up to 1000 s and not 60 s, as every other queue's.

use std::time::Duration;

use seatrial_api::{ApiError, Kind, Namespace, NamespacedName, Resource};
use seatrial_machinery::{Controller, Delivery, EventContext, Queue, SyncContext};

/// How long content survives the deletion of its namespace. Mirrors `namespaceDeletionGracePeriod`.
const NAMESPACE_DELETION_GRACE_PERIOD: Duration = Duration::from_secs(5);

/// The namespace controller.
#[derive(Debug, Default)]
pub struct NamespaceController {
    queue: Queue,
}

impl Controller for NamespaceController {
    const NAME: &'static str = "namespace-controller";
    const WATCHES: &'static [Kind] = &[Kind::Namespace];

    fn queue(&mut self) -> &mut Queue {
        &mut self.queue
    }

    fn handle(&mut self, cx: &EventContext<'_>, delivery: &Delivery<'_>) {
        let Some(namespace) = delivery.new_as::<Namespace>().filter(|n| n.meta.is_deleting()) else { return };
        // Every event waits anew, the controller's own status writes included.
        self.queue.add_after(namespace.namespaced_name(), NAMESPACE_DELETION_GRACE_PERIOD, cx.clock.now());
    }

    fn sync(&mut self, cx: &mut SyncContext<'_>, key: &NamespacedName) -> Result<(), ApiError> {
        if cx.informers.namespaces.get("", &key.name).is_none() {
            return Ok(());
        }
        let remaining = super::deletion::delete(cx, &key.name)?;
        if remaining > 0 {
            let wait = Duration::from_secs(remaining / 2 + 1);
            self.queue.add_after(key.clone(), wait, cx.clock().now());
        }
        Ok(())
    }
}
