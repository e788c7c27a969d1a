//! Filters and scores by other pods: inter-pod affinity and topology spread.
//!
//! Mirrors pkg/scheduler/framework/plugins/interpodaffinity and podtopologyspread (v1.36).
//! Differs: by default pods count in their zone on every node, not only on those that the pod's node affinity allows.

use std::sync::Arc;

use crate::known_pods::{DefaultSpread, LABEL_HOSTNAME};
use crate::node_info::NodeInfo;
use crate::plugin::{Misfit, Plugin};
use crate::plugins::{PodInfo, matches_node_selection, untolerated};
use crate::pod_index::PodIndex;
use crate::sums::{ByDomain, NO_DOMAIN};
use crate::terms::{PodTerms, Spread};

pub(crate) const SCORE_MAX: i64 = 100;
pub(crate) const WEIGHT_INTER_POD_AFFINITY: i64 = 2;
pub(crate) const WEIGHT_TOPOLOGY_SPREAD: i64 = 2;
/// The constraints of the system by default. Mirrors `systemDefaultConstraints`.
pub(crate) const DEFAULT_SKEW_HOSTNAME: i64 = 3;
pub(crate) const DEFAULT_SKEW_ZONE: i64 = 5;

#[derive(Debug)]
struct HardSpread {
    by_domain: ByDomain,
    /// The fewest pods in any domain.
    min: i64,
    max_skew: i64,
    itself: i64,
}

/// What other pods mean for the nodes, for one pod at one time.
#[derive(Debug, Default)]
pub(crate) struct Relations {
    spread: Vec<HardSpread>,
    affinity: Vec<ByDomain>,
    /// Whether the pod is the first of those that it wants to be with.
    is_first: bool,
    anti_affinity: Vec<ByDomain>,
    existing_anti_affinity: Vec<ByDomain>,
}

impl Relations {
    /// What the filters need. Mirrors `PreFilter` of both plugins.
    pub(crate) fn of(pod: &PodInfo<'_>, terms: Option<&PodTerms>, nodes: &[NodeInfo], index: &mut PodIndex) -> Self {
        let mut relations = Self::default();
        if let Some(terms) = terms {
            for spread in &terms.hard {
                relations.spread.push(HardSpread::of(pod, (spread, &terms.hard), nodes, index));
            }
            let mut total = 0;
            for question in &terms.affinity_questions {
                let (by_domain, count) = index.ask(nodes, *question);
                total += count;
                relations.affinity.push(by_domain);
            }
            relations.is_first = total == 0 && terms.affinity.iter().all(|t| t.matches_pod(pod.pod, &index.namespaces));
            for question in &terms.anti_affinity_questions {
                relations.anti_affinity.push(index.ask(nodes, *question).0);
            }
        }
        let forbidding = index.spoken_of(nodes, pod.pod, true).into_iter();
        relations.existing_anti_affinity = forbidding.map(|(_, by_domain)| by_domain).collect();
        relations
    }

    /// Whether the node fits, without saying why not: most nodes are asked no more than this.
    pub(crate) fn fits(&self, node: usize) -> bool {
        let is_skewed =
            |s: &HardSpread| s.by_domain.get(node).is_none_or(|count| count + s.itself - s.min > s.max_skew);
        let is_taken = |by_domain: &ByDomain| by_domain.get(node) > Some(0);
        !self.spread.iter().any(is_skewed)
            && (self.affinity.is_empty() || self.is_near(node))
            && !self.anti_affinity.iter().chain(&self.existing_anti_affinity).any(is_taken)
    }

    fn is_near(&self, node: usize) -> bool {
        let has_all_labels = self.affinity.iter().all(|a| a.get(node).is_some());
        has_all_labels && (self.is_first || self.affinity.iter().all(|a| a.get(node) > Some(0)))
    }

