//! One lane of the event queue: events of one kind, popped by (time, seq).
//!
//! Three places hold them. What is due at the present instant lies in a plain queue: most events are of that kind.
//! A timer of the future lies in a *run*, a queue that is only appended to in order of time: a simulation has few
//! different delays, so a few runs take nearly all of them and cost no sift. What fits behind no run lies in a binary
//! heap, as three words; its event lies in a slot beside, which a cancelled timer gives back at once. What is left of it
//! in the heap is dropped when it comes to the front, or when half of all is leftovers.
//!
//! Invariant: the front of each queue and of the heap is a live event, and `head` is the least of them.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use crate::SimTime;
pub(crate) use crate::fifo::LEFTOVERS_MIN;
use crate::fifo::{Fifo, NO_KEY, order_key};

/// How many runs there are: each is looked at once a push and once a pop.
const RUNS: usize = 8;
/// Stands for the slot of an event that is due.
const DUE: u32 = u32::MAX;
/// From here on numbers stand for runs.
const FIRST_RUN: u32 = DUE - RUNS as u32;

#[derive(Debug)]
pub(crate) struct Lane<E> {
    due: Fifo<E>,
    runs: [Fifo<E>; RUNS],
    /// The key of each run's front, side by side so that finding the least touches no queue.
    run_fronts: [u128; RUNS],
    /// The time of each run's back; zero for an empty run, which fits any timer but worse than all others.
    run_backs: [SimTime; RUNS],
    heap: BinaryHeap<Entry>,
    slots: Vec<Slot<E>>,
    free_slots: Vec<u32>,
    head: Head,
    /// Live events in all.
    len: usize,
    /// Cancelled timers still in `heap`.
    n_leftovers: usize,
}

#[derive(Debug)]
struct Slot<E> {
    /// Whose event this is. An entry with another seq is a leftover.
    seq: u64,
    event: Option<E>,
}

