//! A queue of events that is only appended to in the order in which it is emptied.
//!
//! Invariant: the front is a live event.

use crate::SimTime;
use crate::chunked_queue::ChunkedQueue;

/// Leftovers of cancelled events up to this number are never worth a sweep.
pub(crate) const LEFTOVERS_MIN: usize = 64;
/// Stands for the key of no event: later than all.
pub(crate) const NO_KEY: u128 = u128::MAX;

/// Time and seq as one number, in the order of popping.
#[inline]
pub(crate) fn order_key(at: SimTime, seq: u64) -> u128 {
    (u128::from(at.0) << 64) | u128::from(seq)
}

#[derive(Debug)]
struct Entry<E> {
    at: SimTime,
    seq: u64,
    /// None once it is cancelled.
    event: Option<E>,
}

#[derive(Debug)]
pub(crate) struct Fifo<E> {
    entries: ChunkedQueue<Entry<E>>,
    /// Cancelled events still in `entries`.
    n_leftovers: usize,
}

impl<E> Default for Fifo<E> {
    fn default() -> Self {
        Self { entries: ChunkedQueue::default(), n_leftovers: 0 }
    }
}

impl<E> Fifo<E> {
    /// The key of the front; [`NO_KEY`] where there is none.
    #[inline]
    pub(crate) fn front_key(&self) -> u128 {
        self.entries.front().map_or(NO_KEY, |entry| order_key(entry.at, entry.seq))
    }

    /// The time of the back; zero where there is none.
    #[inline]
    pub(crate) fn back_time(&self) -> SimTime {
        self.entries.back().map_or(SimTime::ZERO, |entry| entry.at)
    }

    /// The event so many places behind the front, unless it was cancelled.
    #[inline]
    pub(crate) fn behind_front(&self, n: usize) -> Option<&E> {
        self.entries.get(n)?.event.as_ref()
    }

    /// Puts an event behind all others.
    #[inline]
    pub(crate) fn push(&mut self, at: SimTime, seq: u64, event: E) {
        self.entries.push_back(Entry { at, seq, event: Some(event) });
    }

    /// Takes the front out.
    pub(crate) fn pop(&mut self) -> Option<E> {
        let event = self.entries.pop_front()?.event;
        self.tidy();
        event
    }

    /// Takes an event out before its turn; false when it is not there any more.
    pub(crate) fn cancel(&mut self, seq: u64) -> bool {
        let found = self.entries.binary_search_by_key(&seq, |entry| entry.seq);
        let live = found.and_then(|index| self.entries.get_mut(index)?.event.take()).is_some();
        if live {
            self.n_leftovers += 1;
            if self.n_leftovers > LEFTOVERS_MIN.max(self.entries.len() / 2) {
                self.entries.retain(|entry| entry.event.is_some());
                self.n_leftovers = 0;
            }
            self.tidy();
        }
        live
    }

    /// Drops leftovers from the front.
    fn tidy(&mut self) {
        while self.n_leftovers > 0 && self.entries.pop_front_if(|entry| entry.event.is_none()).is_some() {
            self.n_leftovers -= 1;
        }
    }

    /// How many entries are held, leftovers included.
    #[cfg(test)]
    pub(crate) fn held(&self) -> usize {
        self.entries.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_room_of_a_burst_is_given_back() {
        let mut fifo = Fifo::default();
        for burst in [10_000, 1_000] {
            (0..burst).for_each(|n| fifo.push(SimTime(n), n, n));
            assert!(fifo.entries.room() >= burst as usize);
            for n in 0..burst {
                assert_eq!((fifo.front_key(), fifo.pop()), (order_key(SimTime(n), n), Some(n)));
                let (room, len) = (fifo.entries.room(), fifo.entries.len());
                assert!(room <= len + 16, "{room} places for {len}");
            }
        }
        assert_eq!((fifo.front_key(), fifo.pop()), (NO_KEY, None));
    }
}
