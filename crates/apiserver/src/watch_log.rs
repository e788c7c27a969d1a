//! The log of changes that informers and watches follow by a cursor.

use std::collections::VecDeque;

use seatrial_api::Object;

/// How many changes are kept for watches that start in the past, beyond what cursors still need.
pub const HISTORY_COUNT_MAX: usize = 10_000;
/// How many are kept as long as nobody has come who could watch. What is let go at once is still in the processor's
/// cache, and the next object takes its place there.
const HISTORY_COUNT_UNWATCHED: usize = 16;

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
#[derive(Debug)]
pub struct WatchLog {
    changes: VecDeque<Change>,
    /// How many changes are kept that no cursor needs.
    history: usize,
    /// The number of changes that were trimmed off the front.
    trimmed: u64,
}

impl Default for WatchLog {
    fn default() -> Self {
        Self { changes: VecDeque::new(), history: HISTORY_COUNT_UNWATCHED, trimmed: 0 }
    }
}

impl WatchLog {
    /// Somebody is there who may watch, now or later: from now on there is a history for it.
    pub(crate) fn keep_for_watches(&mut self) {
        self.history = HISTORY_COUNT_MAX;
    }

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
        self.changes.len() >= 2 * self.history
    }

    /// Drops changes that are before `needed` and beyond the history that is kept for late watches.
    pub fn trim(&mut self, needed: Cursor) {
        let spare = self.changes.len().saturating_sub(self.history) as u64;
        let drop = needed.0.saturating_sub(self.trimmed).min(spare);
        self.trimmed += drop;
        for _ in 0..drop {
            self.changes.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use seatrial_api::Namespace;

    use super::*;

    #[test]
    fn history_is_longer_once_somebody_may_watch() {
        let object = Object::Namespace(Arc::new(Namespace { meta: Default::default(), body: Default::default() }));
        let fill = |log: &mut WatchLog| {
            for resource_version in 1..=2 * HISTORY_COUNT_MAX as u64 {
                log.push(Change { resource_version, type_: ChangeType::Added, object: object.clone(), old: None });
            }
            log.trim(log.end());
            log.changes.len()
        };
        let (mut alone, mut watched) = (WatchLog::default(), WatchLog::default());
        watched.keep_for_watches();
        assert_eq!((fill(&mut alone), fill(&mut watched)), (HISTORY_COUNT_UNWATCHED, HISTORY_COUNT_MAX));
        let oldest = Cursor(2 * HISTORY_COUNT_MAX as u64 - HISTORY_COUNT_UNWATCHED as u64);
        assert!(alone.next(oldest).is_some() && alone.next(Cursor(oldest.0 - 1)).is_none());
    }
}
