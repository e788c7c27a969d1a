//! An API server, the informers and the controller, step by step.

use std::sync::Arc;
use std::time::Duration;

use seatrial_api::{
    Condition, ConditionStatus, DaemonSet, Event, Kind, NamespacedName, ObjectKey, Pod, PodPhase, Resource, Time,
    pod_condition,
};
use seatrial_apiserver::patch::PatchType;
use seatrial_apiserver::{ApiServer, ApiServerOptions, Binding, RequestInfo, Subresource};
use seatrial_machinery::{
    Client, Clock, Controller, DeleteOptions, EventContext, EventRecorder, Informers, SimTime, SyncContext,
    process_next_work_item,
};
use serde_json::{Value, json};

use crate::daemon::DaemonSetsController;

/// 2024-01-01T00:00:00Z
const START: Time = Time::from_unix(1_704_067_200);
/// More rounds than any test needs: a controller that never rests fails the test.
const ROUNDS_MAX: usize = 10_000;

pub(super) struct Harness {
    pub(super) server: ApiServer,
    pub(super) informers: Informers,
    pub(super) controller: DaemonSetsController,
    recorder: EventRecorder,
    clock: Clock,
    timers: Vec<(SimTime, NamespacedName)>,
}

impl Harness {
    /// A cluster of so many nodes, `n-000` and on.
    pub(super) fn with_nodes(count: usize) -> Self {
        let mut server = ApiServer::new(ApiServerOptions { seed: 1, ..ApiServerOptions::default() });
        server.bootstrap(&RequestInfo::new(START, "test")).expect("a new server has no namespaces");
        let mut harness = Self {
            server,
            informers: Informers::default(),
            controller: DaemonSetsController::default(),
            recorder: EventRecorder::default(),
            clock: Clock::starting_at(START),
            timers: Vec::new(),
        };
        for index in 0..count {
            harness.create(json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": format!("n-{index:03}")}}));
            // A node that is new is tainted until it is ready.
            harness.taint(&format!("n-{index:03}"), "");
        }
        harness
    }

    fn request(&self) -> RequestInfo<'static> {
        RequestInfo::new(self.clock.time(), "test")
    }

    pub(super) fn now(&self) -> Duration {
        Duration::from_nanos(self.clock.now().as_nanos())
    }

    pub(super) fn create(&mut self, body: Value) {
        let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let kind = Kind::of(&text("/apiVersion"), &text("/kind")).expect("a served kind");
        let namespace = text("/metadata/namespace");
        self.server.create_json(&self.request(), kind, &namespace, &body.into()).expect("a valid object");
    }

    /// Creates the DaemonSet `agent` with this in its spec.
    pub(super) fn create_set(&mut self, spec: Value) {
        let mut body = json!({"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "agent", "namespace": "default"},
            "spec": {"selector": {"matchLabels": {"app": "agent"}},
                "template": {"metadata": {"labels": {"app": "agent"}}, "spec": {"containers": [{"name": "c", "image": "app:1"}]}}}});
        merge(&mut body["spec"], spec);
        self.create(body);
    }

    fn key(kind: Kind, name: &str) -> ObjectKey {
        ObjectKey::new(kind, if kind.info().namespaced { "default" } else { "" }, name)
    }

    pub(super) fn patch(&mut self, kind: Kind, name: &str, body: Value) {
        self.patch_part(kind, name, Subresource::Main, &body);
    }

    pub(super) fn patch_status(&mut self, kind: Kind, name: &str, body: Value) {
        self.patch_part(kind, name, Subresource::Status, &body);
    }

    fn patch_part(&mut self, kind: Kind, name: &str, part: Subresource, body: &Value) {
        let (request, key) = (self.request(), Self::key(kind, name));
        self.server.patch(&request, &key, part, (PatchType::Merge, body)).expect("a valid patch");
    }

    pub(super) fn patch_set(&mut self, body: Value) {
        self.patch(Kind::DaemonSet, "agent", body);
    }

    pub(super) fn image(&mut self, image: &str) {
        self.patch_set(json!({"spec": {"template": {"spec": {"containers": [{"name": "c", "image": image}]}}}}));
    }

    pub(super) fn taint(&mut self, node: &str, effect: &str) {
        let taints = if effect.is_empty() { json!([]) } else { json!([{"key": "test", "effect": effect}]) };
        self.patch(Kind::Node, node, json!({"spec": {"taints": taints}}));
    }

    pub(super) fn delete(&mut self, kind: Kind, name: &str) {
        let (request, key) = (self.request(), Self::key(kind, name));
        self.server.delete(&request, &key, &DeleteOptions::default()).expect("an object to delete");
    }

