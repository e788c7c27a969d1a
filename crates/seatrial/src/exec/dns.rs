//! What the cluster's DNS answers: Services, endpoints by their hostnames, pods by their addresses.
//!
//! Mirrors the Kubernetes DNS specification (schema 1.1.0) as CoreDNS implements it, and pkg/kubelet/network/dns (v1.36).

use std::net::IpAddr;

use k8s_openapi::api::discovery::v1::Endpoint;
use seatrial_api::{EndpointSlice, Namespace, NamespacedName, Pod, Service};

use crate::cluster::Cluster;

/// The cluster's own domain.
const ZONE: &str = "cluster.local";
/// The address of the cluster's DNS, the tenth of the Services' network.
pub(super) const SERVER: &str = "10.96.0.10";
/// Names with fewer dots are looked for in the search domains first.
const NDOTS: usize = 5;
/// How many aliases are followed.
const CNAMES_MAX: usize = 8;
const HOSTNAME_LENGTH_MAX: usize = 63;

/// What a name comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// The name that has the addresses, in full.
    pub(crate) name: String,
    /// The names that led there.
    pub(crate) aliases: Vec<String>,
    /// The addresses, in their order.
    pub(crate) addresses: Vec<IpAddr>,
}

/// One line of an answer about a service: priority, weight, port and target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Srv {
    pub(crate) weight: u32,
    pub(crate) port: i32,
    pub(crate) target: String,
}

/// A pod's hostname. Mirrors `GeneratePodHostNameAndDomain`.
pub(crate) fn hostname(pod: &Pod) -> String {
    if pod.spec.api().host_network == Some(true) {
        return pod.node_name.to_string();
    }
    let name = pod.hostname().filter(|name| !name.is_empty()).unwrap_or(&pod.meta.name);
    let end = name.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(|end| *end <= HOSTNAME_LENGTH_MAX).last();
    name[..end.unwrap_or(0)].trim_end_matches(['-', '.']).to_owned()
}

/// A pod's name in full, where it has a subdomain.
pub(crate) fn fqdn(pod: &Pod) -> Option<String> {
    let subdomain = pod.spec.api().subdomain.as_deref().filter(|s| !s.is_empty())?;
    Some(format!("{}.{subdomain}.{}.svc.{ZONE}", hostname(pod), pod.meta.namespace))
}

fn is_ready(endpoint: &Endpoint) -> bool {
    endpoint.conditions.as_ref().and_then(|c| c.ready) != Some(false)
}

fn addresses(endpoint: &Endpoint) -> impl Iterator<Item = IpAddr> {
    endpoint.addresses.iter().filter_map(|ip| ip.parse().ok())
}

/// The last part of an endpoint's name: its hostname, or its address with dashes. Mirrors CoreDNS' `endpointHostname`.
fn label_of(endpoint: &Endpoint, ip: IpAddr) -> String {
    let hostname = endpoint.hostname.clone().filter(|name| !name.is_empty());
    hostname.unwrap_or_else(|| ip.to_string().replace(['.', ':'], "-"))
}

/// The endpoints of a Service that are ready, each with the slice it is in.
fn endpoints_of<'a>(
    cluster: &'a Cluster,
    service: &NamespacedName,
) -> impl Iterator<Item = (&'a EndpointSlice, &'a Endpoint)> {
    let slices: Vec<&EndpointSlice> = cluster.slices_of(service).map(|slice| &**slice).collect();
    let endpoints = slices.into_iter().flat_map(|slice| slice.endpoints.iter().map(move |e| (slice, &**e)));
    endpoints.filter(|(_, endpoint)| is_ready(endpoint))
}

/// How a pod asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Resolver {
    search: Vec<String>,
    ndots: usize,
    servers: Vec<String>,
    /// Names the pod knows without asking.
    hosts: Vec<(String, IpAddr)>,
    /// Whether the cluster's DNS is asked at all.
    asks_cluster: bool,
}

