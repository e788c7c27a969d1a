//! The event recorder: what a component says about an object becomes an Event, is counted, or is dropped.
//!
//! Mirrors client-go tools/record (v1.36).

use std::hash::Hasher;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use seatrial_api::{BriefEvent, Event, EventSource, EventTemplate, Kind, ObjectMeta, Resource, Str, Uid};
use seatrial_apiserver::{ApiServer, RequestInfo};

use seatrial_engine::StableHasher;

use crate::clock::Clock;
use crate::event_correlator::{EventCorrelator, EventKey, Outcome, aggregate_message, object_id, source_id};

/// Texts of this length need no allocation, so there is nothing to share.
const INLINE_LENGTH_MAX: usize = 23;
/// How many texts and templates are kept to be shared.
const SHARED_COUNT_MAX: usize = 1 << 17;

/// What an event is about.
#[derive(Clone, Copy, Debug)]
pub struct ObjectRef<'a> {
    /// The kind.
    pub kind: Kind,
    /// The object's metadata.
    pub meta: &'a ObjectMeta,
    /// A part of the object, as in `spec.containers{web}`, or empty.
    pub field_path: &'a str,
    /// The node the component runs on, or empty.
    pub host: &'a str,
}

impl<'a> ObjectRef<'a> {
    /// The whole of an object.
    pub fn of<R: Resource>(object: &'a R) -> Self {
        Self { kind: R::KIND, meta: object.meta(), field_path: "", host: "" }
    }
}

/// What an event says.
#[derive(Clone, Copy, Debug)]
pub struct EventText<'a> {
    /// `Normal` or `Warning`.
    pub type_: &'static str,
    /// A CamelCase word.
    pub reason: &'a str,
    /// The text.
    pub message: &'a str,
}

impl<'a> EventText<'a> {
    /// Something went as it should.
    pub fn normal(reason: &'a str, message: &'a str) -> Self {
        Self { type_: "Normal", reason, message }
    }

    /// Something went wrong.
    pub fn warning(reason: &'a str, message: &'a str) -> Self {
        Self { type_: "Warning", reason, message }
    }
}

