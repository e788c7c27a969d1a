//! Where a connection goes: through a Service's address to one of its endpoints, or to a pod at once.
//!
//! Mirrors what kube-proxy does (pkg/proxy, v1.36): ready endpoints, else those that serve while they end; local ones
//! where the Service says so; one after the other, or always the same for a client with session affinity.

use std::net::IpAddr;
use std::time::Duration;

use k8s_openapi::api::core::v1::{ServicePort, ServiceSpec};
use k8s_openapi::api::discovery::v1::Endpoint;
use seatrial_api::{Node, Pod, PodPhase, Service};

use crate::cluster::Cluster;

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// Nobody listens.
    Refused,
    /// Nobody answers.
    TimedOut,
    /// An HTTP answer.
    Answer {
        /// The status.
        status: u16,
        /// The pod that answered.
        pod: String,
        /// How long it took.
        takes: Duration,
    },
}

/// Where a Service's address leads.
enum Route<'a> {
    Service(&'a Service, &'a ServicePort, From),
    Pod,
}

/// Whether a connection comes from inside the cluster, or through a node's port or a load balancer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum From {
    Inside,
    Outside,
}

/// Sends a request from a pod to an address and a port.
pub(crate) fn request(cluster: &mut Cluster, from: &Pod, (ip, port): (IpAddr, u16), path: &str) -> Reply {
    let target = match route(cluster, ip, port) {
        Route::Pod => Some((ip, port)),
        Route::Service(service, service_port, side) => {
            let candidates = endpoints(cluster, from, service, service_port, side);
            let key = format!("{}/{}:{port}", service.meta.namespace, service.meta.name);
            let sticky = spec_of(service).is_some_and(|s| s.session_affinity.as_deref() == Some("ClientIP"));
            choose(cluster, from, &key, sticky, &candidates)
        }
    };
    let Some((ip, port)) = target else { return Reply::Refused };
    if ip.is_loopback() {
        return answer_of(cluster, from, port, path);
    }
    let pods = cluster.server.store().list_as::<Pod>(None);
    let is_there = |pod: &&&std::sync::Arc<Pod>| {
        pod.status.pod_ip == Some(ip) && !pod.status.phase.is_terminal() && pod.spec.api().host_network != Some(true)
    };
    match pods.iter().find(is_there) {
        Some(pod) => answer_of(cluster, pod, port, path),
        None => on_node(cluster, &pods, ip, port, path),
    }
}

/// The pods that share their node's address.
fn on_node(cluster: &Cluster, pods: &[&std::sync::Arc<Pod>], ip: IpAddr, port: u16, path: &str) -> Reply {
    let listens = |pod: &Pod| {
        let containers = pod.spec.api().containers.iter();
        containers.flat_map(|c| c.ports.iter().flatten()).any(|p| p.container_port == i32::from(port))
    };
    let mut here = pods.iter().filter(|p| p.status.pod_ip == Some(ip) && p.status.phase == PodPhase::Running);
    match here.find(|pod| listens(pod)) {
        Some(pod) => answer_of(cluster, pod, port, path),
        None if cluster.server.store().list_as::<Node>(None).iter().any(|node| has_address(node, ip)) => Reply::Refused,
        None => Reply::TimedOut,
    }
}

fn answer_of(cluster: &Cluster, pod: &Pod, port: u16, path: &str) -> Reply {
    if pod.status.phase != PodPhase::Running || !cluster.kubelets.answers(&pod.node_name) {
        return Reply::TimedOut;
    }
    match cluster.kubelets.http_get(cluster.clock.now(), pod, port, path) {
        Some((status, takes)) => Reply::Answer { status, pod: pod.meta.name.to_string(), takes },
        None => Reply::Refused,
    }
}

fn spec_of(service: &Service) -> Option<&ServiceSpec> {
    service.body.spec.as_ref()
}

fn has_address(node: &Node, ip: IpAddr) -> bool {
    let addresses = node.body.status.iter().flat_map(|status| status.addresses.iter().flatten());
    addresses.into_iter().any(|address| address.address.parse() == Ok(ip))
}

