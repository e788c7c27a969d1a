//! The work queue: one slot a key, first in first out, with rate-limited and delayed adds and the cause of each.
//!
//! Mirrors client-go util/workqueue/{queue,delaying_queue,rate_limiting_queue}.go (v1.36).
//! Differs: delays are not waited for here. An add for later returns the instant for which the caller schedules a timer,
//! and the timer comes back through [`WorkQueue::fire`]. There is no global token bucket.
//! Invariant: a key is in the queue at most once, and never while it is being processed.

use std::collections::VecDeque;
use std::hash::{BuildHasher, Hash};

use hashbrown::HashTable;
use rustc_hash::FxBuildHasher;
use seatrial_api::{ObjectMeta, Slot, SlotMap, Uid};
use seatrial_engine::SimTime;

use crate::backoff::ItemExponentialFailureRateLimiter;
use crate::slab::Slab;
use crate::small_map::SmallMap;

/// How many keys the queue keeps room for when it is empty.
const ROOM_KEPT: usize = 1024;

/// How many keys are known at most that are through: nearly all of a burst are added once more before it is over.
const THROUGH_MAX: usize = 1 << 15;

/// Of so many objects it is kept where their keys lie, which takes a megabyte.
const OBJECTS_KNOWN_MAX: usize = 1 << 16;

/// What the queue knows of a key that is queued or being processed, or was so lately.
#[derive(Clone, Debug)]
struct Item<K> {
    key: K,
    hash: u64,
    /// To be processed: now in the queue, or put there when it is done.
    dirty: bool,
    processing: bool,
    /// What woke it: that of the first add since it was last taken out.
    cause: u64,
    /// The stored object that it was last added for, if it was added as one's.
    object: ObjectId,
}

impl<K> Item<K> {
    /// The key needs work; returns whether it is to be put in the queue. One that waits already keeps its place and its cause.
    #[inline]
    fn wake(&mut self, cause: u64) -> bool {
        if self.dirty {
            return false;
        }
        (self.dirty, self.cause) = (true, cause);
        !self.processing
    }
}

/// Which stored object a key is of. Names are told apart by all of their letters, objects by one number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObjectId {
    /// Where it lies among those of its kind.
    pub slot: Slot,
    /// Which of those that lay there it is; nil where none is meant.
    pub uid: Uid,
}

impl ObjectId {
    /// That of an object.
    pub fn of(meta: &ObjectMeta) -> Self {
        Self { slot: meta.slot, uid: meta.uid.clone() }
    }

    fn is(&self, meta: &ObjectMeta) -> bool {
        self.uid == meta.uid && self.slot == meta.slot
    }
}

/// A controller's queue of keys.
#[derive(Clone, Debug)]
pub struct WorkQueue<K> {
    /// The places in `items` of the keys that can be taken out.
    queue: VecDeque<usize>,
    items: Slab<Item<K>>,
    by_key: HashTable<usize>,
    /// Where the keys of objects lie, or lay once: of those of the cluster, and of those in namespaces. A queue that is about
    /// claims and volumes has both, and their slots are the same numbers.
    by_object: [SlotMap<usize>; 2],
    /// How many keys are queued or being processed.
    live: usize,
    /// Where the key lies that was taken out last.
    taken: usize,
    /// Where the key lies that was added last: it is often the next one that is added, which then needs no search.
    added: usize,
    /// Keys that wait for a delay to pass, and until when.
    waiting: SmallMap<K, SimTime>,
    rate_limiter: ItemExponentialFailureRateLimiter<K>,
}

impl<K> Default for WorkQueue<K> {
    fn default() -> Self {
        WorkQueue::new(ItemExponentialFailureRateLimiter::default())
    }
}

