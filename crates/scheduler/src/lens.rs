//! What pods of a template look at beside nodes' own scores, and what it says of a class of nodes.
//!
//! Mirrors the filters and scores of plugins/interpodaffinity and podtopologyspread (v1.36), as `relations` does node by node.
//! Invariant: what is said of a class is what `Relations::filter` and `relation_scores` say of each of its nodes.

use std::cell::Cell;

use seatrial_api::Str;

use crate::known_pods::{Known, LABEL_HOSTNAME};
use crate::node_classes::{AXES_MAX, Found, Traits};
use crate::node_info::NodeInfo;
use crate::plugins::PodInfo;
use crate::pod_index::{PodIndex, Source};
use crate::relations::{
    DEFAULT_SKEW_HOSTNAME, DEFAULT_SKEW_ZONE, SCORE_MAX, WEIGHT_INTER_POD_AFFINITY, WEIGHT_TOPOLOGY_SPREAD,
    score_for_count, spread_score, topology_normalizing_weight,
};
use crate::sums::NO_DOMAIN;
use crate::terms::{PodTerms, Spread, Term};

/// More domains than this are not told apart, unless each is a single node.
const DOMAINS_MAX: usize = 256;
/// What stands for the domain of a node without the topology's label.
const NOWHERE: i32 = -1;

/// What nodes of a class have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Axis {
    /// How many are counted on the node, in a topology whose domains are single nodes; or only whether there are any.
    Node { source: Source, is_any: bool },
    /// The node's domain.
    Domain { topology: usize },
}

/// What is counted in a node's domain.
#[derive(Clone, Copy, Debug)]
struct Use {
    axis: usize,
    source: Source,
}

/// A constraint that a node has to keep.
#[derive(Debug)]
struct Hard {
    of: Use,
    max_skew: i64,
    min_domains: i64,
    itself: i64,
    /// The fewest in any domain, as of this search.
    min: i64,
}

/// A constraint that is only wished.
#[derive(Debug)]
struct Soft {
    of: Use,
    max_skew: i64,
    /// Whether its size is the number of nodes, and not that of the domains they are in.
    counts_nodes: bool,
    /// Its size in the last search, and what it weighed.
    weight: Cell<(usize, f64)>,
}

impl Soft {
    fn weight(&self, size: usize) -> f64 {
        let (known, weight) = self.weight.get();
        if known == size {
            return weight;
        }
        let weight = topology_normalizing_weight(size);
        self.weight.set((size, weight));
        weight
    }
}

/// What pods of a template look at.
#[derive(Debug, Default)]
pub(crate) struct Lens {
    axes: Vec<Axis>,
    hard: Vec<Hard>,
    near: Vec<Use>,
    /// Whether the pods are among those that they want to be with.
    meets_itself: bool,
    /// Whether there is no pod yet that they want to be with, and they may be the first.
    is_first: bool,
    apart: Vec<Use>,
    weighed: Vec<(i64, Use)>,
    soft: Vec<Soft>,
    /// Whether nodes without one of the labels have no part in the wished constraints.
    requires_all: bool,
    /// All that is counted for this.
    sources: Vec<Source>,
    scratch: Scratch,
}

/// Room for the arithmetic of a search.
#[derive(Debug, Default)]
struct Scratch {
    /// None for classes that have no part in what is summed up.
    sums: Vec<Option<f64>>,
    affinity: Vec<i64>,
    totals: Vec<i64>,
}

/// Makes a lens.
struct Grinder<'a> {
    nodes: &'a [NodeInfo],
    index: &'a mut PodIndex,
    axes: Vec<Axis>,
}

