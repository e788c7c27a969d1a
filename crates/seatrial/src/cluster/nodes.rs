//! Nodes that join and change.

use std::collections::BTreeMap;
use std::time::Duration;

use seatrial_api::ApiError;
use seatrial_controllers::ProvisionerBehavior;
use seatrial_kubelet::Behavior;
use seatrial_machinery::Client;

use super::Cluster;
use super::actors::Stimulus;
use super::builder::Node;

/// What can go wrong with a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeFault {
    /// The machine is off: its containers end with 255, and start anew when it is on again.
    Down,
    /// The machine has no contact: its containers go on, and are reported when it has.
    Partition,
    /// The kubelet starts anew: its containers go on.
    Restart,
}

impl Cluster {
    /// Something goes wrong with a node; for so long, or until [`Self::recover_node`].
    pub fn break_node(&mut self, name: &str, fault: NodeFault, lasts: Option<Duration>) {
        self.kubelets.fail_node(name);
        if fault == NodeFault::Down {
            self.kubelets.power_off(name);
        }
        if let Some(lasts) = lasts {
            let number = self.kubelets.failure_number(name);
            let due = self.clock.now() + lasts;
            self.queue.push_background(due, Stimulus::NodeRecovers(name.to_owned(), number));
        }
    }

    /// A fault of a node is over, unless it was over before and something else went wrong since.
    pub(super) fn node_recovers(&mut self, name: &str, number: u32) {
        if self.kubelets.failure_number(name) == number {
            self.recover_node(name);
        }
    }

    /// A node joins.
    ///
    /// # Errors
    /// 409 where there is one of that name; 422 for a name or quantity that is none.
    pub fn add_node(&mut self, node: &Node) -> Result<(), ApiError> {
        self.as_user(|cluster| {
            let mut client = Client::new(&mut cluster.server, &mut cluster.recorder, cluster.clock, "kubelet");
            cluster.kubelets.register_node(&mut client, node.config())
        })
    }

    /// Puts behaviors in front of the others: they hold for containers that start from now on.
    pub fn behave(&mut self, behaviors: Vec<Behavior>) {
        self.kubelets.behave(behaviors);
    }

    /// Puts behaviors of storage in front of the others; what waits is tried anew.
    pub fn change_provisioners(&mut self, behaviors: Vec<ProvisionerBehavior>) {
        self.as_user(|cluster| {
            if let Some(controllers) = &mut cluster.controllers {
                controllers.volume_provisioner.behave(behaviors);
            }
        });
    }

    /// The kubelet of a node and its heartbeats stop.
    pub fn fail_node(&mut self, name: &str) {
        self.kubelets.fail_node(name);
    }

    /// The kubelet of a node goes on.
    pub fn recover_node(&mut self, name: &str) {
        let now = self.clock.now();
        self.as_user(|cluster| {
            let pods = cluster.informers.pods_on(name);
            let mut client = Client::new(&mut cluster.server, &mut cluster.recorder, cluster.clock, "kubelet");
            // A node that was removed meanwhile has nobody to be told of.
            let _ = cluster.kubelets.post_node_status(&mut client, name, &pods);
            cluster.kubelets.recover_node(now, name, &pods);
        });
    }

    /// Sets or clears `spec.unschedulable` of a node.
    ///
    /// # Errors
    /// 404.
    pub fn cordon(&mut self, name: &str, unschedulable: bool) -> Result<(), ApiError> {
        self.change_node(name, |node| {
            node.body.spec.get_or_insert_default().unschedulable = unschedulable.then_some(true);
        })
    }

    /// Sets the taints of a node, given as (key, value, effect).
    ///
    /// # Errors
    /// 404.
    pub fn taint(&mut self, name: &str, taints: &[(String, String, String)]) -> Result<(), ApiError> {
        let taints = taints.iter().map(|(key, value, effect)| k8s_openapi::api::core::v1::Taint {
            key: key.clone(),
            value: (!value.is_empty()).then(|| value.clone()),
            effect: effect.clone(),
            time_added: None,
        });
        let taints: Vec<_> = taints.collect();
        self.change_node(name, |node| {
            node.body.spec.get_or_insert_default().taints = (!taints.is_empty()).then_some(taints);
        })
    }

    /// Sets labels of a node; `None` removes one.
    ///
    /// # Errors
    /// 404.
    pub fn label_node(&mut self, name: &str, labels: &BTreeMap<String, Option<String>>) -> Result<(), ApiError> {
        self.change_node(name, |node| {
            for (key, value) in labels {
                match value {
                    Some(value) => node.meta.labels.insert(key, value),
                    None => drop(node.meta.labels.remove(key)),
                }
            }
        })
    }

    fn change_node(&mut self, name: &str, change: impl FnOnce(&mut seatrial_api::Node)) -> Result<(), ApiError> {
        self.as_user(|cluster| {
            let mut node = seatrial_api::Node::clone(cluster.server.get::<seatrial_api::Node>("", name)?);
            change(&mut node);
            let request = cluster.user_request();
            cluster.server.update(&request, node).map(drop)
        })
    }
}
