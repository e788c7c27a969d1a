//! One pass over the content of a namespace that is being deleted.
//!
//! Mirrors pkg/controller/namespace/deletion/namespaced_resources_deleter.go (v1.36).

use std::collections::BTreeMap;
use std::sync::Arc;

use seatrial_api::{ApiError, Kind, Namespace, Object, ObjectKey, Pod, Str, Time};
use seatrial_machinery::{DeleteOptions, Propagation, SyncContext};

use super::conditions::ConditionUpdater;

/// What the controller takes off a namespace that is empty.
const FINALIZER_KUBERNETES: &str = "kubernetes";
/// How long content with finalizers is expected to take.
const FINALIZER_ESTIMATE_SECONDS: u64 = 15;
const PHASE_TERMINATING: &str = "Terminating";

/// What is left of a kind after an attempt to delete all of it. Mirrors `gvrDeletionMetadata`.
#[derive(Debug, Default)]
struct Remaining {
    estimate_seconds: u64,
    count: usize,
    finalizers: BTreeMap<Str, usize>,
}

/// What is left in a namespace. Mirrors `allGVRDeletionMetadata`.
#[derive(Debug, Default)]
pub(super) struct Totals {
    pub(super) resources: BTreeMap<Kind, usize>,
    pub(super) finalizers: BTreeMap<Str, usize>,
}

/// Deletes what a namespace holds, and the namespace when it holds nothing. Returns in how many seconds the rest may be
/// gone; 0 when there is no rest.
pub(super) fn delete(cx: &mut SyncContext<'_>, name: &str) -> Result<u64, ApiError> {
    // Others write namespaces too: what counts is how it is now.
    let Ok(namespace) = cx.client.get_live::<Namespace>("", name) else { return Ok(0) };
    if !namespace.meta.is_deleting() {
        return Ok(0);
    }
    let namespace = update_phase(cx, namespace)?;
    let finalizers = namespace.body.spec.as_ref().and_then(|s| s.finalizers.clone()).unwrap_or_default();
    if finalizers.is_empty() {
        return Ok(0);
    }
    let estimate = delete_all_content(cx, &namespace)?;
    if estimate == 0 {
        let left = finalizers.into_iter().filter(|f| f != FINALIZER_KUBERNETES).collect();
        cx.client.counted(|server, _| server.finalize_namespace(name, left))?;
    }
    Ok(estimate)
}

/// Mirrors `updateNamespaceStatusFunc`.
fn update_phase(cx: &mut SyncContext<'_>, namespace: Arc<Namespace>) -> Result<Arc<Namespace>, ApiError> {
    let phase = namespace.body.status.as_ref().and_then(|s| s.phase.as_deref());
    if phase == Some(PHASE_TERMINATING) {
        return Ok(namespace);
    }
    let mut new = Namespace::clone(&namespace);
    new.body.status.get_or_insert_default().phase = Some(PHASE_TERMINATING.to_owned());
    cx.client.update_status(new)
}

/// Pods first; while there are any, nothing else is touched. Mirrors `deleteAllContent`.
fn delete_all_content(cx: &mut SyncContext<'_>, namespace: &Namespace) -> Result<u64, ApiError> {
    let mut conditions = ConditionUpdater::default();
    let mut totals = Totals::default();
    let mut estimate = 0;
    let mut errors = Vec::new();
    let others = Kind::ALL.iter().copied().filter(|k| k.info().namespaced && *k != Kind::Pod);
    for kind in std::iter::once(Kind::Pod).chain(others) {
        let remaining = match delete_all_of_kind(cx, namespace, kind) {
            Ok(remaining) => remaining,
            Err((remaining, error)) => {
                conditions.process_delete_content_error(error.clone());
                errors.push(error);
                remaining
            }
        };
        estimate = estimate.max(remaining.estimate_seconds);
        if remaining.count == 0 {
            continue;
        }
        if kind == Kind::Pod {
            conditions.update(cx, namespace);
            return finish(estimate, &errors);
        }
        totals.resources.insert(kind, remaining.count);
        for (finalizer, count) in remaining.finalizers {
            *totals.finalizers.entry(finalizer).or_default() += count;
        }
    }
    conditions.process_content_totals(&totals);
    conditions.update(cx, namespace);
    finish(estimate, &errors)
}

fn finish(estimate: u64, errors: &[String]) -> Result<u64, ApiError> {
    match errors {
        [] => Ok(estimate),
        [one] => Err(ApiError::internal(one)),
        many => Err(ApiError::internal(format!("[{}]", many.join(", ")))),
    }
}

/// Mirrors `deleteAllContentForGroupVersionResource`. An error comes with what is left nevertheless.
fn delete_all_of_kind(
    cx: &mut SyncContext<'_>,
    namespace: &Namespace,
    kind: Kind,
) -> Result<Remaining, (Remaining, String)> {
    let name = &namespace.meta.name;
    let keys: Vec<ObjectKey> = cx.client.server().store().list(kind, Some(name)).into_iter().map(Object::key).collect();
    if keys.is_empty() {
        return Ok(Remaining::default());
    }
    let estimate_seconds = estimate_graceful_termination(cx, namespace, kind);
    let options = DeleteOptions { propagation: Some(Propagation::Background), ..DeleteOptions::default() };
    for key in keys {
        match cx.client.delete(&key, &options) {
            Err(error) if !error.is_not_found() => return Err((Remaining::default(), error.to_string())),
            _ => {}
        }
    }
    let left = cx.client.server().store().list(kind, Some(name));
    let mut remaining = Remaining { estimate_seconds, count: left.len(), ..Remaining::default() };
    if left.is_empty() {
        return Ok(Remaining::default());
    }
    for finalizer in left.into_iter().flat_map(|o| o.meta().finalizers.iter()) {
        *remaining.finalizers.entry(finalizer.clone()).or_default() += 1;
    }
    if estimate_seconds > 0 {
        return Ok(remaining);
    }
    if !remaining.finalizers.is_empty() {
        remaining.estimate_seconds = FINALIZER_ESTIMATE_SECONDS;
        return Ok(remaining);
    }
    let info = kind.info();
    let resource = format!("{}/{}, Resource={}", info.group, info.version, info.plural);
    Err((remaining, format!("unexpected items still remain in namespace: {name} for gvr: {resource}")))
}

/// How long the pods may take, unless that time has passed already. Mirrors `estimateGracefulTermination`.
fn estimate_graceful_termination(cx: &SyncContext<'_>, namespace: &Namespace, kind: Kind) -> u64 {
    if kind != Kind::Pod {
        return 0;
    }
    let pods = cx.client.server().store().list_as::<Pod>(Some(&namespace.meta.name));
    let grace = pods
        .into_iter()
        .filter(|pod| !pod.status.phase.is_terminal())
        .filter_map(|pod| pod.spec.api().termination_grace_period_seconds)
        .max()
        .unwrap_or(0);
    let deleted_at = namespace.meta.deletion.as_deref().map_or(Time::default(), |d| d.timestamp);
    let elapsed = cx.clock().nanos_since(deleted_at);
    let allowed = grace.saturating_mul(1_000_000_000);
    if elapsed >= allowed { 0 } else { u64::try_from(grace).unwrap_or(0) }
}
