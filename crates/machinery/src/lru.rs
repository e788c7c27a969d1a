//! A bounded map that drops what was used least recently. Keys are hashes, entries lie in one vector, no use allocates
//! once it is full.
//!
//! Stands for groupcache's lru.Cache, which client-go keeps its events in.

/// No entry: the end of the list.
const NONE: u32 = u32::MAX;
const BUCKET_COUNT_MIN: usize = 64;

#[derive(Clone, Debug)]
struct Entry<V> {
    key: u64,
    value: V,
    /// The entry used just after this one.
    newer: u32,
    /// The entry used just before this one.
    older: u32,
    /// The next entry of the same bucket.
    next: u32,
}

#[derive(Clone, Debug)]
pub(crate) struct Lru<V> {
    capacity: usize,
    /// The first entry of each bucket; a power of two of them. The keys are hashes, so that their low bits choose.
    buckets: Vec<u32>,
    entries: Vec<Entry<V>>,
    newest: u32,
    oldest: u32,
}

impl<V> Lru<V> {
    /// A map of at most `capacity` entries, and at least one.
    pub(crate) fn new(capacity: usize) -> Lru<V> {
        let capacity = capacity.clamp(1, NONE as usize);
        Lru { capacity, buckets: vec![NONE; BUCKET_COUNT_MIN], entries: Vec::new(), newest: NONE, oldest: NONE }
    }

    /// The key's value, made by `new` if there is none, and from now on the most recently used one.
    pub(crate) fn get_or_insert_with(&mut self, key: u64, new: impl FnOnce() -> V) -> &mut V {
        let slot = match self.find(key) {
            Some(slot) => {
                if slot != self.newest {
                    self.unlink(slot);
                    self.link_newest(slot);
                }
                slot
            }
            None => self.insert(key, new()),
        };
        &mut self.entries[slot as usize].value
    }

    fn bucket(&self, key: u64) -> usize {
        key as usize & (self.buckets.len() - 1)
    }

    fn find(&self, key: u64) -> Option<u32> {
        let mut slot = self.buckets[self.bucket(key)];
        while let Some(entry) = self.entries.get(slot as usize) {
            if entry.key == key {
                return Some(slot);
            }
            slot = entry.next;
        }
        None
    }

    fn insert(&mut self, key: u64, value: V) -> u32 {
        let slot = if self.entries.len() < self.capacity {
            if self.entries.len() == self.buckets.len() {
                self.grow();
            }
            self.entries.push(Entry { key, value, newer: NONE, older: NONE, next: NONE });
            (self.entries.len() - 1) as u32
        } else {
            let slot = self.oldest;
            self.unlink(slot);
            self.leave_bucket(slot);
            let entry = &mut self.entries[slot as usize];
            entry.key = key;
            entry.value = value;
            slot
        };
        self.enter_bucket(slot);
        self.link_newest(slot);
        slot
    }

    fn grow(&mut self) {
        self.buckets = vec![NONE; 4 * self.buckets.len()];
        for slot in 0..self.entries.len() {
            self.enter_bucket(slot as u32);
        }
    }

    fn enter_bucket(&mut self, slot: u32) {
        let bucket = self.bucket(self.entries[slot as usize].key);
        self.entries[slot as usize].next = std::mem::replace(&mut self.buckets[bucket], slot);
    }

    fn leave_bucket(&mut self, slot: u32) {
        let Entry { key, next, .. } = self.entries[slot as usize];
        let bucket = self.bucket(key);
        if self.buckets[bucket] == slot {
            self.buckets[bucket] = next;
            return;
        }
        let mut before = self.buckets[bucket];
        while let Some(entry) = self.entries.get_mut(before as usize) {
            if entry.next == slot {
                entry.next = next;
                return;
            }
            before = entry.next;
        }
    }

    fn unlink(&mut self, slot: u32) {
        let Entry { newer, older, .. } = self.entries[slot as usize];
        match self.entries.get_mut(newer as usize) {
            Some(entry) => entry.older = older,
            None => self.newest = older,
        }
        match self.entries.get_mut(older as usize) {
            Some(entry) => entry.newer = newer,
            None => self.oldest = newer,
        }
    }

    fn link_newest(&mut self, slot: u32) {
        let older = self.newest;
        let entry = &mut self.entries[slot as usize];
        entry.newer = NONE;
        entry.older = older;
        match self.entries.get_mut(older as usize) {
            Some(entry) => entry.newer = slot,
            None => self.oldest = slot,
        }
        self.newest = slot;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(lru: &Lru<u64>) -> Vec<u64> {
        let mut keys = Vec::new();
        let mut slot = lru.newest;
        while let Some(entry) = lru.entries.get(slot as usize) {
            keys.push(entry.key);
            slot = entry.older;
        }
        keys
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
            assert_eq!(keys(&lru), want, "{key}");
            assert_eq!(lru.entries.len(), want.len());
        }
    }

    #[test]
    fn every_key_is_found_however_many_there_are() {
        // Keys that differ in their high bits only share a bucket.
        for shift in [0, 3, 40] {
            let mut lru = Lru::new(300);
            for key in 0..1000_u64 {
                assert_eq!(*lru.get_or_insert_with(key << shift, || key), key);
                let oldest = (key + 1).saturating_sub(300);
                assert!((oldest..=key).all(|known| lru.find(known << shift).is_some()));
                assert!(oldest == 0 || lru.find((oldest - 1) << shift).is_none());
            }
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
