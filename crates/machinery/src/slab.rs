//! Values at places: small numbers that stay the same as long as the value is there.
//!
//! The values lie in chunks, so that a burst of thousands copies none of them when room becomes short, and gives its room back.

/// How many values a chunk holds.
const CHUNK: usize = 256;

/// Values by place.
#[derive(Clone, Debug)]
pub struct Slab<T> {
    chunks: Vec<Vec<Option<T>>>,
    /// Places of values that were taken away; the last one is used next.
    free: Vec<u32>,
    /// How many places there are, with and without values.
    places: usize,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { chunks: Vec::new(), free: Vec::new(), places: 0 }
    }
}

impl<T> Slab<T> {
    /// How many values there are.
    #[inline]
    pub fn len(&self) -> usize {
        self.places - self.free.len()
    }

    /// Whether there is no value.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value at a place.
    #[inline]
    pub fn get(&self, place: usize) -> Option<&T> {
        self.chunks.get(place / CHUNK)?.get(place % CHUNK)?.as_ref()
    }

    /// The value at a place, to be changed.
    #[inline]
    pub fn get_mut(&mut self, place: usize) -> Option<&mut T> {
        self.chunks.get_mut(place / CHUNK)?.get_mut(place % CHUNK)?.as_mut()
    }

    /// Has the value at a place fetched from memory, for those who look at it soon.
    #[inline]
    pub fn fetch(&self, place: usize) {
        if let Some(value) = self.chunks.get(place / CHUNK).and_then(|chunk| chunk.get(place % CHUNK)) {
            seatrial_api::fetch(value);
        }
    }

    /// Puts a value in; returns its place.
    pub fn insert(&mut self, value: T) -> usize {
        if let Some(place) = self.free.pop() {
            let place = place as usize;
            self.chunks[place / CHUNK][place % CHUNK] = Some(value);
            return place;
        }
        let place = self.places;
        if place / CHUNK == self.chunks.len() {
            // Most have few values, and need no whole chunk.
            self.chunks.push(if place == 0 { Vec::new() } else { Vec::with_capacity(CHUNK) });
        }
        self.chunks[place / CHUNK].push(Some(value));
        self.places += 1;
        place
    }

    /// Takes a value away. Once there is none left, the first comes to the first place again.
    pub fn remove(&mut self, place: usize) -> Option<T> {
        let value = self.chunks.get_mut(place / CHUNK)?.get_mut(place % CHUNK)?.take()?;
        // Four thousand million values do not fit into memory.
        self.free.push(place as u32);
        if self.free.len() == self.places {
            self.clear();
        }
        Some(value)
    }

    /// Takes all values away, and gives the room back but for that of a few.
    pub fn clear(&mut self) {
        self.chunks.truncate(1);
        self.chunks.iter_mut().for_each(Vec::clear);
        self.free.clear();
        self.free.shrink_to(CHUNK);
        self.places = 0;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::Rng;

    /// Random values come and go; each is where it was put.
    #[test]
    fn values_stay_at_their_places() {
        let (mut rng, mut slab, mut map) = (Rng::from_seed(2), Slab::default(), BTreeMap::new());
        for (target, steps) in [(5, 300), (3_000, 20_000), (10, 300)] {
            for step in 0..steps {
                let one = map.keys().nth(rng.below(map.len() as u64 + 1) as usize).copied();
                if let Some(place) = one.filter(|_| rng.below(target) < map.len() as u64) {
                    assert_eq!(slab.remove(place), map.remove(&place));
                    assert_eq!((slab.remove(place), slab.get(place)), (None, None));
                } else {
                    let place = slab.insert(step);
                    assert_eq!(map.insert(place, step), None);
                }
                assert_eq!((slab.len(), slab.is_empty()), (map.len(), map.is_empty()));
                let asked = rng.below(2 * target) as usize;
                assert_eq!(slab.get(asked), map.get(&asked));
                assert_eq!(slab.get_mut(asked).copied(), map.get(&asked).copied());
            }
            while let Some((place, value)) = map.pop_first() {
                assert_eq!(slab.remove(place), Some(value));
            }
            assert!(slab.chunks.len() <= 1 && slab.free.is_empty() && slab.insert(0) == 0);
            slab.clear();
        }
    }
}
