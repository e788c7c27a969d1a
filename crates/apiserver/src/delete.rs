//! DELETE: grace periods, finalizers, propagation policies.
//!
//! Mirrors k8s.io/apiserver/pkg/registry/rest/delete.go (`BeforeDelete`) and registry/generic/registry/store.go (`Delete`) (v1.36).

use std::sync::Arc;

use seatrial_api::{ApiError, Deletion, Finalizers, Kind, Object, ObjectKey, Str, Uid};

use crate::errors;
use crate::registry::for_kind;
use crate::server::{ApiServer, RequestInfo, wrap};
use crate::strategy::{DefaultPropagation, Strategy};

/// The finalizer that makes the garbage collector strip the dependents' references first.
pub const FINALIZER_ORPHAN_DEPENDENTS: &str = "orphan";
/// The finalizer that makes the garbage collector delete the dependents first.
pub const FINALIZER_DELETE_DEPENDENTS: &str = "foregroundDeletion";

/// What becomes of an owner's dependents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Propagation {
    /// The owner goes at once, the dependents later.
    Background,
    /// The dependents go first.
    Foreground,
    /// The dependents stay.
    Orphan,
}

/// Options of a DELETE. Mirrors `metav1.DeleteOptions`.
#[derive(Clone, Debug, Default)]
pub struct DeleteOptions {
    /// Seconds the object is given; only pods have a default.
    pub grace_period_seconds: Option<i64>,
    /// The uid the object has to have.
    pub uid: Option<Uid>,
    /// The resourceVersion the object has to have.
    pub resource_version: Option<u64>,
    /// What becomes of the dependents; `None` leaves it to the object's finalizers and its kind.
    pub propagation: Option<Propagation>,
}

/// What a DELETE came to.
#[derive(Clone, Debug)]
pub struct Deleted {
    /// The object as it was last.
    pub object: Object,
    /// Whether it is gone; otherwise it waits for its grace period or its finalizers.
    pub gone: bool,
    /// Whether the answer shows the object although it is gone, as that of pods and services does.
    pub shows_object: bool,
}

impl ApiServer {
    /// Deletes an object, or marks it as deleting.
    ///
    /// # Errors
    /// 404 where there is none, 409 where a precondition fails, 403 for immortal namespaces.
    pub fn delete(
        &mut self,
        request: &RequestInfo<'_>,
        key: &ObjectKey,
        options: &DeleteOptions,
    ) -> Result<Deleted, ApiError> {
        for_kind!(key.kind, delete_named(self, request, key, options))
    }

    /// Deletes the object that bears the name of one that was read, which is found without a search.
    ///
    /// # Errors
    /// As [`ApiServer::delete`].
    pub fn delete_read<R: Strategy>(
        &mut self,
        request: &RequestInfo<'_>,
        read: &R,
        options: &DeleteOptions,
    ) -> Result<Deleted, ApiError> {
        let stored = self.store.stored::<R>(read.meta());
        let old = Arc::clone(stored.ok_or_else(|| errors::not_found(R::KIND, &read.meta().name))?);
        delete_stored(self, request, old, options)
    }
}

fn delete_named<R: Strategy>(
    server: &mut ApiServer,
    request: &RequestInfo<'_>,
    key: &ObjectKey,
    options: &DeleteOptions,
) -> Result<Deleted, ApiError> {
    let old = Arc::clone(server.get::<R>(&key.namespace, &key.name)?);
    delete_stored(server, request, old, options)
}

fn delete_stored<R: Strategy>(
    server: &mut ApiServer,
    request: &RequestInfo<'_>,
    old: Arc<R>,
    options: &DeleteOptions,
) -> Result<Deleted, ApiError> {
    let slot = old.meta().slot;
    check_preconditions(R::KIND, &*old, options)?;
    old.check_delete()?;
    let mut new = R::clone(&old);
    let graceful = match before_delete(&mut new, request, options) {
        Graceful::Pending => {
            return Ok(Deleted { object: wrap(old), gone: false, shows_object: R::RETURN_DELETED_OBJECT });
        }
        Graceful::No => None,
        Graceful::Yes(seconds) => Some(seconds),
    };
    new.meta_mut().finalizers = finalizers_for_garbage_collection(&*old, options);
    let held = !new.meta().finalizers.is_empty() || new.is_held();
    if graceful.is_none() && held {
        mark_as_deleting(&mut new, request);
    }
    new.on_mark_deleted(request.now);
    let gone = !held && graceful.is_none_or(|seconds| seconds == 0);
    // An object that has a grace period is written once more before it goes, even with a grace period of 0.
    let mut object = if gone && graceful.is_none() || new == *old {
        wrap(old)
    } else if request.dry_run {
        wrap(Arc::new(new))
    } else {
        wrap(server.store.replace(slot, new))
    };
    if gone && !request.dry_run {
        object = server.store.remove_stored(&object).unwrap_or(object);
        if let Some(object) = R::unwrap(&object) {
            object.after_delete(server, request);
        }
    }
    Ok(Deleted { object, gone, shows_object: R::RETURN_DELETED_OBJECT })
}

