//! One lane of the event queue: events of one kind, popped by (time, seq).
//!
//! Three places hold them. What is due at the present instant lies in a plain queue: most events are of that kind.
//! A timer of the future lies in a *run*, a queue that is only appended to in order of time: a simulation has few
//! different delays, so a few runs take nearly all of them and cost no sift. What fits behind no run lies in a binary
//! heap. A timer's entry is three words; its event lies in a slot beside, which a cancelled timer gives back at once.
//! What is left of it in a run or in the heap is dropped when it comes to the front, or when half of all is leftovers.
//!
//! Invariant: the front of the queue, of each run and of the heap is a live event, and `head` is the least of them.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, VecDeque};

use crate::SimTime;

/// Leftovers of cancelled timers up to this number are never worth a sweep.
pub(crate) const LEFTOVERS_MIN: usize = 64;
/// How many runs there are: each is looked at once a push and once a pop.
const RUNS: usize = 8;
/// Stands for the key of no event: later than all.
const NO_KEY: u128 = u128::MAX;
/// Stands for the slot of an event that is due and has none.
const NO_SLOT: u32 = u32::MAX;

#[derive(Debug)]
pub(crate) struct Lane<E> {
    due: VecDeque<Due<E>>,
    runs: [VecDeque<Entry>; RUNS],
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
    /// Cancelled events still in `due`.
    n_due_leftovers: usize,
    /// Cancelled timers still in `runs` and `heap`.
    n_timer_leftovers: usize,
}

