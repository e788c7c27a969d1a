//! What the controller knows of the pods of one Job, kept as deliveries tell of them.
//!
//! Differs: upstream sorts all pods of a Job into these heaps in every sync.
//! Invariant: a pod is in the heap that its latest state asks for. Pods that ended and were counted are in none.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rustc_hash::FxHashMap;
use seatrial_api::{NamespacedName, ObjectMeta, OwnerReference, Pod, PodPhase, Str, Uid};
use seatrial_machinery::{Queue, SimTime};

use super::controller::SYNC_JOB_BATCH_PERIOD;
use super::indexed::completion_index;
use super::indexes::IndexSet;
use super::utils::has_tracking_finalizer;

/// The order in which pods are counted: by index.
pub(super) type PodKey = (i32, Uid);
type Heap = BTreeMap<PodKey, Arc<Pod>>;

/// What handlers ask about a Job, so that they need not look it up.
#[derive(Clone, Debug)]
pub(super) struct KnownJob {
    pub(super) key: NamespacedName,
    /// Whether it is over.
    pub(super) is_finished: bool,
    /// Whether it will be synced within the batch period.
    pub(super) is_batched: bool,
}

impl KnownJob {
    /// Whether it is the Job that an object of a namespace names as its owner.
    pub(super) fn is(&self, owner: &OwnerReference, object: &ObjectMeta) -> bool {
        self.key.name == owner.name && self.key.namespace == object.namespace
    }

    /// Queues the Job, once a period. Mirrors `enqueueSyncJobBatched`.
    pub(super) fn enqueue_batched(&mut self, queue: &mut Queue, now: SimTime) {
        // Of many events of a second only the first one asks the queue.
        if !std::mem::replace(&mut self.is_batched, true) {
            queue.add_after(self.key.clone(), SYNC_JOB_BATCH_PERIOD, now);
        }
    }
}

/// A pod and its index.
#[derive(Debug)]
struct KnownPod {
    pod: Arc<Pod>,
    index: i32,
}

/// The pods of one Job.
#[derive(Debug, Default)]
pub(super) struct JobPods {
    /// The Job, from its first delivery to its last.
    pub(super) job: Option<KnownJob>,
    /// Those that are active or in any of the heaps.
    known: FxHashMap<Uid, KnownPod>,
    /// How many are active: neither ended nor being deleted. Syncs of a Job that goes on ask for no more of them.
    active: usize,
    /// The indexes of active pods.
    active_indexes: IndexSet,
    /// How many active pods have no index.
    unplaced: usize,
    /// How many active pods have an index that another one has, too.
    duplicates: usize,
    /// How many active pods are ready.
    ready: i32,
    /// Being deleted, not ended.
    terminating: Heap,
    /// Ended or being deleted, and not counted yet: the tracking finalizer is still there.
    unaccounted: Heap,
    /// How often the containers of pods that have not ended were restarted.
    restarts: i64,
    /// Pods whose labels the Job does not select.
    strangers: BTreeSet<Str>,
}

impl JobPods {
    /// Nothing is known.
    pub(super) fn is_empty(&self) -> bool {
        self.job.is_none() && self.known.is_empty() && self.strangers.is_empty()
    }

    /// The active pods, by index.
    pub(super) fn active(&self) -> Vec<&Arc<Pod>> {
        self.active_by_key().into_iter().map(|(_, pod)| pod).collect()
    }

    fn active_by_key(&self) -> Vec<((i32, &Uid), &Arc<Pod>)> {
        let active = self.known.values().filter(|known| known.pod.is_active());
        let mut active: Vec<_> = active.map(|known| ((known.index, &known.pod.meta.uid), &known.pod)).collect();
        active.sort_unstable_by_key(|(key, _)| *key);
        active
    }

    /// How many pods are active.
    pub(super) fn active_count(&self) -> i32 {
        count(self.active)
    }

    /// How many of them are ready.
    pub(super) fn ready_count(&self) -> i32 {
        self.ready
    }

    /// The indexes that active pods have.
    pub(super) fn active_indexes(&self) -> &IndexSet {
        &self.active_indexes
    }

    /// Whether active pods share an index, have none, or have one that the Job does not have.
    pub(super) fn has_misplaced(&self, completions: i32) -> bool {
        self.duplicates > 0 || self.unplaced > 0 || self.active_indexes.has_from(completions)
    }

    /// How many pods are being deleted and have not ended.
    pub(super) fn terminating_count(&self) -> i32 {
        count(self.terminating.len())
    }

    /// The indexes of pods that are being deleted and have not ended.
    pub(super) fn terminating_indexes(&self) -> IndexSet {
        let mut set = IndexSet::default();
        self.terminating.keys().for_each(|(index, _)| set.insert(*index));
        set
    }

    /// Pods that ended or are being deleted and still have the finalizer, by index.
    pub(super) fn unaccounted(&self) -> impl Iterator<Item = (i32, &Arc<Pod>)> {
        self.unaccounted.iter().map(|((index, _), pod)| (*index, pod))
    }

