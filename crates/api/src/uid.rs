//! Unique ids: sixteen bytes until somebody prints them.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::num::NonZeroU64;
use std::sync::Arc;

use serde::de::{Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};

use crate::Str;
use crate::objects::event::hexadecimal;

/// An object's uid. Nil before the object is created.
///
/// Owner references may hold any text, so text that is no lower-case UUID is kept as it is.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Uid(Repr);

/// The high half of a UUID is never zero here, which leaves room to tell the others apart within sixteen bytes.
#[derive(Clone, Eq, PartialOrd, Ord)]
enum Repr {
    /// `None` is nil.
    Other(Option<Arc<Box<str>>>),
    Uuid(NonZeroU64, u64),
}

impl PartialEq for Repr {
    /// Nearly all uids are UUIDs, and nearly all that differ do so in their low halves.
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Uuid(high, low), Self::Uuid(other_high, other_low)) => low == other_low && high == other_high,
            (Self::Other(text), Self::Other(other)) => text == other,
            _ => false,
        }
    }
}

impl Hash for Uid {
    /// One number tells uids apart as well as both halves do.
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.as_u64());
    }
}

impl Default for Repr {
    fn default() -> Self {
        Self::Other(None)
    }
}

const UUID_LENGTH: usize = 36;
const DASHES: [usize; 4] = [8, 13, 18, 23];
const HEX_DIGITS: &[u8; 16] = b"0123456789abcdef";
const VERSION_4: u64 = 0x4000;
const VARIANT_RFC_4122: u64 = 0x8000_0000_0000_0000;

impl Uid {
    /// The `n`th uid of a seed: looks random, differs for every `n`, and is the same every time.
    pub fn from_counter(seed: u64, n: u64) -> Self {
        // The low 62 bits are a bijection of `n`, so no two are equal; the high half only looks random.
        let low = mix62(n ^ (seed & MASK_62));
        let high = mix64(seed ^ n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let high = NonZeroU64::new((high & !0xf000) | VERSION_4).unwrap_or(NonZeroU64::MIN);
        Self(Repr::Uuid(high, (low & MASK_62) | VARIANT_RFC_4122))
    }

    /// The uid of nothing.
    pub const NIL: Self = Self(Repr::Other(None));

    /// Whether this is the uid of nothing.
    #[inline]
    pub fn is_nil(&self) -> bool {
        self.0 == Repr::default()
    }

    /// Reads any text; the empty text is nil.
    pub fn parse(text: &str) -> Self {
        if text.is_empty() {
            return Self::default();
        }
        match parse_uuid(text).and_then(|(high, low)| Some((NonZeroU64::new(high)?, low))) {
            Some((high, low)) => Self(Repr::Uuid(high, low)),
            None => Self(Repr::Other(Some(Arc::new(text.into())))),
        }
    }

    /// Calls with the text, which is written nowhere.
    pub fn with_text<T>(&self, call: impl FnOnce(&str) -> T) -> T {
        match &self.0 {
            Repr::Other(None) => call(""),
            Repr::Uuid(high, low) => call(std::str::from_utf8(&uuid_text(high.get(), *low)).unwrap_or_default()),
            Repr::Other(Some(text)) => call(text),
        }
    }

    /// Whether a text is this uid's.
    pub fn is(&self, text: &str) -> bool {
        match &self.0 {
            Repr::Other(None) => text.is_empty(),
            Repr::Uuid(high, low) => uuid_text(high.get(), *low) == *text.as_bytes(),
            Repr::Other(Some(own)) => ***own == *text,
        }
    }

    /// A number that tells this uid from others, for hashes and trees of random streams.
    #[inline]
    pub fn as_u64(&self) -> u64 {
        match &self.0 {
            Repr::Uuid(high, low) => high.get().rotate_left(32) ^ low,
            Repr::Other(None) => 0,
            Repr::Other(Some(text)) => {
                text.bytes().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0000_0100_0000_01b3))
            }
        }
    }
}

const MASK_62: u64 = (1 << 62) - 1;

