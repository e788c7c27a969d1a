//! Creating the pods that are missing, deleting those that are too many, ended, or where they do not belong.
//!
//! Mirrors pkg/controller/daemon/daemon_controller.go (`manage`, `podsShouldBeOnNode`, `syncNodes`) (v1.36).

use std::sync::Arc;

use seatrial_api::{ApiError, DaemonSet, Pod, PodPhase, Resource, Str};
use seatrial_machinery::pod_control::{
    SLOW_START_INITIAL_BATCH_SIZE, create_pod, delete_pod, get_pod_from_template, slow_start_batch,
};
use seatrial_machinery::{EventText, ObjectRef, SyncContext, new_controller_ref};

use super::controller::DaemonSetsController;
use super::node::{NodeEntry, View, rank};
use super::set::SetState;
use super::util::{REVISION_HASH_LABEL, TEMPLATE_GENERATION_LABEL};

/// The most pods that one sync creates, and the most it deletes. Mirrors `BurstReplicas`.
pub(super) const BURST_REPLICAS: usize = 250;

/// What is to be done.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// The nodes that get a pod.
    pub(super) create_on: Vec<Arc<Str>>,
    /// The pods that go.
    pub(super) delete: Vec<Arc<Pod>>,
}

impl DaemonSetsController {
    /// Sees to it that every node has the pod that belongs there and no other. Mirrors `manage`.
    pub(super) fn manage(
        &mut self,
        cx: &mut SyncContext<'_>,
        ds: &Arc<DaemonSet>,
        state: &mut SetState,
    ) -> Result<(), ApiError> {
        let mut changes = Changes::default();
        changes.create_on.extend(state.places().without_pod.iter().take(BURST_REPLICAS).map(Arc::clone));
        for name in &state.places().to_look_at {
            let Some(node) = state.node(name) else { continue };
            if !node.is_present {
                // The scheduler will never bind them, and who collects pods looks only at bound ones.
                changes.delete.extend(node.pods_there().filter(|p| p.node_name.is_empty()).map(Arc::clone));
            } else if node.wanted.should_continue {
                self.pods_should_be_on_node(cx, ds, &state.view(), (name, node), &mut changes);
            } else {
                changes.delete.extend(node.pods_there().filter(|p| !p.meta.is_deleting()).map(Arc::clone));
            }
        }
        self.sync_nodes(cx, ds, state, changes)
    }

    /// What becomes of the pods of a node that may keep one. Mirrors a part of `podsShouldBeOnNode`.
    fn pods_should_be_on_node(
        &mut self,
        cx: &mut SyncContext<'_>,
        ds: &Arc<DaemonSet>,
        view: &View<'_>,
        (name, node): (&Arc<Str>, &NodeEntry),
        changes: &mut Changes,
    ) {
        let mut running: Vec<&Arc<Pod>> = Vec::new();
        for pod in node.pods_there().filter(|p| !p.meta.is_deleting()) {
            match pod.status.phase {
                PodPhase::Failed if self.is_backing_off(cx, ds, name) => {}
                PodPhase::Failed | PodPhase::Succeeded => {
                    tell_of_ended_pod(cx, ds, pod, name);
                    changes.delete.push(Arc::clone(pod));
                }
                _ => running.push(pod),
            }
        }
        running.sort_by(|a, b| rank(a).cmp(&rank(b)));
        if !view.facts.allows_surge {
            return changes.delete.extend(running.into_iter().skip(1).map(Arc::clone));
        }
        if running.is_empty() && node.wanted.should_run {
            // A pod that is on its way out does not serve any more.
            changes.create_on.push(Arc::clone(name));
        }
        if running.len() > 1 {
            prune_surging(view, &running, &mut changes.delete);
        }
    }

    /// Whether it is too early to delete another failed pod of a node; the set is synced again later then.
    fn is_backing_off(&mut self, cx: &SyncContext<'_>, ds: &DaemonSet, node: &Str) -> bool {
        let now = cx.clock().now();
        let observed = ds.status.observed_generation.unwrap_or(0);
        let key = (ds.meta.uid.clone(), observed, node.clone());
        if self.failed_pods_backoff.is_in_back_off_since_update(&key, now) {
            self.queue.add_after(ds.namespaced_name(), self.failed_pods_backoff.get(&key), now);
            return true;
        }
        self.failed_pods_backoff.next(key, now, now);
        false
    }

