//! The ResourceQuota controller: counts what a namespace holds of what its quotas limit.
//!
//! Mirrors pkg/controller/resourcequota (v1.36).

mod controller;
#[cfg(test)]
mod tests;

pub use controller::ResourceQuotaController;
