//! Defaults: what a field is when the request says nothing about it.
//!
//! Mirrors pkg/apis/*/v1/defaults.go and the filling in done by the conversions (v1.36). One
//! function a kind, called after decoding and before admission. Structs that the API server always
//! prints (`resources: {}`, `status: {}`) are filled too. Zero values (`""`, 0) count as unset where
//! upstream's field is no pointer. ConfigMap, ServiceAccount and Lease have no defaults.

mod apps;
mod autoscaling;
mod batch;
mod container;
mod core;
mod image;
mod network;
mod pod;
mod resources;
mod scheduling;
mod storage;
mod volume;

pub use apps::{set_defaults_daemon_set, set_defaults_deployment, set_defaults_replica_set, set_defaults_stateful_set};
pub use autoscaling::{set_defaults_horizontal_pod_autoscaler, set_defaults_pod_disruption_budget};
pub use batch::{set_defaults_cron_job, set_defaults_job, set_defaults_job_spec};
pub use core::{
    set_defaults_event, set_defaults_limit_range, set_defaults_namespace, set_defaults_node,
    set_defaults_replication_controller, set_defaults_resource_quota, set_defaults_secret,
};
pub use network::{set_defaults_endpoint_slice, set_defaults_endpoints, set_defaults_service};
pub use pod::{set_defaults_pod, set_defaults_pod_spec, set_defaults_pod_template};
pub use scheduling::set_defaults_priority_class;
pub use storage::{set_defaults_persistent_volume, set_defaults_persistent_volume_claim, set_defaults_storage_class};

/// Fills a text that is absent or empty.
fn default_text(field: &mut Option<String>, value: &str) {
    if field.as_deref().is_none_or(str::is_empty) {
        *field = Some(value.to_owned());
    }
}

/// Fills a number that is absent or 0, for fields where upstream cannot tell these apart.
fn default_number(field: &mut Option<i32>, value: i32) {
    if field.is_none_or(|number| number == 0) {
        *field = Some(value);
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod workload_tests;
