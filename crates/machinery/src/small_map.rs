//! A map that is mostly nearly empty: up to a few keys lie side by side and are compared, the others are hashed.
//!
//! A controller's queue holds a key or two at most times, and comparing two names costs less than hashing one. Nothing
//! iterates over it, so that the order in it means nothing.

use std::hash::Hash;

use rustc_hash::FxHashMap;

/// How many keys are compared rather than hashed.
const FEW: usize = 4;

#[derive(Clone, Debug)]
pub(crate) struct SmallMap<K, V> {
    few: Vec<(K, V)>,
    many: FxHashMap<K, V>,
}

impl<K, V> Default for SmallMap<K, V> {
    fn default() -> Self {
        Self { few: Vec::new(), many: FxHashMap::default() }
    }
}

impl<K, V> SmallMap<K, V> {
    pub(crate) fn len(&self) -> usize {
        self.few.len() + self.many.len()
    }
}

impl<K: Eq + Hash, V> SmallMap<K, V> {
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        match self.few.iter().find(|(k, _)| k == key) {
            Some((_, value)) => Some(value),
            None if self.many.is_empty() => None,
            None => self.many.get(key),
        }
    }

    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        match self.few.iter().position(|(k, _)| k == key) {
            Some(index) => self.few.get_mut(index).map(|(_, value)| value),
            None if self.many.is_empty() => None,
            None => self.many.get_mut(key),
        }
    }

    /// Puts a value at a key.
    pub(crate) fn insert(&mut self, key: K, value: V) {
        if let Some(there) = self.get_mut(&key) {
            *there = value;
        } else {
            self.insert_new(key, value);
        }
    }

    /// Puts a value at a key that has none.
    pub(crate) fn insert_new(&mut self, key: K, value: V) {
        if self.few.len() < FEW {
            self.few.push((key, value));
        } else {
            self.many.insert(key, value);
        }
    }

    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        match self.few.iter().position(|(k, _)| k == key) {
            Some(index) => Some(self.few.swap_remove(index).1),
            None if self.many.is_empty() => None,
            None => self.many.remove(key),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn it_is_a_map_whatever_its_size() {
        let (mut map, mut model) = (SmallMap::default(), BTreeMap::new());
        let mut bits = 7_u64;
        for step in 0..2000_u64 {
            bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            // More is put in than taken out in the first half, and less in the second.
            let (key, grows) = ((bits >> 40) % 12, (bits >> 60) % 4 < if step < 1000 { 3 } else { 1 });
            if grows {
                map.insert(key, step);
                model.insert(key, step);
            } else {
                assert_eq!(map.remove(&key), model.remove(&key));
            }
            for key in 0..12 {
                assert_eq!(map.get(&key), model.get(&key));
                assert_eq!(map.get_mut(&key).copied(), model.get(&key).copied());
            }
            assert_eq!((map.len(), map.is_empty()), (model.len(), model.is_empty()));
        }
    }
}
