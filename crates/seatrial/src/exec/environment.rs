//! The environment of a container.
//!
//! Mirrors pkg/kubelet/kubelet_pods.go (`makeEnvironmentVariables`), pkg/kubelet/envvars and pkg/fieldpath (v1.36).

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1 as corev1;
use seatrial_api::quantity::Quantity;
use seatrial_api::{Pod, Service, StrMap};

use super::container::Life;
use super::container::rendered::{config_map_data, secret_data};
use crate::cluster::Cluster;

const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const CPU_MILLI: i64 = 1000;

/// The variables of a container, in the order in which they are set.
pub(super) fn environment_of(
    cluster: &Cluster,
    pod: &Pod,
    container: &corev1::Container,
    life: &Life,
) -> Vec<(String, String)> {
    let services = service_variables(cluster, pod, life);
    let mut all = vec![("PATH".to_owned(), PATH.to_owned()), ("HOSTNAME".to_owned(), super::dns::hostname(pod))];
    let mut set = |name: &str, value: String| match all.iter_mut().find(|(known, _)| known == name) {
        Some((_, known)) => *known = value,
        None => all.push((name.to_owned(), value)),
    };
    let mut own: BTreeMap<String, String> = BTreeMap::new();
    for source in container.env_from.iter().flatten() {
        let data = match (&source.config_map_ref, &source.secret_ref) {
            (Some(map), _) => config_map_data(cluster, &pod.meta.namespace, &map.name),
            (None, Some(secret)) => secret_data(cluster, &pod.meta.namespace, &secret.name),
            (None, None) => BTreeMap::new(),
        };
        for (key, value) in data {
            let name = format!("{}{key}", source.prefix.as_deref().unwrap_or_default());
            let value = String::from_utf8_lossy(&value).into_owned();
            own.insert(name.clone(), value.clone());
            set(&name, value);
        }
    }
    for variable in container.env.iter().flatten() {
        let value = match (&variable.value, &variable.value_from) {
            (Some(value), _) => Some(expand(value, &own, &services)),
            (None, Some(source)) => value_from(cluster, pod, container, source),
            (None, None) => Some(String::new()),
        };
        if let Some(value) = value {
            own.insert(variable.name.clone(), value.clone());
            set(&variable.name, value);
        }
    }
    for (name, value) in services {
        if !own.contains_key(&name) {
            set(&name, value);
        }
    }
    set("HOME", "/root".to_owned());
    all
}

/// Puts `$(NAME)` in; `$$` is a dollar. Mirrors third_party/forked/golang/expansion.
fn expand(text: &str, own: &BTreeMap<String, String>, services: &BTreeMap<String, String>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some((name, after)) = rest.strip_prefix('(').and_then(|r| r.split_once(')')) {
            match own.get(name).or_else(|| services.get(name)) {
                Some(value) => out.push_str(value),
                None => out.push_str(&format!("$({name})")),
            }
            rest = after;
        } else {
            out.push('$');
        }
    }
    out.push_str(rest);
    out
}

fn value_from(
    cluster: &Cluster,
    pod: &Pod,
    container: &corev1::Container,
    source: &corev1::EnvVarSource,
) -> Option<String> {
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    if let Some(field) = &source.field_ref {
        return field_text(pod, &field.field_path);
    }
    if let Some(resource) = &source.resource_field_ref {
        let name = resource.container_name.as_deref().filter(|name| !name.is_empty()).unwrap_or(&container.name);
        return resource_text(pod, Some(name), resource);
    }
    if let Some(key) = &source.config_map_key_ref {
        return config_map_data(cluster, &pod.meta.namespace, &key.name).remove(&key.key).map(text);
    }
    let key = source.secret_key_ref.as_ref()?;
    secret_data(cluster, &pod.meta.namespace, &key.name).remove(&key.key).map(text)
}

