//! What a plain (unquoted) YAML scalar means to kubectl.
//!
//! Mirrors sigs.k8s.io/yaml (goyaml.v2 `resolve.go`), which kubectl and the API server read YAML with.
//! It is YAML 1.1: `yes`, `on`, `y` and their negations are booleans, a leading zero is octal
//! (`defaultMode: 0644` is 420), underscores may group digits. serde_yaml follows YAML 1.2 and leaves
//! all of these as text; [`resolve_text`] takes over where it stops.

use serde_json::{Number, Value};

/// The value of a plain scalar that YAML 1.2 takes for text.
pub(super) fn resolve_text(text: &str) -> Value {
    match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Value::Bool(true),
        "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Value::Bool(false),
        _ => match resolve_number(text) {
            Some(number) => Value::Number(number),
            None => Value::String(text.to_owned()),
        },
    }
}

fn resolve_number(text: &str) -> Option<Number> {
    let starts = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !starts.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let plain = text.replace('_', "");
    let (negative, digits) = match plain.strip_prefix(['-', '+']) {
        Some(rest) => (plain.starts_with('-'), rest),
        None => (false, plain.as_str()),
    };
    if let Some(number) = resolve_integer(negative, digits) {
        return Some(number);
    }
    let is_float = digits.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+' | '-'));
    match plain.parse::<f64>() {
        Ok(value) if is_float && value.is_finite() => float_number(value),
        _ => None,
    }
}

/// An integer in Go's base-0 syntax without its sign: `0x1f`, `0b11`, `0o17`, `017`, `15`.
fn resolve_integer(negative: bool, digits: &str) -> Option<Number> {
    let lower = digits.to_ascii_lowercase();
    let (radix, body) = match lower.as_bytes() {
        [b'0', b'x', ..] => (16, &lower[2..]),
        [b'0', b'o', ..] => (8, &lower[2..]),
        [b'0', b'b', ..] => (2, &lower[2..]),
        [b'0', _, ..] => (8, &lower[1..]),
        _ => (10, lower.as_str()),
    };
    if body.starts_with(['+', '-']) {
        return None;
    }
    let magnitude = u64::from_str_radix(body, radix).ok()?;
    match negative {
        false => Some(Number::from(magnitude)),
        true => 0i64.checked_sub_unsigned(magnitude).map(Number::from),
    }
}

/// A float as Go's JSON writes it: a whole number has no fraction (`1.0` is sent as `1`).
pub(super) fn float_number(value: f64) -> Option<Number> {
    const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;
    if value.fract() == 0.0 && value.abs() <= WHOLE_MAX {
        // Formatting and parsing back keeps clear of a truncating cast.
        return format!("{value:.0}").parse::<i64>().ok().map(Number::from);
    }
    Number::from_f64(value)
}

#[cfg(test)]
mod tests {
    use super::resolve_text;
    use serde_json::{Value, json};

    #[test]
    fn plain_text_as_kubectl_reads_it() {
        let rows: &[(&str, Value)] = &[
            ("yes", json!(true)),
            ("Off", json!(false)),
            ("y", json!(true)),
            ("yEs", json!("yEs")),
            ("0644", json!(420)),
            ("-017", json!(-15)),
            ("08", json!(8)),
            ("1_000", json!(1000)),
            ("0b11", json!(3)),
            ("0o17", json!(15)),
            ("0x1F", json!(31)),
            ("1_0.5", json!(10.5)),
            ("1.2.3", json!("1.2.3")),
            ("2024-01-01", json!("2024-01-01")),
            ("100m", json!("100m")),
            ("0x", json!("0x")),
            ("_1", json!("_1")),
            ("12e", json!("12e")),
            ("app:1", json!("app:1")),
        ];
        for (text, expected) in rows {
            assert_eq!(&resolve_text(text), expected, "{text}");
        }
    }
}
