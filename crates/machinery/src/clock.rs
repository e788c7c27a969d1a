//! The clock: virtual time, and what the API calls it.

use std::time::Duration;

use seatrial_api::{MicroTime, Time};
use seatrial_engine::SimTime;

const NANOS_PER_SECOND: i64 = 1_000_000_000;
const NANOS_PER_MICRO: i64 = 1_000;

/// A moment of the simulation: the scenario's start on the calendar, and the time since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    start_unix_seconds: i64,
    now: SimTime,
}

impl Clock {
    /// A clock that shows the start.
    pub fn starting_at(start: Time) -> Self {
        Self { start_unix_seconds: start.unix(), now: SimTime::ZERO }
    }

    /// The same clock at another moment.
    #[must_use]
    pub fn at(self, now: SimTime) -> Self {
        Self { now, ..self }
    }

    /// The time since the start.
    #[inline]
    pub fn now(&self) -> SimTime {
        self.now
    }

    /// The calendar time, in whole seconds as objects carry it.
    #[inline]
    pub fn time(&self) -> Time {
        Time::from_unix(self.unix_nanos().div_euclid(NANOS_PER_SECOND))
    }

    /// The calendar time in microseconds.
    pub fn micro_time(&self) -> MicroTime {
        MicroTime::from_unix_micros(self.unix_nanos().div_euclid(NANOS_PER_MICRO))
    }

    /// Nanoseconds since 1970.
    #[inline]
    pub fn unix_nanos(&self) -> i64 {
        let since_start = i64::try_from(self.now.as_nanos()).unwrap_or(i64::MAX);
        self.start_unix_seconds.saturating_mul(NANOS_PER_SECOND).saturating_add(since_start)
    }

    /// How long it is until a calendar time; nothing where it has passed.
    pub fn until(&self, time: Time) -> Duration {
        let nanos = time.unix().saturating_mul(NANOS_PER_SECOND).saturating_sub(self.unix_nanos());
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(0))
    }

    /// How many nanoseconds ago a calendar time was; negative for times to come.
    pub fn nanos_since(&self, time: Time) -> i64 {
        self.unix_nanos().saturating_sub(time.unix().saturating_mul(NANOS_PER_SECOND))
    }
}
