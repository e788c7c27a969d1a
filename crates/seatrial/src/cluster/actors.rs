//! Who acts: the controllers in their fixed order, and what wakes them from outside.

use seatrial_api::{NamespacedName, Object, Pod};
use seatrial_controllers::{
    CronJobController, DaemonSetsController, DeploymentController, DisruptionController, EndpointController,
    EndpointSliceController, EndpointSliceMirroringController, GarbageCollector, HorizontalController, JobController,
    NamespaceController, NodeLifecycleController, PersistentVolumeController, PodGcController, PvProtectionController,
    PvcProtectionController, ReplicaSetController, ReplicationManager, ResourceQuotaController, ServiceLbController,
    StatefulSetController, TaintEvictionController, TtlAfterFinishedController, VolumeExpandController,
    VolumeProvisioner,
};
use seatrial_engine::SimTime;
use seatrial_kubelet::KubeletEvent;
use seatrial_machinery::{
    Client, Controller, Delivery, EventContext, EventRecorder, Informers, Outcome, SyncContext, Synced,
    process_next_work_item,
};

use super::trace::Actor;

/// What comes from outside the control plane, or from a controller's own timer.
#[derive(Clone, Debug)]
pub(super) enum Stimulus {
    /// A controller asked to sync a key later.
    Requeue(Actor, Box<NamespacedName>),
    /// Something on a node.
    Kubelet(KubeletEvent),
    /// A pod's back-off in the scheduler is over.
    Scheduler,
    /// A fault of a node, the one with this number, is over.
    NodeRecovers(String, u32),
    /// Events have lived long enough.
    Expiry,
}

/// A stimulus to be.
pub(super) struct Timed {
    pub(super) due: SimTime,
    pub(super) background: bool,
    pub(super) stimulus: Stimulus,
}

/// The controllers. The order of the fields is the order of their turns.
#[derive(Debug, Default)]
pub(super) struct Controllers {
    /// Whose queue holds a key to sync.
    pub(super) busy: u64,
    /// Who asked for timers.
    pub(super) timed: u64,
    pub(super) deployment: DeploymentController,
    pub(super) replica_set: ReplicaSetController,
    pub(super) replication: ReplicationManager,
    pub(super) job: JobController,
    pub(super) garbage_collector: GarbageCollector,
    pub(super) namespace: NamespaceController,
    pub(super) resource_quota: ResourceQuotaController,
    pub(super) pvc_protection: PvcProtectionController,
    pub(super) pv_protection: PvProtectionController,
    pub(super) node_lifecycle: NodeLifecycleController,
    pub(super) daemon_set: DaemonSetsController,
    pub(super) taint_eviction: TaintEvictionController,
    pub(super) pod_gc: PodGcController,
    pub(super) disruption: DisruptionController,
    pub(super) stateful_set: StatefulSetController,
    pub(super) ttl_after_finished: TtlAfterFinishedController,
    pub(super) persistent_volume: PersistentVolumeController,
    pub(super) volume_expand: VolumeExpandController,
    pub(super) volume_provisioner: VolumeProvisioner,
    pub(super) cron_job: CronJobController,
    pub(super) endpoint: EndpointController,
    pub(super) endpoint_slice: EndpointSliceController,
    pub(super) endpoint_slice_mirroring: EndpointSliceMirroringController,
    pub(super) service_lb: ServiceLbController,
    pub(super) horizontal: HorizontalController,
}

/// What an actor works with.
pub(super) struct Turn<'a> {
    pub(super) server: &'a mut seatrial_apiserver::ApiServer,
    pub(super) recorder: &'a mut EventRecorder,
    pub(super) informers: &'a Informers,
    pub(super) clock: seatrial_machinery::Clock,
}

