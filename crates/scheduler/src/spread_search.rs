//! The best node for a pod that is spread by default, among nodes whose own scores are known.
//!
//! Mirrors the Score and NormalizeScore of podtopologyspread (v1.36) for the two constraints of the system.
//! Nodes with as many pods in zones alike have the same score, so the arithmetic is done once a class and not once a node.

use std::ops::Range;
use std::sync::Arc;

use crate::pod_index::ByDomain;
use crate::relations::{
    DEFAULT_SKEW_HOSTNAME, DEFAULT_SKEW_ZONE, WEIGHT_TOPOLOGY_SPREAD, score_for_count, spread_score,
    topology_normalizing_weight,
};

/// More classes than this are not told apart here.
const CLASSES_MAX: usize = 1 << 16;
/// The bonus of a class without nodes.
const NOBODY: i32 = i32::MIN;
/// The count of a node without a hostname.
const NO_HOSTNAME: i32 = -1;

/// What the constraints say of every node.
#[derive(Debug)]
pub(crate) struct SpreadView {
    /// How many of the pods are on the node.
    counts: Arc<Vec<i32>>,
    /// The node's zone, where there are any zones.
    zones: Option<ByDomain>,
}

/// The nodes that were looked at: how many from where on, and how many of them fit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pub(crate) start: usize,
    pub(crate) looked_at: usize,
    pub(crate) feasible: usize,
}

impl SpreadView {
    pub(crate) fn new(hostnames: ByDomain, is_one_each: bool, zones: ByDomain) -> Self {
        let counts = if is_one_each {
            // Every node is its own domain.
            hostnames.counts
        } else {
            let of = |node: usize| hostnames.get(node).map_or(NO_HOSTNAME, |c| i32::try_from(c).unwrap_or(i32::MAX));
            Arc::new((0..hostnames.domain_of.len()).map(of).collect())
        };
        let zones = Some(zones).filter(|z| !z.counts.is_empty());
        Self { counts, zones }
    }

    /// The class of a node: how many pods it has more than the fewest, and its zone.
    fn class(&self, node: usize, fewest: i32, width: usize) -> usize {
        let more = (self.counts[node] - fewest) as usize;
        match &self.zones {
            None => more,
            Some(zones) => more * width + (zones.domain_of[node] as usize).min(width - 1),
        }
    }

    /// What each class adds to the score of a node; `None` where there are too many of them.
    fn bonuses(&self, scores: &[i32], window: Window) -> Option<(Vec<i32>, i32, usize)> {
        let (mut fewest, mut most) = (i32::MAX, i32::MIN);
        for run in ranges(scores.len(), window) {
            for (score, count) in scores[run.clone()].iter().zip(&self.counts[run]) {
                if *score >= 0 {
                    (fewest, most) = (fewest.min(*count), most.max(*count));
                }
            }
        }
        // One more than there are zones, for nodes in none.
        let width = self.zones.as_ref().map_or(1, |z| z.counts.len() + 1);
        let classes = usize::try_from(i64::from(most) - i64::from(fewest) + 1).ok()?.checked_mul(width)?;
        if classes > CLASSES_MAX {
            return None;
        }
        let mut bonuses = vec![NOBODY; classes];
        for node in ranges(scores.len(), window).flatten().filter(|node| scores[*node] >= 0) {
            bonuses[self.class(node, fewest, width)] = 0;
        }
        let mut seen = vec![false; width];
        bonuses.iter().enumerate().filter(|(_, b)| **b != NOBODY).for_each(|(class, _)| seen[class % width] = true);
        let zone_weight = topology_normalizing_weight(seen.iter().filter(|s| **s).count());
        let host_weight = topology_normalizing_weight(window.feasible);
        let sum = |class: usize| {
            let count = i64::from(fewest) + (class / width) as i64;
            let mut sum = 0.0;
            if count != i64::from(NO_HOSTNAME) {
                sum += score_for_count(count, DEFAULT_SKEW_HOSTNAME, host_weight);
            }
            if let Some(in_zone) = self.zones.as_ref().and_then(|z| z.counts.get(class % width)) {
                sum += score_for_count(i64::from(*in_zone), DEFAULT_SKEW_ZONE, zone_weight);
            }
            sum.round() as i64
        };
        let present = |bonuses: &[i32]| -> Vec<(usize, i64)> {
            let there = bonuses.iter().enumerate().filter(|(_, b)| **b != NOBODY);
            there.map(|(class, _)| (class, sum(class))).collect()
        };
        let sums = present(&bonuses);
        let (min, max) = (sums.iter().map(|(_, s)| *s).min()?, sums.iter().map(|(_, s)| *s).max()?);
        for (class, sum) in sums {
            let bonus = WEIGHT_TOPOLOGY_SPREAD * spread_score(sum, min, max);
            bonuses[class] = i32::try_from(bonus).unwrap_or(i32::MAX);
        }
        Some((bonuses, fewest, width))
    }

    /// The node with the highest score; `pick` says which of so many equals. `None` where classes are too many.
    pub(crate) fn choose(&self, scores: &[i32], window: Window, pick: impl FnOnce(usize) -> usize) -> Option<usize> {
        let (bonuses, fewest, width) = self.bonuses(scores, window)?;
        let total = |node: usize| scores[node] + bonuses[self.class(node, fewest, width)];
        let fitting = || ranges(scores.len(), window).flatten().filter(|node| scores[*node] >= 0);
        let (mut top, mut ties) = (i32::MIN, 0);
        for node in fitting() {
            let total = total(node);
            if total > top {
                (top, ties) = (total, 1);
            } else {
                ties += usize::from(total == top);
            }
        }
        let nth = pick(ties);
        fitting().filter(|node| total(*node) == top).nth(nth)
    }
}

/// The places of the window, round the end.
fn ranges(all: usize, window: Window) -> impl Iterator<Item = Range<usize>> {
    let first = window.start..all.min(window.start + window.looked_at);
    let wrapped = 0..window.looked_at - first.len();
    [first, wrapped].into_iter()
}

#[cfg(test)]
#[path = "spread_search_tests.rs"]
mod tests;
