//! What one object costs of a quota.
//!
//! Mirrors pkg/quota/v1/evaluator/core: pods.go, services.go, persistent_volume_claims.go, and the object counts of
//! generic/evaluator.go (v1.36).

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{PersistentVolumeClaim, PodSpec, Service};
use seatrial_api::quantity::{Format, Quantity};
use seatrial_api::{Kind, Object, Pod, Time};

use super::scopes::PodScopes;
use crate::pod_resources::{Amounts, Part, is_pod_level_resources_set, parse, with_overhead};

const STORAGE_CLASS_SUFFIX: &str = ".storageclass.storage.k8s.io/";
/// The annotation that named a claim's class before the field did.
const BETA_STORAGE_CLASS_ANNOTATION: &str = "volume.beta.kubernetes.io/storage-class";
const HUGE_PAGES_PREFIX: &str = "hugepages-";
const REQUESTS_PREFIX: &str = "requests.";
/// Resources of pods that a quota may limit, apart from huge pages and extended resources.
const POD_RESOURCES: [&str; 11] = [
    "count/pods",
    "cpu",
    "ephemeral-storage",
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "memory",
    "pods",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
];
/// What each container has to name where a quota limits it.
const MUST_BE_SPECIFIED: [(&str, Part, &str); 6] = [
    ("cpu", Part::Requests, "cpu"),
    ("limits.cpu", Part::Limits, "cpu"),
    ("limits.memory", Part::Limits, "memory"),
    ("memory", Part::Requests, "memory"),
    ("requests.cpu", Part::Requests, "cpu"),
    ("requests.memory", Part::Requests, "memory"),
];

/// What one object costs, by quota resource name.
#[derive(Clone, Debug, Default)]
pub struct QuotaUsage {
    /// Amounts by resource: `pods`, `requests.cpu`, `count/pods` ...
    pub amounts: BTreeMap<String, Quantity>,
    /// What scopes look at; only pods have it.
    pub scopes: Option<PodScopes>,
    /// Containers that do not say how much of a compute resource they need, by resource.
    pub unspecified: BTreeMap<&'static str, BTreeSet<String>>,
}

pub(super) fn count(n: i64) -> Quantity {
    Quantity::from_i64(n, Format::DecimalSi)
}

/// Whether a resource name of a quota is about objects of a kind. Mirrors `MatchingResources`.
pub(super) fn matches_resource(kind: Kind, name: &str) -> bool {
    if name == object_count_name(kind) || name == kind.info().plural && has_plain_count(kind) {
        return true;
    }
    match kind {
        Kind::Pod => {
            POD_RESOURCES.contains(&name)
                || name.starts_with(HUGE_PAGES_PREFIX)
                || name.strip_prefix(REQUESTS_PREFIX).is_some_and(|rest| {
                    rest.starts_with(HUGE_PAGES_PREFIX) || crate::validation::is_extended_resource_name(rest)
                })
        }
        Kind::Service => matches!(name, "services.nodeports" | "services.loadbalancers"),
        Kind::PersistentVolumeClaim => {
            name == "requests.storage"
                || name
                    .split_once(STORAGE_CLASS_SUFFIX)
                    .is_some_and(|(_, rest)| matches!(rest, "persistentvolumeclaims" | "requests.storage"))
        }
        _ => false,
    }
}

/// Kinds that are counted under their plain name too.
fn has_plain_count(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::ConfigMap
            | Kind::PersistentVolumeClaim
            | Kind::Pod
            | Kind::ReplicationController
            | Kind::ResourceQuota
            | Kind::Secret
            | Kind::Service
    )
}

/// `count/deployments.apps`
fn object_count_name(kind: Kind) -> String {
    format!("count/{}", kind.resource())
}

impl QuotaUsage {
    /// What an object costs now.
    pub fn of(object: &Object, now: Time) -> Self {
        let mut usage = match object {
            Object::Pod(pod) => Self::of_pod(pod, Some(now)),
            Object::Service(service) => Self::of_service(&service.body),
            Object::PersistentVolumeClaim(claim) => {
                Self::of_claim(&claim.to_api(), claim.meta.annotations.get(BETA_STORAGE_CLASS_ANNOTATION))
            }
            _ => Self::default(),
        };
        let kind = object.kind();
        usage.amounts.insert(object_count_name(kind), count(1));
        if kind != Kind::Pod && has_plain_count(kind) {
            usage.amounts.insert(kind.info().plural.to_owned(), count(1));
        }
        usage
    }

