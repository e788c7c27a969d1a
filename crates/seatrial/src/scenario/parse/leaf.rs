//! Single values: durations, times, targets, quantities, CEL.

use std::time::Duration;

use chrono::{DateTime, Datelike, Utc};
use seatrial_api::quantity::Quantity;

use super::kinds::check_kind;
use crate::manifest::node::{Data, Node};
use crate::manifest::{InputError, suggest};
use crate::scenario::model::{Cel, Query, Target, WaitFor, When};

/// What a duration looks like, for the JSON schema.
pub(crate) const DURATION_PATTERN: &str = r"^(0|(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|ms|s|m|h))+)$";

const DURATION_HINT: &str = "write a number and a unit: `500ms`, `1.5s`, `2m`, `1h30m`";
const CONDITIONS: &[&str] = &["Available", "Complete", "Failed", "Ready"];

fn wanted(node: &Node, what: &str) -> InputError {
    InputError::at(node.position, format!("wanted {what}, got {}", node.describe()))
}

/// What becomes the name of a file, for the JSON schema.
pub(crate) const NAME_PATTERN: &str = "^[A-Za-z0-9_-][A-Za-z0-9._-]*$";

/// A word that becomes the name of a file: snapshots are written to a folder.
pub(crate) fn name(node: &Node) -> Result<(), InputError> {
    let text = node.text().unwrap_or_default();
    let is_name = !text.is_empty()
        && !text.starts_with('.')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
    match is_name {
        true => Ok(()),
        false => Err(InputError::at(node.position, format!("`{text}` cannot be a name"))
            .hint("a name becomes that of a file: use letters, digits, `-`, `_` and `.`")),
    }
}

/// A duration in Go's spelling.
pub(crate) fn duration(node: &Node) -> Result<Duration, InputError> {
    match &node.data {
        Data::Text(text) => parse_duration(text)
            .ok_or_else(|| InputError::at(node.position, format!("`{text}` is not a duration")).hint(DURATION_HINT)),
        Data::Number(number) if number.as_u64() == Some(0) => Ok(Duration::ZERO),
        Data::Number(number) => Err(InputError::at(node.position, format!("`{number}` has no unit"))
            .hint(format!("write `{number}s` for seconds"))),
        _ => Err(wanted(node, "a duration").hint(DURATION_HINT)),
    }
}

/// A duration, or `never`.
pub(crate) fn when(node: &Node) -> Result<When, InputError> {
    match node.text() {
        Some("never") => Ok(When::Never),
        Some(text) if parse_duration(text).is_none() => {
            let error = InputError::at(node.position, format!("`{text}` is neither a duration nor `never`"));
            Err(match suggest::nearest(text, ["never"]) {
                Some(_) => error.hint("did you mean `never`?"),
                None => error.hint(DURATION_HINT),
            })
        }
        _ => duration(node).map(When::After),
    }
}

/// Mirrors Go's time.ParseDuration, without signs: the units are ns, us, µs, ms, s, m, h.
pub fn parse_duration(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let mut rest = text;
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(digits);
        let unit = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit);
        total = total.checked_add(scaled(number, unit_nanos(unit)?)?)?;
        rest = tail;
    }
    // Go's durations are signed 64-bit nanoseconds.
    (!text.is_empty() && i64::try_from(total).is_ok()).then(|| Duration::from_nanos(total))
}

