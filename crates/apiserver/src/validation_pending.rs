//! Validation of every kind, in upstream's order with upstream's texts.
#![allow(missing_docs)]
use k8s_openapi::api::{apps::v1::*, coordination::v1::Lease, core::v1::*, scheduling::v1::PriorityClass};
use seatrial_api::field::ErrorList;
macro_rules! none { ($($f:ident $u:ident $t:ty;)*) => { $( pub(crate) fn $f(_: &$t) -> ErrorList { vec![] } pub(crate) fn $u(_: &$t, _: &$t) -> ErrorList { vec![] } )* } }
none! { validate_config_map validate_config_map_update ConfigMap; validate_secret validate_secret_update Secret; validate_service_account validate_service_account_update ServiceAccount; validate_lease validate_lease_update Lease; validate_event validate_event_update Event; validate_priority_class validate_priority_class_update PriorityClass; validate_resource_quota validate_resource_quota_update ResourceQuota; validate_namespace validate_namespace_update Namespace; validate_node validate_node_update Node; validate_replica_set validate_replica_set_update ReplicaSet; validate_deployment validate_deployment_update Deployment; validate_pod validate_pod_update Pod; }
pub(crate) fn validate_replica_set_status_update(_: &ReplicaSet, _: &ReplicaSet) -> ErrorList {
    vec![]
}
pub(crate) fn validate_deployment_status_update(_: &Deployment, _: &Deployment) -> ErrorList {
    vec![]
}
pub(crate) fn warnings_for_replica_set(_: &ReplicaSet) -> Vec<String> {
    vec![]
}
pub(crate) fn warnings_for_deployment(_: &Deployment) -> Vec<String> {
    vec![]
}
