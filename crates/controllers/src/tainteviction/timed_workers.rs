//! The pods that are to be deleted, and when.
//!
//! Mirrors pkg/controller/tainteviction/timed_workers.go (v1.36).

use std::collections::BTreeMap;

use seatrial_api::NamespacedName;
use seatrial_machinery::SimTime;

/// What becomes of a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Worker {
    /// It is deleted at this time.
    Waiting(SimTime),
    /// It was deleted; the entry keeps it from being deleted twice.
    Done,
}

/// The work by pod. Mirrors `TimedWorkerQueue`.
#[derive(Debug, Default)]
pub(super) struct TimedWorkers {
    workers: BTreeMap<NamespacedName, Worker>,
}

impl TimedWorkers {
    pub(super) fn is_empty(&self) -> bool {
        self.workers.is_empty()
    }

    /// Whether a pod is to be deleted, or was.
    pub(super) fn contains(&self, pod: &NamespacedName) -> bool {
        self.workers.contains_key(pod)
    }

    /// Whether a pod waits for its deletion.
    pub(super) fn is_waiting(&self, pod: &NamespacedName) -> bool {
        matches!(self.workers.get(pod), Some(Worker::Waiting(_)))
    }

    /// Plans a deletion, unless there is one already; says whether it was planned.
    pub(super) fn add_work(&mut self, pod: &NamespacedName, fire_at: SimTime) -> bool {
        if self.contains(pod) {
            return false;
        }
        self.workers.insert(pod.clone(), Worker::Waiting(fire_at));
        true
    }

    /// Drops a pod's entry; says whether its deletion was still to come.
    pub(super) fn cancel_work(&mut self, pod: &NamespacedName) -> bool {
        matches!(self.workers.remove(pod), Some(Worker::Waiting(_)))
    }

    /// When a pod that waits is to be deleted.
    pub(super) fn fires_at(&self, pod: &NamespacedName) -> Option<SimTime> {
        match self.workers.get(pod) {
            Some(Worker::Waiting(at)) => Some(*at),
            _ => None,
        }
    }

    /// Notes that a pod was deleted, or that it could not be.
    pub(super) fn done(&mut self, pod: &NamespacedName, succeeded: bool) {
        if succeeded {
            self.workers.insert(pod.clone(), Worker::Done);
        } else {
            self.workers.remove(pod);
        }
    }
}
