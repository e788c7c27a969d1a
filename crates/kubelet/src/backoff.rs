//! The back-off of one thing that keeps failing.
//!
//! Mirrors client-go util/flowcontrol/backoff.go (v1.36).

use std::time::Duration;

use seatrial_machinery::SimTime;

/// The first wait, of container restarts and of image pulls.
const INITIAL: Duration = Duration::from_secs(10);
/// The longest wait.
const MAX: Duration = Duration::from_secs(300);

/// How long to wait before the next try; nothing at first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Backoff {
    /// Zero while nothing has failed.
    delay: Duration,
    /// When the wait was last made longer.
    updated: SimTime,
}

impl Backoff {
    /// When the wait is over that began at an event; nothing where there is no need to wait.
    pub(crate) fn since(&self, event: SimTime, now: SimTime) -> Option<SimTime> {
        let over = event + self.delay;
        (!self.is_forgotten(event) && now < over).then_some(over)
    }

    /// The same, counted from the last time the wait was made longer.
    pub(crate) fn since_update(&self, now: SimTime) -> Option<SimTime> {
        let over = self.updated + self.delay;
        (!self.is_forgotten(now) && now < over).then_some(over)
    }

    /// The next wait is twice as long, up to a limit.
    pub(crate) fn next(&mut self, event: SimTime, now: SimTime) {
        self.delay = if self.is_forgotten(event) { INITIAL } else { (self.delay * 2).min(MAX) };
        self.updated = now;
    }

    /// What has gone well for twice the longest wait starts anew.
    fn is_forgotten(&self, event: SimTime) -> bool {
        self.delay.is_zero() || event - self.updated > MAX * 2
    }

    /// The wait.
    pub(crate) fn delay(&self) -> Duration {
        self.delay
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A container that lives for some seconds and is started again as soon as it may be: the waits between its lives.
    #[test]
    fn waits_double_up_to_five_minutes_and_are_forgotten_after_ten_minutes_of_life() {
        let rows: [(&str, &[u64], &[u64]); 4] = [
            ("short lives", &[1, 1, 1, 1, 1, 1, 1, 1], &[0, 10, 20, 40, 80, 160, 300, 300]),
            ("exactly ten minutes is not long enough", &[1, 600, 1], &[0, 10, 20]),
            ("more than ten minutes is", &[1, 601, 1, 1], &[0, 0, 10, 20]),
            ("lives longer than the wait still double it", &[60, 60, 60], &[0, 10, 20]),
        ];
        for (what, lives, waits) in rows {
            let (mut backoff, mut now) = (Backoff::default(), SimTime::ZERO);
            for (life, wait) in lives.iter().zip(waits) {
                now += Duration::from_secs(*life);
                let end = now;
                now = backoff.since(end, now).unwrap_or(now);
                assert_eq!((now - end).as_secs(), *wait, "{what}");
                assert_eq!(backoff.since(end, now), None, "{what}");
                backoff.next(end, now);
            }
        }
    }

    #[test]
    fn pulls_wait_from_the_failure() {
        let (mut backoff, at) = (Backoff::default(), SimTime::from_secs);
        assert_eq!(backoff.since_update(at(5)), None);
        backoff.next(at(5), at(5));
        assert_eq!(backoff.since_update(at(6)), Some(at(15)));
        assert_eq!(backoff.since_update(at(15)), None);
        backoff.next(at(20), at(20));
        assert_eq!(backoff.since_update(at(39)), Some(at(40)));
        backoff.next(at(621), at(621));
        assert_eq!(backoff.delay(), INITIAL);
    }
}
