//! The event recorder: what a component says about an object becomes an Event, is counted, or is dropped.
//!
//! Mirrors client-go tools/record (v1.36).

use std::sync::Arc;

use seatrial_api::{Event, EventSource, Kind, ObjectMeta, ObjectReference, Resource, Str};
use seatrial_apiserver::{ApiServer, RequestInfo};

use crate::clock::Clock;
use crate::event_correlator::{EventCorrelator, EventKey, Outcome, aggregate_message, source_id};

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
    sources: Vec<Arc<EventSource>>,
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
        let key = EventKey {
            source: source_id(component, about.host),
            object: about.meta.uid.as_u64().wrapping_add((about.kind as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)),
            field_path: about.field_path,
            event_type: text.type_,
            reason: text.reason,
            reporting: source_id(component, about.host),
        };
        self.count += 1;
        // The stamp names the event: the time in nanoseconds, and a little more so that no two are alike.
        let stamp = clock.unix_nanos().wrapping_add(self.count).cast_unsigned();
        let request = RequestInfo::new(clock.time(), component);
        match self.correlator.correlate(&key, text.message, stamp, clock.now()) {
            Outcome::Drop => {}
            Outcome::Create { aggregated } => {
                let event = self.new_event(clock, component, about, text, (stamp, aggregated));
                // A namespace on its way out takes no events; nobody retries for that.
                let _ = server.create(&request, event);
            }
            Outcome::Patch { event: stamp, count, aggregated, .. } => {
                let (namespace, name) = (event_namespace(about), event_name(about, stamp));
                let count = i32::try_from(count).unwrap_or(i32::MAX);
                let Ok(old) = server.get::<Event>(&namespace, &name) else {
                    // The event has expired in between: it is made anew, with its count.
                    let event = self.new_event(clock, component, about, text, (stamp, aggregated));
                    let _ = server.create(&request, Event { count, ..event });
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

    fn new_event(
        &mut self,
        clock: Clock,
        component: &'static str,
        about: &ObjectRef<'_>,
        text: &EventText<'_>,
        (stamp, aggregated): (u64, bool),
    ) -> Event {
        let now = clock.time();
        let meta = about.meta;
        Event {
            meta: ObjectMeta {
                name: event_name(about, stamp),
                namespace: event_namespace(about),
                ..ObjectMeta::default()
            },
            involved_object: Arc::new(ObjectReference {
                kind: about.kind.info().kind.into(),
                api_version: about.kind.api_version().into(),
                namespace: meta.namespace.clone(),
                name: meta.name.clone(),
                uid: meta.uid.clone(),
                resource_version: meta.resource_version,
                field_path: about.field_path.into(),
            }),
            source: self.source(component, about.host, if aggregated { "" } else { component }),
            reason: text.reason.into(),
            type_: Str::new_static(text.type_),
            message: message_of(text, aggregated),
            count: 1,
            first_timestamp: Some(now),
            last_timestamp: Some(now),
            event_time: None,
            action: Str::default(),
            other: None,
        }
    }

    /// The source of a component's events, one for all of them.
    fn source(&mut self, component: &str, host: &str, reporting: &str) -> Arc<EventSource> {
        let found = self
            .sources
            .iter()
            .find(|s| s.component == component && s.host == host && s.reporting_component == reporting);
        if let Some(source) = found {
            return Arc::clone(source);
        }
        let source = Arc::new(EventSource {
            component: component.into(),
            host: host.into(),
            reporting_component: reporting.into(),
            reporting_instance: if reporting.is_empty() { Str::default() } else { host.into() },
        });
        self.sources.push(Arc::clone(&source));
        source
    }
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
