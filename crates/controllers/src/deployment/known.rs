//! What the last sync of a Deployment found, so that the next one does not look for it again.
//!
//! Most syncs are told of something that means nothing to them: each status that a controller writes wakes it once more.
//! And of those that have something to do nearly all find the Deployment and its ReplicaSets as they were, but for counts.

use std::sync::Arc;

use seatrial_api::{Deployment, DeploymentSpec, PodTemplateSpec, ReplicaSet, SlotMap, StrMap};

use super::replica_sets::ReplicaSets;
use super::util::Bounds;

/// What is known of Deployments, by their slots.
#[derive(Debug, Default)]
pub(super) struct KnownDeployments(SlotMap<Known>);

/// What is known before a sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finding {
    /// A sync would change nothing, unless time has.
    Settled,
    /// Nothing has to be put in order before the rollout itself.
    InOrder {
        /// The place of the new ReplicaSet.
        new: usize,
        /// How far the number of pods may be from `replicas`.
        bounds: Bounds,
    },
}

/// A Deployment and its ReplicaSets as a sync found them that had nothing to put in order before the rollout itself:
/// nothing to claim, no scaling, a new ReplicaSet with the annotations and the revision that it should have.
///
/// Invariant: whether that is so, and which set is the new one, is worked out of what is kept here alone. It is
/// immutable and kept alive, so that the same addresses mean the same finding.
#[derive(Debug)]
struct Known {
    spec: Arc<DeploymentSpec>,
    annotations: StrMap,
    sets: Vec<KnownSet>,
    new: usize,
    bounds: Bounds,
    /// The version of the Deployment that together with the versions of its sets a sync leaves as it is, if there is one.
    settled: Option<u64>,
}

/// Of a ReplicaSet what matters before the rollout, and its version.
#[derive(Debug)]
struct KnownSet {
    labels: StrMap,
    annotations: StrMap,
    template: Arc<PodTemplateSpec>,
    min_ready_seconds: i32,
    wants_pods: bool,
    version: u64,
}

impl KnownSet {
    fn of(rs: &ReplicaSet) -> Self {
        Self {
            labels: rs.meta.labels.clone(),
            annotations: rs.meta.annotations.clone(),
            template: Arc::clone(&rs.spec.template),
            min_ready_seconds: rs.spec.min_ready_seconds,
            wants_pods: rs.spec.replicas > 0,
            version: rs.meta.resource_version,
        }
    }

    fn is_as_before(&self, rs: &ReplicaSet) -> bool {
        self.annotations.ptr_eq(&rs.meta.annotations)
            && self.labels.ptr_eq(&rs.meta.labels)
            && Arc::ptr_eq(&self.template, &rs.spec.template)
            && self.min_ready_seconds == rs.spec.min_ready_seconds
            && self.wants_pods == (rs.spec.replicas > 0)
    }
}

impl Known {
    fn is_settled(&self, deployment: &Deployment, owned: &[Arc<ReplicaSet>]) -> bool {
        self.settled == Some(deployment.meta.resource_version)
            && are(&self.sets, owned, |known, rs| known.version == rs.meta.resource_version)
    }

    fn is_in_order(&self, deployment: &Deployment, owned: &[Arc<ReplicaSet>]) -> bool {
        Arc::ptr_eq(&self.spec, &deployment.spec)
            && self.annotations.ptr_eq(&deployment.meta.annotations)
            && !deployment.meta.is_deleting()
            && are(&self.sets, owned, KnownSet::is_as_before)
    }
}

fn are(known: &[KnownSet], sets: &[Arc<ReplicaSet>], is: impl Fn(&KnownSet, &ReplicaSet) -> bool) -> bool {
    known.len() == sets.len() && known.iter().zip(sets).all(|(known, rs)| is(known, rs))
}

impl KnownDeployments {
    /// What is known of a Deployment that owns these sets, in a namespace in which no set is nobody's.
    pub(super) fn finding(&self, deployment: &Deployment, owned: &[Arc<ReplicaSet>]) -> Option<Finding> {
        let known = self.0.get(deployment.meta.slot)?;
        if known.is_settled(deployment, owned) {
            return Some(Finding::Settled);
        }
        known.is_in_order(deployment, owned).then_some(Finding::InOrder { new: known.new, bounds: known.bounds })
    }

    /// A Deployment and its sets were found in order.
    pub(super) fn note_in_order(&mut self, deployment: &Deployment, sets: &ReplicaSets<'_>) {
        let Some(new) = sets.new_place() else { return self.forget(deployment) };
        let known = Known {
            spec: Arc::clone(&deployment.spec),
            annotations: deployment.meta.annotations.clone(),
            sets: sets.list().iter().map(|rs| KnownSet::of(rs)).collect(),
            new,
            bounds: sets.bounds,
            settled: None,
        };
        self.0.insert(deployment.meta.slot, known);
    }

    /// A sync left a Deployment and its sets so that the next one changes nothing.
    pub(super) fn note_settled(&mut self, deployment: &Deployment, sets: &ReplicaSets<'_>) {
        let Some(known) = self.0.get_mut(deployment.meta.slot) else { return };
        known.settled = known.is_in_order(deployment, sets.list()).then_some(deployment.meta.resource_version);
        for (known, rs) in known.sets.iter_mut().zip(sets.list()) {
            known.version = rs.meta.resource_version;
        }
    }

    /// Nothing is known of a Deployment any more.
    pub(super) fn forget(&mut self, deployment: &Deployment) {
        self.0.remove(deployment.meta.slot);
    }
}
