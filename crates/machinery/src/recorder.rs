//! The event recorder: what a component says about an object becomes an Event, is counted, or is dropped.
//!
//! Mirrors client-go tools/record (v1.36).

use std::sync::Arc;

use rustc_hash::FxHashMap;
use seatrial_api::{ApiError, Event, EventTemplate, Kind, NewEvent, ObjectMeta, Resource, Str};
use seatrial_apiserver::{ApiServer, RequestInfo};
use seatrial_engine::SimTime;

use crate::clock::Clock;
use crate::event_correlator::{EventCorrelator, EventKey, Outcome, aggregate_message, object_id, source_id, text_id};
use crate::event_templates::{EventTemplates, event_namespace};
use crate::event_text::{EventText, NO_PHRASE, Phrase};

/// What an event is about.
#[derive(Clone, Copy, Debug)]
pub struct ObjectRef<'a> {
    /// The kind.
    pub kind: Kind,
    /// The object's metadata.
    pub meta: &'a ObjectMeta,
    /// A part of the object, as in `spec.containers{web}`, or empty.
    pub field_path: &'a Phrase,
    /// The node the component runs on, or empty.
    pub host: &'a Phrase,
}

/// Of how many texts it is remembered what their parts were, where that is checked.
const CHECKED_MAX: usize = 1 << 16;

impl<'a> ObjectRef<'a> {
    /// The whole of an object.
    #[inline]
    pub fn of<R: Resource>(object: &'a R) -> Self {
        Self::new(R::KIND, object.meta())
    }

    /// The whole of an object of a kind.
    #[inline]
    pub fn new(kind: Kind, meta: &'a ObjectMeta) -> Self {
        Self { kind, meta, field_path: &NO_PHRASE, host: &NO_PHRASE }
    }
}

/// The recorders of all components.
#[derive(Debug, Default)]
pub struct EventRecorder {
    correlator: EventCorrelator,
    templates: EventTemplates,
    /// The text of an event, where it has to be put together: room that is used again.
    text: String,
    /// Makes the names of events of one nanosecond differ.
    count: i64,
    /// The number of each text's parts, by who says it about what and for which reason, where that is checked.
    parts: FxHashMap<(u64, u64, u64, u64), u64>,
}

impl EventRecorder {
    /// Records an event.
    pub fn event(
        &mut self,
        server: &mut ApiServer,
        clock: Clock,
        component: &'static str,
        about: &ObjectRef<'_>,
        text: &EventText<'_>,
    ) {
        let (source, object) = (source_id(component, about.host.id()), identity(about));
        self.correlator.fetch(source, object);
        let outline = text.message.outline();
        let message = match &outline {
            Some(outline) => outline.message_id(),
            None => text_id(text.message.render(&about.meta.name, &mut self.text)),
        };
        let key = EventKey {
            source,
            object,
            field_path: about.field_path.id(),
            event_type: text.type_ as u64,
            reason: text_id(text.reason),
            message,
        };
        if cfg!(debug_assertions) {
            self.check_parts(&key, about, text);
        }
        self.templates.uid_seed = server.uid_seed();
        self.count += 1;
        // The stamp names the event: the time in nanoseconds, and a little more so that no two are alike.
        let stamp = clock.unix_nanos().wrapping_add(self.count).cast_unsigned();
        match self.correlator.correlate(&key, stamp, clock.now()) {
            Outcome::Drop => {}
            Outcome::Create { aggregated: false } => {
                let said = self.templates.of(component, about, text, (&key, outline));
                // A namespace on its way out takes no events; nobody retries for that.
                let _ = server.create_event(&RequestInfo::new(clock.time(), component), new_event(about, said, stamp));
            }
            Outcome::Create { aggregated: true } => {
                let said = self.aggregate(component, about, text);
                let _ = server.create_event(&RequestInfo::new(clock.time(), component), new_event(about, said, stamp));
            }
            Outcome::Patch { event, count, first, aggregated } => {
                let earlier = Earlier { stamp: event, count, first, aggregated };
                let _ = self.patch((server, clock), component, about, text, &earlier);
            }
        }
    }

    /// Texts that read the same are told apart by their parts only where one is put together in two places.
    fn check_parts(&mut self, key: &EventKey, about: &ObjectRef<'_>, text: &EventText<'_>) {
        let whole = text.message.render(&about.meta.name, &mut self.text);
        let said = (key.source, key.object, key.reason, text_id(whole));
        let known = *self.parts.entry(said).or_insert(key.message);
        debug_assert_eq!(known, key.message, "{whole:?} has the same parts wherever {} is said", text.reason);
        if self.parts.len() >= CHECKED_MAX {
            self.parts.clear();
        }
    }

    /// What an event says that stands for many.
    fn aggregate(
        &mut self,
        component: &'static str,
        about: &ObjectRef<'_>,
        text: &EventText<'_>,
    ) -> (Arc<EventTemplate>, Str) {
        let latest = text.message.render(&about.meta.name, &mut self.text);
        self.templates.of_aggregate(component, about, text, latest)
    }

