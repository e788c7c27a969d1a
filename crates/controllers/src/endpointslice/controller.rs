//! What wakes the controller, and the sync of a Service.
//!
//! Mirrors pkg/controller/endpointslice/endpointslice_controller.go (v1.36).

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use rustc_hash::FxHashMap;
use seatrial_api::{ApiError, EndpointSlice, Kind, NamespacedName, Node, Object, Resource, Service, Shared, Str, Time};
use seatrial_machinery::{
    Aspects, Controller, Delivery, EventContext, EventText, Informers, ObjectRef, Queue, SyncContext, service_of,
};

use super::endpoints::{pod_name_of, pod_to_endpoint, zone_of};
use super::ports::PortFinder;
use super::reconciler::{CONTROLLER_NAME, Desired, Input, reconcile_by_address_type};
use super::write::{delete_endpoint_slice, finalize};
use crate::endpoint_util::{
    Changed, DEFAULT_SYNC_BACK_OFF, EndpointSliceTracker, MAX_RETRIES, ServicePods, TriggerTimes, address_types,
    aggregate, is_managed_by, should_pod_be_in_endpoints, spec_of,
};

/// How long after somebody else changed a slice its Service is synced. Mirrors `endpointSliceChangeMinSyncDelay`.
const ENDPOINT_SLICE_CHANGE_MIN_SYNC_DELAY: Duration = Duration::from_secs(1);
/// Mirrors `maxSyncBackOff`.
const MAX_SYNC_BACK_OFF: Duration = Duration::from_secs(1000);

/// The EndpointSlice controller.
#[derive(Debug)]
pub struct EndpointSliceController {
    queue: Queue,
    services: ServicePods,
    states: FxHashMap<NamespacedName, ServiceState>,
    tracker: EndpointSliceTracker,
}

/// What is kept of a Service between syncs.
#[derive(Debug, Default)]
struct ServiceState {
    triggers: TriggerTimes,
    /// The slice that holds a pod's endpoint, by address type.
    placed: FxHashMap<&'static str, FxHashMap<Str, Str>>,
}

impl Default for EndpointSliceController {
    fn default() -> Self {
        Self {
            queue: Queue::with_retry_delays(DEFAULT_SYNC_BACK_OFF, MAX_SYNC_BACK_OFF),
            services: ServicePods::default(),
            states: FxHashMap::default(),
            tracker: EndpointSliceTracker::default(),
        }
    }
}

impl Controller for EndpointSliceController {
    const NAME: &'static str = "endpoint-slice-controller";
    const WATCHES: &'static [Kind] = &[Kind::Pod, Kind::Service, Kind::EndpointSlice, Kind::Node];

    fn queue(&mut self) -> &mut Queue {
        &mut self.queue
    }

    fn handle(&mut self, cx: &EventContext<'_>, delivery: &Delivery<'_>) {
        match delivery.object() {
            Some(Object::Pod(_) | Object::Service(_)) => {
                let Self { queue, services, .. } = self;
                services.on_delivery(cx.informers, delivery, |key| queue.add(key, cx.cause));
            }
            Some(Object::EndpointSlice(_)) => self.slice_changed(cx, delivery.old_as(), delivery.new_as()),
            Some(Object::Node(_)) if !self.services.is_empty() => {
                let zone = |node: Option<&Arc<Node>>| node.map(|node| zone_of(node).map(str::to_owned));
                if zone(delivery.old_as()) != zone(delivery.new_as()) {
                    self.services.all_changed();
                }
            }
            _ => {}
        }
    }

    fn heeds(&self) -> Aspects {
        Aspects::ANY.when(!self.services.is_empty())
    }

