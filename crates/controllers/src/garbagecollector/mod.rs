//! The garbage collector: dependents follow their owners.
//!
//! Mirrors pkg/controller/garbagecollector (v1.36).

mod controller;
mod graph;
mod graph_builder;
mod operations;

pub use controller::GarbageCollector;
