//! Filters and scores by other pods: inter-pod affinity and topology spread.
//!
//! Mirrors pkg/scheduler/framework/plugins/interpodaffinity and podtopologyspread (v1.36).
//! Differs: the constraints that upstream adds to pods of services and workloads without their own are not there.

use std::sync::Arc;

use seatrial_api::Pod;

use crate::node_info::NodeInfo;
use crate::plugin::{Misfit, Plugin};
use crate::plugins::{PodInfo, matches_node_selection, untolerated};
use crate::pod_index::{NO_DOMAIN, PodIndex};
use crate::terms::{PodTerms, Spread};

const LABEL_HOSTNAME: &str = "kubernetes.io/hostname";
const SCORE_MAX: i64 = 100;
const WEIGHT_INTER_POD_AFFINITY: i64 = 2;
const WEIGHT_TOPOLOGY_SPREAD: i64 = 2;

/// A number for every domain of a topology.
#[derive(Debug)]
struct ByDomain {
    domain_of: Arc<Vec<u32>>,
    counts: Vec<i32>,
}

impl ByDomain {
    /// The number of a node's domain; `None` for a node that is in none.
    fn get(&self, node: usize) -> Option<i64> {
        let domain = self.domain_of.get(node).copied().unwrap_or(NO_DOMAIN);
        self.counts.get(domain as usize).map(|count| i64::from(*count))
    }
}

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
            for term in &terms.affinity {
                let counter = index.counter(nodes, &terms.affinity, term, false);
                total += counter.total;
                let counts = counter.by_domain.clone();
                relations.affinity.push(by_domain(index, nodes, &term.topology_key, counts));
            }
            let (namespace, labels) = (&pod.pod.meta.namespace, &pod.pod.meta.labels);
            relations.is_first =
                total == 0 && terms.affinity.iter().all(|t| t.matches(namespace, labels, &index.namespaces));
            for term in &terms.anti_affinity {
                let counts = index.counter(nodes, std::slice::from_ref(term), term, false).by_domain.clone();
                relations.anti_affinity.push(by_domain(index, nodes, &term.topology_key, counts));
            }
        }
        for carrier in index.carriers_for(pod.pod).filter(|c| c.weight.is_none()) {
            let domain_of = Arc::clone(&index.topology_at(carrier.topology).domain_of);
            relations.existing_anti_affinity.push(ByDomain { domain_of, counts: carrier.by_domain.clone() });
        }
        relations
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
        let has_all_labels = self.affinity.iter().all(|a| a.get(node).is_some());
        if !has_all_labels || !(self.is_first || self.affinity.iter().all(|a| a.get(node) > Some(0))) {
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

fn by_domain(index: &mut PodIndex, nodes: &[NodeInfo], key: &seatrial_api::Str, counts: Vec<i32>) -> ByDomain {
    let topology = index.topology(nodes, key);
    ByDomain { domain_of: Arc::clone(&index.topology_at(topology).domain_of), counts }
}

/// The domains of a constraint's topology, and which of them have a node that counts.
fn spread_domains(
    pod: &PodInfo<'_>,
    (spread, all): (&Spread, &[Spread]),
    nodes: &[NodeInfo],
    index: &mut PodIndex,
) -> (ByDomain, Vec<bool>) {
    let topologies: Vec<Arc<Vec<u32>>> = all
        .iter()
        .map(|s| {
            let at = index.topology(nodes, &s.term.topology_key);
            Arc::clone(&index.topology_at(at).domain_of)
        })
        .collect();
    let at = index.topology(nodes, &spread.term.topology_key);
    let (domain_of, domain_count) = (Arc::clone(&index.topology_at(at).domain_of), index.topology_at(at).domain_count);
    let by_node = &index.counter(nodes, std::slice::from_ref(&spread.term), &spread.term, true).by_node;
    let (mut counts, mut counted) = (vec![0; domain_count], vec![false; domain_count]);
    let honors_affinity = spread.honors_affinity && pod.has_node_selection;
    for (node, info) in nodes.iter().enumerate() {
        if topologies.iter().any(|t| t[node] == NO_DOMAIN)
            || (honors_affinity && !matches_node_selection(pod.pod, info))
            || (spread.honors_taints && untolerated(pod, &info.taints).is_some())
        {
            continue;
        }
        let domain = domain_of[node] as usize;
        counts[domain] += by_node[node];
        counted[domain] = true;
    }
    (ByDomain { domain_of, counts }, counted)
}

impl HardSpread {
    fn of(pod: &PodInfo<'_>, of: (&Spread, &[Spread]), nodes: &[NodeInfo], index: &mut PodIndex) -> Self {
        let (by_domain, counted) = spread_domains(pod, of, nodes, index);
        let spread = of.0;
        let counts = by_domain.counts.iter().zip(&counted).filter(|(_, counted)| **counted).map(|(count, _)| *count);
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
    terms: Option<&PodTerms>,
    nodes: &[NodeInfo],
    index: &mut PodIndex,
    feasible: &[usize],
) -> Vec<i64> {
    let mut totals = vec![0; feasible.len()];
    let affinity = affinity_scores(pod.pod, terms, nodes, index, feasible);
    let (min, max) = (affinity.iter().min().copied().unwrap_or(0), affinity.iter().max().copied().unwrap_or(0));
    if max > min {
        for (total, score) in totals.iter_mut().zip(affinity) {
            let share = (score - min) as f64 / (max - min) as f64;
            *total += WEIGHT_INTER_POD_AFFINITY * (SCORE_MAX as f64 * share) as i64;
        }
    }
    if let Some(terms) = terms.filter(|t| !t.soft.is_empty()) {
        for (total, score) in totals.iter_mut().zip(spread_scores(pod, &terms.soft, nodes, index, feasible)) {
            *total += WEIGHT_TOPOLOGY_SPREAD * score;
        }
    }
    totals
}

fn affinity_scores(
    pod: &Pod,
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
    for (weight, term) in terms.iter().flat_map(|t| &t.preferred) {
        let counter = index.counter(nodes, std::slice::from_ref(term), term, false);
        if counter.total > 0 {
            let counts = counter.by_domain.clone();
            add(*weight, &by_domain(index, nodes, &term.topology_key, counts));
        }
    }
    for carrier in index.carriers_for(pod) {
        let Some(weight) = carrier.weight else { continue };
        let domain_of = Arc::clone(&index.topology_at(carrier.topology).domain_of);
        add(weight, &ByDomain { domain_of, counts: carrier.by_domain.clone() });
    }
    sums
}

/// Scores from 0 to 100, the fewer pods the higher.
fn spread_scores(
    pod: &PodInfo<'_>,
    soft: &[Spread],
    nodes: &[NodeInfo],
    index: &mut PodIndex,
    feasible: &[usize],
) -> Vec<i64> {
    let domains: Vec<ByDomain> = soft.iter().map(|s| spread_domains(pod, (s, soft), nodes, index).0).collect();
    let is_ignored = |node: usize| domains.iter().any(|d| d.get(node).is_none());
    let mut sums: Vec<f64> = vec![0.0; feasible.len()];
    for (spread, by_domain) in soft.iter().zip(&domains) {
        let counted = feasible.iter().copied().filter(|node| !is_ignored(*node));
        let size = if spread.term.topology_key == LABEL_HOSTNAME {
            counted.count()
        } else {
            let mut seen = vec![false; by_domain.counts.len()];
            counted.for_each(|node| seen[by_domain.domain_of[node] as usize] = true);
            seen.iter().filter(|s| **s).count()
        };
        let weight = ((size + 2) as f64).ln();
        for (sum, node) in sums.iter_mut().zip(feasible) {
            *sum += by_domain.get(*node).unwrap_or(0) as f64 * weight + (spread.max_skew - 1) as f64;
        }
    }
    normalize_spread(&sums, |at| is_ignored(feasible[at]))
}

/// Mirrors `NormalizeScore` of podtopologyspread.
fn normalize_spread(sums: &[f64], is_ignored: impl Fn(usize) -> bool) -> Vec<i64> {
    let rounded: Vec<Option<i64>> =
        sums.iter().enumerate().map(|(at, sum)| (!is_ignored(at)).then(|| sum.round() as i64)).collect();
    let min = rounded.iter().flatten().min().copied().unwrap_or(0);
    let max = rounded.iter().flatten().max().copied().unwrap_or(0);
    let score = |sum: i64| if max == 0 { SCORE_MAX } else { SCORE_MAX * (max + min - sum) / max };
    rounded.into_iter().map(|sum| sum.map_or(0, score)).collect()
}
