//! The quota controller: counts what a namespace holds.
//!
//! Mirrors pkg/controller/resourcequota (v1.36).

mod controller;

pub use controller::ResourceQuotaController;