    /// Why the node does not fit, if it does not. Mirrors `Filter` of both plugins, in their order.
    pub(crate) fn filter(&self, node: usize) -> Result<(), Misfit> {
        for spread in &self.spread {
            let Some(count) = spread.by_domain.get(node) else {
                let text = "node(s) didn't match pod topology spread constraints (missing required label)";
                return Err(Misfit::unresolvable(Plugin::PodTopologySpread, text));
            };
            if count + spread.itself - spread.min > spread.max_skew {
                let text = "node(s) didn't match pod topology spread constraints";
                return Err(Misfit::resolvable(Plugin::PodTopologySpread, text));
            }
        }
        let near = |reason| Misfit::resolvable(Plugin::InterPodAffinity, reason);
        if !self.is_near(node) {
            return Err(Misfit::unresolvable(Plugin::InterPodAffinity, "node(s) didn't match pod affinity rules"));
        }
        if self.anti_affinity.iter().any(|a| a.get(node) > Some(0)) {
            return Err(near("node(s) didn't match pod anti-affinity rules"));
        }
        if self.existing_anti_affinity.iter().any(|a| a.get(node) > Some(0)) {
            return Err(near("node(s) didn't satisfy existing pods anti-affinity rules"));
        }
        Ok(())
    }
}

/// The domains of a constraint's topology, and which of them have a node that counts (all, where nothing is said).
fn spread_domains(
    pod: &PodInfo<'_>,
    (spread, all): (&Spread, &[Spread]),
    nodes: &[NodeInfo],
    index: &mut PodIndex,
) -> (ByDomain, Option<Vec<bool>>) {
    let topologies: Vec<usize> = all.iter().map(|s| index.topology(nodes, &s.term.topology_key)).collect();
    let honors_affinity = spread.honors_affinity && pod.has_node_selection;
    let needs_one_key = topologies.len() == 1 || topologies.iter().all(|t| index.topology_at(*t).is_everywhere);
    if needs_one_key && !honors_affinity && !spread.honors_taints {
        return (index.ask(nodes, spread.question).0, None);
    }
    let places: Vec<Arc<Vec<u32>>> = topologies.iter().map(|t| Arc::clone(&index.topology_at(*t).domain_of)).collect();
    let at = index.topology(nodes, &spread.term.topology_key);
    let (domain_of, domain_count) = (Arc::clone(&index.topology_at(at).domain_of), index.topology_at(at).domain_count);
    let by_node = index.by_node(nodes, spread.question);
    let (mut counts, mut counted) = (vec![0; domain_count], vec![false; domain_count]);
    for (node, info) in nodes.iter().enumerate() {
        if places.iter().any(|t| t[node] == NO_DOMAIN)
            || (honors_affinity && !matches_node_selection(pod.pod, info))
            || (spread.honors_taints && untolerated(pod, &info.taints).is_some())
        {
            continue;
        }
        let domain = domain_of[node] as usize;
        counts[domain] += by_node[node];
        counted[domain] = true;
    }
    (ByDomain { domain_of, counts }, Some(counted))
}

impl HardSpread {
    fn of(pod: &PodInfo<'_>, of: (&Spread, &[Spread]), nodes: &[NodeInfo], index: &mut PodIndex) -> Self {
        let (by_domain, counted) = spread_domains(pod, of, nodes, index);
        let spread = of.0;
        let counts = by_domain.counts.iter().enumerate();
        let counts = counts.filter(|(domain, _)| counted.as_ref().is_none_or(|c| c[*domain])).map(|(_, count)| *count);
        let (mut domains, mut min) = (0, i32::MAX);
        for count in counts {
            domains += 1;
            min = min.min(count);
        }
        let min = if domains < spread.min_domains { 0 } else { i64::from(min) };
        Self { by_domain, min, max_skew: spread.max_skew, itself: i64::from(spread.counts_itself) }
    }
}

/// The weighted scores that other pods give to nodes that fit. Mirrors `Score` of both plugins.
pub(crate) fn relation_scores(
    pod: &PodInfo<'_>,
    (terms, default): (Option<&PodTerms>, Option<DefaultSpread>),
    nodes: &[NodeInfo],
    index: &mut PodIndex,
    feasible: &[usize],
) -> Vec<i64> {
    let mut totals = vec![0; feasible.len()];
    let affinity = affinity_scores(pod, terms, nodes, index, feasible);
    let (min, max) = (affinity.iter().min().copied().unwrap_or(0), affinity.iter().max().copied().unwrap_or(0));
    for (total, score) in totals.iter_mut().zip(affinity).filter(|_| max > min) {
        let share = (score - min) as f64 / (max - min) as f64;
        *total += WEIGHT_INTER_POD_AFFINITY * (SCORE_MAX as f64 * share) as i64;
    }
    let soft = terms.map_or(&[][..], |t| &t.soft);
    let constraints: Vec<Soft> = match default {
        _ if !soft.is_empty() => soft
            .iter()
            .map(|s| Soft {
                by_domain: spread_domains(pod, (s, soft), nodes, index).0,
                max_skew: s.max_skew,
                is_hostname: s.term.topology_key == LABEL_HOSTNAME,
            })
            .collect(),
        Some(spread) => vec![
            Soft { by_domain: index.ask(nodes, spread.hostname).0, max_skew: DEFAULT_SKEW_HOSTNAME, is_hostname: true },
            Soft { by_domain: index.ask(nodes, spread.zone).0, max_skew: DEFAULT_SKEW_ZONE, is_hostname: false },
        ],
        None => return totals,
    };
    for (total, score) in totals.iter_mut().zip(spread_scores(&constraints, !soft.is_empty(), feasible)) {
        *total += WEIGHT_TOPOLOGY_SPREAD * score;
    }
    totals
}

