//! Kubernetes objects as the simulator holds them, and how they are read from and written to JSON.

pub mod error;
pub mod field;
pub mod group;
pub mod int_or_string;
pub mod names;
pub mod quantity;
pub mod schema;
pub mod selector;
