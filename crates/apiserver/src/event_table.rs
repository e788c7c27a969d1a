//! Events by namespace and name, of which nearly all are recorded in the order of their stamps and read by nobody.
//!
//! The name of a recorded event ends in its stamp, and stamps only grow: those events lie in a queue in which a stamp is
//! found by halving, so that a new one costs neither its name nor a place in a hash table. All others are in one.

use std::collections::VecDeque;
use std::sync::Arc;

use seatrial_api::{Event, Named, NamespacedName, Object, ObjectMap, Slot};

#[derive(Debug, Default)]
pub(crate) struct EventTable {
    /// Recorded events by their stamps; what was removed from the middle leaves a hole.
    recorded: VecDeque<(u64, Option<Object>)>,
    holes: usize,
    others: ObjectMap<Object>,
}

impl EventTable {
    /// How many events there are.
    pub(crate) fn len(&self) -> usize {
        self.recorded.len() - self.holes + self.others.len()
    }

    /// The event at a place.
    pub(crate) fn get(&self, namespace: &str, name: &str) -> Option<&Object> {
        match self.place_of(namespace, name) {
            Some(index) => self.recorded[index].1.as_ref(),
            None => self.others.get(namespace, name),
        }
    }

    /// The events of one namespace or of all, in the order of namespace and name.
    pub(crate) fn sorted(&self, namespace: Option<&str>) -> Vec<&Object> {
        let all = self.recorded.iter().filter_map(|(_, event)| event.as_ref()).chain(self.others.sorted(namespace));
        let placed = all.map(|event| (event.with_place(|ns, name| NamespacedName::new(ns, name)), event));
        let mut placed: Vec<_> = placed.filter(|(at, _)| namespace.is_none_or(|ns| at.namespace == *ns)).collect();
        placed.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        placed.into_iter().map(|(_, event)| event).collect()
    }

    /// Puts a recorded event of a stamp in; gives it back where its place is taken.
    pub(crate) fn insert_new(&mut self, stamp: u64, event: Object) -> Result<(), Object> {
        let is_highest = self.recorded.back().is_none_or(|(last, _)| *last < stamp);
        let is_taken = match is_highest {
            // Nothing recorded has the stamp, and so none has the name.
            true if self.others.is_empty() => false,
            true => event.with_place(|namespace, name| self.others.get(namespace, name).is_some()),
            false => event.with_place(|namespace, name| self.get(namespace, name).is_some()),
        };
        if is_taken {
            return Err(event);
        }
        if is_highest {
            self.recorded.push_back((stamp, Some(event)));
        } else {
            self.others.insert(Slot::NONE, event);
        }
        Ok(())
    }

    /// Puts an event at its place; returns the one before.
    pub(crate) fn insert(&mut self, event: Object) -> Option<Object> {
        match event.with_place(|namespace, name| self.place_of(namespace, name)) {
            Some(index) => self.recorded[index].1.replace(event),
            None => self.others.insert(Slot::NONE, event),
        }
    }

    /// Takes the event at a place away.
    pub(crate) fn remove(&mut self, namespace: &str, name: &str) -> Option<Object> {
        match self.place_of(namespace, name) {
            Some(index) => self.remove_recorded(index),
            None => self.others.remove(namespace, name),
        }
    }

    /// Takes an event away, unless another version of it is there. The oldest lies in front.
    pub(crate) fn remove_same(&mut self, event: &Arc<Event>) -> Option<Object> {
        let is_same = |there: &Object| matches!(there, Object::Event(there) if Arc::ptr_eq(there, event));
        if let Some(stamp) = event.brief().map(|brief| brief.stamp) {
            let front = self.recorded.front().is_some_and(|(first, _)| *first == stamp).then_some(0);
            let index = front.or_else(|| self.recorded.binary_search_by_key(&stamp, |(stamp, _)| *stamp).ok());
            if let Some(index) = index.filter(|index| self.recorded[*index].1.as_ref().is_some_and(is_same)) {
                return self.remove_recorded(index);
            }
        }
        event.with_place(|namespace, name| {
            self.get(namespace, name).is_some_and(is_same).then(|| self.remove(namespace, name)).flatten()
        })
    }

