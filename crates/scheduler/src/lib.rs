//! The default scheduler: queue, filters, scores.
//!
//! Mirrors pkg/scheduler (v1.36).

mod by_node;
mod cache;
mod diagnosis;
mod hints;
mod identity;
mod image_locality;
mod known_pods;
mod label_buckets;
mod lens;
mod lineup;
mod node_classes;
mod node_info;
mod node_log;
mod plugin;
mod plugins;
mod pod_index;
mod pod_table;
mod preemption;
mod queue;
mod relations;
mod schedule_one;
mod scheduler;
mod sums;
mod templates;
mod terms;
#[cfg(test)]
mod test_objects;
mod volume_binding;
mod volume_scheduling;
mod volume_waiting;

pub use queue::Timer;
pub use scheduler::Scheduler;
