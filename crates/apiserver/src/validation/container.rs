//! Validation of regular, init and ephemeral containers.
//!
//! Mirrors `validateContainers` and its neighbours in pkg/apis/core/validation (v1.36).

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{
    Container, ContainerPort, ContainerResizePolicy, EphemeralContainer, PodResourceClaim, PodSpec, Volume,
};
use seatrial_api::field::{Error, ErrorList, Path};
use seatrial_api::names::{is_dns1123_label, is_valid_port_name, is_valid_port_num};

use super::env::{validate_env, validate_env_from};
use super::probe::{validate_lifecycle, validate_liveness_probe, validate_readiness_probe, validate_startup_probe};
use super::resources::validate_container_resource_requirements;
use super::security::validate_security_context;
use super::volume_mount::{validate_volume_devices, validate_volume_mounts};
use super::{invalid_each, invalid_number_each, items, text, validate_required_supported};

/// The text for a field that only sidecars may have.
const ONLY_FOR_SIDECARS: &str = "may not be set for init containers without restartPolicy=Always";
/// The text for a field that debugging containers may not have.
const NOT_FOR_EPHEMERAL: &str = "cannot be set for an Ephemeral Container";

/// How many rules a container may have that decide whether it is restarted.
const RESTART_POLICY_RULES_MAX: usize = 20;
/// How many exit codes such a rule may name.
const EXIT_CODES_MAX: usize = 255;

/// What containers need to know of their pod.
pub(super) struct ContainerContext<'a> {
    /// The valid volumes by name.
    pub(super) volumes: &'a BTreeMap<&'a str, &'a Volume>,
    /// The pod's `terminationGracePeriodSeconds`.
    pub(super) grace_period_seconds: Option<i64>,
    /// The pod's `restartPolicy`.
    pub(super) pod_restart_policy: &'a str,
    /// The pod's claims.
    pub(super) resource_claims: &'a [PodResourceClaim],
    /// Whether the pod shares the user namespace of its node.
    pub(super) host_users: bool,
}

/// Mirrors `validateContainers`.
pub(super) fn validate_containers(
    errs: &mut ErrorList,
    cx: &ContainerContext<'_>,
    containers: &[Container],
    path: &Path<'_>,
) {
    if containers.is_empty() {
        errs.push(Error::required(path, ""));
        return;
    }
    let mut names = BTreeSet::new();
    for (index, container) in containers.iter().enumerate() {
        let path = path.index(index);
        validate_container_common(errs, cx, container, &path);
        if !names.insert(container.name.as_str()) {
            errs.push(Error::duplicate(&path.child("name"), &container.name));
        }
        validate_hooks_and_probes(errs, cx, container, &path);
        validate_container_restart_policy(errs, container, &path);
    }
    check_host_port_conflicts(errs, containers, path);
}

/// Mirrors `validateInitContainers`.
pub(super) fn validate_init_containers(
    errs: &mut ErrorList,
    cx: &ContainerContext<'_>,
    spec: &PodSpec,
    path: &Path<'_>,
) {
    let mut names: BTreeSet<&str> = spec.containers.iter().map(|c| c.name.as_str()).collect();
    for (index, container) in items(&spec.init_containers).iter().enumerate() {
        let item_path = path.index(index);
        validate_container_common(errs, cx, container, &item_path);
        validate_container_restart_policy(errs, container, &item_path);
        let is_new = names.insert(container.name.as_str()) || container.name.is_empty();
        if !is_new {
            errs.push(Error::duplicate(&item_path.child("name"), &container.name));
        }
        check_host_port_conflicts(errs, std::slice::from_ref(container), path);
        if text(&container.restart_policy) == "Always" {
            validate_hooks_and_probes(errs, cx, container, &item_path);
            continue;
        }
        for (field, is_set) in [
            ("lifecycle", container.lifecycle.is_some()),
            ("livenessProbe", container.liveness_probe.is_some()),
            ("readinessProbe", container.readiness_probe.is_some()),
            ("startupProbe", container.startup_probe.is_some()),
        ] {
            if is_set {
                errs.push(Error::forbidden(&item_path.child(field), ONLY_FOR_SIDECARS));
            }
        }
    }
}

/// Mirrors `validateEphemeralContainers`.
pub(super) fn validate_ephemeral_containers(
    errs: &mut ErrorList,
    cx: &ContainerContext<'_>,
    spec: &PodSpec,
    path: &Path<'_>,
) {
    let others: BTreeSet<&str> =
        spec.containers.iter().chain(items(&spec.init_containers)).map(|container| container.name.as_str()).collect();
    let mut names = others.clone();
    for (index, ephemeral) in items(&spec.ephemeral_containers).iter().enumerate() {
        let path = path.index(index);
        let container = common_of(ephemeral);
        validate_container_common(errs, cx, &container, &path);
        validate_container_only_for_pod(errs, &container, &path);
        if !names.insert(ephemeral.name.as_str()) {
            errs.push(Error::duplicate(&path.child("name"), &ephemeral.name));
        }
        let target = text(&ephemeral.target_container_name);
        if !target.is_empty() && !others.contains(target) {
            errs.push(Error::not_found(&path.child("targetContainerName"), target));
        }
        validate_ephemeral_allow_list(errs, ephemeral, &path);
    }
}

