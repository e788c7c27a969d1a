//! The Kubernetes API over HTTP: the only library crate that knows tokio.
