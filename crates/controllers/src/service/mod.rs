//! The service controller of a cloud provider: load balancers, where the cluster has any.
//!
//! Mirrors k8s.io/cloud-provider/controllers/service (v1.36).
//! Differs: the provider is simulated. A load balancer is ready after a fixed time and gone at once.

mod controller;
mod provider;
#[cfg(test)]
mod tests;
mod update;

pub use controller::ServiceLbController;
