//! The event recorder: what a component says about an object becomes an Event, is counted, or is dropped.
//!
//! Mirrors client-go tools/record (v1.36).

use seatrial_api::{BriefEvent, Event, Kind, ObjectMeta, Resource, Str, Uid};
use seatrial_apiserver::{ApiServer, RequestInfo};

use crate::clock::Clock;
use crate::event_correlator::{EventCorrelator, EventKey, Outcome, aggregate_message, object_id, source_id};
use crate::event_templates::{EventTemplates, event_namespace};
use crate::event_text::EventText;

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

/// The recorders of all components.
#[derive(Debug, Default)]
pub struct EventRecorder {
    correlator: EventCorrelator,
    templates: EventTemplates,
    /// The text of the event that is being recorded: room that is used again.
    text: String,
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
        self.text.clear();
        text.message.write(&about.meta.name, &mut self.text);
        self.count += 1;
        // The stamp names the event: the time in nanoseconds, and a little more so that no two are alike.
        let stamp = clock.unix_nanos().wrapping_add(self.count).cast_unsigned();
        let request = RequestInfo::new(clock.time(), component);
        match self.correlator.correlate(&key, &self.text, stamp, clock.now()) {
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
                event.message = message_of(&self.text, aggregated);
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
        let (template, arg) = match aggregated {
            true => self.templates.of_aggregate(component, about, text, &self.text),
            false => self.templates.of(component, about, text),
        };
        BriefEvent {
            template,
            about: about.meta.name.clone(),
            about_uid: about.meta.uid.clone(),
            about_version: about.meta.resource_version,
            arg,
            stamp,
            uid: Uid::default(),
            resource_version: 0,
            time: clock.time(),
        }
    }
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
