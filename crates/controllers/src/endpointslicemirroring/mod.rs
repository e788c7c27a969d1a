//! The EndpointSlice mirroring controller: Endpoints that people make, as slices.
//!
//! Mirrors pkg/controller/endpointslicemirroring (v1.36).

mod controller;
mod reconciler;
#[cfg(test)]
mod tests;

pub use controller::EndpointSliceMirroringController;
