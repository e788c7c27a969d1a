//! ServiceAccount: pods run as an account that exists, and find its token in a volume.
//!
//! Mirrors plugin/pkg/admission/serviceaccount (v1.36). Differs: pods that share a template share the name of the token's
//! volume too, since they share the spec; the annotation that restricts mountable secrets is not looked at.

use k8s_openapi::api::core::v1::{
    ConfigMapProjection, DownwardAPIProjection, DownwardAPIVolumeFile, KeyToPath, LocalObjectReference,
    ObjectFieldSelector, PodSpec, ProjectedVolumeSource, ServiceAccountTokenProjection, Volume, VolumeMount,
    VolumeProjection,
};
use seatrial_api::{Kind, ServiceAccount};

use crate::store::Store;

const DEFAULT_SERVICE_ACCOUNT_NAME: &str = "default";
const SERVICE_ACCOUNT_VOLUME_PREFIX: &str = "kube-api-access-";
const DEFAULT_API_TOKEN_MOUNT_PATH: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// An hour and a little, so that the kubelet renews the token before it is an hour old.
const TOKEN_EXPIRATION_SECONDS: i64 = 3607;
const PROJECTED_MODE: i32 = 420;

/// Gives a pod its account; `suffix` ends the name of the volume it may need.
pub(crate) fn admit_service_account(
    spec: &mut PodSpec,
    namespace: &str,
    store: &Store,
    suffix: impl FnOnce() -> String,
) -> Result<(), String> {
    let name = spec.service_account_name.clone().filter(|name| !name.is_empty());
    let name = name.unwrap_or_else(|| DEFAULT_SERVICE_ACCOUNT_NAME.to_owned());
    let Some(account) = store.get_as::<ServiceAccount>(namespace, &name) else {
        let kind = Kind::ServiceAccount.info().singular;
        return Err(format!("error looking up service account {namespace}/{name}: {kind} \"{name}\" not found"));
    };
    let automount =
        spec.automount_service_account_token.or(account.body.automount_service_account_token).unwrap_or(true);
    let secrets = account.body.image_pull_secrets.iter().flatten().cloned();
    if spec.image_pull_secrets.as_ref().is_none_or(Vec::is_empty) {
        let secrets: Vec<LocalObjectReference> = secrets.collect();
        spec.image_pull_secrets = (!secrets.is_empty()).then_some(secrets);
    }
    spec.service_account_name = Some(name.clone());
    spec.service_account = Some(name);
    if automount {
        mount_service_account_token(spec, suffix);
    }
    Ok(())
}

/// Mirrors `mountServiceAccountToken`.
fn mount_service_account_token(spec: &mut PodSpec, suffix: impl FnOnce() -> String) {
    let existing = spec.volumes.iter().flatten().find(|v| v.name.starts_with(SERVICE_ACCOUNT_VOLUME_PREFIX));
    let existing = existing.map(|volume| volume.name.clone());
    let has_volume = existing.is_some();
    let name = existing.unwrap_or_else(|| format!("{SERVICE_ACCOUNT_VOLUME_PREFIX}{}", suffix()));
    let mut needs_volume = false;
    for container in spec.init_containers.iter_mut().flatten().chain(&mut spec.containers) {
        let mounts = container.volume_mounts.get_or_insert_default();
        if mounts.iter().all(|mount| mount.mount_path != DEFAULT_API_TOKEN_MOUNT_PATH) {
            needs_volume = true;
            mounts.push(VolumeMount {
                name: name.clone(),
                mount_path: DEFAULT_API_TOKEN_MOUNT_PATH.to_owned(),
                read_only: Some(true),
                ..VolumeMount::default()
            });
        }
    }
    if needs_volume && !has_volume {
        spec.volumes.get_or_insert_default().push(token_volume(name));
    }
}

/// Mirrors `TokenVolumeSource`.
fn token_volume(name: String) -> Volume {
    let token = ServiceAccountTokenProjection {
        expiration_seconds: Some(TOKEN_EXPIRATION_SECONDS),
        path: "token".to_owned(),
        audience: None,
    };
    let certificate = ConfigMapProjection {
        name: "kube-root-ca.crt".to_owned(),
        items: Some(vec![KeyToPath { key: "ca.crt".to_owned(), path: "ca.crt".to_owned(), mode: None }]),
        optional: None,
    };
    let field = ObjectFieldSelector { api_version: Some("v1".to_owned()), field_path: "metadata.namespace".to_owned() };
    let namespace = DownwardAPIProjection {
        items: Some(vec![DownwardAPIVolumeFile {
            path: "namespace".to_owned(),
            field_ref: Some(field),
            ..DownwardAPIVolumeFile::default()
        }]),
    };
    let sources = vec![
        VolumeProjection { service_account_token: Some(token), ..VolumeProjection::default() },
        VolumeProjection { config_map: Some(certificate), ..VolumeProjection::default() },
        VolumeProjection { downward_api: Some(namespace), ..VolumeProjection::default() },
    ];
    let projected = ProjectedVolumeSource { default_mode: Some(PROJECTED_MODE), sources: Some(sources) };
    Volume { name, projected: Some(projected), ..Volume::default() }
}
