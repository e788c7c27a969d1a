//! Pods that wait for a node: active, backing off, unschedulable until something changes, or gated.
//!
//! Mirrors pkg/scheduler/backend/queue (v1.36), with queueing hints and early pops from the back-off.
//! Differs: pods that wait for the first node count their attempts when it comes, instead of making them.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use seatrial_api::{Pod, Slot, Uid};
use seatrial_machinery::SimTime;

use crate::lineup::{Lineup, Place};
use crate::plugin::PluginSet;
use crate::pod_table::PodTable;
use crate::terms::PodTerms;

const BACKOFF_INITIAL: Duration = Duration::from_secs(1);
const BACKOFF_MAX: Duration = Duration::from_secs(10);
/// Back-offs end at whole seconds, and pods of one second go by priority. Mirrors `backoffQOrderingWindowDuration`.
const BACKOFF_WINDOW_NANOS: u64 = 1_000_000_000;
/// A pod that nothing has moved for so long is tried again. Mirrors `DefaultPodMaxInUnschedulablePodsDuration`.
const UNSCHEDULABLE_MAX: Duration = Duration::from_secs(300);
/// How often those are looked for.
const FLUSH_PERIOD_NANOS: u64 = 30_000_000_000;
/// How many waits that are over are left where they are, whatever the number of the others.
const OVER_KEPT: usize = 64;

/// A pod to schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Popped {
    pub(crate) slot: Slot,
    pub(crate) uid: Uid,
    /// Where its claim lay when it was tried before.
    pub(crate) claim: Slot,
}

/// Where a pod waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// It is being tried.
    None,
    Active,
    BackingOff,
    ErrorBackingOff,
    Unschedulable,
}

/// A pod in the queue.
#[derive(Debug)]
pub(crate) struct QueuedPod {
    uid: Uid,
    slot: Slot,
    claim: Slot,
    priority: i32,
    /// Counts the pods that came.
    seq: u64,
    /// When it came into the queue, or was tried last.
    since: SimTime,
    part: Part,
    /// The plugins that refused it; none if an error did.
    pub(crate) rejectors: PluginSet,
    /// Those who refused it when it was put with the unschedulable, and the number of its wait there.
    group: PluginSet,
    wait_number: u64,
    unschedulable_count: u32,
    consecutive_error_count: u32,
    /// When its back-off is over.
    backoff_until: SimTime,
    /// The pod as it is now, once it did not fit.
    pub(crate) pod: Option<Arc<Pod>>,
    /// What it says about other pods, once it did not fit.
    pub(crate) terms: Option<Arc<PodTerms>>,
}

impl QueuedPod {
    fn new(pod: &Pod, seq: u64, now: SimTime) -> Self {
        Self {
            uid: pod.meta.uid.clone(),
            slot: pod.meta.slot,
            claim: Slot::NONE,
            priority: pod.spec.priority(),
            seq,
            since: now,
            part: Part::Active,
            rejectors: PluginSet::EMPTY,
            group: PluginSet::EMPTY,
            wait_number: 0,
            unschedulable_count: 0,
            consecutive_error_count: 0,
            backoff_until: SimTime::ZERO,
            pod: None,
            terms: None,
        }
    }

    fn place(&self) -> Place {
        (Reverse(self.priority), self.since, self.seq, self.slot)
    }

    /// Its place among those that are unschedulable.
    fn wait(&self) -> Wait {
        (self.since, self.seq, self.slot)
    }

    /// Whether its wait with a number is not over.
    fn waits_as(&self, number: u64) -> bool {
        self.part == Part::Unschedulable && self.wait_number == number
    }

