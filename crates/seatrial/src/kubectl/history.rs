//! `kubectl rollout history`.
//!
//! Mirrors k8s.io/kubectl/pkg/polymorphichelpers/history.go (v1.36).

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1 as corev1;
use seatrial_api::{ControllerRevision, Deployment, ObjectKey, PodTemplateSpec, ReplicaSet};
use seatrial_machinery::history::data_of;

use super::TabWriter;
use super::describe::pod_template::describe_pod_template;
use super::table::aligned;
use crate::cluster::rollout::revision;
use crate::cluster::rollout_revisions::has_controller_revisions;

const ANNOTATION_CHANGE_CAUSE: &str = "kubernetes.io/change-cause";

/// The revisions of a Deployment with what caused them, given its ReplicaSets by creation time.
///
/// # Errors
/// kubectl's refusal of a revision that is not there.
pub fn history(deployment: &Deployment, sets: &[Arc<ReplicaSet>], only: Option<i64>) -> Result<String, String> {
    let by_revision: BTreeMap<i64, &Arc<ReplicaSet>> =
        sets.iter().filter_map(|rs| Some((revision(&rs.meta.annotations)?, rs))).collect();
    let name = &deployment.meta.name;
    if let Some(number) = only.filter(|n| *n != 0) {
        if number < 0 {
            return Err(format!("error: revision must be a positive integer: {number}"));
        }
        let rs = by_revision.get(&number).ok_or("error: unable to find the specified revision")?;
        let mut out = TabWriter::default();
        describe_pod_template(&mut out, &rs.spec.template);
        return Ok(format!("deployment.apps/{name} with revision #{number}\n{}", out.finish()));
    }
    if by_revision.is_empty() {
        return Ok(format!("deployment.apps/{name} \nNo rollout history found.\n"));
    }
    let mut rows = vec![vec!["REVISION".to_owned(), "CHANGE-CAUSE".to_owned()]];
    for (number, rs) in by_revision {
        let cause = rs.meta.annotations.get(ANNOTATION_CHANGE_CAUSE);
        let cause = cause.or_else(|| rs.spec.template.annotations.get(ANNOTATION_CHANGE_CAUSE));
        rows.push(vec![number.to_string(), cause.filter(|c| !c.is_empty()).unwrap_or("<none>").to_owned()]);
    }
    Ok(format!("deployment.apps/{name} \n{}\n", aligned(&rows, 0, 2)))
}

/// The revisions of a workload that keeps them as ControllerRevisions, the oldest first. Mirrors `printHistory`.
///
/// # Errors
/// kubectl's refusal of a revision that is not there, and of kinds that have no history.
pub(crate) fn revision_history(
    owner: &ObjectKey,
    revisions: &[Arc<ControllerRevision>],
    only: Option<i64>,
) -> Result<String, String> {
    let kind = owner.kind.group_kind();
    if !has_controller_revisions(owner.kind) {
        return Err(format!("error: no history viewer has been implemented for {:?}", kind.to_string()));
    }
    let title = format!("{}/{}", kind.to_string().to_lowercase(), owner.name);
    let by_number: BTreeMap<i64, &Arc<ControllerRevision>> = revisions.iter().map(|r| (r.body.revision, r)).collect();
    if let Some(number) = only.filter(|n| *n != 0) {
        if number < 0 {
            return Err(format!("error: revision must be a positive integer: {number}"));
        }
        let revision = by_number.get(&number).ok_or("error: unable to find the specified revision")?;
        let mut out = TabWriter::default();
        describe_pod_template(&mut out, &template_of(revision));
        return Ok(format!("{title} with revision #{number}\n{}", out.finish()));
    }
    if by_number.is_empty() {
        return Ok(format!("{title} \nNo rollout history found.\n"));
    }
    let mut rows = vec![vec!["REVISION".to_owned(), "CHANGE-CAUSE".to_owned()]];
    for (number, revision) in by_number {
        let cause = revision.meta.annotations.get(ANNOTATION_CHANGE_CAUSE).filter(|c| !c.is_empty());
        rows.push(vec![number.to_string(), cause.unwrap_or("<none>").to_owned()]);
    }
    Ok(format!("{title} \n{}\n", aligned(&rows, 0, 2)))
}

/// The template that a revision holds.
fn template_of(revision: &ControllerRevision) -> PodTemplateSpec {
    let template = data_of(revision).pointer("/spec/template").cloned().unwrap_or_default();
    // A revision that somebody wrote by hand may hold anything; it shows an empty template then.
    let template: corev1::PodTemplateSpec = serde_json::from_value(template).unwrap_or_default();
    PodTemplateSpec::from_api(template)
}
