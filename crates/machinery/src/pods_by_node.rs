//! Which pods are bound to which node. Stands for the informers' index `spec.nodeName`.
//!
//! Only slots are kept, so that a pod costs something when it is bound and when it goes, and nothing in between.

use rustc_hash::FxHashMap;
use seatrial_api::{Node, Pod, Slot, Str};

use crate::lister::Replaced;

/// The slots of the pods of each node, in their order, and which nodes are there.
#[derive(Debug, Default)]
pub struct PodsByNode {
    nodes: FxHashMap<Str, Bound>,
}

/// A node that is there, or has pods.
#[derive(Debug, Default)]
struct Bound {
    slots: Vec<Slot>,
    is_there: bool,
}

impl PodsByNode {
    /// The pods that are bound to a node, whether the node is there or not.
    pub fn slots(&self, node: &str) -> &[Slot] {
        self.nodes.get(node).map_or(&[], |bound| &bound.slots)
    }

    /// Whether any pod is bound to a node.
    pub fn has_any(&self, node: &str) -> bool {
        !self.slots(node).is_empty()
    }

    /// Whether a node is there. Who has just heard of a pod that was bound to it need not look far.
    pub fn has_node(&self, node: &str) -> bool {
        self.nodes.get(node).is_some_and(|bound| bound.is_there)
    }

    /// A node came, changed or went.
    pub(crate) fn node_changed(&mut self, Replaced { old, new }: Replaced<'_, Node>) {
        match (old, new) {
            (None, Some(node)) => self.nodes.entry(node.meta.name.clone()).or_default().is_there = true,
            (Some(node), None) => {
                if let Some(bound) = self.nodes.get_mut(&node.meta.name) {
                    bound.is_there = false;
                }
                self.forget_if_empty(&node.meta.name);
            }
            _ => {}
        }
    }

    fn forget_if_empty(&mut self, node: &Str) {
        if self.nodes.get(node).is_some_and(|bound| bound.slots.is_empty() && !bound.is_there) {
            self.nodes.remove(node);
        }
    }

    /// Takes a change of a pod over.
    pub(crate) fn apply(&mut self, old: Option<&Pod>, new: Option<&Pod>) {
        let (old, new) = (old.filter(|p| !p.node_name.is_empty()), new.filter(|p| !p.node_name.is_empty()));
        if let (Some(old), Some(new)) = (old, new)
            && old.node_name == new.node_name
            && old.meta.slot == new.meta.slot
        {
            return;
        }
        if let Some(old) = old
            && let Some(Bound { slots, .. }) = self.nodes.get_mut(&old.node_name)
        {
            if let Ok(at) = slots.binary_search(&old.meta.slot) {
                slots.remove(at);
            }
            if slots.is_empty() {
                self.forget_if_empty(&old.node_name);
            }
        }
        if let Some(new) = new {
            let bound = match self.nodes.get_mut(&new.node_name) {
                Some(bound) => bound,
                None => self.nodes.entry(new.node_name.clone()).or_default(),
            };
            let slot = new.meta.slot;
            if bound.slots.last().is_none_or(|last| *last < slot) {
                bound.slots.push(slot);
            } else if let Err(at) = bound.slots.binary_search(&slot) {
                bound.slots.insert(at, slot);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use seatrial_api::{ObjectMeta, PodSpec};

    use super::*;

    #[test]
    fn nodes_are_known_while_they_are_there_or_have_pods() {
        let node =
            Arc::new(Node { meta: ObjectMeta { name: "n".into(), ..ObjectMeta::default() }, body: Default::default() });
        let pod = Pod {
            meta: ObjectMeta { slot: Slot::at(3), ..ObjectMeta::default() },
            spec: Arc::new(PodSpec::new(Default::default())),
            node_name: "n".into(),
            pinned_to: None,
            status: Default::default(),
        };
        let mut index = PodsByNode::default();
        let known = |index: &PodsByNode| (index.has_node("n"), index.has_any("n"), index.nodes.len());
        index.node_changed(Replaced { old: None, new: Some(&node) });
        assert_eq!(known(&index), (true, false, 1));
        index.apply(None, Some(&pod));
        index.node_changed(Replaced { old: Some(&node), new: None });
        assert_eq!((known(&index), index.slots("n")), ((false, true, 1), &[Slot::at(3)][..]));
        index.apply(Some(&pod), None);
        assert_eq!(known(&index), (false, false, 0));
    }
}
