//! A set's status.
//!
//! Mirrors pkg/controller/daemon/daemon_controller.go (`updateDaemonSetStatus`, `storeDaemonSetStatus`) (v1.36).

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::apps::v1::DaemonSetStatus;
use seatrial_api::{ApiError, DaemonSet, Resource};
use seatrial_machinery::SyncContext;

use super::controller::DaemonSetsController;
use super::node::Totals;
use super::set::SetState;

/// Whether a sync has looked at the generation as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Observed {
    Yes,
    /// It waits for what it did before to be seen.
    No,
}

impl DaemonSetsController {
    /// Writes the counts where they changed, and comes back when ready pods become available.
    pub(super) fn update_daemon_set_status(
        &mut self,
        cx: &mut SyncContext<'_>,
        ds: &Arc<DaemonSet>,
        state: &SetState,
        observed: Observed,
    ) -> Result<(), ApiError> {
        let totals = state.totals();
        store_daemon_set_status(cx, ds, totals, observed)?;
        let seconds = state.facts.min_ready_seconds;
        if seconds > 0 && totals.ready != totals.available {
            let delay = Duration::from_secs(u64::from(seconds.unsigned_abs()));
            self.queue.add_after(ds.namespaced_name(), delay, cx.clock().now());
        }
        Ok(())
    }
}

/// Mirrors `storeDaemonSetStatus`: somebody else's write in between is met with one more try.
fn store_daemon_set_status(
    cx: &mut SyncContext<'_>,
    ds: &Arc<DaemonSet>,
    totals: &Totals,
    observed: Observed,
) -> Result<(), ApiError> {
    let has_observed = ds.status.observed_generation.unwrap_or(0) >= ds.meta.generation;
    if has_observed && is_said(&ds.status, totals) {
        return Ok(());
    }
    let generation = (observed == Observed::Yes).then_some(ds.meta.generation);
    let write = |cx: &mut SyncContext<'_>, mut new: DaemonSet| {
        say(&mut new.status, totals, generation);
        cx.client.update_status(new).map(drop)
    };
    if write(cx, DaemonSet::clone(ds)).is_ok() {
        return Ok(());
    }
    let live = cx.client.get_live::<DaemonSet>(&ds.meta.namespace, &ds.meta.name)?;
    let result = write(cx, DaemonSet::clone(&live));
    result.map_err(|error| ApiError::unknown(format!("error storing status for daemon set: {error}")))
}

fn some(number: i32) -> Option<i32> {
    (number != 0).then_some(number)
}

/// Whether a status says what was counted.
fn is_said(status: &DaemonSetStatus, totals: &Totals) -> bool {
    let zero = |n: Option<i32>| n.unwrap_or(0);
    status.desired_number_scheduled == totals.desired
        && status.current_number_scheduled == totals.current
        && status.number_misscheduled == totals.misscheduled
        && status.number_ready == totals.ready
        && zero(status.updated_number_scheduled) == totals.updated
        && zero(status.number_available) == totals.available
        && zero(status.number_unavailable) == totals.desired - totals.available
}

fn say(status: &mut DaemonSetStatus, totals: &Totals, generation: Option<i64>) {
    status.desired_number_scheduled = totals.desired;
    status.current_number_scheduled = totals.current;
    status.number_misscheduled = totals.misscheduled;
    status.number_ready = totals.ready;
    status.updated_number_scheduled = some(totals.updated);
    status.number_available = some(totals.available);
    status.number_unavailable = some(totals.desired - totals.available);
    status.observed_generation = generation.or(status.observed_generation);
}
