//! The rolling update.
//!
//! Mirrors pkg/controller/daemon/update.go (`rollingUpdate`) (v1.36).

use std::sync::Arc;

use seatrial_api::{ApiError, DaemonSet, Pod, Str};
use seatrial_machinery::SyncContext;

use super::controller::DaemonSetsController;
use super::manage::Changes;
use super::node::NodeEntry;
use super::set::SetState;
use super::util::max_surge_and_unavailable;

impl DaemonSetsController {
    /// Replaces old pods, as many as the bounds allow.
    pub(super) fn rolling_update(
        &mut self,
        cx: &mut SyncContext<'_>,
        ds: &Arc<DaemonSet>,
        state: &mut SetState,
    ) -> Result<(), ApiError> {
        let desired = state.totals().desired;
        let (max_surge, max_unavailable) = max_surge_and_unavailable(state.facts.rolling.as_ref(), desired)
            .map_err(|error| ApiError::unknown(format!("couldn't get unavailable numbers: {error}")))?;
        let changes = if max_surge == 0 { replacements(state, max_unavailable) } else { surges(state, max_surge)? };
        self.sync_nodes(cx, ds, state, changes)
    }
}

/// Without surge old pods go: all that are not available, and so many others that no more nodes than that are unavailable.
fn replacements(state: &SetState, max_unavailable: i32) -> Changes {
    let places = state.places();
    let allowed = count(max_unavailable - state.totals().unavailable);
    let nodes = places.old_unavailable.iter().chain(places.old_available.iter().take(allowed));
    Changes { create_on: Vec::new(), delete: nodes.filter_map(|name| old_pod(state, name)).collect() }
}

/// With surge new pods come beside old ones: at once where those are not available, and beside so many others; an old pod
/// goes when the new one is available. Where no pod belongs any more, old ones stay until enough others are available.
fn surges(state: &SetState, max_surge: i32) -> Result<Changes, ApiError> {
    let (places, totals) = (state.places(), state.totals());
    let mut changes = Changes::default();
    changes.delete.extend(places.replaced.iter().filter_map(|name| old_pod(state, name)));
    for name in &places.old_unavailable {
        if present(state, name)?.wanted.should_run {
            changes.create_on.push(Arc::clone(name));
        } else {
            changes.delete.extend(old_pod(state, name));
        }
    }
    let (mut candidates, mut sunset) = (Vec::new(), Vec::new());
    let (allowed, deletable) = (count(max_surge - totals.surging), count(totals.serving - totals.desired));
    for name in &places.old_available {
        if candidates.len() >= allowed && sunset.len() >= deletable {
            break;
        }
        if !present(state, name)?.wanted.should_run {
            sunset.extend(old_pod(state, name));
        } else if candidates.len() < allowed {
            candidates.push(Arc::clone(name));
        }
    }
    changes.delete.extend(sunset.into_iter().take(deletable));
    changes.create_on.append(&mut candidates);
    Ok(changes)
}

/// A node that has to be there still.
fn present<'s>(state: &'s SetState, name: &Str) -> Result<&'s NodeEntry, ApiError> {
    let text = || ApiError::unknown(format!("couldn't get node for nodeName {name:?}: node {name:?} not found"));
    state.node(name).filter(|node| node.is_present).ok_or_else(text)
}

fn old_pod(state: &SetState, name: &Str) -> Option<Arc<Pod>> {
    let (_, old) = state.node(name)?.find_updated_pods(&state.view())?;
    old.map(Arc::clone)
}

/// How many, none for less than none.
fn count(number: i32) -> usize {
    usize::try_from(number).unwrap_or(0)
}
