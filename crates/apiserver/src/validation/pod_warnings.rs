//! What the API server accepts in a pod's spec and advises against.
//!
//! Mirrors pkg/api/pod/warnings.go, pkg/api/node/util.go and `GetWarningsForIP` (v1.36).

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv6Addr;

use k8s_openapi::api::core::v1::{
    Affinity, Container, ContainerPort, EnvVar, NodeSelectorTerm, PodAffinityTerm, PodSpec, ResourceRequirements,
    Volume, WeightedPodAffinityTerm,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use seatrial_api::field::{Path, quote};
use seatrial_api::names::is_valid_label_value;
use seatrial_api::quantity::{Format, Quantity};

use super::path_warnings::warnings_for_overlapping_virtual_paths;
use super::resources::{ResourceList, parsed};
use super::{items, text};

const NULL_SELECTOR: &str = "a null labelSelector results in matching no pod";
const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";
const DEPRECATED_ANNOTATIONS: [(&str, &str); 3] = [
    (
        "scheduler.alpha.kubernetes.io/critical-pod",
        "non-functional in v1.16+; use the \"priorityClassName\" field instead",
    ),
    ("security.alpha.kubernetes.io/sysctls", "non-functional in v1.11+; use the \"sysctls\" field instead"),
    ("security.alpha.kubernetes.io/unsafe-sysctls", "non-functional in v1.11+; use the \"sysctls\" field instead"),
];
const DEPRECATED_NODE_LABELS: [(&str, &str); 8] = [
    ("beta.kubernetes.io/arch", "deprecated since v1.14; use \"kubernetes.io/arch\" instead"),
    ("beta.kubernetes.io/os", "deprecated since v1.14; use \"kubernetes.io/os\" instead"),
    (
        "failure-domain.beta.kubernetes.io/region",
        "deprecated since v1.17; use \"topology.kubernetes.io/region\" instead",
    ),
    ("failure-domain.beta.kubernetes.io/zone", "deprecated since v1.17; use \"topology.kubernetes.io/zone\" instead"),
    ("beta.kubernetes.io/instance-type", "deprecated since v1.17; use \"node.kubernetes.io/instance-type\" instead"),
    ("app.kubernetes.io/created-by", "deprecated since v1.9"),
    ("scheduler.alpha.kubernetes.io/preferAvoidPods", "deprecated since v1.22; use Taints and Tolerations instead"),
    ("node-role.kubernetes.io/master", "use \"node-role.kubernetes.io/control-plane\" instead"),
];
const SECCOMP_POD_ANNOTATION: &str = "seccomp.security.alpha.kubernetes.io/pod";
const SECCOMP_CONTAINER_ANNOTATION_PREFIX: &str = "container.seccomp.security.alpha.kubernetes.io/";
const APP_ARMOR_ANNOTATION_PREFIX: &str = "container.apparmor.security.beta.kubernetes.io/";
const USE_SECCOMP_PROFILE: &str = "non-functional in v1.27+; use the \"seccompProfile\" field instead";

/// A container of any list and its path.
type Visited<'a> = (String, &'a Container);

