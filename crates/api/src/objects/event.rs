//! Events, rendered only when somebody reads them.
//!
//! There are several for every pod, and nearly all are never read: those that components record are kept as what tells
//! them from their like, and become the object that users know when somebody looks.

use std::borrow::Cow;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, OnceLock};

use k8s_openapi::api::core::v1 as corev1;

use super::event_numbers::EventNumbers;
use crate::{ApiError, MicroTime, ObjectMeta, Str, Time, Uid};

/// An Event. Mirrors `v1.Event`; its fields are those of [`EventBody`].
#[derive(Clone)]
pub struct Event {
    /// What the body is rendered from; `None` once somebody changed the body, and where there is nothing but the body.
    brief: Option<BriefEvent>,
    body: OnceLock<Box<EventBody>>,
}

/// An event as a component records it: what it shares with its like, and the rest.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BriefEvent {
    /// What it shares with others.
    pub template: Arc<EventTemplate>,
    /// The name of the object it is about.
    pub about: Str,
    /// The uid of that object.
    pub about_uid: Uid,
    /// What stands in the text where the template's `arg_at` says, or the host where `host_is_arg` says so.
    pub arg: Str,
    /// When and as which it was recorded.
    pub numbers: EventNumbers,
}

/// An event as a component tells it to the API server.
#[derive(Clone, Debug)]
pub struct NewEvent<'a> {
    /// See [`BriefEvent::template`].
    pub template: Arc<EventTemplate>,
    /// The object it is about.
    pub about: &'a ObjectMeta,
    /// See [`BriefEvent::arg`].
    pub arg: Str,
    /// See [`EventNumbers::stamp`].
    pub stamp: u64,
}

impl NewEvent<'_> {
    /// The numbers that the API server gives the event; `None` where they are too far from each other.
    #[inline]
    pub fn numbers(&self, number: u64, resource_version: u64, time: Time) -> Option<EventNumbers> {
        EventNumbers::new((self.stamp, time), number, (resource_version, self.about.resource_version))
    }

    /// The event as it is kept.
    #[inline]
    pub fn into_brief(self, numbers: EventNumbers) -> BriefEvent {
        let ObjectMeta { name, uid, .. } = self.about;
        BriefEvent { template: self.template, about: name.clone(), about_uid: uid.clone(), arg: self.arg, numbers }
    }

    /// The event in full, as it is sent by whoever has to name it himself.
    pub fn into_body(self, time: Time) -> EventBody {
        let (version, stamp) = (self.about.resource_version, self.stamp);
        let mut body = self.into_brief(EventNumbers::default()).render();
        let (name, namespace) = (format!("{}.{stamp:x}", body.involved_object.name).into(), body.meta.namespace);
        body.meta = ObjectMeta { name, namespace, ..ObjectMeta::default() };
        (body.first_timestamp, body.last_timestamp) = (Some(time), Some(time));
        Arc::make_mut(&mut body.involved_object).resource_version = version;
        body
    }
}

/// What events of one component about one kind of object have in common.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EventTemplate {
    /// The kind of the objects.
    pub kind: Str,
    /// `group/version` of the objects.
    pub api_version: Str,
    /// The namespace of the objects, or empty.
    pub about_namespace: Str,
    /// The namespace of the events.
    pub namespace: Str,
    /// The part of the object, as in `spec.containers{web}`, or empty.
    pub field_path: Str,
    /// Who says it.
    pub source: Arc<EventSource>,
    /// A CamelCase word.
    pub reason: Str,
    /// Whether it is a warning.
    pub type_: Str,
    /// The text, without the object's name and the argument.
    pub message: Str,
    /// Where the object's name stands in the text.
    pub name_at: Option<u16>,
    /// Where the argument stands in the text; never where the name stands.
    pub arg_at: Option<u16>,
    /// Whether the argument is the host of the source, so that the events of all hosts share a template.
    pub host_is_arg: bool,
    /// What the events' own uids are made from, beside their numbers: see [`Uid::from_counter`].
    pub uid_seed: u64,
}

