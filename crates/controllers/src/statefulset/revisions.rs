//! Which revisions a set has, and which of them its pods are made from.
//!
//! Mirrors pkg/controller/statefulset/stateful_set_control.go (`getStatefulSetRevisions`, `truncateHistory`) and
//! stateful_set_utils.go (`getPatch`, `ApplyRevision`) (v1.36).

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use k8s_openapi::api::core::v1 as corev1;
use rustc_hash::FxHashMap;
use seatrial_api::{
    ApiError, ControllerRevision, Kind, LabelSelector, ObjectKey, PodSpec, PodTemplateSpec, StatefulSet, StrMap, Uid,
};
use seatrial_machinery::history::{
    canonical_json, create_controller_revision, data_of, new_controller_revision, next_revision,
    sort_controller_revisions, update_controller_revision,
};
use seatrial_machinery::{ControllerRefManager, SyncContext};
use serde_json::{Value, json};

use super::controller::StatefulSetController;
use super::pod_control::{stateful_pod_labels, stateful_pod_spec};
use super::pods::SetPods;
use super::utils::spec_of;

/// What is remembered of sets and revisions, so that a sync makes no JSON.
#[derive(Debug, Default)]
pub(super) struct RevisionCache {
    /// By set: what was found of it as it was last.
    seen: FxHashMap<Uid, Seen>,
    /// By revision and set: what the set's pods share.
    parts: BTreeMap<(Uid, Uid), Arc<PodParts>>,
    /// By revision: its data.
    texts: FxHashMap<Uid, Arc<str>>,
}

/// What the pods of a set share that are made from a revision.
#[derive(Debug)]
pub(super) struct PodParts {
    pub(super) template: Arc<PodTemplateSpec>,
    pub(super) spec: Arc<PodSpec>,
    /// See [`stateful_pod_labels`].
    pub(super) labels: StrMap,
}

/// A set's revision as it would be stored.
#[derive(Debug)]
pub(super) struct Data {
    value: Value,
    text: String,
}

/// What was found of a set of one generation.
#[derive(Debug)]
struct Seen {
    generation: i64,
    data: Data,
    /// The revision that says the same.
    found: Option<Arc<ControllerRevision>>,
}

/// What was found of a set as it is.
fn seen<'a>(all: &'a mut FxHashMap<Uid, Seen>, set: &StatefulSet) -> &'a mut Seen {
    let of = || {
        let mut template = serde_json::to_value(&spec_of(set).template).unwrap_or_default();
        template["$patch"] = json!("replace");
        let value = json!({"spec": {"template": template}});
        Seen { generation: set.meta.generation, data: Data { text: canonical_json(&value), value }, found: None }
    };
    let seen = all.entry(set.meta.uid.clone()).or_insert_with(of);
    if seen.generation != set.meta.generation {
        *seen = of();
    }
    seen
}

/// A revision's data as text, which never changes.
fn text_of<'a>(texts: &'a mut FxHashMap<Uid, Arc<str>>, revision: &ControllerRevision) -> &'a str {
    texts.entry(revision.meta.uid.clone()).or_insert_with(|| canonical_json(data_of(revision)).into())
}

impl RevisionCache {
    /// A set is gone.
    pub(super) fn forget(&mut self, set: &Uid) {
        self.seen.remove(set);
        self.parts.retain(|(_, of), _| of != set);
    }

    /// Mirrors `getPatch`: the template, to replace whatever is there.
    fn data_of(&mut self, set: &StatefulSet) -> &Data {
        &seen(&mut self.seen, set).data
    }

    /// The last of some revisions that says what the set does. Where it is the only one, and the one that was found last for
    /// the set as it is, nothing is compared: both are immutable.
    fn last_saying(&mut self, set: &StatefulSet, all: &[Arc<ControllerRevision>]) -> Option<usize> {
        let (seen, texts) = (seen(&mut self.seen, set), &mut self.texts);
        if let (Some(known), [only]) = (&seen.found, all)
            && Arc::ptr_eq(known, only)
        {
            return Some(0);
        }
        let place = all.iter().rposition(|revision| text_of(texts, revision) == seen.data.text)?;
        seen.found = Some(Arc::clone(&all[place]));
        Some(place)
    }

    /// What a set's pods share that are made from a revision. Mirrors `ApplyRevision`.
    pub(super) fn parts_of(&mut self, revision: &ControllerRevision, set: &StatefulSet) -> Arc<PodParts> {
        let of = || {
            let template = data_of(revision).pointer("/spec/template").cloned().unwrap_or_default();
            let api: corev1::PodTemplateSpec = serde_json::from_value(template).unwrap_or_default();
            let template = PodTemplateSpec::from_api(api);
            let spec = Arc::new(stateful_pod_spec(set, &template));
            let labels = stateful_pod_labels(&template, &revision.meta.name);
            Arc::new(PodParts { template: Arc::new(template), spec, labels })
        };
        Arc::clone(self.parts.entry((revision.meta.uid.clone(), set.meta.uid.clone())).or_insert_with(of))
    }
}

