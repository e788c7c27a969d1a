//! `kubectl rollout` of workloads whose history is kept as ControllerRevisions.
//!
//! Mirrors k8s.io/kubectl/pkg/polymorphichelpers (`StatefulSetRollbacker`, `DaemonSetRollbacker`) (v1.36).

use std::sync::Arc;

use seatrial_api::{ApiError, ControllerRevision, Kind, ObjectKey};
use seatrial_apiserver::Subresource;
use seatrial_apiserver::patch::{PatchType, apply_strategic_merge_patch};
use seatrial_apiserver::type_of;
use seatrial_machinery::history::{data_of, sort_controller_revisions};
use serde_json::Value;

use super::rollout::{RolloutError, Undone};
use super::{Cluster, Error};

/// Whether a kind's history is kept as ControllerRevisions.
pub(crate) fn has_controller_revisions(kind: Kind) -> bool {
    matches!(kind, Kind::StatefulSet | Kind::DaemonSet)
}

impl Cluster {
    /// Applies what a revision holds: that of a number, or with 0 the one before the last.
    pub(super) fn undo_to_controller_revision(&mut self, key: &ObjectKey, to: i64) -> Result<Undone, Error> {
        let not_found = || RolloutError(format!("unable to find specified revision {to} in history"));
        let live = self.live(key)?;
        let history = self.controller_revisions_of(key);
        if to == 0 && history.len() <= 1 {
            return Err(RolloutError("no last revision to roll back to".to_owned()).into());
        }
        let revision = match to {
            0 => history.iter().rev().nth(1),
            _ => history.iter().find(|r| r.body.revision == to),
        };
        let data = data_of(revision.ok_or_else(not_found)?).clone();
        let ty = type_of(key.kind).ok_or_else(|| ApiError::internal("no schema"))?;
        if apply_strategic_merge_patch(&live, &data, ty)? == live {
            return Ok(Undone::Skipped(to));
        }
        self.patch_key(key, Subresource::Main, (PatchType::Strategic, &data))?;
        Ok(Undone::RolledBack)
    }

    /// An annotation of a workload's template.
    pub(super) fn template_annotation(&self, key: &ObjectKey, name: &str) -> Result<Option<String>, Error> {
        let live = self.live(key)?;
        let annotations = live.pointer("/spec/template/metadata/annotations");
        Ok(annotations.and_then(|a| a.get(name)).and_then(Value::as_str).map(str::to_owned))
    }

    fn live(&self, key: &ObjectKey) -> Result<Value, ApiError> {
        let object = self.server.store().get(key);
        object.map(|o| o.to_json()).ok_or_else(|| ApiError::not_found(&key.kind.resource(), &key.name))
    }

    /// A workload's revisions, the oldest first.
    pub(crate) fn controller_revisions_of(&self, key: &ObjectKey) -> Vec<Arc<ControllerRevision>> {
        let Some(owner) = self.server.store().get(key) else { return Vec::new() };
        let uid = &owner.meta().uid;
        let all = self.server.store().list_as::<ControllerRevision>(Some(&key.namespace));
        let mut mine: Vec<_> = all.into_iter().filter(|r| r.meta.is_controlled_by(uid)).cloned().collect();
        sort_controller_revisions(&mut mine);
        mine
    }
}
