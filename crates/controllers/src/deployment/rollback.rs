//! Rollback by annotation: old, but the API still serves it.
//!
//! Mirrors pkg/controller/deployment/rollback.go (v1.36).

use std::borrow::Cow;
use std::sync::Arc;

use seatrial_api::{ApiError, Deployment, PodTemplateSpec, ReplicaSet, StrMap};
use seatrial_machinery::{EventText, ObjectRef, SyncContext};

use super::controller::DeploymentController;
use super::replica_sets::CreateIfNotExisted;
use super::util::{LABEL_POD_TEMPLATE_HASH, equal_ignore_hash, last_revision, revision, skip_copy_annotation};

/// The revision to go back to; 0 is the one before.
pub(super) const ANNOTATION_ROLLBACK_TO: &str = "deprecated.deployment.rollback.to";
const REASON_REVISION_NOT_FOUND: &str = "DeploymentRollbackRevisionNotFound";
const REASON_TEMPLATE_UNCHANGED: &str = "DeploymentRollbackTemplateUnchanged";
const REASON_DONE: &str = "DeploymentRollback";

impl DeploymentController {
    /// Goes back to the revision in the annotation and takes the annotation away. Mirrors `rollback`.
    pub(super) fn rollback(
        &mut self,
        cx: &mut SyncContext<'_>,
        mut deployment: Arc<Deployment>,
        rs_list: Cow<'_, [Arc<ReplicaSet>]>,
    ) -> Result<(), ApiError> {
        let sets =
            self.get_all_replica_sets_and_sync_revision(cx, &mut deployment, rs_list, CreateIfNotExisted::Yes)?;
        let asked =
            deployment.meta.annotations.get(ANNOTATION_ROLLBACK_TO).and_then(|t| t.parse::<i64>().ok()).unwrap_or(0);
        let target = if asked == 0 { last_revision(sets.iter()) } else { asked };
        if target == 0 {
            warn(cx, &deployment, REASON_REVISION_NOT_FOUND, "Unable to find last revision.");
            return finish(cx, &deployment);
        }
        let Some(rs) = sets.iter().find(|rs| revision(&rs.meta.annotations) == Ok(target)) else {
            warn(cx, &deployment, REASON_REVISION_NOT_FOUND, "Unable to find the revision to rollback to.");
            return finish(cx, &deployment);
        };
        if equal_ignore_hash(&deployment.spec.template, &rs.spec.template) {
            let name = deployment.meta.name.as_str();
            let message = format!("The rollback revision contains the same template as current deployment {name:?}");
            warn(cx, &deployment, REASON_TEMPLATE_UNCHANGED, &message);
            return finish(cx, &deployment);
        }
        let mut new = Deployment::clone(&deployment);
        Arc::make_mut(&mut new.spec).template = template_without_hash(&rs.spec.template);
        new.meta.annotations = rolled_back_annotations(&deployment, rs);
        new.meta.annotations.remove(ANNOTATION_ROLLBACK_TO);
        let message = format!("Rolled back deployment {:?} to revision {target}", deployment.meta.name.as_str());
        cx.client.event(&ObjectRef::of(&*deployment), &EventText::normal(REASON_DONE, &message));
        cx.client.update(new).map(drop)
    }
}

fn warn(cx: &mut SyncContext<'_>, deployment: &Arc<Deployment>, reason: &str, message: &str) {
    cx.client.event(&ObjectRef::of(&**deployment), &EventText::warning(reason, message));
}

fn finish(cx: &mut SyncContext<'_>, deployment: &Arc<Deployment>) -> Result<(), ApiError> {
    let mut new = Deployment::clone(deployment);
    new.meta.annotations.remove(ANNOTATION_ROLLBACK_TO);
    cx.client.update(new).map(drop)
}

fn template_without_hash(template: &PodTemplateSpec) -> Arc<PodTemplateSpec> {
    let mut template = template.clone();
    template.labels.remove(LABEL_POD_TEMPLATE_HASH);
    Arc::new(template)
}

/// The Deployment's own annotations, and all others as the ReplicaSet has them. Mirrors `setDeploymentAnnotationsTo`.
fn rolled_back_annotations(deployment: &Deployment, rs: &ReplicaSet) -> StrMap {
    let own = deployment.meta.annotations.iter().filter(|(key, _)| skip_copy_annotation(key));
    let rest = rs.meta.annotations.iter().filter(|(key, _)| !skip_copy_annotation(key));
    own.chain(rest).collect()
}
