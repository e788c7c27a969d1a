//! Which of many selectors may mean a set of labels, without asking each.

use std::hash::Hasher;

use rustc_hash::{FxHashMap, FxHasher};
use seatrial_api::StrMap;
use seatrial_api::selector::{Operator, Selector};

/// Numbers of selectors, by a label that each of them wants.
#[derive(Debug, Default)]
pub(crate) struct LabelBuckets {
    by_label: FxHashMap<u64, Vec<u32>>,
    /// Those that want no label in particular.
    others: Vec<u32>,
}

/// A number for a label.
pub(crate) fn pair_hash(key: &str, value: &str) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write(key.as_bytes());
    hasher.write_u8(b'=');
    hasher.write(value.as_bytes());
    hasher.finish()
}

impl LabelBuckets {
    /// A label that everything has which a selector means.
    pub(crate) fn bucket(selector: &Selector) -> Option<u64> {
        selector.requirements().iter().find_map(|r| match (r.operator, r.values.as_slice()) {
            (Operator::In, [value]) => Some(pair_hash(&r.key, value)),
            _ => None,
        })
    }

    /// Files a number under a label of the first of its selectors that wants one.
    pub(crate) fn insert<'a>(&mut self, slot: u32, selectors: impl IntoIterator<Item = &'a Selector>) {
        match selectors.into_iter().find_map(Self::bucket) {
            Some(hash) => self.by_label.entry(hash).or_default().push(slot),
            None => self.others.push(slot),
        }
    }

    /// The numbers of selectors that may mean these labels, in their order.
    pub(crate) fn candidates(&self, labels: &StrMap) -> Vec<u32> {
        if self.by_label.is_empty() && self.others.is_empty() {
            // Where no pod says anything about others, no label is hashed.
            return Vec::new();
        }
        let of = |(key, value): (&str, &str)| self.by_label.get(&pair_hash(key, value));
        let filed = labels.iter().filter_map(of).flatten();
        let mut all: Vec<u32> = filed.chain(&self.others).copied().collect();
        all.sort_unstable();
        all
    }

    pub(crate) fn clear(&mut self) {
        self.by_label.clear();
        self.others.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_selector_that_means_the_labels_is_a_candidate() {
        let mut buckets = LabelBuckets::default();
        let texts = ["app=a", "app=b", "tier in (x,y)", "app=a,tier=x", "!gone", "tier=x"];
        let selectors: Vec<Selector> = texts.iter().map(|t| Selector::parse(t).expect(t)).collect();
        for (slot, selector) in (0..).zip(&selectors) {
            buckets.insert(slot, [selector]);
        }
        for pairs in [vec![("app", "a")], vec![("app", "a"), ("tier", "x")], vec![("tier", "y")], vec![]] {
            let labels: StrMap = pairs.iter().copied().collect();
            let candidates = buckets.candidates(&labels);
            for (slot, selector) in (0..).zip(&selectors) {
                assert!(
                    !selector.matches(&labels) || candidates.contains(&slot),
                    "{pairs:?} {:?}",
                    texts[slot as usize]
                );
            }
            assert!(candidates.len() < selectors.len(), "{pairs:?}");
        }
    }
}
