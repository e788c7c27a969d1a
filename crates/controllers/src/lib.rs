//! Kubernetes' workload controllers, one folder each, with upstream's folder and function names.

mod deployment;
#[cfg(test)]
mod fixture;
mod garbagecollector;
mod namespace;
mod pvcprotection;
mod pvprotection;
mod replicaset;
mod replication;
mod resourcequota;

pub use deployment::DeploymentController;
pub use garbagecollector::GarbageCollector;
pub use namespace::NamespaceController;
pub use pvcprotection::PvcProtectionController;
pub use pvprotection::PvProtectionController;
pub use replicaset::{PodOwner, ReplicaSetController};
pub use replication::ReplicationManager;
pub use resourcequota::ResourceQuotaController;
