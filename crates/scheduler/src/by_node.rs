//! Numbers of pods by the numbers of nodes.

use std::collections::BTreeMap;

/// So many times as many nodes there may be as are counted on, for a table of all of them.
const TABLE_SHARE: usize = 8;
/// On how many nodes is counted at least where there is a table.
const TABLE_MIN: usize = 16;

/// How many there are on each node. Few nodes are kept in a tree, so that a thousand groups of pods on some nodes of a
/// large cluster take no room for the others; where many are counted on, a table says it without a search.
#[derive(Debug)]
pub(crate) enum ByNode {
    /// Those that are not zero.
    Tree(BTreeMap<u32, i32>),
    /// By the node's number; and how many are not zero.
    Table(Vec<i32>, usize),
}

impl Default for ByNode {
    fn default() -> Self {
        Self::Tree(BTreeMap::new())
    }
}

impl ByNode {
    /// Whether nothing is counted.
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Tree(counts) => counts.is_empty(),
            Self::Table(_, full) => *full == 0,
        }
    }

    /// So many more on a node.
    pub(crate) fn adjust(&mut self, node: u32, by: i32) {
        match self {
            Self::Tree(counts) => {
                let count = counts.entry(node).or_default();
                *count += by;
                if *count == 0 {
                    counts.remove(&node);
                }
                let nodes = counts.last_key_value().map_or(0, |(last, _)| *last as usize + 1);
                if counts.len() >= TABLE_MIN && counts.len() * TABLE_SHARE >= nodes {
                    let mut table = vec![0; nodes];
                    counts.iter().for_each(|(node, count)| table[*node as usize] = *count);
                    *self = Self::Table(table, counts.len());
                }
            }
            Self::Table(counts, full) => {
                let at = node as usize;
                if at >= counts.len() {
                    counts.resize(at + 1, 0);
                }
                let before = counts[at];
                counts[at] += by;
                *full = *full + usize::from(before == 0) - usize::from(before + by == 0);
                if *full == 0 {
                    *self = Self::default();
                }
            }
        }
    }

    /// Tells every node on which something is counted, with how many there are.
    pub(crate) fn for_each(&self, mut tell: impl FnMut(u32, i32)) {
        match self {
            Self::Tree(counts) => counts.iter().for_each(|(node, count)| tell(*node, *count)),
            Self::Table(counts, _) => {
                (0..).zip(counts).filter(|(_, count)| **count != 0).for_each(|(node, count)| tell(node, *count));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use seatrial_machinery::Rng;

    use super::*;

    #[test]
    fn counts_are_those_of_a_map_whatever_form_they_have() {
        let (mut rng, mut by_node, mut map) = (Rng::from_seed(7), ByNode::default(), BTreeMap::new());
        let mut tables = 0;
        for step in 0..30_000u64 {
            // More come than go, and then more go than come; on a few nodes of many, or on most of them.
            let grows = rng.below(5) < if step / 3_000 % 2 == 0 { 3 } else { 2 };
            let node = rng.below(if step < 15_000 { 4_000 } else { 40 }) as u32;
            let by = if grows { 1 } else { -1 };
            by_node.adjust(node, by);
            *map.entry(node).or_insert(0) += by;
            map.retain(|_, count| *count != 0);
            tables += u64::from(matches!(by_node, ByNode::Table(..)));
            assert_eq!(by_node.is_empty(), map.is_empty());
            if step % 100 == 0 {
                let mut told = BTreeMap::new();
                by_node.for_each(|node, count| assert_eq!(told.insert(node, count), None));
                assert_eq!(told, map, "{step}");
            }
        }
        let nodes: Vec<u32> = map.keys().copied().collect();
        for node in nodes {
            by_node.adjust(node, -map[&node]);
        }
        assert!(by_node.is_empty() && matches!(by_node, ByNode::Tree(_)));
        assert!(tables > 1_000 && tables < 29_900, "{tables}");
    }
}