    /// All pods that still have the finalizer, by index.
    pub(super) fn tracked(&self) -> Vec<(i32, &Arc<Pod>)> {
        let active = self.active_by_key().into_iter().filter(|(_, pod)| has_tracking_finalizer(pod));
        let unaccounted = self.unaccounted.iter().map(|((index, uid), pod)| ((*index, uid), pod));
        let mut all: Vec<((i32, &Uid), &Arc<Pod>)> = active.chain(unaccounted).collect();
        all.sort_by_key(|(key, _)| *key);
        all.into_iter().map(|((index, _), pod)| (index, pod)).collect()
    }

    /// Whether a pod still has the finalizer.
    pub(super) fn is_tracked(&self, uid: &Uid) -> bool {
        self.known.get(uid).is_some_and(|known| has_tracking_finalizer(&known.pod))
    }

    /// The restarts of containers of pods that have not ended.
    pub(super) fn restarts(&self) -> i64 {
        self.restarts
    }

    /// The names of pods that are to be released.
    pub(super) fn strangers(&self) -> &BTreeSet<Str> {
        &self.strangers
    }

    /// Notes whether the Job selects a pod.
    pub(super) fn set_stranger(&mut self, name: &Str, is_stranger: bool) {
        if is_stranger {
            self.strangers.insert(name.clone());
        } else if !self.strangers.is_empty() {
            self.strangers.remove(name);
        }
    }

    /// The pods that are known, by index: first those that are active.
    pub(super) fn known(&self) -> Vec<Arc<Pod>> {
        let heaps = [&self.terminating, &self.unaccounted].into_iter().flat_map(BTreeMap::values);
        self.active().into_iter().chain(heaps).map(Arc::clone).collect()
    }

    /// A pod is as it is now.
    pub(super) fn apply(&mut self, pod: &Arc<Pod>) {
        if let Some(known) = self.known.get_mut(&pod.meta.uid)
            && same_heaps(&known.pod, pod)
            && (known.pod.meta.annotations.ptr_eq(&pod.meta.annotations) || completion_index(pod) == known.index)
        {
            let index = known.index;
            let old = std::mem::replace(&mut known.pod, Arc::clone(pod));
            return self.replace(index, &old, pod);
        }
        self.remove_known(&pod.meta.uid);
        let (is_active, is_terminating) = (pod.is_active(), pod.is_terminating());
        let is_unaccounted = !is_active && has_tracking_finalizer(pod);
        if !(is_active || is_terminating || is_unaccounted) {
            return;
        }
        let index = completion_index(pod);
        self.known.insert(pod.meta.uid.clone(), KnownPod { pod: Arc::clone(pod), index });
        self.restarts += restarts_of(pod);
        if is_active {
            return self.activate(index, pod);
        }
        let key = (index, pod.meta.uid.clone());
        if is_terminating {
            self.terminating.insert(key.clone(), Arc::clone(pod));
        }
        if is_unaccounted {
            self.unaccounted.insert(key, Arc::clone(pod));
        }
    }

    fn activate(&mut self, index: i32, pod: &Pod) {
        self.active += 1;
        self.ready += i32::from(pod.is_ready());
        self.unplaced += usize::from(index < 0);
        if self.active_indexes.has(index) {
            self.duplicates += 1;
        } else {
            self.active_indexes.insert(index);
        }
    }

    fn deactivate(&mut self, index: i32, pod: &Pod) {
        self.active -= 1;
        self.ready -= i32::from(pod.is_ready());
        self.unplaced -= usize::from(index < 0);
        // Only where indexes were given twice are the others looked at.
        let is_shared = self.duplicates > 0
            && index >= 0
            && self.known.values().any(|known| known.index == index && known.pod.is_active());
        if is_shared {
            self.duplicates -= 1;
        } else {
            self.active_indexes.remove(index);
        }
    }

    /// A pod changed and stays where it is.
    fn replace(&mut self, index: i32, old: &Pod, pod: &Arc<Pod>) {
        self.restarts += restarts_of(pod) - restarts_of(old);
        if pod.is_active() {
            self.ready += i32::from(pod.is_ready()) - i32::from(old.is_ready());
            return;
        }
        let key = (index, pod.meta.uid.clone());
        for heap in [&mut self.terminating, &mut self.unaccounted] {
            if let Some(slot) = heap.get_mut(&key) {
                *slot = Arc::clone(pod);
            }
        }
    }

    /// A pod is gone, or is somebody else's now.
    pub(super) fn forget(&mut self, uid: &Uid, name: &Str) {
        self.strangers.remove(name);
        self.remove_known(uid);
    }

    fn remove_known(&mut self, uid: &Uid) {
        let Some(KnownPod { pod: old, index }) = self.known.remove(uid) else { return };
        self.restarts -= restarts_of(&old);
        if old.is_active() {
            return self.deactivate(index, &old);
        }
        let key = (index, uid.clone());
        self.terminating.remove(&key);
        self.unaccounted.remove(&key);
    }
}

