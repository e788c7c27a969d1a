//! Pods in the order of their turns.

use std::cmp::Reverse;
use std::collections::{BTreeSet, VecDeque};

use seatrial_api::Slot;
use seatrial_machinery::SimTime;

/// The place of a pod among others: the highest priority first, then the longest wait, then who came first.
/// Mirrors `PrioritySort`. The slot says whose place it is.
pub(crate) type Place = (Reverse<i32>, SimTime, u64, Slot);

/// How many places there is room for at any time.
const ROOM_KEPT: usize = 64;

/// Places in their order. Nearly every pod comes behind all that are there, and the first one goes: that is a plain queue,
/// and what fits behind it is kept beside it.
#[derive(Debug)]
pub(crate) struct Lineup<P = Place> {
    /// In order.
    run: VecDeque<P>,
    others: BTreeSet<P>,
}

impl<P> Default for Lineup<P> {
    fn default() -> Self {
        Self { run: VecDeque::new(), others: BTreeSet::new() }
    }
}

impl<P: Ord> Lineup<P> {
    pub(crate) fn is_empty(&self) -> bool {
        self.run.is_empty() && self.others.is_empty()
    }

    pub(crate) fn insert(&mut self, place: P) {
        if self.run.back().is_none_or(|last| *last < place) {
            self.run.push_back(place);
        } else {
            self.others.insert(place);
        }
    }

    pub(crate) fn pop_first(&mut self) -> Option<P> {
        match (self.run.front(), self.others.first()) {
            (Some(a), Some(b)) if b < a => self.others.pop_first(),
            (None, _) => self.others.pop_first(),
            (Some(_), _) => self.pop_run(),
        }
    }

    /// The first one, unless one of those beside the queue comes before it.
    pub(crate) fn peek(&self) -> Option<&P> {
        self.run.front().or_else(|| self.others.first())
    }

    fn pop_run(&mut self) -> Option<P> {
        let first = self.run.pop_front();
        if self.run.is_empty() {
            // A burst is over: its room would otherwise stay as long as the cluster.
            self.run.shrink_to(ROOM_KEPT);
        }
        first
    }

    pub(crate) fn remove(&mut self, place: &P) {
        if self.run.front() == Some(place) {
            self.pop_run();
        } else if self.run.binary_search(place).is_ok() {
            // A place is moved once at most, and then costs no search through the queue.
            self.others.extend(self.run.drain(..));
            self.others.remove(place);
        } else {
            self.others.remove(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use seatrial_machinery::Rng;

    use super::*;

    /// Against a set, which is in order whatever comes and goes.
    #[test]
    fn places_come_in_their_order_whatever_comes_and_goes() {
        let (mut rng, mut lineup, mut set) = (Rng::from_seed(5), Lineup::<Place>::default(), BTreeSet::new());
        for seq in 0..20_000u64 {
            match rng.below(8) {
                0..3 => {
                    // Most are of one priority, and time goes on.
                    let priority = if rng.below(6) == 0 { 5 } else { 0 };
                    let place = (Reverse(priority), SimTime::from_millis(seq / 7), seq, Slot::at(seq as usize));
                    lineup.insert(place);
                    set.insert(place);
                }
                3 => {
                    let earlier = (Reverse(0), SimTime::from_millis(rng.below(seq + 1)), seq, Slot::at(seq as usize));
                    lineup.insert(earlier);
                    set.insert(earlier);
                }
                4 => {
                    let nth = rng.below(set.len() as u64 + 1) as usize;
                    if let Some(place) = set.iter().nth(nth).copied() {
                        set.remove(&place);
                        lineup.remove(&place);
                    }
                }
                _ => assert_eq!(lineup.pop_first(), set.pop_first(), "{seq}"),
            }
            assert_eq!(lineup.is_empty(), set.is_empty(), "{seq}");
        }
        assert_eq!(std::iter::from_fn(|| lineup.pop_first()).collect::<Vec<Place>>(), Vec::from_iter(set));
    }
}
