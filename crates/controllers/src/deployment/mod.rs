//! The Deployment controller: keeps ReplicaSets so that a Deployment's pods become what its template says.
//!
//! Mirrors pkg/controller/deployment (v1.36).

mod controller;
mod events;
mod history;
mod known;
#[cfg(test)]
mod laws;
mod progress;
mod recreate;
mod replica_sets;
mod rollback;
mod rolling;
mod scale;
mod status;
mod templates;
mod util;

pub use controller::DeploymentController;
