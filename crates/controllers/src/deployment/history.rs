//! History: old ReplicaSets beyond the limit go.
//!
//! Mirrors pkg/controller/deployment/sync.go (`cleanupDeployment`) (v1.36).

use std::sync::Arc;

use seatrial_api::{ApiError, Deployment, ReplicaSet, Resource};
use seatrial_machinery::{DeleteOptions, SyncContext};

use super::controller::DeploymentController;
use super::replica_sets::ReplicaSets;
use super::util::{revision, revision_history_limit};

impl DeploymentController {
    /// Deletes the oldest empty ReplicaSets beyond `revisionHistoryLimit`.
    pub(super) fn cleanup_deployment(
        &mut self,
        cx: &mut SyncContext<'_>,
        sets: &ReplicaSets<'_>,
        deployment: &Deployment,
    ) -> Result<(), ApiError> {
        let Some(limit) = revision_history_limit(deployment) else { return Ok(()) };
        let mut candidates: Vec<&Arc<ReplicaSet>> = sets.old().filter(|rs| !rs.meta.is_deleting()).collect();
        let excess = candidates.len().saturating_sub(usize::try_from(limit).unwrap_or(0));
        if excess == 0 {
            return Ok(());
        }
        candidates.sort_by(|a, b| {
            let age = |rs: &ReplicaSet| (rs.meta.created(), rs.meta.name.clone());
            match (revision(&a.meta.annotations), revision(&b.meta.annotations)) {
                (Ok(x), Ok(y)) if x != y => x.cmp(&y),
                _ => age(a).cmp(&age(b)),
            }
        });
        // Only the first are looked at: one that still has pods is kept and not replaced by the next.
        for rs in candidates.into_iter().take(excess) {
            let busy =
                rs.status.replicas != 0 || rs.spec.replicas != 0 || rs.meta.generation > rs.status.observed_generation;
            if busy {
                continue;
            }
            match cx.client.delete(&rs.key(), &DeleteOptions::default()) {
                Err(error) if !error.is_not_found() => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}