impl<K> WorkQueue<K> {
    /// An empty queue. `WorkQueue::default()` has the rate limits of every built-in controller.
    #[must_use]
    pub fn new(rate_limiter: ItemExponentialFailureRateLimiter<K>) -> Self {
        WorkQueue {
            queue: VecDeque::new(),
            items: Slab::default(),
            by_key: HashTable::new(),
            by_object: Default::default(),
            live: 0,
            taken: 0,
            added: 0,
            waiting: SmallMap::default(),
            rate_limiter,
        }
    }

    /// How many keys can be taken out now.
    #[must_use]
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// Whether no key can be taken out now.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// How many keys wait for a delay to pass.
    #[must_use]
    pub fn waiting_len(&self) -> usize {
        self.waiting.len()
    }
}

impl<K: Clone + Eq + Hash + Ord> WorkQueue<K> {
    /// Marks the key as needing work, woken by the trace record `cause`. A key that waits already keeps its place and its
    /// cause; one that is being processed is queued when it is done.
    pub fn add(&mut self, key: K, cause: u64) {
        let place = if self.is_at(self.added, &key) { self.added } else { self.place_of(key, cause) };
        self.added = place;
        self.add_at(place, cause);
    }

    /// The same for the key of an object of the kind that the queue is about: while it is known it is not looked at.
    pub fn add_object(&mut self, meta: &ObjectMeta, cause: u64, key: impl FnOnce() -> K) {
        let scope = usize::from(!meta.namespace.is_empty());
        if let Some(place) = self.by_object[scope].get(meta.slot).copied()
            && let Some(item) = self.items.get_mut(place).filter(|item| item.object.is(meta))
        {
            if item.wake(cause) {
                self.enqueue(place);
            }
            return;
        }
        let place = self.place_of(key(), cause);
        if let Some(item) = self.items.get_mut(place) {
            item.object = ObjectId::of(meta);
        }
        if meta.slot.index().is_some_and(|index| index < OBJECTS_KNOWN_MAX) {
            self.by_object[scope].insert(meta.slot, place);
        }
        self.add_at(place, cause);
    }

    fn add_at(&mut self, place: usize, cause: u64) {
        if self.items.get_mut(place).is_some_and(|item| item.wake(cause)) {
            self.enqueue(place);
        }
    }

    fn enqueue(&mut self, place: usize) {
        self.live += 1;
        self.queue.push_back(place);
    }

    fn is_at(&self, place: usize, key: &K) -> bool {
        self.items.get(place).is_some_and(|item| item.key == *key)
    }

    /// Where a key lies, if need be from now on.
    fn place_of(&mut self, key: K, cause: u64) -> usize {
        let hash = FxBuildHasher.hash_one(&key);
        match self.find(hash, &key) {
            Some(place) => place,
            None => {
                let object = ObjectId::default();
                self.insert(Item { key, hash, dirty: false, processing: false, cause, object })
            }
        }
    }

    fn find(&self, hash: u64, key: &K) -> Option<usize> {
        if self.by_key.is_empty() {
            return None;
        }
        let is_it = |place: &usize| self.items.get(*place).is_some_and(|item| item.hash == hash && item.key == *key);
        self.by_key.find(hash, is_it).copied()
    }

    fn insert(&mut self, item: Item<K>) -> usize {
        let hash = item.hash;
        let place = self.items.insert(item);
        let items = &self.items;
        self.by_key.insert_unique(hash, place, |place| items.get(*place).map_or(0, |item| item.hash));
        place
    }

    /// Takes out the next key and its cause. It must be given back with [`WorkQueue::done`], or with
    /// [`WorkQueue::done_with_last`] before the next one is taken out.
    pub fn get(&mut self) -> Option<(K, u64)> {
        self.get_with_object().map(|(key, cause, _)| (key, cause))
    }

    /// The same with the object that the key was last added for; nil where it was added by its name alone.
    pub fn get_with_object(&mut self) -> Option<(K, u64, ObjectId)> {
        let place = self.queue.pop_front()?;
        let item = self.items.get_mut(place)?;
        self.taken = place;
        item.processing = true;
        item.dirty = false;
        Some((item.key.clone(), item.cause, item.object.clone()))
    }

