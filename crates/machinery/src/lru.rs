//! Bounded maps that drop what was used least recently, and share their buckets. Keys are hashes.
//!
//! Stand for groupcache's lru.Cache, which client-go keeps its events in. Entries lie in a ring in the order of their use: a
//! use puts the entry in once more and leaves the one before stale, so that the oldest is forgotten by passing it by. No
//! use touches an entry's neighbours, and what is written lies side by side. What is used together lies in one bucket,
//! so that the processor waits for its memory once.

use crate::limits::EVENT_CACHE_ENTRIES;

/// How many places a ring has, and how many buckets there are: twice as many as entries, so that what is stale is left
/// out once in so many uses. A number that is known when the code is compiled needs no check where its low bits choose.
const PLACES: usize = 2 * EVENT_CACHE_ENTRIES;

const _: () =
    assert!(PLACES.is_power_of_two() && PLACES <= NUMBER as usize, "the numbers of all places are told apart");

/// The bits of a key that choose its bucket: keys that are used together have the same ones.
pub(crate) const BUCKET_BITS: u64 = PLACES as u64 - 1;

/// A link leads to an entry: its low half is the end of the entry's number, most of the high half the start of its key, so
/// that another key's entry, which the processor's cache may not hold, is not looked at.
const NUMBER: u32 = 0xffff;
const TAG: u32 = 0x7fff_0000;
/// Of the link that belongs to an entry: its key has been used again, and the value is in a later entry.
const STALE: u32 = 1 << 31;

/// The links to the latest entry of each bucket, for each of the maps that share them.
#[derive(Clone, Debug)]
pub(crate) struct Buckets(Box<[Heads; PLACES]>);

/// One more than there are maps, so that a bucket lies in one line of the processor's cache.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(16))]
struct Heads([u32; 4]);

impl Buckets {
    /// Has the bucket of a key fetched from memory.
    #[inline]
    pub(crate) fn fetch(&self, key: u64) {
        seatrial_api::fetch(&self.0[place(key as u32)]);
    }

    pub(crate) fn new() -> Self {
        Self(all(Heads::default()))
    }
}

#[derive(Clone, Debug, Default)]
struct Entry<V> {
    key: u64,
    value: V,
}

/// The map whose links are those at `AT` of each bucket.
///
/// Entries are numbered as they are put in, and numbers begin again at 0 after the last one. Those from `oldest` to
/// `end` are known; a number that is none of theirs ends its bucket, since all before it are older still. So does one
/// that is not older than the one before it: there the numbers have come round since the bucket was used.
#[derive(Clone, Debug)]
pub(crate) struct Lru<V, const AT: usize> {
    capacity: usize,
    /// The link from each entry to the one before it in its bucket.
    links: Box<[u32; PLACES]>,
    /// The low bits of an entry's number are its place.
    ring: Box<[Entry<V>; PLACES]>,
    oldest: u32,
    end: u32,
    /// How many of the known entries are not stale.
    count: usize,
}