/// Whether a pod stays in the heaps that it is in.
fn same_heaps(old: &Pod, new: &Pod) -> bool {
    old.is_active() == new.is_active()
        && old.is_terminating() == new.is_terminating()
        && (old.meta.finalizers.ptr_eq(&new.meta.finalizers)
            || has_tracking_finalizer(old) == has_tracking_finalizer(new))
}

/// The restarts of a pod's containers, unless it has ended.
fn restarts_of(pod: &Pod) -> i64 {
    if !matches!(pod.status.phase, PodPhase::Pending | PodPhase::Running) {
        return 0;
    }
    let statuses = pod.status.init_container_statuses.iter().chain(pod.status.container_statuses.iter());
    statuses.map(|s| i64::from(s.restart_count)).sum()
}

fn count(n: usize) -> i32 {
    i32::try_from(n).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::job::test_pods::pod;

    struct State {
        phase: &'static str,
        ready: bool,
        deleting: bool,
        tracked: bool,
        index: i32,
        restarts: i32,
    }

    const RUNNING: State =
        State { phase: "Running", ready: true, deleting: false, tracked: true, index: -1, restarts: 0 };

    fn made(name: &str, state: &State) -> Arc<Pod> {
        let mut meta = json!({});
        if state.tracked {
            meta["finalizers"] = json!(["batch.kubernetes.io/job-tracking"]);
        }
        if state.deleting {
            meta["deletionTimestamp"] = json!("2024-01-01T00:00:00Z");
        }
        if state.index >= 0 {
            meta["annotations"] = json!({"batch.kubernetes.io/job-completion-index": state.index.to_string()});
        }
        let ready: Value = if state.ready { json!("True") } else { json!("False") };
        let status = json!({"phase": state.phase, "conditions": [{"type": "Ready", "status": ready}],
            "containerStatuses": [{"name": "c", "image": "i", "imageID": "", "ready": false, "restartCount": state.restarts}]});
        Arc::new(pod(name, &json!({"metadata": meta, "status": status})))
    }

    /// Active, ready, terminating, not accounted, restarts.
    fn counts(pods: &JobPods) -> (i32, i32, i32, usize, i64) {
        (pods.active_count(), pods.ready_count(), pods.terminating_count(), pods.unaccounted().count(), pods.restarts())
    }

    #[test]
    fn a_pods_life_moves_it_from_heap_to_heap() {
        let mut pods = JobPods::default();
        let life = [
            (State { phase: "Pending", ready: false, ..RUNNING }, (1, 0, 0, 0, 0)),
            (State { ..RUNNING }, (1, 1, 0, 0, 0)),
            (State { restarts: 2, ready: false, ..RUNNING }, (1, 0, 0, 0, 2)),
            (State { restarts: 3, deleting: true, ..RUNNING }, (0, 0, 1, 1, 3)),
            (State { restarts: 3, deleting: true, tracked: false, ..RUNNING }, (0, 0, 1, 0, 3)),
            (State { restarts: 3, deleting: true, phase: "Failed", ready: false, ..RUNNING }, (0, 0, 0, 1, 0)),
            (State { phase: "Succeeded", ready: false, tracked: false, ..RUNNING }, (0, 0, 0, 0, 0)),
        ];
        for (state, want) in life {
            pods.apply(&made("p", &state));
            assert_eq!(counts(&pods), want, "{} deleting {}", state.phase, state.deleting);
        }
        assert!(pods.is_empty());
    }

    #[test]
    fn indexes_are_counted_as_often_as_pods_have_them() {
        let mut pods = JobPods::default();
        let at = |name: &str, index: i32| made(name, &State { index, ..RUNNING });
        for (name, index) in [("a", 0), ("b", 1), ("c", 1), ("d", 1)] {
            pods.apply(&at(name, index));
        }
        assert_eq!((pods.duplicates, pods.has_misplaced(9)), (2, true));
        let forget = |pods: &mut JobPods, name: &str| pods.forget(&Uid::parse(&format!("uid-{name}")), &name.into());
        forget(&mut pods, "b");
        assert_eq!((pods.duplicates, pods.active_indexes().has(1)), (1, true));
        forget(&mut pods, "d");
        assert_eq!((pods.duplicates, pods.has_misplaced(9), pods.has_misplaced(1)), (0, false, true));
        forget(&mut pods, "c");
        assert!(!pods.active_indexes().has(1) && pods.active_indexes().has(0));
        pods.apply(&at("e", -1));
        assert!(pods.has_misplaced(9));
    }

    #[test]
    fn tracked_pods_come_by_index() {
        let mut pods = JobPods::default();
        let rows = [
            ("a", 3, "Running", true),
            ("b", 1, "Failed", true),
            ("c", 2, "Running", true),
            ("d", 0, "Succeeded", false),
        ];
        for (name, index, phase, tracked) in rows {
            pods.apply(&made(name, &State { index, phase, tracked, ready: false, ..RUNNING }));
        }
        assert_eq!(pods.tracked().iter().map(|(index, _)| *index).collect::<Vec<_>>(), [1, 2, 3]);
        assert!(pods.is_tracked(&Uid::parse("uid-a")) && !pods.is_tracked(&Uid::parse("uid-d")));
    }
}
