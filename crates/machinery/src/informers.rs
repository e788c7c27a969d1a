//! The shared informers of the controller manager: one cache a kind, fed by the watch log through one cursor.
//!
//! Mirrors client-go's SharedInformerFactory. A fault that delays or drops deliveries acts on the cursor.

use std::sync::Arc;

use seatrial_api::{
    ControllerRevision, CronJob, DaemonSet, Deployment, EndpointSlice, Endpoints, HorizontalPodAutoscaler, Job, Kind,
    Namespace, NamespacedName, Node, Object, PersistentVolume, PersistentVolumeClaim, Pod, PodDisruptionBudget,
    ReplicaSet, ReplicationController, Resource, ResourceQuota, Service, StatefulSet, StorageClass,
};
use seatrial_apiserver::{Change, Cursor, WatchLog};

use crate::lister::{Lister, OwnerIndex, Replaced};
use crate::metrics::Metrics;
use crate::pod_cache::PodCache;
use crate::pods_by_node::PodsByNode;
use crate::slices_by_service::SlicesByService;
use crate::volumes::{PodsByClaim, VolumeIndex};

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
    pub pods_by_claim: PodsByClaim,
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
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The object before, if it was known.
    pub old: Option<Object>,
    /// The object now, unless it is gone.
    pub new: Option<Object>,
}

impl Delivery {
    /// The object, as it is or as it was last.
    pub fn object(&self) -> Option<&Object> {
        self.new.as_ref().or(self.old.as_ref())
    }

    /// The kind.
    pub fn kind(&self) -> Option<Kind> {
        self.object().map(Object::kind)
    }

    /// The object before, as its own type.
    pub fn old_as<R: Resource>(&self) -> Option<&Arc<R>> {
        self.old.as_ref().and_then(R::unwrap)
    }

