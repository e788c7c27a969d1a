//! A watch: what changes in a collection, in order, from a version on.
//!
//! Mirrors k8s.io/apiserver/pkg/endpoints/handlers/watch.go and storage/cacher (v1.36).

use seatrial_api::{ApiError, Kind, Object, Time};
use serde_json::{Value, json};

use super::list::{namespace_of, selected};
use super::negotiate::Representation;
use super::options::{ListOptions, parse_resource_version};
use super::path::Target;
use super::table::{TableOptions, headless_table, shown};
use super::view::View;
use super::{Call, Request, Response, ResponseBody};
use crate::server::ApiServer;
use crate::watch_log::{Change, ChangeType, Cursor};

/// How long a watch lasts that names no timeout, in seconds. Upstream draws from 30 to 60 minutes.
const TIMEOUT_SECONDS_DEFAULT: u64 = 30 * 60;
/// How often a watch that allows bookmarks gets one, in seconds.
const BOOKMARK_SECONDS: i64 = 60;
/// How long before its end a watch gets a last bookmark, in seconds.
const BOOKMARK_BEFORE_END_SECONDS: i64 = 2;
const ANNOTATION_INITIAL_EVENTS_END: &str = "k8s.io/initial-events-end";

/// A watch under way. It holds nothing of the server but a place in its log, and is polled.
#[derive(Debug)]
pub struct Watch {
    kind: Kind,
    view: View,
    namespace: String,
    options: ListOptions,
    representation: Representation,
    table: TableOptions,
    /// Events that were due before anything changed.
    initial: Vec<Value>,
    cursor: Cursor,
    /// The version of the last thing seen.
    resource_version: u64,
    /// Whether the heads of the table were sent.
    sent_heads: bool,
    next_bookmark: Option<Time>,
    ends: Time,
    ended: bool,
}

/// Answers a GET with `watch=true`.
pub(crate) fn serve(server: &ApiServer, call: &Call<'_>, representation: Representation) -> Result<Response, ApiError> {
    let mut options = ListOptions::of(call)?;
    options.watch = true;
    let mut watch = Watch::new(server, call, options, representation)?;
    if let Some(name) = &call.target.name {
        watch.options.fields.terms.push(seatrial_api::selector::FieldTerm {
            field: "metadata.name".to_owned(),
            value: name.clone(),
            equal: true,
        });
    }
    watch.start(server, call)?;
    Ok(Response { code: 200, warnings: Vec::new(), body: ResponseBody::Watch(Box::new(watch)) })
}

impl Watch {
    fn new(
        server: &ApiServer,
        call: &Call<'_>,
        options: ListOptions,
        representation: Representation,
    ) -> Result<Self, ApiError> {
        let seconds = i64::try_from(options.timeout_seconds.unwrap_or(TIMEOUT_SECONDS_DEFAULT)).unwrap_or(i64::MAX);
        let ends = call.now.plus_seconds(seconds);
        let last = ends.plus_seconds(-BOOKMARK_BEFORE_END_SECONDS);
        let next = call.now.plus_seconds(BOOKMARK_SECONDS).min(last);
        Ok(Self {
            kind: call.target.kind,
            view: call.target.view,
            namespace: namespace_of(call).unwrap_or_default().to_owned(),
            representation,
            table: TableOptions::of(call, representation)?,
            initial: Vec::new(),
            cursor: server.store().log().end(),
            resource_version: server.store().resource_version(),
            sent_heads: false,
            next_bookmark: (options.allow_watch_bookmarks && next > call.now).then_some(next),
            ends,
            ended: false,
            options,
        })
    }

    /// Finds where the watch begins, and what it tells first.
    fn start(&mut self, server: &ApiServer, call: &Call<'_>) -> Result<(), ApiError> {
        let asked = parse_resource_version(&self.options.resource_version).map_err(ApiError::unknown)?;
        let store = server.store();
        if asked > store.resource_version() {
            return Err(ApiError::too_large_resource_version(asked, store.resource_version()));
        }
        let synthetic = self.options.send_initial_events.unwrap_or(asked == 0);
        if !synthetic && asked != 0 {
            match store.log().cursor_after(asked).filter(|_| asked >= server.oldest_version()) {
                Some(cursor) => self.cursor = cursor,
                None => self.fail(asked, store.resource_version()),
            }
            return Ok(());
        }
        if !synthetic {
            return Ok(());
        }
        for object in store.list(self.kind, namespace_of(call)) {
            if selected(object, &self.options) {
                let event = self.event(ChangeType::Added.as_str(), object, call.now);
                self.initial.push(event);
            }
        }
        if self.options.send_initial_events == Some(true) && self.options.allow_watch_bookmarks {
            let mut bookmark = self.bookmark();
            bookmark["object"]["metadata"]["annotations"] = json!({ANNOTATION_INITIAL_EVENTS_END: "true"});
            self.initial.push(bookmark);
        }
        Ok(())
    }

