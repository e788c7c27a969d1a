//! A 64-bit hash whose results are fixed for ever: equal on every platform, in every build profile and in every run.

use std::hash::Hasher;

/// An odd constant with bits spread evenly (that of splitmix64).
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
/// What an empty hash starts from: any constant but zero, for zero would swallow leading zero words.
pub(crate) const SEED: u64 = 0x5ea7_121a_15ea_7121;

/// Takes one word into a rolling state. For a fixed word it is a bijection of the state and for a fixed state one of
/// the word, so a difference once taken in can never be lost by what follows alone.
#[inline]
pub(crate) const fn mix(state: u64, word: u64) -> u64 {
    let product = (state ^ word).wrapping_mul(MULTIPLIER);
    // The product's high bits are its good ones; folding them down lets the next multiplication spread them again.
    (product ^ (product >> 32)).wrapping_add(MULTIPLIER)
}

/// At most seven bytes as a little-endian word, in at most three reads.
#[inline]
fn few_bytes(bytes: &[u8]) -> u64 {
    let (mut word, mut shift, mut rest) = (0, 0, bytes);
    if let Some((four, others)) = rest.split_first_chunk::<4>() {
        (word, shift, rest) = (u64::from(u32::from_le_bytes(*four)), 32, others);
    }
    if let Some((two, others)) = rest.split_first_chunk::<2>() {
        word |= u64::from(u16::from_le_bytes(*two)) << shift;
        (shift, rest) = (shift + 16, others);
    }
    if let Some(last) = rest.first() {
        word |= u64::from(*last) << shift;
    }
    word
}

/// Some bytes as little-endian words, and the bytes behind the last whole word as the low end of one, with their count.
#[inline]
fn words_of(bytes: &[u8]) -> (&[[u8; 8]], u64, usize) {
    let (words, rest) = bytes.as_chunks::<8>();
    let last = match bytes.last_chunk::<8>() {
        // The rest is the high end of the last eight bytes: one read.
        Some(last) => u64::from_le_bytes(*last).unbounded_shr(64 - 8 * rest.len() as u32),
        None => few_bytes(rest),
    };
    (words, last, rest.len())
}

/// Spreads every bit of the state over all bits of the result (the finalizer of splitmix64).
#[inline]
pub(crate) const fn finalize(state: u64) -> u64 {
    let x = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// A [`Hasher`] with fixed results, to make ids out of strings and numbers.
///
/// Bytes are read as little-endian words and every integer is taken in as one word of 64 bits, so `usize` and the
/// byte order of the machine do not matter. (The standard library hashes a slice of integers wider than a byte as raw
/// memory: hash its elements one by one instead.)
#[derive(Clone, Copy, Debug)]
pub struct StableHasher {
    state: u64,
}

impl StableHasher {
    /// An empty hash.
    #[must_use]
    pub const fn new() -> StableHasher {
        StableHasher { state: SEED }
    }

    /// An empty hash of another family: equal inputs give unrelated results under different seeds.
    #[must_use]
    pub const fn with_seed(seed: u64) -> StableHasher {
        StableHasher { state: mix(SEED, seed) }
    }

    /// Takes in two strings of bytes as if one lay behind the other in one write.
    #[inline]
    pub fn write_joined(&mut self, first: &[u8], second: &[u8]) {
        let (words, mut left, left_length) = words_of(first);
        let mut state = words.iter().fold(self.state, |state, word| mix(state, u64::from_le_bytes(*word)));
        // What is left of the first is the low end of the next word; each of the second's is cut in two behind it.
        let shift = 8 * left_length as u32;
        let (words, last, length) = words_of(second);
        for word in words {
            let word = u64::from_le_bytes(*word);
            state = mix(state, left | word << shift);
            left = word.unbounded_shr(64 - shift);
        }
        left |= last << shift;
        if left_length + length >= 8 {
            state = mix(state, left);
            left = last.unbounded_shr(64 - shift);
        }
        self.state = mix(state, last_word(left, (left_length + length) % 8));
    }
}

/// The last word of a write carries the length of the rest in its free top byte, so that "a" and "a\0" differ, and a mark that
/// keeps bytes apart from integers.
#[inline]
fn last_word(rest: u64, length: usize) -> u64 {
    (0x80 | length as u64) << 56 | rest
}

impl Default for StableHasher {
    fn default() -> StableHasher {
        StableHasher::new()
    }
}

impl Hasher for StableHasher {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        let (words, last, length) = words_of(bytes);
        let state = words.iter().fold(self.state, |state, word| mix(state, u64::from_le_bytes(*word)));
        self.state = mix(state, last_word(last, length));
    }

    #[inline]
    fn write_u8(&mut self, value: u8) {
        self.state = mix(self.state, u64::from(value));
    }

    #[inline]
    fn write_u16(&mut self, value: u16) {
        self.state = mix(self.state, u64::from(value));
    }

    #[inline]
    fn write_u32(&mut self, value: u32) {
        self.state = mix(self.state, u64::from(value));
    }

    #[inline]
    fn write_u64(&mut self, value: u64) {
        self.state = mix(self.state, value);
    }

    #[inline]
    fn write_u128(&mut self, value: u128) {
        self.state = mix(mix(self.state, value as u64), (value >> 64) as u64);
    }

    #[inline]
    fn write_usize(&mut self, value: usize) {
        self.state = mix(self.state, value as u64);
    }

    #[inline]
    fn finish(&self) -> u64 {
        finalize(self.state)
    }
}

