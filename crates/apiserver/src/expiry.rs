//! Events live an hour after they were last written.
//!
//! Mirrors the `--event-ttl` of the API server and the leases of etcd (v1.36). Every write of an Event queues one entry; time only
//! moves on, so that the queue is in order as it is.

use std::collections::VecDeque;
use std::sync::Arc;

use seatrial_api::{Event, Kind, Object, Resource, Time};

use crate::server::ApiServer;

/// Seconds an Event stays. Mirrors the default of `--event-ttl`.
pub const EVENT_TTL_SECONDS: i64 = 60 * 60;

/// What is to go, in the order of time.
#[derive(Debug, Default)]
pub(crate) struct Expiries(VecDeque<Expiry>);

/// What goes in one second.
#[derive(Debug)]
struct Expiry {
    at: Time,
    /// The events as their writes left them: a later write has an entry of its own.
    events: VecDeque<Arc<Event>>,
}

impl Expiries {
    fn push(&mut self, at: Time, event: Arc<Event>) {
        match self.0.back_mut().filter(|last| last.at == at) {
            Some(last) => last.events.push_back(event),
            None => self.0.push_back(Expiry { at, events: VecDeque::from([event]) }),
        }
    }

    /// The next that has lived long enough at a time.
    fn pop(&mut self, now: Time) -> Option<Arc<Event>> {
        let first = self.0.front_mut().filter(|first| first.at <= now)?;
        let event = first.events.pop_front();
        if first.events.is_empty() {
            self.0.pop_front();
        }
        event
    }
}

impl ApiServer {
    /// Remembers when an object that was written goes, if it does.
    pub(crate) fn note_expiry<R: Resource>(&mut self, object: &Arc<R>, now: Time) {
        if R::KIND == Kind::Event
            && let Object::Event(event) = R::wrap(Arc::clone(object))
        {
            self.expiries.push(now.plus_seconds(EVENT_TTL_SECONDS), event);
        }
    }

    /// When [`ApiServer::expire`] has something to do next.
    pub fn next_expiry(&self) -> Option<Time> {
        self.expiries.0.front().map(|expiry| expiry.at)
    }

    /// Deletes what has lived long enough at a time.
    pub fn expire(&mut self, now: Time) {
        while let Some(event) = self.expiries.pop(now) {
            self.store.remove_event(&event);
        }
    }
}

#[cfg(test)]
mod tests {
    use seatrial_api::{Kind, ObjectKey, Time};
    use serde_json::json;

    use super::EVENT_TTL_SECONDS;
    use crate::patch::PatchType;
    use crate::server::{ApiServer, ApiServerOptions, RequestInfo, Subresource};

    #[test]
    fn an_event_goes_an_hour_after_its_last_write() {
        let mut server = ApiServer::new(ApiServerOptions::default());
        let start = Time::from_unix(1_000_000);
        server.bootstrap(&RequestInfo::new(start, "test")).expect("a new server");
        let event = |name: &str| {
            json!({"metadata": {"name": name}, "involvedObject": {"namespace": "default"}, "message": "m", "type": "Normal"}).into()
        };
        for name in ["a", "b"] {
            let made = server.create_json(&RequestInfo::new(start, "test"), Kind::Event, "default", &event(name));
            made.expect("a valid event");
        }
        let key = |name: &str| ObjectKey::new(Kind::Event, "default", name);
        let later = RequestInfo::new(start.plus_seconds(60), "test");
        let patch = (PatchType::Merge, &json!({"count": 2}));
        server.patch(&later, &key("a"), Subresource::Main, patch).expect("a valid patch");
        server.expire(start.plus_seconds(EVENT_TTL_SECONDS - 1));
        assert_eq!(server.store().count(Kind::Event), 2);
        server.expire(start.plus_seconds(EVENT_TTL_SECONDS));
        assert!(server.store().get(&key("b")).is_none() && server.store().get(&key("a")).is_some());
        assert_eq!(server.next_expiry(), Some(later.now.plus_seconds(EVENT_TTL_SECONDS)));
        server.expire(later.now.plus_seconds(EVENT_TTL_SECONDS));
        assert_eq!((server.store().count(Kind::Event), server.next_expiry()), (0, None));
    }
}
