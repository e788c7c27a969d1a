//! Cron schedules: what `spec.schedule` of a CronJob says, as sets of bits, and the parser's errors.
//!
//! Mirrors `ParseStandard` of github.com/robfig/cron/v3, which upstream uses, and `time.ParseDuration` of Go.

mod next;

use std::ops::RangeInclusive;

use chrono_tz::Tz;

use crate::field::quote;

pub use next::to_rfc3339_in;

/// A parsed schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CronSchedule {
    /// Five fields, or one of the names that stand for five.
    Fields(CronFields),
    /// `@every D`: whole seconds from the reference time, at least 1.
    Every {
        /// The seconds.
        seconds: i64,
    },
}

/// The instants a schedule of five fields names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CronFields {
    /// Minutes 0 to 59.
    pub minute: BitSet,
    /// Hours 0 to 23.
    pub hour: BitSet,
    /// Days of the month, 1 to 31.
    pub day_of_month: BitSet,
    /// Months 1 to 12.
    pub month: BitSet,
    /// Days of the week, Sunday being 0.
    pub day_of_week: BitSet,
    /// The time zone of a `TZ=` prefix; `None` leaves it to the caller.
    pub zone: Option<Tz>,
}

impl CronFields {
    /// Whether both day fields have to match: one of them is a star. Otherwise one match is enough.
    #[must_use]
    pub fn needs_both_days(&self) -> bool {
        self.day_of_month.is_star() || self.day_of_week.is_star()
    }

    /// Whether a day is one of the schedule's. Mirrors `dayMatches`.
    #[must_use]
    pub fn day_matches(&self, day_of_month: u32, day_of_week: u32) -> bool {
        let (month, week) = (self.day_of_month.has(day_of_month), self.day_of_week.has(day_of_week));
        if self.needs_both_days() { month && week } else { month || week }
    }
}

/// Numbers below 60, and whether they were written as a star.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BitSet(u64);

/// The mark of a star, out of reach of the numbers.
const STAR_BIT: u64 = 1 << 63;

impl BitSet {
    /// Whether a number is in the set.
    #[must_use]
    pub fn has(self, number: u32) -> bool {
        number < u64::BITS - 1 && self.0 & (1 << number) != 0
    }

    /// The first number of the set from another on.
    fn first_from(self, number: u32) -> Option<u32> {
        let from = u64::MAX.checked_shl(number).unwrap_or(0);
        let rest = self.0 & !STAR_BIT & from;
        (rest != 0).then(|| rest.trailing_zeros())
    }

    /// Whether the set was written as `*` or `?`.
    #[must_use]
    pub fn is_star(self) -> bool {
        self.0 & STAR_BIT != 0
    }

    const fn only(number: u32) -> Self {
        Self(1 << number)
    }

    fn all(bounds: &Bounds) -> Self {
        Self(bounds.range.clone().fold(STAR_BIT, |bits, number| bits | 1 << number))
    }
}

/// What a field may hold. Mirrors `bounds`.
struct Bounds {
    range: RangeInclusive<u32>,
    names: &'static [&'static str],
}