/// What an address and a port are.
fn route(cluster: &Cluster, ip: IpAddr, port: u16) -> Route<'_> {
    let text = ip.to_string();
    let is_node = cluster.server.store().list_as::<Node>(None).iter().any(|node| has_address(node, ip));
    for service in cluster.server.store().list_as::<Service>(None) {
        let Some(spec) = spec_of(service) else { continue };
        let ports = spec.ports.as_deref().unwrap_or_default();
        let with = |number: i32| ports.iter().find(|p| p.port == number);
        let ingress = service.body.status.as_ref().and_then(|s| s.load_balancer.as_ref()?.ingress.clone());
        let outside = ingress.iter().flatten().filter_map(|i| i.ip.as_deref()).any(|i| i == text)
            || spec.external_ips.iter().flatten().any(|i| *i == text);
        let found = if spec.cluster_ip.as_deref() == Some(text.as_str()) {
            with(i32::from(port)).map(|p| (p, From::Inside))
        } else if outside {
            with(i32::from(port)).map(|p| (p, From::Outside))
        } else if is_node {
            ports.iter().find(|p| p.node_port == Some(i32::from(port))).map(|p| (p, From::Outside))
        } else {
            None
        };
        if let Some((port, side)) = found {
            return Route::Service(service, port, side);
        }
    }
    Route::Pod
}

/// The endpoints that a connection may go to, in the order of their addresses.
fn endpoints(cluster: &Cluster, from: &Pod, service: &Service, port: &ServicePort, side: From) -> Vec<(IpAddr, u16)> {
    let key = seatrial_api::NamespacedName::new(&service.meta.namespace, &service.meta.name);
    let is_local = spec_of(service).is_some_and(|spec| {
        let policy = match side {
            From::Inside => &spec.internal_traffic_policy,
            From::Outside => &spec.external_traffic_policy,
        };
        policy.as_deref() == Some("Local")
    });
    let name = port.name.as_deref().unwrap_or_default();
    let mut ready = Vec::new();
    let mut serving = Vec::new();
    for slice in cluster.slices_of(&key) {
        let found = slice.ports.iter().find(|p| p.name.as_deref().unwrap_or_default() == name);
        let Some(number) = found.and_then(|p| u16::try_from(p.port?).ok()) else { continue };
        for endpoint in slice.endpoints.iter() {
            if is_local && endpoint.node_name.as_deref() != Some(from.node_name.as_str()) {
                continue;
            }
            let condition = |what: fn(&k8s_openapi::api::discovery::v1::EndpointConditions) -> Option<bool>| {
                endpoint.conditions.as_ref().and_then(what)
            };
            let of = |endpoint: &Endpoint| {
                let ips: Vec<IpAddr> = endpoint.addresses.iter().filter_map(|ip| ip.parse().ok()).collect();
                ips.into_iter().map(|ip| (ip, number)).collect::<Vec<_>>()
            };
            if condition(|c| c.ready) != Some(false) {
                ready.extend(of(endpoint));
            } else if condition(|c| c.serving) == Some(true) && condition(|c| c.terminating) == Some(true) {
                serving.extend(of(endpoint));
            }
        }
    }
    let mut all = if ready.is_empty() { serving } else { ready };
    all.sort_unstable();
    all
}

/// One of the endpoints: the next one, from a start that the seed decides; for a sticky client the one its address decides.
fn choose(
    cluster: &mut Cluster,
    from: &Pod,
    key: &str,
    sticky: bool,
    candidates: &[(IpAddr, u16)],
) -> Option<(IpAddr, u16)> {
    let count = u64::try_from(candidates.len()).ok().filter(|count| *count > 0)?;
    let start = cluster.service_rng.child(key);
    let number = if sticky {
        let client = from.status.pod_ip.map(|ip| ip.to_string()).unwrap_or_default();
        start.child(&client).next_u64()
    } else {
        let turn = cluster.connections.entry(key.to_owned()).or_default();
        *turn += 1;
        start.clone().next_u64().wrapping_add(*turn)
    };
    candidates.get(usize::try_from(number % count).ok()?).copied()
}
