//! The store: every object by kind, namespace and name, one counter of writes, and the log that watches follow.
//!
//! It knows nothing of API rules. Objects are immutable and shared; a write replaces one whole.

use std::sync::Arc;

use seatrial_api::{BriefEvent, Event, Kind, Object, ObjectKey, ObjectMap, Resource, Slot};

use crate::watch_log::{Change, ChangeType, WatchLog};

/// All objects and the log of their changes.
#[derive(Debug)]
pub struct Store {
    tables: Vec<Table>,
    /// The version of the last write of each kind.
    kind_versions: Vec<u64>,
    resource_version: u64,
    log: WatchLog,
}

type Table = ObjectMap<Object>;

impl Default for Store {
    fn default() -> Self {
        let tables = Kind::ALL.iter().map(|_| Table::default()).collect();
        Self { tables, kind_versions: vec![0; Kind::ALL.len()], resource_version: 0, log: WatchLog::default() }
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
        self.tables[kind as usize].get(namespace, name)
    }

    /// The object at a place, as its own type.
    pub fn get_as<R: Resource>(&self, namespace: &str, name: &str) -> Option<&Arc<R>> {
        self.lookup(R::KIND, namespace, name).and_then(R::unwrap)
    }

    /// The objects of a kind, of one namespace or of all, in the order of their keys.
    pub fn list(&self, kind: Kind, namespace: Option<&str>) -> Vec<&Object> {
        self.tables[kind as usize].sorted(namespace)
    }

    /// The objects of a kind as their own type, of one namespace or of all, in the order of their keys.
    pub fn list_as<R: Resource>(&self, namespace: Option<&str>) -> Vec<&Arc<R>> {
        self.list(R::KIND, namespace).into_iter().filter_map(R::unwrap).collect()
    }

    /// How many objects of a kind there are.
    #[inline]
    pub fn count(&self, kind: Kind) -> usize {
        self.tables[kind as usize].len()
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
    pub fn put<R: Resource>(&mut self, mut object: R) -> Arc<R> {
        self.resource_version += 1;
        self.kind_versions[R::KIND as usize] = self.resource_version;
        let table = &mut self.tables[R::KIND as usize];
        let meta = object.meta();
        let slot = match table.is_at(meta.slot, &meta.namespace, &meta.name) {
            true => meta.slot,
            false => table.slot_of(&meta.namespace, &meta.name).unwrap_or_else(|| table.next_slot()),
        };
        let meta = object.meta_mut();
        (meta.resource_version, meta.slot) = (self.resource_version, slot);
        let object = Arc::new(object);
        let wrapped = R::wrap(Arc::clone(&object));
        let old = table.insert(slot, wrapped.clone());
        let type_ = if old.is_some() { ChangeType::Modified } else { ChangeType::Added };
        self.log.push(Change { resource_version: self.resource_version, type_, object: wrapped, old });
        object
    }

    /// Writes a new event that is rendered when somebody looks.
    pub(crate) fn put_brief_event(&mut self, mut event: BriefEvent) -> Arc<Event> {
        self.resource_version += 1;
        self.kind_versions[Kind::Event as usize] = self.resource_version;
        event.resource_version = self.resource_version;
        let event = Arc::new(Event::from(event));
        let object = Object::Event(Arc::clone(&event));
        self.tables[Kind::Event as usize].insert(Slot::NONE, object.clone());
        let change = Change { resource_version: self.resource_version, type_: ChangeType::Added, object, old: None };
        self.log.push(change);
        event
    }

    /// Removes an object; the log tells its last state with the version of the removal.
    pub fn remove(&mut self, key: &ObjectKey) -> Option<Object> {
        let old = self.tables[key.kind as usize].remove(&key.namespace, &key.name)?;
        self.resource_version += 1;
        let version = self.resource_version;
        self.kind_versions[key.kind as usize] = version;
        let object = old.with_meta(|meta| meta.resource_version = version);
        self.log.push(Change {
            resource_version: version,
            type_: ChangeType::Deleted,
            object: object.clone(),
            old: Some(old),
        });
        Some(object)
    }
}
