//! The revisions of a set: which of them is the current one, and which go.
//!
//! Mirrors pkg/controller/daemon/update.go (`constructHistory`, `snapshot`, `dedupCurHistories`, `cleanupHistory`) (v1.36).

use std::sync::Arc;

use seatrial_api::schema::hash::compute_hash;
use seatrial_api::{ApiError, ControllerRevision, DaemonSet, Kind, ObjectKey, ObjectMeta, Plain, Pod, StrMap};
use seatrial_machinery::history::{canonical_json, data_of};
use seatrial_machinery::{ControllerRefManager, SyncContext, new_controller_ref};
use serde_json::{Value, json};

use super::facts::Facts;
use super::util::REVISION_HASH_LABEL;

/// What is known of a set's revisions.
#[derive(Debug)]
pub(super) struct History {
    /// Whether a revision or the template changed since they were looked at.
    pub(super) is_stale: bool,
    /// The hash of the current one.
    pub(super) hash: String,
    /// The others.
    pub(super) old: Vec<Arc<ControllerRevision>>,
    /// The template as a revision holds it, and its text.
    data: Option<(Value, String)>,
}

impl Default for History {
    fn default() -> Self {
        Self { is_stale: true, hash: String::new(), old: Vec::new(), data: None }
    }
}

impl History {
    /// The set has another template.
    pub(super) fn forget_template(&mut self) {
        (self.is_stale, self.data) = (true, None);
    }

    /// Finds or makes the revision of the template as it is; the others are old. Mirrors `constructHistory`.
    pub(super) fn construct(
        &mut self,
        cx: &mut SyncContext<'_>,
        ds: &Arc<DaemonSet>,
        facts: &Facts,
    ) -> Result<(), ApiError> {
        if !self.is_stale {
            return Ok(());
        }
        let (data, text) = self.data.get_or_insert_with(|| patch_of(ds));
        let (mut current, mut old) = (Vec::new(), Vec::new());
        for revision in controlled_histories(cx, ds, facts)? {
            let revision = with_hash_label(cx, revision)?;
            let list = if canonical_json(data_of(&revision)) == *text { &mut current } else { &mut old };
            list.push(revision);
        }
        let number = old.iter().map(|r| r.body.revision).max().unwrap_or(0).saturating_add(1);
        let kept = match current.len() {
            0 => snapshot(cx, ds, (data, text), number)?,
            _ => {
                let kept = dedup_current_histories(cx, ds, current, facts)?;
                if kept.body.revision < number {
                    let mut raised = ControllerRevision::clone(&kept);
                    raised.body.revision = number;
                    cx.client.update(raised)?;
                }
                kept
            }
        };
        self.hash = hash_of(&kept.meta).to_owned();
        (self.old, self.is_stale) = (old, false);
        Ok(())
    }

    /// Deletes the oldest revisions beyond the limit that no pod is of. Mirrors `cleanupHistory`.
    pub(super) fn cleanup(&self, cx: &mut SyncContext<'_>, ds: &Arc<DaemonSet>, facts: &Facts) -> Result<(), ApiError> {
        let limit = usize::try_from(facts.history_limit).unwrap_or(0);
        let mut excess = self.old.len().saturating_sub(limit);
        if excess == 0 {
            return Ok(());
        }
        // Pods of one revision share their labels, so that these are few.
        let groups = cx.informers.pods.owned_by(&ds.meta.uid).map_or(&[][..], |owned| owned.groups());
        let live: Vec<&str> = groups.iter().filter_map(|g| g.labels.get(REVISION_HASH_LABEL)).collect();
        let mut old: Vec<&Arc<ControllerRevision>> = self.old.iter().collect();
        old.sort_by_key(|r| r.body.revision);
        for revision in old {
            if excess == 0 {
                break;
            }
            if live.contains(&hash_of(&revision.meta)) {
                continue;
            }
            delete(cx, revision)?;
            excess -= 1;
        }
        Ok(())
    }
}

/// The revisions that the set owns: orphans that match are adopted, those that match no more let go.
/// Mirrors `controlledHistories`.
fn controlled_histories(
    cx: &mut SyncContext<'_>,
    ds: &Arc<DaemonSet>,
    facts: &Facts,
) -> Result<Vec<Arc<ControllerRevision>>, ApiError> {
    let mut manager = ControllerRefManager::new(&**ds, &facts.selector);
    let (revisions, mut mine) = (&cx.informers.controller_revisions, Vec::new());
    for revision in revisions.owned_by(&ds.meta.uid).iter().chain(revisions.orphans(&ds.meta.namespace)) {
        mine.extend(manager.claim_object(&mut cx.client, revision)?);
    }
    Ok(mine)
}

