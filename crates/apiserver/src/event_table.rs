//! Events by namespace and name, of which nearly all are recorded in the order of their stamps and read by nobody.
//!
//! The name of a recorded event ends in its stamp, and stamps only grow: those events lie in a queue in which a stamp is
//! found by halving, so that a new one costs neither its name nor a place in a hash table. All others are in one.

use std::sync::Arc;

use seatrial_api::{BriefEvent, Event, Named, NamespacedName, NewEvent, Object, ObjectMap, Slot};
use seatrial_engine::ChunkedQueue;

#[derive(Debug, Default)]
pub(crate) struct EventTable {
    /// Recorded events by their stamps.
    recorded: ChunkedQueue<Place>,
    /// The highest stamp so far.
    last_stamp: u64,
    holes: usize,
    /// How many in front are holes or were written since they were recorded: behind them is the oldest that was not.
    changed: usize,
    others: ObjectMap<Object>,
}

/// The place of a recorded event.
#[derive(Debug)]
enum Place {
    Event(Object),
    /// The event with this stamp was removed.
    Hole(u64),
}

impl Place {
    fn event(&self) -> Option<&Object> {
        match self {
            Self::Event(event) => Some(event),
            Self::Hole(_) => None,
        }
    }

    fn into_event(self) -> Option<Object> {
        match self {
            Self::Event(event) => Some(event),
            Self::Hole(_) => None,
        }
    }

    /// Takes the event away.
    fn take(&mut self) -> Option<Object> {
        let stamp = self.stamp();
        std::mem::replace(self, Self::Hole(stamp)).into_event()
    }

    fn stamp(&self) -> u64 {
        match self {
            Self::Hole(stamp) => *stamp,
            Self::Event(event) => match brief(Some(event)) {
                Some(brief) => brief.numbers.stamp(),
                None => event.with_place(|_, name| stamp_of(name)).unwrap_or_default(),
            },
        }
    }
}

impl EventTable {
    /// How many events there are.
    pub(crate) fn len(&self) -> usize {
        self.recorded.len() - self.holes + self.others.len()
    }

    /// The event at a place.
    pub(crate) fn get(&self, namespace: &str, name: &str) -> Option<&Object> {
        match self.place_of(namespace, name) {
            Some(index) => self.recorded.get(index).and_then(Place::event),
            None => self.others.get(namespace, name),
        }
    }

    /// The events of one namespace or of all, in the order of namespace and name.
    pub(crate) fn sorted(&self, namespace: Option<&str>) -> Vec<&Object> {
        let all = self.recorded.iter().filter_map(Place::event).chain(self.others.sorted(namespace));
        let placed = all.map(|event| (event.with_place(|ns, name| NamespacedName::new(ns, name)), event));
        let mut placed: Vec<_> = placed.filter(|(at, _)| namespace.is_none_or(|ns| at.namespace == *ns)).collect();
        placed.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        placed.into_iter().map(|(_, event)| event).collect()
    }

    /// Whether a recorded event can be put in: its stamp is the highest, so that nothing recorded has its name, and nor has
    /// any other.
    #[inline]
    pub(crate) fn takes(&self, event: &NewEvent<'_>) -> bool {
        self.last_stamp < event.stamp && (self.others.is_empty() || !self.is_among_others(event))
    }

    #[cold]
    fn is_among_others(&self, event: &NewEvent<'_>) -> bool {
        let name = format!("{}.{:x}", event.about.name, event.stamp);
        self.others.get(&event.template.namespace, &name).is_some()
    }

    /// Puts a recorded event of the highest stamp in.
    #[inline]
    pub(crate) fn push(&mut self, stamp: u64, event: Object) {
        self.last_stamp = stamp;
        self.recorded.push_back(Place::Event(event));
    }

    /// The oldest recorded event that nobody wrote since.
    pub(crate) fn oldest(&self) -> Option<&BriefEvent> {
        self.recorded.get(self.changed).and_then(|place| brief(place.event()))
    }

