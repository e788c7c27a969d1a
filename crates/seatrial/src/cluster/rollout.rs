//! `kubectl rollout`: what kubectl does on its side, with its refusals.
//!
//! Mirrors k8s.io/kubectl/pkg/polymorphichelpers (v1.36).

use std::sync::Arc;

use seatrial_api::{Deployment, Kind, ObjectKey, ReplicaSet, StrMap};
use seatrial_apiserver::Subresource;
use seatrial_apiserver::patch::PatchType;
use serde_json::{Value, json};

use super::reads::parse_target;
use super::rollout_revisions::has_controller_revisions;
use super::{Cluster, Error};

const LABEL_POD_TEMPLATE_HASH: &str = "pod-template-hash";
pub(crate) const ANNOTATION_REVISION: &str = "deployment.kubernetes.io/revision";
const ANNOTATION_RESTARTED_AT: &str = "kubectl.kubernetes.io/restartedAt";
/// Annotations that an undo leaves as the Deployment has them.
const ANNOTATIONS_KEPT: [&str; 6] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    ANNOTATION_REVISION,
    "deployment.kubernetes.io/revision-history",
    "deployment.kubernetes.io/desired-replicas",
    "deployment.kubernetes.io/max-replicas",
    "deprecated.deployment.rollback.to",
];

/// What kubectl refuses, in its words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("error: {0}")]
pub struct RolloutError(pub(crate) String);

/// What an undo came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Undone {
    /// The template was put back.
    RolledBack,
    /// The template was that one already; the revision as it was asked for.
    Skipped(i64),
}

impl Cluster {
    /// Goes back to a revision, or with `None` to the one before, as `kubectl rollout undo`.
    ///
    /// # Errors
    /// kubectl's refusals; the API server's.
    pub fn rollout_undo(&mut self, target: &str, to_revision: Option<i64>) -> Result<(), Error> {
        let key = parse_target(target, self.namespace())?;
        self.undo_key(&key, to_revision.unwrap_or(0)).map(drop)
    }

    /// Replaces every pod by one of the same template, as `kubectl rollout restart`.
    ///
    /// # Errors
    /// kubectl's refusals; the API server's.
    pub fn rollout_restart(&mut self, target: &str) -> Result<(), Error> {
        let key = parse_target(target, self.namespace())?;
        self.restart_key(&key)
    }

    /// Pauses rollouts, as `kubectl rollout pause`.
    ///
    /// # Errors
    /// kubectl's refusals; the API server's.
    pub fn rollout_pause(&mut self, target: &str) -> Result<(), Error> {
        let key = parse_target(target, self.namespace())?;
        self.pause_key(&key)
    }

    /// Lets rollouts go on, as `kubectl rollout resume`.
    ///
    /// # Errors
    /// kubectl's refusals; the API server's.
    pub fn rollout_resume(&mut self, target: &str) -> Result<(), Error> {
        let key = parse_target(target, self.namespace())?;
        self.resume_key(&key)
    }

    pub(crate) fn undo_key(&mut self, key: &ObjectKey, to_revision: i64) -> Result<Undone, Error> {
        if has_controller_revisions(key.kind) {
            return self.undo_to_controller_revision(key, to_revision);
        }
        let deployment = self.rollout_deployment(key, "undo")?;
        let sets = self.replica_sets_of(&deployment);
        let rs = revision_to_undo_to(&deployment, &sets, to_revision)?;
        if deployment.spec.paused {
            let text =
                "you cannot rollback a paused deployment; resume it first with 'kubectl rollout resume' and try again";
            return Err(RolloutError(text.to_owned()).into());
        }
        if template_without_hash(&rs.spec.template) == deployment.spec.template.to_api() {
            return Ok(Undone::Skipped(to_revision));
        }
        let annotations = undo_annotations(&deployment, &rs);
        let patch = json!([
            {"op": "replace", "path": "/spec/template", "value": template_without_hash(&rs.spec.template)},
            {"op": "replace", "path": "/metadata/annotations", "value": annotations.to_api().unwrap_or_default()},
        ]);
        self.patch_key(key, Subresource::Main, (PatchType::Json, &patch))?;
        Ok(Undone::RolledBack)
    }

    pub(crate) fn restart_key(&mut self, key: &ObjectKey) -> Result<(), Error> {
        let name = &key.name;
        let now = self.api_time().to_string();
        let restarted = if has_controller_revisions(key.kind) {
            self.template_annotation(key, ANNOTATION_RESTARTED_AT)?
        } else {
            let deployment = self.rollout_deployment(key, "restarting")?;
            if deployment.spec.paused {
                let text =
                    format!("deployments.apps {name:?} can't restart paused deployment (run rollout resume first)");
                return Err(RolloutError(text).into());
            }
            deployment.spec.template.annotations.get(ANNOTATION_RESTARTED_AT).map(str::to_owned)
        };
        if restarted.as_deref() == Some(now.as_str()) {
            let text = format!(
                "failed to create patch for {name}: if restart has already been triggered within the past second, please wait before attempting to trigger another"
            );
            return Err(RolloutError(text).into());
        }
        let patch = json!({"spec": {"template": {"metadata": {"annotations": {ANNOTATION_RESTARTED_AT: now}}}}});
        self.rollout_patch(key, &patch)
    }

