//! Resource quantities: parsing, canonical text, arithmetic.
//!
//! Mirrors k8s.io/apimachinery/pkg/api/resource (v1.36).
//! Differs: a value is one whole number of nano-units, so sums and comparisons need no cases; values beyond what
//! upstream keeps exactly are capped where it caps them.

use std::cmp::Ordering;
use std::fmt;

use k8s_openapi::apimachinery::pkg::api::resource::Quantity as ApiQuantity;

/// How a quantity is written. Mirrors `resource.Format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// `12e6`
    DecimalExponent,
    /// `64Mi`
    BinarySi,
    /// `500m`, `12M`
    DecimalSi,
}

/// An amount: a whole number of nano-units and the way it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quantity {
    nanos: i128,
    format: Format,
}

/// Why a text is no quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    /// The text does not look like a quantity.
    #[error("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'")]
    FormatWrong,
    /// The digits are no number.
    #[error("unable to parse numeric part of quantity")]
    Numeric,
    /// The suffix is unknown.
    #[error("unable to parse quantity's suffix")]
    Suffix,
}

const NANO: i128 = 1_000_000_000;
const MILLI: i128 = 1_000_000;
/// The largest amount upstream keeps: 2^63 - 1 whole units.
const NANOS_MAX: i128 = i64::MAX as i128 * NANO;
const BINARY_SUFFIXES: [(&str, u32); 6] = [("Ki", 10), ("Mi", 20), ("Gi", 30), ("Ti", 40), ("Pi", 50), ("Ei", 60)];
/// Decimal suffixes with their powers of ten, largest first.
const DECIMAL_SUFFIXES: [(&str, i32); 10] =
    [("E", 18), ("P", 15), ("T", 12), ("G", 9), ("M", 6), ("k", 3), ("", 0), ("m", -3), ("u", -6), ("n", -9)];
/// More digits than any amount below the cap has, so that longer texts are capped early.
const DIGITS_MAX: usize = 60;

impl Quantity {
    /// Nothing.
    pub const ZERO: Self = Self { nanos: 0, format: Format::DecimalSi };

    /// Reads a quantity in any of its spellings.
    ///
    /// # Errors
    /// As upstream's `ParseQuantity`.
    pub fn parse(text: &str) -> Result<Self, QuantityError> {
        let (negative, rest) = match text.as_bytes().first() {
            None => return Err(QuantityError::FormatWrong),
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            Some(_) => (false, text),
        };
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, suffix) = rest.split_at(end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if fraction.contains('.') {
            return Err(QuantityError::FormatWrong);
        }
        if whole.is_empty() && fraction.is_empty() {
            return Err(QuantityError::FormatWrong);
        }
        if !suffix.bytes().all(|b| b.is_ascii_digit() || b"eEinumkKMGTP+-".contains(&b)) {
            return Err(QuantityError::FormatWrong);
        }
        let (factor, format) = parse_suffix(suffix)?;
        let magnitude = scaled(whole, fraction, factor).min(NANOS_MAX);
        Ok(Self { nanos: if negative { -magnitude } else { magnitude }, format })
    }

    /// A whole number of units.
    pub fn from_i64(value: i64, format: Format) -> Self {
        Self { nanos: i128::from(value) * NANO, format }
    }

    /// A number of thousandths.
    pub fn from_milli(value: i64) -> Self {
        Self { nanos: i128::from(value) * MILLI, format: Format::DecimalSi }
    }

    /// The amount in whole units, rounded up.
    pub fn value(&self) -> i64 {
        saturate(div_up(self.nanos, NANO))
    }

    /// The amount in thousandths, rounded up.
    pub fn milli_value(&self) -> i64 {
        saturate(div_up(self.nanos, MILLI))
    }

    /// Whether the amount is zero.
    pub fn is_zero(&self) -> bool {
        self.nanos == 0
    }

    /// -1, 0 or 1.
    pub fn sign(&self) -> i32 {
        self.nanos.signum() as i32
    }

    /// The sum, written as this is; zero takes the other's format.
    #[must_use]
    pub fn add(&self, other: &Self) -> Self {
        let format = if self.is_zero() { other.format } else { self.format };
        Self { nanos: (self.nanos + other.nanos).clamp(-NANOS_MAX, NANOS_MAX), format }
    }

    /// The difference, written as this is; zero takes the other's format.
    #[must_use]
    pub fn sub(&self, other: &Self) -> Self {
        self.add(&Self { nanos: -other.nanos, format: other.format })
    }

    /// The order of the amounts, however they are written.
    pub fn cmp_value(&self, other: &Self) -> Ordering {
        self.nanos.cmp(&other.nanos)
    }