/// An event in full.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EventBody {
    /// The metadata.
    pub meta: ObjectMeta,
    /// What the event is about, shared by the object's events of one moment.
    pub involved_object: Arc<ObjectReference>,
    /// Who says it, shared by all of a component's events.
    pub source: Arc<EventSource>,
    /// A CamelCase word.
    pub reason: Str,
    /// Whether it is a warning.
    pub type_: Str,
    /// The text.
    pub message: Str,
    /// How often it happened; 0 for events of the newer API, which count in their series.
    pub count: i32,
    /// The first time.
    pub first_timestamp: Option<Time>,
    /// The latest time.
    pub last_timestamp: Option<Time>,
    /// The time of an event of the newer API.
    pub event_time: Option<MicroTime>,
    /// What was done (newer API), or empty.
    pub action: Str,
    /// The rest (series, related object), kept as it was written.
    pub other: Option<Arc<corev1::Event>>,
}

/// What an event speaks of. Mirrors `v1.ObjectReference`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ObjectReference {
    /// The object's kind.
    pub kind: Str,
    /// `group/version`.
    pub api_version: Str,
    /// The object's namespace, or empty.
    pub namespace: Str,
    /// The object's name.
    pub name: Str,
    /// The object's uid.
    pub uid: Uid,
    /// The object's version when the event was made, or 0.
    pub resource_version: u64,
    /// The part of the object, as in `spec.containers{web}`, or empty.
    pub field_path: Str,
}

/// The component that reports. Mirrors `v1.EventSource` and the reporting fields.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EventSource {
    /// `source.component`.
    pub component: Str,
    /// `source.host`, or empty.
    pub host: Str,
    /// `reportingComponent`.
    pub reporting_component: Str,
    /// `reportingInstance`, or empty.
    pub reporting_instance: Str,
}

/// The length of objects' names up to which the name of an event is put together without an allocation.
const NAME_LENGTH_USUAL: usize = 63;
/// A dot and sixteen digits.
const SUFFIX_LENGTH_MAX: usize = 17;

