//! Events, rendered only when somebody reads them.

use std::borrow::Cow;
use std::sync::Arc;

use k8s_openapi::api::core::v1 as corev1;

use crate::{ApiError, MicroTime, ObjectMeta, Str, Time, Uid};

/// An Event. Mirrors `v1.Event`.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
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

impl Event {
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
        Ok(Self {
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
        })
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