const MINUTES: Bounds = Bounds { range: 0..=59, names: &[] };
const HOURS: Bounds = Bounds { range: 0..=23, names: &[] };
const DAYS_OF_MONTH: Bounds = Bounds { range: 1..=31, names: &[] };
const MONTHS: Bounds = Bounds {
    range: 1..=12,
    names: &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
};
const DAYS_OF_WEEK: Bounds = Bounds { range: 0..=6, names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"] };
const FIELD_COUNT: usize = 5;

impl CronSchedule {
    /// Parses a schedule.
    ///
    /// # Errors
    /// The text of upstream's parser.
    pub fn parse(spec: &str) -> Result<Self, String> {
        if spec.is_empty() {
            return Err("empty spec string".to_owned());
        }
        let (zone, spec) = split_zone(spec)?;
        if spec.starts_with('@') {
            return parse_descriptor(spec, zone);
        }
        let fields: Vec<&str> = spec.split_whitespace().collect();
        let &[minute, hour, day_of_month, month, day_of_week] = fields.as_slice() else {
            let count = fields.len();
            return Err(format!("expected exactly {FIELD_COUNT} fields, found {count}: [{}]", fields.join(" ")));
        };
        Ok(Self::Fields(CronFields {
            minute: parse_field(minute, &MINUTES)?,
            hour: parse_field(hour, &HOURS)?,
            day_of_month: parse_field(day_of_month, &DAYS_OF_MONTH)?,
            month: parse_field(month, &MONTHS)?,
            day_of_week: parse_field(day_of_week, &DAYS_OF_WEEK)?,
            zone,
        }))
    }
}

/// Splits `TZ=X ` or `CRON_TZ=X ` off.
fn split_zone(spec: &str) -> Result<(Option<Tz>, &str), String> {
    let Some(rest) = spec.strip_prefix("TZ=").or_else(|| spec.strip_prefix("CRON_TZ=")) else {
        return Ok((None, spec));
    };
    let (name, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    let zone = load_location(name).map_err(|error| format!("provided bad location {name}: {error}"))?;
    Ok((Some(zone), rest.trim()))
}

/// The time zone of an IANA name; an empty name is UTC, and so is the simulator's own zone. Mirrors `time.LoadLocation`.
///
/// # Errors
/// Go's text for a name that is unknown or no name of a zone.
pub fn load_location(name: &str) -> Result<Tz, String> {
    if matches!(name, "" | "UTC" | "Local") {
        return Ok(Tz::UTC);
    }
    if name.contains("..") || name.starts_with(['/', '\\']) {
        return Err("time: invalid location name".to_owned());
    }
    name.parse().map_err(|_| format!("unknown time zone {name}"))
}

/// Mirrors `parseDescriptor`.
fn parse_descriptor(descriptor: &str, zone: Option<Tz>) -> Result<CronSchedule, String> {
    let midnight = CronFields {
        minute: BitSet::only(0),
        hour: BitSet::only(0),
        day_of_month: BitSet::all(&DAYS_OF_MONTH),
        month: BitSet::all(&MONTHS),
        day_of_week: BitSet::all(&DAYS_OF_WEEK),
        zone,
    };
    let fields = match descriptor {
        "@yearly" | "@annually" => CronFields { day_of_month: BitSet::only(1), month: BitSet::only(1), ..midnight },
        "@monthly" => CronFields { day_of_month: BitSet::only(1), ..midnight },
        "@weekly" => CronFields { day_of_week: BitSet::only(0), ..midnight },
        "@daily" | "@midnight" => midnight,
        "@hourly" => CronFields { hour: BitSet::all(&HOURS), ..midnight },
        _ => {
            let Some(duration) = descriptor.strip_prefix("@every ") else {
                return Err(format!("unrecognized descriptor: {descriptor}"));
            };
            let nanoseconds =
                parse_duration(duration).map_err(|error| format!("failed to parse duration {descriptor}: {error}"))?;
            return Ok(CronSchedule::Every { seconds: (nanoseconds / NANOSECONDS_IN_SECOND).max(1) });
        }
    };
    Ok(CronSchedule::Fields(fields))
}

/// A comma list of ranges; empty items are ignored. Mirrors `getField`.
fn parse_field(field: &str, bounds: &Bounds) -> Result<BitSet, String> {
    let mut bits = 0;
    for expr in field.split(',').filter(|expr| !expr.is_empty()) {
        bits |= parse_range(expr, bounds)?;
    }
    Ok(BitSet(bits))
}

/// `N`, `N-M`, `*` or `?`, each with or without `/S`. Mirrors `getRange`.
fn parse_range(expr: &str, bounds: &Bounds) -> Result<u64, String> {
    let range_and_step: Vec<&str> = expr.split('/').collect();
    let low_and_high: Vec<&str> = range_and_step[0].split('-').collect();
    let (min, max) = (u64::from(*bounds.range.start()), u64::from(*bounds.range.end()));
    let mut star = 0;
    let (start, mut end) = match low_and_high.as_slice() {
        ["*" | "?", ..] => {
            star = STAR_BIT;
            (min, max)
        }
        &[number] => {
            let number = parse_int_or_name(number, bounds)?;
            (number, number)
        }
        &[low, high] => (parse_int_or_name(low, bounds)?, parse_int_or_name(high, bounds)?),
        // The first number is looked at before the hyphens are counted.
        &[low, ..] => {
            parse_int_or_name(low, bounds)?;
            return Err(format!("too many hyphens: {expr}"));
        }
        [] => (min, max),
    };
    let step = match range_and_step.as_slice() {
        [_] => 1,
        &[_, step] => {
            let step = parse_int(step)?;
            if low_and_high.len() == 1 {
                end = max;
            }
            if step > 1 {
                star = 0;
            }
            step
        }
        _ => return Err(format!("too many slashes: {expr}")),
    };
    if start < min {
        return Err(format!("beginning of range ({start}) below minimum ({min}): {expr}"));
    }
    if end > max {
        return Err(format!("end of range ({end}) above maximum ({max}): {expr}"));
    }
    if start > end {
        return Err(format!("beginning of range ({start}) beyond end of range ({end}): {expr}"));
    }
    if step == 0 {
        return Err(format!("step of range should be a positive number: {expr}"));
    }
    let step = usize::try_from(step).unwrap_or(usize::MAX);
    Ok((start..=end).step_by(step).fold(star, |bits, number| bits | 1 << number))
}

/// Mirrors `parseIntOrName`.
fn parse_int_or_name(expr: &str, bounds: &Bounds) -> Result<u64, String> {
    let lower = expr.to_lowercase();
    match bounds.names.iter().zip(bounds.range.clone()).find(|(name, _)| **name == lower) {
        Some((_, number)) => Ok(u64::from(number)),
        None => parse_int(expr),
    }
}

/// Mirrors `mustParseInt`.
fn parse_int(expr: &str) -> Result<u64, String> {
    let number = atoi(expr).map_err(|error| format!("failed to parse int from {expr}: {error}"))?;
    u64::try_from(number).map_err(|_| format!("negative number ({number}) not allowed: {expr}"))
}

/// Mirrors `strconv.Atoi`, with its errors.
fn atoi(text: &str) -> Result<i64, String> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let why = if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        "invalid syntax"
    } else {
        match text.parse() {
            Ok(number) => return Ok(number),
            Err(_) => "value out of range",
        }
    };
    Err(format!("strconv.Atoi: parsing {}: {why}", quote(text)))
}

