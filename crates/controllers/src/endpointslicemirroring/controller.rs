//! What wakes the controller, and the sync of an Endpoints.
//!
//! Mirrors pkg/controller/endpointslicemirroring/endpointslicemirroring_controller.go (v1.36).

use std::sync::Arc;
use std::time::Duration;

use seatrial_api::{ApiError, EndpointSlice, Endpoints, Kind, NamespacedName, Object, ObjectKey, Resource, Service};
use seatrial_machinery::{
    Controller, DeleteOptions, Delivery, EventContext, EventText, Informers, ObjectRef, Queue, SyncContext, service_of,
};

use super::reconciler::{CONTROLLER_NAME, MAX_ENDPOINTS_PER_SUBSET, Plan, reconcile};
use crate::endpoint_util::{DEFAULT_SYNC_BACK_OFF, EndpointSliceTracker, MAX_RETRIES, is_managed_by, spec_of};

/// Mirrors `maxSyncBackOff`.
const MAX_SYNC_BACK_OFF: Duration = Duration::from_secs(100);
const LABEL_SKIP_MIRROR: &str = "endpointslice.kubernetes.io/skip-mirror";
const ANNOTATION_LEADER: &str = "control-plane.alpha.kubernetes.io/leader";

/// The EndpointSlice mirroring controller.
#[derive(Debug)]
pub struct EndpointSliceMirroringController {
    queue: Queue,
    tracker: EndpointSliceTracker,
}

impl Default for EndpointSliceMirroringController {
    fn default() -> Self {
        let queue = Queue::with_retry_delays(DEFAULT_SYNC_BACK_OFF, MAX_SYNC_BACK_OFF);
        Self { queue, tracker: EndpointSliceTracker::default() }
    }
}

impl Controller for EndpointSliceMirroringController {
    const NAME: &'static str = "endpoint-slice-mirroring-controller";
    const WATCHES: &'static [Kind] = &[Kind::Endpoints, Kind::Service, Kind::EndpointSlice];

    fn queue(&mut self) -> &mut Queue {
        &mut self.queue
    }

    fn handle(&mut self, cx: &EventContext<'_>, delivery: &Delivery<'_>) {
        match delivery.object() {
            Some(Object::Endpoints(endpoints)) => {
                let old = delivery.old_as::<Endpoints>().is_some_and(|e| should_mirror(e));
                let new = delivery.new_as::<Endpoints>().is_some_and(|e| should_mirror(e));
                let key = endpoints.namespaced_name();
                if (old || new) && concerns(cx.informers, &key) {
                    self.queue.add(key, cx.cause);
                }
            }
            Some(Object::Service(service)) => {
                let lacks = |service: Option<&Arc<Service>>| service.map(|s| spec_of(s).selector.is_none());
                let (old, new) = (lacks(delivery.old_as()), lacks(delivery.new_as()));
                let wakes = match (old, new) {
                    (Some(old), Some(new)) => old != new,
                    (old, new) => old == Some(true) || new == Some(true),
                };
                let key = service.namespaced_name();
                if wakes && concerns(cx.informers, &key) {
                    self.queue.add(key, cx.cause);
                }
            }
            Some(Object::EndpointSlice(_)) => self.slice_changed(cx, delivery.old_as(), delivery.new_as()),
            _ => {}
        }
    }

    fn sync(&mut self, cx: &mut SyncContext<'_>, key: &NamespacedName) -> Result<(), ApiError> {
        let endpoints = cx.informers.endpoints.get(&key.namespace, &key.name).cloned();
        let endpoints = endpoints.filter(|endpoints| should_mirror(endpoints));
        let service = cx.informers.services.get(&key.namespace, &key.name);
        let has_none = service.is_some_and(|service| spec_of(service).selector.is_none());
        let slices: Vec<Arc<EndpointSlice>> = mirrored_slices(cx.informers, key).cloned().collect();
        let Some(endpoints) = endpoints.filter(|_| has_none) else {
            self.tracker.delete_service(key);
            return delete_mirrored_slices(cx, key, &slices);
        };
        if self.tracker.stale_slices(key, slices.iter().map(|s| &**s)) {
            return Err(ApiError::unknown("EndpointSlice informer cache is out of date"));
        }
        let plan = reconcile(&endpoints, &slices);
        tell(cx, &endpoints, &plan);
        self.finalize(cx, &endpoints, plan)
    }

    fn handle_error(&mut self, cx: &SyncContext<'_>, key: &NamespacedName, _error: &ApiError) {
        if self.queue.num_requeues(key) < MAX_RETRIES {
            self.queue.add_rate_limited(key.clone(), cx.clock().now());
        } else {
            self.queue.forget(key);
        }
    }
}

/// Mirrors `shouldMirror`.
fn should_mirror(endpoints: &Endpoints) -> bool {
    endpoints.meta.labels.get(LABEL_SKIP_MIRROR) != Some("true")
        && !endpoints.meta.annotations.contains_key(ANNOTATION_LEADER)
}

fn mirrored_slices<'a>(
    informers: &'a Informers,
    service: &NamespacedName,
) -> impl Iterator<Item = &'a Arc<EndpointSlice>> {
    informers.slices_of(service).filter(|slice| is_managed_by(slice, CONTROLLER_NAME))
}

