//! The garbage collector: deletes what no owner holds any more, and carries out foreground and orphaning deletions.
//!
//! Mirrors pkg/controller/garbagecollector (v1.36).

mod controller;
mod graph;
mod graph_builder;
mod operations;
#[cfg(test)]
mod tests;

pub use controller::GarbageCollector;
