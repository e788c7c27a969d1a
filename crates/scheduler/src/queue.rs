//! Pods that wait for a node: active, backing off, unschedulable until something changes, or gated.
//!
//! Mirrors pkg/scheduler/backend/queue (v1.36), with queueing hints and early pops from the back-off.
//! Differs: pods that wait for the first node count their attempts when it comes, instead of making them.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use rustc_hash::FxHashMap;
use seatrial_api::{NamespacedName, Pod, Uid};
use seatrial_machinery::SimTime;

use crate::plugin::PluginSet;
use crate::terms::PodTerms;

const BACKOFF_INITIAL: Duration = Duration::from_secs(1);
const BACKOFF_MAX: Duration = Duration::from_secs(10);
/// Back-offs end at whole seconds, and pods of one second go by priority. Mirrors `backoffQOrderingWindowDuration`.
const BACKOFF_WINDOW_NANOS: u64 = 1_000_000_000;
/// A pod that nothing has moved for so long is tried again. Mirrors `DefaultPodMaxInUnschedulablePodsDuration`.
const UNSCHEDULABLE_MAX: Duration = Duration::from_secs(300);
/// How often those are looked for.
const FLUSH_PERIOD_NANOS: u64 = 30_000_000_000;
/// How many pods the queue keeps room for when it is empty.
const ROOM_KEPT: usize = 1024;

/// The place of a pod among others: the highest priority first, then the longest wait. Mirrors `PrioritySort`.
type Place = (Reverse<i32>, SimTime, u64);

/// A pod to schedule.
#[derive(Clone, Debug)]
pub(crate) struct Popped {
    pub(crate) key: NamespacedName,
    pub(crate) uid: Uid,
}

/// A pod in the queue.
#[derive(Debug)]
pub(crate) struct QueuedPod {
    key: NamespacedName,
    uid: Uid,
    priority: i32,
    /// When it came into the queue, or was tried last.
    since: SimTime,
    /// The pod as it is now, once it did not fit.
    pub(crate) pod: Option<Arc<Pod>>,
    /// What it says about other pods, once it did not fit.
    pub(crate) terms: Option<Arc<PodTerms>>,
    /// The plugins that refused it; none if an error did.
    pub(crate) rejectors: PluginSet,
    /// Those who refused it when it was put with the unschedulable.
    group: PluginSet,
    unschedulable_count: u32,
    consecutive_error_count: u32,
    /// When its back-off is over.
    backoff_until: SimTime,
}

impl QueuedPod {
    fn place(&self, seq: u64) -> Place {
        (Reverse(self.priority), self.since, seq)
    }

    /// The pod's priority.
    pub(crate) fn priority(&self) -> i32 {
        self.priority
    }

    /// Counts a failure at `now`.
    fn back_off(&mut self, now: SimTime) {
        let count = if self.rejectors.is_empty() {
            self.consecutive_error_count += 1;
            self.consecutive_error_count
        } else {
            self.consecutive_error_count = 0;
            self.unschedulable_count += 1;
            self.unschedulable_count
        };
        self.since = now;
        self.backoff_until = window(now + backoff_duration(count));
    }
}

/// How long the back-off after so many failures is. Mirrors `calculateBackoffDuration`.
fn backoff_duration(count: u32) -> Duration {
    BACKOFF_INITIAL.saturating_mul(1 << count.saturating_sub(1).min(10)).min(BACKOFF_MAX)
}

/// The start of the second. Mirrors `alignToWindow`.
fn window(at: SimTime) -> SimTime {
    SimTime::from_nanos(at.as_nanos() / BACKOFF_WINDOW_NANOS * BACKOFF_WINDOW_NANOS)
}

/// The queue.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    active: BTreeSet<Place>,
    /// By the second in which the back-off ends.
    backing_off: BTreeSet<(SimTime, Place)>,
    /// The same for pods that failed by an error, which are never popped early.
    error_backing_off: BTreeSet<(SimTime, u64)>,
    /// By who refused them, so that a change that some plugins do not care about looks at none of theirs; then by the time
    /// of the last attempt.
    unschedulable: BTreeMap<PluginSet, BTreeSet<(SimTime, u64)>>,
    by_seq: FxHashMap<u64, QueuedPod>,
    seq_of: FxHashMap<Uid, u64>,
    /// Pods with scheduling gates, which nothing but their own update moves.
    gated: BTreeSet<Uid>,
    next_seq: u64,
    /// When pods that waited for five minutes are looked for next.
    flush_due: Option<SimTime>,
    timers: Vec<Timer>,
}

/// A time at which the scheduler has to be woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timer {
    /// When.
    pub due: SimTime,
    /// Whether nothing needs to come of it.
    pub background: bool,
}