    /// The log no longer has what the watch is to tell: it says so and ends.
    fn fail(&mut self, asked: u64, current: u64) {
        let error = ApiError::expired(format!("too old resource version: {asked} ({current})"));
        self.initial.push(json!({"type": "ERROR", "object": error.to_status()}));
        self.ended = true;
    }

    /// When the watch ends by itself.
    pub fn ends(&self) -> Time {
        self.ends
    }

    /// Whether nothing more will come: the watch failed, or its time is up.
    pub fn is_over(&self, now: Time) -> bool {
        self.ended || now >= self.ends
    }

    /// What happened since the last time, as events `{"type", "object"}`.
    pub fn poll(&mut self, server: &ApiServer, now: Time) -> Vec<Value> {
        let mut events = std::mem::take(&mut self.initial);
        if self.ended {
            return events;
        }
        let log = server.store().log();
        if !log.reaches_back_to(self.cursor) {
            self.fail(self.resource_version, server.store().resource_version());
            events.append(&mut self.initial);
            return events;
        }
        while let Some((change, next)) = log.next(self.cursor) {
            self.cursor = next;
            self.resource_version = change.resource_version;
            events.extend(self.tell(change, now));
        }
        if self.next_bookmark.is_some_and(|due| due <= now) {
            events.push(self.bookmark());
            let last = self.ends.plus_seconds(-BOOKMARK_BEFORE_END_SECONDS);
            let next = now.plus_seconds(BOOKMARK_SECONDS).min(last);
            self.next_bookmark = (next > now).then_some(next);
        }
        events
    }

    /// What a change means to a watch that sees only a part: to begin to match is to appear, to stop is to go.
    fn tell(&mut self, change: &Change, now: Time) -> Option<Value> {
        let meta = change.object.meta();
        if change.object.kind() != self.kind || (!self.namespace.is_empty() && meta.namespace != self.namespace) {
            return None;
        }
        let is = change.type_ != ChangeType::Deleted && selected(&change.object, &self.options);
        let was = change.old.as_ref().is_some_and(|old| selected(old, &self.options));
        match (was, is) {
            (false, false) => None,
            (false, true) => Some(self.event("ADDED", &change.object, now)),
            (true, true) => Some(self.event("MODIFIED", &change.object, now)),
            (true, false) => {
                // The last state that matched, with the version at which it stopped to.
                let last = change.old.as_ref()?.with_version(change.resource_version);
                Some(self.event("DELETED", &last, now))
            }
        }
    }

    fn event(&mut self, type_: &str, object: &Object, now: Time) -> Value {
        let target = Target {
            kind: self.kind,
            view: self.view,
            namespace: String::new(),
            name: None,
            subresource: None,
            watch: true,
            bindings: false,
        };
        let request = Request::default();
        let call = Call { now, request: &request, target: &target };
        let heads = !std::mem::replace(&mut self.sent_heads, true);
        let shown = if self.representation == Representation::Table && !heads {
            headless_table(&call, object, self.table)
        } else {
            shown(&call, object, self.representation, self.table)
        };
        json!({"type": type_, "object": shown})
    }

    fn bookmark(&self) -> Value {
        let version = self.resource_version.to_string();
        let (kind, api_version) = match self.representation {
            Representation::PartialObjectMetadata => ("PartialObjectMetadata", "meta.k8s.io/v1".to_owned()),
            _ => (self.kind.info().kind, self.view.api_version(self.kind)),
        };
        let object = json!({"kind": kind, "apiVersion": api_version, "metadata": {"resourceVersion": version}});
        json!({"type": "BOOKMARK", "object": object})
    }
}
