//! Listers: what a controller has heard of a kind.

use std::sync::Arc;

use rustc_hash::FxHashMap;
use seatrial_api::{NamespacedName, ObjectMap, ObjectMeta, Resource, Slot, Str, Uid};
use seatrial_apiserver::{Change, ChangeType};

/// An object before and after a change.
#[derive(Clone, Debug)]
pub(crate) struct Replaced<R> {
    /// The object before, if it was known.
    pub(crate) old: Option<Arc<R>>,
    /// The object now, unless it is gone.
    pub(crate) new: Option<Arc<R>>,
}

/// The objects of one kind as the watch told them. Mirrors `cache.Indexer` with a namespace index.
#[derive(Debug)]
pub struct Lister<R> {
    objects: ObjectMap<Arc<R>>,
}

impl<R> Default for Lister<R> {
    fn default() -> Self {
        Self { objects: ObjectMap::default() }
    }
}

impl<R: Resource> Lister<R> {
    /// One object.
    pub fn get(&self, namespace: &str, name: &str) -> Option<&Arc<R>> {
        self.objects.get(namespace, name)
    }

    /// The object at a slot.
    pub fn at(&self, slot: Slot) -> Option<&Arc<R>> {
        self.objects.at(slot)
    }

    /// The objects of one namespace or of all, in the order of their keys.
    pub fn list(&self, namespace: Option<&str>) -> Vec<&Arc<R>> {
        self.objects.sorted(namespace)
    }

    /// How many objects there are.
    pub fn len(&self) -> usize {
        self.objects.len()
    }

    /// Whether there is no object.
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// Takes a change over; returns the object before and after.
    pub(crate) fn apply(&mut self, change: &Change) -> Option<Replaced<R>> {
        let object = R::unwrap(&change.object)?;
        let meta = object.meta();
        if change.type_ == ChangeType::Deleted {
            return Some(Replaced { old: self.objects.remove(&meta.namespace, &meta.name), new: None });
        }
        // The cache hears of all that is stored, so the object's slot is the one it has here.
        let old = self.objects.insert(meta.slot, Arc::clone(object));
        Some(Replaced { old, new: Some(Arc::clone(object)) })
    }
}

/// Objects by the uid of their controller, and those without one by namespace.
#[derive(Debug)]
pub struct OwnerIndex<R> {
    owned: FxHashMap<Uid, Vec<Arc<R>>>,
    orphans: FxHashMap<Str, Vec<Arc<R>>>,
}

impl<R> Default for OwnerIndex<R> {
    fn default() -> Self {
        Self { owned: FxHashMap::default(), orphans: FxHashMap::default() }
    }
}

impl<R: Resource> OwnerIndex<R> {
    /// The objects that a controller owns, by creation time and name.
    pub fn owned_by(&self, uid: &Uid) -> &[Arc<R>] {
        self.owned.get(uid).map_or(&[], Vec::as_slice)
    }

    /// The objects of a namespace that no controller owns, by creation time and name.
    pub fn orphans(&self, namespace: &str) -> &[Arc<R>] {
        self.orphans.get(namespace).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn apply(&mut self, old: Option<&Arc<R>>, new: Option<&Arc<R>>) {
        if let (Some(old), Some(new)) = (old, new)
            && self.replace(old.meta(), new)
        {
            return;
        }
        if let Some(old) = old {
            self.remove(old);
        }
        if let Some(new) = new {
            let list = match new.meta().controller_of() {
                Some(owner) => self.owned.entry(owner.uid.clone()).or_default(),
                None => self.orphans.entry(new.meta().namespace.clone()).or_default(),
            };
            let place = list.partition_point(|o| order(o.meta()) < order(new.meta()));
            list.insert(place, Arc::clone(new));
        }
    }

    /// Puts an object in the place of the one before, where owner and order are the same.
    fn replace(&mut self, old: &ObjectMeta, new: &Arc<R>) -> bool {
        let meta = new.meta();
        let owner = |meta: &ObjectMeta| meta.controller_of().map(|o| o.uid.clone());
        let Some(uid) = owner(meta) else { return false };
        if !old.owner_references.ptr_eq(&meta.owner_references) && owner(old).as_ref() != Some(&uid) {
            return false;
        }
        let slot = self.owned.get_mut(&uid).and_then(|list| list.iter_mut().find(|o| order(o.meta()) == order(meta)));
        slot.is_some_and(|slot| {
            *slot = Arc::clone(new);
            true
        })
    }

    fn remove(&mut self, old: &Arc<R>) {
        let meta = old.meta();
        let uid = meta.controller_of().map(|o| &o.uid);
        let list = match uid {
            Some(uid) => self.owned.get_mut(uid),
            None => self.orphans.get_mut(&meta.namespace),
        };
        let Some(list) = list else { return };
        list.retain(|o| o.meta().name != meta.name);
        if list.is_empty() {
            match uid {
                Some(uid) => drop(self.owned.remove(uid)),
                None => drop(self.orphans.remove(&meta.namespace)),
            }
        }
    }
}

fn order(meta: &ObjectMeta) -> (seatrial_api::Time, &Str) {
    (meta.created(), &meta.name)
}

/// Names an object by its metadata.
pub fn key_of(meta: &ObjectMeta) -> NamespacedName {
    NamespacedName { namespace: meta.namespace.clone(), name: meta.name.clone() }
}
