//! Expectations: what a controller has done and not yet seen in its caches. Until it has, it must not act again.
//!
//! Mirrors pkg/controller/controller_utils.go (v1.36), ControllerExpectations and UIDTrackingControllerExpectations.

use std::hash::Hash;

use seatrial_engine::SimTime;

use crate::limits::EXPECTATIONS_TIMEOUT;
use crate::small_map::SmallMap;

#[derive(Clone, Copy, Debug)]
struct ControlleeExpectations {
    add: i64,
    del: i64,
    timestamp: SimTime,
}

impl ControlleeExpectations {
    fn fulfilled(&self) -> bool {
        self.add <= 0 && self.del <= 0
    }

    fn is_expired(&self, now: SimTime) -> bool {
        now - self.timestamp > EXPECTATIONS_TIMEOUT
    }
}

/// For each controller object, how many creations and deletions it still has to see.
#[derive(Clone, Debug)]
pub struct ControllerExpectations<K> {
    store: SmallMap<K, ControlleeExpectations>,
}

impl<K> Default for ControllerExpectations<K> {
    fn default() -> Self {
        ControllerExpectations { store: SmallMap::default() }
    }
}

impl<K: Eq + Hash> ControllerExpectations<K> {
    /// No expectations at all: everything is satisfied.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The creations and deletions not yet seen. Below zero when more were seen than expected.
    #[must_use]
    pub fn get_expectations(&self, key: &K) -> Option<(i64, i64)> {
        self.store.get(key).map(|expectations| (expectations.add, expectations.del))
    }

    /// Whether the controller may act: all it expected was seen, or it expects nothing, or it waited for over 5 minutes.
    #[must_use]
    pub fn satisfied_expectations(&self, key: &K, now: SimTime) -> bool {
        self.store.get(key).is_none_or(|expectations| expectations.fulfilled() || expectations.is_expired(now))
    }

    /// Replaces what is expected and starts its 5 minutes.
    pub fn set_expectations(&mut self, key: K, add: usize, del: usize, now: SimTime) {
        self.store.insert(key, ControlleeExpectations { add: count(add), del: count(del), timestamp: now });
    }

    /// Replaces what is expected by so many creations.
    pub fn expect_creations(&mut self, key: K, adds: usize, now: SimTime) {
        self.set_expectations(key, adds, 0, now);
    }

    /// Replaces what is expected by so many deletions.
    pub fn expect_deletions(&mut self, key: K, dels: usize, now: SimTime) {
        self.set_expectations(key, 0, dels, now);
    }

    /// Expects so many more, without a new 5 minutes. Nothing happens without expectations.
    pub fn raise_expectations(&mut self, key: &K, add: usize, del: usize) {
        self.change(key, count(add), count(del));
    }

    /// Expects so many fewer: seen, or failed to happen. Nothing happens without expectations.
    pub fn lower_expectations(&mut self, key: &K, add: usize, del: usize) {
        self.change(key, -count(add), -count(del));
    }

    /// One creation was seen, or failed.
    pub fn creation_observed(&mut self, key: &K) {
        self.lower_expectations(key, 1, 0);
    }

    /// One deletion was seen, or failed.
    pub fn deletion_observed(&mut self, key: &K) {
        self.lower_expectations(key, 0, 1);
    }

    /// Forgets the key: its object is gone.
    pub fn delete_expectations(&mut self, key: &K) {
        self.store.remove(key);
    }

    fn change(&mut self, key: &K, add: i64, del: i64) {
        if let Some(expectations) = self.store.get_mut(key) {
            expectations.add = expectations.add.saturating_add(add);
            expectations.del = expectations.del.saturating_add(del);
        }
    }
}

