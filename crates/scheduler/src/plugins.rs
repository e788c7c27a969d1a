//! Filters and scores of the default profile.
//!
//! Mirrors pkg/scheduler/framework/plugins (v1.36).

use std::borrow::Cow;

use k8s_openapi::api::core::v1::{Taint, Toleration};
use seatrial_api::scheduling::{
    matches_node_selector_term, matches_required_node_affinity, tolerates, untolerated_taint,
};
use seatrial_api::{Pod, PodRequests};

use crate::hints::tolerates_unschedulable;
use crate::node_info::{HostPort, NodeInfo, host_ports};
use crate::plugin::{Misfit, Plugin};

const WEIGHT_TAINT_TOLERATION: i64 = 3;
const WEIGHT_NODE_AFFINITY: i64 = 2;
const SCORE_MAX: i64 = 100;

/// A pod as the plugins see it.
#[derive(Debug)]
pub(crate) struct PodInfo<'a> {
    pub(crate) pod: &'a Pod,
    pub(crate) requests: &'a PodRequests,
    pub(crate) tolerations: &'a [Toleration],
    pub(crate) host_ports: Cow<'a, [HostPort]>,
    pub(crate) has_node_selection: bool,
    has_preferences: bool,
}

impl<'a> PodInfo<'a> {
    pub(crate) fn of(pod: &'a Pod) -> Self {
        Self::new(pod, host_ports(&pod.spec).into())
    }

    /// The same where it is known which ports of its node the pod takes.
    pub(crate) fn with_ports(pod: &'a Pod, host_ports: &'a [HostPort]) -> Self {
        Self::new(pod, host_ports.into())
    }

    fn new(pod: &'a Pod, host_ports: Cow<'a, [HostPort]>) -> Self {
        let spec = pod.spec.api();
        let affinity = spec.affinity.as_ref().and_then(|a| a.node_affinity.as_ref());
        Self {
            pod,
            requests: pod.spec.requests(),
            tolerations: spec.tolerations.as_deref().unwrap_or_default(),
            host_ports,
            has_node_selection: spec.node_selector.as_ref().is_some_and(|s| !s.is_empty())
                || affinity.is_some()
                || pod.pinned_to.is_some(),
            has_preferences: affinity.is_some_and(|a| a.preferred_during_scheduling_ignored_during_execution.is_some()),
        }
    }
}

/// The first plugin that refuses the node, in upstream's order.
pub(crate) fn filter(pod: &PodInfo<'_>, node: &NodeInfo) -> Result<(), Misfit> {
    if node.unschedulable && !tolerates_unschedulable(pod.pod) {
        return Err(Misfit::unresolvable(Plugin::NodeUnschedulable, "node(s) were unschedulable"));
    }
    if !pod.pod.node_name.is_empty() && pod.pod.node_name != node.name {
        return Err(Misfit::unresolvable(Plugin::NodeName, "node(s) didn't match the requested node name"));
    }
    if let Some(_taint) = untolerated(pod, &node.taints) {
        return Err(Misfit::unresolvable(Plugin::TaintToleration, "node(s) had untolerated taint(s)"));
    }
    if pod.has_node_selection && !matches_node_selection(pod.pod, node) {
        return Err(Misfit::unresolvable(Plugin::NodeAffinity, "node(s) didn't match Pod's node affinity/selector"));
    }
    if pod.host_ports.iter().any(|p| node.host_ports.iter().any(|q| p.conflicts_with(q))) {
        let text = "node(s) didn't have free ports for the requested pod ports";
        return Err(Misfit::resolvable(Plugin::NodePorts, text));
    }
    fits_resources(pod.requests, node)
}

/// Whether a node would be large enough without any pod. Mirrors `isFit`.
pub(crate) fn fits_empty_node(pod: &PodInfo<'_>, node: &NodeInfo) -> bool {
    let empty =
        NodeInfo { allocatable: node.allocatable.clone(), allowed_pods: node.allowed_pods, ..NodeInfo::default() };
    fits_resources(pod.requests, &empty).is_ok()
}

