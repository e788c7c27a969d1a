//! ReplicationControllers: ReplicaSets of old, which select by equal labels only.
//!
//! Upstream's controller converts them to ReplicaSets and back (pkg/controller/replication/conversion.go, v1.36); here they
//! are held as what comes out of that.

use std::sync::Arc;

use k8s_openapi::api::core::v1 as corev1;
use k8s_openapi::apimachinery::pkg::apis::meta::v1 as metav1;

use crate::condition::{replication_controller_conditions_from_api, replication_controller_conditions_to_api};
use crate::label_selector::LabelSelector;
use crate::objects::replica_set::{ReplicaSetSpec, ReplicaSetStatus};
use crate::pod_template::PodTemplateSpec;
use crate::{ApiError, ObjectMeta};

/// A ReplicationController. Mirrors `corev1.ReplicationController`, defaulted.
#[derive(Clone, Debug)]
pub struct ReplicationController {
    /// The metadata.
    pub meta: ObjectMeta,
    /// What is wanted; the selector has labels only.
    pub spec: ReplicaSetSpec,
    /// What the controller found; `terminating_replicas` is always `None`.
    pub status: ReplicaSetStatus,
}

impl PartialEq for ReplicationController {
    /// The status first: it is what two versions nearly always differ in.
    fn eq(&self, other: &Self) -> bool {
        let Self { meta, spec, status } = self;
        *status == other.status && *meta == other.meta && *spec == other.spec
    }
}

impl ReplicationController {
    /// Reads a ReplicationController as k8s-openapi holds it; what the API server would default is defaulted.
    ///
    /// # Errors
    /// See [`ObjectMeta::from_api`].
    pub fn from_api(rc: corev1::ReplicationController) -> Result<Self, ApiError> {
        let spec = rc.spec.unwrap_or_default();
        let status = rc.status.unwrap_or_default();
        let selector = metav1::LabelSelector { match_labels: spec.selector, match_expressions: None };
        Ok(Self {
            meta: ObjectMeta::from_api(rc.metadata)?,
            spec: ReplicaSetSpec {
                replicas: spec.replicas.unwrap_or(1),
                min_ready_seconds: spec.min_ready_seconds.unwrap_or(0),
                selector: LabelSelector::from_api(selector),
                template: Arc::new(PodTemplateSpec::from_api(spec.template.unwrap_or_default())),
            },
            status: ReplicaSetStatus {
                replicas: status.replicas,
                fully_labeled_replicas: status.fully_labeled_replicas.unwrap_or(0),
                ready_replicas: status.ready_replicas.unwrap_or(0),
                available_replicas: status.available_replicas.unwrap_or(0),
                terminating_replicas: None,
                observed_generation: status.observed_generation.unwrap_or(0),
                conditions: replication_controller_conditions_from_api(status.conditions),
            },
        })
    }

    /// The ReplicationController as k8s-openapi holds it.
    pub fn to_api(&self) -> corev1::ReplicationController {
        let (spec, status) = (&self.spec, &self.status);
        let count = |n: i32| (n != 0).then_some(n);
        corev1::ReplicationController {
            metadata: self.meta.to_api(),
            spec: Some(corev1::ReplicationControllerSpec {
                min_ready_seconds: count(spec.min_ready_seconds),
                replicas: Some(spec.replicas),
                selector: spec.selector.api().match_labels.clone(),
                template: Some(spec.template.to_api()),
            }),
            status: Some(corev1::ReplicationControllerStatus {
                available_replicas: count(status.available_replicas),
                conditions: replication_controller_conditions_to_api(&status.conditions),
                fully_labeled_replicas: count(status.fully_labeled_replicas),
                observed_generation: (status.observed_generation != 0).then_some(status.observed_generation),
                ready_replicas: count(status.ready_replicas),
                replicas: status.replicas,
            }),
        }
    }
}
