//! Pods: the object there are a million of.

use std::net::IpAddr;
use std::sync::Arc;

use k8s_openapi::api::core::v1 as corev1;

use crate::condition::{Conditions, pod_conditions_from_api, pod_conditions_to_api};
use crate::meta::SharedList;
use crate::objects::container_status::ContainerStatus;
use crate::pod_template::{PodHostname, PodSpec};
use crate::resources::QosClass;
use crate::{ApiError, ObjectMeta, RareStr, Str, Time};

/// Condition types of pods.
pub mod condition_type {
    /// The pod can serve.
    pub const READY: &str = "Ready";
    /// Every container is ready.
    pub const CONTAINERS_READY: &str = "ContainersReady";
    /// The init containers are done.
    pub const INITIALIZED: &str = "Initialized";
    /// The pod is bound to a node.
    pub const POD_SCHEDULED: &str = "PodScheduled";
    /// The sandbox and its network are there.
    pub const POD_READY_TO_START_CONTAINERS: &str = "PodReadyToStartContainers";
    /// Somebody (eviction, preemption, taints) is about to end the pod.
    pub const DISRUPTION_TARGET: &str = "DisruptionTarget";
}

/// A Pod: its own metadata, a spec it shares with its siblings, and a status.
#[derive(Clone, Debug)]
pub struct Pod {
    /// The metadata.
    pub meta: ObjectMeta,
    /// The spec but for `nodeName`, shared by all pods of a template.
    pub spec: Arc<PodSpec>,
    /// The node the pod is bound to, or empty.
    pub node_name: Str,
    /// The only node that a daemon pod's required node affinity allows. It is not part of the shared spec, so that the
    /// pods of a DaemonSet can share one; any pod whose affinity has this shape is held so.
    pub pinned_to: Option<Arc<Str>>,
    /// What the scheduler and the kubelet report.
    pub status: PodStatus,
}

impl PartialEq for Pod {
    /// The status first: it is what two versions of a pod nearly always differ in.
    fn eq(&self, other: &Self) -> bool {
        let Self { meta, spec, node_name, pinned_to, status } = self;
        *status == other.status
            && *meta == other.meta
            && *spec == other.spec
            && *node_name == other.node_name
            && *pinned_to == other.pinned_to
    }
}

/// Where a pod is in its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PodPhase {
    /// Accepted, not all containers started.
    #[default]
    Pending,
    /// Bound, containers run or are being restarted.
    Running,
    /// All containers ended well.
    Succeeded,
    /// All containers ended, one of them badly, or the pod was refused or evicted.
    Failed,
    /// The node does not answer.
    Unknown,
}

impl PodPhase {
    /// The word in the JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Running => "Running",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
            Self::Unknown => "Unknown",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Pending, Self::Running, Self::Succeeded, Self::Failed, Self::Unknown]
            .into_iter()
            .find(|p| p.as_str() == text)
    }

    /// Succeeded or Failed: never left again.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed)
    }
}

/// A pod's status. Mirrors `v1.PodStatus`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PodStatus {
    /// The phase.
    pub phase: PodPhase,
    /// The quality-of-service class; set when the pod is created.
    pub qos_class: Option<QosClass>,
    /// The generation the kubelet has seen; 0 where it has seen none.
    pub observed_generation: i64,
    /// The conditions, in the order in which they were written.
    pub conditions: Conditions,
    /// Why the whole pod is as it is (`Evicted`, `OutOfcpu`), or empty.
    pub reason: RareStr,
    /// More for people, or empty.
    pub message: RareStr,
    /// The node that preemption made room on, or empty.
    pub nominated_node_name: RareStr,
    /// The node's address.
    pub host_ip: Option<IpAddr>,
    /// The pod's address.
    pub pod_ip: Option<IpAddr>,
    /// When the kubelet first saw the pod.
    pub start_time: Option<Time>,
    /// Init containers, in the order of the spec.
    pub init_container_statuses: SharedList<ContainerStatus>,
    /// Containers, sorted by name.
    pub container_statuses: SharedList<ContainerStatus>,
    /// Whatever else was written, kept as it is.
    pub other: Option<Arc<corev1::PodStatus>>,
}

impl Pod {
    /// Whether the pod's Ready condition is True. Mirrors `podutil.IsPodReady`.
    #[inline]
    pub fn is_ready(&self) -> bool {
        self.status.conditions.is_true(condition_type::READY)
    }

