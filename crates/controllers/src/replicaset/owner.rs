//! The kinds that keep a number of pods.
//!
//! Upstream's replication controller is its ReplicaSet controller behind an adapter that converts on the way in and out
//! (pkg/controller/replication, v1.36). Here the two kinds hold the same spec and status, and the controller is generic.

use std::sync::Arc;

use seatrial_api::{ReplicaSet, ReplicaSetSpec, ReplicaSetStatus, ReplicationController, Uid};
use seatrial_machinery::{Informers, Lister, Strategy};

/// What the controller asks of its kind.
pub trait PodOwner: Strategy {
    /// The controller's name in events.
    const CONTROLLER: &'static str;
    /// Whether the status tells of pods on their way out.
    const COUNTS_TERMINATING: bool;

    /// What is wanted.
    fn spec(&self) -> &ReplicaSetSpec;
    /// What was found.
    fn status(&self) -> &ReplicaSetStatus;
    /// What was found, to be changed.
    fn status_mut(&mut self) -> &mut ReplicaSetStatus;
    /// The cache of the kind.
    fn lister(informers: &Informers) -> &Lister<Self>;
    /// The objects of the kind that a controller owns. Mirrors `getReplicaSetsWithSameController`.
    fn owned_by<'a>(informers: &'a Informers, owner: &Uid) -> Vec<&'a Arc<Self>>;
}

impl PodOwner for ReplicaSet {
    const CONTROLLER: &'static str = "replicaset-controller";
    const COUNTS_TERMINATING: bool = true;

    fn spec(&self) -> &ReplicaSetSpec {
        &self.spec
    }

    fn status(&self) -> &ReplicaSetStatus {
        &self.status
    }

    fn status_mut(&mut self) -> &mut ReplicaSetStatus {
        &mut self.status
    }

    fn lister(informers: &Informers) -> &Lister<Self> {
        &informers.replica_sets
    }

    fn owned_by<'a>(informers: &'a Informers, owner: &Uid) -> Vec<&'a Arc<Self>> {
        informers.replica_sets_by_owner.owned_by(owner).iter().collect()
    }
}

impl PodOwner for ReplicationController {
    const CONTROLLER: &'static str = "replication-controller";
    const COUNTS_TERMINATING: bool = false;

    fn spec(&self) -> &ReplicaSetSpec {
        &self.spec
    }

    fn status(&self) -> &ReplicaSetStatus {
        &self.status
    }

    fn status_mut(&mut self) -> &mut ReplicaSetStatus {
        &mut self.status
    }

    fn lister(informers: &Informers) -> &Lister<Self> {
        &informers.replication_controllers
    }

    /// Nothing of Kubernetes' own makes ReplicationControllers, so that there is no index of their owners.
    fn owned_by<'a>(informers: &'a Informers, owner: &Uid) -> Vec<&'a Arc<Self>> {
        let all = informers.replication_controllers.list(None);
        all.into_iter().filter(|rc| rc.meta.is_controlled_by(owner)).collect()
    }
}