impl Grinder<'_> {
    /// `None` where nodes cannot be put in classes by it.
    fn see(&mut self, source: Source, is_any: bool) -> Option<Use> {
        let topology = self.index.topology_of(self.nodes, source);
        let of = self.index.topology_at(topology);
        let axis = if of.is_one_each {
            Axis::Node { source, is_any }
        } else if of.domain_count <= DOMAINS_MAX {
            Axis::Domain { topology }
        } else {
            return None;
        };
        let at = self.axes.iter().position(|known| *known == axis).unwrap_or_else(|| {
            self.axes.push(axis);
            self.axes.len() - 1
        });
        (at < AXES_MAX).then_some(Use { axis: at, source })
    }

    /// A constraint of the pod's own; `None` where not all nodes count for it.
    fn see_spread(&mut self, pod: &PodInfo<'_>, spread: &Spread, all: &[Spread]) -> Option<Use> {
        let mut is_everywhere = |key: &Str| {
            let topology = self.index.topology(self.nodes, key);
            self.index.topology_at(topology).is_everywhere
        };
        let needs_one_key = all.len() == 1 || all.iter().all(|s| is_everywhere(&s.term.topology_key));
        let has_all_nodes =
            needs_one_key && !(spread.honors_affinity && pod.has_node_selection) && !spread.honors_taints;
        if has_all_nodes { self.see(Source::Question(spread.question), false) } else { None }
    }

    fn see_terms(&mut self, pod: &PodInfo<'_>, terms: &PodTerms, lens: &mut Lens) -> Option<()> {
        for spread in &terms.hard {
            let of = self.see_spread(pod, spread, &terms.hard)?;
            let (max_skew, min_domains) = (spread.max_skew, spread.min_domains);
            lens.hard.push(Hard { of, max_skew, min_domains, itself: i64::from(spread.counts_itself), min: 0 });
        }
        for spread in &terms.soft {
            let of = self.see_spread(pod, spread, &terms.soft)?;
            lens.soft.push(self.soft(of, spread.max_skew, spread.term.topology_key == LABEL_HOSTNAME));
        }
        for question in &terms.affinity_questions {
            lens.near.push(self.see(Source::Question(*question), true)?);
        }
        for question in &terms.anti_affinity_questions {
            lens.apart.push(self.see(Source::Question(*question), true)?);
        }
        for ((weight, _), question) in terms.preferred.iter().zip(&terms.preferred_questions) {
            lens.weighed.push((*weight, self.see(Source::Question(*question), false)?));
        }
        let all = &self.index.namespaces;
        let meets = |term: &std::sync::Arc<Term>| term.matches_pod(pod.pod, all);
        lens.meets_itself = terms.affinity.iter().all(meets);
        Some(())
    }

    fn soft(&self, of: Use, max_skew: i64, is_hostname: bool) -> Soft {
        let counts_nodes = is_hostname || matches!(self.axes[of.axis], Axis::Node { .. });
        Soft { of, max_skew, counts_nodes, weight: Cell::new((0, topology_normalizing_weight(0))) }
    }
}

impl Lens {
    /// What a pod and its siblings look at; `None` where nodes cannot be put in classes by it.
    pub(crate) fn of(pod: &PodInfo<'_>, known: &Known, nodes: &[NodeInfo], index: &mut PodIndex) -> Option<Self> {
        let carriers = index.carriers_about(pod.pod);
        let (mut lens, mut grinder) = (Self::default(), Grinder { nodes, index, axes: Vec::new() });
        if let Some(terms) = known.terms() {
            grinder.see_terms(pod, terms, &mut lens)?;
        }
        for (source, weight) in carriers {
            match weight {
                None => lens.apart.push(grinder.see(source, true)?),
                Some(weight) => lens.weighed.push((weight, grinder.see(source, false)?)),
            }
        }
        lens.requires_all = !lens.soft.is_empty();
        if let Some(spread) = known.spread.filter(|_| lens.soft.is_empty()) {
            let hostname = grinder.see(Source::Question(spread.hostname), false)?;
            let zone = grinder.see(Source::Question(spread.zone), false)?;
            lens.soft.push(grinder.soft(hostname, DEFAULT_SKEW_HOSTNAME, true));
            lens.soft.push(grinder.soft(zone, DEFAULT_SKEW_ZONE, false));
        }
        lens.axes = grinder.axes;
        lens.find_sources();
        Some(lens)
    }

