//! The taint eviction controller: deletes pods from nodes with NoExecute taints that they do not tolerate, or no longer.
//!
//! Mirrors pkg/controller/tainteviction (v1.36).

mod controller;
#[cfg(test)]
mod tests;
mod timed_workers;
mod tolerations;

pub use controller::TaintEvictionController;