    pub(crate) fn pause_key(&mut self, key: &ObjectKey) -> Result<(), Error> {
        let deployment = self.rollout_deployment(key, "pausing")?;
        if deployment.spec.paused {
            return Err(RolloutError(format!("deployments.apps {:?} is already paused", deployment.meta.name)).into());
        }
        self.rollout_patch(key, &json!({"spec": {"paused": true}}))
    }

    pub(crate) fn resume_key(&mut self, key: &ObjectKey) -> Result<(), Error> {
        let deployment = self.rollout_deployment(key, "resuming")?;
        if !deployment.spec.paused {
            return Err(RolloutError(format!("deployments.apps {:?} is not paused", deployment.meta.name)).into());
        }
        self.rollout_patch(key, &json!({"spec": {"paused": null}}))
    }

    fn rollout_patch(&mut self, key: &ObjectKey, patch: &Value) -> Result<(), Error> {
        let written = self.patch_key(key, Subresource::Main, (PatchType::Strategic, patch));
        written.map(drop).map_err(|error| RolloutError(format!("failed to patch: {error}")).into())
    }

    fn rollout_deployment(&self, key: &ObjectKey, verb: &str) -> Result<Arc<Deployment>, Error> {
        if key.kind != Kind::Deployment {
            let text = format!("{} {:?} {verb} is not supported", key.kind.resource(), key.name.as_str());
            return Err(RolloutError(text).into());
        }
        Ok(Arc::clone(self.server.get::<Deployment>(&key.namespace, &key.name)?))
    }

    /// A Deployment's ReplicaSets by creation time and name, as kubectl finds them.
    pub(crate) fn replica_sets_of(&self, deployment: &Deployment) -> Vec<Arc<ReplicaSet>> {
        let all = self.server.store().list_as::<ReplicaSet>(Some(&deployment.meta.namespace));
        let mine = |rs: &&Arc<ReplicaSet>| {
            rs.meta.is_controlled_by(&deployment.meta.uid) && deployment.spec.selector.matches(&rs.meta.labels)
        };
        let mut sets: Vec<Arc<ReplicaSet>> = all.into_iter().filter(mine).cloned().collect();
        sets.sort_by(|a, b| (a.meta.created(), &a.meta.name).cmp(&(b.meta.created(), &b.meta.name)));
        sets
    }
}

/// A ReplicaSet's revision: missing is 0, unreadable is none.
pub(crate) fn revision(annotations: &StrMap) -> Option<i64> {
    annotations.get(ANNOTATION_REVISION).map_or(Some(0), |text| text.parse().ok())
}

fn revision_to_undo_to(
    deployment: &Deployment,
    sets: &[Arc<ReplicaSet>],
    to_revision: i64,
) -> Result<Arc<ReplicaSet>, RolloutError> {
    let not_found = || RolloutError(format!("unable to find specified revision {to_revision} in history"));
    if to_revision < 0 {
        return Err(not_found());
    }
    if to_revision > 0 {
        return sets
            .iter()
            .find(|rs| revision(&rs.meta.annotations) == Some(to_revision))
            .cloned()
            .ok_or_else(not_found);
    }
    let mut known: Vec<(i64, &Arc<ReplicaSet>)> =
        sets.iter().filter_map(|rs| Some((revision(&rs.meta.annotations)?, rs))).collect();
    known.sort_by_key(|(revision, _)| *revision);
    let previous = known.iter().rev().nth(1).map(|(_, rs)| Arc::clone(rs));
    previous.ok_or_else(|| RolloutError(format!("no rollout history found for deployment {:?}", deployment.meta.name)))
}

fn template_without_hash(template: &seatrial_api::PodTemplateSpec) -> k8s_openapi::api::core::v1::PodTemplateSpec {
    let mut template = template.clone();
    template.labels.remove(LABEL_POD_TEMPLATE_HASH);
    template.to_api()
}

fn undo_annotations(deployment: &Deployment, rs: &ReplicaSet) -> StrMap {
    let own = deployment.meta.annotations.iter().filter(|(key, _)| ANNOTATIONS_KEPT.contains(key));
    let rest = rs.meta.annotations.iter().filter(|(key, _)| !ANNOTATIONS_KEPT.contains(key));
    own.chain(rest).collect()
}

/// Whether a rollout is done.
pub(crate) fn is_rolled_out(deployment: &Deployment) -> bool {
    rollout_status(deployment).1
}

/// kubectl's line about a rollout, and whether it is done.
pub(crate) fn rollout_status(deployment: &Deployment) -> (String, bool) {
    let (name, status, wanted) = (&deployment.meta.name, &deployment.status, deployment.spec.replicas);
    if deployment.meta.generation > status.observed_generation {
        return ("Waiting for deployment spec update to be observed...".to_owned(), false);
    }
    let timed_out = status.conditions.get("Progressing").is_some_and(|c| c.reason == "ProgressDeadlineExceeded");
    if timed_out {
        return (format!("error: deployment {name:?} exceeded its progress deadline"), false);
    }
    let waiting = |what: String| (format!("Waiting for deployment {name:?} rollout to finish: {what}..."), false);
    if status.updated_replicas < wanted {
        return waiting(format!("{} out of {wanted} new replicas have been updated", status.updated_replicas));
    }
    if status.replicas > status.updated_replicas {
        return waiting(format!("{} old replicas are pending termination", status.replicas - status.updated_replicas));
    }
    if status.available_replicas < status.updated_replicas {
        return waiting(format!(
            "{} of {} updated replicas are available",
            status.available_replicas, status.updated_replicas
        ));
    }
    (format!("deployment {name:?} successfully rolled out"), true)
}
