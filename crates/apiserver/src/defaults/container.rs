//! Defaults of containers: probes, hooks, ports, environment, pull policy.
//!
//! Mirrors `SetDefaults_Container` and its neighbours in pkg/apis/core/v1/defaults.go (v1.36).

use k8s_openapi::api::core::v1::{
    Container, ContainerPort, EnvVar, HTTPGetAction, Lifecycle, ObjectFieldSelector, Probe, ResourceFieldSelector,
    ResourceRequirements,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::image::default_pull_policy;
use super::resources::{canonicalize, set_defaults_resource_list};
use super::{default_number, default_text};

/// Where the container may leave its last words.
const TERMINATION_MESSAGE_PATH: &str = "/dev/termination-log";

/// Mirrors `SetDefaults_Container` and the defaults of the fields below it.
pub(super) fn set_defaults_container(container: &mut Container) {
    let policy = default_pull_policy(container.image.as_deref().unwrap_or_default());
    default_text(&mut container.image_pull_policy, policy);
    default_text(&mut container.termination_message_path, TERMINATION_MESSAGE_PATH);
    default_text(&mut container.termination_message_policy, "File");
    set_defaults_resource_requirements(&mut container.resources);
    set_defaults_ports(container.ports.as_mut());
    set_defaults_env(container.env.as_mut());
    let probes = [&mut container.liveness_probe, &mut container.readiness_probe, &mut container.startup_probe];
    probes.into_iter().flatten().for_each(set_defaults_probe);
    set_defaults_lifecycle(&mut container.lifecycle);
}

/// The struct is always printed, and its quantities are rounded.
pub(super) fn set_defaults_resource_requirements(resources: &mut Option<ResourceRequirements>) {
    let resources = resources.get_or_insert_default();
    set_defaults_resource_list(resources.limits.as_mut());
    set_defaults_resource_list(resources.requests.as_mut());
}

pub(super) fn set_defaults_ports(ports: Option<&mut Vec<ContainerPort>>) {
    for port in ports.into_iter().flatten() {
        default_text(&mut port.protocol, "TCP");
    }
}

pub(super) fn set_defaults_env(env: Option<&mut Vec<EnvVar>>) {
    for source in env.into_iter().flatten().filter_map(|variable| variable.value_from.as_mut()) {
        source.field_ref.as_mut().map(set_defaults_object_field_selector);
        source.resource_field_ref.as_mut().map(set_defaults_resource_field_selector);
        if let Some(file) = &mut source.file_key_ref {
            file.optional.get_or_insert(false);
        }
    }
}

/// Mirrors `SetDefaults_ObjectFieldSelector`.
pub(super) fn set_defaults_object_field_selector(selector: &mut ObjectFieldSelector) {
    default_text(&mut selector.api_version, "v1");
}

/// The divisor is no pointer upstream: it is printed as `"0"` when absent.
pub(super) fn set_defaults_resource_field_selector(selector: &mut ResourceFieldSelector) {
    canonicalize(selector.divisor.get_or_insert_with(|| Quantity("0".to_owned())));
}

/// Mirrors `SetDefaults_Probe`, `SetDefaults_HTTPGetAction` and the gRPC service.
pub(super) fn set_defaults_probe(probe: &mut Probe) {
    default_number(&mut probe.timeout_seconds, 1);
    default_number(&mut probe.period_seconds, 10);
    default_number(&mut probe.success_threshold, 1);
    default_number(&mut probe.failure_threshold, 3);
    probe.http_get.as_mut().map(set_defaults_http_get_action);
    if let Some(grpc) = &mut probe.grpc {
        grpc.service.get_or_insert_default();
    }
}

fn set_defaults_http_get_action(action: &mut HTTPGetAction) {
    default_text(&mut action.path, "/");
    default_text(&mut action.scheme, "HTTP");
}

/// Also drops `stopSignal`, whose feature is off, and what is then an empty hook list.
pub(super) fn set_defaults_lifecycle(lifecycle: &mut Option<Lifecycle>) {
    let Some(hooks) = lifecycle else { return };
    for handler in [&mut hooks.post_start, &mut hooks.pre_stop].into_iter().flatten() {
        handler.http_get.as_mut().map(set_defaults_http_get_action);
    }
    if hooks.stop_signal.take().is_some() && *hooks == Lifecycle::default() {
        *lifecycle = None;
    }
}
