//! Validation of Endpoints and EndpointSlices.
//!
//! Mirrors `ValidateEndpoints` in pkg/apis/core/validation and pkg/apis/discovery/validation (v1.36).

use std::collections::BTreeSet;
use std::net::IpAddr;

use k8s_openapi::api::core::v1::{EndpointAddress, EndpointPort, Endpoints};
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointHints, EndpointPort as SlicePort, EndpointSlice};
use seatrial_api::field::{Error, ErrorList, Path};
use seatrial_api::names::{
    NameUse, is_dns1123_label, is_dns1123_subdomain, is_qualified_name, is_valid_label_value, is_valid_port_num,
    name_is_dns_subdomain,
};

use super::ip::{parse_ip_sloppy, validate_ip, validate_non_special_ip};
use super::meta::{Scope, validate_labels, validate_object_meta, validate_object_meta_update};
use super::{
    invalid_each, invalid_number_each, items, text, validate_immutable_field, validate_required_supported,
    validate_supported,
};

const METADATA: Path<'static> = Path::new("metadata");
const PROTOCOLS: [&str; 3] = ["SCTP", "TCP", "UDP"];
const ADDRESS_TYPES: [&str; 3] = ["FQDN", "IPv4", "IPv6"];
const TOPOLOGY_LABELS_MAX: usize = 16;
const ADDRESSES_MAX: usize = 100;
const PORTS_MAX: usize = 20_000;
const ENDPOINTS_MAX: usize = 1000;
const ZONE_HINTS_MAX: usize = 8;
const FQDN_LENGTH_MAX: usize = 255;

/// The warning that every call about Endpoints gets.
pub const ENDPOINTS_DEPRECATED: &str = "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice";

/// Endpoints to be created. Mirrors `ValidateEndpoints`.
#[must_use]
pub fn validate_endpoints(endpoints: &Endpoints) -> ErrorList {
    let meta = &endpoints.metadata;
    let mut errs = validate_object_meta(meta, Scope::Namespaced, name_is_dns_subdomain, &METADATA);
    let subsets_path = Path::new("subsets");
    for (index, subset) in items(&endpoints.subsets).iter().enumerate() {
        let path = subsets_path.index(index);
        let (ready, not_ready) = (items(&subset.addresses), items(&subset.not_ready_addresses));
        if ready.is_empty() && not_ready.is_empty() {
            errs.push(Error::required(&path, "must specify `addresses` or `notReadyAddresses`"));
        }
        for (field, list) in [("addresses", ready), ("notReadyAddresses", not_ready)] {
            let path = path.child(field);
            for (index, address) in list.iter().enumerate() {
                validate_endpoint_address(&mut errs, address, &path.index(index));
            }
        }
        let ports = items(&subset.ports);
        let path = path.child("ports");
        for (index, port) in ports.iter().enumerate() {
            validate_endpoint_port(&mut errs, port, ports.len() > 1, &path.index(index));
        }
    }
    errs
}

/// Endpoints to be replaced. Mirrors `ValidateEndpointsUpdate`.
#[must_use]
pub fn validate_endpoints_update(new: &Endpoints, old: &Endpoints) -> ErrorList {
    let mut errs = validate_object_meta_update(&new.metadata, &old.metadata, &METADATA);
    errs.extend(validate_endpoints(new));
    errs
}

fn validate_endpoint_address(errs: &mut ErrorList, address: &EndpointAddress, path: &Path<'_>) {
    validate_ip(errs, &address.ip, &path.child("ip"));
    let hostname = text(&address.hostname);
    if !hostname.is_empty() {
        invalid_each(errs, &path.child("hostname"), hostname, is_dns1123_label(hostname));
    }
    if let Some(name) = &address.node_name {
        invalid_each(errs, &path.child("nodeName"), name, name_is_dns_subdomain(name, NameUse::Name));
    }
    validate_non_special_ip(errs, &address.ip, &path.child("ip"));
}

