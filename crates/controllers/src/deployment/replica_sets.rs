//! The Deployment's ReplicaSets: claiming them, telling new from old, making the new one, keeping revisions.
//!
//! Mirrors pkg/controller/deployment/sync.go (`getAllReplicaSetsAndSyncRevision`, `getNewReplicaSet`) (v1.36).

use std::borrow::Cow;
use std::cell::Cell;
use std::sync::Arc;

use seatrial_api::schema::hash::compute_hash;
use seatrial_api::{
    ApiError, Condition, ConditionStatus, Deployment, LabelSelector, ObjectMeta, PodTemplateSpec, ReplicaSet,
    ReplicaSetSpec, ReplicaSetStatus,
};
use seatrial_machinery::{ControllerRefManager, EventText, ObjectRef, SyncContext, new_controller_ref};

use super::controller::DeploymentController;
use super::scale::tell_scaled;
use super::status::{
    PROGRESSING, REASON_FAILED_RS_CREATE, REASON_FOUND_NEW_RS, REASON_NEW_RS_CREATED, deployment_condition,
    set_deployment_condition,
};
use super::util::{
    ANNOTATION_REVISION, Bounds, Existing, LABEL_POD_TEMPLATE_HASH, equal_ignore_hash, max_revision,
    new_rs_new_replicas, progress_deadline_seconds, replica_count, set_new_replica_set_annotations,
};

/// The longest ReplicaSet name.
const NAME_LENGTH_MAX: usize = 253;

/// Whether the new ReplicaSet is made where it is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CreateIfNotExisted {
    Yes,
    No,
}

/// A Deployment's ReplicaSets, by creation time and name.
#[derive(Clone, Debug)]
pub(super) struct ReplicaSets<'a> {
    list: Cow<'a, [Arc<ReplicaSet>]>,
    /// The place of the one with the Deployment's template.
    new: Option<usize>,
    /// How far the number of their pods may be from `replicas`.
    pub(super) bounds: Bounds,
    /// Their sums, once somebody has asked: each part of a sync does.
    counts: Cell<Option<ReplicaCounts>>,
}

/// Sums over ReplicaSets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ReplicaCounts {
    /// What they want.
    pub(super) wanted: i32,
    /// The pods they have.
    pub(super) replicas: i32,
    /// The ready ones.
    pub(super) ready: i32,
    /// The available ones.
    pub(super) available: i32,
    /// Those on their way out; unknown while a synced ReplicaSet does not say.
    pub(super) terminating: Option<i32>,
}

impl ReplicaCounts {
    /// Those of no set.
    const NONE: Self = Self { wanted: 0, replicas: 0, ready: 0, available: 0, terminating: Some(0) };

    /// These and one more set's.
    fn and(self, rs: &ReplicaSet) -> Self {
        let says_nothing_yet = rs.status.observed_generation == 0;
        let terminating = rs.status.terminating_replicas.or(says_nothing_yet.then_some(0));
        Self {
            wanted: self.wanted + rs.spec.replicas,
            replicas: self.replicas + rs.status.replicas,
            ready: self.ready + rs.status.ready_replicas,
            available: self.available + rs.status.available_replicas,
            terminating: self.terminating.zip(terminating).map(|(all, more)| all + more),
        }
    }
}

impl<'a> ReplicaSets<'a> {
    /// A list in which the new one lies at a place, if it is there.
    pub(super) fn new(list: Cow<'a, [Arc<ReplicaSet>]>, new: Option<usize>, bounds: Bounds) -> Self {
        Self { list, new, bounds, counts: Cell::new(None) }
    }

    /// All of them, by creation time and name.
    pub(super) fn list(&self) -> &[Arc<ReplicaSet>] {
        &self.list
    }

    /// Whether they are as the caches have them.
    pub(super) fn are_as_cached(&self) -> bool {
        matches!(self.list, Cow::Borrowed(_))
    }

    /// The place of the one with the Deployment's template.
    pub(super) fn new_place(&self) -> Option<usize> {
        self.new
    }

    /// The one with the Deployment's template.
    pub(super) fn new_rs(&self) -> Option<&Arc<ReplicaSet>> {
        self.list.get(self.new?)
    }

    /// All others.
    pub(super) fn old(&self) -> impl Iterator<Item = &Arc<ReplicaSet>> {
        let new = self.new.unwrap_or(usize::MAX);
        self.list.iter().enumerate().filter(move |(place, _)| *place != new).map(|(_, rs)| rs)
    }

    /// The old ones, then the new one.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<ReplicaSet>> {
        self.old().chain(self.new_rs())
    }

    /// Sums over all of them. Mirrors `Get...ReplicaCountForReplicaSets`.
    pub(super) fn counts(&self) -> ReplicaCounts {
        if let Some(counts) = self.counts.get() {
            return counts;
        }
        let counts = self.list.iter().fold(ReplicaCounts::NONE, |counts, rs| counts.and(rs));
        self.counts.set(Some(counts));
        counts
    }

    /// Takes the one with the Deployment's template in, which was made just now.
    fn add_new(&mut self, created: Arc<ReplicaSet>) {
        self.new = Some(self.list.len());
        self.list.to_mut().push(created);
        self.counts.set(None);
    }

    /// Takes a newer version of one of the sets over.
    pub(super) fn replace(&mut self, newer: &Arc<ReplicaSet>) {
        if let Some(place) = self.list.iter().position(|rs| rs.meta.uid == newer.meta.uid) {
            self.list.to_mut()[place] = Arc::clone(newer);
            self.counts.set(None);
        }
    }
}

