//! Events in their two spellings: core/v1, in which they are stored, and events.k8s.io/v1.
//!
//! Mirrors pkg/apis/events/v1/conversion.go (v1.36).

use serde_json::{Map, Value};

/// `apiVersion` of the newer spelling.
pub const EVENTS_API_VERSION: &str = "events.k8s.io/v1";

/// Fields that are named otherwise: in core/v1 and in events.k8s.io/v1.
const RENAMED: [(&str, &str); 7] = [
    ("message", "note"),
    ("involvedObject", "regarding"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
    ("reportingComponent", "reportingController"),
];
/// Fields that core/v1 prints although they are empty, and events.k8s.io/v1 does not.
const OMITTED_WHEN_EMPTY: [&str; 2] = ["reportingController", "reportingInstance"];

/// A stored Event as events.k8s.io/v1 shows it.
pub fn event_to_events_v1(event: &Value) -> Value {
    let Value::Object(fields) = event else { return event.clone() };
    let mut out = renamed(fields, |name| RENAMED.iter().find(|(core, _)| *core == name).map(|(_, new)| *new));
    for name in OMITTED_WHEN_EMPTY {
        if out.get(name).and_then(Value::as_str) == Some("") {
            out.remove(name);
        }
    }
    out.insert("apiVersion".to_owned(), EVENTS_API_VERSION.into());
    Value::Object(out)
}

/// An Event as it was sent through events.k8s.io/v1, in the spelling of core/v1.
pub fn event_from_events_v1(event: &Value) -> Value {
    let Value::Object(fields) = event else { return event.clone() };
    let mut out = renamed(fields, |name| RENAMED.iter().find(|(_, new)| *new == name).map(|(core, _)| *core));
    if out.get("apiVersion").and_then(Value::as_str) == Some(EVENTS_API_VERSION) {
        out.insert("apiVersion".to_owned(), "v1".into());
    }
    Value::Object(out)
}

fn renamed(fields: &Map<String, Value>, new_name: impl Fn(&str) -> Option<&'static str>) -> Map<String, Value> {
    fields.iter().map(|(name, value)| (new_name(name).unwrap_or(name).to_owned(), value.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_event_reads_the_same_in_both_spellings() {
        let core = json!({
            "apiVersion": "v1", "kind": "Event", "metadata": {"name": "e"}, "involvedObject": {"kind": "Pod"}, "reason": "R",
            "message": "m", "source": {"component": "c"}, "firstTimestamp": null, "lastTimestamp": null, "count": 2,
            "type": "Normal", "eventTime": null, "reportingComponent": "", "reportingInstance": ""
        });
        let new = json!({
            "apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": "e"}, "regarding": {"kind": "Pod"}, "reason": "R",
            "note": "m", "deprecatedSource": {"component": "c"}, "deprecatedFirstTimestamp": null, "deprecatedLastTimestamp": null,
            "deprecatedCount": 2, "type": "Normal", "eventTime": null
        });
        assert_eq!(event_to_events_v1(&core), new);
        let mut back = event_from_events_v1(&new);
        back["reportingComponent"] = "".into();
        back["reportingInstance"] = "".into();
        assert_eq!(back, core);
    }
}
