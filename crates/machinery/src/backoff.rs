//! Exponential back-off by key: of a work queue's retries, and of a kubelet's restarts and image pulls.
//!
//! Mirrors client-go util/workqueue/default_rate_limiters.go and util/flowcontrol/backoff.go (v1.36).
//! Differs: no jitter and no global token bucket; the time is an argument.

use std::hash::Hash;
use std::time::Duration;

use rustc_hash::FxHashMap;
use seatrial_engine::SimTime;

use crate::limits;

/// Delays that double with each failure of a key: base, 2 base, 4 base, up to a maximum.
#[derive(Clone, Debug)]
pub struct ItemExponentialFailureRateLimiter<K> {
    base_delay: Duration,
    max_delay: Duration,
    failures: FxHashMap<K, u32>,
}

impl<K> Default for ItemExponentialFailureRateLimiter<K> {
    /// A controller's: 5 ms doubling up to 1000 s.
    fn default() -> Self {
        Self::new(limits::RETRY_DELAY_BASE, limits::RETRY_DELAY_MAX)
    }
}

impl<K> ItemExponentialFailureRateLimiter<K> {
    /// A limiter with no failures so far.
    #[must_use]
    pub fn new(base_delay: Duration, max_delay: Duration) -> Self {
        Self { base_delay, max_delay, failures: FxHashMap::default() }
    }
}

impl<K: Clone + Eq + Hash> ItemExponentialFailureRateLimiter<K> {
    /// Counts one more failure of the key and returns how long to wait.
    pub fn when(&mut self, key: &K) -> Duration {
        let failures = match self.failures.get_mut(key) {
            Some(failures) => failures,
            None => self.failures.entry(key.clone()).or_default(),
        };
        let factor = 1_u32.checked_shl(*failures).unwrap_or(u32::MAX);
        *failures = failures.saturating_add(1);
        self.base_delay.saturating_mul(factor).min(self.max_delay)
    }

    /// How many failures of the key were counted since it was last forgotten.
    #[must_use]
    pub fn num_requeues(&self, key: &K) -> u32 {
        self.failures.get(key).copied().unwrap_or(0)
    }

