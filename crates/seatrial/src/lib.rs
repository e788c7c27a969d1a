//! Kubernetes' own workload controllers, nodes and probes in one process, on a virtual clock.

pub mod kubectl;
pub mod manifest;
pub mod scenario;