/// Mirrors `warningsForPodSpecAndMeta`; `prefix` is the template's path and a dot, or empty for a Pod.
pub(super) fn warnings_for_pod_spec_and_meta(spec: &PodSpec, meta: &ObjectMeta, prefix: &str) -> Vec<String> {
    let mut warnings = Vec::new();
    let spec_path = format!("{prefix}spec");
    let spec_path = Path::new(&spec_path);
    let annotations_path = format!("{prefix}metadata.annotations");
    let annotations_path = Path::new(&annotations_path);
    warn_of_node_labels(&mut warnings, spec, &spec_path);
    let has_annotation = |key: &str| meta.annotations.as_ref().is_some_and(|map| map.contains_key(key));
    for (key, message) in DEPRECATED_ANNOTATIONS.into_iter().filter(|(key, _)| has_annotation(key)) {
        warnings.push(format!("{}: {message}", annotations_path.key(key)));
    }
    for (index, volume) in items(&spec.volumes).iter().enumerate() {
        warn_of_volume(&mut warnings, volume, &spec_path.child("volumes").index(index));
    }
    warnings.extend(warnings_for_overlapping_virtual_paths(items(&spec.volumes)));
    warn_of_duplicates(&mut warnings, spec, &spec_path);
    warn_of_fractions(&mut warnings, &[("", spec.overhead.as_ref())], &spec_path.child("overhead"));
    let security = spec.security_context.as_ref();
    if security.is_none_or(|s| s.seccomp_profile.is_none()) && has_annotation(SECCOMP_POD_ANNOTATION) {
        warnings.push(format!("{}: {USE_SECCOMP_PROFILE}", annotations_path.key(SECCOMP_POD_ANNOTATION)));
    }
    let containers = visited(spec, &spec_path);
    for (path, container) in &containers {
        let own = container.security_context.as_ref();
        let key = format!("{SECCOMP_CONTAINER_ANNOTATION_PREFIX}{}", container.name);
        if own.is_none_or(|s| s.seccomp_profile.is_none()) && has_annotation(&key) {
            warnings.push(format!("{}: {USE_SECCOMP_PROFILE}", annotations_path.key(&key)));
        }
        let key = format!("{APP_ARMOR_ANNOTATION_PREFIX}{}", container.name);
        let has_profile = security.is_some_and(|s| s.app_armor_profile.is_some())
            || own.is_some_and(|s| s.app_armor_profile.is_some());
        if !prefix.is_empty() && !has_profile && has_annotation(&key) {
            let message = "deprecated since v1.30; use the \"appArmorProfile\" field instead";
            warnings.push(format!("{}: {message}", annotations_path.key(&key)));
        }
        warn_of_container(&mut warnings, container, &Path::new(path));
    }
    warn_of_ports(&mut warnings, &containers);
    if spec.termination_grace_period_seconds.is_some_and(|seconds| seconds < 0) {
        let path = spec_path.child("terminationGracePeriodSeconds");
        warnings.push(format!("{path}: must be >= 0; negative values are invalid and will be treated as 1"));
    }
    if let Some(affinity) = &spec.affinity {
        warn_of_pod_affinity(&mut warnings, affinity, &spec_path.child("affinity"));
    }
    warn_of_ips(&mut warnings, spec, &spec_path);
    warnings
}

/// Init containers and containers with their paths, in upstream's order.
fn visited<'a>(spec: &'a PodSpec, path: &Path<'_>) -> Vec<Visited<'a>> {
    let init = items(&spec.init_containers).iter().enumerate();
    let init = init.map(|(index, c)| (path.child("initContainers").index(index).to_string(), c));
    let regular = spec.containers.iter().enumerate();
    let regular = regular.map(|(index, c)| (path.child("containers").index(index).to_string(), c));
    init.chain(regular).collect()
}

fn deprecation_of(label: &str) -> Option<&'static str> {
    DEPRECATED_NODE_LABELS.iter().find(|(key, _)| *key == label).map(|(_, message)| *message)
}

fn warn_of_node_labels(warnings: &mut Vec<String>, spec: &PodSpec, path: &Path<'_>) {
    for key in spec.node_selector.iter().flatten().map(|(key, _)| key) {
        if let Some(message) = deprecation_of(key) {
            warnings.push(format!("{}: {message}", path.child("nodeSelector").key(key)));
        }
    }
    if let Some(affinity) = spec.affinity.as_ref().and_then(|affinity| affinity.node_affinity.as_ref()) {
        let path = path.child("affinity");
        let path = path.child("nodeAffinity");
        let required = affinity.required_during_scheduling_ignored_during_execution.as_ref();
        let terms_path = path.child(REQUIRED);
        let terms_path = terms_path.child("nodeSelectorTerms");
        for (index, term) in required.map(|r| r.node_selector_terms.as_slice()).unwrap_or_default().iter().enumerate() {
            warn_of_node_selector_term(warnings, term, false, &terms_path.index(index));
        }
        let preferred_path = path.child(PREFERRED);
        let preferred = items(&affinity.preferred_during_scheduling_ignored_during_execution);
        for (index, term) in preferred.iter().enumerate() {
            let path = preferred_path.index(index);
            warn_of_node_selector_term(warnings, &term.preference, true, &path.child("preference"));
        }
    }
    for (index, constraint) in items(&spec.topology_spread_constraints).iter().enumerate() {
        let list_path = path.child("topologySpreadConstraints");
        let path = list_path.index(index);
        let key = &constraint.topology_key;
        if let Some(message) = deprecation_of(key) {
            warnings.push(format!("{}: {key} is {message}", path.child("topologyKey")));
        }
        if constraint.label_selector.is_none() {
            warnings.push(format!("{}: {NULL_SELECTOR}", path.child("labelSelector")));
        }
    }
}

