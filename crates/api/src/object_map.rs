//! Objects by namespace and name, looked up without owning the strings.

use std::fmt;
use std::hash::{Hash, Hasher};

use hashbrown::{Equivalent, HashMap};
use rustc_hash::FxBuildHasher;

use crate::Str;

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
        Borrowed(&self.namespace, &self.name).hash(state);
    }
}

struct Borrowed<'a>(&'a str, &'a str);

impl Hash for Borrowed<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
        self.1.hash(state);
    }
}

impl Equivalent<NamespacedName> for Borrowed<'_> {
    fn equivalent(&self, key: &NamespacedName) -> bool {
        key.name == *self.1 && key.namespace == *self.0
    }
}

/// A hash map by namespace and name. It hands its values out one by one or sorted, never in the order of their hashes.
#[derive(Clone, Debug)]
pub struct ObjectMap<V>(HashMap<NamespacedName, V, FxBuildHasher>);

impl<V> Default for ObjectMap<V> {
    fn default() -> Self {
        Self(HashMap::default())
    }
}

impl<V> ObjectMap<V> {
    /// The value at a place.
    pub fn get(&self, namespace: &str, name: &str) -> Option<&V> {
        self.0.get(&Borrowed(namespace, name))
    }

    /// The value at a place, to be changed.
    pub fn get_mut(&mut self, namespace: &str, name: &str) -> Option<&mut V> {
        self.0.get_mut(&Borrowed(namespace, name))
    }

    /// Puts a value at a place; returns the one before.
    pub fn insert(&mut self, key: NamespacedName, value: V) -> Option<V> {
        self.0.insert(key, value)
    }

    /// Takes the value at a place away.
    pub fn remove(&mut self, namespace: &str, name: &str) -> Option<V> {
        self.0.remove(&Borrowed(namespace, name))
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The values of one namespace or of all, in the order of namespace and name.
    pub fn sorted(&self, namespace: Option<&str>) -> Vec<&V> {
        let in_namespace = |key: &NamespacedName| namespace.is_none_or(|n| key.namespace == *n);
        let mut pairs: Vec<(&NamespacedName, &V)> = self.0.iter().filter(|(key, _)| in_namespace(key)).collect();
        pairs.sort_unstable_by_key(|(key, _)| *key);
        pairs.into_iter().map(|(_, value)| value).collect()
    }
}
