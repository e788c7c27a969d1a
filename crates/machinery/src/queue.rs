//! A controller's work queue: keys to sync now, and the timers for those to sync later.

use std::time::Duration;

use seatrial_api::{NamespacedName, Resource, Slot};
use seatrial_engine::SimTime;

use crate::backoff::ItemExponentialFailureRateLimiter;
use crate::work_queue::{ObjectId, WorkQueue};

/// A key that wants to be synced at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timer {
    /// When.
    pub due: SimTime,
    /// What.
    pub key: NamespacedName,
    /// Whether a cluster counts as settled although the timer is pending: retries and deadlines.
    pub background: bool,
}

/// The queue of one controller. Mirrors `workqueue.TypedRateLimitingInterface`.
#[derive(Debug, Default)]
pub struct Queue {
    work: WorkQueue<NamespacedName>,
    timers: Vec<Timer>,
}

impl Queue {
    /// A queue whose retries wait for other delays than usual: the first, doubling up to the last.
    pub fn with_retry_delays(base: Duration, max: Duration) -> Self {
        Self { work: WorkQueue::new(ItemExponentialFailureRateLimiter::new(base, max)), timers: Vec::new() }
    }

    /// Queues a key, once however often it is asked for.
    pub fn add(&mut self, key: NamespacedName, cause: u64) {
        self.work.add(key, cause);
    }

    /// Queues the key of an object of the kind that the controller is about. Of two kinds one has namespaces and the other has
    /// none; of more it is searched for by name after one of another kind that lies at its slot.
    pub fn add_object(&mut self, object: &impl Resource, cause: u64) {
        self.work.add_object(object.meta(), cause, || object.namespaced_name());
    }

    /// Queues a key after a delay; of several delays the shortest counts.
    pub fn add_after(&mut self, key: NamespacedName, delay: Duration, now: SimTime) {
        if let Some(due) = self.work.add_after(&key, now + delay) {
            self.timers.push(Timer { due, key, background: false });
        }
    }

    /// Queues a key after a delay that nobody waits for: a deadline is only looked at when it has passed.
    pub fn add_after_in_background(&mut self, key: NamespacedName, delay: Duration, now: SimTime) {
        if let Some(due) = self.work.add_after(&key, now + delay) {
            self.timers.push(Timer { due, key, background: true });
        }
    }

    /// Queues a key after the delay of its retries: 5 ms where nothing else was asked for, doubling.
    pub fn add_rate_limited(&mut self, key: NamespacedName, now: SimTime) {
        if let Some(due) = self.work.add_rate_limited(&key, now) {
            self.timers.push(Timer { due, key, background: true });
        }
    }

    /// Forgets a key's retries.
    pub fn forget(&mut self, key: &NamespacedName) {
        self.work.forget(key);
    }

    /// How often a key was retried.
    pub fn num_requeues(&self, key: &NamespacedName) -> u32 {
        self.work.num_requeues(key)
    }

    /// The next key and what caused it to be queued.
    pub fn get(&mut self) -> Option<(NamespacedName, u64)> {
        self.work.get()
    }

    /// The same with the object that the key is of, as far as it was queued as one's.
    #[inline]
    pub(crate) fn get_with_object(&mut self) -> Option<(NamespacedName, u64, ObjectId)> {
        self.work.get_with_object()
    }

    /// See [`WorkQueue::fetch_upcoming`].
    #[inline]
    pub(crate) fn fetch_upcoming(&self) -> Option<(&NamespacedName, Slot)> {
        self.work.fetch_upcoming()
    }

    /// Says that the key that was handed out last was synced.
    pub fn done(&mut self) {
        self.work.done_with_last();
    }

    /// A timer has come due.
    pub fn fire(&mut self, key: &NamespacedName, now: SimTime, cause: u64) {
        self.work.fire(key.clone(), now, cause);
    }

    /// Whether there is a key to sync now.
    pub fn has_work(&self) -> bool {
        !self.work.is_empty()
    }

    /// Whether timers were asked for since the last time.
    #[inline]
    pub fn has_timers(&self) -> bool {
        !self.timers.is_empty()
    }

    /// The timers that were asked for since the last time.
    pub fn take_timers(&mut self) -> Vec<Timer> {
        std::mem::take(&mut self.timers)
    }
}
