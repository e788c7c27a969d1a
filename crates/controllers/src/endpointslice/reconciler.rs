//! From the pods that should be there and the slices that are to the slices that should be: pure arithmetic.
//!
//! Mirrors k8s.io/endpointslice/reconciler.go (`reconcileByAddressType`, `reconcileByPortMapping`) (v1.36).
//! Differs: only the slices of pods that have changed are looked into, and where upstream takes any endpoint of a set the
//! next by the pod's name is taken.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use k8s_openapi::api::discovery::v1::Endpoint;
use seatrial_api::{EndpointSlice, Service, Shared, SharedList, Str, StrMap};
use seatrial_machinery::{LABEL_SERVICE_NAME, new_controller_ref};

use super::endpoints::{endpoints_equal_beyond_hash, pod_name_of, same_endpoint};
use super::hints::Heuristic;
use super::ports::{PortMapKey, Ports};
use crate::endpoint_util::{
    Changed, LABEL_HEADLESS, LABEL_MANAGED_BY, endpoint_slice_prefix, is_service_ip_set, spec_of,
};

/// How many endpoints a slice has at most. Mirrors `--max-endpoints-per-slice`.
pub(super) const MAX_ENDPOINTS_PER_SLICE: usize = 100;
/// Mirrors `controllerQualifiedName`.
pub(super) const CONTROLLER_NAME: &str = "endpointslice-controller.k8s.io";

/// The endpoints that should be there, of the pods that are looked at.
#[derive(Debug, Default)]
pub(super) struct Desired {
    /// By their ports, in the order of the pods' names.
    pub(super) groups: BTreeMap<PortMapKey, (Ports, BTreeMap<Str, Shared<Endpoint>>)>,
}

/// What is reconciled.
#[derive(Clone, Copy, Debug)]
pub(super) struct Input<'a> {
    pub(super) service: &'a Service,
    pub(super) address_type: &'static str,
    /// Which pods the desired endpoints are of.
    pub(super) changed: &'a Changed,
    /// The slices that hold endpoints of pods that have changed; not asked for where everything has.
    pub(super) touched: &'a BTreeSet<Str>,
}

/// What is to be written.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) create: Vec<EndpointSlice>,
    pub(super) update: Vec<EndpointSlice>,
    pub(super) delete: Vec<Arc<EndpointSlice>>,
}

/// One group's slices in the making.
struct Work {
    slice: EndpointSlice,
    endpoints: Vec<Shared<Endpoint>>,
    is_updated: bool,
}

impl Work {
    fn new(slice: EndpointSlice) -> Self {
        Self { endpoints: slice.endpoints.to_vec(), slice, is_updated: false }
    }

    fn fill(&mut self, rest: &mut BTreeMap<Str, Shared<Endpoint>>) {
        while self.endpoints.len() < MAX_ENDPOINTS_PER_SLICE
            && let Some((_, endpoint)) = rest.pop_first()
        {
            self.endpoints.push(endpoint);
        }
    }

    fn finish(mut self) -> EndpointSlice {
        self.slice.endpoints = self.endpoints.into();
        self.slice
    }
}

/// Brings the slices of one address type to what is desired. Mirrors `reconcileByAddressType`.
pub(super) fn reconcile_by_address_type(
    input: &Input<'_>,
    existing: &[Arc<EndpointSlice>],
    mut desired: Desired,
) -> Plan {
    let mut plan = Plan::default();
    let mut by_ports: BTreeMap<PortMapKey, Vec<&Arc<EndpointSlice>>> = BTreeMap::new();
    for slice in existing {
        if owned_by(slice, input.service) {
            by_ports.entry(PortMapKey::of(&slice.ports)).or_default().push(slice);
        } else {
            plan.delete.push(Arc::clone(slice));
        }
    }
    let keys: BTreeSet<PortMapKey> = by_ports.keys().chain(desired.groups.keys()).cloned().collect();
    for key in keys {
        let slices = by_ports.remove(&key).unwrap_or_default();
        let group = desired.groups.remove(&key);
        // Endpoints of pods that have not changed keep their group.
        let has_others = slices.iter().any(|slice| slice.endpoints.iter().any(|e| !is_looked_at(input, e)));
        if group.is_none() && !has_others {
            plan.delete.extend(slices.into_iter().cloned());
            continue;
        }
        let (ports, endpoints) = group.unwrap_or_default();
        reconcile_by_port_mapping(input, &slices, ports, endpoints, &mut plan);
    }
    add_placeholder(input, existing.len(), &mut plan);
    add_hints(input, existing, &mut plan);
    recycle(input.service, &mut plan);
    plan
}