    /// The amount rounded up to thousandths, as resource requirements are stored. Mirrors `Quantity.RoundUp(Milli)`.
    #[must_use]
    pub fn round_up_milli(&self) -> Self {
        Self { nanos: div_up(self.nanos, MILLI) * MILLI, format: self.format }
    }
}

/// The suffix's factor in nano-units as (multiplier, power of ten), and the format it stands for.
fn parse_suffix(suffix: &str) -> Result<(Factor, Format), QuantityError> {
    if let Some((_, bits)) = BINARY_SUFFIXES.iter().find(|(s, _)| *s == suffix) {
        return Ok((Factor { bits: *bits, exponent: 9 }, Format::BinarySi));
    }
    if let Some((_, power)) = DECIMAL_SUFFIXES.iter().find(|(s, _)| *s == suffix) {
        return Ok((Factor { bits: 0, exponent: power + 9 }, Format::DecimalSi));
    }
    let digits = suffix.strip_prefix(['e', 'E']).ok_or(QuantityError::Suffix)?;
    let power: i32 = digits.parse().map_err(|_| QuantityError::Suffix)?;
    Ok((Factor { bits: 0, exponent: power.saturating_add(9) }, Format::DecimalExponent))
}

struct Factor {
    bits: u32,
    exponent: i32,
}

/// The digits times the factor in nano-units, rounded up, capped.
fn scaled(whole: &str, fraction: &str, factor: Factor) -> i128 {
    let digits: String = whole.chars().chain(fraction.chars()).skip_while(|c| *c == '0').collect();
    if digits.is_empty() {
        return 0;
    }
    let fraction_length = i32::try_from(fraction.len()).unwrap_or(i32::MAX);
    let exponent = factor.exponent.saturating_sub(fraction_length);
    let length = i32::try_from(digits.len()).unwrap_or(i32::MAX);
    if length.saturating_add(exponent) > DIGITS_MAX as i32 / 2 {
        return NANOS_MAX;
    }
    if length.saturating_add(exponent) + 19 < 0 {
        return 1;
    }
    // Wide arithmetic on a few digits at a time: (digits * 2^bits) * 10^exponent, rounded up.
    let mut value: i128 = 0;
    let mut lost = false;
    let kept = usize::try_from(length.saturating_add(exponent.min(0)).max(0)).unwrap_or(0) + 19;
    for (index, digit) in digits.bytes().enumerate() {
        if index < kept.min(36 - factor.bits as usize / 4) {
            value = value * 10 + i128::from(digit - b'0');
        } else {
            lost |= digit != b'0';
        }
    }
    let dropped = digits.len().saturating_sub(kept.min(36 - factor.bits as usize / 4));
    let mut exponent = exponent + i32::try_from(dropped).unwrap_or(0);
    let Some(shifted) = value.checked_mul(1i128 << factor.bits) else { return NANOS_MAX };
    value = shifted;
    while exponent > 0 {
        let Some(next) = value.checked_mul(10) else { return NANOS_MAX };
        value = next;
        exponent -= 1;
    }
    while exponent < 0 {
        lost |= value % 10 != 0;
        value /= 10;
        exponent += 1;
    }
    value + i128::from(lost)
}

fn div_up(value: i128, unit: i128) -> i128 {
    value.div_euclid(unit) + i128::from(value.rem_euclid(unit) != 0)
}

fn saturate(value: i128) -> i64 {
    i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX })
}

impl fmt::Display for Quantity {
    /// The canonical text: the largest suffix that leaves a whole number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.nanos == 0 {
            return f.write_str("0");
        }
        let mut format = self.format;
        // Small and fractional binary amounts cannot be written with a binary suffix.
        if format == Format::BinarySi && (self.nanos.abs() < 1024 * NANO || self.nanos % NANO != 0) {
            format = Format::DecimalSi;
        }
        if format == Format::BinarySi {
            let value = self.nanos / NANO;
            let largest = BINARY_SUFFIXES.iter().rev().find(|(_, bits)| value % (1i128 << bits) == 0);
            return match largest {
                Some((suffix, bits)) => write!(f, "{}{suffix}", value >> bits),
                None => write!(f, "{value}"),
            };
        }
        for (suffix, power) in DECIMAL_SUFFIXES {
            let unit = 10i128.pow(u32::try_from(power + 9).unwrap_or(0));
            if self.nanos % unit == 0 {
                let value = self.nanos / unit;
                return match (format, power) {
                    (Format::DecimalExponent, 0) => write!(f, "{value}"),
                    (Format::DecimalExponent, _) => write!(f, "{value}e{power}"),
                    _ => write!(f, "{value}{suffix}"),
                };
            }
        }
        Ok(())
    }
}

