//! Letting time pass: stimuli one by one, and the control plane to rest after each.

use std::fmt;
use std::time::Duration;

use seatrial_api::{Kind, Lease, Object};
use seatrial_apiserver::{Change, ChangeType, Store};
use seatrial_engine::{EventQueue, SimTime};
use seatrial_machinery::{Client, EventContext};

use super::actors::{Stimulus, Timed, Turn};
use super::trace::{Actor, What};
use super::{Cluster, Error, QUIET, SETTLE_TIMEOUT};
use crate::runner::JournalEntry;

/// A check that runs after every write: the name and the check.
pub(super) struct Invariant {
    pub(super) name: String,
    /// The kind whose changes can break it; `None` where any can.
    pub(super) kind: Option<Kind>,
    pub(super) holds: Box<dyn Fn(&Cluster) -> bool>,
}

impl fmt::Debug for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Invariant").field(&self.name).finish()
    }
}

/// The first invariant that broke, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Broken {
    pub(super) name: String,
    pub(super) at: Duration,
}

/// How settling ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// Nothing changes any more.
    Quiet,
    /// The time was up, and things still change.
    TimedOut,
}

/// What a wait was waiting for when its time was up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("timed out after {} waiting: {waiting_on}", seatrial_engine::GoDuration(*timeout))]
pub struct WaitError {
    /// How long was waited.
    pub timeout: Duration,
    /// What had not come true, and what is known of why.
    pub waiting_on: String,
}

impl Cluster {
    /// Does what a user does: calls the API server, then lets the control plane come to rest.
    pub(crate) fn as_user<T>(&mut self, call: impl FnOnce(&mut Self) -> T) -> T {
        self.pace.outside_acts();
        let cause = self.trace.note(self.clock.now(), (Actor::User, What::Call), 0, 0);
        let result = call(self);
        if let Some(controllers) = &mut self.controllers {
            // What a user changes about a controller itself may give it something to do.
            controllers.note_all();
        }
        self.deliver(Actor::User, cause);
        self.quiesce();
        result
    }

    /// Lets the controllers look at every Deployment and ReplicaSet again, as client-go's informers do at their resync
    /// period. At rest nothing comes of it.
    pub fn resync(&mut self) {
        self.pace.outside_acts();
        let cause = self.trace.last_seq();
        if let Some(controllers) = &mut self.controllers {
            let cx = EventContext { informers: &self.informers, clock: self.clock, cause };
            self.informers.for_each_resync(|delivery| controllers.handle(&cx, delivery));
        }
        self.quiesce();
    }

    /// Lets the control plane run until nobody has anything to do at this instant.
    pub(super) fn quiesce(&mut self) {
        self.deliver(Actor::User, self.trace.last_seq());
        while !self.is_instant_over() {
            let mut worked = false;
            let mut turn = 0;
            while let Some((next, actor)) = self.controllers.as_ref().and_then(|c| c.next_busy(turn)) {
                worked |= self.take_turn(next, actor);
                turn = next + 1;
            }
            worked |= self.schedule_one();
            if !worked {
                break;
            }
        }
        self.collect_timers();
        self.server.store_mut().log_mut().trim(self.observed);
    }

    /// Whether this instant has lasted so long that what is left to do waits for another one.
    fn is_instant_over(&mut self) -> bool {
        let (now, store) = (self.clock.now(), self.server.store());
        if !self.pace.is_over(now, || object_count(store)) {
            return false;
        }
        if let Some(at) = self.pace.put_off(now) {
            self.queue.push(at, Stimulus::Scheduler);
        }
        true
    }

    fn take_turn(&mut self, turn: usize, actor: Actor) -> bool {
        if actor == Actor::HorizontalPodAutoscaler {
            self.measure_pods();
        }
        let Some(controllers) = self.controllers.as_mut() else { return false };
        let with = Turn {
            server: &mut self.server,
            recorder: &mut self.recorder,
            informers: &self.informers,
            clock: self.clock,
        };
        let Some(done) = controllers.process_next(turn, with) else { return false };
        self.reconcile_count += 1;
        let cause = self.trace.note(self.clock.now(), (actor, What::Reconcile), done.code, done.cause);
        self.deliver(actor, cause);
        true
    }

