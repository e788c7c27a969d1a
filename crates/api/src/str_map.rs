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

    /// A copy with one more pair, or another value.
    #[must_use]
    pub fn with(&self, key: Str, value: Str) -> Self {
        self.with_all([(key, value)])
    }

    /// A copy with more pairs, or other values, made at once. Of several values of a key the last counts.
    #[must_use]
    pub fn with_all<const N: usize>(&self, mut more: [(Str, Str); N]) -> Self {
        more.sort_by(|(a, _), (b, _)| a.cmp(b));
        let mut rest = self.as_slice();
        let mut copy: Vec<(Str, Str)> = Vec::with_capacity(rest.len() + N);
        for (key, value) in more {
            let (before, after) = rest.split_at(rest.partition_point(|(k, _)| *k < key));
            copy.extend_from_slice(before);
            rest = if after.first().is_some_and(|(k, _)| *k == key) { &after[1..] } else { after };
            match copy.last_mut().filter(|(k, _)| *k == key) {
                Some(twice) => twice.1 = value,
                None => copy.push((key, value)),
            }
        }
        copy.extend_from_slice(rest);
        if copy.is_empty() { Self::EMPTY } else { Self(Some(Arc::new(copy))) }
    }

    /// A copy with other values of keys that are there; those that are not are left out.
    #[must_use]
    pub fn with_values<const N: usize>(&self, values: [(&str, Str); N]) -> Self {
        let mut copy = self.as_slice().to_vec();
        for (key, value) in values {
            if let Some((_, place)) = copy.iter_mut().find(|(other, _)| *other == *key) {
                *place = value;
            }
        }
        if copy.is_empty() { Self::EMPTY } else { Self(Some(Arc::new(copy))) }
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
        // A map that is sorted already need not be sorted again.
        let pairs: Vec<(Str, Str)> = map.into_iter().flatten().map(|(k, v)| (k.into(), v.into())).collect();
        if pairs.is_empty() { Self::EMPTY } else { Self(Some(Arc::new(pairs))) }
    }

    /// The same of a map that stays where it is.
    pub fn of_api(map: &BTreeMap<String, String>) -> Self {
        let pairs: Vec<(Str, Str)> = map.iter().map(|(k, v)| (k.as_str().into(), v.as_str().into())).collect();
        if pairs.is_empty() { Self::EMPTY } else { Self(Some(Arc::new(pairs))) }
    }

    /// Whether a map as k8s-openapi holds it has the same pairs.
    pub fn is_api(&self, map: Option<&BTreeMap<String, String>>) -> bool {
        let pairs = map.into_iter().flatten().map(|(k, v)| (k.as_str(), v.as_str()));
        self.iter().eq(pairs)
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
        assert_eq!(shared.with("c".into(), "3".into()).with("a".into(), "0".into()), own);
        assert_eq!(StrMap::EMPTY.with("b".into(), "2".into()).iter().collect::<Vec<_>>(), [("b", "2")]);
        let more = |pairs: [(&'static str, &'static str); 4]| pairs.map(|(k, v)| (Str::from(k), Str::from(v)));
        for pairs in [
            [("0", "x"), ("a", "y"), ("aa", "z"), ("d", "w")],
            [("d", "x"), ("c", "y"), ("b", "z"), ("a", "w")],
            [("b", "x"), ("e", "y"), ("b", "z"), ("e", "w")],
        ] {
            for map in [&StrMap::EMPTY, &shared, &own] {
                let mut inserted = map.clone();
                pairs.iter().for_each(|(key, value)| inserted.insert(*key, *value));
                let merged = map.with_all(more(pairs));
                let sorted: Vec<_> = merged.iter().map(|(key, _)| key).collect();
                assert!(sorted.is_sorted() && sorted.len() == inserted.len());
                assert_eq!(merged, inserted, "{pairs:?}");
            }
        }
        assert_eq!(StrMap::EMPTY.with_all([]), StrMap::EMPTY);
        let values = |b: &'static str, c: &'static str| [("b", Str::from(b)), ("c", Str::from(c))];
        assert_eq!(
            own.with_values(values("7", "8")),
            own.with_all([("b".into(), "7".into()), ("c".into(), "8".into())])
        );
        assert_eq!(
            shared.with_values(values("7", "8")),
            shared.with("b".into(), "7".into()),
            "keys that are not there"
        );
        assert_eq!(StrMap::EMPTY.with_values(values("7", "8")), StrMap::EMPTY);
        assert!(own.remove("b") && !own.remove("b"));
        assert!(own.remove("a") && own.remove("c"));
        assert!(own.is_empty() && own == StrMap::EMPTY);
    }

    #[test]
    fn maps_of_the_api_come_back() {
        let rows: [&[(&str, &str)]; 3] = [&[], &[("b", "2")], &[("c", ""), ("a", "1"), ("b", "2")]];
        for pairs in rows {
            let api: BTreeMap<String, String> = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
            let map = StrMap::from_api(Some(api.clone()));
            assert_eq!((&map, &StrMap::of_api(&api)), (&pairs.iter().copied().collect(), &map));
            assert!(map.is_api(Some(&api)) && map.is_api(None) == api.is_empty());
            assert_eq!(map.to_api().unwrap_or_default(), api);
            assert!(!map.with("d".into(), "4".into()).is_api(Some(&api)));
        }
        assert_eq!(StrMap::from_api(None), StrMap::EMPTY);
    }

    #[test]
    fn one_pointer_wide() {
        assert_eq!(size_of::<StrMap>(), 8);
    }
}
