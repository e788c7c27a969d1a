//! The HorizontalPodAutoscaler controller: as many replicas as the metrics of their pods ask for.
//!
//! Mirrors pkg/controller/podautoscaler (v1.36).

mod controller;
mod metrics;
mod normalize;
mod reconcile;
mod replica_calculator;
mod status;
#[cfg(test)]
mod tests;

pub use controller::HorizontalController;
