//! PersistentVolumes. Mirrors pkg/registry/core/persistentvolume/strategy.go (v1.36).

use k8s_openapi::api::core::v1::{PersistentVolume as Api, PersistentVolumeStatus};
use seatrial_api::field::ErrorList;
use seatrial_api::{ApiError, PersistentVolume, Time};

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
        let status = PersistentVolumeStatus {
            phase: Some("Pending".to_owned()),
            last_phase_transition_time: self.meta.creation_timestamp.map(Into::into),
            ..PersistentVolumeStatus::default()
        };
        self.body.status = Some(status.into());
    }

    fn prepare_for_update(&mut self, old: &Self) {
        self.body.status.clone_from(&old.body.status);
    }

    fn prepare_for_status_update(&mut self, old: &Self) {
        self.body.spec.clone_from(&old.body.spec);
    }

    /// A phase that changed has the time of now, unless the writer has set another.
    fn stamp_status_update(&mut self, old: &Self, now: Time) {
        let old = old.body.status.clone().unwrap_or_default();
        let new = self.body.status.get_or_insert_default();
        let (time, before) = (&new.last_phase_transition_time, &old.last_phase_transition_time);
        if new.phase == old.phase {
            if time.is_none() && before.is_some() {
                new.last_phase_transition_time.clone_from(before);
            }
        } else if time.is_none() || time == before {
            new.last_phase_transition_time = Some(now.into());
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
