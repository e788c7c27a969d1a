#!/usr/bin/env python3
"""Writes next_rows.txt: when schedules are due, reckoned without cron's search.

A schedule is due at every minute at which the clocks of its zone, as Python's zoneinfo knows them, show a time that
its five fields name. Days are looked at one by one, then every minute of those that match. What upstream's search makes
of clocks that are put forward or back by less than an hour, or at midnight, differs: such rows are in next_tests.rs.
"""

from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

UTC = timezone.utc
NAMES = {n: i for i, n in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split(), 1)}
NAMES |= {n: i for i, n in enumerate("sun mon tue wed thu fri sat".split())}
WORDS = {
    "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
}


def field(text, low, high):
    """The numbers of a field, and whether it is a star."""
    numbers, star = set(), False
    number = lambda t: NAMES[t.lower()] if t.lower() in NAMES else int(t)
    for item in filter(None, text.split(",")):
        bounds, _, step = item.partition("/")
        first, _, last = bounds.partition("-")
        if first in ("*", "?"):
            first, last, star = low, high, star or step in ("", "1")
        else:
            first, last = number(first), number(last) if last else (high if step else number(first))
        numbers |= set(range(first, last + 1, int(step or 1)))
    return numbers, star


def due(spec, zone, start, count=5):
    spec = WORDS.get(spec, spec)
    minutes, hours, days, months, weekdays = (
        field(t, *b) for t, b in zip(spec.split(), [(0, 59), (0, 23), (1, 31), (1, 12), (0, 6)]))
    zone, found, day = ZoneInfo(zone), [], start.astimezone(ZoneInfo(zone)).date()

    def matches(day):
        of_month, of_week = day.day in days[0], day.isoweekday() % 7 in weekdays[0]
        both = of_month and of_week if days[1] or weekdays[1] else of_month or of_week
        return day.month in months[0] and both

    while len(found) < count:
        if matches(day):
            at = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=15)
            for _ in range(54 * 60):
                local = at.astimezone(zone)
                named = local.date() == day and local.hour in hours[0] and local.minute in minutes[0]
                if named and at > start:
                    found.append(at)
                at += timedelta(minutes=1)
        day += timedelta(days=1)
    return sorted(set(found))[:count]


