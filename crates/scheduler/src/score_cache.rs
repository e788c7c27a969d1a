//! What filters and scores say of every node for pods of one spec, computed anew only for nodes that changed.
//!
//! Pods of a template share their spec, so between one of them and the next only a few nodes differ.
//! Invariant: the answers are those of `plugins::filter` and `plugins::scores`, node by node.

use std::sync::Arc;

use seatrial_api::{Pod, PodSpec};

use crate::node_info::NodeInfo;
use crate::plugins::{PodInfo, filter, own_score};
use crate::scores::{Best, MISFIT, Scores};

/// How many specs are remembered.
const SPECS_MAX: usize = 4;
/// The scores of one spec.
#[derive(Debug)]
struct SpecScores {
    spec: Arc<PodSpec>,
    scores: Scores,
    /// Whether a node's score depends on which other nodes fit, so that it cannot be remembered.
    is_relative: bool,
}

/// The scores of the specs that were scheduled last.
#[derive(Debug, Default)]
pub(crate) struct ScoreCache {
    specs: Vec<SpecScores>,
    /// How many nodes were filtered and scored.
    evaluated: u64,
}

impl ScoreCache {
    /// A node changed.
    pub(crate) fn node_changed(&mut self, index: usize) {
        self.specs.iter_mut().for_each(|s| s.scores.forget(index));
    }

    /// Nodes came or went: indexes mean other nodes now.
    pub(crate) fn clear(&mut self) {
        self.specs.clear();
    }

    /// How many nodes were filtered and scored so far.
    pub(crate) fn evaluated(&self) -> u64 {
        self.evaluated
    }

    /// Looks at nodes from `start` on, round the end, until `wanted` of them fit; `None` where scores depend on each other.
    pub(crate) fn best(&mut self, pod: &Pod, nodes: &[NodeInfo], start: usize, wanted: usize) -> Option<Best> {
        if !pod.node_name.is_empty() || nodes.is_empty() {
            return None;
        }
        let entry = self.entry(pod, nodes.len())?;
        let mut info = None;
        let mut evaluated = 0;
        let mut is_relative = false;
        let best = entry.scores.best(start, wanted, |index| {
            evaluated += 1;
            let info = info.get_or_insert_with(|| PodInfo::of(pod));
            if filter(info, &nodes[index]).is_err() {
                return MISFIT;
            }
            let score = own_score(info, &nodes[index]);
            is_relative |= score.is_none();
            score.map_or(0, |score| i32::try_from(score).unwrap_or(i32::MAX))
        });
        entry.is_relative = is_relative;
        self.evaluated += evaluated;
        (!is_relative).then_some(best)
    }

    /// The scores of a pod's spec, unless they depend on each other.
    fn entry(&mut self, pod: &Pod, node_count: usize) -> Option<&mut SpecScores> {
        match self.specs.iter().position(|s| Arc::ptr_eq(&s.spec, &pod.spec)) {
            Some(index) => self.specs[..=index].rotate_right(1),
            None => {
                self.specs.truncate(SPECS_MAX - 1);
                let (scores, spec) = (Scores::of_nodes(node_count), Arc::clone(&pod.spec));
                self.specs.insert(0, SpecScores { spec, scores, is_relative: false });
            }
        }
        self.specs.first_mut().filter(|e| !e.is_relative)
    }

    /// The nodes from `start` on, round the end, that fit and are `also` fit, until `wanted` of them do, each with its own
    /// score; and how many were looked at. `None` where scores depend on each other.
    pub(crate) fn feasible(
        &mut self,
        pod: &Pod,
        nodes: &[NodeInfo],
        (start, wanted): (usize, usize),
        also: impl Fn(usize) -> bool,
    ) -> Option<(Vec<(usize, i64)>, usize)> {
        if !pod.node_name.is_empty() {
            return None;
        }
        let entry = self.entry(pod, nodes.len())?;
        let (mut found, mut looked_at, mut evaluated) = (Vec::new(), 0, 0);
        let (mut info, mut is_relative) = (None, false);
        for index in (start..nodes.len()).chain(0..start) {
            looked_at += 1;
            let score = entry.scores.get_or_make(index, || {
                evaluated += 1;
                let info = info.get_or_insert_with(|| PodInfo::of(pod));
                match filter(info, &nodes[index]) {
                    Err(_) => MISFIT,
                    Ok(()) => match own_score(info, &nodes[index]) {
                        Some(score) => i32::try_from(score).unwrap_or(i32::MAX),
                        None => {
                            is_relative = true;
                            MISFIT
                        }
                    },
                }
            });
            if is_relative {
                entry.is_relative = true;
                return None;
            }
            if score >= 0 && also(index) {
                found.push((index, i64::from(score)));
                if found.len() >= wanted {
                    break;
                }
            }
        }
        self.evaluated += evaluated;
        Some((found, looked_at))
    }

    /// The scores of all nodes, stale ones included, for the pod that was looked at last.
    pub(crate) fn latest_scores(&self) -> &[i32] {
        self.specs.first().map_or(&[], |spec| spec.scores.as_slice())
    }

    /// The node that is the `pick`th with the best score, for the pod that was looked at last.
    pub(crate) fn nth_best(&self, start: usize, best: &Best, pick: usize) -> Option<usize> {
        self.specs.first()?.scores.nth_best(start, best, pick)
    }
}
