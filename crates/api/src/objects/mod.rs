//! The kinds: what each looks like inside, and how it is read and written.

pub(crate) mod claim;
pub(crate) mod container_status;
pub(crate) mod cron_job;
pub(crate) mod daemon_set;
pub(crate) mod deployment;
pub(crate) mod endpoint_slice;
pub(crate) mod endpoints;
pub(crate) mod event;
pub(crate) mod event_numbers;
pub(crate) mod lease;
pub(crate) mod nil;
pub(crate) mod parts;
pub(crate) mod plain;
pub(crate) mod pod;
pub(crate) mod replica_set;
pub(crate) mod replication_controller;
pub(crate) mod shared;
pub(crate) mod volume;

#[cfg(test)]
mod tests;