    /// Whether nodes are in the same classes, as long as numbers mean the same.
    pub(crate) fn has_axes_of(&self, other: &Self) -> bool {
        self.axes == other.axes
    }

    /// All that is counted for it.
    fn find_sources(&mut self) {
        let uses = self.hard.iter().map(|h| h.of).chain(self.near.iter().copied()).chain(self.apart.iter().copied());
        let uses = uses.chain(self.weighed.iter().map(|w| w.1)).chain(self.soft.iter().map(|s| s.of));
        self.sources = uses.map(|of| of.source).collect();
    }

    /// Takes what is counted as of now.
    pub(crate) fn refresh(&mut self, nodes: &[NodeInfo], index: &mut PodIndex) {
        let dropped = index.dropped();
        self.sources.iter().for_each(|source| index.refresh(nodes, *source));
        if index.dropped() != dropped {
            // Room was made for the sums of some by dropping those of others: there is room for all of one lens.
            self.sources.iter().for_each(|source| index.refresh(nodes, *source));
        }
        for hard in &mut self.hard {
            let (least, domains) = index.least(hard.of.source);
            let has_enough = i64::try_from(domains).is_ok_and(|domains| domains >= hard.min_domains);
            hard.min = if has_enough { i64::from(least) } else { 0 };
        }
        let total: i64 = self.near.iter().map(|of| index.total(of.source)).sum();
        self.is_first = total == 0 && self.meets_itself;
    }

    /// What a node that scores `own` by itself has in common with others.
    pub(crate) fn traits(&self, node: usize, own: i32, index: &PodIndex) -> Traits {
        let mut traits = Traits { own, ..Traits::default() };
        for (value, axis) in traits.values.iter_mut().zip(&self.axes) {
            *value = match axis {
                // Domains that are single nodes are numbered as these.
                Axis::Node { source, is_any } => {
                    let count = index.counts(*source).get(node).copied().unwrap_or(0);
                    if *is_any { i32::from(count > 0) } else { count }
                }
                Axis::Domain { topology } => match index.topology_at(*topology).domain_of.get(node) {
                    Some(domain) if *domain != NO_DOMAIN => i32::try_from(*domain).unwrap_or(NOWHERE),
                    _ => NOWHERE,
                },
            };
        }
        traits
    }

    /// Whether the nodes of a class fit, for all that is said by and about other pods.
    pub(crate) fn fits(&self, traits: &Traits, index: &PodIndex) -> bool {
        let view = View { axes: &self.axes, index };
        let count = |of: Use| view.count(of, traits);
        let is_skewed = |h: &Hard| count(h.of).is_none_or(|count| count + h.itself - h.min > h.max_skew);
        !self.hard.iter().any(is_skewed)
            && self.near.iter().all(|of| count(*of).is_some_and(|count| self.is_first || count > 0))
            && !self.apart.iter().any(|of| count(*of) > Some(0))
    }

    /// The scores of the classes of the nodes that fit, which are so many.
    pub(crate) fn totals(&mut self, classes: Found<'_>, feasible: usize, index: &PodIndex) -> &[i64] {
        let Self { axes, weighed, soft, requires_all, scratch, .. } = self;
        let view = View { axes, index };
        scratch.totals.clear();
        scratch.totals.extend((0..classes.len()).map(|at| i64::from(classes.traits(at).own)));
        if !weighed.is_empty() {
            view.add_affinity(weighed, classes, scratch);
        }
        if !soft.is_empty() {
            view.add_spread((soft, *requires_all), classes, feasible, scratch);
        }
        &scratch.totals
    }
}

/// What is counted where, for what pods look at.
#[derive(Clone, Copy)]
struct View<'a> {
    axes: &'a [Axis],
    index: &'a PodIndex,
}

