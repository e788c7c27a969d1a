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
/// How many runs there are: each is looked at once a pop.
const RUNS_MAX: usize = 8;
/// Stands for the slot of an event that is due and has none.
const NO_SLOT: u32 = u32::MAX;

#[derive(Debug)]
pub(crate) struct Lane<E> {
    due: VecDeque<Due<E>>,
    runs: Vec<VecDeque<Entry>>,
    heap: BinaryHeap<Entry>,
    slots: Vec<Slot<E>>,
    free_slots: Vec<u32>,
    head: Option<Head>,
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
    at: SimTime,
    seq: u64,
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
            runs: Vec::new(),
            heap: BinaryHeap::new(),
            slots: Vec::new(),
            free_slots: Vec::new(),
            head: None,
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
        self.head.map(|head| (head.at, head.seq))
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
        // At the same time the older one stays the head.
        if self.head.is_none_or(|head| at < head.at) {
            self.head = Some(Head { at, seq, place });
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
        let mut best: Option<(SimTime, usize)> = None;
        let mut empty = None;
        for (index, run) in self.runs.iter().enumerate() {
            match run.back() {
                Some(back) if back.at > entry.at || best.is_some_and(|(at, _)| at >= back.at) => {}
                Some(back) => best = Some((back.at, index)),
                None => empty = Some(index),
            }
        }
        let index = match best.map(|(_, index)| index).or(empty) {
            Some(index) => index,
            None if self.runs.len() < RUNS_MAX => {
                self.runs.push(VecDeque::new());
                self.runs.len() - 1
            }
            None => {
                self.heap.push(entry);
                return Place::Heap;
            }
        };
        self.runs[index].push_back(entry);
        Place::Run(index)
    }

    /// Takes out the next event.
    pub(crate) fn pop(&mut self) -> Option<(SimTime, E)> {
        let Head { at, place, .. } = self.head?;
        let event = match place {
            Place::Due => {
                let event = self.due.pop_front()?.event;
                self.drop_due_leftovers();
                event
            }
            Place::Run(index) => {
                let slot = self.runs[index].pop_front()?.slot;
                self.empty_slot(slot)
            }
            Place::Heap => {
                let slot = self.heap.pop()?.slot;
                self.empty_slot(slot)
            }
        };
        self.drop_timer_leftovers();
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
            if self.head.is_some_and(|head| head.seq == seq) {
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
        let live = self.slots.get(slot as usize).is_some_and(|slot| slot.is_live(seq));
        if live {
            self.empty_slot(slot);
            self.n_timer_leftovers += 1;
            self.drop_timer_leftovers();
        }
        live
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

    fn drop_timer_leftovers(&mut self) {
        if self.n_timer_leftovers == 0 {
            return;
        }
        let slots = &self.slots;
        let is_live = |entry: &Entry| slots[entry.slot as usize].is_live(entry.seq);
        if self.n_timer_leftovers > LEFTOVERS_MIN.max(self.len) {
            self.runs.iter_mut().for_each(|run| run.retain(is_live));
            self.heap.retain(is_live);
            self.n_timer_leftovers = 0;
            return;
        }
        for run in &mut self.runs {
            while run.front().is_some_and(|entry| !is_live(entry)) {
                run.pop_front();
                self.n_timer_leftovers -= 1;
            }
        }
        while self.heap.peek().is_some_and(|entry| !is_live(entry)) {
            self.heap.pop();
            self.n_timer_leftovers -= 1;
        }
    }

    fn find_head(&mut self) {
        let due = self.due.front().map(|due| Head { at: due.at, seq: due.seq, place: Place::Due });
        let heap = self.heap.peek().map(|entry| Head { at: entry.at, seq: entry.seq, place: Place::Heap });
        let runs = self.runs.iter().enumerate().filter_map(|(index, run)| {
            run.front().map(|entry| Head { at: entry.at, seq: entry.seq, place: Place::Run(index) })
        });
        self.head = due.into_iter().chain(runs).chain(heap).min_by_key(|head| (head.at, head.seq));
    }

    /// How many entries and slots are held, leftovers included.
    #[cfg(test)]
    pub(crate) fn held(&self) -> usize {
        let n_runs: usize = self.runs.iter().map(VecDeque::len).sum();
        self.slots.len().max(n_runs + self.heap.len()) + self.due.len()
    }
}
