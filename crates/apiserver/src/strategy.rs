//! What the API server does differently from kind to kind.
//!
//! Mirrors k8s.io/apiserver/pkg/registry/rest (`RESTCreateStrategy`, `RESTUpdateStrategy`, `RESTGracefulDeleteStrategy`) (v1.36).

use seatrial_api::field::ErrorList;
use seatrial_api::{ApiError, Resource, Time};
use serde_json::Value;

use crate::admission::AdmissionState;
use crate::endpoints::Scale;
use crate::server::{ApiServer, RequestInfo, Subresource};
use crate::service::ServiceAllocators;
use crate::store::Store;

/// What a DELETE without a policy does to dependents. Mirrors `rest.GarbageCollectionPolicy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DefaultPropagation {
    /// The garbage collector deletes them.
    Background,
    /// They stay (batch/v1 Job, v1 ReplicationController).
    Orphan,
}

/// The rules of one kind. Each kind has one file in `registry/` that implements this.
pub trait Strategy: Resource {
    /// Whether a PUT may create the object.
    const ALLOW_CREATE_ON_UPDATE: bool = false;
    /// Whether a PUT without resourceVersion overwrites.
    const ALLOW_UNCONDITIONAL_UPDATE: bool = true;
    /// Whether DELETE answers with the object and not with a Status.
    const RETURN_DELETED_OBJECT: bool = false;
    /// Whether there is a `/status`.
    const HAS_STATUS: bool = false;
    /// Whether there is a `/scale`.
    const HAS_SCALE: bool = false;

    /// Whether validation looks at the object as it was prepared and completed, and not as it was sent; for kinds that
    /// are held as they are sent.
    const VALIDATES_AS_PREPARED: bool = false;

    /// What a DELETE without a policy does to dependents.
    const DEFAULT_PROPAGATION: DefaultPropagation = DefaultPropagation::Background;

    /// Puts right what the decoder cannot tell from the JSON as it was sent.
    fn after_decode(_raw: &Value, _api: &mut Self::Api) {}

    /// What makes the conversion to upstream's internal type fail.
    fn conversion_error(_api: &Self::Api) -> Option<String> {
        None
    }

    /// Fills in defaults. Mirrors `SetDefaults_*`.
    fn set_defaults(_api: &mut Self::Api) {}

    /// Clears what a create may not set, before validation; the generation is set here.
    fn prepare_for_create(&mut self) {}

    /// Completes a new object with what the server gives out, after admission and before validation.
    ///
    /// # Errors
    /// 422 for what cannot be had.
    fn begin_create(
        &mut self,
        _store: &Store,
        _allocators: &mut ServiceAllocators,
        _dry_run: bool,
    ) -> Result<(), ApiError> {
        Ok(())
    }

    /// The same for a changed object, before [`Strategy::prepare_for_update`].
    ///
    /// # Errors
    /// 422 for what cannot be had.
    fn begin_update(
        &mut self,
        _old: &Self,
        _store: &Store,
        _allocators: &mut ServiceAllocators,
        _dry_run: bool,
    ) -> Result<(), ApiError> {
        Ok(())
    }

    /// Hears that the object was stored.
    fn after_write(&self, _old: Option<&Self>, _allocators: &mut ServiceAllocators) {}

    /// Removes what cannot be without the object that is gone.
    fn after_delete(&self, _server: &mut ApiServer, _request: &RequestInfo<'_>) {}

    /// Checks a new object.
    fn validate(_api: &Self::Api) -> ErrorList;

    /// Checks a new object that was sent in a newer version, which is stricter than the stored one.
    fn validate_strict(api: &Self::Api) -> ErrorList {
        Self::validate(api)
    }

    /// The same for a changed object.
    fn validate_update_strict(new: &Self::Api, old: &Self::Api) -> ErrorList {
        Self::validate_update(new, old)
    }

    /// What to warn of when an object is created.
    fn warnings_on_create(_api: &Self::Api) -> Vec<String> {
        Vec::new()
    }

    /// What to warn of when an object is changed.
    fn warnings_on_update(_new: &Self::Api, _old: &Self::Api) -> Vec<String> {
        Vec::new()
    }

    /// Takes over from the stored object what a PUT may not change, and sets the generation.
    fn prepare_for_update(&mut self, _old: &Self) {}

    /// Checks a changed object.
    fn validate_update(_new: &Self::Api, _old: &Self::Api) -> ErrorList;

    /// Takes over from the stored object what a write of `/status` may not change.
    fn prepare_for_status_update(&mut self, _old: &Self) {}

    /// Sets what a write of `/status` sets by the clock.
    fn stamp_status_update(&mut self, _old: &Self, _now: Time) {}

    /// Checks a changed status.
    fn validate_status_update(_new: &Self::Api, _old: &Self::Api) -> ErrorList {
        ErrorList::new()
    }

    /// Takes over from the stored object what a write of another subresource may not change.
    fn prepare_for_part_update(&mut self, _old: &Self, _part: Subresource) {}

    /// Checks an object that was changed through another subresource.
    fn validate_part_update(_new: &Self::Api, _old: &Self::Api, _part: Subresource) -> ErrorList {
        ErrorList::new()
    }

    /// Changes a new object as the admission plugins that are on by default do, or refuses it.
    ///
    /// # Errors
    /// 403 with the plugin's text.
    fn admit_create(&mut self, _store: &Store, _state: &mut AdmissionState) -> Result<(), ApiError> {
        Ok(())
    }

    /// The same for a changed object.
    ///
    /// # Errors
    /// 403 with the plugin's text.
    fn admit_update(&mut self, _old: &Self, _store: &Store, _state: &mut AdmissionState) -> Result<(), ApiError> {
        Ok(())
    }

    /// Refuses a new object that is valid, as the plugins do that look at it last; quotas come after this.
    ///
    /// # Errors
    /// 403 with the plugin's text.
    fn check_create(&self, _store: &Store, _state: &mut AdmissionState) -> Result<(), ApiError> {
        Ok(())
    }

    /// The same for a changed object.
    ///
    /// # Errors
    /// 403 with the plugin's text.
    fn check_update(&self, _old: &Self, _store: &Store) -> Result<(), ApiError> {
        Ok(())
    }

    /// Shares with other objects what is equal, before the object is written.
    fn share_parts(&mut self, _state: &mut AdmissionState) {}

    /// What `/scale` shows.
    fn scale(&self) -> Scale {
        Scale::default()
    }

    /// Writes what `/scale` writes.
    fn set_replicas(&mut self, _replicas: i32) {}

    /// Refuses deletions that are never allowed.
    ///
    /// # Errors
    /// 403 for the namespaces that a cluster cannot be without.
    fn check_delete(&self) -> Result<(), ApiError> {
        Ok(())
    }

    /// The grace period of a deletion in seconds; `None` for kinds that have none.
    fn grace_period_seconds(&self, _requested: Option<i64>) -> Option<i64> {
        None
    }

    /// What happens to the object when it is marked for deletion, beyond its metadata.
    fn on_mark_deleted(&mut self, _now: Time) {}

    /// Whether something but finalizers in the metadata keeps a deleted object (a namespace's `spec.finalizers`).
    fn is_held(&self) -> bool {
        false
    }
}
