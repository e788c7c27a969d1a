//! The ReplicaSet controller: keeps the wanted number of pods.
//!
//! Mirrors pkg/controller/replicaset (v1.36).

mod controller;
mod events;
mod manage;
mod status;

pub use controller::ReplicaSetController;
