//! What wakes the controller: which DaemonSets a change is about.
//!
//! Mirrors pkg/controller/daemon/daemon_controller.go (handlers) (v1.36). Conditions of nodes wake nobody, and a node that is
//! gone does not either: the pods that go with it do.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Taint;
use seatrial_api::{ControllerRevision, DaemonSet, NamespacedName, Node, Object, ObjectMeta, Pod, Resource, Uid};
use seatrial_machinery::{Delivery, EventContext, Informers};

use super::controller::DaemonSetsController;
use super::facts::Wanted;
use super::set::SetState;

impl DaemonSetsController {
    pub(super) fn on_delivery(&mut self, cx: &EventContext<'_>, delivery: &Delivery<'_>) {
        if let Some(Object::DaemonSet(_)) = delivery.object() {
            return self.on_daemon_set(cx, delivery.old_as(), delivery.new_as());
        }
        if self.sets.is_empty() {
            return;
        }
        match delivery.object() {
            Some(Object::Pod(_)) => self.on_pod(cx, delivery.old_as(), delivery.new_as()),
            Some(Object::Node(_)) => self.on_node(cx, delivery.old_as(), delivery.new_as()),
            Some(Object::ControllerRevision(_)) => self.on_history(cx, delivery.old_as(), delivery.new_as()),
            _ => {}
        }
    }

    fn on_daemon_set(&mut self, cx: &EventContext<'_>, old: Option<&Arc<DaemonSet>>, new: Option<&Arc<DaemonSet>>) {
        if let Some(old) = old.filter(|old| new.is_none_or(|new| new.meta.uid != old.meta.uid)) {
            self.sets.remove(&old.meta.uid);
            self.expectations.delete_expectations(&old.namespaced_name());
            self.queue.add(old.namespaced_name(), cx.cause);
        }
        let Some(new) = new else { return };
        match self.sets.get_mut(&new.meta.uid) {
            Some(state) => state.set_changed(new),
            None => drop(self.sets.insert(new.meta.uid.clone(), Box::new(SetState::new(new)))),
        }
        self.queue.add(new.namespaced_name(), cx.cause);
    }

    fn on_pod(&mut self, cx: &EventContext<'_>, old: Option<&Arc<Pod>>, new: Option<&Arc<Pod>>) {
        let owner = |pod: Option<&Arc<Pod>>| pod.and_then(|p| cx.informers.daemon_sets.controller_of(&p.meta));
        let (was, is) = (owner(old), owner(new));
        let moved = was.map(|ds| &ds.meta.uid) != is.map(|ds| &ds.meta.uid);
        if let (Some(was), Some(old)) = (was.filter(|_| moved), old) {
            self.note_pod(&was.meta.uid, Some(old), None);
        }
        if let (Some(is), Some(new)) = (is, new) {
            self.note_pod(&is.meta.uid, old.filter(|_| !moved).map(|p| &**p), Some(new));
        }
        match (old, new) {
            (_, None) => old.into_iter().for_each(|pod| self.delete_pod(cx, pod)),
            (_, Some(new)) if new.meta.is_deleting() => self.delete_pod(cx, new),
            (None, Some(new)) => self.add_pod(cx, is, new),
            (Some(old), Some(new)) => self.update_pod(cx, old, new),
        }
    }

    fn note_pod(&mut self, uid: &Uid, old: Option<&Pod>, new: Option<&Arc<Pod>>) {
        if let Some(state) = self.sets.get_mut(uid) {
            state.pod_changed(old, new);
        }
    }

    fn add_pod(&mut self, cx: &EventContext<'_>, owner: Option<&Arc<DaemonSet>>, pod: &Pod) {
        match owner {
            Some(ds) => {
                let key = ds.namespaced_name();
                self.expectations.creation_observed(&key);
                self.queue.add(key, cx.cause);
            }
            None if pod.meta.controller_of().is_none() => self.enqueue_adopters(cx, pod),
            None => {}
        }
    }

    fn update_pod(&mut self, cx: &EventContext<'_>, old: &Pod, new: &Pod) {
        let owner_changed = old.meta.controller_of() != new.meta.controller_of();
        if owner_changed && let Some(ds) = cx.informers.daemon_sets.controller_of(&old.meta) {
            self.queue.add(ds.namespaced_name(), cx.cause);
        }
        if new.meta.controller_of().is_some() {
            let Some(ds) = cx.informers.daemon_sets.controller_of(&new.meta) else { return };
            let key = ds.namespaced_name();
            let seconds = ds.spec.min_ready_seconds.unwrap_or(0);
            if seconds > 0 && !old.is_ready() && new.is_ready() {
                // The time a pod became ready is told in whole seconds, so it may be available a moment later.
                let delay = Duration::from_secs(u64::from(seconds.unsigned_abs()) + 1);
                self.queue.add_after(key.clone(), delay, cx.clock.now());
            }
            self.queue.add(key, cx.cause);
        } else if owner_changed || old.meta.labels != new.meta.labels {
            self.enqueue_adopters(cx, new);
        }
    }

