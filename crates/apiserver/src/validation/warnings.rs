//! Warnings: what the API server accepts but advises against.
//!
//! Mirrors pkg/api/pod/warnings.go and the strategies' `WarningsOnCreate` (v1.36).

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::core::v1::{Container, Pod, PodSpec, PodTemplateSpec, ResourceRequirements, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use seatrial_api::field::{Path, quote};
use seatrial_api::names::is_dns1123_label;
use seatrial_api::quantity::{Format, Quantity};

use super::{items, resources::parsed, text};

/// What creating the Deployment warns about.
#[must_use]
pub fn warnings_for_deployment(deployment: &Deployment) -> Vec<String> {
    let template = deployment.spec.as_ref().map(|spec| &spec.template);
    warnings_for_workload(&deployment.metadata, template)
}

/// What creating the ReplicaSet warns about.
#[must_use]
pub fn warnings_for_replica_set(replica_set: &ReplicaSet) -> Vec<String> {
    let template = replica_set.spec.as_ref().and_then(|spec| spec.template.as_ref());
    warnings_for_workload(&replica_set.metadata, template)
}

/// What creating the Pod warns about.
#[must_use]
pub fn warnings_for_pod(pod: &Pod) -> Vec<String> {
    let mut warnings = warnings_for_name(&pod.metadata);
    if let Some(spec) = &pod.spec {
        warnings_for_pod_spec(&mut warnings, spec, &Path::new("spec"));
    }
    warnings
}

/// What creating the Secret warns about: a certificate or key that is no PEM at all.
#[must_use]
pub fn warnings_for_secret(secret: &Secret) -> Vec<String> {
    if text(&secret.type_) != "kubernetes.io/tls" {
        return Vec::new();
    }
    let lacks_pem = |key: &str| {
        let value = secret.data.as_ref().and_then(|data| data.get(key));
        !value.is_some_and(|value| value.0.windows(11).any(|window| window == b"-----BEGIN "))
    };
    let input = match (lacks_pem("tls.crt"), lacks_pem("tls.key")) {
        (true, _) => "certificate",
        (false, true) => "key",
        (false, false) => return Vec::new(),
    };
    vec![format!("tls: failed to find any PEM data in {input} input")]
}

fn warnings_for_workload(meta: &ObjectMeta, template: Option<&PodTemplateSpec>) -> Vec<String> {
    let mut warnings = warnings_for_name(meta);
    if let Some(spec) = template.and_then(|template| template.spec.as_ref()) {
        warnings_for_pod_spec(&mut warnings, spec, &Path::new("spec.template.spec"));
    }
    warnings
}

/// The name of a pod becomes a host name.
pub(super) fn warnings_for_name(meta: &ObjectMeta) -> Vec<String> {
    let messages = is_dns1123_label(text(&meta.name));
    if messages.is_empty() {
        return Vec::new();
    }
    vec![format!(
        "metadata.name: this is used in Pod names and hostnames, which can result in surprising \
         behavior; a DNS label is recommended: [{}]",
        messages.join(" ")
    )]
}

/// Mirrors `warningsForPodSpecAndMeta`, as far as the rules are implemented.
pub(super) fn warnings_for_pod_spec(warnings: &mut Vec<String>, spec: &PodSpec, path: &Path<'_>) {
    let volumes_path = path.child("volumes");
    for (index, volume) in items(&spec.volumes).iter().enumerate() {
        if volume.git_repo.is_some() {
            let path = volumes_path.index(index);
            let path = path.child("gitRepo");
            warnings.push(format!("{path}: deprecated in v1.11, and disabled by default in v1.33+"));
        }
        let is_bare = |sources: &[k8s_openapi::api::core::v1::VolumeProjection]| {
            sources.is_empty() || sources.iter().any(|source| *source == Default::default())
        };
        if volume.projected.as_ref().is_some_and(|p| is_bare(items(&p.sources))) {
            let name = quote(&volume.name);
            warnings.push(format!("volume {name} (Projected) has no sources provided"));
        }
    }
    let secrets_path = path.child("imagePullSecrets");
    for (index, secret) in items(&spec.image_pull_secrets).iter().enumerate() {
        if secret.name.is_empty() {
            let path = secrets_path.index(index);
            let path = path.child("name");
            warnings.push(format!("{path}: invalid empty name \"\""));
        }
    }
    let lists = [("containers", spec.containers.as_slice()), ("initContainers", items(&spec.init_containers))];
    for (field, containers) in lists {
        let path = path.child(field);
        for (index, container) in containers.iter().enumerate() {
            warnings_for_container(warnings, container, &path.index(index));
        }
    }
    for (name, value) in parsed(spec.overhead.as_ref()) {
        warn_of_fraction(warnings, name, value, &path.child("overhead"));
    }
}

fn warnings_for_container(warnings: &mut Vec<String>, container: &Container, path: &Path<'_>) {
    if let Some(ResourceRequirements { limits, requests, .. }) = &container.resources {
        let resources_path = path.child("resources");
        for (field, list) in [("limits", limits), ("requests", requests)] {
            for (name, value) in parsed(list.as_ref()) {
                warn_of_fraction(warnings, name, value, &resources_path.child(field));
            }
        }
    }
    let env = items(&container.env);
    let env_path = path.child("env");
    for (index, variable) in env.iter().enumerate() {
        if env[..index].iter().any(|earlier| earlier.name == variable.name) {
            let path = env_path.index(index);
            let name = quote(&variable.name);
            warnings.push(format!(
                "{path}: hides previous definition of {name}, which may be dropped when using \
                 apply"
            ));
        }
    }
}

/// Bytes come whole.
fn warn_of_fraction(warnings: &mut Vec<String>, name: &str, value: Quantity, path: &Path<'_>) {
    if matches!(name, "memory" | "ephemeral-storage") && !is_whole(value) {
        let path = path.key(name);
        let value = quote(&value.to_string());
        warnings.push(format!("{path}: fractional byte value {value} is invalid, must be an integer"));
    }
}

/// Amounts at the upper end are capped and count as whole.
fn is_whole(value: Quantity) -> bool {
    let rounded = Quantity::from_i64(value.value(), Format::DecimalSi);
    value.value() == i64::MAX || rounded.cmp_value(&value).is_eq()
}
