//! Which pods are bound to which node. Stands for the informers' index `spec.nodeName`.
//!
//! Only names are kept, so that a pod costs something when it is bound and when it goes, and nothing in between.

use rustc_hash::{FxHashMap, FxHashSet};
use seatrial_api::{NamespacedName, Pod, Resource, Str};

/// The names of the pods of each node.
#[derive(Debug, Default)]
pub struct PodsByNode {
    nodes: FxHashMap<Str, FxHashSet<NamespacedName>>,
}

impl PodsByNode {
    /// The pods that are bound to a node, whether the node is there or not, by namespace and name.
    pub fn names(&self, node: &str) -> Vec<NamespacedName> {
        let mut names: Vec<NamespacedName> = self.nodes.get(node).into_iter().flatten().cloned().collect();
        names.sort();
        names
    }

    /// Whether any pod is bound to a node.
    pub fn has_any(&self, node: &str) -> bool {
        self.nodes.contains_key(node)
    }

    /// Takes a change of a pod over.
    pub(crate) fn apply(&mut self, old: Option<&Pod>, new: Option<&Pod>) {
        let node = |pod: Option<&Pod>| pod.map(|p| p.node_name.clone()).filter(|name| !name.is_empty());
        let (old_node, new_node) = (node(old), node(new));
        if old_node == new_node {
            return;
        }
        if let (Some(node), Some(pod)) = (old_node, old)
            && let Some(names) = self.nodes.get_mut(&node)
        {
            names.remove(&pod.namespaced_name());
            if names.is_empty() {
                self.nodes.remove(&node);
            }
        }
        if let (Some(node), Some(pod)) = (new_node, new) {
            self.nodes.entry(node).or_default().insert(pod.namespaced_name());
        }
    }
}