/// A revision of old may lack the label; its name takes the place of the hash.
fn with_hash_label(
    cx: &mut SyncContext<'_>,
    revision: Arc<ControllerRevision>,
) -> Result<Arc<ControllerRevision>, ApiError> {
    if revision.meta.labels.contains_key(REVISION_HASH_LABEL) {
        return Ok(revision);
    }
    let mut labelled = ControllerRevision::clone(&revision);
    labelled.meta.labels.insert(REVISION_HASH_LABEL, &revision.meta.name);
    cx.client.update(labelled)
}

/// The template, to replace whatever is there, and its text. Mirrors `getPatch`.
fn patch_of(ds: &DaemonSet) -> (Value, String) {
    let mut template = serde_json::to_value(&ds.spec.template).unwrap_or_default();
    template["$patch"] = json!("replace");
    let value = json!({"spec": {"template": template}});
    let text = canonical_json(&value);
    (value, text)
}

/// Makes a revision of the template; where its name is taken by another one, the collision is counted and the sync fails.
fn snapshot(
    cx: &mut SyncContext<'_>,
    ds: &Arc<DaemonSet>,
    (data, text): (&Value, &str),
    number: i64,
) -> Result<Arc<ControllerRevision>, ApiError> {
    let template = &ds.spec.template;
    let json = serde_json::to_value(template).unwrap_or_default();
    let hash = compute_hash(&json, ds.status.collision_count);
    let labels = template.metadata.as_ref().and_then(|m| m.labels.clone());
    let mut labels = StrMap::from_api(labels);
    labels.insert(REVISION_HASH_LABEL, hash.as_str());
    let meta = ObjectMeta {
        name: format!("{}-{hash}", ds.meta.name).into(),
        namespace: ds.meta.namespace.clone(),
        labels,
        annotations: ds.meta.annotations.clone(),
        owner_references: vec![new_controller_ref(&**ds)].into(),
        ..ObjectMeta::default()
    };
    let body = k8s_openapi::api::apps::v1::ControllerRevision {
        data: Some(k8s_openapi::apimachinery::pkg::runtime::RawExtension(data.clone())),
        revision: number,
        ..Default::default()
    };
    let name = meta.name.clone();
    match cx.client.create(Plain { meta, body }) {
        Err(error) if error.is_already_exists() => {
            let there = cx.client.get_live::<ControllerRevision>(&ds.meta.namespace, &name)?;
            if canonical_json(data_of(&there)) == text {
                return Ok(there);
            }
            let mut live = DaemonSet::clone(&*cx.client.get_live::<DaemonSet>(&ds.meta.namespace, &ds.meta.name)?);
            let count = live.status.collision_count.get_or_insert(0);
            *count = count.wrapping_add(1);
            cx.client.update_status(live)?;
            Err(error)
        }
        other => other,
    }
}

/// Of several revisions of the present template the one with the highest number stays, and all pods become its own.
fn dedup_current_histories(
    cx: &mut SyncContext<'_>,
    ds: &Arc<DaemonSet>,
    current: Vec<Arc<ControllerRevision>>,
    facts: &Facts,
) -> Result<Arc<ControllerRevision>, ApiError> {
    let Some(kept) = current.iter().max_by_key(|r| r.body.revision).map(Arc::clone) else {
        return Err(ApiError::internal("no current revision"));
    };
    if current.len() == 1 {
        return Ok(kept);
    }
    let hash = hash_of(&kept.meta).to_owned();
    let owned = cx.informers.pods.pods_owned_by(&ds.meta.uid);
    for pod in owned.filter(|p| facts.selector.matches(&p.meta.labels) && hash_of(&p.meta) != hash) {
        let mut relabelled = Pod::clone(pod);
        relabelled.meta.labels.insert(REVISION_HASH_LABEL, hash.as_str());
        cx.client.update(relabelled)?;
    }
    for revision in current.iter().filter(|r| r.meta.name != kept.meta.name) {
        delete(cx, revision)?;
    }
    Ok(kept)
}

fn delete(cx: &mut SyncContext<'_>, revision: &ControllerRevision) -> Result<(), ApiError> {
    let key = ObjectKey::new(Kind::ControllerRevision, &revision.meta.namespace, &revision.meta.name);
    cx.client.delete(&key, &Default::default())
}

/// The hash that a revision or a pod carries, or nothing.
fn hash_of(meta: &ObjectMeta) -> &str {
    meta.labels.get(REVISION_HASH_LABEL).unwrap_or_default()
}
