//! A text that hardly any object has: one word, and nothing behind it where it is empty.

use std::cmp::Ordering;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use crate::Str;

/// An immutable string of 8 bytes that is nearly always empty.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct RareStr(Option<Arc<Str>>);

impl RareStr {
    /// The text.
    #[inline]
    pub fn as_str(&self) -> &str {
        self.0.as_deref().map_or("", Str::as_str)
    }
}

impl Ord for RareStr {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl PartialOrd for RareStr {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Deref for RareStr {
    type Target = str;
    #[inline]
    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl From<Str> for RareStr {
    fn from(text: Str) -> Self {
        Self((!text.is_empty()).then(|| Arc::new(text)))
    }
}

impl From<&str> for RareStr {
    fn from(text: &str) -> Self {
        Str::from(text).into()
    }
}

impl From<String> for RareStr {
    fn from(text: String) -> Self {
        Str::from(text).into()
    }
}

impl From<&RareStr> for Str {
    fn from(text: &RareStr) -> Self {
        text.0.as_deref().cloned().unwrap_or_default()
    }
}

impl PartialEq<str> for RareStr {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for RareStr {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl PartialEq<Str> for RareStr {
    fn eq(&self, other: &Str) -> bool {
        self.as_str() == other.as_str()
    }
}

impl fmt::Debug for RareStr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for RareStr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compares_and_prints_as_its_text() {
        for text in ["", "short", "a text that is longer than the twenty-three bytes inline"] {
            let (rare, plain) = (RareStr::from(text), Str::from(text));
            assert!(rare == *text && rare == text && rare == plain);
            assert_eq!(rare, RareStr::from(text.to_owned()));
            assert_eq!((Str::from(&rare), rare.is_empty()), (text.into(), text.is_empty()));
            assert_eq!(format!("{rare}|{rare:?}|{rare:>60}"), format!("{text}|{text:?}|{text:>60}"));
        }
        assert_eq!(size_of::<RareStr>(), 8);
    }
}
