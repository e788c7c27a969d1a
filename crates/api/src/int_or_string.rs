//! int-or-string values and their percent arithmetic.
//!
//! Mirrors k8s.io/apimachinery/pkg/util/intstr and pkg/controller/deployment/util (`ResolveFenceposts`) (v1.36).

use std::num::IntErrorKind;

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::field::quote;

/// Which way a percentage of a count is rounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// To the next whole number.
    Up,
    /// To the whole number below.
    Down,
}

/// The number itself, or the percentage of `total`. Mirrors `GetScaledValueFromIntOrPercent`.
///
/// # Errors
/// A text that is no percentage.
pub fn get_scaled_value_from_int_or_percent(
    value: &IntOrString,
    total: i32,
    rounding: Rounding,
) -> Result<i32, String> {
    let text = match value {
        IntOrString::Int(number) => return Ok(*number),
        IntOrString::String(text) => text,
    };
    let invalid = |why: &str| format!("invalid value for IntOrString: {why}");
    let digits = text.strip_suffix('%').ok_or_else(|| invalid("invalid type: string is not a percentage"))?;
    let percent: i64 = digits.parse().map_err(|error: std::num::ParseIntError| {
        let reason = match error.kind() {
            IntErrorKind::PosOverflow | IntErrorKind::NegOverflow => "value out of range",
            _ => "invalid syntax",
        };
        invalid(&format!("invalid value {}: strconv.Atoi: parsing {}: {reason}", quote(text), quote(digits)))
    })?;
    Ok(scale(percent, total, rounding))
}

/// So many hundredths of `total`, saturating.
fn scale(percent: i64, total: i32, rounding: Rounding) -> i32 {
    let product = percent.saturating_mul(i64::from(total));
    let scaled = match rounding {
        Rounding::Up => product.div_euclid(100) + i64::from(product.rem_euclid(100) != 0),
        Rounding::Down => product.div_euclid(100),
    };
    i32::try_from(scaled).unwrap_or(if scaled < 0 { i32::MIN } else { i32::MAX })
}

/// How many pods may be there beyond `desired` and how many may be missing: (surge, unavailable).
///
/// Where both come to nothing one pod may be missing, or the rollout could not move. Mirrors `ResolveFenceposts`.
///
/// # Errors
/// A text that is no percentage.
pub fn resolve_fenceposts(
    max_surge: &IntOrString,
    max_unavailable: &IntOrString,
    desired: i32,
) -> Result<(i32, i32), String> {
    let surge = get_scaled_value_from_int_or_percent(max_surge, desired, Rounding::Up)?;
    let unavailable = get_scaled_value_from_int_or_percent(max_unavailable, desired, Rounding::Down)?;
    Ok(if surge == 0 && unavailable == 0 { (0, 1) } else { (surge, unavailable) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> IntOrString {
        text.parse().map_or_else(|_| IntOrString::String(text.to_owned()), IntOrString::Int)
    }

    #[test]
    fn surge_rounds_up_and_unavailable_down() {
        let rows = [
            ("25%", "25%", 4, (1, 1)),
            ("25%", "25%", 3, (1, 0)),
            ("25%", "25%", 10, (3, 2)),
            ("25%", "25%", 1, (1, 0)),
            ("25%", "25%", 0, (0, 1)),
            ("0", "25%", 1, (0, 1)),
            ("1", "0", 5, (1, 0)),
            ("0%", "0%", 10, (0, 1)),
            ("100%", "100%", 7, (7, 7)),
            ("150%", "50%", 3, (5, 1)),
            ("3", "2", 10, (3, 2)),
        ];
        for (surge, unavailable, desired, want) in rows {
            assert_eq!(
                resolve_fenceposts(&value(surge), &value(unavailable), desired),
                Ok(want),
                "{surge} {unavailable} {desired}"
            );
        }
    }

    #[test]
    fn percentages_of_a_total() {
        // A value, a total, and its share rounded up and down.
        let rows = [
            ("5", 100, 5, 5),
            ("-5", 100, -5, -5),
            ("0%", 100, 0, 0),
            ("1%", 1, 1, 0),
            ("10%", 15, 2, 1),
            ("33%", 3, 1, 0),
            ("50%", 3, 2, 1),
            ("99%", 100, 99, 99),
            ("100%", 5, 5, 5),
            ("120%", 5, 6, 6),
            ("+50%", 2, 1, 1),
            ("25%", 0, 0, 0),
            ("-50%", 5, -2, -3),
            ("99999999999%", i32::MAX, i32::MAX, i32::MAX),
            ("-9223372036854775808%", i32::MAX, i32::MIN, i32::MIN),
        ];
        for (text, total, up, down) in rows {
            let share = |rounding| get_scaled_value_from_int_or_percent(&value(text), total, rounding);
            assert_eq!((share(Rounding::Up), share(Rounding::Down)), (Ok(up), Ok(down)), "{text} of {total}");
        }
    }

    #[test]
    fn texts_that_are_no_percentages() {
        let rows = [
            ("", "invalid type: string is not a percentage"),
            ("5", "invalid type: string is not a percentage"),
            ("5x", "invalid type: string is not a percentage"),
            ("%5", "invalid type: string is not a percentage"),
            ("%", r#"invalid value "%": strconv.Atoi: parsing "": invalid syntax"#),
            ("x%", r#"invalid value "x%": strconv.Atoi: parsing "x": invalid syntax"#),
            ("5%%", r#"invalid value "5%%": strconv.Atoi: parsing "5%": invalid syntax"#),
            (" 5%", r#"invalid value " 5%": strconv.Atoi: parsing " 5": invalid syntax"#),
            ("1.5%", r#"invalid value "1.5%": strconv.Atoi: parsing "1.5": invalid syntax"#),
            (
                "9223372036854775808%",
                r#"invalid value "9223372036854775808%": strconv.Atoi: parsing "9223372036854775808": value out of range"#,
            ),
        ];
        for (text, why) in rows {
            let text = IntOrString::String(text.to_owned());
            let want = Err(format!("invalid value for IntOrString: {why}"));
            assert_eq!(get_scaled_value_from_int_or_percent(&text, 1, Rounding::Up), want);
            assert_eq!(resolve_fenceposts(&IntOrString::Int(1), &text, 1).map(|_| 0), want);
        }
    }
}
