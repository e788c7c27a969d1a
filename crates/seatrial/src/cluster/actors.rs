//! Who acts: the controllers in their fixed order, and what wakes them from outside.

use seatrial_api::{Kind, Lease, NamespacedName, Pod};
use seatrial_controllers::{
    CronJobController, DaemonSetsController, DeploymentController, DisruptionController, EndpointController,
    EndpointSliceController, EndpointSliceMirroringController, EphemeralVolumeController, GarbageCollector,
    HorizontalController, JobController, NamespaceController, NodeLifecycleController, PersistentVolumeController,
    PodGcController, PvProtectionController, PvcProtectionController, ReplicaSetController, ReplicationManager,
    ResourceQuotaController, ServiceLbController, StatefulSetController, TaintEvictionController,
    TtlAfterFinishedController, VolumeExpandController, VolumeProvisioner,
};
use seatrial_engine::SimTime;
use seatrial_kubelet::KubeletEvent;
use seatrial_machinery::{
    Aspects, Client, Controller, Delivery, EventContext, EventRecorder, Informers, Outcome, Queue, SyncContext,
    process_next_work_item,
};

use super::trace::Actor;
use super::turns::{Heeders, Turns};

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
        SyncContext::new(self.informers, Client::new(self.server, self.recorder, self.clock, component))
    }
}

/// A sync, as the trace tells of it.
#[derive(Clone, Copy)]
pub(super) struct Done {
    /// The record of what queued the key.
    pub(super) cause: u64,
    /// The outcome.
    pub(super) code: u64,
}

/// A controller of whatever type. What it does tells how it stands afterwards.
trait AnyController {
    fn handle(&mut self, cx: &EventContext<'_>, delivery: &Delivery<'_>) -> Standing;
    fn process_next(&mut self, turn: Turn<'_>) -> (Option<Done>, Standing);
    fn queue(&mut self) -> &mut Queue;
    fn standing(&mut self) -> Standing;
}

impl<C: Controller> AnyController for C {
    fn handle(&mut self, cx: &EventContext<'_>, delivery: &Delivery<'_>) -> Standing {
        Controller::handle(self, cx, delivery);
        self.standing()
    }

    fn process_next(&mut self, turn: Turn<'_>) -> (Option<Done>, Standing) {
        let synced = process_next_work_item(self, &mut turn.context(C::NAME));
        (synced.map(|synced| Done { cause: synced.cause, code: outcome_code(&synced.outcome) }), self.standing())
    }

    fn queue(&mut self) -> &mut Queue {
        Controller::queue(self)
    }

    #[inline]
    fn standing(&mut self) -> Standing {
        let heeds = self.heeds();
        let queue = Controller::queue(self);
        Standing { has_work: queue.has_work(), has_timers: queue.has_timers(), heeds }
    }
}

/// What a controller has to do, and which changes of pods it is to be told of.
#[derive(Clone, Copy)]
struct Standing {
    has_work: bool,
    has_timers: bool,
    heeds: Aspects,
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
            /// To whom which changes of pods mean something, as things are.
            heeders: Heeders,
            $( $(#[$why])* pub(super) $field: $type, )*
        }

        impl Controllers {
            /// Whose turn it is, one after the other.
            const ACTORS: &[Actor] = &[$( Actor::$actor ),*];
            /// The kinds that each of them watches.
            const WATCHES: &[&[Kind]] = &[$( <$type as Controller>::WATCHES ),*];
            /// The kinds whose objects each of them only wants to see come and go.
            const WATCHES_PRESENCE: &[&[Kind]] = &[$( <$type as Controller>::WATCHES_PRESENCE ),*];

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
    ephemeral_volume: EphemeralVolumeController = EphemeralVolume,
}

/// Who is told of every change of each kind.
static WATCHERS: [Turns; Kind::ALL.len()] = watchers(Controllers::WATCHES);

/// Who is told of each kind only what [`Controller::WATCHES_PRESENCE`] says.
static PRESENCE_WATCHERS: [Turns; Kind::ALL.len()] = watchers(Controllers::WATCHES_PRESENCE);

/// Whose pods those of each kind of owner are not, of all who own pods.
static OTHER_OWNERS: [Turns; Owner::COUNT] = other_owners();

const fn watchers(kinds: &[&[Kind]]) -> [Turns; Kind::ALL.len()] {
    let mut watchers = [Turns::NONE; Kind::ALL.len()];
    let mut turn = 0;
    while turn < kinds.len() {
        let mut i = 0;
        while i < kinds[turn].len() {
            let kind = kinds[turn][i] as usize;
            watchers[kind] = watchers[kind].with(turn);
            i += 1;
        }
        turn += 1;
    }
    watchers
}

/// The kinds that own pods of their own: their controllers look at those and at the ones that nobody owns, and at no
/// others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    ReplicaSet,
    ReplicationController,
    StatefulSet,
    DaemonSet,
    Job,
    /// Any other kind: none of theirs.
    Other,
}

impl Owner {
    const COUNT: usize = Owner::Other as usize + 1;

