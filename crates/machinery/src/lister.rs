//! Listers: what a controller has heard of a kind.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use rustc_hash::FxHashMap;
use seatrial_api::{NamespacedName, ObjectMap, ObjectMeta, OwnerReferences, Resource, Slot, SlotHint, Str, Uid};

use crate::controller::SyncContext;
use crate::informers::Delivery;
use crate::uid_map::UidMap;

/// An object before and after a change, as the log tells it: the caches hear of all that is stored, so what was there
/// before is what they hold.
#[derive(Debug)]
pub(crate) struct Replaced<'a, R> {
    /// The object before, unless it is new.
    pub(crate) old: Option<&'a Arc<R>>,
    /// The object now, unless it is gone.
    pub(crate) new: Option<&'a Arc<R>>,
}

impl<R> Clone for Replaced<'_, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for Replaced<'_, R> {}

impl<'a, R: Resource> Replaced<'a, R> {
    /// What a delivery says of objects of a kind.
    pub(crate) fn of(delivery: &Delivery<'a>) -> Self {
        Self { old: delivery.old_as(), new: delivery.new_as() }
    }

    /// The same as plain references.
    pub(crate) fn as_refs(&self) -> (Option<&'a R>, Option<&'a R>) {
        (self.old.map(|old| &**old), self.new.map(|new| &**new))
    }
}

/// Of how many controllers it is remembered where they lie.
const GUESSES: usize = 16;

/// Where the controller lies that a list of owners names in a namespace. Both are immutable, and so are an object's uid and
/// name: while it lies there nothing else need be compared.
#[derive(Debug)]
struct Guess {
    owners: OwnerReferences,
    namespace: Str,
    slot: Slot,
}

/// The objects of one kind as the watch told them. Mirrors `cache.Indexer` with a namespace index.
#[derive(Debug)]
pub struct Lister<R> {
    objects: ObjectMap<Arc<R>>,
    /// Where the controllers lay that were asked for last, by their uids.
    guesses: [RefCell<Option<Guess>>; GUESSES],
    /// Where the object lay that was asked for last as a usual one.
    last: Cell<Slot>,
}

impl<R> Default for Lister<R> {
    fn default() -> Self {
        Self { objects: ObjectMap::default(), guesses: Default::default(), last: Cell::default() }
    }
}

impl<R: Resource> Lister<R> {
    /// One object.
    pub fn get(&self, namespace: &str, name: &str) -> Option<&Arc<R>> {
        self.objects.get(namespace, name)
    }

    /// One object, and where it may lie.
    pub fn hinted(&self, SlotHint(slot): SlotHint, namespace: &str, name: &Str) -> Option<&Arc<R>> {
        let there = self.objects.at(slot).filter(|object| object.meta().is_at(namespace, name));
        there.or_else(|| self.get(namespace, name))
    }

    /// One object of a kind of which the same few are asked for by name again and again.
    pub fn usual(&self, namespace: &str, name: &str) -> Option<&Arc<R>> {
        if self.objects.is_at(self.last.get(), namespace, name) {
            return self.objects.at(self.last.get());
        }
        let object = self.objects.get(namespace, name)?;
        self.last.set(object.meta().slot);
        Some(object)
    }

    /// The object that a sync is about. It was queued as that object's nearly always, and need not be searched by name.
    pub fn synced(&self, cx: &SyncContext<'_>, key: &NamespacedName) -> Option<&Arc<R>> {
        let known = self.objects.at(cx.object.slot).filter(|object| object.meta().uid == cx.object.uid);
        known.or_else(|| self.objects.get(&key.namespace, &key.name))
    }

    /// The object at a slot.
    pub fn at(&self, slot: Slot) -> Option<&Arc<R>> {
        self.objects.at(slot)
    }

    /// The object of this kind that controls another: kind, name and uid have to agree. Mirrors `resolveControllerRef`.
    pub fn controller_of(&self, meta: &ObjectMeta) -> Option<&Arc<R>> {
        let owner = meta.controller_of()?;
        let guess = &self.guesses[owner.uid.as_u64() as usize % GUESSES];
        // Thousands share one list of owners, and need not be searched for by name each time.
        if let Some(guess) = guess.borrow().as_ref()
            && guess.owners.ptr_eq(&meta.owner_references)
            && guess.namespace == meta.namespace
            && let Some(object) = self.objects.at(guess.slot).filter(|object| object.meta().uid == owner.uid)
        {
            return Some(object);
        }
        if owner.kind != R::KIND.info().kind {
            return None;
        }
        let object = self.objects.get(&meta.namespace, &owner.name).filter(|object| object.meta().uid == owner.uid)?;
        let (owners, namespace) = (meta.owner_references.clone(), meta.namespace.clone());
        *guess.borrow_mut() = Some(Guess { owners, namespace, slot: object.meta().slot });
        Some(object)
    }

    /// Has fetched from memory what is known of the object at a slot, for who asks for it soon.
    pub(crate) fn fetch(&self, slot: Slot) {
        self.objects.fetch(slot);
    }

    /// Has the object at a slot fetched itself.
    #[inline]
    pub fn fetch_object(&self, slot: Slot) {
        if let Some(object) = self.objects.at(slot) {
            seatrial_api::fetch(&**object);
        }
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

    /// Takes a change over.
    pub(crate) fn apply(&mut self, Replaced { old, new }: Replaced<'_, R>) {
        match (old, new) {
            (Some(old), Some(new)) => self.objects.replace_or_insert(new.meta().slot, old, new),
            (None, Some(new)) => drop(self.objects.insert(new.meta().slot, Arc::clone(new))),
            (Some(old), None) => self.objects.remove_version(old),
            (None, None) => {}
        }
    }
}

/// Objects by the uid of their controller, and those without one by namespace.
#[derive(Debug)]
pub struct OwnerIndex<R> {
    owned: UidMap<Vec<Arc<R>>>,
    orphans: FxHashMap<Str, Vec<Arc<R>>>,
}

impl<R> Default for OwnerIndex<R> {
    fn default() -> Self {
        Self { owned: UidMap::default(), orphans: FxHashMap::default() }
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

    /// Whether there are such objects.
    #[inline]
    pub fn has_orphans(&self, namespace: &str) -> bool {
        !self.orphans.is_empty() && !self.orphans(namespace).is_empty()
    }

    pub(crate) fn apply(&mut self, Replaced { old, new }: Replaced<'_, R>) {
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
                Some(owner) => self.owned.get_or_default(&owner.uid),
                None => self.orphans.entry(new.meta().namespace.clone()).or_default(),
            };
            let place = list.partition_point(|o| order(o.meta()) < order(new.meta()));
            list.insert(place, Arc::clone(new));
        }
    }

    /// Puts a newer version of an object in the place of the one before, where the owner is the same. The name and the time
    /// of creation, which order them, are.
    fn replace(&mut self, old: &ObjectMeta, new: &Arc<R>) -> bool {
        let meta = new.meta();
        let Some(owner) = meta.controller_of() else { return false };
        let is_same_owner = old.owner_references.ptr_eq(&meta.owner_references)
            || old.controller_of().is_some_and(|before| before.uid == owner.uid);
        if !is_same_owner || old.uid != meta.uid {
            return false;
        }
        let list = self.owned.get_mut(&owner.uid);
        let place = list.and_then(|list| list.iter_mut().find(|o| o.meta().uid == meta.uid));
        place.is_some_and(|place| {
            *place = Arc::clone(new);
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
