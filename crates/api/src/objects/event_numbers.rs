//! The numbers of a recorded event in half the room that each would take by itself.
//!
//! There are several events for every pod, and they are most of what is newly written while pods come and go.

use crate::Time;

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// When and as which an event was recorded. The numbers lie close to each other: the name's stamp is hardly later than the
/// time in nanoseconds, and versions and numbers of objects grow together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventNumbers {
    resource_version: u64,
    /// How much lower its number is than its version.
    number_behind: i32,
    /// How much lower the version of the object is.
    about_behind: u32,
    /// Since 1970.
    second: u32,
    /// How much later the stamp is, in nanoseconds.
    stamp_ahead: u32,
}

impl EventNumbers {
    /// The numbers of an event with a stamp, recorded at a time; its number among all objects; its version and that of
    /// the object it is about. `None` where one of them is too far from the others.
    #[inline]
    pub fn new((stamp, time): (u64, Time), number: u64, (resource_version, about_version): (u64, u64)) -> Option<Self> {
        let second = u32::try_from(time.unix()).ok()?;
        Some(Self {
            resource_version,
            number_behind: i32::try_from(resource_version.checked_signed_diff(number)?).ok()?,
            about_behind: u32::try_from(resource_version.checked_sub(about_version)?).ok()?,
            second,
            stamp_ahead: u32::try_from(stamp.checked_sub(u64::from(second) * NANOS_PER_SECOND)?).ok()?,
        })
    }

    /// The same for another version of the event.
    pub fn with_version(self, version: u64) -> Option<Self> {
        Self::new((self.stamp(), self.time()), self.number(), (version, self.about_version()))
    }

    /// What makes the event's name: the object's name, a dot, and this in hexadecimal.
    #[inline]
    pub fn stamp(self) -> u64 {
        u64::from(self.second) * NANOS_PER_SECOND + u64::from(self.stamp_ahead)
    }

    /// When it was recorded, for the first and only time.
    #[inline]
    pub fn time(self) -> Time {
        Time::from_unix(i64::from(self.second))
    }

    /// What the event's own uid is made from: see [`crate::Uid::from_counter`].
    pub fn number(self) -> u64 {
        self.resource_version.wrapping_sub(i64::from(self.number_behind).cast_unsigned())
    }

    /// The version of the event.
    #[inline]
    pub fn resource_version(self) -> u64 {
        self.resource_version
    }

    /// The version of the object it is about.
    pub fn about_version(self) -> u64 {
        self.resource_version - u64::from(self.about_behind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_or_are_refused() {
        let most = u64::from(u32::MAX);
        // The stamp, the second, the number, the version, that of the object, and whether they are close enough.
        let rows = [
            (0, 0, 0, 0, 0, true),
            (1_782_900_000_000_000_007, 1_782_900_000, 12, 34, 30, true),
            (1_782_900_000_999_999_999, 1_782_900_000, 34, 12, 12, true),
            (most * NANOS_PER_SECOND + most, most, 1 << 40, 1 << 40, (1 << 40) - most, true),
            (7, 0, most / 2 + 2, 1, 1, true),
            (most + 1, 0, 0, 0, 0, false),
            (NANOS_PER_SECOND - 1, 1, 0, 0, 0, false),
            (0, most + 1, 0, 0, 0, false),
            (7, 0, most / 2 + 3, 1, 1, false),
            (7, 0, 1, most / 2 + 2, 1, false),
            (7, 0, 1 << 40, 1 << 40, (1 << 40) - most - 1, false),
            (7, 0, 1, 1, 2, false),
            (7, 0, u64::MAX, 1, 1, false),
        ];
        for (stamp, second, number, version, about, fits) in rows {
            let time = Time::from_unix(second as i64);
            let numbers = EventNumbers::new((stamp, time), number, (version, about));
            let read = |n: EventNumbers| (n.stamp(), n.time(), n.number(), n.resource_version(), n.about_version());
            let want = (stamp, time, number, version, about);
            assert_eq!(numbers.map(read), fits.then_some(want), "{want:?}");
            let later = numbers.and_then(|numbers| numbers.with_version(version + 5)).map(read);
            assert!(later.is_none_or(|later| later == (stamp, time, number, version + 5, about)), "{later:?}");
        }
        assert_eq!(
            EventNumbers::new((7, Time::default()), 1, (1, 1)).and_then(|n| n.with_version(6)).map(|n| n.number()),
            Some(1)
        );
    }
}
