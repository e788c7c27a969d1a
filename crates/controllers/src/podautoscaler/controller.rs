//! The controller: every autoscaler is looked at every 15 seconds.
//!
//! Mirrors pkg/controller/podautoscaler/horizontal.go (queue and handlers) and rate_limiters.go (v1.36).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use seatrial_api::selector::Selector;
use seatrial_api::{ApiError, HorizontalPodAutoscaler, Kind, NamespacedName, Object, Resource};
use seatrial_machinery::{Controller, Delivery, EventContext, Queue, SyncContext};

use super::normalize::History;

/// Mirrors `--horizontal-pod-autoscaler-sync-period`.
const SYNC_PERIOD: Duration = Duration::from_secs(15);

/// The HorizontalPodAutoscaler controller.
#[derive(Debug, Default)]
pub struct HorizontalController {
    queue: Queue,
    /// What the controller remembers of each autoscaler between two looks.
    pub(super) histories: BTreeMap<NamespacedName, History>,
    /// Which pods each autoscaler was found to be about.
    pub(super) selectors: BTreeMap<NamespacedName, Selector>,
}

impl Controller for HorizontalController {
    const NAME: &'static str = "horizontal-pod-autoscaler";
    const WATCHES: &'static [Kind] = &[Kind::HorizontalPodAutoscaler];

    fn queue(&mut self) -> &mut Queue {
        &mut self.queue
    }

    fn handle(&mut self, cx: &EventContext<'_>, delivery: &Delivery<'_>) {
        let Some(Object::HorizontalPodAutoscaler(hpa)) = delivery.object() else { return };
        let key = hpa.namespaced_name();
        if delivery.new.is_none() {
            self.histories.remove(&key);
            self.selectors.remove(&key);
            return;
        }
        if delivery.old.is_none() {
            // It may select what another one does, before anything is known of it.
            self.selectors.insert(key.clone(), Selector::nothing());
        }
        self.queue.add_after_in_background(key, SYNC_PERIOD, cx.clock.now());
    }

    /// What goes wrong is told in the status and by events; the next look comes in any case.
    fn sync(&mut self, cx: &mut SyncContext<'_>, key: &NamespacedName) -> Result<(), ApiError> {
        let hpas = &cx.informers.horizontal_pod_autoscalers;
        let Some(hpa) = hpas.get(&key.namespace, &key.name).cloned() else { return Ok(()) };
        self.reconcile(cx, &hpa);
        let now = cx.clock().now();
        self.queue.add_after_in_background(key.clone(), SYNC_PERIOD, now);
        Ok(())
    }
}

impl HorizontalController {
    fn reconcile(&mut self, cx: &mut SyncContext<'_>, hpa: &Arc<HorizontalPodAutoscaler>) {
        if let Err(error) = self.reconcile_autoscaler(cx, hpa) {
            tracing::debug!(hpa = %hpa.namespaced_name(), %error, "reconciliation failed");
        }
    }
}
