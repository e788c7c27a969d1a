//! The disruption controller: tells of every PodDisruptionBudget how many of its pods may be evicted.
//!
//! Mirrors pkg/controller/disruption (v1.36).
//! Differs: a budget's pods are counted as they come, change and go, and not anew in every sync.

mod controller;
mod counts;
mod expected;
mod stale;
mod status;
#[cfg(test)]
mod tests;

pub use controller::DisruptionController;
pub(crate) use controller::go_text;
