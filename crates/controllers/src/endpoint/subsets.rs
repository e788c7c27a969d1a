//! The addresses of a Service, grouped by the ports they have.
//!
//! Mirrors pkg/api/v1/endpoints/util.go (`RepackSubsets`) (v1.36).
//! Differs: subsets and ports are ordered by their ports, where upstream orders them by a hash. A pod's place is kept, so
//! that a pod that changes costs one look-up and not a walk over all of them.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{EndpointAddress, EndpointPort};
use rustc_hash::FxHashMap;
use seatrial_api::{EndpointSubset, Shared, SharedList, Str, Uid};

use super::capacity::{Count, truncate_endpoints};

/// A port, so that ports can be ordered.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Port {
    pub(super) name: Option<String>,
    pub(super) port: i32,
    pub(super) protocol: Option<String>,
    pub(super) app_protocol: Option<String>,
}

impl Port {
    fn to_api(&self) -> EndpointPort {
        EndpointPort {
            app_protocol: self.app_protocol.clone(),
            name: self.name.clone().filter(|name| !name.is_empty()),
            port: self.port,
            protocol: self.protocol.clone(),
        }
    }
}

/// What one pod adds.
#[derive(Clone, Debug)]
pub(super) struct Member {
    /// Its ports, in their order; none for a headless Service without ports.
    pub(super) ports: Vec<Port>,
    pub(super) ready: bool,
    pub(super) uid: Uid,
    pub(super) address: EndpointAddress,
}

/// Addresses are ordered by their text, so `10.1.0.10` is before `10.1.0.9`. Mirrors `LessEndpointAddress`.
type AddressKey = (Str, Uid);
type Addresses = BTreeMap<AddressKey, Shared<EndpointAddress>>;

/// The pods that have the same ports.
#[derive(Debug, Default)]
struct Class {
    ready: Addresses,
    not_ready: Addresses,
}

impl Class {
    fn of(&mut self, ready: bool) -> &mut Addresses {
        if ready { &mut self.ready } else { &mut self.not_ready }
    }
}

#[derive(Debug)]
struct Place {
    ports: Vec<Port>,
    ready: bool,
    key: AddressKey,
}

/// All addresses of a Service.
#[derive(Debug, Default)]
pub(super) struct Members {
    places: FxHashMap<Str, Place>,
    classes: BTreeMap<Vec<Port>, Class>,
}

/// A subset to be: its ports and the classes that have them.
struct Group<'a> {
    ports: Vec<EndpointPort>,
    classes: Vec<&'a Class>,
}

impl Members {
    /// Takes a pod's addresses away.
    pub(super) fn remove(&mut self, pod: &str) {
        let Some(place) = self.places.remove(pod) else { return };
        let Some(class) = self.classes.get_mut(&place.ports) else { return };
        class.of(place.ready).remove(&place.key);
        if class.ready.is_empty() && class.not_ready.is_empty() {
            self.classes.remove(&place.ports);
        }
    }

    /// Adds a pod, which is not there yet.
    pub(super) fn insert(&mut self, pod: &Str, member: Member) {
        let key = (Str::from(&member.address.ip), member.uid);
        let class = self.classes.entry(member.ports.clone()).or_default();
        class.of(member.ready).insert(key.clone(), Shared::new(member.address));
        self.places.insert(pod.clone(), Place { ports: member.ports, ready: member.ready, key });
    }

    /// Forgets all pods.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The subsets, and whether addresses were left out.
    pub(super) fn subsets(&self) -> (SharedList<EndpointSubset>, bool) {
        let groups = self.groups();
        let counts: Vec<Count> = groups.iter().map(Group::count).collect();
        let kept = truncate_endpoints(&counts);
        let limits = kept.as_deref().unwrap_or(&counts);
        let subsets = groups.iter().zip(limits).map(|(group, limit)| EndpointSubset {
            addresses: take(group.classes.iter().map(|c| &c.ready), limit.ready),
            not_ready_addresses: take(group.classes.iter().map(|c| &c.not_ready), limit.not_ready),
            ports: group.ports.clone().into(),
        });
        (subsets.collect(), kept.is_some())
    }

    /// Ports that the same pods have are one subset.
    fn groups(&self) -> Vec<Group<'_>> {
        let mut by_port: BTreeMap<&Port, Vec<usize>> = BTreeMap::new();
        let classes: Vec<(&Vec<Port>, &Class)> = self.classes.iter().collect();
        for (at, (ports, _)) in classes.iter().enumerate() {
            for port in *ports {
                by_port.entry(port).or_default().push(at);
            }
        }
        let mut groups: Vec<(Vec<usize>, Vec<EndpointPort>)> = Vec::new();
        for (port, holders) in by_port {
            match groups.iter_mut().find(|(known, _)| *known == holders) {
                Some((_, ports)) => ports.push(port.to_api()),
                None => groups.push((holders, vec![port.to_api()])),
            }
        }
        let without_ports = classes.iter().position(|(ports, _)| ports.is_empty());
        groups.extend(without_ports.map(|at| (vec![at], Vec::new())));
        let group = |(holders, ports): (Vec<usize>, _)| Group {
            ports,
            classes: holders.iter().map(|at| classes[*at].1).collect(),
        };
        groups.into_iter().map(group).collect()
    }
}

impl Group<'_> {
    fn count(&self) -> Count {
        Count {
            ready: self.classes.iter().map(|c| c.ready.len()).sum(),
            not_ready: self.classes.iter().map(|c| c.not_ready.len()).sum(),
        }
    }
}

/// The first so many addresses of some classes.
fn take<'a>(
    classes: impl ExactSizeIterator<Item = &'a Addresses>,
    limit: usize,
) -> SharedList<Shared<EndpointAddress>> {
    if classes.len() == 1 {
        return classes.flat_map(|addresses| addresses.values()).take(limit).cloned().collect();
    }
    let mut all: Vec<(&AddressKey, &Shared<EndpointAddress>)> = classes.flatten().collect();
    all.sort_unstable_by_key(|(key, _)| *key);
    all.into_iter().take(limit).map(|(_, address)| address.clone()).collect()
}
