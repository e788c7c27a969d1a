//! The storage behind StorageClasses: makes volumes for claims, grows them and deletes them.
//!
//! Stands for the sidecars of a CSI driver: kubernetes-csi/external-provisioner with
//! sig-storage-lib-external-provisioner, and kubernetes-csi/external-resizer.

mod behavior;
mod controller;
mod delete;
mod pattern;
mod provision;
mod resize;
#[cfg(test)]
mod tests;

pub use behavior::{Operation, ProvisionerBehavior, ProvisionerMatch};
pub use controller::VolumeProvisioner;
