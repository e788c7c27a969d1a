//! The store: every object by kind, namespace and name, one counter of writes, and the log that watches follow.
//!
//! It knows nothing of API rules. Objects are immutable and shared; a write replaces one whole.

use std::sync::Arc;

use seatrial_api::{
    BriefEvent, Event, Kind, NewEvent, Object, ObjectKey, ObjectMap, ObjectMeta, Resource, Slot, SlotHint, Str,
};

use crate::event_table::EventTable;
use crate::watch_log::{Change, ChangeType, WatchLog};

/// All objects and the log of their changes.
#[derive(Debug)]
pub struct Store {
    /// The objects of each kind but Event.
    tables: Vec<Table>,
    events: EventTable,
    /// The version of the last write of each kind.
    kind_versions: Vec<u64>,
    resource_version: u64,
    log: WatchLog,
}

type Table = ObjectMap<Object>;

impl Default for Store {
    fn default() -> Self {
        let tables = Kind::ALL.iter().map(|_| Table::default()).collect();
        Self {
            tables,
            events: EventTable::default(),
            kind_versions: vec![0; Kind::ALL.len()],
            resource_version: 0,
            log: WatchLog::default(),
        }
    }
}

impl Store {
    /// The object with a key.
    #[inline]
    pub fn get(&self, key: &ObjectKey) -> Option<&Object> {
        self.lookup(key.kind, &key.namespace, &key.name)
    }

    /// The object at a place.
    #[inline]
    pub fn lookup(&self, kind: Kind, namespace: &str, name: &str) -> Option<&Object> {
        if kind == Kind::Event {
            return self.events.get(namespace, name);
        }
        self.tables[kind as usize].get(namespace, name)
    }

    /// The object at a place, as its own type.
    pub fn get_as<R: Resource>(&self, namespace: &str, name: &str) -> Option<&Arc<R>> {
        self.lookup(R::KIND, namespace, name).and_then(R::unwrap)
    }

    /// The same of an object that may lie at a slot.
    pub fn hinted_as<R: Resource>(&self, SlotHint(slot): SlotHint, namespace: &str, name: &Str) -> Option<&Arc<R>> {
        let there = self.at::<R>(slot).filter(|object| object.meta().is_at(namespace, name));
        there.or_else(|| self.get_as(namespace, name))
    }

    /// The object at a slot.
    #[inline]
    pub(crate) fn at<R: Resource>(&self, slot: Slot) -> Option<&Arc<R>> {
        self.tables[R::KIND as usize].at(slot).and_then(R::unwrap)
    }

    /// Has fetched from memory what is stored at a slot, for who reads or writes it soon.
    pub fn fetch(&self, kind: Kind, slot: Slot) {
        self.tables[kind as usize].fetch(slot);
    }

    /// Has the object at a slot fetched itself.
    #[inline]
    pub fn fetch_object<R: Resource>(&self, slot: Slot) {
        if let Some(object) = self.at::<R>(slot) {
            seatrial_api::fetch(&**object);
        }
    }

    /// What is stored in the place of an object. One that was read here is found without a search.
    #[inline]
    pub(crate) fn stored<R: Resource>(&self, meta: &ObjectMeta) -> Option<&Arc<R>> {
        if R::KIND != Kind::Event {
            let there = self.tables[R::KIND as usize].at(meta.slot).and_then(R::unwrap);
            // Nobody gives an object that he read another name, so that its uid says as much.
            let is_it = |object: &&Arc<R>| match meta.uid.is_nil() {
                true => object.meta().is_named_as(meta),
                false => object.meta().uid == meta.uid,
            };
            if let Some(object) = there.filter(is_it) {
                debug_assert!(object.meta().is_named_as(meta), "{} is not {}", meta.name, object.meta().name);
                return Some(object);
            }
        }
        self.get_as(&meta.namespace, &meta.name)
    }

    /// The objects of a kind, of one namespace or of all, in the order of their keys.
    pub fn list(&self, kind: Kind, namespace: Option<&str>) -> Vec<&Object> {
        if kind == Kind::Event { self.events.sorted(namespace) } else { self.tables[kind as usize].sorted(namespace) }
    }

    /// The objects of a kind as their own type, of one namespace or of all, in the order of their keys.
    pub fn list_as<R: Resource>(&self, namespace: Option<&str>) -> Vec<&Arc<R>> {
        self.list(R::KIND, namespace).into_iter().filter_map(R::unwrap).collect()
    }

    /// How many objects of a kind there are.
    #[inline]
    pub fn count(&self, kind: Kind) -> usize {
        if kind == Kind::Event { self.events.len() } else { self.tables[kind as usize].len() }
    }

    /// The version of the last write.
    #[inline]
    pub fn resource_version(&self) -> u64 {
        self.resource_version
    }

    /// The version of the last write of a kind; 0 before the first.
    pub fn kind_version(&self, kind: Kind) -> u64 {
        self.kind_versions[kind as usize]
    }

    /// The log of changes.
    #[inline]
    pub fn log(&self) -> &WatchLog {
        &self.log
    }

    /// The log of changes, to be trimmed.
    #[inline]
    pub fn log_mut(&mut self) -> &mut WatchLog {
        &mut self.log
    }

