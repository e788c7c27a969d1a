//! The timeline: changes as lines that a person follows.

use std::time::Duration;

use seatrial_api::{Object, Pod, Resource};
use seatrial_apiserver::{Change, ChangeType};
use serde_json::{Value, json};

use crate::cluster::Actor;

/// One change of an object, with who made it.
#[derive(Clone, Debug)]
pub struct JournalEntry {
    /// When, since the start.
    pub at: Duration,
    /// Who.
    pub actor: Actor,
    /// What.
    pub change: Change,
}

impl JournalEntry {
    /// The change as a line of `watch.jsonl`.
    pub fn to_json(&self) -> Value {
        json!({
            "time": self.at.as_secs_f64(),
            "type": super::change_word(self.change.type_),
            "object": self.change.object.to_json(),
        })
    }
}

/// What a line of the timeline is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineKind {
    /// A step begins.
    Step,
    /// Something happened.
    Happened,
    /// A warning event, or the API server's warning.
    Warning,
    /// A call was refused.
    Refused,
    /// An expectation failed.
    Failure,
    /// What a `print` step shows: text of several lines.
    Print,
}

/// A line of the timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When, since the start.
    pub at: Duration,
    /// What kind of line it is.
    pub kind: LineKind,
    /// Who, or empty.
    pub actor: String,
    /// Which object, or empty.
    pub object: String,
    /// What.
    pub text: String,
}

/// The line of a change, where it is worth one.
pub(super) fn line_of(entry: &JournalEntry) -> Option<Line> {
    let line = |kind: LineKind, actor: &str, object: String, text: String| {
        Some(Line { at: entry.at, kind, actor: actor.to_owned(), object, text })
    };
    let key = || entry.change.object.key().to_string();
    match (&entry.change.object, entry.change.type_) {
        (Object::Event(event), ChangeType::Added | ChangeType::Modified) => {
            let about = &event.involved_object;
            let object = format!("{}/{}", about.kind.to_lowercase(), about.name);
            let source = if event.source.component.is_empty() {
                &event.source.reporting_component
            } else {
                &event.source.component
            };
            let kind = if event.type_ == "Warning" { LineKind::Warning } else { LineKind::Happened };
            let times = if event.count > 1 { format!(" (x{})", event.count) } else { String::new() };
            line(kind, source, object, format!("{}: {}{times}", event.reason, event.message()))
        }
        (Object::Event(_) | Object::Lease(_) | Object::Node(_), _) => None,
        (Object::Pod(pod), ChangeType::Modified) => {
            let text = pod_change(entry.change.old.as_ref().and_then(Pod::unwrap), pod)?;
            line(LineKind::Happened, entry.actor.name(), key(), text)
        }
        (Object::Deployment(_), ChangeType::Modified) => {
            let text = deployment_change(&entry.change)?;
            line(LineKind::Happened, entry.actor.name(), key(), text)
        }
        (Object::Pod(_) | Object::ReplicaSet(_), ChangeType::Added) => None,
        (_, ChangeType::Added) => line(LineKind::Happened, entry.actor.name(), key(), "created".to_owned()),
        (_, ChangeType::Deleted) => line(LineKind::Happened, entry.actor.name(), key(), "deleted".to_owned()),
        (_, ChangeType::Modified) => None,
    }
}

/// What a person notices of a pod: its phase, its readiness, restarts, and that it is going.
fn pod_change(old: Option<&std::sync::Arc<Pod>>, new: &Pod) -> Option<String> {
    let old = old?;
    let mut words = Vec::new();
    if old.status.phase != new.status.phase {
        words.push(format!("phase {} -> {}", old.status.phase.as_str(), new.status.phase.as_str()));
    }
    match (old.is_ready(), new.is_ready()) {
        (false, true) => words.push("ready".to_owned()),
        (true, false) => words.push("not ready".to_owned()),
        _ => {}
    }
    if !old.meta.is_deleting() && new.meta.is_deleting() {
        words.push("terminating".to_owned());
    }
    (!words.is_empty()).then(|| words.join(", "))
}

/// A Deployment's conditions that changed their status or reason.
fn deployment_change(change: &Change) -> Option<String> {
    let (Object::Deployment(new), Some(Object::Deployment(old))) = (&change.object, &change.old) else { return None };
    let changed =
        new.status.conditions.iter().filter(|c| {
            old.status.conditions.get(&c.type_).is_none_or(|o| o.status != c.status || o.reason != c.reason)
        });
    let words: Vec<String> = changed.map(|c| format!("{}={} ({})", c.type_, c.status.as_str(), c.reason)).collect();
    (!words.is_empty()).then(|| words.join(", "))
}
