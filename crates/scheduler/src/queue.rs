//! Pods that wait for a node: active, backing off, or unschedulable until something changes.
//!
//! Mirrors pkg/scheduler/backend/queue/scheduling_queue.go (v1.36).

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use rustc_hash::FxHashMap;
use seatrial_api::{NamespacedName, Uid};
use seatrial_machinery::SimTime;

use crate::terms::PodTerms;

const BACKOFF_INITIAL: Duration = Duration::from_secs(1);
const BACKOFF_MAX: Duration = Duration::from_secs(10);
/// How many pods the queue keeps room for when it is empty.
const ROOM_KEPT: usize = 1024;

/// A pod in the queue.
#[derive(Clone, Debug)]
pub(crate) struct QueuedPod {
    pub(crate) key: NamespacedName,
    pub(crate) uid: Uid,
    pub(crate) priority: i32,
    /// When it came into the queue.
    since: SimTime,
    /// What it says about other pods, once it did not fit.
    pub(crate) terms: Option<Arc<PodTerms>>,
    attempts: u32,
    /// When its back-off is over.
    backoff_until: SimTime,
}

/// The queue.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    /// The highest priority first, then the longest wait.
    active: BTreeSet<(Reverse<i32>, SimTime, u64)>,
    by_seq: FxHashMap<u64, QueuedPod>,
    seq_of: FxHashMap<Uid, u64>,
    backing_off: BTreeMap<(SimTime, u64), ()>,
    unschedulable: BTreeSet<u64>,
    next_seq: u64,
}

impl Queue {
    /// A new pod.
    pub(crate) fn add(&mut self, key: NamespacedName, uid: Uid, priority: i32, now: SimTime) {
        if self.seq_of.contains_key(&uid) {
            return;
        }
        self.next_seq += 1;
        let seq = self.next_seq;
        self.seq_of.insert(uid.clone(), seq);
        self.active.insert((Reverse(priority), now, seq));
        self.by_seq
            .insert(seq, QueuedPod { key, uid, priority, since: now, terms: None, attempts: 0, backoff_until: now });
    }

    /// A pod that is gone or bound.
    pub(crate) fn remove(&mut self, uid: &Uid) {
        let Some(seq) = self.seq_of.remove(uid) else { return };
        if let Some(pod) = self.by_seq.remove(&seq) {
            self.active.remove(&(Reverse(pod.priority), pod.since, seq));
            self.backing_off.remove(&(pod.backoff_until, seq));
            self.unschedulable.remove(&seq);
        }
        if self.by_seq.is_empty() && self.by_seq.capacity() > ROOM_KEPT {
            // A burst is over: its room would otherwise stay as long as the cluster.
            (self.by_seq, self.seq_of) = Default::default();
        }
    }

    /// Whether a pod waits for something to change.
    pub(crate) fn has_unschedulable(&self) -> bool {
        !self.unschedulable.is_empty()
    }

    pub(crate) fn has_active(&self) -> bool {
        !self.active.is_empty()
    }

    /// The next pod to schedule; it stays known until it is removed or put back.
    pub(crate) fn pop(&mut self) -> Option<QueuedPod> {
        let (_, _, seq) = self.active.pop_first()?;
        let pod = self.by_seq.get_mut(&seq)?;
        pod.attempts += 1;
        Some(pod.clone())
    }

    /// No node fits: the pod waits until something changes.
    pub(crate) fn add_unschedulable(&mut self, uid: &Uid, terms: Option<Arc<PodTerms>>, now: SimTime) {
        let Some(seq) = self.seq_of.get(uid).copied() else { return };
        if let Some(pod) = self.by_seq.get_mut(&seq) {
            let doubled = BACKOFF_INITIAL.saturating_mul(1 << pod.attempts.saturating_sub(1).min(10));
            pod.terms = terms;
            pod.backoff_until = now + doubled.min(BACKOFF_MAX);
            self.unschedulable.insert(seq);
        }
    }

    /// Something changed: unschedulable pods become active, those whose back-off is not over when it is.
    /// Returns the times at which to look again.
    pub(crate) fn move_all(&mut self, now: SimTime) -> Vec<SimTime> {
        self.move_where(now, |_| true)
    }

    /// The same for pods whose terms this may concern, which are few.
    pub(crate) fn move_where(&mut self, now: SimTime, concerns: impl Fn(&QueuedPod) -> bool) -> Vec<SimTime> {
        let mut due = Vec::new();
        for seq in std::mem::take(&mut self.unschedulable) {
            let Some(pod) = self.by_seq.get(&seq) else { continue };
            if !concerns(pod) {
                self.unschedulable.insert(seq);
                continue;
            }
            if pod.backoff_until > now {
                self.backing_off.insert((pod.backoff_until, seq), ());
                due.push(pod.backoff_until);
            } else {
                self.active.insert((Reverse(pod.priority), pod.since, seq));
            }
        }
        due
    }

    /// Back-offs that are over.
    pub(crate) fn flush_backoff_completed(&mut self, now: SimTime) {
        while let Some(((due, seq), ())) = self.backing_off.pop_first() {
            if due > now {
                self.backing_off.insert((due, seq), ());
                return;
            }
            if let Some(pod) = self.by_seq.get(&seq) {
                self.active.insert((Reverse(pod.priority), pod.since, seq));
            }
        }
    }
}
