//! Which changes are worth another attempt for a pod that fits nowhere, asked of the plugins that refused it.
//!
//! Mirrors `isPodWorthRequeuing`, and `EventsToRegister` with the queueing hints of the plugins (v1.36).
//! Differs: what frees a pod from the anti-affinity of an existing pod is its end, whichever side asked for the distance.

use k8s_openapi::api::core::v1::{Taint, Toleration};
use seatrial_api::Pod;
use seatrial_api::scheduling::tolerates;

use crate::node_info::{NodeInfo, host_ports};
use crate::plugin::{Plugin, PluginSet};
use crate::plugins::{PodInfo, fits_empty_node, matches_node_selection, untolerated};
use crate::queue::QueuedPod;
use crate::terms::{NamespaceLabels, PodTerms, Spread, Term};

const TAINT_UNSCHEDULABLE: &str = "node.kubernetes.io/unschedulable";

/// Something that happened to an object other than the waiting pod.
#[derive(Clone, Copy)]
pub(crate) enum ClusterEvent<'a> {
    /// A pod came to a node.
    PodAdded(&'a Pod),
    /// The labels of a pod on a node changed.
    PodLabels { old: &'a Pod, new: &'a Pod },
    /// A pod left a node, or gave up the room that was kept for it.
    PodDeleted(&'a Pod, Option<&'a PodTerms>),
    /// A node came.
    NodeAdded(&'a NodeInfo),
    /// A node changed; the old one is without its pods.
    NodeUpdated { old: &'a NodeInfo, new: &'a NodeInfo },
    /// A node went.
    NodeDeleted(&'a NodeInfo),
}

/// Whether a change may be worth something to pods that these plugins refused. Where it says no, [`is_worth_requeuing`]
/// says no of each of them.
pub(crate) fn may_concern(rejectors: PluginSet, event: ClusterEvent<'_>) -> bool {
    use Plugin::{InterPodAffinity, NodePorts, NodeResourcesFit, PodTopologySpread, VolumeRestrictions};
    let by_any_of = |plugins: &[Plugin]| rejectors.is_empty() || plugins.iter().any(|p| rejectors.contains(*p));
    match event {
        ClusterEvent::PodAdded(_) | ClusterEvent::PodLabels { .. } => by_any_of(&[PodTopologySpread, InterPodAffinity]),
        ClusterEvent::PodDeleted(..) => {
            by_any_of(&[NodeResourcesFit, NodePorts, VolumeRestrictions, PodTopologySpread, InterPodAffinity])
        }
        ClusterEvent::NodeAdded(_) | ClusterEvent::NodeUpdated { .. } | ClusterEvent::NodeDeleted(_) => true,
    }
}

/// Whether a waiting pod may fit now.
pub(crate) fn is_worth_requeuing(queued: &QueuedPod, event: ClusterEvent<'_>, all: &NamespaceLabels) -> bool {
    let rejectors = queued.rejectors;
    let Some(pod) = queued.pod.as_deref().filter(|_| !rejectors.is_empty()) else { return true };
    let terms = queued.terms.as_deref();
    let asks = |plugin: Plugin| rejectors.contains(plugin);
    match event {
        ClusterEvent::PodAdded(new) => {
            (asks(Plugin::PodTopologySpread) && is_spread_with(terms, pod, new, all))
                || (asks(Plugin::InterPodAffinity) && matches_all(affinity(terms), new, all))
        }
        ClusterEvent::PodLabels { old, new } => {
            (asks(Plugin::PodTopologySpread)
                && hard(terms).iter().any(|s| s.term.matches_pod(old, all) != s.term.matches_pod(new, all)))
                || (asks(Plugin::InterPodAffinity)
                    && ((!matches_all(affinity(terms), old, all) && matches_all(affinity(terms), new, all))
                        || (matches_any(anti_affinity(terms), old, all)
                            && !matches_any(anti_affinity(terms), new, all))))
        }
        ClusterEvent::PodDeleted(old, its) => {
            asks(Plugin::NodeResourcesFit)
                || (asks(Plugin::NodePorts) && is_in_the_way_of_ports(pod, old))
                || (asks(Plugin::VolumeRestrictions) && shares_claim(pod, old))
                || (asks(Plugin::PodTopologySpread) && is_spread_with(terms, pod, old, all))
                || (asks(Plugin::InterPodAffinity)
                    && (matches_any(anti_affinity(terms), old, all) || matches_any(anti_affinity(its), pod, all)))
        }
        ClusterEvent::NodeAdded(node) => {
            asks(Plugin::NodePorts) || asks(Plugin::NodeName) || is_worth_after_node(queued, pod, None, node)
        }
        ClusterEvent::NodeUpdated { old, new } => is_worth_after_node(queued, pod, Some(old), new),
        ClusterEvent::NodeDeleted(node) => asks(Plugin::PodTopologySpread) && has_labels_of(hard(terms), node),
    }
}

/// Whether a change of the waiting pod itself may let it fit.
pub(crate) fn is_worth_after_update(queued_rejectors: PluginSet, old: &Pod, new: &Pod) -> bool {
    let asks = |plugin: Plugin| queued_rejectors.contains(plugin);
    let tolerations = |pod: &Pod| pod.spec.api().tolerations.as_ref().map_or(0, Vec::len);
    let has_more_tolerations = tolerations(old) != tolerations(new);
    let has_other_labels = old.meta.labels != new.meta.labels;
    let (before, now) = (&old.spec.requests().requests, &new.spec.requests().requests);
    let asks_less = now.milli_cpu < before.milli_cpu
        || now.memory < before.memory
        || now.ephemeral_storage < before.ephemeral_storage
        || before.scalar.iter().any(|(name, amount)| now.scalar(name) < *amount);
    queued_rejectors.is_empty()
        || (has_more_tolerations && asks(Plugin::TaintToleration))
        || (has_more_tolerations && asks(Plugin::NodeUnschedulable) && tolerates_unschedulable(new))
        || (has_other_labels && (asks(Plugin::PodTopologySpread) || asks(Plugin::InterPodAffinity)))
        || (asks_less && asks(Plugin::NodeResourcesFit))
}

/// Whether a pod may go to nodes that are cordoned.
pub(crate) fn tolerates_unschedulable(pod: &Pod) -> bool {
    let taint =
        Taint { key: TAINT_UNSCHEDULABLE.to_owned(), effect: "NoSchedule".to_owned(), value: None, time_added: None };
    let tolerations: &[Toleration] = pod.spec.api().tolerations.as_deref().unwrap_or_default();
    tolerations.iter().any(|t| tolerates(t, &taint))
}

/// The hints `isSchedulableAfterNodeChange` of all plugins.
fn is_worth_after_node(queued: &QueuedPod, pod: &Pod, old: Option<&NodeInfo>, new: &NodeInfo) -> bool {
    let info = PodInfo::of(pod);
    let terms = queued.terms.as_deref();
    let asks = |plugin: Plugin| queued.rejectors.contains(plugin);
    let became = |holds: &dyn Fn(&NodeInfo) -> bool| holds(new) && !old.is_some_and(holds);
    (asks(Plugin::NodeUnschedulable) && became(&|n| !n.unschedulable))
        || (asks(Plugin::TaintToleration) && became(&|n| untolerated(&info, &n.taints).is_none()))
        || (asks(Plugin::NodeAffinity) && became(&|n| matches_node_selection(pod, n)))
        || (asks(Plugin::NodeResourcesFit)
            && fits_empty_node(&info, new)
            && old.is_none_or(|old| offers_more(&info, old, new)))
        || ((asks(Plugin::VolumeBinding) || asks(Plugin::VolumeZone)) && old.is_none_or(|old| old.labels != new.labels))
        || (asks(Plugin::PodTopologySpread) && is_spread_over(hard(terms), old, new))
        || (asks(Plugin::InterPodAffinity) && is_near_others(terms, old, new))
}

/// Whether both name a claim.
fn shares_claim(pod: &Pod, other: &Pod) -> bool {
    pod.meta.namespace == other.meta.namespace
        && pod.claims().any(|(claim, _)| other.claims().any(|(its, _)| its == claim))
}

/// Mirrors `haveAnyRequestedResourcesIncreased`.
fn offers_more(pod: &PodInfo<'_>, old: &NodeInfo, new: &NodeInfo) -> bool {
    let (wanted, before, now) = (&pod.requests.requests, &old.allocatable, &new.allocatable);
    new.allowed_pods > old.allowed_pods
        || (wanted.milli_cpu > 0 && now.milli_cpu > before.milli_cpu)
        || (wanted.memory > 0 && now.memory > before.memory)
        || (wanted.ephemeral_storage > 0 && now.ephemeral_storage > before.ephemeral_storage)
        || wanted.scalar.iter().any(|(name, amount)| *amount > 0 && now.scalar(name) > before.scalar(name))
}

fn hard(terms: Option<&PodTerms>) -> &[Spread] {
    terms.map_or(&[], |t| &t.hard)
}

fn affinity(terms: Option<&PodTerms>) -> &[std::sync::Arc<Term>] {
    terms.map_or(&[], |t| &t.affinity)
}

fn anti_affinity(terms: Option<&PodTerms>) -> &[std::sync::Arc<Term>] {
    terms.map_or(&[], |t| &t.anti_affinity)
}

fn matches_all(terms: &[std::sync::Arc<Term>], pod: &Pod, all: &NamespaceLabels) -> bool {
    !terms.is_empty() && terms.iter().all(|t| t.matches_pod(pod, all))
}

fn matches_any(terms: &[std::sync::Arc<Term>], pod: &Pod, all: &NamespaceLabels) -> bool {
    terms.iter().any(|t| t.matches_pod(pod, all))
}

/// Whether another pod is among those that the waiting one is spread with.
fn is_spread_with(terms: Option<&PodTerms>, pod: &Pod, other: &Pod, all: &NamespaceLabels) -> bool {
    pod.meta.namespace == other.meta.namespace && hard(terms).iter().all(|s| s.term.matches_pod(other, all))
}

fn is_in_the_way_of_ports(pod: &Pod, other: &Pod) -> bool {
    let theirs = host_ports(&other.spec);
    host_ports(&pod.spec).iter().any(|port| theirs.iter().any(|t| port.conflicts_with(t)))
}

fn has_labels_of(spreads: &[Spread], node: &NodeInfo) -> bool {
    spreads.iter().all(|s| node.labels.contains_key(&s.term.topology_key))
}

fn is_spread_over(spreads: &[Spread], old: Option<&NodeInfo>, new: &NodeInfo) -> bool {
    let (was, is) = (old.is_some_and(|old| has_labels_of(spreads, old)), has_labels_of(spreads, new));
    let Some(old) = old else { return is };
    let key_changed = |s: &Spread| old.labels.get(&s.term.topology_key) != new.labels.get(&s.term.topology_key);
    was != is
        || (is && spreads.iter().any(key_changed))
        || (spreads.iter().any(|s| s.honors_taints) && old.taints != new.taints)
}

fn is_near_others(terms: Option<&PodTerms>, old: Option<&NodeInfo>, new: &NodeInfo) -> bool {
    let value = |node: &NodeInfo, term: &Term| node.labels.get(&term.topology_key).map(str::to_owned);
    let Some(old) = old else {
        // A pod that only others keep at a distance may go to any new node.
        return affinity(terms).is_empty() || affinity(terms).iter().any(|t| value(new, t).is_some());
    };
    let moved_in = affinity(terms).iter().any(|t| value(new, t).is_some() && value(new, t) != value(old, t));
    moved_in || anti_affinity(terms).iter().any(|t| value(old, t).is_some() && value(new, t) != value(old, t))
}