    /// Creates and deletes, at most a burst of each. Mirrors `syncNodes`.
    pub(super) fn sync_nodes(
        &mut self,
        cx: &mut SyncContext<'_>,
        ds: &Arc<DaemonSet>,
        state: &mut SetState,
        mut changes: Changes,
    ) -> Result<(), ApiError> {
        changes.create_on.truncate(BURST_REPLICAS);
        changes.delete.truncate(BURST_REPLICAS);
        let (creations, deletions) = (changes.create_on.len(), changes.delete.len());
        if creations + deletions == 0 {
            return Ok(());
        }
        let key = ds.namespaced_name();
        self.expectations.set_expectations(key.clone(), creations, deletions, cx.clock().now());
        let about = ObjectRef::of(&**ds);
        let (pod, mut nodes) = (prototype(ds, state), changes.create_on.into_iter());
        let (successes, mut result) = slow_start_batch(creations, SLOW_START_INITIAL_BATCH_SIZE, || {
            let pod = Pod { pinned_to: nodes.next(), ..pod.clone() };
            match create_pod(&mut cx.client, pod, &about) {
                // In a namespace on its way out the controller has nothing left to do.
                Err(error) if error.has_cause("NamespaceTerminating") => Ok(()),
                other => other.map(drop),
            }
        });
        // What failed or was not tried will not be seen.
        self.expectations.lower_expectations(&key, creations - successes, 0);
        for pod in changes.delete {
            if let Err(error) = delete_pod(&mut cx.client, &pod, &about) {
                self.expectations.deletion_observed(&key);
                if !error.is_not_found() {
                    result = result.and(Err(error));
                }
            }
        }
        result
    }
}

/// Of several running pods the first new and the first old one stay: the old one until it is not ready, or the new one is
/// available.
fn prune_surging(view: &View<'_>, running: &[&Arc<Pod>], delete: &mut Vec<Arc<Pod>>) {
    let (mut oldest_new, mut oldest_old) = (None, None);
    for pod in running {
        let is_new = pod.meta.labels.get(REVISION_HASH_LABEL) == Some(view.hash);
        let place = if is_new { &mut oldest_new } else { &mut oldest_old };
        if place.is_some() {
            delete.push(Arc::clone(pod));
        } else {
            *place = Some(*pod);
        }
    }
    if let (Some(new), Some(old)) = (oldest_new, oldest_old)
        && (!old.is_ready() || view.is_available(new))
    {
        delete.push(Arc::clone(old));
    }
}

fn tell_of_ended_pod(cx: &mut SyncContext<'_>, ds: &DaemonSet, pod: &Pod, node: &Str) {
    let (namespace, name) = (&pod.meta.namespace, &pod.meta.name);
    let about = ObjectRef::of(ds);
    if pod.status.phase == PodPhase::Failed {
        let text = format!("Found failed daemon pod {namespace}/{name} on node {node}, will try to kill it");
        cx.client.event(&about, &EventText::warning("FailedDaemonPod", &text));
    } else {
        let text = format!("Found succeeded daemon pod {namespace}/{name} on node {node}, will try to delete it");
        cx.client.event(&about, &EventText::normal("SucceededDaemonPod", &text));
    }
}

/// A pod of the current revision, but for its node; made once a revision, so that all its pods share their parts.
/// Mirrors `CreatePodTemplate`.
fn prototype(ds: &Arc<DaemonSet>, state: &mut SetState) -> Pod {
    let hash = state.hash().clone();
    if let Some((known, pod)) = &state.prototype
        && *known == hash
    {
        return pod.clone();
    }
    let facts = &state.facts;
    let mut pod = get_pod_from_template(&facts.pod_template, &ds.meta, new_controller_ref(&**ds));
    if !facts.template_generation.is_empty() {
        pod.meta.labels.insert(TEMPLATE_GENERATION_LABEL, facts.template_generation.clone());
    }
    if !hash.is_empty() {
        pod.meta.labels.insert(REVISION_HASH_LABEL, hash.clone());
    }
    pod.node_name = facts.node_name().unwrap_or_default().into();
    state.prototype = Some((hash, pod.clone()));
    pod
}
