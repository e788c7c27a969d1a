//! What happened, who did it and why: the engine's records with Kubernetes' words.

use rustc_hash::FxHashMap;
use seatrial_api::{Kind, Object, ObjectKey, Str};
use seatrial_engine::{Mode, Record, SimTime, StableHasher, Trace};
use std::fmt;
use std::hash::Hasher;
use std::time::Duration;

/// Who did something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum Actor {
    /// The scenario's step, or the caller of the library.
    User,
    /// The API server, which tells watchers.
    ApiServer,
    /// The Deployment controller.
    Deployment,
    /// The ReplicaSet controller.
    ReplicaSet,
    /// The garbage collector.
    GarbageCollector,
    /// The namespace controller.
    Namespace,
    /// The quota controller.
    ResourceQuota,
    /// The PVC protection controller.
    PvcProtection,
    /// The PV protection controller.
    PvProtection,
    /// The node lifecycle controller.
    NodeLifecycle,
    /// The taint eviction controller.
    TaintEviction,
    /// The pod garbage collector.
    PodGc,
    /// The disruption controller.
    Disruption,
    /// The scheduler.
    Scheduler,
    /// A kubelet.
    Kubelet,
    /// The ReplicationController controller.
    ReplicationController,
    /// The StatefulSet controller.
    StatefulSet,
    /// The DaemonSet controller.
    DaemonSet,
    /// The Job controller.
    Job,
    /// The TTL-after-finished controller.
    TtlAfterFinished,
    /// The volume binder.
    PersistentVolume,
    /// The expand controller.
    VolumeExpand,
    /// The storage behind StorageClasses.
    VolumeProvisioner,
    /// The CronJob controller.
    CronJob,
    /// The Endpoints controller.
    Endpoint,
    /// The EndpointSlice controller.
    EndpointSlice,
    /// The EndpointSlice mirroring controller.
    EndpointSliceMirroring,
    /// The service controller, which makes load balancers.
    ServiceLb,
    /// The HorizontalPodAutoscaler controller.
    HorizontalPodAutoscaler,
    /// The ephemeral volume controller.
    EphemeralVolume,
}

impl Actor {
    const ALL: &[Actor] = &[
        Actor::User,
        Actor::ApiServer,
        Actor::Deployment,
        Actor::ReplicaSet,
        Actor::GarbageCollector,
        Actor::Namespace,
        Actor::ResourceQuota,
        Actor::PvcProtection,
        Actor::PvProtection,
        Actor::NodeLifecycle,
        Actor::TaintEviction,
        Actor::PodGc,
        Actor::Disruption,
        Actor::Scheduler,
        Actor::Kubelet,
        Actor::ReplicationController,
        Actor::StatefulSet,
        Actor::DaemonSet,
        Actor::Job,
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
        Actor::EphemeralVolume,
    ];

    /// The name in events and reports.
    pub fn name(self) -> &'static str {
        match self {
            Actor::User => "user",
            Actor::ApiServer => "apiserver",
            Actor::Deployment => "deployment-controller",
            Actor::ReplicaSet => "replicaset-controller",
            Actor::GarbageCollector => "garbage-collector",
            Actor::Namespace => "namespace-controller",
            Actor::ResourceQuota => "resourcequota-controller",
            Actor::PvcProtection => "pvc-protection-controller",
            Actor::PvProtection => "pv-protection-controller",
            Actor::NodeLifecycle => "node-controller",
            Actor::TaintEviction => "taint-eviction-controller",
            Actor::PodGc => "pod-garbage-collector",
            Actor::Disruption => "disruption-controller",
            Actor::Scheduler => "default-scheduler",
            Actor::Kubelet => "kubelet",
            Actor::ReplicationController => "replication-controller",
            Actor::StatefulSet => "statefulset-controller",
            Actor::DaemonSet => "daemonset-controller",
            Actor::Job => "job-controller",
            Actor::TtlAfterFinished => "ttl-after-finished-controller",
            Actor::PersistentVolume => "persistentvolume-controller",
            Actor::VolumeExpand => "volume-expand-controller",
            Actor::VolumeProvisioner => "volume-provisioner",
            Actor::CronJob => "cronjob-controller",
            Actor::Endpoint => "endpoint-controller",
            Actor::EndpointSlice => "endpoint-slice-controller",
            Actor::EndpointSliceMirroring => "endpoint-slice-mirroring-controller",
            Actor::ServiceLb => "service-controller",
            Actor::HorizontalPodAutoscaler => "horizontal-pod-autoscaler",
            Actor::EphemeralVolume => "ephemeral-volume-controller",
        }
    }
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum What {
    /// A step or call of the user.
    Call,
    /// An object was created.
    Added,
    /// An object was replaced.
    Modified,
    /// An object was removed.
    Deleted,
    /// A controller synced a key; the detail is 0 for nothing done, else the number of writes.
    Reconcile,
    /// A timer came due.
    Timer,
}