impl View<'_> {
    /// How many are counted in the domain of a class's nodes; `None` for nodes that are in none.
    fn count(&self, of: Use, traits: &Traits) -> Option<i64> {
        let value = traits.values[of.axis];
        match self.axes[of.axis] {
            Axis::Node { .. } => Some(i64::from(value)),
            Axis::Domain { .. } => {
                let domain = usize::try_from(value).ok()?;
                self.index.counts(of.source).get(domain).map(|count| i64::from(*count))
            }
        }
    }

    /// Mirrors `NormalizeScore` of interpodaffinity.
    fn add_affinity(&self, weighed: &[(i64, Use)], classes: Found<'_>, scratch: &mut Scratch) {
        let weigh = |traits: &Traits| -> i64 {
            weighed.iter().map(|(weight, of)| weight * self.count(*of, traits).unwrap_or(0)).sum()
        };
        scratch.affinity.clear();
        scratch.affinity.extend((0..classes.len()).map(|at| weigh(classes.traits(at))));
        let (min, max) = (scratch.affinity.iter().min().copied(), scratch.affinity.iter().max().copied());
        let (min, max) = (min.unwrap_or(0), max.unwrap_or(0));
        for (total, score) in scratch.totals.iter_mut().zip(&scratch.affinity).filter(|_| max > min) {
            let share = (score - min) as f64 / (max - min) as f64;
            *total += WEIGHT_INTER_POD_AFFINITY * (SCORE_MAX as f64 * share) as i64;
        }
    }

    /// Mirrors `Score` and `NormalizeScore` of podtopologyspread.
    fn add_spread(
        &self,
        (soft, requires_all): (&[Soft], bool),
        classes: Found<'_>,
        feasible: usize,
        scratch: &mut Scratch,
    ) {
        let lacks_label =
            |traits: &Traits| requires_all && soft.iter().any(|soft| self.count(soft.of, traits).is_none());
        let Scratch { sums, totals, .. } = scratch;
        sums.clear();
        let mut nodes = 0;
        for at in 0..classes.len() {
            let is_ignored = lacks_label(classes.traits(at));
            sums.push((!is_ignored).then_some(0.0));
            nodes += if is_ignored { 0 } else { classes.node_count(at) };
        }
        let nodes = if requires_all { nodes } else { feasible };
        for soft in soft {
            let size = if soft.counts_nodes { nodes } else { domain_count(soft.of.axis, classes, sums) };
            let weight = soft.weight(size);
            for (at, sum) in sums.iter_mut().enumerate() {
                if let (Some(sum), Some(count)) = (sum, self.count(soft.of, classes.traits(at))) {
                    *sum += score_for_count(count, soft.max_skew, weight);
                }
            }
        }
        let (mut min, mut max) = (i64::MAX, i64::MIN);
        for sum in sums.iter_mut().flatten() {
            *sum = sum.round();
            (min, max) = (min.min(*sum as i64), max.max(*sum as i64));
        }
        for (total, sum) in totals.iter_mut().zip(&*sums) {
            *total += WEIGHT_TOPOLOGY_SPREAD * sum.map_or(0, |sum| spread_score(sum as i64, min, max));
        }
    }
}

/// In how many domains of an axis the nodes of some classes are, where those in none are in one of their own. Classes
/// without a sum do not count.
fn domain_count(axis: usize, classes: Found<'_>, sums: &[Option<f64>]) -> usize {
    let mut seen = [0u64; (DOMAINS_MAX + 1).div_ceil(64)];
    for at in (0..classes.len()).filter(|at| sums[*at].is_some()) {
        let domain = classes.traits(at).values[axis];
        let bit = usize::try_from(domain - NOWHERE).unwrap_or(0).min(DOMAINS_MAX);
        seen[bit / 64] |= 1 << (bit % 64);
    }
    seen.iter().map(|word| word.count_ones() as usize).sum()
}
