//! The Job controller: pods that run to their end.
//!
//! Mirrors pkg/controller/job (v1.36).
//! Differs: upstream walks over all pods of a Job in every sync. Here the handlers of deliveries keep what a sync asks
//! for (`pods.rs`), so that its cost is that of what changed.

mod backoff;
mod conditions;
mod controller;
mod events;
mod finish;
mod indexed;
mod indexes;
mod manage;
mod orphans;
mod pod_failure_policy;
mod pods;
mod success_policy;
mod sync;
#[cfg(test)]
mod test_pods;
#[cfg(test)]
mod tests;
mod tracking;
mod utils;

pub use controller::JobController;
