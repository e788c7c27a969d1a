//! From an Endpoints and the slices that mirror it to the slices that should.
//!
//! Mirrors pkg/controller/endpointslicemirroring/reconciler.go, reconciler_helpers.go and utils.go (v1.36).

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use k8s_openapi::api::core::v1 as corev1;
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointConditions, EndpointPort};
use seatrial_api::{EndpointSlice, EndpointSubset, Endpoints, ObjectMeta, Shared, SharedList, StrMap};
use seatrial_machinery::{LABEL_SERVICE_NAME, new_controller_ref};

use crate::endpoint_util::{ANNOTATION_LAST_CHANGE_TRIGGER_TIME, LABEL_MANAGED_BY, endpoint_slice_prefix};
use crate::endpointslice::PortMapKey;

/// How many addresses of a subset are mirrored. Mirrors `--mirroring-max-endpoints-per-subset`.
pub(super) const MAX_ENDPOINTS_PER_SUBSET: usize = 1000;
/// Mirrors `controllerName`.
pub(super) const CONTROLLER_NAME: &str = "endpointslicemirroring-controller.k8s.io";
const ANNOTATION_LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// What is to be written, and how many addresses were not mirrored.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) create: Vec<EndpointSlice>,
    pub(super) update: Vec<EndpointSlice>,
    pub(super) delete: Vec<Arc<EndpointSlice>>,
    pub(super) invalid: usize,
    pub(super) skipped: usize,
}