/// The revisions that matter to one sync.
#[derive(Clone, Debug)]
pub(super) struct Revisions {
    /// What the pods were made from that are not to be updated.
    pub(super) current: Arc<ControllerRevision>,
    /// What the set says now.
    pub(super) update: Arc<ControllerRevision>,
    /// How often a name was taken.
    pub(super) collision_count: i32,
}

impl StatefulSetController {
    /// Mirrors `AdoptOrphanRevisions`.
    pub(super) fn adopt_orphan_revisions(
        &mut self,
        cx: &mut SyncContext<'_>,
        set: &Arc<StatefulSet>,
        selector: &LabelSelector,
    ) -> Result<(), ApiError> {
        let mut manager = ControllerRefManager::new(&**set, selector);
        for revision in cx.informers.controller_revisions.orphans(&set.meta.namespace) {
            manager.claim_object(&mut cx.client, revision)?;
        }
        Ok(())
    }

    /// A set's revisions, sorted. Mirrors `ListRevisions`.
    pub(super) fn list_revisions<'a>(cx: &SyncContext<'a>, set: &StatefulSet) -> Cow<'a, [Arc<ControllerRevision>]> {
        let mut revisions = Cow::Borrowed(cx.informers.controller_revisions.owned_by(&set.meta.uid));
        if revisions.len() > 1 {
            sort_controller_revisions(revisions.to_mut());
        }
        revisions
    }

    /// Finds or makes the revision of the set as it is. Mirrors `getStatefulSetRevisions`.
    pub(super) fn get_stateful_set_revisions(
        &mut self,
        cx: &mut SyncContext<'_>,
        set: &Arc<StatefulSet>,
        revisions: &[Arc<ControllerRevision>],
    ) -> Result<Revisions, ApiError> {
        let status = set.body.status.as_ref();
        let mut collision_count = status.and_then(|s| s.collision_count).unwrap_or(0);
        let number = next_revision(revisions);
        let update = match self.revisions.last_saying(set, revisions) {
            // The set says what its last revision says.
            Some(last) if last + 1 == revisions.len() => Arc::clone(&revisions[last]),
            // It says what an older one says: that one becomes the last.
            Some(older) => update_controller_revision(&mut cx.client, &revisions[older], number)?,
            None => {
                let labels = StrMap::from_api(spec_of(set).template.metadata.as_ref().and_then(|m| m.labels.clone()));
                let mut new = new_controller_revision(
                    &**set,
                    &labels,
                    self.revisions.data_of(set).value.clone(),
                    number,
                    collision_count,
                );
                new.meta.annotations = set.meta.annotations.clone();
                create_controller_revision(&mut cx.client, &**set, &new, &mut collision_count)?
            }
        };
        let name = status.and_then(|s| s.current_revision.as_deref()).unwrap_or_default();
        let named = revisions.iter().find(|r| r.meta.name == *name);
        let current = Arc::clone(named.filter(|r| r.meta.uid != update.meta.uid).unwrap_or(&update));
        Ok(Revisions { current, update, collision_count })
    }

    /// Deletes the oldest revisions that nothing needs. Mirrors `truncateHistory`.
    pub(super) fn truncate_history(
        &mut self,
        cx: &mut SyncContext<'_>,
        set: &StatefulSet,
        pods: &SetPods,
        history: &[Arc<ControllerRevision>],
        in_use: &Revisions,
    ) -> Result<(), ApiError> {
        let limit = spec_of(set).revision_history_limit.unwrap_or(10);
        let Ok(limit) = usize::try_from(limit) else { return Ok(()) };
        // One may have been made in this sync.
        if history.len() < limit {
            return Ok(());
        }
        let revisions = with_new(history, in_use);
        if revisions.len() <= limit {
            return Ok(());
        }
        let mut live: BTreeSet<&str> = pods.revisions().collect();
        live.extend([in_use.current.meta.name.as_str(), in_use.update.meta.name.as_str()]);
        let history: Vec<_> = revisions.iter().filter(|r| !live.contains(r.meta.name.as_str())).collect();
        for revision in &history[..history.len().saturating_sub(limit)] {
            let key = ObjectKey::new(Kind::ControllerRevision, &revision.meta.namespace, &revision.meta.name);
            cx.client.delete(&key, &Default::default())?;
            self.revisions.parts.remove(&(revision.meta.uid.clone(), set.meta.uid.clone()));
            self.revisions.texts.remove(&revision.meta.uid);
        }
        Ok(())
    }
}

/// The history with what this sync made or moved.
fn with_new(history: &[Arc<ControllerRevision>], revisions: &Revisions) -> Vec<Arc<ControllerRevision>> {
    let update = &revisions.update;
    let mut all: Vec<_> = history.iter().filter(|r| r.meta.uid != update.meta.uid).map(Arc::clone).collect();
    all.push(Arc::clone(update));
    sort_controller_revisions(&mut all);
    all
}
