//! What the collector does to objects: live reads, deletions with preconditions, and patches of owners and finalizers.
//!
//! Mirrors pkg/controller/garbagecollector/{operations,patch}.go (v1.36).

use seatrial_api::{ApiError, Object, ObjectKey, ObjectMeta, OwnerReference, Uid};
use seatrial_machinery::{DeleteOptions, Propagation, SyncContext};

use super::graph::Identity;

/// What a live read of an object came to.
#[derive(Debug)]
pub(super) enum Lookup {
    Found(Object),
    /// There is none at these coordinates, or it has another uid.
    Absent,
    /// Nobody can tell: the kind is not served, or a cluster-scoped object names an owner that lives in namespaces.
    Unresolvable,
}

/// Mirrors `getObject` and the comparison of uids after it.
pub(super) fn get_object(cx: &SyncContext<'_>, identity: &Identity) -> Lookup {
    let Some(key) = identity.key().filter(|key| !key.kind.info().namespaced || !key.namespace.is_empty()) else {
        return Lookup::Unresolvable;
    };
    match cx.client.lookup_live(&key) {
        Some(object) if object.meta().uid == identity.uid => Lookup::Found(object),
        _ => Lookup::Absent,
    }
}

/// Deletes an object in the state in which it was judged. A conflict is no obstacle while its owners are the same.
pub(super) fn delete_object(
    cx: &mut SyncContext<'_>,
    judged: &Object,
    propagation: Propagation,
) -> Result<(), ApiError> {
    let (key, meta) = (judged.key(), judged.meta());
    let options = DeleteOptions {
        uid: Some(meta.uid.clone()),
        resource_version: Some(meta.resource_version),
        propagation: Some(propagation),
        ..DeleteOptions::default()
    };
    let result = cx.client.delete(&key, &options);
    let Err(error) = &result else { return result };
    if !error.is_conflict() {
        return result;
    }
    let live = cx.client.lookup_live(&key);
    let same = |live: &Object| live.meta().uid == meta.uid && live.meta().owner_references == meta.owner_references;
    if live.as_ref().is_some_and(same) {
        return cx.client.delete(&key, &DeleteOptions { resource_version: None, ..options });
    }
    result
}

/// Takes references to some owners off a dependent, if it is still the object with this uid.
pub(super) fn delete_owner_refs(
    cx: &mut SyncContext<'_>,
    key: &ObjectKey,
    uid: &Uid,
    owners: &[Uid],
) -> Result<(), ApiError> {
    let Some(object) = cx.client.lookup_live(key).filter(|o| o.meta().uid == *uid) else { return Ok(()) };
    update_meta(cx, &object, |meta| {
        meta.owner_references = meta.owner_references.iter().filter(|r| !owners.contains(&r.uid)).cloned().collect();
    })
}

/// Lets the owners of an object no longer wait for it.
pub(super) fn unblock_owner_references(cx: &mut SyncContext<'_>, object: &Object) -> Result<(), ApiError> {
    let unblocked = |r: &OwnerReference| OwnerReference {
        block_owner_deletion: r.block_owner_deletion.map(|_| false),
        ..r.clone()
    };
    update_meta(cx, object, |meta| meta.owner_references = meta.owner_references.iter().map(unblocked).collect())
}

/// Takes a finalizer off an object, which may let it go.
pub(super) fn remove_finalizer(cx: &mut SyncContext<'_>, identity: &Identity, finalizer: &str) -> Result<(), ApiError> {
    let Lookup::Found(object) = get_object(cx, identity) else { return Ok(()) };
    ignore_not_found(update_meta(cx, &object, |meta| {
        meta.finalizers = meta.finalizers.iter().filter(|f| **f != *finalizer).cloned().collect();
    }))
}

fn update_meta(
    cx: &mut SyncContext<'_>,
    object: &Object,
    change: impl FnOnce(&mut ObjectMeta),
) -> Result<(), ApiError> {
    cx.client.update_object(&object.with_meta(change))
}

/// An object that is gone needs nothing any more.
pub(super) fn ignore_not_found(result: Result<(), ApiError>) -> Result<(), ApiError> {
    result.or_else(|error| if error.is_not_found() { Ok(()) } else { Err(error) })
}
