//! The default scheduler: queue, filters, scores.
//!
//! Mirrors pkg/scheduler (v1.36).

mod cache;
mod node_info;
mod plugins;
mod pod_index;
mod preemption;
mod queue;
mod relations;
mod scheduler;
mod score_cache;
mod terms;

pub use scheduler::{Scheduled, Scheduler};
