//! What wakes the controller, and the sync of a Service.
//!
//! Mirrors pkg/controller/endpoint/endpoints_controller.go (v1.36).

use std::sync::Arc;

use k8s_openapi::api::core::v1::{EndpointAddress, ObjectReference, ServiceSpec};
use rustc_hash::FxHashMap;
use seatrial_api::{
    ApiError, Endpoints, Kind, NamespacedName, Object, ObjectKey, ObjectMeta, Pod, Resource, Service, StrMap, Time,
};
use seatrial_machinery::{
    Aspects, Controller, DeleteOptions, Delivery, EventContext, EventText, ObjectRef, Queue, SyncContext,
};

use super::capacity::MAX_CAPACITY;
use super::subsets::{Member, Members, Port};
use crate::endpoint_util::{
    Changed, LABEL_HEADLESS, MAX_RETRIES, ServicePods, TriggerTimes, find_port, is_headless, is_service_ip_set,
    pod_ips, set_trigger_time, should_pod_be_in_endpoints, should_set_hostname, spec_of,
};

const LABEL_MANAGED_BY: &str = "endpoints.kubernetes.io/managed-by";
const MANAGED_BY: &str = "endpoint-controller";
const ANNOTATION_OVER_CAPACITY: &str = "endpoints.kubernetes.io/over-capacity";
const TRUNCATED: &str = "truncated";

/// The Endpoints controller.
#[derive(Debug, Default)]
pub struct EndpointController {
    queue: Queue,
    services: ServicePods,
    states: FxHashMap<NamespacedName, ServiceState>,
}

/// What is kept of a Service between syncs.
#[derive(Debug, Default)]
struct ServiceState {
    triggers: TriggerTimes,
    members: Members,
}

impl Controller for EndpointController {
    const NAME: &'static str = "endpoint-controller";
    const WATCHES: &'static [Kind] = &[Kind::Pod, Kind::Service, Kind::Endpoints];

    fn queue(&mut self) -> &mut Queue {
        &mut self.queue
    }