    /// What a pod costs; one that has ended or is past its grace period only counts as an object. Mirrors `PodUsageFunc`.
    fn of_pod(pod: &Pod, now: Option<Time>) -> Self {
        let spec = pod.spec.api();
        let mut usage = Self { scopes: Some(PodScopes::of(spec, pod.spec.qos_class())), ..Self::default() };
        if pod.status.phase.is_terminal() || is_past_grace(pod, now) {
            return usage;
        }
        usage.amounts.insert("pods".to_owned(), count(1));
        usage.add_requests(&with_overhead(spec, Part::Requests));
        for (name, limit) in with_overhead(spec, Part::Limits) {
            if matches!(name.as_str(), "cpu" | "memory" | "ephemeral-storage") {
                usage.amounts.insert(format!("limits.{name}"), limit);
            }
        }
        usage.find_unspecified(spec);
        usage
    }

    /// Mirrors `podComputeUsageHelper`.
    fn add_requests(&mut self, requests: &Amounts) {
        for (name, request) in requests {
            let is_compute = matches!(name.as_str(), "cpu" | "memory" | "ephemeral-storage");
            if is_compute || name.starts_with(HUGE_PAGES_PREFIX) {
                self.amounts.insert(name.clone(), *request);
                self.amounts.insert(format!("{REQUESTS_PREFIX}{name}"), *request);
            } else if crate::validation::is_extended_resource_name(name) {
                self.amounts.insert(format!("{REQUESTS_PREFIX}{name}"), *request);
            }
        }
    }

    /// Mirrors `podEvaluator.Constraints`.
    fn find_unspecified(&mut self, spec: &PodSpec) {
        if is_pod_level_resources_set(spec) {
            return;
        }
        for container in spec.containers.iter().chain(spec.init_containers.iter().flatten()) {
            for (name, part, resource) in MUST_BE_SPECIFIED {
                let list = container.resources.as_ref().and_then(|resources| part.of(resources));
                if list.is_none_or(|list| !list.contains_key(resource)) {
                    self.unspecified.entry(name).or_default().insert(container.name.clone());
                }
            }
        }
    }

    /// Mirrors `serviceEvaluator.Usage`.
    fn of_service(service: &Service) -> Self {
        let mut usage = Self::default();
        let Some(spec) = &service.spec else { return usage };
        let ports = spec.ports.as_deref().unwrap_or_default();
        let all = i64::try_from(ports.len()).unwrap_or(i64::MAX);
        let (node_ports, load_balancers) = match spec.type_.as_deref() {
            Some("NodePort") => (all, 0),
            Some("LoadBalancer") if spec.allocate_load_balancer_node_ports == Some(false) => {
                let with_port = ports.iter().filter(|port| port.node_port.is_some_and(|p| p != 0)).count();
                (i64::try_from(with_port).unwrap_or(i64::MAX), 1)
            }
            Some("LoadBalancer") => (all, 1),
            _ => (0, 0),
        };
        usage.amounts.insert("services.nodeports".to_owned(), count(node_ports));
        usage.amounts.insert("services.loadbalancers".to_owned(), count(load_balancers));
        usage
    }

    /// Mirrors `pvcEvaluator.Usage`.
    fn of_claim(claim: &PersistentVolumeClaim, beta_class: Option<&str>) -> Self {
        let mut usage = Self::default();
        let Some(spec) = &claim.spec else { return usage };
        let class = beta_class.or(spec.storage_class_name.as_deref()).filter(|class| !class.is_empty());
        if let Some(class) = class {
            usage.amounts.insert(format!("{class}{STORAGE_CLASS_SUFFIX}persistentvolumeclaims"), count(1));
        }
        let requests = parse(spec.resources.as_ref().and_then(|resources| resources.requests.as_ref()));
        let allocated = parse(claim.status.as_ref().and_then(|status| status.allocated_resources.as_ref()));
        let asked = requests.get("storage").copied();
        let given = allocated.get("storage").copied();
        let storage = asked.into_iter().chain(given).max_by(Quantity::cmp_value);
        if let Some(storage) = storage.filter(|_| asked.is_some()) {
            usage.amounts.insert("requests.storage".to_owned(), storage);
            if let Some(class) = class {
                usage.amounts.insert(format!("{class}{STORAGE_CLASS_SUFFIX}requests.storage"), storage);
            }
        }
        usage
    }
}

/// Whether a deleted pod should be gone for as long again as it was given. Mirrors `QuotaV1Pod`.
fn is_past_grace(pod: &Pod, now: Option<Time>) -> bool {
    let Some((deletion, now)) = pod.meta.deletion.as_deref().zip(now) else { return false };
    deletion.grace_period_seconds.is_some_and(|grace| now > deletion.timestamp.plus_seconds(grace))
}