    /// Forgets the key's failures: its next delay is the base again.
    pub fn forget(&mut self, key: &K) {
        // Hardly anything ever fails, and then there is nothing to look for.
        if !self.failures.is_empty() {
            self.failures.remove(key);
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct BackoffEntry {
    backoff: Duration,
    last_update: SimTime,
}

/// A wait that doubles each time it is used and starts again after twice its maximum without use.
#[derive(Clone, Debug)]
pub struct Backoff<K> {
    default_duration: Duration,
    max_duration: Duration,
    per_item_backoff: FxHashMap<K, BackoffEntry>,
}

impl<K> Default for Backoff<K> {
    /// A kubelet's: 10 s doubling up to 300 s.
    fn default() -> Self {
        Self::new(limits::CONTAINER_BACKOFF_INITIAL, limits::CONTAINER_BACKOFF_MAX)
    }
}

impl<K> Backoff<K> {
    /// A back-off with no entries.
    #[must_use]
    pub fn new(default_duration: Duration, max_duration: Duration) -> Self {
        Self { default_duration, max_duration, per_item_backoff: FxHashMap::default() }
    }

    /// How many keys have an entry.
    #[must_use]
    pub fn len(&self) -> usize {
        self.per_item_backoff.len()
    }

    /// Whether no key has an entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.per_item_backoff.is_empty()
    }

    fn has_expired(&self, event_time: SimTime, last_update: SimTime) -> bool {
        event_time - last_update > self.max_duration.saturating_mul(2)
    }
}

impl<K: Eq + Hash> Backoff<K> {
    /// The key's present wait; zero without an entry.
    #[must_use]
    pub fn get(&self, key: &K) -> Duration {
        self.per_item_backoff.get(key).map_or(Duration::ZERO, |entry| entry.backoff)
    }

    /// Moves the key's wait to the next step. `event_time` is when what failed ended: an entry last used more than twice
    /// the maximum before it starts again.
    pub fn next(&mut self, key: K, event_time: SimTime, now: SimTime) {
        let doubled = match self.per_item_backoff.get(&key) {
            Some(entry) if !self.has_expired(event_time, entry.last_update) => {
                entry.backoff.saturating_mul(2).min(self.max_duration)
            }
            _ => self.default_duration,
        };
        self.per_item_backoff.insert(key, BackoffEntry { backoff: doubled, last_update: now });
    }

    /// Whether less than the key's wait has passed since `event_time`.
    #[must_use]
    pub fn is_in_back_off_since(&self, key: &K, event_time: SimTime, now: SimTime) -> bool {
        !self.remaining_since(key, event_time, now).is_zero()
    }

    /// How much of the key's wait is left, counted from `event_time`: when to look again.
    #[must_use]
    pub fn remaining_since(&self, key: &K, event_time: SimTime, now: SimTime) -> Duration {
        match self.per_item_backoff.get(key) {
            Some(entry) if !self.has_expired(event_time, entry.last_update) => {
                entry.backoff.saturating_sub(now - event_time)
            }
            _ => Duration::ZERO,
        }
    }

    /// Whether `event_time` is less than the key's wait after the entry's last use.
    #[must_use]
    pub fn is_in_back_off_since_update(&self, key: &K, event_time: SimTime) -> bool {
        self.per_item_backoff.get(key).is_some_and(|entry| {
            !self.has_expired(event_time, entry.last_update) && event_time - entry.last_update < entry.backoff
        })
    }

    /// Forgets the key: what fails next waits not at all, then for the first step.
    pub fn reset(&mut self, key: &K) {
        self.per_item_backoff.remove(key);
    }

    /// Drops the entries that were not used for more than twice the maximum.
    pub fn gc(&mut self, now: SimTime) {
        let max_age = self.max_duration.saturating_mul(2);
        self.per_item_backoff.retain(|_, entry| now - entry.last_update <= max_age);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(secs: u64) -> SimTime {
        SimTime::from_secs(secs)
    }

    #[test]
    fn retry_delays_are_upstreams_table() {
        let mut limiter = ItemExponentialFailureRateLimiter::default();
        let millis = [
            5, 10, 20, 40, 80, 160, 320, 640, 1_280, 2_560, 5_120, 10_240, 20_480, 40_960, 81_920, 163_840, 327_680,
            655_360, 1_000_000, 1_000_000,
        ];
        for (n, want) in millis.into_iter().enumerate() {
            assert_eq!(limiter.num_requeues(&"web"), n as u32);
            assert_eq!(limiter.when(&"web"), Duration::from_millis(want), "failure {n}");
        }
        for _ in 0..100 {
            assert_eq!(limiter.when(&"web"), Duration::from_secs(1000));
        }
        assert_eq!(limiter.when(&"other"), Duration::from_millis(5));
        limiter.forget(&"web");
        assert_eq!((limiter.num_requeues(&"web"), limiter.when(&"web")), (0, Duration::from_millis(5)));
    }

    /// A container that exits at once each time it is started, as the kubelet asks the back-off.
    #[test]
    fn crash_loop_waits_10_20_40_80_160_300() {
        let mut backoff = Backoff::default();
        let mut finished_at = secs(1);
        for want in [0, 10, 20, 40, 80, 160, 300, 300, 300] {
            let restart = finished_at + Duration::from_secs(want);
            if want > 0 {
                let before = restart.saturating_sub(Duration::from_nanos(1));
                assert!(backoff.is_in_back_off_since(&"c", finished_at, before), "{want}");
                assert_eq!(backoff.remaining_since(&"c", finished_at, finished_at), Duration::from_secs(want));
            }
            assert!(!backoff.is_in_back_off_since(&"c", finished_at, restart), "{want}");
            backoff.next("c", finished_at, restart);
            finished_at = restart + Duration::from_secs(1);
        }
    }

    #[test]
    fn entry_starts_again_after_twice_the_maximum() {
        let rows = [(600, 20, true), (601, 10, false)];
        for (end, wait, blocked) in rows {
            let mut backoff = Backoff::default();
            backoff.next("c", secs(0), secs(0));
            assert_eq!(backoff.is_in_back_off_since(&"c", secs(end), secs(end)), blocked, "{end}");
            backoff.next("c", secs(end), secs(end));
            assert_eq!(backoff.get(&"c"), Duration::from_secs(wait), "{end}");
        }
    }

    #[test]
    fn image_pull_waits_from_the_last_attempt() {
        let mut backoff = Backoff::default();
        assert!(!backoff.is_in_back_off_since_update(&"img", secs(0)));
        backoff.next("img", secs(0), secs(0));
        let rows = [(0, true), (9, true), (10, false), (11, false), (601, false)];
        for (at, want) in rows {
            assert_eq!(backoff.is_in_back_off_since_update(&"img", secs(at)), want, "{at}");
        }
    }

    #[test]
    fn reset_and_gc_forget() {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(4));
        backoff.next("a", secs(0), secs(0));
        backoff.next("b", secs(5), secs(5));
        backoff.next("c", secs(5), secs(5));
        backoff.gc(secs(8));
        assert_eq!(backoff.len(), 3);
        backoff.gc(secs(9));
        assert_eq!((backoff.len(), backoff.get(&"a"), backoff.get(&"b")), (2, Duration::ZERO, Duration::from_secs(1)));
        backoff.reset(&"b");
        assert_eq!((backoff.len(), backoff.get(&"b"), backoff.is_empty()), (1, Duration::ZERO, false));
    }
}
