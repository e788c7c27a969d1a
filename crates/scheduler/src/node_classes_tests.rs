//! The search finds what looking at every node by itself finds.

use seatrial_machinery::Rng;

use super::*;

/// What a node is, and what is thought of it now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Truth {
    /// Below zero does not fit by itself.
    own: i32,
    value: i32,
}

impl Truth {
    fn draw(rng: &mut Rng, kinds: u64) -> Self {
        Self { own: rng.below(kinds + 1) as i32 - 1, value: rng.below(kinds) as i32 }
    }

    fn reading(self) -> Reading {
        if self.own < 0 {
            return Reading::Misfit;
        }
        Reading::Fits(Traits { own: self.own, values: [self.value; AXES_MAX] })
    }

    fn total(self, weight: i32) -> i64 {
        i64::from(self.own + weight * self.value)
    }
}

/// How many are looked at, and which fit, in so many words.
fn plain(truth: &[Truth], (start, wanted): (usize, usize), forbidden: i32) -> (usize, Vec<usize>) {
    let (mut looked_at, mut feasible) = (0, Vec::new());
    for offset in 0..truth.len() {
        let node = (start + offset) % truth.len();
        looked_at += 1;
        if truth[node].own >= 0 && truth[node].value != forbidden {
            feasible.push(node);
        }
        if feasible.len() >= wanted {
            break;
        }
    }
    (looked_at, feasible)
}

/// Searches one after the other, with a few nodes that change between them, as pods are scheduled.
#[test]
fn the_search_finds_what_looking_one_by_one_finds() {
    let mut rng = Rng::from_seed(5);
    let mut tally = Tally::default();
    for _ in 0..80 {
        let count = 1 + rng.below(400) as usize;
        let kinds = 1 + rng.below(12);
        let mut truth: Vec<Truth> = (0..count).map(|_| Truth::draw(&mut rng, kinds)).collect();
        let mut classes = NodeClasses::of_nodes(count);
        let mut is_known = vec![false; count];
        for _ in 0..60 {
            let (start, wanted) = (rng.below(count as u64) as usize, 1 + rng.below(count as u64) as usize);
            let (forbidden, weight) = (rng.below(kinds) as i32, rng.below(3) as i32);
            let (looked_at, feasible) = plain(&truth, (start, wanted), forbidden);
            let mut read = Vec::new();
            let reading = |node: usize| {
                read.push(node);
                truth[node].reading()
            };
            classes
                .search((start, wanted), &mut tally, reading, |traits| traits.values[0] != forbidden)
                .expect("there are not so many classes");
            // Only nodes that had to be looked at, and that were not known, each once.
            for node in read {
                assert!((node + count - start) % count < looked_at && !std::mem::replace(&mut is_known[node], true));
            }
            assert_eq!((tally.looked_at, tally.feasible), (looked_at, feasible.len()), "{truth:?} {start} {wanted}");
            let total = |traits: &Traits| i64::from(traits.own + weight * traits.values[0]);
            let found = classes.found(&tally);
            let totals: Vec<i64> = (0..found.len()).map(|at| total(found.traits(at))).collect();
            let ties = tally.mark_top(&totals);
            let best = feasible.iter().map(|node| truth[*node].total(weight)).max();
            let want: Vec<usize> =
                feasible.iter().copied().filter(|node| Some(truth[*node].total(weight)) == best).collect();
            let got: Vec<usize> = (0..=ties).filter_map(|nth| classes.nth_top(start, &tally, nth)).collect();
            assert_eq!((ties, got), (want.len(), want));
            for _ in 0..rng.below(6) {
                let node = rng.below(count as u64) as usize;
                truth[node] = Truth::draw(&mut rng, kinds);
                classes.forget(node);
                is_known[node] = false;
            }
            if rng.below(20) == 0 {
                classes.forget_all();
                is_known.fill(false);
            }
        }
    }
}

/// Classes come and go with the scores, and their numbers are used again.
#[test]
fn numbers_of_classes_without_nodes_are_used_again() {
    let (mut classes, mut tally) = (NodeClasses::of_nodes(40), Tally::default());
    for round in 0..1000 {
        let reading = |node: usize| Reading::Fits(Traits { own: round + (node % 2) as i32, ..Traits::default() });
        classes.search((0, 40), &mut tally, reading, |_| true).expect("there are few classes");
        assert_eq!(tally.feasible, 40);
        for node in 0..40 {
            classes.forget(node);
        }
    }
    assert!(classes.classes.len() <= SWEPT_MIN, "{}", classes.classes.len());
}

#[test]
fn a_score_that_depends_on_others_ends_the_search() {
    let (mut classes, mut tally) = (NodeClasses::of_nodes(40), Tally::default());
    assert!(classes.search((3, 40), &mut tally, |_| Reading::Relative, |_| true).is_none());
}
