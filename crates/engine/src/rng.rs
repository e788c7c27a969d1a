//! Randomness as a tree of streams: a child depends on its parent's identity and its own label, never on what was drawn.
//!
//! So one more draw in one place (one more fault, one more pod) renames nothing anywhere else.
//! The generator is xoshiro256++ (Blackman and Vigna), seeded by splitmix64; it is not for secrets.

use std::hash::Hasher;

use crate::stable_hasher::{StableHasher, finalize};

/// Keeps children made from labels, from numbers and the root itself apart.
const ROOT: u64 = 1;
const LABEL: u64 = 2;
const NUMBER: u64 = 3;

/// One stream of random numbers and the root of all streams below it.
#[derive(Clone, Debug)]
pub struct Rng {
    /// What children are derived from; it never changes.
    identity: u64,
    state: [u64; 4],
}

impl Rng {
    /// The root of a tree.
    #[must_use]
    pub fn from_seed(seed: u64) -> Rng {
        Rng::from_identity(derive(ROOT, seed, &[]))
    }

    /// The child stream called `label`. The same parent and label always give the same stream, from its beginning.
    #[must_use]
    pub fn child(&self, label: &str) -> Rng {
        Rng::from_identity(derive(LABEL, self.identity, label.as_bytes()))
    }

    /// The child stream of a number (a uid, a node's index), unrelated to all children made from labels.
    #[must_use]
    pub fn child_u64(&self, number: u64) -> Rng {
        Rng::from_identity(derive(NUMBER, self.identity, &number.to_le_bytes()))
    }

    fn from_identity(identity: u64) -> Rng {
        let mut state = [0; 4];
        let mut counter = identity;
        for word in &mut state {
            counter = counter.wrapping_add(0x9e37_79b9_7f4a_7c15);
            *word = finalize(counter);
        }
        Rng { identity, state }
    }

    /// The next 64 random bits.
    #[inline]
    pub fn next_u64(&mut self) -> u64 {
        let [s0, s1, s2, s3] = &mut self.state;
        let result = s0.wrapping_add(*s3).rotate_left(23).wrapping_add(*s0);
        let shifted = *s1 << 17;
        *s2 ^= *s0;
        *s3 ^= *s1;
        *s1 ^= *s2;
        *s0 ^= *s3;
        *s2 ^= shifted;
        *s3 = s3.rotate_left(45);
        result
    }

    /// A number in `0..n`, each equally likely (Lemire's method with rejection). `below(0)` is 0.
    #[inline]
    pub fn below(&mut self, n: u64) -> u64 {
        let mut product = u128::from(self.next_u64()) * u128::from(n);
        if (product as u64) < n {
            // The first `2^64 mod n` values of the low half would make some results likelier than others.
            let rejected = n.wrapping_neg() % n.max(1);
            while (product as u64) < rejected {
                product = u128::from(self.next_u64()) * u128::from(n);
            }
        }
        (product >> 64) as u64
    }

    /// Puts the items into a random order, each equally likely (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.below(last as u64 + 1) as usize;
            items.swap(last, other);
        }
    }
}

fn derive(tag: u64, parent: u64, label: &[u8]) -> u64 {
    let mut hasher = StableHasher::with_seed(tag);
    hasher.write_u64(parent);
    hasher.write(label);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(rng: &Rng) -> u64 {
        rng.clone().next_u64()
    }

    #[test]
    fn streams_never_change() {
        let root = Rng::from_seed(7);
        let rows = [
            ("seed 0", Rng::from_seed(0), [0x56db_0ca4_15c4_2192, 0xbf05_44f5_d8ed_69b2, 0x6d5f_4eab_e36a_1beb]),
            ("seed 7", root.clone(), [0x0869_bb78_7bb1_03e2, 0xd730_4e4e_547b_8f3b, 0xa6b8_f490_f13e_165b]),
            (
                "seed 7, pod-suffix",
                root.child("pod-suffix"),
                [0xdf12_1424_db8a_c0d5, 0x875f_117f_7417_a599, 0x20c0_05e3_20ea_1b43],
            ),
            ("seed 7, 42", root.child_u64(42), [0xaebc_7965_a21e_57a7, 0x52e0_8dd6_7dbf_94af, 0x6722_d83a_e6f4_2c9c]),
            (
                "seed 7, kubelet, 3",
                root.child("kubelet").child_u64(3),
                [0x4925_0cb8_4f45_ce0a, 0x657b_2adc_a83a_5699, 0x240e_f765_0477_6d4e],
            ),
        ];
        for (name, mut rng, want) in rows {
            let got = [rng.next_u64(), rng.next_u64(), rng.next_u64()];
            assert_eq!(got, want, "{name}: {got:#x?}");
        }
    }

    #[test]
    fn generator_is_xoshiro256_plus_plus() {
        // The reference implementation's first results for the state 1, 2, 3, 4.
        let mut rng = Rng { identity: 0, state: [1, 2, 3, 4] };
        let want = [41_943_041, 58_720_359, 3_588_806_011_781_223, 3_591_011_842_654_386];
        assert_eq!([rng.next_u64(), rng.next_u64(), rng.next_u64(), rng.next_u64()], want);
    }

    #[test]
    fn children_do_not_depend_on_what_was_drawn() {
        let mut parent = Rng::from_seed(1);
        let before = (first(&parent.child("a")), first(&parent.child_u64(9)));
        parent.next_u64();
        parent.below(10);
        assert_eq!((first(&parent.child("a")), first(&parent.child_u64(9))), before);
    }

    #[test]
    fn children_differ_by_label_kind_and_parent() {
        let (a, b) = (Rng::from_seed(1), Rng::from_seed(2));
        let mut streams = vec![
            first(&a),
            first(&b),
            first(&a.child("")),
            first(&a.child("x")),
            first(&b.child("x")),
            first(&a.child("x").child("y")),
            first(&a.child("xy")),
            first(&a.child_u64(0)),
            first(&a.child_u64(1)),
            first(&a.child("\0\0\0\0\0\0\0\0")),
        ];
        let n_streams = streams.len();
        streams.sort_unstable();
        streams.dedup();
        assert_eq!(streams.len(), n_streams);
    }

    #[test]
    fn below_is_in_range_and_even() {
        let mut rng = Rng::from_seed(3);
        assert_eq!(rng.below(0), 0);
        assert_eq!(rng.below(1), 0);
        for n in [2, 3, 7, 27] {
            let mut counts = vec![0_u64; n as usize];
            for _ in 0..n * 10_000 {
                counts[rng.below(n) as usize] += 1;
            }
            for count in counts {
                assert!((9_500..=10_500).contains(&count), "{n}: {count}");
            }
        }
        // Three quarters of 2^64: without rejection a third of the results would be twice as likely.
        let n = (1 << 63) + (1 << 62);
        let low = (0..30_000).filter(|_| rng.below(n) < n / 3).count();
        assert!((9_500..=10_500).contains(&low), "{low}");
    }

    #[test]
    fn shuffle_is_an_even_permutation() {
        let mut rng = Rng::from_seed(4);
        let mut counts = std::collections::BTreeMap::new();
        for _ in 0..60_000 {
            let mut items = [0, 1, 2];
            rng.shuffle(&mut items);
            *counts.entry(items).or_insert(0) += 1;
        }
        assert_eq!(counts.len(), 6);
        assert!(counts.values().all(|count| (9_500..=10_500).contains(count)), "{counts:?}");
        rng.shuffle::<u8>(&mut []);
    }
}
