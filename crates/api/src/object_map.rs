//! Objects by namespace and name, which are kept nowhere but in the objects.

use std::fmt;
use std::hash::{Hash, Hasher};

use std::sync::Arc;

use hashbrown::HashTable;
use rustc_hash::FxHasher;

use crate::short_hash::{fold_hash, spread_hash};
use crate::{Event, Object, Resource, Slot, SlotMap, Str};

/// The name of an object within its kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct NamespacedName {
    /// The namespace, empty for cluster-scoped kinds.
    pub namespace: Str,
    /// The name.
    pub name: Str,
}

impl NamespacedName {
    /// Names an object.
    pub fn new(namespace: impl Into<Str>, name: impl Into<Str>) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }
}

impl fmt::Display for NamespacedName {
    /// `default/web`, or the name alone. Mirrors `cache.MetaNamespaceKeyFunc`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_empty() { f.write_str(&self.name) } else { write!(f, "{}/{}", self.namespace, self.name) }
    }
}

impl Hash for NamespacedName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.namespace.as_str().hash(state);
        self.name.as_str().hash(state);
    }
}

/// The hash of a namespace and a name.
#[inline]
pub fn hash_of_place(namespace: &str, name: &str) -> u32 {
    let mut hasher = FxHasher::default();
    namespace.hash(&mut hasher);
    name.hash(&mut hasher);
    fold_hash(hasher.finish())
}

/// What can be found by its namespace and name.
pub trait Named {
    /// Calls with the namespace and the name.
    fn with_place<T>(&self, call: impl FnOnce(&str, &str) -> T) -> T;
}

impl<R: Resource> Named for Arc<R> {
    fn with_place<T>(&self, call: impl FnOnce(&str, &str) -> T) -> T {
        call(&self.meta().namespace, &self.meta().name)
    }
}

impl Named for Object {
    fn with_place<T>(&self, call: impl FnOnce(&str, &str) -> T) -> T {
        match self {
            // Not `Arc<Event>`'s own: that one would render the event.
            Object::Event(event) => Event::with_place(event, call),
            object => call(&object.meta().namespace, &object.meta().name),
        }
    }
}

/// A hash map by namespace and name, which it reads from its values. It hands them out one by one or sorted, never in
/// the order of their hashes. Each value keeps its slot until it is removed.
#[derive(Clone, Debug)]
pub struct ObjectMap<V> {
    index: HashTable<Place>,
    values: SlotMap<V>,
    /// Slots of values that were removed; the last one is used next.
    free: Vec<Slot>,
}

/// Where a value lies, and the hash of its name, so that growing looks at no value.
#[derive(Clone, Copy, Debug)]
struct Place {
    hash: u32,
    slot: Slot,
}

impl<V> Default for ObjectMap<V> {
    fn default() -> Self {
        Self { index: HashTable::default(), values: SlotMap::default(), free: Vec::new() }
    }
}

#[inline]
fn is_named<V: Named>(value: &V, namespace: &str, name: &str) -> bool {
    value.with_place(|ns, n| n == name && ns == namespace)
}

impl<V: Named> ObjectMap<V> {
    /// The value at a place.
    pub fn get(&self, namespace: &str, name: &str) -> Option<&V> {
        self.values.get(self.slot_of(namespace, name)?)
    }

    /// The slot of the value at a place.
    pub fn slot_of(&self, namespace: &str, name: &str) -> Option<Slot> {
        self.find(hash_of_place(namespace, name), namespace, name)
    }

    #[inline]
    fn find(&self, hash: u32, namespace: &str, name: &str) -> Option<Slot> {
        let is_at = |place: &Place| place.hash == hash && self.is_at(place.slot, namespace, name);
        self.index.find(spread_hash(hash), is_at).map(|place| place.slot)
    }

    /// The value at a slot.
    #[inline]
    pub fn at(&self, slot: Slot) -> Option<&V> {
        self.values.get(slot)
    }

    /// Has the value at a slot fetched from memory, for who looks at it soon.
    #[inline]
    pub fn fetch(&self, slot: Slot) {
        self.values.fetch(slot);
    }

    /// Whether the value at a slot is the one at a place, which costs no search.
    #[inline]
    pub fn is_at(&self, slot: Slot, namespace: &str, name: &str) -> bool {
        self.values.get(slot).is_some_and(|value| is_named(value, namespace, name))
    }

    /// The slot that the next new value will have.
    pub fn next_slot(&self) -> Slot {
        self.free.last().copied().unwrap_or_else(|| Slot::at(self.values.len()))
    }

    /// Puts a value at its place; returns the one before. `slot` is a guess at where that lies.
    pub fn insert(&mut self, slot: Slot, value: V) -> Option<V> {
        // The place is asked for once: an event writes its name out for that.
        let found = value.with_place(|namespace, name| {
            if self.is_at(slot, namespace, name) {
                return Ok(slot);
            }
            let hash = hash_of_place(namespace, name);
            self.find(hash, namespace, name).ok_or(hash)
        });
        match found {
            Ok(slot) => self.values.insert(slot, value),
            Err(hash) => {
                self.insert_at_free_slot(hash, value);
                None
            }
        }
    }

