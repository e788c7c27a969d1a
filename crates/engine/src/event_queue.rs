//! The event queue: what is to happen, popped by (time, seq).
//!
//! There are two lanes, one for foreground and one for background events, so that "is anything left but heartbeats" is
//! a question of constant cost.

use crate::SimTime;
use crate::lane::Lane;

/// Names one pushed event, to cancel it. Ids are never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimerId {
    seq: u64,
    slot: u32,
    background: bool,
}

/// Events in the order of their time, and at the same time in the order they were pushed.
#[derive(Debug)]
pub struct EventQueue<E> {
    now: SimTime,
    last_seq: u64,
    foreground: Lane<E>,
    background: Lane<E>,
}

impl<E> Default for EventQueue<E> {
    fn default() -> EventQueue<E> {
        EventQueue::new()
    }
}

impl<E> EventQueue<E> {
    /// An empty queue at the scenario's start.
    #[must_use]
    pub fn new() -> EventQueue<E> {
        EventQueue { now: SimTime::ZERO, last_seq: 0, foreground: Lane::new(), background: Lane::new() }
    }

    /// The present: the time of the last pop, or what [`EventQueue::advance_to`] made it.
    #[must_use]
    pub fn now(&self) -> SimTime {
        self.now
    }

    /// Puts an event in at `at`, or now if that is past.
    pub fn push(&mut self, at: SimTime, event: E) -> TimerId {
        let (seq, now) = (self.next_seq(), self.now);
        TimerId { seq, slot: self.foreground.push(now, at, seq, event), background: false }
    }

    /// As [`EventQueue::push`], for what goes on for ever (heartbeats, resyncs): it never counts as something to wait for.
    pub fn push_background(&mut self, at: SimTime, event: E) -> TimerId {
        let (seq, now) = (self.next_seq(), self.now);
        TimerId { seq, slot: self.background.push(now, at, seq, event), background: true }
    }

    fn next_seq(&mut self) -> u64 {
        self.last_seq = self.last_seq.wrapping_add(1);
        self.last_seq
    }

    /// Takes an event out before its time. False when it was popped or cancelled before.
    pub fn cancel(&mut self, timer: TimerId) -> bool {
        let lane = if timer.background { &mut self.background } else { &mut self.foreground };
        lane.cancel(timer.seq, timer.slot)
    }

    /// The event that lies so many places behind the next one. It is only a guess at what comes after so many others: events
    /// that lie elsewhere may come between them.
    #[inline]
    #[must_use]
    pub fn ahead(&self, n: usize) -> Option<&E> {
        self.foreground.ahead(n)
    }

    /// Takes out the next event and makes its time the present.
    pub fn pop(&mut self) -> Option<(SimTime, E)> {
        let lane = match (self.foreground.head(), self.background.head()) {
            (Some(foreground), Some(background)) if background < foreground => &mut self.background,
            (None, Some(_)) => &mut self.background,
            _ => &mut self.foreground,
        };
        let (at, event) = lane.pop()?;
        self.now = at;
        Some((at, event))
    }

    /// Moves the present on to `at`, but not beyond the next event and never back.
    pub fn advance_to(&mut self, at: SimTime) {
        let limit = self.peek_time().unwrap_or(SimTime::MAX);
        self.now = self.now.max(at.min(limit));
    }

    /// The time of the next event.
    #[must_use]
    pub fn peek_time(&self) -> Option<SimTime> {
        let background = self.background.head().map(|(at, _)| at);
        match (self.next_foreground_time(), background) {
            (Some(foreground), Some(background)) => Some(foreground.min(background)),
            (foreground, background) => foreground.or(background),
        }
    }

    /// The time of the next foreground event.
    #[must_use]
    pub fn next_foreground_time(&self) -> Option<SimTime> {
        self.foreground.head().map(|(at, _)| at)
    }

    /// How many foreground events wait.
    #[must_use]
    pub fn foreground_len(&self) -> usize {
        self.foreground.len()
    }