impl What {
    const ALL: [What; 6] = [What::Call, What::Added, What::Modified, What::Deleted, What::Reconcile, What::Timer];

    /// The word in reports.
    pub fn name(self) -> &'static str {
        match self {
            What::Call => "call",
            What::Added => "added",
            What::Modified => "modified",
            What::Deleted => "deleted",
            What::Reconcile => "reconcile",
            What::Timer => "timer",
        }
    }
}

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TraceMode {
    /// Nothing, for the last bit of speed.
    Off,
    /// The hash.
    Hash,
    /// Every record, for [`Cluster::trace`](crate::Cluster::trace) and `seatrial why`.
    Full,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceRecord {
    /// The record's number, from 1.
    pub seq: u64,
    /// When, since the start.
    pub time: Duration,
    /// Who.
    pub actor: Actor,
    /// What.
    pub what: What,
    /// To which object, where it was one.
    pub object: Option<ObjectKey>,
    /// The resourceVersion of a write, the number of writes of a reconcile; see [`TraceRecord::failure_code`].
    pub detail: u64,
    /// The record that caused this one; 0 for none.
    pub cause: u64,
}

impl TraceRecord {
    /// The code of the API server's answer with which a reconcile failed, if it did.
    pub fn failure_code(&self) -> Option<u16> {
        // Failures count down from the highest number, which no count of writes comes near.
        (self.what == What::Reconcile).then(|| u16::try_from(u64::MAX - self.detail).ok()).flatten()
    }
}

impl fmt::Display for TraceRecord {
    /// Who did what, as a person would say it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let who = self.actor.name();
        match self.what {
            What::Call => return f.write_str("a user's call"),
            What::Timer => return write!(f, "a timer of {who} came due"),
            What::Reconcile => {
                return match self.failure_code() {
                    Some(code) => write!(f, "{who} failed to reconcile ({code})"),
                    None => write!(f, "{who} reconciled ({} writes)", self.detail),
                };
            }
            What::Added => write!(f, "{who} created")?,
            What::Modified => write!(f, "{who} changed")?,
            What::Deleted => write!(f, "{who} removed")?,
        }
        self.object.as_ref().map_or(Ok(()), |object| write!(f, " {object}"))
    }
}

#[derive(Debug)]
pub(super) struct TraceLog {
    trace: Trace,
    mode: TraceMode,
    objects: FxHashMap<u64, ObjectKey>,
    /// The namespace met last of each kind, and the hash of both: only the name is added for each record.
    prefixes: Vec<(Str, StableHasher)>,
}

impl TraceLog {
    pub(super) fn new(mode: TraceMode) -> Self {
        let engine = match mode {
            TraceMode::Off => Mode::Off,
            TraceMode::Hash => Mode::HashOnly,
            TraceMode::Full => Mode::Full,
        };
        let prefixes = Kind::ALL.iter().map(|kind| (Str::default(), prefix(*kind, ""))).collect();
        Self { trace: Trace::new(engine), mode, objects: FxHashMap::default(), prefixes }
    }

    pub(super) fn hash(&self) -> u64 {
        self.trace.hash()
    }

    pub(super) fn last_seq(&self) -> u64 {
        self.trace.last_seq()
    }

    /// Records something about no single object.
    pub(super) fn note(&mut self, now: SimTime, (actor, what): (Actor, What), detail: u64, cause: u64) -> u64 {
        self.trace.record(now, actor as u16, what as u16, 0, detail, cause)
    }

