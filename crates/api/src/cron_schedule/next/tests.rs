use super::super::load_location;
use super::*;

/// A time as the rows write it: with or without seconds.
fn time(text: &str) -> Time {
    let full = if text.len() == "2024-01-01T00:00Z".len() { text.replace('Z', ":00Z") } else { text.to_owned() };
    Time::parse(&full).expect(text)
}

fn schedule(spec: &str, zone: &str) -> CronSchedule {
    let text = if zone == "UTC" { spec.to_owned() } else { format!("TZ={zone} {spec}") };
    CronSchedule::parse(&text).expect(spec)
}

fn next_times(spec: &str, zone: &str, after: &str, count: usize) -> String {
    let (schedule, mut at, mut found) = (schedule(spec, zone), time(after), Vec::new());
    for _ in 0..count {
        let Some(next) = schedule.next(at) else {
            found.push("never".to_owned());
            break;
        };
        found.push(next.to_string().replace(":00Z", "Z"));
        at = next;
    }
    found.join(" ")
}

/// The rows are reckoned by `next_rows.py`, which knows nothing of the search.
#[test]
fn schedules_are_due_when_the_clocks_show_their_times() {
    let rows: Vec<&str> = include_str!("../next_rows.txt").lines().filter(|line| !line.starts_with('#')).collect();
    assert!(rows.len() >= 120, "{} rows", rows.len());
    let mut wrong = Vec::new();
    for row in rows {
        let &[spec, zone, after, want] = row.split(" | ").collect::<Vec<_>>().as_slice() else { panic!("{row}") };
        let got = next_times(spec, zone, after, 5);
        if got != want {
            wrong.push(format!("{spec} in {zone} after {after}\n  wanted {want}\n  got    {got}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What upstream's search makes of clocks that are changed at midnight or by half an hour, followed by hand.
#[test]
fn hours_are_counted_from_where_the_search_is() {
    let rows = [
        // Midnight of 4 November 2018 is left out in Sao Paulo: the hours go from 23 to 1, so the day has none.
        ("0 0 * * *", "America/Sao_Paulo", "2018-11-03T12:00:00Z", "2018-11-05T02:00Z"),
        // The day search lands on 23:00 of the day before, goes an hour on to 1:00, and finds no hour 0 until the 5th.
        ("0 0 4 11 *", "America/Sao_Paulo", "2018-11-01T00:00:00Z", "2019-11-04T03:00Z"),
        // Lord Howe puts its clocks back by half an hour at 2:00: from 1:30 the hours go 2:30, 3:30, and 3:00 is missed.
        ("0 3 * * *", "Australia/Lord_Howe", "2024-04-06T13:30:00Z", "2024-04-07T16:30Z"),
        // And forward by half an hour at 2:00, with the same effect.
        ("0 3 * * *", "Australia/Lord_Howe", "2024-10-05T14:00:00Z", "2024-10-06T16:00Z"),
        // Midnight of 31 March 2024 is left out in Beirut: only hour 0 makes upstream look at the day again.
        ("0 5 30 3 *", "Asia/Beirut", "2024-03-30T10:00:00Z", "2024-03-31T02:00Z"),
        // 30 December 2011 is left out in Apia.
        ("0 0 31 12 *", "Pacific/Apia", "2011-12-28T00:00:00Z", "2011-12-30T10:00Z"),
        // Schedules of every hour stop at each of them: 1:30 comes twice, half an hour apart.
        (
            "30 * * * *",
            "Australia/Lord_Howe",
            "2024-04-06T14:00:00Z",
            "2024-04-06T14:30Z 2024-04-06T15:00Z 2024-04-06T16:00Z",
        ),
        ("*/30 2 * * *", "Australia/Lord_Howe", "2024-10-05T14:00:00Z", "2024-10-05T15:30Z 2024-10-06T15:00Z"),
    ];
    for (spec, zone, after, want) in rows {
        let count = want.split(' ').count();
        assert_eq!(next_times(spec, zone, after, count), want, "{spec} in {zone} after {after}");
    }
}

#[test]
fn intervals_count_from_the_time_before() {
    let rows = [
        ("@every 1h", "2024-01-01T00:20:07Z", "2024-01-01T01:20:07Z"),
        ("@every 1h30m10s", "2024-01-01T00:00:00Z", "2024-01-01T01:30:10Z"),
        ("@every 10ms", "2024-01-01T00:00:00Z", "2024-01-01T00:00:01Z"),
        ("@every 2.9s", "2024-01-01T00:00:00Z", "2024-01-01T00:00:02Z"),
        ("TZ=Asia/Tokyo @every 24h", "2024-01-01T05:00:00Z", "2024-01-02T05:00:00Z"),
    ];
    for (spec, after, want) in rows {
        let next = CronSchedule::parse(spec).expect(spec).next(time(after));
        assert_eq!(next, Some(time(want)), "{spec}");
    }
}

#[test]
fn days_that_never_come() {
    let rows = [
        ("59 23 31 2 *", "2024-01-01T00:00:00Z", None),
        ("0 0 31 4,6,9,11 *", "2024-01-01T00:00:00Z", None),
        // Five years are searched: 2100 is no leap year, so there are eight between two of them.
        ("0 0 29 2 *", "2096-03-01T00:00:00Z", None),
        ("0 0 29 2 *", "2098-12-31T23:59:58Z", None),
        ("0 0 29 2 *", "2098-12-31T23:59:59Z", Some("2104-02-29T00:00:00Z")),
        // A restricted day of the week comes although the day of the month does not.
        ("0 0 31 2 1", "2024-01-01T00:00:00Z", Some("2024-02-05T00:00:00Z")),
        // A field of nothing but commas names no minute.
        (", * * * *", "2024-01-01T00:00:00Z", None),
        ("0 , * * *", "2024-01-01T00:00:00Z", None),
    ];
    for (spec, after, want) in rows {
        assert_eq!(schedule(spec, "UTC").next(time(after)), want.map(time), "{spec} after {after}");
    }
}

#[test]
fn times_are_told_in_their_zone() {
    let rows = [
        ("UTC", "2024-07-01T12:00:00Z", "2024-07-01T12:00:00Z"),
        ("Europe/London", "2024-01-01T12:00:00Z", "2024-01-01T12:00:00Z"),
        ("Europe/London", "2024-07-01T12:00:00Z", "2024-07-01T13:00:00+01:00"),
        ("America/St_Johns", "2024-01-01T12:00:00Z", "2024-01-01T08:30:00-03:30"),
        ("Pacific/Chatham", "2024-01-01T12:00:00Z", "2024-01-02T01:45:00+13:45"),
    ];
    for (zone, at, want) in rows {
        assert_eq!(to_rfc3339_in(time(at), load_location(zone).expect(zone)), want);
    }
}

/// Whatever the schedule, the zone and the moment: the next time is later, and the clocks show what was asked for.
#[test]
fn next_times_strictly_increase_and_match() {
    let zones =
        ["UTC", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo", "Africa/Casablanca", "Pacific/Apia"];
    let specs = ["*/7 * * * *", "13 */5 * * *", "30 1,2 * * *", "0 0 1,15 * 1", "59 23 * 2-4,10 6", "*/45 0 * * 0"];
    for zone in zones {
        let tz = load_location(zone).expect(zone);
        for spec in specs {
            let schedule = schedule(spec, zone);
            let CronSchedule::Fields(fields) = schedule else { panic!("{spec}") };
            let mut at = time("2010-06-01T00:00:00Z");
            for _ in 0..2_000 {
                let Some(next) = schedule.next(at) else { break };
                let local = next.to_chrono().with_timezone(&tz).naive_local();
                assert!(next > at, "{spec} {zone}: {next} after {at}");
                assert!(fields.minute.has(local.minute()) && fields.hour.has(local.hour()), "{spec} {zone}: {local}");
                assert!(fields.month.has(local.month()) && local.second() == 0, "{spec} {zone}: {local}");
                let weekday = local.weekday().num_days_from_sunday();
                assert!(fields.day_matches(local.day(), weekday), "{spec} {zone}: {local}");
                at = next;
            }
        }
    }
}