/// The recorders of all components.
#[derive(Debug, Default)]
pub struct EventRecorder {
    correlator: EventCorrelator,
    /// The sources by component, host and reporter.
    sources: FxHashMap<(u64, bool), Arc<EventSource>>,
    /// What events have in common, by a hash of it.
    templates: FxHashMap<(u64, Kind, bool), Arc<EventTemplate>>,
    /// Texts without the object's name, by a hash of what is before and after it.
    messages: FxHashMap<u64, Str>,
    /// Makes the names of events of one nanosecond differ.
    count: i64,
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
        let source = source_id(component, about.host);
        let key = EventKey {
            source,
            object: identity(about),
            field_path: about.field_path,
            event_type: text.type_,
            reason: text.reason,
            reporting: source,
        };
        self.count += 1;
        // The stamp names the event: the time in nanoseconds, and a little more so that no two are alike.
        let stamp = clock.unix_nanos().wrapping_add(self.count).cast_unsigned();
        let request = RequestInfo::new(clock.time(), component);
        match self.correlator.correlate(&key, text.message, stamp, clock.now()) {
            Outcome::Drop => {}
            Outcome::Create { aggregated } => {
                let event = self.brief_event(clock, component, about, text, (stamp, aggregated));
                // A namespace on its way out takes no events; nobody retries for that.
                let _ = server.create_event(&request, event);
            }
            Outcome::Patch { event: stamp, count, aggregated, .. } => {
                let (namespace, name) = (event_namespace(about), event_name(about, stamp));
                let count = i32::try_from(count).unwrap_or(i32::MAX);
                let Ok(old) = server.get::<Event>(&namespace, &name) else {
                    // The event has expired in between: it is made anew, with its count.
                    let event = self.brief_event(clock, component, about, text, (stamp, aggregated));
                    let mut event = Event::from(event);
                    event.count = count;
                    let _ = server.create(&request, event);
                    return;
                };
                let mut event = Event::clone(old);
                event.count = count;
                event.message = message_of(text, aggregated);
                event.last_timestamp = Some(clock.time());
                let _ = server.update(&request, event);
            }
        }
    }

    fn brief_event(
        &mut self,
        clock: Clock,
        component: &'static str,
        about: &ObjectRef<'_>,
        text: &EventText<'_>,
        (stamp, aggregated): (u64, bool),
    ) -> BriefEvent {
        let (message, name_at) = if aggregated {
            (aggregate_message(text.message).into(), None)
        } else {
            self.shared_message(text.message, &about.meta.name)
        };
        BriefEvent {
            template: self.template(component, about, text, aggregated),
            about: about.meta.name.clone(),
            about_uid: about.meta.uid.clone(),
            about_version: about.meta.resource_version,
            message,
            name_at,
            stamp,
            uid: Uid::default(),
            resource_version: 0,
            time: clock.time(),
        }
    }

    /// The text without the object's name, so that the texts of many objects are one.
    fn shared_message(&mut self, text: &str, name: &str) -> (Str, Option<u16>) {
        if text.len() <= INLINE_LENGTH_MAX {
            return (text.into(), None);
        }
        let at = find(text, name);
        let place = at.and_then(|at| Some((at, u16::try_from(at).ok()?)));
        let (head, tail) = place.map_or((text, ""), |(at, _)| (&text[..at], &text[at + name.len()..]));
        let key = stable_hash(&[head, tail]);
        let known = self.messages.get(&key);
        let is_same = |known: &&Str| known.strip_prefix(head) == Some(tail);
        if let Some(known) = known.filter(is_same) {
            return (known.clone(), place.map(|(_, at)| at));
        }
        let message = Str::from(format!("{head}{tail}"));
        if self.messages.len() >= SHARED_COUNT_MAX {
            self.messages.clear();
        }
        self.messages.insert(key, message.clone());
        (message, place.map(|(_, at)| at))
    }

    /// What the event has in common with others.
    fn template(
        &mut self,
        component: &'static str,
        about: &ObjectRef<'_>,
        text: &EventText<'_>,
        aggregated: bool,
    ) -> Arc<EventTemplate> {
        let namespace = &about.meta.namespace;
        let parts = [component, about.host, namespace, about.field_path, text.reason, text.type_];
        let key = (stable_hash(&parts), about.kind, aggregated);
        let is_same = |t: &&Arc<EventTemplate>| {
            t.about_namespace == *namespace
                && t.field_path == about.field_path
                && t.reason == text.reason
                && t.type_ == text.type_
                && t.source.component == component
                && t.source.host == about.host
        };
        if let Some(template) = self.templates.get(&key).filter(is_same) {
            return Arc::clone(template);
        }
        let template = Arc::new(EventTemplate {
            kind: about.kind.info().kind.into(),
            api_version: about.kind.api_version().into(),
            about_namespace: namespace.clone(),
            namespace: event_namespace(about),
            field_path: about.field_path.into(),
            source: self.source(component, about.host, if aggregated { "" } else { component }),
            reason: text.reason.into(),
            type_: Str::new_static(text.type_),
        });
        if self.templates.len() >= SHARED_COUNT_MAX {
            self.templates.clear();
        }
        self.templates.insert(key, Arc::clone(&template));
        template
    }

    /// The source of a component's events, one for all of them.
    fn source(&mut self, component: &str, host: &str, reporting: &str) -> Arc<EventSource> {
        let key = (source_id(component, host), reporting.is_empty());
        if let Some(source) = self.sources.get(&key) {
            return Arc::clone(source);
        }
        let source = Arc::new(EventSource {
            component: component.into(),
            host: host.into(),
            reporting_component: reporting.into(),
            reporting_instance: if reporting.is_empty() { Str::default() } else { host.into() },
        });
        self.sources.insert(key, Arc::clone(&source));
        source
    }
}

/// Where a name stands in a text. The names are few bytes in a short text, so no table is made for the search.
fn find(text: &str, name: &str) -> Option<usize> {
    let first = *name.as_bytes().first()?;
    let mut places = text.bytes().enumerate().filter(|(_, byte)| *byte == first).map(|(at, _)| at);
    places.find(|at| text.as_bytes()[*at..].starts_with(name.as_bytes()))
}

fn stable_hash(texts: &[&str]) -> u64 {
    let mut hasher = StableHasher::new();
    for text in texts {
        hasher.write(text.as_bytes());
    }
    hasher.finish()
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

fn message_of(text: &EventText<'_>, aggregated: bool) -> Str {
    if aggregated { aggregate_message(text.message).into() } else { text.message.into() }
}

/// Events of cluster-scoped objects live in `default`.
fn event_namespace(about: &ObjectRef<'_>) -> Str {
    if about.meta.namespace.is_empty() { Str::new_static("default") } else { about.meta.namespace.clone() }
}
