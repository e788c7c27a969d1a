//! The namespace controller: empties a namespace that is being deleted, then lets it go.
//!
//! Mirrors pkg/controller/namespace (v1.36).

mod controller;
mod deletion;

pub use controller::NamespaceController;
