//! Keeps an instant from lasting for ever.
//!
//! Where controllers undo each other's work and no container starts or ends in between, each round wakes the next one at
//! once: a pod preempts others that their owner makes anew, and still does not fit. A real cluster goes on so for as long
//! as it is let, since each round takes its time; here no time would pass. The rounds are counted twice: those that timers
//! begin, and those that nobody's timer stands between.

use std::time::Duration;

use seatrial_engine::SimTime;

/// How many stimuli there may be at one instant, and how many more for each object: a burst of pods makes two or three each.
/// As many times may everybody have a turn.
const STIMULI_MAX: u64 = 5_000;
const STIMULI_MAX_AN_OBJECT: u64 = 20;
/// How many times everybody has a turn at one instant, once that was too little.
const SLOW_TURNS_MAX: u64 = 100;
/// How long a timer takes at least, once that was too little: what a container takes to end where nothing is said.
const STEP: Duration = Duration::from_millis(100);

/// How many stimuli and turns there were at this instant, and whether there were ever too many.
#[derive(Debug, Default)]
pub(super) struct Pace {
    at: SimTime,
    stimuli: u64,
    /// The instant of the last turn, and how many there were at it.
    turns_at: SimTime,
    turns: u64,
    /// When turns go on that were put off.
    resumes_at: SimTime,
    is_slow: bool,
}

fn is_too_much(count: u64, objects: usize) -> bool {
    count > STIMULI_MAX + STIMULI_MAX_AN_OBJECT * objects as u64
}

impl Pace {
    /// Counts a stimulus. How many objects there are is only asked now and then.
    #[inline]
    pub(super) fn count(&mut self, at: SimTime, objects: impl FnOnce() -> usize) {
        self.stimuli = if at == self.at { self.stimuli + 1 } else { 1 };
        self.at = at;
        if self.stimuli.is_multiple_of(STIMULI_MAX) {
            self.is_slow |= is_too_much(self.stimuli, objects());
        }
    }

    /// Counts that everybody had a turn at an instant; returns whether what is left to do has to wait.
    #[inline]
    pub(super) fn is_over(&mut self, at: SimTime, objects: impl FnOnce() -> usize) -> bool {
        self.turns = if at == self.turns_at { self.turns + 1 } else { 1 };
        self.turns_at = at;
        if self.turns.is_multiple_of(STIMULI_MAX) {
            self.is_slow |= is_too_much(self.turns, objects());
        }
        self.is_slow && self.turns > SLOW_TURNS_MAX
    }

    /// Somebody outside did something, which everybody may have turns for: those before it count no more.
    pub(super) fn outside_acts(&mut self) {
        self.turns = 0;
    }

    /// When turns go on that have to wait, unless they were put off until then before.
    pub(super) fn put_off(&mut self, now: SimTime) -> Option<SimTime> {
        if self.resumes_at > now {
            return None;
        }
        self.resumes_at = now + STEP;
        Some(self.resumes_at)
    }

    /// When a timer comes that was asked for at an instant.
    #[inline]
    pub(super) fn due(&self, asked: SimTime, now: SimTime) -> SimTime {
        if self.is_slow { asked.max(now + STEP) } else { asked }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_on_once_an_instant_has_had_too_many_stimuli() {
        let (mut pace, now) = (Pace::default(), SimTime::from_secs(7));
        let allowed = STIMULI_MAX + 2 * STIMULI_MAX_AN_OBJECT;
        for _ in 0..allowed {
            pace.count(now, || 2);
        }
        assert_eq!(pace.due(now, now), now);
        // A burst at another instant counts anew.
        let later = SimTime::from_secs(8);
        for _ in 0..STIMULI_MAX {
            pace.count(later, || 2);
        }
        assert_eq!(pace.due(later, later), later);
        for _ in 0..STIMULI_MAX {
            pace.count(later, || 2);
        }
        assert_eq!(pace.due(later, later), later + STEP);
        assert_eq!(pace.due(later + 2 * STEP, later), later + 2 * STEP);
    }

    #[test]
    fn what_is_left_to_do_waits_once_an_instant_has_had_too_many_turns() {
        let (mut pace, now) = (Pace::default(), SimTime::from_secs(7));
        let allowed = STIMULI_MAX + 2 * STIMULI_MAX_AN_OBJECT;
        assert!((0..allowed).all(|_| !pace.is_over(now, || 2)));
        // The count is only compared now and then.
        assert!((0..STIMULI_MAX).any(|_| pace.is_over(now, || 2)));
        assert_eq!([pace.put_off(now), pace.put_off(now)], [Some(now + STEP), None]);
        let next = now + STEP;
        assert!((0..SLOW_TURNS_MAX).all(|_| !pace.is_over(next, || 2)));
        assert!(pace.is_over(next, || 2));
        assert_eq!(pace.put_off(next), Some(next + STEP));
        pace.outside_acts();
        assert!(!pace.is_over(next, || 2));
    }
}