fn validate_endpoint_port(errs: &mut ErrorList, port: &EndpointPort, requires_name: bool, path: &Path<'_>) {
    let name = text(&port.name);
    if !name.is_empty() {
        invalid_each(errs, &path.child("name"), name, is_dns1123_label(name));
    } else if requires_name {
        errs.push(Error::required(&path.child("name"), ""));
    }
    invalid_number_each(errs, &path.child("port"), i64::from(port.port), is_valid_port_num(port.port));
    validate_required_supported(errs, text(&port.protocol), &PROTOCOLS, &path.child("protocol"));
    if let Some(protocol) = &port.app_protocol {
        invalid_each(errs, &path.child("appProtocol"), protocol, is_qualified_name(protocol));
    }
}

/// An EndpointSlice to be created. Mirrors `ValidateEndpointSliceCreate`.
#[must_use]
pub fn validate_endpoint_slice(slice: &EndpointSlice) -> ErrorList {
    validate_slice(slice, &[])
}

/// Endpoints that were there before are not checked again: what an older server took has to stay writable.
fn validate_slice(slice: &EndpointSlice, known: &[Endpoint]) -> ErrorList {
    let meta = &slice.metadata;
    let mut errs = validate_object_meta(meta, Scope::Namespaced, name_is_dns_subdomain, &METADATA);
    validate_required_supported(&mut errs, &slice.address_type, &ADDRESS_TYPES, &Path::new("addressType"));
    let (endpoints, path) = (items(&slice.endpoints), Path::new("endpoints"));
    if endpoints.len() > ENDPOINTS_MAX {
        errs.push(Error::too_many(&path, endpoints.len(), ENDPOINTS_MAX));
    } else {
        for (index, endpoint) in endpoints.iter().enumerate().filter(|(_, endpoint)| !known.contains(endpoint)) {
            validate_slice_endpoint(&mut errs, endpoint, &slice.address_type, &path.index(index));
        }
    }
    validate_slice_ports(&mut errs, items(&slice.ports), &Path::new("ports"));
    errs
}

/// An EndpointSlice to be replaced. Mirrors `ValidateEndpointSliceUpdate`.
#[must_use]
pub fn validate_endpoint_slice_update(new: &EndpointSlice, old: &EndpointSlice) -> ErrorList {
    let mut errs = validate_slice(new, items(&old.endpoints));
    let (new, old) = (&new.address_type, &old.address_type);
    validate_immutable_field(&mut errs, &new, &old, &Path::new("addressType"), |&value| value.into());
    errs
}

/// What writing the EndpointSlice warns of.
#[must_use]
pub fn warnings_for_endpoint_slice(slice: &EndpointSlice) -> Vec<String> {
    let is_fqdn = slice.address_type == "FQDN";
    is_fqdn.then(|| "spec.addressType: FQDN endpoints are deprecated".to_owned()).into_iter().collect()
}

fn validate_slice_endpoint(errs: &mut ErrorList, endpoint: &Endpoint, address_type: &str, path: &Path<'_>) {
    let addresses_path = path.child("addresses");
    let addresses = &endpoint.addresses;
    if addresses.is_empty() {
        errs.push(Error::required(&addresses_path, "must contain at least 1 address"));
    } else if addresses.len() > ADDRESSES_MAX {
        errs.push(Error::too_many(&addresses_path, addresses.len(), ADDRESSES_MAX));
    }
    for (index, address) in addresses.iter().enumerate() {
        let path = addresses_path.index(index);
        match address_type {
            "IPv4" | "IPv6" if validate_ip(errs, address, &path) => {
                if matches!(parse_ip_sloppy(address), Some(IpAddr::V6(_))) != (address_type == "IPv6") {
                    // Upstream's path is that of the list.
                    let detail = format!("must be an {address_type} address");
                    errs.push(Error::invalid(&addresses_path, address, detail));
                }
                validate_non_special_ip(errs, address, &path);
            }
            "FQDN" => validate_fqdn(errs, address, &path),
            _ => {}
        }
    }
    if let Some(name) = &endpoint.node_name {
        invalid_each(errs, &path.child("nodeName"), name, name_is_dns_subdomain(name, NameUse::Name));
    }
    if let Some(topology) = &endpoint.deprecated_topology {
        let path = path.child("deprecatedTopology");
        if topology.len() > TOPOLOGY_LABELS_MAX {
            errs.push(Error::too_many(&path, topology.len(), TOPOLOGY_LABELS_MAX));
        }
        validate_labels(errs, Some(topology), &path);
    }
    if let Some(hostname) = &endpoint.hostname {
        invalid_each(errs, &path.child("hostname"), hostname, is_dns1123_label(hostname));
    }
    if let Some(hints) = &endpoint.hints {
        validate_hints(errs, hints, &path.child("hints"));
    }
}

