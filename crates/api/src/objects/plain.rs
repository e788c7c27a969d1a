//! Kinds that are few or seldom written: metadata of ours round the k8s-openapi value.

use k8s_openapi::Metadata;
use k8s_openapi::apimachinery::pkg::apis::meta::v1 as metav1;

use crate::{ApiError, ObjectMeta};

/// An object whose body is the k8s-openapi type itself, with its metadata kept apart.
#[derive(Clone, Debug, PartialEq)]
pub struct Plain<T> {
    /// The metadata.
    pub meta: ObjectMeta,
    /// The object; its `metadata` field is empty.
    pub body: T,
}

impl<T: Metadata<Ty = metav1::ObjectMeta> + Clone> Plain<T> {
    /// Reads an object as k8s-openapi holds it.
    ///
    /// # Errors
    /// See [`ObjectMeta::from_api`].
    pub fn from_api(mut body: T) -> Result<Self, ApiError> {
        let meta = ObjectMeta::from_api(std::mem::take(body.metadata_mut()))?;
        Ok(Self { meta, body })
    }

    /// The object as k8s-openapi holds it.
    pub fn to_api(&self) -> T {
        let mut body = self.body.clone();
        *body.metadata_mut() = self.meta.to_api();
        body
    }
}
