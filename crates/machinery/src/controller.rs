//! What every controller has: a queue, handlers of deliveries, and a sync of one key.

use seatrial_api::{ApiError, Kind, NamespacedName, Slot};

use crate::aspects::Aspects;
use crate::client::Client;
use crate::clock::Clock;
use crate::informers::{Delivery, Informers};
use crate::queue::Queue;
use crate::work_queue::ObjectId;

/// What a sync works with.
#[derive(Debug)]
pub struct SyncContext<'a> {
    /// What the controller has heard: the caches, which may lag behind the API server.
    pub informers: &'a Informers,
    /// The API server, to write to.
    pub client: Client<'a>,
    /// Which object the key is of, as far as it was queued as one's.
    pub object: ObjectId,
}

impl<'a> SyncContext<'a> {
    /// That of a sync of a key that may be of any object.
    pub fn new(informers: &'a Informers, client: Client<'a>) -> Self {
        Self { informers, client, object: ObjectId::default() }
    }

    /// The time.
    pub fn clock(&self) -> Clock {
        self.client.clock()
    }
}

/// What a handler of deliveries works with.
#[derive(Debug)]
pub struct EventContext<'a> {
    /// The caches, the delivery already applied.
    pub informers: &'a Informers,
    /// The time.
    pub clock: Clock,
    /// The trace record of the delivery.
    pub cause: u64,
}

/// How a sync went.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// Nothing had to be done.
    Noop,
    /// So many writes were made.
    Wrote(u32),
    /// The sync failed; it is tried again unless the controller gave up.
    Failed(ApiError),
}

/// One sync, for the trace.
#[derive(Clone, Debug)]
pub struct Synced {
    /// What was synced.
    pub key: NamespacedName,
    /// The trace record that queued it.
    pub cause: u64,
    /// How it went.
    pub outcome: Outcome,
}

/// A controller.
pub trait Controller {
    /// The name in events and in the field manager, as in `deployment-controller`.
    const NAME: &'static str;
    /// The kinds whose changes it is told of: those that it has informers for.
    const WATCHES: &'static [Kind];
    /// The kinds of which it is told when an object comes, goes, or gets other labels, annotations, owners, finalizers or
    /// a deletion, and of nothing else.
    const WATCHES_PRESENCE: &'static [Kind] = &[];

    /// Its queue.
    fn queue(&mut self) -> &mut Queue;

    /// Something of a kind that it watches changed: decides which keys to sync.
    fn handle(&mut self, cx: &EventContext<'_>, delivery: &Delivery<'_>);

    /// Which changes of pods can mean anything to it, as things are, if it watches pods: of others it is not told.
    fn heeds(&self) -> Aspects {
        Aspects::ANY
    }

    /// Has fetched from memory what the sync of a key will look at first, whose object lies at a slot.
    fn fetch_ahead(_informers: &Informers, _key: &NamespacedName, _slot: Slot) {}

    /// Brings one key closer to what is wanted.
    ///
    /// # Errors
    /// What the API server answered; [`Controller::handle_error`] decides what follows.
    fn sync(&mut self, cx: &mut SyncContext<'_>, key: &NamespacedName) -> Result<(), ApiError>;

    /// A sync failed: by default it is tried again, later each time.
    fn handle_error(&mut self, cx: &SyncContext<'_>, key: &NamespacedName, _error: &ApiError) {
        let now = cx.clock().now();
        self.queue().add_rate_limited(key.clone(), now);
    }
}

/// Syncs the next key of a controller's queue, if there is one. Mirrors `processNextWorkItem`.
pub fn process_next_work_item<C: Controller>(controller: &mut C, cx: &mut SyncContext<'_>) -> Option<Synced> {
    let (key, cause, object) = controller.queue().get_with_object()?;
    cx.object = object;
    if let Some((next, slot)) = controller.queue().fetch_upcoming() {
        C::fetch_ahead(cx.informers, next, slot);
    }
    let writes_before = cx.client.writes();
    let result = controller.sync(cx, &key);
    let wrote = cx.client.writes() - writes_before;
    let outcome = match result {
        Ok(()) => {
            controller.queue().forget(&key);
            if wrote == 0 { Outcome::Noop } else { Outcome::Wrote(wrote) }
        }
        Err(error) => {
            tracing::debug!(controller = C::NAME, %key, %error, "sync failed");
            controller.handle_error(cx, &key, &error);
            Outcome::Failed(error)
        }
    };
    controller.queue().done();
    Some(Synced { key, cause, outcome })
}