/// The fields an ephemeral container shares with others.
fn common_of(ephemeral: &EphemeralContainer) -> Container {
    let ephemeral = ephemeral.clone();
    Container {
        args: ephemeral.args,
        command: ephemeral.command,
        env: ephemeral.env,
        env_from: ephemeral.env_from,
        image: ephemeral.image,
        image_pull_policy: ephemeral.image_pull_policy,
        name: ephemeral.name,
        ports: ephemeral.ports,
        resize_policy: ephemeral.resize_policy,
        resources: ephemeral.resources,
        security_context: ephemeral.security_context,
        termination_message_policy: ephemeral.termination_message_policy,
        volume_devices: ephemeral.volume_devices,
        volume_mounts: ephemeral.volume_mounts,
        ..Container::default()
    }
}

/// Mirrors `validateFieldAllowList`, in the order of Go's struct.
fn validate_ephemeral_allow_list(errs: &mut ErrorList, ephemeral: &EphemeralContainer, path: &Path<'_>) {
    let has_resources = ephemeral.resources.as_ref().is_some_and(|r| *r != Default::default());
    for (field, is_set) in [
        ("ports", !items(&ephemeral.ports).is_empty()),
        ("resources", has_resources),
        ("resizePolicy", !items(&ephemeral.resize_policy).is_empty()),
        ("restartPolicy", ephemeral.restart_policy.is_some()),
        ("restartPolicyRules", !items(&ephemeral.restart_policy_rules).is_empty()),
        ("livenessProbe", ephemeral.liveness_probe.is_some()),
        ("readinessProbe", ephemeral.readiness_probe.is_some()),
        ("startupProbe", ephemeral.startup_probe.is_some()),
        ("lifecycle", ephemeral.lifecycle.is_some()),
    ] {
        if is_set {
            errs.push(Error::forbidden(&path.child(field), NOT_FOR_EPHEMERAL));
        }
    }
    let mounts_path = path.child("volumeMounts");
    for (index, mount) in items(&ephemeral.volume_mounts).iter().enumerate() {
        let path = mounts_path.index(index);
        if !text(&mount.sub_path).is_empty() {
            errs.push(Error::forbidden(&path.child("subPath"), NOT_FOR_EPHEMERAL));
        }
        if !text(&mount.sub_path_expr).is_empty() {
            errs.push(Error::forbidden(&path.child("subPathExpr"), NOT_FOR_EPHEMERAL));
        }
    }
}

/// Mirrors `validateContainerCommon`.
fn validate_container_common(errs: &mut ErrorList, cx: &ContainerContext<'_>, container: &Container, path: &Path<'_>) {
    if container.name.is_empty() {
        errs.push(Error::required(&path.child("name"), ""));
    } else {
        let messages = is_dns1123_label(&container.name);
        invalid_each(errs, &path.child("name"), &container.name, messages);
    }
    if text(&container.image).is_empty() {
        errs.push(Error::required(&path.child("image"), ""));
    }
    let policy = text(&container.termination_message_policy);
    let policies = ["File", "FallbackToLogsOnError"];
    validate_required_supported(errs, policy, &policies, &path.child("terminationMessagePolicy"));
    validate_container_ports(errs, items(&container.ports), &path.child("ports"));
    validate_env(errs, items(&container.env), &path.child("env"));
    validate_env_from(errs, items(&container.env_from), &path.child("envFrom"));
    validate_volume_mounts(errs, cx, container, &path.child("volumeMounts"));
    validate_volume_devices(errs, cx, container, &path.child("volumeDevices"));
    let policy = text(&container.image_pull_policy);
    validate_pull_policy(errs, policy, &path.child("imagePullPolicy"));
    let resources = container.resources.as_ref();
    validate_container_resource_requirements(errs, cx, resources, &path.child("resources"));
    let policies = items(&container.resize_policy);
    validate_resize_policy(errs, policies, cx.pod_restart_policy, &path.child("resizePolicy"));
    let security = container.security_context.as_ref();
    validate_security_context(errs, security, cx.host_users, &path.child("securityContext"));
}

/// Mirrors `validatePullPolicy`.
pub(super) fn validate_pull_policy(errs: &mut ErrorList, policy: &str, path: &Path<'_>) {
    validate_required_supported(errs, policy, &["Always", "IfNotPresent", "Never"], path);
}

fn validate_hooks_and_probes(errs: &mut ErrorList, cx: &ContainerContext<'_>, container: &Container, path: &Path<'_>) {
    let grace = cx.grace_period_seconds;
    if let Some(lifecycle) = &container.lifecycle {
        validate_lifecycle(errs, lifecycle, grace, &path.child("lifecycle"));
    }
    if let Some(probe) = &container.liveness_probe {
        validate_liveness_probe(errs, probe, &path.child("livenessProbe"));
    }
    if let Some(probe) = &container.readiness_probe {
        validate_readiness_probe(errs, probe, &path.child("readinessProbe"));
    }
    if let Some(probe) = &container.startup_probe {
        validate_startup_probe(errs, probe, &path.child("startupProbe"));
    }
}

