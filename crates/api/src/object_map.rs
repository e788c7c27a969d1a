//! Objects by namespace and name, which are kept nowhere but in the objects.

use std::fmt;
use std::hash::{Hash, Hasher};

use std::sync::Arc;

use hashbrown::HashTable;
use rustc_hash::FxHasher;

use crate::{Event, Object, Resource, Str};

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

#[inline]
fn hash_of(namespace: &str, name: &str) -> u64 {
    let mut hasher = FxHasher::default();
    namespace.hash(&mut hasher);
    name.hash(&mut hasher);
    hasher.finish()
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
/// the order of their hashes.
#[derive(Clone, Debug)]
pub struct ObjectMap<V>(HashTable<Entry<V>>);

/// A value and the hash of its place, so that growing looks at no value.
#[derive(Clone, Debug)]
struct Entry<V> {
    hash: u64,
    value: V,
}

impl<V> Default for ObjectMap<V> {
    fn default() -> Self {
        Self(HashTable::default())
    }
}

#[inline]
fn is_at<V: Named>(hash: u64, namespace: &str, name: &str) -> impl FnMut(&Entry<V>) -> bool {
    move |entry| entry.hash == hash && entry.value.with_place(|ns, n| n == name && ns == namespace)
}

impl<V: Named> ObjectMap<V> {
    /// The value at a place.
    pub fn get(&self, namespace: &str, name: &str) -> Option<&V> {
        let hash = hash_of(namespace, name);
        self.0.find(hash, is_at(hash, namespace, name)).map(|entry| &entry.value)
    }

    /// The value at a place, to be replaced by another of the same place.
    pub fn get_mut(&mut self, namespace: &str, name: &str) -> Option<&mut V> {
        let hash = hash_of(namespace, name);
        self.0.find_mut(hash, is_at(hash, namespace, name)).map(|entry| &mut entry.value)
    }

    /// Puts a value at its place; returns the one before.
    pub fn insert(&mut self, value: V) -> Option<V> {
        // The place is asked for once: an event writes its name out for that.
        let (hash, found) = value.with_place(|namespace, name| {
            let hash = hash_of(namespace, name);
            (hash, self.0.find_mut(hash, is_at(hash, namespace, name)))
        });
        match found {
            Some(entry) => Some(std::mem::replace(&mut entry.value, value)),
            None => {
                self.0.insert_unique(hash, Entry { hash, value }, |entry| entry.hash);
                None
            }
        }
    }

    /// Takes the value at a place away.
    pub fn remove(&mut self, namespace: &str, name: &str) -> Option<V> {
        let hash = hash_of(namespace, name);
        let entry = self.0.find_entry(hash, is_at(hash, namespace, name)).ok()?;
        Some(entry.remove().0.value)
    }

    /// The values of one namespace or of all, in the order of namespace and name.
    pub fn sorted(&self, namespace: Option<&str>) -> Vec<&V> {
        let in_namespace = |v: &&V| namespace.is_none_or(|wanted| v.with_place(|ns, _| ns == wanted));
        let values = self.0.iter().map(|entry| &entry.value).filter(in_namespace);
        let place = |v: &V| v.with_place(|ns, name| NamespacedName::new(ns, name));
        let mut pairs: Vec<(NamespacedName, &V)> = values.map(|v| (place(v), v)).collect();
        pairs.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        pairs.into_iter().map(|(_, value)| value).collect()
    }
}

impl<V> ObjectMap<V> {
    /// How many values there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
