//! Sets of completion indexes: intervals in the order of the text in the status, and bits for those that run.
//!
//! Mirrors pkg/controller/job/indexed_job_utils.go (`orderedIntervals`) (v1.36).

use std::collections::BTreeSet;
use std::fmt;

const WORD_BITS: usize = 64;

/// Indexes that follow each other, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Interval {
    first: i32,
    last: i32,
}

/// Indexes as ascending intervals that do not touch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct OrderedIntervals(Vec<Interval>);

impl OrderedIntervals {
    /// Reads the text of a status or policy; what is not below `completions` is left out. Mirrors
    /// `parseIndexesFromString`.
    pub(super) fn parse(text: &str, completions: i32) -> Self {
        let mut result: Vec<Interval> = Vec::new();
        for part in text.split(',').filter(|_| !text.is_empty()) {
            let mut limits = part.split('-');
            let Some(Ok(first)) = limits.next().map(str::parse::<i32>) else { continue };
            if first >= completions {
                break;
            }
            let last = match limits.next().map(str::parse::<i32>) {
                None => first,
                Some(Ok(last)) => last.min(completions - 1),
                Some(Err(_)) => continue,
            };
            match result.last_mut() {
                Some(before) if before.last == first - 1 => before.last = last,
                _ => result.push(Interval { first, last }),
            }
        }
        Self(result)
    }

    /// The same and further indexes, which are in ascending order. Mirrors `withOrderedIndexes`.
    #[must_use]
    pub(super) fn with_ordered_indexes(&self, indexes: &[i32]) -> Self {
        if indexes.is_empty() {
            return self.clone();
        }
        let mut result: Vec<Interval> = Vec::with_capacity(self.0.len() + 1);
        let mut old = self.0.iter().copied().peekable();
        let mut new = indexes.iter().map(|i| Interval { first: *i, last: *i }).peekable();
        loop {
            let next = match (old.peek(), new.peek()) {
                (Some(a), Some(b)) if a.first < b.first => old.next(),
                (Some(_), None) => old.next(),
                (_, Some(_)) => new.next(),
                (None, None) => break,
            };
            let Some(next) = next else { break };
            match result.last_mut() {
                Some(before) if next.first <= before.last + 1 => before.last = before.last.max(next.last),
                _ => result.push(next),
            }
        }
        Self(result)
    }

    /// How many indexes there are.
    pub(super) fn total(&self) -> i32 {
        self.0.iter().map(|i| i.last - i.first + 1).sum()
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether an index is there.
    pub(super) fn has(&self, index: i32) -> bool {
        self.interval_at(index).is_some()
    }

    fn interval_at(&self, index: i32) -> Option<Interval> {
        let place = self.0.partition_point(|i| i.last < index);
        self.0.get(place).copied().filter(|i| i.first <= index)
    }

    /// The first index from here on that is not there.
    fn next_absent(&self, index: i32) -> i32 {
        self.interval_at(index).map_or(index, |i| i.last + 1)
    }

    /// How many indexes both have.
    pub(super) fn common_with(&self, other: &Self) -> i32 {
        let (mut a, mut b) = (self.0.iter().peekable(), other.0.iter().peekable());
        let mut count = 0;
        while let (Some(x), Some(y)) = (a.peek(), b.peek()) {
            count += (x.last.min(y.last) - x.first.max(y.first) + 1).max(0);
            if x.last <= y.last {
                a.next();
            } else {
                b.next();
            }
        }
        count
    }
}

/// As in the status: `1,3-5,7,8`.
impl fmt::Display for OrderedIntervals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, Interval { first, last }) in self.0.iter().enumerate() {
            if place > 0 {
                f.write_str(",")?;
            }
            match last - first {
                0 => write!(f, "{first}")?,
                1 => write!(f, "{first},{last}")?,
                _ => write!(f, "{first}-{last}")?,
            }
        }
        Ok(())
    }
}

/// Indexes as bits: what is asked is which of them is the first that is not there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct IndexSet {
    words: Vec<u64>,
    /// Indexes that would make the words long: only pods that somebody else made have such.
    far: BTreeSet<i32>,
}

/// From which index on one is far.
const FAR: i32 = 1 << 20;

impl IndexSet {
    fn place(index: i32) -> Option<(usize, u64)> {
        let index = usize::try_from(index).ok().filter(|_| index < FAR)?;
        Some((index / WORD_BITS, 1 << (index % WORD_BITS)))
    }

    /// Adds an index; a negative one is none.
    pub(super) fn insert(&mut self, index: i32) {
        let Some((word, bit)) = Self::place(index) else {
            if index >= FAR {
                self.far.insert(index);
            }
            return;
        };
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        self.words[word] |= bit;
    }

