//! The controller's decision list.
//!
//! Mirrors pkg/controller/statefulset/stateful_set.go (`sync`) (v1.36).

use std::sync::Arc;

use seatrial_api::{ApiError, Kind, NamespacedName, Pod, StatefulSet};
use seatrial_machinery::pod_control::PodPrototypes;
use seatrial_machinery::uid_map::UidMap;
use seatrial_machinery::{Controller, ControllerRefManager, Delivery, EventContext, Queue, SyncContext};

use super::pods::SetPods;
use super::revisions::RevisionCache;
use super::utils::member_ordinal;

/// The StatefulSet controller.
#[derive(Debug, Default)]
pub struct StatefulSetController {
    pub(super) queue: Queue,
    pub(super) revisions: RevisionCache,
    pub(super) prototypes: PodPrototypes,
    /// The pods of the sets that were synced.
    pub(super) pods: UidMap<Box<SetPods>>,
    /// How many places of sets were looked at.
    pub(super) visited: u64,
}

impl StatefulSetController {
    /// How many places of sets were looked at one by one. Tests hold it against the size of the sets.
    pub fn visited(&self) -> u64 {
        self.visited
    }
}

impl Controller for StatefulSetController {
    const NAME: &'static str = "statefulset-controller";
    const WATCHES: &'static [Kind] = &[Kind::StatefulSet, Kind::Pod];
    const WATCHES_PRESENCE: &'static [Kind] = &[Kind::PersistentVolumeClaim];

    fn queue(&mut self) -> &mut Queue {
        &mut self.queue
    }

    fn handle(&mut self, cx: &EventContext<'_>, delivery: &Delivery<'_>) {
        self.on_delivery(cx, delivery);
    }

    fn sync(&mut self, cx: &mut SyncContext<'_>, key: &NamespacedName) -> Result<(), ApiError> {
        let Some(set) = cx.informers.stateful_sets.synced(cx, key) else { return Ok(()) };
        let is_at_rest = self.pods.get(&set.meta.uid).is_some_and(|pods| pods.is_at_rest(set, cx.informers));
        // In debug builds it is done all the same, so that every test looks whether nothing comes of it.
        if is_at_rest && !cfg!(debug_assertions) {
            return Ok(());
        }
        let (set, writes_before) = (Arc::clone(set), cx.client.writes());
        let owned = || cx.informers.pods.pods_owned_by(&set.meta.uid);
        // Nothing is delivered during a sync.
        let mut all = std::mem::take(&mut self.pods);
        let pods = all.get_or_insert_with(&set.meta.uid, || Box::new(SetPods::new(&set, owned())));
        let result = self.sync_pods(cx, &set, pods);
        self.pods = all;
        debug_assert!(!is_at_rest || (result.is_ok() && cx.client.writes() == writes_before), "{key} was at rest");
        result
    }
}

impl StatefulSetController {
    fn sync_pods(
        &mut self,
        cx: &mut SyncContext<'_>,
        set: &Arc<StatefulSet>,
        pods: &mut SetPods,
    ) -> Result<(), ApiError> {
        self.adopt_orphan_revisions(cx, set, pods.selector())?;
        claim_pods(cx, set, pods)?;
        self.update_stateful_set(cx, set, pods)
    }
}

/// Adopts orphans that match and are named as members, releases pods that no longer match.
/// Mirrors `getPodsForStatefulSet`.
fn claim_pods(cx: &mut SyncContext<'_>, set: &Arc<StatefulSet>, pods: &mut SetPods) -> Result<(), ApiError> {
    if pods.unmatched().next().is_none() && !cx.informers.pods.has_orphans(&set.meta.namespace) {
        return Ok(());
    }
    let orphans = cx.informers.pods.orphans(&set.meta.namespace);
    let members = orphans.filter(|pod| member_ordinal(&set.meta.name, &pod.meta.name).is_some());
    let claimed: Vec<Arc<Pod>> = pods.unmatched().chain(members).cloned().collect();
    if claimed.is_empty() {
        return Ok(());
    }
    let selector = pods.selector().clone();
    let mut manager = ControllerRefManager::new(&**set, &selector);
    for pod in &claimed {
        if let Some(adopted) = manager.claim_object(&mut cx.client, pod)? {
            pods.put(&adopted);
        }
    }
    Ok(())
}
