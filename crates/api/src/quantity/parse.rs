//! Reading a quantity: its parts, its suffix, its amount in nano-units.
//!
//! Mirrors `ParseQuantity` (v1.36), which reads short numbers one way and others another: the difference shows in which
//! spellings are errors and which texts are kept as they are.

use super::{BINARY_MAX, Format, NANO, NANOS_MAX, Quantity, QuantityError};

/// A quantity as it was read.
pub(super) struct Read {
    pub(super) quantity: Quantity,
    /// The power of ten of the last digit, where upstream keeps the text.
    pub(super) kept_scale: Option<i64>,
}

/// The parts of a quantity's text.
struct Parts<'a> {
    negative: bool,
    /// The digits before the point, without leading zeros.
    whole: &'a str,
    /// The digits behind it.
    fraction: &'a str,
    /// Whether there was any digit, zeros too.
    has_digit: bool,
    suffix: &'a str,
}

/// What a suffix stands for: a power of two or of ten.
#[derive(Clone, Copy)]
struct Factor {
    exponent: i32,
    format: Format,
}

/// Upstream's limits of what it reads into 64 bits.
const DIGITS_SHORT: i64 = 18;
const BINARY_DIGITS_SHORT: i64 = 14;
const SCALE_MIN: i64 = -9;

/// Reads what most quantities are: up to nine digits and a common suffix, which no rule below is about.
pub(super) fn parse_usual(text: &str) -> Option<Quantity> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    if !(1..=9).contains(&digits) || text.starts_with('0') {
        return None;
    }
    let (unit, format) = match &text[digits..] {
        "" => (NANO, Format::DecimalSi),
        "m" => (NANO / 1000, Format::DecimalSi),
        "Ki" => (NANO << 10, Format::BinarySi),
        "Mi" => (NANO << 20, Format::BinarySi),
        "Gi" => (NANO << 30, Format::BinarySi),
        _ => return None,
    };
    let number = text.bytes().take(digits).fold(0i128, |number, digit| number * 10 + i128::from(digit - b'0'));
    Some(Quantity { nanos: number * unit, format })
}

pub(super) fn parse(text: &str) -> Result<Read, QuantityError> {
    let parts = split(text)?;
    let factor = interpret(parts.suffix).ok_or(QuantityError::Suffix)?;
    let short_scale = short_scale(&parts, factor);
    if short_scale.is_none() && !parts.has_digit {
        return Err(QuantityError::Numeric);
    }
    let magnitude = match factor.format {
        Format::BinarySi => binary_nanos(parts.whole, parts.fraction, factor.exponent),
        Format::DecimalSi | Format::DecimalExponent => decimal_nanos(parts.whole, parts.fraction, factor.exponent),
    };
    let small = factor.format == Format::BinarySi && (1..NANO).contains(&magnitude);
    let format = if small { Format::DecimalSi } else { factor.format };
    let nanos = if parts.negative { -magnitude } else { magnitude };
    let kept_scale = short_scale.filter(|scale| keeps_text(&parts, factor.format, *scale));
    Ok(Read { quantity: Quantity { nanos, format }, kept_scale })
}

/// Splits `[sign] digits [. digits] letters [sign] digits`. Mirrors `parseQuantityString`.
fn split(text: &str) -> Result<Parts<'_>, QuantityError> {
    if text.is_empty() {
        return Err(QuantityError::FormatWrong);
    }
    let negative = text.starts_with('-');
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let stripped = unsigned.trim_start_matches('0');
    let (whole, rest) = split_digits(stripped);
    let (fraction, suffix) = match rest.strip_prefix('.') {
        Some(rest) => split_digits(rest),
        None => ("", rest),
    };
    let exponent = suffix.trim_start_matches(|c| "eEinumkKMGTP".contains(c));
    let (_, junk) = split_digits(exponent.strip_prefix(['-', '+']).unwrap_or(exponent));
    if !junk.is_empty() {
        return Err(QuantityError::FormatWrong);
    }
    let leading_zeros = unsigned.len() - stripped.len();
    // A sign alone reads as zero.
    let has_digit = leading_zeros + whole.len() + fraction.len() > 0 || unsigned.is_empty();
    Ok(Parts { negative, whole, fraction, has_digit, suffix })
}

fn split_digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