fn check_preconditions<R: Strategy>(kind: Kind, old: &R, options: &DeleteOptions) -> Result<(), ApiError> {
    let meta = old.meta();
    if let Some(uid) = options.uid.as_ref().filter(|uid| **uid != meta.uid) {
        return Err(errors::delete_precondition_uid(kind, &meta.name, uid, &meta.uid));
    }
    if let Some(version) = options.resource_version.filter(|v| *v != meta.resource_version) {
        return Err(errors::delete_precondition_version(kind, &meta.name, version, meta.resource_version));
    }
    Ok(())
}

enum Graceful {
    /// The kind has no grace periods.
    No,
    /// The deletion is marked, with a grace period in seconds.
    Yes(i64),
    /// A deletion is under way that this request does not shorten.
    Pending,
}

fn before_delete<R: Strategy>(new: &mut R, request: &RequestInfo<'_>, options: &DeleteOptions) -> Graceful {
    let Some(seconds) = new.grace_period_seconds(options.grace_period_seconds) else {
        return Graceful::No;
    };
    if let Some(deletion) = new.meta().deletion.as_deref().copied() {
        return shorten(new, request, options, deletion);
    }
    let meta = new.meta_mut();
    meta.deletion =
        Some(Box::new(Deletion { timestamp: request.now.plus_seconds(seconds), grace_period_seconds: Some(seconds) }));
    if meta.generation > 0 {
        meta.generation += 1;
    }
    Graceful::Yes(seconds)
}

/// A repeated DELETE can only make the grace period shorter.
fn shorten<R: Strategy>(
    new: &mut R,
    request: &RequestInfo<'_>,
    options: &DeleteOptions,
    deletion: Deletion,
) -> Graceful {
    let Some(current) = deletion.grace_period_seconds else { return Graceful::No };
    let Some(mut seconds) = options.grace_period_seconds.filter(|s| *s < current) else { return Graceful::Pending };
    let mut timestamp = deletion.timestamp.plus_seconds(seconds - current);
    if seconds != 0 && timestamp < request.now {
        timestamp = request.now;
        seconds = 1;
    }
    new.meta_mut().deletion = Some(Box::new(Deletion { timestamp, grace_period_seconds: Some(seconds) }));
    Graceful::Yes(seconds)
}

/// Marks an object that has no grace period but is held by finalizers.
fn mark_as_deleting<R: Strategy>(new: &mut R, request: &RequestInfo<'_>) {
    let meta = new.meta_mut();
    if meta.deletion.is_none() && meta.generation > 0 {
        meta.generation += 1;
    }
    let timestamp = meta.deletion.as_deref().map_or(request.now, |d| d.timestamp.min(request.now));
    meta.deletion = Some(Box::new(Deletion { timestamp, grace_period_seconds: Some(0) }));
}

/// The finalizers after a DELETE: the garbage collector's own follow the policy. Mirrors `deletionFinalizersForGarbageCollection`.
fn finalizers_for_garbage_collection<R: Strategy>(old: &R, options: &DeleteOptions) -> Finalizers {
    let meta = old.meta();
    let added = match options.propagation {
        Some(Propagation::Background) => None,
        Some(Propagation::Foreground) => Some(FINALIZER_DELETE_DEPENDENTS),
        Some(Propagation::Orphan) => Some(FINALIZER_ORPHAN_DEPENDENTS),
        None if meta.has_finalizer(FINALIZER_ORPHAN_DEPENDENTS) => Some(FINALIZER_ORPHAN_DEPENDENTS),
        None if meta.has_finalizer(FINALIZER_DELETE_DEPENDENTS) => Some(FINALIZER_DELETE_DEPENDENTS),
        None if R::DEFAULT_PROPAGATION == DefaultPropagation::Orphan => Some(FINALIZER_ORPHAN_DEPENDENTS),
        None => None,
    };
    if added.is_none()
        && !meta.has_finalizer(FINALIZER_ORPHAN_DEPENDENTS)
        && !meta.has_finalizer(FINALIZER_DELETE_DEPENDENTS)
    {
        return meta.finalizers.clone();
    }
    let own = |f: &&Str| **f != FINALIZER_ORPHAN_DEPENDENTS && **f != FINALIZER_DELETE_DEPENDENTS;
    meta.finalizers.iter().filter(own).cloned().chain(added.map(Str::from)).collect()
}