    /// Takes an index out.
    pub(super) fn remove(&mut self, index: i32) {
        let Some((word, bit)) = Self::place(index) else {
            self.far.remove(&index);
            return;
        };
        if let Some(word) = self.words.get_mut(word) {
            *word &= !bit;
        }
    }

    /// Whether an index is there.
    pub(super) fn has(&self, index: i32) -> bool {
        match Self::place(index) {
            Some((word, bit)) => self.words.get(word).is_some_and(|w| w & bit != 0),
            None => self.far.contains(&index),
        }
    }

    /// Whether any index from here on is there.
    pub(super) fn has_from(&self, index: i32) -> bool {
        if self.far.range(index..).next().is_some() {
            return true;
        }
        if index >= FAR {
            return false;
        }
        let (word, bit) = Self::place(index).unwrap_or((0, 1));
        let mut words = self.words.iter().skip(word);
        // The bits from this one on: all but those below.
        words.next().is_some_and(|first| first & !(bit - 1) != 0) || words.any(|word| *word != 0)
    }

    /// The first index from here on that is not there.
    fn next_absent(&self, index: i32) -> i32 {
        if index >= FAR {
            return self.next_absent_far(index);
        }
        let Ok(from) = usize::try_from(index) else { return index };
        let mut word = from / WORD_BITS;
        let mut absent = !self.words.get(word).copied().unwrap_or(0) & (u64::MAX << (from % WORD_BITS));
        while absent == 0 {
            word += 1;
            absent = !self.words.get(word).copied().unwrap_or(0);
        }
        let absent = i32::try_from(word * WORD_BITS + absent.trailing_zeros() as usize).unwrap_or(i32::MAX);
        if absent < FAR { absent } else { self.next_absent_far(absent) }
    }

    fn next_absent_far(&self, index: i32) -> i32 {
        let runs = self.far.range(index..).zip(index..=i32::MAX).take_while(|(there, wanted)| *there == wanted).count();
        index.saturating_add(i32::try_from(runs).unwrap_or(i32::MAX))
    }
}