impl From<Quantity> for ApiQuantity {
    fn from(quantity: Quantity) -> Self {
        Self(quantity.to_string())
    }
}

impl TryFrom<&ApiQuantity> for Quantity {
    type Error = QuantityError;
    fn try_from(quantity: &ApiQuantity) -> Result<Self, QuantityError> {
        Self::parse(&quantity.0)
    }
}

/// The canonical text of a quantity.
///
/// # Errors
/// As [`Quantity::parse`].
pub fn canonicalize(text: &str) -> Result<String, QuantityError> {
    Quantity::parse(text).map(|q| q.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_texts() {
        let rows = [
            ("0", "0"),
            ("0.5", "500m"),
            ("1.5Gi", "1536Mi"),
            ("1000", "1k"),
            ("1024Ki", "1Mi"),
            ("3000M", "3G"),
            ("12e6", "12e6"),
            ("12E6", "12e6"),
            ("1e3", "1e3"),
            ("100m", "100m"),
            ("1000m", "1"),
            ("1500m", "1500m"),
            ("0.1", "100m"),
            ("1.1k", "1100"),
            ("1024", "1024"),
            ("2048", "2048"),
            ("1Ki", "1Ki"),
            ("0.5Ki", "512"),
            ("1.5Ki", "1536"),
            ("128Mi", "128Mi"),
            ("64Mi", "64Mi"),
            ("1Ti", "1Ti"),
            ("0.001", "1m"),
            ("0.0001", "100u"),
            ("1n", "1n"),
            ("0.1n", "1n"),
            ("-1", "-1"),
            ("+1", "1"),
            ("-0.5", "-500m"),
            (".5", "500m"),
            ("5.", "5"),
            ("00100", "100"),
            ("1e-3", "1e-3"),
            ("10e-1", "1"),
            ("100k", "100k"),
            ("1000k", "1M"),
            ("1E", "1E"),
            ("7Ei", "7Ei"),
            ("9223372036854775807", "9223372036854775807"),
            ("9223372036854775808", "9223372036854775807"),
            ("100E", "9223372036854775807"),
            ("1000000000000000000000000000000000000000000000000000000000000000000000", "9223372036854775807"),
            ("1Mi", "1Mi"),
            ("1048576Ki", "1Gi"),
            ("1.25", "1250m"),
            ("250Ki", "250Ki"),
            ("0Mi", "0"),
            ("1u", "1u"),
            ("999", "999"),
        ];
        for (text, want) in rows {
            assert_eq!(canonicalize(text).as_deref(), Ok(want), "{text}");
        }
    }

    #[test]
    fn texts_that_are_no_quantities() {
        let rows = [
            ("", QuantityError::FormatWrong),
            ("a", QuantityError::FormatWrong),
            ("1.1.1", QuantityError::FormatWrong),
            ("-", QuantityError::FormatWrong),
            ("1 Gi", QuantityError::FormatWrong),
            ("1g", QuantityError::FormatWrong),
            ("1K", QuantityError::Suffix),
            ("1Kii", QuantityError::Suffix),
            ("1ee3", QuantityError::Suffix),
            ("1e", QuantityError::Suffix),
            ("1mm", QuantityError::Suffix),
        ];
        for (text, want) in rows {
            assert_eq!(Quantity::parse(text), Err(want), "{text}");
        }
    }

    #[test]
    fn values_round_up() {
        let rows = [
            ("500m", 1, 500),
            ("1500m", 2, 1500),
            ("1", 1, 1000),
            ("-500m", 0, -500),
            ("1n", 1, 1),
            ("2Ki", 2048, 2_048_000),
            ("9E", 9_000_000_000_000_000_000, i64::MAX),
        ];
        for (text, value, milli) in rows {
            let quantity = Quantity::parse(text).expect(text);
            assert_eq!((quantity.value(), quantity.milli_value()), (value, milli), "{text}");
        }
    }

    #[test]
    fn sums_keep_the_format_and_zero_takes_the_others() {
        let rows = [
            ("1", "1", "2"),
            ("0", "1Gi", "1Gi"),
            ("1Gi", "1Gi", "2Gi"),
            ("500m", "500m", "1"),
            ("1Gi", "1", "1073741825"),
            ("3", "-1", "2"),
        ];
        for (a, b, want) in rows {
            let (a, b) = (Quantity::parse(a).expect(a), Quantity::parse(b).expect(b));
            assert_eq!(a.add(&b).to_string(), want);
        }
        let (a, b) = (Quantity::parse("1k").expect("1k"), Quantity::parse("1000").expect("1000"));
        assert_eq!(a.cmp_value(&b), Ordering::Equal);
        assert_eq!(Quantity::parse("0.0001").expect("u").round_up_milli().to_string(), "1m");
    }
}
