//! What YAML 1.1 reads a plain word as.
//!
//! Mirrors `resolve`, `isBase60Float`, `parseTimestamp` of goyaml.v2.

use chrono::NaiveDate;

const WORDS: &[&str] = &[
    "", "~", "null", "Null", "NULL", "y", "Y", "yes", "Yes", "YES", "n", "N", "no", "No", "NO", "true", "True", "TRUE",
    "false", "False", "FALSE", "on", "On", "ON", "off", "Off", "OFF", ".nan", ".NaN", ".NAN", ".inf", ".Inf", ".INF",
    "+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf", "-.INF",
];

/// Whether a text without quotes is read as a text.
pub(super) fn is_text_when_plain(text: &str) -> bool {
    if WORDS.contains(&text) || is_base_60_float(text) {
        return false;
    }
    match text.as_bytes().first() {
        Some(b'0'..=b'9' | b'+' | b'-' | b'.') => {
            let plain = text.replace('_', "");
            !(is_timestamp(text) || is_integer(&plain) || is_float(&plain))
        }
        _ => true,
    }
}

fn without_sign(text: &str) -> &str {
    text.strip_prefix(['+', '-']).unwrap_or(text)
}

/// Mirrors `strconv.ParseInt` with base 0.
fn is_integer(text: &str) -> bool {
    let digits = without_sign(text).to_ascii_lowercase();
    let prefixes = [("0x", 16), ("0b", 2), ("0o", 8), ("0", 8)];
    let with_prefix = prefixes.iter().find_map(|(prefix, radix)| Some((digits.strip_prefix(prefix)?, *radix)));
    match with_prefix {
        Some(("", 8)) | None => !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()),
        Some((rest, radix)) => !rest.is_empty() && rest.chars().all(|c| c.is_digit(radix)),
    }
}

/// Mirrors `yamlStyleFloat`.
fn is_float(text: &str) -> bool {
    let text = without_sign(text);
    let (number, exponent) = match text.find(['e', 'E']) {
        Some(at) => (&text[..at], Some(without_sign(&text[at + 1..]))),
        None => (text, None),
    };
    let are_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let is_number = match number.split_once('.') {
        Some((whole, part)) => are_digits(whole) && are_digits(part) && !(whole.is_empty() && part.is_empty()),
        None => !number.is_empty() && are_digits(number),
    };
    is_number && exponent.is_none_or(|e| !e.is_empty() && are_digits(e))
}

/// `12:30` and `1:30:15.5` were numbers once.
fn is_base_60_float(text: &str) -> bool {
    let text = without_sign(text);
    let mut parts = text.split(':');
    let first = parts.next().unwrap_or_default();
    let is_first =
        first.starts_with(|c: char| c.is_ascii_digit()) && first.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    let rest: Vec<&str> = parts.collect();
    let Some((last, middle)) = rest.split_last() else { return false };
    let (last, part) = last.split_once('.').unwrap_or((last, ""));
    let is_sixtieth = |text: &str| matches!(text.as_bytes(), [b'0'..=b'9'] | [b'0'..=b'5', b'0'..=b'9']);
    is_first
        && middle.iter().copied().chain([last]).all(is_sixtieth)
        && part.bytes().all(|b| b.is_ascii_digit() || b == b'_')
}

/// A date, or a date and a time with its zone, or a date, a blank and a time.
fn is_timestamp(text: &str) -> bool {
    if text.len() < 8 || !text.bytes().take(4).all(|b| b.is_ascii_digit()) || text.as_bytes()[4] != b'-' {
        return false;
    }
    let (date, time) = match text.find(['T', 't', ' ']) {
        Some(at) => (&text[..at], Some((text.as_bytes()[at], &text[at + 1..]))),
        None => (text, None),
    };
    let numbers: Vec<Option<u32>> = date.split('-').map(|n| n.parse().ok().filter(|_| n.len() <= 4)).collect();
    let [Some(year), Some(month), Some(day)] = numbers[..] else { return false };
    if NaiveDate::from_ymd_opt(year.cast_signed(), month, day).is_none() {
        return false;
    }
    match time {
        None => true,
        Some((b' ', time)) => is_time(time),
        Some((_, time)) => {
            let zoned = time.strip_suffix('Z').or_else(|| {
                let at = time.rfind(['+', '-'])?;
                let zone = &time.as_bytes()[at + 1..];
                matches!(zone, [b'0'..=b'9', b'0'..=b'9', b':', b'0'..=b'9', b'0'..=b'9']).then(|| &time[..at])
            });
            zoned.is_some_and(is_time)
        }
    }
}

fn is_time(text: &str) -> bool {
    let (clock, part) = text.split_once('.').unwrap_or((text, "0"));
    let limits = [24, 60, 60];
    let numbers: Vec<&str> = clock.split(':').collect();
    numbers.len() == limits.len()
        && numbers.iter().zip(limits).all(|(n, limit)| n.len() <= 2 && n.parse::<u32>().is_ok_and(|n| n < limit))
        && !part.is_empty()
        && part.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::is_text_when_plain;

    #[test]
    fn words_that_are_no_texts() {
        let others = ",~,null,yes,No,ON,y,n,1,-1,+12,0x1F,0b01,0o17,017,08,1_000,1.5,.5,5.,1e3,1E-3,.inf,-.INF,.NaN,12:30,-1:2:3,1:2.5,\
            2024-01-01,2024-1-1,2024-01-01T00:00:00Z,2024-01-01t1:2:3.5+01:00,2024-01-01 10:00:00";
        for word in others.split(',') {
            assert!(!is_text_when_plain(word), "{word:?}");
        }
        let texts = "a,Yes!,yess,nO,1a,1Gi,100m,0x,0xg,1e,e1,-,+,.,1.2.3,1:60,a:1,1:,2024-13-01,2024-02-30,24-01-01,2024-01-01T00:00:00,\
            2024-01-01T25:00:00Z,2024-01-01 10:00,1.36.2,-c,--flag,10.0.0.1,$(A)";
        for word in texts.split(',') {
            assert!(is_text_when_plain(word), "{word:?}");
        }
    }
}
