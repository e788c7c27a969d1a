//! Field ownership and server-side apply.
//!
//! Mirrors k8s.io/apimachinery/pkg/util/managedfields (v1.36).
//! Differs: writes of controllers and nodes are not tracked, so that they cost nothing; see docs/fidelity.md.

mod field_set;
mod managers;
mod typed;
mod updater;

use k8s_openapi::Metadata;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use seatrial_api::error::StatusReason;
use seatrial_api::{ApiError, Kind, ObjectMeta};
use serde_json::{Map, Value};

use crate::decode::type_of;
use crate::server::{RequestInfo, Subresource};
use crate::strategy::Strategy;
use field_set::{FieldSet, path_text};
use managers::{Managed, Operation, Owned};
use typed::{Shape, compare, field_set, fill_like_go};
use updater::{ApplyError, Conflict, Updater};

pub(crate) use managers::{Entries, same_but_times};
pub(crate) use typed::go_text;

/// Where kubectl keeps what was applied last.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// The manager for which upstream keeps that annotation in step.
const KUBECTL: &str = "kubectl";

/// What an apply came to.
#[derive(Debug)]
pub(crate) struct Applied {
    /// The object, without its entries.
    pub(crate) value: Value,
    /// Who owns what now.
    pub(crate) entries: Entries,
}

fn updater<'a, R: Strategy>(request: &RequestInfo<'a>, subresource: Subresource) -> Result<Updater<'a>, ApiError> {
    Ok(Updater {
        ty: type_of(R::KIND).ok_or_else(|| ApiError::internal("no schema"))?,
        api_version: R::KIND.api_version(),
        subresource: match subresource {
            Subresource::Main => "",
            Subresource::Status => "status",
            Subresource::EphemeralContainers => "ephemeralcontainers",
            Subresource::Resize => "resize",
            Subresource::Scale => "scale",
        },
        manager: request.manager,
        now: request.now,
        ignored: reset_fields(R::KIND, R::HAS_STATUS, subresource),
    })
}

/// What a part of an object does not take. Mirrors the strategies' `GetResetFields`.
fn reset_fields(kind: Kind, has_status: bool, subresource: Subresource) -> FieldSet {
    let paths: &[&[&str]] = match (subresource, kind) {
        (Subresource::Status, Kind::Deployment) => &[&["spec"], &["metadata", "labels"]],
        (Subresource::Status, Kind::Pod) => {
            &[&["spec"], &["metadata", "deletionTimestamp"], &["metadata", "ownerReferences"]]
        }
        (Subresource::Status, _) => &[&["spec"]],
        _ if has_status => &[&["status"]],
        _ => &[],
    };
    FieldSet::of_fields(paths)
}

/// An object's JSON as Go would write it, without its entries.
fn shown<R: Strategy>(api: &R::Api) -> Result<Value, ApiError> {
    let ty = type_of(R::KIND).ok_or_else(|| ApiError::internal("no schema"))?;
    let mut value = serde_json::to_value(api).map_err(ApiError::internal)?;
    fill_like_go(&mut value, ty);
    if let Some(Value::Object(meta)) = value.get_mut("metadata") {
        meta.remove("managedFields");
    }
    Ok(value)
}

/// What Go writes of an object that has nothing.
fn empty<R: Strategy>() -> Result<Value, ApiError> {
    let ty = type_of(R::KIND).ok_or_else(|| ApiError::internal("no schema"))?;
    let mut value = Value::Object(Map::new());
    fill_like_go(&mut value, ty);
    Ok(value)
}

fn entries_of(entries: &Entries) -> &[ManagedFieldsEntry] {
    entries.as_deref().map_or(&[], Vec::as_slice)
}