fn is_looked_at(input: &Input<'_>, endpoint: &Endpoint) -> bool {
    pod_name_of(endpoint).map_or(*input.changed == Changed::All, |name| input.changed.has(name))
}

/// Mirrors `reconcileByPortMapping`.
fn reconcile_by_port_mapping(
    input: &Input<'_>,
    existing: &[&Arc<EndpointSlice>],
    ports: Ports,
    mut rest: BTreeMap<Str, Shared<Endpoint>>,
    plan: &mut Plan,
) {
    // 1. Endpoints that are no longer desired go, others are renewed.
    let mut updated: Vec<Work> = Vec::new();
    let mut unchanged: Vec<&Arc<EndpointSlice>> = Vec::new();
    for slice in existing {
        if *input.changed != Changed::All && !input.touched.contains(&slice.meta.name) {
            unchanged.push(slice);
            continue;
        }
        let (endpoints, is_updated) = renewed(input, slice, &mut rest);
        let (labels, labels_changed) = slice_labels(&slice.meta.labels, input.service);
        if is_updated || endpoints.len() != slice.endpoints.len() {
            if endpoints.is_empty() {
                plan.delete.push(Arc::clone(slice));
                continue;
            }
        } else if !labels_changed {
            unchanged.push(slice);
            continue;
        }
        let mut copy = EndpointSlice::clone(slice);
        copy.meta.labels = labels;
        updated.push(Work { slice: copy, endpoints, is_updated: true });
    }
    // 2. What is new goes to slices that are written anyway, the fullest first.
    updated.sort_by_key(|work| std::cmp::Reverse(work.endpoints.len()));
    for work in &mut updated {
        work.fill(&mut rest);
    }
    // 3. The rest goes to one slice that is not written yet, or to new ones.
    while !rest.is_empty() {
        let place = (rest.len() < MAX_ENDPOINTS_PER_SLICE).then(|| slice_to_fill(&unchanged, rest.len())).flatten();
        match place {
            Some(place) => {
                let mut work = Work::new(EndpointSlice::clone(unchanged.remove(place)));
                work.fill(&mut rest);
                updated.push(Work { is_updated: true, ..work });
            }
            None => {
                let mut work = Work::new(new_endpoint_slice(input, ports.list.clone()));
                work.fill(&mut rest);
                plan.create.push(work.finish());
            }
        }
    }
    plan.update.extend(updated.into_iter().filter(|work| work.is_updated).map(Work::finish));
}

/// A slice's endpoints as they should be, and whether one of them differs.
fn renewed(
    input: &Input<'_>,
    slice: &EndpointSlice,
    rest: &mut BTreeMap<Str, Shared<Endpoint>>,
) -> (Vec<Shared<Endpoint>>, bool) {
    let mut is_updated = false;
    let mut endpoints = Vec::with_capacity(slice.endpoints.len());
    for endpoint in slice.endpoints.iter() {
        if !is_looked_at(input, endpoint) {
            endpoints.push(endpoint.clone());
            continue;
        }
        let Some(name) = pod_name_of(endpoint) else { continue };
        if rest.get(name).is_some_and(|got| same_endpoint(got, endpoint))
            && let Some(got) = rest.remove(name)
        {
            if endpoints_equal_beyond_hash(&got, endpoint) {
                endpoints.push(endpoint.clone());
            } else {
                is_updated = true;
                endpoints.push(got);
            }
        }
    }
    (endpoints, is_updated)
}

/// The slice that is closest to full with so many more endpoints. Mirrors `getSliceToFill`.
fn slice_to_fill(slices: &[&Arc<EndpointSlice>], count: usize) -> Option<usize> {
    let left = |slice: &EndpointSlice| MAX_ENDPOINTS_PER_SLICE.checked_sub(count + slice.endpoints.len());
    slices.iter().enumerate().filter_map(|(at, slice)| Some((left(slice)?, at))).min().map(|(_, at)| at)
}

