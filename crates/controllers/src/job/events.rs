//! What wakes the controller: which Jobs a change is about, and which expectations it fulfils.
//!
//! Mirrors pkg/controller/job/job_controller.go (handlers) (v1.36).

use std::sync::Arc;
use std::time::Duration;

use seatrial_api::{Job, NamespacedName, Object, ObjectMeta, OwnerReference, Pod, Resource, Uid};
use seatrial_machinery::{Delivery, EventContext, SimTime};

use super::controller::JobController;
use super::pods::KnownJob;
use super::utils::{has_tracking_finalizer, is_job_finished, selects};

const KIND: &str = "Job";

impl JobController {
    pub(super) fn on_delivery(&mut self, cx: &EventContext<'_>, delivery: &Delivery<'_>) {
        match delivery.object() {
            Some(Object::Pod(_)) => {
                let (old, new) = (delivery.old_as::<Pod>(), delivery.new_as::<Pod>());
                if old.zip(new).is_some_and(|(old, new)| self.own_pod_went_on(old, new, cx.clock.now())) {
                    return;
                }
                let may_concern = |pod: &Arc<Pod>| pod.meta.controller_of().is_none_or(|owner| owner.kind == KIND);
                if old.is_some_and(may_concern) || new.is_some_and(may_concern) {
                    self.on_pod(cx, old, new);
                }
            }
            Some(Object::Job(_)) => match (delivery.old_as::<Job>(), delivery.new_as::<Job>()) {
                (Some(old), Some(new)) if old.meta.uid == new.meta.uid => self.update_job(cx, old, new),
                (old, new) => {
                    if let Some(old) = old {
                        self.delete_job(cx, old);
                    }
                    if let Some(new) = new {
                        self.add_job(cx, new);
                    }
                }
            },
            _ => {}
        }
    }

    /// Takes the change of a pod that is and stays a known Job's and is not being deleted, as nearly all are: what
    /// [`Self::on_pod`] comes to for such. Returns whether it was one.
    fn own_pod_went_on(&mut self, old: &Pod, new: &Arc<Pod>, now: SimTime) -> bool {
        let (was, is) = (&old.meta, &new.meta);
        let goes_on = was.uid == is.uid
            && !is.is_deleting()
            && was.labels.ptr_eq(&is.labels)
            && was.owner_references.ptr_eq(&is.owner_references);
        let Some(owner) = job_reference(is).filter(|_| goes_on) else { return false };
        let Some(pods) = self.pods.get_mut(&owner.uid) else { return false };
        if !pods.job.as_ref().is_some_and(|job| job.is(owner, is)) {
            return false;
        }
        pods.apply(new);
        let Some(job) = &mut pods.job else { return true };
        job.enqueue_batched(&mut self.queue, now);
        if !has_tracking_finalizer(new) {
            let key = job.key.clone();
            self.finalizer_removal_observed(&key, &is.uid);
        }
        true
    }

    /// Takes any change of a pod.
    pub(super) fn on_pod(&mut self, cx: &EventContext<'_>, old: Option<&Arc<Pod>>, new: Option<&Arc<Pod>>) {
        let replaced = old.zip(new).is_some_and(|(old, new)| old.meta.uid != new.meta.uid);
        if replaced {
            self.on_pod(cx, old, None);
            return self.on_pod(cx, None, new);
        }
        self.note_pod(cx, old, new);
        match (old, new) {
            (None, Some(new)) => self.add_pod(cx, new),
            (Some(old), Some(new)) => self.update_pod(cx, old, new),
            (Some(old), None) => self.delete_pod(cx, old, true),
            (None, None) => {}
        }
    }

    /// Keeps what syncs ask about a Job's pods.
    fn note_pod(&mut self, cx: &EventContext<'_>, old: Option<&Arc<Pod>>, new: Option<&Arc<Pod>>) {
        let owner = |pod: Option<&Arc<Pod>>| pod.and_then(|p| job_reference(&p.meta)).map(|o| o.uid.clone());
        let (old_owner, new_owner) = (owner(old), owner(new));
        if let (Some(uid), Some(pod)) = (&old_owner, old)
            && old_owner != new_owner
        {
            self.forget_pod(uid, pod);
        }
        let (Some(uid), Some(pod)) = (new_owner, new) else { return };
        let is_selected_anew = old.is_none_or(|old| old.meta.labels != pod.meta.labels) || old_owner.is_none();
        let pods = self.pods.get_or_default(&uid);
        pods.apply(pod);
        if is_selected_anew && let Some(job) = cx.informers.jobs.controller_of(&pod.meta) {
            pods.set_stranger(&pod.meta.name, !selects(job, &pod.meta.labels));
        }
        if pods.is_empty() {
            self.pods.remove(&uid);
        }
    }

    fn forget_pod(&mut self, owner: &Uid, pod: &Pod) {
        let Some(pods) = self.pods.get_mut(owner) else { return };
        pods.forget(&pod.meta.uid, &pod.meta.name);
        if pods.is_empty() {
            self.pods.remove(owner);
        }
    }

    fn add_pod(&mut self, cx: &EventContext<'_>, pod: &Pod) {
        if pod.meta.is_deleting() {
            return self.delete_pod(cx, pod, false);
        }
        if pod.meta.controller_of().is_some() {
            if let Some(job) = self.job_of(&pod.meta) {
                let key = job.key.clone();
                self.expectations.creation_observed(&key);
                self.enqueue_owner(&pod.meta, cx.clock.now());
            }
            return;
        }
        self.orphan_seen(cx, pod, true);
    }

