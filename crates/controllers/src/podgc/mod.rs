//! The pod garbage collector: removes pods that nobody else will remove.
//!
//! Mirrors pkg/controller/podgc (v1.36).
//! Differs: it looks at the moments upstream looks (every 20 s), but only when there is a pod it may have to remove.

mod controller;
#[cfg(test)]
mod tests;

pub use controller::PodGcController;
