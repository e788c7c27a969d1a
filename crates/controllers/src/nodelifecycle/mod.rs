//! The node lifecycle controller: finds out that a node has died, says so, and taints it.
//!
//! Mirrors pkg/controller/nodelifecycle (v1.36).
//! Differs: nothing is polled. A pass over the nodes is made at the same moments as upstream's (a grid of 5 s), but only
//! when something may come of it: a node changed, or one may have been silent for the grace period.

mod controller;
mod health;
mod monitor;
mod pods;
mod rate_limited_queue;
mod taints;
#[cfg(test)]
mod tests;
mod zone;

pub use controller::NodeLifecycleController;
