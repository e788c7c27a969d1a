//! The volume binder: claims get volumes, and volumes that lost their claim are released.
//!
//! Mirrors pkg/controller/volume/persistentvolume (v1.36).

mod bind;
mod claims;
mod controller;
mod made;
mod provision;
mod reclaim;
mod status;
#[cfg(test)]
mod tests;
mod volumes;

pub use controller::PersistentVolumeController;
