//! A set of numbers that lie close together from 0 on: places in a list, slots.

/// How many numbers a word holds.
const WORD: usize = u64::BITS as usize;

/// A bit for each number, and above them a bit for each word that has any, and so on up to one word.
#[derive(Clone, Debug, Default)]
pub struct NumberSet {
    levels: Vec<Vec<u64>>,
    len: usize,
}

impl NumberSet {
    /// Whether a number is one of them.
    #[inline]
    pub fn contains(&self, number: usize) -> bool {
        let word = self.levels.first().and_then(|words| words.get(number / WORD));
        word.is_some_and(|word| word >> (number % WORD) & 1 == 1)
    }

    /// Adds a number; returns whether it is new.
    pub fn insert(&mut self, number: usize) -> bool {
        if self.levels.first().is_none_or(|words| number / WORD >= words.len()) {
            self.grow(number / WORD + 1);
        }
        if self.contains(number) {
            return false;
        }
        self.len += 1;
        let mut place = number;
        for words in &mut self.levels {
            let word = &mut words[place / WORD];
            let had_any = *word != 0;
            *word |= 1 << (place % WORD);
            if had_any {
                // Those above know of the word.
                break;
            }
            place /= WORD;
        }
        true
    }

    fn grow(&mut self, mut count: usize) {
        for level in 0.. {
            match self.levels.get_mut(level) {
                Some(words) => words.resize(count.max(words.len()), 0),
                None => {
                    let below = level.checked_sub(1).map(|below| &self.levels[below]);
                    let has_any = |word: &[u64]| word.iter().rev().fold(0, |bits, w| bits << 1 | u64::from(*w != 0));
                    let mut words: Vec<u64> =
                        below.map_or(Vec::new(), |below| below.chunks(WORD).map(has_any).collect());
                    words.resize(count.max(words.len()), 0);
                    self.levels.push(words);
                }
            }
            if self.levels[level].len() == 1 {
                return;
            }
            count = count.div_ceil(WORD);
        }
    }

    /// Takes a number away; returns whether it was there.
    pub fn remove(&mut self, number: usize) -> bool {
        if !self.contains(number) {
            return false;
        }
        self.len -= 1;
        let mut place = number;
        for words in &mut self.levels {
            let word = &mut words[place / WORD];
            *word &= !(1 << (place % WORD));
            if *word != 0 {
                break;
            }
            place /= WORD;
        }
        true
    }

    /// The first number from one on.
    pub fn first_from(&self, number: usize) -> Option<usize> {
        let mut place = number;
        for (level, words) in self.levels.iter().enumerate() {
            let rest = words.get(place / WORD)? & (u64::MAX << (place % WORD));
            if rest != 0 {
                let found = place / WORD * WORD + rest.trailing_zeros() as usize;
                let down = |place: usize, words: &Vec<u64>| place * WORD + words[place].trailing_zeros() as usize;
                return Some(self.levels[..level].iter().rev().fold(found, down));
            }
            place = place / WORD + 1;
        }
        None
    }

    /// The last number up to one.
    pub fn last_to(&self, number: usize) -> Option<usize> {
        let mut place = number.min((self.levels.first()?.len() * WORD).checked_sub(1)?);
        for (level, words) in self.levels.iter().enumerate() {
            let rest = words[place / WORD] & (u64::MAX >> (WORD - 1 - place % WORD));
            if rest != 0 {
                let last = |word: u64| WORD - 1 - word.leading_zeros() as usize;
                let found = place / WORD * WORD + last(rest);
                let down = |place: usize, words: &Vec<u64>| place * WORD + last(words[place]);
                return Some(self.levels[..level].iter().rev().fold(found, down));
            }
            place = (place / WORD).checked_sub(1)?;
        }
        None
    }

    /// The numbers, from the lowest on.
    pub fn iter(&self) -> impl Iterator<Item = usize> {
        let mut next = 0;
        std::iter::from_fn(move || {
            let found = self.first_from(next)?;
            next = found + 1;
            Some(found)
        })
    }

    /// How many numbers there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Takes all away.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::Rng;

    /// Random numbers come and go, in sets that need one level and in those that need three.
    #[test]
    fn it_is_the_same_as_a_tree() {
        let mut rng = Rng::from_seed(3);
        for bound in [1, 60, 64, 65, 4_000, 4_096, 4_097, 300_000] {
            let (mut set, mut tree) = (NumberSet::default(), BTreeSet::new());
            assert_eq!((set.first_from(0), set.last_to(7), set.contains(0), set.remove(3)), (None, None, false, false));
            for _ in 0..3_000 {
                // Some of them close to each other.
                let number = if rng.below(2) == 0 { rng.below(bound) } else { rng.below(bound.min(90)) } as usize;
                if rng.below(5) < 3 {
                    assert_eq!(set.insert(number), tree.insert(number), "{number}");
                } else {
                    assert_eq!(set.remove(number), tree.remove(&number), "{number}");
                }
                let asked = rng.below(bound + 70) as usize;
                assert_eq!(set.first_from(asked), tree.range(asked..).next().copied(), "from {asked}");
                assert_eq!(set.last_to(asked), tree.range(..=asked).next_back().copied(), "to {asked}");
                assert_eq!((set.contains(asked), set.len()), (tree.contains(&asked), tree.len()));
            }
            assert!(set.iter().eq(tree.iter().copied()) && set.is_empty() == tree.is_empty());
            set.clear();
            assert_eq!((set.iter().next(), set.is_empty()), (None, true));
        }
    }
}