    fn update_pod(&mut self, cx: &EventContext<'_>, old: &Pod, new: &Pod) {
        if new.meta.is_deleting() {
            // A pod on its way out is replaced as soon as possible, not when it is gone.
            return self.delete_pod(cx, new, false);
        }
        let finalizer_removed = !has_tracking_finalizer(new);
        let owner_changed = !old.meta.owner_references.ptr_eq(&new.meta.owner_references)
            && old.meta.controller_of() != new.meta.controller_of();
        for (meta, concerns) in [(&old.meta, owner_changed), (&new.meta, true)] {
            if concerns
                && finalizer_removed
                && let Some(job) = self.job_of(meta)
            {
                let key = job.key.clone();
                self.finalizer_removal_observed(&key, &new.meta.uid);
            }
            if concerns {
                self.enqueue_owner(meta, cx.clock.now());
            }
        }
        if new.meta.controller_of().is_none() {
            self.orphan_seen(cx, new, owner_changed || old.meta.labels != new.meta.labels);
        }
    }

    /// Nobody counts an orphan; perhaps a Job wants to have it.
    fn orphan_seen(&mut self, cx: &EventContext<'_>, pod: &Pod, is_news: bool) {
        if has_tracking_finalizer(pod) {
            self.enqueue_orphan_pod(cx, pod);
        }
        if !is_news || pod.meta.labels.is_empty() || cx.informers.jobs.is_empty() {
            return;
        }
        let jobs = cx.informers.jobs.list(Some(&pod.meta.namespace)).into_iter();
        for job in jobs.filter(|job| selects(job, &pod.meta.labels)) {
            self.enqueue_sync_job_batched(&job.meta.uid, cx.clock.now());
        }
    }

    /// A pod is being deleted, or is gone.
    fn delete_pod(&mut self, cx: &EventContext<'_>, pod: &Pod, is_final: bool) {
        let has_finalizer = has_tracking_finalizer(pod);
        let job = self.job_of(&pod.meta).filter(|job| !job.is_finished);
        let Some(key) = job.map(|job| job.key.clone()) else {
            let is_ours = pod.meta.controller_of().is_none_or(|owner| owner.kind == KIND);
            if has_finalizer && !is_final && is_ours {
                // No sync of a Job will take it off.
                self.enqueue_orphan_pod(cx, pod);
            }
            return;
        };
        self.expectations.deletion_observed(&key);
        if is_final || !has_finalizer {
            self.finalizer_removal_observed(&key, &pod.meta.uid);
        }
        self.enqueue_owner(&pod.meta, cx.clock.now());
    }

    fn add_job(&mut self, cx: &EventContext<'_>, job: &Arc<Job>) {
        let pods = self.pods.get_or_default(&job.meta.uid);
        let is_finished = is_job_finished(job);
        pods.job = Some(KnownJob { key: job.namespaced_name(), is_finished, is_batched: false });
        // Where the Job is known later than its pods.
        for pod in pods.known() {
            pods.set_stranger(&pod.meta.name, !selects(job, &pod.meta.labels));
        }
        self.queue.add(job.namespaced_name(), cx.cause);
    }

    fn update_job(&mut self, cx: &EventContext<'_>, old: &Job, new: &Arc<Job>) {
        let key = new.namespaced_name();
        let is_finished = is_job_finished(new);
        if let Some(job) = self.pods.get_mut(&new.meta.uid).and_then(|pods| pods.job.as_mut()) {
            job.is_finished = is_finished;
        }
        if old.meta.generation == new.meta.generation {
            self.enqueue_sync_job_batched(&new.meta.uid, cx.clock.now());
        } else {
            self.queue.add(key.clone(), cx.cause);
        }
        if is_finished {
            // All finalizers are gone by then, unless somebody else has finished the Job.
            self.cleanup_pod_finalizers(cx, new);
        }
        let deadline = |job: &Job| job.body.spec.as_ref().and_then(|spec| spec.active_deadline_seconds);
        let start = new.body.status.as_ref().and_then(|status| status.start_time.as_ref());
        if let (Some(start), Some(seconds)) = (start, deadline(new))
            && deadline(old) != Some(seconds)
        {
            let delay = cx.clock.until(seatrial_api::Time::from(start).plus_seconds(seconds));
            self.queue_after_in_background(key, delay, cx);
        }
    }

    fn queue_after_in_background(&mut self, key: NamespacedName, delay: Duration, cx: &EventContext<'_>) {
        if delay.is_zero() {
            self.queue.add(key, cx.cause);
        } else {
            self.queue.add_after_in_background(key, delay, cx.clock.now());
        }
    }

    fn delete_job(&mut self, cx: &EventContext<'_>, job: &Arc<Job>) {
        self.forget_template(&job.meta.uid);
        self.queue.add(job.namespaced_name(), cx.cause);
        self.cleanup_pod_finalizers(cx, job);
        let Some(pods) = self.pods.get_mut(&job.meta.uid) else { return };
        pods.job = None;
        if pods.is_empty() {
            self.pods.remove(&job.meta.uid);
        }
    }

    /// What is known of the Job that controls an object: kind, name and uid have to agree.
    fn job_of(&self, meta: &ObjectMeta) -> Option<&KnownJob> {
        let owner = job_reference(meta)?;
        let job = self.pods.get(&owner.uid)?.job.as_ref()?;
        job.is(owner, meta).then_some(job)
    }

    fn enqueue_owner(&mut self, meta: &ObjectMeta, now: SimTime) {
        let Some(owner) = job_reference(meta) else { return };
        let job = self.pods.get_mut(&owner.uid).and_then(|pods| pods.job.as_mut());
        if let Some(job) = job.filter(|job| job.is(owner, meta)) {
            job.enqueue_batched(&mut self.queue, now);
        }
    }
}

/// The reference to a Job that controls an object.
fn job_reference(meta: &ObjectMeta) -> Option<&OwnerReference> {
    meta.controller_of().filter(|owner| owner.kind == KIND)
}