impl DeploymentController {
    /// Adopts, releases and returns the Deployment's ReplicaSets. Mirrors `getReplicaSetsForDeployment`.
    pub(super) fn get_replica_sets_for_deployment<'a>(
        &self,
        cx: &mut SyncContext<'a>,
        deployment: &Deployment,
    ) -> Result<Cow<'a, [Arc<ReplicaSet>]>, ApiError> {
        let index = &cx.informers.replica_sets_by_owner;
        let owned = index.owned_by(&deployment.meta.uid);
        let orphans = index.orphans(&deployment.meta.namespace);
        let mut manager = ControllerRefManager::new(deployment, &deployment.spec.selector);
        if orphans.is_empty() && owned.iter().all(|rs| manager.matches(&rs.meta.labels)) {
            // Nothing to adopt or to release, as nearly always: the index has the list.
            return Ok(Cow::Borrowed(owned));
        }
        let mut claimed = Vec::with_capacity(owned.len());
        for rs in owned.iter().chain(orphans) {
            claimed.extend(manager.claim_object(&mut cx.client, rs)?);
        }
        if !orphans.is_empty() {
            claimed.sort_by(|a, b| (a.meta.created(), &a.meta.name).cmp(&(b.meta.created(), &b.meta.name)));
        }
        Ok(Cow::Owned(claimed))
    }

    /// Tells new from old, and keeps the new one's revision the highest. Mirrors `getAllReplicaSetsAndSyncRevision`.
    pub(super) fn get_all_replica_sets_and_sync_revision<'a>(
        &mut self,
        cx: &mut SyncContext<'_>,
        deployment: &mut Arc<Deployment>,
        rs_list: Cow<'a, [Arc<ReplicaSet>]>,
        create: CreateIfNotExisted,
    ) -> Result<ReplicaSets<'a>, ApiError> {
        let new = self.find_new_replica_set(deployment, &rs_list);
        let mut sets = ReplicaSets::new(rs_list, new, Bounds::of(&deployment.spec));
        let new_revision = max_revision(sets.old()).saturating_add(1);
        match sets.new_rs() {
            Some(new) => {
                if let Some(updated) = update_existing_new_replica_set(cx, deployment, new, new_revision)? {
                    sets.replace(&updated);
                }
            }
            None if create == CreateIfNotExisted::No => {}
            None => {
                let created = create_new_replica_set(cx, deployment, &sets, new_revision)?;
                sets.add_new(created);
            }
        }
        Ok(sets)
    }

    /// Of ReplicaSets by creation time and name the first with the Deployment's template. Mirrors `FindNewReplicaSet`.
    fn find_new_replica_set(&mut self, deployment: &Deployment, rs_list: &[Arc<ReplicaSet>]) -> Option<usize> {
        let template = &deployment.spec.template;
        rs_list.iter().position(|rs| self.templates.equal_ignore_hash(&rs.spec.template, template))
    }
}

/// The new ReplicaSet is there: brings its annotations and the Deployment's revision up to date; returns it if it changed.
fn update_existing_new_replica_set(
    cx: &mut SyncContext<'_>,
    deployment: &mut Arc<Deployment>,
    existing: &Arc<ReplicaSet>,
    new_revision: i64,
) -> Result<Option<Arc<ReplicaSet>>, ApiError> {
    let mut annotations = existing.meta.annotations.clone();
    let annotated = set_new_replica_set_annotations(deployment, &mut annotations, new_revision, Existing::Yes);
    if annotated || existing.spec.min_ready_seconds != deployment.spec.min_ready_seconds {
        let mut rs = ReplicaSet::clone(existing);
        rs.meta.annotations = annotations;
        rs.spec.min_ready_seconds = deployment.spec.min_ready_seconds;
        return cx.client.update(rs).map(Some);
    }
    let revision = existing.meta.annotations.get(ANNOTATION_REVISION).unwrap_or_default();
    let mut needs_update = deployment.meta.annotations.get(ANNOTATION_REVISION).unwrap_or_default() != revision;
    let found =
        progress_deadline_seconds(deployment).is_some() && deployment.status.conditions.get(PROGRESSING).is_none();
    needs_update |= found;
    if needs_update {
        let mut new = Deployment::clone(deployment);
        new.meta.annotations.insert(ANNOTATION_REVISION, revision);
        if found {
            let message = format!("Found new replica set {:?}", existing.meta.name.as_str());
            let condition = deployment_condition(cx, PROGRESSING, ConditionStatus::True, REASON_FOUND_NEW_RS, message);
            set_deployment_condition(&mut new.status, condition);
        }
        *deployment = cx.client.update_status(new)?;
    }
    Ok(None)
}

