//! The ports of a Service's endpoints, by which they are grouped into slices.
//!
//! Mirrors k8s.io/endpointslice/utils.go (`getEndpointPorts`) and util (`NewPortMapKey`) (v1.36).
//! Differs: ports keep the Service's order, where upstream sorts them by a hash.

use k8s_openapi::api::core::v1::ServiceSpec;
use k8s_openapi::api::discovery::v1::EndpointPort;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use seatrial_api::{Pod, SharedList};

use crate::endpoint_util::{find_port, is_headless};

/// Name, number, protocol and application protocol.
type PortRow = (Option<String>, Option<i32>, Option<String>, Option<String>);

/// Equal for equal ports in whatever order.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PortMapKey(Vec<PortRow>);

impl PortMapKey {
    /// The key of some ports.
    pub(crate) fn of(ports: &[EndpointPort]) -> Self {
        let row = |p: &EndpointPort| (p.name.clone(), p.port, p.protocol.clone(), p.app_protocol.clone());
        let mut rows: Vec<_> = ports.iter().map(row).collect();
        rows.sort();
        Self(rows)
    }
}

/// Ports and their key.
#[derive(Clone, Debug, Default)]
pub(super) struct Ports {
    pub(super) key: PortMapKey,
    pub(super) list: SharedList<EndpointPort>,
}

/// Finds the ports of pods.
#[derive(Debug)]
pub(super) struct PortFinder<'a> {
    spec: &'a ServiceSpec,
    /// What every pod has, where no port is found by its name.
    of_all: Option<Ports>,
}

impl<'a> PortFinder<'a> {
    pub(super) fn new(spec: &'a ServiceSpec) -> Self {
        let ports = spec.ports.as_deref().unwrap_or_default();
        let is_named = ports.iter().any(|p| matches!(p.target_port, Some(IntOrString::String(_))));
        let of_all = (!is_named).then(|| found(spec, |port| Some(target_number(port))));
        Self { spec, of_all }
    }

    pub(super) fn ports_of(&self, pod: &Pod) -> Ports {
        match &self.of_all {
            Some(ports) => ports.clone(),
            None => found(self.spec, |port| find_port(pod, port)),
        }
    }
}

fn target_number(port: &k8s_openapi::api::core::v1::ServicePort) -> i32 {
    match &port.target_port {
        Some(IntOrString::Int(number)) => *number,
        _ => port.port,
    }
}

fn found(spec: &ServiceSpec, number: impl Fn(&k8s_openapi::api::core::v1::ServicePort) -> Option<i32>) -> Ports {
    let ports = spec.ports.as_deref().unwrap_or_default();
    if ports.is_empty() && is_headless(spec) {
        return Ports::default();
    }
    let one = |port: &k8s_openapi::api::core::v1::ServicePort| {
        Some(EndpointPort {
            name: Some(port.name.clone().unwrap_or_default()),
            port: Some(number(port)?),
            protocol: port.protocol.clone(),
            app_protocol: port.app_protocol.clone(),
        })
    };
    let list: Vec<EndpointPort> = ports.iter().filter_map(one).collect();
    Ports { key: PortMapKey::of(&list), list: list.into() }
}
