//! A cluster for tests: an API server, the informers, and the controllers that clean up, run to quiescence on a virtual
//! clock. There are no nodes: a test finishes its pods itself.

use std::time::Duration;

use seatrial_api::{Kind, Namespace, NamespacedName, Object, ObjectKey, Time, Uid};
use seatrial_apiserver::patch::PatchType;
use seatrial_apiserver::{ApiServer, ApiServerOptions, Binding, RequestInfo, Subresource};
use seatrial_machinery::{
    Client, Clock, Controller, DeleteOptions, EventContext, EventRecorder, Informers, Propagation, SimTime,
    SyncContext, process_next_work_item,
};
use serde_json::{Value, json};

use crate::{
    GarbageCollector, NamespaceController, PersistentVolumeController, PvProtectionController, PvcProtectionController,
    ResourceQuotaController, VolumeProvisioner,
};

/// 2024-01-01T00:00:00Z
const START: Time = Time::from_unix(1_704_067_200);
/// More rounds than any test needs: a controller that never rests fails the test.
const ROUNDS_MAX: usize = 10_000;

#[derive(Debug)]
enum Due {
    Garbage(NamespacedName),
    Namespace(NamespacedName),
    Quota(NamespacedName),
    Binder(NamespacedName),
    Storage(NamespacedName),
}