    /// How many events wait, background events included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.foreground.len() + self.background.len()
    }

    /// Whether no event waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rng;
    use crate::lane::LEFTOVERS_MIN;
    use std::collections::BTreeMap;

    fn secs(secs: u64) -> SimTime {
        SimTime::from_secs(secs)
    }

    fn drain(queue: &mut EventQueue<&'static str>) -> Vec<(u64, &'static str)> {
        std::iter::from_fn(|| queue.pop()).map(|(at, event)| (at.as_secs(), event)).collect()
    }

    #[test]
    fn pops_by_time_then_push_order() {
        let mut queue = EventQueue::new();
        queue.push(secs(2), "c");
        queue.push(secs(1), "a");
        queue.push_background(secs(1), "b");
        queue.push(secs(2), "d");
        queue.push(SimTime::ZERO, "now");
        assert_eq!(drain(&mut queue), [(0, "now"), (1, "a"), (1, "b"), (2, "c"), (2, "d")]);
        assert_eq!((queue.pop(), queue.now(), queue.is_empty()), (None, secs(2), true));
    }

    #[test]
    fn earlier_pushed_timer_goes_before_an_event_due_now() {
        let mut queue = EventQueue::new();
        queue.push(secs(1), "first");
        queue.push(secs(1), "second");
        assert_eq!(queue.pop(), Some((secs(1), "first")));
        queue.push(secs(1), "third");
        queue.push_background(secs(1), "fourth");
        queue.push(secs(1), "fifth");
        assert_eq!(drain(&mut queue), [(1, "second"), (1, "third"), (1, "fourth"), (1, "fifth")]);
    }

    #[test]
    fn ahead_tells_what_lies_behind_the_next() {
        let mut queue = EventQueue::new();
        assert_eq!(queue.ahead(0), None);
        let timers: Vec<TimerId> = ["a", "b", "c"].map(|name| queue.push(secs(1), name)).into();
        queue.push(secs(3), "later");
        queue.push(secs(2), "on a run of its own");
        assert_eq!([0, 1, 2].map(|n| queue.ahead(n)), [Some(&"a"), Some(&"b"), Some(&"c")]);
        queue.cancel(timers[1]);
        assert_eq!([0, 1, 2].map(|n| queue.ahead(n)), [Some(&"a"), None, Some(&"c")]);
        queue.pop();
        assert_eq!(queue.ahead(0), Some(&"c"));
        assert_eq!(queue.pop(), Some((secs(1), "c")));
        queue.push(SimTime::ZERO, "now");
        assert_eq!((queue.ahead(0), queue.ahead(1)), (Some(&"now"), None));
    }

    #[test]
    fn push_in_the_past_is_due_now() {
        let mut queue = EventQueue::new();
        queue.push(secs(5), "a");
        queue.pop();
        queue.push(secs(6), "c");
        queue.push(secs(1), "b");
        assert_eq!(drain(&mut queue), [(5, "b"), (6, "c")]);
    }

    #[test]
    fn background_never_counts_as_foreground() {
        let mut queue = EventQueue::new();
        queue.push_background(secs(1), "beat");
        let a = queue.push(secs(3), "a");
        queue.push(secs(4), "b");
        assert_eq!((queue.len(), queue.foreground_len()), (3, 2));
        assert_eq!((queue.peek_time(), queue.next_foreground_time()), (Some(secs(1)), Some(secs(3))));
        assert!(queue.cancel(a));
        assert_eq!((queue.peek_time(), queue.next_foreground_time()), (Some(secs(1)), Some(secs(4))));
        assert_eq!(queue.pop(), Some((secs(1), "beat")));
        assert_eq!(queue.pop(), Some((secs(4), "b")));
        queue.push_background(secs(9), "beat");
        assert_eq!((queue.len(), queue.foreground_len(), queue.next_foreground_time()), (1, 0, None));
    }

    #[test]
    fn cancel_works_once_and_never_on_a_later_timer() {
        let mut queue = EventQueue::new();
        let due = queue.push(SimTime::ZERO, "due");
        let timer = queue.push(secs(1), "timer");
        let beat = queue.push_background(secs(1), "beat");
        for id in [due, timer, beat] {
            assert!(queue.cancel(id));
            assert!(!queue.cancel(id));
        }
        assert_eq!((queue.len(), queue.peek_time()), (0, None));
        let heir = queue.push(secs(1), "heir of the slot");
        assert!(!queue.cancel(timer));
        assert_eq!(queue.pop(), Some((secs(1), "heir of the slot")));
        assert!(!queue.cancel(heir));
    }

    #[test]
    fn advance_stops_at_the_next_event_and_never_goes_back() {
        let mut queue = EventQueue::new();
        queue.push(secs(5), "a");
        queue.advance_to(secs(3));
        assert_eq!(queue.now(), secs(3));
        queue.advance_to(secs(1));
        assert_eq!(queue.now(), secs(3));
        queue.advance_to(secs(9));
        assert_eq!(queue.now(), secs(5));
        queue.push(secs(4), "b");
        queue.advance_to(secs(9));
        assert_eq!(drain(&mut queue), [(5, "a"), (5, "b")]);
        queue.advance_to(secs(9));
        assert_eq!(queue.now(), secs(9));
    }

    #[test]
    fn memory_is_bounded_by_live_events() {
        let mut queue = EventQueue::new();
        queue.push(secs(1), 0);
        for n in 0..100_000 {
            // Never at the head, so only a sweep can reclaim them.
            let timer = queue.push(secs(2), n);
            let due = [queue.push(SimTime::ZERO, n), queue.push(SimTime::ZERO, n), queue.push(SimTime::ZERO, n)];
            assert!(queue.cancel(timer) && queue.cancel(due[1]) && queue.cancel(due[0]) && queue.cancel(due[2]));
        }
        assert_eq!(queue.len(), 1);
        assert!(queue.foreground.held() <= 4 * LEFTOVERS_MIN, "{}", queue.foreground.held());
    }

    /// Random pushes, cancels and pops against an ordered map.
    #[test]
    fn agrees_with_a_model() {
        for seed in 0..20 {
            let mut rng = Rng::from_seed(seed);
            let mut queue = EventQueue::new();
            let mut model: BTreeMap<(SimTime, u64), (TimerId, bool)> = BTreeMap::new();
            for n in 0..5_000 {
                match rng.below(8) {
                    0..4 => {
                        let at = queue.now().saturating_sub(SimTime(2) - SimTime::ZERO)
                            + (SimTime(rng.below(30)) - SimTime::ZERO);
                        let background = rng.below(3) == 0;
                        let id = if background { queue.push_background(at, n) } else { queue.push(at, n) };
                        model.insert((at.max(queue.now()), n), (id, background));
                    }
                    4..6 if !model.is_empty() => {
                        let index = rng.below(model.len() as u64) as usize;
                        let (&key, &(id, _)) = model.iter().nth(index).expect("index is below len");
                        model.remove(&key);
                        assert!(queue.cancel(id));
                    }
                    _ => {
                        let want = model.pop_first().map(|(key, _)| key);
                        assert_eq!(queue.pop(), want);
                    }
                }
                let foreground: Vec<SimTime> = model.iter().filter(|(_, (_, b))| !b).map(|(key, _)| key.0).collect();
                assert_eq!((queue.len(), queue.foreground_len()), (model.len(), foreground.len()));
                assert_eq!(queue.next_foreground_time(), foreground.first().copied());
                assert_eq!(queue.peek_time(), model.first_key_value().map(|(key, _)| key.0));
            }
        }
    }
}
