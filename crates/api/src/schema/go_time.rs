//! What Go's `time.Parse` says of a text that is no time.

use crate::field::quote;

const RFC3339: &str = "2006-01-02T15:04:05Z07:00";
const RFC3339_MICRO: &str = "2006-01-02T15:04:05.000000Z07:00";

/// The error for a text, or `None` when it is a time. With `micro` it has to have six digits of a fraction.
pub(super) fn time_error(text: &str, micro: bool) -> Option<String> {
    let layout = if micro { RFC3339_MICRO } else { RFC3339 };
    match parse(text, micro) {
        Ok(()) => None,
        Err(Failure::Element(rest, element)) => {
            Some(format!("parsing time {} as \"{layout}\": cannot parse {} as \"{element}\"", quote(text), quote(rest)))
        }
        Err(Failure::Range(what)) => Some(format!("parsing time {}: {what} out of range", quote(text))),
        Err(Failure::Extra(rest)) => Some(format!("parsing time {}: extra text: {}", quote(text), quote(rest))),
    }
}

enum Failure<'a> {
    Element(&'a str, &'static str),
    Range(&'static str),
    Extra(&'a str),
}

fn parse(text: &str, micro: bool) -> Result<(), Failure<'_>> {
    let mut rest = text;
    let year = number(&mut rest, 4, "2006")?;
    literal(&mut rest, "-")?;
    let month = number(&mut rest, 2, "01")?;
    if !(1..=12).contains(&month) {
        return Err(Failure::Range("month"));
    }
    literal(&mut rest, "-")?;
    let day = number(&mut rest, 2, "02")?;
    literal(&mut rest, "T")?;
    if hour(&mut rest)? > 23 {
        return Err(Failure::Range("hour"));
    }
    literal(&mut rest, ":")?;
    if number(&mut rest, 2, "04")? > 59 {
        return Err(Failure::Range("minute"));
    }
    literal(&mut rest, ":")?;
    if number(&mut rest, 2, "05")? > 59 {
        return Err(Failure::Range("second"));
    }
    fraction(&mut rest, micro)?;
    zone(&mut rest)?;
    if !rest.is_empty() {
        return Err(Failure::Extra(rest));
    }
    if day < 1 || day > days_in(month, year) {
        return Err(Failure::Range("day"));
    }
    Ok(())
}

fn number<'a>(rest: &mut &'a str, digits: usize, element: &'static str) -> Result<u32, Failure<'a>> {
    let taken = rest.get(..digits).filter(|t| t.bytes().all(|b| b.is_ascii_digit()));
    let value = taken.and_then(|t| t.parse().ok()).ok_or(Failure::Element(rest, element))?;
    *rest = &rest[digits..];
    Ok(value)
}

/// The hour may be one digit.
fn hour<'a>(rest: &mut &'a str) -> Result<u32, Failure<'a>> {
    let digits = rest.bytes().take(2).take_while(u8::is_ascii_digit).count();
    number(rest, digits.max(1), "15")
}

fn literal<'a>(rest: &mut &'a str, want: &'static str) -> Result<(), Failure<'a>> {
    *rest = rest.strip_prefix(want).ok_or(Failure::Element(rest, want))?;
    Ok(())
}

fn fraction<'a>(rest: &mut &'a str, micro: bool) -> Result<(), Failure<'a>> {
    const DIGITS: usize = 6;
    let behind = rest.strip_prefix(['.', ',']);
    let digits = behind.map_or(0, |b| b.bytes().take_while(u8::is_ascii_digit).count());
    if micro && (digits < DIGITS || behind.is_none()) {
        return Err(Failure::Element(rest, ".000000"));
    }
    let taken = if micro { DIGITS } else { digits };
    if let Some(behind) = behind.filter(|_| digits > 0) {
        *rest = &behind[taken..];
    }
    Ok(())
}

fn zone<'a>(rest: &mut &'a str) -> Result<(), Failure<'a>> {
    if let Some(behind) = rest.strip_prefix('Z') {
        *rest = behind;
        return Ok(());
    }
    let bad = Failure::Element(rest, "Z07:00");
    let Some(zone) = rest.get(..6).filter(|z| z.starts_with(['+', '-']) && z.as_bytes()[3] == b':') else {
        return Err(bad);
    };
    let (Ok(hours), Ok(minutes)) = (zone[1..3].parse::<u32>(), zone[4..6].parse::<u32>()) else { return Err(bad) };
    if hours > 24 {
        return Err(Failure::Range("time zone offset hour"));
    }
    if minutes > 60 {
        return Err(Failure::Range("time zone offset minute"));
    }
    *rest = &rest[6..];
    Ok(())
}

fn days_in(month: u32, year: u32) -> u32 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::time_error;

    #[test]
    fn errors_are_those_of_go() {
        let seconds = "as \"2006-01-02T15:04:05Z07:00\": cannot parse";
        let rows = [
            ("2026-01-02T03:04:05Z", None),
            ("2026-01-02T03:04:05.123+02:00", None),
            ("soon", Some(format!("parsing time \"soon\" {seconds} \"soon\" as \"2006\""))),
            ("", Some(format!("parsing time \"\" {seconds} \"\" as \"2006\""))),
            ("2026-01-02", Some(format!("parsing time \"2026-01-02\" {seconds} \"\" as \"T\""))),
            (
                "2026-01-02 03:04:05Z",
                Some(format!("parsing time \"2026-01-02 03:04:05Z\" {seconds} \" 03:04:05Z\" as \"T\"")),
            ),
            ("2026-13-02T03:04:05Z", Some("parsing time \"2026-13-02T03:04:05Z\": month out of range".to_owned())),
            ("2026-02-30T03:04:05Z", Some("parsing time \"2026-02-30T03:04:05Z\": day out of range".to_owned())),
            ("2026-01-02T03:04:05", Some(format!("parsing time \"2026-01-02T03:04:05\" {seconds} \"\" as \"Z07:00\""))),
            ("2026-01-02T03:04:05Zx", Some("parsing time \"2026-01-02T03:04:05Zx\": extra text: \"x\"".to_owned())),
        ];
        for (text, want) in rows {
            assert_eq!(time_error(text, false), want, "{text}");
        }
        assert_eq!(time_error("2026-01-02T03:04:05.123456Z", true), None);
        let want = "parsing time \"2026-01-02T03:04:05Z\" as \"2006-01-02T15:04:05.000000Z07:00\": cannot parse \"Z\" as \".000000\"";
        assert_eq!(time_error("2026-01-02T03:04:05Z", true).as_deref(), Some(want));
    }
}