/// An event of the present instant, which cannot pass before it is popped.
#[derive(Debug)]
struct Due<E> {
    at: SimTime,
    seq: u64,
    /// None once it is cancelled.
    event: Option<E>,
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

/// Time and seq as one number, in the order of popping.
#[inline]
fn order_key(at: SimTime, seq: u64) -> u128 {
    (u128::from(at.0) << 64) | u128::from(seq)
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
            due: VecDeque::new(),
            runs: Default::default(),
            run_fronts: [NO_KEY; RUNS],
            run_backs: [SimTime::ZERO; RUNS],
            heap: BinaryHeap::new(),
            slots: Vec::new(),
            free_slots: Vec::new(),
            head: Head { key: NO_KEY, place: Place::Due },
            len: 0,
            n_due_leftovers: 0,
            n_timer_leftovers: 0,
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

    /// Puts an event in and returns its slot. `seq` is greater than all before it.
    pub(crate) fn push(&mut self, now: SimTime, at: SimTime, seq: u64, event: E) -> u32 {
        self.len += 1;
        let (at, slot, place) = if at <= now {
            self.due.push_back(Due { at: now, seq, event: Some(event) });
            (now, NO_SLOT, Place::Due)
        } else {
            let slot = self.fill_slot(seq, event);
            (at, slot, self.place(Entry { at, seq, slot }))
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

    /// Lays a timer behind the latest run that ends before it, so that short delays keep runs of their own.
    fn place(&mut self, entry: Entry) -> Place {
        let (mut best, mut best_back) = (RUNS, SimTime::ZERO);
        for (index, &back) in self.run_backs.iter().enumerate() {
            if back <= entry.at && back >= best_back {
                (best, best_back) = (index, back);
            }
        }
        if best == RUNS {
            self.heap.push(entry);
            return Place::Heap;
        }
        self.run_fronts[best] = self.run_fronts[best].min(order_key(entry.at, entry.seq));
        self.run_backs[best] = entry.at;
        self.runs[best].push_back(entry);
        Place::Run(best)
    }

    /// Notes a run's front and back after its front was taken.
    fn refresh_run(&mut self, index: usize) {
        let run = &self.runs[index];
        self.run_fronts[index] = run.front().map_or(NO_KEY, |entry| order_key(entry.at, entry.seq));
        self.run_backs[index] = run.back().map_or(SimTime::ZERO, |entry| entry.at);
    }

    /// Takes out the next event.
    pub(crate) fn pop(&mut self) -> Option<(SimTime, E)> {
        let (at, _) = self.head()?;
        let event = match self.head.place {
            Place::Due => {
                let event = self.due.pop_front()?.event;
                self.drop_due_leftovers();
                event
            }
            Place::Run(index) => {
                let slot = self.runs[index].pop_front()?.slot;
                let event = self.empty_slot(slot);
                self.drop_run_leftovers(index);
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

    fn empty_slot(&mut self, slot: u32) -> Option<E> {
        self.free_slots.push(slot);
        self.slots[slot as usize].event.take()
    }

    /// Takes an event out before its time. False when it is not there any more.
    pub(crate) fn cancel(&mut self, seq: u64, slot: u32) -> bool {
        let live = if slot == NO_SLOT { self.cancel_due(seq) } else { self.cancel_timer(seq, slot) };
        if live {
            self.len -= 1;
            if self.head.key as u64 == seq {
                self.find_head();
            }
        }
        live
    }

    fn cancel_due(&mut self, seq: u64) -> bool {
        let found = self.due.binary_search_by_key(&seq, |due| due.seq).ok();
        let live = found.is_some_and(|index| self.due[index].event.take().is_some());
        if live {
            self.n_due_leftovers += 1;
            self.drop_due_leftovers();
        }
        live
    }

    fn cancel_timer(&mut self, seq: u64, slot: u32) -> bool {
        if !self.slots.get(slot as usize).is_some_and(|slot| slot.is_live(seq)) {
            return false;
        }
        self.empty_slot(slot);
        self.n_timer_leftovers += 1;
        if self.n_timer_leftovers > LEFTOVERS_MIN.max(self.len) {
            self.sweep_timers();
        } else if let Some(index) = self.run_fronts.iter().position(|&front| front as u64 == seq && front != NO_KEY) {
            self.drop_run_leftovers(index);
        } else {
            self.drop_heap_leftovers();
        }
        true
    }

    fn drop_due_leftovers(&mut self) {
        if self.n_due_leftovers > LEFTOVERS_MIN.max(self.due.len() / 2) {
            self.due.retain(|due| due.event.is_some());
            self.n_due_leftovers = 0;
        }
        while self.n_due_leftovers > 0 && self.due.front().is_some_and(|due| due.event.is_none()) {
            self.due.pop_front();
            self.n_due_leftovers -= 1;
        }
    }

    fn drop_run_leftovers(&mut self, index: usize) {
        let (run, slots) = (&mut self.runs[index], &self.slots);
        while self.n_timer_leftovers > 0 && run.front().is_some_and(|entry| !entry.is_live(slots)) {
            run.pop_front();
            self.n_timer_leftovers -= 1;
        }
        self.refresh_run(index);
    }

    fn drop_heap_leftovers(&mut self) {
        while self.n_timer_leftovers > 0 && self.heap.peek().is_some_and(|entry| !entry.is_live(&self.slots)) {
            self.heap.pop();
            self.n_timer_leftovers -= 1;
        }
    }

    /// Drops all leftovers of timers. Done so seldom that it costs a cancellation no more than a few steps.
    fn sweep_timers(&mut self) {
        let slots = &self.slots;
        self.runs.iter_mut().for_each(|run| run.retain(|entry| entry.is_live(slots)));
        self.heap.retain(|entry| entry.is_live(slots));
        self.n_timer_leftovers = 0;
        (0..RUNS).for_each(|index| self.refresh_run(index));
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
        if let Some(due) = self.due.front() {
            let key = order_key(due.at, due.seq);
            if key < head.key {
                head = Head { key, place: Place::Due };
            }
        }
        self.head = head;
    }

    /// How many entries and slots are held, leftovers included.
    #[cfg(test)]
    pub(crate) fn held(&self) -> usize {
        let n_runs: usize = self.runs.iter().map(VecDeque::len).sum();
        self.slots.len().max(n_runs + self.heap.len()) + self.due.len()
    }
}
