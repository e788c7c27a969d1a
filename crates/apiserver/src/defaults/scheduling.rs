//! Defaults of the group `scheduling.k8s.io`.
//!
//! Mirrors pkg/apis/scheduling/v1/defaults.go (v1.36).

use k8s_openapi::api::scheduling::v1::PriorityClass;

/// Mirrors `SetDefaults_PriorityClass`.
pub fn set_defaults_priority_class(class: &mut PriorityClass) {
    class.preemption_policy.get_or_insert_with(|| "PreemptLowerPriority".to_owned());
}
