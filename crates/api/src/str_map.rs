//! Labels and annotations: small sorted maps that objects share instead of copying.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::Str;

/// The longest map whose pairs are looked at one by one.
const SCANNED_MAX: usize = 8;

/// A sorted, immutable map of strings behind one shared pointer; the empty map owns nothing.
///
/// Pods of one template share one map, so a clone is a reference count and equality is mostly a pointer comparison.
#[derive(Clone, Default)]
pub struct StrMap(Option<Arc<Vec<(Str, Str)>>>);

impl StrMap {
    /// The empty map.
    pub const EMPTY: Self = Self(None);

    /// The value of `key`.
    #[inline]
    pub fn get(&self, key: &str) -> Option<&str> {
        let pairs = self.as_slice();
        if pairs.len() <= SCANNED_MAX {
            // Lengths decide most comparisons, so looking at each pair is the quickest.
            return pairs.iter().find(|(k, _)| k.as_str() == key).map(|(_, v)| v.as_str());
        }
        let index = pairs.binary_search_by(|(k, _)| k.as_str().cmp(key)).ok()?;
        Some(pairs[index].1.as_str())
    }

    /// Whether `key` is there.
    pub fn contains_key(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// The pairs in the order of their keys.
    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.as_slice().iter().map(|(k, v)| (k.as_str(), v.as_str()))
    }

    /// The pairs in the order of their keys.
    #[inline]
    pub fn as_slice(&self) -> &[(Str, Str)] {
        self.0.as_deref().map_or(&[], Vec::as_slice)
    }

    /// How many pairs there are.
    pub fn len(&self) -> usize {
        self.as_slice().len()
    }

    /// Whether there is no pair.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Sets `key`, sharing nothing with the map as it was.
    pub fn insert(&mut self, key: impl Into<Str>, value: impl Into<Str>) {
        let key = key.into();
        let pairs = Arc::make_mut(self.0.get_or_insert_default());
        match pairs.binary_search_by(|(k, _)| k.cmp(&key)) {
            Ok(index) => pairs[index].1 = value.into(),
            Err(index) => pairs.insert(index, (key, value.into())),
        }
    }

    /// Removes `key`; returns whether it was there.
    pub fn remove(&mut self, key: &str) -> bool {
        if !self.contains_key(key) {
            return false;
        }
        if self.len() == 1 {
            self.0 = None;
        } else if let Some(pairs) = &mut self.0 {
            Arc::make_mut(pairs).retain(|(k, _)| k.as_str() != key);
        }
        true
    }

    /// Whether both are one shared map (or both empty), without looking at the pairs.
    #[inline]
    pub fn ptr_eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (None, None) => true,
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            _ => false,
        }
    }

    /// The map as k8s-openapi writes it; `None` when empty.
    pub fn to_api(&self) -> Option<BTreeMap<String, String>> {
        self.0.as_ref()?;
        Some(self.iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect())
    }

    /// The map as k8s-openapi holds it.
    pub fn from_api(map: Option<BTreeMap<String, String>>) -> Self {
        map.into_iter().flatten().collect()
    }
}

impl<K: Into<Str>, V: Into<Str>> FromIterator<(K, V)> for StrMap {
    fn from_iter<T: IntoIterator<Item = (K, V)>>(iter: T) -> Self {
        let sorted: BTreeMap<Str, Str> = iter.into_iter().map(|(k, v)| (k.into(), v.into())).collect();
        if sorted.is_empty() {
            return Self::EMPTY;
        }
        Self(Some(Arc::new(sorted.into_iter().collect())))
    }
}

impl PartialEq for StrMap {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.ptr_eq(other) || self.as_slice() == other.as_slice()
    }
}

impl Eq for StrMap {}

impl fmt::Debug for StrMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn insert_and_remove_keep_order_and_leave_sharers_alone() {
        let shared: StrMap = [("b", "2"), ("a", "1")].into_iter().collect();
        let mut own = shared.clone();
        own.insert("c", "3");
        own.insert("a", "0");
        assert_eq!(own.iter().collect::<Vec<_>>(), [("a", "0"), ("b", "2"), ("c", "3")]);
        assert_eq!(shared.iter().collect::<Vec<_>>(), [("a", "1"), ("b", "2")]);
        assert!(own.remove("b") && !own.remove("b"));
        assert!(own.remove("a") && own.remove("c"));
        assert!(own.is_empty() && own == StrMap::EMPTY);
    }

    #[test]
    fn one_pointer_wide() {
        assert_eq!(size_of::<StrMap>(), 8);
    }
}
