//! int-or-string values and their percent arithmetic.
//!
//! Mirrors k8s.io/apimachinery/pkg/util/intstr and pkg/controller/deployment/util (`ResolveFenceposts`) (v1.36).

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

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
    let percent: i64 = digits
        .parse()
        .map_err(|_| invalid(&format!("invalid value {text:?}: strconv.Atoi: parsing {digits:?}: invalid syntax")))?;
    let product = percent.saturating_mul(i64::from(total));
    let scaled = match rounding {
        Rounding::Up => product.div_euclid(100) + i64::from(product.rem_euclid(100) != 0),
        Rounding::Down => product.div_euclid(100),
    };
    Ok(i32::try_from(scaled).unwrap_or(if scaled < 0 { i32::MIN } else { i32::MAX }))
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
        for text in ["x%", "5x", ""] {
            assert!(resolve_fenceposts(&IntOrString::String(text.to_owned()), &value("1"), 1).is_err(), "{text}");
        }
    }
}