    fn sync(&mut self, cx: &mut SyncContext<'_>, key: &NamespacedName) -> Result<(), ApiError> {
        let Some(service) = cx.informers.services.get(&key.namespace, &key.name).cloned() else {
            self.states.remove(key);
            self.tracker.delete_service(key);
            return Ok(());
        };
        let spec = spec_of(&service);
        if spec.type_.as_deref() == Some("ExternalName") || spec.selector.is_none() {
            return Ok(());
        }
        let slices: Vec<Arc<EndpointSlice>> = managed_slices(cx.informers, key).cloned().collect();
        if self.tracker.stale_slices(key, slices.iter().map(|s| &**s)) {
            return Err(ApiError::unknown("EndpointSlice informer cache is out of date"));
        }
        let changed = self.services.take_changed(key);
        self.reconcile(cx, &service, &slices, &changed).map_err(|text| {
            self.services.set_changed(key);
            let place = format!("{}/{}", key.namespace, key.name);
            let message = format!("Error updating Endpoint Slices for Service {place}: {text}");
            cx.client.event(&ObjectRef::of(&*service), &EventText::warning("FailedToUpdateEndpointSlices", &message));
            ApiError::unknown(text)
        })
    }

    fn handle_error(&mut self, cx: &SyncContext<'_>, key: &NamespacedName, _error: &ApiError) {
        if self.queue.num_requeues(key) < MAX_RETRIES {
            self.queue.add_rate_limited(key.clone(), cx.clock().now());
        } else {
            self.queue.forget(key);
        }
    }
}

/// The slices of a Service that are this controller's and stay.
fn managed_slices<'a>(
    informers: &'a Informers,
    service: &NamespacedName,
) -> impl Iterator<Item = &'a Arc<EndpointSlice>> {
    let slices = informers.slices_of(service);
    slices.filter(|slice| is_managed_by(slice, CONTROLLER_NAME) && !slice.meta.is_deleting())
}

impl EndpointSliceController {
    /// Mirrors `onEndpointSliceAdd`, `onEndpointSliceUpdate` and `onEndpointSliceDelete`.
    fn slice_changed(
        &mut self,
        cx: &EventContext<'_>,
        old: Option<&Arc<EndpointSlice>>,
        new: Option<&Arc<EndpointSlice>>,
    ) {
        let is_ours = |slice: &EndpointSlice| is_managed_by(slice, CONTROLLER_NAME);
        match (old, new) {
            (Some(old), Some(new)) if service_of(old) != service_of(new) => {
                self.queue_service_for(cx, new);
                self.queue_service_for(cx, old);
            }
            (Some(old), Some(new)) => {
                if is_ours(old) != is_ours(new) || (is_ours(new) && self.tracker.should_sync(new)) {
                    self.queue_service_for(cx, new);
                }
            }
            (None, Some(new)) => {
                if is_ours(new) && self.tracker.should_sync(new) {
                    self.queue_service_for(cx, new);
                }
            }
            (Some(old), None) => {
                if is_ours(old) && self.tracker.has(old) && !self.tracker.handle_deletion(old) {
                    self.queue_service_for(cx, old);
                }
            }
            (None, None) => {}
        }
    }

    /// Mirrors `queueServiceForEndpointSlice`.
    fn queue_service_for(&mut self, cx: &EventContext<'_>, slice: &EndpointSlice) {
        let Some(service) = service_of(slice) else { return };
        self.services.set_changed(&service);
        self.queue.add_after(service, ENDPOINT_SLICE_CHANGE_MIN_SYNC_DELAY, cx.clock.now());
    }