impl<'a> Turn<'a> {
    fn context(self, component: &'static str) -> SyncContext<'a> {
        SyncContext {
            informers: self.informers,
            client: Client::new(self.server, self.recorder, self.clock, component),
        }
    }
}

/// Does something with the controller of an actor; the last arm is for those who are no controllers.
macro_rules! for_controller {
    ($self:ident, $actor:expr, $c:ident => $body:expr, else $other:expr) => {
        match $actor {
            Actor::Deployment => {
                let $c = &mut $self.deployment;
                $body
            }
            Actor::ReplicaSet => {
                let $c = &mut $self.replica_set;
                $body
            }
            Actor::ReplicationController => {
                let $c = &mut $self.replication;
                $body
            }
            Actor::GarbageCollector => {
                let $c = &mut $self.garbage_collector;
                $body
            }
            Actor::Namespace => {
                let $c = &mut $self.namespace;
                $body
            }
            Actor::ResourceQuota => {
                let $c = &mut $self.resource_quota;
                $body
            }
            Actor::PvcProtection => {
                let $c = &mut $self.pvc_protection;
                $body
            }
            Actor::PvProtection => {
                let $c = &mut $self.pv_protection;
                $body
            }
            Actor::NodeLifecycle => {
                let $c = &mut $self.node_lifecycle;
                $body
            }
            Actor::TaintEviction => {
                let $c = &mut $self.taint_eviction;
                $body
            }
            Actor::PodGc => {
                let $c = &mut $self.pod_gc;
                $body
            }
            Actor::Disruption => {
                let $c = &mut $self.disruption;
                $body
            }
            Actor::StatefulSet => {
                let $c = &mut $self.stateful_set;
                $body
            }
            Actor::DaemonSet => {
                let $c = &mut $self.daemon_set;
                $body
            }
            Actor::Job => {
                let $c = &mut $self.job;
                $body
            }
            Actor::TtlAfterFinished => {
                let $c = &mut $self.ttl_after_finished;
                $body
            }
            Actor::PersistentVolume => {
                let $c = &mut $self.persistent_volume;
                $body
            }
            Actor::VolumeExpand => {
                let $c = &mut $self.volume_expand;
                $body
            }
            Actor::VolumeProvisioner => {
                let $c = &mut $self.volume_provisioner;
                $body
            }
            Actor::CronJob => {
                let $c = &mut $self.cron_job;
                $body
            }
            Actor::Endpoint => {
                let $c = &mut $self.endpoint;
                $body
            }
            Actor::EndpointSlice => {
                let $c = &mut $self.endpoint_slice;
                $body
            }
            Actor::EndpointSliceMirroring => {
                let $c = &mut $self.endpoint_slice_mirroring;
                $body
            }
            Actor::ServiceLb => {
                let $c = &mut $self.service_lb;
                $body
            }
            Actor::HorizontalPodAutoscaler => {
                let $c = &mut $self.horizontal;
                $body
            }
            Actor::User | Actor::ApiServer | Actor::Scheduler | Actor::Kubelet => $other,
        }
    };
}

impl Controllers {
    /// The controllers, in the order of their turns.
    pub(super) const TURNS: &[Actor] = &[
        Actor::Deployment,
        Actor::ReplicaSet,
        Actor::ReplicationController,
        Actor::Job,
        Actor::GarbageCollector,
        Actor::Namespace,
        Actor::ResourceQuota,
        Actor::PvcProtection,
        Actor::PvProtection,
        Actor::NodeLifecycle,
        // It acts on a taint of its own accord, and does not leave its pods to who evicts them.
        Actor::DaemonSet,
        Actor::TaintEviction,
        Actor::PodGc,
        Actor::Disruption,
        Actor::StatefulSet,
        Actor::TtlAfterFinished,
        Actor::PersistentVolume,
        Actor::VolumeExpand,
        Actor::VolumeProvisioner,
        Actor::CronJob,
        Actor::Endpoint,
        Actor::EndpointSlice,
        Actor::EndpointSliceMirroring,
        Actor::ServiceLb,
        Actor::HorizontalPodAutoscaler,
    ];

    /// Lets every controller hear of a change, but for those whose pods are others'.
    pub(super) fn handle(&mut self, cx: &EventContext<'_>, delivery: &Delivery) {
        let owner = sole_owner(delivery);
        for &actor in Self::TURNS {
            if owner.is_some_and(|owner| actor.owns_pods_as().is_some_and(|own| own != owner)) {
                continue;
            }
            let waits = for_controller!(self, actor, c => {
                c.handle(cx, delivery);
                what_waits(c)
            }, else Waits::default());
            self.note(actor, waits);
        }
    }

