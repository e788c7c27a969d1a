//! Node ports of Services, and the ports of health checks, which come from the same range.
//!
//! Mirrors pkg/registry/core/service/storage/alloc.go and portallocator/operation.go (v1.36).

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ServiceSpec;
use seatrial_api::ApiError;
use seatrial_api::field::{Error, Path};

use super::alloc::invalid;
use super::allocators::{NODE_PORTS, ServiceAllocators};
use super::{items, needs_health_check};
use crate::server::mix;

const SPEC: Path<'static> = Path::new("spec");
/// From where a dry run counts up.
const DRY_RUN_PORT: u32 = 32_768;

/// The ports that one write takes. Mirrors `PortAllocationOperation`.
pub(super) struct PortOperation<'a> {
    allocators: &'a ServiceAllocators,
    allocated: Vec<u32>,
    bits: u64,
    dry_run: bool,
}

impl<'a> PortOperation<'a> {
    pub(super) fn new(allocators: &'a ServiceAllocators, bits: u64, dry_run: bool) -> Self {
        Self { allocators, allocated: Vec::new(), bits, dry_run }
    }

    fn is_taken(&self, port: u32) -> bool {
        self.allocators.node_ports.contains(&port) || self.allocated.contains(&port)
    }

    /// Takes a port, or says why not. A dry run does not look at the range.
    fn allocate(&mut self, port: i32) -> Result<(), String> {
        let number = u32::try_from(port).ok().filter(|number| self.dry_run || NODE_PORTS.contains(*number));
        let Some(number) = number else {
            let (first, last) = (NODE_PORTS.first, NODE_PORTS.first + NODE_PORTS.count - 1);
            return Err(format!("provided port is not in the valid range. The range of valid ports is {first}-{last}"));
        };
        if self.is_taken(number) {
            return Err("provided port is already allocated".to_owned());
        }
        self.allocated.push(number);
        Ok(())
    }

    /// Takes a free port; a dry run takes one that nobody can have.
    fn allocate_next(&mut self) -> Result<i32, String> {
        let port = if self.dry_run {
            Some(self.allocated.iter().max().copied().unwrap_or(DRY_RUN_PORT) + 1)
        } else {
            self.bits = mix(self.bits);
            NODE_PORTS.next_free(self.bits, |port| self.is_taken(port))
        };
        let port = port.ok_or("range is full")?;
        self.allocated.push(port);
        i32::try_from(port).map_err(|error| error.to_string())
    }

    /// Mirrors `allocHealthCheckNodePort`.
    pub(super) fn alloc_health_check_node_port(&mut self, spec: &mut ServiceSpec) -> Result<(), ApiError> {
        match spec.health_check_node_port.unwrap_or_default() {
            0 => {
                let port = self
                    .allocate_next()
                    .map_err(|why| ApiError::internal(format!("failed to allocate a HealthCheck NodePort 0: {why}")))?;
                spec.health_check_node_port = Some(port);
                Ok(())
            }
            port => self.allocate(port).map_err(|why| {
                ApiError::internal(format!("failed to allocate requested HealthCheck NodePort {port}: {why}"))
            }),
        }
    }
}

/// Whether ports that ask for no number are given one. Mirrors `shouldAllocateNodePorts`.
fn should_allocate_node_ports(spec: &ServiceSpec) -> bool {
    match spec.type_.as_deref() {
        Some("NodePort") => true,
        Some("LoadBalancer") => spec.allocate_load_balancer_node_ports.unwrap_or(true),
        _ => false,
    }
}

fn refused(name: &str, index: usize, port: i32, why: String) -> ApiError {
    let path = SPEC.child("ports");
    let path = path.index(index);
    invalid(name, vec![Error::invalid(&path.child("nodePort"), port, why)])
}

fn range_is_full(why: String) -> ApiError {
    ApiError::internal(format!("failed to allocate a nodePort: {why}"))
}

/// Ports with one number but several protocols share a node port. Mirrors `initNodePorts`.
pub(super) fn init_node_ports(
    spec: &mut ServiceSpec,
    name: &str,
    operation: &mut PortOperation<'_>,
) -> Result<(), ApiError> {
    let allocates = should_allocate_node_ports(spec);
    let ports = spec.ports.as_deref_mut().unwrap_or_default();
    let mut by_port = BTreeMap::new();
    for index in 0..ports.len() {
        let (port, wanted) = (ports[index].port, ports[index].node_port.unwrap_or_default());
        if wanted == 0 && !allocates {
            continue;
        }
        match by_port.get(&port).copied() {
            None => {
                let requested = ports.iter().filter(|other| other.port == port);
                let requested = requested.filter_map(|other| other.node_port).find(|number| *number != 0);
                let number = match requested {
                    Some(number) => {
                        operation.allocate(number).map_err(|why| refused(name, index, number, why))?;
                        number
                    }
                    None => operation.allocate_next().map_err(range_is_full)?,
                };
                ports[index].node_port = Some(number);
                by_port.insert(port, number);
            }
            Some(shared) if wanted == 0 => ports[index].node_port = Some(shared),
            Some(shared) if wanted == shared => {}
            Some(_) => operation.allocate(wanted).map_err(|why| refused(name, index, wanted, why))?,
        }
    }
    Ok(())
}

/// Mirrors `updateNodePorts`.
pub(super) fn update_node_ports(
    spec: &mut ServiceSpec,
    old: &ServiceSpec,
    name: &str,
    operation: &mut PortOperation<'_>,
) -> Result<(), ApiError> {
    let old_numbers: Vec<i32> = items(&old.ports).iter().filter_map(|port| port.node_port).collect();
    let allocates = should_allocate_node_ports(spec);
    let mut newly_allocated = Vec::new();
    let mut seen = Vec::new();
    for (index, port) in spec.ports.iter_mut().flatten().enumerate() {
        let mut number = port.node_port.unwrap_or_default();
        if number == 0 && !allocates {
            continue;
        }
        if number == 0 {
            number = operation.allocate_next().map_err(range_is_full)?;
            port.node_port = Some(number);
        } else if !old_numbers.contains(&number) && !newly_allocated.contains(&number) {
            operation.allocate(number).map_err(|why| refused(name, index, number, why))?;
            newly_allocated.push(number);
        }
        let protocol = port.protocol.clone().unwrap_or_default();
        if seen.contains(&(protocol.clone(), number)) {
            return Err(ApiError::unknown(format!("duplicate nodePort: {{{protocol} {number}}}")));
        }
        seen.push((protocol, number));
    }
    Ok(())
}

/// Mirrors `updateHealthCheckNodePort`.
pub(super) fn update_health_check_node_port(
    spec: &mut ServiceSpec,
    old: &ServiceSpec,
    name: &str,
    operation: &mut PortOperation<'_>,
) -> Result<(), ApiError> {
    match (needs_health_check(old), needs_health_check(spec)) {
        (false, true) => operation.alloc_health_check_node_port(spec),
        (true, true) if spec.health_check_node_port != old.health_check_node_port => {
            let detail = "cannot change healthCheckNodePort on loadBalancer service with externalTraffic=Local during \
                          update";
            let port = spec.health_check_node_port.unwrap_or_default();
            Err(invalid(name, vec![Error::invalid(&SPEC.child("healthCheckNodePort"), port, detail)]))
        }
        _ => Ok(()),
    }
}
