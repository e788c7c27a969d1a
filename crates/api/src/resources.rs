//! What a pod asks of a node, added up once a pod spec.
//!
//! Mirrors k8s.io/component-helpers/resource (`PodRequests`) and pkg/apis/core/v1/helper/qos (`ComputePodQOS`) (v1.36).

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1 as corev1;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as ApiQuantity;

use crate::Str;
use crate::quantity::Quantity;

/// CPU that scoring assumes of a container which requests none, in millicores.
const DEFAULT_MILLI_CPU_REQUEST: i64 = 100;
/// Memory that scoring assumes of a container which requests none, in bytes.
const DEFAULT_MEMORY_REQUEST: i64 = 200 * 1024 * 1024;

/// An amount of each resource that a pod requests or a node offers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResourceAmounts {
    /// Millicores.
    pub milli_cpu: i64,
    /// Bytes.
    pub memory: i64,
    /// Bytes.
    pub ephemeral_storage: i64,
    /// Extended resources, sorted by name, in whole units.
    pub scalar: Vec<(Str, i64)>,
}

impl ResourceAmounts {
    /// Reads a resource list; `pods` is left out, since it is counted and not added up.
    pub fn from_list(list: Option<&BTreeMap<String, ApiQuantity>>) -> Self {
        let mut amounts = Self::default();
        for (name, quantity) in list.into_iter().flatten() {
            let Ok(quantity) = Quantity::parse(&quantity.0) else { continue };
            match name.as_str() {
                "cpu" => amounts.milli_cpu = quantity.milli_value(),
                "memory" => amounts.memory = quantity.value(),
                "ephemeral-storage" => amounts.ephemeral_storage = quantity.value(),
                "pods" => {}
                _ => amounts.scalar.push((name.as_str().into(), quantity.value())),
            }
        }
        amounts
    }

    /// The amount of a named extended resource.
    pub fn scalar(&self, name: &str) -> i64 {
        self.scalar.iter().find(|(n, _)| n == name).map_or(0, |(_, v)| *v)
    }

    /// Adds `other` to this.
    pub fn add(&mut self, other: &Self) {
        self.combine(other, i64::saturating_add);
    }

    /// Takes `other` from this.
    pub fn sub(&mut self, other: &Self) {
        self.combine(other, i64::saturating_sub);
    }

    /// Raises every amount to at least `other`'s.
    pub fn max(&mut self, other: &Self) {
        self.combine(other, i64::max);
    }

    fn combine(&mut self, other: &Self, op: impl Fn(i64, i64) -> i64) {
        self.milli_cpu = op(self.milli_cpu, other.milli_cpu);
        self.memory = op(self.memory, other.memory);
        self.ephemeral_storage = op(self.ephemeral_storage, other.ephemeral_storage);
        for (name, amount) in &other.scalar {
            match self.scalar.binary_search_by(|(n, _)| n.cmp(name)) {
                Ok(index) => self.scalar[index].1 = op(self.scalar[index].1, *amount),
                Err(index) => self.scalar.insert(index, (name.clone(), op(0, *amount))),
            }
        }
    }
}

/// What the scheduler counts for one pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodRequests {
    /// What filtering counts: the requests as they are written.
    pub requests: ResourceAmounts,
    /// What scoring counts, in millicores: containers without a request count 100m.
    pub non_zero_milli_cpu: i64,
    /// What scoring counts, in bytes: containers without a request count 200 MiB.
    pub non_zero_memory: i64,
}

impl PodRequests {
    /// Adds up a pod's containers: the larger of what runs together and of what the init sequence needs, and the overhead.
    pub fn of(spec: &corev1::PodSpec) -> Self {
        let exact = sum(spec, |r| r);
        let assumed = sum(spec, |mut r| {
            if r.milli_cpu == 0 {
                r.milli_cpu = DEFAULT_MILLI_CPU_REQUEST;
            }
            if r.memory == 0 {
                r.memory = DEFAULT_MEMORY_REQUEST;
            }
            r
        });
        Self { requests: exact, non_zero_milli_cpu: assumed.milli_cpu, non_zero_memory: assumed.memory }
    }
}

fn sum(spec: &corev1::PodSpec, of_container: impl Fn(ResourceAmounts) -> ResourceAmounts) -> ResourceAmounts {
    let amounts = |c: &corev1::Container| {
        let requests = c.resources.as_ref().and_then(|r| r.requests.as_ref().or(r.limits.as_ref()));
        of_container(ResourceAmounts::from_list(requests))
    };
    let mut total = ResourceAmounts::default();
    for container in &spec.containers {
        total.add(&amounts(container));
    }
    let mut sidecars = ResourceAmounts::default();
    let mut init_peak = ResourceAmounts::default();
    for container in spec.init_containers.iter().flatten() {
        let mut needs = amounts(container);
        if container.restart_policy.as_deref() == Some("Always") {
            total.add(&needs);
            sidecars.add(&needs);
            needs = sidecars.clone();
        } else {
            needs.add(&sidecars);
        }
        init_peak.max(&needs);
    }
    total.max(&init_peak);
    total.add(&ResourceAmounts::from_list(spec.overhead.as_ref()));
    total
}

