//! The scheduler's turns that are about volumes: what wakes pods that wait for them, reserving them, and the wait until
//! they are bound.

use std::sync::Arc;

use seatrial_api::{Object, PersistentVolume, Pod, Resource, Slot, StorageClass, Str};
use seatrial_machinery::volumes::{ClaimPlace, VolumeIndex, claim_ref};
use seatrial_machinery::{Client, Delivery, EventContext, EventText, Informers, ObjectRef, SimTime};

use crate::diagnosis::{Diagnosis, truncate_message};
use crate::node_info::PodKind;
use crate::plugin::PluginSet;
use crate::schedule_one::{REASON_UNSCHEDULABLE, report};
use crate::scheduler::Scheduler;
use crate::volume_binding::{PodVolumes, Refusal};

/// What upstream's chain of PostFilter plugins ends with where a PreFilter plugin refused all nodes: the first of them
/// does not find what its own PreFilter would have left.
const POST_FILTER_NOT_FOUND: &str = "not found";

/// What was said last of a pod that was refused before any node was looked at: of its siblings the same is said.
#[derive(Debug)]
pub(crate) struct Refused {
    node_count: usize,
    refusal: Refusal,
    rejectors: PluginSet,
    message: Str,
}

impl Refused {
    fn new(node_count: usize, refusal: Refusal) -> Self {
        let diagnosis = Diagnosis::pre_filter(node_count, refusal.0, refusal.1.clone());
        let message = format!("{} {POST_FILTER_NOT_FOUND}", diagnosis.message()).into();
        Self { node_count, refusal, rejectors: diagnosis.rejectors(), message }
    }
}

impl Scheduler {
    /// Hears of volumes, claims and classes.
    pub(crate) fn on_storage(&mut self, cx: &EventContext<'_>, delivery: &Delivery<'_>) {
        match delivery.object() {
            Some(Object::PersistentVolume(_)) => {
                let new = delivery.new_as::<PersistentVolume>();
                match new.map(|new| claim_ref(new)) {
                    // A volume that is free may be what any pod waits for.
                    Some(None) => self.move_volume_waiters(cx.clock.now()),
                    Some(Some(claim)) => self.claim_changed(cx, claim.into()),
                    None => {}
                }
            }
            Some(Object::PersistentVolumeClaim(claim)) => self.claim_changed(cx, (&claim.meta).into()),
            Some(Object::StorageClass(_)) => {
                let (old, new) = (delivery.old_as::<StorageClass>(), delivery.new_as::<StorageClass>());
                let topologies = |class: &Arc<StorageClass>| class.body.allowed_topologies.clone();
                if new.is_some_and(|new| old.is_none_or(|old| topologies(old) != topologies(new))) {
                    self.move_volume_waiters(cx.clock.now());
                }
            }
            _ => return,
        }
        // What was found out of a pod's volumes no longer holds.
        self.cache.generation += 1;
    }

    fn move_volume_waiters(&mut self, now: SimTime) {
        if self.queue.has_unschedulable() {
            self.queue.move_of(now, |rejectors| rejectors.is_about_volumes(), |_| true);
        }
    }

    fn claim_changed(&mut self, cx: &EventContext<'_>, claim: ClaimPlace<'_>) {
        let now = cx.clock.now();
        for slot in cx.informers.slots_with_claim(claim) {
            // A pod that has a node is not in the queue.
            self.queue.move_at(slot, now, PluginSet::is_about_volumes);
            if self.waiting.is_empty() {
                continue;
            }
            if let Some(pod) = cx.informers.pods.at(slot).filter(|pod| pod.node_name.is_empty()) {
                self.waiting.wake(&pod.meta.uid, now);
            }
        }
    }

