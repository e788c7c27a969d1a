//! Kubernetes' own workload controllers, nodes and probes in one process, on a virtual clock.
//!
//! Start with [`Cluster`]: build one, apply manifests, let virtual time pass, and read objects back as the
//! `k8s_openapi` types you know. Everything the scenario file can do, the library can.

pub mod bench;
pub mod cluster;
mod exec;
pub mod kubectl;
pub mod manifest;
pub mod runner;
pub mod scenario;

pub use cluster::{Builder, Cluster, DrainOptions, Drained, Error, Node, NodeFault};
pub use exec::{ExecError, ExecOutput};
pub use seatrial_api as api;
pub use seatrial_apiserver::Propagation;
pub use seatrial_apiserver::patch::PatchType;
pub use seatrial_apiserver::rest;
pub use seatrial_controllers::{Operation, ProvisionerBehavior, ProvisionerMatch};
pub use seatrial_engine::GoDuration;
pub use seatrial_kubelet::{Behavior, behavior as kubelet};
