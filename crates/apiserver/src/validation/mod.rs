//! Validation: what the API server refuses, in its order and words.
//!
//! Mirrors pkg/apis/core/validation, pkg/apis/apps/validation and
//! apimachinery/pkg/api/validation (v1.36). One public function a kind and verb; it expects the
//! defaults to be filled in. Inside, each rule pushes onto one list, so that a new rule is one line
//! where upstream has it.

mod annotations;
mod apps;
mod autoscaling;
mod config;
mod container;
mod controller_revision;
mod cron_job;
mod daemon_set;
mod endpoints;
mod env;
mod event;
mod ip;
mod job;
mod job_policy;
mod job_status;
mod lease;
mod limit_range;
mod meta;
mod node;
mod path_warnings;
mod persistent_volume;
mod persistent_volume_claim;
mod pod;
mod pod_disruption_budget;
mod pod_os;
mod pod_part;
mod pod_spec;
mod pod_status;
mod pod_template;
mod pod_warnings;
mod priority_class;
mod probe;
mod quota;
mod resource_claim;
mod resources;
mod scale;
mod scheduling;
mod security;
mod selector;
mod service;
mod stateful_set;
mod storage_class;
mod volume;
mod volume_mount;
mod warnings;
mod workload_warnings;

use std::borrow::Cow;

use seatrial_api::field::{BadValue, Error, ErrorList, Path};
use seatrial_api::names::Messages;

pub(crate) use apps::deployment_conversion_error;
pub use apps::{
    validate_deployment, validate_deployment_status_update, validate_deployment_update, validate_replica_set,
    validate_replica_set_status_update, validate_replica_set_update,
};
pub use autoscaling::{
    validate_horizontal_pod_autoscaler, validate_horizontal_pod_autoscaler_status_update,
    validate_horizontal_pod_autoscaler_update,
};
pub use config::{
    validate_config_map, validate_config_map_update, validate_namespace, validate_namespace_update, validate_secret,
    validate_secret_update,
};
pub use controller_revision::{validate_controller_revision, validate_controller_revision_update};
pub use cron_job::{validate_cron_job, validate_cron_job_update};
pub(crate) use daemon_set::{TEMPLATE_GENERATION, daemon_set_conversion_error};
pub use daemon_set::{validate_daemon_set, validate_daemon_set_status_update, validate_daemon_set_update};
pub use endpoints::{
    ENDPOINTS_DEPRECATED, validate_endpoint_slice, validate_endpoint_slice_update, validate_endpoints,
    validate_endpoints_update, warnings_for_endpoint_slice,
};
pub use event::{
    validate_event_create, validate_event_create_strict, validate_event_update, validate_event_update_strict,
};
pub(crate) use ip::parse_ip_sloppy;
pub(crate) use job::{CONTROLLER_UID_LABELS, JOB_NAME_LABELS};
pub use job::{validate_job, validate_job_update};
pub use job_status::validate_job_status_update;
pub use lease::{validate_lease, validate_lease_update};
pub use limit_range::{validate_limit_range, validate_limit_range_update};
pub use meta::{Scope, validate_object_meta, validate_object_meta_update};
pub use node::{validate_node, validate_node_update};
pub use persistent_volume::{
    validate_persistent_volume, validate_persistent_volume_status_update, validate_persistent_volume_update,
    warnings_for_persistent_volume,
};
pub(crate) use persistent_volume_claim::BETA_STORAGE_CLASS_ANNOTATION;
pub use persistent_volume_claim::{
    validate_persistent_volume_claim, validate_persistent_volume_claim_status_update,
    validate_persistent_volume_claim_update,
};
pub(crate) use pod::validate_pod_label_keys;
pub use pod::{validate_pod_create, validate_pod_update};
pub use pod_disruption_budget::{
    validate_pod_disruption_budget, validate_pod_disruption_budget_status_update, validate_pod_disruption_budget_update,
};
pub use pod_part::{debugged_spec, resized_spec, validate_pod_ephemeral_containers_update, validate_pod_resize};
pub use pod_status::validate_pod_status_update;
pub use pod_template::{
    validate_pod_template, validate_pod_template_spec, validate_pod_template_update, validate_replication_controller,
    validate_replication_controller_status_update, validate_replication_controller_update,
};
pub use priority_class::{validate_priority_class, validate_priority_class_update};
pub use quota::{validate_resource_quota, validate_resource_quota_status_update, validate_resource_quota_update};
pub(crate) use resources::is_extended_resource_name;
pub use scale::validate_scale;
pub use selector::{keep_empty_selector, validate_label_selector};
pub(crate) use service::{CLUSTER_IP_NONE, validate_service_cluster_ips_related_fields};
pub use service::{validate_service, validate_service_status_update, validate_service_update, warnings_for_service};
pub use stateful_set::{validate_stateful_set, validate_stateful_set_status_update, validate_stateful_set_update};
pub use storage_class::{validate_storage_class, validate_storage_class_update};
pub use warnings::{warnings_for_deployment, warnings_for_pod, warnings_for_replica_set, warnings_for_secret};
pub use workload_warnings::{
    warnings_for_changed_deployment, warnings_for_changed_replica_set, warnings_for_cron_job, warnings_for_daemon_set,
    warnings_for_job, warnings_for_pod_template, warnings_for_replication_controller, warnings_for_stateful_set,
};