type GroupKey = (&'static str, PortMapKey);

/// The endpoints of one address type that have the same ports.
#[derive(Debug, Default)]
struct Group {
    ports: SharedList<EndpointPort>,
    endpoints: Vec<Endpoint>,
}

/// Mirrors `reconcile`.
pub(super) fn reconcile(endpoints: &Endpoints, existing: &[Arc<EndpointSlice>]) -> Plan {
    let mut plan = Plan::default();
    let groups = desired(endpoints, &mut plan);
    let mut by_key: BTreeMap<GroupKey, Vec<Arc<EndpointSlice>>> = BTreeMap::new();
    for slice in existing {
        let address_type = if slice.address_type == "IPv6" { "IPv6" } else { "IPv4" };
        by_key.entry((address_type, PortMapKey::of(&slice.ports))).or_default().push(Arc::clone(slice));
    }
    for (key, group) in groups {
        let slices = by_key.remove(&key).unwrap_or_default();
        reconcile_by_port_mapping(endpoints, slices, (key.0, group), &mut plan);
    }
    plan.delete.extend(by_key.into_values().flatten());
    recycle_slices(&mut plan);
    plan
}

/// Mirrors `desiredCalc`.
fn desired(endpoints: &Endpoints, plan: &mut Plan) -> BTreeMap<GroupKey, Group> {
    let mut groups: BTreeMap<GroupKey, Group> = BTreeMap::new();
    for subset in endpoints.subsets.iter() {
        let ports: SharedList<EndpointPort> = subset.ports.iter().map(slice_port).collect();
        let key = PortMapKey::of(&ports);
        for address_type in ["IPv4", "IPv6"] {
            groups.entry((address_type, key.clone())).or_default().ports = ports.clone();
        }
        let mut added = 0;
        for (address, ready) in addresses(subset) {
            if added == MAX_ENDPOINTS_PER_SUBSET {
                break;
            }
            let Ok(ip) = address.ip.parse::<IpAddr>() else {
                plan.invalid += 1;
                continue;
            };
            added += 1;
            let address_type = if ip.is_ipv4() { "IPv4" } else { "IPv6" };
            let group = groups.entry((address_type, key.clone())).or_default();
            let endpoint = address_to_endpoint(address, ip, ready);
            match group.endpoints.iter_mut().find(|e| same_endpoint(e, &endpoint)) {
                Some(known) => *known = endpoint,
                None => group.endpoints.push(endpoint),
            }
        }
        plan.skipped += subset.addresses.len() + subset.not_ready_addresses.len() - added;
    }
    groups
}

fn addresses(subset: &EndpointSubset) -> impl Iterator<Item = (&Shared<corev1::EndpointAddress>, bool)> {
    let ready = subset.addresses.iter().map(|a| (a, true));
    ready.chain(subset.not_ready_addresses.iter().map(|a| (a, false)))
}

/// Mirrors `epPortsToEpsPorts`.
fn slice_port(port: &corev1::EndpointPort) -> EndpointPort {
    EndpointPort {
        app_protocol: port.app_protocol.clone(),
        name: Some(port.name.clone().unwrap_or_default()),
        port: Some(port.port),
        protocol: port.protocol.clone(),
    }
}

/// Mirrors `addressToEndpoint`.
fn address_to_endpoint(address: &corev1::EndpointAddress, ip: IpAddr, ready: bool) -> Endpoint {
    Endpoint {
        addresses: vec![ip.to_string()],
        conditions: Some(EndpointConditions { ready: Some(ready), ..EndpointConditions::default() }),
        hostname: address.hostname.clone().filter(|name| !name.is_empty()),
        node_name: address.node_name.clone(),
        target_ref: address.target_ref.clone(),
        ..Endpoint::default()
    }
}

fn same_endpoint(a: &Endpoint, b: &Endpoint) -> bool {
    let place = |e: &Endpoint| e.target_ref.as_ref().map(|r| (r.namespace.clone(), r.name.clone())).unwrap_or_default();
    a.addresses == b.addresses && a.hostname == b.hostname && place(a) == place(b)
}

/// Mirrors `reconcileByPortMapping`.
fn reconcile_by_port_mapping(
    endpoints: &Endpoints,
    mut existing: Vec<Arc<EndpointSlice>>,
    (address_type, group): (&'static str, Group),
    plan: &mut Plan,
) {
    if group.endpoints.is_empty() {
        plan.delete.append(&mut existing);
        return;
    }
    let others = if existing.is_empty() { Vec::new() } else { existing.split_off(1) };
    plan.delete.extend(others);
    let first = existing.first();
    let new = new_endpoint_slice(endpoints, address_type, group);
    match first {
        None => plan.create.push(new),
        Some(first) if is_mirrored(first, &new) => {}
        Some(first) => plan.update.push(named(new, first)),
    }
}

/// Whether a slice shows what it should, in whatever order.
fn is_mirrored(slice: &EndpointSlice, new: &EndpointSlice) -> bool {
    slice.endpoints.len() == new.endpoints.len()
        && new.endpoints.iter().all(|e| slice.endpoints.contains(e))
        && slice.meta.labels == new.meta.labels
        && slice.meta.annotations == new.meta.annotations
}

fn named(mut new: EndpointSlice, old: &EndpointSlice) -> EndpointSlice {
    new.meta.name = old.meta.name.clone();
    new
}

/// Mirrors `newEndpointSlice`.
fn new_endpoint_slice(endpoints: &Endpoints, address_type: &'static str, group: Group) -> EndpointSlice {
    let own = [(LABEL_SERVICE_NAME, endpoints.meta.name.as_str()), (LABEL_MANAGED_BY, CONTROLLER_NAME)];
    let is_copied =
        |(key, _): &(&str, &str)| !matches!(*key, ANNOTATION_LAST_CHANGE_TRIGGER_TIME | ANNOTATION_LAST_APPLIED);
    let annotations: StrMap = endpoints.meta.annotations.iter().filter(is_copied).collect();
    let meta = ObjectMeta {
        generate_name: endpoint_slice_prefix(&endpoints.meta.name).into(),
        namespace: endpoints.meta.namespace.clone(),
        labels: endpoints.meta.labels.iter().chain(own).collect(),
        annotations,
        owner_references: vec![new_controller_ref(endpoints)].into(),
        ..ObjectMeta::default()
    };
    EndpointSlice {
        meta,
        address_type: address_type.into(),
        endpoints: group.endpoints.into_iter().take(MAX_ENDPOINTS_PER_SUBSET).map(Shared::new).collect(),
        ports: group.ports,
    }
}

/// Slices that would go take the place of slices that would come. Mirrors `recycleSlices`.
fn recycle_slices(plan: &mut Plan) {
    for new in std::mem::take(&mut plan.create) {
        match plan.delete.iter().position(|old| old.address_type == new.address_type) {
            Some(at) => {
                let old = plan.delete.remove(at);
                plan.update.push(named(new, &old));
            }
            None => plan.create.push(new),
        }
    }
}
