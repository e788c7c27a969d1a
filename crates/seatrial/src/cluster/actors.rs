//! Who acts: the controllers in their fixed order, and what wakes them from outside.

use seatrial_api::{Kind, Lease, NamespacedName, Object, Pod};
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
    Client, Controller, Delivery, EventContext, EventRecorder, Informers, Outcome, Queue, SyncContext, Synced,
    process_next_work_item,
};

use super::trace::Actor;
use super::turns::Turns;

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

/// A controller of whatever type. What it does tells how it stands afterwards.
trait AnyController {
    fn handle(&mut self, cx: &EventContext<'_>, delivery: &Delivery) -> Standing;
    fn process_next(&mut self, turn: Turn<'_>) -> (Option<Synced>, Standing);
    fn queue(&mut self) -> &mut Queue;
    fn standing(&mut self) -> Standing;
}

impl<C: Controller> AnyController for C {
    fn handle(&mut self, cx: &EventContext<'_>, delivery: &Delivery) -> Standing {
        Controller::handle(self, cx, delivery);
        self.standing()
    }

    fn process_next(&mut self, turn: Turn<'_>) -> (Option<Synced>, Standing) {
        let synced = process_next_work_item(self, &mut turn.context(C::NAME));
        (synced, self.standing())
    }

    fn queue(&mut self) -> &mut Queue {
        Controller::queue(self)
    }

    #[inline]
    fn standing(&mut self) -> Standing {
        let ignores_pods = self.ignores_pods();
        let queue = Controller::queue(self);
        Standing { has_work: queue.has_work(), has_timers: queue.has_timers(), ignores_pods }
    }
}

/// What a controller has to do, and what it need not be told of.
#[derive(Clone, Copy)]
struct Standing {
    has_work: bool,
    has_timers: bool,
    ignores_pods: bool,
}

/// Makes [`Controllers`] of the list of them: field, type and name in the trace, in the order of their turns.
macro_rules! controllers {
    ($( $(#[$why:meta])* $field:ident: $type:ty = $actor:ident, )*) => {
        /// The controllers, in the order of their turns.
        #[derive(Debug, Default)]
        pub(super) struct Controllers {
            /// Whose queue holds a key to sync.
            busy: Turns,
            /// Who asked for timers.
            timed: Turns,
            /// To whom pods mean nothing as things are.
            ignore_pods: Turns,
            $( $(#[$why])* pub(super) $field: $type, )*
        }

        impl Controllers {
            /// Whose turn it is, one after the other.
            const ACTORS: &[Actor] = &[$( Actor::$actor ),*];
            /// The kinds that each of them watches.
            const WATCHES: &[&[Kind]] = &[$( <$type as Controller>::WATCHES ),*];

            fn of(&mut self, actor: Actor) -> Option<&mut dyn AnyController> {
                match actor {
                    $( Actor::$actor => Some(&mut self.$field), )*
                    Actor::User | Actor::ApiServer | Actor::Scheduler | Actor::Kubelet => None,
                }
            }
        }
    };
}

controllers! {
    deployment: DeploymentController = Deployment,
    replica_set: ReplicaSetController = ReplicaSet,
    replication: ReplicationManager = ReplicationController,
    job: JobController = Job,
    garbage_collector: GarbageCollector = GarbageCollector,
    namespace: NamespaceController = Namespace,
    resource_quota: ResourceQuotaController = ResourceQuota,
    pvc_protection: PvcProtectionController = PvcProtection,
    pv_protection: PvProtectionController = PvProtection,
    node_lifecycle: NodeLifecycleController = NodeLifecycle,
    /// Before who evicts: it acts on a taint of its own accord.
    daemon_set: DaemonSetsController = DaemonSet,
    taint_eviction: TaintEvictionController = TaintEviction,
    pod_gc: PodGcController = PodGc,
    disruption: DisruptionController = Disruption,
    stateful_set: StatefulSetController = StatefulSet,
    ttl_after_finished: TtlAfterFinishedController = TtlAfterFinished,
    persistent_volume: PersistentVolumeController = PersistentVolume,
    volume_expand: VolumeExpandController = VolumeExpand,
    volume_provisioner: VolumeProvisioner = VolumeProvisioner,
    cron_job: CronJobController = CronJob,
    endpoint: EndpointController = Endpoint,
    endpoint_slice: EndpointSliceController = EndpointSlice,
    endpoint_slice_mirroring: EndpointSliceMirroringController = EndpointSliceMirroring,
    service_lb: ServiceLbController = ServiceLb,
    horizontal: HorizontalController = HorizontalPodAutoscaler,
}

/// Who is told of a change of each kind.
static WATCHERS: [Turns; Kind::ALL.len()] = watchers();

/// Who own pods, each as a kind of its own.
const POD_OWNERS: Turns = pod_owners();

const fn watchers() -> [Turns; Kind::ALL.len()] {
    let mut watchers = [Turns::NONE; Kind::ALL.len()];
    let mut turn = 0;
    while turn < Controllers::WATCHES.len() {
        let mut i = 0;
        while i < Controllers::WATCHES[turn].len() {
            let kind = Controllers::WATCHES[turn][i] as usize;
            watchers[kind] = watchers[kind].with(turn);
            i += 1;
        }
        turn += 1;
    }
    watchers
}

const fn pod_owners() -> Turns {
    let mut owners = Turns::NONE;
    let mut turn = 0;
    while turn < Controllers::ACTORS.len() {
        if owns_pods(Controllers::ACTORS[turn]) {
            owners = owners.with(turn);
        }
        turn += 1;
    }
    owners
}

/// Whether a controller looks at pods of its own and at those that nobody owns, and at no others.
const fn owns_pods(actor: Actor) -> bool {
    matches!(
        actor,
        Actor::ReplicaSet | Actor::ReplicationController | Actor::StatefulSet | Actor::DaemonSet | Actor::Job
    )
}

impl Controllers {
    /// All of them, and the storage behind StorageClasses.
    pub(super) fn new(volume_provisioner: VolumeProvisioner) -> Self {
        Self { volume_provisioner, ..Self::default() }
    }

    /// Lets every controller hear of a change of what it watches, but for those whose pods are others'.
    pub(super) fn handle(&mut self, cx: &EventContext<'_>, delivery: &Delivery) {
        let Some(kind) = delivery.kind() else { return };
        let mut told = WATCHERS[kind as usize];
        if kind == Kind::Pod {
            told = told.without(self.ignore_pods);
        }
        if let Some(owner) = sole_owner(delivery) {
            told = told.without(POD_OWNERS.without(turn_of_owner(owner)));
        }
        for turn in told {
            let Some(controller) = self.of(Self::ACTORS[turn]) else { continue };
            let standing = controller.handle(cx, delivery);
            self.note(turn, standing);
        }
    }

    /// A node lives: nobody else minds its Lease.
    pub(super) fn lease_renewed(&mut self, now: SimTime, lease: &Lease) {
        self.node_lifecycle.lease_renewed(now, lease);
    }

    /// Who is next to sync something: the first whose turn is this one or a later one.
    #[inline]
    pub(super) fn next_busy(&self, turn: usize) -> Option<(usize, Actor)> {
        let next = self.busy.next_from(turn)?;
        Some((next, Self::ACTORS[next]))
    }

    /// Lets the controller whose turn it is sync one key.
    pub(super) fn process_next(&mut self, turn: usize, with: Turn<'_>) -> Option<Synced> {
        let controller = self.of(Self::ACTORS[turn])?;
        let (synced, standing) = controller.process_next(with);
        self.note(turn, standing);
        synced
    }

    /// A controller's timer came due.
    pub(super) fn fire(&mut self, actor: Actor, key: &NamespacedName, now: SimTime, cause: u64) {
        let Some(turn) = Self::ACTORS.iter().position(|other| *other == actor) else { return };
        let Some(controller) = self.of(actor) else { return };
        controller.queue().fire(key, now, cause);
        let standing = controller.standing();
        self.note(turn, standing);
    }

    /// Remembers how a controller stands, so that nobody asks one that has nothing to do.
    #[inline]
    fn note(&mut self, turn: usize, standing: Standing) {
        self.busy.set(turn, standing.has_work);
        self.timed.set(turn, standing.has_timers);
        self.ignore_pods.set(turn, standing.ignores_pods);
    }

    /// Remembers how everybody stands.
    pub(super) fn note_all(&mut self) {
        for turn in 0..Self::ACTORS.len() {
            if let Some(standing) = self.of(Self::ACTORS[turn]).map(|controller| controller.standing()) {
                self.note(turn, standing);
            }
        }
    }

    /// The timers that controllers asked for since the last time.
    pub(super) fn take_timers(&mut self, out: &mut Vec<Timed>) {
        for turn in std::mem::take(&mut self.timed) {
            let actor = Self::ACTORS[turn];
            let timers = self.of(actor).map(|c| c.queue().take_timers()).unwrap_or_default();
            out.extend(timers.into_iter().map(|t| Timed {
                due: t.due,
                background: t.background,
                stimulus: Stimulus::Requeue(actor, Box::new(t.key)),
            }));
        }
    }
}

/// Whose pods those of an owner of this kind are.
fn turn_of_owner(kind: &str) -> Turns {
    let owner = match kind {
        "ReplicaSet" => Actor::ReplicaSet,
        "ReplicationController" => Actor::ReplicationController,
        "StatefulSet" => Actor::StatefulSet,
        "DaemonSet" => Actor::DaemonSet,
        "Job" => Actor::Job,
        _ => return Turns::NONE,
    };
    Controllers::ACTORS.iter().position(|actor| *actor == owner).map_or(Turns::NONE, |turn| Turns::NONE.with(turn))
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

/// An outcome as the trace tells it: nothing, so many writes, or a failure.
pub(super) fn outcome_code(outcome: &Outcome) -> u64 {
    match outcome {
        Outcome::Noop => 0,
        Outcome::Wrote(count) => u64::from(*count),
        Outcome::Failed(error) => u64::MAX - u64::from(error.code()),
    }
}
