//! The log of changes that informers and watches follow by a cursor.

use std::collections::VecDeque;

use seatrial_api::Object;

/// How many changes are kept for watches that start in the past, beyond what cursors still need.
pub const HISTORY_COUNT_MAX: usize = 10_000;

/// What happened to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChangeType {
    /// It is new.
    Added,
    /// It was replaced.
    Modified,
    /// It is gone; the change holds its last state.
    Deleted,
}

impl ChangeType {
    /// The word in a watch event.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Added => "ADDED",
            Self::Modified => "MODIFIED",
            Self::Deleted => "DELETED",
        }
    }
}

/// One write.
#[derive(Clone, Debug)]
pub struct Change {
    /// The version of the write.
    pub resource_version: u64,
    /// What happened.
    pub type_: ChangeType,
    /// The object as written; for a deletion its last state, with the deletion's version.
    pub object: Object,
    /// The object before, if there was one.
    pub old: Option<Object>,
}

/// A place in the log: the number of changes before it, counted from the store's first write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor(u64);

/// The changes since some point.
#[derive(Debug, Default)]
pub struct WatchLog {
    changes: VecDeque<Change>,
    /// The number of changes that were trimmed off the front.
    trimmed: u64,
}

impl WatchLog {
    #[inline]
    pub(crate) fn push(&mut self, change: Change) {
        self.changes.push_back(change);
    }

    /// The place after the last change.
    pub fn end(&self) -> Cursor {
        Cursor(self.trimmed + self.changes.len() as u64)
    }

    /// The change at a cursor, and the cursor after it; `None` at the end or where the log was trimmed.
    #[inline]
    pub fn next(&self, cursor: Cursor) -> Option<(&Change, Cursor)> {
        let index = usize::try_from(cursor.0.checked_sub(self.trimmed)?).ok()?;
        Some((self.changes.get(index)?, Cursor(cursor.0 + 1)))
    }

    /// Whether everything after a cursor is still there.
    pub fn reaches_back_to(&self, cursor: Cursor) -> bool {
        cursor.0 >= self.trimmed
    }

    /// The changes from a cursor to the end.
    pub fn since(&self, cursor: Cursor) -> impl Iterator<Item = &Change> {
        let index = usize::try_from(cursor.0.saturating_sub(self.trimmed)).unwrap_or(usize::MAX);
        self.changes.iter().skip(index)
    }

    /// The cursor after the change with a resourceVersion; `None` when the log no longer reaches back that far.
    pub fn cursor_after(&self, resource_version: u64) -> Option<Cursor> {
        let index = self.changes.partition_point(|c| c.resource_version <= resource_version) as u64;
        (index > 0 || self.trimmed == 0).then_some(Cursor(self.trimmed + index))
    }

    /// Whether so much lies in the log beyond the history that trimming is worth it.
    #[inline]
    pub fn is_long(&self) -> bool {
        self.changes.len() >= 2 * HISTORY_COUNT_MAX
    }

    /// Drops changes that are before `needed` and beyond the history that is kept for late watches.
    pub fn trim(&mut self, needed: Cursor) {
        let spare = self.changes.len().saturating_sub(HISTORY_COUNT_MAX) as u64;
        let drop = needed.0.saturating_sub(self.trimmed).min(spare);
        self.trimmed += drop;
        for _ in 0..drop {
            self.changes.pop_front();
        }
    }
}
