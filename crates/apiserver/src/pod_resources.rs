//! What a pod asks for as a whole, as exact quantities.
//!
//! Mirrors k8s.io/component-helpers/resource (v1.36). Differs: what a pod's status says of resources is not looked at.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, PodSpec, ResourceRequirements};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as ApiQuantity;
use seatrial_api::quantity::Quantity;

/// Parsed quantities by the name of the resource.
pub(crate) type Amounts = BTreeMap<String, Quantity>;
/// Quantities as an object holds them.
type ResourceList = BTreeMap<String, ApiQuantity>;

/// Which half of a resource requirement is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// `requests`
    Requests,
    /// `limits`
    Limits,
}

impl Part {
    /// The list of this part.
    pub(crate) fn of(self, resources: &ResourceRequirements) -> Option<&ResourceList> {
        match self {
            Self::Requests => resources.requests.as_ref(),
            Self::Limits => resources.limits.as_ref(),
        }
    }

    /// What a container says.
    pub(crate) fn of_container(self, container: &Container) -> Amounts {
        parse(container.resources.as_ref().and_then(|resources| self.of(resources)))
    }
}

/// The parsed entries of a list; decoding has refused what cannot be parsed.
pub(crate) fn parse(list: Option<&ResourceList>) -> Amounts {
    list.into_iter()
        .flatten()
        .filter_map(|(name, quantity)| Some((name.clone(), Quantity::try_from(quantity).ok()?)))
        .collect()
}

/// Adds each amount.
pub(crate) fn add(amounts: &mut Amounts, more: &Amounts) {
    for (name, quantity) in more {
        let sum = amounts.get(name).map_or(*quantity, |amount| amount.add(quantity));
        amounts.insert(name.clone(), sum);
    }
}

/// Raises each amount to at least the other's.
fn raise(amounts: &mut Amounts, to: &Amounts) {
    for (name, quantity) in to {
        if amounts.get(name).is_none_or(|amount| amount.cmp_value(quantity).is_lt()) {
            amounts.insert(name.clone(), *quantity);
        }
    }
}

/// What the containers of a pod need at most at one time: all containers with all sidecars, or an init container with the
/// sidecars before it. Mirrors `AggregateContainerRequests` and `AggregateContainerLimits`.
pub(crate) fn of_containers(spec: &PodSpec, part: Part) -> Amounts {
    let mut total = Amounts::new();
    let mut sidecars = Amounts::new();
    let mut init_peak = Amounts::new();
    for container in &spec.containers {
        add(&mut total, &part.of_container(container));
    }
    for container in spec.init_containers.iter().flatten() {
        let own = part.of_container(container);
        let mut needed = sidecars.clone();
        add(&mut needed, &own);
        if container.restart_policy.as_deref() == Some("Always") {
            add(&mut total, &own);
            sidecars.clone_from(&needed);
        }
        raise(&mut init_peak, &needed);
    }
    raise(&mut total, &init_peak);
    total
}

/// The same, where what is said of the pod as a whole wins.
pub(crate) fn of_spec(spec: &PodSpec, part: Part) -> Amounts {
    let mut total = of_containers(spec, part);
    let whole = parse(spec.resources.as_ref().and_then(|resources| part.of(resources)));
    total.extend(whole.into_iter().filter(|(name, _)| is_supported_pod_level_resource(name)));
    total
}

/// The same with the pod's overhead, which is added to limits only where there is one. Mirrors `PodRequests` and `PodLimits`.
pub(crate) fn with_overhead(spec: &PodSpec, part: Part) -> Amounts {
    let mut total = of_spec(spec, part);
    let mut overhead = parse(spec.overhead.as_ref());
    if part == Part::Limits {
        overhead.retain(|name, _| total.get(name).is_some_and(|limit| !limit.is_zero()));
    }
    add(&mut total, &overhead);
    total
}

/// Mirrors `IsSupportedPodLevelResource`.
pub(crate) fn is_supported_pod_level_resource(name: &str) -> bool {
    matches!(name, "cpu" | "memory") || name.starts_with("hugepages-")
}

/// Mirrors `IsPodLevelResourcesSet`.
pub(crate) fn is_pod_level_resources_set(spec: &PodSpec) -> bool {
    let Some(resources) = &spec.resources else { return false };
    let names = resources.requests.iter().chain(&resources.limits).flat_map(BTreeMap::keys);
    names.into_iter().any(|name| is_supported_pod_level_resource(name))
}
