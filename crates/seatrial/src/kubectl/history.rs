//! `kubectl rollout history`.
//!
//! Mirrors k8s.io/kubectl/pkg/polymorphichelpers/history.go (v1.36).

use std::collections::BTreeMap;
use std::sync::Arc;

use seatrial_api::{Deployment, ReplicaSet};

use super::TabWriter;
use super::describe::pod_template::describe_pod_template;
use super::table::aligned;
use crate::cluster::rollout::revision;

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
