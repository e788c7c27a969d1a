//! The five conditions that tell how a namespace's deletion goes.
//!
//! Mirrors pkg/controller/namespace/deletion/status_condition_utils.go (v1.36).

use k8s_openapi::api::core::v1::NamespaceCondition;
use seatrial_api::{Namespace, Time};
use seatrial_machinery::SyncContext;

use super::deletion::Totals;

const DISCOVERY_FAILURE: &str = "NamespaceDeletionDiscoveryFailure";
const PARSING_FAILURE: &str = "NamespaceDeletionGroupVersionParsingFailure";
const CONTENT_FAILURE: &str = "NamespaceDeletionContentFailure";
const CONTENT_REMAINING: &str = "NamespaceContentRemaining";
const FINALIZERS_REMAINING: &str = "NamespaceFinalizersRemaining";

/// Type, reason and message of each condition when all is well, in the order in which they are written.
const FINE: [(&str, &str, &str); 5] = [
    (DISCOVERY_FAILURE, "ResourcesDiscovered", "All resources successfully discovered"),
    (PARSING_FAILURE, "ParsedGroupVersions", "All legacy kube types successfully parsed"),
    (CONTENT_FAILURE, "ContentDeleted", "All content successfully deleted, may be waiting on finalization"),
    (CONTENT_REMAINING, "ContentRemoved", "All content successfully removed"),
    (FINALIZERS_REMAINING, "ContentHasNoFinalizers", "All content-preserving finalizers finished"),
];

/// A condition that is not fine.
#[derive(Debug)]
struct Problem {
    type_: &'static str,
    reason: &'static str,
    message: String,
}

/// Gathers what one pass met. Mirrors `namespaceConditionUpdater`.
#[derive(Debug, Default)]
pub(super) struct ConditionUpdater {
    problems: Vec<Problem>,
    delete_content_errors: Vec<String>,
}

impl ConditionUpdater {
    pub(super) fn process_delete_content_error(&mut self, error: String) {
        self.delete_content_errors.push(error);
    }

    pub(super) fn process_content_totals(&mut self, totals: &Totals) {
        if !totals.resources.is_empty() {
            let line = |(kind, count): (&seatrial_api::Kind, &usize)| {
                format!("{}.{} has {count} resource instances", kind.info().plural, kind.info().group)
            };
            let list = sorted(totals.resources.iter().map(line).collect());
            let message = format!("Some resources are remaining: {list}");
            self.problems.push(Problem { type_: CONTENT_REMAINING, reason: "SomeResourcesRemain", message });
        }
        if !totals.finalizers.is_empty() {
            let line = |(finalizer, count)| format!("{finalizer} in {count} resource instances");
            let list = sorted(totals.finalizers.iter().map(line).collect());
            let message = format!("Some content in the namespace has finalizers remaining: {list}");
            self.problems.push(Problem { type_: FINALIZERS_REMAINING, reason: "SomeFinalizersRemain", message });
        }
    }

    /// Writes the conditions if they changed. A failed write is not retried for its own sake: the next pass writes again.
    pub(super) fn update(mut self, cx: &mut SyncContext<'_>, namespace: &Namespace) {
        if !self.delete_content_errors.is_empty() {
            let count = self.delete_content_errors.len();
            let list = sorted(std::mem::take(&mut self.delete_content_errors));
            let message = format!("Failed to delete all resource types, {count} remaining: {list}");
            self.problems.push(Problem { type_: CONTENT_FAILURE, reason: "ContentDeletionFailed", message });
        }
        let mut new = namespace.clone();
        let list = new.body.status.get_or_insert_default().conditions.get_or_insert_default();
        if self.update_conditions(list, cx.clock().time())
            && let Err(error) = cx.client.update_status(new)
        {
            tracing::debug!(namespace = %namespace.meta.name, %error, "couldn't update status condition of namespace");
        }
    }

    /// Mirrors `updateConditions`; says whether anything changed.
    fn update_conditions(&self, list: &mut Vec<NamespaceCondition>, now: Time) -> bool {
        let before = list.clone();
        for (type_, reason, message) in FINE {
            let problem = self.problems.iter().find(|p| p.type_ == type_);
            let (status, reason, message) =
                problem.map_or(("False", reason, message), |p| ("True", p.reason, p.message.as_str()));
            let condition = NamespaceCondition {
                type_: type_.to_owned(),
                status: status.to_owned(),
                reason: Some(reason.to_owned()),
                message: Some(message.to_owned()),
                last_transition_time: Some(now.into()),
            };
            match list.iter_mut().find(|c| c.type_ == type_) {
                None => list.push(condition),
                Some(old) if old.status == condition.status => {
                    *old = NamespaceCondition { last_transition_time: old.last_transition_time.clone(), ..condition };
                }
                Some(old) => *old = condition,
            }
        }
        *list != before
    }
}

fn sorted(mut lines: Vec<String>) -> String {
    lines.sort();
    lines.join(", ")
}