    /// The object now, as its own type.
    pub fn new_as<R: Resource>(&self) -> Option<&Arc<R>> {
        self.new.as_ref().and_then(R::unwrap)
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

    /// The pods that are bound to a node, by namespace and name.
    pub fn pods_on(&self, node: &str) -> Vec<Arc<Pod>> {
        let slots = self.pods_by_node.slots(node).iter();
        let mut pods: Vec<Arc<Pod>> = slots.filter_map(|slot| self.pods.at(*slot)).cloned().collect();
        pods.sort_by(|a, b| (&a.meta.namespace, &a.meta.name).cmp(&(&b.meta.namespace, &b.meta.name)));
        pods
    }

    /// Takes the next change over, if there is one.
    pub fn deliver_next(&mut self, log: &WatchLog) -> Option<Delivery> {
        let (change, cursor) = log.next(self.cursor)?;
        self.cursor = cursor;
        Some(self.apply(change))
    }

    /// Passes the next change by, which nobody keeps and nobody is told of.
    pub fn skip_next(&mut self, log: &WatchLog) {
        if let Some((_, cursor)) = log.next(self.cursor) {
            self.cursor = cursor;
        }
    }

    /// Tells of every workload object as if it had been written anew. Mirrors the resync of a shared informer.
    pub fn for_each_resync(&self, mut tell: impl FnMut(&Delivery)) {
        for deployment in self.deployments.list(None) {
            tell(&unchanged(deployment));
        }
        for rs in self.replica_sets.list(None) {
            tell(&unchanged(rs));
        }
    }

    fn apply(&mut self, change: &Change) -> Delivery {
        match &change.object {
            Object::Pod(_) => {
                let pair = self.pods.apply(change);
                if let Some(pair) = &pair {
                    self.pods_by_node.apply(pair.old.as_deref(), pair.new.as_deref());
                    self.pods_by_claim.apply(pair.old.as_deref(), pair.new.as_deref());
                }
                delivery::<Pod>(pair)
            }
            Object::PodDisruptionBudget(_) => {
                delivery::<PodDisruptionBudget>(self.pod_disruption_budgets.apply(change))
            }
            Object::ReplicaSet(_) => {
                let pair = self.replica_sets.apply(change);
                if let Some(pair) = &pair {
                    self.replica_sets_by_owner.apply(pair.old.as_ref(), pair.new.as_ref());
                    self.note_set(pair);
                }
                delivery::<ReplicaSet>(pair)
            }
            Object::ReplicationController(_) => {
                delivery::<ReplicationController>(self.replication_controllers.apply(change))
            }
            Object::Deployment(_) => delivery::<Deployment>(self.deployments.apply(change)),
            Object::DaemonSet(_) => delivery::<DaemonSet>(self.daemon_sets.apply(change)),
            Object::Namespace(_) => delivery::<Namespace>(self.namespaces.apply(change)),
            Object::Node(_) => delivery::<Node>(self.nodes.apply(change)),
            Object::ResourceQuota(_) => delivery::<ResourceQuota>(self.resource_quotas.apply(change)),
            Object::StatefulSet(_) => delivery::<StatefulSet>(self.stateful_sets.apply(change)),
            Object::ControllerRevision(_) => {
                let pair = self.controller_revision_lister.apply(change);
                if let Some(pair) = &pair {
                    self.controller_revisions.apply(pair.old.as_ref(), pair.new.as_ref());
                }
                delivery::<ControllerRevision>(pair)
            }
            Object::PersistentVolumeClaim(_) => {
                delivery::<PersistentVolumeClaim>(self.persistent_volume_claims.apply(change))
            }
            Object::PersistentVolume(_) => {
                let pair = self.persistent_volumes.apply(change);
                if let Some(pair) = &pair {
                    self.volumes.apply(pair.old.as_deref(), pair.new.as_ref());
                }
                delivery::<PersistentVolume>(pair)
            }
            Object::StorageClass(_) => delivery::<StorageClass>(self.storage_classes.apply(change)),
            Object::Job(_) => self.apply_job(change),
            Object::CronJob(_) => delivery::<CronJob>(self.cron_jobs.apply(change)),
            Object::Service(_) => delivery::<Service>(self.services.apply(change)),
            Object::Endpoints(_) => delivery::<Endpoints>(self.endpoints.apply(change)),
            Object::EndpointSlice(_) => {
                let pair = self.endpoint_slices.apply(change);
                if let Some(pair) = &pair {
                    self.slices_by_service.apply(pair.old.as_deref(), pair.new.as_deref());
                }
                delivery::<EndpointSlice>(pair)
            }
            Object::HorizontalPodAutoscaler(_) => {
                delivery::<HorizontalPodAutoscaler>(self.horizontal_pod_autoscalers.apply(change))
            }
            // Kinds that no controller caches are handed through as the log tells them.
            object => match change.type_ {
                seatrial_apiserver::ChangeType::Deleted => Delivery { old: Some(object.clone()), new: None },
                _ => Delivery { old: change.old.clone(), new: Some(object.clone()) },
            },
        }
    }
}

impl Informers {
    fn apply_job(&mut self, change: &Change) -> Delivery {
        let pair = self.jobs.apply(change);
        if let Some(pair) = &pair {
            self.jobs_by_owner.apply(pair.old.as_ref(), pair.new.as_ref());
        }
        delivery::<Job>(pair)
    }

    /// Tells the cache of pods whose set a ReplicaSet is, and that it is about to choose among its pods.
    fn note_set(&mut self, Replaced { old, new }: &Replaced<ReplicaSet>) {
        if let Some(old) = old.as_ref().filter(|old| new.as_ref().is_none_or(|new| new.meta.uid != old.meta.uid)) {
            self.pods.set_gone(&old.meta.uid);
        }
        let Some(new) = new else { return };
        let Some(owner) = new.meta.controller_of() else { return self.pods.set_gone(&new.meta.uid) };
        self.pods.set_known(&new.meta.uid, &owner.uid);
        let shrinks = old.as_ref().is_some_and(|old| new.spec.replicas < old.spec.replicas);
        if shrinks {
            let siblings = self.replica_sets_by_owner.owned_by(&owner.uid).iter().map(|rs| &rs.meta.uid);
            self.pods.keep_deletion_order(&owner.uid, &new.meta.uid, siblings);
        }
    }
}

fn unchanged<R: Resource>(object: &Arc<R>) -> Delivery {
    let object = R::wrap(Arc::clone(object));
    Delivery { old: Some(object.clone()), new: Some(object) }
}

fn delivery<R: Resource>(replaced: Option<Replaced<R>>) -> Delivery {
    let (old, new) = replaced.map_or((None, None), |r| (r.old, r.new));
    Delivery { old: old.map(R::wrap), new: new.map(R::wrap) }
}
