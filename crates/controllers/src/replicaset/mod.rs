//! The ReplicaSet controller: keeps the wanted number of pods.
//!
//! Mirrors pkg/controller/replicaset (v1.36).

mod controller;
mod events;
mod manage;
mod owner;
mod status;

pub use controller::ReplicaSetController;
pub use owner::PodOwner;
