//! Deployments.

use std::sync::Arc;

use k8s_openapi::api::apps::v1 as appsv1;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::condition::{Conditions, deployment_conditions_from_api, deployment_conditions_to_api};
use crate::label_selector::LabelSelector;
use crate::pod_template::PodTemplateSpec;
use crate::{ApiError, ObjectMeta};

/// A Deployment. Mirrors `appsv1.Deployment`, defaulted.
#[derive(Clone, Debug)]
pub struct Deployment {
    /// The metadata.
    pub meta: ObjectMeta,
    /// What the user wants, shared by the versions of an object that differ in their status.
    pub spec: Arc<DeploymentSpec>,
    /// What the controller found.
    pub status: DeploymentStatus,
}

impl PartialEq for Deployment {
    /// The status first: it is what two versions nearly always differ in.
    fn eq(&self, other: &Self) -> bool {
        let Self { meta, spec, status } = self;
        *status == other.status && *meta == other.meta && *spec == other.spec
    }
}

/// A Deployment's spec.
#[derive(Clone, Debug, PartialEq)]
pub struct DeploymentSpec {
    /// The number of pods.
    pub replicas: i32,
    /// Which ReplicaSets and pods belong to it.
    pub selector: LabelSelector,
    /// What pods are made from.
    pub template: Arc<PodTemplateSpec>,
    /// How pods are replaced.
    pub strategy: DeploymentStrategy,
    /// Seconds a pod has to be ready before it is available.
    pub min_ready_seconds: i32,
    /// How many old ReplicaSets are kept; `None` keeps all.
    pub revision_history_limit: Option<i32>,
    /// Whether rollouts are paused.
    pub paused: bool,
    /// Seconds without progress after which a rollout counts as failed.
    pub progress_deadline_seconds: Option<i32>,
}

/// How a Deployment replaces pods.
#[derive(Clone, Debug, PartialEq)]
pub enum DeploymentStrategy {
    /// Old pods go first, then new ones come.
    Recreate,
    /// Gradually, within bounds.
    RollingUpdate {
        /// How many pods may be missing, as a number or a percentage.
        max_unavailable: IntOrString,
        /// How many pods may be there beyond `replicas`, as a number or a percentage.
        max_surge: IntOrString,
    },
}

/// A Deployment's status.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeploymentStatus {
    /// The generation the controller has seen.
    pub observed_generation: i64,
    /// Pods of all revisions.
    pub replicas: i32,
    /// Pods of the current revision.
    pub updated_replicas: i32,
    /// Ready pods.
    pub ready_replicas: i32,
    /// Pods that have been ready for `minReadySeconds`.
    pub available_replicas: i32,
    /// Pods still missing.
    pub unavailable_replicas: i32,
    /// Pods on their way out; `None` while a ReplicaSet has not reported.
    pub terminating_replicas: Option<i32>,
    /// How often the new ReplicaSet's name was taken.
    pub collision_count: Option<i32>,
    /// Available, Progressing, ReplicaFailure.
    pub conditions: Conditions,
}

const DEFAULT_FENCEPOST: &str = "25%";

impl Deployment {
    /// Reads a Deployment as k8s-openapi holds it; what the API server would default is defaulted.
    ///
    /// # Errors
    /// See [`ObjectMeta::from_api`].
    pub fn from_api(d: appsv1::Deployment) -> Result<Self, ApiError> {
        let spec = d.spec.unwrap_or_default();
        Ok(Self {
            meta: ObjectMeta::from_api(d.metadata)?,
            spec: Arc::new(DeploymentSpec {
                replicas: spec.replicas.unwrap_or(1),
                selector: LabelSelector::from_api(spec.selector),
                template: Arc::new(PodTemplateSpec::from_api(spec.template)),
                strategy: DeploymentStrategy::from_api(spec.strategy),
                min_ready_seconds: spec.min_ready_seconds.unwrap_or(0),
                revision_history_limit: spec.revision_history_limit,
                paused: spec.paused.unwrap_or(false),
                progress_deadline_seconds: spec.progress_deadline_seconds,
            }),
            status: DeploymentStatus::from_api(d.status.unwrap_or_default()),
        })
    }

    /// The Deployment as k8s-openapi holds it.
    pub fn to_api(&self) -> appsv1::Deployment {
        let spec = &self.spec;
        appsv1::Deployment {
            metadata: self.meta.to_api(),
            spec: Some(appsv1::DeploymentSpec {
                min_ready_seconds: (spec.min_ready_seconds != 0).then_some(spec.min_ready_seconds),
                paused: spec.paused.then_some(true),
                progress_deadline_seconds: spec.progress_deadline_seconds,
                replicas: Some(spec.replicas),
                revision_history_limit: spec.revision_history_limit,
                selector: spec.selector.api().clone(),
                strategy: Some(spec.strategy.to_api()),
                template: spec.template.to_api(),
            }),
            status: Some(self.status.to_api()),
        }
    }
}

impl DeploymentStrategy {
    fn from_api(strategy: Option<appsv1::DeploymentStrategy>) -> Self {
        let strategy = strategy.unwrap_or_default();
        if strategy.type_.as_deref() == Some("Recreate") {
            return Self::Recreate;
        }
        let rolling = strategy.rolling_update.unwrap_or_default();
        let or_default =
            |v: Option<IntOrString>| v.unwrap_or_else(|| IntOrString::String(DEFAULT_FENCEPOST.to_owned()));
        Self::RollingUpdate {
            max_unavailable: or_default(rolling.max_unavailable),
            max_surge: or_default(rolling.max_surge),
        }
    }

    fn to_api(&self) -> appsv1::DeploymentStrategy {
        match self {
            Self::Recreate => appsv1::DeploymentStrategy { type_: Some("Recreate".to_owned()), rolling_update: None },
            Self::RollingUpdate { max_unavailable, max_surge } => appsv1::DeploymentStrategy {
                type_: Some("RollingUpdate".to_owned()),
                rolling_update: Some(appsv1::RollingUpdateDeployment {
                    max_surge: Some(max_surge.clone()),
                    max_unavailable: Some(max_unavailable.clone()),
                }),
            },
        }
    }
}

impl DeploymentStatus {
    fn from_api(s: appsv1::DeploymentStatus) -> Self {
        Self {
            observed_generation: s.observed_generation.unwrap_or(0),
            replicas: s.replicas.unwrap_or(0),
            updated_replicas: s.updated_replicas.unwrap_or(0),
            ready_replicas: s.ready_replicas.unwrap_or(0),
            available_replicas: s.available_replicas.unwrap_or(0),
            unavailable_replicas: s.unavailable_replicas.unwrap_or(0),
            terminating_replicas: s.terminating_replicas,
            collision_count: s.collision_count,
            conditions: deployment_conditions_from_api(s.conditions),
        }
    }

    fn to_api(&self) -> appsv1::DeploymentStatus {
        let count = |n: i32| (n != 0).then_some(n);
        appsv1::DeploymentStatus {
            available_replicas: count(self.available_replicas),
            collision_count: self.collision_count,
            conditions: deployment_conditions_to_api(&self.conditions),
            observed_generation: (self.observed_generation != 0).then_some(self.observed_generation),
            ready_replicas: count(self.ready_replicas),
            replicas: count(self.replicas),
            terminating_replicas: self.terminating_replicas,
            unavailable_replicas: count(self.unavailable_replicas),
            updated_replicas: count(self.updated_replicas),
        }
    }
}