    /// When the Ready condition became what it is, if it is True.
    #[inline]
    pub fn ready_since(&self) -> Option<Time> {
        let ready = self.status.conditions.get(condition_type::READY)?;
        (ready.status == crate::ConditionStatus::True).then_some(ready.last_transition_time.unwrap_or_default())
    }

    /// Neither ended nor being deleted. Mirrors `controller.IsPodActive`.
    #[inline]
    pub fn is_active(&self) -> bool {
        !self.status.phase.is_terminal() && !self.meta.is_deleting()
    }

    /// Being deleted and not ended. Mirrors `controller.IsPodTerminating`.
    #[inline]
    pub fn is_terminating(&self) -> bool {
        !self.status.phase.is_terminal() && self.meta.is_deleting()
    }

    /// Reads a pod as k8s-openapi holds it.
    ///
    /// # Errors
    /// See [`ObjectMeta::from_api`].
    pub fn from_api(pod: corev1::Pod) -> Result<Self, ApiError> {
        let mut spec = pod.spec.unwrap_or_default();
        let node_name = spec.node_name.take().unwrap_or_default().into();
        let pinned_to = take_pin(&mut spec).map(|node| Arc::new(Str::from(node)));
        let meta = ObjectMeta::from_api(pod.metadata)?;
        leave_out_own_claims(&mut spec, &meta.name);
        let hostname = place_of_hostname(&meta, spec.hostname.as_deref());
        Ok(Self {
            meta,
            spec: Arc::new(PodSpec::new(spec).with_hostname(hostname)),
            node_name,
            pinned_to,
            status: PodStatus::from_api(pod.status.unwrap_or_default()),
        })
    }

    /// The pod as k8s-openapi holds it.
    pub fn to_api(&self) -> corev1::Pod {
        let node_name = (!self.node_name.is_empty()).then(|| self.node_name.to_string());
        let mut spec = corev1::PodSpec { node_name, ..self.spec.api().clone() };
        if let Some(node) = &self.pinned_to {
            pin(&mut spec, node);
        }
        spec.hostname = self.hostname().map(str::to_owned);
        write_own_claims(&mut spec, &self.meta.name);
        corev1::Pod { metadata: self.meta.to_api(), spec: Some(spec), status: Some(self.status.to_api()) }
    }

    /// The hostname that the pod asks for.
    pub fn hostname(&self) -> Option<&str> {
        match self.spec.hostname() {
            PodHostname::Spec => self.spec.api().hostname.as_deref(),
            PodHostname::Name => Some(&self.meta.name),
            PodHostname::GenerateName => self.meta.generate_name.strip_suffix('-'),
        }
    }

    /// The claim that a volume of the pod is, and whether it is one that was made for the pod itself; `None` where the
    /// volume is something else.
    pub fn claim_of(&self, volume: &corev1::Volume) -> Option<(Str, bool)> {
        match &volume.persistent_volume_claim {
            Some(source) if source.claim_name.is_empty() => {
                Some((own_claim_name(&volume.name, &self.meta.name), false))
            }
            Some(source) => Some((source.claim_name.as_str().into(), false)),
            None => volume.ephemeral.as_ref().map(|_| (Str::concat(&[&self.meta.name, "-", &volume.name]), true)),
        }
    }

    /// Whether the pod uses a claim; its name is put together nowhere.
    pub fn uses_claim(&self, claim: &str) -> bool {
        let is_joined = |first: &str, second: &str| {
            claim.strip_prefix(first).and_then(|rest| rest.strip_prefix('-')).is_some_and(|rest| rest == second)
        };
        let volumes = self.spec.api().volumes.as_deref().filter(|_| self.has_claims()).unwrap_or_default();
        volumes.iter().any(|volume| match &volume.persistent_volume_claim {
            Some(source) if source.claim_name.is_empty() => is_joined(&volume.name, &self.meta.name),
            Some(source) => source.claim_name == claim,
            None => volume.ephemeral.is_some() && is_joined(&self.meta.name, &volume.name),
        })
    }

    /// Whether the pod uses claims.
    #[inline]
    pub fn has_claims(&self) -> bool {
        self.spec.has_claims()
    }

