//! The shared informers of the controller manager: one cache a kind, fed by the watch log through one cursor.
//!
//! Mirrors client-go's SharedInformerFactory. A fault that delays or drops deliveries acts on the cursor.

use std::sync::Arc;

use seatrial_api::{
    ControllerRevision, CronJob, DaemonSet, Deployment, EndpointSlice, Endpoints, HorizontalPodAutoscaler, Job, Kind,
    Namespace, NamespacedName, Node, Object, PersistentVolume, PersistentVolumeClaim, Pod, PodDisruptionBudget,
    ReplicaSet, ReplicationController, Resource, ResourceQuota, Service, Slot, StatefulSet, StorageClass,
};
use seatrial_apiserver::{Change, ChangeType, Cursor, WatchLog};

use crate::lister::{Lister, OwnerIndex, Replaced};
use crate::metrics::Metrics;
use crate::pod_cache::PodCache;
use crate::pods_by_node::PodsByNode;
use crate::slices_by_service::SlicesByService;
use crate::volumes::{ClaimPlace, PodsByClaim, VolumeIndex};

/// The caches that controllers read.
#[derive(Debug, Default)]
pub struct Informers {
    cursor: Cursor,
    /// Pods.
    pub pods: PodCache,
    /// Pods by node.
    pub pods_by_node: PodsByNode,
    /// PodDisruptionBudgets.
    pub pod_disruption_budgets: Lister<PodDisruptionBudget>,
    /// ReplicaSets.
    pub replica_sets: Lister<ReplicaSet>,
    /// ReplicaSets by owner.
    pub replica_sets_by_owner: OwnerIndex<ReplicaSet>,
    /// ReplicationControllers.
    pub replication_controllers: Lister<ReplicationController>,
    /// Deployments.
    pub deployments: Lister<Deployment>,
    /// Jobs.
    pub jobs: Lister<Job>,
    /// DaemonSets.
    pub daemon_sets: Lister<DaemonSet>,
    /// Namespaces.
    pub namespaces: Lister<Namespace>,
    /// Nodes.
    pub nodes: Lister<Node>,
    /// ResourceQuotas.
    pub resource_quotas: Lister<ResourceQuota>,
    /// StatefulSets.
    pub stateful_sets: Lister<StatefulSet>,
    /// ControllerRevisions by owner.
    pub controller_revisions: OwnerIndex<ControllerRevision>,
    /// All ControllerRevisions.
    controller_revision_lister: Lister<ControllerRevision>,
    /// PersistentVolumeClaims.
    pub persistent_volume_claims: Lister<PersistentVolumeClaim>,
    /// PersistentVolumes.
    pub persistent_volumes: Lister<PersistentVolume>,
    /// PersistentVolumes as claims look for them.
    pub volumes: VolumeIndex,
    /// Pods by the claims they name.
    pods_by_claim: PodsByClaim,
    /// StorageClasses.
    pub storage_classes: Lister<StorageClass>,
    /// Jobs by owner.
    pub jobs_by_owner: OwnerIndex<Job>,
    /// CronJobs.
    pub cron_jobs: Lister<CronJob>,
    /// Services.
    pub services: Lister<Service>,
    /// Endpoints.
    pub endpoints: Lister<Endpoints>,
    /// EndpointSlices.
    pub endpoint_slices: Lister<EndpointSlice>,
    /// EndpointSlices by Service.
    pub slices_by_service: SlicesByService,
    /// HorizontalPodAutoscalers.
    pub horizontal_pod_autoscalers: Lister<HorizontalPodAutoscaler>,
    /// What the metrics APIs would answer.
    pub metrics: Metrics,
}

/// A delivery: what the caches now hold differently.
#[derive(Clone, Copy, Debug)]
pub struct Delivery<'a> {
    /// The object before, if it was known.
    pub old: Option<&'a Object>,
    /// The object now, unless it is gone.
    pub new: Option<&'a Object>,
}

