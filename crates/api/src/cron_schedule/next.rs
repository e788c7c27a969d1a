//! When a schedule is due next.
//!
//! Mirrors `Next` of github.com/robfig/cron/v3 (`spec.go`, `constantdelay.go`), what it makes of days without an hour or
//! with one hour twice included, and `time.Date` of Go, which says what a wall clock that is read twice or never means.
//! Differs: a day that a zone left out (30 December 2011 in Apia) is passed over; upstream's search never ends there.

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveDateTime, Offset, TimeZone, Timelike};
use chrono_tz::Tz;

use super::{BitSet, CronFields, CronSchedule};
use crate::Time;

/// How many years without a match a schedule is given.
const YEARS_MAX: i32 = 5;
const MINUTE: i64 = 60;
const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

impl CronSchedule {
    /// The first instant after another that the schedule names; `None` where there is none within five years.
    ///
    /// The first instant is looked for second by second in upstream; here in strides that come to the same.
    #[must_use]
    pub fn next(&self, after: Time) -> Option<Time> {
        match self {
            Self::Fields(fields) => {
                next_of_the_hour(fields, after.unix()).or_else(|| Search::after(fields, after.unix()).run())
            }
            Self::Every { seconds } => Some(after.plus_seconds(*seconds)),
        }
    }
}

/// The text of an instant as Go prints RFC 3339 in a time zone.
#[must_use]
pub fn to_rfc3339_in(time: Time, zone: Tz) -> String {
    time.to_chrono().with_timezone(&zone).to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

/// The first instant after another where it is in the next minute's hour of UTC, as mostly it is: a search of one step.
fn next_of_the_hour(fields: &CronFields, after: i64) -> Option<Time> {
    if fields.zone.is_some_and(|zone| zone != Tz::UTC) {
        return None;
    }
    let start = after.div_euclid(MINUTE).saturating_add(1).saturating_mul(MINUTE);
    let local = DateTime::from_timestamp(start, 0)?.naive_utc();
    let day_matches = || fields.day_matches(local.day(), local.weekday().num_days_from_sunday());
    if !fields.hour.has(local.hour()) || !fields.month.has(local.month()) || !day_matches() {
        return None;
    }
    let minute = fields.minute.first_from(local.minute()).filter(|minute| *minute < 60)?;
    let found = start + i64::from(minute - local.minute()) * MINUTE;
    Some(Time::from_unix(found)).filter(|time| time.unix() == found)
}

/// A search in progress.
struct Search<'a> {
    fields: &'a CronFields,
    at: Moment,
    /// Whether a part was moved: the first time, all finer parts go to their beginning.
    moved: bool,
}

/// Where a search for one part of the time ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Matches,
    /// A coarser part may have changed.
    WrappedAround,
}

impl<'a> Search<'a> {
    fn after(fields: &'a CronFields, unix: i64) -> Self {
        let zone = fields.zone.filter(|zone| *zone != Tz::UTC);
        Self { fields, at: Moment::new(unix.saturating_add(1), zone), moved: false }
    }

    fn run(mut self) -> Option<Time> {
        let year_limit = self.at.local.year() + YEARS_MAX;
        while self.at.local.year() <= year_limit {
            let parts = [Self::find_month, Self::find_day, Self::find_hour, Self::find_minute, Self::find_second];
            if parts.iter().all(|find| find(&mut self) == Part::Matches) {
                return Some(Time::from_unix(self.at.unix));
            }
        }
        None
    }

    fn find_month(&mut self) -> Part {
        while !self.fields.month.has(self.at.local.month()) {
            let local = self.at.local;
            if !std::mem::replace(&mut self.moved, true) {
                self.at.set(first_of_month(local.year(), local.month()).and_time(Default::default()));
            }
            self.at.add_month();
            if self.at.local.month() == 1 {
                return Part::WrappedAround;
            }
        }
        Part::Matches
    }

    fn find_day(&mut self) -> Part {
        while !self.fields.day_matches(self.at.local.day(), self.at.local.weekday().num_days_from_sunday()) {
            if !std::mem::replace(&mut self.moved, true) {
                self.at.set(self.at.local.date().and_time(Default::default()));
            }
            self.at.add_day();
            // Where the clock is put forward or back at midnight the day may begin at another hour.
            let hour = i64::from(self.at.local.hour());
            if hour > 12 {
                self.at.add((24 - hour) * HOUR);
            } else if hour != 0 {
                self.at.add(-hour * HOUR);
            }
            if self.at.local.day() == 1 {
                return Part::WrappedAround;
            }
        }
        Part::Matches
    }

