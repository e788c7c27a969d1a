//! The event correlator: what keeps a component from flooding the API server with events that say the same.
//!
//! Mirrors client-go tools/record/events_cache.go (v1.36). An event is aggregated, then counted, then filtered: what the
//! spam filter drops has been counted all the same.
//! Differs: keys are 64-bit hashes, and of the messages of an aggregate the oldest is forgotten where upstream forgets
//! an arbitrary one. The reporter is no part of a key, since here it is always the source.

use std::hash::Hasher;

use rustc_hash::FxHasher;
use seatrial_engine::SimTime;

use crate::limits::{
    EVENT_AGGREGATE_INTERVAL, EVENT_AGGREGATE_MAX, EVENT_CACHE_ENTRIES, EVENT_SPAM_BURST, EVENT_SPAM_REFILL,
};
use crate::lru::{BUCKET_BITS, Buckets, Lru};

const AGGREGATE_INTERVAL_NS: u64 = EVENT_AGGREGATE_INTERVAL.as_nanos() as u64;

/// What stands before the latest message of an aggregated event.
pub const AGGREGATE_MESSAGE_PREFIX: &str = "(combined from similar events): ";

/// What an event is recognised by: numbers, most of them from [`text_id`].
#[derive(Clone, Copy, Debug)]
pub struct EventKey {
    /// The source, from [`source_id`].
    pub source: u64,
    /// The involved object, from [`object_id`] or any id that is as unique.
    pub object: u64,
    /// The part of the object meant, such as `spec.containers{web}`.
    pub field_path: u64,
    /// `Normal` or `Warning`.
    pub event_type: u64,
    /// The reason.
    pub reason: u64,
    /// The message: a number for all that it says about the object.
    pub message: u64,
}

/// The id of no text.
pub(crate) const NO_TEXT_ID: u64 = 0;

/// The id of a text.
#[must_use]
#[inline]
pub fn text_id(text: &str) -> u64 {
    if text.is_empty() { NO_TEXT_ID } else { hash_strings(&[text]) }
}

/// The id of an event's source: a component and the id of the host it runs on.
#[must_use]
#[inline]
pub fn source_id(component: &str, host: u64) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write(component.as_bytes());
    hasher.write_u64(host);
    hasher.finish()
}

/// The id of an event's object: kind, namespace, name, uid and apiVersion.
#[must_use]
pub fn object_id(kind: &str, namespace: &str, name: &str, uid: &str, api_version: &str) -> u64 {
    hash_strings(&[kind, namespace, name, uid, api_version])
}

#[inline]
fn hash_strings(texts: &[&str]) -> u64 {
    let mut hasher = FxHasher::default();
    for text in texts {
        hasher.write(text.as_bytes());
    }
    hasher.finish()
}

/// The keys of the three caches. Each is made from the one before, which it therefore tells. All events of one source
/// about one object lie in one bucket.
#[derive(Clone, Copy, Debug)]
struct Keys {
    spam: u64,
    aggregate: u64,
    /// Of the event, where it is not aggregated.
    event: u64,
}

impl Keys {
    #[inline]
    fn new(key: &EventKey) -> Keys {
        let mut hasher = hasher_of(key.source, key.object);
        let bucket = hasher.finish() & BUCKET_BITS;
        let in_bucket = |hasher: &FxHasher| hasher.finish() & !BUCKET_BITS | bucket;
        hasher.write_u64(key.event_type);
        let spam = in_bucket(&hasher);
        hasher.write_u64(key.reason);
        let aggregate = in_bucket(&hasher);
        hasher.write_u64(key.field_path);
        hasher.write_u64(key.message);
        Keys { spam, aggregate, event: in_bucket(&hasher) }
    }
}

/// The hash of a source and an object, whose low bits are the bucket of all events of the one about the other.
#[inline]
fn hasher_of(source: u64, object: u64) -> FxHasher {
    let mut hasher = FxHasher::default();
    hasher.write_u64(source);
    hasher.write_u64(object);
    hasher
}

/// What is to be done with an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing: its source said too much about its object.
    Drop,
    /// To be created with count 1.
    Create {
        /// Whether it stands for many: its message is the one of [`aggregate_message`] and it has no reporter.
        aggregated: bool,
    },
    /// An earlier event is to be patched: count, lastTimestamp and message. If that is gone from the API server it is to
    /// be created again, with this count.
    Patch {
        /// The id that was given when the earlier event was first correlated: its name.
        event: u64,
        /// How often the event came so far.
        count: u32,
        /// When it came first.
        first: SimTime,
        /// As in [`Outcome::Create`].
        aggregated: bool,
    },
}

/// The message of an aggregated event whose latest message is this.
#[must_use]
pub fn aggregate_message(message: &str) -> String {
    format!("{AGGREGATE_MESSAGE_PREFIX}{message}")
}

/// The correlator of one event recorder. Its memory is bounded by three caches of [`EVENT_CACHE_ENTRIES`].
#[derive(Debug)]
pub struct EventCorrelator {
    buckets: Buckets,
    aggregator: Lru<AggregateRecord, 0>,
    logger: Lru<EventLog, 1>,
    spam_filter: Lru<SpamRecord, 2>,
}

impl Default for EventCorrelator {
    fn default() -> EventCorrelator {
        EventCorrelator::with_capacity(EVENT_CACHE_ENTRIES)
    }
}

impl EventCorrelator {
    /// A correlator with upstream's cache size.
    #[must_use]
    pub fn new() -> EventCorrelator {
        EventCorrelator::default()
    }

    /// A correlator whose three caches hold so many entries each, at least one and at most [`EVENT_CACHE_ENTRIES`].
    #[must_use]
    pub fn with_capacity(entries: usize) -> EventCorrelator {
        let (aggregator, logger, spam_filter) = (Lru::new(entries), Lru::new(entries), Lru::new(entries));
        EventCorrelator { buckets: Buckets::new(), aggregator, logger, spam_filter }
    }