    /// Whether a controller has something to do now.
    pub(super) fn has_work(&self, actor: Actor) -> bool {
        self.busy & bit(actor) != 0
    }

    /// Lets a controller sync one key.
    pub(super) fn process_next(&mut self, actor: Actor, turn: Turn<'_>) -> Option<Synced> {
        let (synced, waits) = for_controller!(self, actor, c => {
            let synced = process_next_work_item(c, &mut turn.context(name_of(c)));
            (synced, what_waits(c))
        }, else (None, Waits::default()));
        self.note(actor, waits);
        synced
    }

    /// A controller's timer came due.
    pub(super) fn fire(&mut self, actor: Actor, key: &NamespacedName, now: SimTime, cause: u64) {
        let waits = for_controller!(self, actor, c => {
            c.queue().fire(key, now, cause);
            what_waits(c)
        }, else Waits::default());
        self.note(actor, waits);
    }

    /// Remembers what waits in a controller's queue, so that a queue in which nothing does is not looked at.
    #[inline]
    fn note(&mut self, actor: Actor, waits: Waits) {
        let bit = bit(actor);
        self.busy = if waits.work { self.busy | bit } else { self.busy & !bit };
        self.timed = if waits.timers { self.timed | bit } else { self.timed & !bit };
    }

    /// Remembers what waits in every queue.
    pub(super) fn note_all(&mut self) {
        for &actor in Self::TURNS {
            let waits = for_controller!(self, actor, c => what_waits(c), else Waits::default());
            self.note(actor, waits);
        }
    }

    /// The timers that controllers asked for since the last time.
    pub(super) fn take_timers(&mut self, out: &mut Vec<Timed>) {
        let timed = std::mem::take(&mut self.timed);
        for &actor in Self::TURNS {
            if timed & bit(actor) == 0 {
                continue;
            }
            let timers = for_controller!(self, actor, c => c.queue().take_timers(), else Vec::new());
            out.extend(timers.into_iter().map(|t| Timed {
                due: t.due,
                background: t.background,
                stimulus: Stimulus::Requeue(actor, Box::new(t.key)),
            }));
        }
    }
}

/// What waits in a controller's queue.
#[derive(Clone, Copy, Default)]
struct Waits {
    work: bool,
    timers: bool,
}

#[inline]
fn what_waits<C: Controller>(controller: &mut C) -> Waits {
    let queue = controller.queue();
    Waits { work: queue.has_work(), timers: queue.has_timers() }
}

/// An actor's place in a set of actors.
fn bit(actor: Actor) -> u64 {
    1 << (actor as u16)
}

impl Actor {
    /// The kind as which a controller owns pods. It looks at pods of its own and at those that nobody owns.
    fn owns_pods_as(self) -> Option<&'static str> {
        match self {
            Actor::ReplicaSet => Some("ReplicaSet"),
            Actor::ReplicationController => Some("ReplicationController"),
            Actor::StatefulSet => Some("StatefulSet"),
            Actor::DaemonSet => Some("DaemonSet"),
            Actor::Job => Some("Job"),
            _ => None,
        }
    }
}

/// The kind of the controller that owns a pod before and after a change.
fn sole_owner(delivery: &Delivery) -> Option<&str> {
    fn owner(pod: &Pod) -> Option<&str> {
        pod.meta.controller_of().map(|owner| owner.kind.as_str())
    }
    match (&delivery.old, &delivery.new) {
        (Some(Object::Pod(old)), Some(Object::Pod(new))) => {
            let same = old.meta.owner_references.ptr_eq(&new.meta.owner_references);
            let kind = owner(new)?;
            (same || owner(old) == Some(kind)).then_some(kind)
        }
        (Some(Object::Pod(pod)), None) | (None, Some(Object::Pod(pod))) => owner(pod),
        _ => None,
    }
}

fn name_of<C: Controller>(_: &C) -> &'static str {
    C::NAME
}

/// An outcome as the trace tells it: nothing, so many writes, or a failure.
pub(super) fn outcome_code(outcome: &Outcome) -> u64 {
    match outcome {
        Outcome::Noop => 0,
        Outcome::Wrote(count) => u64::from(*count),
        Outcome::Failed(error) => u64::MAX - u64::from(error.code()),
    }
}
