//! The rows of Services, Endpoints and EndpointSlices.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{ServicePort, ServiceSpec};
use seatrial_api::{EndpointSlice, EndpointSubset, Endpoints, Service, Time};
use serde_json::json;

use super::{Cells, Column, age, column, or_none, wide};

/// How many endpoints and ports a row shows.
const SHOWN_MAX: usize = 3;
const UNSET: &str = "<unset>";

pub(super) const SERVICE_COLUMNS: &[Column] = &[
    column("Name"),
    column("Type"),
    column("Cluster-IP"),
    column("External-IP"),
    column("Port(s)"),
    column("Age"),
    wide("Selector"),
];

pub(super) fn service_cells(service: &Service, now: Time) -> Cells {
    let spec = service.body.spec.clone().unwrap_or_default();
    let cluster_ip = spec.cluster_ips.iter().flatten().next().cloned().unwrap_or_default();
    let ports: Vec<String> = spec.ports.iter().flatten().map(port_text).collect();
    let selector: Vec<String> = spec.selector.iter().flatten().map(|(key, value)| format!("{key}={value}")).collect();
    vec![
        json!(service.meta.name.as_str()),
        json!(spec.type_.as_deref().unwrap_or_default()),
        json!(or_none(cluster_ip)),
        json!(external_ip(service, &spec)),
        json!(or_none(ports.join(","))),
        json!(age(service.meta.creation_timestamp, now)),
        json!(or_none(selector.join(","))),
    ]
}

/// `80/TCP` or `80:30080/TCP`
fn port_text(port: &ServicePort) -> String {
    let protocol = port.protocol.as_deref().unwrap_or_default();
    match port.node_port.unwrap_or_default() {
        0 => format!("{}/{protocol}", port.port),
        node_port => format!("{}:{node_port}/{protocol}", port.port),
    }
}

/// Mirrors `getServiceExternalIP`.
fn external_ip(service: &Service, spec: &ServiceSpec) -> String {
    let external_ips = spec.external_ips.clone().unwrap_or_default();
    match spec.type_.as_deref().unwrap_or_default() {
        "ClusterIP" | "NodePort" => or_none(external_ips.join(",")),
        "ExternalName" => spec.external_name.clone().unwrap_or_default(),
        "LoadBalancer" => {
            let balancer = service.body.status.as_ref().and_then(|status| status.load_balancer.as_ref());
            let ingress: BTreeSet<&str> = balancer
                .iter()
                .flat_map(|balancer| balancer.ingress.iter().flatten())
                .filter_map(|entry| {
                    let ip = entry.ip.as_deref().filter(|ip| !ip.is_empty());
                    ip.or_else(|| entry.hostname.as_deref().filter(|hostname| !hostname.is_empty()))
                })
                .collect();
            let shown: Vec<&str> = ingress.into_iter().chain(external_ips.iter().map(String::as_str)).collect();
            if shown.is_empty() { "<pending>".to_owned() } else { shown.join(",") }
        }
        _ => "<unknown>".to_owned(),
    }
}

pub(super) const ENDPOINTS_COLUMNS: &[Column] = &[column("Name"), column("Endpoints"), column("Age")];

pub(super) fn endpoints_cells(endpoints: &Endpoints, now: Time) -> Cells {
    let subsets = &endpoints.subsets;
    vec![
        json!(endpoints.meta.name.as_str()),
        json!(if subsets.is_empty() { "<none>".to_owned() } else { endpoints_text(subsets) }),
        json!(age(endpoints.meta.creation_timestamp, now)),
    ]
}

/// Mirrors `formatEndpoints`: ready addresses with each port.
fn endpoints_text(subsets: &[EndpointSubset]) -> String {
    let mut all = Vec::new();
    for subset in subsets {
        let ports: Vec<i32> = subset.ports.iter().map(|port| port.port).collect();
        for address in subset.addresses.iter() {
            let host = if address.ip.contains(':') { format!("[{}]", address.ip) } else { address.ip.clone() };
            if ports.is_empty() {
                all.push(address.ip.clone());
            }
            all.extend(ports.iter().map(|port| format!("{host}:{port}")));
        }
    }
    first_of(&all)
}

/// The first few, and how many more there are.
fn first_of(all: &[String]) -> String {
    let shown = all[..all.len().min(SHOWN_MAX)].join(",");
    match all.len().saturating_sub(SHOWN_MAX) {
        0 => shown,
        rest => format!("{shown} + {rest} more..."),
    }
}

pub(super) const ENDPOINT_SLICE_COLUMNS: &[Column] =
    &[column("Name"), column("AddressType"), column("Ports"), column("Endpoints"), column("Age")];

pub(super) fn endpoint_slice_cells(slice: &EndpointSlice, now: Time) -> Cells {
    let ports = slice.ports.iter().map(|port| match (&port.name, port.port) {
        (_, Some(number)) => number.to_string(),
        (Some(name), None) if !name.is_empty() => name.clone(),
        _ => "*".to_owned(),
    });
    let addresses = slice.endpoints.iter().flat_map(|endpoint| endpoint.addresses.iter().cloned());
    let or_unset = |all: Vec<String>| if all.is_empty() { UNSET.to_owned() } else { first_of(&all) };
    vec![
        json!(slice.meta.name.as_str()),
        json!(slice.address_type.as_str()),
        json!(or_unset(ports.collect())),
        json!(or_unset(addresses.collect())),
        json!(age(slice.meta.creation_timestamp, now)),
    ]
}