def rows():
    """Expressions, zones, instants in UTC."""
    plain = """
* * * * *|*/5 * * * *|0 * * * *|30 * * * *|59 * * * *|5,35 * * * *|10-13 * * * *|0-59/15 * * * *|7/20 * * * *|? ? ? ? ?
0 0 * * *|30 2 * * *|0 9-17 * * 1-5|*/10 8-9 * * *|0 */6 * * *|15 3/8 * * *|0 0 1 * *|0 0 31 * *|59 23 28-31 * *|0 12 15 * *
0 0 1 1 *|0 0 29 2 *|0 0 30 2,4 *|0 0 1 */3 *|0 0 1 JAN,jul *|0 0 * 2 *|0 6 * 3-5 *|5 4 * * sun|0 0 * * MON-fri|0 22 * * 1-5
0 0 13 * 5|0 0 1,15 * 3|0 0 */10 * 1|0 0 1 * */2|0 0 * * */2|0 0 */1 * 2|0 0 ? * 6|0 0 1-7 * 1|0 4 1 1 0|23 0-20/2 * * *
30 6-16/4 * * 1-5|1,2,,3 * * * *|*/40 * * * *|*-5 * * * *|0 0 * 12 *|0 0 10/5 * *|0 0 * * 0,6|00 08 * * *|*/3 * * * *|45 23 * * 6""".replace("\n", "|").split("|")
    for spec in filter(None, plain):
        yield spec, "UTC", "2024-01-01T00:00:00Z"
    for word in [*WORDS]:
        yield word, "UTC", "2024-02-28T23:59:59Z"
    starts = ["2023-12-31T23:59:59Z", "2024-02-28T23:59:00Z", "2024-01-01T00:00:30Z", "2025-02-28T12:34:56Z"]
    for spec, start in [("* * * * *", starts[0]), ("*/5 * * * *", starts[2]), ("0 0 * * *", starts[1]), ("0 0 29 2 *", starts[1]),
                        ("0 0 29 2 *", starts[3]), ("59 23 31 12 *", starts[3]), ("0 0 * 2 6", starts[3])]:
        yield spec, "UTC", start
    # The hour that is left out: New York, 10 March 2024; Zurich, London, 31 March; Sydney, 6 October; Auckland, 29 September.
    left_out = {"America/New_York": "2024-03-10T05:00:00Z", "Europe/Zurich": "2024-03-30T23:30:00Z", "Europe/London": "2024-03-31T00:10:00Z",
                "Australia/Sydney": "2024-10-05T14:30:00Z", "Pacific/Auckland": "2024-09-28T12:45:00Z", "America/Los_Angeles": "2024-03-10T09:59:30Z"}
    # The hour that comes twice: 3 November 2024; 27 October; 7 April; 7 April.
    twice = {"America/New_York": "2024-11-03T04:10:00Z", "Europe/Zurich": "2024-10-26T23:45:00Z", "Europe/London": "2024-10-27T00:00:00Z",
             "Australia/Sydney": "2024-04-06T14:30:00Z", "Pacific/Auckland": "2024-04-06T13:30:00Z", "America/Los_Angeles": "2024-11-03T08:29:59Z"}
    for zones in left_out, twice:
        for zone, start in zones.items():
            for spec in ["30 2 * * *", "30 1 * * *", "0 * * * *", "*/30 1-3 * * *", "0 3 * * *", "0 0 * * *"]:
                yield spec, zone, start
    elsewhere = [
        ("0 9 * * 1-5", "America/New_York", "2024-03-08T20:00:00Z"), ("0 9 * * 1-5", "America/New_York", "2024-11-01T20:00:00Z"),
        ("30 5 * * *", "Asia/Kolkata", "2024-01-01T00:00:00Z"), ("0 0 1 * *", "Asia/Tokyo", "2024-01-31T14:59:59Z"),
        ("0 12 * * *", "Asia/Kathmandu", "2024-06-01T00:00:00Z"), ("0 0 * * *", "Pacific/Kiritimati", "2024-02-28T09:00:00Z"),
        ("0 0 29 2 *", "Pacific/Pago_Pago", "2024-02-29T10:59:00Z"), ("15 10 * * 0", "Pacific/Chatham", "2024-09-20T00:00:00Z"),
        ("0 6 * * *", "America/St_Johns", "2024-03-08T00:00:00Z"), ("*/20 * * * *", "America/St_Johns", "2024-11-03T03:50:00Z"),
        ("0 0 30 12 *", "Pacific/Apia", "2010-01-01T00:00:00Z"), ("0 12 * * *", "Pacific/Apia", "2011-12-28T00:00:00Z"),
        ("0 3 * * *", "Africa/Casablanca", "2024-03-08T00:00:00Z"), ("30 2 * * *", "Africa/Casablanca", "2024-04-12T00:00:00Z"),
        ("0 2 * * *", "Europe/Istanbul", "2016-03-26T00:00:00Z"), ("@hourly", "Europe/Zurich", "2024-03-31T00:00:00Z"),
        ("@hourly", "Europe/Zurich", "2024-10-27T00:00:00Z"), ("@daily", "America/New_York", "2024-03-09T12:00:00Z"),
        ("@weekly", "Australia/Sydney", "2024-09-28T00:00:00Z"), ("@monthly", "Europe/Zurich", "2024-02-29T23:00:00Z"),
        ("@yearly", "Asia/Tokyo", "2024-12-31T15:00:00Z"), ("5 0 * 8 *", "Europe/London", "2024-07-31T22:00:00Z"),
        ("*/15 0 * * *", "America/Sao_Paulo", "2024-05-01T00:00:00Z"), ("0 1,2,3 * * *", "America/Chicago", "2024-03-10T06:30:00Z"),
        ("0 1,2,3 * * *", "America/Chicago", "2024-11-03T05:30:00Z"), ("59 1 * * *", "Europe/Lisbon", "2024-10-26T12:00:00Z"),
    ]
    yield from elsewhere


def main():
    print("# Written by next_rows.py with the tz database 2025b: schedule | zone | after | the next five times.")
    for spec, zone, start in rows():
        after = datetime.strptime(start, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        times = [t.strftime("%Y-%m-%dT%H:%MZ") for t in due(spec, zone, after)]
        print(f"{spec} | {zone} | {start} | {' '.join(times)}")


main()