    /// Mirrors `Reconcile`.
    fn reconcile(
        &mut self,
        cx: &mut SyncContext<'_>,
        service: &Service,
        slices: &[Arc<EndpointSlice>],
        changed: &Changed,
    ) -> Result<(), String> {
        let key = service.namespaced_name();
        let state = self.states.entry(key.clone()).or_default();
        let pods = self.services.pods_to_look_at(cx.informers, &key, changed);
        let trigger = state.triggers.compute(service, changed, pods);
        let mut errors = Vec::new();
        let types = address_types(spec_of(service));
        for address_type in &types {
            let of_type: Vec<Arc<EndpointSlice>> =
                slices.iter().filter(|s| s.address_type == *address_type).cloned().collect();
            self.reconcile_type(cx, service, (address_type, &of_type), (changed, trigger), &mut errors);
        }
        for slice in slices.iter().filter(|s| types.iter().all(|t| s.address_type != *t)) {
            if let Err(error) = delete_endpoint_slice(cx, &mut self.tracker, slice) {
                let place = format!("{}/{}", key.namespace, key.name);
                let message = error.message();
                errors.push(format!("error deleting {} EndpointSlice for Service {place}: {message}", slice.meta.name));
            }
        }
        if errors.is_empty() { Ok(()) } else { Err(aggregate(&errors)) }
    }

    fn reconcile_type(
        &mut self,
        cx: &mut SyncContext<'_>,
        service: &Service,
        (address_type, slices): (&'static str, &[Arc<EndpointSlice>]),
        (changed, trigger): (&Changed, Option<Time>),
        errors: &mut Vec<String>,
    ) {
        let key = service.namespaced_name();
        let mut missing = Vec::new();
        let desired = self.desired(cx.informers, service, (address_type, changed), &mut missing);
        let Self { states, tracker, .. } = self;
        let placed = states.entry(key).or_default().placed.entry(address_type).or_default();
        let touched: BTreeSet<Str> = match changed {
            Changed::All => {
                placed.clear();
                let endpoints = slices.iter().flat_map(|s| s.endpoints.iter().map(move |e| (s, e)));
                placed.extend(endpoints.filter_map(|(s, e)| Some((pod_name_of(e)?.into(), s.meta.name.clone()))));
                BTreeSet::new()
            }
            Changed::Pods(names) => names.iter().filter_map(|name| placed.remove(name)).collect(),
        };
        let plan =
            reconcile_by_address_type(&Input { service, address_type, changed, touched: &touched }, slices, desired);
        let mut place = |slice: &EndpointSlice| {
            for name in slice.endpoints.iter().filter_map(|e| pod_name_of(e)) {
                placed.insert(name.into(), slice.meta.name.clone());
            }
        };
        // A slice that was touched and needs no write holds what it held.
        for slice in slices.iter().filter(|s| touched.contains(&s.meta.name)) {
            if plan.update.iter().all(|u| u.meta.name != slice.meta.name) {
                place(slice);
            }
        }
        errors.append(&mut missing);
        if let Err(error) = finalize(cx, tracker, service, (plan, trigger), place) {
            errors.push(error);
        }
    }

    /// What the slices should show of the pods that are looked at.
    fn desired(
        &self,
        informers: &Informers,
        service: &Service,
        (address_type, changed): (&'static str, &Changed),
        errors: &mut Vec<String>,
    ) -> Desired {
        let spec = spec_of(service);
        let key = service.namespaced_name();
        let finder = PortFinder::new(spec);
        let mut desired = Desired::default();
        for pod in self.services.pods_to_look_at(informers, &key, changed) {
            if !should_pod_be_in_endpoints(pod, true) {
                continue;
            }
            let ports = finder.ports_of(pod);
            let (_, group) = desired.groups.entry(ports.key.clone()).or_insert_with(|| (ports, Default::default()));
            let node = informers.nodes.get("", &pod.node_name);
            if node.is_none() && spec.publish_not_ready_addresses != Some(true) {
                errors.push(format!(
                    "skipping Pod {} for Service {}/{}: Node {} Not Found",
                    pod.meta.name, key.namespace, key.name, pod.node_name
                ));
                continue;
            }
            let endpoint = pod_to_endpoint(pod, node.map(|n| &**n), service, address_type);
            if !endpoint.addresses.is_empty() {
                group.insert(pod.meta.name.clone(), Shared::new(endpoint));
            }
        }
        desired
    }
}
