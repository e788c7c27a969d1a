//! Defaults of pods and pod templates.
//!
//! Mirrors `SetDefaults_Pod` and `SetDefaults_PodSpec` in pkg/apis/core/v1/defaults.go (v1.36).
//! What only `set_defaults_pod` fills stays absent in templates, whose hash depends on it.

use k8s_openapi::api::core::v1::{Container, EphemeralContainer, Pod, PodSpec, PodTemplateSpec, ResourceRequirements};

use super::container::{
    set_defaults_container, set_defaults_env, set_defaults_lifecycle, set_defaults_ports, set_defaults_probe,
    set_defaults_resource_requirements,
};
use super::default_text;
use super::resources::{requests_from_limits, set_defaults_pod_requests, set_defaults_resource_list};
use super::volume::set_defaults_volume;

/// Mirrors `SetObjectDefaults_Pod`.
pub fn set_defaults_pod(pod: &mut Pod) {
    let spec = pod.spec.get_or_insert_default();
    for container in spec.containers.iter_mut().chain(spec.init_containers.iter_mut().flatten()) {
        container.resources.as_mut().map(requests_from_limits);
    }
    set_defaults_pod_requests(spec);
    spec.enable_service_links.get_or_insert(true);
    if spec.host_network == Some(true) {
        default_host_network_ports(&mut spec.containers);
        spec.init_containers.as_deref_mut().map(default_host_network_ports);
    }
    set_defaults_pod_spec(spec);
    pod.status.get_or_insert_default();
}

/// The defaults of a pod template, in any kind that has one.
pub fn set_defaults_pod_template(template: &mut PodTemplateSpec) {
    template.metadata.get_or_insert_default();
    set_defaults_pod_spec(template.spec.get_or_insert_default());
}

/// Mirrors `SetDefaults_PodSpec` and the defaults of everything below it.
pub fn set_defaults_pod_spec(spec: &mut PodSpec) {
    default_text(&mut spec.dns_policy, "ClusterFirst");
    default_text(&mut spec.restart_policy, "Always");
    default_text(&mut spec.scheduler_name, "default-scheduler");
    spec.security_context.get_or_insert_default();
    spec.termination_grace_period_seconds.get_or_insert(30);
    mirror_service_account(spec);
    spec.volumes.iter_mut().flatten().for_each(set_defaults_volume);
    spec.init_containers.iter_mut().flatten().for_each(set_defaults_container);
    spec.containers.iter_mut().for_each(set_defaults_container);
    spec.ephemeral_containers.iter_mut().flatten().for_each(set_defaults_ephemeral_container);
    set_defaults_resource_list(spec.overhead.as_mut());
    if let Some(ResourceRequirements { limits, requests, .. }) = &mut spec.resources {
        set_defaults_resource_list(limits.as_mut());
        set_defaults_resource_list(requests.as_mut());
    }
}

/// `serviceAccount` is the old name of `serviceAccountName`, which wins.
fn mirror_service_account(spec: &mut PodSpec) {
    let given = |name: &Option<String>| name.clone().filter(|name| !name.is_empty());
    let name = given(&spec.service_account_name).or_else(|| given(&spec.service_account));
    spec.service_account_name.clone_from(&name);
    spec.service_account = name;
}

/// Mirrors `defaultHostNetworkPorts`.
fn default_host_network_ports(containers: &mut [Container]) {
    for port in containers.iter_mut().filter_map(|c| c.ports.as_mut()).flatten() {
        super::default_number(&mut port.host_port, port.container_port);
    }
}

/// The fields an ephemeral container shares with others get the same defaults.
fn set_defaults_ephemeral_container(container: &mut EphemeralContainer) {
    let image = container.image.as_deref().unwrap_or_default();
    let policy = super::image::default_pull_policy(image);
    default_text(&mut container.image_pull_policy, policy);
    default_text(&mut container.termination_message_path, "/dev/termination-log");
    default_text(&mut container.termination_message_policy, "File");
    set_defaults_resource_requirements(&mut container.resources);
    set_defaults_ports(container.ports.as_mut());
    set_defaults_env(container.env.as_mut());
    let probes = [&mut container.liveness_probe, &mut container.readiness_probe, &mut container.startup_probe];
    probes.into_iter().flatten().for_each(set_defaults_probe);
    set_defaults_lifecycle(&mut container.lifecycle);
}
