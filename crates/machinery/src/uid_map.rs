//! Values by uid, of which those that were asked for last are found without a search.
//!
//! Thousands of pods ask for the same few owners one after the other. Nothing iterates over it, so that the order in it
//! means nothing.

use std::cell::Cell;

use rustc_hash::FxHashMap;
use seatrial_api::Uid;

/// Of how many uids it is remembered where they lie.
const GUESSES: usize = 8;

/// A map by uid.
#[derive(Clone, Debug)]
pub struct UidMap<V> {
    entries: Vec<Option<(Uid, V)>>,
    /// The places of entries that were removed.
    free: Vec<u32>,
    places: FxHashMap<Uid, u32>,
    /// Where uids lay that were asked for last, each at a place of its own number's.
    guesses: [Cell<u32>; GUESSES],
}

impl<V> Default for UidMap<V> {
    fn default() -> Self {
        Self { entries: Vec::new(), free: Vec::new(), places: FxHashMap::default(), guesses: Default::default() }
    }
}

impl<V> UidMap<V> {
    #[inline]
    fn place(&self, uid: &Uid) -> Option<usize> {
        let guess = &self.guesses[uid.as_u64() as usize % GUESSES];
        let there = self.entries.get(guess.get() as usize).and_then(Option::as_ref);
        if there.is_some_and(|(there, _)| there == uid) {
            return Some(guess.get() as usize);
        }
        let place = *self.places.get(uid)?;
        guess.set(place);
        Some(place as usize)
    }

    /// The value of a uid.
    #[inline]
    pub fn get(&self, uid: &Uid) -> Option<&V> {
        self.entries[self.place(uid)?].as_ref().map(|(_, value)| value)
    }

    /// The value of a uid, to be changed.
    #[inline]
    pub fn get_mut(&mut self, uid: &Uid) -> Option<&mut V> {
        let place = self.place(uid)?;
        self.entries[place].as_mut().map(|(_, value)| value)
    }

    /// The values, to be changed, in the order of their places: what came first comes first, but for the places of those that
    /// went.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.entries.iter_mut().flatten().map(|(_, value)| value)
    }

    /// The value of a uid, made where there is none.
    pub fn get_or_insert_with(&mut self, uid: &Uid, make: impl FnOnce() -> V) -> &mut V {
        let place = match self.place(uid) {
            Some(place) => place,
            None => {
                let place = self.free.pop().unwrap_or(self.entries.len() as u32);
                if place as usize == self.entries.len() {
                    self.entries.push(None);
                }
                self.places.insert(uid.clone(), place);
                place as usize
            }
        };
        &mut self.entries[place].get_or_insert_with(|| (uid.clone(), make())).1
    }

    /// Takes the value of a uid away.
    pub fn remove(&mut self, uid: &Uid) -> Option<V> {
        let place = self.places.remove(uid)?;
        let (_, value) = self.entries[place as usize].take()?;
        if self.places.is_empty() {
            // A burst is over: its room would otherwise stay as long as the map.
            (self.entries, self.free) = Default::default();
        } else {
            self.free.push(place);
        }
        Some(value)
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }
}

impl<V: Default> UidMap<V> {
    /// The value of a uid, the usual one where there is none.
    pub fn get_or_default(&mut self, uid: &Uid) -> &mut V {
        self.get_or_insert_with(uid, V::default)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn it_is_a_map_whatever_is_remembered() {
        let (mut map, mut model) = (UidMap::<u64>::default(), BTreeMap::<u64, u64>::new());
        let mut bits = 7_u64;
        for step in 0..4000_u64 {
            bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            // More is put in than taken out in the first half, and less in the second; all goes at times.
            let (number, grows) = ((bits >> 40) % 24, (bits >> 60) % 4 < if step % 400 < 200 { 3 } else { 1 });
            let uid = Uid::from_counter(3, number);
            if grows {
                *map.get_or_default(&uid) += step;
                *model.entry(number).or_default() += step;
            } else {
                assert_eq!(map.remove(&uid), model.remove(&number));
            }
            for number in 0..24 {
                let uid = Uid::from_counter(3, number);
                assert_eq!(map.get(&uid), model.get(&number));
                assert_eq!(map.get_mut(&uid).copied(), model.get(&number).copied());
            }
            assert_eq!((map.len(), map.is_empty()), (model.len(), model.is_empty()));
            assert!(map.entries.len() <= 24 && map.free.len() + map.len() == map.entries.len());
        }
    }
}