fn mix64(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Odd multiplications and right shifts are bijections of 62 bits too.
fn mix62(mut x: u64) -> u64 {
    x &= MASK_62;
    x = ((x ^ (x >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9)) & MASK_62;
    x = ((x ^ (x >> 26)).wrapping_mul(0x94d0_49bb_1331_11eb)) & MASK_62;
    x ^ (x >> 31)
}

/// The value of each hexadecimal digit; more than fifteen for what is none.
const DIGITS: [u8; 256] = {
    let (mut table, mut value) = ([u8::MAX; 256], 0);
    while value < HEX_DIGITS.len() {
        table[HEX_DIGITS[value] as usize] = value as u8;
        value += 1;
    }
    table
};

/// A UUID with its dashes.
fn uuid_text(high: u64, low: u64) -> [u8; UUID_LENGTH] {
    let ([a, b], [c, d]) = (hexadecimal(high).map(u64::to_le_bytes), hexadecimal(low).map(u64::to_le_bytes));
    let mut text = [b'-'; UUID_LENGTH];
    text[..8].copy_from_slice(&a);
    text[9..13].copy_from_slice(&b[..4]);
    text[14..18].copy_from_slice(&b[4..]);
    text[19..23].copy_from_slice(&c[..4]);
    text[24..28].copy_from_slice(&c[4..]);
    text[28..].copy_from_slice(&d);
    text
}

fn parse_uuid(text: &str) -> Option<(u64, u64)> {
    let bytes: &[u8; UUID_LENGTH] = text.as_bytes().try_into().ok()?;
    if DASHES.iter().any(|dash| bytes[*dash] != b'-') {
        return None;
    }
    let mut all_digits = 0;
    let mut read = |groups: [&[u8]; 3]| {
        groups.into_iter().flatten().fold(0u64, |bits, byte| {
            let digit = DIGITS[usize::from(*byte)];
            all_digits |= digit;
            bits << 4 | u64::from(digit)
        })
    };
    let high = read([&bytes[..8], &bytes[9..13], &bytes[14..18]]);
    let low = read([&bytes[19..23], &bytes[24..], &[]]);
    (all_digits < 16).then_some((high, low))
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with_text(|text| f.write_str(text))
    }
}

impl Serialize for Uid {
    /// Its text; the empty one for nil.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Uid {
    /// Any text.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Str::deserialize(deserializer).map(|text| Self::parse(&text))
    }
}

impl fmt::Debug for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Uid({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_comes_back() {
        // A text and whether it is kept as sixteen bytes.
        let rows = [
            ("", true),
            ("00000000-0000-4000-8000-000000000001", true),
            ("0123abcd-4567-89ef-fedc-ba9876543210", true),
            ("ffffffff-ffff-ffff-ffff-ffffffffffff", true),
            ("x", false),
            (" ", false),
            ("00000000-0000-0000-0000-000000000000", false),
            ("ABCDEF00-0000-4000-8000-000000000001", false),
            ("00000000-0000-4000-8000-00000000000", false),
            ("00000000-0000-4000-8000-0000000000011", false),
            ("00000000_0000-4000-8000-000000000001", false),
            ("0000000000004000800000000000000000001", false),
            ("{0000000-0000-4000-8000-00000000000}", false),
            ("0000000\u{e9}-0000-4000-8000-00000000000", false),
        ];
        for (text, compact) in rows {
            let uid = Uid::parse(text);
            assert_eq!(
                (uid.to_string().as_str(), matches!(uid.0, Repr::Uuid(..) | Repr::Other(None))),
                (text, compact)
            );
            assert_eq!(uid.is_nil(), text.is_empty());
            assert!(uid.is(text) && !uid.is(&format!("{text}1")), "{text}");
            let json = serde_json::to_string(&uid).expect("a uid always prints");
            assert_eq!(serde_json::from_str::<Uid>(&json).ok(), Some(uid), "{json}");
        }
        assert_eq!((size_of::<Uid>(), size_of::<Option<crate::Time>>()), (16, 8));
    }

    #[test]
    fn uuids_are_ordered_as_their_texts() {
        let mut uids: Vec<Uid> = (0..200).map(|n| Uid::from_counter(3, n)).collect();
        uids.push(Uid::default());
        let mut texts: Vec<String> = uids.iter().map(Uid::to_string).collect();
        uids.sort();
        texts.sort();
        assert_eq!(uids.iter().map(Uid::to_string).collect::<Vec<_>>(), texts);
    }

    #[test]
    fn counted_uids_are_version_4_and_differ() {
        let mut seen = std::collections::BTreeSet::new();
        for n in 0..10_000 {
            let text = Uid::from_counter(7, n).to_string();
            assert!(text.as_bytes()[14] == b'4' && b"89ab".contains(&text.as_bytes()[19]), "{text}");
            assert_eq!(Uid::parse(&text), Uid::from_counter(7, n));
            assert!(seen.insert(text));
        }
    }
}
