//! PersistentVolumeClaims. Mirrors pkg/registry/core/persistentvolumeclaim/strategy.go and pkg/api/persistentvolumeclaim
//! (v1.36).

use std::sync::LazyLock;

use k8s_openapi::api::core::v1::{
    PersistentVolumeClaim as Api, PersistentVolumeClaimSpec, PersistentVolumeClaimStatus, TypedLocalObjectReference,
    TypedObjectReference,
};
use seatrial_api::field::ErrorList;
use seatrial_api::{ApiError, ClaimStatus, PersistentVolumeClaim, Shared};

use crate::admission::{
    AdmissionState, PVC_PROTECTION_FINALIZER, check_claim, check_claim_resize, protect_object_in_use,
    set_default_storage_class,
};
use crate::store::Store;
use crate::strategy::Strategy;
use crate::{defaults, validation};

/// The status of every new claim.
static NEW: LazyLock<Shared<ClaimStatus>> = LazyLock::new(|| {
    let phase = Some("Pending".to_owned());
    ClaimStatus::new(PersistentVolumeClaimStatus { phase, ..PersistentVolumeClaimStatus::default() }).into()
});

impl Strategy for PersistentVolumeClaim {
    const RETURN_DELETED_OBJECT: bool = true;
    const HAS_STATUS: bool = true;
    const VALIDATES_AS_PREPARED: bool = true;

    fn set_defaults(api: &mut Api) {
        defaults::set_defaults_persistent_volume_claim(api);
    }

    fn prepare_for_create(&mut self) {
        self.body.status.clone_from(&NEW);
        normalize(self, false);
    }

    fn prepare_for_update(&mut self, old: &Self) {
        self.body.status.clone_from(&old.body.status);
        normalize(self, old.body.spec.api().data_source.is_some());
    }

    fn prepare_for_status_update(&mut self, old: &Self) {
        self.body.spec.clone_from(&old.body.spec);
        self.body.volume_name.clone_from(&old.body.volume_name);
    }

    fn admit_create(&mut self, store: &Store, state: &mut AdmissionState) -> Result<(), ApiError> {
        set_default_storage_class(self, store, &mut state.with_class);
        protect_object_in_use(&mut self.meta, PVC_PROTECTION_FINALIZER);
        Ok(())
    }

    fn check_create(&self, store: &Store, _state: &mut AdmissionState) -> Result<(), ApiError> {
        check_claim(self, store)
    }

    fn check_update(&self, old: &Self, store: &Store) -> Result<(), ApiError> {
        check_claim(self, store)?;
        check_claim_resize(self, old, store)
    }

    fn validate(api: &Api) -> ErrorList {
        validation::validate_persistent_volume_claim(api)
    }

    fn validate_update(new: &Api, old: &Api) -> ErrorList {
        validation::validate_persistent_volume_claim_update(new, old)
    }

    fn validate_status_update(new: &Api, old: &Api) -> ErrorList {
        validation::validate_persistent_volume_claim_status_update(new, old)
    }
}

/// A claim without a source, as nearly all are, goes on sharing its spec.
fn normalize(claim: &mut PersistentVolumeClaim, had_source: bool) {
    let spec = claim.body.spec.api();
    if spec.data_source.is_some() || spec.data_source_ref.is_some() {
        claim.body.change_spec(|spec| normalize_data_sources(spec, had_source));
    }
}

/// A source of a kind that is none is dropped, and the two fields for a source say the same.
/// Mirrors `EnforceDataSourceBackwardsCompatibility` and `NormalizeDataSources`.
fn normalize_data_sources(spec: &mut PersistentVolumeClaimSpec, had_source: bool) {
    let is_known = |source: &TypedLocalObjectReference| {
        let group = source.api_group.as_deref().unwrap_or_default();
        matches!(
            (group, source.kind.as_str()),
            ("", "PersistentVolumeClaim") | ("snapshot.storage.k8s.io", "VolumeSnapshot")
        )
    };
    if !had_source {
        spec.data_source = spec.data_source.take().filter(is_known);
    }
    // Sources in other namespaces are an alpha feature.
    if let Some(source) = &mut spec.data_source_ref {
        source.namespace = None;
    }
    match (&spec.data_source, &spec.data_source_ref) {
        (Some(source), None) => {
            spec.data_source_ref = Some(TypedObjectReference {
                api_group: source.api_group.clone(),
                kind: source.kind.clone(),
                name: source.name.clone(),
                namespace: None,
            });
        }
        (None, Some(source)) => {
            spec.data_source = Some(TypedLocalObjectReference {
                api_group: source.api_group.clone(),
                kind: source.kind.clone(),
                name: source.name.clone(),
            });
        }
        _ => {}
    }
}
