//! Numbers of pods by topology domain, which follow the pods.

use std::sync::Arc;

use seatrial_api::Str;

/// The domain of a node without the topology's label.
pub(crate) const NO_DOMAIN: u32 = u32::MAX;

/// The nodes of one topology key, each with the number of its domain.
#[derive(Debug)]
pub(crate) struct Topology {
    pub(crate) key: Str,
    pub(crate) domain_of: Arc<Vec<u32>>,
    pub(crate) domain_count: usize,
    /// Whether every node has the label.
    pub(crate) is_everywhere: bool,
    /// Whether every node is a domain of its own.
    pub(crate) is_one_each: bool,
}

/// A number for every domain of a topology.
#[derive(Clone, Debug)]
pub(crate) struct ByDomain {
    pub(crate) domain_of: Arc<Vec<u32>>,
    pub(crate) counts: Vec<i32>,
}

impl ByDomain {
    /// The number of a node's domain; `None` for a node that is in none.
    pub(crate) fn get(&self, node: usize) -> Option<i64> {
        let domain = self.domain_of.get(node).copied().unwrap_or(NO_DOMAIN);
        self.counts.get(domain as usize).map(|count| i64::from(*count))
    }
}

/// What some groups come to in a topology.
#[derive(Debug)]
pub(crate) struct Sum {
    /// Of which nodes this is true.
    pub(crate) epoch: u64,
    pub(crate) topology: usize,
    pub(crate) counts: Vec<i32>,
    /// How many there are in any domain.
    pub(crate) total: i64,
    /// The fewest in any domain, and in how many domains there are as few, once it was asked.
    least: Option<(i32, usize)>,
}

impl Sum {
    /// Nothing yet, in a topology of so many domains.
    pub(crate) fn nothing(epoch: u64, topology: usize, domain_count: usize) -> Self {
        Self { epoch, topology, counts: vec![0; domain_count], total: 0, least: None }
    }

    pub(crate) fn add(&mut self, topology: &Topology, node: usize, by: i32) {
        let domain = topology.domain_of.get(node).copied().unwrap_or(NO_DOMAIN);
        if let Some(count) = self.counts.get_mut(domain as usize) {
            let old = std::mem::replace(count, *count + by);
            self.total += i64::from(by);
            self.least = self.least.and_then(|least| follow(least, old, old + by));
        }
    }

    /// The fewest in any domain.
    pub(crate) fn least(&mut self) -> i32 {
        let counts = &self.counts;
        let find = || {
            let least = counts.iter().min().copied().unwrap_or(i32::MAX);
            (least, counts.iter().filter(|count| **count == least).count())
        };
        self.least.get_or_insert_with(find).0
    }
}

/// The least of some numbers and how many are as small, after one of them changed; `None` where it has to be looked for.
fn follow((least, holders): (i32, usize), old: i32, new: i32) -> Option<(i32, usize)> {
    if new < least {
        return Some((new, 1));
    }
    let holders = holders - usize::from(old == least) + usize::from(new == least);
    (holders > 0).then_some((least, holders))
}

#[cfg(test)]
mod tests {
    use seatrial_machinery::Rng;

    use super::*;

    #[test]
    fn the_fewest_are_known_whatever_comes_and_goes() {
        let mut rng = Rng::from_seed(2);
        let domain_of =
            Arc::new((0..12).map(|node| if node == 11 { NO_DOMAIN } else { node / 2 }).collect::<Vec<u32>>());
        let topology =
            Topology { key: Str::default(), domain_of, domain_count: 6, is_everywhere: false, is_one_each: false };
        let mut sum = Sum::nothing(0, 0, topology.domain_count);
        for _ in 0..2000 {
            let node = usize::try_from(rng.below(12)).expect("it is small");
            sum.add(&topology, node, if rng.below(2) == 0 { 1 } else { -1 });
            if rng.below(3) > 0 {
                assert_eq!(Some(sum.least()), sum.counts.iter().min().copied());
            }
        }
        assert_eq!(Sum::nothing(0, 0, 0).least(), i32::MAX);
    }
}
