//! Validation of a pod's spec: the list of its parts, in upstream's order.
//!
//! Mirrors `ValidatePodSpec` in pkg/apis/core/validation (v1.36).

use k8s_openapi::api::core::v1::{HostAlias, PodDNSConfig, PodReadinessGate, PodSchedulingGate, PodSpec};
use seatrial_api::field::{BadValue, Error, ErrorList, Path};
use seatrial_api::names::{
    NameUse, inclusive_range_error, is_dns1123_label, is_dns1123_subdomain, is_dns1123_subdomain_with_underscore,
    is_qualified_name, is_valid_ip, name_is_dns_subdomain,
};

use super::container::{
    ContainerContext, validate_containers, validate_ephemeral_containers, validate_init_containers,
};
use super::meta::validate_labels;
use super::pod_os::validate_os;
use super::resource_claim::validate_pod_resource_claims;
use super::resources::{validate_overhead, validate_pod_resources};
use super::scheduling::{validate_affinity, validate_tolerations, validate_topology_spread_constraints};
use super::security::{validate_host_users, validate_pod_spec_security_context};
use super::volume::validate_volumes;
use super::{invalid_each, items, text, validate_required_supported};

const MAX_DNS_NAMESERVERS: usize = 3;
const MAX_DNS_SEARCH_PATHS: usize = 32;
const MAX_DNS_SEARCH_LIST_CHARS: usize = 2048;

/// What differs between a Pod and a template. Mirrors `PodValidationOptions`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PodValidationOptions<'a> {
    /// The object is a Pod itself; a template gets some defaults only later.
    pub(super) resource_is_pod: bool,
    /// The Pod's name, where known, for the claims it will create.
    pub(super) pod_name: Option<&'a str>,
}

impl PodValidationOptions<'_> {
    pub(super) fn for_template() -> Self {
        Self::default()
    }
}

/// Mirrors `ValidatePodSpec`.
pub(super) fn validate_pod_spec(
    errs: &mut ErrorList,
    spec: &PodSpec,
    options: &PodValidationOptions<'_>,
    path: &Path<'_>,
) {
    if spec.termination_grace_period_seconds.is_none() {
        errs.push(Error::required(&path.child("terminationGracePeriodSeconds"), ""));
    }
    let volumes = items(&spec.volumes);
    let volumes = validate_volumes(errs, volumes, options, &path.child("volumes"));
    let cx = ContainerContext {
        volumes: &volumes,
        grace_period_seconds: spec.termination_grace_period_seconds,
        pod_restart_policy: text(&spec.restart_policy),
        resource_claims: items(&spec.resource_claims),
        host_users: spec.host_users != Some(false),
    };
    validate_pod_resource_claims(errs, items(&spec.resource_claims), &path.child("resourceClaims"));
    validate_containers(errs, &cx, &spec.containers, &path.child("containers"));
    validate_init_containers(errs, &cx, spec, &path.child("initContainers"));
    validate_ephemeral_containers(errs, &cx, spec, &path.child("ephemeralContainers"));
    validate_pod_resources(errs, spec, &path.child("resources"));
    validate_pod_host_network_deps(errs, spec, options, path);
    let policies = ["Always", "OnFailure", "Never"];
    let policy_path = path.child("restartPolicy");
    validate_required_supported(errs, text(&spec.restart_policy), &policies, &policy_path);
    let policies = ["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"];
    let policy_path = path.child("dnsPolicy");
    validate_required_supported(errs, text(&spec.dns_policy), &policies, &policy_path);
    validate_labels(errs, spec.node_selector.as_ref(), &path.child("nodeSelector"));
    validate_pod_spec_security_context(errs, spec, &path.child("securityContext"));
    validate_affinity(errs, spec.affinity.as_ref(), &path.child("affinity"));
    validate_pod_dns_config(errs, spec, &path.child("dnsConfig"));
    validate_readiness_gates(errs, items(&spec.readiness_gates), &path.child("readinessGates"));
    validate_scheduling_gates(errs, items(&spec.scheduling_gates), &path.child("schedulingGates"));
    let constraints = items(&spec.topology_spread_constraints);
    let constraints_path = path.child("topologySpreadConstraints");
    validate_topology_spread_constraints(errs, constraints, &constraints_path);
    validate_host_users(errs, spec, path);
    validate_names(errs, spec, path);
    validate_tolerations(errs, items(&spec.tolerations), &path.child("tolerations"));
    validate_host_aliases(errs, items(&spec.host_aliases), &path.child("hostAliases"));
    validate_classes(errs, spec, path);
    validate_overhead(errs, spec.overhead.as_ref(), &path.child("overhead"));
    validate_os(errs, spec, path);
}

/// Names of other objects and of the host, and the deadline between them.
fn validate_names(errs: &mut ErrorList, spec: &PodSpec, path: &Path<'_>) {
    for (field, name) in [("serviceAccountName", &spec.service_account_name), ("nodeName", &spec.node_name)] {
        let name = text(name);
        if !name.is_empty() {
            let messages = name_is_dns_subdomain(name, NameUse::Name);
            invalid_each(errs, &path.child(field), name, messages);
        }
    }
    let max = i64::from(i32::MAX);
    if let Some(seconds) = spec.active_deadline_seconds.filter(|s| !(1..=max).contains(s)) {
        let path = path.child("activeDeadlineSeconds");
        errs.push(Error::invalid(&path, seconds, inclusive_range_error(1, max)));
    }
    for (field, name) in [("hostname", &spec.hostname), ("subdomain", &spec.subdomain)] {
        let name = text(name);
        if !name.is_empty() {
            invalid_each(errs, &path.child(field), name, is_dns1123_label(name));
        }
    }
}

