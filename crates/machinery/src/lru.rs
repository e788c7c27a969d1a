//! A bounded map that drops what was used least recently. Keys are hashes, entries lie in one vector, no use allocates
//! once it is full.
//!
//! Stands for groupcache's lru.Cache, which client-go keeps its events in.

use rustc_hash::FxHashMap;

/// No entry: the end of the list.
const NONE: u32 = u32::MAX;

#[derive(Clone, Debug)]
struct Entry<V> {
    key: u64,
    value: V,
    /// The entry used just after this one.
    newer: u32,
    /// The entry used just before this one.
    older: u32,
}

#[derive(Clone, Debug)]
pub(crate) struct Lru<V> {
    capacity: usize,
    index: FxHashMap<u64, u32>,
    entries: Vec<Entry<V>>,
    newest: u32,
    oldest: u32,
}

impl<V> Lru<V> {
    /// A map of at most `capacity` entries, and at least one.
    pub(crate) fn new(capacity: usize) -> Lru<V> {
        let capacity = capacity.clamp(1, NONE as usize);
        Lru { capacity, index: FxHashMap::default(), entries: Vec::new(), newest: NONE, oldest: NONE }
    }

    /// The key's value, made by `new` if there is none, and from now on the most recently used one.
    pub(crate) fn get_or_insert_with(&mut self, key: u64, new: impl FnOnce() -> V) -> &mut V {
        let slot = match self.index.get(&key) {
            Some(&slot) => {
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

    fn insert(&mut self, key: u64, value: V) -> u32 {
        let slot = if self.entries.len() < self.capacity {
            self.entries.push(Entry { key, value, newer: NONE, older: NONE });
            (self.entries.len() - 1) as u32
        } else {
            let slot = self.oldest;
            self.unlink(slot);
            let entry = &mut self.entries[slot as usize];
            self.index.remove(&entry.key);
            entry.key = key;
            entry.value = value;
            slot
        };
        self.index.insert(key, slot);
        self.link_newest(slot);
        slot
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
            assert_eq!((lru.index.len(), lru.entries.len()), (want.len(), want.len()));
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
