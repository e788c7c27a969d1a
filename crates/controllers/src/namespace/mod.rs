//! The namespace controller: empties a namespace that is being deleted, and lets it go.
//!
//! Mirrors pkg/controller/namespace (v1.36).

mod conditions;
mod controller;
mod deletion;
#[cfg(test)]
mod tests;

pub use controller::NamespaceController;