fn unit_nanos(unit: &str) -> Option<u64> {
    Some(match unit {
        "ns" => 1,
        "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    })
}

/// `number` (with a fraction) times `unit`, in integers; what is below a nanosecond is cut.
fn scaled(number: &str, unit: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if fraction.contains('.') || (whole.is_empty() && fraction.is_empty()) {
        return None;
    }
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    // Twelve digits are more than an hour has of nanoseconds; the product fits 128 bits.
    let mut numerator: u128 = 0;
    let mut denominator: u128 = 1;
    for digit in fraction.chars().take(12) {
        numerator = numerator * 10 + u128::from(digit.to_digit(10)?);
        denominator *= 10;
    }
    let part = u64::try_from(numerator * u128::from(unit) / denominator).ok()?;
    whole.checked_mul(unit)?.checked_add(part)
}

/// The years that a wall clock can be set to: it counts nanoseconds from 1970 on, and a run has some centuries before it.
const YEARS: std::ops::RangeInclusive<i32> = 1970..=2199;

/// An RFC 3339 time.
pub(crate) fn time(node: &Node) -> Result<DateTime<Utc>, InputError> {
    let time = node
        .text()
        .and_then(|text| DateTime::parse_from_rfc3339(text).ok())
        .map(|time| time.with_timezone(&Utc))
        .ok_or_else(|| wanted(node, "a time").hint("write it as RFC 3339, in full: `2024-01-01T00:00:00Z`"))?;
    if YEARS.contains(&time.year()) {
        return Ok(time);
    }
    let (first, last, year) = (YEARS.start(), YEARS.end(), time.year());
    Err(InputError::at(node.position, format!("the year must be from {first} to {last}, not {year}")))
}

/// `kind/name`.
pub(crate) fn target(node: &Node) -> Result<Target, InputError> {
    const HINT: &str = "write `kind/name`, such as `deployment/web`";
    let text = node.text().ok_or_else(|| wanted(node, "a target").hint(HINT))?;
    let query = split_query(text, node)?;
    match query.name {
        Some(name) => Ok(Target { kind: query.kind, name }),
        None => Err(InputError::at(node.position, format!("the target `{text}` has no name"))
            .hint(format!("write `{text}/NAME`, or `{text}/*` for all"))),
    }
}

/// `kind` or `kind/name`.
pub(crate) fn query(node: &Node) -> Result<Query, InputError> {
    const HINT: &str = "write a kind, `pods`, or `kind/name`, `deployment/web`";
    let text = node.text().ok_or_else(|| wanted(node, "a kind or a target").hint(HINT))?;
    split_query(text, node)
}

fn split_query(text: &str, node: &Node) -> Result<Query, InputError> {
    let (kind, name) = match text.split_once('/') {
        Some((kind, name)) => (kind, Some(name)),
        None => (text, None),
    };
    let is_broken = kind.is_empty()
        || name.is_some_and(|name| name.is_empty() || name.contains('/'))
        || text.contains(char::is_whitespace);
    if is_broken {
        return Err(InputError::at(node.position, format!("`{text}` is not a target"))
            .hint("write `kind/name`, such as `deployment/web`"));
    }
    check_kind(kind, node.position)?;
    Ok(Query { kind: kind.to_owned(), name: name.map(str::to_owned) })
}

/// A kind as kubectl spells it.
pub(crate) fn kind(node: &Node) -> Result<String, InputError> {
    let text = node.text().ok_or_else(|| wanted(node, "a kind").hint("such as `pods` or `deployment`"))?;
    check_kind(text, node.position)?;
    Ok(text.to_owned())
}

/// A CEL expression.
pub(crate) fn cel(node: &Node) -> Result<Cel, InputError> {
    let text = node.text().ok_or_else(|| wanted(node, "a CEL expression").hint("put the expression in quotes"))?;
    Cel::compile(text, node.position).map_err(|problem| {
        InputError::at(node.position, format!("`{}` is not a CEL expression: {problem}", text.trim()))
    })
}

/// What `wait` waits for.
pub(crate) fn wait_for(node: &Node) -> Result<WaitFor, InputError> {
    const WORDS: &[&str] = &["Available", "Complete", "Failed", "Ready", "rollout", "deleted"];
    match node.text() {
        Some("rollout") => Ok(WaitFor::Rollout),
        Some("deleted") => Ok(WaitFor::Deleted),
        Some(text) if CONDITIONS.contains(&text) => Ok(WaitFor::Condition(text.to_owned())),
        Some(text) if text.chars().all(char::is_alphanumeric) => {
            let hint = match suggest::nearest(text, WORDS.iter().copied()) {
                Some(word) => format!("did you mean `{word}`?"),
                None => format!("wait for {} or a CEL expression", suggest::either(WORDS)),
            };
            let message = format!("`{text}` is nothing to wait for");
            Err(InputError::at(node.position, message).hint(hint))
        }
        _ => cel(node).map(WaitFor::That),
    }
}

/// A quantity such as `250m`, `32Gi` or `8`, as text.
pub(crate) fn quantity(node: &Node) -> Result<String, InputError> {
    let text = match &node.data {
        Data::Number(number) => number.to_string(),
        Data::Text(text) => text.clone(),
        _ => return Err(wanted(node, "a quantity").hint("such as `2`, `250m` or `4Gi`")),
    };
    match is_quantity(&text) {
        true => Ok(text),
        false => Err(InputError::at(node.position, format!("`{text}` is not a quantity"))
            .hint("write a number and a unit: `2`, `250m`, `4Gi`")),
    }
}

/// What the API server takes for a quantity, but neither below zero, as nothing here can be negative,
/// nor a unit alone, which the API server reads as 0.
fn is_quantity(text: &str) -> bool {
    text.contains(|c: char| c.is_ascii_digit()) && Quantity::parse(text).is_ok_and(|quantity| quantity.sign() >= 0)
}

#[cfg(test)]
mod tests {
    use super::{is_quantity, parse_duration};
    use std::time::Duration;

    #[test]
    fn durations_are_gos() {
        for (text, nanos) in [
            ("0", Some(0)),
            ("0s", Some(0)),
            ("1.5s", Some(1_500_000_000)),
            ("100ms", Some(100_000_000)),
            ("1h30m", Some(5_400_000_000_000)),
            (".5m", Some(30_000_000_000)),
            ("1.s", Some(1_000_000_000)),
            ("0.1234567894s", Some(123_456_789)),
            ("1us", Some(1_000)),
            ("1\u{b5}s2ns", Some(1_002)),
            ("", None),
            ("5", None),
            ("s", None),
            (".s", None),
            ("1d", None),
            ("-1s", None),
            ("1..5s", None),
            ("1s ", None),
            ("3000000h", None),
            ("99999999999999999999s", None),
        ] {
            assert_eq!(parse_duration(text), nanos.map(Duration::from_nanos), "{text}");
        }
    }

    #[test]
    fn quantities() {
        for text in ["1", "250m", "4Gi", "1.5", "1e3", "1E", "100k", ".5"] {
            assert!(is_quantity(text), "{text}");
        }
        for text in ["", "Gi", "1gb", "1 Gi", "one", "1.2.3", "-1"] {
            assert!(!is_quantity(text), "{text}");
        }
    }
}