/// The nodes that a pod's node affinity names.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NodeNames<'a> {
    /// Names do not matter.
    Any,
    /// No node can have all the names.
    Conflict,
    /// Only these.
    Only(Vec<&'a str>),
}

/// Mirrors `PreFilter` of nodeaffinity.
pub(crate) fn required_node_names(pod: &Pod) -> NodeNames<'_> {
    if let Some(only) = &pod.pinned_to {
        return NodeNames::Only(vec![only.as_str()]);
    }
    let affinity = pod.spec.api().affinity.as_ref().and_then(|a| a.node_affinity.as_ref());
    let required = affinity.and_then(|a| a.required_during_scheduling_ignored_during_execution.as_ref());
    let Some(terms) = required.map(|r| &r.node_selector_terms).filter(|terms| !terms.is_empty()) else {
        return NodeNames::Any;
    };
    let mut names: Vec<&str> = Vec::new();
    for term in terms {
        let fields = term.match_fields.iter().flatten();
        let mut of_term: Option<Vec<&str>> = None;
        for field in fields.filter(|f| f.key == "metadata.name" && f.operator == "In") {
            let values = field.values.iter().flatten().map(String::as_str);
            of_term = Some(match of_term {
                None => values.collect(),
                Some(before) => values.filter(|v| before.contains(v)).collect(),
            });
        }
        let Some(of_term) = of_term else { return NodeNames::Any };
        names.extend(of_term);
    }
    names.sort_unstable();
    names.dedup();
    if names.is_empty() { NodeNames::Conflict } else { NodeNames::Only(names) }
}

pub(crate) fn untolerated<'n>(pod: &PodInfo<'_>, taints: &'n [Taint]) -> Option<&'n Taint> {
    untolerated_taint(taints, pod.tolerations, &["NoSchedule", "NoExecute"])
}

/// Mirrors `fitsRequest`: every resource that is short is a reason.
fn fits_resources(requests: &PodRequests, node: &NodeInfo) -> Result<(), Misfit> {
    let mut reasons = Vec::new();
    let mut is_resolvable = true;
    if node.pod_count + 1 > node.allowed_pods {
        reasons.push(Cow::Borrowed("Too many pods"));
    }
    let mut check = |reason: Cow<'static, str>, wanted: i64, used: i64, allocatable: i64| {
        if wanted > 0 && wanted > allocatable - used {
            reasons.push(reason);
            is_resolvable &= wanted <= allocatable;
        }
    };
    let (wanted, used, all) = (&requests.requests, &node.requested, &node.allocatable);
    check("Insufficient cpu".into(), wanted.milli_cpu, used.milli_cpu, all.milli_cpu);
    check("Insufficient memory".into(), wanted.memory, used.memory, all.memory);
    let storage = (wanted.ephemeral_storage, used.ephemeral_storage, all.ephemeral_storage);
    check("Insufficient ephemeral-storage".into(), storage.0, storage.1, storage.2);
    for (name, amount) in &wanted.scalar {
        check(format!("Insufficient {name}").into(), *amount, used.scalar(name), all.scalar(name));
    }
    if reasons.is_empty() {
        return Ok(());
    }
    Err(Misfit { plugin: Plugin::NodeResourcesFit, reasons, is_resolvable })
}

pub(crate) fn matches_node_selection(pod: &Pod, node: &NodeInfo) -> bool {
    pod.pinned_to.as_deref().is_none_or(|only| *only == node.name)
        && matches_required_node_affinity(pod.spec.api(), &node.name, &node.labels)
}

/// A node's score by itself, as [`scores`] would have it among any others; `None` where theirs count too.
pub(crate) fn own_score(pod: &PodInfo<'_>, node: &NodeInfo) -> Option<i64> {
    if pod.has_preferences || intolerable_soft_taints(pod, node) > 0 {
        return None;
    }
    let resources = least_allocated(pod.requests, node) + balanced_allocation(pod.requests, node);
    Some(resources + WEIGHT_TAINT_TOLERATION * SCORE_MAX)
}