    /// The pod's slot.
    #[cfg(test)]
    pub(crate) fn slot(&self) -> Slot {
        self.slot
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

/// A time, the number of a pod that came, and the pod: since when it waits, or until when.
type Wait = (SimTime, u64, Slot);

/// Pods that wait for something to change, of those that the same plugins refused.
///
/// Most waits end one by one and soon, so that nobody keeps them in order: they are put in order when several end together.
#[derive(Debug, Default)]
struct Waiters {
    /// The numbers of waits and whose they are. Those that are over stay until they are many.
    waits: Vec<(u64, Slot)>,
    /// How many are not over.
    count: usize,
}

impl Waiters {
    /// The pods, in no order.
    fn pods<'a>(&'a self, all: &'a PodTable) -> impl Iterator<Item = &'a QueuedPod> {
        self.waits.iter().filter_map(|(number, slot)| all.get(*slot).filter(|pod| pod.waits_as(*number)))
    }

    /// A wait begins.
    fn begin(&mut self, number: u64, slot: Slot) {
        self.waits.push((number, slot));
        self.count += 1;
    }

    /// A wait is over, as its pod says. Those that are over are never more than the others and a few.
    fn end(&mut self, all: &PodTable) {
        self.count -= 1;
        if self.count == 0 {
            self.waits.clear();
            self.waits.shrink_to(OVER_KEPT);
        } else if self.waits.len() > 2 * self.count + OVER_KEPT {
            self.waits.retain(|(number, slot)| all.get(*slot).is_some_and(|pod| pod.waits_as(*number)));
        }
    }
}

/// The pods that are tried one after the other, now or later.
#[derive(Debug, Default)]
struct Lines {
    active: Lineup,
    /// By the second in which the back-off ends.
    backing_off: Lineup<(SimTime, Place)>,
    /// The same for pods that failed by an error, which are never popped early.
    error_backing_off: BTreeSet<Wait>,
    timers: Vec<Timer>,
}

impl Lines {
    /// A pod that was unschedulable is to be tried again.
    fn line_up(&mut self, pod: &mut QueuedPod, now: SimTime) {
        if !pod.rejectors.is_empty() {
            if pod.backoff_until > window(now) {
                pod.part = Part::BackingOff;
                self.backing_off.insert((pod.backoff_until, pod.place()));
            } else {
                pod.part = Part::Active;
                self.active.insert(pod.place());
            }
            return;
        }
        // There was no node: the attempts that came to nothing since are made up for.
        while pod.backoff_until <= now {
            pod.back_off(pod.backoff_until);
        }
        self.wait_after_error(pod);
    }

    /// A pod is tried again after its back-off and not before.
    fn wait_after_error(&mut self, pod: &mut QueuedPod) {
        pod.part = Part::ErrorBackingOff;
        self.error_backing_off.insert((pod.backoff_until, pod.seq, pod.slot));
        self.timers.push(Timer { due: pod.backoff_until, background: false });
    }
}

/// The queue.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    pods: PodTable,
    lines: Lines,
    /// By who refused them, so that a change that some plugins do not care about looks at none of theirs.
    unschedulable: BTreeMap<PluginSet, Waiters>,
    unschedulable_count: usize,
    /// Pods with scheduling gates, which nothing but their own update moves.
    gated: BTreeSet<Uid>,
    next_seq: u64,
    next_wait: u64,
    /// When pods that waited for five minutes are looked for next.
    flush_due: Option<SimTime>,
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
    fn get(&self, pod: &Pod) -> Option<&QueuedPod> {
        self.pods.get(pod.meta.slot).filter(|queued| queued.uid == pod.meta.uid)
    }

    fn get_mut(&mut self, pod: &Pod) -> Option<&mut QueuedPod> {
        self.pods.get_mut(pod.meta.slot).filter(|queued| queued.uid == pod.meta.uid)
    }

    /// A new pod.
    pub(crate) fn add(&mut self, pod: &Pod, now: SimTime) {
        let known = self.pods.get(pod.meta.slot).map(|queued| queued.uid.clone());
        match known {
            Some(uid) if uid == pod.meta.uid => return,
            // Of a pod that was there before nobody has heard the end.
            Some(uid) => self.remove(pod.meta.slot, &uid),
            None => {}
        }
        if !self.gated.is_empty() {
            self.gated.remove(&pod.meta.uid);
        }
        self.next_seq += 1;
        let queued = QueuedPod::new(pod, self.next_seq, now);
        self.lines.active.insert(queued.place());
        self.pods.insert(pod.meta.slot, queued);
    }

    /// A pod with scheduling gates. Mirrors the PreEnqueue of SchedulingGates.
    pub(crate) fn add_gated(&mut self, pod: &Pod) {
        self.remove(pod.meta.slot, &pod.meta.uid);
        self.gated.insert(pod.meta.uid.clone());
    }

    /// A pod that is gone or bound.
    pub(crate) fn remove(&mut self, slot: Slot, uid: &Uid) {
        if !self.gated.is_empty() {
            self.gated.remove(uid);
        }
        if self.pods.get(slot).is_none_or(|queued| queued.uid != *uid) {
            return;
        }
        if let Some(queued) = self.pods.remove(slot) {
            match queued.part {
                Part::None => {}
                Part::Active => self.lines.active.remove(&queued.place()),
                Part::Unschedulable => self.end_wait(queued.group),
                Part::BackingOff => self.lines.backing_off.remove(&(queued.backoff_until, queued.place())),
                Part::ErrorBackingOff => {
                    self.lines.error_backing_off.remove(&(queued.backoff_until, queued.seq, slot));
                }
            }
        }
    }

    /// Whether a pod waits for something to change.
    pub(crate) fn has_unschedulable(&self) -> bool {
        self.unschedulable_count > 0
    }

    /// Whether a pod can be tried now.
    pub(crate) fn has_active(&self) -> bool {
        !self.lines.active.is_empty() || !self.lines.backing_off.is_empty()
    }

    /// The next pod to schedule; it stays known until it is removed or put back.
    /// Where none is active, one that backs off is taken early. Mirrors `activeQueue.pop`.
    pub(crate) fn pop(&mut self) -> Option<Popped> {
        let early = |lines: &mut Lines| lines.backing_off.pop_first().map(|(_, place)| place);
        let (.., slot) = self.lines.active.pop_first().or_else(|| early(&mut self.lines))?;
        let queued = self.pods.get_mut(slot)?;
        (queued.part, queued.rejectors) = (Part::None, PluginSet::EMPTY);
        Some(Popped { slot, uid: queued.uid.clone(), claim: queued.claim })
    }

    /// Where a pod's claim lies, for the next attempt.
    pub(crate) fn note_claim(&mut self, pod: &Pod, claim: Slot) {
        if let Some(queued) = self.get_mut(pod) {
            queued.claim = claim;
        }
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
        let number = self.next_wait;
        let Some(queued) = self.get_mut(pod) else { return };
        (queued.pod, queued.terms) = (Some(Arc::clone(pod)), terms);
        (queued.rejectors, queued.group, queued.wait_number) = (rejectors, rejectors, number);
        queued.back_off(now);
        queued.part = Part::Unschedulable;
        self.unschedulable.entry(rejectors).or_default().begin(number, pod.meta.slot);
        self.unschedulable_count += 1;
        self.next_wait += 1;
        if !rejectors.is_empty() {
            self.wait_for_flush(now);
        }
    }

    /// An attempt failed by an error: the pod is tried again after its back-off.
    pub(crate) fn add_after_error(&mut self, pod: &Arc<Pod>, now: SimTime) {
        let queued = self.pods.get_mut(pod.meta.slot).filter(|queued| queued.uid == pod.meta.uid);
        let Some(queued) = queued else { return };
        queued.rejectors = PluginSet::EMPTY;
        queued.back_off(now);
        self.lines.wait_after_error(queued);
    }

    /// The pod changed; returns whether it is one that waits for something to change.
    pub(crate) fn update(&mut self, pod: &Arc<Pod>) -> bool {
        let Some(queued) = self.get_mut(pod) else { return false };
        if let Some(old) = &mut queued.pod {
            *old = Arc::clone(pod);
        }
        queued.part == Part::Unschedulable
    }

    /// The plugins that refused a pod, if it is known.
    pub(crate) fn rejectors(&self, pod: &Pod) -> Option<PluginSet> {
        self.get(pod).map(|queued| queued.rejectors)
    }

    /// One pod's own change made it worth another attempt.
    pub(crate) fn move_one(&mut self, pod: &Pod, now: SimTime) {
        if self.get(pod).is_some() {
            self.requeue(pod.meta.slot, now);
        }
    }

    /// The same of the pod at a slot, where it was refused by plugins that care about the change.
    #[inline]
    pub(crate) fn move_at(&mut self, slot: Slot, now: SimTime, may_concern: impl FnOnce(PluginSet) -> bool) {
        let waiting = self.pods.get(slot).filter(|queued| queued.part == Part::Unschedulable);
        if waiting.is_some_and(|queued| may_concern(queued.rejectors)) {
            self.requeue(slot, now);
        }
    }

    /// Where the pod lies that is likely tried next.
    pub(crate) fn peek(&self) -> Option<Slot> {
        let early = || self.lines.backing_off.peek().map(|(_, place)| place.3);
        self.lines.active.peek().map(|place| place.3).or_else(early)
    }

    /// Has what is known of the pod at a slot fetched from memory.
    pub(crate) fn fetch(&self, slot: Slot) {
        self.pods.fetch(slot);
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
        let mut moved: Vec<Wait> = Vec::new();
        for (_, waiters) in self.unschedulable.iter_mut().filter(|(rejectors, _)| may_concern(**rejectors)) {
            moved.extend(waiters.pods(&self.pods).filter(|pod| concerns(pod)).map(QueuedPod::wait));
        }
        moved.sort_unstable();
        for (.., slot) in moved {
            self.requeue(slot, now);
        }
    }

    fn requeue(&mut self, slot: Slot, now: SimTime) {
        let Some(pod) = self.pods.get_mut(slot).filter(|pod| pod.part == Part::Unschedulable) else { return };
        let group = pod.group;
        self.lines.line_up(pod, now);
        self.end_wait(group);
    }

    /// One of those that are unschedulable is so no more.
    fn end_wait(&mut self, group: PluginSet) {
        self.unschedulable_count -= 1;
        if let Some(waiters) = self.unschedulable.get_mut(&group) {
            waiters.end(&self.pods);
        }
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
        let Self { lines, pods, .. } = self;
        while let Some(wait) = lines.error_backing_off.first().copied().filter(|(due, ..)| *due <= now) {
            lines.error_backing_off.remove(&wait);
            let (.., slot) = wait;
            if let Some(pod) = pods.get_mut(slot) {
                pod.part = Part::Active;
                lines.active.insert(pod.place());
            }
        }
    }

    /// Mirrors `flushUnschedulablePodsLeftover`.
    fn flush_unschedulable_leftover(&mut self, now: SimTime) {
        self.flush_due = None;
        // Pods that wait for the first node have nothing to gain.
        let all = |queue: &Self| -> Vec<Wait> {
            let groups = queue.unschedulable.iter().filter(|(rejectors, _)| !rejectors.is_empty());
            groups.flat_map(|(_, waiters)| waiters.pods(&queue.pods)).map(QueuedPod::wait).collect()
        };
        let mut left = all(self);
        left.retain(|(since, ..)| *since + UNSCHEDULABLE_MAX < now);
        left.sort_unstable();
        for (.., slot) in left {
            self.requeue(slot, now);
        }
        if let Some((since, ..)) = all(self).into_iter().min() {
            self.wait_for_flush(since);
        }
    }

    /// The first look at which a pod that waits since then has waited for more than five minutes.
    fn wait_for_flush(&mut self, since: SimTime) {
        if self.flush_due.is_none() {
            let over = (since + UNSCHEDULABLE_MAX).as_nanos() / FLUSH_PERIOD_NANOS + 1;
            let due = SimTime::from_nanos(over.saturating_mul(FLUSH_PERIOD_NANOS));
            self.flush_due = Some(due);
            self.lines.timers.push(Timer { due, background: true });
        }
    }

    /// The times at which the queue has to be woken, as far as they were not told yet.
    pub(crate) fn take_timers(&mut self) -> Vec<Timer> {
        std::mem::take(&mut self.lines.timers)
    }
}

#[cfg(test)]
#[path = "queue_tests.rs"]
pub(crate) mod tests;
