//! ReplicaSets.

use std::sync::Arc;

use k8s_openapi::api::apps::v1 as appsv1;

use crate::condition::{Conditions, replica_set_conditions_from_api, replica_set_conditions_to_api};
use crate::label_selector::LabelSelector;
use crate::pod_template::PodTemplateSpec;
use crate::{ApiError, ObjectMeta};

/// A ReplicaSet. Mirrors `appsv1.ReplicaSet`, defaulted.
#[derive(Clone, Debug)]
pub struct ReplicaSet {
    /// The metadata.
    pub meta: ObjectMeta,
    /// What is wanted.
    pub spec: ReplicaSetSpec,
    /// What the controller found.
    pub status: ReplicaSetStatus,
}

impl PartialEq for ReplicaSet {
    /// The status first: it is what two versions nearly always differ in.
    fn eq(&self, other: &Self) -> bool {
        let Self { meta, spec, status } = self;
        *status == other.status && *meta == other.meta && *spec == other.spec
    }
}

/// A ReplicaSet's spec.
#[derive(Clone, Debug, PartialEq)]
pub struct ReplicaSetSpec {
    /// The number of pods.
    pub replicas: i32,
    /// Seconds a pod has to be ready before it is available.
    pub min_ready_seconds: i32,
    /// Which pods belong to it.
    pub selector: LabelSelector,
    /// What pods are made from.
    pub template: Arc<PodTemplateSpec>,
}

/// A ReplicaSet's status.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReplicaSetStatus {
    /// Active pods.
    pub replicas: i32,
    /// Active pods that carry all of the template's labels.
    pub fully_labeled_replicas: i32,
    /// Ready pods.
    pub ready_replicas: i32,
    /// Pods that have been ready for `minReadySeconds`.
    pub available_replicas: i32,
    /// Pods on their way out; `None` before the first sync.
    pub terminating_replicas: Option<i32>,
    /// The generation the controller has seen.
    pub observed_generation: i64,
    /// ReplicaFailure.
    pub conditions: Conditions,
}

impl ReplicaSet {
    /// Reads a ReplicaSet as k8s-openapi holds it; what the API server would default is defaulted.
    ///
    /// # Errors
    /// See [`ObjectMeta::from_api`].
    pub fn from_api(rs: appsv1::ReplicaSet) -> Result<Self, ApiError> {
        let spec = rs.spec.unwrap_or_default();
        let status = rs.status.unwrap_or_default();
        Ok(Self {
            meta: ObjectMeta::from_api(rs.metadata)?,
            spec: ReplicaSetSpec {
                replicas: spec.replicas.unwrap_or(1),
                min_ready_seconds: spec.min_ready_seconds.unwrap_or(0),
                selector: LabelSelector::from_api(spec.selector),
                template: Arc::new(PodTemplateSpec::from_api(spec.template.unwrap_or_default())),
            },
            status: ReplicaSetStatus {
                replicas: status.replicas,
                fully_labeled_replicas: status.fully_labeled_replicas.unwrap_or(0),
                ready_replicas: status.ready_replicas.unwrap_or(0),
                available_replicas: status.available_replicas.unwrap_or(0),
                terminating_replicas: status.terminating_replicas,
                observed_generation: status.observed_generation.unwrap_or(0),
                conditions: replica_set_conditions_from_api(status.conditions),
            },
        })
    }

    /// The ReplicaSet as k8s-openapi holds it.
    pub fn to_api(&self) -> appsv1::ReplicaSet {
        let (spec, status) = (&self.spec, &self.status);
        let count = |n: i32| (n != 0).then_some(n);
        appsv1::ReplicaSet {
            metadata: self.meta.to_api(),
            spec: Some(appsv1::ReplicaSetSpec {
                min_ready_seconds: count(spec.min_ready_seconds),
                replicas: Some(spec.replicas),
                selector: spec.selector.api().clone(),
                template: Some(spec.template.to_api()),
            }),
            status: Some(appsv1::ReplicaSetStatus {
                available_replicas: count(status.available_replicas),
                conditions: replica_set_conditions_to_api(&status.conditions),
                fully_labeled_replicas: count(status.fully_labeled_replicas),
                observed_generation: (status.observed_generation != 0).then_some(status.observed_generation),
                ready_replicas: count(status.ready_replicas),
                replicas: status.replicas,
                terminating_replicas: status.terminating_replicas,
            }),
        }
    }
}
