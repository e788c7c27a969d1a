//! Keeps an instant from lasting for ever.
//!
//! Where controllers undo each other's work and no container starts or ends in between, each round wakes the next one at
//! once: a pod preempts others that their owner makes anew, and still does not fit. A real cluster goes on so for as long
//! as it is let, since each round takes its time; here no time would pass.

use std::time::Duration;

use seatrial_engine::SimTime;

/// How many stimuli there may be at one instant, and how many more for each object: a burst of pods makes two or three each.
const STIMULI_MAX: u64 = 5_000;
const STIMULI_MAX_AN_OBJECT: u64 = 20;
/// How long a timer takes at least, once that was too little: what a container takes to end where nothing is said.
const STEP: Duration = Duration::from_millis(100);

/// How many stimuli there were at this instant, and whether there were ever too many.
#[derive(Debug, Default)]
pub(super) struct Pace {
    at: SimTime,
    stimuli: u64,
    is_slow: bool,
}

impl Pace {
    /// Counts a stimulus. How many objects there are is only asked now and then.
    #[inline]
    pub(super) fn count(&mut self, at: SimTime, objects: impl FnOnce() -> usize) {
        self.stimuli = if at == self.at { self.stimuli + 1 } else { 1 };
        self.at = at;
        if self.stimuli.is_multiple_of(STIMULI_MAX) {
            self.is_slow |= self.stimuli > STIMULI_MAX + STIMULI_MAX_AN_OBJECT * objects() as u64;
        }
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
}
