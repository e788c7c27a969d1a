//! The PVC protection controller: a claim that is deleted stays until no pod uses it.
//!
//! Mirrors pkg/controller/volume/pvcprotection (v1.36).

mod controller;
#[cfg(test)]
mod tests;

pub use controller::PvcProtectionController;
pub(crate) use controller::{with, without};
