//! What a plain YAML scalar means, as the JSON it becomes.
//!
//! Mirrors goyaml.v2 `resolve.go` (YAML 1.1) and Go's way to write floats in JSON.

use seatrial_api::json::Node;

/// The value of a plain scalar.
pub(super) fn resolve(text: &str) -> Node {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Node::Null,
        "true" | "True" | "TRUE" | "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Node::Bool(true),
        "false" | "False" | "FALSE" | "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Node::Bool(false),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Node::Number("+Inf".to_owned()),
        "-.inf" | "-.Inf" | "-.INF" => Node::Number("-Inf".to_owned()),
        ".nan" | ".NaN" | ".NAN" => Node::Number("NaN".to_owned()),
        _ => number(text).map_or_else(|| Node::String(text.to_owned()), Node::Number),
    }
}

fn number(text: &str) -> Option<String> {
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.')) {
        return None;
    }
    let plain = text.replace('_', "");
    integer(&plain)
        .or_else(|| is_float(&plain).then(|| plain.parse::<f64>().ok().filter(|f| f.is_finite()).map(float))?)
}

/// An integer in Go's base-0 syntax: `0x1f`, `0b11`, `0o17`, `017`, `15`.
fn integer(text: &str) -> Option<String> {
    let (negative, digits) = match text.strip_prefix(['-', '+']) {
        Some(rest) => (text.starts_with('-'), rest),
        None => (false, text),
    };
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
        false => Some(magnitude.to_string()),
        true => 0_i64.checked_sub_unsigned(magnitude).map(|n| n.to_string()),
    }
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
fn is_float(text: &str) -> bool {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let mut rest = text.strip_prefix(['-', '+']).unwrap_or(text);
    let whole = digits(rest);
    rest = &rest[whole..];
    if let Some(behind) = rest.strip_prefix('.') {
        let fraction = digits(behind);
        if whole == 0 && fraction == 0 {
            return false;
        }
        rest = &behind[fraction..];
    } else if whole == 0 {
        return false;
    }
    if let Some(behind) = rest.strip_prefix(['e', 'E']) {
        let behind = behind.strip_prefix(['-', '+']).unwrap_or(behind);
        return digits(behind) > 0 && digits(behind) == behind.len();
    }
    rest.is_empty()
}

/// A float as Go's JSON writes it: the shortest digits, with an exponent only where it is very large or small.
fn float(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        let text = format!("{value:e}");
        return match text.split_once('e') {
            Some((digits, exponent)) if !exponent.starts_with('-') => format!("{digits}e+{exponent}"),
            _ => text,
        };
    }
    format!("{value}")
}

#[cfg(test)]
mod tests {
    use seatrial_api::json::Node;

    #[test]
    fn plain_text_as_goyaml_reads_it() {
        let number = |text: &str| Node::Number(text.to_owned());
        let text = |text: &str| Node::String(text.to_owned());
        let rows = [
            ("yes", Node::Bool(true)),
            ("Off", Node::Bool(false)),
            ("yEs", text("yEs")),
            ("~", Node::Null),
            ("", Node::Null),
            ("0644", number("420")),
            ("-017", number("-15")),
            ("08", number("8")),
            ("1_000", number("1000")),
            ("0b11", number("3")),
            ("0x1F", number("31")),
            ("1.50", number("1.5")),
            ("1e3", number("1000")),
            ("1e30", number("1e+30")),
            ("99999999999999999999", number("100000000000000000000")),
            ("1.2.3", text("1.2.3")),
            ("2024-01-01", text("2024-01-01")),
            ("100m", text("100m")),
            ("0x", text("0x")),
            ("-", text("-")),
            (".", text(".")),
            ("12e", text("12e")),
        ];
        for (plain, want) in rows {
            assert_eq!(super::resolve(plain), want, "{plain}");
        }
    }
}
