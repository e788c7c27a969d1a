//! Which pods are bound to which node. Stands for the informers' index `spec.nodeName`.
//!
//! Only slots are kept, so that a pod costs something when it is bound and when it goes, and nothing in between.

use rustc_hash::FxHashMap;
use seatrial_api::{Pod, Slot, Str};

/// The slots of the pods of each node, in their order.
#[derive(Debug, Default)]
pub struct PodsByNode {
    nodes: FxHashMap<Str, Vec<Slot>>,
}

impl PodsByNode {
    /// The pods that are bound to a node, whether the node is there or not.
    pub fn slots(&self, node: &str) -> &[Slot] {
        self.nodes.get(node).map_or(&[], Vec::as_slice)
    }

    /// Whether any pod is bound to a node.
    pub fn has_any(&self, node: &str) -> bool {
        self.nodes.contains_key(node)
    }

    /// Takes a change of a pod over.
    pub(crate) fn apply(&mut self, old: Option<&Pod>, new: Option<&Pod>) {
        let (old, new) = (old.filter(|p| !p.node_name.is_empty()), new.filter(|p| !p.node_name.is_empty()));
        let place = |pod: &Pod| (pod.node_name.clone(), pod.meta.slot);
        if let (Some(old), Some(new)) = (old, new)
            && old.node_name == new.node_name
            && old.meta.slot == new.meta.slot
        {
            return;
        }
        if let Some((node, slot)) = old.map(place)
            && let Some(slots) = self.nodes.get_mut(&node)
        {
            if let Ok(at) = slots.binary_search(&slot) {
                slots.remove(at);
            }
            if slots.is_empty() {
                self.nodes.remove(&node);
            }
        }
        if let Some((node, slot)) = new.map(place) {
            let slots = self.nodes.entry(node).or_default();
            if let Err(at) = slots.binary_search(&slot) {
                slots.insert(at, slot);
            }
        }
    }
}
