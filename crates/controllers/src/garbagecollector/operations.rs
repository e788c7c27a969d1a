//! The collector's writes.
//!
//! Mirrors pkg/controller/garbagecollector/operations.go and patch.go (v1.36).

use seatrial_api::{ApiError, Object, ObjectMeta, Uid};
use seatrial_machinery::{Client, DeleteOptions, Propagation};

/// Deletes an object as it was seen; one that changed in between is looked at again.
pub(super) fn delete_object(
    client: &mut Client<'_>,
    object: &Object,
    propagation: Propagation,
) -> Result<(), ApiError> {
    let meta = object.meta();
    let options = DeleteOptions {
        uid: Some(meta.uid.clone()),
        resource_version: Some(meta.resource_version),
        propagation: Some(propagation),
        ..DeleteOptions::default()
    };
    gone_is_fine(client.delete(&object.key(), &options))
}

/// Takes references to owners away.
pub(super) fn remove_owner_references(
    client: &mut Client<'_>,
    object: &Object,
    owners: &[&Uid],
) -> Result<(), ApiError> {
    update_meta(client, object, |meta| {
        meta.owner_references = meta.owner_references.iter().filter(|r| !owners.contains(&&r.uid)).cloned().collect();
    })
}

/// Makes none of an object's references block its owners.
pub(super) fn unblock_owner_references(client: &mut Client<'_>, object: &Object) -> Result<(), ApiError> {
    update_meta(client, object, |meta| {
        let unblocked = |r: &seatrial_api::OwnerReference| seatrial_api::OwnerReference {
            block_owner_deletion: r.block_owner_deletion.map(|_| false),
            ..r.clone()
        };
        meta.owner_references = meta.owner_references.iter().map(unblocked).collect();
    })
}

/// Takes a finalizer away.
pub(super) fn remove_finalizer(client: &mut Client<'_>, object: &Object, finalizer: &str) -> Result<(), ApiError> {
    update_meta(client, object, |meta| {
        meta.finalizers = meta.finalizers.iter().filter(|f| **f != *finalizer).cloned().collect();
    })
}

fn update_meta(client: &mut Client<'_>, object: &Object, change: impl FnOnce(&mut ObjectMeta)) -> Result<(), ApiError> {
    let changed = object.with_meta(change);
    gone_is_fine(client.update_object(&changed))
}

fn gone_is_fine(result: Result<(), ApiError>) -> Result<(), ApiError> {
    match result {
        Err(error) if error.is_not_found() => Ok(()),
        other => other,
    }
}