    /// Counts an event that came before.
    #[inline(never)]
    fn patch(
        &mut self,
        (server, clock): (&mut ApiServer, Clock),
        component: &'static str,
        about: &ObjectRef<'_>,
        text: &EventText<'_>,
        earlier: &Earlier,
    ) -> Result<Arc<Event>, ApiError> {
        let request = RequestInfo::new(clock.time(), component);
        let count = i32::try_from(earlier.count).unwrap_or(i32::MAX);
        let Ok(old) = server.get::<Event>(&event_namespace(about), &event_name(about, earlier.stamp)) else {
            // The event has expired in between: it is made anew, with its count.
            let said = if earlier.aggregated {
                self.aggregate(component, about, text)
            } else {
                self.templates.find_one(component, about, text)
            };
            let mut event = Event::from(new_event(about, said, earlier.stamp).into_body(request.now));
            event.count = count;
            event.first_timestamp = Some(clock.at(earlier.first).time());
            return server.create(&request, event);
        };
        let mut event = Event::clone(old);
        event.count = count;
        event.message = message_of(text.message.render(&about.meta.name, &mut self.text), earlier.aggregated);
        event.last_timestamp = Some(request.now);
        server.update(&request, event)
    }
}

/// An event that came before.
#[derive(Debug)]
struct Earlier {
    stamp: u64,
    count: u32,
    first: SimTime,
    aggregated: bool,
}

/// The event of a template and an argument.
#[inline]
fn new_event<'a>(about: &ObjectRef<'a>, (template, arg): (Arc<EventTemplate>, Str), stamp: u64) -> NewEvent<'a> {
    NewEvent { template, about: about.meta, arg, stamp }
}

/// A number for what an event is about. Some components know an object by its name alone.
fn identity(about: &ObjectRef<'_>) -> u64 {
    let meta = about.meta;
    if meta.uid.is_nil() {
        return object_id(about.kind.info().kind, &meta.namespace, &meta.name, "", "");
    }
    meta.uid.as_u64().wrapping_add((about.kind as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

fn event_name(about: &ObjectRef<'_>, stamp: u64) -> Str {
    format!("{}.{stamp:x}", about.meta.name).into()
}

fn message_of(text: &str, aggregated: bool) -> Str {
    if aggregated { aggregate_message(text).into() } else { text.into() }
}

#[cfg(test)]
mod tests {
    use seatrial_api::{ObjectKey, Time, Uid};
    use seatrial_apiserver::ApiServerOptions;

    use super::*;

    #[test]
    fn an_event_that_came_before_is_counted_even_where_it_has_gone() {
        let start = Time::from_unix(1_000_000);
        let mut server = ApiServer::new(ApiServerOptions::default());
        server.bootstrap(&RequestInfo::new(start, "test")).expect("a new server");
        let mut recorder = EventRecorder::default();
        let meta = ObjectMeta {
            name: "web".into(),
            namespace: "default".into(),
            uid: Uid::from_counter(0, 1),
            ..ObjectMeta::default()
        };
        let host = Phrase::from("node-1");
        let about = ObjectRef { host: &host, ..ObjectRef::new(Kind::Pod, &meta) };
        // When it comes, and whether what there is was removed before.
        for (count, (second, has_gone)) in [(0, false), (60, false), (4_000, true)].into_iter().enumerate() {
            if has_gone {
                let key = server.store().list(Kind::Event, None)[0].key();
                server.store_mut().remove(&key).expect("it was just listed");
            }
            let clock = Clock::starting_at(start).at(SimTime::from_secs(second));
            recorder.event(&mut server, clock, "kubelet", &about, &EventText::warning("Failed", "no web"));
            let events = server.store().list_as::<Event>(None);
            let [event] = events[..] else { panic!("one event: {events:?}") };
            let now = start.plus_seconds(second as i64);
            assert_eq!((event.count, event.message.as_str()), (count as i32 + 1, "no web"));
            assert_eq!((event.first_timestamp, event.last_timestamp), (Some(start), Some(now)));
            // The time of its first in nanoseconds, and its number.
            assert_eq!(event.key(), ObjectKey::new(Kind::Event, "default", "web.38d7ea4c68001"));
            assert_eq!((event.source.host.as_str(), event.source.reporting_instance.as_str()), ("node-1", "node-1"));
        }
    }

    #[test]
    fn the_tenth_of_a_kind_stands_for_those_that_follow() {
        let start = Time::from_unix(1_000_000);
        let mut server = ApiServer::new(ApiServerOptions::default());
        server.bootstrap(&RequestInfo::new(start, "test")).expect("a new server");
        let mut recorder = EventRecorder::default();
        let meta = ObjectMeta { name: "web".into(), namespace: "default".into(), ..ObjectMeta::default() };
        let about = ObjectRef::new(Kind::ReplicaSet, &meta);
        for n in 1..=12 {
            let name = Str::from(format!("web-{n}"));
            let pieces = [crate::Piece::Text("Created pod: "), crate::Piece::Arg(&name)];
            let text = EventText::normal_pieces("SuccessfulCreate", &pieces);
            recorder.event(&mut server, Clock::starting_at(start), "replicaset-controller", &about, &text);
        }
        let events = server.store().list_as::<Event>(None);
        let said: Vec<_> = events.iter().map(|event| (event.message.as_str(), event.count)).collect();
        assert_eq!((said.len(), said[0]), (10, ("Created pod: web-1", 1)));
        assert_eq!(said[9], ("(combined from similar events): Created pod: web-12", 3));
        let reporters = [8, 9].map(|at| events[at].source.reporting_component.as_str());
        assert_eq!(reporters, ["replicaset-controller", ""]);
    }
}