/// Mirrors `GetWarningsForNodeSelectorTerm`.
fn warn_of_node_selector_term(
    warnings: &mut Vec<String>,
    term: &NodeSelectorTerm,
    checks_values: bool,
    path: &Path<'_>,
) {
    let list_path = path.child("matchExpressions");
    for (index, expression) in items(&term.match_expressions).iter().enumerate() {
        let path = list_path.index(index);
        if let Some(message) = deprecation_of(&expression.key) {
            warnings.push(format!("{}: {} is {message}", path.child("key"), expression.key));
        }
        for (index, value) in items(&expression.values).iter().enumerate().filter(|_| checks_values) {
            for message in is_valid_label_value(value) {
                warnings.push(format!("{}: {value} is invalid, {message}", path.child("values").index(index)));
            }
        }
    }
}

fn warn_of_volume(warnings: &mut Vec<String>, volume: &Volume, path: &Path<'_>) {
    for (field, is_set, message) in [
        (
            "photonPersistentDisk",
            volume.photon_persistent_disk.is_some(),
            "deprecated in v1.11, non-functional in v1.16+",
        ),
        ("gitRepo", volume.git_repo.is_some(), "deprecated in v1.11, and disabled by default in v1.33+"),
        ("scaleIO", volume.scale_io.is_some(), "deprecated in v1.16, non-functional in v1.22+"),
        ("flocker", volume.flocker.is_some(), "deprecated in v1.22, non-functional in v1.25+"),
        ("storageOS", volume.storageos.is_some(), "deprecated in v1.22, non-functional in v1.25+"),
        ("quobyte", volume.quobyte.is_some(), "deprecated in v1.22, non-functional in v1.25+"),
        ("glusterfs", volume.glusterfs.is_some(), "deprecated in v1.25, non-functional in v1.26+"),
    ] {
        if is_set {
            warnings.push(format!("{}: {message}", path.child(field)));
        }
    }
    let template = volume.ephemeral.as_ref().and_then(|ephemeral| ephemeral.volume_claim_template.as_ref());
    let requests = template.and_then(|t| t.spec.resources.as_ref()).and_then(|r| r.requests.as_ref());
    for (_, storage) in parsed(requests).filter(|(name, value)| *name == "storage" && !is_whole(*value)) {
        let path = path.child("ephemeral");
        let path = path.child("volumeClaimTemplate");
        let path = path.child("spec");
        let path = path.child("resources");
        let path = path.child("requests");
        warnings.push(fraction(&path.key("storage"), storage));
    }
    for (field, is_set) in [("cephfs", volume.cephfs.is_some()), ("rbd", volume.rbd.is_some())] {
        if is_set {
            warnings.push(format!("{}: deprecated in v1.28, non-functional in v1.31+", path.child(field)));
        }
    }
}

/// Host aliases and pull secrets that stand there twice, and pull secrets without a name.
fn warn_of_duplicates(warnings: &mut Vec<String>, spec: &PodSpec, path: &Path<'_>) {
    let mut seen = BTreeSet::new();
    for (index, alias) in items(&spec.host_aliases).iter().enumerate() {
        if !seen.insert(&alias.ip) {
            let list_path = path.child("hostAliases");
            let path = list_path.index(index);
            warnings.push(format!("{}: duplicate ip {}", path.child("ip"), quote(&alias.ip)));
        }
    }
    let secrets = items(&spec.image_pull_secrets);
    let list_path = path.child("imagePullSecrets");
    let mut seen = BTreeSet::new();
    for (index, secret) in secrets.iter().enumerate().filter(|(_, secret)| !seen.insert(&secret.name)) {
        let path = list_path.index(index);
        warnings.push(format!("{}: duplicate name {}", path.child("name"), quote(&secret.name)));
    }
    for (index, _) in secrets.iter().enumerate().filter(|(_, secret)| secret.name.is_empty()) {
        let path = list_path.index(index);
        warnings.push(format!("{}: invalid empty name \"\"", path.child("name")));
    }
}