/// A field of the pod. Mirrors `ExtractFieldPathAsString` and `podFieldSelectorRuntimeValue`.
pub(crate) fn field_text(pod: &Pod, path: &str) -> Option<String> {
    let lines = |map: &StrMap| {
        let rows: Vec<String> = map.iter().map(|(key, value)| format!("{key}={value:?}")).collect();
        rows.join("\n")
    };
    let key_of = |prefix: &str| path.strip_prefix(prefix).and_then(|rest| rest.strip_suffix("']")).map(str::to_owned);
    if let Some(key) = key_of("metadata.labels['") {
        return Some(pod.meta.labels.get(&key).unwrap_or_default().to_owned());
    }
    if let Some(key) = key_of("metadata.annotations['") {
        return Some(pod.meta.annotations.get(&key).unwrap_or_default().to_owned());
    }
    let address = |ip: Option<std::net::IpAddr>| ip.map(|ip| ip.to_string()).unwrap_or_default();
    Some(match path {
        "metadata.name" => pod.meta.name.to_string(),
        "metadata.namespace" => pod.meta.namespace.to_string(),
        "metadata.uid" => pod.meta.uid.to_string(),
        "metadata.labels" => lines(&pod.meta.labels),
        "metadata.annotations" => lines(&pod.meta.annotations),
        "spec.nodeName" => pod.node_name.to_string(),
        "spec.serviceAccountName" => {
            pod.spec.api().service_account_name.clone().unwrap_or_else(|| "default".to_owned())
        }
        "status.podIP" | "status.podIPs" => address(pod.status.pod_ip),
        "status.hostIP" | "status.hostIPs" => address(pod.status.host_ip),
        _ => return None,
    })
}

/// A resource of a container, in units of the divisor, rounded up. Mirrors `ExtractContainerResourceValue`.
pub(super) fn resource_text(
    pod: &Pod,
    container: Option<&str>,
    source: &corev1::ResourceFieldSelector,
) -> Option<String> {
    let containers = pod.spec.api().containers.iter();
    let container = containers.into_iter().find(|c| Some(c.name.as_str()) == container)?;
    let (list, name) = source.resource.split_once('.')?;
    let resources = container.resources.as_ref()?;
    let list = if list == "limits" { &resources.limits } else { &resources.requests };
    let amount = Quantity::parse(&list.as_ref()?.get(name)?.0).ok()?;
    let divisor = source.divisor.as_ref().and_then(|d| Quantity::parse(&d.0).ok()).filter(|d| !d.is_zero());
    let (amount, divisor) = if name == "cpu" {
        (amount.milli_value(), divisor.map_or(CPU_MILLI, |d| d.milli_value()))
    } else {
        (amount.value(), divisor.map_or(1, |d| d.value()))
    };
    let divisor = i128::from(divisor.max(1));
    Some(((i128::from(amount) + divisor - 1) / divisor).to_string())
}

/// What a container is told of the Services that were there when it started. Mirrors `getServiceEnvVarMap`.
fn service_variables(cluster: &Cluster, pod: &Pod, life: &Life) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let has_links = pod.spec.api().enable_service_links != Some(false);
    let store = cluster.server.store();
    let kubernetes = store.list_as::<Service>(Some("default")).into_iter().filter(|s| s.meta.name == "kubernetes");
    let own = store.list_as::<Service>(Some(&pod.meta.namespace)).into_iter().filter(|_| has_links);
    for service in kubernetes.chain(own) {
        if service.meta.created() <= life.started_at {
            put_service(&mut all, service);
        }
    }
    all
}

/// Mirrors `FromServices` and `makeLinkVariables`.
fn put_service(all: &mut BTreeMap<String, String>, service: &Service) {
    let Some(spec) = &service.body.spec else { return };
    let Some(ip) = spec.cluster_ip.as_deref().filter(|ip| !ip.is_empty() && *ip != "None") else { return };
    let upper = |text: &str| text.to_uppercase().replace('-', "_");
    let name = upper(&service.meta.name);
    let ports = spec.ports.as_deref().unwrap_or_default();
    let Some(first) = ports.first() else { return };
    all.insert(format!("{name}_SERVICE_HOST"), ip.to_owned());
    all.insert(format!("{name}_SERVICE_PORT"), first.port.to_string());
    for (at, port) in ports.iter().enumerate() {
        if let Some(port_name) = port.name.as_deref().filter(|n| !n.is_empty()) {
            all.insert(format!("{name}_SERVICE_PORT_{}", upper(port_name)), port.port.to_string());
        }
        let protocol = port.protocol.as_deref().unwrap_or("TCP");
        let url = format!("{}://{ip}:{}", protocol.to_lowercase(), port.port);
        if at == 0 {
            all.insert(format!("{name}_PORT"), url.clone());
        }
        let prefix = format!("{name}_PORT_{}_{}", port.port, protocol.to_uppercase());
        all.insert(prefix.clone(), url);
        all.insert(format!("{prefix}_PROTO"), protocol.to_lowercase());
        all.insert(format!("{prefix}_PORT"), port.port.to_string());
        all.insert(format!("{prefix}_ADDR"), ip.to_owned());
    }
}
