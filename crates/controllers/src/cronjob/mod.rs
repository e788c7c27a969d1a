//! The CronJob controller: Jobs at the times that a schedule names.
//!
//! Mirrors pkg/controller/cronjob (v1.36).

mod cleanup;
mod controller;
mod events;
mod schedule;
mod sync;
#[cfg(test)]
mod tests;
mod utils;

pub use controller::CronJobController;
