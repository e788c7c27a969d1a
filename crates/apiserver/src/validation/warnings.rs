//! Warnings: what the API server accepts but advises against.
//!
//! Mirrors the strategies' `WarningsOnCreate` (v1.36).

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::core::v1::{Pod, PodTemplateSpec, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use seatrial_api::names::is_dns1123_label;

use super::pod_warnings::warnings_for_pod_spec_and_meta;
use super::text;
use super::workload_warnings::{TEMPLATE, warnings_for_template};

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

/// What creating the Pod warns about. Mirrors `podStrategy.WarningsOnCreate`.
#[must_use]
pub fn warnings_for_pod(pod: &Pod) -> Vec<String> {
    let mut warnings = warnings_for_name_in(&pod.metadata, "the Pod's hostname");
    warnings.extend(pod.spec.iter().flat_map(|spec| warnings_for_pod_spec_and_meta(spec, &pod.metadata, "")));
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
    warnings.extend(warnings_for_template(template, TEMPLATE));
    warnings
}

/// The names of a kind's pods begin with its own, and become host names.
pub(super) fn warnings_for_name(meta: &ObjectMeta) -> Vec<String> {
    warnings_for_name_in(meta, "Pod names and hostnames")
}

fn warnings_for_name_in(meta: &ObjectMeta, use_: &str) -> Vec<String> {
    let messages = is_dns1123_label(text(&meta.name));
    if messages.is_empty() {
        return Vec::new();
    }
    vec![format!(
        "metadata.name: this is used in {use_}, which can result in surprising \
         behavior; a DNS label is recommended: [{}]",
        messages.join(" ")
    )]
}