impl<'a> Delivery<'a> {
    fn of(change: &'a Change) -> Self {
        let is_gone = change.type_ == ChangeType::Deleted;
        Self { old: change.old.as_ref(), new: (!is_gone).then_some(&change.object) }
    }

    /// The object, as it is or as it was last.
    pub fn object(&self) -> Option<&'a Object> {
        self.new.or(self.old)
    }

    /// The kind.
    pub fn kind(&self) -> Option<Kind> {
        self.object().map(Object::kind)
    }

    /// The object before, as its own type.
    pub fn old_as<R: Resource>(&self) -> Option<&'a Arc<R>> {
        self.old.and_then(R::unwrap)
    }

    /// The object now, as its own type.
    pub fn new_as<R: Resource>(&self) -> Option<&'a Arc<R>> {
        self.new.and_then(R::unwrap)
    }
}

impl Informers {
    /// How far the caches have followed the log.
    pub fn cursor(&self) -> Cursor {
        self.cursor
    }

    /// The EndpointSlices that name a Service, by name.
    pub fn slices_of(&self, service: &NamespacedName) -> impl Iterator<Item = &Arc<EndpointSlice>> {
        let names = self.slices_by_service.names(service);
        names.filter_map(|name| self.endpoint_slices.get(&service.namespace, name))
    }

    /// Has fetched from memory the volume or the claim that a key names, whose kinds share a queue: volumes have no namespace.
    pub fn fetch_volume_or_claim(&self, key: &NamespacedName, slot: Slot) {
        if key.namespace.is_empty() {
            self.persistent_volumes.fetch_object(slot);
        } else {
            self.persistent_volume_claims.fetch_object(slot);
        }
    }

