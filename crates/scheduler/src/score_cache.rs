//! What filters and scores say of every node for pods of one spec, computed anew only for nodes that changed.
//!
//! Pods of a template share their spec, so between one of them and the next only a few nodes differ.
//! Invariant: the answers are those of `plugins::filter` and `plugins::scores`, node by node.

use std::ops::Range;
use std::sync::Arc;

use seatrial_api::{Pod, PodSpec};

use crate::node_info::NodeInfo;
use crate::plugins::{PodInfo, filter, own_score};

/// How many specs are remembered.
const SPECS_MAX: usize = 4;
/// The score of a node that does not fit.
const MISFIT: i32 = -1;
/// The score of a node that changed since it was looked at, or was never looked at.
const STALE: i32 = -2;
/// Nodes are looked at in runs of this length, which the compiler turns into a few wide instructions each.
const RUN: usize = 64;

/// The scores of one spec.
#[derive(Debug)]
struct SpecScores {
    spec: Arc<PodSpec>,
    scores: Vec<i32>,
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

/// The nodes that fit best, among those that were looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Best {
    /// How many nodes were looked at until enough fitted.
    pub(crate) looked_at: usize,
    /// How many of them fitted.
    pub(crate) feasible: usize,
    score: i32,
    /// How many have that score.
    pub(crate) ties: usize,
}

impl ScoreCache {
    /// A node changed.
    pub(crate) fn node_changed(&mut self, index: usize) {
        for score in self.specs.iter_mut().filter_map(|s| s.scores.get_mut(index)) {
            *score = STALE;
        }
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
        let best = best_of(&mut entry.scores, start, wanted, |index| {
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
                let (scores, spec) = (vec![STALE; node_count], Arc::clone(&pod.spec));
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
        let mut info = None;
        for index in (start..nodes.len()).chain(0..start) {
            looked_at += 1;
            if entry.scores[index] == STALE {
                evaluated += 1;
                let info = info.get_or_insert_with(|| PodInfo::of(pod));
                entry.scores[index] = match filter(info, &nodes[index]) {
                    Err(_) => MISFIT,
                    Ok(()) => match own_score(info, &nodes[index]) {
                        Some(score) => i32::try_from(score).unwrap_or(i32::MAX),
                        None => {
                            entry.is_relative = true;
                            return None;
                        }
                    },
                };
            }
            if entry.scores[index] >= 0 && also(index) {
                found.push((index, i64::from(entry.scores[index])));
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
        self.specs.first().map_or(&[], |spec| &spec.scores)
    }

    /// The node that is the `pick`th with the best score, for the pod that was looked at last.
    pub(crate) fn nth_best(&self, start: usize, best: &Best, pick: usize) -> Option<usize> {
        nth_best(&self.specs.first()?.scores, start, best, pick)
    }
}

/// The places from `start` on, round the end, `count` of them at most, in runs.
fn runs(all: usize, start: usize, count: usize) -> impl Iterator<Item = Range<usize>> {
    let first = start..all.min(start + count);
    let wrapped = 0..start.min(count - first.len());
    let cut = |whole: Range<usize>| whole.clone().step_by(RUN).map(move |at| at..whole.end.min(at + RUN));
    cut(first).chain(cut(wrapped))
}

fn count_of(run: &[i32], is: impl Fn(i32) -> bool) -> usize {
    run.iter().map(|score| usize::from(is(*score))).sum()
}

fn best_of(scores: &mut [i32], start: usize, wanted: usize, mut evaluate: impl FnMut(usize) -> i32) -> Best {
    let mut best = Best { looked_at: 0, feasible: 0, score: MISFIT, ties: 0 };
    for range in runs(scores.len(), start, scores.len()) {
        let run = &mut scores[range.clone()];
        let mut feasible = count_of(run, |s| s >= 0);
        let mut length = run.len();
        if best.feasible + feasible >= wanted || run.contains(&STALE) {
            // One by one, so that no node is looked at beyond the one that makes the number full.
            (feasible, length) = (0, 0);
            for (score, index) in run.iter_mut().zip(range) {
                if *score == STALE {
                    *score = evaluate(index);
                }
                length += 1;
                feasible += usize::from(*score >= 0);
                if best.feasible + feasible >= wanted {
                    break;
                }
            }
        }
        let run = &run[..length];
        let top = run.iter().copied().max().unwrap_or(MISFIT);
        if top > best.score {
            (best.score, best.ties) = (top, count_of(run, |s| s == top));
        } else if top == best.score && top >= 0 {
            best.ties += count_of(run, |s| s == top);
        }
        best.looked_at += length;
        best.feasible += feasible;
        if best.feasible >= wanted {
            break;
        }
    }
    best
}

fn nth_best(scores: &[i32], start: usize, best: &Best, pick: usize) -> Option<usize> {
    let mut left = pick;
    for range in runs(scores.len(), start, best.looked_at) {
        let run = &scores[range.clone()];
        let ties = count_of(run, |s| s == best.score);
        if left < ties {
            return range.zip(run).filter(|(_, score)| **score == best.score).nth(left).map(|(index, _)| index);
        }
        left -= ties;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use seatrial_machinery::Rng;

    /// What the search does, in so many words.
    fn plain(scores: &[i32], start: usize, wanted: usize) -> (Best, Vec<usize>) {
        let (mut looked_at, mut feasible) = (0, Vec::new());
        for offset in 0..scores.len() {
            let index = (start + offset) % scores.len();
            looked_at += 1;
            if scores[index] >= 0 {
                feasible.push(index);
            }
            if feasible.len() >= wanted {
                break;
            }
        }
        let score = feasible.iter().map(|i| scores[*i]).max().unwrap_or(MISFIT);
        let ties: Vec<usize> = feasible.iter().copied().filter(|i| scores[*i] == score).collect();
        let ties_count = if score < 0 { 0 } else { ties.len() };
        (Best { looked_at, feasible: feasible.len(), score, ties: ties_count }, ties)
    }

    #[test]
    fn the_search_finds_what_looking_one_by_one_finds() {
        let mut rng = Rng::from_seed(5);
        for _ in 0..600 {
            let count = 1 + rng.below(300) as usize;
            let spread = 1 + rng.below(6);
            let scores: Vec<i32> = (0..count).map(|_| rng.below(spread + 1) as i32 - 1).collect();
            let (start, wanted) = (rng.below(count as u64) as usize, 1 + rng.below(count as u64) as usize);
            let (want, ties) = plain(&scores, start, wanted);
            // Some of the nodes are stale, and are looked at only where the search comes by.
            let mut cached: Vec<i32> = scores.iter().map(|s| if rng.below(4) == 0 { STALE } else { *s }).collect();
            let mut evaluated = 0;
            let got = best_of(&mut cached, start, wanted, |index| {
                evaluated += 1;
                scores[index]
            });
            assert!(evaluated <= want.looked_at);
            if want.feasible == 0 {
                assert_eq!((got.feasible, got.looked_at), (0, count));
                continue;
            }
            assert_eq!(got, want, "{scores:?} {start} {wanted}");
            let picked: Vec<usize> = (0..got.ties).filter_map(|pick| nth_best(&cached, start, &got, pick)).collect();
            assert_eq!(picked, ties);
        }
    }
}