fn interpret(suffix: &str) -> Option<Factor> {
    let decimal = |exponent| Some(Factor { exponent, format: Format::DecimalSi });
    let binary = |exponent| Some(Factor { exponent, format: Format::BinarySi });
    match suffix {
        "n" => decimal(-9),
        "u" => decimal(-6),
        "m" => decimal(-3),
        "" => decimal(0),
        "k" => decimal(3),
        "M" => decimal(6),
        "G" => decimal(9),
        "T" => decimal(12),
        "P" => decimal(15),
        "E" => decimal(18),
        "Ki" => binary(10),
        "Mi" => binary(20),
        "Gi" => binary(30),
        "Ti" => binary(40),
        "Pi" => binary(50),
        "Ei" => binary(60),
        _ => {
            let exponent: i64 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
            // Upstream cuts the exponent to 32 bits.
            Some(Factor { exponent: exponent as i32, format: Format::DecimalExponent })
        }
    }
}

/// The power of ten of the last digit, where upstream reads the number into 64 bits.
fn short_scale(parts: &Parts<'_>, factor: Factor) -> Option<i64> {
    let length = |digits: &str| i64::try_from(digits.len()).unwrap_or(i64::MAX / 4);
    // The whole part of ".5" counts as a zero.
    let (whole, fraction) = (length(parts.whole).max(1), length(parts.fraction));
    let (exponent, digits_left, scale) = match factor.format {
        Format::BinarySi if fraction > 0 => return None,
        Format::BinarySi => (0, BINARY_DIGITS_SHORT - whole - i64::from(factor.exponent) * 3 / 10, 0),
        _ => (i64::from(factor.exponent), DIGITS_SHORT - whole - fraction, -fraction),
    };
    (digits_left >= 0 && exponent + scale >= SCALE_MIN).then_some(exponent + scale)
}

/// Whether upstream takes the text for the canonical one.
fn keeps_text(parts: &Parts<'_>, format: Format, scale: i64) -> bool {
    if format == Format::BinarySi {
        // At most 14 digits.
        return parts.whole.parse::<u64>().is_ok_and(|number| number % 8 != 0);
    }
    let thousands = parts.whole.bytes().chain(parts.fraction.bytes()).rev().take(3).filter(|b| *b == b'0').count() == 3;
    scale % 3 == 0 && !parts.whole.is_empty() && !thousands
}

/// The digits times a power of ten in nano-units, rounded up, saturating.
fn decimal_nanos(whole: &str, fraction: &str, exponent: i32) -> i128 {
    // How many of the digits stand before the nano-units' point.
    let places = i64::from(exponent) - SCALE_MIN + i64::try_from(whole.len()).unwrap_or(i64::MAX / 4);
    let (mut nanos, mut place) = (0i128, 0i64);
    for digit in whole.bytes().chain(fraction.bytes()) {
        let digit = i128::from(digit - b'0');
        if place >= places {
            if digit != 0 {
                return nanos.saturating_add(1);
            }
            continue;
        }
        let Some(next) = nanos.checked_mul(10).and_then(|n| n.checked_add(digit)) else { return NANOS_MAX };
        nanos = next;
        place += 1;
    }
    if nanos == 0 {
        return 0;
    }
    for _ in place..places {
        let Some(next) = nanos.checked_mul(10) else { return NANOS_MAX };
        nanos = next;
    }
    nanos
}

/// The digits times a power of two in nano-units, rounded up, capped.
fn binary_nanos(whole: &str, fraction: &str, bits: i32) -> i128 {
    const NANO_DIGITS: usize = 9;
    const NANO_UNSIGNED: u128 = NANO as u128;
    // The fraction in base 10^9, from its last place: what it carries comes before the point, its first place is nano-units.
    let (mut carry, mut nanos, mut lost) = (0u128, 0u128, false);
    for (index, chunk) in fraction.as_bytes().chunks(NANO_DIGITS).enumerate().rev() {
        let digits = chunk.iter().fold(0u128, |n, b| n * 10 + u128::from(b - b'0'));
        let aligned = (chunk.len()..NANO_DIGITS).fold(digits, |n, _| n * 10);
        let product = (aligned << bits) + carry;
        carry = product / NANO_UNSIGNED;
        nanos = product % NANO_UNSIGNED;
        lost |= index > 0 && nanos != 0;
    }
    let units = whole
        .bytes()
        .try_fold(0i128, |n, b| n.checked_mul(10)?.checked_add(i128::from(b - b'0')))
        .and_then(|n| n.checked_mul(1 << bits))
        .and_then(|n| n.checked_add(i128::try_from(carry).ok()?))
        .and_then(|n| n.checked_mul(NANO));
    let Some(units) = units else { return BINARY_MAX };
    let rest = i128::try_from(nanos).unwrap_or_default() + i128::from(lost);
    units.saturating_add(rest).min(BINARY_MAX)
}
