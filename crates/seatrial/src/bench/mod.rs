//! Workloads to measure: what `seatrial bench` runs, and what users of the library can run themselves.
//!
//! Nothing here reads a clock. The caller takes the time round [`Bench::run`] and makes a [`Measured`] of it.

mod cron_job;
mod daemon_set;
mod job;
mod measured;
mod stateful_set;
mod workload;

pub use measured::Measured;
pub use workload::{Bench, Progress, Work, Workload};