fn validate_classes(errs: &mut ErrorList, spec: &PodSpec, path: &Path<'_>) {
    let priority_class = text(&spec.priority_class_name);
    if !priority_class.is_empty() {
        let messages = name_is_dns_subdomain(priority_class, NameUse::Name);
        invalid_each(errs, &path.child("priorityClassName"), priority_class, messages);
    }
    if let Some(runtime_class) = &spec.runtime_class_name {
        let messages = name_is_dns_subdomain(runtime_class, NameUse::Name);
        invalid_each(errs, &path.child("runtimeClassName"), runtime_class, messages);
    }
    if let Some(policy) = &spec.preemption_policy {
        validate_preemption_policy(errs, policy, &path.child("preemptionPolicy"));
    }
}

/// Mirrors `ValidatePreemptionPolicy`.
pub(super) fn validate_preemption_policy(errs: &mut ErrorList, policy: &str, path: &Path<'_>) {
    validate_required_supported(errs, policy, &["PreemptLowerPriority", "Never"], path);
}

/// Mirrors `validatePodHostNetworkDeps`: in a template the host port may still be missing.
fn validate_pod_host_network_deps(
    errs: &mut ErrorList,
    spec: &PodSpec,
    options: &PodValidationOptions<'_>,
    path: &Path<'_>,
) {
    if spec.host_network != Some(true) {
        return;
    }
    let containers_path = path.child("containers");
    for (index, container) in spec.containers.iter().enumerate() {
        let container_path = containers_path.index(index);
        let ports_path = container_path.child("ports");
        for (index, port) in items(&container.ports).iter().enumerate() {
            let host_port = port.host_port.unwrap_or_default();
            let may_be_missing = !options.resource_is_pod && host_port == 0;
            if host_port != port.container_port && !may_be_missing {
                let detail = "must match `containerPort` when `hostNetwork` is true";
                let port_path = ports_path.index(index);
                errs.push(Error::invalid(&port_path.child("hostPort"), host_port, detail));
            }
        }
    }
}

/// Mirrors `validatePodDNSConfig`.
fn validate_pod_dns_config(errs: &mut ErrorList, spec: &PodSpec, path: &Path<'_>) {
    let is_none = text(&spec.dns_policy) == "None";
    let Some(config) = &spec.dns_config else {
        if is_none {
            let detail = "must provide `dnsConfig` when `dnsPolicy` is None";
            errs.push(Error::required(path, detail));
        }
        return;
    };
    if is_none && items(&config.nameservers).is_empty() {
        let detail = "must provide at least one DNS nameserver when `dnsPolicy` is None";
        errs.push(Error::required(&path.child("nameservers"), detail));
        return;
    }
    validate_nameservers_and_searches(errs, config, path);
    let options_path = path.child("options");
    for (index, option) in items(&config.options).iter().enumerate() {
        if text(&option.name).is_empty() {
            errs.push(Error::required(&options_path.index(index), "must not be empty"));
        }
    }
}

fn validate_nameservers_and_searches(errs: &mut ErrorList, config: &PodDNSConfig, path: &Path<'_>) {
    let servers = items(&config.nameservers);
    let servers_path = path.child("nameservers");
    if servers.len() > MAX_DNS_NAMESERVERS {
        let detail = format!("must not have more than {MAX_DNS_NAMESERVERS} nameservers");
        errs.push(Error::invalid(&servers_path, BadValue::json(&servers), detail));
    }
    for (index, server) in servers.iter().enumerate() {
        invalid_each(errs, &servers_path.index(index), server, is_valid_ip(server));
    }
    let searches = items(&config.searches);
    let searches_path = path.child("searches");
    if searches.len() > MAX_DNS_SEARCH_PATHS {
        let detail = format!("must not have more than {MAX_DNS_SEARCH_PATHS} search paths");
        errs.push(Error::invalid(&searches_path, BadValue::json(&searches), detail));
    }
    if searches.join(" ").len() > MAX_DNS_SEARCH_LIST_CHARS {
        let detail = format!(
            "must not have more than {MAX_DNS_SEARCH_LIST_CHARS} characters (including spaces) in \
             the search list"
        );
        errs.push(Error::invalid(&searches_path, BadValue::json(&searches), detail));
    }
    for (index, search) in searches.iter().enumerate().filter(|(_, search)| *search != ".") {
        let search = search.strip_suffix('.').unwrap_or(search);
        invalid_each(errs, &searches_path.index(index), search, is_dns1123_subdomain_with_underscore(search));
    }
}

fn validate_readiness_gates(errs: &mut ErrorList, gates: &[PodReadinessGate], path: &Path<'_>) {
    for (index, gate) in gates.iter().enumerate() {
        let messages = is_qualified_name(&gate.condition_type);
        let path = path.index(index);
        invalid_each(errs, &path.child("conditionType"), &gate.condition_type, messages);
    }
}

fn validate_scheduling_gates(errs: &mut ErrorList, gates: &[PodSchedulingGate], path: &Path<'_>) {
    for (index, gate) in gates.iter().enumerate() {
        let path = path.index(index);
        invalid_each(errs, &path, &gate.name, is_qualified_name(&gate.name));
        if gates[..index].iter().any(|earlier| earlier.name == gate.name) {
            errs.push(Error::duplicate(&path, &gate.name));
        }
    }
}

fn validate_host_aliases(errs: &mut ErrorList, aliases: &[HostAlias], path: &Path<'_>) {
    for (index, alias) in aliases.iter().enumerate() {
        let path = path.index(index);
        invalid_each(errs, &path.child("ip"), &alias.ip, is_valid_ip(&alias.ip));
        let names_path = path.child("hostnames");
        for (index, name) in items(&alias.hostnames).iter().enumerate() {
            invalid_each(errs, &names_path.index(index), name, is_dns1123_subdomain(name));
        }
    }
}
