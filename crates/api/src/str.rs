//! A string that is cheap to clone: static texts and short ones are never allocated.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;

use serde::de::{Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};
use smol_str::{SmolStr, SmolStrBuilder};

/// How long a text is at most that lies in place.
const INLINE: usize = 23;
/// How long a text is at most that is put together without an allocation of its own.
const CONCAT_ROOM: usize = 128;

/// An immutable string of 24 bytes: static text, up to 23 bytes inline, or shared.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Str(SmolStr);

impl Str {
    /// A static text, without a copy.
    #[inline]
    pub const fn new_static(text: &'static str) -> Self {
        Self(SmolStr::new_static(text))
    }

    /// The text.
    #[inline]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Some texts one after the other. Nothing is allocated but what the whole needs.
    pub fn concat(parts: &[&str]) -> Self {
        let length = parts.iter().map(|part| part.len()).sum();
        if length <= INLINE {
            let mut builder = SmolStrBuilder::new();
            parts.iter().for_each(|part| builder.push_str(part));
            return Self(builder.finish());
        }
        let mut room = [0; CONCAT_ROOM];
        let Some(whole) = room.get_mut(..length) else { return parts.concat().into() };
        let mut rest = &mut *whole;
        for part in parts {
            let (place, after) = rest.split_at_mut(part.len());
            place.copy_from_slice(part.as_bytes());
            rest = after;
        }
        std::str::from_utf8(whole).unwrap_or_default().into()
    }

    /// A number in decimal.
    pub fn of_number(mut number: u64) -> Self {
        const LENGTH_MAX: usize = "18446744073709551615".len();
        let (mut digits, mut start) = ([b'0'; LENGTH_MAX], LENGTH_MAX);
        loop {
            start -= 1;
            digits[start] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                return std::str::from_utf8(&digits[start..]).unwrap_or_default().into();
            }
        }
    }
}

impl Deref for Str {
    type Target = str;
    #[inline]
    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl Borrow<str> for Str {
    #[inline]
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Str {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl From<&str> for Str {
    fn from(text: &str) -> Self {
        Self(SmolStr::new(text))
    }
}

impl From<String> for Str {
    fn from(text: String) -> Self {
        Self(SmolStr::from(text))
    }
}

impl From<&String> for Str {
    fn from(text: &String) -> Self {
        Self(SmolStr::new(text))
    }
}

impl From<&Str> for Str {
    fn from(text: &Str) -> Self {
        text.clone()
    }
}

impl PartialEq<str> for Str {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Str {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl PartialEq<String> for Str {
    fn eq(&self, other: &String) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<Str> for str {
    fn eq(&self, other: &Str) -> bool {
        self == other.as_str()
    }
}

impl PartialEq<Str> for &str {
    fn eq(&self, other: &Str) -> bool {
        *self == other.as_str()
    }
}

impl From<Str> for String {
    fn from(text: Str) -> Self {
        text.0.into()
    }
}

impl fmt::Debug for Str {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Str {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for Str {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

impl<'de> Deserialize<'de> for Str {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct StrVisitor;

        impl Visitor<'_> for StrVisitor {
            type Value = Str;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Str, E> {
                Ok(text.into())
            }

            fn visit_string<E: serde::de::Error>(self, text: String) -> Result<Str, E> {
                Ok(text.into())
            }
        }

        deserializer.deserialize_string(StrVisitor)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn compares_and_prints_as_its_text() {
        let long = "a text that is longer than the twenty-three bytes inline";
        for text in ["", "short", long] {
            let s = Str::from(text);
            let owned = text.to_owned();
            assert!(s == *text && s == text && s == owned && *text == *s);
            assert_eq!((Str::from(owned), text), (s.clone(), s.as_str()));
            assert_eq!(text, s);
            assert_eq!(format!("{s}|{s:?}|{s:>60}"), format!("{text}|{text:?}|{text:>60}"));
        }
        assert_eq!(size_of::<Str>(), 24);
    }

    #[test]
    fn is_put_together_from_parts_and_numbers() {
        let long = "x".repeat(CONCAT_ROOM);
        let rows: [&[&str]; 8] = [
            &["12345678901234567890123"],
            &["1234567890", "1234567890", "1234"],
            &[],
            &[""],
            &["a"],
            &["data", "-", "db-0"],
            &["\u{e9}", "\u{1f600}"],
            &[&long, "-", "y"],
        ];
        for parts in rows {
            assert_eq!(Str::concat(parts), parts.concat(), "{parts:?}");
        }
        for number in [0, 7, 10, 4_294_967_296, u64::MAX] {
            assert_eq!(Str::of_number(number), number.to_string());
        }
    }

    #[test]
    fn finds_as_its_text_and_goes_through_json() {
        const STATIC: Str = Str::new_static("a static text that is longer than what fits inline");
        let map = BTreeMap::from([(STATIC, 1), (Str::from("b"), 2)]);
        assert_eq!((map.get(STATIC.as_str()), map.get("b"), map.get("c")), (Some(&1), Some(&2), None));
        for text in ["", "short", STATIC.as_str(), "quoted \"\n\u{e9}"] {
            let s = Str::from(text);
            let json = serde_json::to_string(&s).expect("a string always prints");
            assert_eq!((serde_json::from_str::<Str>(&json).ok(), String::from(s.clone())), (Some(s), text.to_owned()));
        }
        assert!(serde_json::from_str::<Str>("1").is_err());
    }
}
