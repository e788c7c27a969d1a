//! Kubernetes' workload controllers, one folder each, with upstream's folder and function names.

mod deployment;
mod replicaset;

pub use deployment::DeploymentController;
pub use replicaset::ReplicaSetController;