/// Whether a sync could come to anything: Endpoints of a Service with a selector are no business of this controller, and
/// nearly all are.
fn concerns(informers: &Informers, key: &NamespacedName) -> bool {
    let service = informers.services.get(&key.namespace, &key.name);
    let lacks_selector = service.is_some_and(|service| spec_of(service).selector.is_none());
    let has_endpoints = informers.endpoints.get(&key.namespace, &key.name).is_some();
    (lacks_selector && has_endpoints) || mirrored_slices(informers, key).next().is_some()
}

/// Says which addresses are not mirrored.
fn tell(cx: &mut SyncContext<'_>, endpoints: &Arc<Endpoints>, plan: &Plan) {
    let about = ObjectRef::of(&**endpoints);
    if plan.invalid > 0 {
        let text = format!("Skipped {} invalid IP addresses when mirroring to EndpointSlices", plan.invalid);
        cx.client.event(&about, &EventText::warning("InvalidIPAddress", &text));
    }
    if plan.skipped > plan.invalid {
        let text = format!(
            "A max of {MAX_ENDPOINTS_PER_SUBSET} addresses can be mirrored to EndpointSlices per Endpoints subset. {} \
             addresses were skipped",
            plan.skipped
        );
        cx.client.event(&about, &EventText::warning("TooManyAddressesToMirror", &text));
    }
}

/// Mirrors `deleteMirroredSlices`.
fn delete_mirrored_slices(
    cx: &mut SyncContext<'_>,
    key: &NamespacedName,
    slices: &[Arc<EndpointSlice>],
) -> Result<(), ApiError> {
    let delete = |slice: &Arc<EndpointSlice>| {
        let key = ObjectKey::new(Kind::EndpointSlice, &slice.meta.namespace, &slice.meta.name);
        cx.client.delete(&key, &DeleteOptions::default()).err()
    };
    let errors: Vec<ApiError> = slices.iter().filter_map(delete).collect();
    let Some(first) = errors.first() else { return Ok(()) };
    let (failed, all, first) = (errors.len(), slices.len(), first.message());
    let place = format!("{}/{}", key.namespace, key.name);
    let text = format!("Error(s) deleting {failed}/{all} EndpointSlices for {place} Endpoints, including: {first}");
    Err(ApiError::unknown(text))
}

impl EndpointSliceMirroringController {
    /// Mirrors `onEndpointSliceAdd`, `onEndpointSliceUpdate` and `onEndpointSliceDelete`.
    fn slice_changed(
        &mut self,
        cx: &EventContext<'_>,
        old: Option<&Arc<EndpointSlice>>,
        new: Option<&Arc<EndpointSlice>>,
    ) {
        let is_ours = |slice: &EndpointSlice| is_managed_by(slice, CONTROLLER_NAME);
        let (old_is_ours, new_is_ours) = (old.is_some_and(|s| is_ours(s)), new.is_some_and(|s| is_ours(s)));
        if !old_is_ours && !new_is_ours {
            return;
        }
        let mut wake = |slice: &EndpointSlice| {
            if let Some(key) = service_of(slice) {
                self.queue.add(key, cx.cause);
            }
        };
        match (old, new) {
            (Some(old), Some(new)) if service_of(old) != service_of(new) => {
                wake(new);
                wake(old);
            }
            (Some(_), Some(new)) if old_is_ours != new_is_ours || self.tracker.should_sync(new) => wake(new),
            (None, Some(new)) if self.tracker.should_sync(new) => wake(new),
            (Some(old), None) if self.tracker.has(old) && !self.tracker.handle_deletion(old) => wake(old),
            _ => {}
        }
    }

    /// Mirrors `finalize`.
    fn finalize(&mut self, cx: &mut SyncContext<'_>, endpoints: &Endpoints, plan: Plan) -> Result<(), ApiError> {
        let place = format!("EndpointSlice for Endpoints {}/{}", endpoints.meta.namespace, endpoints.meta.name);
        let create = if endpoints.meta.is_deleting() { Vec::new() } else { plan.create };
        for slice in create {
            match cx.client.create(slice) {
                Ok(slice) => self.tracker.update(&slice),
                Err(error) if error.has_cause("NamespaceTerminating") => return Ok(()),
                Err(error) => return Err(failed("create", &place, &error)),
            }
        }
        for slice in plan.update {
            let what = format!("{} {place}", slice.meta.name);
            let slice = cx.client.update(slice).map_err(|error| failed("update", &what, &error))?;
            self.tracker.update(&slice);
        }
        for slice in plan.delete {
            let key = ObjectKey::new(Kind::EndpointSlice, &slice.meta.namespace, &slice.meta.name);
            let deleted = cx.client.delete(&key, &DeleteOptions::default());
            deleted.map_err(|error| failed("delete", &format!("{} {place}", slice.meta.name), &error))?;
            self.tracker.expect_deletion(&slice);
        }
        Ok(())
    }
}

fn failed(what: &str, place: &str, error: &ApiError) -> ApiError {
    ApiError::unknown(format!("failed to {what} {place}: {}", error.message()))
}