impl Queue {
    /// A new pod.
    pub(crate) fn add(&mut self, key: NamespacedName, uid: Uid, priority: i32, now: SimTime) {
        if self.seq_of.contains_key(&uid) {
            return;
        }
        self.gated.remove(&uid);
        self.next_seq += 1;
        let seq = self.next_seq;
        self.seq_of.insert(uid.clone(), seq);
        let pod = QueuedPod {
            key,
            uid,
            priority,
            since: now,
            pod: None,
            terms: None,
            rejectors: PluginSet::EMPTY,
            group: PluginSet::EMPTY,
            unschedulable_count: 0,
            consecutive_error_count: 0,
            backoff_until: SimTime::ZERO,
        };
        self.active.insert(pod.place(seq));
        self.by_seq.insert(seq, pod);
    }

    /// A pod with scheduling gates. Mirrors the PreEnqueue of SchedulingGates.
    pub(crate) fn add_gated(&mut self, uid: Uid) {
        self.remove(&uid);
        self.gated.insert(uid);
    }

    /// A pod that is gone or bound.
    pub(crate) fn remove(&mut self, uid: &Uid) {
        if !self.gated.is_empty() {
            self.gated.remove(uid);
        }
        let Some(seq) = self.seq_of.remove(uid) else { return };
        if let Some(pod) = self.by_seq.remove(&seq) {
            let _ = self.active.remove(&pod.place(seq))
                || take(&mut self.unschedulable, &pod, seq)
                || self.backing_off.remove(&(pod.backoff_until, pod.place(seq)))
                || self.error_backing_off.remove(&(pod.backoff_until, seq));
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

    /// Whether a pod can be tried now.
    pub(crate) fn has_active(&self) -> bool {
        !self.active.is_empty() || !self.backing_off.is_empty()
    }

    /// The next pod to schedule; it stays known until it is removed or put back.
    /// Where none is active, one that backs off is taken early. Mirrors `activeQueue.pop`.
    pub(crate) fn pop(&mut self) -> Option<Popped> {
        let early = |queue: &mut Self| queue.backing_off.pop_first().map(|(_, place)| place);
        let (.., seq) = self.active.pop_first().or_else(|| early(self))?;
        let pod = self.by_seq.get_mut(&seq)?;
        pod.rejectors = PluginSet::EMPTY;
        Some(Popped { key: pod.key.clone(), uid: pod.uid.clone() })
    }

    /// An attempt failed: the pod waits until something changes that its rejectors care about.
    /// Mirrors `AddUnschedulableIfNotPresent`.
    pub(crate) fn add_unschedulable(
        &mut self,
        pod: &Arc<Pod>,
        terms: Option<Arc<PodTerms>>,
        rejectors: PluginSet,
        now: SimTime,
    ) {
        let Some(seq) = self.seq_of.get(&pod.meta.uid).copied() else { return };
        let Some(queued) = self.by_seq.get_mut(&seq) else { return };
        (queued.pod, queued.terms) = (Some(Arc::clone(pod)), terms);
        (queued.rejectors, queued.group) = (rejectors, rejectors);
        queued.back_off(now);
        self.unschedulable.entry(rejectors).or_default().insert((queued.since, seq));
        if !rejectors.is_empty() {
            self.wait_for_flush(now);
        }
    }

    /// An attempt failed by an error: the pod is tried again after its back-off.
    pub(crate) fn add_after_error(&mut self, pod: &Arc<Pod>, now: SimTime) {
        let Some(seq) = self.seq_of.get(&pod.meta.uid).copied() else { return };
        let Some(queued) = self.by_seq.get_mut(&seq) else { return };
        queued.rejectors = PluginSet::EMPTY;
        queued.back_off(now);
        self.error_backing_off.insert((queued.backoff_until, seq));
        self.timers.push(Timer { due: queued.backoff_until, background: false });
    }

    /// The pod changed; returns whether it is one that waits for something to change.
    pub(crate) fn update(&mut self, pod: &Arc<Pod>) -> bool {
        let Some(seq) = self.seq_of.get(&pod.meta.uid) else { return false };
        let Some(queued) = self.by_seq.get_mut(seq) else { return false };
        if let Some(old) = &mut queued.pod {
            *old = Arc::clone(pod);
        }
        self.unschedulable.get(&queued.group).is_some_and(|group| group.contains(&(queued.since, *seq)))
    }

    /// The plugins that refused a pod, if it is known.
    pub(crate) fn rejectors(&self, uid: &Uid) -> Option<PluginSet> {
        self.by_seq.get(self.seq_of.get(uid)?).map(|pod| pod.rejectors)
    }

    /// One pod's own change made it worth another attempt.
    pub(crate) fn move_one(&mut self, uid: &Uid, now: SimTime) {
        if let Some(seq) = self.seq_of.get(uid).copied() {
            self.requeue(seq, now);
        }
    }

    /// Something changed: pods that this may concern become active, or back off if they still have to.
    /// Mirrors `movePodsToActiveOrBackoffQueue`.
    pub(crate) fn move_where(&mut self, now: SimTime, concerns: impl Fn(&QueuedPod) -> bool) {
        self.move_of(now, |_| true, concerns);
    }

    /// The same where it is known of some plugins that it concerns none of the pods that they refused.
    pub(crate) fn move_of(
        &mut self,
        now: SimTime,
        may_concern: impl Fn(PluginSet) -> bool,
        concerns: impl Fn(&QueuedPod) -> bool,
    ) {
        let groups = self.unschedulable.iter().filter(|(rejectors, _)| may_concern(**rejectors));
        let is_moved = |(_, seq): &&(SimTime, u64)| self.by_seq.get(seq).is_some_and(&concerns);
        let mut moved: Vec<(SimTime, u64)> =
            groups.flat_map(|(_, group)| group.iter().filter(is_moved)).copied().collect();
        moved.sort_unstable();
        for (_, seq) in moved {
            self.requeue(seq, now);
        }
    }

    fn requeue(&mut self, seq: u64, now: SimTime) {
        let Some(pod) = self.by_seq.get_mut(&seq) else { return };
        if !take(&mut self.unschedulable, pod, seq) {
            return;
        }
        if !pod.rejectors.is_empty() {
            if pod.backoff_until > window(now) {
                self.backing_off.insert((pod.backoff_until, pod.place(seq)));
            } else {
                self.active.insert(pod.place(seq));
            }
            return;
        }
        // There was no node: the attempts that came to nothing since are made up for.
        while pod.backoff_until <= now {
            pod.back_off(pod.backoff_until);
        }
        self.error_backing_off.insert((pod.backoff_until, seq));
        self.timers.push(Timer { due: pod.backoff_until, background: false });
    }

    /// A timer has come.
    pub(crate) fn fire(&mut self, now: SimTime) {
        self.flush_backoff_completed(now);
        if self.flush_due.is_some_and(|due| due <= now) {
            self.flush_unschedulable_leftover(now);
        }
    }

    /// Back-offs that are over. Those of pods that were refused never last beyond the instant, since nobody is before them.
    fn flush_backoff_completed(&mut self, now: SimTime) {
        while let Some((due, seq)) = self.error_backing_off.first().copied().filter(|(due, _)| *due <= now) {
            self.error_backing_off.remove(&(due, seq));
            if let Some(pod) = self.by_seq.get(&seq) {
                self.active.insert(pod.place(seq));
            }
        }
    }

    /// Mirrors `flushUnschedulablePodsLeftover`.
    fn flush_unschedulable_leftover(&mut self, now: SimTime) {
        self.flush_due = None;
        let is_left = |(since, _): &&(SimTime, u64)| *since + UNSCHEDULABLE_MAX < now;
        // Pods that wait for the first node have nothing to gain.
        let groups =
            || self.unschedulable.iter().filter(|(rejectors, _)| !rejectors.is_empty()).map(|(_, group)| group);
        let mut left: Vec<(SimTime, u64)> =
            groups().flat_map(|group| group.iter().take_while(is_left)).copied().collect();
        left.sort_unstable();
        for (_, seq) in left {
            self.requeue(seq, now);
        }
        let groups = self.unschedulable.iter().filter(|(rejectors, _)| !rejectors.is_empty());
        if let Some((since, _)) = groups.filter_map(|(_, group)| group.first()).min().copied() {
            self.wait_for_flush(since);
        }
    }

    /// The first look at which a pod that waits since then has waited for more than five minutes.
    fn wait_for_flush(&mut self, since: SimTime) {
        if self.flush_due.is_none() {
            let over = (since + UNSCHEDULABLE_MAX).as_nanos() / FLUSH_PERIOD_NANOS + 1;
            let due = SimTime::from_nanos(over.saturating_mul(FLUSH_PERIOD_NANOS));
            self.flush_due = Some(due);
            self.timers.push(Timer { due, background: true });
        }
    }

    /// The times at which the queue has to be woken, as far as they were not told yet.
    pub(crate) fn take_timers(&mut self) -> Vec<Timer> {
        std::mem::take(&mut self.timers)
    }
}

/// Takes a pod from those that are unschedulable; whether it was one of them.
fn take(groups: &mut BTreeMap<PluginSet, BTreeSet<(SimTime, u64)>>, pod: &QueuedPod, seq: u64) -> bool {
    let Some(group) = groups.get_mut(&pod.group) else { return false };
    let was_there = group.remove(&(pod.since, seq));
    if group.is_empty() {
        groups.remove(&pod.group);
    }
    was_there
}

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;