    fn handle(&mut self, cx: &EventContext<'_>, delivery: &Delivery<'_>) {
        match delivery.object() {
            Some(Object::Pod(_) | Object::Service(_)) => {
                let Self { queue, services, .. } = self;
                services.on_delivery(cx.informers, delivery, |key| queue.add(key, cx.cause));
            }
            // One that somebody deletes is made again.
            Some(Object::Endpoints(endpoints)) if delivery.new.is_none() => {
                self.queue.add(endpoints.namespaced_name(), cx.cause);
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
            let key = ObjectKey::new(Kind::Endpoints, &key.namespace, &key.name);
            return match cx.client.delete(&key, &DeleteOptions::default()) {
                Err(error) if !error.is_not_found() => Err(error),
                _ => Ok(()),
            };
        };
        let spec = spec_of(&service);
        if spec.type_.as_deref() == Some("ExternalName") || spec.selector.is_none() {
            return Ok(());
        }
        let changed = self.services.take_changed(key);
        let trigger = self.look_at_pods(cx, &service, &changed);
        let Some(members) = self.states.get(key).map(|state| &state.members) else { return Ok(()) };
        let written = write_endpoints(cx, &service, members, trigger);
        if written.is_err() {
            self.services.set_changed(key);
        }
        written
    }

    fn handle_error(&mut self, cx: &SyncContext<'_>, key: &NamespacedName, _error: &ApiError) {
        if self.queue.num_requeues(key) < MAX_RETRIES {
            self.queue.add_rate_limited(key.clone(), cx.clock().now());
        } else {
            self.queue.forget(key);
        }
    }
}

impl EndpointController {
    /// Takes the pods that have changed over; returns when the earliest change was.
    fn look_at_pods(&mut self, cx: &SyncContext<'_>, service: &Service, changed: &Changed) -> Option<Time> {
        let key = service.namespaced_name();
        let state = self.states.entry(key.clone()).or_default();
        let pods = || self.services.pods_to_look_at(cx.informers, &key, changed);
        let trigger = state.triggers.compute(service, changed, pods());
        match changed {
            Changed::All => state.members.clear(),
            Changed::Pods(names) => names.iter().for_each(|name| state.members.remove(name)),
        }
        let published = spec_of(service).publish_not_ready_addresses == Some(true);
        for pod in pods().filter(|pod| should_pod_be_in_endpoints(pod, published)) {
            if let Some(member) = member(service, pod) {
                state.members.insert(&pod.meta.name, member);
            }
        }
        trigger
    }
}

/// What a pod adds to the Endpoints; `None` where it has no address of the Service's family, or none of its ports.
fn member(service: &Service, pod: &Pod) -> Option<Member> {
    let spec = spec_of(service);
    let ports = ports(spec, pod)?;
    let published = spec.publish_not_ready_addresses == Some(true);
    Some(Member {
        ports,
        ready: published || pod.is_ready(),
        uid: pod.meta.uid.clone(),
        address: pod_to_endpoint_address(service, pod)?,
    })
}

fn ports(spec: &ServiceSpec, pod: &Pod) -> Option<Vec<Port>> {
    let of_service = spec.ports.as_deref().unwrap_or_default();
    if of_service.is_empty() {
        return is_headless(spec).then(Vec::new);
    }
    let one = |port: &k8s_openapi::api::core::v1::ServicePort| {
        Some(Port {
            name: port.name.clone(),
            port: find_port(pod, port)?,
            protocol: port.protocol.clone(),
            app_protocol: port.app_protocol.clone(),
        })
    };
    let mut ports: Vec<Port> = of_service.iter().filter_map(one).collect();
    ports.sort();
    ports.dedup();
    (!ports.is_empty()).then_some(ports)
}

/// Mirrors `podToEndpointAddressForService`.
fn pod_to_endpoint_address(service: &Service, pod: &Pod) -> Option<EndpointAddress> {
    let spec = spec_of(service);
    let is_ipv6 = match spec.ip_families.iter().flatten().next() {
        Some(family) => family == "IPv6",
        None if is_service_ip_set(spec) => spec.cluster_ip.as_deref().is_some_and(|ip| ip.contains(':')),
        None => pod_ips(pod).next().is_some_and(|ip| ip.is_ipv6()),
    };
    let ip = pod_ips(pod).find(|ip| ip.is_ipv6() == is_ipv6)?;
    Some(EndpointAddress {
        hostname: pod.hostname().filter(|_| should_set_hostname(pod, service)).map(str::to_owned),
        ip: ip.to_string(),
        node_name: Some(pod.node_name.to_string()),
        target_ref: Some(ObjectReference {
            kind: Some("Pod".to_owned()),
            namespace: Some(pod.meta.namespace.to_string()),
            name: Some(pod.meta.name.to_string()),
            uid: Some(pod.meta.uid.to_string()),
            ..ObjectReference::default()
        }),
    })
}

/// Creates or updates the Endpoints, unless they are right already.
fn write_endpoints(
    cx: &mut SyncContext<'_>,
    service: &Service,
    members: &Members,
    trigger: Option<Time>,
) -> Result<(), ApiError> {
    let meta = &service.meta;
    let current = cx.informers.endpoints.get(&meta.namespace, &meta.name).cloned();
    let (subsets, truncated) = members.subsets();
    if let Some(current) = &current
        && !truncated
        && current.subsets == subsets
        && same_labels(&current.meta.labels, &meta.labels)
        && is_capacity_annotation_right(current)
    {
        return Ok(());
    }
    let mut new = match &current {
        Some(current) => Endpoints::clone(current),
        None => {
            let meta = ObjectMeta { name: meta.name.clone(), namespace: meta.namespace.clone(), ..Default::default() };
            Endpoints { meta, subsets: Default::default() }
        }
    };
    new.subsets = subsets;
    new.meta.labels = labels(service);
    set_trigger_time(&mut new.meta.annotations, trigger);
    if truncated {
        new.meta.annotations.insert(ANNOTATION_OVER_CAPACITY, TRUNCATED);
    } else {
        new.meta.annotations.remove(ANNOTATION_OVER_CAPACITY);
    }
    put(cx, service, new, current.as_ref())
}

fn put(
    cx: &mut SyncContext<'_>,
    service: &Service,
    new: Endpoints,
    current: Option<&Arc<Endpoints>>,
) -> Result<(), ApiError> {
    let place = format!("{}/{}", service.meta.namespace, service.meta.name);
    let mut about = new.meta.clone();
    let result = if current.is_some() { cx.client.update(new) } else { cx.client.create(new) };
    let Err(error) = result else { return Ok(()) };
    let (reason, message) = if current.is_some() {
        ("FailedToUpdateEndpoint", format!("Failed to update endpoint {place}: {}", error.message()))
    } else {
        // A namespace that goes takes nothing more: there is no use in trying again.
        if error.has_cause("NamespaceTerminating") {
            return Ok(());
        }
        // The object has no namespace yet as far as the recorder can see.
        about.namespace = seatrial_api::Str::default();
        ("FailedToCreateEndpoint", format!("Failed to create endpoint for service {place}: {}", error.message()))
    };
    let about = ObjectRef::new(Kind::Endpoints, &about);
    cx.client.event(&about, &EventText::warning(reason, &message));
    Err(error)
}

fn is_own_label(key: &str) -> bool {
    matches!(key, LABEL_HEADLESS | LABEL_MANAGED_BY)
}

/// Whether the Endpoints have the Service's labels, their own left out.
fn same_labels(endpoints: &StrMap, service: &StrMap) -> bool {
    endpoints.iter().filter(|(key, _)| !is_own_label(key)).eq(service.iter())
}

fn labels(service: &Service) -> StrMap {
    let headless = (!is_service_ip_set(spec_of(service))).then_some((LABEL_HEADLESS, ""));
    let own = [(LABEL_MANAGED_BY, MANAGED_BY)].into_iter().chain(headless);
    service.meta.labels.iter().filter(|(key, _)| *key != LABEL_HEADLESS).chain(own).collect()
}

/// Mirrors `capacityAnnotationSetCorrectly`.
fn is_capacity_annotation_right(endpoints: &Endpoints) -> bool {
    let count: usize = endpoints.subsets.iter().map(|s| s.addresses.len() + s.not_ready_addresses.len()).sum();
    count <= MAX_CAPACITY && !endpoints.meta.annotations.contains_key(ANNOTATION_OVER_CAPACITY)
}
