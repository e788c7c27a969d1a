//! Which volumes are bound, and the finalizer that keeps them.
//!
//! Mirrors pkg/controller/volume/pvprotection/pv_protection_controller.go (v1.36).

use seatrial_api::{ApiError, Kind, NamespacedName, PersistentVolume, Resource};
use seatrial_machinery::{Controller, Delivery, EventContext, PV_PROTECTION_FINALIZER, Queue, SyncContext};

use crate::pvcprotection::{with, without};

/// The PV protection controller.
#[derive(Debug, Default)]
pub struct PvProtectionController {
    queue: Queue,
}

impl Controller for PvProtectionController {
    const NAME: &'static str = "pv-protection-controller";
    const WATCHES: &'static [Kind] = &[Kind::PersistentVolume];

    fn queue(&mut self) -> &mut Queue {
        &mut self.queue
    }

    fn handle(&mut self, cx: &EventContext<'_>, delivery: &Delivery<'_>) {
        let Some(volume) = delivery.new_as::<PersistentVolume>() else { return };
        if volume.meta.has_finalizer(PV_PROTECTION_FINALIZER) == volume.meta.is_deleting() {
            self.queue.add(volume.namespaced_name(), cx.cause);
        }
    }

    fn sync(&mut self, cx: &mut SyncContext<'_>, key: &NamespacedName) -> Result<(), ApiError> {
        let volume = match cx.client.get_live::<PersistentVolume>(&key.namespace, &key.name) {
            Ok(volume) => volume,
            Err(error) if error.is_not_found() => return Ok(()),
            Err(error) => return Err(error),
        };
        let is_bound = volume.body.status.phase == "Bound";
        let protected = volume.meta.has_finalizer(PV_PROTECTION_FINALIZER);
        let finalizers = match (volume.meta.is_deleting(), protected) {
            (true, true) if !is_bound => without(&volume.meta, PV_PROTECTION_FINALIZER),
            (false, false) => with(&volume.meta, PV_PROTECTION_FINALIZER),
            _ => return Ok(()),
        };
        let mut new = PersistentVolume::clone(&volume);
        new.meta.finalizers = finalizers;
        cx.client.update(new).map(drop)
    }
}