    /// Has fetched from memory what is known of the events of a source about an object.
    #[inline]
    pub(crate) fn fetch(&self, source: u64, object: u64) {
        self.buckets.fetch(hasher_of(source, object).finish());
    }

    /// Says what to do with an event. `event` is any number by which the caller finds the event's name again should it
    /// be created (the nanoseconds in the name, for instance); later outcomes give it back.
    ///
    /// Every event uses one key of each cache, and the logger's key tells the aggregator's, which tells the filter's. So
    /// whatever keys were used since, there were no more of the filter's than of the aggregator's, and no more of those
    /// than of the logger's: what the filter has forgotten the aggregator has too, and what that has the logger.
    pub fn correlate(&mut self, key: &EventKey, event: u64, now: SimTime) -> Outcome {
        let keys = Keys::new(key);
        let Self { buckets, aggregator, logger, spam_filter } = self;
        let spam = spam_filter.find(buckets, keys.spam);
        let record = spam.and_then(|_| aggregator.find(buckets, keys.aggregate));

        let aggregated = match record {
            Some(number) => aggregator.renew(buckets, number),
            None => aggregator.insert(buckets, keys.aggregate, AggregateRecord::new(now)),
        }
        .event_aggregate(key.message, now);
        let cache_key = if aggregated { keys.aggregate } else { keys.event };

        let log = match record.and_then(|_| logger.find(buckets, cache_key)) {
            Some(number) => logger.renew(buckets, number),
            None => logger.insert(buckets, cache_key, EventLog { count: 0, event, first: now }),
        };
        log.count = log.count.saturating_add(1);
        let EventLog { count, event, first } = *log;

        let is_accepted = match spam {
            Some(number) => spam_filter.renew(buckets, number),
            None => spam_filter.insert(buckets, keys.spam, SpamRecord::new(now)),
        }
        .try_accept(now);
        match is_accepted {
            false => Outcome::Drop,
            true if count == 1 => Outcome::Create { aggregated },
            true => Outcome::Patch { event, count, first, aggregated },
        }
    }
}

/// What the logger knows of an event that was created.
#[derive(Clone, Copy, Debug, Default)]
struct EventLog {
    count: u32,
    event: u64,
    first: SimTime,
}

/// The different messages of one source, object, type and reason.
#[derive(Clone, Debug, Default)]
struct AggregateRecord {
    last: SimTime,
    messages: Messages,
}

/// Hashes of messages: always fewer than [`EVENT_AGGREGATE_MAX`] between calls. Most reasons ever have one message, which needs
/// no allocation.
#[derive(Clone, Debug, Default)]
enum Messages {
    #[default]
    None,
    One(u64),
    Many(Box<ManyMessages>),
}

#[derive(Clone, Debug)]
struct ManyMessages {
    count: usize,
    /// Where the next one comes: in the place of the oldest, once there are as many as there may be.
    next: usize,
    /// The rest is filled up with the first.
    messages: [u64; EVENT_AGGREGATE_MAX - 1],
}

impl Messages {
    /// Adds a message; says whether there are too many of them now, in which case the oldest goes.
    #[inline]
    fn insert(&mut self, message: u64) -> bool {
        match self {
            Messages::None => *self = Messages::One(message),
            Messages::One(first) if *first == message => {}
            Messages::One(first) => {
                let mut many = ManyMessages { count: 1, next: 1, messages: [*first; EVENT_AGGREGATE_MAX - 1] };
                many.insert(message);
                *self = Messages::Many(Box::new(many));
            }
            Messages::Many(many) => return many.insert(message),
        }
        false
    }
}

impl ManyMessages {
    fn insert(&mut self, message: u64) -> bool {
        if self.messages.contains(&message) {
            return false;
        }
        let is_full = self.count == self.messages.len();
        self.count += usize::from(!is_full);
        self.messages[self.next] = message;
        self.next = (self.next + 1) % self.messages.len();
        is_full
    }
}

impl AggregateRecord {
    fn new(now: SimTime) -> AggregateRecord {
        AggregateRecord { last: now, messages: Messages::None }
    }

    /// Takes a message in and says whether its event is to be aggregated.
    #[inline]
    fn event_aggregate(&mut self, message: u64, now: SimTime) -> bool {
        if now.0.saturating_sub(self.last.0) > AGGREGATE_INTERVAL_NS {
            self.messages = Messages::None;
        }
        self.last = now;
        self.messages.insert(message)
    }
}

/// A token bucket, counted in time: a token is the time it takes to refill one.
#[derive(Clone, Copy, Debug, Default)]
struct SpamRecord {
    /// When no token is missing any more, if none is taken until then.
    full_at: SimTime,
}

impl SpamRecord {
    const TOKEN_NS: u64 = EVENT_SPAM_REFILL.as_nanos() as u64;
    /// So long it takes at most until one token can be taken and no more than all are missing.
    const MISSING_NS_MAX: u64 = SpamRecord::TOKEN_NS * (EVENT_SPAM_BURST as u64 - 1);

    fn new(now: SimTime) -> SpamRecord {
        SpamRecord { full_at: now }
    }

    #[inline]
    fn try_accept(&mut self, now: SimTime) -> bool {
        let full_at = self.full_at.max(now);
        let is_accepted = full_at.0 - now.0 <= SpamRecord::MISSING_NS_MAX;
        if is_accepted {
            self.full_at = SimTime(full_at.0.saturating_add(SpamRecord::TOKEN_NS));
        }
        is_accepted
    }
}

#[cfg(test)]
#[path = "event_correlator_tests.rs"]
mod tests;
