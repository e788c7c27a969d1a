//! The versions in which a kind can be asked for: the stored one, and other spellings of the same object.

mod autoscaling_v1;
#[cfg(test)]
mod tests;

use seatrial_api::{ApiError, Kind};
use serde_json::Value;

use crate::decode::Body;
use crate::events::{EVENTS_API_VERSION, event_from_events_v1, event_to_events_v1};

/// A version of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum View {
    /// The version the object is stored in.
    Stored,
    /// `autoscaling/v1` of HorizontalPodAutoscalers, which are stored as v2.
    AutoscalingV1,
    /// `events.k8s.io/v1` of Events, which are stored as core/v1.
    EventsV1,
}

impl View {
    /// The kind and version behind a group, version and plural.
    pub(crate) fn find(group: &str, version: &str, plural: &str) -> Option<(Kind, Self)> {
        if (group, version, plural) == ("autoscaling", "v1", "horizontalpodautoscalers") {
            return Some((Kind::HorizontalPodAutoscaler, Self::AutoscalingV1));
        }
        if (group, version, plural) == ("events.k8s.io", "v1", "events") {
            return Some((Kind::Event, Self::EventsV1));
        }
        let kind = Kind::ALL.iter().copied().find(|k| {
            let info = k.info();
            info.plural == plural && info.group == group && info.version == version
        })?;
        Some((kind, Self::Stored))
    }

    /// `apps/v1`
    pub(crate) fn api_version(self, kind: Kind) -> String {
        match self {
            Self::Stored => kind.api_version(),
            Self::AutoscalingV1 => "autoscaling/v1".to_owned(),
            Self::EventsV1 => EVENTS_API_VERSION.to_owned(),
        }
    }

    /// An object of the stored version, as this one shows it.
    pub(crate) fn show(self, object: Value) -> Value {
        match self {
            Self::Stored => object,
            Self::AutoscalingV1 => autoscaling_v1::show(object),
            Self::EventsV1 => event_to_events_v1(&object),
        }
    }

    /// The fields that only the stored version has, as pointers.
    fn foreign_fields(self) -> &'static [&'static str] {
        match self {
            Self::Stored => &[],
            Self::AutoscalingV1 => &["/spec/metrics", "/spec/behavior", "/status/currentMetrics", "/status/conditions"],
            Self::EventsV1 => &[
                "/involvedObject",
                "/message",
                "/source",
                "/firstTimestamp",
                "/lastTimestamp",
                "/count",
                "/reportingComponent",
            ],
        }
    }

    /// An object as it was sent in this version, in the stored one.
    ///
    /// # Errors
    /// 400 for an object that says it is of the stored version.
    pub(crate) fn take(self, kind: Kind, mut body: Body) -> Result<Body, ApiError> {
        if self == Self::Stored {
            return Ok(body);
        }
        let text = |key: &str| body.value.get(key).and_then(Value::as_str).unwrap_or_default();
        let expected = self.api_version(kind);
        if text("apiVersion") == kind.api_version() && ["", kind.info().kind].contains(&text("kind")) {
            let sent = kind.api_version();
            return Err(ApiError::bad_request(format!(
                "the API version in the data ({sent}) does not match the expected API version ({expected})"
            )));
        }
        for pointer in self.foreign_fields() {
            if remove(&mut body.value, pointer) {
                body.duplicates.push(format!("unknown field {:?}", pointer[1..].replace('/', ".")));
            }
        }
        body.value = match self {
            Self::Stored => body.value,
            Self::AutoscalingV1 => autoscaling_v1::take(body.value),
            Self::EventsV1 => event_from_events_v1(&body.value),
        };
        body.document = None;
        Ok(body)
    }
}

/// An object of a version that is served and not stored, in the stored one; `None` for any other object.
pub fn to_stored_version(object: &Value) -> Option<Value> {
    let text = |key: &str| object.get(key).and_then(Value::as_str).unwrap_or_default();
    let views = [(Kind::HorizontalPodAutoscaler, View::AutoscalingV1), (Kind::Event, View::EventsV1)];
    let is_of =
        |(kind, view): &(Kind, View)| text("kind") == kind.info().kind && text("apiVersion") == view.api_version(*kind);
    let (kind, view) = views.into_iter().find(is_of)?;
    view.take(kind, Body::from(object.clone())).ok().map(|body| body.value)
}

/// Removes what a pointer of keys leads to; whether there was anything.
fn remove(value: &mut Value, pointer: &str) -> bool {
    let (parent, key) = pointer.rsplit_once('/').unwrap_or_default();
    value.pointer_mut(parent).and_then(Value::as_object_mut).is_some_and(|map| map.remove(key).is_some())
}