fn affinity_scores(
    pod: &PodInfo<'_>,
    terms: Option<&PodTerms>,
    nodes: &[NodeInfo],
    index: &mut PodIndex,
    feasible: &[usize],
) -> Vec<i64> {
    let mut sums = vec![0; feasible.len()];
    let mut add = |weight: i64, by_domain: &ByDomain| {
        for (sum, node) in sums.iter_mut().zip(feasible) {
            *sum += weight * by_domain.get(*node).unwrap_or(0);
        }
    };
    for ((weight, _), question) in terms.iter().flat_map(|t| t.preferred.iter().zip(&t.preferred_questions)) {
        let (by_domain, total) = index.ask(nodes, *question);
        if total > 0 {
            add(*weight, &by_domain);
        }
    }
    for (weight, by_domain) in index.spoken_of(nodes, pod.pod, false) {
        add(weight, &by_domain);
    }
    sums
}

/// A constraint that is only wished.
struct Soft {
    by_domain: ByDomain,
    max_skew: i64,
    is_hostname: bool,
}

/// Scores from 0 to 100, the fewer pods the higher. Where the constraints are the pod's own, nodes without one of the labels
/// have no part in it.
fn spread_scores(soft: &[Soft], requires_all: bool, feasible: &[usize]) -> Vec<i64> {
    let is_ignored = |node: usize| requires_all && soft.iter().any(|s| s.by_domain.get(node).is_none());
    let mut sums: Vec<f64> = vec![0.0; feasible.len()];
    for constraint in soft {
        let counted = feasible.iter().copied().filter(|node| !is_ignored(*node));
        let size = if constraint.is_hostname {
            counted.count()
        } else {
            // Nodes without the label are one more domain.
            let mut seen = vec![false; constraint.by_domain.counts.len() + 1];
            let last = seen.len() - 1;
            counted.for_each(|node| seen[last.min(constraint.by_domain.domain_of[node] as usize)] = true);
            seen.iter().filter(|s| **s).count()
        };
        let weight = topology_normalizing_weight(size);
        for (sum, node) in sums.iter_mut().zip(feasible) {
            if let Some(count) = constraint.by_domain.get(*node) {
                *sum += score_for_count(count, constraint.max_skew, weight);
            }
        }
    }
    normalize_spread(&sums, |at| is_ignored(feasible[at]))
}

/// Mirrors `topologyNormalizingWeight`.
pub(crate) fn topology_normalizing_weight(size: usize) -> f64 {
    ((size + 2) as f64).ln()
}

/// Mirrors `scoreForCount`.
pub(crate) fn score_for_count(count: i64, max_skew: i64, weight: f64) -> f64 {
    count as f64 * weight + (max_skew - 1) as f64
}

/// Mirrors `NormalizeScore` of podtopologyspread.
fn normalize_spread(sums: &[f64], is_ignored: impl Fn(usize) -> bool) -> Vec<i64> {
    let rounded: Vec<Option<i64>> =
        sums.iter().enumerate().map(|(at, sum)| (!is_ignored(at)).then(|| sum.round() as i64)).collect();
    let min = rounded.iter().flatten().min().copied().unwrap_or(0);
    let max = rounded.iter().flatten().max().copied().unwrap_or(0);
    rounded.into_iter().map(|sum| sum.map_or(0, |sum| spread_score(sum, min, max))).collect()
}

/// A node's part of 100, where the sums of all nodes are within these bounds.
pub(crate) fn spread_score(sum: i64, min: i64, max: i64) -> i64 {
    if max == 0 { SCORE_MAX } else { SCORE_MAX * (max + min - sum) / max }
}

#[cfg(test)]
#[path = "relations_tests.rs"]
mod tests;