/// The stable hash of some bytes: an id for a string.
#[must_use]
pub fn stable_hash(bytes: &[u8]) -> u64 {
    let mut hasher = StableHasher::new();
    hasher.write(bytes);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn results_never_change() {
        let rows: &[(&str, u64)] = &[
            ("", 0xefa2_43f1_38c4_109a),
            ("a", 0x6153_8d9b_a312_d06a),
            ("default/web", 0x7477_10ad_1bda_6543),
            ("default/web-7999786fc7-r8vr5", 0x4726_e47a_df85_b688),
        ];
        for &(text, want) in rows {
            assert_eq!(stable_hash(text.as_bytes()), want, "{text:?}: {:#x}", stable_hash(text.as_bytes()));
        }
    }

    #[test]
    fn two_strings_hash_as_one() {
        let text = "abcdefghijklmnopqrstuvwxyz0123456789";
        for (start, middle, end) in (0..text.len() * 30 * 30).map(|n| (n % 2, n / 2 % 30, n / 60 % 36)) {
            let middle = middle.clamp(start, end.max(start));
            let (first, second) = (&text[start..middle], &text[middle..end.max(middle)]);
            let mut hasher = StableHasher::new();
            hasher.write_joined(first.as_bytes(), second.as_bytes());
            assert_eq!(hasher.finish(), stable_hash([first, second].concat().as_bytes()), "{first:?} {second:?}");
        }
    }

    #[test]
    fn near_inputs_differ() {
        let mut seen = BTreeSet::new();
        for text in ["", "\0", "a", "a\0", "a\0\0", "\0a", "1234567", "12345678", "12345678\0", "0012345678"] {
            assert!(seen.insert(stable_hash(text.as_bytes())), "{text:?}");
        }
        for n in 0..10_000_u64 {
            let mut hasher = StableHasher::new();
            hasher.write_u64(n);
            assert!(seen.insert(hasher.finish()), "{n}");
        }
    }

    #[test]
    fn widths_of_integers_do_not_matter() {
        let finish = |write: fn(&mut StableHasher)| {
            let mut hasher = StableHasher::new();
            write(&mut hasher);
            hasher.finish()
        };
        let want = finish(|h| h.write_u64(7));
        assert_eq!(finish(|h| h.write_u8(7)), want);
        assert_eq!(finish(|h| h.write_u16(7)), want);
        assert_eq!(finish(|h| h.write_u32(7)), want);
        assert_eq!(finish(|h| h.write_usize(7)), want);
        assert_eq!(finish(|h| h.write_isize(7)), want);
        assert_ne!(finish(|h| h.write_u128(7)), want);
    }

    #[test]
    fn seeds_give_unrelated_families() {
        let hash = |seed| {
            let mut hasher = StableHasher::with_seed(seed);
            hasher.write(b"web");
            hasher.finish()
        };
        assert_ne!(hash(0), hash(1));
        assert_ne!(hash(0), stable_hash(b"web"));
    }
}
