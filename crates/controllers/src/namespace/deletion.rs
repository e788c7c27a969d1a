//! Emptying a namespace: pods first, then everything else, with the conditions that tell how far it is.
//!
//! Mirrors pkg/controller/namespace/deletion/namespaced_resources_deleter.go and status_condition_utils.go (v1.36).

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::NamespaceCondition;
use seatrial_api::{ApiError, Kind, Namespace, Object};
use seatrial_machinery::{Client, DeleteOptions, Propagation, SyncContext};

/// How long content that finalizers hold is thought to take, in seconds.
const FINALIZER_ESTIMATE_SECONDS: i64 = 15;

/// How far a namespace is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// Nothing is left.
    Done,
    /// Something is left, and goes in about this many seconds.
    Remaining {
        /// The estimate.
        estimate_seconds: i64,
    },
}

/// One round: deletes what can be deleted and writes the conditions.
pub(super) fn delete_namespaced_content(
    cx: &mut SyncContext<'_>,
    namespace: &Arc<Namespace>,
) -> Result<Progress, ApiError> {
    let name = namespace.meta.name.as_str();
    delete_collection(&mut cx.client, Kind::Pod, name)?;
    let pods = remaining(&cx.client, Kind::Pod, name);
    if !pods.is_empty() {
        let estimate_seconds = pods.iter().map(grace_of).max().unwrap_or(0);
        // While pods are left nothing else is touched, and the conditions say that all is well.
        write_conditions(cx, namespace, &[])?;
        return Ok(Progress::Remaining { estimate_seconds });
    }
    let kinds = Kind::ALL.iter().copied().filter(|k| k.info().namespaced && *k != Kind::Pod);
    let mut left = Vec::new();
    for kind in kinds {
        delete_collection(&mut cx.client, kind, name)?;
        left.extend(remaining(&cx.client, kind, name));
    }
    write_conditions(cx, namespace, &left)?;
    if left.is_empty() {
        return Ok(Progress::Done);
    }
    Ok(Progress::Remaining { estimate_seconds: FINALIZER_ESTIMATE_SECONDS })
}

fn grace_of(object: &Object) -> i64 {
    object.meta().deletion.as_deref().and_then(|d| d.grace_period_seconds).unwrap_or(0)
}

fn remaining(client: &Client<'_>, kind: Kind, namespace: &str) -> Vec<Object> {
    client.server().store().list(kind, Some(namespace)).into_iter().cloned().collect()
}

fn delete_collection(client: &mut Client<'_>, kind: Kind, namespace: &str) -> Result<(), ApiError> {
    let options = DeleteOptions { propagation: Some(Propagation::Background), ..DeleteOptions::default() };
    for object in remaining(client, kind, namespace) {
        match client.delete(&object.key(), &options) {
            Err(error) if !error.is_not_found() => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Writes the five conditions; those about content say what is left.
fn write_conditions(cx: &mut SyncContext<'_>, namespace: &Arc<Namespace>, left: &[Object]) -> Result<(), ApiError> {
    let content = remaining_message(left);
    let finalizers = finalizer_message(left);
    let fine =
        |type_: &'static str, reason: &'static str, message: &'static str| (type_, false, reason, message.to_owned());
    let rows = [
        fine("NamespaceDeletionDiscoveryFailure", "ResourcesDiscovered", "All resources successfully discovered"),
        fine(
            "NamespaceDeletionGroupVersionParsingFailure",
            "ParsedGroupVersions",
            "All legacy kube types successfully parsed",
        ),
        fine(
            "NamespaceDeletionContentFailure",
            "ContentDeleted",
            "All content successfully deleted, may be waiting on finalization",
        ),
        match content {
            Some(message) => ("NamespaceContentRemaining", true, "SomeResourcesRemain", message),
            None => fine("NamespaceContentRemaining", "ContentRemoved", "All content successfully removed"),
        },
        match finalizers {
            Some(message) => ("NamespaceFinalizersRemaining", true, "SomeFinalizersRemain", message),
            None => fine(
                "NamespaceFinalizersRemaining",
                "ContentHasNoFinalizers",
                "All content-preserving finalizers finished",
            ),
        },
    ];
    let mut new = Namespace::clone(namespace);
    let status = new.body.status.get_or_insert_default();
    let old = status.conditions.take().unwrap_or_default();
    let now = cx.clock().time();
    let conditions = rows.into_iter().map(|(type_, is_true, reason, message)| {
        let word = if is_true { "True" } else { "False" };
        let before = old.iter().find(|c| c.type_ == type_ && c.status == word);
        let since = before.and_then(|c| c.last_transition_time.clone()).unwrap_or_else(|| now.into());
        NamespaceCondition {
            type_: type_.to_owned(),
            status: word.to_owned(),
            reason: Some(reason.to_owned()),
            message: Some(message),
            last_transition_time: Some(since),
        }
    });
    status.conditions = Some(conditions.collect());
    match cx.client.update_status(new) {
        Err(error) if error.is_not_found() => Ok(()),
        other => other.map(drop),
    }
}

fn remaining_message(left: &[Object]) -> Option<String> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for object in left {
        let info = object.kind().info();
        *counts.entry(format!("{}.{}", info.plural, info.group)).or_default() += 1;
    }
    let texts: Vec<String> =
        counts.iter().map(|(name, count)| format!("{name} has {count} resource instances")).collect();
    (!texts.is_empty()).then(|| format!("Some resources are remaining: {}", texts.join(", ")))
}

fn finalizer_message(left: &[Object]) -> Option<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for finalizer in left.iter().flat_map(|o| o.meta().finalizers.iter()) {
        *counts.entry(finalizer).or_default() += 1;
    }
    let texts: Vec<String> =
        counts.iter().map(|(name, count)| format!("{name} in {count} resource instances")).collect();
    (!texts.is_empty()).then(|| format!("Some content in the namespace has finalizers remaining: {}", texts.join(", ")))
}