    /// The claims of the pod, each with whether it was made for the pod itself.
    pub fn claims(&self) -> impl Iterator<Item = (Str, bool)> {
        let volumes = self.spec.api().volumes.as_deref().filter(|_| self.has_claims()).unwrap_or_default();
        volumes.iter().filter_map(|volume| self.claim_of(volume))
    }

    /// Whether both pods, which bear the same name, have the same spec, wherever its parts are written.
    pub fn has_spec_of(&self, other: &Self) -> bool {
        let whole = |pod: &Self| {
            let mut spec = pod.spec.api().clone();
            write_own_claims(&mut spec, &pod.meta.name);
            spec
        };
        *self.spec == *other.spec || (self.spec.has_hostname_of(&other.spec) && whole(self) == whole(other))
    }

    /// The node the pod is on or made for: its own, or else the one it is pinned to. Mirrors `GetTargetNodeName` of the
    /// DaemonSet controller.
    pub fn target_node(&self) -> Option<&Str> {
        if self.node_name.is_empty() { self.pinned_to.as_deref() } else { Some(&self.node_name) }
    }
}

/// Where a hostname can be read that need not be in the spec.
fn place_of_hostname(meta: &ObjectMeta, hostname: Option<&str>) -> PodHostname {
    match hostname {
        None | Some("") => PodHostname::Spec,
        Some(hostname) if *meta.name == *hostname => PodHostname::Name,
        Some(hostname) if meta.generate_name.strip_suffix('-') == Some(hostname) => PodHostname::GenerateName,
        Some(_) => PodHostname::Spec,
    }
}

/// The name of a claim that is named after its pod. Mirrors `getPersistentVolumeClaimName` of the StatefulSet controller.
pub fn own_claim_name(volume: &str, pod: &str) -> Str {
    Str::concat(&[volume, "-", pod])
}

/// Leaves out the names of claims that are named after the pod, so that pods which differ in nothing else share a spec.
fn leave_out_own_claims(spec: &mut corev1::PodSpec, pod: &str) {
    let is_own = |volume: &str, claim: &str| {
        !pod.is_empty() && claim.strip_prefix(volume).and_then(|rest| rest.strip_prefix('-')) == Some(pod)
    };
    for volume in spec.volumes.iter_mut().flatten() {
        if let Some(source) = volume.persistent_volume_claim.as_mut().filter(|s| is_own(&volume.name, &s.claim_name)) {
            source.claim_name = String::new();
        }
    }
}

/// Writes the names of claims that are named after the pod: the opposite of [`leave_out_own_claims`].
fn write_own_claims(spec: &mut corev1::PodSpec, pod: &str) {
    for volume in spec.volumes.iter_mut().flatten() {
        if let Some(source) = volume.persistent_volume_claim.as_mut().filter(|s| s.claim_name.is_empty()) {
            source.claim_name = own_claim_name(&volume.name, pod).into();
        }
    }
}

const FIELD_METADATA_NAME: &str = "metadata.name";
const OPERATOR_IN: &str = "In";

/// Makes one node the only one that the required node affinity allows; preferences stay.
/// Mirrors `ReplaceDaemonSetPodNodeNameNodeAffinity`.
fn pin(spec: &mut corev1::PodSpec, node: &str) {
    let requirement = corev1::NodeSelectorRequirement {
        key: FIELD_METADATA_NAME.to_owned(),
        operator: OPERATOR_IN.to_owned(),
        values: Some(vec![node.to_owned()]),
    };
    let term = corev1::NodeSelectorTerm { match_expressions: None, match_fields: Some(vec![requirement]) };
    let affinity = spec.affinity.get_or_insert_default().node_affinity.get_or_insert_default();
    affinity.required_during_scheduling_ignored_during_execution =
        Some(corev1::NodeSelector { node_selector_terms: vec![term] });
}

/// Takes a required node affinity that allows one node by its name out of a spec, and what it leaves empty with it: the
/// opposite of [`pin`].
fn take_pin(spec: &mut corev1::PodSpec) -> Option<String> {
    let affinity = spec.affinity.as_mut()?;
    let node_affinity = affinity.node_affinity.as_mut()?;
    let required = node_affinity.required_during_scheduling_ignored_during_execution.as_mut()?;
    let [corev1::NodeSelectorTerm { match_expressions: None, match_fields: Some(fields) }] =
        required.node_selector_terms.as_mut_slice()
    else {
        return None;
    };
    let [corev1::NodeSelectorRequirement { key, operator, values: Some(values) }] = fields.as_mut_slice() else {
        return None;
    };
    if key != FIELD_METADATA_NAME || operator != OPERATOR_IN || values.len() != 1 || values[0].is_empty() {
        return None;
    }
    let node = values.pop();
    node_affinity.required_during_scheduling_ignored_during_execution = None;
    if *node_affinity == corev1::NodeAffinity::default() {
        affinity.node_affinity = None;
    }
    if *affinity == corev1::Affinity::default() {
        spec.affinity = None;
    }
    node
}

