//! Defaults of the group `apps`.
//!
//! Mirrors pkg/apis/apps/v1/defaults.go (v1.36).

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::{default_text, set_defaults_pod_template};

/// Revisions a Deployment keeps.
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
