//! What the next timers and the last writes are about is fetched from memory before somebody looks at it.

use seatrial_api::{Kind, Object};

use super::Cluster;
use super::actors::Stimulus;
use super::trace::Actor;

/// Behind so many others comes the timer for which tables are asked where its pod lies.
const TABLES_AHEAD: usize = 3;

/// And the one whose pod itself is fetched: by then the tables have answered.
const PODS_AHEAD: usize = 1;

impl Cluster {
    /// Has fetched from memory what the timers behind the next one are about.
    #[inline]
    pub(super) fn fetch_ahead(&self) {
        if let Some(Stimulus::Kubelet(event)) = self.queue.ahead(TABLES_AHEAD)
            && let Some(slot) = self.kubelets.fetch(event)
        {
            self.server.store().fetch(Kind::Pod, slot);
            self.informers.pods.fetch(slot);
            self.scheduler.fetch(slot);
        }
        if let Some(Stimulus::Kubelet(event)) = self.queue.ahead(PODS_AHEAD) {
            self.kubelets.fetch_pod(event);
        }
    }

    /// Has fetched from memory what the scheduler and the kubelet know of a pod that was just written, while the controllers
    /// hear of it. A kubelet that wrote it has just looked at it.
    #[inline]
    pub(super) fn fetch_for(&self, by: Actor, written: &Object) {
        if let Object::Pod(pod) = written
            && by != Actor::Kubelet
        {
            self.scheduler.fetch(pod.meta.slot);
            self.kubelets.fetch_worker(pod.meta.slot);
        }
    }
}