impl PodStatus {
    /// Reads a status as k8s-openapi holds it.
    pub fn from_api(s: corev1::PodStatus) -> Self {
        let address = |text: &Option<String>| text.as_deref().and_then(|t| t.parse::<IpAddr>().ok());
        let (host_ip, pod_ip) = (address(&s.host_ip), address(&s.pod_ip));
        let plain_hosts =
            host_ip.is_some_and(|ip| s.host_ips.as_deref().is_some_and(|l| l.len() == 1 && l[0].ip == ip.to_string()));
        let plain_pods =
            pod_ip.is_some_and(|ip| s.pod_ips.as_deref().is_some_and(|l| l.len() == 1 && l[0].ip == ip.to_string()));
        let other = corev1::PodStatus {
            allocated_resources: s.allocated_resources,
            ephemeral_container_statuses: s.ephemeral_container_statuses,
            extended_resource_claim_status: s.extended_resource_claim_status,
            host_ips: if plain_hosts { None } else { s.host_ips },
            node_allocatable_resource_claim_statuses: s.node_allocatable_resource_claim_statuses,
            pod_ips: if plain_pods { None } else { s.pod_ips },
            resize: s.resize,
            resource_claim_statuses: s.resource_claim_statuses,
            resources: s.resources,
            ..Default::default()
        };
        let containers =
            |l: Option<Vec<corev1::ContainerStatus>>| l.into_iter().flatten().map(ContainerStatus::from_api).collect();
        Self {
            phase: s.phase.as_deref().and_then(PodPhase::parse).unwrap_or_default(),
            qos_class: s.qos_class.as_deref().and_then(QosClass::parse),
            observed_generation: s.observed_generation.unwrap_or(0),
            conditions: pod_conditions_from_api(s.conditions),
            reason: s.reason.unwrap_or_default().into(),
            message: s.message.unwrap_or_default().into(),
            nominated_node_name: s.nominated_node_name.unwrap_or_default().into(),
            host_ip,
            pod_ip,
            start_time: s.start_time.as_ref().map(Into::into),
            init_container_statuses: containers(s.init_container_statuses),
            container_statuses: containers(s.container_statuses),
            other: (other != corev1::PodStatus::default()).then(|| Arc::new(other)),
        }
    }

    /// The status as k8s-openapi holds it.
    pub fn to_api(&self) -> corev1::PodStatus {
        let text = |s: &RareStr| (!s.is_empty()).then(|| s.to_string());
        let containers =
            |l: &[ContainerStatus]| (!l.is_empty()).then(|| l.iter().map(ContainerStatus::to_api).collect());
        let mut other = self.other.as_deref().cloned().unwrap_or_default();
        if let (Some(ip), None) = (self.host_ip, &other.host_ips) {
            other.host_ips = Some(vec![corev1::HostIP { ip: ip.to_string() }]);
        }
        if let (Some(ip), None) = (self.pod_ip, &other.pod_ips) {
            other.pod_ips = Some(vec![corev1::PodIP { ip: ip.to_string() }]);
        }
        corev1::PodStatus {
            conditions: pod_conditions_to_api(&self.conditions),
            container_statuses: containers(&self.container_statuses),
            host_ip: self.host_ip.map(|ip| ip.to_string()),
            init_container_statuses: containers(&self.init_container_statuses),
            message: text(&self.message),
            nominated_node_name: text(&self.nominated_node_name),
            observed_generation: (self.observed_generation != 0).then_some(self.observed_generation),
            phase: Some(self.phase.as_str().to_owned()),
            pod_ip: self.pod_ip.map(|ip| ip.to_string()),
            qos_class: self.qos_class.map(|q| q.as_str().to_owned()),
            reason: text(&self.reason),
            start_time: self.start_time.map(Into::into),
            ..other
        }
    }
}