    /// Finds the pod's claims for the attempt to come. Mirrors `PreFilter` of the plugins of volumes.
    pub(crate) fn look_at_claims(
        &mut self,
        client: &Client<'_>,
        informers: &Informers,
        pod: &Pod,
        known: Slot,
    ) -> Result<(), Refusal> {
        // Most pods have no claims, and neither had those before them.
        if !self.cycle.is_empty() {
            self.cycle = PodVolumes::default();
        }
        if !pod.has_claims() {
            return Ok(());
        }
        let mut found = known;
        let volumes = PodVolumes::of(client, informers, &self.last_class, pod, &mut found);
        if found != known {
            self.queue.note_claim(pod, found);
        }
        self.cycle = volumes?;
        Ok(())
    }

    /// No node will do for the pod's volumes. Mirrors what follows when a PreFilter plugin refuses.
    pub(crate) fn fail_before_filters(&mut self, client: &mut Client<'_>, pod: &Arc<Pod>, refusal: Refusal) {
        let node_count = self.cache.nodes.len();
        if node_count == 0 {
            let diagnosis = Diagnosis::pre_filter(node_count, refusal.0, refusal.1);
            return self.fail(client, pod, None, &Arc::new(diagnosis));
        }
        if self.refused.as_ref().is_none_or(|last| last.node_count != node_count || last.refusal != refusal) {
            self.refused = Some(Refused::new(node_count, refusal));
        }
        let Some(Refused { rejectors, message, .. }) = &self.refused else { return };
        self.queue.add_unschedulable(pod, None, *rejectors, client.clock().now());
        let text = truncate_message(message);
        client.event(&ObjectRef::of(&**pod), &EventText::warning("FailedScheduling", &text));
        report(client, pod, None, (REASON_UNSCHEDULABLE, message));
    }

    /// Takes the node for the pod and writes what binds its claims; the pod waits until they are bound.
    pub(crate) fn wait_for_volumes(
        &mut self,
        client: &mut Client<'_>,
        volumes: &VolumeIndex,
        pod: &Arc<Pod>,
        index: usize,
    ) {
        let node = self.cache.nodes[index].name.clone();
        let bindings = self.cycle.find(volumes, &self.cache.nodes[index]).unwrap_or_default();
        // Room is kept for the pod no more: it has it. Mirrors `assume`.
        self.cache.forget_nominated(&pod.meta.uid);
        self.cache.count(index, pod);
        let now = client.clock().now();
        self.waiting.begin(&pod.meta.uid, pod.namespaced_name(), node.clone(), &bindings, now);
        if let Err(error) = bindings.write(client, &node) {
            self.give_up(client, pod, &error.to_string());
        }
    }

    /// Looks at the claims of the next pod that waits for them; returns whether there was one.
    pub(crate) fn look_at_waiting(&mut self, client: &mut Client<'_>) -> bool {
        let Some((uid, waiting)) = self.waiting.next_due() else { return false };
        let index = self.cache.index_of.get(&waiting.node).copied();
        // A pod that is gone leaves its room when its end is heard of.
        let Ok(pod) = client.get_live::<Pod>(&waiting.key.namespace, &waiting.key.name) else { return true };
        let checked = waiting.check(client, index.map(|index| &self.cache.nodes[index]));
        match (checked, index) {
            (Ok(true), Some(index)) => {
                self.waiting.remove(&uid);
                self.bind(client, &pod, index);
            }
            (Err(why), _) => self.give_up(client, &pod, &format!("binding volumes: {why}")),
            _ if waiting.is_over(client.clock().now()) => {
                self.give_up(client, &pod, "binding volumes: context deadline exceeded");
            }
            _ => {}
        }
        true
    }

    fn give_up(&mut self, client: &mut Client<'_>, pod: &Arc<Pod>, why: &str) {
        self.stop_waiting(pod);
        self.fail_binding_cycle(client, pod, &format!("running PreBind plugin \"VolumeBinding\": {why}"));
    }

    /// The pod waits no more, and leaves the room it was given; returns as what it was counted there.
    pub(crate) fn stop_waiting(&mut self, pod: &Pod) -> Option<Arc<PodKind>> {
        let waiting = self.waiting.remove(&pod.meta.uid)?;
        let index = self.cache.index_of.get(&waiting.node).copied()?;
        self.cache.remove(index, pod)
    }
}