    /// Records something about an object.
    pub(super) fn about(
        &mut self,
        now: SimTime,
        (actor, what): (Actor, What),
        object: &Object,
        detail: u64,
        cause: u64,
    ) -> u64 {
        if self.mode == TraceMode::Off {
            return self.trace.record(now, actor as u16, what as u16, 0, detail, cause);
        }
        let id = self.id_of(object);
        if self.mode == TraceMode::Full {
            self.objects.entry(id).or_insert_with(|| object.key());
        }
        self.trace.record(now, actor as u16, what as u16, id, detail, cause)
    }

    /// A hash of the object's kind, namespace and name, which is the same in every run.
    #[inline]
    fn id_of(&mut self, object: &Object) -> u64 {
        let brief = if let Object::Event(event) = object { event.brief() } else { None };
        let (kind, namespace, name) = match brief {
            Some(brief) => (Kind::Event, &brief.template.namespace, &brief.about),
            None => {
                let meta = object.meta();
                (object.kind(), &meta.namespace, &meta.name)
            }
        };
        let known = &mut self.prefixes[kind as usize];
        if known.0 != *namespace {
            *known = (namespace.clone(), prefix(kind, namespace));
        }
        let mut hasher = known.1;
        match brief {
            Some(brief) => brief.with_name_parts(|about, stamp| hasher.write_joined(about, stamp)),
            None => hasher.write(name.as_bytes()),
        }
        hasher.finish()
    }

    pub(super) fn records(&self) -> impl DoubleEndedIterator<Item = TraceRecord> + '_ {
        self.trace.records().map(|r| self.readable(r))
    }

    fn readable(&self, r: &Record) -> TraceRecord {
        TraceRecord {
            seq: r.seq,
            time: r.time.since_start(),
            actor: Actor::ALL.get(usize::from(r.actor)).copied().unwrap_or(Actor::User),
            what: What::ALL.get(usize::from(r.what)).copied().unwrap_or(What::Call),
            object: self.objects.get(&r.object).cloned(),
            detail: r.detail,
            cause: r.cause,
        }
    }
}

/// A hash that the same objects have in every run, but for the name.
#[cold]
fn prefix(kind: Kind, namespace: &str) -> StableHasher {
    let mut hasher = StableHasher::new();
    for text in [kind.info().kind, "/", namespace, "/"] {
        hasher.write(text.as_bytes());
    }
    hasher
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use seatrial_api::{Event, EventTemplate, Namespace, NewEvent, ObjectMeta, Time};

    #[test]
    fn ids_are_hashes_of_kind_namespace_and_name() {
        let mut trace = TraceLog::new(TraceMode::Hash);
        let want = |parts: [&str; 5]| {
            let mut hasher = StableHasher::new();
            parts.iter().for_each(|part| hasher.write(part.as_bytes()));
            hasher.finish()
        };
        for namespace in ["default", "", "default", "other"] {
            for about in ["web", "web-7999786fc7-r8vr5", "a-name-that-is-longer-than-what-fits-inline-of-a-text"] {
                let template = EventTemplate { namespace: namespace.into(), ..EventTemplate::default() };
                let stamp = 0x17a6_05a2_4edc_7e01;
                let meta = ObjectMeta { name: about.into(), ..ObjectMeta::default() };
                let event = NewEvent { template: Arc::new(template), about: &meta, arg: Str::default(), stamp };
                let numbers = event.numbers(1, 1, Time::from_unix((stamp / 1_000_000_000) as i64));
                let recorded = Event::from(event.into_brief(numbers.expect("they are close to each other")));
                let mut written = recorded.clone();
                written.count = 2;
                let name = format!("{about}.{stamp:x}");
                for event in [recorded, written] {
                    let id = trace.id_of(&Object::Event(Arc::new(event)));
                    assert_eq!(id, want(["Event", "/", namespace, "/", &name]), "{namespace}/{name}");
                }
                let meta = ObjectMeta { namespace: namespace.into(), name: about.into(), ..ObjectMeta::default() };
                let other = Object::Namespace(Arc::new(Namespace { meta, body: Default::default() }));
                assert_eq!(trace.id_of(&other), want(["Namespace", "/", namespace, "/", about]));
            }
        }
    }
}
