//! What admission does to volumes and claims: the default class, protection while they are in use, and who may grow.
//!
//! Mirrors plugin/pkg/admission/storage (v1.36).

use k8s_openapi::api::core::v1::PersistentVolumeClaimSpec;
use seatrial_api::quantity::{Format, Quantity};
use seatrial_api::{ApiError, Kind, ObjectMeta, PersistentVolumeClaim, StorageClass, Str};

use crate::store::Store;
use crate::validation::BETA_STORAGE_CLASS_ANNOTATION;

/// Keeps a claim while a pod uses it.
pub const PVC_PROTECTION_FINALIZER: &str = "kubernetes.io/pvc-protection";
/// Keeps a volume while it is bound.
pub const PV_PROTECTION_FINALIZER: &str = "kubernetes.io/pv-protection";
const IS_DEFAULT_ANNOTATIONS: [&str; 2] =
    ["storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class"];

/// Adds the finalizer of a volume or claim. Mirrors StorageObjectInUseProtection.
pub(crate) fn protect_object_in_use(meta: &mut ObjectMeta, finalizer: &'static str) {
    if !meta.has_finalizer(finalizer) {
        meta.finalizers = meta.finalizers.iter().cloned().chain([Str::from(finalizer)]).collect();
    }
}

/// A claim that says nothing of a class gets the default one, if there is any. Mirrors DefaultStorageClass.
pub(crate) fn set_default_storage_class(claim: &mut PersistentVolumeClaim, store: &Store) {
    let spec = claim.body.spec.get_or_insert_default();
    if spec.storage_class_name.is_some() || claim.meta.annotations.contains_key(BETA_STORAGE_CLASS_ANNOTATION) {
        return;
    }
    let classes = store.list_as::<StorageClass>(None).into_iter().map(|class| &**class);
    if let Some(class) = default_storage_class(classes) {
        spec.storage_class_name = Some(class.meta.name.to_string());
    }
}

/// The default among some classes: of several the newest, then the first by name. Mirrors `GetDefaultClass`.
pub fn default_storage_class<'a>(classes: impl Iterator<Item = &'a StorageClass>) -> Option<&'a StorageClass> {
    let is_default = |class: &&StorageClass| {
        IS_DEFAULT_ANNOTATIONS.iter().any(|annotation| class.meta.annotations.get(annotation) == Some("true"))
    };
    classes.filter(is_default).min_by(|a, b| {
        let newest_first = b.meta.creation_timestamp.cmp(&a.meta.creation_timestamp);
        newest_first.then_with(|| a.meta.name.cmp(&b.meta.name))
    })
}

/// Only bound claims of a class that allows it can grow. Mirrors PersistentVolumeClaimResize.
///
/// # Errors
/// 403 for the others.
pub(crate) fn check_claim_resize(
    new: &PersistentVolumeClaim,
    old: &PersistentVolumeClaim,
    store: &Store,
) -> Result<(), ApiError> {
    let size = |claim: &PersistentVolumeClaim| {
        let request = claim.body.spec.as_ref().and_then(|spec| requested_storage(spec));
        request.unwrap_or_else(|| Quantity::from_i64(0, Format::BinarySi))
    };
    if size(new).cmp_value(&size(old)).is_le() {
        return Ok(());
    }
    let forbidden = |why: &str| Err(ApiError::forbidden(&Kind::PersistentVolumeClaim.resource(), &new.meta.name, why));
    if old.body.status.as_ref().and_then(|status| status.phase.as_deref()) != Some("Bound") {
        return forbidden("Only bound persistent volume claims can be expanded");
    }
    let class = class_of(new);
    let class = store.get_as::<StorageClass>("", class).filter(|_| !class.is_empty() && class == class_of(old));
    if class.is_none_or(|class| class.body.allow_volume_expansion != Some(true)) {
        return forbidden(
            "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must \
             support resize",
        );
    }
    Ok(())
}

/// How much a claim asks for.
pub fn requested_storage(spec: &PersistentVolumeClaimSpec) -> Option<Quantity> {
    let requests = spec.resources.as_ref()?.requests.as_ref()?;
    Quantity::try_from(requests.get("storage")?).ok()
}

/// The class of a claim, empty for none. Mirrors `GetPersistentVolumeClaimClass`.
pub fn class_of(claim: &PersistentVolumeClaim) -> &str {
    let annotated = claim.meta.annotations.get(BETA_STORAGE_CLASS_ANNOTATION);
    let named = || claim.body.spec.as_ref().and_then(|spec| spec.storage_class_name.as_deref());
    annotated.or_else(named).unwrap_or_default()
}

#[cfg(test)]
mod tests;