    /// What the metrics API would answer an autoscaler: the pods of all namespaces with one are measured.
    fn measure_pods(&mut self) {
        let autoscalers = self.informers.horizontal_pod_autoscalers.list(None);
        let mut namespaces: Vec<&str> = autoscalers.iter().map(|hpa| hpa.meta.namespace.as_str()).collect();
        namespaces.dedup();
        let pods: Vec<_> = namespaces.iter().flat_map(|n| self.informers.pods.list(Some(n))).collect();
        let samples = self.kubelets.measure(&pods, self.clock);
        self.informers.metrics.pods = samples;
    }

    fn schedule_one(&mut self) -> bool {
        if self.controllers.is_none() || !self.scheduler.has_work() {
            return false;
        }
        let mut client = Client::new(&mut self.server, &mut self.recorder, self.clock, "default-scheduler");
        if !self.scheduler.schedule_one(&mut client, &self.informers) {
            return false;
        }
        let cause = self.trace.note(self.clock.now(), (Actor::Scheduler, What::Reconcile), 1, 0);
        self.deliver(Actor::Scheduler, cause);
        true
    }

    /// Delivers what was written since the last time to everybody who watches.
    fn deliver(&mut self, by: Actor, cause: u64) {
        while let Some((change, next)) = self.server.store().log().next(self.observed) {
            let what = match change.type_ {
                ChangeType::Added => What::Added,
                ChangeType::Modified => What::Modified,
                ChangeType::Deleted => What::Deleted,
            };
            let now = self.clock.now();
            self.fetch_for(by, &change.object);
            let cause = self.trace.about(now, (by, what), &change.object, change.resource_version, cause);
            if self.last_change != now && counts_as_change(change, &self.namespace) {
                self.last_change = now;
            }
            self.pod_count += u64::from(what == What::Added && change.object.kind() == Kind::Pod);
            if let Some(journal) = self.journal.as_mut().filter(|_| change.object.kind() != Kind::Lease) {
                journal.push(JournalEntry { at: now.since_start(), actor: by, change: change.clone() });
            }
            self.observed = next;
            let kind = change.object.kind();
            let has_quotas = !self.informers.resource_quotas.is_empty();
            if kind == Kind::Event && (what != What::Deleted || !has_quotas) {
                // Nobody waits for an event but the quotas, which look at what goes.
                self.informers.skip_next(self.server.store().log());
            } else if let (Object::Lease(renewed), Some(Object::Lease(old))) = (&change.object, &change.old)
                && is_renewal(old, renewed)
            {
                if let Some(controllers) = &mut self.controllers {
                    controllers.lease_renewed(now, renewed);
                }
                self.informers.skip_next(self.server.store().log());
            } else {
                let Some(delivery) = self.informers.deliver_next(self.server.store().log()) else { break };
                if let (Some(old), None) = (delivery.old, delivery.new) {
                    self.files.gone(old);
                }
                if let Some(controllers) = &mut self.controllers {
                    let cx = EventContext { informers: &self.informers, clock: self.clock, cause };
                    controllers.handle(&cx, &delivery);
                    self.scheduler.handle(&cx, &delivery);
                    self.kubelets.handle(&cx, &delivery);
                }
            }
            if self.server.store().log().is_long() {
                // A burst would otherwise keep every version of every object until it is over.
                self.server.store_mut().log_mut().trim(self.observed);
            }
            if !self.invariants.is_empty() {
                self.check_invariants(Some(kind));
            }
        }
    }