    /// The key that is taken out next and where its object lies, for those who have that fetched from memory. What is known
    /// of the one behind it is fetched.
    #[inline]
    pub fn fetch_upcoming(&self) -> Option<(&K, Slot)> {
        if let Some(behind) = self.queue.get(1) {
            self.items.fetch(*behind);
        }
        let item = self.items.get(*self.queue.front()?)?;
        Some((&item.key, item.object.slot))
    }

    /// The object of the key that was taken out last.
    #[cfg(test)]
    fn last_object(&self) -> ObjectId {
        let item = self.items.get(self.taken);
        item.map(|item| item.object.clone()).unwrap_or_default()
    }

    /// Ends the processing of a key and queues it again if it was added meanwhile.
    pub fn done(&mut self, key: &K) {
        if let Some(place) = self.find(FxBuildHasher.hash_one(key), key) {
            self.done_at(place);
        }
    }

    /// The same for the key that was taken out last.
    pub fn done_with_last(&mut self) {
        self.done_at(self.taken);
    }

    fn done_at(&mut self, place: usize) {
        let Some(item) = self.items.get_mut(place) else { return };
        let was_processing = std::mem::take(&mut item.processing);
        if item.dirty {
            if was_processing {
                self.queue.push_back(place);
            }
            return;
        }
        self.live -= usize::from(was_processing);
        // Of few keys the same ones come again and again: they keep their items.
        if self.items.len() <= ROOM_KEPT {
            return;
        }
        if self.live == 0 {
            // A burst is over: its room would otherwise stay as long as the queue.
            (self.items, self.by_key, self.by_object) = Default::default();
            self.queue.shrink_to(ROOM_KEPT);
        } else if self.items.len() - self.live > THROUGH_MAX {
            self.forget_item(place);
        }
    }

    fn forget_item(&mut self, place: usize) {
        let Some(item) = self.items.remove(place) else { return };
        if let Ok(entry) = self.by_key.find_entry(item.hash, |other| *other == place) {
            entry.remove();
        }
    }

    /// Asks for the key at `due`. Returns the instant for which the caller has to schedule a timer (that calls
    /// [`WorkQueue::fire`]), or None if the key waits for an earlier or the same one. For no delay at all use
    /// [`WorkQueue::add`].
    #[must_use]
    pub fn add_after(&mut self, key: &K, due: SimTime) -> Option<SimTime> {
        if self.waiting.get(key).is_some_and(|&waiting| waiting <= due) {
            return None;
        }
        self.waiting.insert(key.clone(), due);
        Some(due)
    }

    /// Asks for the key once more after a failure: after 5 ms, then twice as long each time. Returns as
    /// [`WorkQueue::add_after`].
    #[must_use]
    pub fn add_rate_limited(&mut self, key: &K, now: SimTime) -> Option<SimTime> {
        let delay = self.rate_limiter.when(key);
        self.add_after(key, now + delay)
    }

    /// What a timer does when it comes: adds the key if it still waits for this instant. Returns false for a stale timer,
    /// whose key was meanwhile asked for at another time.
    pub fn fire(&mut self, key: K, now: SimTime, cause: u64) -> bool {
        let ready = self.waiting.get(&key).is_some_and(|&due| due <= now);
        if ready {
            self.waiting.remove(&key);
            self.add(key, cause);
        }
        ready
    }

    /// Forgets the key's failures. It stays queued if it is.
    pub fn forget(&mut self, key: &K) {
        self.rate_limiter.forget(key);
    }