impl Resolver {
    /// The resolver of a pod. Mirrors `GetPodDNS`.
    pub(crate) fn of(cluster: &Cluster, pod: &Pod) -> Self {
        let spec = pod.spec.api();
        let policy = spec.dns_policy.as_deref().unwrap_or("ClusterFirst");
        let in_cluster =
            policy == "ClusterFirstWithHostNet" || (policy == "ClusterFirst" && spec.host_network != Some(true));
        let namespace = &pod.meta.namespace;
        let mut search = Vec::new();
        let mut servers = Vec::new();
        if in_cluster {
            search = vec![format!("{namespace}.svc.{ZONE}"), format!("svc.{ZONE}"), ZONE.to_owned()];
            servers.push(SERVER.to_owned());
        } else if policy != "None" {
            servers.push(pod.status.host_ip.map(|ip| ip.to_string()).unwrap_or_default());
        }
        let mut ndots = if in_cluster { NDOTS } else { 1 };
        if let Some(config) = &spec.dns_config {
            servers.extend(config.nameservers.iter().flatten().cloned());
            search.extend(config.searches.iter().flatten().cloned());
            let option = config.options.iter().flatten().find(|o| o.name.as_deref() == Some("ndots"));
            ndots = option.and_then(|o| o.value.as_deref()?.parse().ok()).unwrap_or(ndots);
        }
        let mut hosts = vec![("localhost".to_owned(), IpAddr::from([127, 0, 0, 1]))];
        if let Some(ip) = pod.status.pod_ip {
            hosts.push((hostname(pod), ip));
            hosts.extend(fqdn(pod).map(|name| (name, ip)));
        }
        for alias in spec.host_aliases.iter().flatten() {
            let Ok(ip) = alias.ip.parse::<IpAddr>() else { continue };
            hosts.extend(alias.hostnames.iter().flatten().map(|name| (name.clone(), ip)));
        }
        let asks_cluster = servers.iter().any(|s| s == SERVER || is_dns_service(cluster, s));
        Self { search, ndots, servers, hosts, asks_cluster }
    }

    /// `/etc/resolv.conf`
    pub(crate) fn resolv_conf(&self) -> String {
        let servers: String = self.servers.iter().map(|server| format!("nameserver {server}\n")).collect();
        if self.search.is_empty() {
            return servers;
        }
        format!("search {}\n{servers}options ndots:{}\n", self.search.join(" "), self.ndots)
    }

    /// The addresses of a name as a program in the pod finds them.
    pub(crate) fn resolve(&self, cluster: &Cluster, name: &str) -> Option<Found> {
        if let Ok(ip) = name.parse::<IpAddr>() {
            return Some(Found { name: name.to_owned(), aliases: Vec::new(), addresses: vec![ip] });
        }
        let known = self.hosts.iter().find(|(host, _)| host.eq_ignore_ascii_case(name));
        if let Some((host, ip)) = known {
            return Some(Found { name: host.clone(), aliases: Vec::new(), addresses: vec![*ip] });
        }
        self.ask(name, |candidate| query(cluster, candidate))
    }

    /// The answer about a service and a protocol.
    pub(crate) fn services(&self, cluster: &Cluster, name: &str) -> Option<(String, Vec<Srv>)> {
        self.ask(name, |candidate| {
            let rows = query_srv(cluster, candidate);
            (!rows.is_empty()).then(|| (candidate.to_owned(), rows))
        })
    }

    /// Asks for a name with the search domains, as `ndots` says.
    fn ask<T>(&self, name: &str, query: impl Fn(&str) -> Option<T>) -> Option<T> {
        if !self.asks_cluster {
            return None;
        }
        let lower = name.to_ascii_lowercase();
        if let Some(absolute) = lower.strip_suffix('.') {
            return query(absolute);
        }
        let searched = self.search.iter().map(|domain| format!("{lower}.{domain}"));
        let itself = std::iter::once(lower.clone());
        if lower.matches('.').count() >= self.ndots {
            itself.chain(searched).find_map(|candidate| query(&candidate))
        } else {
            searched.chain(itself).find_map(|candidate| query(&candidate))
        }
    }
}

/// Whether an address is that of the Service of the cluster's DNS.
fn is_dns_service(cluster: &Cluster, address: &str) -> bool {
    let service = cluster.server.get::<Service>("kube-system", "kube-dns").ok();
    service.and_then(|s| s.body.spec.as_ref()?.cluster_ip.clone()).is_some_and(|ip| ip == address)
}

/// The addresses of a full name, aliases followed.
pub(crate) fn query(cluster: &Cluster, name: &str) -> Option<Found> {
    let mut found = Found { name: name.to_owned(), aliases: Vec::new(), addresses: Vec::new() };
    for _ in 0..CNAMES_MAX {
        match query_once(cluster, &found.name) {
            Answer::Addresses(addresses) => {
                found.addresses = addresses;
                return Some(found).filter(|found| !found.addresses.is_empty());
            }
            Answer::Alias(target) => {
                let target = target.trim_end_matches('.').to_ascii_lowercase();
                found.aliases.push(std::mem::replace(&mut found.name, target));
            }
        }
    }
    None
}

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Answer {
    Addresses(Vec<IpAddr>),
    Alias(String),
}