    fn collect_timers(&mut self) {
        let mut timers = Vec::new();
        let (pace, now) = (&self.pace, self.clock.now());
        if let Some(at) = self.server.next_expiry().filter(|_| !self.expiry_waits) {
            self.expiry_waits = true;
            let due = self.clock.now() + self.clock.until(at);
            self.queue.push_background(due, Stimulus::Expiry);
        }
        if let Some(controllers) = &mut self.controllers {
            controllers.take_timers(&mut timers);
        }
        for Timed { due, background, stimulus } in timers {
            set_timer(&mut self.queue, pace.due(due, now), background, stimulus);
        }
        for timer in self.scheduler.take_timers() {
            set_timer(&mut self.queue, pace.due(timer.due, now), timer.background, Stimulus::Scheduler);
        }
        let queue = &mut self.queue;
        self.kubelets.take_timers(|timer| {
            set_timer(queue, pace.due(timer.due, now), timer.background, Stimulus::Kubelet(timer.event))
        });
    }

    /// Takes the next stimulus up to a time and everything that follows from it; false when there is none.
    pub(super) fn step_until(&mut self, end: SimTime) -> bool {
        if self.queue.peek_time().is_none_or(|at| at > end) {
            return false;
        }
        let Some((at, stimulus)) = self.queue.pop() else { return false };
        self.clock = self.clock.at(at);
        self.fetch_ahead();
        let store = self.server.store();
        self.pace.count(at, || object_count(store));
        match stimulus {
            Stimulus::Requeue(actor, key) => {
                let cause = self.trace.note(at, (actor, What::Timer), 0, 0);
                if let Some(controllers) = &mut self.controllers {
                    controllers.fire(actor, &key, at, cause);
                }
            }
            Stimulus::Scheduler => {
                self.trace.note(at, (Actor::Scheduler, What::Timer), 0, 0);
                self.scheduler.fire(at);
            }
            Stimulus::NodeRecovers(name, number) => {
                self.trace.note(at, (Actor::Kubelet, What::Timer), 0, 0);
                self.node_recovers(&name, number);
            }
            Stimulus::Expiry => {
                self.expiry_waits = false;
                let cause = self.trace.note(at, (Actor::ApiServer, What::Timer), 0, 0);
                self.server.expire(self.clock.time());
                self.deliver(Actor::ApiServer, cause);
            }
            Stimulus::Kubelet(event) => {
                let cause = self.trace.note(at, (Actor::Kubelet, What::Timer), 0, 0);
                let mut client = Client::new(&mut self.server, &mut self.recorder, self.clock, "kubelet");
                self.kubelets.fire(&mut client, event);
                self.deliver(Actor::Kubelet, cause);
            }
        }
        self.quiesce();
        true
    }

    /// Lets time pass.
    ///
    /// # Errors
    /// An invariant that broke on the way.
    pub fn advance(&mut self, duration: Duration) -> Result<(), Error> {
        self.advance_to(self.clock.now() + duration);
        self.invariant_result()
    }

    /// Takes the next stimulus before a calendar time, or moves the clock there; false once it is there.
    pub(crate) fn step_towards(&mut self, end: seatrial_api::Time) -> bool {
        let left = u64::try_from(end.unix() - self.clock.time().unix()).unwrap_or(0);
        if left == 0 || self.broken.is_some() {
            return false;
        }
        let end = self.clock.now() + Duration::from_secs(left);
        if !self.step_until(end) {
            self.advance_to(end);
        }
        true
    }

    pub(crate) fn advance_to(&mut self, end: SimTime) {
        while self.broken.is_none() && self.step_until(end) {}
        if self.broken.is_none() && self.clock.now() < end {
            self.queue.advance_to(end);
            self.clock = self.clock.at(end);
        }
    }

    /// Lets time pass until nothing changes any more: no object of the namespace for four seconds, and nothing is
    /// about to: no container starts, ends or becomes ready, no pod becomes available.
    ///
    /// Heartbeats, retries and deadlines do not keep a cluster from being settled.
    ///
    /// # Errors
    /// An invariant that broke, or things that still change after an hour.
    pub fn settle(&mut self) -> Result<(), Error> {
        match self.settle_within(QUIET, SETTLE_TIMEOUT, Patience::Pending) {
            Settled::Quiet => self.invariant_result(),
            Settled::TimedOut => {
                self.invariant_result()?;
                let waiting_on = "the cluster to settle: objects still change".to_owned();
                Err(WaitError { timeout: SETTLE_TIMEOUT, waiting_on }.into())
            }
        }
    }