/// A Service has a slice even if it has no endpoints.
fn add_placeholder(input: &Input<'_>, existing: usize, plan: &mut Plan) {
    if existing != plan.delete.len() || !plan.create.is_empty() {
        return;
    }
    let placeholder = new_endpoint_slice(input, SharedList::default());
    let same = |slice: &EndpointSlice| {
        slice.meta.labels == placeholder.meta.labels
            && slice.meta.namespace == placeholder.meta.namespace
            && slice.meta.owner_references == placeholder.meta.owner_references
            && slice.endpoints.is_empty()
            && slice.ports.is_empty()
            && slice.address_type == placeholder.address_type
    };
    match plan.delete.as_slice() {
        [only] if same(only) => plan.delete.clear(),
        _ => plan.create.push(placeholder),
    }
}

/// Gives hints to what is written, and to what is there already where the Service may have changed.
fn add_hints(input: &Input<'_>, existing: &[Arc<EndpointSlice>], plan: &mut Plan) {
    let heuristic = Heuristic::of(input.service);
    if *input.changed == Changed::All {
        let is_written = |slice: &Arc<EndpointSlice>| {
            plan.update
                .iter()
                .map(|s| &s.meta.name)
                .chain(plan.delete.iter().map(|s| &s.meta.name))
                .any(|n| *n == slice.meta.name)
        };
        let stale = |slice: &&Arc<EndpointSlice>| slice.endpoints.iter().any(|e| !heuristic.apply(e).ptr_eq(e));
        let more: Vec<EndpointSlice> =
            existing.iter().filter(|s| !is_written(s)).filter(stale).map(|s| EndpointSlice::clone(s)).collect();
        plan.update.extend(more);
    }
    for slice in plan.create.iter_mut().chain(plan.update.iter_mut()) {
        if slice.endpoints.iter().any(|e| !heuristic.apply(e).ptr_eq(e)) {
            slice.endpoints = slice.endpoints.iter().map(|e| heuristic.apply(e)).collect();
        }
    }
}

/// Slices that would go take the place of slices that would come. Mirrors the first half of `finalize`.
fn recycle(service: &Service, plan: &mut Plan) {
    let mut at = 0;
    while at < plan.delete.len()
        && let Some(new) = plan.create.last_mut()
    {
        let old = &plan.delete[at];
        if old.address_type != new.address_type || !owned_by(old, service) {
            at += 1;
            continue;
        }
        new.meta.name = old.meta.name.clone();
        plan.update.extend(plan.create.pop());
        plan.delete.remove(at);
    }
}

/// A slice without endpoints. Mirrors `newEndpointSlice`.
fn new_endpoint_slice(
    input: &Input<'_>,
    ports: SharedList<k8s_openapi::api::discovery::v1::EndpointPort>,
) -> EndpointSlice {
    let service = input.service;
    let meta = seatrial_api::ObjectMeta {
        generate_name: endpoint_slice_prefix(&service.meta.name).into(),
        namespace: service.meta.namespace.clone(),
        labels: slice_labels(&StrMap::EMPTY, service).0,
        owner_references: vec![new_controller_ref(service)].into(),
        ..Default::default()
    };
    EndpointSlice { meta, address_type: input.address_type.into(), endpoints: SharedList::default(), ports }
}

/// Whether the Service owns the slice. Mirrors `ownedBy`.
pub(super) fn owned_by(slice: &EndpointSlice, service: &Service) -> bool {
    let is_owner =
        |r: &seatrial_api::OwnerReference| r.uid == service.meta.uid && r.kind == "Service" && r.api_version == "v1";
    slice.meta.owner_references.iter().any(is_owner)
}

/// The labels a slice should have: the Service's and a slice's own; and whether the Service's are not there as they should
/// be. Mirrors `setEndpointSliceLabels`.
pub(super) fn slice_labels(slice: &StrMap, service: &Service) -> (StrMap, bool) {
    let plain = |(key, _): &(&str, &str)| !matches!(*key, LABEL_SERVICE_NAME | LABEL_MANAGED_BY | LABEL_HEADLESS);
    let changed = !slice.iter().filter(plain).eq(service.meta.labels.iter().filter(plain));
    let own = [(LABEL_SERVICE_NAME, service.meta.name.as_str()), (LABEL_MANAGED_BY, CONTROLLER_NAME)];
    let headless = (!is_service_ip_set(spec_of(service))).then_some((LABEL_HEADLESS, ""));
    let labels = service.meta.labels.iter().filter(plain).chain(own).chain(headless);
    (labels.collect(), changed)
}