impl<V: Clone + Default, const AT: usize> Lru<V, AT> {
    /// A map of at most `capacity` entries, at least one and at most [`EVENT_CACHE_ENTRIES`].
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            capacity: capacity.clamp(1, EVENT_CACHE_ENTRIES),
            links: all(0),
            ring: all(Entry::default()),
            // Links of 0 lead to an entry that is too old.
            oldest: PLACES as u32,
            end: PLACES as u32,
            count: 0,
        }
    }

    /// The number of a key's entry, good until the next use.
    #[inline]
    pub(crate) fn find(&self, buckets: &Buckets, key: u64) -> Option<u32> {
        let (mut link, mut age) = (buckets.0[place(key as u32)].0[AT], 0);
        let known = self.end.wrapping_sub(self.oldest);
        loop {
            let older = self.end.wrapping_sub(link) & NUMBER;
            if older <= age || older > known {
                return None;
            }
            let number = self.end.wrapping_sub(older);
            // The latest of a key comes first in its bucket.
            if (link ^ tag(key)) & TAG == 0 && self.ring[place(number)].key == key {
                return Some(number);
            }
            (link, age) = (self.links[place(number)], older);
        }
    }

    /// The value that was found under a number, from now on the most recently used one.
    #[inline]
    pub(crate) fn renew(&mut self, buckets: &mut Buckets, number: u32) -> &mut V {
        if number.wrapping_add(1) == self.end {
            return &mut self.ring[place(number)].value;
        }
        self.links[place(number)] |= STALE;
        let entry = &mut self.ring[place(number)];
        let (key, value) = (entry.key, std::mem::take(&mut entry.value));
        self.put(buckets, key, value)
    }

    /// Puts in the value of a key that has none.
    #[inline]
    pub(crate) fn insert(&mut self, buckets: &mut Buckets, key: u64, value: V) -> &mut V {
        if self.count == self.capacity {
            self.forget_oldest();
        }
        self.count += 1;
        self.put(buckets, key, value)
    }

    #[inline]
    fn put(&mut self, buckets: &mut Buckets, key: u64, value: V) -> &mut V {
        if self.end.wrapping_sub(self.oldest) as usize == PLACES {
            self.make_room(buckets);
        }
        let number = self.end;
        self.end = number.wrapping_add(1);
        let head = &mut buckets.0[place(key as u32)].0[AT];
        self.links[place(number)] = std::mem::replace(head, tag(key) | number & NUMBER);
        let entry = &mut self.ring[place(number)];
        *entry = Entry { key, value };
        &mut entry.value
    }

    #[inline]
    fn forget_oldest(&mut self) {
        while self.links[place(self.oldest)] & STALE != 0 {
            self.oldest = self.oldest.wrapping_add(1);
        }
        self.oldest = self.oldest.wrapping_add(1);
        self.count -= 1;
    }

    /// Leaves the stale entries out. The ring is half empty at least afterwards, so that this costs each use little.
    #[cold]
    #[inline(never)]
    fn make_room(&mut self, buckets: &mut Buckets) {
        let known = (0..PLACES as u32).map(|n| place(self.oldest.wrapping_add(n)));
        let kept = known.filter(|place| self.links[*place] & STALE == 0);
        let kept: Vec<Entry<V>> = kept.map(|place| std::mem::take(&mut self.ring[place])).collect();
        // What links there are lead to entries that are too old from now on.
        self.oldest = self.end.wrapping_add(PLACES as u32);
        self.end = self.oldest;
        for Entry { key, value } in kept {
            self.put(buckets, key, value);
        }
    }
}

/// The low bits of a number or a key.
#[inline]
fn place(bits: u32) -> usize {
    bits as usize % PLACES
}

fn all<T: Clone>(value: T) -> Box<[T; PLACES]> {
    let values = vec![value; PLACES].into_boxed_slice();
    values.try_into().unwrap_or_else(|_| unreachable!("there are as many as there are places"))
}

