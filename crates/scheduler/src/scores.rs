//! The scores of all nodes for one spec, and the search for the best of them.
//!
//! Nodes lie in blocks. What a search wants to know of a block is kept until one of its nodes changes, so that a search
//! looks at single nodes only at its two ends and where something changed.

use std::ops::Range;

/// The score of a node that does not fit.
pub(crate) const MISFIT: i32 = -1;
/// The score of a node that changed since it was looked at, or was never looked at.
const STALE: i32 = -2;
/// How many nodes a block has, which the compiler turns into a few wide instructions each.
const BLOCK: usize = 64;

/// The scores, and what is known of their blocks.
#[derive(Debug)]
pub(crate) struct Scores {
    scores: Vec<i32>,
    blocks: Vec<Option<Summary>>,
}

/// What a search wants to know of several nodes in a row, none of which is stale.
#[derive(Clone, Copy, Debug)]
struct Summary {
    feasible: usize,
    top: i32,
    /// How many have that score.
    ties: usize,
}

impl Summary {
    fn of(scores: &[i32]) -> Self {
        let top = scores.iter().copied().max().unwrap_or(MISFIT);
        Self { feasible: count_of(scores, |s| s >= 0), top, ties: count_of(scores, |s| s == top) }
    }
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

impl Best {
    fn take(&mut self, part: Summary, length: usize) {
        if part.top > self.score {
            (self.score, self.ties) = (part.top, part.ties);
        } else if part.top == self.score && part.top >= 0 {
            self.ties += part.ties;
        }
        self.looked_at += length;
        self.feasible += part.feasible;
    }
}

fn count_of(scores: &[i32], is: impl Fn(i32) -> bool) -> usize {
    scores.iter().map(|score| usize::from(is(*score))).sum()
}

/// The places from `start` on, round the end, `count` of them at most, cut where blocks end.
fn parts(all: usize, start: usize, count: usize) -> impl Iterator<Item = Range<usize>> {
    let first = start..all.min(start + count);
    let wrapped = 0..start.min(count - first.len());
    let cut = |mut rest: Range<usize>| {
        std::iter::from_fn(move || {
            let end = rest.end.min((rest.start / BLOCK + 1) * BLOCK);
            let part = rest.start..end;
            rest.start = end;
            (!part.is_empty()).then_some(part)
        })
    };
    cut(first).chain(cut(wrapped))
}

impl Scores {
    /// So many nodes that nobody has looked at.
    pub(crate) fn of_nodes(count: usize) -> Self {
        Self { scores: vec![STALE; count], blocks: vec![None; count.div_ceil(BLOCK)] }
    }

    /// The scores by node; those below zero are of nodes that do not fit or were not looked at.
    pub(crate) fn as_slice(&self) -> &[i32] {
        &self.scores
    }

    /// A node changed.
    pub(crate) fn forget(&mut self, index: usize) {
        if let Some(score) = self.scores.get_mut(index) {
            *score = STALE;
            self.blocks[index / BLOCK] = None;
        }
    }

    /// A node's score, which is made if it is not known.
    pub(crate) fn get_or_make(&mut self, index: usize, make: impl FnOnce() -> i32) -> i32 {
        let score = &mut self.scores[index];
        if *score == STALE {
            // The block is not summed up: it had a stale node.
            *score = make();
        }
        *score
    }

    /// Whether a part is a whole block.
    fn is_whole(&self, part: &Range<usize>) -> bool {
        part.start.is_multiple_of(BLOCK) && (part.len() == BLOCK || part.end == self.scores.len())
    }

