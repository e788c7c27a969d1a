//! The default scheduler: queue, filters, scores.
//!
//! Mirrors pkg/scheduler (v1.36).

mod node_info;
mod plugins;
mod queue;
mod scheduler;
mod score_cache;

pub use scheduler::{Scheduled, Scheduler};
