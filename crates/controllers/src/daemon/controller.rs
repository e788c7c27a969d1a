//! The controller's decision list.
//!
//! Mirrors pkg/controller/daemon/daemon_controller.go (`syncDaemonSet`, `updateDaemonSet`) (v1.36).

use std::sync::Arc;
use std::time::Duration;

use rustc_hash::FxHashMap;
use seatrial_api::{ApiError, DaemonSet, Kind, NamespacedName, Str, Uid};
use seatrial_machinery::backoff::Backoff;
use seatrial_machinery::controller_expectations::ControllerExpectations;
use seatrial_machinery::{
    Aspects, Controller, ControllerRefManager, Delivery, EventContext, EventText, ObjectRef, Queue, SyncContext,
};

use super::set::SetState;
use super::status::Observed;

/// The first wait before a pod that failed again on its node is deleted.
const FAILED_PODS_BACKOFF_INITIAL: Duration = Duration::from_secs(1);
const FAILED_PODS_BACKOFF_MAX: Duration = Duration::from_secs(15 * 60);

/// Whose failed pods a back-off is about: the set, the generation it had observed, and the node.
pub(super) type BackoffKey = (Uid, i64, Str);

/// The DaemonSet controller.
#[derive(Debug)]
pub struct DaemonSetsController {
    pub(super) queue: Queue,
    pub(super) expectations: ControllerExpectations<NamespacedName>,
    pub(super) sets: FxHashMap<Uid, Box<SetState>>,
    pub(super) failed_pods_backoff: Backoff<BackoffKey>,
}

impl Default for DaemonSetsController {
    fn default() -> Self {
        Self {
            queue: Queue::default(),
            expectations: ControllerExpectations::default(),
            sets: FxHashMap::default(),
            failed_pods_backoff: Backoff::new(FAILED_PODS_BACKOFF_INITIAL, FAILED_PODS_BACKOFF_MAX),
        }
    }
}

impl Controller for DaemonSetsController {
    const NAME: &'static str = "daemonset-controller";
    const WATCHES: &'static [Kind] = &[Kind::DaemonSet, Kind::Pod, Kind::Node, Kind::ControllerRevision];

    fn queue(&mut self) -> &mut Queue {
        &mut self.queue
    }

    fn handle(&mut self, cx: &EventContext<'_>, delivery: &Delivery<'_>) {
        self.on_delivery(cx, delivery);
    }

    fn heeds(&self) -> Aspects {
        Aspects::ANY.when(!self.sets.is_empty())
    }

    fn sync(&mut self, cx: &mut SyncContext<'_>, key: &NamespacedName) -> Result<(), ApiError> {
        let Some(ds) = cx.informers.daemon_sets.get(&key.namespace, &key.name).map(Arc::clone) else {
            self.expectations.delete_expectations(key);
            return Ok(());
        };
        // The state leaves its place for the time of the sync, so that it and the rest can be written side by side.
        let mut state = self.sets.remove(&ds.meta.uid).unwrap_or_else(|| Box::new(SetState::new(&ds)));
        let result = self.sync_daemon_set(cx, &ds, &mut state, key);
        self.sets.insert(ds.meta.uid.clone(), state);
        result
    }
}

impl DaemonSetsController {
    /// Mirrors `syncDaemonSet`.
    fn sync_daemon_set(
        &mut self,
        cx: &mut SyncContext<'_>,
        ds: &Arc<DaemonSet>,
        state: &mut SetState,
        key: &NamespacedName,
    ) -> Result<(), ApiError> {
        if state.facts.selector.is_empty() {
            let text = "This daemon set is selecting all pods. A non-empty selector is required.";
            cx.client.event(&ObjectRef::of(&**ds), &EventText::warning("SelectingAll", text));
            return Ok(());
        }
        if ds.meta.is_deleting() {
            return Ok(());
        }
        state
            .history
            .construct(cx, ds, &state.facts)
            .map_err(|error| ApiError::unknown(format!("failed to construct revisions of DaemonSet: {error}")))?;
        state.prepare(cx.informers, &ds.meta.uid);
        claim_pods(cx, ds, state)?;
        state.refresh(cx.clock().time());
        if !self.expectations.satisfied_expectations(key, cx.clock().now()) {
            return self.update_daemon_set_status(cx, ds, state, Observed::No);
        }
        let updated = self.update_daemon_set(cx, ds, state, key);
        let status = self.update_daemon_set_status(cx, ds, state, Observed::Yes);
        updated.and(status)
    }

    /// Mirrors `updateDaemonSet`.
    fn update_daemon_set(
        &mut self,
        cx: &mut SyncContext<'_>,
        ds: &Arc<DaemonSet>,
        state: &mut SetState,
        key: &NamespacedName,
    ) -> Result<(), ApiError> {
        self.manage(cx, ds, state)?;
        // Nothing is rolled as long as creations or deletions of this very sync are still to be seen.
        let is_rolling = state.facts.rolling.is_some();
        if is_rolling && self.expectations.satisfied_expectations(key, cx.clock().now()) {
            self.rolling_update(cx, ds, state)?;
        }
        let cleaned = state.history.cleanup(cx, ds, &state.facts);
        cleaned.map_err(|error| ApiError::unknown(format!("failed to clean up revisions of DaemonSet: {error}")))
    }
}

/// Adopts orphans that match and lets go of what no longer does. Mirrors `getDaemonPods`.
fn claim_pods(cx: &mut SyncContext<'_>, ds: &Arc<DaemonSet>, state: &mut SetState) -> Result<(), ApiError> {
    if !state.may_adopt && state.strays.is_empty() {
        return Ok(());
    }
    let selector = state.facts.selector.clone();
    let mut manager = ControllerRefManager::new(&**ds, &selector);
    while let Some(stray) = state.strays.last() {
        manager.release(&mut cx.client, stray)?;
        state.strays.pop();
    }
    if state.may_adopt {
        for orphan in cx.informers.pods.orphans(&ds.meta.namespace) {
            if let Some(pod) = manager.claim_object(&mut cx.client, orphan)? {
                state.pod_changed(None, Some(&pod));
            }
        }
        state.may_adopt = false;
    }
    Ok(())
}