fn warn_of_container(warnings: &mut Vec<String>, container: &Container, path: &Path<'_>) {
    if let Some(ResourceRequirements { limits, requests, .. }) = &container.resources {
        let lists = [("limits", limits.as_ref()), ("requests", requests.as_ref())];
        warn_of_fractions(warnings, &lists, &path.child("resources"));
    }
    let mut seen = BTreeSet::new();
    for (index, variable) in items(&container.env).iter().enumerate() {
        if !seen.insert(&variable.name) && hides_previous(variable) {
            let name = quote(&variable.name);
            warnings.push(format!(
                "{}: hides previous definition of {name}, which may be dropped when using apply",
                path.child("env").index(index)
            ));
        }
    }
}

/// A second definition is all right if it makes something of the first, as in `$(PATH):/more`.
fn hides_previous(variable: &EnvVar) -> bool {
    let reference = format!("$({})", variable.name);
    let value = text(&variable.value);
    variable.value_from.is_some() || value == reference || !value.contains(&reference)
}

/// Bytes come whole: memory first, then storage, in each of the lists.
fn warn_of_fractions(warnings: &mut Vec<String>, lists: &[(&str, Option<&ResourceList>)], path: &Path<'_>) {
    for resource in ["memory", "ephemeral-storage"] {
        for (field, list) in lists {
            for (name, value) in parsed(*list).filter(|(name, value)| *name == resource && !is_whole(*value)) {
                let list_path = path.child(field);
                let path = if field.is_empty() { path.key(name) } else { list_path.key(name) };
                warnings.push(fraction(&path, value));
            }
        }
    }
}

fn fraction(path: &Path<'_>, value: Quantity) -> String {
    format!("{path}: fractional byte value {} is invalid, must be an integer", quote(&value.to_string()))
}

/// Amounts at the upper end are capped and count as whole.
fn is_whole(value: Quantity) -> bool {
    let rounded = Quantity::from_i64(value.value(), Format::DecimalSi);
    value.value() == i64::MAX || rounded.cmp_value(&value).is_eq()
}