/// The entries of an object after a write that is no apply. `sent` is the object as it was sent, with defaults; `reset` says
/// that it asks for the entries to be forgotten.
///
/// # Errors
/// None but 500s that a bug would cause.
pub(crate) fn after_update<R: Strategy>(
    request: &RequestInfo<'_>,
    subresource: Subresource,
    live: Option<&R>,
    sent: &R::Api,
    reset: bool,
) -> Result<Entries, ApiError> {
    let of_live = || {
        live.map_or_else(Managed::default, |live| {
            Managed::decode(entries_of(&live.meta().managed_fields)).unwrap_or_default()
        })
    };
    let managed = if subresource != Subresource::Main {
        of_live()
    } else if reset {
        Managed::default()
    } else {
        let sent = sent.metadata().managed_fields.as_deref().unwrap_or_default();
        Managed::decode(sent).ok().filter(|managed| !managed.is_empty()).unwrap_or_else(of_live)
    };
    // An object that nobody tracked from its creation is tracked from its first apply only.
    if managed.is_empty() && live.is_some() {
        return Ok(None);
    }
    let updater = updater::<R>(request, subresource)?;
    let before = match live {
        Some(live) => shown::<R>(&live.to_api_object())?,
        None => empty::<R>()?,
    };
    Ok(updater.update(&before, &shown::<R>(sent)?, managed).encode())
}

/// Whether a sent object asks for its entries to be forgotten: by an empty list, or a list of one empty entry.
pub(crate) fn is_reset(sent: &Value) -> bool {
    match sent.pointer("/metadata/managedFields") {
        Some(Value::Array(items)) => match items.as_slice() {
            [] => true,
            [Value::Object(entry)] => entry.is_empty(),
            _ => false,
        },
        _ => false,
    }
}

/// Server-side apply of a configuration to an object, or to none.
///
/// # Errors
/// 400 for a configuration of another kind, 409 for conflicts, 500 (as upstream) for one that does not fit the type.
pub(crate) fn apply<R: Strategy>(
    request: &RequestInfo<'_>,
    subresource: Subresource,
    live: Option<&R>,
    config: &Value,
) -> Result<Applied, ApiError> {
    let entries = live.map(|live| &live.meta().managed_fields);
    let managed = Managed::decode(entries.map_or(&[], entries_of))
        .map_err(|why| ApiError::unknown(format!("failed to decode managed fields: {why}")))?;
    let text = |key: &str| config.get(key).and_then(Value::as_str).unwrap_or_default();
    let (api_version, kind) = (text("apiVersion"), text("kind"));
    let printed = printed_kind(api_version, kind);
    if (api_version, kind) != (R::KIND.api_version().as_str(), R::KIND.info().kind) {
        return Err(ApiError::bad_request(format!("invalid object type: {printed}")));
    }
    if matches!(config.pointer("/metadata/managedFields"), Some(Value::Array(_))) {
        return Err(ApiError::bad_request("metadata.managedFields must be nil"));
    }
    let updater = updater::<R>(request, subresource)?;
    let empty = empty::<R>()?;
    let before = match live {
        Some(live) => shown::<R>(&live.to_api_object())?,
        None => empty.clone(),
    };
    let mut result = updater.apply((&before, &empty), config, managed.clone(), request.force);
    if request.manager == KUBECTL
        && let Err(ApplyError::Conflicts(conflicts)) = &result
    {
        result = match conflicts_not_allowed(&updater, &before, conflicts) {
            None => result,
            Some(left) if left.is_empty() => updater.apply((&before, &empty), config, managed, true),
            Some(left) => Err(ApplyError::Conflicts(left)),
        };
    }
    let (new, managed) = result.map_err(|error| match error {
        ApplyError::Conflicts(mut conflicts) => {
            if subresource == Subresource::Scale {
                // All that is known of owners there is a Scale's. Mirrors `ScaleHandler.ToSubresource`.
                conflicts.iter_mut().for_each(|c| c.owner.api_version = "autoscaling/v1".to_owned());
            }
            conflict_error(&conflicts)
        }
        ApplyError::Config(why) => {
            let name =
                |key: &str| config.pointer(&format!("/metadata/{key}")).and_then(Value::as_str).unwrap_or_default();
            let object = format!("{}/{}; {printed}", name("namespace"), name("name"));
            ApiError::unknown(format!("failed to create typed patch object ({object}): {why}"))
        }
    })?;
    let mut value = new.unwrap_or(before);
    if request.manager == KUBECTL {
        keep_last_applied(&mut value, config);
    }
    Ok(Applied { value, entries: managed.encode() })
}