    fn named(kind: &str) -> Owner {
        match kind {
            "ReplicaSet" => Owner::ReplicaSet,
            "ReplicationController" => Owner::ReplicationController,
            "StatefulSet" => Owner::StatefulSet,
            "DaemonSet" => Owner::DaemonSet,
            "Job" => Owner::Job,
            _ => Owner::Other,
        }
    }

    /// As what an actor owns pods.
    const fn of(actor: Actor) -> Option<Owner> {
        Some(match actor {
            Actor::ReplicaSet => Owner::ReplicaSet,
            Actor::ReplicationController => Owner::ReplicationController,
            Actor::StatefulSet => Owner::StatefulSet,
            Actor::DaemonSet => Owner::DaemonSet,
            Actor::Job => Owner::Job,
            _ => return None,
        })
    }
}

const fn other_owners() -> [Turns; Owner::COUNT] {
    let mut others = [Turns::NONE; Owner::COUNT];
    let mut turn = 0;
    while turn < Controllers::ACTORS.len() {
        if let Some(owner) = Owner::of(Controllers::ACTORS[turn]) {
            let mut of = 0;
            while of < Owner::COUNT {
                if of != owner as usize {
                    others[of] = others[of].with(turn);
                }
                of += 1;
            }
        }
        turn += 1;
    }
    others
}

impl Controllers {
    /// All of them, and the storage behind StorageClasses.
    pub(super) fn new(volume_provisioner: VolumeProvisioner) -> Self {
        Self { volume_provisioner, ..Self::default() }
    }

    /// Lets every controller hear of a change of what it watches, but for those whose pods are others'.
    pub(super) fn handle(&mut self, cx: &EventContext<'_>, delivery: &Delivery<'_>) {
        let Some(kind) = delivery.kind() else { return };
        let aspects = Aspects::of(delivery);
        let mut told = WATCHERS[kind as usize];
        if aspects.touch_presence() {
            told = told.or(PRESENCE_WATCHERS[kind as usize]);
        }
        if kind == Kind::Pod {
            told = told.among(self.heeders.of(aspects));
            if let Some(owner) = sole_owner(delivery) {
                told = told.without(OTHER_OWNERS[owner as usize]);
            }
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
    pub(super) fn process_next(&mut self, turn: usize, with: Turn<'_>) -> Option<Done> {
        let controller = self.of(Self::ACTORS[turn])?;
        let (done, standing) = controller.process_next(with);
        self.note(turn, standing);
        done
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
        self.heeders.set(turn, standing.heeds);
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

/// The kind of the controller that owns a pod before and after a change.
fn sole_owner(delivery: &Delivery<'_>) -> Option<Owner> {
    fn owner(pod: &Pod) -> Option<&str> {
        pod.meta.controller_of().map(|owner| owner.kind.as_str())
    }
    let (old, new) = (delivery.old_as::<Pod>(), delivery.new_as::<Pod>());
    let kind = owner(new.or(old)?)?;
    // The references are shared by the versions of a pod: most are not looked at twice.
    let is_same = old.zip(new).is_none_or(|(old, new)| {
        old.meta.owner_references.ptr_eq(&new.meta.owner_references) || owner(old) == Some(kind)
    });
    is_same.then(|| Owner::named(kind))
}

/// An outcome as the trace tells it: nothing, so many writes, or a failure.
fn outcome_code(outcome: &Outcome) -> u64 {
    match outcome {
        Outcome::Noop => 0,
        Outcome::Wrote(count) => u64::from(*count),
        Outcome::Failed(error) => u64::MAX - u64::from(error.code()),
    }
}