    /// The pods by the node they are for, then by age.
    pub(super) fn pods(&self) -> Vec<Arc<Pod>> {
        let mut pods: Vec<Arc<Pod>> =
            self.server.store().list_as::<Pod>(Some("default")).into_iter().cloned().collect();
        pods.sort_by_key(|p| (p.target_node().cloned(), p.meta.created(), p.meta.uid.clone()));
        pods
    }

    pub(super) fn names_of_pods(&self) -> Vec<String> {
        self.pods().iter().map(|p| p.meta.name.to_string()).collect()
    }

    pub(super) fn index_of(&self, node: &str) -> usize {
        self.pods().iter().position(|p| p.target_node().is_some_and(|n| n == node)).expect("a pod of the node")
    }

    /// The pod that is not bound.
    pub(super) fn unbound(&self) -> usize {
        self.pods().iter().position(|p| p.node_name.is_empty()).expect("a pod that is not bound")
    }

    pub(super) fn bind(&mut self, index: usize) {
        let pod = self.pods()[index].clone();
        let node = pod.target_node().expect("a daemon pod has a node").to_string();
        let request = self.request();
        self.server
            .bind(&request, "default", &pod.meta.name, &Binding { node: node.as_str().into(), ..Binding::default() })
            .expect("an unbound pod");
    }

    fn write_status(&mut self, index: usize, change: impl FnOnce(&mut Pod)) {
        let mut pod = Pod::clone(&self.pods()[index]);
        change(&mut pod);
        let request = self.request();
        self.server.update_status(&request, pod).expect("the pod is there");
    }

    pub(super) fn make_ready(&mut self, index: usize) {
        let condition = Condition::new(pod_condition::READY, ConditionStatus::True, self.clock.time());
        self.write_status(index, |pod| {
            pod.status.phase = PodPhase::Running;
            pod.status.conditions = pod.status.conditions.with_last(condition);
        });
    }

    pub(super) fn end_pod(&mut self, index: usize, phase: PodPhase) {
        self.write_status(index, |pod| pod.status.phase = phase);
    }

    pub(super) fn delete_pod(&mut self, index: usize) {
        let name = self.pods()[index].meta.name.to_string();
        self.delete(Kind::Pod, &name);
    }

    /// What kubelets do last.
    pub(super) fn finish_deletions(&mut self) {
        let options = DeleteOptions { grace_period_seconds: Some(0), ..DeleteOptions::default() };
        for pod in self.pods().iter().filter(|p| p.meta.is_deleting()) {
            let (request, key) = (self.request(), Self::key(Kind::Pod, &pod.meta.name));
            self.server.delete(&request, &key, &options).expect("a pod to delete");
        }
    }

    /// The nodes of the pods that are on their way out.
    pub(super) fn deleting(&self) -> Vec<String> {
        let pods = self.pods();
        pods.iter().filter(|p| p.meta.is_deleting()).filter_map(|p| Some(p.target_node()?.to_string())).collect()
    }

    /// How many pods each node has.
    pub(super) fn pods_by_node(&self) -> String {
        let mut counts: std::collections::BTreeMap<String, usize> = std::collections::BTreeMap::new();
        for pod in self.pods() {
            *counts.entry(pod.target_node().map(ToString::to_string).unwrap_or_default()).or_default() += 1;
        }
        counts.iter().map(|(node, count)| format!("{node}:{count}")).collect::<Vec<_>>().join(" ")
    }

