//! Which labels of its node a pod gets with it.
//!
//! Mirrors plugin/pkg/admission/podtopologylabels (v1.36).

use seatrial_api::{Node, Str, StrMap};

use super::AdmissionState;
use crate::store::Store;

/// The labels of nodes that pods get, in the order of their keys.
const TOPOLOGY_LABELS: [&str; 2] = ["topology.kubernetes.io/region", "topology.kubernetes.io/zone"];
/// How many lists of labels are looked at for one to share.
const RECENT_MAX: usize = 16;

/// What a node says of its place: the values of [`TOPOLOGY_LABELS`].
type Place = [Option<Str>; TOPOLOGY_LABELS.len()];

/// Labels before, the place, and the labels after: pods of one template and place share theirs.
#[derive(Debug, Default)]
pub(super) struct Placed(Vec<(StrMap, Place, StrMap)>);

impl AdmissionState {
    /// The labels of a pod on a node, over those of its own; nothing where they are the ones it has.
    #[inline]
    pub(crate) fn admit_topology_labels(&mut self, labels: &StrMap, node: &str, store: &Store) -> Option<StrMap> {
        let node = &store.get_as::<Node>("", node)?.meta.labels;
        let place = TOPOLOGY_LABELS.map(|key| node.get(key));
        if place == [None; TOPOLOGY_LABELS.len()] {
            return None;
        }
        Some(self.placed.labels(labels, place))
    }
}

impl Placed {
    #[cold]
    fn labels(&mut self, labels: &StrMap, place: [Option<&str>; TOPOLOGY_LABELS.len()]) -> StrMap {
        let is_same = |known: &Place| known.iter().zip(place).all(|(known, value)| known.as_deref() == value);
        if let Some((_, _, after)) = self.0.iter().find(|(before, of, _)| before.ptr_eq(labels) && is_same(of)) {
            return after.clone();
        }
        let mut after = labels.clone();
        for (key, value) in TOPOLOGY_LABELS.into_iter().zip(place) {
            if let Some(value) = value {
                after.insert(key, value);
            }
        }
        if self.0.len() >= RECENT_MAX {
            self.0.remove(0);
        }
        self.0.push((labels.clone(), place.map(|value| value.map(Str::from)), after.clone()));
        after
    }
}