/// Makes the new ReplicaSet. Its name is the template's hash, so a name that is taken by something else is a collision.
fn create_new_replica_set(
    cx: &mut SyncContext<'_>,
    deployment: &mut Arc<Deployment>,
    old: &ReplicaSets<'_>,
    new_revision: i64,
) -> Result<Arc<ReplicaSet>, ApiError> {
    let rs = new_replica_set(deployment, old, new_revision);
    let (name, replicas) = (rs.meta.name.clone(), rs.spec.replicas);
    let has_deadline = progress_deadline_seconds(deployment).is_some();
    let created = match cx.client.create(rs) {
        Ok(created) => created,
        Err(error) if error.is_already_exists() => return resolve_collision(cx, deployment, &name, error),
        Err(error) if error.has_cause("NamespaceTerminating") => return Err(error),
        Err(error) => {
            let message = format!("Failed to create new replica set {:?}: {error}", name.as_str());
            if has_deadline {
                let mut new = Deployment::clone(deployment);
                let condition = deployment_condition(
                    cx,
                    PROGRESSING,
                    ConditionStatus::False,
                    REASON_FAILED_RS_CREATE,
                    message.clone(),
                );
                set_deployment_condition(&mut new.status, condition);
                // The creation's own error is what the sync reports; this write is made again with the next one.
                if let Ok(updated) = cx.client.update_status(new) {
                    *deployment = updated;
                }
            }
            cx.client.event(&ObjectRef::of(&**deployment), &EventText::warning(REASON_FAILED_RS_CREATE, &message));
            return Err(error);
        }
    };
    if replicas > 0 {
        tell_scaled(cx, deployment, &name, (0, replicas));
    }
    let mut new = Deployment::clone(deployment);
    new.meta.annotations.insert(ANNOTATION_REVISION, new_revision.to_string());
    if has_deadline {
        let message = format!("Created new replica set {:?}", name.as_str());
        set_deployment_condition(
            &mut new.status,
            deployment_condition(cx, PROGRESSING, ConditionStatus::True, REASON_NEW_RS_CREATED, message),
        );
    }
    if new != **deployment {
        *deployment = cx.client.update_status(new)?;
    }
    Ok(created)
}

/// The name was taken: by the very ReplicaSet that is wanted, or by a stranger, whose hash is then avoided.
fn resolve_collision(
    cx: &mut SyncContext<'_>,
    deployment: &mut Arc<Deployment>,
    name: &str,
    error: ApiError,
) -> Result<Arc<ReplicaSet>, ApiError> {
    let there = cx.client.get_live::<ReplicaSet>(&deployment.meta.namespace, name)?;
    if there.meta.is_controlled_by(&deployment.meta.uid)
        && equal_ignore_hash(&deployment.spec.template, &there.spec.template)
    {
        return Ok(there);
    }
    let mut new = Deployment::clone(deployment);
    new.status.collision_count = Some(new.status.collision_count.unwrap_or(0).wrapping_add(1));
    *deployment = cx.client.update_status(new)?;
    Err(error)
}

fn new_replica_set(deployment: &Arc<Deployment>, old: &ReplicaSets<'_>, new_revision: i64) -> ReplicaSet {
    let template = &deployment.spec.template;
    let json = serde_json::to_value(template.to_api()).unwrap_or_default();
    let hash = compute_hash(&json, deployment.status.collision_count);
    let mut labels = template.labels.clone();
    labels.insert(LABEL_POD_TEMPLATE_HASH, hash.as_str());
    let mut selector = deployment.spec.selector.api().clone();
    selector.match_labels.get_or_insert_default().insert(LABEL_POD_TEMPLATE_HASH.to_owned(), hash.clone());
    let mut annotations = seatrial_api::StrMap::EMPTY;
    set_new_replica_set_annotations(deployment, &mut annotations, new_revision, Existing::No(old.bounds));
    ReplicaSet {
        meta: ObjectMeta {
            name: replica_set_name(&deployment.meta.name, &hash).into(),
            namespace: deployment.meta.namespace.clone(),
            labels: labels.clone(),
            annotations,
            owner_references: vec![new_controller_ref(&**deployment)].into(),
            ..ObjectMeta::default()
        },
        spec: ReplicaSetSpec {
            replicas: new_rs_new_replicas(&deployment.spec, old.bounds, replica_count(old.iter()), 0),
            min_ready_seconds: deployment.spec.min_ready_seconds,
            selector: LabelSelector::from_api(selector),
            template: Arc::new(PodTemplateSpec { labels, ..PodTemplateSpec::clone(template) }),
        },
        status: ReplicaSetStatus::default(),
    }
}

/// `NAME-HASH`, the name cut so that it fits. Mirrors `generateReplicaSetName`.
fn replica_set_name(deployment: &str, hash: &str) -> String {
    let room = NAME_LENGTH_MAX.saturating_sub(hash.len() + 1);
    format!("{}-{hash}", &deployment[..deployment.len().min(room)])
}

/// A Progressing condition from another file's words, for readers of this one.
pub(super) fn condition_reason(condition: Option<&Condition>) -> &str {
    condition.map_or("", |c| c.reason.as_str())
}
