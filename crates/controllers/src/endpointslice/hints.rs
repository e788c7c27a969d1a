//! Hints by `trafficDistribution`: which zones or nodes an endpoint is for.
//!
//! Mirrors k8s.io/endpointslice/trafficdist/trafficdist.go (v1.36).

use k8s_openapi::api::discovery::v1::{Endpoint, EndpointHints, ForNode, ForZone};
use seatrial_api::{Service, Shared};

use crate::endpoint_util::spec_of;

/// How hints are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heuristic {
    /// Not at all.
    None,
    /// The endpoint's zone.
    SameZone,
    /// The endpoint's zone and node.
    SameNode,
}

impl Heuristic {
    /// What a Service asks for.
    pub(super) fn of(service: &Service) -> Self {
        match spec_of(service).traffic_distribution.as_deref() {
            Some("PreferClose" | "PreferSameZone") if !hints_enabled(service) => Self::SameZone,
            Some("PreferSameNode") if !hints_enabled(service) => Self::SameNode,
            _ => Self::None,
        }
    }

    /// The endpoint with its hints; the same one where they are right already.
    pub(super) fn apply(self, endpoint: &Shared<Endpoint>) -> Shared<Endpoint> {
        let is_ready = endpoint.conditions.as_ref().is_some_and(|c| c.ready == Some(true));
        if self != Self::None && !is_ready {
            return endpoint.clone();
        }
        let zone = endpoint.zone.clone().filter(|_| self != Self::None);
        let node = endpoint.node_name.clone().filter(|_| self == Self::SameNode);
        let for_zones = zone.map(|name| vec![ForZone { name }]);
        let for_nodes = node.map(|name| vec![ForNode { name }]);
        let hints = (for_zones.is_some() || for_nodes.is_some()).then_some(EndpointHints { for_nodes, for_zones });
        if hints == endpoint.hints {
            return endpoint.clone();
        }
        Shared::new(Endpoint { hints, ..Endpoint::clone(endpoint) })
    }
}

/// Whether the annotation asks for hints, which then win. Mirrors `hintsEnabled`.
fn hints_enabled(service: &Service) -> bool {
    let annotations = &service.meta.annotations;
    let value = annotations
        .get("service.kubernetes.io/topology-aware-hints")
        .or_else(|| annotations.get("service.kubernetes.io/topology-mode"));
    matches!(value, Some("Auto" | "auto"))
}
