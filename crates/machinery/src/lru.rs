//! A bounded map that drops what was used least recently. Keys are hashes.
//!
//! Stands for groupcache's lru.Cache, which client-go keeps its events in. Entries lie in the order of their use: a use appends
//! the entry once more and leaves the one before stale, so that the oldest is forgotten by passing it by. No use walks
//! to an entry's neighbours, and what is written lies side by side.

/// No entry: the end of a bucket.
const NONE: u32 = u32::MAX;
/// How many entries there is room for before the stale ones are looked for.
const ROOM_MIN: usize = 64;

#[derive(Clone, Debug)]
struct Entry<V> {
    key: u64,
    value: V,
    /// The entry of the same bucket that was appended before this one.
    next: u32,
    /// Whether the key has been used again: its value is in a later entry.
    is_stale: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Lru<V> {
    capacity: usize,
    /// The latest entry of each bucket; a power of two of them. The keys are hashes, so that their low bits choose.
    buckets: Vec<u32>,
    /// In the order of their use. Those before `oldest` are forgotten, which ends every bucket that comes to them.
    entries: Vec<Entry<V>>,
    oldest: usize,
    /// How many are neither forgotten nor stale.
    count: usize,
    /// At how many entries the forgotten and the stale ones are thrown away: at least twice as many as are left then, so
    /// that this costs each use little.
    room: usize,
}

impl<V: Default> Lru<V> {
    /// A map of at most `capacity` entries, and at least one.
    pub(crate) fn new(capacity: usize) -> Lru<V> {
        let capacity = capacity.clamp(1, NONE as usize / 2);
        Lru {
            capacity,
            buckets: vec![NONE; ROOM_MIN],
            entries: Vec::new(),
            oldest: 0,
            count: 0,
            room: ROOM_MIN,
        }
    }

    /// Where the value of a key lies until the next use.
    #[inline]
    pub(crate) fn find(&self, key: u64) -> Option<usize> {
        let mut at = self.buckets[self.bucket(key)];
        while let Some(entry) = self.entries.get(at as usize).filter(|_| at as usize >= self.oldest) {
            if entry.key == key {
                // The latest of a key comes first in its bucket.
                return Some(at as usize);
            }
            at = entry.next;
        }
        None
    }

    /// The value that was found at a place, from now on the most recently used one.
    #[inline]
    pub(crate) fn renew(&mut self, at: usize) -> &mut V {
        if at + 1 < self.entries.len() {
            let entry = &mut self.entries[at];
            entry.is_stale = true;
            let (key, value) = (entry.key, std::mem::take(&mut entry.value));
            self.append(key, value);
        }
        self.newest()
    }

    /// Puts in the value of a key that has none.
    #[inline]
    pub(crate) fn insert(&mut self, key: u64, value: V) -> &mut V {
        if self.count == self.capacity {
            self.forget_oldest();
        }
        self.count += 1;
        self.append(key, value);
        self.newest()
    }

    #[inline]
    fn bucket(&self, key: u64) -> usize {
        key as usize & (self.buckets.len() - 1)
    }

    #[inline]
    fn newest(&mut self) -> &mut V {
        let newest = self.entries.len() - 1;
        &mut self.entries[newest].value
    }

    #[inline]
    fn append(&mut self, key: u64, value: V) {
        if self.entries.len() == self.room {
            self.make_room();
        }
        let (bucket, at) = (self.bucket(key), self.entries.len() as u32);
        let next = std::mem::replace(&mut self.buckets[bucket], at);
        self.entries.push(Entry { key, value, next, is_stale: false });
    }

    #[inline]
    fn forget_oldest(&mut self) {
        while self.entries.get(self.oldest).is_some_and(|entry| entry.is_stale) {
            self.oldest += 1;
        }
        self.oldest += 1;
        self.count -= 1;
    }

    #[cold]
    fn make_room(&mut self) {
        self.entries.drain(..self.oldest);
        self.entries.retain(|entry| !entry.is_stale);
        self.oldest = 0;
        self.room = (2 * self.entries.len()).max(ROOM_MIN);
        self.buckets.clear();
        self.buckets.resize(self.room.next_power_of_two(), NONE);
        for at in 0..self.entries.len() {
            let bucket = self.bucket(self.entries[at].key);
            self.entries[at].next = std::mem::replace(&mut self.buckets[bucket], at as u32);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use seatrial_engine::Rng;

    use super::*;

    impl<V: Default> Lru<V> {
        fn get_or_insert_with(&mut self, key: u64, new: impl FnOnce() -> V) -> &mut V {
            match self.find(key) {
                Some(at) => self.renew(at),
                None => self.insert(key, new()),
            }
        }

        fn keys(&self) -> Vec<u64> {
            let left = self.entries[self.oldest..].iter().rev();
            left.filter(|entry| !entry.is_stale).map(|entry| entry.key).collect()
        }
    }

    #[test]
    fn least_recently_used_goes_first() {
        let mut lru = Lru::new(3);
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
        for (capacity, key_count) in [(1, 3), (5, 8), (40, 45), (40, 39), (300, 1000)] {
            let (mut lru, mut list) = (Lru::new(capacity), VecDeque::new());
            let mut rng = Rng::from_seed(capacity as u64);
            for use_ in 0..5_000_u64 {
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
                assert!(lru.entries.len() <= ROOM_MIN.max(2 * capacity), "what was used before takes no room for long");
            }
            assert_eq!(lru.keys(), list.iter().map(|(key, _)| *key).collect::<Vec<_>>());
            assert_eq!(lru.count, list.len());
        }
    }

    #[test]
    fn values_are_kept_and_forgotten_with_their_key() {
        let mut lru = Lru::new(1);
        *lru.get_or_insert_with(1, || 0) += 5;
        assert_eq!(*lru.get_or_insert_with(1, || 0), 5);
        lru.get_or_insert_with(2, || 0);
        assert_eq!(*lru.get_or_insert_with(1, || 7), 7);
    }
}
