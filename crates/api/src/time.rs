//! The times of the API: whole seconds for most fields, microseconds for a few.

use std::fmt;
use std::num::NonZeroI64;

use chrono::{DateTime, FixedOffset, SecondsFormat, Timelike, Utc};
use k8s_openapi::apimachinery::pkg::apis::meta::v1 as metav1;
use k8s_openapi::jiff::Timestamp;
use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Serialize, Serializer};

use crate::Str;

/// A moment with a precision of one second: seconds since 1970 UTC. Mirrors `metav1.Time`.
///
/// Never zero inside, so that a time that may be missing is as small as one that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(NonZeroI64);

impl Default for Time {
    fn default() -> Self {
        Self::from_unix(0)
    }
}

/// A moment with a precision of one microsecond. Mirrors `metav1.MicroTime`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MicroTime(i64);

const MICROS_PER_SECOND: i64 = 1_000_000;
/// 9999-12-31T23:59:59Z: the last second that RFC 3339 can write.
const SECONDS_MAX: i64 = 253_402_300_799;
/// 0000-01-01T00:00:00Z
const SECONDS_MIN: i64 = -62_167_219_200;

/// Added to the seconds that are kept: more than any year before 1970 takes away.
const OFFSET: i64 = 1 << 40;

impl Time {
    /// The moment so many seconds after 1970, within the years 0 to 9999.
    #[inline]
    pub const fn from_unix(seconds: i64) -> Self {
        let within = if seconds > SECONDS_MAX {
            SECONDS_MAX
        } else if seconds < SECONDS_MIN {
            SECONDS_MIN
        } else {
            seconds
        };
        match NonZeroI64::new(within + OFFSET) {
            Some(kept) => Self(kept),
            // Not reached: the years 0 to 9999 are all positive.
            None => Self(NonZeroI64::MIN),
        }
    }

    /// Seconds since 1970.
    #[inline]
    pub const fn unix(self) -> i64 {
        self.0.get() - OFFSET
    }

    /// The moment so many seconds later.
    #[must_use]
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        Self::from_unix(self.unix().saturating_add(seconds))
    }

    /// Reads RFC 3339 with any offset; a fraction of a second is dropped.
    pub fn parse(text: &str) -> Option<Self> {
        parse_rfc3339(text).map(|t| Self::from_unix(t.timestamp()))
    }

    /// The moment as chrono has it.
    pub fn to_chrono(self) -> DateTime<Utc> {
        DateTime::from_timestamp(self.unix(), 0).unwrap_or_default()
    }

    /// `Mon, 23 Nov 2026 10:06:42 +0000`, as describe pages print it.
    pub fn to_rfc1123z(self) -> String {
        self.to_chrono().format("%a, %d %b %Y %H:%M:%S %z").to_string()
    }
}

impl MicroTime {
    /// The moment so many microseconds after 1970, within the years 0 to 9999.
    pub const fn from_unix_micros(micros: i64) -> Self {
        let seconds = Time::from_unix(micros.div_euclid(MICROS_PER_SECOND)).unix();
        if seconds == micros.div_euclid(MICROS_PER_SECOND) {
            return Self(micros);
        }
        Self(seconds * MICROS_PER_SECOND)
    }

    /// Reads RFC 3339 with any offset and with exactly six digits of a fraction, as upstream's layout wants it.
    pub fn parse(text: &str) -> Option<Self> {
        let fraction = text.split_once('.')?.1;
        if fraction.find(|c: char| !c.is_ascii_digit()) != Some(6) {
            return None;
        }
        parse_rfc3339(text).map(|t| Self::from_unix_micros(t.timestamp_micros()))
    }

    /// Microseconds since 1970.
    pub const fn unix_micros(self) -> i64 {
        self.0
    }
}

/// RFC 3339 as Go reads it: no leap seconds, no small letters, no space for the `T`.
fn parse_rfc3339(text: &str) -> Option<DateTime<FixedOffset>> {
    const NANOS_PER_SECOND: u32 = 1_000_000_000;
    if text.as_bytes().get(10) != Some(&b'T') || text.ends_with('z') {
        return None;
    }
    // chrono keeps a leap second as a second of more than 10^9 nanoseconds.
    DateTime::parse_from_rfc3339(text).ok().filter(|t| t.nanosecond() < NANOS_PER_SECOND)
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
    /// jiff's time ends at 9999-12-30T22:00:00Z, so later moments become that one.
    fn from(time: Time) -> Self {
        Self(Timestamp::from_second(time.unix()).unwrap_or(Timestamp::MAX))
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
    /// jiff's time ends at 9999-12-30T22:00:00Z, so later moments become that one.
    fn from(time: MicroTime) -> Self {
        Self(Timestamp::from_microsecond(time.0).unwrap_or(Timestamp::MAX))
    }
}

impl From<&metav1::MicroTime> for MicroTime {
    fn from(time: &metav1::MicroTime) -> Self {
        Self(time.0.as_microsecond())
    }
}

impl From<Time> for MicroTime {
    fn from(time: Time) -> Self {
        Self(time.unix().saturating_mul(MICROS_PER_SECOND))
    }
}

impl From<MicroTime> for Time {
    /// Drops the fraction of the second.
    fn from(time: MicroTime) -> Self {
        Self::from_unix(time.0.div_euclid(MICROS_PER_SECOND))
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for MicroTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Str::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom(format!("{text:?} is no RFC 3339 time")))
    }
}

