//! The DaemonSet controller: one pod on every node that should have one.
//!
//! Mirrors pkg/controller/daemon (v1.36).
//! Differs: what a sync asks of nodes and pods is kept by set as deliveries come in (`set.rs`, `node.rs`), so that a pod
//! that becomes ready on one of 5,000 nodes costs what it costs on one of five. Nodes are taken by name where upstream's
//! order is that of a hash map.

mod controller;
mod events;
mod facts;
mod history;
mod manage;
mod node;
mod set;
mod status;
mod update;
mod util;

#[cfg(test)]
mod tests;

pub use controller::DaemonSetsController;
