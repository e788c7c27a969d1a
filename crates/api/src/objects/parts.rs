//! Kinds that are written often and seldom changed: spec and status are k8s-openapi values, each behind a shared pointer,
//! so that a write of one copies nothing of the other.

use k8s_openapi::api::apps::v1 as appsv1;
use k8s_openapi::api::batch::v1 as batchv1;

use crate::objects::plain::Plain;
use crate::objects::shared::Shared;
use crate::{ApiError, ObjectMeta};

/// What an object says beside its metadata.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parts<S, T> {
    /// What the user wants.
    pub spec: Option<Shared<S>>,
    /// What controllers found.
    pub status: Option<Shared<T>>,
}

macro_rules! in_parts {
    ($($api:ty, $spec:ty, $status:ty;)*) => { $(
        impl Plain<Parts<$spec, $status>> {
            /// Reads an object as k8s-openapi holds it.
            ///
            /// # Errors
            /// See [`ObjectMeta::from_api`].
            pub fn from_api(api: $api) -> Result<Self, ApiError> {
                let body = Parts { spec: api.spec.map(Shared::from), status: api.status.map(Shared::from) };
                Ok(Self { meta: ObjectMeta::from_api(api.metadata)?, body })
            }

            /// The object as k8s-openapi holds it.
            pub fn to_api(&self) -> $api {
                type Api = $api;
                let Parts { spec, status } = self.body.clone();
                let (spec, status) = (spec.map(Shared::into_inner), status.map(Shared::into_inner));
                Api { metadata: self.meta.to_api(), spec, status }
            }
        }
    )* };
}

in_parts! {
    batchv1::Job, batchv1::JobSpec, batchv1::JobStatus;
    appsv1::StatefulSet, appsv1::StatefulSetSpec, appsv1::StatefulSetStatus;
}
