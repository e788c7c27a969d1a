//! The pods of the queue by their slots.
//!
//! Pods that came one after the other lie side by side, and are mostly tried in that order: a table by hashes would have the
//! processor wait for its memory at each of them.

use seatrial_api::Slot;
use seatrial_machinery::Slab;

use crate::queue::QueuedPod;

/// After how many pods at once the room is given back.
const ROOM_KEPT: usize = 1024;

/// Pods by slot.
#[derive(Debug, Default)]
pub(crate) struct PodTable {
    /// By slot: one more than the place of its pod, or 0.
    places: Vec<u32>,
    pods: Slab<QueuedPod>,
    /// How many pods there were at most since there was none.
    most: usize,
}

impl PodTable {
    #[inline]
    fn place(&self, slot: Slot) -> Option<usize> {
        self.places.get(slot.index()?)?.checked_sub(1).map(|place| place as usize)
    }

    #[inline]
    pub(crate) fn get(&self, slot: Slot) -> Option<&QueuedPod> {
        self.pods.get(self.place(slot)?)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, slot: Slot) -> Option<&mut QueuedPod> {
        self.pods.get_mut(self.place(slot)?)
    }

    /// Has the pod at a slot fetched from memory.
    #[inline]
    pub(crate) fn fetch(&self, slot: Slot) {
        if let Some(place) = self.place(slot) {
            self.pods.fetch(place);
        }
    }

    /// Puts a pod at a slot that has none. A pod that was never stored has no place here.
    pub(crate) fn insert(&mut self, slot: Slot, pod: QueuedPod) {
        let Some(index) = slot.index() else { return };
        if index >= self.places.len() {
            self.places.resize(index + 1, 0);
        }
        // There are no more places than slots, which are numbers of this size.
        self.places[index] = self.pods.insert(pod) as u32 + 1;
        self.most = self.most.max(self.pods.len());
    }

    /// Takes the pod at a slot away.
    pub(crate) fn remove(&mut self, slot: Slot) -> Option<QueuedPod> {
        let place = self.place(slot)?;
        self.places[slot.index()?] = 0;
        let pod = self.pods.remove(place);
        if self.pods.is_empty() {
            if self.most > ROOM_KEPT {
                // A burst is over: its room would otherwise stay as long as the cluster.
                *self = Self::default();
            }
            self.most = 0;
        }
        pod
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use seatrial_machinery::Rng;

    use super::*;
    use crate::queue::tests::queued;

    /// Against a tree, with few pods and with many, and with nothing left in between.
    #[test]
    fn pods_lie_at_their_slots_and_leave_no_room_behind() {
        let (mut rng, mut table, mut tree) = (Rng::from_seed(4), PodTable::default(), BTreeSet::new());
        for (slots, steps) in [(8, 400), (9_000, 40_000), (3, 400)] {
            for _ in 0..steps {
                let slot = Slot::at(rng.below(slots) as usize);
                if rng.below(3) == 0 {
                    assert_eq!(table.remove(slot).is_some(), tree.remove(&slot));
                } else if tree.insert(slot) {
                    table.insert(slot, queued(slot));
                }
                let asked = Slot::at(rng.below(slots) as usize);
                assert_eq!(table.get(asked).map(QueuedPod::slot), tree.get(&asked).copied());
                assert_eq!(table.get_mut(asked).is_some(), tree.contains(&asked));
            }
            while let Some(slot) = tree.pop_first() {
                assert!(table.remove(slot).is_some());
            }
            assert!(table.pods.is_empty() && table.places.capacity() <= ROOM_KEPT);
        }
        table.insert(Slot::NONE, queued(Slot::NONE));
        assert!(table.get(Slot::NONE).is_none() && table.remove(Slot::NONE).is_none());
    }
}