    /// A pod that nobody owns, made for a node, that the set selects.
    pub(super) fn orphan_pod(&mut self, name: &str, node: &str) {
        let affinity = json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms":
            [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}]}}});
        self.create(json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "default", "labels": {"app": "agent"}},
            "spec": {"affinity": affinity, "containers": [{"name": "c", "image": "app:1"}]}}));
    }

    /// The same on the node.
    pub(super) fn orphan_pod_bound(&mut self, name: &str, node: &str) {
        self.create(json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "default", "labels": {"app": "agent"}},
            "spec": {"nodeName": node, "containers": [{"name": "c", "image": "app:1"}]}}));
    }

    pub(super) fn plain_pod() -> Pod {
        let api = json!({"metadata": {"name": "p"}, "spec": {"containers": []}});
        Pod::from_api(serde_json::from_value(api).expect("a pod")).expect("it converts")
    }

    pub(super) fn set(&self) -> Arc<DaemonSet> {
        Arc::clone(self.server.get::<DaemonSet>("default", "agent").expect("the set"))
    }

    pub(super) fn owner(&self) -> Value {
        let set = self.set();
        json!({"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "agent", "uid": set.meta.uid.to_string(), "controller": true})
    }

    pub(super) fn status(&self) -> String {
        let s = self.set().status.clone();
        let zero = |n: Option<i32>| n.unwrap_or(0);
        format!(
            "desired {} current {} misscheduled {} ready {} updated {} available {} unavailable {} observed {}",
            s.desired_number_scheduled,
            s.current_number_scheduled,
            s.number_misscheduled,
            s.number_ready,
            zero(s.updated_number_scheduled),
            zero(s.number_available),
            zero(s.number_unavailable),
            s.observed_generation.unwrap_or(0),
        )
    }

    /// Type, reason and message of all events about the set in the order in which they came, random suffixes as `*`.
    pub(super) fn events(&self) -> Vec<String> {
        let mut events: Vec<&Arc<Event>> = self.server.store().list_as::<Event>(Some("default"));
        events.retain(|e| e.involved_object.kind == "DaemonSet");
        events.sort_by_key(|e| e.meta.resource_version);
        let names = |text: &str| {
            let word = |w: &str| match w.find("agent-") {
                Some(at) if !w.contains('"') => format!("{}agent-*", &w[..at]),
                _ => w.to_owned(),
            };
            text.split(' ').map(word).collect::<Vec<_>>().join(" ")
        };
        events.iter().map(|e| format!("{} {} {}", e.type_, e.reason, names(&e.message))).collect()
    }

    pub(super) fn names(&self, kind: Kind) -> Vec<String> {
        self.server.store().list(kind, Some("default")).into_iter().map(|o| o.meta().name.to_string()).collect()
    }

    /// The numbers of the revisions.
    pub(super) fn revisions(&self) -> Vec<i64> {
        let all = self.server.store().list_as::<seatrial_api::ControllerRevision>(Some("default"));
        let mut numbers: Vec<i64> = all.into_iter().map(|r| r.body.revision).collect();
        numbers.sort_unstable();
        numbers
    }

    /// Queues the set, whatever the reason.
    pub(super) fn enqueue(&mut self) {
        let key = self.set().namespaced_name();
        self.controller.queue().add(key, 0);
    }

    fn deliver_next(&mut self) -> bool {
        let Some(delivery) = self.informers.deliver_next(self.server.store().log()) else { return false };
        let cx = EventContext { informers: &self.informers, clock: self.clock, cause: 0 };
        self.controller.handle(&cx, &delivery);
        true
    }

    /// Delivers all changes.
    pub(super) fn deliver(&mut self) {
        while self.deliver_next() {}
    }

    /// Delivers changes to the caches until the last one is about the set; those about pods do not reach the controller.
    pub(super) fn deliver_sets_only(&mut self) {
        while let Some(delivery) = self.informers.deliver_next(self.server.store().log()) {
            if delivery.kind() == Some(Kind::DaemonSet) {
                let cx = EventContext { informers: &self.informers, clock: self.clock, cause: 0 };
                self.controller.handle(&cx, &delivery);
            }
        }
    }

    /// Syncs once; whether there was something queued.
    pub(super) fn sync_one(&mut self) -> bool {
        if self.informers.daemon_sets.is_empty() {
            self.deliver();
        }
        let Self { server, informers, recorder, clock, controller, .. } = self;
        let client = Client::new(server, recorder, *clock, DaemonSetsController::NAME);
        let synced = process_next_work_item(controller, &mut SyncContext::new(informers, client));
        let timers = controller.queue().take_timers().into_iter().map(|t| (t.due, t.key));
        self.timers.extend(timers);
        self.timers.sort_by_key(|(due, _)| *due);
        synced.is_some()
    }

    /// Runs everything that is to be done at this instant.
    pub(super) fn settle(&mut self) {
        for _ in 0..ROUNDS_MAX {
            self.deliver();
            if !self.sync_one() {
                return;
            }
        }
        panic!("the controller does not come to rest");
    }

    /// Runs for so long.
    pub(super) fn advance(&mut self, time: Duration) {
        let end = self.clock.now() + time;
        self.settle();
        while self.timers.first().is_some_and(|(due, _)| *due <= end) {
            let (due, key) = self.timers.remove(0);
            self.clock = self.clock.at(due);
            self.controller.queue().fire(&key, due, 0);
            self.settle();
        }
        self.clock = self.clock.at(end);
    }
}

/// Puts one object of JSON over another.
fn merge(into: &mut Value, over: Value) {
    match (into, over) {
        (Value::Object(into), Value::Object(over)) => {
            for (key, value) in over {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, over) => *into = over,
    }
}
