//! The search finds what looking at every node by itself finds.

use seatrial_machinery::Rng;

use super::*;
use crate::pod_index::NO_DOMAIN;

/// The score of a node among those that fit, in so many words.
fn plain(counts: &[i32], zones: &[u32], zone_counts: &[i32], fitting: &[usize]) -> Vec<i64> {
    let mut values: Vec<u32> = fitting.iter().map(|n| zones[*n]).collect();
    values.sort_unstable();
    values.dedup();
    let (hosts, areas) = (((fitting.len() + 2) as f64).ln(), ((values.len() + 2) as f64).ln());
    let sum = |node: &usize| {
        let mut sum = f64::from(counts[*node]) * hosts + 2.0;
        if let Some(count) = zone_counts.get(zones[*node] as usize) {
            sum += f64::from(*count) * areas + 4.0;
        }
        sum.round() as i64
    };
    let sums: Vec<i64> = fitting.iter().map(sum).collect();
    let (min, max) = (sums.iter().min().copied().unwrap_or(0), sums.iter().max().copied().unwrap_or(0));
    sums.into_iter().map(|sum| 100 * (max + min - sum) / max).collect()
}

#[test]
fn the_search_finds_what_looking_one_by_one_finds() {
    let mut rng = Rng::from_seed(11);
    for round in 0..400 {
        let count = 2 + rng.below(150) as usize;
        let zone_count = rng.below(4) as usize;
        let scores: Vec<i32> = (0..count).map(|_| rng.below(4) as i32 * 3 - 1).collect();
        let counts: Vec<i32> = (0..count).map(|_| rng.below(5) as i32).collect();
        let zone = |rng: &mut Rng| u32::try_from(rng.below(zone_count as u64 + 1)).unwrap_or(0);
        let zones: Vec<u32> =
            (0..count).map(|_| zone(&mut rng)).map(|z| if z as usize == zone_count { NO_DOMAIN } else { z }).collect();
        let zone_counts: Vec<i32> = (0..zone_count).map(|_| rng.below(30) as i32).collect();
        let (start, looked_at) = (rng.below(count as u64) as usize, 1 + rng.below(count as u64) as usize);
        let fitting: Vec<usize> = (0..looked_at).map(|o| (start + o) % count).filter(|n| scores[*n] >= 0).collect();
        if fitting.is_empty() {
            continue;
        }
        let by = |domain_of: Vec<u32>, counts: &[i32]| ByDomain {
            domain_of: Arc::new(domain_of),
            counts: Arc::new(counts.to_vec()),
        };
        let hostnames = by((0..count as u32).collect(), &counts);
        let view = SpreadView::new(hostnames, round % 2 == 0, by(zones.clone(), &zone_counts));
        let window = Window { start, looked_at, feasible: fitting.len() };
        let plain = plain(&counts, &zones, &zone_counts, &fitting);
        let totals: Vec<i64> = fitting.iter().zip(plain).map(|(n, s)| i64::from(scores[*n]) + 2 * s).collect();
        let best = totals.iter().max().copied().unwrap_or(0);
        let want: Vec<usize> = fitting.iter().zip(&totals).filter(|(_, t)| **t == best).map(|(n, _)| *n).collect();
        let mut ties = 0;
        let mut got = vec![view.choose(&scores, window, |n| {
            ties = n;
            0
        })];
        got.extend((1..ties).map(|nth| view.choose(&scores, window, |_| nth)));
        assert_eq!(got.into_iter().flatten().collect::<Vec<_>>(), want, "round {round}");
    }
}

#[test]
fn the_system_spreads_over_hostnames_and_zones() {
    // Two zones of two nodes, all of which score 10 by themselves: (pods on the nodes, the one that is taken).
    let rows = [
        // Zone 0 has two pods, zone 1 none.
        ([1, 1, 0, 0], vec![2, 3]),
        // As many in both zones: the empty nodes.
        ([2, 0, 0, 2], vec![1, 2]),
        // The zone weighs less than the node: three there against none here, and one in the other zone.
        ([3, 0, 1, 0], vec![3]),
    ];
    for (counts, want) in rows {
        let by = |domain_of: Vec<u32>, counts: Vec<i32>| ByDomain {
            domain_of: Arc::new(domain_of),
            counts: Arc::new(counts),
        };
        let zones = by(vec![0, 0, 1, 1], vec![counts[0] + counts[1], counts[2] + counts[3]]);
        let view = SpreadView::new(by(vec![0, 1, 2, 3], counts.to_vec()), true, zones);
        let window = Window { start: 0, looked_at: 4, feasible: 4 };
        let got: Vec<usize> = (0..want.len()).filter_map(|nth| view.choose(&[10; 4], window, |_| nth)).collect();
        assert_eq!(got, want, "{counts:?}");
    }
}