    pub(crate) fn settle_within(&mut self, quiet: Duration, timeout: Duration, patience: Patience) -> Settled {
        let end = self.clock.now() + timeout;
        let mut since = self.clock.now();
        loop {
            since = since.max(self.last_change);
            let mut until = since + quiet;
            if patience == Patience::Pending
                && let Some(due) = self.queue.next_foreground_time()
            {
                until = until.max(due);
            }
            if self.broken.is_some() {
                return Settled::Quiet;
            }
            if self.step_until(until.min(end)) {
                continue;
            }
            self.advance_to(until.min(end));
            return if until > end { Settled::TimedOut } else { Settled::Quiet };
        }
    }

    /// Lets time pass until something is true, looking after every change.
    ///
    /// # Errors
    /// An invariant that broke, or the time is up: the error says what was waited for.
    pub fn run_until(&mut self, holds: impl Fn(&Cluster) -> bool, timeout: Duration) -> Result<(), Error> {
        let end = self.clock.now() + timeout;
        while !holds(self) {
            self.invariant_result()?;
            if !self.step_until(end) {
                self.advance_to(end);
                if holds(self) {
                    break;
                }
                return Err(WaitError { timeout, waiting_on: self.unfinished() }.into());
            }
        }
        self.invariant_result()
    }

    /// Says what has to hold after every write. The first time it does not, time stops and every call fails.
    pub fn always(&mut self, name: impl Into<String>, holds: impl Fn(&Cluster) -> bool + 'static) {
        self.always_of(None, name.into(), holds);
    }

    /// The same for an invariant that only looks at objects of one kind.
    pub(crate) fn always_of(&mut self, kind: Option<Kind>, name: String, holds: impl Fn(&Cluster) -> bool + 'static) {
        self.invariants.push(Invariant { name, kind, holds: Box::new(holds) });
        self.check_invariants(None);
    }

    /// Checks the invariants that a change of a kind can break; all of them where no kind is given.
    fn check_invariants(&mut self, changed: Option<Kind>) {
        if self.broken.is_some() {
            return;
        }
        let concerns = |i: &&Invariant| changed.is_none() || i.kind.is_none() || i.kind == changed;
        let broken = self.invariants.iter().filter(concerns).find(|i| !(i.holds)(self)).map(|i| i.name.clone());
        self.broken = broken.map(|name| Broken { name, at: self.now() });
    }

    pub(crate) fn invariant_result(&self) -> Result<(), Error> {
        match &self.broken {
            None => Ok(()),
            Some(broken) => Err(Error::InvariantBroken { name: broken.name.clone(), at: broken.at }),
        }
    }
}

fn set_timer(queue: &mut EventQueue<Stimulus>, due: SimTime, background: bool, stimulus: Stimulus) {
    if background {
        queue.push_background(due, stimulus);
    } else {
        queue.push(due, stimulus);
    }
}

/// What settling waits for beyond the quiet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    /// Nothing.
    None,
    /// What containers are about to do, and controllers to look at.
    Pending,
}

/// Whether a Lease was written as its holder does, which only says that a node lives.
fn is_renewal(old: &Lease, new: &Lease) -> bool {
    let (before, after) = (&old.meta, &new.meta);
    old.body.renew_time < new.body.renew_time
        && before.uid == after.uid
        && before.is_deleting() == after.is_deleting()
        && before.owner_references.ptr_eq(&after.owner_references)
        && before.finalizers.ptr_eq(&after.finalizers)
}

/// How many objects there are but events.
fn object_count(store: &Store) -> usize {
    Kind::ALL.iter().filter(|kind| **kind != Kind::Event).map(|kind| store.count(*kind)).sum()
}

/// Whether a change keeps a cluster from being settled: those of events and heartbeats do not.
fn counts_as_change(change: &Change, namespace: &str) -> bool {
    let kind = change.object.kind();
    if matches!(kind, Kind::Event | Kind::Lease) {
        return false;
    }
    !kind.info().namespaced || change.object.meta().namespace == namespace
}
