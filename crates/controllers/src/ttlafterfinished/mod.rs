//! The TTL-after-finished controller: Jobs that are over go after a while.
//!
//! Mirrors pkg/controller/ttlafterfinished (v1.36).

mod controller;
#[cfg(test)]
mod tests;

pub use controller::TtlAfterFinishedController;