/// Mirrors `validateContainerRestartPolicy`.
fn validate_container_restart_policy(errs: &mut ErrorList, container: &Container, path: &Path<'_>) {
    let rules = items(&container.restart_policy_rules);
    let policy_path = path.child("restartPolicy");
    match &container.restart_policy {
        Some(policy) => {
            super::validate_supported(errs, policy, &["Always", "Never", "OnFailure"], &policy_path);
        }
        None if !rules.is_empty() => {
            errs.push(Error::required(&policy_path, "must specify restartPolicy when restart rules are used"));
        }
        None => {}
    }
    let rules_path = path.child("restartPolicyRules");
    if rules.len() > RESTART_POLICY_RULES_MAX {
        errs.push(Error::too_many(&rules_path, rules.len(), RESTART_POLICY_RULES_MAX));
    }
    for (index, rule) in rules.iter().enumerate() {
        let path = rules_path.index(index);
        super::validate_supported(errs, &rule.action, &["Restart", "RestartAllContainers"], &path.child("action"));
        let codes_path = path.child("exitCodes");
        let Some(codes) = &rule.exit_codes else {
            errs.push(Error::required(&codes_path, "must be specified"));
            continue;
        };
        super::validate_supported(errs, &codes.operator, &["In", "NotIn"], &codes_path.child("operator"));
        let values = items(&codes.values);
        if values.len() > EXIT_CODES_MAX {
            errs.push(Error::too_many(&codes_path.child("values"), values.len(), EXIT_CODES_MAX));
        }
    }
}

/// What a Pod's container must also obey. Mirrors `validateContainerOnlyForPod`.
pub(super) fn validate_container_only_for_pod(errs: &mut ErrorList, container: &Container, path: &Path<'_>) {
    let image = text(&container.image);
    if image.len() != image.trim().len() {
        let detail = "must not have leading or trailing whitespace";
        errs.push(Error::invalid(&path.child("image"), image, detail));
    }
}

/// Mirrors `validateContainerPorts`.
fn validate_container_ports(errs: &mut ErrorList, ports: &[ContainerPort], path: &Path<'_>) {
    let mut names = BTreeSet::new();
    for (index, port) in ports.iter().enumerate() {
        let path = path.index(index);
        let name = text(&port.name);
        if !name.is_empty() {
            let messages = is_valid_port_name(name);
            if messages.is_empty() && !names.insert(name) {
                errs.push(Error::duplicate(&path.child("name"), name));
            }
            invalid_each(errs, &path.child("name"), name, messages);
        }
        let container_port = port.container_port;
        if container_port == 0 {
            errs.push(Error::required(&path.child("containerPort"), ""));
        } else {
            let messages = is_valid_port_num(container_port);
            let path = path.child("containerPort");
            invalid_number_each(errs, &path, container_port.into(), messages);
        }
        if let Some(host_port) = port.host_port.filter(|&host_port| host_port != 0) {
            let messages = is_valid_port_num(host_port);
            invalid_number_each(errs, &path.child("hostPort"), host_port.into(), messages);
        }
        let protocols = ["SCTP", "TCP", "UDP"];
        let protocol = text(&port.protocol);
        validate_required_supported(errs, protocol, &protocols, &path.child("protocol"));
    }
}

/// Mirrors `checkHostPortConflicts`.
fn check_host_port_conflicts(errs: &mut ErrorList, containers: &[Container], path: &Path<'_>) {
    let mut seen = BTreeSet::new();
    for (index, container) in containers.iter().enumerate() {
        let container_path = path.index(index);
        let ports_path = container_path.child("ports");
        for (index, port) in items(&container.ports).iter().enumerate() {
            let Some(host_port) = port.host_port.filter(|&port| port != 0) else { continue };
            let key = format!("{}/{}/{host_port}", text(&port.protocol), text(&port.host_ip));
            if !seen.insert(key.clone()) {
                errs.push(Error::duplicate(&ports_path.index(index).child("hostPort"), key));
            }
        }
    }
}

/// Mirrors `validateResizePolicy`.
fn validate_resize_policy(
    errs: &mut ErrorList,
    policies: &[ContainerResizePolicy],
    pod_restart_policy: &str,
    path: &Path<'_>,
) {
    let mut seen = BTreeSet::new();
    for (index, policy) in policies.iter().enumerate() {
        if !seen.insert(policy.resource_name.as_str()) {
            errs.push(Error::duplicate(&path.index(index), &policy.resource_name));
        }
        validate_required_supported(errs, &policy.resource_name, &["cpu", "memory"], path);
        let supported = ["NotRequired", "RestartContainer"];
        validate_required_supported(errs, &policy.restart_policy, &supported, path);
        if pod_restart_policy == "Never" && policy.restart_policy != "NotRequired" {
            let detail = "must be 'NotRequired' when `restartPolicy` is 'Never'";
            errs.push(Error::invalid(path, &policy.restart_policy, detail));
        }
    }
}