/// A pod's quality-of-service class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum QosClass {
    /// No container requests or limits CPU or memory.
    #[default]
    BestEffort,
    /// Something is requested or limited, but not everything equally.
    Burstable,
    /// Every container limits CPU and memory, and requests what it limits.
    Guaranteed,
}

impl QosClass {
    /// The word in the JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BestEffort => "BestEffort",
            Self::Burstable => "Burstable",
            Self::Guaranteed => "Guaranteed",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::BestEffort, Self::Burstable, Self::Guaranteed].into_iter().find(|q| q.as_str() == text)
    }

    /// The class of a pod with this spec; requests that admission copies from limits count as written.
    pub fn of(spec: &corev1::PodSpec) -> Self {
        let containers = spec.containers.iter().chain(spec.init_containers.iter().flatten());
        let (mut any, mut guaranteed) = (false, true);
        let pod_level = spec.resources.iter();
        let resources = if spec.resources.as_ref().is_some_and(|r| r.limits.is_some() || r.requests.is_some()) {
            pod_level.map(Some).collect::<Vec<_>>()
        } else {
            containers.map(|c| c.resources.as_ref()).collect()
        };
        for r in resources {
            let limits = ResourceAmounts::from_list(r.and_then(|r| r.limits.as_ref()));
            let requests = ResourceAmounts::from_list(r.and_then(|r| r.requests.as_ref()));
            let amounts = [limits.milli_cpu, limits.memory, requests.milli_cpu, requests.memory];
            any |= amounts.iter().any(|amount| *amount > 0);
            let equal = |limit: i64, request: i64| limit > 0 && (request == 0 || request == limit);
            guaranteed &= equal(limits.milli_cpu, requests.milli_cpu) && equal(limits.memory, requests.memory);
        }
        match (any, guaranteed) {
            (false, _) => Self::BestEffort,
            (true, true) => Self::Guaranteed,
            (true, false) => Self::Burstable,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(json: serde_json::Value) -> corev1::PodSpec {
        serde_json::from_value(json).expect("a pod spec")
    }

    #[test]
    fn requests_are_the_larger_of_init_peak_and_what_runs_together() {
        let c = |cpu: &str, restart: Option<&str>| serde_json::json!({"name": "c", "restartPolicy": restart, "resources": {"requests": {"cpu": cpu}}});
        let rows = [
            (spec(serde_json::json!({"containers": [c("1", None), c("500m", None)]})), 1500, 1500),
            (spec(serde_json::json!({"containers": [c("1", None)], "initContainers": [c("3", None)]})), 3000, 3000),
            (
                spec(
                    serde_json::json!({"containers": [c("1", None)], "initContainers": [c("1", Some("Always")), c("3", None)]}),
                ),
                4000,
                4000,
            ),
            (
                spec(
                    serde_json::json!({"containers": [c("1", None)], "initContainers": [c("3", None), c("1", Some("Always"))]}),
                ),
                3000,
                3000,
            ),
            (spec(serde_json::json!({"containers": [{"name": "c"}, {"name": "d"}]})), 0, 200),
            (spec(serde_json::json!({"containers": [c("1", None)], "overhead": {"cpu": "250m"}})), 1250, 1250),
        ];
        for (spec, exact, assumed) in rows {
            let requests = PodRequests::of(&spec);
            assert_eq!((requests.requests.milli_cpu, requests.non_zero_milli_cpu), (exact, assumed), "{spec:?}");
        }
    }

    #[test]
    fn qos_class_follows_limits_and_requests() {
        let rows = [
            (serde_json::json!({}), QosClass::BestEffort),
            (serde_json::json!({"limits": {"cpu": "1", "memory": "1Gi"}}), QosClass::Guaranteed),
            (
                serde_json::json!({"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "1000m", "memory": "1Gi"}}),
                QosClass::Guaranteed,
            ),
            (serde_json::json!({"limits": {"cpu": "1"}}), QosClass::Burstable),
            (serde_json::json!({"requests": {"memory": "1"}}), QosClass::Burstable),
            (serde_json::json!({"requests": {"ephemeral-storage": "1Gi"}}), QosClass::BestEffort),
            (serde_json::json!({"limits": {"cpu": "1e1000", "memory": "9223372036854775807Ei"}}), QosClass::Guaranteed),
        ];
        for (resources, want) in rows {
            let spec = spec(serde_json::json!({"containers": [{"name": "c", "resources": resources}]}));
            assert_eq!(QosClass::of(&spec), want, "{resources}");
        }
    }
}
