//! Virtual time: whole nanoseconds since the scenario's start, and the way Go prints a duration.

use std::fmt;
use std::ops::{Add, AddAssign, Sub};
use std::time::Duration;

const NANOS_PER_MICRO: u64 = 1_000;
const NANOS_PER_MILLI: u64 = 1_000_000;
const NANOS_PER_SEC: u64 = 1_000_000_000;

/// An instant of virtual time, in nanoseconds since the scenario's start.
///
/// All arithmetic saturates: the last instant is [`SimTime::MAX`] (584 years in), which no run reaches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SimTime(pub u64);

impl SimTime {
    /// The scenario's start.
    pub const ZERO: SimTime = SimTime(0);
    /// The end of time; stands for "never".
    pub const MAX: SimTime = SimTime(u64::MAX);

    /// The instant `secs` seconds after the start.
    #[must_use]
    pub const fn from_secs(secs: u64) -> SimTime {
        SimTime(secs.saturating_mul(NANOS_PER_SEC))
    }

    /// The instant `millis` milliseconds after the start.
    #[must_use]
    pub const fn from_millis(millis: u64) -> SimTime {
        SimTime(millis.saturating_mul(NANOS_PER_MILLI))
    }

    /// The instant `nanos` nanoseconds after the start.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> SimTime {
        SimTime(nanos)
    }

    /// Whole seconds since the start, rounded down.
    #[must_use]
    pub const fn as_secs(self) -> u64 {
        self.0 / NANOS_PER_SEC
    }

    /// Whole milliseconds since the start, rounded down.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0 / NANOS_PER_MILLI
    }

    /// Nanoseconds since the start.
    #[must_use]
    #[inline]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The time since the scenario's start.
    #[must_use]
    pub const fn since_start(self) -> Duration {
        Duration::from_nanos(self.0)
    }

    /// The instant `duration` earlier, or the start if that is nearer.
    #[must_use]
    pub fn saturating_sub(self, duration: Duration) -> SimTime {
        SimTime(self.0.saturating_sub(duration_nanos(duration)))
    }
}

/// The nanoseconds of a duration, saturating at 584 years.
fn duration_nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl Add<Duration> for SimTime {
    type Output = SimTime;

    fn add(self, duration: Duration) -> SimTime {
        SimTime(self.0.saturating_add(duration_nanos(duration)))
    }
}

impl AddAssign<Duration> for SimTime {
    fn add_assign(&mut self, duration: Duration) {
        *self = *self + duration;
    }
}

impl Sub for SimTime {
    type Output = Duration;

    /// The time from `earlier` to `self`; zero when `earlier` is the later one.
    #[inline]
    fn sub(self, earlier: SimTime) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Display for SimTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        GoDuration(self.since_start()).fmt(f)
    }
}

/// Prints a duration as Go's `time.Duration` does: `0s`, `1.5ms`, `12.5s`, `1m20s`, `1h0m0s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GoDuration(pub Duration);

impl fmt::Display for GoDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = duration_nanos(self.0);
        let text = match nanos {
            0 => "0s".to_string(),
            _ if nanos < NANOS_PER_MICRO => format!("{nanos}ns"),
            _ if nanos < NANOS_PER_MILLI => format!("{}\u{b5}s", decimal(nanos, NANOS_PER_MICRO)),
            _ if nanos < NANOS_PER_SEC => format!("{}ms", decimal(nanos, NANOS_PER_MILLI)),
            _ => hours_minutes_seconds(nanos),
        };
        // `pad` lets a table column give a width.
        f.pad(&text)
    }
}

/// `nanos` of one second and more, in Go's form: leading zero units are left out, inner ones are not.
fn hours_minutes_seconds(nanos: u64) -> String {
    let minutes = nanos / NANOS_PER_SEC / 60;
    let seconds = decimal(nanos % (60 * NANOS_PER_SEC), NANOS_PER_SEC);
    match (minutes / 60, minutes % 60) {
        (0, 0) => format!("{seconds}s"),
        (0, minutes) => format!("{minutes}m{seconds}s"),
        (hours, minutes) => format!("{hours}h{minutes}m{seconds}s"),
    }
}

/// `nanos / unit` as a decimal number without trailing zeros; `unit` is a power of ten.
fn decimal(nanos: u64, unit: u64) -> String {
    let (whole, fraction) = (nanos / unit, nanos % unit);
    if fraction == 0 {
        return whole.to_string();
    }
    let width = unit.ilog10() as usize;
    let digits = format!("{fraction:0width$}");
    format!("{whole}.{}", digits.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_is_gos_duration() {
        let rows: &[(u64, &str)] = &[
            (0, "0s"),
            (1, "1ns"),
            (999, "999ns"),
            (1_000, "1\u{b5}s"),
            (1_100, "1.1\u{b5}s"),
            (2_200_000, "2.2ms"),
            (999_999_999, "999.999999ms"),
            (1_000_000_000, "1s"),
            (12_500_000_000, "12.5s"),
            (3_300_000_000, "3.3s"),
            (80_000_000_000, "1m20s"),
            (245_000_000_000, "4m5s"),
            (245_001_000_000, "4m5.001s"),
            (3_600_000_000_000, "1h0m0s"),
            (18_367_001_000_000, "5h6m7.001s"),
            (480_000_000_001, "8m0.000000001s"),
            (u64::MAX, "5124095h34m33.709551615s"),
        ];
        for &(nanos, text) in rows {
            assert_eq!(SimTime(nanos).to_string(), text);
            assert_eq!(GoDuration(Duration::from_nanos(nanos)).to_string(), text);
        }
        assert_eq!(format!("[{:>6}]", SimTime::from_secs(5)), "[    5s]");
    }

    #[test]
    fn arithmetic_saturates() {
        let t = SimTime::from_millis(1_500);
        assert_eq!((t.as_secs(), t.as_millis(), t.as_nanos()), (1, 1_500, 1_500_000_000));
        assert_eq!(t + Duration::from_secs(2), SimTime::from_millis(3_500));
        assert_eq!(t - SimTime::from_secs(1), Duration::from_millis(500));
        assert_eq!(SimTime::ZERO - t, Duration::ZERO);
        assert_eq!(t.saturating_sub(Duration::from_secs(1)), SimTime::from_millis(500));
        assert_eq!(t.saturating_sub(Duration::from_secs(2)), SimTime::ZERO);
        assert_eq!(t + Duration::MAX, SimTime::MAX);
        assert_eq!(SimTime::from_secs(u64::MAX), SimTime::MAX);
        let mut u = t;
        u += Duration::from_millis(500);
        assert_eq!(u, SimTime::from_secs(2));
    }
}
