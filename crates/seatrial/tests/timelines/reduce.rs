//! Reduces a stream of changes to timelines of pods: the states that last, as a watcher sees them.

use std::collections::{BTreeMap, BTreeSet};

use fancy_regex::Regex;
use serde_json::{Map, Value, json};

/// States that last less are steps on the way to the next one: only the last of a burst counts.
const BURST: f64 = 1.5;
const CONDITIONS: [&str; 6] =
    ["PodScheduled", "PodReadyToStartContainers", "Initialized", "ContainersReady", "Ready", "DisruptionTarget"];

/// A pod's states with the time each began at, in seconds.
pub(crate) type Timeline = Vec<(f64, Value)>;

/// What is left of a run.
pub(crate) struct Reduced {
    /// By the pod's name.
    pub(crate) pods: BTreeMap<String, Timeline>,
    /// The kubelet's events, as texts, each once.
    pub(crate) events: BTreeSet<String>,
}

/// Takes out what is different every time.
pub(crate) struct Cleaner(Vec<(Regex, &'static str)>);

impl Cleaner {
    /// The patterns of the recordings.
    pub(crate) fn new() -> Self {
        let rows = [
            (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "<uid>"),
            (r"\b\d+\.\d+\.\d+\.\d+\b", "<ip>"),
            (r"in \S+ \(\S+ including waiting\)", "in <d> (<d> including waiting)"),
            (r"Image size: \d+ bytes", "Image size: <n> bytes"),
        ];
        Self(rows.map(|(pattern, with)| (Regex::new(pattern).expect("a constant"), with)).to_vec())
    }

    fn clean(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (regex, with)| regex.replace_all(&text, *with).into_owned())
    }
}

fn filled(value: &Value) -> bool {
    !(value.is_null() || value == "")
}

fn container(c: &Value, cleaner: &Cleaner) -> Value {
    let state = c["state"].as_object().and_then(|s| s.iter().next());
    let nothing = json!({});
    let (kind, state) = state.map_or(("waiting", &nothing), |(kind, state)| (kind.as_str(), state));
    let mut out = json!({
        "state": kind, "ready": c["ready"].as_bool().unwrap_or(false),
        "restarts": c["restartCount"].as_i64().unwrap_or(0),
    });
    if !c["started"].is_null() {
        out["started"] = c["started"].clone();
    }
    for key in ["reason", "exitCode", "signal"].into_iter().filter(|key| filled(&state[*key])) {
        out[key] = state[key].clone();
    }
    let message = |value: &Value| value["message"].as_str().filter(|m| !m.is_empty()).map(|m| cleaner.clean(m));
    if let Some(message) = message(state) {
        out["message"] = json!(message);
    }
    let last = &c["lastState"]["terminated"];
    if last.is_object() {
        let mut kept = Map::new();
        for key in ["reason", "exitCode"].into_iter().filter(|key| filled(&last[*key])) {
            kept.insert(key.to_owned(), last[key].clone());
        }
        if let Some(message) = message(last) {
            kept.insert("message".to_owned(), json!(message));
        }
        out["last"] = Value::Object(kept);
    }
    out
}

fn state(pod: &Value, cleaner: &Cleaner) -> Value {
    let status = &pod["status"];
    let mut out = json!({
        "phase": status["phase"].as_str().unwrap_or("Pending"),
        "bound": filled(&pod["spec"]["nodeName"]),
        "addressed": filled(&status["podIP"]),
    });
    for key in ["reason", "message"].into_iter().filter(|key| filled(&status[*key])) {
        out[key] = json!(cleaner.clean(status[key].as_str().unwrap_or_default()));
    }
    if !pod["metadata"]["deletionTimestamp"].is_null() {
        out["deleting"] = json!(true);
    }
    let mut conditions = Map::new();
    for c in status["conditions"].as_array().into_iter().flatten() {
        let type_ = c["type"].as_str().unwrap_or_default();
        if CONDITIONS.contains(&type_) {
            let parts = [c["status"].as_str(), c["reason"].as_str(), c["message"].as_str()];
            let parts: Vec<String> =
                parts.into_iter().flatten().filter(|p| !p.is_empty()).map(|p| cleaner.clean(p)).collect();
            conditions.insert(type_.to_owned(), json!(parts.join("/")));
        }
    }
    out["conditions"] = Value::Object(conditions);
    for (key, name) in [("initContainerStatuses", "init"), ("containerStatuses", "containers")] {
        let list = status[key].as_array().into_iter().flatten();
        let all: Map<String, Value> =
            list.map(|c| (c["name"].as_str().unwrap_or_default().to_owned(), container(c, cleaner))).collect();
        if !all.is_empty() {
            out[name] = Value::Object(all);
        }
    }
    out
}

/// The states that last, bursts merged.
fn merge(row: &Timeline) -> Timeline {
    let mut merged: Vec<(f64, Option<Value>)> = Vec::new();
    for (index, (at, state)) in row.iter().enumerate() {
        let is_step = row.get(index + 1).is_some_and(|(end, _)| end - at < BURST);
        match merged.last_mut() {
            Some((_, None)) if is_step => {}
            _ if is_step => merged.push((*at, None)),
            Some((_, last @ None)) => *last = Some(state.clone()),
            Some((_, Some(last))) if last == state => {}
            _ => merged.push((*at, Some(state.clone()))),
        }
    }
    let mut out: Timeline = Vec::new();
    for (at, state) in merged {
        let state = state.expect("a burst ends with a state that lasts");
        if out.last().is_none_or(|(_, last)| *last != state) {
            out.push((at, state));
        }
    }
    out
}

/// The timelines of a run's changes.
pub(crate) fn reduce(lines: &[Value]) -> Reduced {
    let cleaner = Cleaner::new();
    let mut pods: BTreeMap<String, Timeline> = BTreeMap::new();
    let mut events = BTreeSet::new();
    for line in lines {
        let (object, at) = (&line["object"], line["time"].as_f64().unwrap_or(0.0));
        let is_gone = line["type"] == "DELETED";
        if object["kind"] == "Pod" {
            let name = object["metadata"]["name"].as_str().unwrap_or_default();
            let state = if is_gone { json!("gone") } else { state(object, &cleaner) };
            let row = pods.entry(name.to_owned()).or_default();
            if row.last().is_none_or(|(_, last)| *last != state) {
                row.push((at, state));
            }
        } else if object["kind"] == "Event" && !is_gone && object["source"]["component"] == "kubelet" {
            let about = &object["involvedObject"];
            if about["kind"] == "Pod" {
                let message = cleaner.clean(object["message"].as_str().unwrap_or_default());
                let container = about["fieldPath"].as_str().unwrap_or_default();
                let event = json!({
                    "pod": about["name"], "container": container, "type": object["type"],
                    "reason": object["reason"], "message": message,
                });
                events.insert(event.to_string());
            }
        }
    }
    Reduced { pods: pods.into_iter().map(|(name, row)| (name, merge(&row))).collect(), events }
}