    /// Writes an object, new or replaced, with the next resourceVersion.
    pub fn put<R: Resource>(&mut self, sent: R) -> Arc<R> {
        if R::KIND == Kind::Event {
            return self.put_event(sent);
        }
        match self.tables[R::KIND as usize].slot_of(&sent.meta().namespace, &sent.meta().name) {
            Some(slot) => self.replace(slot, sent),
            None => self.create(sent),
        }
    }

    /// Events lie in a table of their own, and have no slots.
    fn put_event<R: Resource>(&mut self, mut sent: R) -> Arc<R> {
        let resource_version = self.next_version(R::KIND);
        sent.meta_mut().resource_version = resource_version;
        let event = Arc::new(sent);
        let object = R::wrap(Arc::clone(&event));
        let old = self.events.insert(object.clone());
        let type_ = if old.is_some() { ChangeType::Modified } else { ChangeType::Added };
        self.log.push(Change { resource_version, type_, object, old });
        event
    }

    /// Writes an object whose name is known to be free.
    pub(crate) fn create<R: Resource>(&mut self, mut sent: R) -> Arc<R> {
        if R::KIND == Kind::Event {
            return self.put_event(sent);
        }
        let version = self.next_version(R::KIND);
        let table = &mut self.tables[R::KIND as usize];
        let meta = sent.meta_mut();
        (meta.resource_version, meta.slot) = (version, table.next_slot());
        let object = Arc::new(sent);
        let wrapped = R::wrap(Arc::clone(&object));
        debug_assert!(table.slot_of(&object.meta().namespace, &object.meta().name).is_none(), "the name is free");
        table.insert_new(wrapped.clone());
        self.log.push(Change { resource_version: version, type_: ChangeType::Added, object: wrapped, old: None });
        object
    }

    /// Writes the next version of the object that lies at a slot.
    pub(crate) fn replace<R: Resource>(&mut self, slot: Slot, mut sent: R) -> Arc<R> {
        if R::KIND == Kind::Event {
            return self.put_event(sent);
        }
        let version = self.next_version(R::KIND);
        let meta = sent.meta_mut();
        (meta.resource_version, meta.slot) = (version, slot);
        let object = Arc::new(sent);
        let wrapped = R::wrap(Arc::clone(&object));
        let old = self.tables[R::KIND as usize].replace(slot, wrapped.clone());
        debug_assert!(old.as_ref().is_some_and(|old| old.key() == object.key()), "it is there");
        self.log.push(Change { resource_version: version, type_: ChangeType::Modified, object: wrapped, old });
        object
    }

    fn next_version(&mut self, kind: Kind) -> u64 {
        self.resource_version += 1;
        self.kind_versions[kind as usize] = self.resource_version;
        self.resource_version
    }

    /// Whether a recorded event can be written: it is the latest, and its name is free.
    #[inline]
    pub(crate) fn takes_recorded(&self, event: &NewEvent<'_>) -> bool {
        self.events.takes(event)
    }

    /// Writes a new event that is rendered when somebody looks, and that [`Store::takes_recorded`] was asked about.
    pub(crate) fn put_recorded(&mut self, event: BriefEvent) {
        let resource_version = self.next_version(Kind::Event);
        debug_assert_eq!(event.numbers.resource_version(), resource_version, "it was made for the next version");
        let stamp = event.numbers.stamp();
        let object = Object::Event(Arc::new(Event::from(event)));
        self.events.push(stamp, object.clone());
        self.log.push(Change { resource_version, type_: ChangeType::Added, object, old: None });
    }

    /// The oldest recorded event that was neither written nor removed since.
    pub(crate) fn oldest_recorded(&self) -> Option<&BriefEvent> {
        self.events.oldest()
    }

    /// Removes the oldest recorded event that was neither written nor removed since.
    pub(crate) fn remove_oldest_recorded(&mut self) {
        if let Some(old) = self.events.remove_oldest() {
            self.log_removal(old);
        }
    }

    /// Removes an event, unless it was written or removed since.
    pub(crate) fn remove_event(&mut self, event: &Arc<Event>) {
        if let Some(old) = self.events.remove_same(event) {
            self.log_removal(old);
        }
    }

    /// Removes an object; the log tells its last state with the version of the removal.
    pub fn remove(&mut self, key: &ObjectKey) -> Option<Object> {
        let old = if key.kind == Kind::Event {
            self.events.remove(&key.namespace, &key.name)?
        } else {
            self.tables[key.kind as usize].remove(&key.namespace, &key.name)?
        };
        Some(self.log_removal(old))
    }

    /// Removes an object that is stored, as [`Store::remove`] does.
    pub(crate) fn remove_stored(&mut self, object: &Object) -> Option<Object> {
        if object.kind() == Kind::Event {
            return self.remove(&object.key());
        }
        let old = self.tables[object.kind() as usize].remove_at(object.meta().slot)?;
        Some(self.log_removal(old))
    }

    fn log_removal(&mut self, old: Object) -> Object {
        let resource_version = self.next_version(old.kind());
        let object = old.with_version(resource_version);
        let change = Change { resource_version, type_: ChangeType::Deleted, object: object.clone(), old: Some(old) };
        self.log.push(change);
        object
    }
}
