//! Defaults of the group `apps`.
//!
//! Mirrors pkg/apis/apps/v1/defaults.go (v1.36).

use k8s_openapi::api::apps::v1::{
    DaemonSet, Deployment, ReplicaSet, StatefulSet, StatefulSetPersistentVolumeClaimRetentionPolicy,
    StatefulSetUpdateStrategy,
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::storage::set_defaults_persistent_volume_claim;
use super::{default_text, set_defaults_pod_template};

/// Revisions a workload keeps.
const REVISION_HISTORY_LIMIT: i32 = 10;
/// Seconds without progress after which a Deployment has failed.
const PROGRESS_DEADLINE_SECONDS: i32 = 600;

/// Mirrors `SetObjectDefaults_Deployment`.
pub fn set_defaults_deployment(deployment: &mut Deployment) {
    let spec = deployment.spec.get_or_insert_default();
    spec.replicas.get_or_insert(1);
    let strategy = spec.strategy.get_or_insert_default();
    default_text(&mut strategy.type_, "RollingUpdate");
    if strategy.type_.as_deref() == Some("RollingUpdate") {
        let quarter = || IntOrString::String("25%".to_owned());
        let rolling_update = strategy.rolling_update.get_or_insert_default();
        rolling_update.max_unavailable.get_or_insert_with(quarter);
        rolling_update.max_surge.get_or_insert_with(quarter);
    }
    spec.revision_history_limit.get_or_insert(REVISION_HISTORY_LIMIT);
    spec.progress_deadline_seconds.get_or_insert(PROGRESS_DEADLINE_SECONDS);
    set_defaults_pod_template(&mut spec.template);
    deployment.status.get_or_insert_default();
}

/// Mirrors `SetObjectDefaults_ReplicaSet`.
pub fn set_defaults_replica_set(replica_set: &mut ReplicaSet) {
    let spec = replica_set.spec.get_or_insert_default();
    spec.replicas.get_or_insert(1);
    set_defaults_pod_template(spec.template.get_or_insert_default());
    replica_set.status.get_or_insert_default();
}

/// Mirrors `SetObjectDefaults_StatefulSet`.
pub fn set_defaults_stateful_set(set: &mut StatefulSet) {
    let spec = set.spec.get_or_insert_default();
    default_text(&mut spec.pod_management_policy, "OrderedReady");
    if let Some(ordinals) = &mut spec.ordinals {
        // Go's encoder leaves no zero out there.
        ordinals.start.get_or_insert(0);
    }
    set_defaults_stateful_set_update_strategy(spec.update_strategy.get_or_insert_default());
    let policy = spec.persistent_volume_claim_retention_policy.get_or_insert_default();
    set_defaults_retention_policy(policy);
    spec.replicas.get_or_insert(1);
    spec.revision_history_limit.get_or_insert(REVISION_HISTORY_LIMIT);
    spec.service_name.get_or_insert_default();
    spec.volume_claim_templates.iter_mut().flatten().for_each(set_defaults_persistent_volume_claim);
    set_defaults_pod_template(&mut spec.template);
    set.status.get_or_insert_default();
}

/// Only a strategy without a type gets a `rollingUpdate` of its own.
fn set_defaults_stateful_set_update_strategy(strategy: &mut StatefulSetUpdateStrategy) {
    if strategy.type_.as_deref().is_none_or(str::is_empty) {
        strategy.type_ = Some("RollingUpdate".to_owned());
        strategy.rolling_update.get_or_insert_default();
    }
    if strategy.type_.as_deref() == Some("RollingUpdate")
        && let Some(rolling_update) = &mut strategy.rolling_update
    {
        rolling_update.partition.get_or_insert(0);
    }
}

fn set_defaults_retention_policy(policy: &mut StatefulSetPersistentVolumeClaimRetentionPolicy) {
    default_text(&mut policy.when_deleted, "Retain");
    default_text(&mut policy.when_scaled, "Retain");
}

/// Mirrors `SetObjectDefaults_DaemonSet`.
pub fn set_defaults_daemon_set(set: &mut DaemonSet) {
    let spec = set.spec.get_or_insert_default();
    let strategy = spec.update_strategy.get_or_insert_default();
    default_text(&mut strategy.type_, "RollingUpdate");
    if strategy.type_.as_deref() == Some("RollingUpdate") {
        let rolling_update = strategy.rolling_update.get_or_insert_default();
        rolling_update.max_unavailable.get_or_insert(IntOrString::Int(1));
        rolling_update.max_surge.get_or_insert(IntOrString::Int(0));
    }
    spec.revision_history_limit.get_or_insert(REVISION_HISTORY_LIMIT);
    set_defaults_pod_template(&mut spec.template);
    set.status.get_or_insert_default();
}