impl<'de> Deserialize<'de> for MicroTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Str::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom(format!("{text:?} is no RFC 3339 time with microseconds")))
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
            ("2023-12-31T18:30:00-05:30", "2024-01-01T00:00:00Z", 1_704_067_200),
            ("2024-02-29T23:59:59.999999999Z", "2024-02-29T23:59:59Z", 1_709_251_199),
            ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z", 0),
            ("1969-12-31T23:59:59Z", "1969-12-31T23:59:59Z", -1),
            ("1969-12-31T23:59:58.5Z", "1969-12-31T23:59:58Z", -2),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z", -62_135_596_800),
            ("9999-12-30T22:00:00Z", "9999-12-30T22:00:00Z", 253_402_207_200),
        ];
        for (text, printed, seconds) in rows {
            let time = Time::parse(text).expect(text);
            assert_eq!((time.to_string().as_str(), time.unix()), (printed, seconds));
            assert_eq!((Time::from(&metav1::Time::from(time)), Time::from(MicroTime::from(time))), (time, time));
            let json = serde_json::to_string(&time).expect("a time always prints");
            assert_eq!(json, serde_json::to_string(&metav1::Time::from(time)).expect("a time always prints"));
            assert_eq!(serde_json::from_str::<Time>(&json).ok(), Some(time), "{json}");
        }
    }

    #[test]
    fn texts_that_are_no_times() {
        for text in [
            "",
            "yesterday",
            "2024-01-01",
            "2024-01-01T00:00:00",
            "2024-01-01 00:00:00Z",
            "2024-01-01t00:00:00Z",
            "2024-01-01T00:00:00z",
            "2024-01-01T00:00:60Z",
            "2016-12-31T23:59:60Z",
            "2023-02-29T00:00:00Z",
            "2024-13-01T00:00:00Z",
            "2024-01-01T24:00:00Z",
            "2024-01-01T00:00:00+02",
            "2024-01-01T00:00:00Z ",
        ] {
            assert_eq!((Time::parse(text), MicroTime::parse(text)), (None, None), "{text}");
            assert!(serde_json::from_value::<Time>(text.into()).is_err(), "{text}");
        }
    }

    #[test]
    fn microseconds_have_six_digits() {
        let rows = [
            ("2024-01-01T00:00:00.000000Z", Some(1_704_067_200_000_000)),
            ("2024-01-01T00:00:00.123456Z", Some(1_704_067_200_123_456)),
            ("2024-01-01T01:00:00.123456+01:00", Some(1_704_067_200_123_456)),
            ("1969-12-31T23:59:59.999999Z", Some(-1)),
            ("2024-01-01T00:00:00Z", None),
            ("2024-01-01T00:00:00.123Z", None),
            ("2024-01-01T00:00:00.1234567Z", None),
        ];
        for (text, micros) in rows {
            let time = MicroTime::parse(text);
            assert_eq!(time.map(MicroTime::unix_micros), micros, "{text}");
            assert_eq!(serde_json::from_value::<MicroTime>(text.into()).ok(), time, "{text}");
            let Some(time) = time else { continue };
            assert_eq!(MicroTime::from(&metav1::MicroTime::from(time)), time, "{text}");
            assert_eq!(MicroTime::parse(&time.to_string()), Some(time), "{text}");
        }
        assert_eq!(MicroTime::from(Time::from_unix(0)).to_string(), "1970-01-01T00:00:00.000000Z");
        assert_eq!(Time::from(MicroTime::from_unix_micros(-1)), Time::from_unix(-1));
    }

    #[test]
    fn moments_stay_within_what_rfc_3339_can_write() {
        let last = Time::from_unix(i64::MAX);
        assert_eq!(
            (last.to_string().as_str(), Time::parse("9999-12-31T23:59:59Z")),
            ("9999-12-31T23:59:59Z", Some(last))
        );
        assert_eq!(Time::from(metav1::Time::from(last)).to_string(), "9999-12-30T22:00:00Z");
        assert_eq!(Time::from_unix(0).plus_seconds(i64::MIN).to_string(), "0000-01-01T00:00:00Z");
        assert_eq!(MicroTime::from_unix_micros(i64::MAX).to_string(), "9999-12-31T23:59:59.000000Z");
        assert_eq!(MicroTime::from_unix_micros(i64::MIN).to_string(), "0000-01-01T00:00:00.000000Z");
    }

    #[test]
    fn describe_pages_print_rfc_1123() {
        let rows = [
            (1_795_428_402, "Mon, 23 Nov 2026 10:06:42 +0000"),
            (0, "Thu, 01 Jan 1970 00:00:00 +0000"),
            (1_709_251_199, "Thu, 29 Feb 2024 23:59:59 +0000"),
        ];
        for (seconds, text) in rows {
            assert_eq!(Time::from_unix(seconds).to_rfc1123z(), text);
        }
    }
}
