use super::*;

fn error(spec: &str) -> String {
    CronSchedule::parse(spec).expect_err(spec)
}

#[test]
fn errors_of_the_parser() {
    let rows = [
        ("", "empty spec string"),
        ("* * * *", "expected exactly 5 fields, found 4: [* * * *]"),
        ("  ", "expected exactly 5 fields, found 0: []"),
        ("60 * * * *", "end of range (60) above maximum (59): 60"),
        ("* 24 * * *", "end of range (24) above maximum (23): 24"),
        ("* * 0 * *", "beginning of range (0) below minimum (1): 0"),
        ("* * * 13 *", "end of range (13) above maximum (12): 13"),
        ("* * * * 7", "end of range (7) above maximum (6): 7"),
        ("5-1 * * * *", "beginning of range (5) beyond end of range (1): 5-1"),
        ("1,70 * * * *", "end of range (70) above maximum (59): 70"),
        ("*/0 * * * *", "step of range should be a positive number: */0"),
        ("1-2-3 * * * *", "too many hyphens: 1-2-3"),
        ("1/2/3 * * * *", "too many slashes: 1/2/3"),
        ("a * * * *", "failed to parse int from a: strconv.Atoi: parsing \"a\": invalid syntax"),
        ("-5 * * * *", "failed to parse int from : strconv.Atoi: parsing \"\": invalid syntax"),
        (
            "99999999999999999999 * * * *",
            "failed to parse int from 99999999999999999999: strconv.Atoi: parsing \"99999999999999999999\": value out of range",
        ),
        ("*/-5 * * * *", "negative number (-5) not allowed: -5"),
        ("* * L * *", "failed to parse int from L: strconv.Atoi: parsing \"L\": invalid syntax"),
        ("a b * * *", "failed to parse int from a: strconv.Atoi: parsing \"a\": invalid syntax"),
        ("@Daily", "unrecognized descriptor: @Daily"),
        ("@every", "unrecognized descriptor: @every"),
        ("@every x", "failed to parse duration @every x: time: invalid duration \"x\""),
        ("@every 5", "failed to parse duration @every 5: time: missing unit in duration \"5\""),
        ("@every 5d", "failed to parse duration @every 5d: time: unknown unit \"d\" in duration \"5d\""),
        ("TZ=Nowhere 0 * * * *", "provided bad location Nowhere: unknown time zone Nowhere"),
        ("CRON_TZ=/x 0 * * * *", "provided bad location /x: time: invalid location name"),
    ];
    for (spec, want) in rows {
        assert_eq!(error(spec), want, "{spec}");
    }
}

fn numbers(set: BitSet) -> Vec<u32> {
    (0..63).filter(|number| set.has(*number)).collect()
}

fn fields(spec: &str) -> CronFields {
    match CronSchedule::parse(spec).expect(spec) {
        CronSchedule::Fields(fields) => fields,
        CronSchedule::Every { .. } => panic!("{spec} has no fields"),
    }
}

#[test]
fn minutes_as_sets() {
    let rows: [(&str, &[u32]); 8] = [
        ("7", &[7]),
        ("1,3,,5", &[1, 3, 5]),
        ("50/4", &[50, 54, 58]),
        ("1-9/4", &[1, 5, 9]),
        ("*/20", &[0, 20, 40]),
        ("?/30", &[0, 30]),
        ("0-0", &[0]),
        ("*/99", &[0]),
    ];
    for (minute, want) in rows {
        assert_eq!(numbers(fields(&format!("{minute} * * * *")).minute), want, "{minute}");
    }
    assert_eq!(numbers(fields("* * * jan,DEC *").month), [1, 12]);
    assert_eq!(numbers(fields("* * * * mon-Wed").day_of_week), [1, 2, 3]);
    assert_eq!(fields("*-5 * * * *").minute, fields("* * * * *").minute);
}

#[test]
fn a_day_matches_by_one_field_unless_one_is_a_star() {
    // The 13th of a month, a Friday being day 5.
    let rows = [
        ("0 0 13 * 5", 13, 1, true),
        ("0 0 13 * 5", 12, 5, true),
        ("0 0 13 * 5", 12, 1, false),
        ("0 0 13 * *", 13, 1, true),
        ("0 0 13 * *", 12, 5, false),
        ("0 0 ? * 5", 12, 1, false),
        // A step takes the mark of the star away, 1 does not.
        ("0 0 */2 * 5", 12, 5, true),
        ("0 0 */1 * 5", 12, 1, false),
    ];
    for (spec, day_of_month, day_of_week, want) in rows {
        assert_eq!(fields(spec).day_matches(day_of_month, day_of_week), want, "{spec} {day_of_month} {day_of_week}");
    }
}

#[test]
fn descriptors() {
    let rows = [
        ("@yearly", "0 0 1 1 *"),
        ("@annually", "0 0 1 1 *"),
        ("@monthly", "0 0 1 * *"),
        ("@weekly", "0 0 * * 0"),
        ("@daily", "0 0 * * *"),
        ("@midnight", "0 0 * * *"),
        ("@hourly", "0 * * * *"),
    ];
    for (name, spec) in rows {
        assert_eq!(fields(name), fields(spec), "{name}");
    }
    assert_eq!(fields("TZ=Asia/Shanghai @daily").zone, Some(Tz::Asia__Shanghai));
    assert_eq!(fields("CRON_TZ=UTC 0 0 * * *").zone, Some(Tz::UTC));
    for (spec, seconds) in [("@every 90m", 5400), ("@every 1h1.9s", 3601), ("@every 10ms", 1), ("@every -5s", 1)] {
        assert_eq!(CronSchedule::parse(spec), Ok(CronSchedule::Every { seconds }), "{spec}");
    }
}

#[test]
fn durations() {
    let rows = [
        ("0", Ok(0)),
        ("1.5s", Ok(1_500_000_000)),
        ("-1m.5s", Ok(-60_500_000_000)),
        ("2h3ms4\u{b5}s5ns", Ok(7_200_003_004_005)),
        ("", Err("time: invalid duration \"\"")),
        (".s", Err("time: invalid duration \".s\"")),
        ("1.2.3s", Err("time: missing unit in duration \"1.2.3s\"")),
        ("9999999999h", Err("time: invalid duration \"9999999999h\"")),
        ("1s2", Err("time: missing unit in duration \"1s2\"")),
    ];
    for (text, want) in rows {
        assert_eq!(parse_duration(text), want.map_err(str::to_owned), "{text}");
    }
}
