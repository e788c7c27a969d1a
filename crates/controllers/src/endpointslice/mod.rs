//! The EndpointSlice controller: a Service's pods, a hundred a slice.
//!
//! Mirrors pkg/controller/endpointslice and k8s.io/endpointslice (v1.36).
//! Differs: topology hints by annotation (`service.kubernetes.io/topology-mode`) are not given.

mod controller;
mod endpoints;
mod hints;
mod ports;
mod reconciler;
#[cfg(test)]
mod tests;
mod write;

pub use controller::EndpointSliceController;
pub(crate) use ports::PortMapKey;
