//! Who owns what: adoption of orphans that match, release of dependents that no longer do.
//!
//! Mirrors pkg/controller/controller_ref_manager.go (v1.36).
//! Differs: the dependent is replaced with its resourceVersion instead of patched, which comes to the same write.

use std::sync::Arc;

use seatrial_api::{ApiError, LabelSelector, ObjectMeta, OwnerReference, Resource, Str, StrMap};
use seatrial_apiserver::Strategy;

use crate::client::Client;

/// Makes the reference of a dependent to its controller. Mirrors `metav1.NewControllerRef`.
pub fn new_controller_ref<R: Resource>(owner: &R) -> OwnerReference {
    let meta = owner.meta();
    OwnerReference {
        api_version: Str::new_static(R::KIND.info().api_version),
        kind: Str::new_static(R::KIND.info().kind),
        name: meta.name.clone(),
        uid: meta.uid.clone(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    }
}

/// Claims dependents for one controller object.
#[derive(Debug)]
pub struct ControllerRefManager<'a, Owner> {
    owner: &'a Owner,
    selector: &'a LabelSelector,
    /// What dependents carry for as long as they are owned.
    finalizer: Option<&'static str>,
    /// Whether the owner was found fit to adopt, once somebody asked.
    can_adopt: Option<Result<(), ApiError>>,
}

impl<'a, Owner: Resource> ControllerRefManager<'a, Owner> {
    /// A manager for one sync.
    pub fn new(owner: &'a Owner, selector: &'a LabelSelector) -> Self {
        Self { owner, selector, finalizer: None, can_adopt: None }
    }

    /// The same, for dependents that get a finalizer when they are adopted and lose it when they are released.
    #[must_use]
    pub fn with_finalizer(self, finalizer: &'static str) -> Self {
        Self { finalizer: Some(finalizer), ..self }
    }

    /// Whether labels are what the owner selects.
    pub fn matches(&self, labels: &StrMap) -> bool {
        self.selector.matches(labels)
    }

    /// Decides about one dependent: keeps, adopts, releases or ignores it; returns it if the owner has it now.
    ///
    /// # Errors
    /// What the API server answered to the adoption or release.
    pub fn claim_object<R: Strategy>(
        &mut self,
        client: &mut Client<'_>,
        object: &Arc<R>,
    ) -> Result<Option<Arc<R>>, ApiError> {
        let meta = object.meta();
        let matches = self.matches(&meta.labels);
        if let Some(controller) = meta.controller_of() {
            if controller.uid != self.owner.meta().uid {
                return Ok(None);
            }
            if matches {
                return Ok(Some(Arc::clone(object)));
            }
            if !self.owner.meta().is_deleting() {
                self.release(client, object)?;
            }
            return Ok(None);
        }
        if self.owner.meta().is_deleting() || !matches || meta.is_deleting() {
            return Ok(None);
        }
        self.adopt(client, object)
    }

    fn adopt<R: Strategy>(&mut self, client: &mut Client<'_>, object: &Arc<R>) -> Result<Option<Arc<R>>, ApiError> {
        self.check_can_adopt(client, R::KIND.info().kind, object.meta())?;
        let mut adopted = R::clone(object);
        let references =
            object.meta().owner_references.iter().cloned().chain([new_controller_ref(self.owner)]).collect();
        adopted.meta_mut().owner_references = references;
        if let Some(finalizer) = self.finalizer.filter(|f| !object.meta().has_finalizer(f)) {
            let more = object.meta().finalizers.iter().cloned().chain([Str::new_static(finalizer)]);
            adopted.meta_mut().finalizers = more.collect();
        }
        gone_is_nothing(client.update(adopted).map(Some))
    }

    /// Takes the owner's reference off a dependent.
    ///
    /// # Errors
    /// What the API server answered; that the object is gone is no error.
    pub fn release<R: Strategy>(&self, client: &mut Client<'_>, object: &Arc<R>) -> Result<(), ApiError> {
        let mut released = R::clone(object);
        let uid = &self.owner.meta().uid;
        released.meta_mut().owner_references =
            object.meta().owner_references.iter().filter(|r| r.uid != *uid).cloned().collect();
        if let Some(finalizer) = self.finalizer {
            released.meta_mut().finalizers =
                object.meta().finalizers.iter().filter(|f| **f != *finalizer).cloned().collect();
        }
        let result = client.update(released).map(|_| None::<Arc<R>>);
        match gone_is_nothing(result) {
            Err(error) if error.is_invalid() => Ok(()),
            other => other.map(drop),
        }
    }

    /// Before the first adoption of a sync the owner is read again: it may be gone or replaced.
    fn check_can_adopt(&mut self, client: &Client<'_>, kind: &str, object: &ObjectMeta) -> Result<(), ApiError> {
        let owner = self.owner.meta();
        let check = || -> Result<(), ApiError> {
            let live = client.get_live::<Owner>(&owner.namespace, &owner.name)?;
            let live = live.meta();
            if live.uid != owner.uid {
                let kind = Owner::KIND.info().kind;
                return Err(ApiError::unknown(format!(
                    "original {kind} {}/{} is gone: got uid {}, wanted {}",
                    owner.namespace, owner.name, live.uid, owner.uid
                )));
            }
            if let Some(deletion) = &live.deletion {
                return Err(ApiError::unknown(format!(
                    "{}/{} has just been deleted at {}",
                    owner.namespace, owner.name, deletion.timestamp
                )));
            }
            Ok(())
        };
        self.can_adopt.get_or_insert_with(check).clone().map_err(|error| {
            ApiError::unknown(format!(
                "can't adopt {kind} {}/{} ({}): {error}",
                object.namespace, object.name, object.uid
            ))
        })
    }
}

fn gone_is_nothing<T>(result: Result<Option<T>, ApiError>) -> Result<Option<T>, ApiError> {
    match result {
        Err(error) if error.is_not_found() => Ok(None),
        other => other,
    }
}