    fn delete_pod(&mut self, cx: &EventContext<'_>, pod: &Pod) {
        if let Some(ds) = cx.informers.daemon_sets.controller_of(&pod.meta) {
            let key = ds.namespaced_name();
            self.expectations.deletion_observed(&key);
            self.queue.add(key, cx.cause);
        }
    }

    /// An orphan may be what several sets are looking for.
    fn enqueue_adopters(&mut self, cx: &EventContext<'_>, pod: &Pod) {
        for ds in self.selecting(cx.informers, &pod.meta) {
            if let Some(state) = self.sets.get_mut(&ds.meta.uid) {
                state.may_adopt = true;
            }
            self.queue.add(ds.namespaced_name(), cx.cause);
        }
    }

    /// The sets of a namespace that select an object. Mirrors `getDaemonSetsForPod`.
    fn selecting<'i>(&self, informers: &'i Informers, meta: &ObjectMeta) -> Vec<&'i Arc<DaemonSet>> {
        if meta.labels.is_empty() {
            return Vec::new();
        }
        let mut sets = informers.daemon_sets.list(Some(&meta.namespace));
        sets.retain(|ds| {
            let selector = self.sets.get(&ds.meta.uid).map(|state| &state.facts.selector);
            selector.is_some_and(|s| !s.is_empty() && s.matches(&meta.labels))
        });
        sets
    }

    fn on_node(&mut self, cx: &EventContext<'_>, old: Option<&Arc<Node>>, new: Option<&Arc<Node>>) {
        let is_same = |old: &Node, new: &Node| old.meta.labels == new.meta.labels && taints(old) == taints(new);
        if old.zip(new).is_some_and(|(old, new)| is_same(old, new)) {
            return;
        }
        for ds in cx.informers.daemon_sets.list(None) {
            let Some(state) = self.sets.get_mut(&ds.meta.uid) else { continue };
            match (old, new) {
                (_, Some(node)) => {
                    let wanted = state.node_changed(node);
                    if is_to_be_synced(cx.informers, ds, node, wanted) {
                        self.queue.add(ds.namespaced_name(), cx.cause);
                    }
                }
                (Some(gone), None) => state.node_gone(&gone.meta.name),
                (None, None) => {}
            }
        }
    }

    fn on_history(
        &mut self,
        cx: &EventContext<'_>,
        old: Option<&Arc<ControllerRevision>>,
        new: Option<&Arc<ControllerRevision>>,
    ) {
        let owner =
            |r: Option<&Arc<ControllerRevision>>| r.and_then(|r| cx.informers.daemon_sets.controller_of(&r.meta));
        let (was, is) = (owner(old), owner(new));
        for ds in was.into_iter().chain(is) {
            self.note_history(&ds.meta.uid);
        }
        let mut keys: Vec<NamespacedName> = Vec::new();
        match (old, new) {
            (None, Some(new)) if !new.meta.is_deleting() && new.meta.controller_of().is_none() => {
                keys = self.adopters_of(cx.informers, new);
            }
            // The set has just made it.
            (None, Some(new)) if !new.meta.is_deleting() => {}
            (Some(old), Some(new)) => {
                let owner_changed = old.meta.controller_of() != new.meta.controller_of();
                keys.extend(was.filter(|_| owner_changed).map(|ds| ds.namespaced_name()));
                keys.extend(is.map(|ds| ds.namespaced_name()));
                let is_orphan = new.meta.controller_of().is_none();
                if is_orphan && (owner_changed || old.meta.labels != new.meta.labels) {
                    keys.extend(self.adopters_of(cx.informers, new));
                }
            }
            _ => keys.extend(is.or(was).map(|ds| ds.namespaced_name())),
        }
        for key in keys {
            self.queue.add(key, cx.cause);
        }
    }

    fn adopters_of(&mut self, informers: &Informers, revision: &ControllerRevision) -> Vec<NamespacedName> {
        let sets = self.selecting(informers, &revision.meta);
        for ds in &sets {
            self.note_history(&ds.meta.uid);
        }
        sets.into_iter().map(|ds| ds.namespaced_name()).collect()
    }

    fn note_history(&mut self, uid: &Uid) {
        if let Some(state) = self.sets.get_mut(uid) {
            state.history.is_stale = true;
        }
    }
}

fn taints(node: &Node) -> &[Taint] {
    node.body.spec.as_ref().and_then(|s| s.taints.as_deref()).unwrap_or_default()
}

/// Whether a node that is new or has other labels or taints means something to do. Mirrors `syncNodeUpdate` of v1.36.
fn is_to_be_synced(informers: &Informers, ds: &DaemonSet, node: &Node, wanted: Wanted) -> bool {
    let is_scheduled = informers.pods_on(&node.meta.name).iter().any(|pod| pod.meta.is_controlled_by(&ds.meta.uid));
    match is_scheduled {
        false => wanted.should_run,
        true => !wanted.should_continue || ds.status.number_misscheduled > 0,
    }
}
