//! Which claims are in use, and the finalizer that keeps them.
//!
//! Mirrors pkg/controller/volume/pvcprotection/pvc_protection_controller.go (v1.36).

use seatrial_api::{ApiError, Finalizers, Kind, NamespacedName, ObjectMeta, PersistentVolumeClaim, Pod, Resource, Str};
use seatrial_machinery::{Aspects, Controller, Delivery, EventContext, PVC_PROTECTION_FINALIZER, Queue, SyncContext};

/// The PVC protection controller.
#[derive(Debug, Default)]
pub struct PvcProtectionController {
    queue: Queue,
}

impl Controller for PvcProtectionController {
    const NAME: &'static str = "pvc-protection-controller";
    const WATCHES: &'static [Kind] = &[Kind::PersistentVolumeClaim, Kind::Pod];

    fn queue(&mut self) -> &mut Queue {
        &mut self.queue
    }

    fn handle(&mut self, cx: &EventContext<'_>, delivery: &Delivery<'_>) {
        if let Some(claim) = delivery.new_as::<PersistentVolumeClaim>() {
            let protected = claim.meta.has_finalizer(PVC_PROTECTION_FINALIZER);
            if protected == claim.meta.is_deleting() {
                self.queue.add(claim.namespaced_name(), cx.cause);
            }
        }
        match (delivery.old_as::<Pod>(), delivery.new_as::<Pod>()) {
            // A pod that runs on a node only makes claims used, which frees nothing.
            (_, Some(pod)) if pod.node_name.is_empty() || pod.status.phase.is_terminal() => {
                self.enqueue_claims(cx, pod);
            }
            (Some(pod), None) => self.enqueue_claims(cx, pod),
            _ => {}
        }
    }

    fn heeds(&self) -> Aspects {
        Aspects::CLAIMS
    }

    fn sync(&mut self, cx: &mut SyncContext<'_>, key: &NamespacedName) -> Result<(), ApiError> {
        let claim = match cx.client.get_live::<PersistentVolumeClaim>(&key.namespace, &key.name) {
            Ok(claim) => claim,
            Err(error) if error.is_not_found() => return Ok(()),
            Err(error) => return Err(error),
        };
        let protected = claim.meta.has_finalizer(PVC_PROTECTION_FINALIZER);
        let finalizers = match (claim.meta.is_deleting(), protected) {
            (true, true) if !is_being_used(cx, &claim) => without(&claim.meta, PVC_PROTECTION_FINALIZER),
            (false, false) => with(&claim.meta, PVC_PROTECTION_FINALIZER),
            _ => return Ok(()),
        };
        let mut new = PersistentVolumeClaim::clone(&claim);
        new.meta.finalizers = finalizers;
        cx.client.update(new).map(drop)
    }
}

impl PvcProtectionController {
    fn enqueue_claims(&mut self, cx: &EventContext<'_>, pod: &Pod) {
        for (name, _) in pod.claims() {
            self.queue.add(NamespacedName { namespace: pod.meta.namespace.clone(), name }, cx.cause);
        }
    }
}

/// A list of finalizers without one.
pub(crate) fn without(meta: &ObjectMeta, finalizer: &str) -> Finalizers {
    meta.finalizers.iter().filter(|other| **other != finalizer).cloned().collect()
}

/// A list of finalizers with one more.
pub(crate) fn with(meta: &ObjectMeta, finalizer: &'static str) -> Finalizers {
    meta.finalizers.iter().cloned().chain([Str::from(finalizer)]).collect()
}

/// Whether a pod that has a node names the claim, whatever its phase. Mirrors `isBeingUsed`.
fn is_being_used(cx: &SyncContext<'_>, claim: &PersistentVolumeClaim) -> bool {
    let mut pods = cx.informers.pods_with_claim(&claim.meta.namespace, &claim.meta.name);
    let live = |pod: &Pod| cx.client.server().store().get_as::<Pod>(&pod.meta.namespace, &pod.meta.name);
    pods.any(|pod| live(pod).is_some_and(|pod| pod_uses_claim(pod, claim)))
}

/// Mirrors `podUsesPVC`: kubelets start no pod with a claim that is being deleted, so only pods with a node count.
fn pod_uses_claim(pod: &Pod, claim: &PersistentVolumeClaim) -> bool {
    if pod.node_name.is_empty() {
        return false;
    }
    pod.claims().any(|(name, is_own)| {
        *name == *claim.meta.name && (!is_own || (!is_shut_down(pod) && claim.meta.is_controlled_by(&pod.meta.uid)))
    })
}

/// Whether the kubelet has stopped everything of the pod. Mirrors `podIsShutDown`.
fn is_shut_down(pod: &Pod) -> bool {
    pod.meta.deletion.as_deref().is_some_and(|deletion| deletion.grace_period_seconds == Some(0))
}
