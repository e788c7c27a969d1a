//! Nodes that wait for their NoExecute taint, let through one at a time.
//!
//! Mirrors pkg/controller/nodelifecycle/scheduler/rate_limited_queue.go (v1.36) with its burst of 1.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use seatrial_api::Str;
use seatrial_machinery::SimTime;

/// A bucket of one token.
#[derive(Clone, Copy, Debug)]
struct TokenBucket {
    /// Tokens a second; 0 for none ever.
    rate: f64,
    /// When the next token is there.
    next: SimTime,
}

impl TokenBucket {
    fn try_accept(&mut self, now: SimTime) -> bool {
        if self.rate <= 0.0 || now < self.next {
            return false;
        }
        self.next = now + Duration::from_secs_f64(1.0 / self.rate);
        true
    }
}

/// The queue: each node is in it once until it is taken off the list of those that were ever added.
#[derive(Debug)]
pub(super) struct RateLimitedTimedQueue {
    queue: VecDeque<Str>,
    /// All that were added and not removed, those that had their turn included.
    set: BTreeSet<Str>,
    limiter: TokenBucket,
}

impl RateLimitedTimedQueue {
    pub(super) fn new(rate: f64) -> Self {
        let limiter = TokenBucket { rate, next: SimTime::ZERO };
        Self { queue: VecDeque::new(), set: BTreeSet::new(), limiter }
    }

    /// Adds a node that was not added before.
    pub(super) fn add(&mut self, name: &Str) -> bool {
        let is_new = self.set.insert(name.clone());
        if is_new {
            self.queue.push_back(name.clone());
        }
        is_new
    }

    /// Forgets a node.
    pub(super) fn remove(&mut self, name: &str) {
        if self.set.remove(name) {
            self.queue.retain(|n| n != name);
        }
    }

    /// The first node, if it may have its turn: it leaves the queue, and cannot be added again until it is removed.
    pub(super) fn try_next(&mut self, now: SimTime) -> Option<Str> {
        if self.queue.is_empty() || !self.limiter.try_accept(now) {
            return None;
        }
        self.queue.pop_front()
    }

    /// When the first node may have its turn; `None` where nobody waits or nobody may.
    pub(super) fn next_try(&self) -> Option<SimTime> {
        (!self.queue.is_empty() && self.limiter.rate > 0.0).then_some(self.limiter.next)
    }

    /// Changes the rate. A queue that was waiting goes on waiting. Mirrors `SwapLimiter`.
    pub(super) fn swap_limiter(&mut self, rate: f64, now: SimTime) {
        if (self.limiter.rate - rate).abs() < f64::EPSILON {
            return;
        }
        let mut new = TokenBucket { rate, next: SimTime::ZERO };
        if rate > 0.0 && !self.limiter.try_accept(now) {
            new.try_accept(now);
        }
        self.limiter = new;
    }
}