    fn find_hour(&mut self) -> Part {
        while !self.fields.hour.has(self.at.local.hour()) {
            if !std::mem::replace(&mut self.moved, true) {
                let local = self.at.local;
                self.at.set(local.date().and_hms_opt(local.hour(), 0, 0).unwrap_or(local));
            }
            self.at.add(HOUR);
            if self.at.local.hour() == 0 {
                return Part::WrappedAround;
            }
        }
        Part::Matches
    }

    fn find_minute(&mut self) -> Part {
        while !self.fields.minute.has(self.at.local.minute()) {
            if !std::mem::replace(&mut self.moved, true) {
                self.at.add(-self.at.unix.rem_euclid(MINUTE));
            }
            self.at.stride(minutes_to_match(self.fields.minute, self.at.local.minute()) * MINUTE, MINUTE);
            if self.at.local.minute() == 0 {
                return Part::WrappedAround;
            }
        }
        Part::Matches
    }

    /// Schedules of five fields are due when a minute begins.
    fn find_second(&mut self) -> Part {
        let second = i64::from(self.at.local.second());
        if second == 0 {
            return Part::Matches;
        }
        self.moved = true;
        self.at.add(MINUTE - second);
        Part::WrappedAround
    }
}

/// How many minutes after one that does not match the next comes that does, or the hour is over.
fn minutes_to_match(minutes: BitSet, minute: u32) -> i64 {
    let rest = minutes.first_from(minute + 1).map_or(60, |minute| minute.min(60));
    i64::from(rest - minute)
}

fn first_of_month(year: i32, month: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, month, 1).unwrap_or_default()
}

/// An instant, and what the clocks of a time zone show then.
struct Moment {
    unix: i64,
    /// `None` is UTC.
    zone: Option<Tz>,
    local: NaiveDateTime,
}

impl Moment {
    fn new(unix: i64, zone: Option<Tz>) -> Self {
        let mut moment = Self { unix, zone, local: NaiveDateTime::default() };
        moment.add(0);
        moment
    }

    /// Moves by seconds that pass.
    fn add(&mut self, seconds: i64) {
        self.unix = Time::from_unix(self.unix.saturating_add(seconds)).unix();
        self.local = utc(self.unix + self.offset_at(self.unix));
    }

    /// Moves by many small steps at once; by a single one where clocks are changed on the way.
    fn stride(&mut self, seconds: i64, step: i64) {
        let same = self.zone.is_none() || self.offset_at(self.unix) == self.offset_at(self.unix + seconds);
        self.add(if same { seconds } else { step });
    }

    /// Moves to when the clocks show a time. Mirrors `time.Date`: what is shown never or twice is taken as if the offset
    /// that holds when UTC shows that time held.
    fn set(&mut self, local: NaiveDateTime) {
        let wanted = local.and_utc().timestamp();
        let mut offset = self.offset_at(wanted);
        if offset != 0 {
            offset = self.offset_at(wanted - offset);
        }
        self.unix = wanted - offset;
        self.add(0);
    }

    /// The same time of the first day of the next month: searches move by months from the first day of one.
    fn add_month(&mut self) {
        let (year, month) = (self.local.year(), self.local.month());
        let next = if month == 12 { first_of_month(year + 1, 1) } else { first_of_month(year, month + 1) };
        let next = next + Days::new(u64::from(self.local.day() - 1));
        self.set(next.and_time(self.local.time()));
    }

    fn add_day(&mut self) {
        let before = self.unix;
        self.set(self.local + Days::new(1));
        if self.unix <= before {
            self.add(DAY);
        }
    }

    /// How many seconds the zone is ahead of UTC.
    fn offset_at(&self, unix: i64) -> i64 {
        let Some(zone) = self.zone else { return 0 };
        i64::from(zone.offset_from_utc_datetime(&utc(unix)).fix().local_minus_utc())
    }
}

fn utc(unix: i64) -> NaiveDateTime {
    DateTime::from_timestamp(unix, 0).unwrap_or_default().naive_utc()
}

#[cfg(test)]
mod tests;
