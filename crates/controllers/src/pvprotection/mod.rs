//! The PV protection controller: a volume that is deleted stays while it is bound.
//!
//! Mirrors pkg/controller/volume/pvprotection (v1.36).

mod controller;
#[cfg(test)]
mod tests;

pub use controller::PvProtectionController;