#[inline]
fn tag(key: u64) -> u32 {
    (key >> 33) as u32 & TAG
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use seatrial_engine::Rng;

    use super::*;

    /// A map with buckets of its own.
    struct Alone<V> {
        buckets: Buckets,
        lru: Lru<V, 1>,
    }

    impl<V: Clone + Default> Alone<V> {
        fn new(capacity: usize) -> Self {
            Self { buckets: Buckets::new(), lru: Lru::new(capacity) }
        }

        fn get_or_insert_with(&mut self, key: u64, new: impl FnOnce() -> V) -> &mut V {
            match self.find(key) {
                Some(number) => self.lru.renew(&mut self.buckets, number),
                None => self.insert(key, new()),
            }
        }

        fn find(&self, key: u64) -> Option<u32> {
            self.lru.find(&self.buckets, key)
        }

        fn insert(&mut self, key: u64, value: V) -> &mut V {
            self.lru.insert(&mut self.buckets, key, value)
        }
    }

    impl<V: Clone + Default> std::ops::Deref for Alone<V> {
        type Target = Lru<V, 1>;

        fn deref(&self) -> &Lru<V, 1> {
            &self.lru
        }
    }

    impl<V: Clone + Default> Lru<V, 1> {
        fn keys(&self) -> Vec<u64> {
            let known = (0..self.end.wrapping_sub(self.oldest)).map(|n| self.end.wrapping_sub(n + 1));
            let places = known.map(place);
            places.filter(|place| self.links[*place] & STALE == 0).map(|place| self.ring[place].key).collect()
        }
    }

    #[test]
    fn least_recently_used_goes_first() {
        let mut lru = Alone::new(3);
        // key used, keys afterwards from newest to oldest
        let rows: &[(u64, &[u64])] = &[
            (1, &[1]),
            (1, &[1]),
            (2, &[2, 1]),
            (3, &[3, 2, 1]),
            (2, &[2, 3, 1]),
            (1, &[1, 2, 3]),
            (4, &[4, 1, 2]),
            (2, &[2, 4, 1]),
            (5, &[5, 2, 4]),
            (4, &[4, 5, 2]),
            (6, &[6, 4, 5]),
        ];
        for &(key, want) in rows {
            assert_eq!(*lru.get_or_insert_with(key, || key * 10), key * 10);
            assert_eq!(lru.keys(), want, "{key}");
            assert_eq!(lru.count, want.len());
        }
    }

    #[test]
    fn it_is_a_list_whose_used_keys_come_to_its_front() {
        for (capacity, key_count) in [(1, 3), (5, 8), (40, 45), (40, 39), (300, 1000), (4096, 4500)] {
            let (mut lru, mut list) = (Alone::new(capacity), VecDeque::new());
            // The numbers of its entries begin again at 0 on the way.
            (lru.lru.oldest, lru.lru.end) = (u32::MAX - 100, u32::MAX - 100);
            let mut rng = Rng::from_seed(capacity as u64);
            for use_ in 0..if capacity < 1000 { 5_000_u64 } else { 30_000 } {
                // Some keys come again and again, and some differ in their high bits only, so that they share a bucket.
                let key = match rng.below(4) {
                    0 => rng.below(3),
                    1 => rng.below(key_count) << 40,
                    _ => rng.below(key_count),
                };
                let known = list.iter().position(|(there, _)| *there == key).and_then(|at| list.remove(at));
                let (_, value) = known.unwrap_or((key, use_));
                list.push_front((key, value));
                list.truncate(capacity);
                assert_eq!(*lru.get_or_insert_with(key, || use_), value);
            }
            assert_eq!(lru.keys(), list.iter().map(|(key, _)| *key).collect::<Vec<_>>());
            assert_eq!(lru.count, list.len());
        }
    }

    #[test]
    fn numbers_that_come_round_lead_to_nothing_that_is_gone() {
        let mut lru = Alone::new(40);
        let (often, seldom) = (|n: u64| n << 8 | 1, |n: u64| n << 8 | 2);
        for n in 0..140_000 {
            // One bucket is used all the time and another so seldom that the numbers have come round in between.
            if n % 65_500 < 3 {
                for key in [seldom(n), seldom(n.saturating_sub(65_500))] {
                    assert_eq!(*lru.get_or_insert_with(key, || key), key, "{n}");
                }
            }
            assert_eq!((lru.find(often(n)), lru.find(seldom(n + 1))), (None, None));
            lru.insert(often(n), often(n));
            for known in [n, n.saturating_sub(15), n.saturating_sub(30)] {
                assert!(lru.find(often(known)).is_some_and(|at| lru.ring[place(at)].value == often(known)));
            }
            assert!(n < 50 || lru.find(often(n - 50)).is_none());
        }
    }

    #[test]
    fn values_are_kept_and_forgotten_with_their_key() {
        let mut lru = Alone::new(1);
        *lru.get_or_insert_with(1, || 0) += 5;
        assert_eq!(*lru.get_or_insert_with(1, || 0), 5);
        lru.get_or_insert_with(2, || 0);
        assert_eq!(*lru.get_or_insert_with(1, || 7), 7);
    }
}
