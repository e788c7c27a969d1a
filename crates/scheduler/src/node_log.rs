//! Which nodes changed, in turn, for those that remember something of nodes and look from time to time.

/// How many changes are kept at least; whoever has missed more knows nothing any more.
const KEPT: usize = 1 << 13;

/// A node changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NodeChanged {
    node: u32,
    /// Whether more than the labels of its pods, or whether they go.
    is_own: bool,
}

impl NodeChanged {
    /// The node's place.
    pub(crate) fn node(self) -> usize {
        self.node as usize
    }

    /// Whether the node itself may fit another pod than before, or score otherwise.
    pub(crate) fn is_own(self) -> bool {
        self.is_own
    }
}

/// The changes.
#[derive(Debug, Default)]
pub(crate) struct NodeLog {
    /// The number of the first that is kept.
    first: u64,
    changes: Vec<NodeChanged>,
}

impl NodeLog {
    /// One more.
    pub(crate) fn push(&mut self, node: usize, is_own: bool) {
        if self.changes.len() >= 2 * KEPT {
            self.changes.drain(..KEPT);
            self.first += KEPT as u64;
        }
        self.changes.push(NodeChanged { node: u32::try_from(node).unwrap_or(u32::MAX), is_own });
    }

    /// The number that the next change will have.
    pub(crate) fn end(&self) -> u64 {
        self.first + self.changes.len() as u64
    }

    /// The changes from one on; `None` where they are not all known.
    pub(crate) fn since(&self, number: u64) -> Option<&[NodeChanged]> {
        let from = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.changes.get(from..)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_looks_in_time_sees_every_change() {
        let (mut log, mut seen) = (NodeLog::default(), 0);
        let mut told = Vec::new();
        for change in 0..5 * KEPT {
            log.push(change, change % 3 == 0);
            if change % 1000 == 999 {
                told.extend_from_slice(log.since(seen).expect("in time"));
                seen = log.end();
            }
        }
        told.extend_from_slice(log.since(seen).expect("in time"));
        assert!((0..).zip(&told).all(|(at, change)| change.node() == at && change.is_own() == (at % 3 == 0)));
        assert_eq!((told.len(), log.since(0), log.since(log.end())), (5 * KEPT, None, Some(&[][..])));
    }
}
