//! When a namespace is looked at.
//!
//! Mirrors pkg/controller/namespace/namespace_controller.go (v1.36).

use std::sync::Arc;
use std::time::Duration;

use seatrial_api::{ApiError, NamespacedName, Object};
use seatrial_machinery::{Controller, Delivery, EventContext, Queue, SyncContext};

use super::deletion::{Progress, delete_namespaced_content};

/// How long after each change of a terminating namespace it is looked at, so that every API server has heard of it.
const DELETION_GRACE: Duration = Duration::from_secs(5);

/// The namespace controller.
#[derive(Debug, Default)]
pub struct NamespaceController {
    queue: Queue,
}

impl Controller for NamespaceController {
    const NAME: &'static str = "namespace-controller";

    fn queue(&mut self) -> &mut Queue {
        &mut self.queue
    }

    fn handle(&mut self, cx: &EventContext<'_>, delivery: &Delivery) {
        if let Some(Object::Namespace(namespace)) = &delivery.new
            && namespace.meta.is_deleting()
        {
            self.queue.add_after(NamespacedName::new("", &namespace.meta.name), DELETION_GRACE, cx.clock.now());
        }
    }

    fn sync(&mut self, cx: &mut SyncContext<'_>, key: &NamespacedName) -> Result<(), ApiError> {
        let Some(namespace) = cx.informers.namespaces.get("", &key.name).map(Arc::clone) else { return Ok(()) };
        if !namespace.meta.is_deleting() {
            return Ok(());
        }
        match delete_namespaced_content(cx, &namespace)? {
            Progress::Done => {
                let name = key.name.clone();
                cx.client.counted(|server, _| server.finalize_namespace(&name, Vec::new())).map(drop)
            }
            Progress::Remaining { estimate_seconds } => {
                let delay = Duration::from_secs(u64::try_from(estimate_seconds / 2 + 1).unwrap_or(1));
                self.queue.add_after(key.clone(), delay, cx.clock().now());
                Ok(())
            }
        }
    }
}
