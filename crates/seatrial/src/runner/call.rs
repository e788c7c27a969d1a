//! The step `call`: a raw API request, and its answer as it is.

use std::collections::BTreeMap;
use std::time::Duration;

use seatrial_apiserver::rest::{Request, Response, ResponseBody, Watch};
use serde_json::{Value, json};

use super::Runner;
use super::journal::LineKind;
use crate::scenario::model::Call;

/// The client's name: its first part is the field manager of calls that name none.
const USER_AGENT: &str = "seatrial/1";

/// How far apart calls are in a cluster without controllers.
const CALL_INTERVAL: Duration = Duration::from_secs(1);

/// What `$continue`, `$resourceVersion` and `$uid` stand for: those of the latest answer that had one.
#[derive(Clone, Debug, Default)]
pub(super) struct LastAnswer {
    values: BTreeMap<&'static str, String>,
}

impl LastAnswer {
    fn note(&mut self, body: &Value) {
        for key in ["continue", "resourceVersion", "uid"] {
            let value = body.pointer(&format!("/metadata/{key}")).and_then(Value::as_str);
            if let Some(value) = value.filter(|v| !v.is_empty()) {
                self.values.insert(key, value.to_owned());
            }
        }
    }

    fn fill(&self, text: &str) -> String {
        self.values.iter().fold(text.to_owned(), |text, (key, value)| text.replace(&format!("${key}"), value))
    }
}

impl Runner<'_> {
    pub(super) fn call(&mut self, call: &Call) {
        if !self.cluster.has_controllers() {
            // Where nothing else takes time, calls are a second apart: timestamps tell them from each other.
            let next = self.cluster.clock.now() + CALL_INTERVAL;
            self.cluster.advance_to(next);
        }
        let fill = |text: &str| self.last_answer.fill(text);
        let path = fill(&call.path);
        let query: Vec<(String, String)> = call.query.iter().map(|(k, v)| (k.clone(), fill(v))).collect();
        let body = call.raw.as_deref().or(call.body.as_deref()).map(fill).unwrap_or_default();
        let accept = call.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("accept"));
        let request = Request {
            method: &call.method,
            path: &path,
            query,
            content_type: Some(&call.content_type),
            accept: accept.map(|(_, value)| value.as_str()),
            user_agent: USER_AGENT,
            body: body.as_bytes(),
        };
        let response = self.cluster.serve(&request);
        let Response { code, warnings, body } = response;
        let body = match body {
            ResponseBody::Empty => Value::Null,
            ResponseBody::Json(value) => value,
            ResponseBody::Text(text) => json!({"text": text}),
            ResponseBody::Watch(watch) => self.read_watch(*watch, call),
        };
        self.last_answer.note(&body);
        for warning in &warnings {
            self.say(LineKind::Warning, &format!("Warning: {warning}"));
        }
        let message = body.get("message").and_then(Value::as_str).unwrap_or_default();
        let kind = if code < 400 { LineKind::Happened } else { LineKind::Refused };
        self.say(kind, format!("{code} {message}").trim_end());
        self.report.responses.push(json!({"step": self.step, "code": code, "warnings": warnings, "body": body}));
    }

    /// Reads a watch until it ends.
    fn read_watch(&mut self, mut watch: Watch, call: &Call) -> Value {
        let mut events = self.cluster.poll_watch(&mut watch);
        while !watch.is_over(self.cluster.api_time()) && !self.is_over() {
            if !self.cluster.step_towards(watch.ends()) {
                break;
            }
            events.extend(self.cluster.poll_watch(&mut watch));
        }
        // By the old path `watch/` a stream is read as what it is: one document a line.
        if call.query.contains_key("watch") {
            return json!({"events": events});
        }
        match <[Value; 1]>::try_from(events) {
            Ok([event]) => event,
            Err(events) => json!({"text": events.iter().map(|e| format!("{e}\n")).collect::<String>()}),
        }
    }
}
