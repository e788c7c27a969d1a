//! PersistentVolumes. Mirrors pkg/registry/core/persistentvolume/strategy.go (v1.36).

use k8s_openapi::api::core::v1::PersistentVolume as Api;
use seatrial_api::field::ErrorList;
use seatrial_api::{ApiError, PersistentVolume, Str, Time, VolumeStatus};

use crate::admission::{AdmissionState, PV_PROTECTION_FINALIZER, protect_object_in_use};
use crate::store::Store;
use crate::strategy::Strategy;
use crate::{defaults, validation};

impl Strategy for PersistentVolume {
    const RETURN_DELETED_OBJECT: bool = true;
    const HAS_STATUS: bool = true;
    const VALIDATES_AS_PREPARED: bool = true;

    fn set_defaults(api: &mut Api) {
        defaults::set_defaults_persistent_volume(api);
    }

    fn prepare_for_create(&mut self) {
        self.body.status = VolumeStatus {
            phase: Str::new_static("Pending"),
            last_phase_transition_time: self.meta.creation_timestamp,
            ..VolumeStatus::default()
        };
    }

    fn prepare_for_update(&mut self, old: &Self) {
        self.body.status.clone_from(&old.body.status);
    }

    fn prepare_for_status_update(&mut self, old: &Self) {
        self.body.spec.clone_from(&old.body.spec);
        self.body.claim_ref.clone_from(&old.body.claim_ref);
    }

    /// A phase that changed has the time of now, unless the writer has set another.
    fn stamp_status_update(&mut self, old: &Self, now: Time) {
        let (new, before) = (&mut self.body.status, old.body.status.last_phase_transition_time);
        if new.phase == old.body.status.phase {
            new.last_phase_transition_time = new.last_phase_transition_time.or(before);
        } else if new.last_phase_transition_time.is_none() || new.last_phase_transition_time == before {
            new.last_phase_transition_time = Some(now);
        }
    }

    fn admit_create(&mut self, _store: &Store, _state: &mut AdmissionState) -> Result<(), ApiError> {
        protect_object_in_use(&mut self.meta, PV_PROTECTION_FINALIZER);
        Ok(())
    }

    fn validate(api: &Api) -> ErrorList {
        validation::validate_persistent_volume(api)
    }

    fn validate_update(new: &Api, old: &Api) -> ErrorList {
        validation::validate_persistent_volume_update(new, old)
    }

    fn validate_status_update(new: &Api, old: &Api) -> ErrorList {
        validation::validate_persistent_volume_status_update(new, old)
    }

    fn warnings_on_create(api: &Api) -> Vec<String> {
        validation::warnings_for_persistent_volume(api)
    }

    fn warnings_on_update(new: &Api, _old: &Api) -> Vec<String> {
        validation::warnings_for_persistent_volume(new)
    }
}