/// The text for a negative number.
pub(crate) const IS_NEGATIVE_ERROR_MSG: &str = "must be greater than or equal to 0";
/// The text for a change of what may not change.
pub(crate) const FIELD_IMMUTABLE_ERROR_MSG: &str = "field is immutable";
/// The text for a number that has to be above 0.
pub(crate) const IS_NOT_POSITIVE_ERROR_MSG: &str = "must be greater than zero";
/// The text for a fraction where a count is wanted.
pub(crate) const IS_NOT_INTEGER_ERROR_MSG: &str = "must be an integer";

/// The text of an optional field, empty if absent.
fn text(field: &Option<String>) -> &str {
    field.as_deref().unwrap_or_default()
}

/// The items of an optional list, none if absent.
fn items<T>(list: &Option<Vec<T>>) -> &[T] {
    list.as_deref().unwrap_or_default()
}

/// One invalid-value error a message.
fn invalid_each(errs: &mut ErrorList, path: &Path<'_>, value: &str, messages: Messages) {
    errs.extend(messages.into_iter().map(|message| Error::invalid(path, value, message)));
}

/// The same for a number.
fn invalid_number_each(errs: &mut ErrorList, path: &Path<'_>, value: i64, messages: Messages) {
    errs.extend(messages.into_iter().map(|message| Error::invalid(path, value, message)));
}

/// Several messages as one text.
fn joined(messages: &Messages) -> String {
    messages.iter().map(Cow::as_ref).collect::<Vec<_>>().join(";")
}

/// Mirrors `ValidateNonnegativeField`.
fn validate_nonnegative_field(errs: &mut ErrorList, value: i64, path: &Path<'_>) {
    if value < 0 {
        errs.push(Error::invalid(path, value, IS_NEGATIVE_ERROR_MSG));
    }
}

/// Mirrors `ValidateImmutableField`.
fn validate_immutable_field<T: PartialEq>(
    errs: &mut ErrorList,
    new: &T,
    old: &T,
    path: &Path<'_>,
    bad_value: impl FnOnce(&T) -> BadValue,
) {
    if new != old {
        errs.push(Error::invalid(path, bad_value(new), FIELD_IMMUTABLE_ERROR_MSG));
    }
}

/// Pushes an error unless the value is one of those supported, which are listed as given.
fn validate_supported(errs: &mut ErrorList, value: &str, supported: &[&str], path: &Path<'_>) {
    if !supported.contains(&value) {
        errs.push(Error::not_supported(path, value, supported));
    }
}

/// The same, where an empty text has its own error.
fn validate_required_supported(errs: &mut ErrorList, value: &str, supported: &[&str], path: &Path<'_>) {
    if value.is_empty() {
        errs.push(Error::required(path, ""));
    } else {
        validate_supported(errs, value, supported, path);
    }
}

/// Compares as upstream's semantic equality does: an absent list or map equals an empty one.
fn semantically_equal<T: serde::Serialize>(left: &T, right: &T) -> bool {
    let value = |object: &T| serde_json::to_value(object).map(pruned).ok();
    value(left) == value(right)
}

/// Leaves out what is null or empty.
fn pruned(value: serde_json::Value) -> serde_json::Value {
    use serde_json::Value;
    match value {
        Value::Object(map) => Value::Object(
            map.into_iter().map(|(key, value)| (key, pruned(value))).filter(|(_, value)| !is_empty(value)).collect(),
        ),
        Value::Array(list) => Value::Array(list.into_iter().map(pruned).collect()),
        scalar => scalar,
    }
}

fn is_empty(value: &serde_json::Value) -> bool {
    match value {
        serde_json::Value::Null => true,
        serde_json::Value::Object(map) => map.is_empty(),
        serde_json::Value::Array(list) => list.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod batch_tests;
#[cfg(test)]
mod test_rows;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod workload_tests;
