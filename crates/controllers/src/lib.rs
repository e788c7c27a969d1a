//! Kubernetes' workload controllers, one folder each, with upstream's folder and function names.

mod cronjob;
mod daemon;
mod deployment;
mod disruption;
#[cfg(test)]
mod fixture;
mod garbagecollector;
mod job;
mod namespace;
mod nodelifecycle;
mod persistentvolume;
mod podgc;
mod provisioner;
mod pvcprotection;
mod pvprotection;
mod replicaset;
mod replication;
mod resourcequota;
mod statefulset;
mod tainteviction;
mod ttlafterfinished;
mod volumeexpand;

pub use cronjob::CronJobController;
pub use daemon::DaemonSetsController;
pub use deployment::DeploymentController;
pub use disruption::DisruptionController;
pub use garbagecollector::GarbageCollector;
pub use job::JobController;
pub use namespace::NamespaceController;
pub use nodelifecycle::NodeLifecycleController;
pub use persistentvolume::PersistentVolumeController;
pub use podgc::PodGcController;
pub use provisioner::{Operation, ProvisionerBehavior, ProvisionerMatch, VolumeProvisioner};
pub use pvcprotection::PvcProtectionController;
pub use pvprotection::PvProtectionController;
pub use replicaset::{PodOwner, ReplicaSetController};
pub use replication::ReplicationManager;
pub use resourcequota::ResourceQuotaController;
pub use statefulset::StatefulSetController;
pub use tainteviction::TaintEvictionController;
pub use ttlafterfinished::TtlAfterFinishedController;
pub use volumeexpand::VolumeExpandController;
