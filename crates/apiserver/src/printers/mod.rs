//! Table columns and cells of every kind, as the server prints them.
//!
//! Mirrors pkg/printers/internalversion (v1.36). The server computes all columns; leaving the wide ones out is the client's.

mod autoscaling;
mod batch;
mod core;
mod human_duration;
mod network;
mod pod;
mod policy;
mod storage;
mod workloads;

use seatrial_api::{Kind, Object, Time};
use serde_json::{Value, json};

pub use human_duration::human_duration;
pub use storage::access_modes;

/// A column of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// The name, as in `Up-to-date`.
    pub name: &'static str,
    /// 0 for columns that are always shown, 1 for those of `-o wide`.
    pub priority: u8,
    /// `string`, `integer`, `boolean` or `date`.
    pub type_: &'static str,
}

/// An object's cells, one a column: strings, integers and booleans.
pub type Cells = Vec<Value>;

const fn column(name: &'static str) -> Column {
    Column { name, priority: 0, type_: "string" }
}

const fn wide(name: &'static str) -> Column {
    Column { name, priority: 1, type_: "string" }
}

/// A column of whole numbers.
const fn integer(name: &'static str) -> Column {
    Column { name, priority: 0, type_: "integer" }
}

/// The columns of a kind.
pub fn columns(kind: Kind) -> &'static [Column] {
    match kind {
        Kind::Pod => pod::COLUMNS,
        Kind::Deployment => workloads::DEPLOYMENT_COLUMNS,
        Kind::ReplicaSet => workloads::REPLICA_SET_COLUMNS,
        Kind::Node => core::NODE_COLUMNS,
        Kind::Namespace => core::NAMESPACE_COLUMNS,
        Kind::ConfigMap => core::CONFIG_MAP_COLUMNS,
        Kind::Secret => core::SECRET_COLUMNS,
        Kind::ServiceAccount => core::SERVICE_ACCOUNT_COLUMNS,
        Kind::Event => core::EVENT_COLUMNS,
        Kind::Lease => core::LEASE_COLUMNS,
        Kind::ResourceQuota => core::RESOURCE_QUOTA_COLUMNS,
        Kind::PriorityClass => core::PRIORITY_CLASS_COLUMNS,
        Kind::StatefulSet => workloads::STATEFUL_SET_COLUMNS,
        Kind::DaemonSet => workloads::DAEMON_SET_COLUMNS,
        Kind::ReplicationController => workloads::REPLICATION_CONTROLLER_COLUMNS,
        Kind::ControllerRevision => workloads::CONTROLLER_REVISION_COLUMNS,
        Kind::PodTemplate => workloads::POD_TEMPLATE_COLUMNS,
        Kind::Job => batch::JOB_COLUMNS,
        Kind::CronJob => batch::CRON_JOB_COLUMNS,
        Kind::Service => network::SERVICE_COLUMNS,
        Kind::Endpoints => network::ENDPOINTS_COLUMNS,
        Kind::EndpointSlice => network::ENDPOINT_SLICE_COLUMNS,
        Kind::StorageClass => storage::STORAGE_CLASS_COLUMNS,
        Kind::PersistentVolume => storage::PERSISTENT_VOLUME_COLUMNS,
        Kind::PersistentVolumeClaim => storage::PERSISTENT_VOLUME_CLAIM_COLUMNS,
        Kind::HorizontalPodAutoscaler => autoscaling::HORIZONTAL_POD_AUTOSCALER_COLUMNS,
        Kind::PodDisruptionBudget => policy::POD_DISRUPTION_BUDGET_COLUMNS,
        Kind::LimitRange => policy::LIMIT_RANGE_COLUMNS,
    }
}

/// An object's cells at a time.
pub fn cells(object: &Object, now: Time) -> Cells {
    match object {
        Object::Pod(o) => pod::cells(o, now),
        Object::Deployment(o) => workloads::deployment_cells(o, now),
        Object::ReplicaSet(o) => workloads::replica_set_cells(o, now),
        Object::Node(o) => core::node_cells(o, now),
        Object::Namespace(o) => core::namespace_cells(o, now),
        Object::ConfigMap(o) => core::config_map_cells(o, now),
        Object::Secret(o) => core::secret_cells(o, now),
        Object::ServiceAccount(o) => core::service_account_cells(o, now),
        Object::Event(o) => core::event_cells(o, now),
        Object::Lease(o) => core::lease_cells(o, now),
        Object::ResourceQuota(o) => core::resource_quota_cells(o, now),
        Object::PriorityClass(o) => core::priority_class_cells(o, now),
        Object::StatefulSet(o) => workloads::stateful_set_cells(o, now),
        Object::DaemonSet(o) => workloads::daemon_set_cells(o, now),
        Object::ReplicationController(o) => workloads::replication_controller_cells(o, now),
        Object::ControllerRevision(o) => workloads::controller_revision_cells(o, now),
        Object::PodTemplate(o) => workloads::pod_template_cells(o, now),
        Object::Job(o) => batch::job_cells(o, now),
        Object::CronJob(o) => batch::cron_job_cells(o, now),
        Object::Service(o) => network::service_cells(o, now),
        Object::Endpoints(o) => network::endpoints_cells(o, now),
        Object::EndpointSlice(o) => network::endpoint_slice_cells(o, now),
        Object::StorageClass(o) => storage::storage_class_cells(o, now),
        Object::PersistentVolume(o) => storage::persistent_volume_cells(o, now),
        Object::PersistentVolumeClaim(o) => storage::persistent_volume_claim_cells(o, now),
        Object::HorizontalPodAutoscaler(o) => autoscaling::horizontal_pod_autoscaler_cells(o, now),
        Object::PodDisruptionBudget(o) => policy::pod_disruption_budget_cells(o, now),
        Object::LimitRange(o) => policy::limit_range_cells(o),
    }
}

/// What a row says of its object beside the cells: that a pod is over. Mirrors the conditions of `printPod`.
pub fn row_condition(object: &Object) -> Option<Value> {
    let Object::Pod(pod) = object else { return None };
    let (reason, message) = match pod.status.phase {
        seatrial_api::PodPhase::Succeeded => ("Succeeded", "The pod has completed successfully."),
        seatrial_api::PodPhase::Failed => ("Failed", "The pod failed."),
        _ => return None,
    };
    Some(json!({"type": "Completed", "status": "True", "reason": reason, "message": message}))
}

/// An object's age as tables print it. Mirrors `translateTimestampSince`.
pub fn age(created: Option<Time>, now: Time) -> String {
    created.map_or_else(|| "<unknown>".to_owned(), |t| human_duration(now.unix() - t.unix()))
}

/// Names and images of the regular containers, joined by commas.
fn container_cells(spec: &k8s_openapi::api::core::v1::PodSpec) -> (String, String) {
    let names: Vec<&str> = spec.containers.iter().map(|c| c.name.as_str()).collect();
    let images: Vec<&str> = spec.containers.iter().filter_map(|c| c.image.as_deref()).collect();
    (names.join(","), images.join(","))
}

fn or_none(text: String) -> String {
    if text.is_empty() { "<none>".to_owned() } else { text }
}

#[cfg(test)]
mod workload_tests;
