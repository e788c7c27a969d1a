//! EndpointSlices: up to a hundred endpoints of a Service, of which a write changes one.

use k8s_openapi::api::discovery::v1 as discoveryv1;

use crate::meta::SharedList;
use crate::objects::shared::Shared;
use crate::{ApiError, ObjectMeta, Str};

/// An EndpointSlice. Mirrors `discoveryv1.EndpointSlice`.
#[derive(Clone, Debug, PartialEq)]
pub struct EndpointSlice {
    /// The metadata.
    pub meta: ObjectMeta,
    /// `IPv4`, `IPv6` or `FQDN`.
    pub address_type: Str,
    /// The endpoints.
    pub endpoints: SharedList<Shared<discoveryv1::Endpoint>>,
    /// The ports that each of them has.
    pub ports: SharedList<discoveryv1::EndpointPort>,
}

impl EndpointSlice {
    /// Reads an EndpointSlice as k8s-openapi holds it.
    ///
    /// # Errors
    /// See [`ObjectMeta::from_api`].
    pub fn from_api(slice: discoveryv1::EndpointSlice) -> Result<Self, ApiError> {
        Ok(Self {
            meta: ObjectMeta::from_api(slice.metadata)?,
            address_type: slice.address_type.into(),
            endpoints: slice.endpoints.into_iter().flatten().map(Shared::new).collect(),
            ports: slice.ports.unwrap_or_default().into(),
        })
    }

    /// The EndpointSlice as k8s-openapi holds it.
    pub fn to_api(&self) -> discoveryv1::EndpointSlice {
        let endpoints = self.endpoints.iter().map(|endpoint| discoveryv1::Endpoint::clone(endpoint));
        discoveryv1::EndpointSlice {
            address_type: self.address_type.to_string(),
            endpoints: (!self.endpoints.is_empty()).then(|| endpoints.collect()),
            metadata: self.meta.to_api(),
            ports: (!self.ports.is_empty()).then(|| self.ports.to_vec()),
        }
    }
}