impl<E> Slot<E> {
    fn is_live(&self, seq: u64) -> bool {
        self.seq == seq && self.event.is_some()
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Entry {
    at: SimTime,
    seq: u64,
    slot: u32,
}

impl Entry {
    fn is_live<E>(&self, slots: &[Slot<E>]) -> bool {
        slots[self.slot as usize].is_live(self.seq)
    }
}

impl Ord for Entry {
    /// Reversed: the heap's greatest is the earliest.
    fn cmp(&self, other: &Entry) -> Ordering {
        (other.at, other.seq).cmp(&(self.at, self.seq))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Entry) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The lane's next event and where it lies.
#[derive(Clone, Copy, Debug)]
struct Head {
    key: u128,
    place: Place,
}

#[derive(Clone, Copy, Debug)]
enum Place {
    Due,
    Run(usize),
    Heap,
}

impl<E> Lane<E> {
    pub(crate) fn new() -> Lane<E> {
        Lane {
            due: Fifo::default(),
            runs: Default::default(),
            run_fronts: [NO_KEY; RUNS],
            run_backs: [SimTime::ZERO; RUNS],
            heap: BinaryHeap::new(),
            slots: Vec::new(),
            free_slots: Vec::new(),
            head: Head { key: NO_KEY, place: Place::Due },
            len: 0,
            n_leftovers: 0,
        }
    }

    /// How many events wait.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The (time, seq) of the next event.
    #[inline]
    pub(crate) fn head(&self) -> Option<(SimTime, u64)> {
        let key = self.head.key;
        (key != NO_KEY).then_some((SimTime((key >> 64) as u64), key as u64))
    }

    /// Puts an event in and returns where it lies. `seq` is greater than all before it.
    pub(crate) fn push(&mut self, now: SimTime, at: SimTime, seq: u64, event: E) -> u32 {
        self.len += 1;
        let (at, slot, place) = if at <= now {
            self.due.push(now, seq, event);
            (now, DUE, Place::Due)
        } else {
            match self.run_for(at) {
                Some(index) => {
                    self.run_fronts[index] = self.run_fronts[index].min(order_key(at, seq));
                    self.run_backs[index] = at;
                    self.runs[index].push(at, seq, event);
                    (at, FIRST_RUN + index as u32, Place::Run(index))
                }
                None => {
                    let slot = self.fill_slot(seq, event);
                    self.heap.push(Entry { at, seq, slot });
                    (at, slot, Place::Heap)
                }
            }
        };
        let key = order_key(at, seq);
        if key < self.head.key {
            self.head = Head { key, place };
        }
        slot
    }

    fn fill_slot(&mut self, seq: u64, event: E) -> u32 {
        let filled = Slot { seq, event: Some(event) };
        if let Some(slot) = self.free_slots.pop() {
            self.slots[slot as usize] = filled;
            return slot;
        }
        self.slots.push(filled);
        // Four thousand million slots do not fit into memory.
        (self.slots.len() - 1) as u32
    }

    /// The latest run that ends before a timer, so that short delays keep runs of their own.
    fn run_for(&self, at: SimTime) -> Option<usize> {
        let (mut best, mut best_back) = (None, SimTime::ZERO);
        for (index, &back) in self.run_backs.iter().enumerate() {
            if back <= at && back >= best_back {
                (best, best_back) = (Some(index), back);
            }
        }
        best
    }

    /// Notes a run's front and back after one of its events was taken.
    fn refresh_run(&mut self, index: usize) {
        let run = &self.runs[index];
        (self.run_fronts[index], self.run_backs[index]) = (run.front_key(), run.back_time());
    }

    /// Takes out the next event.
    pub(crate) fn pop(&mut self) -> Option<(SimTime, E)> {
        let (at, _) = self.head()?;
        let event = match self.head.place {
            Place::Due => self.due.pop(),
            Place::Run(index) => {
                let event = self.runs[index].pop();
                self.refresh_run(index);
                event
            }
            Place::Heap => {
                let slot = self.heap.pop()?.slot;
                let event = self.empty_slot(slot);
                self.drop_heap_leftovers();
                event
            }
        };
        self.find_head();
        self.len -= 1;
        event.map(|event| (at, event))
    }

    /// The event so many places behind the next one where that lies.
    #[inline]
    pub(crate) fn ahead(&self, n: usize) -> Option<&E> {
        match self.head.place {
            Place::Due => self.due.behind_front(n),
            Place::Run(index) => self.runs[index].behind_front(n),
            Place::Heap => None,
        }
    }

    fn empty_slot(&mut self, slot: u32) -> Option<E> {
        self.free_slots.push(slot);
        self.slots[slot as usize].event.take()
    }

    /// Takes an event out before its time. False when it is not there any more.
    pub(crate) fn cancel(&mut self, seq: u64, slot: u32) -> bool {
        let live = match slot.checked_sub(FIRST_RUN).map(|index| index as usize) {
            Some(RUNS) => self.due.cancel(seq),
            Some(index) => {
                let live = self.runs[index].cancel(seq);
                self.refresh_run(index);
                live
            }
            None => self.cancel_in_heap(seq, slot),
        };
        if live {
            self.len -= 1;
            if self.head.key as u64 == seq {
                self.find_head();
            }
        }
        live
    }

    fn cancel_in_heap(&mut self, seq: u64, slot: u32) -> bool {
        if !self.slots.get(slot as usize).is_some_and(|slot| slot.is_live(seq)) {
            return false;
        }
        self.empty_slot(slot);
        self.n_leftovers += 1;
        if self.n_leftovers > LEFTOVERS_MIN.max(self.heap.len() / 2) {
            // Done so seldom that it costs a cancellation no more than a few steps.
            let slots = &self.slots;
            self.heap.retain(|entry| entry.is_live(slots));
            self.n_leftovers = 0;
        }
        self.drop_heap_leftovers();
        true
    }

    fn drop_heap_leftovers(&mut self) {
        while self.n_leftovers > 0 && self.heap.peek().is_some_and(|entry| !entry.is_live(&self.slots)) {
            self.heap.pop();
            self.n_leftovers -= 1;
        }
    }

    fn find_head(&mut self) {
        let (mut key, mut run) = (NO_KEY, 0);
        for (index, &front) in self.run_fronts.iter().enumerate() {
            if front < key {
                (key, run) = (front, index);
            }
        }
        let mut head = Head { key, place: Place::Run(run) };
        if let Some(entry) = self.heap.peek() {
            let key = order_key(entry.at, entry.seq);
            if key < head.key {
                head = Head { key, place: Place::Heap };
            }
        }
        let key = self.due.front_key();
        if key < head.key {
            head = Head { key, place: Place::Due };
        }
        self.head = head;
    }

    /// How many entries and slots are held, leftovers included.
    #[cfg(test)]
    pub(crate) fn held(&self) -> usize {
        let n_runs: usize = self.runs.iter().map(Fifo::held).sum();
        self.slots.len().max(self.heap.len()) + n_runs + self.due.held()
    }
}