/// The sixteen hexadecimal digits of a number, eight in each word, the first in the low end.
#[inline]
pub(crate) fn hexadecimal(number: u64) -> [u64; 2] {
    // Each half is spread to one digit a byte, all eight at once.
    let spread = |half: u64| {
        let half = (half | half << 16) & 0x0000_ffff_0000_ffff;
        let half = (half | half << 8) & 0x00ff_00ff_00ff_00ff;
        let half = (half | half << 4) & 0x0f0f_0f0f_0f0f_0f0f;
        let letters = (half + 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101;
        half + 0x3030_3030_3030_3030 + letters * u64::from(b'a' - b'0' - 10)
    };
    [spread(number >> 32).swap_bytes(), spread(number & 0xffff_ffff).swap_bytes()]
}

impl BriefEvent {
    /// Calls with the event's name, which is written nowhere.
    #[inline]
    pub fn with_name<T>(&self, call: impl FnOnce(&str) -> T) -> T {
        self.with_name_parts(|about, suffix| {
            if about.len() > NAME_LENGTH_USUAL {
                return call(&format!("{}.{:x}", self.about, self.numbers.stamp()));
            }
            let mut buffer = [0u8; NAME_LENGTH_USUAL + SUFFIX_LENGTH_MAX];
            let length = about.len() + suffix.len();
            buffer[..about.len()].copy_from_slice(about);
            buffer[about.len()..length].copy_from_slice(suffix);
            call(std::str::from_utf8(&buffer[..length]).unwrap_or_default())
        })
    }

    /// Calls with the two parts of the event's name: the name of what it is about, and the dot and the stamp.
    #[inline]
    pub fn with_name_parts<T>(&self, call: impl FnOnce(&[u8], &[u8]) -> T) -> T {
        // The dot lies before the digits, so that each word of them is moved by a byte.
        let stamp = self.numbers.stamp();
        let [first, second] = hexadecimal(stamp);
        let start = (u64::from(b'.') | first << 8).to_le_bytes();
        let words = [start, (first >> 56 | second << 8).to_le_bytes(), (second >> 56).to_le_bytes()];
        let suffix = &words.as_flattened()[..SUFFIX_LENGTH_MAX];
        // All sixteen digits are written; leading zeros, which no real stamp has, are left out.
        let zeros = (stamp.leading_zeros() as usize / 4).min(15);
        if zeros > 0 {
            return call(self.about.as_bytes(), &[&suffix[..1], &suffix[1 + zeros..]].concat());
        }
        call(self.about.as_bytes(), suffix)
    }

    /// The text for people.
    fn message(&self) -> Str {
        let template = &*self.template;
        let place = |at: Option<u16>| at.map(usize::from);
        let (name, arg) = (place(template.name_at), place(template.arg_at));
        let mut parts = [(name, &self.about), (arg, &self.arg)];
        if arg < name {
            parts.swap(0, 1);
        }
        let mut text = String::new();
        let mut from = 0;
        for (at, part) in parts.into_iter().filter_map(|(at, part)| Some((at?, part))) {
            text.push_str(template.message.get(from..at).unwrap_or_default());
            text.push_str(part);
            from = at;
        }
        if from == 0 && text.is_empty() {
            return template.message.clone();
        }
        text.push_str(template.message.get(from..).unwrap_or_default());
        text.into()
    }

    fn source(&self) -> Arc<EventSource> {
        let source = &self.template.source;
        if !self.template.host_is_arg {
            return Arc::clone(source);
        }
        let mut source = EventSource::clone(source);
        source.host.clone_from(&self.arg);
        if !source.reporting_component.is_empty() {
            source.reporting_instance.clone_from(&self.arg);
        }
        Arc::new(source)
    }

    fn render(&self) -> EventBody {
        let (template, time) = (&*self.template, Some(self.numbers.time()));
        EventBody {
            meta: ObjectMeta {
                name: self.with_name(|name| Str::from(name)),
                namespace: template.namespace.clone(),
                uid: Uid::from_counter(template.uid_seed, self.numbers.number()),
                resource_version: self.numbers.resource_version(),
                creation_timestamp: time,
                ..ObjectMeta::default()
            },
            involved_object: Arc::new(ObjectReference {
                kind: template.kind.clone(),
                api_version: template.api_version.clone(),
                namespace: template.about_namespace.clone(),
                name: self.about.clone(),
                uid: self.about_uid.clone(),
                resource_version: self.numbers.about_version(),
                field_path: template.field_path.clone(),
            }),
            source: self.source(),
            reason: template.reason.clone(),
            type_: template.type_.clone(),
            message: self.message(),
            count: 1,
            first_timestamp: time,
            last_timestamp: time,
            event_time: None,
            action: Str::default(),
            other: None,
        }
    }
}

impl From<EventBody> for Event {
    fn from(body: EventBody) -> Self {
        Self { brief: None, body: OnceLock::from(Box::new(body)) }
    }
}

impl From<BriefEvent> for Event {
    #[inline]
    fn from(brief: BriefEvent) -> Self {
        Self { brief: Some(brief), body: OnceLock::new() }
    }
}

impl Deref for Event {
    type Target = EventBody;
    #[inline]
    fn deref(&self) -> &EventBody {
        self.body.get_or_init(|| Box::new(self.brief.as_ref().map(BriefEvent::render).unwrap_or_default()))
    }
}

impl DerefMut for Event {
    fn deref_mut(&mut self) -> &mut EventBody {
        let _: &EventBody = Event::deref(self);
        self.brief = None;
        self.body.get_mut().expect("looking at the body has rendered it")
    }
}

impl PartialEq for Event {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl Event {
    /// What the event is rendered from, where nobody has changed it since.
    #[inline]
    pub fn brief(&self) -> Option<&BriefEvent> {
        self.brief.as_ref()
    }

    /// The same event with another version, where it is not rendered for that.
    pub(crate) fn with_version(&self, version: u64) -> Option<Self> {
        let brief = self.brief.as_ref()?;
        let numbers = brief.numbers.with_version(version)?;
        Some(BriefEvent { numbers, ..brief.clone() }.into())
    }

    /// Calls with the event's namespace and name, without rendering the rest.
    #[inline]
    pub fn with_place<T>(&self, call: impl FnOnce(&str, &str) -> T) -> T {
        match &self.brief {
            Some(brief) => brief.with_name(|name| call(&brief.template.namespace, name)),
            None => call(&self.meta.namespace, &self.meta.name),
        }
    }

    /// The text for people.
    pub fn message(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.message.as_str())
    }

    /// Reads an event as k8s-openapi holds it.
    ///
    /// # Errors
    /// See [`ObjectMeta::from_api`].
    pub fn from_api(e: corev1::Event) -> Result<Self, ApiError> {
        let source = e.source.unwrap_or_default();
        let rest = corev1::Event { related: e.related, series: e.series, ..Default::default() };
        let body = EventBody {
            meta: ObjectMeta::from_api(e.metadata)?,
            involved_object: Arc::new(ObjectReference::from_api(e.involved_object)),
            source: Arc::new(EventSource {
                component: source.component.unwrap_or_default().into(),
                host: source.host.unwrap_or_default().into(),
                reporting_component: e.reporting_component.unwrap_or_default().into(),
                reporting_instance: e.reporting_instance.unwrap_or_default().into(),
            }),
            reason: e.reason.unwrap_or_default().into(),
            type_: e.type_.unwrap_or_default().into(),
            message: e.message.unwrap_or_default().into(),
            count: e.count.unwrap_or(0),
            first_timestamp: e.first_timestamp.as_ref().map(Into::into),
            last_timestamp: e.last_timestamp.as_ref().map(Into::into),
            event_time: e.event_time.as_ref().map(Into::into),
            action: e.action.unwrap_or_default().into(),
            other: (rest != corev1::Event::default()).then(|| Arc::new(rest)),
        };
        Ok(body.into())
    }

    /// The event as k8s-openapi holds it.
    pub fn to_api(&self) -> corev1::Event {
        let text = |s: &Str| (!s.is_empty()).then(|| s.to_string());
        let rest = self.other.as_deref().cloned().unwrap_or_default();
        corev1::Event {
            action: text(&self.action),
            count: (self.count != 0).then_some(self.count),
            event_time: self.event_time.map(Into::into),
            first_timestamp: self.first_timestamp.map(Into::into),
            involved_object: self.involved_object.to_api(),
            last_timestamp: self.last_timestamp.map(Into::into),
            message: text(&self.message),
            metadata: self.meta.to_api(),
            reason: text(&self.reason),
            related: rest.related,
            reporting_component: Some(self.source.reporting_component.to_string()),
            reporting_instance: Some(self.source.reporting_instance.to_string()),
            series: rest.series,
            source: Some(corev1::EventSource {
                component: text(&self.source.component),
                host: text(&self.source.host),
            }),
            type_: text(&self.type_),
        }
    }
}

impl ObjectReference {
    fn from_api(r: corev1::ObjectReference) -> Self {
        Self {
            kind: r.kind.unwrap_or_default().into(),
            api_version: r.api_version.unwrap_or_default().into(),
            namespace: r.namespace.unwrap_or_default().into(),
            name: r.name.unwrap_or_default().into(),
            uid: r.uid.as_deref().map_or_else(Uid::default, Uid::parse),
            resource_version: r.resource_version.and_then(|v| v.parse().ok()).unwrap_or(0),
            field_path: r.field_path.unwrap_or_default().into(),
        }
    }

    fn to_api(&self) -> corev1::ObjectReference {
        let text = |s: &Str| (!s.is_empty()).then(|| s.to_string());
        corev1::ObjectReference {
            api_version: text(&self.api_version),
            field_path: text(&self.field_path),
            kind: text(&self.kind),
            name: text(&self.name),
            namespace: text(&self.namespace),
            resource_version: (self.resource_version != 0).then(|| self.resource_version.to_string()),
            uid: (!self.uid.is_nil()).then(|| self.uid.to_string()),
        }
    }
}

#[cfg(test)]
#[path = "event_tests.rs"]
mod tests;
