//! A second opinion on schedules: what the crate `cron` makes of them, where both grammars can say the same.
//!
//! The crate wants seconds first, counts Sunday as 1 and joins both day fields with "and". Here schedules are translated,
//! those with two restricted day fields into two, of which the earlier time counts. Times are in UTC: on days of 23 and 25
//! hours the crate goes its own way.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use cron::Schedule;
use seatrial_api::Time;
use seatrial_api::cron_schedule::CronSchedule;

const MINUTES: [&str; 7] = ["*", "0", "*/7", "5,35", "10-13", "59", "0-59/15"];
const HOURS: [&str; 6] = ["*", "0", "*/6", "9-17", "23", "3,4,22"];
const DAYS_OF_MONTH: [&str; 6] = ["*", "1", "31", "29", "1-7", "15,30"];
const MONTHS: [&str; 5] = ["*", "1", "2", "jan,jul", "3-11/4"];
/// As Kubernetes writes them and as the crate does.
const DAYS_OF_WEEK: [(&str, &str); 5] = [("*", "*"), ("0", "1"), ("1-5", "2-6"), ("6", "7"), ("sun,wed", "1,4")];
const STARTS: [&str; 3] = ["2024-01-01T00:00:00Z", "2024-02-28T23:59:59Z", "2026-12-31T22:58:30Z"];
const TIMES: usize = 4;

/// Minute, hour, day of the month, month, day of the week, and that day as the crate counts.
type Fields = [&'static str; 6];

/// Every combination, but for days that come every four years or never: they take the crate long.
fn combinations() -> Vec<Fields> {
    let mut all: Vec<Fields> = vec![[""; 6]];
    let lists: [&[&str]; 4] = [&MINUTES, &HOURS, &DAYS_OF_MONTH, &MONTHS];
    for (place, values) in lists.into_iter().enumerate() {
        let with = |fields: Fields, value| std::array::from_fn(|i| if i == place { value } else { fields[i] });
        all = all.into_iter().flat_map(|fields| values.iter().map(move |value| with(fields, value))).collect();
    }
    all.retain(|fields| fields[3] != "2" || !["29", "31"].contains(&fields[2]));
    let with_day = |[minute, hour, day, month, ..]: Fields| {
        DAYS_OF_WEEK.map(|(own, translated)| [minute, hour, day, month, own, translated])
    };
    all.into_iter().flat_map(with_day).collect()
}

/// The next times as the crate finds them.
fn opinion([minute, hour, day, month, weekday, translated]: Fields, start: DateTime<Utc>) -> Vec<i64> {
    let either = day != "*" && weekday != "*";
    let days = if either { vec![(day, "*"), ("*", translated)] } else { vec![(day, translated)] };
    let mut times = Vec::new();
    for (day, weekday) in days {
        let text = format!("0 {minute} {hour} {day} {month} {weekday}");
        let schedule = Schedule::from_str(&text).expect(&text);
        times.extend(schedule.after(&start).take(TIMES).map(|time| time.timestamp()));
    }
    times.sort_unstable();
    times.dedup();
    times.truncate(TIMES);
    times
}

fn ours(spec: &str, start: Time) -> Vec<i64> {
    let schedule = CronSchedule::parse(spec).expect(spec);
    std::iter::successors(schedule.next(start), |time| schedule.next(*time)).take(TIMES).map(Time::unix).collect()
}

#[test]
fn the_crate_cron_finds_the_same_times() {
    let all = combinations();
    assert!(all.len() > 5_000, "{}", all.len());
    for (index, fields) in all.into_iter().enumerate() {
        let start = Time::parse(STARTS[index % STARTS.len()]).expect("a time");
        let spec = fields[..5].join(" ");
        assert_eq!(ours(&spec, start), opinion(fields, start.to_chrono()), "{spec} after {start}");
    }
}