    /// The pods that name a claim, by name.
    pub fn pods_with_claim<'a>(&'a self, namespace: &str, claim: &str) -> impl Iterator<Item = &'a Arc<Pod>> {
        self.pods_by_claim.pods(namespace, claim, |slot| self.pods.at(slot))
    }

    /// The slots of those pods, of a claim whose pods are asked for again and again.
    pub fn slots_with_claim(&self, claim: ClaimPlace<'_>) -> impl Iterator<Item = Slot> {
        self.pods_by_claim.slots_of(claim, |slot| self.pods.at(slot))
    }

    /// The pods that are bound to a node, by namespace and name.
    pub fn pods_on(&self, node: &str) -> Vec<Arc<Pod>> {
        let slots = self.pods_by_node.slots(node).iter();
        let mut pods: Vec<Arc<Pod>> = slots.filter_map(|slot| self.pods.at(*slot)).cloned().collect();
        pods.sort_by(|a, b| (&a.meta.namespace, &a.meta.name).cmp(&(&b.meta.namespace, &b.meta.name)));
        pods
    }

    /// Takes the next change over, if there is one.
    pub fn deliver_next<'a>(&mut self, log: &'a WatchLog) -> Option<Delivery<'a>> {
        let (change, cursor) = log.next(self.cursor)?;
        self.cursor = cursor;
        let delivery = Delivery::of(change);
        self.apply(&delivery);
        Some(delivery)
    }

    /// Passes the next change by, which nobody keeps and nobody is told of.
    pub fn skip_next(&mut self, log: &WatchLog) {
        if let Some((_, cursor)) = log.next(self.cursor) {
            self.cursor = cursor;
        }
    }

    /// Tells of every workload object as if it had been written anew. Mirrors the resync of a shared informer.
    pub fn for_each_resync(&self, mut tell: impl FnMut(&Delivery<'_>)) {
        let deployments = self.deployments.list(None).into_iter().map(|d| Object::Deployment(Arc::clone(d)));
        let sets = self.replica_sets.list(None).into_iter().map(|rs| Object::ReplicaSet(Arc::clone(rs)));
        for object in deployments.chain(sets) {
            tell(&Delivery { old: Some(&object), new: Some(&object) });
        }
    }

    fn apply(&mut self, delivery: &Delivery<'_>) {
        let Some(object) = delivery.object() else { return };
        match object {
            Object::Pod(_) => {
                let pair = Replaced::<Pod>::of(delivery);
                let (old, new) = pair.as_refs();
                self.pods.apply(pair);
                self.pods_by_node.apply(old, new);
                self.pods_by_claim.apply(old, new);
            }
            Object::PodDisruptionBudget(_) => self.pod_disruption_budgets.apply(Replaced::of(delivery)),
            Object::ReplicaSet(_) => {
                let pair = Replaced::of(delivery);
                self.replica_sets.apply(pair);
                self.replica_sets_by_owner.apply(pair);
                self.note_set(pair);
            }
            Object::ReplicationController(_) => self.replication_controllers.apply(Replaced::of(delivery)),
            Object::Deployment(_) => self.deployments.apply(Replaced::of(delivery)),
            Object::DaemonSet(_) => self.daemon_sets.apply(Replaced::of(delivery)),
            Object::Namespace(_) => self.namespaces.apply(Replaced::of(delivery)),
            Object::Node(_) => {
                let pair = Replaced::of(delivery);
                self.nodes.apply(pair);
                self.pods_by_node.node_changed(pair);
            }
            Object::ResourceQuota(_) => self.resource_quotas.apply(Replaced::of(delivery)),
            Object::StatefulSet(_) => self.stateful_sets.apply(Replaced::of(delivery)),
            Object::ControllerRevision(_) => {
                let pair = Replaced::of(delivery);
                self.controller_revision_lister.apply(pair);
                self.controller_revisions.apply(pair);
            }
            Object::PersistentVolumeClaim(_) => self.persistent_volume_claims.apply(Replaced::of(delivery)),
            Object::PersistentVolume(_) => {
                let pair = Replaced::of(delivery);
                self.persistent_volumes.apply(pair);
                self.volumes.apply(pair.old, pair.new);
            }
            Object::StorageClass(_) => self.storage_classes.apply(Replaced::of(delivery)),
            Object::Job(_) => {
                let pair = Replaced::of(delivery);
                self.jobs.apply(pair);
                self.jobs_by_owner.apply(pair);
            }
            Object::CronJob(_) => self.cron_jobs.apply(Replaced::of(delivery)),
            Object::Service(_) => self.services.apply(Replaced::of(delivery)),
            Object::Endpoints(_) => self.endpoints.apply(Replaced::of(delivery)),
            Object::EndpointSlice(_) => {
                let pair = Replaced::of(delivery);
                let (old, new) = pair.as_refs();
                self.endpoint_slices.apply(pair);
                self.slices_by_service.apply(old, new);
            }
            Object::HorizontalPodAutoscaler(_) => self.horizontal_pod_autoscalers.apply(Replaced::of(delivery)),
            // Kinds that no controller caches are handed through as the log tells them.
            _ => {}
        }
    }

    /// Tells the cache of pods whose set a ReplicaSet is, and that it is about to choose among its pods.
    fn note_set(&mut self, Replaced { old, new }: Replaced<'_, ReplicaSet>) {
        let same = old.filter(|old| new.is_some_and(|new| new.meta.uid == old.meta.uid));
        if let Some(old) = old.filter(|_| same.is_none()) {
            self.pods.set_gone(&old.meta.uid);
        }
        let Some(new) = new else { return };
        let is_known = same.is_some_and(|old| old.meta.owner_references.ptr_eq(&new.meta.owner_references));
        let shrinks = old.is_some_and(|old| new.spec.replicas < old.spec.replicas);
        if is_known && !shrinks {
            return;
        }
        let Some(owner) = new.meta.controller_of() else { return self.pods.set_gone(&new.meta.uid) };
        self.pods.set_known(&new.meta.uid, &owner.uid);
        if shrinks {
            let siblings = self.replica_sets_by_owner.owned_by(&owner.uid).iter().map(|rs| &rs.meta.uid);
            self.pods.keep_deletion_order(&owner.uid, &new.meta.uid, siblings);
        }
    }
}
