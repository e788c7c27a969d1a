//! What admission does to volumes and claims: the default class, protection while they are in use, and who may grow.
//!
//! Mirrors plugin/pkg/admission/storage (v1.36).

use std::sync::LazyLock;

use seatrial_api::quantity::{Format, Quantity};
use seatrial_api::{
    ApiError, ClaimSpec, Finalizers, Kind, ObjectMeta, PersistentVolumeClaim, Shared, StorageClass, Str,
};

use crate::store::Store;
use crate::validation::BETA_STORAGE_CLASS_ANNOTATION;

/// Keeps a claim while a pod uses it.
pub const PVC_PROTECTION_FINALIZER: &str = "kubernetes.io/pvc-protection";
/// Keeps a volume while it is bound.
pub const PV_PROTECTION_FINALIZER: &str = "kubernetes.io/pv-protection";
const IS_DEFAULT_ANNOTATIONS: [&str; 2] =
    ["storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class"];

/// The finalizers of nearly all claims and volumes, to be shared.
static PROTECTED: LazyLock<[Finalizers; 2]> = LazyLock::new(|| {
    [PVC_PROTECTION_FINALIZER, PV_PROTECTION_FINALIZER].map(|only| [Str::new_static(only)].into_iter().collect())
});

/// Adds the finalizer of a volume or claim. Mirrors StorageObjectInUseProtection.
pub(crate) fn protect_object_in_use(meta: &mut ObjectMeta, finalizer: &'static str) {
    if meta.finalizers.is_empty()
        && let Some(shared) = PROTECTED.iter().find(|shared| shared[0] == finalizer)
    {
        meta.finalizers.clone_from(shared);
    } else if !meta.has_finalizer(finalizer) {
        meta.finalizers = meta.finalizers.iter().cloned().chain([Str::from(finalizer)]).collect();
    }
}

/// A spec that named no class, that class, and the spec with it.
#[derive(Debug)]
pub(crate) struct WithClass {
    source: Shared<ClaimSpec>,
    class: Str,
    spec: Shared<ClaimSpec>,
}

/// A claim that says nothing of a class gets the default one, if there is any. Mirrors DefaultStorageClass.
///
/// Claims of one template share their spec, and what was made of the last of them is what is made of the next: `last` holds
/// the spec that it is about, so that no other can lie at its address.
pub(crate) fn set_default_storage_class(
    claim: &mut PersistentVolumeClaim,
    store: &Store,
    last: &mut Option<WithClass>,
) {
    let spec = &claim.body.spec;
    if spec.api().storage_class_name.is_some() || claim.meta.annotations.contains_key(BETA_STORAGE_CLASS_ANNOTATION) {
        return;
    }
    let classes = store.list_as::<StorageClass>(None).into_iter().map(|class| &**class);
    let Some(class) = default_storage_class(classes) else { return };
    let same = last.as_ref().filter(|last| last.source.ptr_eq(spec) && last.class == class.meta.name);
    if let Some(same) = same {
        claim.body.spec = same.spec.clone();
        return;
    }
    let source = spec.clone();
    claim.body.change_spec(|spec| spec.storage_class_name = Some(class.meta.name.to_string()));
    *last = Some(WithClass { source, class: class.meta.name.clone(), spec: claim.body.spec.clone() });
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
    // Claims that share a spec ask for the same.
    if new.body.spec.ptr_eq(&old.body.spec) {
        return Ok(());
    }
    let size = |claim: &PersistentVolumeClaim| {
        claim.body.spec.requested_storage().unwrap_or_else(|| Quantity::from_i64(0, Format::BinarySi))
    };
    if size(new).cmp_value(&size(old)).is_le() {
        return Ok(());
    }
    let forbidden = |why: &str| Err(ApiError::forbidden(&Kind::PersistentVolumeClaim.resource(), &new.meta.name, why));
    if old.body.status.phase() != "Bound" {
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

/// The class of a claim, empty for none. Mirrors `GetPersistentVolumeClaimClass`.
pub fn class_of(claim: &PersistentVolumeClaim) -> &str {
    let annotated = claim.meta.annotations.get(BETA_STORAGE_CLASS_ANNOTATION);
    let named = || claim.body.spec.api().storage_class_name.as_deref();
    annotated.or_else(named).unwrap_or_default()
}

#[cfg(test)]
mod tests;