    fn remove_recorded(&mut self, index: usize) -> Option<Object> {
        let event = self.recorded[index].1.take();
        self.holes += usize::from(event.is_some());
        while self.recorded.pop_front_if(|(_, event)| event.is_none()).is_some() {
            self.holes -= 1;
        }
        if self.holes > self.recorded.len() / 2 {
            self.recorded.retain(|(_, event)| event.is_some());
            self.holes = 0;
        }
        event
    }

    /// Where the recorded event at a place lies.
    fn place_of(&self, namespace: &str, name: &str) -> Option<usize> {
        let stamp = stamp_of(name)?;
        let index = self.recorded.binary_search_by_key(&stamp, |(stamp, _)| *stamp).ok()?;
        let event = self.recorded[index].1.as_ref()?;
        event.with_place(|ns, n| n == name && ns == namespace).then_some(index)
    }
}

/// The stamp at the end of an event's name, if it is written as one.
fn stamp_of(name: &str) -> Option<u64> {
    let (_, digits) = name.rsplit_once('.')?;
    u64::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use seatrial_api::{EventBody, ObjectMeta};

    use super::*;

    fn event(name: &str, message: &str) -> Object {
        let meta = ObjectMeta { name: name.into(), namespace: "default".into(), ..ObjectMeta::default() };
        Object::Event(Arc::new(Event::from(EventBody { meta, message: message.into(), ..EventBody::default() })))
    }

    fn names(table: &EventTable, namespace: Option<&str>) -> Vec<String> {
        table.sorted(namespace).iter().map(|e| e.with_place(|_, name| name.to_owned())).collect()
    }

    #[test]
    fn recorded_events_and_others_are_one_table() {
        let mut table = EventTable::default();
        for (name, stamp) in [("web.5", 5), ("web.a", 10), ("api.c", 12)] {
            assert!(table.insert_new(stamp, event(name, "1")).is_ok());
        }
        assert!(table.insert(event("by-hand", "1")).is_none());
        // A stamp that is not the highest, a name that is taken in either part, and one that only its stamp has.
        assert!(table.insert_new(7, event("late.7", "1")).is_ok());
        for taken in [(5, "web.5"), (7, "late.7"), (13, "by-hand")] {
            assert!(table.insert_new(taken.0, event(taken.1, "2")).is_err(), "{taken:?}");
        }
        assert!(table.get("default", "api.5").is_none() && table.get("other", "web.5").is_none());
        assert_eq!(table.len(), 5);
        assert_eq!(names(&table, None), ["api.c", "by-hand", "late.7", "web.5", "web.a"]);
        assert_eq!(names(&table, Some("other")), Vec::<String>::new());
        for name in ["web.a", "by-hand", "late.7"] {
            assert!(table.insert(event(name, "3")).is_some(), "{name}");
            let Some(Object::Event(found)) = table.get("default", name) else { panic!("{name}") };
            assert_eq!(found.message.as_str(), "3");
        }
        assert_eq!(table.len(), 5);
    }

    #[test]
    fn what_is_removed_leaves_nothing_behind() {
        let mut table = EventTable::default();
        for stamp in 1..=9 {
            assert!(table.insert_new(stamp, event(&format!("web.{stamp:x}"), "1")).is_ok());
        }
        for (stamp, left) in [(2, 8), (3, 7), (1, 6), (9, 5), (8, 4), (7, 3)] {
            let name = format!("web.{stamp:x}");
            assert!(table.remove("default", &name).is_some() && table.remove("default", &name).is_none());
            assert_eq!((table.len(), names(&table, None).len()), (left, left), "{stamp}");
        }
        assert!(table.recorded.len() <= 2 * table.len());
        assert!(table.insert_new(8, event("web.8", "1")).is_ok() && table.get("default", "web.8").is_some());
        for name in ["web.4", "web.5", "web.6", "web.8"] {
            assert!(table.remove("default", name).is_some(), "{name}");
        }
        assert_eq!((table.len(), table.recorded.len()), (0, 0));
    }
}