const NANOSECONDS_IN_SECOND: i64 = 1_000_000_000;
/// An hour has less than 10^13 nanoseconds.
const FRACTION_DIGITS_MAX: usize = 18;

/// Nanoseconds of a duration as Go writes it: `1h30m`, `-1.5s`. Mirrors `time.ParseDuration`.
///
/// # Errors
/// Go's text.
pub fn parse_duration(text: &str) -> Result<i64, String> {
    let invalid = || format!("time: invalid duration {}", quote(text));
    let (is_negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let whole;
        let mut fraction = "";
        (whole, rest) = split_digits(rest);
        if let Some(behind) = rest.strip_prefix('.') {
            (fraction, rest) = split_digits(behind);
        }
        if whole.is_empty() && fraction.is_empty() {
            return Err(invalid());
        }
        let unit_length = rest.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(rest.len());
        let unit = &rest[..unit_length];
        if unit.is_empty() {
            return Err(format!("time: missing unit in duration {}", quote(text)));
        }
        let Some(scale) = nanoseconds_of_unit(unit) else {
            return Err(format!("time: unknown unit {} in duration {}", quote(unit), quote(text)));
        };
        rest = &rest[unit_length..];
        total += whole_part(whole, scale).ok_or_else(invalid)? + fraction_part(fraction, scale);
        if total > i128::from(i64::MAX) {
            return Err(invalid());
        }
    }
    i64::try_from(if is_negative { -total } else { total }).map_err(|_| invalid())
}

/// The digits a text starts with, and what follows them.
fn split_digits(text: &str) -> (&str, &str) {
    text.split_at(text.bytes().take_while(u8::is_ascii_digit).count())
}

fn whole_part(digits: &str, scale: i64) -> Option<i128> {
    let number: i64 = if digits.is_empty() { 0 } else { digits.parse().ok()? };
    Some(i128::from(number) * i128::from(scale))
}

/// Digits behind what nanoseconds can tell count for nothing.
fn fraction_part(digits: &str, scale: i64) -> i128 {
    let mut total = 0;
    for digit in digits.bytes().take(FRACTION_DIGITS_MAX) {
        total = total * 10 + i128::from(digit - b'0');
    }
    let digits = u32::try_from(digits.len().min(FRACTION_DIGITS_MAX)).unwrap_or_default();
    total * i128::from(scale) / 10_i128.pow(digits)
}

fn nanoseconds_of_unit(unit: &str) -> Option<i64> {
    Some(match unit {
        "ns" => 1,
        "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
        "ms" => 1_000_000,
        "s" => NANOSECONDS_IN_SECOND,
        "m" => 60 * NANOSECONDS_IN_SECOND,
        "h" => 3_600 * NANOSECONDS_IN_SECOND,
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