/// Mirrors `IsFullyQualifiedDomainName`.
fn validate_fqdn(errs: &mut ErrorList, name: &str, path: &Path<'_>) {
    if name.is_empty() {
        errs.push(Error::required(path, ""));
        return;
    }
    let name = name.strip_suffix('.').unwrap_or(name);
    let messages = is_dns1123_subdomain(name);
    if !messages.is_empty() {
        invalid_each(errs, path, name, messages);
        return;
    }
    if !name.contains('.') {
        let detail = "should be a domain with at least two segments separated by dots";
        errs.push(Error::invalid(path, name, detail));
    }
    if name.len() > FQDN_LENGTH_MAX {
        errs.push(Error::too_long(path, FQDN_LENGTH_MAX));
    }
}

/// Mirrors `validateHints`.
fn validate_hints(errs: &mut ErrorList, hints: &EndpointHints, path: &Path<'_>) {
    let zones = hints.for_zones.iter().flatten().map(|zone| zone.name.as_str()).collect();
    let nodes = hints.for_nodes.iter().flatten().map(|node| node.name.as_str()).collect();
    let lists: [(&str, Vec<&str>); 2] = [("forZones", zones), ("forNodes", nodes)];
    for (field, names) in lists {
        let path = path.child(field);
        if names.len() > ZONE_HINTS_MAX {
            errs.push(Error::too_many(&path, names.len(), ZONE_HINTS_MAX));
            continue;
        }
        let mut seen = BTreeSet::new();
        for (index, name) in names.iter().enumerate() {
            let path = path.index(index);
            let path = path.child("name");
            if !seen.insert(name) {
                errs.push(Error::duplicate(&path, *name));
                continue;
            }
            let messages = match field {
                "forZones" => is_valid_label_value(name),
                _ => name_is_dns_subdomain(name, NameUse::Name),
            };
            invalid_each(errs, &path, name, messages);
        }
    }
}

/// Mirrors `validatePorts`.
fn validate_slice_ports(errs: &mut ErrorList, ports: &[SlicePort], path: &Path<'_>) {
    if ports.len() > PORTS_MAX {
        errs.push(Error::too_many(path, ports.len(), PORTS_MAX));
        return;
    }
    let mut names = BTreeSet::new();
    for (index, port) in ports.iter().enumerate() {
        let path = path.index(index);
        let name = text(&port.name);
        let name_path = path.child("name");
        if !name.is_empty() {
            invalid_each(errs, &name_path, name, is_dns1123_label(name));
        }
        if !names.insert(name) {
            errs.push(Error::duplicate(&name_path, name));
        }
        match &port.protocol {
            None => errs.push(Error::required(&path.child("protocol"), "")),
            Some(protocol) => validate_supported(errs, protocol, &PROTOCOLS, &path.child("protocol")),
        }
        if let Some(protocol) = &port.app_protocol {
            invalid_each(errs, &path.child("appProtocol"), protocol, is_qualified_name(protocol));
        }
    }
}

#[cfg(test)]
mod tests;
