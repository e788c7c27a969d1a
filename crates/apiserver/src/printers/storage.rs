//! The rows of StorageClasses, PersistentVolumes and PersistentVolumeClaims.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use seatrial_api::{ObjectMeta, PersistentVolume, PersistentVolumeClaim, StorageClass, Time};
use serde_json::json;

use super::{Cells, Column, age, column, wide};
use crate::validation::BETA_STORAGE_CLASS_ANNOTATION;

const UNSET: &str = "<unset>";
const IS_DEFAULT_ANNOTATIONS: [&str; 2] =
    ["storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class"];
/// The modes with their short forms, in the order in which they are shown.
const ACCESS_MODES: [(&str, &str); 4] =
    [("ReadWriteOnce", "RWO"), ("ReadOnlyMany", "ROX"), ("ReadWriteMany", "RWX"), ("ReadWriteOncePod", "RWOP")];

pub(super) const STORAGE_CLASS_COLUMNS: &[Column] = &[
    column("Name"),
    column("Provisioner"),
    column("ReclaimPolicy"),
    column("VolumeBindingMode"),
    column("AllowVolumeExpansion"),
    column("Age"),
];

pub(super) fn storage_class_cells(class: &StorageClass, now: Time) -> Cells {
    let is_default = IS_DEFAULT_ANNOTATIONS.iter().any(|a| class.meta.annotations.get(a) == Some("true"));
    let mark = if is_default { " (default)" } else { "" };
    vec![
        json!(format!("{}{mark}", class.meta.name)),
        json!(class.body.provisioner),
        json!(class.body.reclaim_policy.as_deref().unwrap_or("Delete")),
        json!(class.body.volume_binding_mode.as_deref().unwrap_or("Immediate")),
        json!(class.body.allow_volume_expansion.unwrap_or(false)),
        json!(age(class.meta.creation_timestamp, now)),
    ]
}

pub(super) const PERSISTENT_VOLUME_COLUMNS: &[Column] = &[
    column("Name"),
    column("Capacity"),
    column("Access Modes"),
    column("Reclaim Policy"),
    column("Status"),
    column("Claim"),
    column("StorageClass"),
    column("VolumeAttributesClass"),
    column("Reason"),
    column("Age"),
    wide("VolumeMode"),
];

pub(super) fn persistent_volume_cells(volume: &PersistentVolume, now: Time) -> Cells {
    let (spec, status) = (volume.body.spec.api(), &volume.body.status);
    let claim = volume.body.claim_ref.as_ref().map(|claim| format!("{}/{}", claim.namespace, claim.name));
    vec![
        json!(volume.meta.name.as_str()),
        json!(storage(spec.capacity.as_ref())),
        json!(access_modes(spec.access_modes.as_deref())),
        json!(spec.persistent_volume_reclaim_policy.as_deref().unwrap_or_default()),
        json!(phase(&volume.meta, &status.phase)),
        json!(claim.unwrap_or_default()),
        json!(class(&volume.meta, spec.storage_class_name.as_deref())),
        json!(or_unset(spec.volume_attributes_class_name.as_deref())),
        json!(status.reason.as_str()),
        json!(age(volume.meta.creation_timestamp, now)),
        json!(or_unset(spec.volume_mode.as_deref())),
    ]
}

pub(super) const PERSISTENT_VOLUME_CLAIM_COLUMNS: &[Column] = &[
    column("Name"),
    column("Status"),
    column("Volume"),
    column("Capacity"),
    column("Access Modes"),
    column("StorageClass"),
    column("VolumeAttributesClass"),
    column("Age"),
    wide("VolumeMode"),
];

pub(super) fn persistent_volume_claim_cells(claim: &PersistentVolumeClaim, now: Time) -> Cells {
    let (spec, volume, status) = (claim.body.spec.api(), claim.body.volume_name.as_str(), claim.body.status.api());
    let (capacity, modes) = if volume.is_empty() {
        Default::default()
    } else {
        (storage(status.capacity.as_ref()), access_modes(status.access_modes.as_deref()))
    };
    vec![
        json!(claim.meta.name.as_str()),
        json!(phase(&claim.meta, claim.body.status.phase())),
        json!(volume),
        json!(capacity),
        json!(modes),
        json!(class(&claim.meta, spec.storage_class_name.as_deref())),
        json!(or_unset(spec.volume_attributes_class_name.as_deref())),
        json!(age(claim.meta.creation_timestamp, now)),
        json!(or_unset(spec.volume_mode.as_deref())),
    ]
}

fn or_unset(text: Option<&str>) -> &str {
    text.unwrap_or(UNSET)
}

fn storage(list: Option<&BTreeMap<String, Quantity>>) -> String {
    list.and_then(|list| list.get("storage")).map(|quantity| quantity.0.clone()).unwrap_or_else(|| "0".to_owned())
}

fn phase<'a>(meta: &ObjectMeta, phase: &'a str) -> &'a str {
    if meta.is_deleting() { "Terminating" } else { phase }
}

fn class<'a>(meta: &'a ObjectMeta, name: Option<&'a str>) -> &'a str {
    meta.annotations.get(BETA_STORAGE_CLASS_ANNOTATION).or(name).unwrap_or_default()
}

/// `RWO,ROX`, each once. Mirrors `GetAccessModesAsString`.
pub fn access_modes(modes: Option<&[String]>) -> String {
    let modes = modes.unwrap_or_default();
    let shown: Vec<&str> = ACCESS_MODES
        .iter()
        .filter(|(mode, _)| modes.iter().any(|other| other == mode))
        .map(|(_, short)| *short)
        .collect();
    shown.join(",")
}