fn count(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// Expectations that know which objects are to be deleted, so that the update that sets a deletionTimestamp and the
/// deletion that follows count once.
#[derive(Clone, Debug)]
pub struct UidTrackingControllerExpectations<K, U> {
    expectations: ControllerExpectations<K>,
    /// The deletions not yet seen, in order.
    uid_store: SmallMap<K, Vec<U>>,
}

impl<K, U> Default for UidTrackingControllerExpectations<K, U> {
    fn default() -> Self {
        UidTrackingControllerExpectations {
            expectations: ControllerExpectations::default(),
            uid_store: SmallMap::default(),
        }
    }
}

impl<K: Clone + Eq + Hash, U: Ord> UidTrackingControllerExpectations<K, U> {
    /// No expectations at all: everything is satisfied.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// As [`ControllerExpectations::get_expectations`].
    #[must_use]
    pub fn get_expectations(&self, key: &K) -> Option<(i64, i64)> {
        self.expectations.get_expectations(key)
    }

    /// As [`ControllerExpectations::satisfied_expectations`].
    #[must_use]
    pub fn satisfied_expectations(&self, key: &K, now: SimTime) -> bool {
        self.expectations.satisfied_expectations(key, now)
    }

    /// Replaces what is expected by so many creations.
    pub fn expect_creations(&mut self, key: K, adds: usize, now: SimTime) {
        self.expectations.expect_creations(key, adds, now);
    }

    /// Replaces what is expected by the deletion of these objects; one named twice counts once.
    pub fn expect_deletions(&mut self, key: K, deleted_keys: impl IntoIterator<Item = U>, now: SimTime) {
        let mut uids: Vec<U> = deleted_keys.into_iter().collect();
        uids.sort_unstable();
        uids.dedup();
        let dels = uids.len();
        self.uid_store.insert(key.clone(), uids);
        self.expectations.expect_deletions(key, dels, now);
    }

    /// As [`ControllerExpectations::raise_expectations`].
    pub fn raise_expectations(&mut self, key: &K, add: usize, del: usize) {
        self.expectations.raise_expectations(key, add, del);
    }

    /// As [`ControllerExpectations::lower_expectations`].
    pub fn lower_expectations(&mut self, key: &K, add: usize, del: usize) {
        self.expectations.lower_expectations(key, add, del);
    }

    /// One creation was seen, or failed.
    pub fn creation_observed(&mut self, key: &K) {
        self.expectations.creation_observed(key);
    }

    /// The deletion of this object was seen, or failed. Counts only if it was expected and not yet seen.
    pub fn deletion_observed(&mut self, key: &K, deleted_key: &U) {
        let Some(uids) = self.uid_store.get_mut(key) else { return };
        let Ok(place) = uids.binary_search(deleted_key) else { return };
        uids.remove(place);
        if uids.is_empty() {
            self.uid_store.remove(key);
        }
        self.expectations.deletion_observed(key);
    }

    /// Forgets the key: its object is gone.
    pub fn delete_expectations(&mut self, key: &K) {
        self.expectations.delete_expectations(key);
        self.uid_store.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(secs: u64) -> SimTime {
        SimTime::from_secs(secs)
    }

    #[test]
    fn satisfied_when_absent_met_exceeded_or_old() {
        // (adds, dels, adds seen, dels seen, seconds later), satisfied, left
        let rows = [
            ((0, 0, 0, 0, 0), true, (0, 0)),
            ((2, 0, 0, 0, 0), false, (2, 0)),
            ((2, 0, 1, 0, 0), false, (1, 0)),
            ((2, 0, 2, 0, 0), true, (0, 0)),
            ((2, 0, 3, 0, 0), true, (-1, 0)),
            ((0, 2, 2, 0, 0), false, (-2, 2)),
            ((0, 2, 0, 2, 0), true, (0, 0)),
            ((1, 1, 1, 0, 0), false, (0, 1)),
            ((1, 1, 1, 1, 0), true, (0, 0)),
            ((2, 0, 1, 0, 300), false, (1, 0)),
            ((2, 0, 1, 0, 301), true, (1, 0)),
        ];
        for (row, satisfied, left) in rows {
            let (adds, dels, adds_seen, dels_seen, later) = row;
            let mut expectations = ControllerExpectations::new();
            expectations.set_expectations("rs", adds, dels, secs(100));
            for _ in 0..adds_seen {
                expectations.creation_observed(&"rs");
            }
            for _ in 0..dels_seen {
                expectations.deletion_observed(&"rs");
            }
            assert_eq!(expectations.satisfied_expectations(&"rs", secs(100 + later)), satisfied, "{row:?}");
            assert_eq!(expectations.get_expectations(&"rs"), Some(left), "{row:?}");
        }
        let none = ControllerExpectations::new();
        assert!(none.satisfied_expectations(&"rs", secs(0)));
        assert_eq!(none.get_expectations(&"rs"), None);
    }

    #[test]
    fn new_expectations_replace_the_old_and_start_the_time_again() {
        let mut expectations = ControllerExpectations::new();
        expectations.expect_creations("rs", 5, secs(0));
        expectations.expect_deletions("rs", 1, secs(200));
        assert_eq!(expectations.get_expectations(&"rs"), Some((0, 1)));
        assert!(!expectations.satisfied_expectations(&"rs", secs(500)));
        assert!(expectations.satisfied_expectations(&"rs", secs(501)));
    }

    #[test]
    fn raise_and_lower_change_only_what_exists() {
        let mut expectations = ControllerExpectations::new();
        expectations.raise_expectations(&"rs", 1, 1);
        expectations.lower_expectations(&"rs", 1, 1);
        assert_eq!(expectations.get_expectations(&"rs"), None);
        expectations.expect_creations("rs", 1, secs(0));
        expectations.raise_expectations(&"rs", 2, 3);
        assert_eq!(expectations.get_expectations(&"rs"), Some((3, 3)));
        expectations.lower_expectations(&"rs", 3, 1);
        assert_eq!(expectations.get_expectations(&"rs"), Some((0, 2)));
        // Raising does not start the 5 minutes again.
        assert!(expectations.satisfied_expectations(&"rs", secs(301)));
        expectations.delete_expectations(&"rs");
        assert_eq!(expectations.get_expectations(&"rs"), None);
    }

    #[test]
    fn expected_deletion_counts_once_and_an_unexpected_one_never() {
        let mut expectations = UidTrackingControllerExpectations::new();
        expectations.expect_deletions("rs", [1_u64, 2, 2], secs(0));
        assert_eq!(expectations.get_expectations(&"rs"), Some((0, 2)));
        for (uid, left) in [(9, 2), (1, 1), (1, 1), (2, 0), (2, 0), (1, 0)] {
            expectations.deletion_observed(&"rs", &uid);
            assert_eq!(expectations.get_expectations(&"rs"), Some((0, left)), "{uid}");
            assert_eq!(expectations.satisfied_expectations(&"rs", secs(0)), left == 0, "{uid}");
        }
        assert!(expectations.uid_store.is_empty());
    }

    #[test]
    fn new_deletions_replace_the_set_of_uids() {
        let mut expectations = UidTrackingControllerExpectations::new();
        expectations.expect_deletions("rs", [1_u64, 2], secs(0));
        expectations.expect_deletions("rs", [3], secs(0));
        expectations.deletion_observed(&"rs", &1);
        assert_eq!(expectations.get_expectations(&"rs"), Some((0, 1)));
        expectations.deletion_observed(&"rs", &3);
        assert_eq!(expectations.get_expectations(&"rs"), Some((0, 0)));
        expectations.expect_deletions("rs", [4], secs(0));
        expectations.delete_expectations(&"rs");
        assert_eq!((expectations.get_expectations(&"rs"), expectations.uid_store.len()), (None, 0));
    }

    #[test]
    fn creations_are_counted_beside_tracked_deletions() {
        let mut expectations = UidTrackingControllerExpectations::<_, u64>::new();
        expectations.expect_creations("rs", 3, secs(0));
        expectations.creation_observed(&"rs");
        expectations.lower_expectations(&"rs", 1, 0);
        assert!(!expectations.satisfied_expectations(&"rs", secs(300)));
        expectations.raise_expectations(&"rs", 0, 1);
        assert_eq!(expectations.get_expectations(&"rs"), Some((1, 1)));
        assert!(expectations.satisfied_expectations(&"rs", secs(301)));
    }
}
