//! The page of a Service.
//!
//! Mirrors `describeService`, `formatEndpointSlices` (v1.36).

use std::sync::Arc;

use k8s_openapi::api::core::v1::{LoadBalancerIngress, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use seatrial_api::{EndpointSlice, Service, StrMap};

use super::{Surroundings, annotations, int_or_string, labels, name_lines};
use crate::kubectl::TabWriter;

/// So many endpoints are named.
const ENDPOINTS_SHOWN_MAX: usize = 3;

pub(super) fn describe(out: &mut TabWriter, service: &Service, around: &Surroundings<'_>) {
    let no_spec = ServiceSpec::default();
    let spec = service.body.spec.as_ref().unwrap_or(&no_spec);
    name_lines(out, &service.meta);
    labels(out, 0, "Labels", &service.meta.labels);
    annotations(out, 0, "Annotations", &service.meta.annotations);
    let selector = StrMap::from_api(spec.selector.clone());
    let selector: Vec<String> = selector.iter().map(|(key, value)| format!("{key}={value}")).collect();
    out.line(0, &format!("Selector:\t{}", or_none(&selector)));
    let row = |out: &mut TabWriter, title: &str, value: Option<&str>| {
        if let Some(value) = value.filter(|v| !v.is_empty()) {
            out.line(0, &format!("{title}:\t{value}"));
        }
    };
    out.line(0, &format!("Type:\t{}", spec.type_.as_deref().unwrap_or_default()));
    row(out, "IP Family Policy", spec.ip_family_policy.as_deref());
    out.line(0, &format!("IP Families:\t{}", or_none(spec.ip_families.as_deref().unwrap_or_default())));
    out.line(0, &format!("IP:\t{}", spec.cluster_ip.as_deref().unwrap_or_default()));
    out.line(0, &format!("IPs:\t{}", or_none(spec.cluster_ips.as_deref().unwrap_or_default())));
    row(out, "External IPs", spec.external_ips.as_ref().map(|ips| ips.join(",")).as_deref());
    row(out, "Desired LoadBalancer IP", spec.load_balancer_ip.as_deref());
    row(out, "External Name", spec.external_name.as_deref());
    let ingress = service.body.status.as_ref().and_then(|s| s.load_balancer.as_ref()?.ingress.as_deref());
    let ingress: Vec<String> = ingress.unwrap_or_default().iter().map(ingress_text).collect();
    row(out, "LoadBalancer Ingress", Some(&ingress.join(", ")));
    spec.ports.iter().flatten().for_each(|port| port_lines(out, port, around.slices));
    out.line(0, &format!("Session Affinity:\t{}", spec.session_affinity.as_deref().unwrap_or_default()));
    row(out, "External Traffic Policy", spec.external_traffic_policy.as_deref());
    row(out, "Internal Traffic Policy", spec.internal_traffic_policy.as_deref());
    let check = spec.health_check_node_port.filter(|port| *port != 0).map(|port| port.to_string());
    row(out, "HealthCheck NodePort", check.as_deref());
    row(out, "LoadBalancer Source Ranges", spec.load_balancer_source_ranges.as_ref().map(|r| r.join(",")).as_deref());
    row(out, "Traffic Distribution", spec.traffic_distribution.as_deref());
}

fn or_none(items: &[String]) -> String {
    if items.is_empty() { "<none>".to_owned() } else { items.join(",") }
}

fn ingress_text(ingress: &LoadBalancerIngress) -> String {
    match ingress.ip.as_deref().filter(|ip| !ip.is_empty()) {
        None => ingress.hostname.clone().unwrap_or_default(),
        Some(ip) => match &ingress.ip_mode {
            Some(mode) => format!("{ip} ({mode})"),
            None => ip.to_owned(),
        },
    }
}

fn port_lines(out: &mut TabWriter, port: &ServicePort, slices: &[Arc<EndpointSlice>]) {
    let protocol = port.protocol.as_deref().unwrap_or_default();
    let name = port.name.as_deref().filter(|n| !n.is_empty());
    let shown = name.unwrap_or("<unset>");
    out.line(0, &format!("Port:\t{shown}\t{}/{protocol}", port.port));
    let target = port.target_port.clone().unwrap_or(IntOrString::Int(0));
    out.line(0, &format!("TargetPort:\t{}/{protocol}", int_or_string(&target)));
    if let Some(protocol) = &port.app_protocol {
        out.line(0, &format!("AppProtocol:\t{protocol}"));
    }
    if let Some(number) = port.node_port.filter(|number| *number != 0) {
        out.line(0, &format!("NodePort:\t{shown}\t{number}/{protocol}"));
    }
    out.line(0, &format!("Endpoints:\t{}", endpoints_text(slices, name.unwrap_or_default())));
}

/// The endpoints that are ready, for the ports of a name.
fn endpoints_text(slices: &[Arc<EndpointSlice>], port_name: &str) -> String {
    if slices.is_empty() {
        return "<none>".to_owned();
    }
    let (mut shown, mut count, mut are_more) = (Vec::new(), 0, false);
    for slice in slices {
        let ports: Vec<Option<i32>> = match &*slice.ports {
            // Slices without ports stand for the addresses themselves.
            [] => vec![None],
            ports => {
                let named = ports.iter().filter(|p| p.name.as_deref().unwrap_or_default() == port_name);
                named.map(|p| p.port).collect()
            }
        };
        for (port, endpoint) in
            ports.iter().flat_map(|port| slice.endpoints.iter().map(move |endpoint| (port, endpoint)))
        {
            // One that is not ready is not counted, yet it can be what makes the list go on.
            are_more |= shown.len() == ENDPOINTS_SHOWN_MAX;
            if endpoint.conditions.as_ref().and_then(|c| c.ready) == Some(false) {
                continue;
            }
            count += 1;
            let address = endpoint.addresses.first().map(String::as_str).unwrap_or_default();
            if !are_more {
                shown.push(match port {
                    Some(port) if address.contains(':') => format!("[{address}]:{port}"),
                    Some(port) => format!("{address}:{port}"),
                    None => address.to_owned(),
                });
            }
        }
    }
    let text = shown.join(",");
    if are_more { format!("{text} + {} more...", count - ENDPOINTS_SHOWN_MAX) } else { text }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::kubectl::describe::tests::page;

    fn slice(ports: Value, endpoints: &[(&str, bool)]) -> Value {
        let endpoints: Vec<Value> = endpoints
            .iter()
            .map(|(address, ready)| json!({"addresses": [address], "conditions": {"ready": ready}}))
            .collect();
        json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": {"name": "web-1", "namespace": "default"},
            "addressType": "IPv4", "ports": ports, "endpoints": endpoints})
    }

    #[test]
    fn a_page_tells_of_the_addresses_and_the_ports() {
        let service = json!({"apiVersion": "v1", "kind": "Service",
            "metadata": {"name": "web", "namespace": "default", "labels": {"app": "web"}},
            "spec": {"type": "LoadBalancer", "selector": {"app": "web", "tier": "front"}, "clusterIP": "10.96.0.7", "clusterIPs": ["10.96.0.7"],
                "ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack", "sessionAffinity": "None",
                "externalTrafficPolicy": "Cluster", "internalTrafficPolicy": "Cluster",
                "ports": [{"name": "http", "port": 80, "targetPort": 8080, "nodePort": 30080, "protocol": "TCP"},
                    {"name": "odd", "port": 81, "targetPort": "odd", "protocol": "UDP"}]},
            "status": {"loadBalancer": {"ingress": [{"ip": "203.0.113.1", "ipMode": "VIP"}, {"hostname": "lb"}]}}});
        let slices = [slice(
            json!([{"name": "http", "port": 8080, "protocol": "TCP"}]),
            &[("10.1.0.1", true), ("10.1.0.2", false), ("10.1.0.3", true), ("10.1.0.4", true), ("10.1.0.5", true)],
        )];
        let want = "\
Name:                     web
Namespace:                default
Labels:                   app=web
Annotations:              <none>
Selector:                 app=web,tier=front
Type:                     LoadBalancer
IP Family Policy:         SingleStack
IP Families:              IPv4
IP:                       10.96.0.7
IPs:                      10.96.0.7
LoadBalancer Ingress:     203.0.113.1 (VIP), lb
Port:                     http  80/TCP
TargetPort:               8080/TCP
NodePort:                 http  30080/TCP
Endpoints:                10.1.0.1:8080,10.1.0.3:8080,10.1.0.4:8080 + 1 more...
Port:                     odd  81/UDP
TargetPort:               odd/UDP
Endpoints:                
Session Affinity:         None
External Traffic Policy:  Cluster
Internal Traffic Policy:  Cluster
Events:                   <none>
";
        assert_eq!(page(service, [0; 4], &slices), want);
    }

    #[test]
    fn endpoints_are_told_as_upstream_counts_them() {
        let line = |slices: &[Value]| {
            let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "default"},
                "spec": {"ports": [{"port": 80, "protocol": "TCP"}]}});
            let page = page(service, [0; 4], slices);
            page.lines().find_map(|l| l.strip_prefix("Endpoints:")).expect("a line").trim().to_owned()
        };
        let unnamed = || json!([{"name": "", "port": 8080, "protocol": "TCP"}]);
        let (ready, not) = ([("1.0.0.1", true), ("1.0.0.2", true), ("1.0.0.3", true)], ("1.0.0.4", false));
        let with = |last: (&'static str, bool)| ready.iter().copied().chain([last]).collect::<Vec<_>>();
        assert_eq!(line(&[]), "<none>");
        assert_eq!(line(&[slice(Value::Null, &[])]), "");
        assert_eq!(line(&[slice(Value::Null, &ready[..2])]), "1.0.0.1,1.0.0.2", "without ports");
        assert_eq!(line(&[slice(unnamed(), &[("fd00::1", true)])]), "[fd00::1]:8080");
        assert_eq!(line(&[slice(unnamed(), &ready)]), "1.0.0.1:8080,1.0.0.2:8080,1.0.0.3:8080");
        assert_eq!(line(&[slice(unnamed(), &with(not))]), "1.0.0.1:8080,1.0.0.2:8080,1.0.0.3:8080 + 0 more...");
    }
}