/// The weighted sum of the scores of nodes that fit, in the order of `nodes`.
pub(crate) fn scores(pod: &PodInfo<'_>, nodes: &[&NodeInfo]) -> Vec<i64> {
    let mut totals: Vec<i64> =
        nodes.iter().map(|n| least_allocated(pod.requests, n) + balanced_allocation(pod.requests, n)).collect();
    let soft: Vec<i64> = nodes.iter().map(|n| intolerable_soft_taints(pod, n)).collect();
    let most = soft.iter().copied().max().unwrap_or(0);
    for (total, count) in totals.iter_mut().zip(&soft) {
        let score = if most == 0 { SCORE_MAX } else { SCORE_MAX - SCORE_MAX * count / most };
        *total += WEIGHT_TAINT_TOLERATION * score;
    }
    let preferred: Vec<i64> = nodes.iter().map(|n| preferred_weight(pod.pod, n)).collect();
    let best = preferred.iter().copied().max().unwrap_or(0);
    if best > 0 {
        for (total, weight) in totals.iter_mut().zip(&preferred) {
            *total += WEIGHT_NODE_AFFINITY * (SCORE_MAX * weight / best);
        }
    }
    totals
}

/// The mean share of CPU and memory that stays free. Mirrors `leastResourceScorer`.
fn least_allocated(requests: &PodRequests, node: &NodeInfo) -> i64 {
    let share = |used: i64, all: i64| if all == 0 || used > all { 0 } else { (all - used) * SCORE_MAX / all };
    let rows = [
        (node.non_zero_milli_cpu + requests.non_zero_milli_cpu, node.allocatable.milli_cpu),
        (node.non_zero_memory + requests.non_zero_memory, node.allocatable.memory),
    ];
    let known = rows.iter().filter(|(_, all)| *all > 0).map(|(used, all)| share(*used, *all));
    let (sum, count) = known.fold((0, 0), |(sum, count), share| (sum + share, count + 1));
    if count == 0 { 0 } else { sum / count }
}

/// How evenly CPU and memory are used, with the pod against without it. Mirrors `balancedResourceScorer`.
fn balanced_allocation(requests: &PodRequests, node: &NodeInfo) -> i64 {
    let wanted = &requests.requests;
    if wanted.milli_cpu == 0 && wanted.memory == 0 {
        return 0;
    }
    let balance = |cpu: i64, memory: i64| {
        let fraction = |used: i64, all: i64| if all == 0 { None } else { Some((used as f64 / all as f64).min(1.0)) };
        let deviation = match (fraction(cpu, node.allocatable.milli_cpu), fraction(memory, node.allocatable.memory)) {
            (Some(a), Some(b)) => (a - b).abs() / 2.0,
            _ => 0.0,
        };
        ((1.0 - deviation) * SCORE_MAX as f64) as i64
    };
    let used = &node.requested;
    let with = balance(used.milli_cpu + wanted.milli_cpu, used.memory + wanted.memory);
    let without = balance(used.milli_cpu, used.memory);
    SCORE_MAX / 2 + (SCORE_MAX / 2 + with - without) / 2
}

fn intolerable_soft_taints(pod: &PodInfo<'_>, node: &NodeInfo) -> i64 {
    let soft = node.taints.iter().filter(|t| t.effect == "PreferNoSchedule");
    let count = soft.filter(|taint| !pod.tolerations.iter().any(|t| tolerates(t, taint))).count();
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn preferred_weight(pod: &Pod, node: &NodeInfo) -> i64 {
    let affinity = pod.spec.api().affinity.as_ref().and_then(|a| a.node_affinity.as_ref());
    let terms = affinity.and_then(|a| a.preferred_during_scheduling_ignored_during_execution.as_ref());
    terms
        .into_iter()
        .flatten()
        .filter(|t| matches_node_selector_term(&t.preference, &node.name, &node.labels))
        .map(|t| i64::from(t.weight))
        .sum()
}

#[cfg(test)]
#[path = "plugins_tests.rs"]
mod tests;
