//! Giving Services their cluster IPs and node ports, before they are validated.
//!
//! Mirrors pkg/registry/core/service/storage/alloc.go (v1.36).

use k8s_openapi::api::core::v1::ServiceSpec;
use seatrial_api::field::{BadValue, Error, ErrorList, Path, quote};
use seatrial_api::{ApiError, Kind, Service};

use super::allocators::{CLUSTER_IPS, ServiceAllocators, ip_number, ip_text};
use super::families::{init_ip_family_fields, is_matching_prefer_dual_stack};
use super::fields::{normalize_cluster_ips, patch_allocated_values};
use super::ports::{PortOperation, init_node_ports, update_health_check_node_port, update_node_ports};
use super::{SERVICE_CLUSTER_IP_RANGE, is_headless, items, needs_cluster_ip, needs_health_check, needs_node_port};
use crate::server::mix;
use crate::validation::CLUSTER_IP_NONE;

const SPEC: Path<'static> = Path::new("spec");

/// The refusal of a Service.
pub(super) fn invalid(name: &str, errors: ErrorList) -> ApiError {
    ApiError::invalid(&Kind::Service.group_kind(), name, errors)
}

/// Completes a new Service. Mirrors `beginCreate` and `allocateCreate`.
///
/// # Errors
/// 422 for what cannot be had, 500 where everything is taken.
pub(crate) fn allocate_create(
    service: &mut Service,
    allocators: &ServiceAllocators,
    dry_run: bool,
) -> Result<(), ApiError> {
    let bits = allocators.bits(service);
    let name = service.meta.name.to_string();
    let spec = service.body.spec.get_or_insert_default();
    normalize_cluster_ips(spec, None);
    init_ip_family_fields(spec, None, &name)?;
    alloc_cluster_ips(spec, &name, allocators, (!dry_run).then_some(bits))?;
    let mut operation = PortOperation::new(allocators, mix(bits), dry_run);
    if needs_node_port(spec) {
        init_node_ports(spec, &name, &mut operation)?;
    }
    if needs_health_check(spec) {
        operation.alloc_health_check_node_port(spec)?;
    }
    Ok(())
}

/// Completes a changed Service with what the stored one has. Mirrors `beginUpdate` and `allocateUpdate`.
///
/// # Errors
/// As [`allocate_create`].
pub(crate) fn allocate_update(
    service: &mut Service,
    old: &Service,
    allocators: &ServiceAllocators,
    dry_run: bool,
) -> Result<(), ApiError> {
    let bits = allocators.bits(service);
    let name = service.meta.name.to_string();
    let old = &old.body.spec.clone().unwrap_or_default();
    let spec = service.body.spec.get_or_insert_default();
    patch_allocated_values(spec, old);
    normalize_cluster_ips(spec, Some(old));
    init_ip_family_fields(spec, Some(old), &name)?;
    if !is_matching_prefer_dual_stack(spec, old) && !needs_cluster_ip(old) && needs_cluster_ip(spec) {
        alloc_cluster_ips(spec, &name, allocators, (!dry_run).then_some(bits))?;
    }
    let mut operation = PortOperation::new(allocators, mix(bits), dry_run);
    if needs_node_port(spec) {
        update_node_ports(spec, old, &name, &mut operation)?;
    }
    update_health_check_node_port(spec, old, &name, &mut operation)
}

/// Gives a Service the cluster IP it asks for, or a random one; without bits nothing is looked up. Mirrors `allocClusterIPs`.
fn alloc_cluster_ips(
    spec: &mut ServiceSpec,
    name: &str,
    allocators: &ServiceAllocators,
    bits: Option<u64>,
) -> Result<(), ApiError> {
    let is_none = items(&spec.cluster_ips).first().is_some_and(|ip| ip == CLUSTER_IP_NONE);
    if !needs_cluster_ip(spec) || is_none || is_headless(spec) {
        return Ok(());
    }
    let taken = &allocators.cluster_ips;
    let wanted = items(&spec.cluster_ips).first().cloned().unwrap_or_default();
    let ip = if wanted.is_empty() {
        match bits {
            // A dry run finds nothing free: it is answered with the network's own address.
            None => SERVICE_CLUSTER_IP_RANGE.split('/').next().unwrap_or_default().to_owned(),
            Some(bits) => CLUSTER_IPS.next_free(bits, |ip| taken.contains(&ip)).map(ip_text).ok_or_else(|| {
                let name = quote(name);
                ApiError::internal(format!("failed to allocate a serviceIP for Service {name}: range is full"))
            })?,
        }
    } else {
        let number = ip_number(&wanted).filter(|number| CLUSTER_IPS.contains(*number));
        let why = match number {
            None => Some("the provided network does not match the current range"),
            Some(number) if bits.is_some() && taken.contains(&number) => Some("provided IP is already allocated"),
            Some(_) => None,
        };
        if let Some(why) = why {
            let value = BadValue::json(&items(&spec.cluster_ips));
            let detail = format!("failed to allocate IP {wanted}: {why}");
            return Err(invalid(name, vec![Error::invalid(&SPEC.child("clusterIPs"), value, detail)]));
        }
        wanted
    };
    spec.cluster_ip = Some(ip.clone());
    spec.cluster_ips = Some(vec![ip]);
    Ok(())
}
