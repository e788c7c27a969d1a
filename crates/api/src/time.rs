//! The times of the API: whole seconds for most fields, microseconds for a few.

use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};
use k8s_openapi::apimachinery::pkg::apis::meta::v1 as metav1;
use k8s_openapi::jiff::Timestamp;

/// A moment with a precision of one second: seconds since 1970 UTC. Mirrors `metav1.Time`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(i64);

/// A moment with a precision of one microsecond. Mirrors `metav1.MicroTime`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MicroTime(i64);

const MICROS_PER_SECOND: i64 = 1_000_000;
/// 9999-12-31T23:59:59Z: the last second that RFC 3339 can write.
const SECONDS_MAX: i64 = 253_402_300_799;
/// 0000-01-01T00:00:00Z
const SECONDS_MIN: i64 = -62_167_219_200;

impl Time {
    /// The moment so many seconds after 1970, within the years 0 to 9999.
    pub const fn from_unix(seconds: i64) -> Self {
        Self(if seconds > SECONDS_MAX {
            SECONDS_MAX
        } else if seconds < SECONDS_MIN {
            SECONDS_MIN
        } else {
            seconds
        })
    }

    /// Seconds since 1970.
    pub const fn unix(self) -> i64 {
        self.0
    }

    /// The moment so many seconds later.
    #[must_use]
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        Self::from_unix(self.0.saturating_add(seconds))
    }

    /// Reads RFC 3339; a fraction of a second is dropped.
    pub fn parse(text: &str) -> Option<Self> {
        DateTime::parse_from_rfc3339(text).ok().map(|t| Self::from_unix(t.timestamp()))
    }

    /// The moment as chrono has it.
    pub fn to_chrono(self) -> DateTime<Utc> {
        DateTime::from_timestamp(self.0, 0).unwrap_or_default()
    }

    /// `Mon, 23 Nov 2026 10:06:42 +0000`, as describe pages print it.
    pub fn to_rfc1123z(self) -> String {
        self.to_chrono().format("%a, %d %b %Y %H:%M:%S %z").to_string()
    }
}

impl MicroTime {
    /// The moment so many microseconds after 1970.
    pub const fn from_unix_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since 1970.
    pub const fn unix_micros(self) -> i64 {
        self.0
    }
}

impl fmt::Display for Time {
    /// `2024-01-01T00:00:00Z`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_chrono().to_rfc3339_opts(SecondsFormat::Secs, true))
    }
}

impl fmt::Display for MicroTime {
    /// `2024-01-01T00:00:00.000000Z`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = DateTime::from_timestamp_micros(self.0).unwrap_or_default();
        f.write_str(&time.to_rfc3339_opts(SecondsFormat::Micros, true))
    }
}

impl From<Time> for metav1::Time {
    fn from(time: Time) -> Self {
        Self(Timestamp::from_second(time.0).unwrap_or(Timestamp::UNIX_EPOCH))
    }
}

impl From<&metav1::Time> for Time {
    fn from(time: &metav1::Time) -> Self {
        // Whole seconds towards the past, as a truncated text would read.
        Self::from_unix(time.0.as_millisecond().div_euclid(1000))
    }
}

impl From<metav1::Time> for Time {
    fn from(time: metav1::Time) -> Self {
        Self::from(&time)
    }
}

impl From<MicroTime> for metav1::MicroTime {
    fn from(time: MicroTime) -> Self {
        Self(Timestamp::from_microsecond(time.0).unwrap_or(Timestamp::UNIX_EPOCH))
    }
}

impl From<&metav1::MicroTime> for MicroTime {
    fn from(time: &metav1::MicroTime) -> Self {
        Self(time.0.as_microsecond())
    }
}

impl From<Time> for MicroTime {
    fn from(time: Time) -> Self {
        Self(time.0.saturating_mul(MICROS_PER_SECOND))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_numbers_agree() {
        let rows = [
            ("2024-01-01T00:00:00Z", "2024-01-01T00:00:00Z", 1_704_067_200),
            ("2024-01-01T02:00:00.75+02:00", "2024-01-01T00:00:00Z", 1_704_067_200),
            ("1969-12-31T23:59:59Z", "1969-12-31T23:59:59Z", -1),
        ];
        for (text, printed, seconds) in rows {
            let time = Time::parse(text).expect(text);
            assert_eq!((time.to_string().as_str(), time.unix()), (printed, seconds));
            assert_eq!(Time::from(&metav1::Time::from(time)), time);
        }
        assert_eq!(Time::parse("yesterday"), None);
        assert_eq!(Time::from_unix(i64::MAX).to_string(), "9999-12-31T23:59:59Z");
        assert_eq!(MicroTime::from(Time::from_unix(0)).to_string(), "1970-01-01T00:00:00.000000Z");
        assert_eq!(Time::from_unix(1_795_428_402).to_rfc1123z(), "Mon, 23 Nov 2026 10:06:42 +0000");
    }
}
