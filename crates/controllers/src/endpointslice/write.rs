//! Writing what was planned.
//!
//! Mirrors k8s.io/endpointslice/reconciler.go (`finalize`) (v1.36).

use seatrial_api::{ApiError, EndpointSlice, Kind, ObjectKey, Service, Time};
use seatrial_machinery::{DeleteOptions, SyncContext};

use super::reconciler::Plan;
use crate::endpoint_util::{EndpointSliceTracker, set_trigger_time};

/// Creates, updates and deletes slices; calls with each that was written.
///
/// # Errors
/// The first refusal: what, and why.
pub(super) fn finalize(
    cx: &mut SyncContext<'_>,
    tracker: &mut EndpointSliceTracker,
    service: &Service,
    (plan, trigger): (Plan, Option<Time>),
    mut written: impl FnMut(&EndpointSlice),
) -> Result<(), String> {
    let place = format!("EndpointSlice for Service {}/{}", service.meta.namespace, service.meta.name);
    // The garbage collector deletes the slices of a Service that goes.
    let create = if service.meta.is_deleting() { Vec::new() } else { plan.create };
    for mut slice in create {
        set_trigger_time(&mut slice.meta.annotations, trigger);
        match cx.client.create(slice) {
            Ok(slice) => {
                tracker.update(&slice);
                written(&slice);
            }
            // A namespace that goes takes nothing more: there is no use in trying again.
            Err(error) if error.has_cause("NamespaceTerminating") => return Ok(()),
            Err(error) => return Err(format!("failed to create {place}: {}", error.message())),
        }
    }
    for mut slice in plan.update {
        set_trigger_time(&mut slice.meta.annotations, trigger);
        let name = slice.meta.name.clone();
        let updated = cx.client.update(slice);
        let slice = updated.map_err(|error| format!("failed to update {name} {place}: {}", error.message()))?;
        tracker.update(&slice);
        written(&slice);
    }
    for slice in plan.delete {
        let deleted = delete_endpoint_slice(cx, tracker, &slice);
        deleted.map_err(|error| format!("failed to delete {} {place}: {}", slice.meta.name, error.message()))?;
    }
    Ok(())
}

/// Deletes a slice; one that is gone is deleted.
///
/// # Errors
/// What the API server answered.
pub(super) fn delete_endpoint_slice(
    cx: &mut SyncContext<'_>,
    tracker: &mut EndpointSliceTracker,
    slice: &EndpointSlice,
) -> Result<(), ApiError> {
    let key = ObjectKey::new(Kind::EndpointSlice, &slice.meta.namespace, &slice.meta.name);
    match cx.client.delete(&key, &DeleteOptions::default()) {
        Ok(()) => tracker.expect_deletion(slice),
        Err(error) if error.is_not_found() => {}
        Err(error) => return Err(error),
    }
    Ok(())
}
