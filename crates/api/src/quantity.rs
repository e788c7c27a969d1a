//! Resource quantities: parsing, canonical text, arithmetic.
//!
//! Mirrors k8s.io/apimachinery/pkg/api/resource (v1.36).
//! Differs: a value is one whole number of nano-units, so sums and comparisons need no cases. Decimal amounts beyond
//! 1.7e29 units, which upstream keeps exactly, stay at that bound.

mod parse;

use std::cmp::Ordering;
use std::fmt;

use k8s_openapi::apimachinery::pkg::api::resource::Quantity as ApiQuantity;
use serde::de::{Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};

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
    /// There is no digit to read.
    #[error("unable to parse numeric part of quantity")]
    Numeric,
    /// The suffix is unknown.
    #[error("unable to parse quantity's suffix")]
    Suffix,
}

const NANO: i128 = 1_000_000_000;
const MILLI: i128 = 1_000_000;
/// The largest magnitude that is kept; symmetric, so that it can be negated.
const NANOS_MAX: i128 = i128::MAX;
/// What binary amounts are capped at when they are read: 2^63 - 1 units.
const BINARY_MAX: i128 = i64::MAX as i128 * NANO;
/// Binary suffixes by powers of 1024.
const BINARY_SUFFIXES: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
/// Decimal suffixes by powers of 1000, from 10^-9.
const DECIMAL_SUFFIXES: [&str; 10] = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];
const NANO_EXPONENT: i32 = -9;

impl Quantity {
    /// Nothing.
    pub const ZERO: Self = Self { nanos: 0, format: Format::DecimalSi };

    /// Reads a quantity in any of its spellings; what is finer than nano is rounded away from zero.
    ///
    /// # Errors
    /// As upstream's `ParseQuantity`.
    pub fn parse(text: &str) -> Result<Self, QuantityError> {
        match parse::parse_usual(text) {
            Some(quantity) => Ok(quantity),
            None => parse::parse(text).map(|read| read.quantity),
        }
    }

    /// A whole number of units. Mirrors `NewQuantity`.
    pub fn from_i64(value: i64, format: Format) -> Self {
        Self { nanos: i128::from(value) * NANO, format }
    }

    /// A number of thousandths. Mirrors `NewMilliQuantity` with `DecimalSI`.
    pub fn from_milli(value: i64) -> Self {
        Self { nanos: i128::from(value) * MILLI, format: Format::DecimalSi }
    }

    /// The amount in whole units, rounded away from zero, saturating.
    pub fn value(&self) -> i64 {
        saturate(div_away(self.nanos, NANO))
    }

    /// The amount in thousandths, rounded away from zero, saturating.
    pub fn milli_value(&self) -> i64 {
        saturate(div_away(self.nanos, MILLI))
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
        Self { nanos: self.nanos.saturating_add(other.nanos).max(-NANOS_MAX), format }
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

    /// The amount rounded away from zero to thousandths, as resource requirements are stored. Mirrors `RoundUp(Milli)`.
    #[must_use]
    pub fn round_up_milli(&self) -> Self {
        let nanos = div_away(self.nanos, MILLI).saturating_mul(MILLI).max(-NANOS_MAX);
        Self { nanos, format: self.format }
    }

    /// The decimal number and suffix, with the largest power of 1000 that leaves a whole number.
    fn write_decimal(&self, f: &mut impl fmt::Write, format: Format) -> fmt::Result {
        let (mut number, mut exponent) = (self.nanos, NANO_EXPONENT);
        while number % 1000 == 0 {
            number /= 1000;
            exponent += 3;
        }
        match format {
            Format::DecimalExponent if exponent == 0 => write!(f, "{number}"),
            Format::DecimalExponent => write!(f, "{number}e{exponent}"),
            Format::DecimalSi | Format::BinarySi => {
                // v1.36 loses the suffix beyond E: "1000E" is written "1".
                let place = usize::try_from((exponent - NANO_EXPONENT) / 3).unwrap_or_default();
                write!(f, "{number}{}", DECIMAL_SUFFIXES.get(place).unwrap_or(&""))
            }
        }
    }

    fn write_canonical(&self, f: &mut impl fmt::Write) -> fmt::Result {
        if self.nanos == 0 {
            return f.write_str("0");
        }
        // Small and fractional binary amounts cannot be written with a binary suffix.
        let whole = self.nanos % NANO == 0;
        if self.format != Format::BinarySi || !whole || self.nanos.abs() < 1024 * NANO {
            return self.write_decimal(f, self.format);
        }
        let (mut number, mut power) = (self.nanos / NANO, 0);
        while number % 1024 == 0 {
            number /= 1024;
            power += 1;
        }
        write!(f, "{number}{}", BINARY_SUFFIXES.get(power).unwrap_or(&""))
    }
}

/// The quotient, rounded away from zero.
fn div_away(value: i128, unit: i128) -> i128 {
    let rest = value % unit;
    value / unit + rest.signum()
}

fn saturate(value: i128) -> i64 {
    i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX })
}

impl fmt::Display for Quantity {
    /// The canonical text: the largest suffix that leaves a whole number. Mirrors `CanonicalizeBytes`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.width().is_none() {
            return self.write_canonical(f);
        }
        let mut text = String::new();
        self.write_canonical(&mut text)?;
        f.pad(&text)
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
        Self::parse(quantity.0.trim())
    }
}

impl Serialize for Quantity {
    /// The canonical text.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Quantity {
    /// A text, with or without space around it, or a number.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct QuantityVisitor;

        impl Visitor<'_> for QuantityVisitor {
            type Value = Quantity;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a quantity")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Quantity, E> {
                Quantity::parse(text.trim()).map_err(E::custom)
            }

            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Quantity, E> {
                Ok(Quantity::from_i64(number, Format::DecimalSi))
            }

            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Quantity, E> {
                self.visit_str(&number.to_string())
            }

            fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Quantity, E> {
                self.visit_str(&number.to_string())
            }
        }

        deserializer.deserialize_any(QuantityVisitor)
    }
}

/// The text that the API server answers for a quantity: the canonical one, or the text itself where upstream keeps it.
///
/// Upstream remembers a text whose digits need no shift, even when it is not the canonical one: `1.500` and `+1` stay.
///
/// # Errors
/// As [`Quantity::parse`].
pub fn canonicalize(text: &str) -> Result<String, QuantityError> {
    let text = text.trim();
    let read = parse::parse(text)?;
    Ok(if read.kept_scale.is_some() { text.to_owned() } else { read.quantity.to_string() })
}

/// As [`canonicalize`], rounded up to thousandths: the values of a resource list.
///
/// # Errors
/// As [`Quantity::parse`].
pub fn canonicalize_round_up_milli(text: &str) -> Result<String, QuantityError> {
    const MILLI_SCALE: i64 = -3;
    let text = text.trim();
    let read = parse::parse(text)?;
    let kept = read.kept_scale.is_some_and(|scale| scale >= MILLI_SCALE);
    Ok(if kept { text.to_owned() } else { read.quantity.round_up_milli().to_string() })
}

#[cfg(test)]
mod tests;