    /// How often the key was added rate-limited since it was last forgotten.
    #[must_use]
    pub fn num_requeues(&self, key: &K) -> u32 {
        self.rate_limiter.num_requeues(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(secs: u64) -> SimTime {
        SimTime::from_secs(secs)
    }

    fn queue() -> WorkQueue<&'static str> {
        WorkQueue::default()
    }

    #[test]
    fn keys_come_out_in_the_order_they_went_in() {
        let mut queue = queue();
        queue.add("b", 1);
        queue.add("a", 2);
        queue.add("c", 3);
        assert_eq!(queue.len(), 3);
        assert_eq!([queue.get(), queue.get(), queue.get()], [Some(("b", 1)), Some(("a", 2)), Some(("c", 3))]);
        assert_eq!((queue.get(), queue.is_empty()), (None, true));
    }

    #[test]
    fn add_of_a_queued_key_keeps_place_and_cause() {
        let mut queue = queue();
        queue.add("a", 1);
        queue.add("b", 2);
        queue.add("a", 3);
        assert_eq!([queue.get(), queue.get(), queue.get()], [Some(("a", 1)), Some(("b", 2)), None]);
    }

    #[test]
    fn add_while_processing_requeues_once_on_done() {
        let mut queue = queue();
        queue.add("a", 1);
        assert_eq!(queue.get(), Some(("a", 1)));
        queue.add("a", 2);
        queue.add("a", 3);
        assert_eq!((queue.len(), queue.get()), (0, None));
        queue.done(&"a");
        assert_eq!((queue.len(), queue.get()), (1, Some(("a", 2))));
        queue.done(&"a");
        assert_eq!((queue.get(), queue.by_key.len(), queue.items.len()), (None, 1, 1));
    }

    #[test]
    fn done_puts_a_dirty_key_behind_the_others() {
        let mut queue = queue();
        queue.add("a", 1);
        queue.get();
        queue.add("a", 2);
        queue.add("b", 3);
        queue.done(&"a");
        assert_eq!([queue.get(), queue.get()], [Some(("b", 3)), Some(("a", 2))]);
    }

    #[test]
    fn done_of_a_key_not_taken_out_changes_nothing() {
        let mut queue = queue();
        queue.done(&"a");
        queue.add("a", 1);
        queue.done(&"a");
        assert_eq!([queue.get(), queue.get()], [Some(("a", 1)), None]);
    }

    #[test]
    fn many_keys_come_and_go_in_their_order_and_leave_no_room_behind() {
        let mut queue: WorkQueue<u64> = WorkQueue::default();
        let count = 3 * ROOM_KEPT as u64;
        for round in 0..2 {
            (0..count).for_each(|key| queue.add(key, key + round));
            let taken: Vec<u64> = (0..count).filter_map(|_| queue.get()).map(|(key, _)| key).collect();
            assert_eq!(taken, (0..count).collect::<Vec<_>>());
            // Every other one is woken again while it is being processed; they are done in another order.
            (0..count).step_by(2).for_each(|key| queue.add(key, 1));
            (0..count).rev().for_each(|key| queue.done(&key));
            let again: Vec<u64> = std::iter::from_fn(|| queue.get()).map(|(key, _)| key).collect();
            assert_eq!(again, (0..count).rev().filter(|key| key % 2 == 0).collect::<Vec<_>>());
            again.iter().for_each(|key| queue.done(key));
            assert_eq!((queue.by_key.len(), queue.items.len(), queue.get()), (0, 0, None));
        }
    }

    #[test]
    fn few_keys_keep_their_items_and_many_strangers_do_not_stay() {
        let mut queue: WorkQueue<u64> = WorkQueue::default();
        for round in 0..3 {
            for key in 0..3 {
                queue.add(key, round);
                assert_eq!(queue.get(), Some((key, round)));
                queue.done_with_last();
            }
        }
        assert_eq!((queue.items.len(), queue.by_key.len()), (3, 3));
        queue.add(7, 1);
        assert_eq!(queue.get(), Some((7, 1)));
        for key in 10..10 + 3 * THROUGH_MAX as u64 {
            queue.add(key, key);
            assert_eq!(queue.get(), Some((key, key)));
            queue.done_with_last();
            assert!(queue.items.len() <= THROUGH_MAX + 2);
        }
        // What is being processed all the while is not forgotten.
        queue.add(7, 2);
        assert_eq!(queue.get(), None);
        queue.done(&7);
        assert_eq!(queue.get(), Some((7, 2)));
    }

    #[test]
    fn keys_of_a_burst_are_known_until_it_is_over() {
        let object = |n: usize| ObjectMeta {
            slot: Slot::at(n),
            uid: Uid::from_counter(0, n as u64 + 1),
            ..ObjectMeta::default()
        };
        let (mut queue, count) = (WorkQueue::<usize>::default(), 4 * ROOM_KEPT);
        (0..count).for_each(|n| queue.add_object(&object(n), 0, || n));
        for n in 0..count {
            assert_eq!(queue.get(), Some((n, 0)));
            queue.done_with_last();
            if n < count / 2 {
                queue.add_object(&object(n), 0, || unreachable!("it was through only just"));
                queue.add_object(&object(0), 0, || unreachable!("it is known still"));
            }
        }
        let again: Vec<usize> = std::iter::from_fn(|| queue.get()).map(|(n, _)| n).collect();
        assert_eq!(again, (0..count / 2).collect::<Vec<_>>());
        again.iter().for_each(|n| queue.done(n));
        assert_eq!((queue.get(), queue.items.len(), queue.by_key.len()), (None, 0, 0));
    }

    #[test]
    fn the_key_of_an_object_is_the_one_of_its_name() {
        let object =
            |slot, uid| ObjectMeta { slot: Slot::at(slot), uid: Uid::from_counter(0, uid), ..ObjectMeta::default() };
        let mut queue = queue();
        let (a, b, again) = (object(0, 1), object(1, 2), object(0, 3));
        queue.add_object(&a, 1, || "a");
        queue.add("a", 2);
        queue.add_object(&b, 3, || "b");
        queue.add_object(&a, 4, || unreachable!("it is known"));
        assert_eq!((queue.get(), queue.last_object()), (Some(("a", 1)), ObjectId::of(&a)));
        queue.done_with_last();
        // Another object of that name, at the same place and at another one.
        queue.add_object(&again, 5, || "a");
        queue.add("a", 6);
        assert_eq!((queue.get(), queue.last_object()), (Some(("b", 3)), ObjectId::of(&b)));
        queue.done_with_last();
        assert_eq!((queue.get(), queue.last_object()), (Some(("a", 5)), ObjectId::of(&again)));
        queue.done_with_last();
        let elsewhere = object(1, 4);
        queue.add_object(&elsewhere, 7, || "a");
        queue.add_object(&b, 8, || "b");
        queue.add_object(&a, 9, || "a");
        assert_eq!((queue.get(), queue.get(), queue.get()), (Some(("a", 7)), Some(("b", 8)), None));
        queue.add("c", 10);
        assert_eq!((queue.get(), queue.last_object()), (Some(("c", 10)), ObjectId::default()));
    }

    #[test]
    fn objects_of_the_cluster_and_those_in_namespaces_have_places_of_their_own() {
        let meta = ObjectMeta { slot: Slot::at(0), uid: Uid::from_counter(0, 1), ..ObjectMeta::default() };
        let in_namespace = ObjectMeta { namespace: "default".into(), uid: Uid::from_counter(0, 2), ..meta.clone() };
        let mut queue = queue();
        queue.add_object(&meta, 1, || "volume");
        queue.add_object(&in_namespace, 2, || "claim");
        for object in [&meta, &in_namespace, &meta] {
            queue.add_object(object, 3, || unreachable!("it is known"));
        }
        assert_eq!([queue.get(), queue.get(), queue.get()], [Some(("volume", 1)), Some(("claim", 2)), None]);
    }

    #[test]
    fn with_and_without_searches_it_is_the_same_queue() {
        // A model in which the order of keys is a list, and each key has its state.
        let mut queue: WorkQueue<u64> = WorkQueue::default();
        let (mut order, mut dirty) = (VecDeque::new(), std::collections::BTreeMap::new());
        let (mut bits, mut taken) = (7_u64, None);
        for step in 0..20_000_u64 {
            bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            // Few keys at first, then more than keep their items, then few again.
            let key = (bits >> 33) % if (5_000..15_000).contains(&step) { 3 * ROOM_KEPT as u64 } else { 3 };
            if (bits >> 60) % 4 < if step < 10_000 { 3 } else { 1 } {
                queue.add(key, step);
                if let std::collections::btree_map::Entry::Vacant(entry) = dirty.entry(key) {
                    entry.insert(step);
                    if taken != Some(key) {
                        order.push_back(key);
                    }
                }
            } else if let Some(key) = taken.take() {
                if step % 2 == 0 {
                    queue.done(&key)
                } else {
                    queue.done_with_last()
                }
                if dirty.contains_key(&key) {
                    order.push_back(key);
                }
            } else {
                taken = order.pop_front();
                assert_eq!(queue.get(), taken.map(|key| (key, dirty.remove(&key).unwrap_or_default())));
            }
            assert_eq!(queue.len(), order.len());
        }
    }

    #[test]
    fn earlier_add_after_wins() {
        let mut queue = queue();
        assert_eq!(queue.add_after(&"a", secs(10)), Some(secs(10)));
        assert_eq!(queue.add_after(&"a", secs(10)), None);
        assert_eq!(queue.add_after(&"a", secs(20)), None);
        assert_eq!(queue.add_after(&"a", secs(5)), Some(secs(5)));
        assert_eq!(queue.waiting_len(), 1);
        assert!(queue.fire("a", secs(5), 7));
        assert!(!queue.fire("a", secs(10), 8));
        assert_eq!([queue.get(), queue.get()], [Some(("a", 7)), None]);
        assert_eq!(queue.waiting_len(), 0);
    }

    #[test]
    fn stale_timer_does_not_fire_a_later_wait() {
        let mut queue = queue();
        assert!(queue.add_after(&"a", secs(10)).is_some());
        assert!(queue.add_after(&"a", secs(5)).is_some());
        assert!(queue.fire("a", secs(5), 1));
        assert_eq!(queue.add_after(&"a", secs(12)), Some(secs(12)));
        assert!(!queue.fire("a", secs(10), 2));
        assert!(queue.fire("a", secs(12), 3));
        assert_eq!(queue.get(), Some(("a", 1)));
    }

    #[test]
    fn add_does_not_end_a_wait() {
        let mut queue = queue();
        assert!(queue.add_after(&"a", secs(10)).is_some());
        queue.add("a", 1);
        assert_eq!(queue.get(), Some(("a", 1)));
        queue.done(&"a");
        assert!(queue.fire("a", secs(10), 2));
        assert_eq!(queue.get(), Some(("a", 2)));
    }

    #[test]
    fn fire_while_processing_requeues_on_done() {
        let mut queue = queue();
        queue.add("a", 1);
        queue.get();
        assert_eq!(queue.add_rate_limited(&"a", secs(1)), Some(SimTime::from_millis(1_005)));
        assert!(queue.fire("a", SimTime::from_millis(1_005), 2));
        assert_eq!(queue.get(), None);
        queue.done(&"a");
        assert_eq!(queue.get(), Some(("a", 2)));
    }

    #[test]
    fn rate_limited_adds_double_until_forgotten() {
        let mut queue = queue();
        for (n, millis) in [5, 10, 20, 40].into_iter().enumerate() {
            let due = SimTime::from_millis(millis);
            assert_eq!(queue.add_rate_limited(&"a", SimTime::ZERO), Some(due));
            assert_eq!(queue.num_requeues(&"a"), n as u32 + 1);
            assert!(queue.fire("a", due, 0));
        }
        queue.forget(&"a");
        assert_eq!(queue.num_requeues(&"a"), 0);
        assert_eq!(queue.add_rate_limited(&"a", SimTime::ZERO), Some(SimTime::from_millis(5)));
    }
}
