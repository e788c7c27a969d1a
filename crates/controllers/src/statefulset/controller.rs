//! The controller's decision list.
//!
//! Mirrors pkg/controller/statefulset/stateful_set.go (`sync`) (v1.36).

use std::sync::Arc;

use seatrial_api::{ApiError, LabelSelector, NamespacedName, Pod, StatefulSet};
use seatrial_machinery::{Controller, ControllerRefManager, Delivery, EventContext, Queue, SyncContext};

use super::revisions::RevisionCache;
use super::utils::{member_ordinal, spec_of};

/// The StatefulSet controller.
#[derive(Debug, Default)]
pub struct StatefulSetController {
    pub(super) queue: Queue,
    pub(super) revisions: RevisionCache,
}

impl Controller for StatefulSetController {
    const NAME: &'static str = "statefulset-controller";

    fn queue(&mut self) -> &mut Queue {
        &mut self.queue
    }

    fn handle(&mut self, cx: &EventContext<'_>, delivery: &Delivery) {
        self.on_delivery(cx, delivery);
    }

    fn sync(&mut self, cx: &mut SyncContext<'_>, key: &NamespacedName) -> Result<(), ApiError> {
        let Some(set) = cx.informers.stateful_sets.get(&key.namespace, &key.name).map(Arc::clone) else {
            return Ok(());
        };
        let selector = LabelSelector::from_api(spec_of(&set).selector.clone());
        self.adopt_orphan_revisions(cx, &set, &selector)?;
        let pods = claim_pods(cx, &set, &selector)?;
        self.update_stateful_set(cx, &set, pods)
    }
}

/// Adopts orphans that match and are named as members, releases pods that no longer match; returns those owned.
/// Mirrors `getPodsForStatefulSet`.
fn claim_pods(
    cx: &mut SyncContext<'_>,
    set: &Arc<StatefulSet>,
    selector: &LabelSelector,
) -> Result<Vec<Arc<Pod>>, ApiError> {
    let mut manager = ControllerRefManager::new(&**set, selector);
    let is_member = |pod: &&Arc<Pod>| member_ordinal(set, &pod.meta.name).is_some();
    let owned = cx.informers.pods.owned_by(&set.meta.uid).map_or(&[][..], |owned| owned.pods());
    let candidates = owned.iter().chain(cx.informers.pods.orphans(&set.meta.namespace)).filter(is_member);
    let mut claimed = Vec::new();
    for pod in candidates {
        claimed.extend(manager.claim_object(&mut cx.client, pod)?);
    }
    Ok(claimed)
}
