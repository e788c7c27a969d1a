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
        let (old, new) = (old.filter(|p| !p.node_name.is_empty()), new.filter(|p| !p.node_name.is_empty()));
        if old.map(|p| &p.node_name) == new.map(|p| &p.node_name) {
            return;
        }
        if let Some(old) = old
            && let Some(names) = self.nodes.get_mut(&old.node_name)
        {
            names.remove(&old.namespaced_name());
            if names.is_empty() {
                self.nodes.remove(&old.node_name);
            }
        }
        if let Some(new) = new {
            self.nodes.entry(new.node_name.clone()).or_default().insert(new.namespaced_name());
        }
    }
}
