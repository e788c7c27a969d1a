//! The Endpoints controller: a Service's pods in one object, as it was before there were slices.
//!
//! Mirrors pkg/controller/endpoint and pkg/api/v1/endpoints (v1.36).

mod capacity;
mod controller;
mod subsets;
#[cfg(test)]
mod tests;

pub use controller::EndpointController;