    /// Puts a value that is new at its place, and at the slot that [`ObjectMap::next_slot`] told.
    pub fn insert_new(&mut self, value: V) {
        let hash = value.with_place(hash_of_place);
        self.insert_at_free_slot(hash, value);
    }

    fn insert_at_free_slot(&mut self, hash: u32, value: V) {
        let slot = self.next_slot();
        self.free.pop();
        self.values.insert(slot, value);
        self.index.insert_unique(spread_hash(hash), Place { hash, slot }, |place| spread_hash(place.hash));
    }

    /// Puts another version of the value at a slot there; returns the one before.
    pub fn replace(&mut self, slot: Slot, value: V) -> Option<V> {
        self.values.get_mut(slot).map(|old| std::mem::replace(old, value))
    }

    /// Takes the value at a place away.
    pub fn remove(&mut self, namespace: &str, name: &str) -> Option<V> {
        self.remove_at(self.slot_of(namespace, name)?)
    }

    /// Takes the value at a slot away.
    pub fn remove_at(&mut self, slot: Slot) -> Option<V> {
        let hash = self.values.get(slot)?.with_place(hash_of_place);
        self.index.find_entry(spread_hash(hash), |place| place.slot == slot).ok()?.remove();
        self.free.push(slot);
        self.values.remove(slot)
    }

    /// The values of one namespace or of all, in the order of namespace and name.
    pub fn sorted(&self, namespace: Option<&str>) -> Vec<&V> {
        let in_namespace = |v: &&V| namespace.is_none_or(|wanted| v.with_place(|ns, _| ns == wanted));
        let place = |v: &V| v.with_place(|ns, name| NamespacedName::new(ns, name));
        let values = self.values.values().filter(in_namespace);
        let mut pairs: Vec<(NamespacedName, &V)> = values.map(|v| (place(v), v)).collect();
        pairs.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        pairs.into_iter().map(|(_, value)| value).collect()
    }
}

impl<R: Resource> ObjectMap<Arc<R>> {
    /// Puts the next version of an object in the place of the one that lies at its slot; any other goes in as it may.
    pub fn replace_or_insert(&mut self, slot: Slot, old: &Arc<R>, new: &Arc<R>) {
        match self.values.get_mut(slot) {
            // It is the very one, so nobody has to compare names.
            Some(place) if Arc::ptr_eq(place, old) => *place = Arc::clone(new),
            _ => drop(self.insert(slot, Arc::clone(new))),
        }
    }

    /// Takes an object away of which this is the last version.
    pub fn remove_version(&mut self, last: &Arc<R>) {
        let meta = last.meta();
        match self.values.get(meta.slot) {
            Some(known) if Arc::ptr_eq(known, last) => drop(self.remove_at(meta.slot)),
            _ => drop(self.remove(&meta.namespace, &meta.name)),
        }
    }
}

impl<V> ObjectMap<V> {
    /// How many values there are.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Namespace, ObjectMeta};

    fn named(name: &str) -> Arc<Namespace> {
        let meta = ObjectMeta { name: name.into(), ..ObjectMeta::default() };
        Arc::new(Namespace { meta, body: Default::default() })
    }

    #[test]
    fn values_keep_their_slots_until_they_are_removed() {
        let mut map = ObjectMap::default();
        for (index, name) in ["b", "a", "c"].into_iter().enumerate() {
            assert_eq!(map.next_slot(), Slot::at(index));
            assert_eq!((map.insert(Slot::NONE, named(name)), map.slot_of("", name)), (None, Some(Slot::at(index))));
        }
        let names = |map: &ObjectMap<Arc<Namespace>>| -> String {
            map.sorted(None).iter().map(|n| n.meta.name.as_str()).collect()
        };
        assert_eq!(
            (names(&map).as_str(), map.at(Slot::at(1)).is_some(), map.is_at(Slot::at(1), "", "b")),
            ("abc", true, false)
        );
        // A guess that is wrong is as good as none.
        for guess in [Slot::at(0), Slot::at(2), Slot::at(9), Slot::NONE] {
            assert!(map.insert(guess, named("b")).is_some_and(|old| old.meta.name == "b"));
            assert_eq!((map.len(), map.slot_of("", "b")), (3, Some(Slot::at(0))));
        }
        assert!(map.remove("", "b").is_some() && map.remove("", "b").is_none() && map.get("", "b").is_none());
        assert_eq!((map.next_slot(), map.len()), (Slot::at(0), 2));
        assert_eq!(
            (map.insert(Slot::at(1), named("d")), map.slot_of("", "d"), map.next_slot()),
            (None, Some(Slot::at(0)), Slot::at(3))
        );
        assert_eq!(names(&map), "acd");
    }
}
