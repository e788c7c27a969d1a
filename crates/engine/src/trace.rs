//! The trace: what happened, in order, with its cause, and a rolling hash over all of it.
//!
//! Words and objects are numbers here; who records gives them their meaning. Two runs are equal when their hashes are.

use std::collections::VecDeque;

use crate::SimTime;
use crate::stable_hasher::{SEED, finalize, mix};

/// One thing that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its number, from 1 on, without gaps.
    pub seq: u64,
    /// When it happened.
    pub time: SimTime,
    /// Who did it: the recorder's own numbering.
    pub actor: u16,
    /// What was done: the recorder's own numbering.
    pub what: u16,
    /// What it was done to: an id made by the recorder, for instance with [`crate::StableHasher`].
    pub object: u64,
    /// Anything more, as `what` has it: an outcome, a version, a count.
    pub detail: u64,
    /// The `seq` of the record that caused this one; 0 when nothing did.
    pub cause: u64,
}

/// How much a trace keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Nothing: only the sequence number goes on.
    Off,
    /// The rolling hash.
    HashOnly,
    /// The rolling hash and the last so many records.
    Ring(usize),
    /// The rolling hash and all records.
    Full,
}

/// All records so far, as far as the [`Mode`] keeps them.
#[derive(Clone, Debug)]
pub struct Trace {
    mode: Mode,
    last_seq: u64,
    state: u64,
    records: VecDeque<Record>,
}

impl Trace {
    /// An empty trace.
    #[must_use]
    pub fn new(mode: Mode) -> Trace {
        Trace { mode, last_seq: 0, state: SEED, records: VecDeque::new() }
    }

    /// How much this trace keeps.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Takes one record in and returns its `seq`, to be given as the cause of what follows from it.
    #[inline]
    #[expect(clippy::too_many_arguments, reason = "the fields of a Record but its seq, which callers cannot know")]
    pub fn record(&mut self, time: SimTime, actor: u16, what: u16, object: u64, detail: u64, cause: u64) -> u64 {
        let seq = self.last_seq.wrapping_add(1);
        self.last_seq = seq;
        if matches!(self.mode, Mode::Off) {
            return seq;
        }
        let words = [seq, time.0, (u64::from(actor) << 16) | u64::from(what), object, detail, cause];
        self.state = words.into_iter().fold(self.state, mix);
        if !matches!(self.mode, Mode::HashOnly) {
            self.keep(Record { seq, time, actor, what, object, detail, cause });
        }
        seq
    }

    fn keep(&mut self, record: Record) {
        match self.mode {
            Mode::Full => self.records.push_back(record),
            Mode::Ring(capacity) if capacity > 0 => {
                if self.records.len() >= capacity {
                    self.records.pop_front();
                }
                self.records.push_back(record);
            }
            Mode::Off | Mode::HashOnly | Mode::Ring(_) => {}
        }
    }

    /// The number of the last record, 0 before the first: how many there were, kept or not.
    #[must_use]
    pub fn last_seq(&self) -> u64 {
        self.last_seq
    }

    /// The hash over all fields of all records so far, in order, kept or not. With [`Mode::Off`] it never changes.
    #[must_use]
    pub fn hash(&self) -> u64 {
        finalize(self.state)
    }

    /// The records that are kept, oldest first.
    pub fn records(&self) -> impl DoubleEndedIterator<Item = &Record> + ExactSizeIterator {
        self.records.iter()
    }

    /// The record with this number, if it is kept. Costs the same however long the trace is.
    #[must_use]
    pub fn get(&self, seq: u64) -> Option<&Record> {
        let first = self.records.front()?.seq;
        let index = usize::try_from(seq.checked_sub(first)?).ok()?;
        self.records.get(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODES: [Mode; 5] = [Mode::Off, Mode::HashOnly, Mode::Ring(0), Mode::Ring(3), Mode::Full];

    fn fill(trace: &mut Trace, n_records: u64) {
        for n in 0..n_records {
            let seq = trace.record(SimTime::from_secs(n), 1, 2, n.wrapping_mul(u64::MAX / 3), u64::MAX - n, n);
            assert_eq!(seq, n + 1);
        }
    }

    #[test]
    fn modes_keep_what_they_say() {
        let rows: [(Mode, &[u64]); 5] = [
            (Mode::Off, &[]),
            (Mode::HashOnly, &[]),
            (Mode::Ring(0), &[]),
            (Mode::Ring(3), &[3, 4, 5]),
            (Mode::Full, &[1, 2, 3, 4, 5]),
        ];
        for (mode, want) in rows {
            let mut trace = Trace::new(mode);
            fill(&mut trace, 5);
            let seqs: Vec<u64> = trace.records().map(|record| record.seq).collect();
            assert_eq!((trace.mode(), seqs.as_slice(), trace.last_seq()), (mode, want, 5));
            for seq in 0..7 {
                assert_eq!(
                    trace.get(seq).map(|record| record.seq),
                    want.contains(&seq).then_some(seq),
                    "{mode:?} {seq}"
                );
            }
        }
    }

    #[test]
    fn hash_is_fixed_and_equal_in_all_modes_but_off() {
        for mode in MODES {
            let mut trace = Trace::new(mode);
            let empty = trace.hash();
            fill(&mut trace, 5);
            let want = if mode == Mode::Off { empty } else { 0x78c1_a98c_5dff_6c36 };
            assert_eq!(trace.hash(), want, "{mode:?}: {:#x}", trace.hash());
        }
    }

    #[test]
    fn hash_covers_every_field_and_the_order() {
        let base = [(SimTime(1), (2, 3), 4, 5, 6), (SimTime(2), (3, 4), 5, 6, 7)];
        let mut variants = vec![base; 8];
        variants[1][0].0 = SimTime(9);
        variants[2][0].1.0 = 9;
        variants[3][0].1.1 = 9;
        variants[4][0].2 = 9;
        variants[5][0].3 = 9;
        variants[6][0].4 = 9;
        variants[7].swap(0, 1);
        let mut hashes: Vec<u64> = variants
            .into_iter()
            .map(|records| {
                let mut trace = Trace::new(Mode::HashOnly);
                for (time, (actor, what), object, detail, cause) in records {
                    trace.record(time, actor, what, object, detail, cause);
                }
                trace.hash()
            })
            .collect();
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), 8);
    }
}
