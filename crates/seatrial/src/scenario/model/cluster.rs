//! The cluster a scenario starts with.

use std::collections::BTreeMap;
use std::time::Duration;

use super::ProvisionerSpec;

/// `spec.cluster`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClusterSpec {
    /// The nodes, one entry a node: `count` is resolved, defaults are filled in.
    pub nodes: Vec<NodeSpec>,
    /// Which controllers run.
    pub controllers: Controllers,
    /// StorageClasses that exist from the start.
    pub storage_classes: Vec<StorageClassSpec>,
    /// How long it takes to make a load balancer; `None` where there are none.
    pub load_balancers: Option<Duration>,
}

/// `spec.cluster.controllers`: what acts besides the API server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Controllers {
    /// All controllers, the scheduler and the kubelets.
    #[default]
    All,
    /// Nothing: the API server alone.
    None,
}

/// One node of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeSpec {
    /// The name of the Node.
    pub name: String,
    /// `status.capacity`, resource to quantity as written.
    pub capacity: BTreeMap<String, String>,
    /// Labels besides those every kubelet sets.
    pub labels: BTreeMap<String, String>,
    /// `spec.taints`.
    pub taints: Vec<Taint>,
}

impl NodeSpec {
    /// A node with the default capacity: 8 cpu, 32Gi, 110 pods.
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), capacity: Self::default_capacity(), labels: BTreeMap::new(), taints: Vec::new() }
    }

    /// 8 cpu, 32Gi of memory, 110 pods.
    pub fn default_capacity() -> BTreeMap<String, String> {
        [("cpu", "8"), ("memory", "32Gi"), ("pods", "110")]
            .map(|(resource, quantity)| (resource.to_owned(), quantity.to_owned()))
            .into()
    }
}

/// A taint of a node, as in `spec.taints`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taint {
    /// The key.
    pub key: String,
    /// The value; empty if not given.
    pub value: String,
    /// `NoSchedule`, `PreferNoSchedule` or `NoExecute`.
    pub effect: String,
}

/// `spec.cluster.storageClasses[]`, a shorthand for a StorageClass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageClassSpec {
    /// The name.
    pub name: String,
    /// The provisioner; `sim.seatrial.dev/disk` if not given.
    pub provisioner: String,
    /// Whether it is the default class.
    pub is_default: bool,
    /// What happens to a released volume.
    pub reclaim_policy: ReclaimPolicy,
    /// When a claim gets its volume.
    pub binding_mode: BindingMode,
    /// Whether claims may grow.
    pub allow_volume_expansion: bool,
    /// How its storage behaves, where that is written with the class.
    pub storage: Option<ProvisionerSpec>,
}

/// `reclaimPolicy` of a StorageClass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReclaimPolicy {
    /// The volume is deleted with its claim.
    #[default]
    Delete,
    /// The volume stays, Released.
    Retain,
}

/// `volumeBindingMode` of a StorageClass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BindingMode {
    /// As soon as the claim exists.
    #[default]
    Immediate,
    /// When a pod that uses the claim is scheduled.
    WaitForFirstConsumer,
}