    /// Takes the oldest recorded event away that nobody wrote since.
    pub(crate) fn remove_oldest(&mut self) -> Option<Object> {
        (self.changed < self.recorded.len()).then(|| self.remove_recorded(self.changed)).flatten()
    }

    /// Puts an event at its place; returns the one before.
    pub(crate) fn insert(&mut self, event: Object) -> Option<Object> {
        match event.with_place(|namespace, name| self.place_of(namespace, name)) {
            Some(index) => {
                let old = self.recorded.get_mut(index).map(|place| std::mem::replace(place, Place::Event(event)));
                self.pass_changed();
                old.and_then(Place::into_event)
            }
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

    /// Takes an event away, unless another version of it is there.
    pub(crate) fn remove_same(&mut self, event: &Arc<Event>) -> Option<Object> {
        let is_same = |there: &Object| matches!(there, Object::Event(there) if Arc::ptr_eq(there, event));
        event.with_place(|namespace, name| {
            self.get(namespace, name).is_some_and(is_same).then(|| self.remove(namespace, name)).flatten()
        })
    }

    fn remove_recorded(&mut self, index: usize) -> Option<Object> {
        let event = self.recorded.get_mut(index).and_then(Place::take);
        self.holes += usize::from(event.is_some());
        while self.recorded.pop_front_if(|place| place.event().is_none()).is_some() {
            self.holes -= 1;
            self.changed = self.changed.saturating_sub(1);
        }
        if self.holes > self.recorded.len() / 2 {
            self.recorded.retain(|place| place.event().is_some());
            (self.holes, self.changed) = (0, 0);
        }
        self.pass_changed();
        event
    }

    /// Looks for the oldest event that nobody wrote since it was recorded: one that was written stays so.
    fn pass_changed(&mut self) {
        while self.recorded.get(self.changed).is_some_and(|place| brief(place.event()).is_none()) {
            self.changed += 1;
        }
    }

    /// Where the recorded event at a place lies.
    fn place_of(&self, namespace: &str, name: &str) -> Option<usize> {
        let stamp = stamp_of(name)?;
        let index = self.recorded.binary_search_by_key(&stamp, Place::stamp)?;
        let event = self.recorded.get(index)?.event()?;
        event.with_place(|ns, n| n == name && ns == namespace).then_some(index)
    }
}

/// What a recorded event is, as long as nobody wrote it since.
fn brief(event: Option<&Object>) -> Option<&BriefEvent> {
    match event {
        Some(Object::Event(event)) => event.brief(),
        _ => None,
    }
}

/// The stamp at the end of an event's name, if it is written as one.
fn stamp_of(name: &str) -> Option<u64> {
    let (_, digits) = name.rsplit_once('.')?;
    u64::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
pub(crate) mod tests {
    use seatrial_api::{EventBody, EventTemplate, ObjectMeta, Str, Time};

    use super::*;

    /// An object of a name, to record events about.
    pub(crate) fn about(name: &str) -> ObjectMeta {
        ObjectMeta { name: name.into(), ..ObjectMeta::default() }
    }

    /// An event about an object, recorded with a stamp.
    pub(crate) fn recorded(about: &ObjectMeta, stamp: u64) -> NewEvent<'_> {
        let namespace = Str::new_static("default");
        let (about_namespace, message) = (namespace.clone(), Str::new_static("1"));
        let template = EventTemplate { about_namespace, namespace, message, ..EventTemplate::default() };
        NewEvent { template: Arc::new(template), about, arg: Str::default(), stamp }
    }

    fn takes(table: &EventTable, name: &str, stamp: u64) -> bool {
        table.takes(&recorded(&about(name), stamp))
    }

    fn push(table: &mut EventTable, name: &str, stamp: u64) {
        assert!(takes(table, name, stamp), "{name}.{stamp:x}");
        let about = about(name);
        let event = recorded(&about, stamp);
        let numbers = event.numbers(0, 0, Time::default()).expect("they are close to each other");
        table.push(stamp, Object::Event(Arc::new(event.into_brief(numbers).into())));
    }

    fn event(name: &str, message: &str) -> Object {
        let meta = ObjectMeta { name: name.into(), namespace: "default".into(), ..ObjectMeta::default() };
        Object::Event(Arc::new(Event::from(EventBody { meta, message: message.into(), ..EventBody::default() })))
    }

    fn names(table: &EventTable, namespace: Option<&str>) -> Vec<String> {
        table.sorted(namespace).iter().map(|e| e.with_place(|_, name| name.to_owned())).collect()
    }

    /// There are several for every pod.
    #[test]
    fn a_place_is_as_small_as_its_event_s_pointer_allows() {
        assert_eq!((size_of::<Place>(), size_of::<Object>()), (16, 16));
    }

    #[test]
    fn recorded_events_and_others_are_one_table() {
        let mut table = EventTable::default();
        for (about, stamp) in [("web", 5), ("web", 10), ("api", 12)] {
            push(&mut table, about, stamp);
        }
        for other in ["by-hand", "web.d"] {
            assert!(table.insert(event(other, "1")).is_none());
        }
        // A stamp that is not the highest, and names that are taken in either part.
        for (about, stamp) in [("late", 7), ("web", 5), ("api", 12), ("web", 13)] {
            assert!(!takes(&table, about, stamp), "{about}.{stamp:x}");
        }
        assert!(takes(&table, "api", 13));
        assert!(table.get("default", "api.5").is_none() && table.get("other", "web.5").is_none());
        assert_eq!(table.len(), 5);
        assert_eq!(names(&table, None), ["api.c", "by-hand", "web.5", "web.a", "web.d"]);
        assert_eq!(names(&table, Some("other")), Vec::<String>::new());
        for name in ["web.a", "by-hand", "web.d"] {
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
            push(&mut table, "web", stamp);
        }
        for (stamp, left) in [(2, 8), (3, 7), (1, 6), (9, 5), (8, 4), (7, 3)] {
            let name = format!("web.{stamp:x}");
            assert!(table.remove("default", &name).is_some() && table.remove("default", &name).is_none());
            assert_eq!((table.len(), names(&table, None).len()), (left, left), "{stamp}");
        }
        assert!(table.recorded.len() <= 2 * table.len());
        push(&mut table, "web", 10);
        assert!(table.get("default", "web.a").is_some());
        for name in ["web.4", "web.5", "web.6", "web.a"] {
            assert!(table.remove("default", name).is_some(), "{name}");
        }
        assert_eq!((table.len(), table.recorded.len()), (0, 0));
    }

    #[test]
    fn the_oldest_is_the_first_that_nobody_wrote_since() {
        let mut table = EventTable::default();
        assert!(table.oldest().is_none() && table.remove_oldest().is_none());
        for stamp in 1..=12 {
            push(&mut table, "web", stamp);
        }
        let oldest = |table: &EventTable| table.oldest().map(|event| event.numbers.stamp());
        // What is written or removed, and the oldest afterwards.
        let rows = [("+2", 1), ("+1", 3), ("-4", 3), ("-1", 3), ("-3", 5), ("-7", 5), ("-5", 6), ("-6", 8), ("-8", 9)];
        for (done, want) in rows {
            let name = format!("web.{}", &done[1..]);
            match done.starts_with('+') {
                true => assert!(table.insert(event(&name, "2")).is_some()),
                false => assert!(table.remove("default", &name).is_some()),
            }
            assert_eq!(oldest(&table), Some(want), "{done}");
        }
        for left in [Some(10), Some(11), Some(12), None, None] {
            table.remove_oldest();
            assert_eq!(oldest(&table), left);
        }
        assert_eq!(names(&table, None), ["web.2"], "what was written is not the table's to remove");
        push(&mut table, "web", 13);
        assert_eq!(oldest(&table), Some(13));
    }
}
