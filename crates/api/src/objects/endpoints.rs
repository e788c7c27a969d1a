//! Endpoints: the addresses of a Service, up to a thousand of them, of which a write changes one.

use k8s_openapi::api::core::v1 as corev1;

use crate::meta::SharedList;
use crate::objects::shared::Shared;
use crate::{ApiError, ObjectMeta};

/// An Endpoints. Mirrors `corev1.Endpoints`.
#[derive(Clone, Debug, PartialEq)]
pub struct Endpoints {
    /// The metadata.
    pub meta: ObjectMeta,
    /// Addresses by the ports they have.
    pub subsets: SharedList<EndpointSubset>,
}

/// Addresses that have the same ports. Mirrors `corev1.EndpointSubset`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EndpointSubset {
    /// Those that are ready.
    pub addresses: SharedList<Shared<corev1::EndpointAddress>>,
    /// Those that are not.
    pub not_ready_addresses: SharedList<Shared<corev1::EndpointAddress>>,
    /// Their ports.
    pub ports: SharedList<corev1::EndpointPort>,
}

impl Endpoints {
    /// Reads an Endpoints as k8s-openapi holds it.
    ///
    /// # Errors
    /// See [`ObjectMeta::from_api`].
    pub fn from_api(endpoints: corev1::Endpoints) -> Result<Self, ApiError> {
        let shared = |list: Option<Vec<corev1::EndpointAddress>>| list.into_iter().flatten().map(Shared::new).collect();
        let subset = |subset: corev1::EndpointSubset| EndpointSubset {
            addresses: shared(subset.addresses),
            not_ready_addresses: shared(subset.not_ready_addresses),
            ports: subset.ports.unwrap_or_default().into(),
        };
        Ok(Self {
            meta: ObjectMeta::from_api(endpoints.metadata)?,
            subsets: endpoints.subsets.into_iter().flatten().map(subset).collect(),
        })
    }

    /// The Endpoints as k8s-openapi holds it.
    pub fn to_api(&self) -> corev1::Endpoints {
        let subsets: Vec<corev1::EndpointSubset> = self.subsets.iter().map(EndpointSubset::to_api).collect();
        corev1::Endpoints { metadata: self.meta.to_api(), subsets: (!subsets.is_empty()).then_some(subsets) }
    }
}

impl EndpointSubset {
    fn to_api(&self) -> corev1::EndpointSubset {
        let plain = |list: &SharedList<Shared<corev1::EndpointAddress>>| {
            (!list.is_empty()).then(|| list.iter().map(|address| corev1::EndpointAddress::clone(address)).collect())
        };
        corev1::EndpointSubset {
            addresses: plain(&self.addresses),
            not_ready_addresses: plain(&self.not_ready_addresses),
            ports: (!self.ports.is_empty()).then(|| self.ports.to_vec()),
        }
    }
}
