//! DaemonSets.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::{self as appsv1, DaemonSetSpec, DaemonSetStatus};

use crate::{ApiError, ObjectMeta};

/// A DaemonSet: its status is written with nearly every pod, its spec hardly ever, so that copies share the spec.
#[derive(Clone, Debug)]
pub struct DaemonSet {
    /// The metadata.
    pub meta: ObjectMeta,
    /// What is wanted.
    pub spec: Arc<DaemonSetSpec>,
    /// What the controller found.
    pub status: DaemonSetStatus,
}

impl PartialEq for DaemonSet {
    fn eq(&self, other: &Self) -> bool {
        self.meta == other.meta
            && self.status == other.status
            && (Arc::ptr_eq(&self.spec, &other.spec) || self.spec == other.spec)
    }
}

impl DaemonSet {
    /// Reads a DaemonSet as k8s-openapi holds it.
    ///
    /// # Errors
    /// See [`ObjectMeta::from_api`].
    pub fn from_api(set: appsv1::DaemonSet) -> Result<Self, ApiError> {
        Ok(Self {
            meta: ObjectMeta::from_api(set.metadata)?,
            spec: Arc::new(set.spec.unwrap_or_default()),
            status: set.status.unwrap_or_default(),
        })
    }

    /// The DaemonSet as k8s-openapi holds it.
    pub fn to_api(&self) -> appsv1::DaemonSet {
        appsv1::DaemonSet {
            metadata: self.meta.to_api(),
            spec: Some(DaemonSetSpec::clone(&self.spec)),
            status: Some(self.status.clone()),
        }
    }
}