    /// Looks at nodes from `start` on, round the end, until `wanted` of them fit.
    pub(crate) fn best(&mut self, start: usize, wanted: usize, mut evaluate: impl FnMut(usize) -> i32) -> Best {
        let mut best = Best { looked_at: 0, feasible: 0, score: MISFIT, ties: 0 };
        for part in parts(self.scores.len(), start, self.scores.len()) {
            let is_whole = self.is_whole(&part);
            let known = self.blocks[part.start / BLOCK].filter(|_| is_whole);
            let scores = &mut self.scores[part.clone()];
            let summary = known.or_else(|| (!scores.contains(&STALE)).then(|| Summary::of(scores)));
            if let Some(summary) = summary.filter(|s| best.feasible + s.feasible < wanted) {
                if is_whole {
                    self.blocks[part.start / BLOCK] = Some(summary);
                }
                best.take(summary, part.len());
                continue;
            }
            // One by one, so that no node is looked at beyond the one that makes the number full.
            let (mut length, mut feasible) = (0, 0);
            for (score, index) in scores.iter_mut().zip(part.clone()) {
                if *score == STALE {
                    *score = evaluate(index);
                }
                length += 1;
                feasible += usize::from(*score >= 0);
                if best.feasible + feasible >= wanted {
                    break;
                }
            }
            let summary = Summary::of(&scores[..length]);
            if is_whole && length == part.len() {
                self.blocks[part.start / BLOCK] = Some(summary);
            }
            best.take(summary, length);
            if best.feasible >= wanted {
                break;
            }
        }
        best
    }

    /// The node that is the `pick`th with the best score, among those that were looked at.
    pub(crate) fn nth_best(&self, start: usize, best: &Best, pick: usize) -> Option<usize> {
        let mut left = pick;
        for part in parts(self.scores.len(), start, best.looked_at) {
            let known = self.blocks[part.start / BLOCK].filter(|_| self.is_whole(&part));
            let scores = &self.scores[part.clone()];
            let ties = match known {
                Some(summary) if summary.top == best.score => summary.ties,
                Some(_) => 0,
                None => count_of(scores, |s| s == best.score),
            };
            if left < ties {
                let mut tied = part.zip(scores).filter(|(_, score)| **score == best.score);
                return tied.nth(left).map(|(index, _)| index);
            }
            left -= ties;
        }
        None
    }
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

    /// Searches one after the other, with a few nodes that change between them, as pods are scheduled.
    #[test]
    fn the_search_finds_what_looking_one_by_one_finds() {
        let mut rng = Rng::from_seed(5);
        for _ in 0..60 {
            let count = 1 + rng.below(400) as usize;
            let spread = 1 + rng.below(6);
            let mut truth: Vec<i32> = (0..count).map(|_| rng.below(spread + 1) as i32 - 1).collect();
            let mut scores = Scores::of_nodes(count);
            let mut known = vec![false; count];
            for _ in 0..40 {
                let (start, wanted) = (rng.below(count as u64) as usize, 1 + rng.below(count as u64) as usize);
                let (want, ties) = plain(&truth, start, wanted);
                let mut evaluated = Vec::new();
                let got = scores.best(start, wanted, |index| {
                    evaluated.push(index);
                    truth[index]
                });
                // Only nodes that had to be looked at, and that were not known, each once.
                for index in &evaluated {
                    assert!(
                        (index + count - start) % count < want.looked_at
                            && !std::mem::replace(&mut known[*index], true)
                    );
                }
                if want.feasible == 0 {
                    assert_eq!((got.feasible, got.looked_at), (0, count));
                } else {
                    assert_eq!(got, want, "{truth:?} {start} {wanted}");
                    let picked: Vec<usize> =
                        (0..=got.ties).filter_map(|pick| scores.nth_best(start, &got, pick)).collect();
                    assert_eq!(picked, ties);
                }
                for _ in 0..rng.below(4) {
                    let index = rng.below(count as u64) as usize;
                    truth[index] = rng.below(spread + 1) as i32 - 1;
                    scores.forget(index);
                    known[index] = false;
                }
                let index = rng.below(count as u64) as usize;
                assert_eq!(scores.get_or_make(index, || truth[index]), truth[index]);
                known[index] = true;
            }
        }
    }
}