fn query_once(cluster: &Cluster, name: &str) -> Answer {
    let nothing = Answer::Addresses(Vec::new());
    let Some(rest) = name.strip_suffix(ZONE).and_then(|rest| rest.strip_suffix('.')) else { return nothing };
    let labels: Vec<&str> = rest.split('.').collect();
    match labels.as_slice() {
        [address, namespace, "pod"] => {
            let ip = address.replace('-', ".").parse::<IpAddr>().ok();
            let ip = ip.filter(|_| cluster.server.get::<Namespace>("", namespace).is_ok());
            Answer::Addresses(ip.into_iter().collect())
        }
        [service, namespace, "svc"] => query_service(cluster, namespace, service, None),
        [label, service, namespace, "svc"] => query_service(cluster, namespace, service, Some(label)),
        _ => nothing,
    }
}

fn query_service(cluster: &Cluster, namespace: &str, name: &str, label: Option<&str>) -> Answer {
    let nothing = Answer::Addresses(Vec::new());
    let Ok(service) = cluster.server.get::<Service>(namespace, name) else { return nothing };
    let Some(spec) = &service.body.spec else { return nothing };
    if spec.type_.as_deref() == Some("ExternalName") {
        let target = spec.external_name.clone().filter(|_| label.is_none());
        return target.map_or(nothing, Answer::Alias);
    }
    let cluster_ip = spec.cluster_ip.as_deref().unwrap_or_default();
    if label.is_none() && cluster_ip != "None" {
        return Answer::Addresses(cluster_ip.parse().into_iter().collect());
    }
    let key = NamespacedName::new(namespace, name);
    let all = endpoints_of(cluster, &key).flat_map(|(_, e)| addresses(e).map(move |ip| (e, ip)));
    let named = all.filter(|(e, ip)| label.is_none_or(|label| label_of(e, *ip) == label));
    let mut found: Vec<IpAddr> = named.map(|(_, ip)| ip).collect();
    found.sort_unstable();
    found.dedup();
    Answer::Addresses(found)
}

/// `_http._tcp.web.default.svc.cluster.local`: named ports only.
fn query_srv(cluster: &Cluster, name: &str) -> Vec<Srv> {
    let Some(rest) = name.strip_suffix(ZONE).and_then(|rest| rest.strip_suffix('.')) else { return Vec::new() };
    let labels: Vec<&str> = rest.split('.').collect();
    let [port, protocol, service, namespace, "svc"] = labels.as_slice() else { return Vec::new() };
    let (Some(port), Some(protocol)) = (port.strip_prefix('_'), protocol.strip_prefix('_')) else {
        return Vec::new();
    };
    let fits =
        |name: Option<&str>, of: Option<&str>| name == Some(port) && of.unwrap_or("TCP").eq_ignore_ascii_case(protocol);
    let Ok(found) = cluster.server.get::<Service>(namespace, service) else { return Vec::new() };
    let Some(spec) = &found.body.spec else { return Vec::new() };
    let zone = format!("{service}.{namespace}.svc.{ZONE}");
    let mut rows: Vec<(i32, String)> = Vec::new();
    if spec.cluster_ip.as_deref() == Some("None") {
        for (slice, endpoint) in endpoints_of(cluster, &NamespacedName::new(*namespace, *service)) {
            let ports = slice.ports.iter().filter(|p| fits(p.name.as_deref(), p.protocol.as_deref()));
            for number in ports.filter_map(|p| p.port) {
                rows.extend(addresses(endpoint).map(|ip| (number, format!("{}.{zone}", label_of(endpoint, ip)))));
            }
        }
    } else {
        let ports = spec.ports.iter().flatten().filter(|p| fits(p.name.as_deref(), p.protocol.as_deref()));
        rows.extend(ports.map(|p| (p.port, zone.clone())));
    }
    rows.sort();
    let weight = 100 / u32::try_from(rows.len().max(1)).unwrap_or(1).min(100);
    rows.into_iter().map(|(port, target)| Srv { weight, port, target }).collect()
}

/// The name of an address: a Service's, or that of an endpoint. The Service that comes first gives its name.
pub(crate) fn reverse(cluster: &Cluster, ip: IpAddr) -> Option<String> {
    let text = ip.to_string();
    let services = cluster.server.store().list_as::<Service>(None);
    for service in &services {
        let meta = &service.meta;
        if service.body.spec.as_ref().is_some_and(|spec| spec.cluster_ip.as_deref() == Some(text.as_str())) {
            return Some(format!("{}.{}.svc.{ZONE}", meta.name, meta.namespace));
        }
    }
    services.into_iter().find_map(|service| {
        let meta = &service.meta;
        let key = NamespacedName::new(&meta.namespace, &meta.name);
        let mut endpoints = endpoints_of(cluster, &key);
        let (_, endpoint) = endpoints.find(|(_, e)| addresses(e).any(|other| other == ip))?;
        Some(format!("{}.{}.{}.svc.{ZONE}", label_of(endpoint, ip), meta.name, meta.namespace))
    })
}