fn warn_of_ports(warnings: &mut Vec<String>, containers: &[Visited<'_>]) {
    let mut all: BTreeMap<String, Vec<(String, &ContainerPort)>> = BTreeMap::new();
    let ports = || {
        containers.iter().flat_map(|(path, container)| {
            let ports = items(&container.ports).iter().enumerate();
            ports.map(move |(index, port)| (format!("{path}.ports[{index}]"), port))
        })
    };
    for (path, port) in ports() {
        let (ip, host_port) = (text(&port.host_ip), port.host_port.unwrap_or(0));
        if !ip.is_empty() && host_port == 0 {
            let (name, number, protocol) = (text(&port.name), port.container_port, text(&port.protocol));
            warnings.push(format!(
                "{path}: hostIP set without hostPort: {{Name:{name} HostPort:0 ContainerPort:{number} Protocol:{protocol} HostIP:{ip}}}"
            ));
        }
        let others = all.entry(format!("{}/{}", port.container_port, text(&port.protocol))).or_default();
        for (other_path, other) in others.iter() {
            let (other_ip, other_port) = (text(&other.host_ip), other.host_port.unwrap_or(0));
            if ip == other_ip && host_port == other_port {
                warnings.push(format!("{path}: duplicate port definition with {other_path}"));
            } else if host_port == 0 || other_port == 0 {
                warnings.push(format!("{path}: overlapping port definition with {other_path}"));
            } else if host_port == other_port && ip.is_empty() != other_ip.is_empty() {
                warnings.push(format!("{path}: dangerously ambiguous port definition with {other_path}"));
            }
        }
        others.push((path, port));
    }
    let mut names: BTreeMap<&str, String> = BTreeMap::new();
    for (path, port) in ports() {
        let name = text(&port.name);
        match names.get(name) {
            _ if name.is_empty() => {}
            Some(other) => warnings.push(format!(
                "{path}: duplicate port name {} with {other}, services and probes that select ports by name will use {other}",
                quote(name)
            )),
            None => drop(names.insert(name, path)),
        }
    }
}

fn warn_of_pod_affinity(warnings: &mut Vec<String>, affinity: &Affinity, path: &Path<'_>) {
    let mut warn = |field: &str, required: &[PodAffinityTerm], preferred: &[WeightedPodAffinityTerm]| {
        let path = path.child(field);
        for (index, _) in required.iter().enumerate().filter(|(_, term)| term.label_selector.is_none()) {
            let list_path = path.child(REQUIRED);
            let path = list_path.index(index);
            warnings.push(format!("{}: {NULL_SELECTOR}", path.child("labelSelector")));
        }
        let lacks_selector = |term: &WeightedPodAffinityTerm| term.pod_affinity_term.label_selector.is_none();
        for (index, _) in preferred.iter().enumerate().filter(|(_, term)| lacks_selector(term)) {
            let list_path = path.child(PREFERRED);
            let item_path = list_path.index(index);
            let path = item_path.child("podAffinityTerm");
            warnings.push(format!("{}: {NULL_SELECTOR}", path.child("labelSelector")));
        }
    };
    if let Some(terms) = &affinity.pod_affinity {
        let required = items(&terms.required_during_scheduling_ignored_during_execution);
        warn("podAffinity", required, items(&terms.preferred_during_scheduling_ignored_during_execution));
    }
    if let Some(terms) = &affinity.pod_anti_affinity {
        let required = items(&terms.required_during_scheduling_ignored_during_execution);
        warn("podAntiAffinity", required, items(&terms.preferred_during_scheduling_ignored_during_execution));
    }
}

fn warn_of_ips(warnings: &mut Vec<String>, spec: &PodSpec, path: &Path<'_>) {
    let servers = spec.dns_config.as_ref().map(|config| items(&config.nameservers)).unwrap_or_default();
    for (index, server) in servers.iter().enumerate() {
        let config_path = path.child("dnsConfig");
        let list_path = config_path.child("nameservers");
        warnings.extend(warning_for_ip(server, &list_path.index(index)));
    }
    for (index, alias) in items(&spec.host_aliases).iter().enumerate() {
        let list_path = path.child("hostAliases");
        let path = list_path.index(index);
        warnings.extend(warning_for_ip(&alias.ip, &path.child("ip")));
    }
}

/// Mirrors `GetWarningsForIP`.
pub(super) fn warning_for_ip(value: &str, path: &Path<'_>) -> Option<String> {
    let nonstandard = |preferred: String| {
        let (value, preferred) = (quote(value), quote(&preferred));
        Some(format!(
            "{path}: non-standard IP address {value} will be considered invalid in a future Kubernetes release: use {preferred}"
        ))
    };
    if let Ok(address) = value.parse::<Ipv6Addr>() {
        if let Some(mapped) = address.to_ipv4_mapped() {
            return nonstandard(mapped.to_string());
        }
        let canonical = address.to_string();
        let quoted = quote(&canonical);
        return (canonical != value).then(|| {
            format!("{path}: IPv6 address {} should be in RFC 5952 canonical format ({quoted})", quote(value))
        });
    }
    let parts: Vec<&str> = value.split('.').collect();
    let has_leading_zero = parts.iter().any(|part| part.len() > 1 && part.starts_with('0'));
    let numbers: Option<Vec<String>> = parts.iter().map(|part| Some(part.parse::<u8>().ok()?.to_string())).collect();
    let numbers = numbers.filter(|numbers| numbers.len() == 4 && has_leading_zero)?;
    nonstandard(numbers.join("."))
}