/// The first so many indexes below `completions` that are in none of the sets. Mirrors `firstPendingIndexes`.
pub(super) fn first_pending_indexes(
    count: usize,
    completions: i32,
    intervals: [&OrderedIntervals; 2],
    sets: [&IndexSet; 2],
) -> Vec<i32> {
    let mut result = Vec::with_capacity(count);
    let mut candidate = 0;
    while result.len() < count && candidate < completions {
        let from = candidate;
        for set in intervals {
            candidate = set.next_absent(candidate);
        }
        for set in sets {
            candidate = set.next_absent(candidate);
        }
        if candidate == from {
            result.push(candidate);
            candidate += 1;
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> OrderedIntervals {
        OrderedIntervals::parse(text, 1000)
    }

    #[test]
    fn texts_are_read_as_far_as_they_can_be() {
        let rows = [
            ("", 10, "", 0),
            ("3", 10, "3", 1),
            ("0,1", 10, "0,1", 2),
            ("0-1", 10, "0,1", 2),
            ("0,1,2", 10, "0-2", 3),
            ("1,3-5,7,8", 10, "1,3-5,7,8", 6),
            ("0-20", 10, "0-9", 10),
            ("5,12", 10, "5", 1),
            ("x,2", 10, "2", 1),
            ("1,2-x,4", 10, "1,4", 2),
            ("0-5", 0, "", 0),
        ];
        for (text, completions, want, total) in rows {
            let intervals = OrderedIntervals::parse(text, completions);
            assert_eq!((intervals.to_string().as_str(), intervals.total()), (want, total), "{text} of {completions}");
        }
    }

    #[test]
    fn further_indexes_join_what_they_touch() {
        let rows: [(&str, &[i32], &str); 8] = [
            ("", &[], ""),
            ("", &[0, 1, 2], "0-2"),
            ("0", &[2], "0,2"),
            ("0,2", &[1], "0-2"),
            ("1,3-5", &[2, 6, 9], "1-6,9"),
            ("3-5", &[4], "3-5"),
            ("5-7", &[0, 1, 3], "0,1,3,5-7"),
            ("0-99", &[100], "0-100"),
        ];
        for (old, new, want) in rows {
            assert_eq!(parse(old).with_ordered_indexes(new).to_string(), want, "{old} and {new:?}");
        }
    }

    #[test]
    fn membership_and_common_indexes() {
        let set = parse("1,3-5,9");
        let members: Vec<i32> = (0..12).filter(|i| set.has(*i)).collect();
        assert_eq!(members, [1, 3, 4, 5, 9]);
        let rows = [("", 0), ("0,2,6-8", 0), ("1", 1), ("0-10", 5), ("4-9", 3), ("5,9", 2), ("0-1,5-6,9-20", 3)];
        for (other, want) in rows {
            assert_eq!((set.common_with(&parse(other)), parse(other).common_with(&set)), (want, want), "{other}");
        }
    }

    /// An annotation may hold any index: the set stays as small as what is in it.
    #[test]
    fn far_indexes_make_no_long_words() {
        let mut set = IndexSet::default();
        for index in [3, FAR - 1, FAR, FAR + 1, i32::MAX] {
            set.insert(index);
            assert!(set.has(index), "{index}");
        }
        assert!(!set.has(2) && !set.has(FAR + 2) && set.words.len() <= FAR as usize / WORD_BITS);
        let rows = [(0, 0), (3, 4), (FAR - 1, FAR + 2), (FAR, FAR + 2), (FAR + 5, FAR + 5), (i32::MAX, i32::MAX)];
        for (from, want) in rows {
            assert_eq!(set.next_absent(from), want, "{from}");
        }
        assert!(set.has_from(FAR + 2) && set.has_from(4));
        for index in [i32::MAX, FAR, FAR + 1] {
            set.remove(index);
        }
        assert!(!set.has_from(FAR) && set.has_from(4) && !set.has(FAR) && set.far.is_empty());
        assert_eq!(set.next_absent(FAR - 1), FAR);
    }

    #[test]
    fn bits_come_and_go() {
        let mut set = IndexSet::default();
        for index in [-1, 0, 1, 63, 64, 65, 200] {
            set.insert(index);
        }
        set.remove(1);
        set.remove(5000);
        let members: Vec<i32> = (-1..300).filter(|i| set.has(*i)).collect();
        assert_eq!(members, [0, 63, 64, 65, 200]);
        let from = [(-1, true), (65, true), (66, true), (200, true), (201, false), (256, false), (9999, false)];
        from.iter().for_each(|(index, want)| assert_eq!(set.has_from(*index), *want, "{index}"));
        let rows = [(0, 1), (1, 1), (62, 62), (63, 66), (64, 66), (200, 201), (900, 900)];
        for (from, want) in rows {
            assert_eq!(set.next_absent(from), want, "{from}");
        }
        let full = (0..640).fold(IndexSet::default(), |mut set, index| {
            set.insert(index);
            set
        });
        assert_eq!(full.next_absent(0), 640);
    }

    /// Rows as upstream's `TestFirstPendingIndexes` has them.
    #[test]
    fn pending_indexes_are_the_lowest_that_nobody_has() {
        type Row<'a> = (usize, i32, &'a str, &'a str, &'a [i32], &'a [i32]);
        let rows: [Row<'_>; 9] = [
            (0, 10, "", "", &[], &[]),
            (1, 10, "", "", &[], &[0]),
            (20, 5, "", "", &[], &[0, 1, 2, 3, 4]),
            (3, 10, "", "", &[0, 1], &[2, 3, 4]),
            (5, 10, "0-1,3", "", &[], &[2, 4, 5, 6, 7]),
            (5, 10, "1,2", "5", &[3], &[0, 4, 6, 7, 8]),
            (5, 5, "0-4", "", &[], &[]),
            (2, 9, "0,4-6", "7", &[1, 3], &[2, 8]),
            (2, 1000, "0-400", "402-500", &[401, 501], &[502, 503]),
        ];
        for (count, completions, succeeded, failed, active, want) in rows {
            let mut bits = IndexSet::default();
            active.iter().for_each(|i| bits.insert(*i));
            let intervals = [&parse(succeeded), &parse(failed)];
            let got = first_pending_indexes(count, completions, intervals, [&bits, &IndexSet::default()]);
            assert_eq!(got, want, "{count} of {completions} without {succeeded}, {failed}, {active:?}");
        }
    }

    /// The whole range at once and one by one come to the same.
    #[test]
    fn a_hundred_thousand_indexes_are_handed_out_once() {
        let mut succeeded = OrderedIntervals::default();
        let (empty, mut handed) = (OrderedIntervals::default(), 0);
        loop {
            let sets = [&IndexSet::default(), &IndexSet::default()];
            let next = first_pending_indexes(500, 100_000, [&succeeded, &empty], sets);
            if next.is_empty() {
                break;
            }
            assert_eq!(next[0], handed);
            handed += 500;
            succeeded = succeeded.with_ordered_indexes(&next);
        }
        assert_eq!((handed, succeeded.to_string().as_str()), (100_000, "0-99999"));
    }
}
