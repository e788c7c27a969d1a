//! The StatefulSet controller: pods with an identity that outlives them.
//!
//! Mirrors pkg/controller/statefulset (v1.36).

mod claims;
mod control;
mod controller;
mod events;
mod pod_control;
mod pods;
mod revisions;
mod status;
mod utils;

pub use controller::StatefulSetController;
