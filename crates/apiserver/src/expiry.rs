//! Events live an hour after they were last written.
//!
//! Mirrors the `--event-ttl` of the API server and the leases of etcd (v1.36). Every write of an Event queues one entry; time only
//! moves on, so that the queue is in order as it is. Events that were recorded and never written again need none: their
//! table has them in that order.

use std::collections::VecDeque;
use std::sync::Arc;

use seatrial_api::{BriefEvent, Event, Kind, Object, Resource, Time};

use crate::server::ApiServer;

/// Seconds an Event stays. Mirrors the default of `--event-ttl`.
pub const EVENT_TTL_SECONDS: i64 = 60 * 60;

/// What is to go, in the order of time.
#[derive(Debug, Default)]
pub(crate) struct Expiries(VecDeque<Expiry>);

/// What goes an hour after one second, beside the events that were recorded in it and not written since.
#[derive(Debug)]
struct Expiry {
    written: Time,
    /// The events as their writes left them: a later write has an entry of its own.
    events: Vec<Arc<Event>>,
}

impl Expiry {
    fn at(&self) -> Time {
        self.written.plus_seconds(EVENT_TTL_SECONDS)
    }
}

impl Expiries {
    /// Remembers that an event was recorded at a time.
    #[inline]
    pub(crate) fn note_recorded(&mut self, now: Time) {
        self.written_at(now);
    }

    /// What is written at a time, which is the latest so far.
    #[inline]
    fn written_at(&mut self, now: Time) -> &mut Expiry {
        if self.0.back().is_none_or(|last| last.written != now) {
            self.0.push_back(Expiry { written: now, events: Vec::new() });
        }
        let last = self.0.len() - 1;
        &mut self.0[last]
    }
}

impl ApiServer {
    /// Remembers when an object that was written goes, if it does.
    pub(crate) fn note_expiry<R: Resource>(&mut self, object: &Arc<R>, now: Time) {
        if R::KIND == Kind::Event
            && let Object::Event(event) = R::wrap(Arc::clone(object))
        {
            self.expiries.written_at(now).events.push(event);
        }
    }

    /// When [`ApiServer::expire`] has something to do next.
    pub fn next_expiry(&self) -> Option<Time> {
        self.expiries.0.front().map(Expiry::at)
    }

    /// Deletes what has lived long enough at a time, in the order in which it was written.
    pub fn expire(&mut self, now: Time) {
        while let Some(due) = self.expiries.0.pop_front_if(|expiry| expiry.at() <= now) {
            for event in due.events {
                self.expire_recorded(due.written, event.meta.resource_version);
                self.store.remove_event(&event);
            }
            self.expire_recorded(due.written, u64::MAX);
        }
    }

    /// Deletes the events that were recorded up to a time and with a version before another.
    fn expire_recorded(&mut self, time: Time, before: u64) {
        let is_due = |event: &BriefEvent| event.numbers.time() <= time && event.numbers.resource_version() < before;
        while self.store.oldest_recorded().is_some_and(is_due) {
            self.store.remove_oldest_recorded();
        }
    }
}

#[cfg(test)]
mod tests {
    use seatrial_api::{Kind, Named, ObjectKey, Time};
    use serde_json::json;

    use super::EVENT_TTL_SECONDS;
    use crate::event_table::tests::{about, recorded};
    use crate::patch::PatchType;
    use crate::server::{ApiServer, ApiServerOptions, RequestInfo, Subresource};
    use crate::watch_log::ChangeType;

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

    /// Nine seconds in nanoseconds.
    const LATER: u64 = 0x2_1871_1a00;

    #[test]
    fn recorded_events_go_in_turn_with_the_others() {
        let mut server = ApiServer::new(ApiServerOptions::default());
        let start = Time::from_unix(0);
        server.bootstrap(&RequestInfo::new(start, "test")).expect("a new server");
        let request = |seconds| RequestInfo::new(start.plus_seconds(seconds), "test");
        let by_hand =
            json!({"metadata": {"name": "hand"}, "involvedObject": {"namespace": "default"}, "type": "Normal"});
        let key = |name: &str| ObjectKey::new(Kind::Event, "default", name);
        let web = about("web");
        // Five are recorded in two seconds, and one is made by hand in between; of the five one is written again, in the second
        // of the last two, and one is deleted.
        for stamp in [1, 2] {
            server.create_event(&request(0), recorded(&web, stamp)).expect("its name is free");
        }
        server.create_json(&request(0), Kind::Event, "default", &by_hand.into()).expect("a valid event");
        server.create_event(&request(0), recorded(&web, 3)).expect("its name is free");
        server.create_event(&request(9), recorded(&web, LATER + 4)).expect("its name is free");
        let patch = (PatchType::Merge, &json!({"count": 2}));
        server.patch(&request(9), &key("web.1"), Subresource::Main, patch).expect("a valid patch");
        server.create_event(&request(9), recorded(&web, LATER + 5)).expect("its name is free");
        server.store.remove(&key("web.3")).expect("it is there");
        assert!(server.create_event(&request(9), recorded(&web, LATER + 5)).is_err(), "its name is taken");
        let from = server.store().log().end();
        let at = |seconds| start.plus_seconds(EVENT_TTL_SECONDS + seconds);
        let mut left = Vec::new();
        for seconds in [0, 9] {
            assert_eq!(server.next_expiry(), Some(at(seconds)));
            server.expire(at(seconds));
            left.push(server.store().count(Kind::Event));
        }
        let gone = server.store().log().since(from).filter(|change| change.type_ == ChangeType::Deleted);
        let gone: Vec<String> = gone.map(|change| change.object.with_place(|_, name| name.to_owned())).collect();
        assert_eq!(gone, ["web.2", "hand", "web.218711a04", "web.1", "web.218711a05"]);
        assert_eq!((left, server.next_expiry()), (vec![3, 0], None));
    }
}