/// `apps/v1, Kind=Deployment`, as Go prints a `GroupVersionKind`.
pub(crate) fn printed_kind(api_version: &str, kind: &str) -> String {
    let slash = if api_version.contains('/') { "" } else { "/" };
    format!("{slash}{api_version}, Kind={kind}")
}

/// The conflicts that stay although the object was applied by kubectl before: those over other values than it applied then.
/// `None` where it was not. Mirrors `lastAppliedManager`.
fn conflicts_not_allowed(updater: &Updater<'_>, live: &Value, conflicts: &[Conflict]) -> Option<Vec<Conflict>> {
    let annotation = live.get("metadata")?.get("annotations")?.get(LAST_APPLIED)?.as_str()?;
    let last: Value = serde_json::from_str(annotation).ok()?;
    if last.get("apiVersion").and_then(Value::as_str) != Some(&updater.api_version) {
        return None;
    }
    let shape = Shape::of_type(updater.ty);
    let comparison = compare(&last, live, shape);
    let allowed = field_set(&last, shape)
        .difference(&comparison.modified)
        .difference(&comparison.added)
        .difference(&comparison.removed);
    Some(conflicts.iter().filter(|conflict| !allowed.has(&conflict.path)).cloned().collect())
}

/// Puts what is applied into kubectl's annotation where there is one. Mirrors `lastAppliedUpdater`.
fn keep_last_applied(value: &mut Value, config: &Value) {
    let Some(Value::Object(annotations)) = value.pointer_mut("/metadata/annotations") else { return };
    if annotations.get(LAST_APPLIED).and_then(Value::as_str).is_none_or(str::is_empty) {
        return;
    }
    let mut config = config.clone();
    if let Some(Value::Object(annotations)) = config.pointer_mut("/metadata/annotations") {
        annotations.remove(LAST_APPLIED);
    }
    annotations.insert(LAST_APPLIED.to_owned(), Value::String(format!("{config}\n")));
}

/// 409: others own what is applied. Mirrors `NewConflictError`.
fn conflict_error(conflicts: &[Conflict]) -> ApiError {
    let message = match conflicts {
        [one] => {
            format!("Apply failed with 1 conflict: conflict with {}: {}", one.owner.printed(), path_text(&one.path))
        }
        many => {
            let mut lines: Vec<String> = Vec::new();
            let mut last = String::new();
            for conflict in many {
                let id = conflict.owner.identifier();
                if id != last {
                    lines.push(format!("conflicts with {}:", conflict.owner.printed()));
                    last = id;
                }
                lines.push(format!("- {}", path_text(&conflict.path)));
            }
            format!("Apply failed with {} conflicts: {}", many.len(), lines.join("\n"))
        }
    };
    let error = ApiError::new(409, StatusReason::Conflict, message);
    conflicts.iter().fold(error, |error, conflict| {
        let message = format!("conflict with {}", conflict.owner.printed());
        error.with_cause("FieldManagerConflict", message, &path_text(&conflict.path))
    })
}

/// What a write of the scale subresource does to the entries of its object: whoever owned `spec.replicas` loses it to the writer,
/// whose entry has no time. Mirrors `ScaleHandler`.
pub(crate) fn after_scale(request: &RequestInfo<'_>, kind: Kind, meta: &mut ObjectMeta, changed: bool) {
    let Ok(mut managed) = Managed::decode(entries_of(&meta.managed_fields)) else { return };
    let replicas = FieldSet::of_fields(&[&["spec", "replicas"]]);
    let owned = managed.0.values().any(|owned| !owned.set.intersection(&replicas).is_empty());
    if !changed || !owned {
        // Where nobody is known to own it, nobody is tracked.
        return;
    }
    for owned in managed.0.values_mut() {
        owned.set = owned.set.difference(&replicas);
    }
    managed.drop_empty();
    managed.put(Owned {
        manager: request.manager.to_owned(),
        operation: Operation::Update,
        api_version: kind.api_version(),
        subresource: "scale".to_owned(),
        time: None,
        set: replicas,
    });
    meta.managed_fields = managed.encode();
}

#[cfg(test)]
mod tests;