pub(crate) struct Fixture {
    pub(crate) server: ApiServer,
    pub(crate) gc: GarbageCollector,
    pub(crate) informers: Informers,
    recorder: EventRecorder,
    clock: Clock,
    namespaces: NamespaceController,
    quotas: ResourceQuotaController,
    claims: PvcProtectionController,
    volumes: PvProtectionController,
    binder: PersistentVolumeController,
    pub(crate) storage: VolumeProvisioner,
    timers: Vec<(SimTime, Due)>,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let mut server = ApiServer::new(ApiServerOptions { seed: 1, ..ApiServerOptions::default() });
        server.bootstrap(&RequestInfo::new(START, "test")).expect("a new server has no namespaces");
        let mut fixture = Self {
            server,
            gc: GarbageCollector::default(),
            informers: Informers::default(),
            recorder: EventRecorder::default(),
            clock: Clock::starting_at(START),
            namespaces: NamespaceController::default(),
            quotas: ResourceQuotaController::default(),
            claims: PvcProtectionController::default(),
            volumes: PvProtectionController::default(),
            binder: PersistentVolumeController::default(),
            storage: VolumeProvisioner::default(),
            timers: Vec::new(),
        };
        fixture.settle();
        fixture
    }

    fn request(&self) -> RequestInfo<'static> {
        RequestInfo::new(self.clock.time(), "test")
    }

    /// The time since the start.
    pub(crate) fn now(&self) -> Duration {
        Duration::from_nanos(self.clock.now().as_nanos())
    }

    /// Creates an object as a user does; returns its uid.
    pub(crate) fn create(&mut self, body: Value) -> Uid {
        let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let kind = Kind::of(&text("/apiVersion"), &text("/kind")).expect("a served kind");
        let namespace = match text("/metadata/namespace") {
            none if none.is_empty() && kind.info().namespaced => "default".to_owned(),
            namespace => namespace,
        };
        let written = self.server.create_json(&self.request(), kind, &namespace, &body.into());
        written.expect("a valid object").object.meta().uid.clone()
    }

    /// A ConfigMap with owners.
    pub(crate) fn config_map(&mut self, name: &str, owners: Value) -> Uid {
        self.create(
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "ownerReferences": owners}}),
        )
    }

    pub(crate) fn namespace(&mut self, name: &str) {
        self.create(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}));
    }

    pub(crate) fn pod(&mut self, namespace: &str, name: &str, owners: Value) -> Uid {
        self.create(json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "namespace": namespace, "ownerReferences": owners},
            "spec": {"containers": [{"name": "c", "image": "app:1"}]}}))
    }

    /// Puts a pod on a node, so that its deletion takes its grace period.
    pub(crate) fn bind(&mut self, namespace: &str, name: &str) {
        self.server
            .bind(&self.request(), namespace, name, &Binding { node: "node-1".into(), ..Binding::default() })
            .expect("an unbound pod");
    }

    pub(crate) fn patch(&mut self, key: &ObjectKey, subresource: Subresource, body: &Value) {
        self.server.patch(&self.request(), key, subresource, (PatchType::Merge, body)).expect("a valid patch");
    }

    pub(crate) fn delete(&mut self, key: &ObjectKey, propagation: Propagation) {
        let options = DeleteOptions { propagation: Some(propagation), ..DeleteOptions::default() };
        self.server.delete(&self.request(), key, &options).expect("an object to delete");
    }

    /// What the kubelet does last.
    pub(crate) fn kill(&mut self, namespace: &str, name: &str) {
        let options = DeleteOptions { grace_period_seconds: Some(0), ..DeleteOptions::default() };
        let key = ObjectKey::new(Kind::Pod, namespace, name);
        self.server.delete(&self.request(), &key, &options).expect("a pod to delete");
    }

    pub(crate) fn get(&self, key: &ObjectKey) -> Option<&Object> {
        self.server.store().get(key)
    }

    /// The names of a kind's objects in a namespace.
    pub(crate) fn names(&self, kind: Kind, namespace: &str) -> Vec<String> {
        self.server.store().list(kind, Some(namespace)).into_iter().map(|o| o.meta().name.to_string()).collect()
    }

    /// Type, status, reason and message of a namespace's conditions, one a line.
    pub(crate) fn conditions(&self, name: &str) -> String {
        let namespace = self.server.get::<Namespace>("", name).expect("the namespace");
        let list = namespace.body.status.iter().flat_map(|s| s.conditions.iter().flatten());
        let line = |c: &k8s_openapi::api::core::v1::NamespaceCondition| {
            let text = |t: &Option<String>| t.clone().unwrap_or_default();
            format!("{} {} {}: {}\n", c.type_, c.status, text(&c.reason), text(&c.message))
        };
        list.map(line).collect()
    }

    /// Runs everything that is to be done at this instant.
    pub(crate) fn settle(&mut self) {
        for _ in 0..ROUNDS_MAX {
            while self.deliver_next() {}
            if !self.process_next() {
                self.collect_timers();
                return;
            }
        }
        panic!("the controllers do not come to rest");
    }

    /// Delivers the next change to all controllers.
    pub(crate) fn deliver_next(&mut self) -> bool {
        let Some(delivery) = self.informers.deliver_next(self.server.store().log()) else { return false };
        let cx = EventContext { informers: &self.informers, clock: self.clock, cause: 0 };
        self.gc.handle(&cx, &delivery);
        self.namespaces.handle(&cx, &delivery);
        self.quotas.handle(&cx, &delivery);
        self.claims.handle(&cx, &delivery);
        self.volumes.handle(&cx, &delivery);
        self.binder.handle(&cx, &delivery);
        self.storage.handle(&cx, &delivery);
        true
    }

    fn process_next(&mut self) -> bool {
        let Self { server, informers, recorder, clock, .. } = self;
        let client = Client::new(server, recorder, *clock, GarbageCollector::NAME);
        let mut cx = SyncContext::new(informers, client);
        process_next_work_item(&mut self.gc, &mut cx).is_some()
            || process_next_work_item(&mut self.namespaces, &mut cx).is_some()
            || process_next_work_item(&mut self.quotas, &mut cx).is_some()
            || process_next_work_item(&mut self.claims, &mut cx).is_some()
            || process_next_work_item(&mut self.volumes, &mut cx).is_some()
            || process_next_work_item(&mut self.binder, &mut cx).is_some()
            || process_next_work_item(&mut self.storage, &mut cx).is_some()
    }

    fn collect_timers(&mut self) {
        let garbage = self.gc.queue().take_timers().into_iter().map(|t| (t.due, Due::Garbage(t.key)));
        self.timers.extend(garbage);
        let namespaces = self.namespaces.queue().take_timers().into_iter();
        self.timers.extend(namespaces.map(|t| (t.due, Due::Namespace(t.key))));
        let quotas = self.quotas.queue().take_timers().into_iter();
        self.timers.extend(quotas.map(|t| (t.due, Due::Quota(t.key))));
        let binder = self.binder.queue().take_timers().into_iter();
        self.timers.extend(binder.map(|t| (t.due, Due::Binder(t.key))));
        let storage = self.storage.queue().take_timers().into_iter();
        self.timers.extend(storage.map(|t| (t.due, Due::Storage(t.key))));
        self.timers.sort_by_key(|(due, _)| *due);
    }

    /// Runs for so long.
    pub(crate) fn advance(&mut self, time: Duration) {
        let end = self.clock.now() + time;
        self.settle();
        while self.timers.first().is_some_and(|(due, _)| *due <= end) {
            let (due, what) = self.timers.remove(0);
            self.clock = self.clock.at(due);
            match what {
                Due::Garbage(key) => self.gc.queue().fire(&key, due, 0),
                Due::Namespace(key) => self.namespaces.queue().fire(&key, due, 0),
                Due::Quota(key) => self.quotas.queue().fire(&key, due, 0),
                Due::Binder(key) => self.binder.queue().fire(&key, due, 0),
                Due::Storage(key) => self.storage.queue().fire(&key, due, 0),
            }
            self.settle();
        }
        self.clock = self.clock.at(end);
    }

    /// How many timers are set.
    pub(crate) fn timer_count(&self) -> usize {
        self.timers.len()
    }
}

/// A reference to an owner.
pub(crate) fn owner(api_version: &str, kind: &str, name: &str, uid: &Uid) -> Value {
    json!({"apiVersion": api_version, "kind": kind, "name": name, "uid": uid.to_string()})
}

/// A reference to an owner whose foreground deletion waits.
pub(crate) fn blocking(api_version: &str, kind: &str, name: &str, uid: &Uid) -> Value {
    json!({"apiVersion": api_version, "kind": kind, "name": name, "uid": uid.to_string(), "blockOwnerDeletion": true})
}
