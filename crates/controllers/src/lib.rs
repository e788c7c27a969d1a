//! Kubernetes' workload controllers, one folder each, with upstream's folder and function names.

mod deployment;
#[cfg(test)]
mod fixture;
mod garbagecollector;
mod namespace;
mod replicaset;
mod resourcequota;

pub use deployment::DeploymentController;
pub use garbagecollector::GarbageCollector;
pub use namespace::NamespaceController;
pub use replicaset::ReplicaSetController;
pub use resourcequota::ResourceQuotaController;
